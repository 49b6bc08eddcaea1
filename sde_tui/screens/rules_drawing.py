"""The lines of screen 6: the list of rules, one rule in detail, the choice in two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_tui.session_rules import bin_words
from sde_tui.widgets.heat_map import shade
from sde_tui.widgets.histogram import column_lines, sparkline
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.rules import RuleChoice, RuleSummary
    from sde_tui.session_rules import RulesPart

NAME = 18
BINS = 20
_SHORT = 14
"""Up to so many lines the detail keeps to what matters most."""

_FACTS, _NARROW_BAR = 22, 2


def choice_lines(rules: RulesPart, choice: RuleChoice) -> tuple[Line, Line]:
    """What was chosen how, and how much it overlaps, each in one line."""
    seed = f" · seed {choice.seed}" if rules.samples else ""
    first: Line = [
        (f" {len(choice.chosen)} chosen", "strong"), (f" · {rules.method_title()}{seed}", "text"), (f" · mean quality {rules.quality_words}", "dim")
    ]  # fmt: skip
    random = choice.against_random
    if random is None:
        return first, [(f" ρ {choice.rho:.3f}", "strong"), (" · there is no other set of as many candidates to compare with", "dim")]
    better, good = round(random.win_rate * random.subsets), choice.rho < random.median_rho
    second: Line = [
        (f" ρ {choice.rho:.3f}", "strong"), (f" · random sets: median {random.median_rho:.3f}, lowest {random.lowest_rho:.3f} · ", "text"),
        (f"{'✓' if good else '!'} below {better:,} of {random.subsets:,}", "good" if good else "warn"),
    ]  # fmt: skip
    return first, second


def header_line(width: int) -> Line:
    """The names of the list's columns."""
    return [
        (f"   {'rule':<{NAME}} {'mean':>4} {'0  scores of rows  1':<{BINS}} {'length':>6} {'gain, or why not' if width >= 76 else 'gain'}", "dim")
    ]


def rule_items(rules: RulesPart, width: int) -> list[Item]:
    """Headings and one line a rule: chosen, other candidates, no candidates."""
    chosen, others, out = rules.sections()
    items: list[Item] = []
    for title, names in ((f"Chosen {len(chosen)}", chosen), (f"Other candidates {len(others)}", others), (f"No candidates {len(out)}", out)):
        if names:
            items += [Item([(title, "header")]), *(Item(_rule_line(rules, name, width), name) for name in names)]
    return items


def unscored_items(rules: RulesPart, width: int) -> list[Item]:
    """One line a rule with its definition, while there are no scores."""
    return [Item([(f"   {name:<{NAME}} ", "text"), (fit(rules.rule(name).definition, width - NAME - 5), "dim")], name) for name in rules.names]


def _rule_line(rules: RulesPart, name: str, width: int) -> Line:
    matrix = rules.matrix
    assert matrix is not None  # noqa: S101
    summary, counts = matrix.summaries[matrix.index(name)], matrix.histograms[matrix.index(name)].tolist()
    glyph, glyph_ink = _mark(rules, name)
    note, note_ink = _note(rules, name, width - NAME - BINS - 17)
    return [
        (f" {glyph} ", glyph_ink), (f"{name:<{NAME}} ", "strong" if glyph in "✓◆" else "text"), (f"{summary.mean:4.2f} ", "text"),
        (sparkline(counts), "accent"), (f" {_length(summary):>6} ", _length_ink(summary)), (note, note_ink),
    ]  # fmt: skip


def _mark(rules: RulesPart, name: str) -> tuple[str, str]:
    if name in rules.wishes.banned:
        return "✗", "bad"
    if name in rules.wishes.pinned:
        return "◆", "good"
    chosen = rules.choice is not None and name in rules.choice.chosen
    return ("✓", "good") if chosen else ("·", "dim") if rules.reason_out(name) else (" ", "text")


def _note(rules: RulesPart, name: str, room: int) -> Span:
    reason = rules.reason_out(name)
    if reason:
        return (reason if len(reason) <= room else reason.partition(":")[0] if room < 22 else fit(reason.partition(" of ")[0], room).rstrip()), "dim"
    choice = rules.choice
    if choice is not None and name in choice.chosen:
        gain = round(choice.gains[choice.chosen.index(name)], 3) + 0.0
        return ("pinned, " if name in choice.pinned else "") + f"{gain:.3f}", "dim"
    return "", "dim"


def _length(summary: RuleSummary) -> str:
    value = summary.length_correlation
    return "n/a" if value != value else f"{value:+.2f}"


def _length_ink(summary: RuleSummary) -> str:
    return "warn" if abs(summary.length_correlation) >= 0.7 else "dim"


# ---- one rule


def detail_lines(rules: RulesPart, name: str, bin_: int | None, width: int, height: int) -> list[Line]:
    """Definition, histogram with the bar under the cursor, and the rules that are most and least alike.

    Args:
        rules: The scores.
        name: The rule.
        bin_: The bar under the cursor, None where there is none.
        width: Cells of the pane.
        height: Its lines; up to `_SHORT` of them only what matters most is shown.
    """
    short = height <= _SHORT
    lines = _heading(rules, name, width, short)
    if rules.matrix is None:
        return lines
    alike = [_alike_line(rules, name)] if short else []
    lines += _histogram(rules, name, bin_, width, max(min(height - len(lines) - len(alike) - 1, 8), 1) if short else 8)
    return [*lines, *(alike or _alike_lines(rules, name, height - len(lines)))][:height]


def _heading(rules: RulesPart, name: str, width: int, short: bool) -> list[Line]:
    rule, reason = rules.rule(name), rules.reason_out(name)
    if short:
        about = f" · {rule.family} · 1 means: {rule.higher_is}"
        title: list[Line] = [[(name, "strong"), (about if len(name + about) < width else f" · 1 means: {rule.higher_is}", "dim")]]
        return title + [[(line, "text")] for line in list(wrapped(rule.definition, width - 1))[:3]]
    text = rule.definition + (f" ({rule.source})" if rule.source else "")
    title = [[(name, "strong"), (f" · {rule.family}", "dim")], *([(line, "dim")] for line in wrapped(f"1 means: {rule.higher_is}", width - 1))]
    why_out: list[Line] = [[(line, "warn")] for line in wrapped(f"No candidate: {reason}.", width - 1)] if reason else []
    return [*title, [], *([(line, "text")] for line in wrapped(text, width - 1)), *why_out, []]


def _histogram(rules: RulesPart, name: str, bin_: int | None, width: int, height: int) -> list[Line]:
    """Columns over an axis; the figures beside them where there is room, else below."""
    matrix = rules.matrix
    assert matrix is not None  # noqa: S101
    at = matrix.index(name)
    counts, facts = matrix.histograms[at].tolist(), _facts(matrix.summaries[at], len(matrix.rows))
    beside = width >= BINS * _NARROW_BAR + _FACTS
    cell = max(min((width - (_FACTS if beside else 0)) // BINS, 4), 1)
    drawn, axis = column_lines(counts, height, cell, bin_), _axis(cell, bin_)
    bar: list[Span] = [_bar_words(counts, bin_)] if bin_ is not None else []
    if beside:
        return [*([*line, *facts[y : y + 1]] for y, line in enumerate(drawn)), [*axis, *bar]]
    return [*drawn, axis, bar, facts[:2], facts[2:]]


def _facts(summary: RuleSummary, rows: int) -> list[Span]:
    """What stands beside the histogram, most important first."""
    return [
        (f"  mean {summary.mean:.2f} sd {summary.sd:.2f}", "text"), (f"  length {_length(summary)}", _length_ink(summary)),
        (f"  at 0 {summary.share_at_0:.1%}", "dim"), (f"  at 1 {summary.share_at_1:.1%}", "dim"), (f"  {rows:,} rows", "dim"),
    ]  # fmt: skip


def _axis(cell: int, bin_: int | None) -> Line:
    axis = "".join(f"{bin_at / BINS:<{5 * cell}g}" for bin_at in range(0, BINS, 5)).rstrip().ljust(BINS * cell - 1) + "1"
    if bin_ is None:
        return [(axis, "dim")]
    at = bin_ * cell
    return [(axis[:at], "dim"), ("▲", "accent"), (axis[at + 1 :], "dim")]


def _bar_words(counts: list[int], bin_: int) -> Span:
    return f" {bin_words(bin_)}: {counts[bin_]:,}" + (" rows" if counts[bin_] < 100_000 else ""), "accent"


def _alike_line(rules: RulesPart, name: str) -> Line:
    neighbours = rules.neighbours(name)
    if not neighbours:
        return [("It scores every row alike: correlation has no meaning.", "dim")]
    most = ", ".join(f"{other.rule} {_short(other.correlation)}" for other in neighbours[:2])
    return [("most alike ", "dim"), (most, "text"), (" · least ", "dim"), (f"{neighbours[-1].rule} {_short(neighbours[-1].correlation)}", "text")]


def _short(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}".replace("0.", ".")


def _alike_lines(rules: RulesPart, name: str, room: int) -> list[Line]:
    neighbours = rules.neighbours(name)
    if not neighbours:
        return [[], _alike_line(rules, name)]
    lines: list[Line] = [[], [("Most alike", "header"), ("  correlation", "dim")]]
    for other in neighbours[: max(room - 7, 3)]:
        bar = "█" * round(abs(other.correlation) * 20)
        lines.append([(f"{other.correlation:+.2f} ", "text"), (f"{other.rule:<{NAME}} ", "text"), (bar or "▏", "accent")])
    lines += [[], [("Least alike", "header")]]
    return lines + [[(f"{other.correlation:+.2f} {other.rule}", "text")] for other in neighbours[:-4:-1]]


def pair_line(left: str, right: str, value: float) -> Line:
    """The pair under the heat map's cursor."""
    if left == right:
        return [(f" {left}", "strong"), (" with itself", "dim")]
    return [(f" {left} × {right}  ", "strong"), (f"{shade(value)} {value:+.3f}", "text"), ("   █ ≥.7  ▓ ≥.5  ▒ ≥.3  ░ ≥.1", "dim")]
