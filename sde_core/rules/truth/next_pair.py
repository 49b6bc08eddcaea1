"""Which two rows a person should compare next: the pair whose answer tells most, sides at random, a few pairs twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.features.components import components
from sde_core.rules.truth.bradley_terry import Strengths, fit_bradley_terry, logistic
from sde_core.rules.truth.comparisons import SCORES, Comparison
from sde_core.rules.truth.pairs import JudgedPairs

DEFAULT_SAMPLE = 40
"""Rows to compare: some 120 answers rank them well enough to tell rules apart."""

_REPEAT_EVERY = 15
_REPEAT_FROM = 5
"""So many answers must lie between a pair and its repetition."""
_SAME_PROMPT = 1.5
"""How much more an answer is worth where both rows answer one prompt: then nothing but the answers differs."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(16)


@dataclass(frozen=True, slots=True)
class Asked:
    """A pair that was put to somebody already: places of its rows in the sample, and whether the answer was a skip."""

    left: int
    right: int
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class NextPair:
    """A pair to compare.

    Attributes:
        left, right: Places in the sample, as they should stand on the screen.
        reason: Why this one, in few words.
        repeated: Whether it was asked before, sides turned, to see how far the person agrees with themselves.
    """

    left: int
    right: int
    reason: str
    repeated: bool = False


def choose_next_pair(
    rows: NDArray[np.int64], pairs: JudgedPairs, asked: Sequence[Asked] = (), *, prompts: NDArray[np.int64] | None = None, seed: int = 0
) -> NextPair | None:
    """The pair to compare next.

    While groups of rows are linked by no comparison, a pair that links two of them; then the pair with the largest expected information gain,
    the mutual information between its answer and the strengths (Lindley 1956), under the normal approximation of what is known so far.
    Every fifteenth pair repeats an earlier one with its sides turned.

    Args:
        rows: int64[m], the sample, ascending.
        pairs: Answers so far; those about other rows are left aside.
        asked: What was asked so far, oldest first; these are not asked again but as repetitions.
        prompts: int64[m], a number for each row's prompt: equal ones are preferred.
        seed: Of the sides and of the order among equals; the same answers and seed give the same pair.

    Returns:
        None where there are fewer than two rows, or every pair was asked.
    """
    m = len(rows)
    rng = np.random.default_rng([seed, len(asked)])
    repetition = _repetition(asked, rng)
    if repetition is not None:
        return repetition
    first, second = np.triu_indices(m, 1)
    open_ = ~np.isin(first * m + second, [min(one.left, one.right) * m + max(one.left, one.right) for one in asked])
    if not open_.any():
        return None
    first, second = first[open_], second[open_]
    inside = np.isin(pairs.left, rows) & np.isin(pairs.right, rows)
    known = JudgedPairs(pairs.left[inside], pairs.right[inside], pairs.score[inside], pairs.source)
    gain = expected_gain(fit_bradley_terry(known, rows=rows), first, second)
    if prompts is not None:
        gain = gain * np.where(prompts[first] == prompts[second], _SAME_PROMPT, 1.0)
    group = components(m, np.searchsorted(rows, known.left), np.searchsorted(rows, known.right))
    links = group[first] != group[second]
    best = int(np.argmax(np.where(links | ~links.any(), gain, -1.0) + 1e-9 * rng.random(len(gain))))
    left, right = (int(first[best]), int(second[best]))[:: 1 if rng.random() < 0.5 else -1]
    return NextPair(left, right, _reason(bool(links[best]), prompts is not None and bool(prompts[left] == prompts[right])))


def _reason(links: bool, same_prompt: bool) -> str:
    return ("new rows" if links else "most telling pair") + (", same prompt" if same_prompt else "")


def _repetition(asked: Sequence[Asked], rng: np.random.Generator) -> NextPair | None:
    """An earlier pair that was answered once, sides turned, where it is time for one."""
    if len(asked) % _REPEAT_EVERY != _REPEAT_EVERY - 1:
        return None
    times: dict[frozenset[int], int] = {}
    for one in asked:
        pair = frozenset((one.left, one.right))
        times[pair] = times.get(pair, 0) + 1
    earlier = [one for one in asked[:-_REPEAT_FROM] if not one.skipped and times[frozenset((one.left, one.right))] == 1]
    if not earlier:
        return None
    one = earlier[int(rng.integers(len(earlier)))]
    return NextPair(one.right, one.left, "asked before, sides turned", repeated=True)


def expected_gain(known: Strengths, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[p], nats that the answer to each pair is expected to tell about the strengths.

    Args:
        known: What is known so far.
        first: int64[p], places in `known.rows`.
        second: int64[p], places of the other rows of the pairs.
    """
    covariance = known.raw_covariance
    variance = covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
    difference = (known.log_strength[first] - known.log_strength[second])[:, None] + np.sqrt(np.maximum(variance, 0.0))[:, None] * _NODES
    chance = logistic(difference)
    weights = _WEIGHTS / _WEIGHTS.sum()
    gain: NDArray[np.float64] = _entropy(chance @ weights) - _entropy(chance) @ weights
    return gain


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(p, 1e-12, 1.0 - 1e-12)
    entropy: NDArray[np.float64] = -inside * np.log(inside) - (1.0 - inside) * np.log1p(-inside)
    return entropy


@dataclass(frozen=True, slots=True)
class SelfAgreement:
    """How far people agree with themselves: answers to pairs that were asked twice.

    Attributes:
        agreed: Pairs that got the same answer again.
        repeated: Pairs that were answered twice.
    """

    agreed: int
    repeated: int

    @property
    def share(self) -> float:
        """0 to 1; NaN where no pair was repeated."""
        return self.agreed / self.repeated if self.repeated else float("nan")


def self_agreement(comparisons: Iterable[Comparison]) -> SelfAgreement:
    """Whether each answer repeats the one before it by the same person about the same two rows, whichever way they stood; skips say nothing."""
    last: dict[tuple[str, int, int], float] = {}
    agreed = repeated = 0
    for one in comparisons:
        if one.winner not in SCORES:
            continue
        score = SCORES[one.winner] if one.a < one.b else 1.0 - SCORES[one.winner]
        pair = one.by, min(one.a, one.b), max(one.a, one.b)
        if pair in last:
            repeated += 1
            agreed += last[pair] == score
        last[pair] = score
    return SelfAgreement(agreed, repeated)


def sample_rows(
    texts: pl.DataFrame, quality: NDArray[np.float32] | None = None, size: int = DEFAULT_SAMPLE, *, seed: int = 0, keep: Iterable[int] = ()
) -> NDArray[np.int64]:
    """Rows to compare: spread over the current quality, so that the truth tells about the rules at every level.

    Half of the sample are rows that answer the same prompt differently, where the dataset has such. Rows with an empty answer and repetitions
    of a row are left out.

    Args:
        texts: `Dataset.texts()`.
        quality: float32[n] of its rows; where None, all rows are alike.
        size: How many rows; fewer where there are not so many different ones.
        seed: Of the drawing.
        keep: Rows that are in whatever is drawn, as when a sample grows.

    Returns:
        int64[m], ascending.
    """
    rng = np.random.default_rng(seed)
    level = np.zeros(len(texts)) if quality is None else quality.astype(np.float64)
    kept = [int(row) for row in keep]
    table = texts.select("row", "prompt", "answer").with_columns(level=pl.Series(level + 1e-9 * rng.random(len(texts)), dtype=pl.Float64))
    usable = table.filter(pl.col("answer").str.strip_chars() != "").unique(["prompt", "answer"], keep="first", maintain_order=True)
    chosen: dict[int, None] = dict.fromkeys(kept)
    several = usable.filter((pl.len().over("prompt") > 1) & (pl.col("prompt") != ""))
    for prompt in _spread(several.group_by("prompt", maintain_order=True).agg(pl.col("level").mean()), size // 4, rng)["prompt"].to_list():
        if len(chosen) + 2 <= size:
            both = several.filter(pl.col("prompt") == prompt)
            chosen.update(dict.fromkeys(both[sorted(rng.permutation(len(both))[:2].tolist())]["row"].to_list()))
    rest = usable.filter(~pl.col("row").is_in(list(chosen)))
    chosen.update(dict.fromkeys(_spread(rest, max(size - len(chosen), 0), rng)["row"].to_list()))
    return np.array(sorted(chosen), np.int64)


def _spread(table: pl.DataFrame, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """So many lines of a table, one at random of each of as many equal parts of its levels."""
    count = min(count, len(table))
    if not count:
        return table.head(0)
    edges = np.linspace(0, len(table), count + 1).astype(np.int64)
    places = rng.integers(edges[:-1], edges[1:])
    return table.sort("level", maintain_order=True).select(pl.all().gather(places))
