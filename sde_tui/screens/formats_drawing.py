"""The lines of screen 5: checks and groups at the left, findings or shapes at the right, the one under the cursor in full."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.widgets.bars import bar_spans
from sde_tui.widgets.lines import Item
from sde_tui.widgets.record_table import SEVERITY_GLYPHS
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sde_core.checks.findings import Finding
    from sde_tui.session_formats import CheckEntry, FormatsPart, GroupEntry

STATES = {"fixed": ("✎", "good"), "rejected": ("✗", "bad"), "": (" ", "text")}
_COUNT = 7
_OF_TEMPLATES = re.compile(r"the template is (?:one of (\d+) such as )?(“.*)$")
_QUOTED = re.compile(r'"([^"]*)"$')


def waiting_lines(words: str, ink: str) -> list[Line]:
    """What is shown before anything is known."""
    return [[], [(f"  {words}", ink)], [], [("  Then: what is wrong with fields, turns, characters and answers, the shapes", "dim")],
            [("  that answers have in each group of rows, those that break the habit, and", "dim")], [("  safe fixes.", "dim")]]  # fmt: skip


# ---- the left list


def left_items(part: FormatsPart, width: int) -> list[Item]:
    """Checks that found something, worst first, then the groups of answers."""
    items = [Item([(" Findings", "header"), (fit("", 1), "text"), (_findings_words(part), "dim")])]
    items += [Item(_check_line(entry, width), ("check", entry.name)) for entry in part.entries]
    if part.checked and not part.entries:
        items.append(Item([("   nothing found", "good")]))
    items += [Item([]), Item([(" Answers by group", "header"), (f" {_groups_words(part)}", "dim")])]
    items += [Item(_group_line(group, width), ("group", number)) for number, group in enumerate(part.groups)]
    if part.grouped and not part.groups:
        items.append(Item([("   no written answers", "dim")]))
    return items + _template_items(part, width)


def _template_items(part: FormatsPart, width: int) -> list[Item]:
    """The templates that prompts were made from."""
    if not part.groups:
        return []
    found = sum(bool(entry.title) for entry in part.templates)
    items = [Item([]), Item([(" Prompt templates", "header"), (f" {found:,}" if found else "", "dim")])]
    rows = max(sum(entry.rows for entry in part.templates), 1)
    items += [Item(_template_line(entry, entry.rows / rows, width), ("template", number)) for number, entry in enumerate(part.templates)]
    return items if found else [*items, Item([("   none: prompts are free text", "dim")])]


def _template_line(entry: GroupEntry, share: float, width: int) -> Line:
    """Rows, their share, the fixed words, and how many answers are odd."""
    odd = f" ▴{len(entry.odd)}" if entry.odd else ""
    shown = f"{share:>4.0%} " if share >= 0.005 else " <1% "
    title = entry.title or "no template"
    left = width - _COUNT - 6 - len(odd)
    return [(f"{entry.rows:>{_COUNT},} ", "text"), (shown, "dim"), (fit(title, left), "text" if entry.title else "dim"), (odd, "warn")]


def _findings_words(part: FormatsPart) -> str:
    return "by damage" if part.checked else "not checked"


def _groups_words(part: FormatsPart) -> str:
    if part.grouping:
        return "grouping…"
    if not part.grouped:
        return "not known yet"
    return "% alike" if part.groups else ""


def _check_line(entry: CheckEntry, width: int) -> Line:
    glyph, ink = SEVERITY_GLYPHS[entry.severity]
    fix: Span = ("f", "accent") if entry.fixes else (" ", "text")
    return [(f"{glyph} ", ink), (f"{entry.rows:>{_COUNT - 2},} ", "text"), (fit(entry.name, width - _COUNT - 4), "text"), (" ", "text"), fix]


def _group_line(group: GroupEntry, width: int) -> Line:
    """Rows, the share of the commonest family, what the group is, and how many answers are odd."""
    odd = f" ▴{len(group.odd)}" if group.odd else ""
    left = width - _COUNT - 6 - len(odd)
    return [(f"{group.rows:>{_COUNT},} ", "text"), (f"{group.share:>4.0%} ", "dim"), (fit(short_title(group.title), left), "text"), (odd, "warn")]


def short_title(title: str) -> str:
    """The last value that a group's title names, since that is what tells it from its neighbours; "8×“Sort this…" for one of eight templates."""
    templates = _OF_TEMPLATES.search(title)
    if templates:
        return f"{templates.group(1)}×{templates.group(2)}" if templates.group(1) else templates.group(2)
    quoted = _QUOTED.search(title)
    return f"“{quoted.group(1)}”" if quoted and quoted.group(1) else title


# ---- the right pane


def check_head(entry: CheckEntry) -> tuple[Line, Line]:
    """What the check finds; how much of it can be fixed."""
    glyph, ink = SEVERITY_GLYPHS[entry.severity]
    first: Line = [(f" {visible(entry.title)}", "strong")]
    count = len(entry.findings)
    found = f", {count:,} findings" if count != entry.rows else ""
    second: list[Span] = [(f" {glyph} ", ink), (f"{count_of(entry.rows, 'row')}{found}", "text")]
    if entry.fixes:
        second.append((f" · fix {', '.join(entry.fixes)}", "accent"))
    return first, second


def finding_line(part: FormatsPart, finding: Finding, width: int) -> Line:
    """State, row, field and the evidence of one finding."""
    glyph, ink = STATES[part.state(finding)]
    rows = f"{len(finding.rows):,} rows" if len(finding.rows) > 1 else f"{finding.rows[0]:,}" if finding.rows else "file"
    left = width - 13
    text = visible(finding.evidence, width)
    return [(f"{glyph} ", ink), (f"{rows:>9}  ", "dim"), (fit(text, left), "dim" if ink == "bad" else "text")]


def finding_lines(part: FormatsPart, finding: Finding, width: int, height: int) -> list[Line]:
    """One finding in full: what it says, where, the evidence, and the fix as before and after."""
    lines: list[Line] = [[(text, "strong")] for text in wrapped(visible(finding.message, 400), width)]
    where = f"row {finding.rows[0]:,}" if len(finding.rows) == 1 else f"{len(finding.rows):,} rows" if finding.rows else "the file"
    sure = f" · score {finding.score:.2f}" if finding.score is not None and finding.score < 1 else ""
    lines.append([(where, "dim"), (f" · {visible(finding.field, 60)}" if finding.field else "", "dim"), (sure, "dim")])
    edit = part.preview(finding)
    if edit is not None:
        return lines + _diff_lines(*part.changed_part(edit), width, height - len(lines))
    if finding.fix:
        return [*lines, [("fixed; u takes it back", "good")]]
    room = max(height - len(lines), 1)
    return lines + [[(text, "text")] for text in list(wrapped(visible(finding.evidence, 1000), width))[:room]]


def _diff_lines(before: str, after: str, width: int, room: int) -> list[Line]:
    each = max(room // 2, 1)
    lines: list[Line] = []
    for sign, text, ink in (("- ", before, "bad"), ("+ ", after or "(empty)", "good")):
        lines += [[(sign if number == 0 else "  ", ink), (piece, ink)] for number, piece in enumerate(list(wrapped(text, width - 2))[:each])]
    return lines


def group_head(group: GroupEntry) -> tuple[Line, Line]:
    """What the rows have in common; their habit."""
    broken = f" ▴ {len(group.odd):,} break{'s' if len(group.odd) == 1 else ''} this: " if group.odd else " "
    if group.odd and not group.habits:
        broken = f" ▴ {len(group.odd):,} odd among other rows · "
    habit = "; ".join(group.habits) or f"{group.share:.0%} are {group.family}"
    return [(f" {group.rows:,} answers: {group.title}", "strong")], [(broken, "warn"), (habit, "text")]


def template_head(entry: GroupEntry) -> tuple[Line, Line]:
    """The template; what the answers to it usually are."""
    said = f" {count_of(entry.rows, 'prompt')}: {entry.title}" if entry.title else f" {count_of(entry.rows, 'prompt')} made from no template"
    return [(said, "strong")], group_head(entry)[1]


def template_lines(part: FormatsPart, entry: GroupEntry, rows: Sequence[int], number: int, width: int, height: int) -> list[Line]:
    """The template in full, as far as half of the room goes, over one shape of its answers."""
    title: list[Line] = [[(text, "user")] for text in list(wrapped(entry.title or "no template", width))[: max(height // 2, 1)]]
    return title + shape_lines(part, entry, rows, number, width, height - len(title))


def shape_line(group: GroupEntry, number: int, width: int) -> Line:
    """Rows, share, bar and name of one shape."""
    kind, detail, count = group.shapes[number]
    share = count / group.rows
    bar = 8 if width < 60 else 16
    name = f"{kind} ({detail})" if detail else kind
    shown = f"{share:>4.0%} " if share >= 0.005 else " <1% "
    return [
        (f"{count:>{_COUNT},} ", "text"),
        (shown, "dim"),
        *bar_spans(share, bar),
        (" ", "text"),
        (fit(visible(name, 200), width - _COUNT - bar - 8), "text"),
    ]


def odd_line(part: FormatsPart, entry: GroupEntry, number: int, width: int) -> Line:
    """One answer that breaks the habit, below the shapes."""
    row, _ = entry.odd[number]
    return [(f"{row:>{_COUNT},} ", "dim"), ("▴ ", "warn"), (fit(part.example(row), width - _COUNT - 3), "text")]


def odd_lines(part: FormatsPart, entry: GroupEntry, number: int, width: int, height: int) -> list[Line]:
    """One such answer in full, with what is said of it."""
    row, message = entry.odd[number]
    lines: list[Line] = [[(text, "strong")] for text in wrapped(visible(message, 400), width)]
    lines.append([(f"row {row:,}", "dim")])
    room = max(height - len(lines), 1)
    return lines + [[(text, "assistant")] for text in list(wrapped(part.example(row), width))[:room]]


def shape_lines(part: FormatsPart, group: GroupEntry, rows: Sequence[int], number: int, width: int, height: int) -> list[Line]:
    """One shape in full, with an example."""
    kind, detail, count = group.shapes[number]
    title = f"{count:,} × {kind}" + (f": {detail}" if detail else "")
    lines: list[Line] = [[(text, "strong")] for text in list(wrapped(visible(title, 300), width))[:2]]
    if rows:
        lines.append([(f"row {rows[0]:,}, for example", "dim")])
        room = max(height - len(lines), 1)
        lines += [[(text, "assistant")] for text in list(wrapped(part.example(rows[0]), width))[:room]]
    return lines
