"""A comparison in words that claim no more than its intervals allow."""

from __future__ import annotations

from sde_core.evaluate.bootstrap import Interval
from sde_core.evaluate.comparison import ArmResult, Comparison, Difference
from sde_core.visible import visible
from sde_core.wording import count_of

FEW_ROWS = 50
"""Held-out rows below which an interval is called uncertain itself."""


def headline(found: Comparison) -> str:
    """What the comparison as a whole says, in a sentence or two."""
    if not found.runs:
        return f"No run is finished yet; {count_of(found.wanted, 'run')} to do."
    if not found.differences:
        return "There is no pair of arms with a finished run of the same seed yet."
    return " ".join(verdict(difference, len(found.differences)) for difference in _first_shown(found)) + _unfinished(found)


def _first_shown(found: Comparison) -> list[Difference]:
    """The comparison with a draw of the same size where there is one: it alone tells choosing from having less."""
    fair = [difference for difference in found.differences if difference.other.startswith(("random:", "top:"))]
    return (fair or list(found.differences))[:1]


def verdict(difference: Difference, comparisons: int = 1) -> str:
    """One pair of arms in a sentence.

    Args:
        difference: The pair.
        comparisons: How many pairs were compared together; where there are several, a difference must hold with all of them counted.
    """
    arm, other, loss = visible(difference.arm, 60), visible(difference.other, 60), difference.loss
    basis = f"{count_of(loss.seeds, 'seed')} and {count_of(loss.rows, 'row')}"
    chance = "" if loss.seeds > 1 else " The chance in training is not part of it: that takes 3 seeds."
    few = f" With {count_of(loss.rows, 'row')} the interval itself is uncertain." if loss.rows < FEW_ROWS else ""
    if not loss.excludes_zero:
        return f"No difference shown between {arm} and {other} at {basis}: the interval {interval_words(loss)} includes zero.{chance}{few}"
    better = "lower" if loss.estimate < 0 else "higher"
    said = f"{arm} has a {better} held-out loss than {other} by {abs(loss.estimate):.3f} (95 % interval {interval_words(loss)}, {basis})."
    if comparisons > 1 and not difference.adjusted.excludes_zero:
        said += f" As one of {comparisons} comparisons it is not shown: with all counted, {interval_words(difference.adjusted)} includes zero."
    return said + chance + few


def interval_words(interval: Interval) -> str:
    """ "−0.021…+0.034"; an end without bound is said."""
    return "…".join("unbounded" if abs(end) == float("inf") else signed(end) for end in (interval.low, interval.high))


def signed(value: float, decimals: int = 3) -> str:
    """A number with its sign, "−" or "+"."""
    text = f"{abs(value):.{decimals}f}"
    return text if float(text) == 0 else ("−" if value < 0 else "+") + text


def forgetting_words(arm: ArmResult, before: float) -> str:
    """What an arm's training did to general texts."""
    change, after = arm.forgetting, arm.general_loss
    if change is None or after is None:
        return ""
    told = f"{visible(arm.name, 60)}: general loss {before:.3f} before, {after:.3f} after ({interval_words(change)})"
    if not change.excludes_zero:
        return f"{told}: no forgetting shown."
    return f"{told}: " + (f"forgotten by {change.estimate:.3f}." if change.estimate > 0 else "general text became easier.")


def notes(found: Comparison) -> list[str]:
    """What is to be known beside the figures."""
    said = [f"Held out: {found.how}. They are as clean as the data is: mistakes in them count against arms that do not make them."]
    said = [*_diverged_words(found), *said]
    said.append(f"Every run reads {found.budget:,} tokens, give or take half a step; an arm with fewer rows reads them more often.")
    if len(found.differences) > 1:
        said.append(
            f"{len(found.differences)} comparisons: by chance alone one of them looks certain at 95 % in up to {_chance(len(found.differences)):.0%}."
        )
    if any(difference.pir is not None for difference in found.differences):
        said.append(
            "PIR = mean over seeds of full's loss / the arm's loss (above 1 is better; the survey divides scores the other way round). "
            "SDF = the arm's rows / full's rows. The survey's line (arXiv 2406.14115) stands on win rates judged by models: of the residual "
            "only sign and order mean anything."
        )
    if len(found.seeds) < 3:
        said.append(f"{count_of(len(found.seeds), 'seed')}: too few to know the chance in training; 3 or more are better.")
    return said


def _diverged_words(found: Comparison) -> list[str]:
    """Which runs are left out because their loss is no number."""
    said = []
    for arm in found.arms:
        seeds = f"seed{'s' if len(arm.diverged) > 1 else ''} {', '.join(map(str, arm.diverged))}"
        told = f"{visible(arm.name, 60)} diverged with {seeds}: the loss is not a number, and such runs are left out. A lower learning_rate trains."
        said += [told] if arm.diverged else []
    return said


def curve_advice(found: Comparison) -> str:
    """Whether more data still helps, where an arm is compared with shares of itself under the same budget; "" where none is."""
    whole = {arm.name: arm for arm in found.arms}
    shares = [arm for arm in found.arms if arm.name.endswith("%") and arm.name.rpartition(":")[0] in whole and arm.loss is not None]
    if not shares:
        return ""
    largest = max(shares, key=lambda arm: arm.rows)
    pair = {largest.name, largest.name.rpartition(":")[0]}
    difference = next((each for each in found.differences if {each.arm, each.other} == pair), None)
    if difference is None:
        return ""
    full, share = largest.name.rpartition(":")[0], visible(largest.name, 60)
    gain = -difference.loss.estimate if difference.arm == full else difference.loss.estimate
    if not difference.loss.excludes_zero:
        return f"Whether more data than {share} helps is not shown: the interval {interval_words(difference.loss)} includes zero."
    if gain > 0:
        return f"More data still helps: from {share} to {visible(full, 60)} the loss falls by {gain:.3f} for the same tokens."
    return f"More data does not help here: {share} has the lower loss for the same tokens, by {-gain:.3f}."


def _chance(comparisons: int) -> float:
    return float(1 - 0.95**comparisons)


def _unfinished(found: Comparison) -> str:
    return "" if found.runs >= found.wanted else f" {found.runs} of {found.wanted} runs are finished; this may change."
