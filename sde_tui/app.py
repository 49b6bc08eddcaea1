"""The app: one mode a screen, keys that work everywhere, the message line."""

from __future__ import annotations

import asyncio
import gc
import signal
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from sde_core.dataset import Dataset
from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui import terminal
from sde_tui.screens import SCREENS
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.keyed import Keyed
from sde_tui.session import Session
from sde_tui.textual_private import PaintedUpdate, is_drawing, painter_for, placed_strips
from sde_tui.theme import DARK, TERMINAL, THEMES
from sde_tui.type_ahead import TypeAhead
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import TabLine

if TYPE_CHECKING:
    from sde_core.project import Project
    from sde_tui.painter import Painter


class SdeApp(App[str]):
    """`sde DATA`.

    Args:
        dataset: Opened; read on once the first screen stands.
        project: Where its state lives; beside the data by default.
        open_options: Options that it was opened with, as the command line takes them.
    """

    CSS_PATH = "app.tcss"
    TITLE = "sde"
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = SCREENS[0].name
    MODES = {spec.name: spec.load for spec in SCREENS}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
    BINDINGS = [
        *screen_bindings("global"),
        *(Binding(str(spec.number), f"show_screen('{spec.name}')", spec.title, show=False) for spec in SCREENS),
    ]

    def __init__(self, dataset: Dataset, project: Project | None = None, *, open_options: Sequence[str] = ()) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        # sixteen colours are the user's own choice: take them as they are
        self.theme = TERMINAL.name if self.console.color_system == "standard" else DARK.name
        self.flashed: tuple[str, str] | None = None
        self.session = Session(self, dataset, project, open_options=open_options)
        self.tabs = [(spec.number, spec.name, spec.title, spec.short) for spec in SCREENS]
        self.crash = ""
        self._started = False
        self._type_ahead = TypeAhead(self)
        self._painter: Painter | None = None

    # ---- life

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, self.forget_terminal)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            # without a handler a dropped connection kills the app halfway; ignoring it would leave an orphan that spins
            try:
                loop.add_signal_handler(number, partial(self.hang_up, number))
            except (NotImplementedError, RuntimeError, ValueError):
                return

    def post_display_hook(self) -> None:
        """Reads on as soon as the first rows stand on the screen, not before."""
        if not self._started and self.is_running and isinstance(self.screen, SdeScreen):
            self._started = True
            # what has been imported lives as long as the app: looking through it again would only hold up keys
            gc.freeze()
            gc.enable()
            self.call_later(self.session.start)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Writes only what differs from what the terminal shows; see `painter`."""
        strips = placed_strips(renderable) if self.size and is_drawing(self) else None
        if strips is not None:
            if self._painter is None:
                self._painter = painter_for(self)
            if (self._painter.width, self._painter.height) != self.size:
                self._painter.reset(*self.size)
            painted = self._painter.paint(strips)
            renderable = PaintedUpdate(painted) if painted else None
        super()._display(screen, renderable)

    def _set_pointer_shape(self, shape: str) -> None:
        """Leaves the mouse pointer alone: few terminals can change it, and some print the request."""

    def forget_terminal(self, *_: Any) -> None:
        """Draws everything anew: another program may have written to the terminal."""
        if self._painter is not None:
            self._painter.reset(*self.size)
        self.screen.refresh(layout=True)

    def hang_up(self, number: int) -> None:
        """Leaves because the terminal is gone or somebody asked the process to end."""
        self.session.close()
        self.exit(return_code=128 + number)

    async def action_quit(self) -> None:
        """Leaves; asks first where a job keeps running."""
        active = self.session.jobs.active
        if active and isinstance(self.screen, SdeScreen):
            jobs = ", ".join(line.shown() for line in active)
            self.screen.ask("Leave? What runs keeps running.", self.leave, details=[jobs, f"sde {self.session.command_data} shows it again."])
        else:
            self.leave()

    def leave(self) -> None:
        """Leaves and says what keeps running."""
        active = self.session.jobs.active
        self.session.close()
        again = f"keeps running: sde {visible(self.session.command_data)} shows it again."
        running = "".join(f"{line.shown()} {again}\n" for line in active)
        self.exit(running)

    def _fatal_error(self) -> None:
        """A fault of our own: the traceback goes to the log, and the user gets a sentence once the terminal is whole again."""
        log = terminal.log_stream()
        if log is None or self._exception is None:
            super()._fatal_error()
            return
        traceback.print_exception(self._exception, file=log)
        fault = f"{type(self._exception).__name__}: {self._exception}"
        self.crash = f"sde: internal error: {fault}. Decisions are on the disk. The details are in {terminal.log_path()}"
        self._close_messages_no_wait()

    # ---- keys

    async def on_event(self, event: events.Event) -> None:
        fresh = isinstance(event, events.InputEvent) and not event.is_forwarded
        if fresh and self.flashed and isinstance(event, (events.Key, events.MouseDown)):
            self.flashed = None
            self._refresh_frame()
        if fresh and isinstance(event, events.Key):
            self._type_ahead.put(event, super().on_event)
        else:
            await super().on_event(event)

    @property
    def keys_are_done(self) -> bool:
        """Whether every key has done what it does; for tests."""
        return self._type_ahead.done

    async def action_do(self, action: str) -> None:
        """Does what a key stands for, on the screen or on the app."""
        if isinstance(self.screen, Keyed):
            await self.do(self.screen, action)

    async def do(self, screen: Keyed, action: str) -> None:
        """Runs an action of the table of keys, or says why it can do nothing now."""
        owner = screen.owner_of(action)
        why_not: Callable[[], str] | None = getattr(owner, f"why_not_{action}", None)
        reason = why_not() if why_not is not None else ""
        if reason:
            self.flash(reason, "warn")
            return
        try:
            result = getattr(owner, f"action_{action}")()
            if asyncio.iscoroutine(result):
                await result
        except SdeError as error:  # what a screen reads of the dataset at once, such as a file that is gone
            self.session.failed(error)
        self._refresh_frame()

    def show_screen(self, name: str) -> None:
        """Switches to a screen, leaving dialogs open on none."""
        if name != self.current_mode:
            self.switch_mode(name)
        elif isinstance(self.screen, SdeScreen):
            self.screen.refresh_all("shown")

    async def action_show_screen(self, name: str) -> None:
        if name != self.current_mode:
            await self.switch_mode(name)

    def on_tab_line_pressed(self, event: TabLine.Pressed) -> None:
        self.show_screen(event.name)

    # ---- the message line

    def flash(self, message: str, ink: str = "text") -> None:
        """Shows one line until the next key."""
        self.flashed = (visible(message), ink)
        self._refresh_frame()

    def _refresh_frame(self) -> None:
        stack = self.screen_stack if self.is_running else []
        for screen in dict.fromkeys([*stack[:1], *stack[-1:]]):
            if isinstance(screen, Keyed) and screen.is_attached and screen.query("#keys"):
                screen.refresh_frame()

    # ---- actions that work everywhere

    def action_undo(self) -> None:
        self.session.decisions.undo()

    def why_not_undo(self) -> str:
        return self.session.decisions.why_not()

    def action_redo(self) -> None:
        self.session.decisions.redo()

    def why_not_redo(self) -> str:
        return self.session.decisions.why_not()

    def action_back(self) -> None:
        self.session.records.back()

    def why_not_back(self) -> str:
        return "" if self.session.records.places else "There is no place to go back to."

    def action_copy(self) -> None:
        if isinstance(self.screen, SdeScreen):
            self.copy(*self.screen.copied())

    def copy(self, what: str, text: str) -> None:
        """Puts text on the terminal's clipboard (OSC 52) and into a file, and says so."""
        self.copy_to_clipboard(text)
        path = self.session.write_clip(text)
        self.flash(f"Copied {what}" + (f"; also in {path}" if path else "") + ".", "good")

    def action_command(self) -> None:
        if isinstance(self.screen, SdeScreen):
            command = self.screen.command_line()
            self.copy_to_clipboard(command)
            path = self.session.write_clip(command)
            self.flash(f"$ {command}", "accent")
            if len(command) + 4 > self.size.width:
                from sde_tui.screens.dialogs import NoteScreen

                self.push_screen(NoteScreen("Copied" + (f"; also in {path}" if path else ""), visible(f"$ {command}")))

    def action_fine_tune(self) -> None:
        self.session.part("training").fine_tune()

    def why_not_fine_tune(self) -> str:
        training = self.session.part("training")
        if training is None:
            return "This build cannot train."
        return training.why_not_fine_tune()

    def action_stop_work(self) -> None:
        stopped = self.session.lanes.stop_all()
        self.flash("Stopped: " + ", ".join(stopped) + ".")

    def why_not_stop_work(self) -> str:
        return "" if any(not task.quiet for task in self.session.lanes.tasks) else "Nothing runs here now."

    def action_repaint(self) -> None:
        self.forget_terminal()

    def action_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def push_mapping(self) -> None:
        """Opens the screen that corrects the layout."""
        from sde_tui.screens.field_mapping import FieldMappingScreen

        self.push_screen(FieldMappingScreen(self.session.mapping), self.session.mapping.take)

    def action_help(self) -> None:
        from sde_tui.commands import help_entries
        from sde_tui.screens.search_list import SearchListScreen

        screen = self.screen
        if isinstance(screen, Keyed):
            scope = getattr(screen.focused, "SCOPE", "")
            self.push_screen(SearchListScreen("Keys", help_entries(screen, scope), placeholder="type to search"), self._chosen)

    def action_palette(self) -> None:
        from sde_tui.commands import jump_entries, palette_entries
        from sde_tui.screens.search_list import SearchListScreen

        if isinstance(self.screen, SdeScreen):
            rows = len(self.session.dataset)
            self.push_screen(
                SearchListScreen(
                    "Commands", palette_entries(self.screen), extra=lambda typed: jump_entries(typed, rows), placeholder="an action, or: row 4211"
                ),
                self._chosen,
            )

    async def _chosen(self, chosen: tuple[str, Any] | None) -> None:
        kind, value = chosen or ("nothing", 0)
        if kind == "do":
            await self.action_do(value)
        elif kind == "screen":
            self.show_screen(value)
        elif kind == "row":
            self.show_screen("records")
            self.session.records.jump(value)
