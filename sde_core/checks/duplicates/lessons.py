"""Whether two alike rows teach the same: their answers must be alike too, and their prompts not all different.

Most of a row may be a passage that many rows ask about, or an answer that many prompts lead to. Other questions about one passage, and a problem
asked backwards, share most of their words and are not duplicates: their answers differ. So two rows are no more alike than

- their answers, and
- four times as alike as their prompts: at 0.8 these must be alike by 0.2, which paraphrases are and "hello" and "Who are you?" are not.

A part that begins or ends with the other row's part is as good as the same: something was added. All this is judged where both rows have one
prompt and one answer. In longer conversations a turn more moves what is the last answer, and where answers are labels, a copy under another
label is a near-duplicate all the same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.duplicates.overlap import Comparer
from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.features.tokens import token_chunks
from sde_core.progress import NEVER, Cancel

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TIMES = {"answer": 1.0, "prompt": 4.0}
_ONE_ANSWER = "^[^a]*a$"
_PAIRS_AT_ONCE = 1 << 14


def bounded_by_parts(near: ScoredPairs, comparing: Comparer, texts: pl.DataFrame, *, cancel: Cancel = NEVER) -> ScoredPairs:
    """The pairs, no more similar than their answers and prompts allow; those that fall below the floor are left out.

    Args:
        near: Pairs of alike rows.
        comparing: Compares whole rows.
        texts: The dataset's texts, one line for every position.
        cancel: Looked at often.

    Raises:
        CancelledError: When stopped.
    """
    used = np.unique(np.concatenate([near.first, near.second]))
    single, mostly_answer = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    taught = texts[used].select(pl.col("roles").str.contains(_ONE_ANSWER) & pl.col("label").ne_missing(pl.col("answer")))
    single[used] = taught.to_series().to_numpy()
    mostly_answer[used] = (texts["answer"][used].str.len_bytes() > texts["prompt"][used].str.len_bytes()).to_numpy()
    scores = near.scores.copy()
    for column, times in _TIMES.items():
        judged = single[near.first] & single[near.second] & (scores >= near.floor)
        if column == "prompt":  # where it is most of the row, alike rows have alike prompts
            judged &= mostly_answer[near.first] | mostly_answer[near.second]
        judged = np.flatnonzero(judged)
        alike = _similarities(comparing, texts[column], near.first[judged], near.second[judged], cancel)
        scores[judged] = np.minimum(scores[judged], times * alike)
    kept = scores >= near.floor
    return replace(near, first=near.first[kept], second=near.second[kept], scores=scores[kept])


def _similarities(comparing: Comparer, texts: pl.Series, first: I64, second: I64, cancel: Cancel) -> F32:
    """How alike the texts of each pair are; 1 where one lacks any token, for then nothing is known."""
    alike = np.ones(len(first), np.float32)
    judged = np.flatnonzero(~_extended(texts, first, second))
    if not len(judged):
        return alike
    used = np.unique(np.concatenate([first[judged], second[judged]]))
    n_tokens = np.zeros(len(texts), np.int64)
    n_tokens[used] = np.concatenate([chunk.counts for chunk in token_chunks(texts[used])])
    scores = replace(comparing, texts=texts, n_tokens=n_tokens).similarities(first[judged], second[judged], cancel=cancel)
    filled = (n_tokens[first[judged]] > 0) & (n_tokens[second[judged]] > 0)
    alike[judged] = np.where(filled, scores, 1)
    return alike


def _extended(texts: pl.Series, first: I64, second: I64) -> Mask:
    """Whether one text of each pair is how the other begins or ends, by their words."""
    found = [np.empty(0, bool)]
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        piece = slice(start, start + _PAIRS_AT_ONCE)
        pairs = pl.DataFrame({"one": _words(texts[first[piece]]), "other": _words(texts[second[piece]])})
        one, other = pl.col("one"), pl.col("other")
        within = one.str.starts_with(other) | one.str.ends_with(other) | other.str.starts_with(one) | other.str.ends_with(one)
        found.append(pairs.select(within).to_series().to_numpy())
    return np.concatenate(found)


def _words(texts: pl.Series) -> pl.Series:
    """The words of each text in lower case, each with a space on both sides."""
    return texts.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars().str.replace(r"^(.*)$", " $1 ")
