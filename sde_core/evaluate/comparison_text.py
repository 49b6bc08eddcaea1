"""A comparison as text: tables of 80 columns for a terminal, and the report in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.evaluate.bootstrap import Interval
from sde_core.evaluate.comparison import ArmResult, Comparison, Difference
from sde_core.evaluate.verdict import curve_advice, forgetting_words, headline, interval_words, notes, signed, verdict
from sde_core.visible import visible
from sde_core.wording import duration

_NAME, _PAIR = 24, 32


def comparison_lines(found: Comparison) -> list[str]:
    """What `sde compare show` prints: arms, differences, forgetting, and the verdict last."""
    lines = [f"{'arm':<{_NAME}} {'rows':>7} {'epochs':>6} {'loss':>7} {'by row':>7} {'runs':>5} {'time':>10}"]
    lines += [_arm_line(arm) for arm in found.arms]
    if found.base_loss is not None and all(arm.wanted for arm in found.arms):
        lines.append(f"{'before training':<{_NAME}} {'':>7} {'':>6} {found.base_loss:>7.3f}")
    if found.differences:
        lines += ["", f"{'difference in loss':<{_PAIR + 8}} {'95 % interval':>17} {'win–tie–loss':>14}"]
        lines += [line for difference in found.differences for line in _difference_lines(difference)]
        lines += [line for difference in found.differences if (line := _survey_line(difference))]
    lines += _task_lines(found)
    lines += ["", *_forgetting_lines(found), headline(found), *([advice] if (advice := curve_advice(found)) else [])]
    return lines


def _arm_line(arm: ArmResult) -> str:
    figures = "".join(f"{'' if value is None else f'{value:.3f}':>8}" for value in (arm.loss, arm.row_loss))
    runs = f"{arm.runs}/{arm.wanted}" if arm.wanted else ""
    time = duration(arm.seconds) if arm.seconds is not None else ""
    rows, epochs = (f"{arm.rows:,}", f"{arm.epochs:.2g}") if arm.wanted else ("", "")
    return f"{visible(arm.name, _NAME):<{_NAME}} {rows:>7} {epochs:>6}{figures} {runs:>5} {time:>10}".rstrip()


def _difference_lines(difference: Difference) -> list[str]:
    pair = f"{visible(difference.arm, 30)} − {visible(difference.other, 30)}"
    outcome = f"{difference.wins}–{difference.ties}–{difference.losses}"
    by_token, by_row = (f"{signed(interval.estimate):>7} {interval_words(interval):>17}" for interval in (difference.loss, difference.row_loss))
    return [f"{pair:<{_PAIR}} {by_token} {outcome:>14}", f"{'  each row alike':<{_PAIR}} {by_row}"]


def _survey_line(difference: Difference) -> str:
    if difference.pir is None or difference.sdf is None or difference.residual is None:
        return ""
    residual = f"residual from the survey's line {signed(difference.residual)}"
    return f"{visible(difference.arm, 30)} of full: PIR {difference.pir:.3f} by loss · SDF {difference.sdf:.2f} · {residual}"


def _task_lines(found: Comparison) -> list[str]:
    labels, numbers = found.task["label_rows"], found.task["number_rows"]
    lines = []
    if labels:
        values = [f"{visible(arm.name, 20)} {arm.accuracy:.1%} (F1 {arm.macro_f1:.2f})" for arm in found.arms if arm.accuracy is not None]
        lines += ["", f"Right labels, {labels:,} rows: " + " · ".join(values)]
        lines += [f"  {_share_words(each.arm, each.other, each.accuracy)}" for each in found.differences if each.accuracy is not None]
    if numbers:
        values = [f"{visible(arm.name, 20)} {arm.numbers_right:.1%}" for arm in found.arms if arm.numbers_right is not None]
        lines += ["", f"Right numbers, {numbers:,} rows: " + " · ".join(values)]
        lines += [f"  {_share_words(each.arm, each.other, each.numbers)}" for each in found.differences if each.numbers is not None]
    return lines


def _share_words(arm: str, other: str, interval: Interval) -> str:
    return f"{visible(arm, 20)} − {visible(other, 20)}: {signed(interval.estimate)} ({interval_words(interval)})"


def _forgetting_lines(found: Comparison) -> list[str]:
    if found.base_general_loss is None:
        return []
    return [words for arm in found.arms if (words := forgetting_words(arm, found.base_general_loss))]


def report_markdown(found: Comparison) -> str:
    """The report of a comparison."""
    parts = ["# Arms compared", "", headline(found), *([advice] if (advice := curve_advice(found)) else []), ""]
    parts += _table(
        ("arm", "rows", "epochs", "tokens", "steps", "held-out loss", "by row", "train loss", "time"), [_arm_cells(arm) for arm in found.arms]
    )
    if found.differences:
        parts += ["", "## Differences", "", "Held-out loss a token, arm less other; below 0 the arm is better.", ""]
        heads = ("arm", "other", "difference", "95 % interval", "by row", "win–tie–loss", "PIR", "SDF", "residual")
        parts += _table(heads, [_difference_cells(difference) for difference in found.differences])
        parts += ["", *(f"- {verdict(difference, len(found.differences))}" for difference in found.differences)]
    parts += [line if line else "" for line in _task_lines(found)]
    forgetting = _forgetting_lines(found)
    if forgetting:
        parts += ["", "## Forgetting", "", f"Loss a token on {found.general}.", "", *(f"- {line}" for line in forgetting)]
    return "\n".join([*parts, "", "## Notes", "", *(f"- {note}" for note in notes(found)), ""])


def _arm_cells(arm: ArmResult) -> tuple[str, ...]:
    losses = tuple("" if value is None else f"{value:.4f}" for value in (arm.loss, arm.row_loss, arm.train_loss))
    name = visible(arm.name, 60).replace("|", "\\|")
    return (
        name,
        f"{arm.rows:,}",
        f"{arm.epochs:.2f}",
        f"{arm.tokens:,}",
        f"{arm.steps:,}",
        *losses,
        "" if arm.seconds is None else duration(arm.seconds),
    )


def _difference_cells(difference: Difference) -> tuple[str, ...]:
    survey = (difference.pir, difference.sdf, difference.residual)
    names = tuple(visible(name, 60).replace("|", "\\|") for name in (difference.arm, difference.other))
    return (
        *names,
        signed(difference.loss.estimate, 4),
        interval_words(difference.loss),
        f"{signed(difference.row_loss.estimate)} ({interval_words(difference.row_loss)})",
        f"{difference.wins}–{difference.ties}–{difference.losses}",
        *("" if value is None else f"{value:.3f}" for value in survey),
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(f"| {' | '.join(row)} |" for row in rows)]
