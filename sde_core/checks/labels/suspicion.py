"""How suspicious a given label is: cleanlab's confident learning over out-of-sample probabilities (Northcutt et al. 2021, section 3)."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import numpy.typing as npt

from sde_core.errors import MissingExtraError

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

_RELATIVE = 0.75
"""0 ranks by the probability alone, 1 by its ratio to what rows of the class are used to."""
_HALFWAY = 0.1
"""Of the ratio: a label believed so little scores 0.5."""
_LEAST = 1e-6


def require_cleanlab() -> None:
    """Raises:
    MissingExtraError: Where cleanlab or scikit-learn is not installed.
    """
    for package in ("cleanlab", "sklearn"):
        if importlib.util.find_spec(package) is None:
            name = {"sklearn": "scikit-learn"}.get(package, package)
            raise MissingExtraError(f"Label errors cannot be looked for: {name} is not installed.", "pip install 'sde[labels]'.")


def usual_confidence(table: Floats, codes: Codes) -> npt.NDArray[np.float64]:
    """float64[classes]: the mean probability that rows of a class get for it, cleanlab's confident threshold of the class."""
    from cleanlab.count import get_confident_thresholds  # type: ignore[import-untyped,unused-ignore]

    return np.asarray(get_confident_thresholds(codes.astype(np.int64), table.astype(np.float64)), np.float64)


def suspicion(table: Floats, codes: Codes) -> Floats:
    """float32[n], 0-1: how little the given label is believed, against what rows of its class are used to.

    The quantity ranked is p(given) / (usual confidence of the class)^0.75: between cleanlab's self-confidence, which calls every row of a vague class
    ("other") suspicious, and confidence relative to the class, which trusts such a class too much.

    Args:
        table: float32[n, classes], out-of-sample probabilities.
        codes: int32[n], given labels.
    """
    from cleanlab.rank import get_self_confidence_for_each_label  # type: ignore[import-untyped,unused-ignore]

    believed = get_self_confidence_for_each_label(codes.astype(np.int64), table.astype(np.float64))
    against = believed / np.maximum(usual_confidence(table, codes)[codes], _LEAST) ** _RELATIVE
    return np.asarray(_HALFWAY / (_HALFWAY + against), np.float32)


def likely_errors(table: Floats, codes: Codes) -> npt.NDArray[np.bool_]:
    """bool[n]: the rows that cleanlab's confident learning would prune, by noise rate."""
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped,unused-ignore]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on classes with few rows, which are judged with the others
        # one process: more would need multiprocessing, which does not work beside a terminal app
        found = find_label_issues(codes.astype(np.int64), table.astype(np.float64), filter_by="prune_by_noise_rate", n_jobs=1)
    return np.asarray(found, np.bool_)
