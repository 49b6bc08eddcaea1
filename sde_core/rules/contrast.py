"""How well each rule tells a row from a copy of it that was spoilt: what a rule is worth, seen without anybody's labels.

A copy keeps the prompt and gets the answer of another row of the same dataset: of the row whose prompt is the most alike among those whose answer has
about as many words. A rule that scores the true rows above their copies reads whether the answer fits the prompt; since both answers are equally
long and equally well written, a rule that only likes long or well laid-out answers gains nothing. Rules that read the answer alone win half of all
pairs, as does noise.

The default quality follows from it. Rules that tell more are likelier to be chosen (`favouring`: a DPP's kernel as quality times similarity, Kulesza
and Taskar 2012, section 3.1) and weigh more in the mean of the chosen ones (`rule_weights`). Nothing in it looks at labels, and what goes with
length counts less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.errors import UsageError
from sde_core.features.embedding import CHARACTERS_EMBEDDED, embed_texts
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.kernel import Kernel
from sde_core.rules.matrix import ScoreMatrix, score_matrix
from sde_core.rules.rule import Rule

SAMPLED_ROWS = 500
TOO_ALIKE = 0.93
"""Cosine of two prompts from which on they may well have the same right answer."""

FAVOUR = 2.0
"""A rule that wins every pair counts e^2 times in the kernel, one that tells nothing once."""

LEAST_WEIGHT = 0.05
"""Weight of a rule that tells nothing, beside 1.05 of one that wins every pair: what it sees counts a little, where it was chosen all the same."""

UNKNOWN_TELLING = 0.5
"""Of a rule without a contrast, such as one that a judge rates."""

_LENGTH_TOLERANCE = 0.1
_TIE = 1e-6
_Z = 1.96
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RuleContrast:
    """How often a rule scores a row above its spoilt copy.

    Attributes:
        rule: The rule's name.
        pairs: Rows that were compared with a copy.
        wins: Share of the pairs in which the row scores higher, ties counted half; 0.5 where there are no pairs.
        lower, upper: Its 95 % interval.
        length_correlation: Spearman's correlation of the scores of the compared rows with the words of their answers; 0 where there is none.
    """

    rule: str
    pairs: int
    wins: float
    lower: float
    upper: float
    length_correlation: float = 0.0

    @property
    def telling(self) -> float:
        """0 for a rule that does not certainly win more than half of the pairs, up to 1 for one that wins all and does not go with length.

        The pairs are equally long, rows at large are not: there, what goes with length follows length. The square of what is left of the scale
        makes a choice that has to keep its overlap low take the rule that reads the matter rather than its twin that also reads length.
        """
        return max(0.0, 2.0 * self.wins - 1.0) * (1.0 - abs(self.length_correlation)) ** 2 if self.lower > 0.5 else 0.0

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**asdict(self), "telling": self.telling}


def rule_contrasts(
    texts: pl.DataFrame, rules: Sequence[Rule], *, seed: int = 0, cancel: Cancel = NEVER, progress: Progress = silent
) -> tuple[RuleContrast, ...]:
    """Compares rows of a seeded sample with copies that have the answer of another row.

    Args:
        texts: `Dataset.texts()`.
        rules: Formula rules.
        seed: Of the sample.
        cancel: Asked between blocks of rows.
        progress: In rows scored.

    Returns:
        One contrast a rule, in their order.

    Raises:
        CancelledError: When stopped.
    """
    true, spoilt = spoilt_copies(texts, seed=seed, cancel=cancel)
    matrix = score_matrix(pl.concat([true, spoilt]), rules, cancel=cancel, progress=progress)
    return contrasts_of(matrix, len(true))


def tellings(rules: Sequence[str], contrasts: Mapping[str, RuleContrast]) -> npt.NDArray[np.float64]:
    """float64[R] in [0, 1]: what each rule tells, `UNKNOWN_TELLING` for one without a contrast."""
    return np.array([contrasts[rule].telling if rule in contrasts else UNKNOWN_TELLING for rule in rules], dtype=np.float64)


def rule_weights(rules: Sequence[str], contrasts: Mapping[str, RuleContrast]) -> npt.NDArray[np.float64]:
    """float64[R] that sum to 1: how much each rule counts in the mean of these; all alike where none of them tells anything."""
    weights = tellings(rules, contrasts) + LEAST_WEIGHT
    return weights / weights.sum() if len(weights) else weights


def favouring(kernel: Kernel, rules: Sequence[str], contrasts: Mapping[str, RuleContrast], favour: float = FAVOUR) -> Kernel:
    """The kernel with every rule's row and column times e^(favour * telling), so that a choice weighs how much a rule tells against what it repeats.

    Args:
        kernel: float64[R, R] of these rules, see `sde_core.rules.kernel`.
        rules: Their names, in its order.
        contrasts: By name.
        favour: 0 for the kernel as it is.
    """
    factors = np.exp(favour * tellings(rules, contrasts))
    favoured: Kernel = kernel * factors * factors[:, None]
    return favoured


def weighted_quality(matrix: ScoreMatrix, chosen: Sequence[str], contrasts: Mapping[str, RuleContrast]) -> npt.NDArray[np.float32]:
    """float32[n] in [0, 1]: the mean of the chosen rules, each by its weight (`rule_weights`).

    Args:
        matrix: Scores of all rules.
        chosen: Names, at least one.
        contrasts: By name; without any this is the plain mean.

    Raises:
        UsageError: When no rule is given or a name is unknown.
    """
    if not chosen:
        raise UsageError("A row's quality is the mean of at least one rule.", "Choose rules first.")
    scores = matrix.scores[:, [matrix.index(name) for name in chosen]].astype(np.float64)
    means: npt.NDArray[np.float32] = (scores @ rule_weights(chosen, contrasts)).clip(0.0, 1.0).astype(np.float32)
    return means


def contrasts_of(matrix: ScoreMatrix, pairs: int) -> tuple[RuleContrast, ...]:
    """The contrasts of a matrix whose first `pairs` rows are true, and whose other rows are their copies in the same order."""
    difference = matrix.scores[:pairs] - matrix.scores[pairs:]
    points = np.where(np.abs(difference) <= _TIE, 0.5, difference > 0).astype(np.float64)
    true = ScoreMatrix(matrix.rows[:pairs], matrix.rules, matrix.scores[:pairs], matrix.answer_words[:pairs])
    return tuple(_contrast(summary.rule, points[:, at], summary.length_correlation) for at, summary in enumerate(true.summaries))


def _contrast(rule: str, points: npt.NDArray[np.float64], with_length: float) -> RuleContrast:
    if not len(points):
        return RuleContrast(rule, 0, 0.5, 0.0, 1.0)
    wins = float(points.mean())
    half = _Z * float(np.sqrt((points.var() + 0.25 / len(points)) / len(points)))
    return RuleContrast(rule, len(points), wins, max(wins - half, 0.0), min(wins + half, 1.0), with_length if np.isfinite(with_length) else 0.0)


def spoilt_copies(texts: pl.DataFrame, *, seed: int = 0, cancel: Cancel = NEVER) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of a sample, and the same rows with the answer of another.

    Args:
        texts: `Dataset.texts()`.
        seed: Of the sample of at most `SAMPLED_ROWS` rows that have a prompt and an answer.
        cancel: Asked between blocks of rows.

    Returns:
        Two frames with the columns row, prompt and answer, aligned; rows for which no other is fit are left out.
    """
    filled = texts.select("row", "prompt", "answer").filter((pl.col("prompt").str.strip_chars() != "") & (pl.col("answer").str.strip_chars() != ""))
    kept = np.sort(np.random.default_rng(seed).permutation(len(filled))[:SAMPLED_ROWS])
    sample = filled[kept]
    partner = _partners(sample, cancel)
    at = np.flatnonzero(partner >= 0)
    true = sample[at]
    return true, true.with_columns(sample["answer"].gather(partner[at]))


def _partners(sample: pl.DataFrame, cancel: Cancel) -> Ids:
    """int64[n]: whose answer each row is given, -1 where no other row has one of about the same length."""
    if not len(sample):
        return np.empty(0, np.int64)
    vectors = embed_texts(sample["prompt"].str.slice(0, CHARACTERS_EMBEDDED).to_list(), cancel=cancel)
    words = sample["answer"].str.count_matches(r"\S+").cast(pl.Float64).to_numpy()
    answers = sample["answer"].rank("dense").to_numpy()
    alike = vectors @ vectors.T
    unfit = (np.abs(words - words[:, None]) > _LENGTH_TOLERANCE * words[:, None]) | (answers == answers[:, None]) | (alike > TOO_ALIKE)
    alike[unfit] = -2.0
    partner = alike.argmax(axis=1)
    return np.where(alike[np.arange(len(sample)), partner] > -2.0, partner, -1).astype(np.int64)
