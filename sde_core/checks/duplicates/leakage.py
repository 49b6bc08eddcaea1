"""Rows of a training set that stand in other files too: held-out rows and benchmarks that a model must not see.

N-gram decontamination: Brown et al. (2020), "Language Models are Few-Shot Learners", appendix C: a training text that shares a run of 13 words
with a benchmark text is contaminated, unless the run is common in the training set (more than 10 texts), as boilerplate is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.duplicates.index import NEAR_DEFAULT
from sde_core.checks.duplicates.near import keys_and_tokens, near_pairs
from sde_core.checks.duplicates.ngrams import NGRAM_WORDS, shared_runs
from sde_core.dataset import Dataset
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

I64 = npt.NDArray[np.int64]

LeakKind = Literal["exact", "normalised", "prompt", "near", "near-prompt", "ngram"]
LEAK_KINDS: tuple[LeakKind, ...] = get_args(LeakKind)
"""From the surest to the loosest; a row is reported once, by the first that holds."""


@dataclass(frozen=True)
class LeakParams:
    """What counts as a leak.

    Attributes:
        near: Least similarity of near-duplicates, of whole rows and of prompts; see `sde_core.checks.duplicates`.
        ngram: Words of a shared run, 0 leaves the runs out.
        ngram_share: Least share of the other text's runs that must be shared: a set phrase alone is no leak.
    """

    near: float = NEAR_DEFAULT
    ngram: int = NGRAM_WORDS
    ngram_share: float = 0.2


@dataclass(frozen=True)
class Leak:
    """A row that another file holds too.

    Attributes:
        row: Record position in the dataset.
        kind: How it is the same.
        against: Path of the other file.
        other_row: Record position in the other file.
        score: Similarity; 1 for equal texts, the share of the other text's runs that are shared for n-grams.
        evidence: The words that both have, or the beginning of the other text.
    """

    row: int
    kind: LeakKind
    against: str
    other_row: int
    score: float
    evidence: str


@dataclass(frozen=True)
class LeakReport:
    """All leaks of a dataset, one a row, in row order.

    Attributes:
        leaks: The leaks.
        rows: Readable rows of the dataset.
        others: Path and readable rows of each other file.
        leaked_of_other: For each other file how many of its rows are matched by a leak.
        params: What was asked for.
    """

    leaks: tuple[Leak, ...]
    rows: int
    others: tuple[tuple[str, int], ...]
    leaked_of_other: tuple[int, ...]
    params: LeakParams = field(default_factory=LeakParams)

    def of_kind(self, kind: LeakKind) -> tuple[Leak, ...]:
        """The leaks of one kind."""
        return tuple(leak for leak in self.leaks if leak.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class _Texts:
    """The texts of one file, and what equal texts have in common."""

    rows: I64
    prompts: pl.Series
    wholes: pl.Series
    whole_keys: npt.NDArray[np.uint64]
    prompt_keys: npt.NDArray[np.uint64]


def find_leaks(
    dataset: Dataset, others: Sequence[Dataset], params: LeakParams | None = None, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> LeakReport:
    """The rows of a dataset that other files hold: to the letter, after normalising, by their prompt, nearly, or by a run of words.

    Every near-duplicate and every run is verified on the texts. Progress is counted in stages, one a kind and file.

    Args:
        dataset: The training set.
        others: Held-out or benchmark files.
        params: Thresholds.
        cancel: Looked at between stages.
        progress: Called with stages done.

    Raises:
        CancelledError: When stopped.
    """
    params = params or LeakParams()
    own = _texts_of(dataset, cancel)
    found: dict[int, Leak] = {}
    totals, matched = [], []
    for number, other in enumerate(others):
        raise_if_cancelled(cancel)
        theirs = _texts_of(other, cancel)
        of_other: set[int] = set()
        for stage, leak in _leaks(own, theirs, other.path, params, cancel):
            progress(number * len(LEAK_KINDS) + stage, len(others) * len(LEAK_KINDS))
            of_other.add(leak.other_row)
            _keep_surest(found, leak)
        totals.append((other.path, len(theirs.rows)))
        matched.append(len(of_other))
    progress(len(others) * len(LEAK_KINDS), len(others) * len(LEAK_KINDS))
    return LeakReport(tuple(found[row] for row in sorted(found)), len(own.rows), tuple(totals), tuple(matched), params)


def _keep_surest(found: dict[int, Leak], leak: Leak) -> None:
    known = found.get(leak.row)
    place = LEAK_KINDS.index
    if known is None or (place(leak.kind), -leak.score) < (place(known.kind), -known.score):
        found[leak.row] = leak


def _texts_of(dataset: Dataset, cancel: Cancel) -> _Texts:
    table = dataset.texts(cancel=cancel)
    wholes = table.select(pl.concat_str("prompt", "answer", separator="\n")).to_series()
    rows = table["row"].to_numpy().astype(np.int64)
    return _Texts(rows, table["prompt"], wholes, _keys(wholes, cancel), _keys(table["prompt"], cancel))


def _keys(texts: pl.Series, cancel: Cancel) -> npt.NDArray[np.uint64]:
    """Equal where texts are equal after normalising; 0 for texts without a word, which are like nothing."""
    keys, n_tokens = keys_and_tokens(texts, cancel)
    keys[n_tokens == 0] = 0
    return keys


def _leaks(own: _Texts, theirs: _Texts, path: str, params: LeakParams, cancel: Cancel) -> Iterator[tuple[int, Leak]]:
    stages: tuple[Callable[[], Iterator[_Match]], ...] = (
        lambda: _same_rows(own, theirs),
        lambda: _same_prompts(own, theirs),
        lambda: _near(own.wholes, theirs.wholes, "near", params.near, cancel),
        lambda: _near(own.prompts, theirs.prompts, "near-prompt", params.near, cancel),
        lambda: _runs(own, theirs, params, cancel),
    )
    for stage, matches in enumerate(stages):
        raise_if_cancelled(cancel)
        for position, other, kind, score, evidence in matches():
            yield stage, Leak(int(own.rows[position]), kind, path, int(theirs.rows[other]), round(float(score), 4), evidence)


_Match = tuple[int, int, LeakKind, float, str]


def _same_rows(own: _Texts, theirs: _Texts) -> Iterator[_Match]:
    for position, other in _equal(own.whole_keys, theirs.whole_keys):
        kind: LeakKind = "exact" if own.wholes[position] == theirs.wholes[other] else "normalised"
        yield position, other, kind, 1.0, theirs.wholes[other]


def _same_prompts(own: _Texts, theirs: _Texts) -> Iterator[_Match]:
    for position, other in _equal(own.prompt_keys, theirs.prompt_keys):
        yield position, other, "prompt", 1.0, theirs.prompts[other]


def _equal(keys: npt.NDArray[np.uint64], other_keys: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """For each position with an equal in the other file, its first equal there."""
    distinct, first = np.unique(other_keys, return_index=True)
    places = np.minimum(np.searchsorted(distinct, keys), max(len(distinct) - 1, 0))
    matching = np.flatnonzero((distinct[places] == keys) & (keys != 0)) if len(distinct) else np.empty(0, np.int64)
    return zip(matching.tolist(), first[places[matching]].tolist(), strict=True)


def _near(texts: pl.Series, others: pl.Series, kind: LeakKind, threshold: float, cancel: Cancel) -> Iterator[_Match]:
    pairs = near_pairs(texts, others, floor=threshold, cancel=cancel)
    for position, other, score in zip(pairs.first.tolist(), pairs.second.tolist(), pairs.scores.tolist(), strict=True):
        yield position, other, kind, score, others[other]


def _runs(own: _Texts, theirs: _Texts, params: LeakParams, cancel: Cancel) -> Iterator[_Match]:
    if params.ngram:
        for run in shared_runs(own.wholes.to_list(), theirs.wholes.to_list(), params.ngram, params.ngram_share, cancel=cancel):
            yield run.position, run.other, "ngram", run.share, run.words
