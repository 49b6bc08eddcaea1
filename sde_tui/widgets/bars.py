"""Horizontal bars: a share as eighths of cells, with a mark where it should end."""

from __future__ import annotations

from sde_tui.widgets.spans import Span

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_TARGET = "┃"


def bar_spans(value: float, width: int, *, target: float | None = None, ink: str = "accent") -> list[Span]:
    """A bar of exactly `width` cells.

    Args:
        value: How far it goes, 0-1; anything above 0 is seen.
        width: Cells.
        target: Where the mark stands, 0-1.
        ink: Of the bar.
    """
    if width <= 0:
        return []
    eighths = max(round(min(max(value, 0.0), 1.0) * width * 8), 1 if value > 0 else 0)
    full, rest = divmod(eighths, 8)
    text = ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)
    if target is None:
        return [(text, ink)]
    at = min(round(min(max(target, 0.0), 1.0) * width), width - 1)
    return [(text[:at], ink), (_TARGET, "strong"), (text[at + 1 :], ink)]
