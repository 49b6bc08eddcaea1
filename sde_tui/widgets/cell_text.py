"""A text as terminal cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rich.cells
from rich.cells import get_character_cell_size

_split_graphemes: Any = getattr(rich.cells, "split_graphemes", None)
"""Only in newer versions of Rich, which measure joined emoji as one; what measures must be what splits."""

_SURE_RANGES = (
    (0x20, 0x7F), (0xA0, 0x300), (0x370, 0x483), (0x2010, 0x2028), (0x2190, 0x2200), (0x23CE, 0x23CF), (0x2400, 0x2427), (0x2500, 0x25FD),
    (0x276F, 0x2770), (0x2713, 0x2714), (0x2717, 0x2718), (0x270E, 0x270F), (0x2800, 0x2900), (0xFFFD, 0xFFFE),
)  # fmt: skip
"""Latin, Greek, Cyrillic, dashes, arrows, control pictures, lines, shapes, check marks, braille: one cell in every terminal we know."""


class _Unsure:
    """Holds the characters whose width terminals disagree about."""

    def __contains__(self, text: str) -> bool:
        if len(text) != 1:
            return True
        code = ord(text)
        return code >= 0x300 and not any(first <= code < end for first, end in _SURE_RANGES)


UNSURE = _Unsure()


def cell_texts(text: str) -> list[str]:
    """One string a cell: a character with what combines with it; "" for the second cell of a wide one."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for piece, width in _pieces(text):
        if width == 0 and cells:
            owner = -1 if cells[-1] else -2
            cells[owner] += piece
        elif width:
            cells += [piece] + [""] * (width - 1)
    return cells


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    if ("\u200d" in text or "\ufe0f" in text) and _split_graphemes is not None:
        spans, _ = _split_graphemes(text)
        for start, end, width in spans:
            yield text[start:end], width
        return
    for character in text:
        yield character, get_character_cell_size(character)
