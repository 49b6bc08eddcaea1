"""Topics of a dataset: clusters of row vectors, each with a title from the words that set it apart.

Spherical k-means (Dhillon & Modha 2001, Machine Learning) with k-means++ seeding (Arthur & Vassilvitskii 2007) on a sample; all rows then assigned.
The number of clusters is the smallest whose simplified silhouette (Hruschka et al. 2004) is nearly the best. A term's weight in a topic is
p(t|c) log²(p(t|c) / p(t)), over rows that hold it: a class-based TF-IDF that asks for lift. Function words are no terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.language import ENGLISH_TOO, FUNCTION_WORDS
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]

NO_TOPIC = -1
MOST_TOPICS = 30
_TRIED = (4, 6, 8, 10, 12, 15, 20, 25, 30)
_FEWEST_ROWS = 12
"""Fewer rows have no topics."""
_NEARLY_BEST = 0.95
_SAMPLE, _SILHOUETTE_SAMPLE, _TITLE_SAMPLE = 20_000, 4_000, 20_000
_ROUNDS, _TRIAL_ROUNDS = 25, 8
_BLOCK = 65_536
_TERMS = 3
_CHARACTERS_READ = 600
_FEWEST_IN_TOPIC = 3
_NO_TERMS = frozenset(f"{' '.join(FUNCTION_WORDS.values())} {ENGLISH_TOO} where me us any much many each does did who whom whose why".split())
_CHINESE_FUNCTION_CHARACTERS = "的是了在有和与个一为什么何如这那以及中对出您你我它他她们请将用下给列"
_LEAST_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Topics:
    """Clusters of rows, largest first.

    Attributes:
        labels: int32[n], the place of each row's topic in `titles`; `NO_TOPIC` for rows without a vector.
        titles: Distinct; such as "refund · card · charge".
        terms: The terms of each title and some more, most distinctive first.
        closeness: float32[n], cosine of each row and the middle of its topic.
        silhouette: Mean simplified silhouette on a sample, -1 to 1; near 0 where topics run into each other.
    """

    labels: Labels
    titles: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    closeness: npt.NDArray[np.float32]
    silhouette: float


def find_topics(
    vectors: Vectors, texts: pl.Series, *, topics: int | None = None, seed: int = 7, cancel: Cancel = NEVER, progress: Progress = silent
) -> Topics:
    """Groups rows by what they are about.

    Args:
        vectors: float32[n, d] of unit length; all zero where a row has none.
        texts: String[n], where the titles' words come from.
        topics: How many; chosen by silhouette among 4 to 30, at most half the root of the rows, where None.
        seed: Of the sample and of the first middles.
        cancel: Looked at between rounds.
        progress: Counts clusterings tried.

    Raises:
        CancelledError: When stopped.
    """
    known = np.flatnonzero(np.abs(vectors).sum(axis=1) > 0)
    if len(known) < _FEWEST_ROWS:
        return Topics(np.full(len(vectors), NO_TOPIC, np.int32), (), (), np.zeros(len(vectors), np.float32), 0.0)
    generator = np.random.default_rng(seed)
    sample = vectors[_sampled(known, _SAMPLE, generator)]
    count = topics or _best_count(sample, len(known), generator, cancel, progress)
    middles = _k_means(sample, min(count, len(sample)), _ROUNDS, generator, cancel)
    labels, closeness = np.full(len(vectors), NO_TOPIC, np.int32), np.zeros(len(vectors), np.float32)
    for start in range(0, len(known), _BLOCK):
        raise_if_cancelled(cancel)
        block = known[start : start + _BLOCK]
        nearest = vectors[block] @ middles.T
        labels[block], closeness[block] = nearest.argmax(axis=1), nearest.max(axis=1)
    labels = _largest_first(labels)
    terms = _distinctive_terms(texts, labels, generator)
    return Topics(labels, _titles(terms), terms, closeness, _silhouette(sample[:_SILHOUETTE_SAMPLE], middles))


def _sampled(rows: npt.NDArray[np.int64], most: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))


def _largest_first(labels: Labels) -> Labels:
    """Topics numbered by size, empty ones left out."""
    present, counts = np.unique(labels[labels != NO_TOPIC], return_counts=True)
    place = np.full(int(present.max()) + 1, NO_TOPIC, np.int32)
    place[present[np.argsort(-counts, kind="stable")]] = np.arange(len(present))
    return np.where(labels == NO_TOPIC, NO_TOPIC, place[labels]).astype(np.int32)


# ---- clusters


def _best_count(sample: Vectors, rows: int, generator: np.random.Generator, cancel: Cancel, progress: Progress) -> int:
    most = min(MOST_TOPICS, max(int(np.sqrt(rows) / 2), 2))
    tried = [count for count in _TRIED if count <= most] or [most]
    small = sample[_sampled(np.arange(len(sample)), _SILHOUETTE_SAMPLE, generator)]
    scores = []
    for done, count in enumerate(tried, 1):
        scores.append(_silhouette(small, _k_means(small, count, _TRIAL_ROUNDS, generator, cancel)))
        progress(done, len(tried))
    return next(count for count, score in zip(tried, scores, strict=True) if score >= _NEARLY_BEST * max(scores))


def _silhouette(vectors: Vectors, middles: Vectors) -> float:
    """Mean of (b - a) / max(a, b), with the cosine distances a to the own middle and b to the next one."""
    if len(middles) < 2:
        return 0.0
    distances = 1 - vectors @ middles.T
    two = np.partition(distances, 1, axis=1)[:, :2]
    return float(((two[:, 1] - two[:, 0]) / np.maximum(two[:, 1], 1e-6)).mean())


def _k_means(vectors: Vectors, count: int, rounds: int, generator: np.random.Generator, cancel: Cancel) -> Vectors:
    """float32[count, d], unit middles; a cluster that runs empty starts anew at the row that fits worst."""
    middles = _first_middles(vectors, count, generator)
    before: npt.NDArray[np.int64] | None = None
    for _ in range(rounds):
        raise_if_cancelled(cancel)
        nearest = vectors @ middles.T
        labels = nearest.argmax(axis=1)
        if before is not None and np.array_equal(labels, before):
            break
        before = labels
        sums = _sums(vectors, labels, count)
        empty = np.flatnonzero(np.bincount(labels, minlength=count) == 0)
        sums[empty] = vectors[np.argsort(nearest.max(axis=1), kind="stable")[: len(empty)]]
        middles = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return middles


def _sums(vectors: Vectors, labels: npt.NDArray[np.int64], count: int) -> Vectors:
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(count + 1))
    return np.stack([vectors[order[start:stop]].sum(axis=0) for start, stop in pairwise(bounds)])


def _first_middles(vectors: Vectors, count: int, generator: np.random.Generator) -> Vectors:
    """k-means++: each further row with a probability proportional to its distance from those chosen."""
    chosen = [int(generator.integers(len(vectors)))]
    distance = np.maximum(1 - vectors @ vectors[chosen[0]], 0).astype(np.float64)
    while len(chosen) < count:
        total = distance.sum()
        at = int(np.searchsorted(np.cumsum(distance), generator.random() * total)) if total > 0 else int(generator.integers(len(vectors)))
        chosen.append(min(at, len(vectors) - 1))
        distance = np.minimum(distance, np.maximum(1 - vectors @ vectors[chosen[-1]], 0))
    middles: Vectors = vectors[chosen]
    return middles


# ---- titles


def _distinctive_terms(texts: pl.Series, labels: Labels, generator: np.random.Generator, most: int = 8) -> tuple[tuple[str, ...], ...]:
    """The terms of each topic by their part in what sets it apart, near-equal ones left out."""
    rows = _sampled(np.flatnonzero(labels != NO_TOPIC), _TITLE_SAMPLE, generator)
    frame = pl.DataFrame({"text": texts.gather(rows).fill_null(""), "topic": labels[rows]}).with_row_index("at")
    terms = frame.with_columns(term=_terms(pl.col("text"))).explode("term").drop_nulls("term").unique(["at", "term"])
    terms = terms.filter(~pl.col("term").is_in(sorted(_NO_TERMS)))
    in_all = terms.group_by("term").agg(everywhere=pl.len())
    sizes = frame.group_by("topic").agg(size=pl.len())
    counted = terms.group_by("topic", "term").agg(here=pl.len()).join(in_all, on="term").join(sizes, on="topic")
    here, everywhere = pl.col("here") / pl.col("size"), pl.col("everywhere") / len(rows)
    weighed = counted.with_columns(weight=here * (here / everywhere).log() ** 2).filter(
        (here > everywhere) & (pl.col("here") >= pl.min_horizontal(_FEWEST_IN_TOPIC, "size")) & (here >= _LEAST_SHARE)
    )
    ranked = weighed.sort(["topic", "weight", "term"], descending=[False, True, False])
    by_topic = {int(topic): group["term"].to_list() for (topic,), group in ranked.group_by(["topic"], maintain_order=True)}
    return tuple(_unlike(by_topic.get(topic, []), most) for topic in range(int(labels.max()) + 1))


def _terms(text: pl.Expr) -> pl.Expr:
    """Words of three letters and more; of Chinese and Japanese, all pairs of neighbouring characters."""
    lower = text.str.slice(0, _CHARACTERS_READ).str.to_lowercase()
    lower = lower.str.replace_all(f"[{_CHINESE_FUNCTION_CHARACTERS}]", " ")
    pair = r"[\p{Han}\p{Katakana}]{2}"
    shifted = lower.str.replace_all(r"[\p{Han}\p{Katakana}]([\p{Han}\p{Katakana}]+)", " $1")
    words = lower.str.replace_all(r"[\p{Han}\p{Katakana}\p{Hiragana}]+", " ").str.extract_all(r"\p{L}[\p{L}\p{M}]{2,}")
    return pl.concat_list(words, lower.str.extract_all(pair), shifted.str.extract_all(pair))


def _unlike(terms: Sequence[str], most: int) -> tuple[str, ...]:
    """The first terms of which none is another one with an ending."""
    kept: list[str] = []
    for term in terms:
        if not any(term[: max(len(other) - 1, 4)] == other[: max(len(other) - 1, 4)] or other in term for other in kept):
            kept.append(term)
        if len(kept) == most:
            break
    return tuple(kept)


def _titles(terms: Sequence[Sequence[str]]) -> tuple[str, ...]:
    titles: list[str] = []
    for topic, several in enumerate(terms):
        title = " · ".join(several[:_TERMS]) or f"topic {topic + 1}"
        titles.append(title if title not in titles else f"{title} ({topic + 1})")
    return tuple(titles)
