"""All runs: those at work, those that wait in their order, and the history; under the list what the run under the cursor was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_tui.screens.dialogs import ConfirmScreen
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.screens.run_difference import RunDifferenceScreen
from sde_tui.screens.run_recipe import RunRecipeScreen
from sde_tui.screens.runs_drawing import detail_lines, head_words, run_line, title_words
from sde_tui.session_queue import QueuePart, RunLine
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.train.history import RunComparison

_POLL_SECONDS = 1.0
Left = tuple[str, object, str]
"""How the screen was left: ("run", id, "") to show one, or ("rows", positions, title) to show rows in Records."""


class RunList(LineList):
    """The runs, drawn as they come into sight."""

    def __init__(self, part: QueuePart) -> None:
        super().__init__()
        self._part = part

    def line_count(self) -> int:
        return len(self._part.runs)

    def line_at(self, y: int, width: int) -> Line:
        return run_line(self._part, self._part.runs[y], width)


class RunsScreen(ListDialog[Left]):
    """The list over recipe and manifest of one run."""

    DEFAULT_CSS = "RunsScreen .pane { height: 8; }"
    NAME = "runs"
    ON_ENTER = "show"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: QueuePart, shown: str | None = None) -> None:
        super().__init__()
        self._part = part
        self._at = shown
        """The run that the cursor stands on, which it follows."""
        self._comparing = False

    def on_mount(self) -> None:
        self._part.measure_sizes()
        self._part.when_changed(self, self.show)
        self.set_interval(_POLL_SECONDS, self._poll)

    def new_list(self) -> LineList:
        return RunList(self._part)

    def title_words(self) -> str:
        return title_words(self._part)

    def column_words(self, width: int) -> str:
        return head_words(width)

    @property
    def run(self) -> RunLine | None:
        """The run under the cursor."""
        runs = self._part.runs
        return runs[self.list.cursor] if self.list.cursor < len(runs) else None

    # ---- refreshing

    def _poll(self) -> None:
        if self._part.poll():
            self.show()

    def fill_list(self) -> None:
        """The cursor stays on its run wherever that stands now."""
        y = next((y for y, run in enumerate(self._part.runs) if run.id == self._at), None)
        self.list.lines_changed()
        if y is not None:
            self.list.move_to(y)
        self._part.measure_sizes()

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        return detail_lines(self._part, self.run, width)

    def line_moved(self, line: int) -> None:
        self._at = self.run.id if self.run is not None else None

    def what_now(self) -> Line:
        if self._comparing:
            return [("Comparing…", "accent")]
        marked = self._part.marked
        if marked is not None and self.run is not None and self.run.id != marked:
            return [("d", "accent"), (f" compares this run with {marked[-4:]} · ", "dim"), ("space", "accent"), (" marks this one", "dim")]
        if self.run is not None and self.run.place is not None:
            return [("t", "accent"), (" next of all · ", "dim"), ("n", "accent"), (" at once, beside what runs · ", "dim"),
                    ("e", "accent"), (" whole recipe", "dim")]  # fmt: skip
        return [("e", "accent"), (" whole recipe · ", "dim"), ("space", "accent"), (" marks it, for d on another · ", "dim"),
                ("del", "accent"), (" deletes it", "dim")]  # fmt: skip

    # ---- keys

    def _do(self, work: Callable[[RunLine], str], done: str) -> None:
        """Does something with the run under the cursor, and says what came of it."""
        run = self.run
        if run is None:
            return
        self._at = run.id
        refused = work(run)
        self.show()
        self.flash(refused or done, "warn" if refused else "good")

    def _why_not(self, verb: str) -> str:
        return self._part.why_not(verb, self.run)

    def action_earlier(self) -> None:
        self._do(lambda run: self._part.move(run, "up"), "It comes earlier.")

    def action_later(self) -> None:
        self._do(lambda run: self._part.move(run, "down"), "It comes later.")

    def action_earliest(self) -> None:
        self._do(lambda run: self._part.move(run, "first"), "It comes next.")

    def action_now(self) -> None:
        self._do(self._part.begin_now, "It begins now, beside what runs.")

    def action_stop(self) -> None:
        run = self.run
        if run is not None and run.active and run.place is None and not run.elsewhere:
            question = ConfirmScreen("Stop this run?", ["It saves a checkpoint at its next step; r goes on from there."])
            self.app.push_screen(question, lambda yes: self._do(self._part.stop, "It saves and stops at its next step.") if yes else None)
        else:
            self._do(self._part.stop, "Taken out of the queue; r queues it again.")

    def action_resume(self) -> None:
        self._do(self._part.resume, "It goes on, once its device is free.")

    def action_remove(self) -> None:
        run = self.run
        if run is not None:
            details = [visible(run.title, 120), "Its adapter, checkpoints, losses and rows are deleted; this cannot be undone."]
            question = ConfirmScreen(f"Delete run {run.id[-4:]}?", details)
            self.app.push_screen(question, lambda yes: self._do(self._part.remove, "Deleted.") if yes else None)

    def why_not_earlier(self) -> str:
        return self._why_not("earlier")

    def why_not_later(self) -> str:
        return self._why_not("later")

    def why_not_earliest(self) -> str:
        return self._why_not("first")

    def why_not_now(self) -> str:
        return self._why_not("now")

    def why_not_stop(self) -> str:
        return self._why_not("stop")

    def why_not_resume(self) -> str:
        return self._why_not("resume")

    def why_not_remove(self) -> str:
        return self._why_not("remove")

    def why_not_compare(self) -> str:
        return self._why_not("compare")

    def why_not_mark(self) -> str:
        return self._why_not("mark")

    def action_mark(self) -> None:
        run = self.run
        if run is not None:
            self._part.marked = None if self._part.marked == run.id else run.id
            self.list.refresh()
            self.flash(f"d on another run compares it with {run.id[-4:]}." if self._part.marked else "No run is marked now.")

    def action_compare(self) -> None:
        run = self.run
        other = self._part.compared_with(run) if run is not None else None
        if run is not None and other is not None:
            self._comparing = True
            self._part.compare(other, run, lambda found: self._compared(other, run, found))

    def _compared(self, a: RunLine, b: RunLine, found: RunComparison) -> None:
        self._comparing = False
        if not self.is_current:
            return
        self.refresh_frame()

        def left(which: str | None) -> None:
            if which:
                places, name = (found.only_a, a) if which == "only_a" else (found.only_b, b)
                rows = self._part.still_here([place.key for place in places])
                if rows:
                    self.dismiss(("rows", rows, f"rows only in run {name.id[-4:]}"))
                else:
                    self.flash("None of these rows is in the dataset any more.", "warn")

        self.app.push_screen(RunDifferenceScreen(a.id, b.id, found), left)

    def action_show(self) -> None:
        if self.run is not None:
            self.dismiss(("run", self.run.id, ""))

    def why_not_show(self) -> str:
        other_kind = self.run is not None and self.run.kind != "train"
        return self._why_not("show") or ("Only fine-tunes have a curve to show." if other_kind else "")

    def why_not_whole(self) -> str:
        return self._why_not("show") or ("" if self.run is not None and self._part.settings(self.run) else "It has no recipe.")

    def action_whole(self) -> None:
        """Shows all of the recipe and the manifest."""
        if self.run is not None:
            self.app.push_screen(RunRecipeScreen(self._part, self.run))

    def action_command(self) -> None:
        self.copy_command(self._part.command_line(self.run))
