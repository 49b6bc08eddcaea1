"""Which design tunes best? Designs trained on the same records and asked the same: runs, intervals of differences, and what may be said."""

from __future__ import annotations

from collections.abc import Iterable

from rich.style import Style
from textual.containers import Vertical
from textual.widget import Widget

from sde_core.evaluate.design_results import DesignRow
from sde_core.visible import visible
from sde_tui.screens.comparison_verbs import ComparisonVerbs
from sde_tui.screens.design_results_drawing import items_of, row_of, words_of
from sde_tui.screens.dialogs import Dialog
from sde_tui.session_design_compare import DesignComparePart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.spans import Line
from sde_tui.widgets.wrapping import wrapped

_NOTHING = (
    "Train the same records in several designs, with several seeds, and ask each model for records that none of them saw: which design tunes best, "
    "and does a prompt that works before tuning tell? n puts a comparison together; it runs as a job that outlives the app."
)


class ReadLines(ItemList):
    """Lines to read, which scroll where they have the focus."""

    def selectable(self, y: int) -> bool:
        return True

    def style_over(self, y: int) -> Style | None:
        return self.inks["cursor"] if y == self.cursor and self.has_focus else None


class DesignResultsScreen(ComparisonVerbs, Dialog[None]):
    """The comparison shown."""

    DEFAULT_CSS = """
    DesignResultsScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    DesignResultsScreen OneLine { background: $panel; }
    DesignResultsScreen #designs { height: 1fr; max-height: 100%; background: $panel; scrollbar-background: $panel; }
    DesignResultsScreen #words { height: 1fr; max-height: 100%; background: $panel; border-top: solid $accent 50%; }
    """
    NAME = "design_results"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: DesignComparePart) -> None:
        super().__init__()
        self._part = part

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield OneLine(id="title")
            yield OneLine(id="doing")
            yield ItemList(id="designs")
            yield ReadLines(id="words")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self._part.open(self._show)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def list(self) -> ItemList:
        """Lines of the table and pairs."""
        return self.query_one("#designs", ItemList)

    def what_now(self) -> Line:
        if self._part.status is None:
            return [("n", "accent"), (" compares designs", "dim")]
        if not self._part.why_not_resume():
            return [("r", "accent"), (" goes on; finished runs stay", "dim")]
        return [("enter", "accent"), (" shows figures and wrong answers of the line", "dim")] if self._row is not None else ()

    def _show(self) -> None:
        if not self.is_attached or not self.query("#designs"):
            return
        self.query_one("#title", OneLine).show([(f"Designs compared · {self._part.progress_words()}", "header")])
        self.query_one("#doing", OneLine).show([self._part.doing_words()])
        found = self._part.found
        width = self.list.scrollable_content_region.width or 74
        if found is not None:
            self.list.set_items(items_of(found, width))
            self.list.styles.height = min(len(self.list.items), max(self.size.height * 9 // 20, 6))
        else:
            self.list.styles.height = "1fr"
            words = (self._part.refusal or "Reading the runs…") if self._part.status is not None else _NOTHING
            self.list.set_items([Item([(line, "dim")]) for line in wrapped(visible(words, 400), width)])
        self._show_words()
        self.refresh_frame()

    def _show_words(self) -> None:
        pane = self.query_one("#words", ItemList)
        width = pane.scrollable_content_region.width or 74
        found = self._part.found
        items = [Item(line) for line in words_of(found, self.list.value, width)] if found is not None else []
        if items != pane.items:
            pane.set_items(items)

    # ---- keys

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        if event.list is self.list:
            self._show_words()
            self.query_one("#words", ItemList).action_cursor_top()
        self.refresh_frame()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("answers")

    @property
    def _row(self) -> DesignRow | None:
        return row_of(self._part.found, self.list.value) if self._part.found is not None else None

    def action_answers(self) -> None:
        from sde_tui.screens.design_answers import DesignAnswersScreen

        row, found = self._row, self._part.found
        if row is not None and found is not None:
            self.app.push_screen(DesignAnswersScreen(self._part, row, found))

    def why_not_answers(self) -> str:
        return "" if self._row is not None else "No run of this line is finished yet."

    def action_switch_pane(self) -> None:
        words = self.query_one("#words", ItemList)
        self.set_focus(words if self.list.has_focus else self.list)

    def action_new(self) -> None:
        from sde_tui.screens.design_request import DesignRequestScreen

        session = self.sde_app.session

        def answered(yes: bool | None) -> None:
            if yes:
                session.design_request.start(self._part.show)

        self.app.push_screen(DesignRequestScreen(session.design_request), answered)

    def why_not_new(self) -> str:
        reason: str = self.sde_app.session.design_request.why_not_start()
        return reason
