"""Try the model: a prompt, and under it what the base model and the adapter of a run answer, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static, TextArea

from sde_core.evaluate.side_by_side import Side
from sde_core.evaluate.to_collect import TAGS
from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import ChooseScreen, Dialog, PromptScreen
from sde_tui.screens.failure import FailureScreen
from sde_tui.session_try_model import TryModelPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList
from sde_tui.widgets.shown_controls import hidden_again, shown_controls
from sde_tui.widgets.wrapping import wrapped

_TITLES: dict[Side, str] = {"base": "base model", "adapter": "adapter"}
_LONGEST = 40_000


class TryModelScreen(Dialog[str]):
    """The prompt over two answers; left with the command line that asks the same where that was asked for."""

    DEFAULT_CSS = """
    TryModelScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    TryModelScreen TextArea, TryModelScreen TextArea:focus { height: 5; border: none; padding: 0; background: $background; }
    TryModelScreen Horizontal { height: 1fr; }
    TryModelScreen .side { width: 1fr; height: 100%; border-top: solid $foreground 30%; padding: 0 1 0 0; }
    TryModelScreen .side:focus-within { border-top: solid $accent; }
    TryModelScreen .side ItemList { height: 1fr; max-height: 100%; }
    TryModelScreen Horizontal.-narrow { layout: vertical; }
    """
    NAME = "try_model"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: TryModelPart) -> None:
        super().__init__()
        self._part = part
        self._symbols: dict[str, str] = {}

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(id="title")
            area = TextArea(soft_wrap=True, show_line_numbers=False, id="prompt")
            area.cursor_blink = False
            yield area
            yield Static(id="said", classes="hint")
            with Horizontal():
                for side in _TITLES:
                    with Vertical(classes="side"):
                        yield Static(id=f"{side}-head", classes="hint")
                        yield ItemList(id=side)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(TextArea))
        self._part.open(self._refresh)
        self.call_after_refresh(self._refresh)

    def on_unmount(self) -> None:
        self._part.close()

    def on_resize(self) -> None:
        self.call_after_refresh(self._refresh)

    # ---- drawing

    def _refresh(self) -> None:
        if not self.is_attached or not self.query("#said"):
            return
        self.query_one("#title", Static).update(Content(self._title_words()))
        self.query_one("#said", Static).update(Content(self._state_words()))
        for side, title in _TITLES.items():
            self.query_one(f"#{side}-head", Static).update(Content(self._head_words(side, title)))
            self._show(side)
        self.refresh_frame()

    def _title_words(self) -> str:
        part = self._part
        run = part.job.id[-4:] if part.job is not None else ""
        waiting = f" · {part.queued():,} in the queue" if part.queued() else ""
        return f"Try run {run}" + (f" · adapter {part.adapter} · {visible(part.device, 40)}" if part.adapter else "") + waiting

    def _state_words(self) -> str:
        part = self._part
        if part.problem:
            return visible(part.problem, 300)
        if part.state == "loading":
            return "Loading the model; you can type already."
        if part.state == "writing" and part.stopping:
            return "Stopping; esc leaves."
        if part.state == "writing":
            return "Writing; esc stops it." if part.adapter else "Loading the model, then it answers; esc stops it."
        if part.answers_other(self._text):
            return f"ctrl+s asks this. Below it, the answers to: {visible(part.prompt[-1].text, 40)}"
        context = (
            f"row {part.row:,}" + (f" with {count_of(len(part.before), 'turn')} before it · " if part.before else " · ")
            if part.row is not None
            else ""
        )
        settings = "  ".join(f"{name}={value:g}" for name, value in part.settings.items())
        return f"{context}{settings}" + ("  ·  tab, then u takes a tag back" if part.queued() else "")

    def _head_words(self, side: Side, title: str) -> str:
        answer = self._part.answers.get(side)
        if answer is None:
            written = self._part.tokens.get(side)
            return title if written is None else f"{title} · {count_of(written, 'token')}…"
        ended = "" if answer.ended else " · not ended"
        cut = f" · {answer.cut:,} prompt tokens cut off" if answer.cut else ""
        return f"{title} · {count_of(answer.tokens, 'token')} · {answer.seconds:.1f} s{ended}{cut}"

    def _show(self, side: Side) -> None:
        pane = self.query_one(f"#{side}", ItemList)
        answer = self._part.answers.get(side)
        text = "" if answer is None else visible(answer.text[:_LONGEST], keep_newlines=True) or "(it ended at once)"
        width = pane.scrollable_content_region.width or 36
        pane.set_items([Item([(line, "text")], y) for y, line in enumerate(wrapped(text, width))] if text else [])

    def on_text_area_changed(self) -> None:
        self._refresh()

    # ---- keys

    @property
    def _text(self) -> str:
        return hidden_again(self.query_one(TextArea).text, self._symbols)

    def action_ask(self) -> None:
        self._part.ask(self._text)
        self._refresh()

    def why_not_ask(self) -> str:
        return self._part.why_not_ask(self._text)

    def action_next_pane(self) -> None:
        self.focus_next()

    def action_previous_pane(self) -> None:
        self.focus_previous()

    def action_leave(self) -> None:
        if not self._part.cancel():
            self.dismiss(None)

    def action_row(self) -> None:
        here = self._part.row if self._part.row is not None else self.session_row
        screen = PromptScreen("Ask what a row asks: its number; nothing to forget the row", "" if here is None else str(here))
        self.app.push_screen(screen, self._row_chosen)

    @property
    def session_row(self) -> int | None:
        """The row under the cursor in Records."""
        row: int | None = self.app.session.records.row  # type: ignore[attr-defined]
        return row

    def _row_chosen(self, number: str | None) -> None:
        text = None if number is None else self._part.take_row(number)
        if text:
            area = self.query_one(TextArea)
            shown, self._symbols = shown_controls(text)
            area.load_text(shown)
            area.move_cursor(area.document.end)
        self._refresh()

    def action_settings(self) -> None:
        now = " ".join(f"{name}={value:g}" for name, value in self._part.settings.items())
        self.app.push_screen(PromptScreen("How it writes; temperature=0 takes the likeliest token every time", now), self._settings_chosen)

    def _settings_chosen(self, text: str | None) -> None:
        if text is not None:
            self._part.change_settings(text)
        self._refresh()

    def action_tag(self) -> None:
        options = [(tag, f"{tag:<10}{words}") for tag, words in TAGS.items()]
        self.app.push_screen(ChooseScreen("What is wrong with the adapter's answer?", options), self._tag_chosen)

    def why_not_tag(self) -> str:
        return self._part.why_not_tag()

    def _tag_chosen(self, tag: str | None) -> None:
        if tag is None:
            return

        def told(words: tuple[str, str] | None) -> None:
            if words is not None and self._part.tag(tag, *words) is not None:
                self.flash(f"In the queue: sde collect {self.sde_app.session.command_data} lists it, and makes rows of it.", "good")

        self.app.push_screen(FailureScreen(tag, self._part.prompt[-1].text), told)

    def action_undo(self) -> None:
        self.flash(self._part.undo_tag())

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())

    def on_line_list_chosen(self, event: Any) -> None:
        event.stop()
