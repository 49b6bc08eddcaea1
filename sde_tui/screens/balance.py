"""3 Balance: the fields that hold classes, the classes of one as bars, and how far they are from where they should be."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Container
from textual.widget import Widget

from sde_tui.screens.balance_drawing import FIELDS, class_items, class_lines, class_title, field_items, summary_lines, waiting_lines
from sde_tui.screens.base import SdeScreen
from sde_tui.session_balance import WHICH, BalancePart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line


class BalanceScreen(SdeScreen):
    """The fields beside the classes of the one under their cursor, over the class under its own."""

    NAME = "balance"
    BINDINGS = screen_bindings("balance")
    DEFAULT_CSS = f"""
    BalanceScreen #panes {{ height: 1fr; layout: horizontal; }}
    BalanceScreen #fields {{ width: {FIELDS}; height: 100%; }}
    BalanceScreen #bars-pane {{ width: 1fr; height: 100%; border-left: solid $panel; }}
    BalanceScreen #classes {{ height: 1fr; }}
    BalanceScreen #class {{ height: 5; padding: 0 1; border-top: solid $panel; }}
    BalanceScreen.-tall #class {{ height: 6; }}
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
                yield TextLines(id="class")
        yield TextLines(id="waiting")

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
            self.query_one("#waiting", ItemList).set_items([Item(line) for line in waiting_lines(*self._waiting_words())])
            return
        self.field_list.set_items(field_items(self.part))
        self._show_field()

    def _waiting_words(self) -> tuple[str, str]:
        running = self.session.lanes.running("balance")
        if running is not None:
            return f"{running.shown()}; ctrl+x stops.", "accent"
        return self.part.why_not_run() or "Not counted yet: r counts the classes of every field.", "text"

    def _show_field(self) -> None:
        field = self.field
        if field is None:
            return
        about, figures = summary_lines(self.part, field)
        self.query_one("#about", OneLine).show(*about)
        self.query_one("#figures", OneLine).show(*figures)
        self.class_list.set_items(class_items(self.part, field, self.class_list.scrollable_content_region.width or 56))
        self._show_class()

    def _show_class(self) -> None:
        field, detail = self.field, self.query_one("#class", ItemList)
        if field is not None:
            width = detail.scrollable_content_region.width or 54
            detail.set_items([Item(line) for line in class_lines(self.part, field, self.class_name, width)])

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if event.list is self.field_list:
            self._show_field()
        elif event.list is self.class_list:
            self._show_class()
        self.refresh_frame()

    # ---- the message line

    def what_now(self) -> Line:
        if self.part.running and self.part.known:
            return [("Counting again; the counts shown are of before", "dim")]
        if self.part.stale:
            return [("Texts were edited since: ", "warn"), ("r", "accent"), (" counts again", "warn")]
        if not self.part.known:
            return [("Which classes there are, and how many rows of each", "dim")]
        return [("←→", "accent"), (" another field, ", "dim"), ("s", "accent"), (" by name, " if not self.part.by_name else " by count, ", "dim"),
                ("v", "accent"), (f" {WHICH[self._next_which()]}", "dim")]  # fmt: skip

    def command_line(self) -> str:
        return self.part.command_line(self.field) if self.field is not None else f"sde balance {self.session.command_data}"

    def copied(self) -> tuple[str, str]:
        name = self.class_name
        return super().copied() if name is None else ("the class", name)

    # ---- keys

    def _why_nothing(self) -> str:
        return "" if self.part.known else self._waiting_words()[0]

    def _why_no_class(self) -> str:
        return self._why_nothing() or ("" if self.class_name is not None else "No class has a row here.")

    why_not_open_rows = why_not_target = _why_no_class
    why_not_sort = why_not_which = why_not_switch_pane = _why_nothing

    def why_not_next_field(self) -> str:
        return self._why_nothing() or ("" if len(self.part.fields) > 1 else "There is no other field with classes.")

    why_not_previous_field = why_not_next_field

    def why_not_no_targets(self) -> str:
        return self._why_nothing() or ("" if self.field is not None and self.part.targets.get(self.field) else "This field has no targets.")

    def why_not_count(self) -> str:
        return self.part.why_not_run()

    def action_count(self) -> None:
        self.part.run()

    def action_open_rows(self) -> None:
        if self.focused is self.field_list:
            self.set_focus(self.class_list)
        elif self.field is not None and self.class_name is not None:
            self.part.drill(self.field, self.class_name, screen=self.NAME)

    def action_next_field(self) -> None:
        self._step_field(1)

    def action_previous_field(self) -> None:
        self._step_field(-1)

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
        if self.field is not None:
            self.part.forget_targets(self.field)

    def _next_which(self) -> str:
        names = list(WHICH)
        return names[(names.index(self.part.which) + 1) % len(names)]

    def action_which(self) -> None:
        self.part.show(which=self._next_which())

    def action_sort(self) -> None:
        self.part.show(by_name=not self.part.by_name)

    def action_switch_pane(self) -> None:
        self.set_focus(self.field_list if self.focused is self.class_list else self.class_list)
