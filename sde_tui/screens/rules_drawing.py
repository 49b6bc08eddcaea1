"""The lines of screen 6: the list of rules, one rule in detail, the choice in two lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.session_rules import bin_words
from sde_tui.widgets.heat_map import shade
from sde_tui.widgets.histogram import column_lines, sparkline
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.rules import PlainRule, Rule, RuleChoice, RuleSummary, WinRate
    from sde_tui.session_rules import RulesPart

NAME = 18
BINS = 20
_SHORT = 14
"""Up to so many lines the detail keeps to what matters most."""

_FACTS, _NARROW_BAR = 22, 2
_BEFORE_NOTE = NAME + BINS + 22
_FULL = _BEFORE_NOTE + 20
_MOSTLY_LENGTH = 0.6
_ROOMY = 100
_LEGEND = "   █ ≥.7  ▓ ≥.5  ▒ ≥.3  ░ ≥.1"


def choice_lines(rules: RulesPart, choice: RuleChoice, width: int) -> tuple[Line, Line]:
    """What was chosen how, and how much it overlaps, each in one line."""
    first = _chosen_line(rules, choice, width)
    random = choice.against_random
    if random is None:
        return first, [(f" ρ {choice.rho:.3f}", "strong"), (" · there is no other set of as many candidates to compare with", "dim")]
    lowest = f", lowest {random.lowest_rho:.3f}" if width >= _ROOMY else ""
    second: Line = [
        (f" ρ {choice.rho:.3f}", "strong"), (f" · random sets: median {random.median_rho:.3f}{lowest} · ", "text"),
        *_win_spans(random.win, random.subsets, choice.rho <= random.median_rho),
    ]  # fmt: skip
    return first, second


def _chosen_line(rules: RulesPart, choice: RuleChoice, width: int) -> Line:
    """How many rules of what rows, by which method, with which quality; the least of it goes first where there is no room."""
    matrix, seed = rules.matrix, f" · seed {choice.seed}" if rules.samples else ""
    sample = f" · sample of {len(matrix.rows):,} rows" if matrix is not None and matrix.rows_of_sample else ""
    count, title = f" {len(choice.chosen)} chosen", rules.method_title()
    if rules.labels:
        return [(count, "strong"), (sample, "warn"), (f" · quality {rules.quality_words}, fitted to labels", "accent")]
    titles, qualities = (title, title.partition(" (")[0]), (f" · mean quality {rules.quality_words}", "")
    tails = [f" · {words}{seed}{quality}" for quality in qualities for words in titles]
    tail = next((tail for tail in tails if len(count + sample + tail) <= width), tails[-1])
    way, joint, quality = tail.partition(" · mean quality")
    return [(count, "strong"), (sample, "warn"), (way, "text"), (joint + quality, "dim")]


def truth_line(choice: RuleChoice, width: int) -> Line | None:
    """How close the mean of the chosen rules is to what people said; None where they said nothing."""
    random = choice.against_random
    if random is None or random.truth is None:
        return None
    truth = random.truth
    rows = f" to {count_of(truth.rows, 'judged row')}" if width >= _ROOMY else ""
    link = f" · ρ and MSE go {_short(truth.rho_correlation)}" if width >= _ROOMY and truth.rho_correlation == truth.rho_correlation else ""
    return [
        (f" MSE {truth.mse:.3f}", "strong"), (f"{rows} · random sets: median {truth.median_mse:.3f} · ", "text"),
        *_win_spans(truth.win, random.subsets, truth.mse <= truth.median_mse), (link, "dim"),
    ]  # fmt: skip


def _win_spans(win: WinRate, subsets: int, good: bool) -> list[Span]:
    """ "✓ below 930 of 1,000 (95 %: 91–94 %)": the interval of the share of all random sets that have a larger number."""
    lower, upper = 100 * win.lower, 100 * win.upper
    span = "> 99 %" if lower > 99 else "< 1 %" if upper < 1 else f"{lower:.0f}–{upper:.0f} %"
    return [(f"{'✓' if good else '!'} below {win.wins:,} of {subsets:,}", "good" if good else "warn"), (f" (95 %: {span})", "dim")]


def header_line(width: int) -> Line:
    """The names of the list's columns."""
    note = "weight, or why not" if width >= _FULL else "weight"
    return [(f"   {'rule':<{NAME}} {'mean':>4} {'0  scores of rows  1':<{BINS}} {'length':>6} {'tells':>5} {note}", "dim")]


def rule_items(rules: RulesPart, width: int) -> list[Item]:
    """Headings and one line a rule: chosen, other candidates, held back, banned, not rated."""
    chosen, others, out = rules.sections()
    gate = {name: rules.gate(name) for name in out}
    sections = [
        (f"Chosen {len(chosen)}", chosen),
        (f"Other candidates {len(others)}", others),
        ("Held back before choosing: {}", [name for name in out if gate[name] not in ("banned", "not rated")]),
        ("Banned {}", [name for name in out if gate[name] == "banned"]),
        ("Not rated yet {}", [name for name in out if gate[name] == "not rated"]),
    ]
    items: list[Item] = []
    for title, names in sections:
        if names:
            items += [Item([(title.format(len(names)), "header")]), *(Item(_rule_line(rules, name, width), name) for name in names)]
    return items


def unscored_items(rules: RulesPart, width: int) -> list[Item]:
    """One line a rule with its definition, while there are no scores."""
    return [
        Item([(f"   {_name(name)} ", "text"), (fit(visible(_definition(rules.rule(name)), 300), width - NAME - 5), "dim")], name)
        for name in rules.names
    ]


def _name(name: str) -> str:
    return fit(visible(name, 60), NAME)


def _definition(rule: Rule | PlainRule) -> str:
    return getattr(rule, "definition", "") if hasattr(rule, "formula") else getattr(rule, "sentence", "")


def _rule_line(rules: RulesPart, name: str, width: int) -> Line:
    matrix = rules.matrix
    assert matrix is not None  # noqa: S101
    glyph, glyph_ink = _mark(rules, name)
    ink = "strong" if glyph in "✓◆" else "text"
    if name not in matrix.rules:
        return [(f" {glyph} ", glyph_ink), (f"{_name(name)} ", ink), (rules.reason_out(name), "dim")]
    summary, counts = matrix.summaries[matrix.index(name)], matrix.histograms[matrix.index(name)].tolist()
    return [
        (f" {glyph} ", glyph_ink), (f"{_name(name)} ", ink), (f"{summary.mean:4.2f} ", "text"), (sparkline(counts), "accent"),
        (f" {_length(summary)}", _length_ink(summary)), (f" {_tells(rules, name)}", "dim"), _note(rules, name, width - _BEFORE_NOTE),
    ]  # fmt: skip


def _mark(rules: RulesPart, name: str) -> tuple[str, str]:
    if name in rules.book.banned:
        return "✗", "bad"
    if name in rules.book.pinned:
        return "◆", "good"
    chosen = rules.choice is not None and name in rules.choice.chosen
    return ("✓", "good") if chosen else ("·", "dim") if rules.reason_out(name) else (" ", "text")


def _note(rules: RulesPart, name: str, room: int) -> Span:
    """Why a rule is out, or how much a chosen one counts, and whether it is mostly length."""
    reason = rules.reason_out(name)
    if reason:
        short = reason if len(reason) <= room else reason.partition(":")[0] if room < 30 else fit(reason.partition(" of ")[0], room).rstrip()
        return f" {short}", "dim"
    choice, length = rules.choice, "mostly length" if rules.mostly_length(name) else ""
    if choice is None or name not in choice.chosen:
        return f" {length}", "warn"
    weight = rules.weight(name)
    share = "partly rated" if weight is None else f"{100 * weight:.0f} %"
    if rules.labels:
        share = "no weight" if weight is None else f"weight {weight:+.2f}"
    words = f"pinned, {share}" if name in choice.pinned else share
    words = words if len(words) < room else share
    return f" {words}" + (f" {length}" if length and len(words) + len(length) + 3 <= room else ""), "warn" if length else "dim"


def _tells(rules: RulesPart, name: str) -> str:
    known = rules.evidence(name)
    return f"{known.contrast.wins:5.2f}" if known is not None and known.contrast is not None and known.contrast.pairs else f"{'–':>5}"


def _length(summary: RuleSummary) -> str:
    value = summary.length_correlation
    return "   n/a" if value != value else f"{value:+.2f}!" if abs(value) > _MOSTLY_LENGTH else f"{value:+6.2f}"


def _length_ink(summary: RuleSummary) -> str:
    return "warn" if abs(summary.length_correlation) > _MOSTLY_LENGTH else "dim"


# ---- one rule


def detail_lines(rules: RulesPart, name: str, bin_: int | None, width: int, height: int) -> list[Line]:
    """Definition, histogram with the bar under the cursor, how far the rule can be relied on, and the rules that are most and least alike.

    Args:
        rules: The scores.
        name: The rule.
        bin_: The bar under the cursor, None where there is none.
        width: Cells of the pane.
        height: Its lines; up to `_SHORT` of them only what matters most is shown.
    """
    short = height <= _SHORT
    lines = _heading(rules, name, width, short)
    if rules.matrix is None or name not in rules.matrix.rules:
        return lines[:height]
    known, reason = reliance_lines(rules, name), rules.reason_out(name)
    if short:
        known = [(f"no candidate: {reason}", "warn"), *known] if reason else known
        tail: list[Line] = [_in_one_line(known, width)] if known else []
        tail.append(_alike_line(rules, name, width))
        room = max(height - len(tail) - 3, 2)
        if len(lines) > room:
            lines = [*lines[: room - 1], [(fit(f"{lines[room - 1][0][0]} …", width - 1), "text")]]
        lines += _histogram(rules, name, bin_, width, max(min(height - len(lines) - len(tail) - 1, 8), 1))
        return [*lines, *tail][:height]
    lines += _histogram(rules, name, bin_, width, 8)
    lines += [[], *([(line, ink)] for words, ink in known for line in wrapped(words, width - 1))]
    return [*lines, *_alike_lines(rules, name, width, height - len(lines))][:height]


def _in_one_line(known: list[Span], width: int) -> Line:
    """As many of these as there is room for, the first at least."""
    line: list[Span] = []
    for words, ink in known:
        joined = f" · {words}" if line else words
        if line and sum(len(span[0]) for span in line) + len(joined) >= width:
            break
        line.append((joined, ink))
    return line


def reliance_lines(rules: RulesPart, name: str) -> list[Span]:
    """How far a rule can be relied on, most important first; each a sentence without its full stop."""
    known = rules.evidence(name)
    if known is None:
        return []
    lines: list[Span] = []
    if rules.mostly_length(name):
        lines.append(("mostly length: its scores follow the words of the answer", "warn"))
    if known.rating is not None:
        unread = f", {known.rating.unparseable:,} unparseable" if known.rating.unparseable else ""
        lines.append((f"rated {count_of(known.rating.rated, 'row')}{unread}", "warn" if unread else "text"))
    if known.truth is not None:
        lines.append((f"right on {_share(known.truth.auroc)} of judged pairs, {_share(known.truth.auroc_at_equal_length)} at equal length", "text"))
    if known.contrast is not None and known.contrast.pairs:
        wins = f"{known.contrast.wins:.2f} ({known.contrast.lower:.2f}–{known.contrast.upper:.2f})"
        lines.append((f"tells a row from one with another's answer: {wins}", "text"))
    if known.retest is not None and known.retest.agreement == known.retest.agreement:
        lines.append((f"agrees with itself: {known.retest.agreement:+.2f} ({count_of(known.retest.rows, 'row')} {known.retest.how})", "text"))
    return lines


def _share(value: float) -> str:
    return "n/a" if value != value else f"{100 * value:.0f} %"


def _heading(rules: RulesPart, name: str, width: int, short: bool) -> list[Line]:
    """Name, family or origin, what 1 means, and the definition."""
    rule, reason = rules.rule(name), rules.reason_out(name)
    shown, family, high, definition = visible(name, 60), *_said(rule)
    about = [part for part in (family, f"1 means: {high}" if high else "") if part]
    if short:
        beside = next((part for part in (" · ".join(about), about[-1]) if len(shown) + len(part) + 3 < width), "")
        brief: list[Line] = [[(shown, "strong"), (f" · {beside}" if beside else "", "dim")]]
        words = definition if beside or high else f"{family}. {definition}"
        return brief + [[(line, "text")] for line in wrapped(words, width - 1)]
    lines: list[Line] = [[(line, "strong")] for line in textwrap.wrap(shown, width - 1)]
    lines += [[(line, "dim")] for part in about for line in wrapped(part, width - 1)]
    why_out: list[Line] = [[(line, "warn")] for line in wrapped(f"No candidate: {reason}.", width - 1)] if reason else []
    return [*lines, [], *([(line, "text")] for line in wrapped(definition, width - 1)), *why_out, []]


def _said(rule: Rule | PlainRule) -> tuple[str, str, str]:
    """Family or origin, what a high score means, and the definition or sentence."""
    if not hasattr(rule, "sentence"):
        return rule.family, rule.higher_is, rule.definition + (f" ({rule.source})" if rule.source else "")
    by = visible(rule.origin.by, 40)
    origin = {"hand": "written by hand", "generated": f"generated by {by or 'a model'}", "imported": f"imported from {by or 'a file'}"}
    return f"plain rule, {origin[rule.origin.kind]}", "", visible(rule.sentence, 2000)


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
        (f"  mean {summary.mean:.2f} sd {summary.sd:.2f}", "text"), (f"  length {_length(summary).strip()}", _length_ink(summary)),
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


def _alike_line(rules: RulesPart, name: str, width: int) -> Line:
    neighbours = rules.neighbours(name)
    if not neighbours:
        return [("It scores every row alike: correlation has no meaning.", "dim")]
    least = f"{_name(neighbours[-1].rule).rstrip()} {_short(neighbours[-1].correlation)}"
    near = [f"{_name(other.rule).rstrip()} {_short(other.correlation)}" for other in neighbours[:2]]
    most = next((words for words in (", ".join(near), near[0]) if len(words) + len(least) + 20 < width), near[0])
    return [("most alike ", "dim"), (most, "text"), (" · least ", "dim"), (least, "text")]


def _short(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}".replace("0.", ".")


def _alike_lines(rules: RulesPart, name: str, width: int, room: int) -> list[Line]:
    neighbours = rules.neighbours(name)
    if not neighbours:
        return [[], _alike_line(rules, name, width)]
    lines: list[Line] = [[], [("Most alike", "header"), ("  correlation", "dim")]]
    for other in neighbours[: max(room - 7, 3)]:
        bar = "█" * round(abs(other.correlation) * min(20, max(width - NAME - 8, 4)))
        lines.append([(f"{other.correlation:+.2f} ", "text"), (f"{_name(other.rule)} ", "text"), (bar or "▏", "accent")])
    lines += [[], [("Least alike", "header")]]
    return lines + [[(f"{other.correlation:+.2f} {visible(other.rule, 60)}", "text")] for other in neighbours[:-4:-1]]


def pair_line(left: str, right: str, value: float, width: int) -> Line:
    """The pair under the heat map's cursor; what the glyphs stand for where there is room."""
    left, right = visible(left, 60), visible(right, 60)
    if left == right:
        return [(f" {left}", "strong"), (" with itself", "dim")]
    pair, figure = f" {left} × {right}  ", f"{shade(value)} {value:+.3f}"
    return [(pair, "strong"), (figure, "text"), (_LEGEND if len(pair + figure + _LEGEND) < width else "", "dim")]
