"""7 Select: the proposed subset, why each row is in it, and what it does to the whole; argue, and it is solved again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from sde_tui.screens.base import SdeScreen
from sde_tui.screens.select_drawing import card_items, class_lines, coverage_lines, legend_lines, move_cells, pick_cells, side_lines, summary_line
from sde_tui.session_selection import SelectionPart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.pick_table import PickCells, PickTable
from sde_tui.widgets.spans import Line
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.select import Coverage

FIGURES: tuple[tuple[str, Callable[[Coverage | None, int], Sequence[Line]]], ...] = (
    ("figures", coverage_lines),
    ("classes", class_lines),
    ("meaning", lambda _coverage, width: legend_lines(width)),
)
WHAT_IT_IS = (
    "A subset of good rows that are unlike each other is proposed here, with the reason for each.\n"
    "Good: the mean of the rules chosen on screen 6. Unlike: far apart by embedding.\n"
    "Accept, reject, lock or ban rows, and it is solved again at once around what you said."
)
LISTS = {"proposal": "proposal", "moved": "what moved", "held": "locked and banned"}


class SidePane(TextLines):
    """Lines that depend on how much room there is for them."""

    class Resized(Message):
        """There is another room."""

    def on_resize(self, event: events.Resize) -> None:
        self.post_message(self.Resized())


class SelectScreen(SdeScreen):
    """The list of picks, the card of the row under the cursor, and the table of before and after."""

    NAME = "select"
    BINDINGS = screen_bindings("select")
    DEFAULT_CSS = """
    SelectScreen #panes { layout: vertical; height: 1fr; }
    SelectScreen #picks { height: 1fr; }
    SelectScreen #side { height: auto; layout: vertical; }
    SelectScreen #card { height: 5; padding: 0 1; border-top: solid $panel; }
    SelectScreen #coverage { height: 5; padding: 0 1; border-top: solid $panel; }
    SelectScreen.-tall #card { height: 9; }
    SelectScreen.-wide #panes { layout: horizontal; }
    SelectScreen.-wide #picks { width: 1fr; height: 100%; }
    SelectScreen.-wide #side { width: 54; height: 100%; border-left: solid $panel; }
    SelectScreen.-wide #card { height: 1fr; border-top: none; }
    SelectScreen.-wide #coverage { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._list_shown = "proposal"
        self._figures_shown = 0
        self._begun = False

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="summary")
        yield OneLine(id="columns")
        with Container(id="panes"):
            yield PickTable(self._cells, self.session.records.cells, id="picks")
            with Container(id="side"):
                for name in ("card", "coverage"):
                    yield SidePane(id=name)

    def on_mount(self) -> None:
        self.set_focus(self.table)

    @property
    def part(self) -> SelectionPart:
        """The engine's side of this screen."""
        part: SelectionPart = self.session.selection
        return part

    @property
    def table(self) -> PickTable:
        """The list of rows."""
        return self.query_one("#picks", PickTable)

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if not self._begun and not self.part.why_not_run():
            self._begun = True
            self.part.start()
        if change == "work" and self.part.selection is not None:
            return
        self._show_rows()
        self._show_side()

    def _show_rows(self) -> None:
        part, table = self.part, self.table
        left, right = summary_line(part)
        self.query_one("#summary", OneLine).show(left, right)
        table.show_rows(self._rows(), highest=len(self.session.dataset), empty=self._empty_lines())
        title = (
            self.table.header(table.size.width or 80) if table.rows and self._list_shown != "held" else [(f" {LISTS[self._list_shown]}", "header")]
        )
        self.query_one("#columns", OneLine).show(title)

    def _rows(self) -> list[int]:
        part = self.part
        if self._list_shown == "moved":
            return [move.row for move in part.moves]
        if self._list_shown == "held":
            return [*sorted(part.wishes.locked), *sorted(part.wishes.banned)]
        return [] if part.selection is None else list(part.selection.rows)

    def _cells(self, y: int) -> PickCells:
        if self._list_shown == "moved":
            return move_cells(self.part.moves[y], self.part)
        return pick_cells(self.table.rows[y], self.part)

    def _empty_lines(self) -> Sequence[Line]:
        part = self.part
        if self._list_shown == "moved":
            return [[(" Nothing moved: change something, and what came in and what left is listed here. v goes on.", "dim")]]
        if self._list_shown == "held":
            return [[(" No row is locked or banned: l and b do that. v goes on.", "dim")]]
        why_not = part.why_not_run()
        now = why_not or part.stage or part.note or "Not started: r embeds and scores all rows, then proposes a subset."
        return [
            [(f" {now[:1].upper()}{now[1:]}", "warn" if why_not or part.note else "accent")],
            [("", "text")],
            *([(f" {line}", "dim")] for line in wrapped(WHAT_IT_IS, (self.table.size.width or 80) - 2)),
        ]

    def _show_side(self) -> None:
        self.query_one("#side").display = self.part.selection is not None
        card, coverage = self.query_one("#card", ItemList), self.query_one("#coverage", ItemList)
        card.set_items(self._card(max(card.scrollable_content_region.width, 20), max(card.scrollable_content_region.height, 3)))
        width = max(coverage.scrollable_content_region.width, 20)
        found = self.part.coverage
        if self.size.width >= 100:
            lines: Sequence[Line] = side_lines(found, width, coverage.scrollable_content_region.height)
        else:
            lines = FIGURES[self._figures_shown][1](found, width)
        coverage.set_items([Item(line) for line in lines])

    def _card(self, width: int, height: int) -> list[Item]:
        row = self.table.row
        if row is None:
            return []
        cells, pick = self.session.records.cells, self.part.pick_of(row)
        nearest = cells(pick.nearest_row) if pick is not None and pick.nearest_row is not None else None
        return card_items(row, cells(row), self.session.dataset.line(row), self.part, width, height, nearest)

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        self._show_side()
        self.refresh_frame()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        await self.action_do("read")

    def on_side_pane_resized(self) -> None:
        self._show_side()

    def what_now(self) -> Line:
        part = self.part
        if part.selection is None:
            return [(part.why_not_run() or part.stage or "r proposes a subset", "dim")]
        if part.stage:
            return [(f"{part.stage}…", "accent")]
        hints = [("← →", "balance"), ("+ −", "rows"), ("v", f"list: {LISTS[self._list_shown]}")]
        hints += [] if self.why_not_figures() else [("i", FIGURES[(self._figures_shown + 1) % len(FIGURES)][0])]
        hints += [("m", "method"), ("!", "command")]
        return [span for keys, words in hints for span in ((keys, "accent"), (f" {words}  ", "dim"))]

    def command_line(self) -> str:
        return self.part.command_line()

    # ---- rows

    def _targets(self) -> list[int]:
        if self.session.records.marks:
            return sorted(self.session.records.marks)
        return [] if self.table.row is None else [self.table.row]

    def why_not_lock(self) -> str:
        return "" if self._targets() else "There is no row here."

    why_not_mark = why_not_read = why_not_ban = why_not_lock

    def why_not_accept(self) -> str:
        return self.why_not_lock() or self.session.decisions.why_not()

    why_not_reject = why_not_clear = why_not_accept

    def action_accept(self) -> None:
        self._decide(self.session.decisions.accept)

    def action_reject(self) -> None:
        self._decide(self.session.decisions.reject)

    def action_clear(self) -> None:
        self._decide(self.session.decisions.clear)

    def _decide(self, decide) -> None:  # noqa: ANN001
        if decide(self._targets()):
            self._used()

    def _used(self) -> None:
        """After a verb: marks are used up."""
        if self.session.records.marks:
            self.session.records.clear_marks()

    def action_lock(self) -> None:
        self.flash(self.part.toggle_lock(self._targets()), "good")
        self._used()

    def action_ban(self) -> None:
        self.flash(self.part.toggle_ban(self._targets()), "good")
        self._used()

    def action_mark(self) -> None:
        if self.table.row is not None:
            self.session.records.toggle_mark(self.table.row)
            self.table.action_cursor_down()

    def action_unmark(self) -> None:
        self.session.records.clear_marks()

    def why_not_unmark(self) -> str:
        return "" if self.session.records.marks else "No row is marked."

    def action_read(self) -> None:
        row = self.table.row
        if row is not None:
            self.session.records.drill(list(self.table.rows), LISTS[self._list_shown], screen=self.NAME)
            self.session.records.jump(row)

    def why_not_accept_all(self) -> str:
        if self.part.selection is None:
            return "There is no proposal yet."
        if self.part.stage:
            return "The proposal is being solved; wait for it."
        return self.session.decisions.why_not() or ("" if self.part.new_rows() else "All rows of the proposal are accepted already.")

    def action_accept_all(self) -> None:
        asked, new = self.part.selection, self.part.new_rows()
        if asked is None:
            return
        rows = len(asked.picks)
        details = [f"{rows - new:,} of them are accepted already."] if new < rows else []
        faulty = sum(self.session.findings.severity(row) == "error" for row in asked.rows)
        details += [f"{faulty:,} of them {'has' if faulty == 1 else 'have'} errors, marked !: x takes a row out."] if faulty else []
        details.append("They become the training set. u undoes it.")
        self.ask(f"Accept {rows:,} rows?", lambda: self.part.accept_proposal(asked) and None, details=details)

    # ---- wishes

    def action_more(self) -> None:
        self.part.change_size(1)

    def action_fewer(self) -> None:
        self.part.change_size(-1)

    def action_size(self) -> None:
        self.prompt("How many rows? A number, or a percentage of all rows.", self.part.ask_size, value=str(self.part.k))

    def action_quality(self) -> None:
        self.part.change_balance(1)

    def action_diversity(self) -> None:
        self.part.change_balance(-1)

    def why_not_quality(self) -> str:
        return "" if self.part.wishes.method == "dpp" else f"Only dpp weighs quality against diversity, and {self.part.wishes.method} is chosen."

    why_not_diversity = why_not_quality

    def action_method(self) -> None:
        self.choose("How are rows chosen?", self.part.methods(), lambda name: self.part.wish(method=name), current=self.part.wishes.method)

    def action_sample(self) -> None:
        self.part.wish(seed=self.part.wishes.seed + 1)

    def why_not_sample(self) -> str:
        method = self.part.wishes.method
        return "" if method in ("random", "stratified") else f"{method} draws nothing at random; m chooses another method."

    def action_list(self) -> None:
        names = list(LISTS)
        self._list_shown = names[(names.index(self._list_shown) + 1) % len(names)]
        self.refresh_all("shown")

    def action_figures(self) -> None:
        self._figures_shown = (self._figures_shown + 1) % len(FIGURES)
        self._show_side()

    def why_not_figures(self) -> str:
        return "Everything is shown beside the list already." if self.size.width >= 100 else ""

    def action_propose(self) -> None:
        self.part.run()

    def why_not_propose(self) -> str:
        if self.part.why_not_run():
            return self.part.why_not_run()
        return "The proposal is up to date; it follows by itself." if self.part.selection is not None and not self.part.stage else self.part.stage
