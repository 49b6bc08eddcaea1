"""Did it pay? Arms trained on one budget and evaluated on the same rows: the runs, the intervals of their differences, and what may be said."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.screens.arms_drawing import items_of, words_of
from sde_tui.screens.dialogs import ConfirmScreen, Dialog, NoteScreen, PromptScreen
from sde_tui.session_arms import ArmsPart
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.wrapping import wrapped

_HINT = "n new   enter rows   s stop   r go on   ←→ others   ! command   esc leave"
_NOTHING = (
    "Train parts of the data under the same token budget and see which one pays: all of it, the accepted rows, and random rows of the same size, "
    "each with several seeds, evaluated on rows that none of them saw. n starts it as a job that outlives the app."
)


class ArmsScreen(Dialog[str]):
    """The comparison shown; left with an arm's name where its rows are to be shown."""

    DEFAULT_CSS = """
    ArmsScreen > Vertical { height: 96%; width: 100%; max-width: 100%; }
    ArmsScreen #arms { height: 5fr; max-height: 100%; background: $panel; scrollbar-background: $panel; }
    ArmsScreen #words { height: 4fr; max-height: 100%; background: $panel; border-top: solid $accent 50%; }
    ArmsScreen .hint { height: 1; }
    """
    BINDINGS = [
        Binding("enter", "rows", show=False),
        Binding("n", "new", show=False),
        Binding("s", "stop", show=False),
        Binding("r", "resume", show=False),
        Binding("right", "other(1)", show=False),
        Binding("left", "other(-1)", show=False),
        Binding("exclamation_mark", "command", show=False),
        Binding("q,backspace", "leave", show=False),
    ]

    def __init__(self, part: ArmsPart) -> None:
        super().__init__()
        self._part = part

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(""), id="title", classes="hint")
            yield ItemList(id="arms")
            yield TextLines(id="words")
            yield Static(Content(_HINT), classes="hint")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self._part.open(self._show)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def list(self) -> ItemList:
        """Arms and pairs."""
        return self.query_one("#arms", ItemList)

    def _show(self) -> None:
        if not self.is_attached or not self.query("#arms"):
            return
        self.query_one("#title", Static).update(Content(f"Arms compared · {self._part.progress_words()}"))
        found = self._part.found
        width = self.list.scrollable_content_region.width or 74
        if found is not None:
            self.list.set_items(items_of(found, width))
        else:
            words = self._part.refusal if self._part.job is not None else _NOTHING
            self.list.set_items([Item([(line, "dim")]) for line in wrapped(visible(words or "Reading the runs…", 400), width)])
        self._show_words()

    def _show_words(self) -> None:
        pane = self.query_one("#words", ItemList)
        width = pane.scrollable_content_region.width or 74
        found = self._part.found
        pane.set_items([Item(line) for line in words_of(found, self.list.value, width)] if found is not None else [])

    # ---- keys

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        self._show_words()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_rows()

    def action_rows(self) -> None:
        kind, value = self.list.value or ("", "")
        if self._part.found is None:
            return
        if kind == "pair":
            kind, value = "arm", self._part.found.differences[value].arm
        if kind == "arm" and value != "base":
            self.dismiss(value)

    def action_new(self) -> None:
        refusal = self._part.why_not_start()
        if refusal:
            self._say("Not now", refusal)
            return
        details = [
            "Arms: full, selected, random:ARM, top:ARM, method:NAME:K, rows:FILE, base, ARM:25%; then seeds=3 budget=200k held_out=10%.",
            "The first arm is what the others are compared with. All read the same number of tokens.",
        ]
        self.app.push_screen(PromptScreen("Which arms?", self._part.default_request(), "full,selected seeds=3", details), self._asked)

    def _asked(self, text: str | None) -> None:
        if not text:
            return
        try:
            request = self._part.request_of(text)
        except SdeError as error:
            self._say("That cannot be compared", f"{error.message} {error.hint}")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._part.start(request)

        details = [visible(line, 200) for line in self._part.estimate(request)]
        self.app.push_screen(ConfirmScreen(f"Compare {visible(request.arms, 120)}?", details), answered)

    def action_stop(self) -> None:
        if self._part.why_not_stop():
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._part.stop()

        self.app.push_screen(
            ConfirmScreen("Stop the comparison?", ["Finished runs stay; r goes on with the one at hand from its checkpoint."]), answered
        )

    def action_resume(self) -> None:
        status = self._part.status
        if status is not None and not status.active and status.state != "done":
            self._part.resume()

    def action_other(self, direction: int) -> None:
        self._part.other(direction)

    def action_command(self) -> None:
        command = self._part.command_line()
        self.app.copy_to_clipboard(command)
        self._say("Copied", f"$ {command}")

    def _say(self, title: str, words: Any) -> None:
        self.app.push_screen(NoteScreen(title, visible(str(words), 600)))
