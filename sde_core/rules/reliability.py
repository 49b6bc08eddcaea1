"""Which rules can be relied on, before any is chosen.

Orthogonality alone likes noise: a rule that measures nothing correlates with nothing (reference papers, design warnings for orthogonal rules).
Gates look at each rule by itself and at what is known of how far it can be trusted; a rule that one of them holds back is no candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.contrast import RuleContrast, rule_contrasts
from sde_core.rules.matrix import RatingSummary, RuleSummary, ScoreMatrix
from sde_core.rules.retest import Retest, retests
from sde_core.rules.rule import Rule
from sde_core.rules.truth import RowTruth
from sde_core.rules.truth.rule_agreement import RuleAgreement, correlation_interval, rule_agreements

BARELY_VARIES = 0.9
MOST_UNPARSEABLE = 0.1
LEAST_SELF_AGREEMENT = 0.7
"""Rank correlation of two scores of the same rows; a rule is held back where it is certainly below. Over 45 real files every formula rule of the
bank that varies at all reaches 0.77 and most 0.95; a hash of the text reaches 0.1, save on a few rows. A hash of its words alone, without case,
is held back where a word is left out of most texts (0.4 there), and passes where texts are code, Chinese or very short."""

FEWEST_RETESTED: Mapping[str, int] = MappingProxyType({"reworded": 30, "rated twice": 10})
"""By how a rule was tested again. A short text is another one when a word is left out, so that a few reworded rows prove little."""

MOSTLY_LENGTH = 0.6
"""From this rank correlation with the words of the answer on, in either direction, a rule says mostly how long the answer is. No gate: a warning."""

LEAST_TRUTH_AGREEMENT = 0.05
FEWEST_JUDGED = 30


@dataclass(frozen=True, slots=True)
class RuleEvidence:
    """What is known of how far a rule can be relied on.

    Attributes:
        rule: The rule's name.
        only_score: The score of all rows where they all have the same; None where they differ.
        most_common_share: Rows that share the commonest score; 1 where there are no rows.
        rows: How many rows are scored.
        rating: How a judge rated it; None for a formula.
        retest: How far it agrees with itself; None where that was not looked at.
        truth: How far it agrees with people; None where they judged no rows.
        contrast: How well it tells rows from copies with the answer of another row; None where that was not looked at.
    """

    rule: str
    only_score: float | None
    most_common_share: float
    rows: int
    rating: RatingSummary | None = None
    retest: Retest | None = None
    truth: RuleAgreement | None = None
    contrast: RuleContrast | None = None

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it, null for what is not known."""
        plain = {key: None if value != value else value for key, value in asdict(self.retest).items()} if self.retest else None
        return {
            "rule": self.rule, "rows": self.rows, "most_common_share": self.most_common_share, "retest": plain,
            "rating": asdict(self.rating) if self.rating else None, "truth": self.truth.to_json() if self.truth else None,
            "contrast": self.contrast.to_json() if self.contrast else None,
        }  # fmt: skip


class Gate(Protocol):
    """One reason not to rely on a rule.

    Attributes:
        name: What reports call it.
        always: Whether neither a pin nor a method without gates lifts it.
    """

    name: ClassVar[str]
    always: ClassVar[bool]

    def reason(self, known: RuleEvidence) -> str:
        """Why the rule is held back, with the figures; "" where it is not."""
        ...


class Constant:
    """A rule that scores every row alike says nothing about any of them, and its correlation has no meaning."""

    name: ClassVar[str] = "constant"
    always: ClassVar[bool] = True

    def reason(self, known: RuleEvidence) -> str:
        """See `Gate.reason`."""
        if not known.rows:
            return "no rows"
        return "" if known.only_score is None else f"constant: every row scores {known.only_score:.2f}"


class BarelyVaries:
    """A rule that gives nine rows in ten the same score hardly tells them apart, and correlates with little for that alone."""

    name: ClassVar[str] = "barely varies"
    always: ClassVar[bool] = False

    def reason(self, known: RuleEvidence) -> str:
        """See `Gate.reason`."""
        share = min(100 * known.most_common_share, 99.99)
        return f"barely varies: {share:.4g} % of the rows score the same" if known.most_common_share >= BARELY_VARIES else ""


class Unparseable:
    """A rule by which the judge often fails to give a number is mostly imputed means."""

    name: ClassVar[str] = "unparseable"
    always: ClassVar[bool] = False

    def reason(self, known: RuleEvidence) -> str:
        """See `Gate.reason`."""
        rating = known.rating
        if rating is None or rating.unparseable_share <= MOST_UNPARSEABLE:
            return ""
        asked = rating.rated + rating.unparseable
        return f"unparseable: no score in {rating.unparseable:,} of {asked:,} answers of the judge"


class DisagreesWithItself:
    """A rule that scores the same row differently a second time measures noise."""

    name: ClassVar[str] = "retest"
    always: ClassVar[bool] = False

    def reason(self, known: RuleEvidence) -> str:
        """See `Gate.reason`."""
        again = known.retest
        if again is None or again.rows < FEWEST_RETESTED[again.how] or again.agreement != again.agreement:
            return ""
        highest = correlation_interval(again.agreement, again.rows)[1]
        if highest >= LEAST_SELF_AGREEMENT:
            return ""
        return f"unstable: scores of {again.rows:,} rows {again.how} correlate {again.agreement:+.2f} with the first, at most {highest:+.2f}"


class DisagreesWithPeople:
    """A rule of which it is certain that it says nothing of what people value, or the opposite, in general as well as at equal length."""

    name: ClassVar[str] = "people"
    always: ClassVar[bool] = False

    def reason(self, known: RuleEvidence) -> str:
        """See `Gate.reason`."""
        truth = known.truth
        if truth is None or truth.rows < FEWEST_JUDGED or max(truth.upper, truth.upper_within_length) >= LEAST_TRUTH_AGREEMENT:
            return ""
        return (
            f"against the truth of {truth.rows:,} rows: correlates {truth.correlation:+.2f} with it, "
            f"{truth.correlation_within_length:+.2f} at equal length"
        )


GATES: tuple[Gate, ...] = (Constant(), BarelyVaries(), Unparseable(), DisagreesWithItself(), DisagreesWithPeople())
"""All gates, in the order in which they speak; a new one is one class and one entry."""


@dataclass(frozen=True, slots=True)
class DroppedRule:
    """A rule that is not among the candidates.

    Attributes:
        rule: Its name.
        reason: Why, with the figures.
        gate: The gate that holds it back, or "banned".
    """

    rule: str
    reason: str
    gate: str


@dataclass(frozen=True)
class Reliability:
    """How far the rules of a matrix can be relied on.

    Attributes:
        evidence: What is known of each rule, in column order.
    """

    evidence: tuple[RuleEvidence, ...]

    def of(self, rule: str) -> RuleEvidence | None:
        """What is known of a rule; None where it was not looked at."""
        return next((known for known in self.evidence if known.rule == rule), None)

    @cached_property
    def contrasts(self) -> Mapping[str, RuleContrast]:
        """How well rules tell rows from spoilt copies, by name, as far as it was looked at."""
        return {known.rule: known.contrast for known in self.evidence if known.contrast is not None}

    def gated(self, *, only_always: bool = False, pinned: Sequence[str] = (), gates: Sequence[Gate] = GATES) -> tuple[DroppedRule, ...]:
        """The rules that are held back, each by the first gate that has something against it, in column order.

        Args:
            only_always: Pass over the gates that a method may do without.
            pinned: Rules that only the gates that always hold may hold back.
            gates: Which gates.
        """
        found = []
        for known in self.evidence:
            asked = [gate for gate in gates if gate.always or not (only_always or known.rule in pinned)]
            spoken = next(((reason, gate.name) for gate in asked if (reason := gate.reason(known))), None)
            if spoken is not None:
                found.append(DroppedRule(known.rule, *spoken))
        return tuple(found)

    def to_json(self) -> list[dict[str, Any]]:
        """As the command line prints it."""
        return [known.to_json() for known in self.evidence]


def reliability_of(
    matrix: ScoreMatrix,
    texts: pl.DataFrame | None = None,
    rules: Sequence[Rule] = (),
    *,
    truth: RowTruth | None = None,
    seed: int = 0,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> Reliability:
    """Gathers what is known of the rules of a matrix.

    Args:
        matrix: Scores of all rules.
        texts: `Dataset.texts()`, to score reworded rows and spoilt copies; None leaves unknown what they say of formula rules.
        rules: The formula rules among those of the matrix.
        truth: True quality of some rows.
        seed: Of the samples of rows.
        cancel: Asked between blocks of rows.
        progress: In rows scored a second time.

    Raises:
        CancelledError: When stopped.
    """
    again: dict[str, Retest] = {
        name: Retest(rating.retest, rating.retest_rows, "rated twice") for name, rating in matrix.ratings.items() if rating.retest is not None
    }
    contrasts: dict[str, RuleContrast] = {}
    if texts is not None:
        again |= retests(texts, matrix, rules, seed=seed, cancel=cancel, progress=progress)
        told = rule_contrasts(texts, [rule for rule in rules if rule.name in matrix.rules], seed=seed, cancel=cancel, progress=progress)
        contrasts = {contrast.rule: contrast for contrast in told}
    agreements: Mapping[str, RuleAgreement] = rule_agreements(matrix, truth) if truth is not None else {}
    evidence = (_scores_evidence(summary, matrix.scores[:, at]) for at, summary in enumerate(matrix.summaries))
    return Reliability(
        tuple(
            replace(
                known, rating=matrix.ratings.get(known.rule), retest=again.get(known.rule), truth=agreements.get(known.rule),
                contrast=contrasts.get(known.rule),
            )
            for known in evidence
        )
    )  # fmt: skip


def _scores_evidence(summary: RuleSummary, scores: NDArray[np.float32]) -> RuleEvidence:
    alike = len(scores) > 0 and bool(scores.min() == scores.max())
    return RuleEvidence(summary.rule, float(scores[0]) if alike else None, summary.most_common_share if len(scores) else 1.0, len(scores))
