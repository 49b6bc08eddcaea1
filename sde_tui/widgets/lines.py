"""Line-API lists: any number of lines, drawn only where they are seen, with a cursor and half-page jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sde_tui.keys import keys_of
from sde_tui.theme import inks
from sde_tui.widgets.bindings import widget_bindings
from sde_tui.widgets.spans import Line, strip_of


class LineView(ScrollView, can_focus=True):
    """Lines that scroll; subclasses say how many there are and what each holds.

    A line is drawn when it comes into sight and not before, so a million lines cost nothing.
    """

    DEFAULT_CSS = """
    LineView {
        background: $background; color: $foreground; overflow-x: hidden; overflow-y: auto;
        scrollbar-size-vertical: 1; scrollbar-background: $background; scrollbar-color: $bar; scrollbar-gutter: stable;
        scrollbar-background-hover: $background; scrollbar-background-active: $background;
        scrollbar-color-hover: $bar; scrollbar-color-active: $accent;
    }
    """
    ALLOW_SELECT = False
    SCOPE = ""
    """Its keys in the table of keys."""

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line_at(self, y: int, width: int) -> Line:
        """The spans of line `y`; the texts have passed `visible`."""
        raise NotImplementedError

    def style_over(self, y: int) -> Style | None:
        """A style laid over line `y`, as under a cursor."""
        return None

    def on_mount(self) -> None:
        self.lines_changed()

    def lines_changed(self) -> None:
        """Say that there are other lines now."""
        self.virtual_size = Size(self.scrollable_content_region.width, self.line_count())
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self.lines_changed()

    def render_line(self, y: int) -> Strip:
        width, at = self.scrollable_content_region.width, y + self.scroll_offset.y
        base = self.rich_style
        if at >= self.line_count():
            return Strip.blank(width, base)
        over = self.style_over(at)
        return strip_of(self.line_at(at, width), width, self.inks, over).apply_style(base)

    @property
    def inks(self) -> dict[str, Style]:
        """Styles by name, of the theme in force."""
        return inks(self.app.theme)

    def show_line(self, y: int) -> None:
        """Scrolls so that line `y` is seen: by half a page at an edge, since every scroll repaints the whole widget."""
        top, height = self.scroll_offset.y, max(self.scrollable_content_region.height, 1)
        if top <= y < top + height:
            return
        near = abs(y - top) <= 2 * height
        target = y - (height // 2 if near or y > top else 0)
        if near and y < top:
            target = y - height + 1 + height // 2
        self.scroll_to(y=max(0, target), animate=False, immediate=True)


class LineList(LineView):
    """Lines with a cursor."""

    SCOPE = "list"
    BINDINGS = widget_bindings(keys_of("list"))

    cursor = var(0)
    """The line under the cursor."""
    bright = False
    """Whether the cursor looks focused always, because a field beside the list takes the letters."""

    @dataclass
    class Moved(Message):
        """The cursor stands on another line."""

        list: LineList
        line: int

        @property
        def control(self) -> LineList:
            return self.list

    @dataclass
    class Chosen(Message):
        """A line was clicked twice or chosen with enter where no screen key takes enter."""

        list: LineList
        line: int

        @property
        def control(self) -> LineList:
            return self.list

    def style_over(self, y: int) -> Style | None:
        if y != self.cursor:
            return None
        return self.inks["cursor" if self.has_focus or self.bright else "cursor-blurred"]

    def selectable(self, y: int) -> bool:
        """Whether the cursor may stand on line `y`."""
        return True

    def lines_changed(self) -> None:
        super().lines_changed()
        self.set_reactive(LineList.cursor, self._nearest(min(self.cursor, max(self.line_count() - 1, 0)), 1))

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.line_count() - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        if old == new:
            return
        self.refresh_line(old)
        self.refresh_line(new)
        self.show_line(new)
        self.post_message(self.Moved(self, new))

    def move_to(self, y: int, step: int = 1) -> None:
        """Puts the cursor on line `y`, or on the nearest line that it may stand on, looking along `step`."""
        self.cursor = self._nearest(max(0, min(y, self.line_count() - 1)), step)

    def _nearest(self, y: int, step: int) -> int:
        for direction in (step, -step):
            at = y
            while 0 <= at < self.line_count():
                if self.selectable(at):
                    return at
                at += 1 if direction > 0 else -1
        return max(y, 0)

    def on_focus(self) -> None:
        self.refresh_line(self.cursor)

    def on_blur(self) -> None:
        self.refresh_line(self.cursor)

    def on_click(self, event: events.Click) -> None:
        self.move_to(event.y + self.scroll_offset.y)
        if event.chain == 2:
            self.post_message(self.Chosen(self, self.cursor))

    @property
    def _page(self) -> int:
        return max(self.scrollable_content_region.height - 1, 1)

    def action_cursor_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self.cursor - 1, -1)
        if self.cursor == self._nearest(0, 1):
            self.scroll_to(y=0, animate=False, immediate=True)

    def action_page_down(self) -> None:
        self._turn_page(self._page)

    def action_page_up(self) -> None:
        self._turn_page(-self._page)

    def _turn_page(self, lines: int) -> None:
        """Moves cursor and window by as much, so that the cursor stays where the eye is."""
        self.scroll_to(y=max(0, min(self.scroll_offset.y + lines, self.max_scroll_y)), animate=False, immediate=True)
        self.move_to(self.cursor + lines, 1 if lines > 0 else -1)

    def action_cursor_top(self) -> None:
        self.move_to(0)
        self.scroll_to(y=0, animate=False, immediate=True)

    def action_cursor_bottom(self) -> None:
        self.move_to(self.line_count() - 1, -1)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an `ItemList`.

    Attributes:
        line: Its spans.
        value: What it stands for; None for a heading or a line of text, which the cursor passes over.
    """

    line: Line
    value: Any = None


class ItemList(LineList):
    """A list of lines that are all there: headings, facts, and items to choose."""

    def __init__(self, items: Sequence[Item] = (), *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.items: Sequence[Item] = items

    def line_count(self) -> int:
        return len(self.items)

    def line_at(self, y: int, width: int) -> Line:
        return self.items[y].line

    def selectable(self, y: int) -> bool:
        return self.items[y].value is not None

    def style_over(self, y: int) -> Style | None:
        return super().style_over(y) if 0 <= y < len(self.items) and self.items[y].value is not None else None

    @property
    def value(self) -> Any:
        """What the line under the cursor stands for, None where the list is empty."""
        return self.items[self.cursor].value if self.cursor < len(self.items) else None

    def set_items(self, items: Sequence[Item]) -> None:
        """Shows other lines; the cursor stays on the same value where that is still there."""
        value, top = self.value, self.scroll_offset.y
        same = len(items) == len(self.items)
        changed = [y for y, (new, old) in enumerate(zip(items, self.items, strict=False)) if new.line != old.line]
        self.items = items
        at = next((y for y, item in enumerate(items) if value is not None and item.value == value), None)
        if same and (at is None or at == self.cursor):
            for y in changed:
                self.refresh_line(y)
            if at is None:
                self.lines_changed()
            return
        before = self.cursor
        self.lines_changed()
        if at is not None:
            self.set_reactive(LineList.cursor, at)
        self.scroll_to(y=top, animate=False, immediate=True)
        if self.cursor != before:
            self.show_line(self.cursor)


class TextLines(ItemList, can_focus=False):
    """Lines to read, which never have the focus."""
