"""Text in coloured pieces, measured in terminal cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Span = tuple[str, str]
"""(text, ink): text that has passed `visible`, and the name of a style of `theme.INKS`."""

Line = Sequence[Span]


def fit(text: str, width: int) -> str:
    """The text in exactly `width` cells: padded, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    # one character is at least half of nothing and at most two cells; measuring more than this is wasted on long texts
    head = text[: width * 2 + 8]
    if len(head) == len(text) and cell_len(head) <= width:
        return set_cell_size(head, width)
    return set_cell_size(set_cell_size(head, width - 1).rstrip() + "…", width)


def width_of(line: Line) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def strip_of(line: Line, width: int, inks: Mapping[str, Style], over: Style | None = None) -> Strip:
    """A strip of exactly `width` cells; neighbours of one ink are joined, since every change of style costs bytes.

    Args:
        line: The spans, cut at `width`.
        width: Cells of the strip.
        inks: Styles by name.
        over: Laid over all spans, as a cursor's background is.
    """
    segments: list[Segment] = []
    left, ink, text = width, "text", ""
    for piece, piece_ink in line:
        if piece_ink != ink and text:
            segments.append(Segment(text, _style(inks, ink, over)))
            text = ""
        ink, size = piece_ink, cell_len(piece)
        if size > left:
            piece, size = fit(piece, left), left
        text, left = text + piece, left - size
        if not left:
            break
    style = _style(inks, ink, over)
    if left and (style.reverse or (inks[ink].bgcolor is not None)):
        segments.append(Segment(text, style))
        text, style = "", _style(inks, "text", over)
    # blank cells look the same in any other ink, so the padding joins the last one
    segments.append(Segment(text + " " * left, style))
    return Strip(segments, width)


def _style(inks: Mapping[str, Style], ink: str, over: Style | None) -> Style:
    if over is None:
        return inks[ink]
    return over if over.reverse else inks[ink] + over


def plain(line: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(text for text, _ in line)
