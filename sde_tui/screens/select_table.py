"""Coverage as a table: the proposal beside all rows and as many random ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.select import Coverage
    from sde_core.select.coverage_table import CoverageLine

NAME_CELLS = 18
LEAST_SHARES = 3
"""Lines of classes, and of clusters, that there is room for at least."""
SPARED = ("tokens, 90 %", "tokens ▁▃█", "characters, 90 %", "tokens, 50 %", "characters ▁▃█", "spread")
"""Figures that make way, the first first."""
_MEASURING: Line = [(" measuring…", "dim")]


def digest_line(coverage: Coverage | None) -> Line:
    """The figures that say most, against random rows, in one line."""
    if coverage is None:
        return _MEASURING
    ours, random = coverage.proposal, coverage.random
    parts = (
        [] if ours.mean_quality is None or random.mean_quality is None else [("quality", f"{ours.mean_quality:.2f}", f"{random.mean_quality:.2f}")]
    )
    parts += [("Vendi", f"{ours.vendi:.0f}", f"{random.vendi:.0f}"), ("distance", f"{ours.mean_distance:.2f}", f"{random.mean_distance:.2f}")]
    line: list[tuple[str, str]] = []
    for name, own, other in parts:
        line += [(f"{'  ' if line else ' '}{name} ", "dim"), (own, "strong"), (f" (random {other})", "dim")]
    return line


def table_lines(coverage: Coverage | None, width: int, height: int, remarks: Sequence[str] = ()) -> list[Line]:
    """Every figure, then as many classes and clusters as there is room for; what the method remarks stands above."""
    if coverage is None:
        return [_MEASURING]
    from sde_core.select.coverage_table import column_names, figure_lines, share_lines

    cells = max(min((width - NAME_CELLS) // 3, 16), 8)
    names = width - 3 * cells
    kinds = [kind for kind in ("classes", "clusters") if getattr(coverage.full, kind)]
    remarked: list[Line] = [[(words, "warn")] for remark in remarks for words in wrapped(visible(remark, 300), width)]
    figures = _that_fit(figure_lines(coverage), height - 1 - len(remarked) - LEAST_SHARES * len(kinds))
    lines = [*remarked, _head("", column_names(coverage), names, cells), *(_line(line, names, cells) for line in figures)]
    for place, kind in enumerate(kinds):
        room = (height - len(lines)) // (len(kinds) - place)
        shares = share_lines(coverage, kind, room)
        lines += [_line(line, names, cells) for line in shares]
    return [*lines, *_meanings(coverage, figures, width, height - len(lines))]


def _that_fit(figures: list[CoverageLine], room: int) -> list[CoverageLine]:
    """The figures without those that can be done without, as far as there is no room for them."""
    for name in SPARED:
        if len(figures) <= room:
            break
        figures = [line for line in figures if line.name != name]
    return figures


def _head(title: str, columns: Sequence[str], names: int, cells: int) -> Line:
    return [(fit(title, names), "dim"), *((f"{name:>{cells}}", "header" if name == "proposal" else "dim") for name in columns)]


def _line(line: CoverageLine, names: int, cells: int) -> Line:
    figures = ((line.full, "dim"), (line.proposal, "strong"), (line.random, "dim"))
    return [(fit(line.name, names - 1) + " ", "text"), *((_right(figure, cells), ink) for figure, ink in figures)]


def _right(text: str, cells: int) -> str:
    return text.rjust(cells) if len(text) < cells else f" {fit(text, cells - 1)}"


def _meanings(coverage: Coverage, figures: Sequence[CoverageLine], width: int, room: int) -> list[Line]:
    """What the figures say, where there is room for all of them."""
    said = [f"{line.name}: {line.meaning}" for line in figures if line.meaning and "▁" not in line.name and "50" not in line.name]
    if coverage.measured_rows is not None:
        said.append(f"distances on {coverage.measured_rows:,} rows left out, drawn by seed {coverage.seed}; the radius may be larger")
    lines: list[Line] = [[(line, "dim")] for words in said for line in wrapped(words, width - 1)]
    return [[], *lines] if room > len(lines) else []
