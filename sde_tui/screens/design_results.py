"""Which design tunes best? Designs trained on the same records and asked the same: runs, intervals of differences, and what may be said."""

from __future__ import annotations

from rich.style import Style

from sde_core.evaluate.design_results import DesignRow
from sde_tui.screens.comparison_dialog import ComparisonDialog
from sde_tui.screens.design_results_drawing import items_of, row_of, words_of
from sde_tui.session_design_compare import DesignComparePart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import ItemList
from sde_tui.widgets.spans import Line

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


class DesignResultsScreen(ComparisonDialog[None]):
    """The comparison shown."""

    DEFAULT_CSS = """
    DesignResultsScreen #columns { height: auto; max-height: 3; }
    DesignResultsScreen #columns.-bad { color: $error; }
    DesignResultsScreen .pane { height: 1fr; }
    """
    NAME = "design_results"
    BINDINGS = dialog_bindings(NAME)
    ON_ENTER = "answers"
    items_of, words_of = staticmethod(items_of), staticmethod(words_of)
    _part: DesignComparePart

    def new_pane(self) -> ItemList:
        return ReadLines()

    def what_now(self) -> Line:
        if self._part.status is None:
            return [("n", "accent"), (" compares designs", "dim")]
        if not self._part.why_not_resume():
            return [("r", "accent"), (" goes on; finished runs stay", "dim")]
        return [("enter", "accent"), (" shows figures and wrong answers of the line", "dim")] if self._row is not None else ()

    def title_words(self) -> str:
        return f"Designs compared · {self._part.progress_words()}"

    def column_words(self, width: int) -> str:
        words, ink = self._part.doing_words()
        self.query_one("#columns").set_class(ink == "bad", "-bad")
        return words

    def fill_list(self) -> None:
        super().fill_list()
        found = self._part.found
        self.list.styles.height = "1fr" if found is None else min(len(self.list.items), max(self.size.height * 9 // 20, 6))

    def why_empty(self) -> str:
        return _NOTHING if self._part.status is None else self._part.refusal or "Reading the runs…"

    def line_moved(self, line: int) -> None:
        self.pane.action_cursor_top()

    # ---- keys

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
        self.set_focus(self.pane if self.list.has_focus else self.list)

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
