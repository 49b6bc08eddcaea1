"""What all screens share: the lines around the content, when to refresh, and small questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.keys import footer_keys
from sde_tui.screens.keyed import Keyed
from sde_tui.screens.status import status_spans
from sde_tui.widgets.chrome import FlashLine, KeyFooter, StatusLine, TabLine

if TYPE_CHECKING:
    from sde_tui.session import Session


class SdeScreen(Keyed, Screen[None]):
    """A screen with a number key. See `sde_tui.screens` for how to write one.

    Textual calls `on_mount` and `on_resize` of every class in the line: a screen's own must not call them again.
    """

    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    SdeScreen { layout: vertical; background: $background; color: $foreground; }
    SdeScreen > #content { height: 1fr; }
    """

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield TabLine(id="tabs")
        with Container(id="content"):
            yield from self.compose_content()
        yield FlashLine(id="flash")
        yield KeyFooter(id="keys")

    # ---- to be written by each screen

    def compose_content(self) -> Iterable[Widget]:
        """The widgets between tabs and message line."""
        raise NotImplementedError

    def refresh_content(self, change: str) -> None:
        """Brings the content up to date.

        Args:
            change: What changed: "shown" (the screen came up), "resized", or the name of a signal (see `sde_tui.session.Signals`).
        """

    def command_line(self) -> str:
        """The command that does the same as this screen."""
        return f"sde check {self.session.command_data}"

    def copied(self) -> tuple[str, str]:
        """What `y` copies: (what it is, the text)."""
        return "the command", self.command_line()

    # ---- the frame

    @property
    def session(self) -> Session:
        """The bridge to the engine."""
        return self.sde_app.session

    def on_mount(self) -> None:
        for name, signal in self.session.signals.by_name.items():
            signal.subscribe(self, lambda _how, name=name: self._changed(name))  # type: ignore[misc]

    def on_screen_resume(self) -> None:
        self.refresh_all("shown")

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_all, "resized")

    def _changed(self, name: str) -> None:
        if self.app.screen is self or self.app.screen_stack[0] is self:
            self.refresh_all(name)

    def refresh_all(self, change: str) -> None:
        """Brings content and frame up to date; a hidden screen does it when it is shown."""
        if not self.is_attached or not self.query("#keys"):
            return
        try:
            self.refresh_content(change)
        except SdeError as error:
            self.session.failed(error)
        self.refresh_frame()

    def refresh_frame(self) -> None:
        """Status, tabs, message and keys; each is repainted only where it changed."""
        left, right = status_spans(self.session)
        self.query_one("#status", StatusLine).show(left, right)
        self.query_one("#tabs", TabLine).show_tabs(self.sde_app.tabs, self.NAME)
        self.refresh_message()
        keys = footer_keys(self.NAME)
        self.query_one("#keys", KeyFooter).show_keys([(key, not self.why_not(key)) for key in keys])

    # ---- questions

    def ask(self, question: str, then: Callable[[], None], *, details: Sequence[str] = ()) -> None:
        """Asks y/n; `then` is called on yes."""
        from sde_tui.screens.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.app.push_screen(ConfirmScreen(visible(question), [visible(detail) for detail in details]), answered)

    def choose(self, title: str, options: Sequence[tuple[Any, str]], then: Callable[[Any], None], *, current: Any = None) -> None:
        """Offers (value, words) and calls `then` with the value chosen."""
        from sde_tui.screens.dialogs import ChooseScreen

        def answered(value: Any) -> None:
            if value is not None:
                then(value)

        self.app.push_screen(ChooseScreen(title, options, current), answered)

    def prompt(self, title: str, then: Callable[[str], None], *, value: str = "", placeholder: str = "", details: Sequence[str] = ()) -> None:
        """Asks for one line of text and calls `then` with it, unless the user leaves."""
        from sde_tui.screens.dialogs import PromptScreen

        def answered(text: str | None) -> None:
            if text is not None:
                then(text)

        self.app.push_screen(PromptScreen(visible(title), value, placeholder, details), answered)
