"""The card of one row: why it is in or out, what it adds, who is near it, its groups, its quality rule by rule, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.select.standing import GroupShare, Standing
    from sde_tui.session_selection import SelectionPart
    from sde_tui.session_selection_card import RuleMark
    from sde_tui.widgets.record_table import RowCells

BAR_CELLS = 12
LEAST_FOR_BARS = 15
_NAME, _LEAD = 20, 8


def card_items(row: int, record: RowCells, line: int, part: SelectionPart, width: int, height: int) -> list[Item]:
    """All that is known of a row, most important first, as far as there is room."""
    standing = part.card.standing(row)
    marks = part.card.rule_marks(row)
    top = [_title(row, record, line, part, width), *_reason_lines(row, part, standing, width)]
    facts = [] if standing is None else _fact_lines(standing, part, width, apart=height >= LEAST_FOR_BARS)
    texts = _text_lines(record, width, 2 if height >= LEAST_FOR_BARS else 1)
    left = height - len(top) - len(facts) - len(texts)
    rules = _rule_bars(marks, width, left) if height >= LEAST_FOR_BARS else _rule_words(marks, width, min(left, 1))
    spare = max(left - len(rules), 0)
    if spare and height >= LEAST_FOR_BARS:
        texts = _text_lines(record, width, 2 + spare // 2)
    return [Item(shown) for shown in [*top, *facts, *rules, *texts][:height]]


def _title(row: int, record: RowCells, line: int, part: SelectionPart, width: int) -> Line:
    rank, hold = part.rank_of(row), part.hold(row)
    spans: list[Span] = [(f"row {row:,}", "strong"), (f"  line {line:,}" if width >= 60 else "", "dim")]
    spans += [(f"  class {record.label}", "text")] if record.label else []
    spans += [(f"  rank {rank:,}/{len(part.selection.picks):,}" if rank and part.selection is not None else "  not in the proposal", "accent")]
    said = [word for word in (record.status, hold) if word]
    return [*spans, *((f"  {word}", "good" if word in ("accepted", "liked", "locked") else "warn") for word in said)]


def _reason_lines(row: int, part: SelectionPart, standing: Standing | None, width: int) -> list[Line]:
    return [[(text, "text")] for text in list(wrapped(visible(_reason(row, part, standing)), width))[:3]]


def _reason(row: int, part: SelectionPart, standing: Standing | None) -> str:
    pick = part.pick_of(row)
    if pick is not None:
        return pick.reason
    move = next((move for move in part.moves if move.row == row), None)
    left = f"Left the proposal, where it had rank {move.rank:,}: {move.why}." if move is not None else "Not in the proposal."
    quality = (
        "" if standing is None or standing.quality is None else f" Quality {standing.quality:.2f}, above {int(100 * standing.better_than)} % of rows."
    )
    return left + quality


def _fact_lines(standing: Standing, part: SelectionPart, width: int, *, apart: bool) -> list[Line]:
    """What it adds, what is near it, its groups; `apart` gives each its own lines, of any number."""
    lines = _led("adds" if standing.rank else "would add", _gain_words(standing, part), width)
    if standing.neighbours:
        lines += _led("near", "   ".join(f"row {other.row:,} {other.similarity:.2f}" for other in standing.neighbours), width)
    for place, words in enumerate(_shares(standing, width - _LEAD, apart=apart)):
        lines += _led("share" if place == 0 else "", words, width)
    return lines + (_led("wish", standing.leaning, width) if standing.leaning and not standing.rank else [])


def _led(lead: str, words: str, width: int) -> list[Line]:
    """A word in front, and what it is about beside it, on as many lines as that takes."""
    cells = max(_LEAD, len(lead) + 2)
    shown = list(wrapped(words, max(width - cells, 12)))
    return [[((lead if place == 0 else "").ljust(cells), "dim"), (text, "text")] for place, text in enumerate(shown)]


def _gain_words(standing: Standing, part: SelectionPart) -> str:
    """What it adds and who is next, or what it would add and who stands in its way."""
    said = f"{standing.gain:+.2f} to the others"
    if standing.rank:
        other, pick = standing.runner_up, part.pick_of(standing.row)
        return said if other is None or pick is None else f"{said}; at its rank {pick.gain:+.2f}, next best row {other.row:,} {other.gain:+.2f}"
    nearest = standing.neighbours[0] if standing.neighbours else None
    if nearest is None or standing.gain_without_nearest is None or standing.last_gain is None:
        return said
    way = f"without row {nearest.row:,} {standing.gain_without_nearest:+.2f}"
    if standing.repeats:
        return f"{standing.gain:+.2f}, but repeats row {nearest.row:,} at {nearest.similarity:.2f}; {way}"
    return f"{standing.gain:+.2f}; the last row taken {standing.last_gain:+.2f}; {way}"


def _shares(standing: Standing, room: int, *, apart: bool) -> list[str]:
    """How much of all rows and of the proposal its class and its cluster are: a line each, or in one line, with names cut to fit."""
    groups = [(kind, share) for kind, share in (("class", standing.label), ("about", standing.cluster)) if share is not None]
    if apart or not groups:
        return [_share_words(kind, share, 30) for kind, share in groups]
    tried = (", ".join(_share_words(kind, share, longest) for kind, share in groups) for longest in (30, 22, 16, 12, 8))
    return [next((words for words in tried if len(words) <= room), _share_words(*groups[0], 30))]


def _share_words(kind: str, share: GroupShare, longest: int) -> str:
    return f"{kind} {visible(share.name, longest) or '(none)'}: {share.whole:.1%} → {share.selected:.1%}"


# ---- its quality, rule by rule


def _rule_words(marks: Sequence[RuleMark], width: int, lines: int) -> list[Line]:
    """The rules that set the row apart most, in one line."""
    if not marks or lines < 1:
        return []
    words = ", ".join(f"{mark.rule} {mark.score:.2f} {'▲' if mark.score > mark.mean else '▼'} mean {mark.mean:.2f}" for mark in marks[:4])
    return [[(f"{'rules':<{_LEAD}}", "dim"), (fit(words, width - _LEAD), "text")]]


def _rule_bars(marks: Sequence[RuleMark], width: int, room: int) -> list[Line]:
    """A line a rule: the score as a bar, the mean of all rows as a mark on it."""
    if not marks or room < 2:
        return []
    shown = marks[: room - 1]
    more = f"; {len(marks) - len(shown)} more" if len(shown) < len(marks) else ""
    head = fit(f"quality by rule (│ mean of all rows){more}", width)
    return [[(head, "dim")], *(_rule_bar(mark, width) for mark in shown)]


def _rule_bar(mark: RuleMark, width: int) -> Line:
    filled, at = round(mark.score * BAR_CELLS), min(int(mark.mean * BAR_CELLS), BAR_CELLS - 1)
    bar = "".join("│" if cell == at else "█" if cell < filled else "·" for cell in range(BAR_CELLS))
    ink = "good" if mark.score > mark.mean + 0.005 else "warn" if mark.score < mark.mean - 0.005 else "dim"
    name = max(min(_NAME, width - BAR_CELLS - 22), 8)
    return [
        (f"{fit(mark.rule, name)} ", "text"),
        (f"{mark.score:.2f} ", ink),
        (bar, ink),
        (f" mean {mark.mean:.2f} {mark.score - mark.mean:+.2f}", "dim"),
    ]


# ---- what it says


def _text_lines(record: RowCells, width: int, room: int) -> list[Line]:
    """Prompt and answer in `room` lines each; in one line together where there is but one."""
    if room < 2:
        return [[(fit(f"▸ {record.prompt}  → {record.answer}", width), "dim")]]
    lines: list[Line] = []
    for lead, text, ink in (("▸ ", record.prompt, "user"), ("→ ", record.answer, "assistant")):
        shown = list(wrapped(lead + text, width))
        lines += [[(fit(piece, width) if len(shown) > room and at == room - 1 else piece, ink)] for at, piece in enumerate(shown[:room])]
    return lines
