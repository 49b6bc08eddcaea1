"""The four lines around every screen: status, tabs, message, keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sde_tui.keys import Key
from sde_tui.theme import inks
from sde_tui.widgets.spans import Line, Span, fit, strip_of, width_of
from sde_tui.widgets.wrapping import wrapped


class OneLine(Widget):
    """One line of spans, repainted only when it changes."""

    DEFAULT_CSS = "OneLine { height: 1; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._left: Line = ()
        self._right: Line = ()

    def show(self, left: Line, right: Line = ()) -> None:
        """Shows spans from the left, and from the right where there is room."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        return "".join(text for text, _ in (*self._left, *self._right))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        left, right = list(self._left), list(self._right)
        room = width - width_of(right)
        if right and room > 8:
            gap = room - width_of(left)
            left = [*left, (" " * gap, "text")] if gap > 0 else _cut(left, room - 1)
            left += right
        return strip_of(left, width, inks(self.app.theme)).apply_style(self.rich_style)


def _cut(line: Sequence[Span], room: int) -> list[Span]:
    kept: list[Span] = []
    for text, ink in line:
        size = cell_len(text)
        if size > room - 1:
            kept.append((text[: max(room - 1, 0)] + "… ", ink))
            break
        kept.append((text, ink))
        room -= size
    return kept


class StatusLine(OneLine):
    """What is open, how much of it, what was decided, what runs."""

    DEFAULT_CSS = "StatusLine { background: $panel; }"


class FlashLine(OneLine):
    """What to do now, or what just happened; a message that is longer than the line takes up to three."""

    _MOST_LINES = 3

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._below: list[Line] = []

    def show_message(self, message: str, ink: str) -> None:
        """Shows what just happened, whole where that can be: its end is the way out."""
        width = max(self.size.width - 2, 20)
        first, *below = list(wrapped(message, width)) or [""]
        if len(below) >= self._MOST_LINES:
            below = [*below[: self._MOST_LINES - 2], fit(" ".join(below[self._MOST_LINES - 2 :]), width)]
        self._show_below([[(f" {line}", ink)] for line in below])
        super().show([(f" {first}", ink)])

    def show(self, left: Line, right: Line = ()) -> None:
        self._show_below([])
        super().show(left, right)

    def _show_below(self, lines: list[Line]) -> None:
        if lines != self._below:
            self._below = lines
            self.styles.height = 1 + len(lines)
            self.refresh()

    @property
    def text(self) -> str:
        return " ".join([super().text, *("".join(words for words, _ in line) for line in self._below)])

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return super().render_line(y)
        return strip_of(self._below[y - 1] if y <= len(self._below) else [], self.size.width, inks(self.app.theme)).apply_style(self.rich_style)


class TabLine(OneLine):
    """The screens by their number keys."""

    class Pressed(Message):
        """A screen's name was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._places: list[tuple[int, str]] = []

    def show_tabs(self, tabs: Sequence[tuple[int, str, str, str]], active: str) -> None:
        """Shows (number, name, title, short title) of each screen; the active one stands out by its edges as well as its colour."""
        width = self.size.width or 80
        titles = _titles_within(tabs, active, width)
        gap = " " if _tabs_width(titles.values()) + len(tabs) <= width else ""
        spans: list[Span] = []
        self._places, at = [], 0
        for number, name, _, _ in tabs:
            shown = titles[name]
            inactive: list[Span] = [(f" {number} ", "accent"), (shown + gap, "dim")]
            pieces = [("▐", "accent"), (f"{number} {shown}", "tab"), ("▌", "accent")] if name == active else inactive
            at += width_of(pieces)
            self._places.append((at, name))
            spans += pieces
        self.show(spans)

    def on_click(self, event: Click) -> None:
        name = next((name for end, name in self._places if event.x < end), None)
        if name:
            self.post_message(self.Pressed(name))


def _tabs_width(titles: Iterable[str]) -> int:
    """Cells of all tabs: each has its number and a cell on either side of it, and the last one's edge."""
    return sum(len(title) + 3 for title in titles) + 1


def _titles_within(tabs: Sequence[tuple[int, str, str, str]], active: str, width: int) -> dict[str, str]:
    """Each screen's title; short where there is no room, where most is saved first, the active one last of all."""
    titles = {name: title for _, name, title, _ in tabs}
    for _, name, _, short in sorted(tabs, key=lambda tab: (tab[1] == active, len(tab[3]) - len(tab[2]))):
        if _tabs_width(titles.values()) <= width:
            break
        titles[name] = short
    return titles


class KeyFooter(OneLine):
    """The main keys; those that can do nothing now are dim and in brackets."""

    DEFAULT_CSS = "KeyFooter { background: $panel; }"

    def show_keys(self, keys: Sequence[tuple[Key, bool]]) -> None:
        """Shows (key, whether it does something now), as many as there is room for."""
        spans: list[Span] = []
        for key, possible in keys:
            shown: list[Span] = [(f" {key.shown}", "accent"), (f" {key.label}  ", "text")] if possible else [(f" ({key.shown} {key.label}) ", "dim")]
            if spans and width_of([*spans, *shown]) - 2 > self.size.width > 0:
                break
            spans += shown
        words, ink = spans.pop()
        self.show([*spans, (words.rstrip(), ink)])
