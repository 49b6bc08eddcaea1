"""2 Records: all rows as a table, one of them readable in full, and the verbs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.records_verbs import RecordVerbs
from sde_tui.session_records import ONLY, ORDERS, QUALITY_ORDERS
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.filter_bar import FilterBar
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.record_table import RecordTable, TableHeader
from sde_tui.widgets.record_view import RecordView
from sde_tui.widgets.spans import Line

_STEP = "step"
_LONGEST_STEP = 10
LAYOUTS = ("table", "split", "record")
_REST_SECONDS = 0.08
"""The record follows the cursor once it rests: while a key is held down, only the table is drawn."""


class RecordsScreen(RecordVerbs, SdeScreen):
    """The table and the record. One below the other, side by side from 100 columns, or one alone."""

    NAME = "records"
    BINDINGS = screen_bindings("records")
    DEFAULT_CSS = """
    RecordsScreen #panes { layout: vertical; height: 1fr; }
    RecordsScreen #left { height: 1fr; layout: vertical; }
    RecordsScreen #record { height: 1fr; border-top: solid $panel; padding: 0 1; }
    RecordsScreen.-show-table #record { display: none; }
    RecordsScreen.-show-record #left { display: none; }
    RecordsScreen.-show-record #record { border: none; }
    RecordsScreen.-wide #panes { layout: horizontal; }
    RecordsScreen.-wide #left { width: 1fr; height: 100%; }
    RecordsScreen.-wide #record { width: 1fr; height: 100%; border-top: none; border-left: solid $panel; }
    RecordsScreen.-wide.-show-record #record { border: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._wish = ""
        self._arranged = ""
        self._zoomed = False
        self.show_source = False
        self.show_tokens = False
        self._rest_timer: events.Timer | None = None

    def compose_content(self) -> Iterable[Widget]:
        with Container(id="panes"):
            with Container(id="left"):
                table = RecordTable(self.session.records.cells, moved=self._moved, id="table")
                yield TableHeader(table, id="columns")
                yield table
            yield RecordView(id="record")
        yield FilterBar(id="filter")

    def on_mount(self) -> None:
        self._arrange()

    @property
    def table(self) -> RecordTable:
        """The table."""
        return self.query_one("#table", RecordTable)

    @property
    def record_view(self) -> RecordView:
        """The record beside it."""
        return self.query_one("#record", RecordView)

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if change == "work":
            return
        if change in ("shown", "resized", "view", "dataset"):
            self._show_rows()
        else:
            self.table.forget_cells()
        self._arrange()
        self._show_record()

    def _show_rows(self) -> None:
        records, table = self.session.records, self.table
        same = _same_rows(table.rows, records.view.rows)
        if same and table.cursor == records.cursor:
            table.forget_cells()
        else:
            table.show_rows(records.view.rows, highest=len(self.session.dataset), cursor=records.cursor, scroll=records.scroll if not same else None)
        self.query_one("#columns", TableHeader).refresh()

    def _show_record(self) -> None:
        self._rest_timer = None
        if self.record_view.display:
            row = self.session.records.row
            self.record_view.show_record(None if row is None else self.session.records.text_of(row, source=self.show_source, tokens=self.show_tokens))

    def _moved(self, line: int) -> None:
        """Takes note at once, and tells the position in the same frame as the table's two lines: one frame is shorter than two."""
        self.session.records.cursor = line
        self.refresh_message()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        self.session.records.scroll = self.table.scroll_offset.y
        if self._rest_timer is not None:
            self._rest_timer.stop()
        self._rest_timer = self.set_timer(_REST_SECONDS, self._rested)

    def _rested(self) -> None:
        self._show_record()
        self.refresh_frame()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        self.action_zoom()

    # ---- panes

    @property
    def wide(self) -> bool:
        """Whether table and record fit side by side."""
        return self.size.width >= 100

    def _arrange(self) -> None:
        """Table alone below 100 columns, side by side above; what the user chose stays."""
        layout = "record" if self._zoomed else self._wish or ("split" if self.wide else "table")
        if layout == self._arranged:
            return
        self._arranged = layout
        for name in LAYOUTS:
            self.set_class(layout == name, f"-show-{name}")
        self.set_focus(self.record_view if layout == "record" else self.table)

    def action_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._arrange()
        self._show_record()

    def action_layout(self) -> None:
        shown = self._wish or ("split" if self.wide else "table")
        self._zoomed, self._wish = False, "table" if shown == "split" else "split"
        self._arrange()
        self._show_record()

    def action_switch_pane(self) -> None:
        self.set_focus(self.table if self.focused is self.record_view else self.record_view)

    def why_not_switch_pane(self) -> str:
        return "" if self.has_class("-show-split") else "Only one pane is shown: v shows both."

    def action_whole_text(self) -> None:
        self.record_view.show_whole()

    def why_not_whole_text(self) -> str:
        return "" if self.record_view.display else "No record is shown: enter shows it."

    def action_source(self) -> None:
        self.show_source = not self.show_source
        self._read_the_record()

    def action_tokens(self) -> None:
        self.show_tokens = not self.show_tokens
        self._read_the_record()

    def why_not_tokens(self) -> str:
        return self.session.records.why_no_tokens()

    def _read_the_record(self) -> None:
        if not self.record_view.display:
            self._zoomed = True
        self._arrange()
        self._show_record()

    # ---- filter, order

    def action_filter(self) -> None:
        self.query_one("#filter", FilterBar).open(self.session.records.view.text)

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        self.session.records.show(text=event.text)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        self.table.focus()
        if event.row is not None and not self.session.records.jump(event.row):
            self.flash(f"There is no row {event.row:,}: rows go from 0 to {len(self.session.dataset) - 1:,}.", "warn")

    def action_unfilter(self) -> None:
        records = self.session.records
        if self._zoomed:
            self.action_zoom()
        elif records.view.filtered:
            records.show(text="", only="")
        elif records.marks:
            records.clear_marks()

    def why_not_unfilter(self) -> str:
        records = self.session.records
        return "" if self._zoomed or records.view.filtered or records.marks else "There is no filter and no mark."

    def action_only(self) -> None:
        options = [*ONLY.items(), (_STEP, "rows of a step of the fine-tune")]
        self.choose("Show only", options, self._show_only, current=self.session.records.view.only)

    def _show_only(self, only: str) -> None:
        if only != _STEP:
            self.session.records.show(only=only)
            return
        run_rows = self.session.part("run_rows")
        last = self.session.attempt(run_rows.last_step)
        if last:
            self.prompt(f"Rows of which step, 1 to {last:,}?", self._show_step, value=str(run_rows.step or last))
        elif last is not None:
            self.flash("This run recorded no losses of rows.", "warn")

    def _show_step(self, typed: str) -> None:
        step = typed.strip().replace(",", "")
        if step.isdecimal() and len(step) < _LONGEST_STEP:
            self.session.part("run_rows").show_step(int(step), self.NAME)
        else:
            self.flash(f"{typed} is no step.", "warn")

    def action_sort(self) -> None:
        def chosen(order: str) -> None:
            if order in QUALITY_ORDERS and self.session.attempt(self.session.quality) is None:
                return
            self.session.records.show(order=order)

        self.choose("Order", list(ORDERS.items()), chosen, current=self.session.records.view.order)

    def action_mapping(self) -> None:
        self.sde_app.push_mapping()

    # ---- the message line

    def what_now(self) -> Line:
        records = self.session.records
        view, total = records.view, len(self.session.dataset)
        count, place = len(view.rows), f"{records.cursor + 1:,}/" if len(view.rows) else ""
        words: list[tuple[str, str]] = []
        doubt = self.session.quality_doubt if view.order in QUALITY_ORDERS else ""
        if records.breadcrumb:
            words.append((visible(records.breadcrumb, 60) + "  ", "accent"))
        if view.filtered or view.base is not None:
            described = view.describe() if not view.title else view.describe().removeprefix(view.title).removeprefix(" · ")
            words.append((f"{place}{count:,} of {total:,}", "text"))
            words.append((f" {described}" if described else "", "accent"))
            words.append(("  esc drops the filter" if view.filtered else "  backspace goes back", "dim"))
        else:
            words.append((f"{place}{count:,}", "text"))
            words.append((f" {view.describe()}" if view.describe() else "", "accent"))
            words.append(("  / filter  o only  s sort  v layout  : row 4211", "dim"))
        return [(f"{doubt}  ", "warn"), *words] if doubt else words

    def command_line(self) -> str:
        return self.session.records.command_line()

    def copied(self) -> tuple[str, str]:
        row = self.session.records.row
        return ("nothing", "") if row is None else (f"row {row:,} as it stands in the file", self.session.records.source_of(row))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()


def _same_rows(shown: Sequence[int], wanted: Sequence[int]) -> bool:
    return shown is wanted or (isinstance(shown, range) and isinstance(wanted, range) and shown == wanted)
