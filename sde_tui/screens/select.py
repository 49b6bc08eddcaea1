"""7 Select: the proposed subset, why each row is in it, and what it does to the whole; argue, and it is solved again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from sde_tui.screens.base import SdeScreen
from sde_tui.screens.select_card import card_items
from sde_tui.screens.select_drawing import cell_items, map_legend, map_title, move_cells, pick_cells, summary_line, wish_cells
from sde_tui.screens.select_table import digest_line, table_lines
from sde_tui.screens.select_verbs import RowVerbs, WholeVerbs
from sde_tui.session_selection import SelectionPart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.density_map import DensityMap
from sde_tui.widgets.lines import Item, LineList, TextLines
from sde_tui.widgets.pick_table import PickCells, PickTable
from sde_tui.widgets.spans import Line
from sde_tui.widgets.wrapping import wrapped

WIDE, HIGH = 110, 34
"""From so many columns on the card and the table stand beside the list, and from so many lines on the map stands under it."""
WHAT_IT_IS = (
    "A subset of good rows that are unlike each other is proposed here, with the reason for each.\n"
    "Good: the mean of the rules chosen on screen 6. Unlike: far apart by embedding.\n"
    "Accept, reject, lock, ban, swap or like rows, and it is solved again at once around what you said."
)
LISTS = {"proposal": "proposal", "moved": "what moved", "wishes": "your wishes", "asked": "rows asked about"}
_ANY_WIDTH = 200
"""The line cuts its own text, and knows its room when it is drawn."""
_NOTHING = {
    "moved": "Nothing moved: change something, and what came in and what left is listed here with the reason. v goes on.",
    "wishes": "No row is locked, banned, liked or disliked: l, b, > and < do that. v goes on.",
    "asked": "No row was asked about: / asks about one by its number, and marked rows are listed here. v goes on.",
}


class SidePane(TextLines):
    """Lines that depend on how much room there is for them."""

    class Resized(Message):
        """There is another room."""

    def on_resize(self, event: events.Resize) -> None:
        self.post_message(self.Resized())


class SelectScreen(RowVerbs, WholeVerbs, SdeScreen):
    """The list of picks, the card of the row under the cursor, the table of coverage, and the map."""

    NAME = "select"
    BINDINGS = screen_bindings("select")
    DEFAULT_CSS = """
    SelectScreen #panes { layout: vertical; height: 1fr; }
    SelectScreen #main { height: 1fr; layout: vertical; }
    SelectScreen #picks { height: 1fr; }
    SelectScreen #mapped { height: 1fr; layout: vertical; }
    SelectScreen #map { height: 1fr; }
    SelectScreen #table { height: 1fr; padding: 0 1; }
    SelectScreen #side { height: auto; layout: vertical; }
    SelectScreen #card { height: 9; padding: 0 1; border-top: solid $panel; }
    SelectScreen #coverage { height: 1fr; padding: 0 1; border-top: solid $panel; }
    SelectScreen.-mapping #card { height: 6; }
    SelectScreen.-wide #panes { layout: horizontal; }
    SelectScreen.-wide #main { width: 1fr; height: 100%; }
    SelectScreen.-wide #side { width: 60; height: 100%; border-left: solid $panel; }
    SelectScreen.-wide.-broad #side { width: 76; }
    SelectScreen.-wide #card { height: 1fr; border-top: none; }
    SelectScreen.-both #mapped { height: 45%; border-top: solid $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._list_shown = "proposal"
        self._face = "list"
        self._looked_up: list[int] = []
        self._begun = False

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="summary")
        with Container(id="panes"):
            with Container(id="main"):
                yield OneLine(id="columns")
                yield PickTable(self._cells, self.session.records.cells, id="picks")
                with Container(id="mapped"):
                    yield OneLine(id="map-title")
                    yield DensityMap(id="map")
                    yield OneLine(id="legend")
                yield SidePane(id="table")
            with Container(id="side"):
                yield OneLine(id="digest")
                yield SidePane(id="card")
                yield SidePane(id="coverage")

    def on_mount(self) -> None:
        self.part.card.changed = self._show_card
        self.part.map.changed = self._show_map
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

    @property
    def map(self) -> DensityMap:
        """The map of rows."""
        return self.query_one("#map", DensityMap)

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if not self._begun and not self.part.why_not_run():
            self._begun = True
            self.part.start()
        if change == "work" and self.part.selection is not None:
            return
        self._lay_out()
        warnings = ["wishes not kept"] if self.session.decisions.read_only else []
        left, right = summary_line(self.part, [*warnings, *(["quality by labels"] if self.session.rules.labels else [])])
        self.query_one("#summary", OneLine).show(left, right)
        self._show_rows()
        self._show_map()
        self._show_side()

    def _lay_out(self) -> None:
        """Which panes there are, by what is asked for and how much room there is."""
        wide, there = self.size.width >= WIDE, self.part.selection is not None
        both = wide and self.size.height >= HIGH and there and self._face == "list"
        face = self._face if there else "list"
        self.set_class(wide, "-wide")
        self.set_class(self.size.width >= 160, "-broad")
        self.set_class(both, "-both")
        self.set_class(face == "map" and not wide, "-mapping")
        self.query_one("#picks").display = self.query_one("#columns").display = face == "list"
        self.query_one("#mapped").display = both or face == "map"
        self.query_one("#table").display = face == "figures"
        self.query_one("#side").display = there and (wide or face != "figures")
        self.query_one("#coverage").display = wide and face != "figures"
        self.query_one("#digest").display = face == "list" and not wide
        wanted = self.map if face == "map" else self.table
        if self.focused is None or not self.focused.display or (face == "map" and not both and self.focused is self.table):
            self.set_focus(wanted)

    def _show_rows(self) -> None:
        table = self.table
        table.show_rows(self._rows(), highest=len(self.session.dataset), empty=self._empty_lines())
        plain = not table.rows or self._list_shown in ("moved", "wishes")
        title = [(f" {LISTS[self._list_shown]}", "header")] if plain else [(text.rstrip(), ink) for text, ink in table.header(_ANY_WIDTH)]
        self.query_one("#columns", OneLine).show(title)

    def _rows(self) -> list[int]:
        part, wishes = self.part, self.part.wishes
        if self._list_shown == "moved":
            return [move.row for move in part.moves]
        if self._list_shown == "wishes":
            held = [*sorted(wishes.locked), *sorted(wishes.banned)]
            return held + [row for row, _ in wishes.leanings if row not in held]
        if self._list_shown == "asked":
            return list(dict.fromkeys([*reversed(self._looked_up), *sorted(self.session.records.marks)]))
        return [] if part.selection is None else list(part.selection.rows)

    def _cells(self, y: int) -> PickCells:
        if self._list_shown == "moved":
            return move_cells(self.part.moves[y], self.part)
        return (wish_cells if self._list_shown == "wishes" else pick_cells)(self.table.rows[y], self.part)

    def _empty_lines(self) -> Sequence[Line]:
        part = self.part
        if self._list_shown in _NOTHING:
            return [[(f" {line}", "dim")] for line in wrapped(_NOTHING[self._list_shown], (self.table.size.width or 80) - 2)]
        why_not = part.why_not_run()
        now = why_not or part.stage or part.note or "Not started: r embeds and scores all rows, then proposes a subset."
        width, ink = (self.table.size.width or 80) - 2, "warn" if why_not or part.note else "accent"
        return [
            *([(f" {line}", ink)] for line in wrapped(f"{now[:1].upper()}{now[1:]}", width)),
            [("", "text")],
            *([(f" {line}", "dim")] for line in wrapped(WHAT_IT_IS, width)),
        ]

    def _show_map(self) -> None:
        if not self.is_attached or not self.query_one("#mapped").display:
            return
        part, region = self.part.map, self.map.scrollable_content_region
        part.show(region.width, region.height)
        grid = part.grid
        fits = grid is not None and grid.counts.shape == (region.height, region.width)
        self.map.show(grid.dots if grid is not None and fits else None, part.chosen if fits else None, [[(" drawing the map…", "dim")]])
        self.query_one("#map-title", OneLine).show(map_title(self.part))
        self.query_one("#legend", OneLine).show(map_legend(region.width or 80))
        if self.focused is self.map:
            self._show_card()

    def _show_side(self) -> None:
        self._show_card()
        found, table, coverage = self.part.coverage, self.query_one("#table", TextLines), self.query_one("#coverage", TextLines)
        remarks = self.part.selection.remarks if self.part.selection is not None else ()
        for pane in (table, coverage):
            if pane.display:
                region = pane.scrollable_content_region
                pane.set_items([Item(line) for line in table_lines(found, max(region.width, 40), region.height, remarks)])
        self.query_one("#digest", OneLine).show(digest_line(found))

    def _show_card(self) -> None:
        if not self.is_attached or not self.query_one("#side").display:
            return
        card = self.query_one("#card", TextLines)
        region = card.scrollable_content_region
        card.set_items(self._card(max(region.width, 20), max(region.height, 3)))

    def _card(self, width: int, height: int) -> list[Item]:
        if self.focused is self.map and self.map.shown:
            return cell_items(self.part, self.map.line, self.map.column, self.session.records.cells, width, height)
        row = self.table.row
        if row is None:
            return []
        return card_items(row, self.session.records.cells(row), self.session.dataset.line(row), self.part, width, height)

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        self._show_card()
        self.refresh_frame()

    def on_density_map_moved(self, event: DensityMap.Moved) -> None:
        self._show_card()

    def on_density_map_sized(self, event: DensityMap.Sized) -> None:
        self._show_map()

    def on_density_map_zoomed(self, event: DensityMap.Zoomed) -> None:
        done = self.part.map.zoom_in(self.map.line, self.map.column) if event.closer else self.part.map.zoom_out()
        if not done:
            self.flash("This is as close as it gets." if event.closer else "Everything is shown already.")
            return
        region = self.map.scrollable_content_region
        self.map.move_to(region.height // 2, region.width // 2)
        self._show_map()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        await self.action_do("read")

    def on_side_pane_resized(self) -> None:
        self._show_side()

    def what_now(self) -> Line:
        part = self.part
        if part.selection is None:
            return [(part.why_not_run() or part.stage or "r proposes a subset", "dim")]
        if part.stage:
            return [(f"{part.stage.rstrip('…')}…", "accent")]
        for job, key in ((self.session.embedding, "e"), (self.session.losses, "m")):
            if job.active:
                return [(key, "accent"), (" stops  ", "dim"), (job.words, "accent")]
        if part.behind:
            return [("r", "accent"), (" goes on with what was stopped; what is shown is of before", "warn")]
        if doubt := self.session.quality_doubt:
            return [(doubt, "warn"), (": 6 e", "accent"), (" rates all rows", "warn")]
        if self._list_shown == "wishes" and self.table.row is not None and self.focused is self.table:
            hints = [("l b", "lift a lock or a ban"), ("> <", "change a leaning"), ("u", "undo"), ("v", f"list: {LISTS[self._list_shown]}")]
        elif self.focused is self.map:
            hints = [("← → ↑ ↓", "cell"), ("enter", "its rows"), ("z Z", "zoom"), ("p" if self._face == "map" else "tab", "list")]
        else:
            steer = [("← →", "balance" if part.wishes.method == "dpp" else "τ")] if not self.why_not_quality() else []
            hints = [*steer, ("+ −", "rows"), ("v", f"list: {LISTS[self._list_shown]}"), ("p", "map"), ("i", "figures")]
        hints += [("!", "command")]
        return [span for keys, words in hints for span in ((keys, "accent"), (f" {words}  ", "dim"))]

    def command_line(self) -> str:
        return self.part.command_line()

    # ---- rows

    def targets(self) -> list[int]:
        """What a verb in lower case acts on: the marked rows, or else the row under the cursor."""
        if self.session.records.marks:
            return sorted(self.session.records.marks)
        return [] if self.table.row is None or self.focused is self.map else [self.table.row]

    def action_mark(self) -> None:
        if self.table.row is not None:
            self.session.records.toggle_mark(self.table.row)
            self.table.action_cursor_down()

    def action_unmark(self) -> None:
        self.session.records.clear_marks()

    def why_not_unmark(self) -> str:
        return "" if self.session.records.marks else "No row is marked."

    def why_not_read(self) -> str:
        if self.focused is self.map:
            return "" if any(self.part.map.rows_at(self.map.line, self.map.column)) else "No row lies here."
        return "" if self.table.row is not None else "There is no row here."

    def action_read(self) -> None:
        if self.focused is self.map:
            chosen, others = self.part.map.rows_at(self.map.line, self.map.column)
            self.session.records.drill([*chosen, *others], "rows of a cell of the map, chosen first", screen=self.NAME)
            return
        row = self.table.row
        if row is not None:
            self.session.records.drill(list(self.table.rows), LISTS[self._list_shown], screen=self.NAME)
            self.session.records.jump(row)

    # ---- what is shown

    def why_not_look_up(self) -> str:
        return "" if self.part.selection is not None else "There is no proposal yet."

    why_not_map = why_not_figures = why_not_look_up

    def action_look_up(self) -> None:
        self.prompt("Which row? What it would add, what is near it and who stands in its way is told.", self._look_up, placeholder="a row number")

    def _look_up(self, text: str) -> None:
        number = text.strip().replace(",", "")
        rows = len(self.session.dataset)
        if not number.isdecimal() or int(number) >= rows:
            self.flash(f"There is no such row: rows go from 0 to {rows - 1:,}.", "warn")
            return
        row = int(number)
        self._looked_up = [*(held for held in self._looked_up if held != row), row]
        self._list_shown, self._face = "asked", "list"
        self.refresh_all("shown")
        self.set_focus(self.table)
        self.table.move_to(0)

    def action_list(self) -> None:
        names = list(LISTS)
        self._list_shown = names[(names.index(self._list_shown) + 1) % len(names)]
        self._face = "list"
        self.refresh_all("shown")

    def action_map(self) -> None:
        self._turn("map")

    def action_figures(self) -> None:
        self._turn("figures")

    def _turn(self, face: str) -> None:
        self._face = "list" if self._face == face else face
        self.refresh_all("shown")
        self.set_focus(self.map if self._face == "map" else self.table)
        self.call_after_refresh(self.refresh_all, "shown")

    def why_not_switch_pane(self) -> str:
        return "" if self.query_one("#mapped").display and self.query_one("#picks").display else "Only one of them is shown; p shows the map."

    def action_switch_pane(self) -> None:
        self.set_focus(self.table if self.focused is self.map else self.map)
        self._show_card()

    def action_propose(self) -> None:
        self.part.run()

    def why_not_propose(self) -> str:
        if self.part.why_not_run():
            return self.part.why_not_run()
        if self.part.selection is None or self.part.stage or self.part.behind:
            return self.part.stage
        return "The proposal is up to date; it follows by itself."
