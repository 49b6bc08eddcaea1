"""What the Select screen draws of the list: the summary, its lines, and what is behind a cell of the map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_tui.session_selection_wishes import STATIC
from sde_tui.widgets.density_map import LEGEND
from sde_tui.widgets.lines import Item
from sde_tui.widgets.pick_table import PickCells
from sde_tui.widgets.spans import Line, Span, fit

if TYPE_CHECKING:
    from sde_tui.session_selection import Move, SelectionPart
    from sde_tui.widgets.record_table import RowCells

SLIDER_CELLS = 11
TEMPERED = ("gumbel", "softmax")


def summary_line(part: SelectionPart, warnings: Sequence[str] = ()) -> tuple[Line, Line]:
    """Size, method, what is to be warned of, and balance on the left; what moved on the right."""
    wishes, selection = part.wishes, part.selection
    size = f"{len(selection.picks):,} of {selection.candidates:,} rows" if selection is not None else f"{part.k:,} rows"
    left: list[Span] = [(f" {size}", "strong"), (f": {part.note}" if part.note else "", "warn"), (f"  {wishes.method}  ", "text")]
    encoder = "" if part.encoder == STATIC else visible(Path(part.encoder).name, 24)
    left += [(f"{warning}  ", "warn") for warning in warnings]
    if wishes.method == "dpp":
        crowded = encoder or warnings or part.note or wishes.quota_by or wishes.tokens is not None
        ends = ("", "") if crowded else ("diversity ", " quality ")
        left += [(ends[0], "dim"), (slider(wishes.balance), "accent"), (ends[1], "dim"), (f" {wishes.balance:.2f}", "text")]
    if wishes.method in TEMPERED:
        left += [("chance ← ", "dim"), (f"τ {wishes.tau:g}", "accent"), (" → quality", "dim")]
    left += [(f"  ≤ {wishes.tokens:,} tokens", "accent")] if wishes.tokens is not None else []
    left += [(f"  {wishes.quota_split} by {wishes.quota_by}", "accent")] if wishes.quota_by else []
    left += [(f"  by {encoder}", "accent")] if encoder else []
    return left, _moved_spans(part.moves)


def _moved_spans(moves: Sequence[Move]) -> Line:
    came = sum(move.way == "in" for move in moves)
    return [(f"+{came:,}", "good"), (f" −{len(moves) - came:,} ", "warn"), ("rows ", "dim")] if moves else ()


def slider(balance: float) -> str:
    """The balance as a knob on a line."""
    at = round(balance * (SLIDER_CELLS - 1))
    return "─" * at + "●" + "─" * (SLIDER_CELLS - 1 - at)


def pick_cells(row: int, part: SelectionPart) -> PickCells:
    """A row of the proposal."""
    pick, rank = part.pick_of(row), part.rank_of(row)
    if pick is None or rank is None:
        return PickCells(row, hold=part.hold(row))
    return PickCells(
        row,
        rank=rank,
        quality="" if pick.quality is None else f"{pick.quality:.2f}",
        gain=f"{round(pick.gain, 2) + 0.0:+.2f}",
        nearest="" if pick.nearest_row is None else f"{pick.nearest_row:,}",
        similarity="" if pick.nearest_similarity is None else f"{round(pick.nearest_similarity, 2) + 0.0:.2f}",
        hold=part.hold(row),
    )


def move_cells(move: Move, part: SelectionPart) -> PickCells:
    """A row that came in or left, with the reason."""
    return PickCells(move.row, "+" if move.way == "in" else "−", move.rank, hold=part.hold(move.row), words=move.why)


def wish_cells(row: int, part: SelectionPart) -> PickCells:
    """A row that is held or leaned on, with what was wished of it."""
    cells, weight = pick_cells(row, part), part.wishes.weight_of(row)
    held = {"locked": "always in", "banned": "never in"}.get(part.hold(row), "")
    leaning = f"{'more' if weight > 0 else 'fewer'} like this{f', {abs(weight)} times' if abs(weight) > 1 else ''}" if weight else ""
    return PickCells(row, rank=cells.rank, hold=cells.hold, words="; ".join(word for word in (held, leaning) if word))


def map_title(part: SelectionPart) -> Line:
    """What is seen on the map, and how much that says."""
    plane, zoomed = part.map.plane, part.map.zoomed
    said = "drawing the map…" if plane is None else plane.statement()
    return [(f" {said}", "header"), (f"  zoomed in {2**zoomed}×" if zoomed else "", "accent")]


def map_legend(width: int) -> Line:
    """What the signs mean."""
    return [(fit(f" {LEGEND}", width), "dim")]


def cell_items(part: SelectionPart, line: int, column: int, cells_of: Callable[[int], RowCells], width: int, height: int) -> list[Item]:
    """The rows of the map's cell, the chosen ones first."""
    chosen, others = part.map.rows_at(line, column)
    count = len(chosen) + len(others)
    if not count:
        return [Item([("No row lies here.", "dim")])]
    share = f"{len(chosen) / count:.0%} of them" if chosen else "none of them"
    whole = f"; {len(part.selection.picks) / max(part.candidates, 1):.0%} of all rows are" if part.selection is not None else ""
    items = [
        Item([(f"{count:,} row{'s' if count > 1 else ''} in this cell", "strong"), (f"  {len(chosen):,} chosen, {share}{whole}", "accent")]),
    ]
    room = height - 1
    shown = [*((row, "●") for row in chosen), *((row, " ") for row in others)][: room if count <= room else room - 1]
    for row, sign in shown:
        cells = cells_of(row)
        text = f"{sign} {row:>6,}  " + (f"{cells.label}  " if cells.label else "") + cells.prompt
        items.append(Item([(fit(text, width), "text" if sign == "●" else "dim")]))
    if len(shown) < count:
        items.append(Item([(f"… and {count - len(shown):,} more: enter shows them all in Records", "dim")]))
    return items
