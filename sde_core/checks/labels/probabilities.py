"""How probable each class is for each row, judged by models that never saw the row's own label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.checks.labels import blend, words
from sde_core.checks.labels.meaning import KernelRidge, anchors_of
from sde_core.checks.labels.neighbours import NearestRows, nearest_rows
from sde_core.features.embedding import CHARACTERS_EMBEDDED, embed_texts
from sde_core.features.tfidf import word_tfidf
from sde_core.progress import Cancel, Progress

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

_MOST_WEIGHTS = 40_000_000
_TERMS = (20_000, 400_000)
_STAGES = ("embed", "words", "vote", "neighbours", "meaning")


@dataclass(frozen=True, slots=True)
class LabelParams:
    """How label errors are looked for.

    Attributes:
        folds: Parts of the cross-validation; a class with fewer rows is not judged.
        seed: Draws folds, anchors and samples.
        learned_rows: At most so many labelled rows are learned from; the others are predicted from them.
        anchors: Points that the kernel is taken against.
        neighbours: Nearest rows that vote.
        encoder: See `sde_core.features.embedding.load_encoder`.
    """

    folds: int = 5
    seed: int = 0
    learned_rows: int = 40_000
    anchors: int = 3_000
    neighbours: int = 40
    encoder: str = "static"


@dataclass(frozen=True)
class ClassProbabilities:
    """Out-of-sample probabilities, and what they were made from.

    Attributes:
        table: float32[n, classes]; rows add up to 1.
        vectors: float32[n, d], the embeddings.
        nearest: The nearest labelled rows of each row.
        learned: int64[m], rows that were learned from.
        losses: Mean negative log likelihood of the given labels under each model that was used, in nats.
    """

    table: Floats
    vectors: Floats
    nearest: NearestRows
    learned: Places
    losses: dict[str, float]


class _Stages:
    """Progress of several works as if it were one over the rows."""

    def __init__(self, rows: int, progress: Progress) -> None:
        self._rows, self._progress, self._done = rows, progress, 0

    def ended(self) -> None:
        self._done += 1
        self._progress(self._rows * self._done // len(_STAGES), self._rows)

    def within(self, done: int, total: int | None) -> None:
        share = done / total if total else 0.0
        self._progress(int(self._rows * (self._done + share) / len(_STAGES)), self._rows)


def class_probabilities(
    texts: Sequence[str], codes: Codes, classes: int, params: LabelParams, *, cancel: Cancel, progress: Progress
) -> ClassProbabilities:
    """Three views of each row, its words, its meaning, and the vote of its nearest rows, each calibrated on the given labels; their weighted mean.

    Args:
        texts: One a row.
        codes: int32[n], the class of each row, -1 for rows that are predicted and not learned from.
        classes: How many there are, each with two rows or more.
        params: See `LabelParams`.
        cancel: Looked at every second or so.
        progress: Counts rows as if all work were one pass.

    Raises:
        MissingExtraError: Without scikit-learn.
        CancelledError: When the user stopped it.
    """
    stages = _Stages(len(texts), progress)
    labelled = np.flatnonzero(codes >= 0)
    learned = _sample(labelled, codes, params)
    shown = [text[:CHARACTERS_EMBEDDED] for text in texts]
    vectors = embed_texts(shown, params.encoder, cancel=cancel, progress=stages.within)
    stages.ended()
    terms = int(np.clip(_MOST_WEIGHTS // classes, *_TERMS))
    tfidf = word_tfidf(texts, terms, cancel=cancel)
    stages.ended()
    by_words = _by_words(tfidf, codes, classes, learned, params, cancel)
    stages.ended()
    nearest = nearest_rows(vectors, learned, params.neighbours, cancel=cancel, progress=stages.within)
    votes = nearest.votes(codes[learned], classes)
    stages.ended()
    by_meaning = _by_meaning(vectors, codes, classes, learned, params, cancel)
    stages.ended()
    candidates = {**by_words, "meaning": by_meaning, "neighbours": votes}
    found = {name: blend.calibrated(predicted, codes, learned, params.seed) for name, predicted in candidates.items()}
    worse = sorted(by_words, key=lambda name: found[name][1])[1:]
    used = {name: one for name, one in found.items() if name not in worse}
    losses = {name: loss for name, (_, loss) in used.items()}
    table = blend.blended([one for one, _ in used.values()], blend.weights_of(list(losses.values()), codes[learned]))
    return ClassProbabilities(table, vectors, nearest, learned, losses)


def folds_of(codes: Codes, count: int, seed: int) -> Places:
    """int64[n]: a fold for each row, each class spread over all of them as evenly as can be."""
    shuffled = np.random.default_rng([seed, 3]).random(len(codes))
    folds = np.empty(len(codes), np.int64)
    folds[np.lexsort((shuffled, codes))] = np.arange(len(codes)) % count
    return folds


def _sample(labelled: Places, codes: Codes, params: LabelParams) -> Places:
    """Rows to learn from: all, or as many of each class as its share gives, and of every class some."""
    if len(labelled) <= params.learned_rows:
        return labelled
    shuffled = np.random.default_rng([params.seed, 4]).permutation(labelled)
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    counts = np.bincount(codes[by_class])
    rank = np.arange(len(by_class)) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = np.maximum(counts * (params.learned_rows / len(labelled)), 4 * params.folds)
    return np.sort(by_class[rank < np.repeat(wanted, counts)])


def _by_words(tfidf: Any, codes: Codes, classes: int, learned: Places, params: LabelParams, cancel: Cancel) -> dict[str, Floats]:
    """Predictions with plain terms and, for two classes, with scaled ones."""
    folds = folds_of(codes[learned], params.folds, params.seed)
    others = np.setdiff1d(np.arange(len(codes)), learned, assume_unique=True)
    found: dict[str, Floats] = {}
    for name, scaled in (("words", False), ("scaled words", True))[: 2 if classes == 2 else 1]:
        table = np.zeros((len(codes), classes), np.float32)
        table[learned] = words.cross_validated(tfidf[learned], codes[learned], classes, folds, scaled=scaled, cancel=cancel)
        if len(others):
            table[others] = words.predictions(tfidf[learned], codes[learned], tfidf[others], classes, scaled=scaled, cancel=cancel)
        found[name] = table
    return found


def _by_meaning(vectors: Floats, codes: Codes, classes: int, learned: Places, params: LabelParams, cancel: Cancel) -> Floats:
    model = KernelRidge(vectors[learned], codes[learned], classes, anchors_of(vectors[learned], params.anchors, params.seed), cancel=cancel)
    others = np.setdiff1d(np.arange(len(codes)), learned, assume_unique=True)
    table = np.zeros((len(codes), classes), np.float32)
    table[learned] = model.left_out
    table[others] = model.predictions(vectors[others], cancel=cancel)
    return table
