"""The fewest bytes that turn what stands on the terminal into what should stand there.

Textual redraws a widget's region as a whole, with all colours spelled out for every piece. Over a slow link that is felt at every key. The painter
remembers each cell that the terminal shows and writes only the cells that differ, changes of colour only where they change, and long blanks as
one erase sequence. Where a character's width is uncertain (East Asian, emoji, combining), the cursor is placed anew behind it, so that a terminal
that disagrees about the width spoils no more than that character.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache

from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

from sde_tui.widgets.cell_text import UNSURE, cell_texts

Placed = tuple[int, int, Iterable[Segment]]
"""(column, line, segments)."""

_WORTH_ERASING = 9
"""So many blanks at least make an erase sequence shorter than the blanks themselves."""
_WORTH_SKIPPING = 8
"""So many equal cells at least make moving the cursor shorter than writing them again."""
_NO_STYLE = Style()
_CUBE = (0, 95, 135, 175, 215, 255)
_PALETTE = {
    **{(red, green, blue): 16 + 36 * r + 6 * g + b for r, red in enumerate(_CUBE) for g, green in enumerate(_CUBE) for b, blue in enumerate(_CUBE)},
    **{(8 + 10 * step,) * 3: 232 + step for step in range(24)},
}
"""Numbers of the colours that are the same on every terminal with 256."""
_BLANK = " "


class Painter:
    """A shadow of the terminal.

    Args:
        color_system: Colours that the terminal has.
        erases: Whether erased cells take the background colour in force; GNU screen's do not.
    """

    def __init__(self, color_system: ColorSystem, *, erases: bool | None = None) -> None:
        self._colors = color_system
        self._erases = _erases_in_colour() if erases is None else erases
        self.width = self.height = 0
        self._texts: list[list[str]] = []
        self._styles: list[list[Style | None]] = []
        self._at: tuple[int, int] | None = None
        self._style: Style | None = None

    def reset(self, width: int, height: int) -> None:
        """Forgets what the terminal shows: everything will be drawn."""
        self.width, self.height = width, height
        self._texts = [[""] * width for _ in range(height)]
        self._styles = [[None] * width for _ in range(height)]

    def paint(self, placed: Iterable[Placed]) -> str:
        """The bytes for these strips; "" where the terminal shows them already. Leaves the terminal in its default style."""
        self._at, self._style = None, _NO_STYLE
        out: list[str] = []
        for x, y, segments in placed:
            if 0 <= y < self.height:
                self._paint_strip(out, x, y, segments)
        if out and self._style != _NO_STYLE:
            out.append("\x1b[0m")
        return "".join(out)

    # ---- one strip

    def _paint_strip(self, out: list[str], x: int, y: int, segments: Iterable[Segment]) -> None:
        texts: list[str] = []
        styles: list[Style | None] = []
        for text, style, control in segments:
            if control or not text:
                continue
            cells = cell_texts(text)
            texts += cells
            styles += [style or _NO_STYLE] * len(cells)
        room = self.width - x
        del texts[room:], styles[room:]
        old_texts, old_styles, end = self._texts[y], self._styles[y], x + len(texts)
        if old_texts[x:end] == texts and old_styles[x:end] == styles:
            return
        differing = [at for at in range(len(texts)) if texts[at] != old_texts[x + at] or not _looks_alike(texts[at], styles[at], old_styles[x + at])]
        for first, last in _runs(differing, texts) if differing else ():
            self._write_run(out, x, y, first, last, texts, styles)
        old_texts[x:end], old_styles[x:end] = texts, styles

    def _write_run(self, out: list[str], x: int, y: int, first: int, last: int, texts: list[str], styles: list[Style | None]) -> None:
        blanks = _trailing_blanks(first, last, texts, styles) if self._erases else 0
        stop = last + 1 - blanks
        at = first
        while at < stop:
            ahead = at + 1
            unsure = texts[at] == "" or texts[at] in UNSURE
            while ahead < stop and styles[ahead] is styles[at] and (texts[ahead] == "" or texts[ahead] in UNSURE) == unsure:
                ahead += 1
            self._move(out, x + at, y)
            if not _is_blank(texts[at:ahead]) or not _looks_alike(_BLANK, styles[at], self._style):
                self._change_style(out, styles[at])
            if unsure and self._erases:
                out.append(f"\x1b[{ahead - at}X")
            out.append("".join(texts[at:ahead]))
            self._at = None if unsure else (x + ahead, y)
            at = ahead
        if blanks:
            self._move(out, x + stop, y)
            if not _looks_alike(_BLANK, styles[last], self._style):
                self._change_style(out, styles[last])
            out.append("\x1b[K" if x + last + 1 == self.width else f"\x1b[{blanks}X")

    def _move(self, out: list[str], x: int, y: int) -> None:
        if self._at == (x, y):
            return
        out.append(f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H")
        self._at = (x, y)

    def _change_style(self, out: list[str], style: Style | None) -> None:
        if style is not self._style and style != self._style:
            out.append(_transition(self._style or _NO_STYLE, style or _NO_STYLE, self._colors))
        self._style = style


def _is_blank(texts: list[str]) -> bool:
    return all(text == _BLANK for text in texts)


def _looks_alike(text: str, style: Style | None, other: Style | None) -> bool:
    """Whether a cell with this text looks the same in both styles: a blank shows nothing but its background."""
    if style is other or style == other:
        return True
    return text == _BLANK and style is not None and other is not None and _background(style) == _background(other)


@lru_cache(maxsize=4096)
def _background(style: Style) -> object:
    """What a blank shows of a style; the style itself where that is more than its background."""
    return style if style.reverse or style.underline or style.strike else style.bgcolor


def _runs(differing: list[int], texts: list[str]) -> Iterator[tuple[int, int]]:
    """(first, last) of stretches to write; short equal stretches between them are written again, and no wide character is cut in two."""
    first = last = differing[0]
    for at in differing[1:]:
        if at - last > _WORTH_SKIPPING:
            yield _whole(first, last, texts)
            first = at
        last = at
    yield _whole(first, last, texts)


def _whole(first: int, last: int, texts: list[str]) -> tuple[int, int]:
    while first > 0 and texts[first] == "":
        first -= 1
    while last + 1 < len(texts) and texts[last + 1] == "":
        last += 1
    return first, last


def _trailing_blanks(first: int, last: int, texts: list[str], styles: list[Style | None]) -> int:
    """How many blanks of one style end the run, 0 where erasing them would be no shorter or would look different."""
    style, at = styles[last], last
    if style is not None and (style.reverse or style.underline or style.strike):
        return 0
    while at >= first and texts[at] == _BLANK and _looks_alike(_BLANK, styles[at], style):
        at -= 1
    return last - at if last - at >= _WORTH_ERASING else 0


@lru_cache(maxsize=4096)
def _codes(style: Style, colors: ColorSystem) -> tuple[tuple[str, ...], str, str]:
    """(attributes, foreground, background) as SGR codes."""
    names = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "blink": "5", "reverse": "7", "conceal": "8", "strike": "9"}
    attributes = tuple(code for name, code in names.items() if getattr(style, name))
    fore = _color_code(style.color, colors, foreground=True) if style.color else "39"
    back = _color_code(style.bgcolor, colors, foreground=False) if style.bgcolor else "49"
    return attributes, fore, back


def _color_code(color: Color, colors: ColorSystem, *, foreground: bool) -> str:
    """A colour of the 256-colour palette by its number, which is shorter than spelling it out; with 256 colours the nearest of them."""
    if color.triplet is not None and colors in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT):
        number = _PALETTE.get(color.triplet)
        if number is None and colors is ColorSystem.EIGHT_BIT:
            number = _nearest(color.triplet)
        if number is not None:
            return f"{38 if foreground else 48};5;{number}"
    return ";".join(color.downgrade(colors).get_ansi_codes(foreground=foreground))


@lru_cache(maxsize=1024)
def _nearest(triplet: tuple[int, int, int]) -> int:
    """The nearest colour that is not one of the first sixteen, which every user may have set otherwise.

    Rich's own choice makes all dark tints black, and lines that differ by their background look the same.
    """
    return _PALETTE[min(_PALETTE, key=lambda known: sum((a - b) ** 2 for a, b in zip(known, triplet, strict=True)))]


@lru_cache(maxsize=4096)
def _transition(before: Style, after: Style, colors: ColorSystem) -> str:
    old_attributes, old_fore, old_back = _codes(before, colors)
    attributes, fore, back = _codes(after, colors)
    if attributes != old_attributes:
        codes = ["0", *attributes, *(code for code in (fore, back) if code not in ("39", "49"))]
    else:
        codes = [code for code, old in ((fore, old_fore), (back, old_back)) if code != old]
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def _erases_in_colour() -> bool:
    return bool(os.environ.get("TMUX")) or not os.environ.get("TERM", "").startswith("screen")
