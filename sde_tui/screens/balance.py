"""3 Balance: the fields that hold classes, the classes of one as bars, and how far they are from where they should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.widget import Widget

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens import balance_drawing as drawing
from sde_tui.screens.balance_drawing import FIELDS, class_title
from sde_tui.screens.balance_table import CrossTable, cell_lines, table_summary
from sde_tui.screens.base import SdeScreen
from sde_tui.session_balance import WHICH, BalancePart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.checks.balance_drops import RowToDrop

_DROP_ORDERS = (("redundant", "first what is most like other rows of its class"), ("random", "any at random, by seed 7"))


class BalanceScreen(SdeScreen):
    """The fields beside the classes of the one under their cursor, or against those of another field; below, the class under the cursor."""

    NAME = "balance"
    BINDINGS = screen_bindings("balance")
    DEFAULT_CSS = f"""
    BalanceScreen #panes {{ height: 1fr; layout: horizontal; }}
    BalanceScreen #fields {{ width: {FIELDS}; height: 100%; }}
    BalanceScreen #bars-pane {{ width: 1fr; height: 100%; border-left: solid $panel; }}
    BalanceScreen #classes {{ height: 1fr; }}
    BalanceScreen #class {{ height: 5; padding: 0 1; border-top: solid $panel; }}
    BalanceScreen.-tall #class {{ height: 6; }}
    BalanceScreen #table-pane {{ height: 1fr; display: none; }}
    BalanceScreen #table {{ height: 1fr; }}
    BalanceScreen.-table #table-pane {{ display: block; }}
    BalanceScreen.-table #classes {{ display: none; }}
    BalanceScreen #waiting {{ height: 1fr; display: none; }}
    BalanceScreen.-empty #waiting {{ display: block; }}
    BalanceScreen.-empty #panes {{ display: none; }}
    """

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="about")
        yield OneLine(id="figures")
        with Container(id="panes"):
            yield ItemList(id="fields")
            with Container(id="bars-pane"):
                yield ItemList(id="classes")
                with Container(id="table-pane"):
                    yield OneLine(id="across")
                    yield CrossTable(id="table")
                yield TextLines(id="class")
        yield TextLines(id="waiting")

    def __init__(self) -> None:
        super().__init__()
        self.by = ""
        """The field across, "" where classes are shown as bars."""

    def on_mount(self) -> None:
        self.set_focus(self.class_list)

    @property
    def part(self) -> BalancePart:
        """The engine's side of this screen."""
        part: BalancePart = self.session.balance
        return part

    @property
    def field_list(self) -> ItemList:
        """The fields."""
        return self.query_one("#fields", ItemList)

    @property
    def class_list(self) -> ItemList:
        """The classes of the field."""
        return self.query_one("#classes", ItemList)

    @property
    def cross_table(self) -> CrossTable:
        """The classes of the field against those of `by`."""
        return self.query_one("#table", CrossTable)

    @property
    def detail_list(self) -> LineList:
        """What stands beside the fields now."""
        return self.cross_table if self.by else self.class_list

    @property
    def field(self) -> str | None:
        """The field whose classes are shown."""
        name: str | None = self.field_list.value
        return name if name in self.part.fields else None

    @property
    def class_name(self) -> str | None:
        """The class under the cursor."""
        name: str | None = self.class_list.value
        return name

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if change in ("shown", "dataset"):
            self.part.start()
        elif change not in ("balance", "work", "resized"):
            return
        if change == "work" and self.part.known:
            return
        self._show_all()

    def _show_all(self) -> None:
        empty = not self.part.known
        self.set_class(empty, "-empty")
        if empty:
            for name in ("about", "figures"):
                self.query_one(f"#{name}", OneLine).show([])
            self.query_one("#waiting", ItemList).set_items([Item(line) for line in drawing.waiting_lines(*self._waiting_words())])
            return
        self.field_list.set_items(drawing.field_items(self.part))
        self._show_field()

    def _waiting_words(self) -> tuple[str, str]:
        if self.part.running:
            return self.part.running_words(), "accent"
        return self.part.why_not_run() or "Not counted yet: r counts the classes of every field.", "text"

    def _show_field(self) -> None:
        field = self.field
        if field is None:
            return
        waits = field in self.part.waiting
        if self.by not in self.part.fields or self.by in self.part.waiting or self.by == field or waits:
            self.by = ""
        self.set_class(bool(self.by), "-table")
        about, figures = drawing.summary_lines(self.part, field)
        self.query_one("#about", OneLine).show(*about)
        self.query_one("#figures", OneLine).show(*figures)
        if waits:
            width = self.class_list.scrollable_content_region.width or 56
            self.class_list.set_items([Item(line) for line in drawing.uncomputed_lines(self.part, field, width)])
        elif self.by:
            self._show_table(field)
        else:
            self.class_list.set_items(drawing.class_items(self.part, field, self.class_list.scrollable_content_region.width or 56))
        self._show_class()

    def _show_table(self, field: str) -> None:
        table = self.part.table(field, self.by)
        self.query_one("#about", OneLine).show(
            [(f" {visible(field, 26)}", "strong"), (" against ", "dim"), (visible(self.by, 26), "strong")],
            [(f"{count_of(int(table.counts.sum()), 'row')} ", "dim")],
        )
        self.query_one("#figures", OneLine).show(table_summary(table))
        self.cross_table.show_table(table)
        self._show_columns()

    def _show_columns(self) -> None:
        self.query_one("#across", OneLine).show(self.cross_table.header(self.cross_table.scrollable_content_region.width or 58))

    def _show_class(self) -> None:
        field, detail = self.field, self.query_one("#class", ItemList)
        if field is None or field in self.part.waiting:
            detail.set_items([])
            return
        width = detail.scrollable_content_region.width or 54
        if self.by:
            lines = cell_lines(self.part.table(field, self.by), self.cross_table.pair, width)
        else:
            lines = drawing.class_lines(self.part, field, self.class_name, width)
        detail.set_items([Item(line) for line in lines])

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if event.list is self.field_list:
            self._show_field()
        elif event.list in (self.class_list, self.cross_table):
            self._show_class()
        self.refresh_frame()

    def on_cross_table_cell_moved(self, event: CrossTable.CellMoved) -> None:
        self._show_columns()
        self._show_class()

    # ---- the message line

    def what_now(self) -> Line:
        if self.part.running and self.part.known:
            return [("Counting again; the counts shown are of before", "dim")]
        if self.part.stale:
            return [("Texts were edited since: ", "warn"), ("r", "accent"), (" counts again", "warn")]
        if not self.part.known:
            return [("Which classes there are, and how many rows of each", "dim")]
        if self.field in self.part.waiting:
            return [("enter", "accent"), (" computes this field; ", "dim"), ("←→", "accent"), (" another field", "dim")]
        if self.by:
            return [
                ("←→↑↓", "accent"),
                (" another cell, ", "dim"),
                ("enter", "accent"),
                (" its rows, ", "dim"),
                ("b", "accent"),
                (" back to the bars", "dim"),
            ]
        if self.field is not None and not self.part.why_no_drop(self.field):
            return [
                ("X", "accent"),
                (" rejects the rows that the targets have no room for, ", "dim"),
                ("esc", "accent"),
                (" forgets the targets", "dim"),
            ]
        return [("←→", "accent"), (" another field, ", "dim"), ("s", "accent"), (" by name, " if not self.part.by_name else " by count, ", "dim"),
                ("v", "accent"), (f" {WHICH[self._next_which()]}", "dim")]  # fmt: skip

    def command_line(self) -> str:
        return self.part.command_line(self.field, self.by) if self.field is not None else f"sde balance {self.session.command_data}"

    def copied(self) -> tuple[str, str]:
        name = None if self.by else self.class_name
        return super().copied() if name is None else ("the class", name)

    # ---- keys

    def _why_nothing(self) -> str:
        return "" if self.part.known else self._waiting_words()[0]

    def _why_no_classes(self) -> str:
        return self._why_nothing() or (f"{self.field} is not computed: enter computes it." if self.field in self.part.waiting else "")

    def why_not_open_rows(self) -> str:
        if self.field in self.part.waiting:
            return self.part.why_not_run()
        nothing = self.cross_table.pair is None if self.by else self.class_name is None
        if not nothing and self.by and self.cross_table.is_empty_cell and self.focused is self.cross_table:
            return "No row has both classes."
        return self._why_nothing() or ("No class has a row here." if nothing else "")

    def why_not_target(self) -> str:
        if self.by:
            return "Targets are set for the classes of one field: b goes back to the bars."
        return self._why_no_classes() or ("" if self.class_name is not None else "No class has a row here.")

    def why_not_by(self) -> str:
        return self._why_no_classes() or ("" if self._others() else "There is no other field with classes.")

    def why_not_reject_surplus(self) -> str:
        return self._why_no_classes() or self.part.why_no_drop(self.field or "")

    why_not_sort = why_not_which = why_not_switch_pane = _why_nothing

    def why_not_next_field(self) -> str:
        return self._why_nothing() or ("" if len(self.part.fields) > 1 else "There is no other field with classes.")

    why_not_previous_field = why_not_next_field

    def why_not_no_targets(self) -> str:
        return self._why_nothing() or (
            "" if self.by or (self.field is not None and self.part.targets.get(self.field)) else "This field has no targets."
        )

    def why_not_count(self) -> str:
        return self.part.why_not_run()

    def action_count(self) -> None:
        self.part.run()

    def action_open_rows(self) -> None:
        field = self.field
        if field is not None and field in self.part.waiting:
            self.part.compute(field)
        elif self.focused is self.field_list:
            self.set_focus(self.detail_list)
        elif field is not None and self.by and self.cross_table.pair is not None:
            self.part.drill_pair(field, self.by, self.cross_table.pair, screen=self.NAME)
        elif field is not None and self.class_name is not None:
            self.part.drill(field, self.class_name, screen=self.NAME)

    def action_next_field(self) -> None:
        self._step(1)

    def action_previous_field(self) -> None:
        self._step(-1)

    def _step(self, step: int) -> None:
        if self.by and self.focused is self.cross_table:
            self.cross_table.move_column(step)
        else:
            self._step_field(step)

    def _step_field(self, step: int) -> None:
        fields = self.field_list
        fields.move_to((fields.cursor + step) % len(self.part.fields))
        self.class_list.move_to(0)
        self._show_field()

    def action_target(self) -> None:
        field, name = self.field, self.class_name
        if field is not None and name is not None:
            now = self.part.targets.get(field, {}).get(name)
            self.prompt(
                f"Share that {class_title(name)[:40]} should have, as 5% or 0.05; empty for none",
                lambda text: self.part.set_target(field, name, text),
                value="" if now is None else f"{100 * now:.6g}%",
            )

    def action_no_targets(self) -> None:
        if self.by:
            self._show_by("")
        elif self.field is not None:
            self.part.forget_targets(self.field)

    def _others(self) -> list[str]:
        return [name for name in self.part.fields if name != self.field and name not in self.part.waiting]

    def why_not_labels(self) -> str:
        return self._why_nothing() or ("" if self.session.labels.knows(self._judged_field()) else self.session.labels.why_not_run())

    def _judged_field(self) -> str:
        """The field under the cursor where its labels can be judged; "" lets the engine take the label."""
        field = self.field
        return field if field is not None and not self.part.meaning(field) else ""

    def action_labels(self) -> None:
        labels, field = self.session.labels, self._judged_field()
        if labels.knows(field):
            self._show_labels()
        else:
            labels.run(field, self._show_labels)

    def _show_labels(self) -> None:
        labels = self.session.labels
        if not len(labels):
            self.flash(labels.summary() + ".", "good")
        elif self.app.screen is not self:
            self.flash(labels.summary() + ": l on screen 3 lists them.", "warn")
        else:
            from sde_tui.screens.labels import LabelsScreen

            self.app.push_screen(LabelsScreen(labels), lambda at: None if at is None else labels.drill(at, screen=self.NAME))

    def action_by(self) -> None:
        if self.by:
            self._show_by("")
        else:
            self.choose("Count each pair of classes with…", [(name, visible(name, 60)) for name in self._others()], self._show_by)

    def _show_by(self, by: str) -> None:
        had_focus = self.focused is not self.field_list
        self.by = by
        self._show_field()
        if had_focus:
            self.set_focus(self.detail_list)
        self.refresh_frame()

    def action_reject_surplus(self) -> None:
        self.choose("Which rows go first?", _DROP_ORDERS, self._choose_drops)

    def _choose_drops(self, order: str) -> None:
        field = self.field
        if field is not None:
            self.part.choose_drops(field, order, lambda rows: self._ask_to_drop(field, rows))

    def _ask_to_drop(self, field: str, rows: list[RowToDrop]) -> None:
        reasons = [f"row {row.row:,}: {row.why}" for row in rows[:5]]
        more = [f"… and {len(rows) - 5:,} more"] if len(rows) > 5 else []
        question = f"Reject {count_of(len(rows), 'row')} so that {visible(field, 30)} has its target shares? u takes it back."
        self.ask(question, lambda: self.part.drop(field, rows), details=[*reasons, *more])

    def _next_which(self) -> str:
        names = list(WHICH)
        return names[(names.index(self.part.which) + 1) % len(names)]

    def action_which(self) -> None:
        self.part.show(which=self._next_which())

    def action_sort(self) -> None:
        self.part.show(by_name=not self.part.by_name)

    def action_switch_pane(self) -> None:
        self.set_focus(self.field_list if self.focused is self.detail_list else self.detail_list)
