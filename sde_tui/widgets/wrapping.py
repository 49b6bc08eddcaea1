"""Long texts over several lines, by terminal cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, get_character_cell_size

from sde_tui.widgets.spans import Span


def wrapped(text: str, width: int) -> Iterator[str]:
    """The lines of a text that has passed `visible`, each at most `width` cells; breaks at spaces where there are any."""
    for start, end in line_slices(text, width):
        yield text[start:end]


def wrapped_spans(spans: Sequence[Span], width: int) -> Iterator[list[Span]]:
    """The lines of a text in several inks."""
    text = "".join(piece for piece, _ in spans)
    at, number = 0, 0
    for start, end in line_slices(text, width):
        line: list[Span] = []
        while number < len(spans) and at < end:
            piece, ink = spans[number]
            first, last = max(start, at), min(end, at + len(piece))
            if last > first:
                line.append((text[first:last], ink))
            if at + len(piece) > end:
                break
            at, number = at + len(piece), number + 1
        yield line


def line_slices(text: str, width: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each line; the space or line feed at which a line breaks belongs to none."""
    width, start = max(width, 2), 0
    for paragraph in text.split("\n"):
        yield from _slices(text, start, start + len(paragraph), width)
        start += len(paragraph) + 1


def _slices(text: str, at: int, stop: int, width: int) -> Iterator[tuple[int, int]]:
    ascii_only = text.isascii() or text[at:stop].isascii()
    while stop - at > width or (not ascii_only and cell_len(text[at:stop]) > width):
        end = at + width if ascii_only else _end_by_cells(text, at, stop, width)
        space = text.rfind(" ", at, end + 1)
        if space > at:
            yield at, space
            at = space + 1
        else:
            yield at, end
            at = end
    yield at, stop


def _end_by_cells(text: str, start: int, stop: int, width: int) -> int:
    """Where the text from `start` has filled `width` cells."""
    cells = 0
    for end in range(start, stop):
        cells += get_character_cell_size(text[end])
        if cells > width:
            return max(end, start + 1)
    return stop
