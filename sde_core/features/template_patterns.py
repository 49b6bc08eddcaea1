"""Which fixed phrases make up a template: patterns of phrases that explain the rows in the fewest bits.

A pattern is a set of phrases. A row that follows a pattern need not spell its phrases out but has to name the pattern (minimum description length):
it saves the weight of the phrases and pays log2(rows / rows of the pattern). Candidates are the phrases that hardly occur without one another;
a row takes the pattern that saves most; patterns that hardly save more than the next best, or have too few rows, are dropped and the others fitted
again. Long fixed text counts little (`_worth`): a passage that many questions share is what fills a slot, not a template.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import NEVER, Cancel, raise_if_cancelled

Matrix = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_FIXED = 0.9
_COMPLETE = 0.75
_MISSING_BITS = 4.3
_FEWEST_BITS, _SHARED_BITS = 24.0, 16.0
_NARROWER_BITS, _MARGIN_BITS = 18.0, 10.0
_PATTERN_BITS, _MOST_WORD_BITS = 20.0, 600.0
_TWINS = 0.7
_PLAIN, _BEYOND, _MOST = 60.0, 0.6, 160.0
_SHORT, _LEAST = 60.0, 12.0
_NEVER_BITS = -1e6
_ROUNDS = 30
_SPLIT_COVERAGE = 0.8
_MOST_CANDIDATES = 800


@dataclass(frozen=True, slots=True)
class PhraseMatrix:
    """Which rows have which phrases.

    Attributes:
        has: float32[n, p], 1 where a row has a phrase.
        evidence: float32[p], what a phrase says that there is a template, in bits.
        weights: float32[p], what it says about which one.
        bits: float32[p], bits to write its words.
        tokens: float32[p], its length.
    """

    has: Matrix
    evidence: Floats
    weights: Floats
    bits: Floats
    tokens: Floats

    def rows(self, positions: Ints) -> PhraseMatrix:
        """The matrix of some rows."""
        return PhraseMatrix(self.has[positions], self.evidence, self.weights, self.bits, self.tokens)

    def without(self, phrases: npt.NDArray[np.bool_]) -> PhraseMatrix:
        """The matrix as if some phrases said nothing."""
        evidence, weights = (np.where(phrases, 0, values).astype(np.float32) for values in (self.evidence, self.weights))
        return PhraseMatrix(self.has, evidence, weights, self.bits, self.tokens)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns and how many rows follow each.

    Attributes:
        fixed: float32[c, p], 1 where a phrase belongs to a pattern.
        rows: float64[c].
    """

    fixed: Matrix
    rows: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.fixed)

    def take(self, which: npt.NDArray[np.generic]) -> Patterns:
        """Some of the patterns."""
        return Patterns(self.fixed[which], self.rows[which])


def mine_patterns(matrix: PhraseMatrix, fewest: int, *, cancel: Cancel = NEVER) -> Patterns:
    """The patterns that rows follow, each with at least `fewest` rows.

    What is left over is mined again until nothing is found, and so is each pattern on its own: it is divided where nearly all of its rows follow
    narrower patterns.
    """
    found = np.zeros((0, matrix.has.shape[1]), np.float32)
    left = np.arange(len(matrix.has))
    while len(left) >= fewest:
        raise_if_cancelled(cancel)
        more = _fitted(matrix.rows(left), fewest, cancel)
        if not len(more):
            break
        of_row = assigned(matrix.rows(left), more)
        for number in range(len(more)):
            found = np.concatenate([found, _divided(matrix, left[of_row == number], more.fixed[number], fewest, cancel)])
        left = left[of_row < 0]
    return _settled(matrix, found, fewest)


def assigned(matrix: PhraseMatrix, patterns: Patterns, rows: int | None = None) -> Ints:
    """int64[n], the pattern that saves most for each row, -1 where none saves anything; `rows` is how many the patterns were counted in."""
    if not len(patterns):
        return np.full(len(matrix.has), -1, np.int64)
    saved = _saved(matrix, patterns, rows)
    best = saved.argmax(axis=1)
    return np.where(saved[np.arange(len(saved)), best] > 0, best, -1)


def _saved(matrix: PhraseMatrix, patterns: Patterns, rows: int | None = None) -> Matrix:
    """float32[n, c], bits that a row saves by a pattern; hardly finite where it lacks a good part of it."""
    used = np.flatnonzero(patterns.fixed.any(axis=0))
    has, fixed = matrix.has[:, used], patterns.fixed[:, used]
    weighted = fixed * matrix.weights[used]
    total = weighted.sum(axis=1)
    scale = _worth(total, patterns.fixed @ matrix.tokens) / np.maximum(total, 1e-6)
    name = np.maximum(np.log2((rows or len(has)) / np.maximum(patterns.rows, 1)), 0)
    spent = (fixed.sum(axis=1) * _MISSING_BITS + name).astype(np.float32)
    saved: Matrix = has @ (weighted * scale[:, None] + fixed * _MISSING_BITS).astype(np.float32).T
    saved -= spent
    saved[has @ weighted.T < _COMPLETE * total] = _NEVER_BITS
    return saved


def _worth(total: Floats, tokens: Floats) -> Floats:
    """What the phrases of a pattern, so many tokens in all, count together: less than their sum from some bits on, little where they are long."""
    eased = np.minimum(np.where(total <= _PLAIN, total, _PLAIN + _BEYOND * (total - _PLAIN)), _MOST)
    worth: Floats = np.minimum(eased, np.maximum(eased * np.minimum(1, _SHORT / np.maximum(tokens, 1)) ** 2, _LEAST)).astype(np.float32)
    return worth


# ---- finding


def _fitted(matrix: PhraseMatrix, fewest: int, cancel: Cancel) -> Patterns:
    patterns = _candidates(matrix, fewest)
    for _ in range(_ROUNDS):
        raise_if_cancelled(cancel)
        patterns = patterns.take(patterns.fixed @ matrix.evidence >= _FEWEST_BITS)
        if not len(patterns):
            break
        before = patterns.fixed
        patterns, dropped = _round(matrix, patterns, fewest)
        if not dropped and np.array_equal(before, patterns.fixed):
            break
    return patterns


def _candidates(matrix: PhraseMatrix, fewest: int) -> Patterns:
    """For each phrase the phrases that nearly all of its rows have too; of candidates with nearly the same rows the one that saves most."""
    rows = matrix.has.sum(axis=0)
    useful = np.flatnonzero((rows >= fewest) & (matrix.weights > 0))
    has, weights = matrix.has[:, useful], matrix.weights[useful]
    together = (has.T @ has) >= _FIXED * rows[useful][:, None]
    _, first = np.unique(np.packbits(together, axis=1), axis=0, return_index=True)
    fixed = together[np.sort(first)].astype(np.float32)
    fixed = fixed[fixed @ matrix.evidence[useful] >= _FEWEST_BITS]
    weighted = fixed * weights
    follows = (has @ weighted.T >= _FIXED * weighted.sum(axis=1)).astype(np.float32)
    counts = follows.sum(axis=0)
    value = counts * _worth(weighted.sum(axis=1), fixed @ matrix.tokens[useful])
    order = np.lexsort((np.arange(len(fixed)), -value))[:_MOST_CANDIDATES]
    order = order[counts[order] >= fewest]
    chosen = order[_without_twins(follows[:, order], counts[order])]
    whole = np.zeros((len(chosen), matrix.has.shape[1]), np.float32)
    whole[:, useful] = fixed[chosen]
    return Patterns(whole, counts[chosen].astype(np.float64))


def _without_twins(follows: Matrix, counts: Floats) -> Ints:
    """Places of candidates whose rows are not nearly those of a candidate before them."""
    shared = follows.T @ follows
    likeness = shared / np.maximum(counts[:, None] + counts[None, :] - shared, 1)
    chosen: list[int] = []
    for place in range(len(counts)):
        if not (likeness[place, chosen] > _TWINS).any():
            chosen.append(place)
    return np.array(chosen, np.int64)


def _round(matrix: PhraseMatrix, patterns: Patterns, fewest: int) -> tuple[Patterns, bool]:
    """Assigns rows, drops patterns that are not worth it, fits the others to their rows; whether any was dropped."""
    n, count = len(matrix.has), len(patterns)
    saved = np.concatenate([_saved(matrix, patterns), np.zeros((n, 1), np.float32)], axis=1)
    best = saved.argmax(axis=1)
    best_saved = saved[np.arange(n), best]
    saved[np.arange(n), best] = -np.inf
    second = saved.argmax(axis=1)
    margin = best_saved - np.maximum(saved[np.arange(n), second], 0)
    rows = np.bincount(best, minlength=count + 1)[:count]
    gain = np.bincount(best, weights=margin, minlength=count + 1)[:count]
    cost = np.minimum(patterns.fixed @ matrix.bits, _MOST_WORD_BITS) + _PATTERN_BITS
    poor = (rows < fewest) | (gain < cost) | (gain < _NARROWER_BITS * rows)
    dropped = _to_drop(np.flatnonzero(poor), rows, gain - cost, _rivals(best, second, count), fewest)
    kept = np.ones(count, np.bool_)
    kept[dropped] = False
    fitted = _refitted(matrix, patterns, best, rows)
    return _merged(Patterns(fitted[kept], rows[kept].astype(np.float64)), matrix.weights), bool(len(dropped))


def _rivals(best: Ints, second: Ints, count: int) -> Ints:
    """For each pattern the one that most of its rows would take instead."""
    votes = np.zeros((count + 1, count + 1), np.int64)
    np.add.at(votes, (best, second), 1)
    rivals: Ints = votes[:count].argmax(axis=1)
    return rivals


def _to_drop(poor: Ints, rows: Ints, net: npt.NDArray[np.float64], rivals: Ints, fewest: int) -> Ints:
    """The worst third of the poor patterns, never one and its rival at once: together they may explain what each alone does."""
    order = poor[np.lexsort((poor, np.where(rows[poor] < fewest, -1e9 + rows[poor], net[poor])))]
    gone = {place for place in order.tolist() if not rows[place]}
    safe: set[int] = set()
    for place in order[: max(8, (len(order) + 2) // 3)].tolist():
        if place not in safe and rivals[place] not in gone:
            gone.add(place)
            safe.add(int(rivals[place]))
    return np.array(sorted(gone), np.int64)


def _refitted(matrix: PhraseMatrix, patterns: Patterns, of_row: Ints, rows: Ints) -> Matrix:
    """The phrases that nearly all rows of a pattern have; those of a pattern without rows stay."""
    n_phrases = matrix.has.shape[1]
    at, phrase = np.nonzero(matrix.has)
    sums = np.bincount(of_row[at] * n_phrases + phrase, minlength=(len(patterns) + 1) * n_phrases).reshape(len(patterns) + 1, n_phrases)
    fixed = ((sums[:-1] >= _FIXED * np.maximum(rows, 1)[:, None]) & (matrix.weights > 0)).astype(np.float32)
    fixed[rows == 0] = patterns.fixed[rows == 0]
    return fixed


def _merged(patterns: Patterns, weights: Floats) -> Patterns:
    """Patterns that differ by a word or two become one."""
    fixed, rows = patterns.fixed.copy(), patterns.rows.copy()
    while len(fixed) > 1:
        shared = (fixed * weights) @ fixed.T
        counts = np.maximum(rows, 1)
        loss = (fixed @ weights)[:, None] - shared - np.log2((counts[:, None] + counts[None, :]) / counts[:, None])
        loss = np.maximum(loss, loss.T)
        loss[shared < _SHARED_BITS] = np.inf
        np.fill_diagonal(loss, np.inf)
        first, second = divmod(int(loss.argmin()), len(fixed))
        if loss[first, second] >= _MARGIN_BITS:
            break
        fixed[first] *= fixed[second]
        rows[first] += rows[second]
        fixed, rows = np.delete(fixed, second, axis=0), np.delete(rows, second)
    return Patterns(fixed, rows)


# ---- dividing and settling


def _divided(matrix: PhraseMatrix, positions: Ints, fixed: Floats, fewest: int, cancel: Cancel) -> Matrix:
    """The pattern of some rows, and the narrower ones that nearly all of them follow, if they do."""
    inner = matrix.rows(positions).without(fixed > 0)
    narrower = _fitted(inner, fewest, cancel) if len(positions) >= 2 * fewest else Patterns(fixed[None][:0], np.empty(0))
    if len(narrower) < 2 or (assigned(inner, narrower) >= 0).mean() < _SPLIT_COVERAGE:
        return fixed[None]
    return np.concatenate([fixed[None], np.maximum(narrower.fixed, fixed)])


def _settled(matrix: PhraseMatrix, fixed: Matrix, fewest: int) -> Patterns:
    """All patterns together, with the rows that each gets beside the others, most rows first."""
    distinct = np.unique(fixed, axis=0)
    patterns = Patterns(distinct, np.full(len(distinct), float(len(matrix.has))))
    for _ in range(_ROUNDS):
        of_row = assigned(matrix, patterns)
        rows = np.bincount(of_row[of_row >= 0], minlength=len(patterns)).astype(np.float64)
        done = bool((rows >= fewest).all()) and np.array_equal(rows, patterns.rows)
        patterns = Patterns(patterns.fixed, rows)
        if done:
            break
        worst = rows.argmin() if len(rows) and rows.min() < fewest else None
        if worst is not None:
            patterns = patterns.take(np.arange(len(rows)) != worst)
    patterns = patterns.take(patterns.rows >= fewest)
    return patterns.take(np.argsort(-patterns.rows, kind="stable"))
