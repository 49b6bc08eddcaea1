"""Did it pay? Arms trained on one budget and evaluated on the same rows: the runs, the intervals of their differences, and what may be said."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.screens.arms_drawing import items_of, words_of
from sde_tui.screens.comparison_dialog import ComparisonDialog
from sde_tui.screens.dialogs import ConfirmScreen, PromptScreen
from sde_tui.session_arms import ArmsPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.spans import Line
from sde_tui.widgets.wrapping import wrapped

_NOTHING = (
    "Train parts of the data under the same token budget and see which one pays: all of it, the accepted rows, and random rows of the same size, "
    "each with several seeds, evaluated on rows that none of them saw. n starts it as a job that outlives the app."
)


class ArmsScreen(ComparisonDialog[str]):
    """The comparison shown; left with an arm's name where its rows are to be shown."""

    DEFAULT_CSS = """
    ArmsScreen .list { height: 5fr; }
    ArmsScreen .pane { height: 4fr; }
    """
    NAME = "arms"
    BINDINGS = dialog_bindings(NAME)

    items_of, words_of = staticmethod(items_of), staticmethod(words_of)
    _part: ArmsPart

    def column_words(self, width: int) -> str:
        return f"Arms compared · {self._part.progress_words()}"

    def why_empty(self) -> str:
        status = self._part.status
        if self._part.job is None:
            return _NOTHING
        if status is not None and status.active:
            return "Each run is listed here once it has ended, and what may be said of them. It goes on when you leave; s stops it."
        if status is not None and status.state != "done":
            return f"It ended before its first run began. {self._ending} r goes on with it."
        return self._part.refusal or "Reading the runs…"

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        status, lines = self._part.status, super().pane_lines(width, height)
        failed = status is not None and status.state in ("failed", "lost") and self._part.found is not None
        return [*([(line, "bad")] for line in wrapped(self._ending, width)), *lines] if failed else lines

    @property
    def _ending(self) -> str:
        """What the comparison said last, whole."""
        status = self._part.status
        return visible(f"{status.message} {status.hint}".strip(), 600) if status is not None else ""

    # ---- keys

    def action_rows(self) -> None:
        self.dismiss(self._arm)

    def why_not_rows(self) -> str:
        if self._arm == "base":
            return "The base model trains on no rows."
        return "" if self._arm else "No arm stands on this line."

    @property
    def _arm(self) -> str:
        """The arm of the line under the cursor, "" where there is none."""
        kind, value = self.list.value or ("", "")
        if self._part.found is not None and kind == "pair":
            return self._part.found.differences[value].arm
        return str(value) if self._part.found is not None and kind == "arm" else ""

    def why_not_new(self) -> str:
        return self._part.why_not_start()

    def action_new(self, typed: str = "", fault: str = "") -> None:
        details = [
            *([visible(fault, 400)] if fault else []),
            "Arms: full, selected, random:ARM, top:ARM, method:NAME:K, rows:FILE, base, ARM:25%; then seeds=3 budget=200k held_out=10%.",
            "The first arm is what the others are compared with. All read the same number of tokens.",
        ]
        self.app.push_screen(PromptScreen("Which arms?", typed or self._part.default_request(), "full,selected seeds=3", details), self._asked)

    def _asked(self, text: str | None) -> None:
        if not text:
            return
        try:
            request = self._part.request_of(text)
        except SdeError as error:
            self.action_new(text, f"{error.message} {error.hint}".strip())
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._part.start(request)

        details = [visible(line, 200) for line in self._part.estimate(request)]
        self.app.push_screen(ConfirmScreen(f"Compare {visible(request.arms, 120)}?", details), answered)
