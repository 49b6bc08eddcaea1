"""Likely label errors of one field, ranked, with what speaks for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.checks.labels.labelled import LabelledRows
from sde_core.checks.labels.neighbours import nearest_of_class
from sde_core.checks.labels.probabilities import LabelParams, class_probabilities
from sde_core.checks.labels.suspicion import likely_errors, require_cleanlab, suspicion
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent

NEIGHBOURS_SHOWN = 3
LIKELY_FROM = 0.5
"""Least score of a likely error. Confident learning alone calls every row an error that a weak model gets wrong: a fifth of all rows, where texts say
little about their labels."""
_NEAREST, _FAR_OUT, _UNSURE = 5, 3.0, 0.5


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row that means nearly the same: its number in the file, and the cosine of the embeddings."""

    row: int
    similarity: float


@dataclass(frozen=True, slots=True)
class LabelEvidence:
    """What speaks for the given and for the suggested label of one row.

    Attributes:
        row: Its number in the file.
        label: The label as it stands in the file.
        suggested: The most probable class.
        score: 0-1, higher is more suspicious.
        given_probability: Of the given class, out of sample.
        suggested_probability: Of the suggested class.
        given_neighbours: The nearest rows of the given class, nearest first.
        suggested_neighbours: The nearest rows of the suggested class.
    """

    row: int
    label: str
    suggested: str
    score: float
    given_probability: float
    suggested_probability: float
    given_neighbours: tuple[Neighbour, ...]
    suggested_neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class SplitErrors:
    """How many labels of one split are likely wrong."""

    split: str
    judged: int
    likely: int


@dataclass(frozen=True)
class LabelErrors:
    """The judgement on every row; arrays are in the order of `labelled.rows`.

    Attributes:
        labelled: The field.
        suggested: int32[n], the most probable class of each row, -1 where nothing can be said.
        scores: float32[n], 0-1, how suspicious the given label is; NaN for rows that are not judged.
        likely: bool[n], whether confident learning calls the label an error and its score is `LIKELY_FROM` or more.
        given_probability: float32[n], of the given class; NaN for rows that are not judged.
        suggested_probability: float32[n], of the suggested class; NaN where there is none.
        outliers: bool[n], rows that fit no class: far from all others, and no class is probable.
        vectors: float32[n, d], the embeddings.
        learned: How many rows the models learned from.
        params: How it was computed.
        losses: Mean negative log likelihood of the given labels under each model, in nats.
    """

    labelled: LabelledRows
    suggested: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    likely: npt.NDArray[np.bool_]
    given_probability: npt.NDArray[np.float32]
    suggested_probability: npt.NDArray[np.float32]
    outliers: npt.NDArray[np.bool_]
    vectors: npt.NDArray[np.float32]
    learned: int
    params: LabelParams
    losses: dict[str, float]

    def ranked(self) -> npt.NDArray[np.int64]:
        """int64[m], places of the likely errors, most suspicious first; ties in file order."""
        places = np.flatnonzero(self.likely)
        return places[np.argsort(-self.scores[places], kind="stable")]

    def judged(self) -> npt.NDArray[np.bool_]:
        """bool[n], rows whose label was judged."""
        return ~np.isnan(self.scores)

    @property
    def predictable(self) -> float:
        """Share of the judged rows whose given label is the most probable one: how much the texts say about the label."""
        judged = self.judged()
        return float((self.suggested[judged] == self.labelled.codes[judged]).mean())

    def why_not_judged(self, place: int) -> str:
        """Why a row has no score, "" where it has one."""
        if not np.isnan(self.scores[place]):
            return ""
        if not self.labelled.texts[place].strip():
            return "no text"
        if self.labelled.codes[place] < 0:
            return "no label"
        return f"fewer than {self.params.folds} rows of its class"

    def evidence(self, place: int) -> LabelEvidence:
        """What speaks for and against the label of the row at a place.

        Raises:
            IndexError: When there is no such place.
        """
        given, suggested = int(self.labelled.codes[place]), int(self.suggested[place])
        classes = self.labelled.classes
        return LabelEvidence(
            int(self.labelled.rows[place]),
            self.labelled.labels[place] or "",
            classes[suggested] if suggested >= 0 else "",
            float(self.scores[place]),
            float(self.given_probability[place]),
            float(self.suggested_probability[place]),
            self._nearest(place, given),
            self._nearest(place, suggested) if suggested != given else (),
        )

    def _nearest(self, place: int, code: int) -> tuple[Neighbour, ...]:
        members = np.flatnonzero(self.labelled.codes == code) if code >= 0 else np.empty(0, np.int64)
        found = nearest_of_class(self.vectors, place, members, NEIGHBOURS_SHOWN)
        return tuple(Neighbour(int(self.labelled.rows[at]), round(cosine, 4)) for at, cosine in found)

    def by_split(self) -> tuple[SplitErrors, ...]:
        """Judged rows and likely errors of each split, in order of first appearance; one entry named "" where there are no splits."""
        splits, judged = np.array(self.labelled.splits), self.judged()
        names = dict.fromkeys(self.labelled.splits)
        return tuple(SplitErrors(name, int((judged & (splits == name)).sum()), int((self.likely & (splits == name)).sum())) for name in names)

    def pairs(self) -> Iterator[tuple[str, str, int]]:
        """(given class, suggested class, rows) of the likely errors, most frequent first."""
        places = self.ranked()
        both, counts = np.unique(np.stack([self.labelled.codes[places], self.suggested[places]]), axis=1, return_counts=True)
        for at in np.argsort(-counts, kind="stable").tolist():
            yield self.labelled.classes[both[0, at]], self.labelled.classes[both[1, at]], int(counts[at])


def find_label_errors(
    labelled: LabelledRows, params: LabelParams | None = None, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> LabelErrors:
    """Judges the label of every row by models that never saw it.

    Cross-validation runs over all rows, whatever their split. Rows without a text or a label, and those of classes with fewer rows than folds, are
    not learned from and not judged; where they have a text they get a suggestion.

    Args:
        labelled: See `labelled_rows`.
        params: See `LabelParams`.
        cancel: Looked at every second or so.
        progress: Counts rows as if all work were one pass.

    Raises:
        MissingExtraError: Without cleanlab or scikit-learn.
        UsageError: When fewer than two classes have as many rows as there are folds.
        CancelledError: When the user stopped it.
    """
    require_cleanlab()
    params = params or LabelParams()
    with_text = np.array([bool(text.strip()) for text in labelled.texts])
    codes, kept = _learnable(np.where(with_text, labelled.codes, -1).astype(np.int32), params.folds)
    if len(kept) < 2:
        raise UsageError(
            f"Fewer than two classes of {labelled.field!r} have {params.folds} rows with a text.",
            "Label errors need more rows of each class.",
        )
    found = class_probabilities(labelled.texts, codes, len(kept), params, cancel=cancel, progress=progress)
    judged = np.flatnonzero(codes >= 0)
    scores, likely = np.full(len(codes), np.nan, np.float32), np.zeros(len(codes), np.bool_)
    given = scores.copy()
    scores[judged] = suspicion(found.table[judged], codes[judged])
    likely[judged] = likely_errors(found.table[judged], codes[judged])
    given[judged] = found.table[judged, codes[judged]]
    best = found.table.argmax(axis=1)
    likely &= (best != codes) & (np.nan_to_num(scores) >= LIKELY_FROM)
    suggested = np.where(with_text, kept[best], -1).astype(np.int32)
    probability = np.where(with_text, found.table.max(axis=1), np.nan).astype(np.float32)
    outliers = with_text & _far_out(found.nearest.cosines, judged) & (probability < _UNSURE)
    return LabelErrors(labelled, suggested, scores, likely, given, probability, outliers, found.vectors, len(found.learned), params, found.losses)


def _learnable(codes: npt.NDArray[np.int32], least: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Codes among the classes with enough rows, -1 for the others; and which classes these are."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    kept = np.flatnonzero(counts >= least)
    place = np.full(len(counts) + 1, -1, np.int32)
    place[kept] = np.arange(len(kept))
    return place[codes], kept


def _far_out(cosines: npt.NDArray[np.float32], judged: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """bool[n]: rows whose nearest rows are farther than three quartile ranges below the first quartile (Tukey's outer fence)."""
    closeness = cosines[:, :_NEAREST].mean(axis=1)
    low, high = np.quantile(closeness[judged], (0.25, 0.75))
    return np.asarray(closeness < low - _FAR_OUT * (high - low), np.bool_)
