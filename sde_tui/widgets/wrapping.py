"""Long texts over several lines, by terminal cells."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, get_character_cell_size


def wrapped(text: str, width: int) -> Iterator[str]:
    """The lines of a text that has passed `visible`, each at most `width` cells; breaks at spaces where there are any."""
    width = max(width, 2)
    for paragraph in text.split("\n"):
        yield from _wrapped_paragraph(paragraph, width)


def _wrapped_paragraph(paragraph: str, width: int) -> Iterator[str]:
    at, ascii_only = 0, paragraph.isascii()
    while len(paragraph) - at > width or (not ascii_only and cell_len(paragraph[at:]) > width):
        end = at + width if ascii_only else _end_by_cells(paragraph, at, width)
        space = paragraph.rfind(" ", at, end + 1)
        if space > at:
            yield paragraph[at:space]
            at = space + 1
        else:
            yield paragraph[at:end]
            at = end
    yield paragraph[at:]


def _end_by_cells(text: str, start: int, width: int) -> int:
    """Where the text from `start` has filled `width` cells."""
    cells = 0
    for end in range(start, min(start + width * 4 + 4, len(text))):
        cells += get_character_cell_size(text[end])
        if cells > width:
            return max(end, start + 1)
    return min(start + width * 4 + 4, len(text))
