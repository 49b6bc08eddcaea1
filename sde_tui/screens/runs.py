"""All runs: those at work, those that wait in their order, and the history; under the list what the run under the cursor was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sde_core.visible import visible
from sde_tui.screens.dialogs import ConfirmScreen, Dialog, NoteScreen
from sde_tui.screens.run_difference import RunDifferenceScreen
from sde_tui.screens.run_recipe import RunRecipeScreen
from sde_tui.screens.runs_drawing import detail_items, head_words, run_line, title_words
from sde_tui.session_queue import QueuePart, RunLine
from sde_tui.widgets.lines import LineList, TextLines
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.train.history import RunComparison

_HINTS = (
    "enter show  K J order  t first  n now  x stop  r resume  del remove",
    "d differs from the run before, or from the one space marked  e whole recipe",
)
_POLL_SECONDS = 1.0
Left = tuple[str, object, str]
"""How the screen was left: ("run", id, "") to show one, or ("rows", positions, title) to show rows in Records."""


class RunList(LineList):
    """The runs, drawn as they come into sight."""

    def __init__(self, part: QueuePart) -> None:
        super().__init__(id="runs")
        self._part = part

    def line_count(self) -> int:
        return len(self._part.runs)

    def line_at(self, y: int, width: int) -> Line:
        return run_line(self._part, self._part.runs[y], width)


class RunsScreen(Dialog[Left]):
    """The list over recipe and manifest of one run."""

    DEFAULT_CSS = """
    RunsScreen > Vertical { height: 96%; width: 100%; max-width: 100%; }
    RunsScreen RunList { height: 1fr; background: $panel; scrollbar-background: $panel; }
    RunsScreen #details { height: 8; border-top: solid $accent 50%; }
    RunsScreen .hint { height: 1; }
    """
    BINDINGS = [
        Binding("enter", "show", show=False),
        Binding("K,left_square_bracket", "move('up')", show=False),
        Binding("J,right_square_bracket", "move('down')", show=False),
        Binding("t", "move('first')", show=False),
        Binding("n", "now", show=False),
        Binding("x", "stop", show=False),
        Binding("r", "resume", show=False),
        Binding("space", "mark", show=False),
        Binding("d", "compare", show=False),
        Binding("e", "whole", show=False),
        Binding("delete,D", "remove", show=False),
        Binding("exclamation_mark", "command", show=False),
        Binding("q,backspace", "leave", show=False),
    ]

    def __init__(self, part: QueuePart, shown: str | None = None) -> None:
        super().__init__()
        self._part = part
        self._at = shown
        """The run that the cursor stands on, which it follows."""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(title_words(self._part)), id="title")
            yield Static(id="head", classes="hint")
            yield RunList(self._part)
            yield TextLines(id="details")
            yield Static(Content(_HINTS[0]), classes="hint", id="said")
            yield Static(Content(_HINTS[1]), classes="hint")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self._part.measure_sizes()
        self._part.when_changed(self, self._refresh)
        self.set_interval(_POLL_SECONDS, self._poll)
        self.call_after_refresh(self._refresh)

    def on_resize(self) -> None:
        self.call_after_refresh(self._refresh)

    @property
    def list(self) -> RunList:
        """The runs."""
        return self.query_one(RunList)

    @property
    def run(self) -> RunLine | None:
        """The run under the cursor."""
        runs = self._part.runs
        return runs[self.list.cursor] if self.list.cursor < len(runs) else None

    # ---- refreshing

    def _poll(self) -> None:
        if self._part.poll():
            self._refresh()

    def _refresh(self) -> None:
        """Draws list and details anew; the cursor stays on its run wherever that stands now."""
        y = next((y for y, run in enumerate(self._part.runs) if run.id == self._at), None)
        self.list.lines_changed()
        if y is not None:
            self.list.move_to(y)
        self.query_one("#title", Static).update(Content(title_words(self._part)))
        self.query_one("#head", Static).update(Content(head_words(self.list.scrollable_content_region.width)))
        self._part.measure_sizes()
        self._show_details()

    def _show_details(self) -> None:
        pane = self.query_one("#details", TextLines)
        pane.set_items(detail_items(self._part, self.run, pane.scrollable_content_region.width or 74))

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        self._at = self.run.id if self.run is not None else None
        self._show_details()

    def _say(self, words: str = "") -> None:
        self.query_one("#said", Static).update(Content(visible(words or _HINTS[0])))

    # ---- keys

    def _do(self, verb: str, work: Callable[[RunLine], str], done: str) -> None:
        """Does something with the run under the cursor, and says what came of it."""
        run = self.run
        reason = self._part.why_not(verb, run)
        if reason or run is None:
            self._say(reason)
            return
        self._at = run.id
        self._say(work(run) or done)
        self._refresh()

    def action_move(self, where: str) -> None:
        verb = {"up": "earlier", "down": "later", "first": "first"}[where]
        words = {"up": "It comes earlier.", "down": "It comes later.", "first": "It comes next."}[where]
        self._do(verb, lambda run: self._part.move(run, where), words)  # type: ignore[arg-type]

    def action_now(self) -> None:
        self._do("now", self._part.begin_now, "It begins now, beside what runs.")

    def action_stop(self) -> None:
        run = self.run
        if run is not None and run.active and run.place is None and not run.elsewhere:
            question = ConfirmScreen("Stop this run?", ["It saves a checkpoint at its next step; r goes on from there."])
            self.app.push_screen(question, lambda yes: self._do("stop", self._part.stop, "It saves and stops at its next step.") if yes else None)
        else:
            self._do("stop", self._part.stop, "Taken out of the queue; r queues it again.")

    def action_resume(self) -> None:
        self._do("resume", self._part.resume, "It goes on, once its device is free.")

    def action_remove(self) -> None:
        run = self.run
        reason = self._part.why_not("remove", run)
        if reason or run is None:
            self._say(reason)
            return
        details = [visible(run.title, 120), "Its adapter, checkpoints, losses and rows are deleted; this cannot be undone."]
        question = ConfirmScreen(f"Delete run {run.id[-4:]}?", details)
        self.app.push_screen(question, lambda yes: self._do("remove", self._part.remove, "Deleted.") if yes else None)

    def action_mark(self) -> None:
        run = self.run
        if run is not None:
            self._part.marked = None if self._part.marked == run.id else run.id
            self._say(f"d on another run compares it with {run.id[-4:]}." if self._part.marked else "")
            self.list.refresh()

    def action_compare(self) -> None:
        run = self.run
        reason, other = self._part.why_not("compare", run), self._part.compared_with(run) if run is not None else None
        if reason or run is None or other is None:
            self._say(reason)
            return
        self._say("Comparing…")
        self._part.compare(other, run, lambda found: self._compared(other, run, found))

    def _compared(self, a: RunLine, b: RunLine, found: RunComparison) -> None:
        if not self.is_current:
            return
        self._say()

        def left(which: str | None) -> None:
            if which:
                places, name = (found.only_a, a) if which == "only_a" else (found.only_b, b)
                rows = self._part.still_here([place.key for place in places])
                if rows:
                    self.dismiss(("rows", rows, f"rows only in run {name.id[-4:]}"))
                else:
                    self._say("None of these rows is in the dataset any more.")

        self.app.push_screen(RunDifferenceScreen(a.id, b.id, found), left)

    def action_show(self) -> None:
        run = self.run
        if run is None or run.elsewhere or run.kind != "train":
            self._say(self._part.why_not("show", run) or "Only fine-tunes have a curve to show.")
            return
        self.dismiss(("run", run.id, ""))

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_show()

    def action_whole(self) -> None:
        """Shows all of the recipe and the manifest."""
        run = self.run
        if run is not None and self._part.settings(run):
            self.app.push_screen(RunRecipeScreen(self._part, run))
        else:
            self._say(self._part.why_not("show", run) or "It has no recipe.")

    def action_command(self) -> None:
        command = self._part.command_line(self.run)
        self.app.copy_to_clipboard(command)
        self.app.push_screen(NoteScreen("Copied", visible(f"$ {command}")))
