"""The lines of the screen of arms: one an arm with its runs, one a pair with its interval, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.evaluate.comparison import ArmResult, Comparison, Difference
from sde_core.evaluate.verdict import curve_advice, forgetting_words, headline, interval_words, notes, signed, verdict
from sde_core.visible import visible
from sde_core.wording import duration
from sde_tui.widgets.interval_bars import Bounds, interval_bar, zero_mark
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped


def items_of(found: Comparison, width: int) -> list[Item]:
    """Arms and pairs; each of both can be chosen."""
    heads = f"  {'runs':<10}{'rows':>8}{'epochs':>7}{'loss':>8}{'time':>10}  arm"
    items = [Item([(heads, "header")]), *(Item(_arm_line(arm, found, width), ("arm", arm.name)) for arm in found.arms)]
    if found.base_loss is not None and all(arm.wanted for arm in found.arms):
        items.append(Item([(f"  {'':<10}{'':>8}{'':>7}{found.base_loss:>8.3f}{'':>10}  before training", "dim")]))
    if found.differences:
        room = _bar_room(width)
        heads = f"  {'difference':>10}  {'95 % interval':<17}{zero_mark(_bounds(found.differences), room)}  pair · below 0: first better"
        items += [Item([(fit(heads, width), "header")])]
        items += [Item(_pair_line(each, found.differences, room, width), ("pair", place)) for place, each in enumerate(found.differences)]
    return items


def _arm_line(arm: ArmResult, found: Comparison, width: int) -> Line:
    runs = "✓" * arm.runs + "·" * (arm.wanted - arm.runs) if arm.wanted <= 9 else f"{arm.runs}/{arm.wanted}"
    rows, epochs = (f"{arm.rows:,}", f"{arm.epochs:.2g}") if arm.wanted else ("", "")
    loss = "" if arm.loss is None else f"{arm.loss:.3f}"
    time = "" if arm.seconds is None else duration(arm.seconds, units=1)
    best = arm.loss is not None and arm.loss == min(each.loss for each in found.arms if each.loss is not None)
    head = f"{rows:>8}{epochs:>7}{loss:>8}{time:>10}  "
    name = visible(arm.name, 60)
    right = f"  {arm.accuracy:.0%} of labels right" if arm.accuracy is not None and width >= 100 else ""
    return [(f"  {runs:<10}", "good" if arm.runs == arm.wanted else "accent"), (head, "strong" if best else "text"), (name, "text"), (right, "dim")]


def _bar_room(width: int) -> int:
    return 14 if width < 100 else 30


def _bounds(differences: Sequence[Difference]) -> list[Bounds]:
    return [(each.loss.low, each.loss.estimate, each.loss.high) for each in differences]


def _pair_line(each: Difference, differences: Sequence[Difference], room: int, width: int) -> Line:
    ink = "text" if not each.loss.excludes_zero else "good" if each.loss.estimate < 0 else "bad"
    pair = f"{visible(each.arm, 40)} − {visible(each.other, 40)}"
    figures = f"  {signed(each.loss.estimate):>10}  {interval_words(each.loss):<17}"
    left = width - len(figures) - room - 3
    bar = interval_bar(_bounds([each])[0], _bounds(differences), room)
    return [(figures, ink), (bar, ink), ("  ", "text"), (fit(pair, max(left, 8)).rstrip(), "text")]


def words_of(found: Comparison, chosen: tuple[str, object] | None, width: int) -> list[Line]:
    """What is said of the line under the cursor, then the verdict of the whole."""
    kind, value = chosen or ("", None)
    lines: list[Line] = []
    if kind == "pair" and isinstance(value, int) and value < len(found.differences):
        lines += _pair_words(found.differences[value], len(found.differences), width)
    else:
        lines += [[(line, "strong")] for line in wrapped(headline(found), width)]
    arm = next((each for each in found.arms if kind == "arm" and each.name == value), None)
    if arm is not None:
        lines += [[(line, "text")] for line in wrapped(_arm_words(arm, found), width)]
    advice = curve_advice(found)
    lines += [[(line, "text")] for line in wrapped(advice, width)] if advice else []
    return [*lines, *([(line, "dim")] for note in notes(found) for line in wrapped(note, width))]


def _pair_words(each: Difference, comparisons: int, width: int) -> list[Line]:
    said = f"Of {each.loss.rows:,} rows {each.wins:,} better, {each.ties:,} alike, {each.losses:,} worse (by more than 0.01)."
    if each.accuracy is not None:
        said += f" Right labels {signed(each.accuracy.estimate)} ({interval_words(each.accuracy)})."
    if each.pir is not None and each.sdf is not None and each.residual is not None:
        said += f" PIR {each.pir:.3f} by loss, SDF {each.sdf:.2f}, {signed(each.residual)} from the survey's line."
    return [*([(line, "strong")] for line in wrapped(verdict(each, comparisons), width)), *([(line, "text")] for line in wrapped(said, width))]


def _arm_words(arm: ArmResult, found: Comparison) -> str:
    if not arm.wanted:
        return "The model before any training."
    seeds = ", ".join(f"{loss:.3f}" for _, loss in arm.by_seed)
    said = f"{visible(arm.name, 60)}: {arm.steps:,} steps, {arm.tokens:,} tokens a run"
    said += f"; held-out loss by seed {seeds}" if seeds else ""
    said += f"; training loss at the end {arm.train_loss:.3f}" if arm.train_loss is not None else ""
    forgot = forgetting_words(arm, found.base_general_loss) if found.base_general_loss is not None else ""
    return f"{said}. {forgot.partition(': ')[2].capitalize()}".rstrip()
