"""What a prompt is about and how far its answer is about the same: words that carry the matter, weighted by how much they say.

A word's vector is the sum of its word pieces in the embedded static encoder (`sde_core.features.embedding_static`). The length of that vector is
large for rare words and small for frequent ones, so that it serves as the word's weight; unlike an inverse document frequency it is the same in every
dataset, and a row's score does not depend on the other rows.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.embedding_static import static_encoder
from sde_core.rules.words import FUNCTION_WORDS, TASK_NOUNS, TASK_VERBS

TOPIC_COLUMNS = ("topic_covered", "topic_share", "topic_cosine")
STEM_LENGTH = 5
"""Words are compared by their first five letters, so that inflected forms meet."""

_MOST_WORDS = 400
"""Distinct words of a text that are looked at; what comes later hardly moves a sum and costs time."""
_UNKNOWN_WEIGHT = 10.0
"""Of a word without a known piece; about that of a usual content word."""

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def topic_measures(prompt_words: pl.Series, answer_words: pl.Series) -> pl.DataFrame:
    """The columns `TOPIC_COLUMNS`, Float64[n].

    The prompt's topic words are its words without function words and words that state a task; where that leaves none, without function words.

    Args:
        prompt_words: Lists of lower-case words.
        answer_words: The same for the answers.

    Returns:
        topic_covered: Share of the prompt's distinct topic words whose stem occurs in the answer, each counted by its weight; null without any.
        topic_share: Share of the answer's distinct content words whose stem is one of the prompt's topic, by weight; null without any.
        topic_cosine: Cosine of the sums of the word vectors of the prompt's topic and of the answer's content; null where one of them is zero.
    """
    n = len(prompt_words)
    vocabulary = _Vocabulary(pl.concat([prompt_words.explode(), answer_words.explode()]).drop_nulls().unique(maintain_order=True))
    in_prompt, in_answer = vocabulary.distinct_content(prompt_words), vocabulary.distinct_content(answer_words)
    topic = in_prompt.only(vocabulary.is_topic[in_prompt.word])
    has_topic = np.bincount(topic.row, minlength=n) > 0
    topic = in_prompt.only(vocabulary.is_topic[in_prompt.word] | ~has_topic[in_prompt.row])
    covered = np.isin(vocabulary.stem_keys(topic), vocabulary.stem_keys(in_answer))
    shared = np.isin(vocabulary.stem_keys(in_answer), vocabulary.stem_keys(topic))
    columns = (
        _weighted_share(topic.row, vocabulary.weights[topic.word], covered, n),
        _weighted_share(in_answer.row, vocabulary.weights[in_answer.word], shared, n),
        _cosines(vocabulary.sums(topic, n), vocabulary.sums(in_answer, n)),
    )
    return pl.DataFrame({name: pl.Series(name, values, nan_to_null=True) for name, values in zip(TOPIC_COLUMNS, columns, strict=True)})


class _Occurrences:
    """Distinct words of rows: `row` int64[m], ascending, `word` int64[m] into a vocabulary, and `times` float32[m], how often it stands there."""

    def __init__(self, row: Ids, word: Ids, times: npt.NDArray[np.float32]) -> None:
        self.row, self.word, self.times = row, word, times

    def only(self, kept: npt.NDArray[np.bool_]) -> _Occurrences:
        """Those that are kept."""
        return _Occurrences(self.row[kept], self.word[kept], self.times[kept])


class KnownWords:
    """Vectors and weights of the words met last: frequent words come again in every block of rows. Several threads may ask."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._place: dict[str, int] = {}
        self._vectors, self._weights = np.empty((0, 0), np.float32), np.empty(0)

    def of(self, words: list[str]) -> tuple[npt.NDArray[np.float32], Floats]:
        """float32[m, d] and float64[m]; where a call would remember too many words, what was remembered before is forgotten."""
        with self._lock:
            unmet = [word for word in words if word not in self._place]
            if self._place and len(self._place) + len(unmet) > self._most:
                self._place, unmet = {}, words
            vectors, weights = _measured_words(unmet)
            if self._place:
                vectors, weights = np.vstack([self._vectors, vectors]), np.concatenate([self._weights, weights])
            self._place.update(zip(unmet, range(len(self._place), len(vectors)), strict=True))
            self._vectors, self._weights = vectors, weights
            places = np.fromiter(map(self._place.__getitem__, words), np.int64, len(words))
            return vectors[places], weights[places]


def _measured_words(words: list[str]) -> tuple[npt.NDArray[np.float32], Floats]:
    vectors = static_encoder().sums(words)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return vectors, np.where(lengths > 0, lengths, _UNKNOWN_WEIGHT)


_KNOWN_WORDS = KnownWords(32_768)


class _Vocabulary:
    """Distinct words with what is known of each: whether it carries content or the topic, its stem, its vector and its weight."""

    def __init__(self, words: pl.Series) -> None:
        frame = pl.DataFrame({"word": words.cast(pl.String)})
        word = pl.col("word")
        of_task = [*FUNCTION_WORDS, *TASK_VERBS, *TASK_NOUNS]
        known = frame.select(
            content=~word.is_in(list(FUNCTION_WORDS)), topic=~word.is_in(of_task), stem=word.str.slice(0, STEM_LENGTH).rank("dense").cast(pl.Int64)
        )
        self._words = frame.with_row_index("id")
        self.is_content, self.is_topic = known["content"].to_numpy(), known["topic"].to_numpy()
        self._stems: Ids = known["stem"].to_numpy()
        self._vectors, self.weights = _KNOWN_WORDS.of(words.to_list())

    def distinct_content(self, words: pl.Series) -> _Occurrences:
        """The distinct content words of each text, in the order in which they first occur, at most `_MOST_WORDS`."""
        flat = pl.DataFrame({"row": pl.Series(range(len(words)), dtype=pl.Int64), "word": words}).explode("word").drop_nulls()
        found = flat.join(self._words, on="word", how="left", maintain_order="left")
        content = found.filter(pl.Series(self.is_content)[found["id"]]) if len(found) else found
        first = content.group_by("row", "id", maintain_order=True).len("times").filter(pl.int_range(pl.len()).over("row") < _MOST_WORDS)
        return _Occurrences(first["row"].to_numpy(), first["id"].cast(pl.Int64).to_numpy(), first["times"].cast(pl.Float32).to_numpy())

    def stem_keys(self, words: _Occurrences) -> Ids:
        """One number for each (row, stem)."""
        return words.row * (len(self._stems) + 1) + self._stems[words.word]

    def sums(self, words: _Occurrences, n: int) -> npt.NDArray[np.float32]:
        """float32[n, d]: sums of the words' vectors, added in the order of the words whatever the other rows are."""
        counts = np.bincount(words.row, minlength=n)
        starts = np.cumsum(counts) - counts
        longest_first = np.argsort(-counts, kind="stable")
        ordered = np.zeros((n, self._vectors.shape[1]), np.float32)
        for at in range(int(counts.max(initial=0))):
            rows = longest_first[: int((counts > at).sum())]
            place = starts[rows] + at
            ordered[: len(rows)] += self._vectors[words.word[place]] * words.times[place, None]
        sums = np.empty_like(ordered)
        sums[longest_first] = ordered
        return sums


def _weighted_share(row: Ids, weights: Floats, counted: npt.NDArray[np.bool_], n: int) -> Floats:
    return _quotients(np.bincount(row, weights * counted, n).astype(np.float64), np.bincount(row, weights, n).astype(np.float64))


def _cosines(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> Floats:
    wide, other = left.astype(np.float64), right.astype(np.float64)
    return _quotients((wide * other).sum(axis=1), np.sqrt((wide**2).sum(axis=1) * (other**2).sum(axis=1)))


def _quotients(part: Floats, whole: Floats) -> Floats:
    """`part / whole`, NaN where the whole is 0."""
    quotients = np.full(len(whole), np.nan)
    np.divide(part, whole, out=quotients, where=whole > 0)
    return quotients
