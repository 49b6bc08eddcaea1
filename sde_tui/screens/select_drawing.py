"""What the Select screen draws: the summary, the table of before and after, and the card of one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_tui.widgets.lines import Item
from sde_tui.widgets.pick_table import PickCells
from sde_tui.widgets.spans import Line, Span, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.select import Coverage, Pick, SubsetProfile
    from sde_tui.session_selection import Move, SelectionPart
    from sde_tui.widgets.record_table import RowCells

SLIDER_CELLS = 11
CLASS_CELLS = 12
NO_CLASS = "(no label)"


def summary_line(part: SelectionPart) -> tuple[Line, Line]:
    """Size, method and balance on the left; what moved on the right."""
    wishes, selection = part.wishes, part.selection
    size = f"{selection.params.k:,} of {selection.candidates:,} rows" if selection is not None else f"{part.k:,} rows"
    left: list[Span] = [(f" {size}", "strong"), (f": {part.note}" if part.note else "", "warn"), (f"  {wishes.method}  ", "text")]
    if wishes.method == "dpp":
        ends = ("", "") if part.note else ("diversity ", " quality ")
        left += [(ends[0], "dim"), (slider(wishes.balance), "accent"), (ends[1], "dim"), (f" {wishes.balance:.2f}", "text")]
    return left, _moved_spans(part.moves)


def _moved_spans(moves: Sequence[Move]) -> Line:
    came = sum(move.way == "in" for move in moves)
    return [(f"+{came:,}", "good"), (f" −{len(moves) - came:,} ", "warn"), ("rows ", "dim")] if moves else ()


def slider(balance: float) -> str:
    """The balance as a knob on a line."""
    at = round(balance * (SLIDER_CELLS - 1))
    return "─" * at + "●" + "─" * (SLIDER_CELLS - 1 - at)


# ---- before and after


def coverage_lines(coverage: Coverage | None, width: int) -> list[Line]:
    """All rows, the proposal and as many random rows: one line each."""
    header = f"{'':<9}{'rows':>8}{'classes':>9}{'quality':>9}{'length':>8}{'spread':>8}{'distance':>10}{'radius':>8}"
    lines: list[Line] = [[(fit(header, width), "dim")]]
    if coverage is None:
        return [*lines, [("measuring…", "dim")]]
    bound = "≥" if coverage.measured_rows is not None else ""
    for name, profile, ink in arms(coverage):
        lines.append([(fit(f"{name:<9}{_figures(profile, coverage.full.rows, bound)}", width), ink)])
    return lines


def arms(coverage: Coverage) -> list[tuple[str, SubsetProfile, str]]:
    """(name, profile, ink) of the three columns."""
    return [("all", coverage.full, "dim"), ("proposal", coverage.proposal, "strong"), ("random", coverage.random, "dim")]


def _figures(profile: SubsetProfile, rows: int, bound: str) -> str:
    classes = f"{sum(count > 0 for _, count in profile.classes)}" if profile.classes else "–"
    whole = profile.rows == rows
    distance = "–" if whole else f"{profile.mean_distance:.3f}"
    radius = "–" if whole else f"{bound}{profile.covering_radius:.3f}"
    figures = f"{profile.rows:>8,}{classes:>9}{_decimal(profile.mean_quality):>9}{profile.length_quantiles[1]:>8,.0f}"
    return f"{figures}{_decimal(profile.spread):>8}{distance:>10}{radius:>8}"


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def class_lines(coverage: Coverage | None, width: int) -> list[Line]:
    """Shares of as many classes as there is room for, a column each."""
    if coverage is None:
        return [[("measuring…", "dim")]]
    if not coverage.full.classes:
        return [[("These rows have no label; m in Records names the field that is one.", "dim")]]
    columns = _class_shares([profile for _, profile, _ in arms(coverage)], max((width - 9) // CLASS_CELLS, 2))
    titles = "".join(fit(name, CLASS_CELLS - 1).rstrip().rjust(CLASS_CELLS) for name, _ in columns)
    lines: list[Line] = [[(fit(f"{'':<9}{titles}", width), "dim")]]
    for place, (name, _, ink) in enumerate(arms(coverage)):
        shares = "".join(f"{shares[place]:>{CLASS_CELLS}.1%}" for _, shares in columns)
        lines.append([(fit(f"{name:<9}{shares}", width), ink)])
    return lines


def legend_lines(width: int) -> list[Line]:
    """What the figures mean."""
    meanings = (
        "length: characters of the answer in the middle row",
        "spread: mean distance of a chosen row to the nearest other chosen one",
        "distance: mean distance of a row left out to the nearest chosen one",
        "radius: the largest of those; distances are 1 − cosine similarity",
    )
    return [[(line, "dim")] for meaning in meanings for line in wrapped(meaning, width)]


def side_lines(coverage: Coverage | None, width: int, height: int) -> list[Line]:
    """The same figures with a line each, and below them the classes, or else what the figures mean, as far as there is room."""
    names = max(width - 30, 10)
    head = fit("", names) + "".join(f"{name:>10}" for name in ("all", "proposal", "random"))
    lines: list[Line] = [[(head, "dim")]]
    if coverage is None:
        return [*lines, [("measuring…", "dim")]]
    profiles = [profile for _, profile, _ in arms(coverage)]
    bound = "≥" if coverage.measured_rows is not None else ""
    figures = [
        ("rows", [f"{profile.rows:,}" for profile in profiles]),
        ("mean quality", [_decimal(profile.mean_quality) for profile in profiles]),
        ("answer, characters", [f"{profile.length_quantiles[1]:,.0f}" for profile in profiles]),
        ("spread", [_decimal(profile.spread) for profile in profiles]),
        ("mean distance", ["–", *(f"{profile.mean_distance:.3f}" for profile in profiles[1:])]),
        ("covering radius", ["–", *(f"{bound}{profile.covering_radius:.3f}" for profile in profiles[1:])]),
    ]
    lines += [_side_line(name, cells, names) for name, cells in figures]
    lines += [_side_line(name, [f"{share:.1%}" for share in shares], names) for name, shares in _class_shares(profiles, height - len(lines))]
    legend = legend_lines(width)
    return [*lines, [], *legend] if len(lines) + 1 + len(legend) <= height else lines


def _class_shares(profiles: Sequence[SubsetProfile], room: int) -> list[tuple[str, list[float]]]:
    """(name, its share in each profile) of at most `room` classes; the last line sums up those that do not fit."""
    shares = [
        (visible(name, 40) or NO_CLASS, [profile.classes[place][1] / max(profile.rows, 1) for profile in profiles])
        for place, (name, _) in enumerate(profiles[0].classes)
    ]
    if len(shares) <= max(room, 0):
        return shares
    kept, rest = shares[: max(room - 1, 0)], shares[max(room - 1, 0) :]
    return [*kept, (f"{len(rest)} more", [sum(column) for column in zip(*(share for _, share in rest), strict=True)])]


def _side_line(name: str, cells: Sequence[str], names: int) -> Line:
    whole, proposal, random = cells
    return [(fit(name, names), "text"), (f"{whole:>10}", "dim"), (f"{proposal:>10}", "strong"), (f"{random:>10}", "dim")]


# ---- one row


def card_items(row: int, record: RowCells, line: int, part: SelectionPart, width: int, height: int, nearest: RowCells | None) -> list[Item]:
    """Why the row is in or out, and what it says."""
    pick, rank = part.pick_of(row), part.rank_of(row)
    title: list[Span] = [(f"row {row:,}", "strong"), (f"  line {line:,}" if width >= 60 else "", "dim")]
    title += [(f"  class {record.label}", "text")] if record.label else []
    title += [(f"  rank {rank:,}/{part.selection.params.k:,}" if rank and part.selection is not None else "  not in the proposal", "accent")]
    title += [(f"  {record.status or part.hold(row)}", "good" if record.status == "accepted" else "warn")] if record.status or part.hold(row) else []
    lines: list[Line] = [title]
    lines += [[(text, "text")] for text in wrapped(visible(_why(pick, row, part)), width)][: max(height - 2, 1)]
    texts = [("▸ ", record.prompt, "user"), ("→ ", record.answer, "assistant")]
    if nearest is not None and height > 6:
        texts.append((f"nearest, row {nearest.row:,}: ", nearest.prompt, "dim"))
    left = height - len(lines)
    if left < len(texts):
        lines += [[(fit(f"▸ {record.prompt}  → {record.answer}", width), "dim")]] * min(left, 1)
    else:
        for place, (lead, text, ink) in enumerate(texts):
            room = max((left - len(texts) + place + 1) // 3, 1) if height > 8 else 1
            shown = list(wrapped(lead + text, width))
            lines += [[(fit(piece, width) if len(shown) > room and at == room - 1 else piece, ink)] for at, piece in enumerate(shown[:room])]
    return [Item(line) for line in lines[:height]]


def _why(pick: Pick | None, row: int, part: SelectionPart) -> str:
    if pick is not None:
        return pick.reason
    move = next((move for move in part.moves if move.row == row), None)
    return f"Left the proposal, where it had rank {move.rank:,}: {move.why}." if move is not None else "Not in the proposal."


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
    """A row that came in, with its figures, or one that left, with the reason."""
    if move.way == "in":
        cells = pick_cells(move.row, part)
        return PickCells(cells.row, "+", cells.rank, cells.quality, cells.gain, cells.nearest, cells.similarity, cells.hold)
    return PickCells(move.row, "−", move.rank, hold=part.hold(move.row), words=f"was in at this rank; {move.why}")
