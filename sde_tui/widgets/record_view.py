"""One record, readable in full."""

from __future__ import annotations

from collections.abc import Sequence

from sde_tui.keys import keys_of
from sde_tui.widgets.bindings import widget_bindings
from sde_tui.widgets.lines import LineView
from sde_tui.widgets.record_text import RecordText, record_lines
from sde_tui.widgets.spans import Line


class RecordView(LineView):
    """The text of one record, wrapped to the width, scrolled by line and page."""

    SCOPE = "record"
    BINDINGS = widget_bindings(keys_of("record"))

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._record: RecordText | None = None
        self._lines: Sequence[Line] = ()
        self._wrapped_for = 0
        self.whole = False

    @property
    def record(self) -> RecordText | None:
        """What is shown."""
        return self._record

    def show_record(self, record: RecordText | None) -> None:
        """Shows a record; stays where it is scrolled when it is the same row again."""
        if record == self._record:
            return
        same = record is not None and self._record is not None and record.row == self._record.row
        self._record = record
        if not same:
            self.whole = False
        old, self._lines = self._lines, ()
        self._wrap()
        if not same and self.scroll_offset.y:
            self.scroll_to(y=0, animate=False, immediate=True)
        self._refresh_changed(old)

    def show_whole(self) -> None:
        """Shows texts that were cut."""
        self.whole = True
        self._wrap()
        self.lines_changed()

    def _wrap(self) -> None:
        self._wrapped_for = self.scrollable_content_region.width
        self._lines = record_lines(self._record, self._wrapped_for, whole=self.whole) if self._record and self._wrapped_for > 4 else ()

    def _refresh_changed(self, old: Sequence[Line]) -> None:
        """Repaints the lines that differ: the next record often begins like this one."""
        if len(old) != len(self._lines):
            self.lines_changed()
            return
        for y, (before, after) in enumerate(zip(old, self._lines, strict=True)):
            if before != after:
                self.refresh_line(y)

    def lines_changed(self) -> None:
        if self._record is not None and self._wrapped_for != self.scrollable_content_region.width:
            self._wrap()
        super().lines_changed()

    def line_count(self) -> int:
        return len(self._lines)

    def line_at(self, y: int, width: int) -> Line:
        return self._lines[y]

    def action_scroll_lines(self, lines: int) -> None:
        self._scroll_by(lines)

    def action_scroll_pages(self, pages: int) -> None:
        self._scroll_by(pages * max(self.scrollable_content_region.height - 1, 1))

    def _scroll_by(self, lines: int) -> None:
        self.scroll_to(y=max(0, min(self.scroll_offset.y + lines, self.max_scroll_y)), animate=False, immediate=True)

    def action_scroll_top(self) -> None:
        self.scroll_to(y=0, animate=False, immediate=True)

    def action_scroll_bottom(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
