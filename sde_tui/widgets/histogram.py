"""Counts as columns of block characters, in one line or several."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.wording import sparkline
from sde_tui.widgets.spans import Line, Span

__all__ = ["column_lines", "sparkline"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def column_lines(counts: Sequence[int], height: int, width: int, selected: int | None = None) -> list[Line]:
    """The bins as columns, from the top line down.

    Args:
        counts: Rows in each bin.
        height: Lines.
        width: Cells of one bin, its gap included.
        selected: The bin that stands out by its ink.
    """
    highest = max(counts, default=0)
    eighths = [_eighths(count, highest, 8 * height) for count in counts]
    lines: list[Line] = []
    for level in range(height - 1, -1, -1):
        spans: list[Span] = []
        for bin_, filled in enumerate(eighths):
            block = _EIGHTHS[max(0, min(filled - 8 * level, 8))]
            spans.append((block * max(width - 1, 1) + " " * (width > 1), "accent" if bin_ == selected else "text"))
        lines.append(spans)
    return lines


def _eighths(count: int, highest: int, full: int) -> int:
    return max(1, round(count * full / highest)) if count else 0
