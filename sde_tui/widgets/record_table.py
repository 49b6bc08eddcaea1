"""Any number of records, one line each, fetched only where they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.strip import Strip
from textual.widget import Widget

from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line, Span, fit, strip_of

STATUS_GLYPHS = {"accepted": ("✓", "good"), "rejected": ("✗", "bad")}
SEVERITY_GLYPHS = {"error": ("!", "bad"), "warning": ("▴", "warn"), "info": ("·", "dim")}
_CACHED_ROWS = 512
_LOSS = 6


@dataclass(frozen=True, slots=True)
class RowCells:
    """What the table shows of one record; all texts have passed `visible`.

    Attributes:
        row: Record position.
        label: Its label, "" where it has none.
        prompt: Beginning of what is asked, or the parser's words where the record cannot be read.
        answer: Beginning of what is answered.
        status: "accepted", "rejected" or "".
        severity: Of its worst finding: "error", "warning", "info" or "".
        marked: Whether the user marked it.
        edited: Whether the user edited it.
        bad: Whether it cannot be read.
        loss: What it cost in a run, "" where that is not what the view is about.
    """

    row: int
    label: str
    prompt: str
    answer: str
    status: str = ""
    severity: str = ""
    marked: bool = False
    edited: bool = False
    bad: bool = False
    loss: str = ""


class RecordTable(LineList):
    """Records of a view. Columns: mark, decision, finding, row number, loss and label where there are any, prompt, answer.

    Args:
        cells: What to show of a row.
        moved: Told of the cursor's new line at once: the next key may act on it before a message about it has arrived.
        id: The widget's.
    """

    def __init__(self, cells: Callable[[int], RowCells], *, moved: Callable[[int], None] | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._cells_of = cells
        self._moved = moved
        self._cells: dict[int, RowCells] = {}
        self.rows: Sequence[int] = ()
        self.number_width = 5
        self.label_width = 0
        self.loss_width = 0
        self._shows_prompt = self._shows_answer = True

    def show_rows(self, rows: Sequence[int], *, highest: int, cursor: int, scroll: int | None = None) -> None:
        """Shows other rows.

        Args:
            rows: Record positions in order.
            highest: Of all rows of the dataset, so that the columns stay where they are while filtering.
            cursor: The line for the cursor.
            scroll: The first line in sight; by default the cursor is just brought into sight.
        """
        self.rows = rows
        self.number_width = max(len(f"{highest:,}"), 4)
        self.forget_cells()
        self.lines_changed()
        cursor = max(0, min(cursor, len(rows) - 1))
        self.set_reactive(LineList.cursor, cursor)
        if scroll is not None:
            self.scroll_to(y=scroll, animate=False, immediate=True)
        self.show_line(cursor)

    def watch_cursor(self, old: int, new: int) -> None:
        if self._moved is not None and new != old:
            self._moved(new)
        super().watch_cursor(old, new)

    def forget_cells(self) -> None:
        """Fetches every row anew when it is next drawn."""
        self._cells.clear()
        # the widest label in sight decides, so that a file without labels loses no room
        first = [self.cells(int(row)) for row in self.rows[self.scroll_offset.y : self.scroll_offset.y + 40]]
        widest = max((len(cells.label) for cells in first), default=0)
        self.label_width = min(max(widest, len("label")), 16) if widest else 0
        self.loss_width = max((len(cells.loss) for cells in first), default=0) and _LOSS
        self._shows_prompt = any(cells.prompt for cells in first if not cells.bad) or not first
        self._shows_answer = not self._shows_prompt or any(cells.answer != cells.label for cells in first if not cells.bad)
        self.refresh()

    def cells(self, row: int) -> RowCells:
        """The cells of a row."""
        found = self._cells.get(row)
        if found is None:
            if len(self._cells) >= _CACHED_ROWS:
                self._cells.clear()
            found = self._cells[row] = self._cells_of(row)
        return found

    @property
    def row(self) -> int | None:
        """The row under the cursor."""
        return int(self.rows[self.cursor]) if self.cursor < len(self.rows) else None

    def line_count(self) -> int:
        return len(self.rows)

    def line_at(self, y: int, width: int) -> Line:
        return self._line(self.cells(int(self.rows[y])), width)

    def _line(self, cells: RowCells, width: int) -> Line:
        mark: Span = ("•", "accent") if cells.marked else (" ", "text")
        status = STATUS_GLYPHS.get(cells.status, ("✎", "accent") if cells.edited else (" ", "text"))
        spans = [mark, status, SEVERITY_GLYPHS.get(cells.severity, (" ", "text"))]
        ink = "dim" if cells.status == "rejected" else "text"
        spans.append((f"{cells.row:>{self.number_width},}  ", "dim"))
        left = width - 3 - self.number_width - 2
        if self.loss_width:
            spans.append((f"{cells.loss:>{_LOSS}}  ", "accent"))
            left -= self.loss_width + 2
        if cells.bad:
            return [*spans, (fit("cannot be read: " + cells.prompt, left), "bad")]
        if self.label_width:
            spans.append((fit(cells.label, self.label_width) + "  ", ink))
            left -= self.label_width + 2
        return [*spans, (self._columns(cells.prompt, cells.answer, left), ink)]

    def _columns(self, prompt: str, answer: str, left: int) -> str:
        """What is asked and what is answered; one of them alone where the other is empty or says the label again."""
        if not self._shows_prompt or not self._shows_answer:
            return fit(prompt if self._shows_prompt else answer, left)
        width = max((left - 2) // 2, 1)
        return fit(prompt, width) + "  " + fit(answer, max(left - 2 - width, 0))

    def header(self, width: int) -> Line:
        """The column titles for this width."""
        left = width - 3 - self.number_width - 2
        text = "   " + "row".rjust(self.number_width) + "  "
        if self.loss_width:
            text += "loss".rjust(_LOSS) + "  "
            left -= self.loss_width + 2
        if self.label_width:
            text += fit("label", self.label_width) + "  "
            left -= self.label_width + 2
        return [(fit(text + self._columns("prompt", "answer" if self._shows_prompt else "text", left), width), "dim")]


class TableHeader(Widget):
    """The column titles over a table.

    Args:
        table: Whose columns they are.
        id: The widget's.
    """

    DEFAULT_CSS = "TableHeader { height: 1; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, table: RecordTable, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._table = table

    def render_line(self, y: int) -> Strip:
        header = self._table.header(self._table.scrollable_content_region.width)
        return strip_of(header, self.size.width, self._table.inks).apply_style(self.rich_style)
