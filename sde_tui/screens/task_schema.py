"""The task in an editor, held against the rows while it is written."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static, TextArea

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import ConfirmScreen, Dialog, NoteScreen, PromptScreen
from sde_tui.session_task_schema import TaskSchemaPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.shown_controls import hidden_again, shown_controls
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

_PAUSE_SECONDS = 0.3
"""Typing rests so long before the rows are read by the text."""


class TaskSchemaScreen(Dialog[str]):
    """The text over what does not fit it; left with a reason whose rows are to be shown in Records."""

    DEFAULT_CSS = """
    TaskSchemaScreen > Vertical { width: 100%; max-width: 140; height: 100%; }
    TaskSchemaScreen TextArea, TaskSchemaScreen TextArea:focus { height: 1fr; border: none; padding: 0; background: $background; }
    TaskSchemaScreen #reasons { height: 6; max-height: 6; border-top: solid $accent 50%; }
    """
    NAME = "task_schema"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: TaskSchemaPart) -> None:
        super().__init__()
        self._part = part
        self._warned = False
        self._timer: Timer | None = None
        self._start = part.open(self._show)
        self._shown, self._symbols = shown_controls(self._start)

    def compose_content(self) -> Iterable[Widget]:
        fields = ", ".join(visible(name, 30) for name in self._part.fields()[:12])
        with Vertical():
            yield Static(Content(fit("The task" + (f" · fields of the rows: {fields}" if fields else ""), 200).rstrip()), id="title")
            area = TextArea(self._shown, soft_wrap=True, show_line_numbers=True)
            area.cursor_blink = False
            yield area
            yield ItemList(id="reasons")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(TextArea))
        self.sde_app.session.signals.work.subscribe(self, lambda _: self.refresh_frame())
        self._part.look(self._text)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def _text(self) -> str:
        return hidden_again(self.query_one(TextArea).text, self._symbols)

    # ---- what is said of it

    def _show(self) -> None:
        if not self.is_attached or not self.query("#reasons"):
            return
        pane = self.query_one("#reasons", ItemList)
        width = pane.scrollable_content_region.width or 74
        pane.set_items(self._items(width))
        self.refresh_frame()

    def _items(self, width: int) -> list[Item]:
        if self._part.fault:
            return [Item([(line, "bad")]) for line in wrapped(visible(self._part.fault, 600), width)]
        if self._part.refusal:
            return [Item([(line, "bad")]) for line in wrapped(visible(self._part.refusal, 600), width)]
        records = self._part.records
        if records is None:
            return [Item([(self._part.why_not_look() or "Reading the rows by this task…", "dim")])]
        fits, left = len(records.records), len(records.misfits)
        how = "can be read back as samples" if records.samples is not None else "fit" if fits != 1 else "fits"
        head = f"{count_of(fits, 'row')} {how}" + (f", {left:,} {'do' if left != 1 else 'does'} not:" if left else ".")
        told = self._part.reasons().items()
        reasons = [Item([(f"{len(rows):>8,}  ", "strong"), (visible(reason, 4 * width), "text")], reason) for reason, rows in told]
        return [Item([(head, "good" if fits else "bad")]), *reasons]

    def what_now(self) -> Line:
        if self._warned:
            return [("The task is changed: ctrl+s saves it, esc once more drops the change", "warn")]
        if guessing := self._part.guessing_words():
            return [(guessing, "accent")]
        if isinstance(self.focused, ItemList):
            return [("enter", "accent"), (" shows the rows of this reason in Records", "dim")]
        return [("ctrl+s", "accent"), (" writes it beside the data · ", "dim"), ("tab", "accent"), (" goes to the rows that do not fit", "dim")]

    def on_text_area_changed(self) -> None:
        self._warned = False
        self._part.records = None
        self._part.check(self._text)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE_SECONDS, lambda: self._part.look(self._text))
        self._show()

    # ---- keys

    def action_switch_pane(self) -> None:
        area, pane = self.query_one(TextArea), self.query_one("#reasons", ItemList)
        self.set_focus(area if pane.has_focus else pane)

    def action_rows(self) -> None:
        reason = self.query_one("#reasons", ItemList).value
        if reason is not None and not self._is_changed():
            self.dismiss(reason)

    def why_not_rows(self) -> str:
        if self.query_one("#reasons", ItemList).value is None:
            return "No row is listed that does not fit."
        return "The task is changed: ctrl+s saves it first." if self._is_changed() else ""

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("rows")

    def action_guess(self) -> None:
        area = self.query_one(TextArea)
        before = area.text

        def guessed(text: str) -> None:
            if not self.is_attached:
                return
            if area.text != before:
                self.flash("The text was changed meanwhile, so it stays; ctrl+g guesses anew.", "warn")
                return
            shown, symbols = shown_controls(text)
            self._symbols |= symbols
            area.replace(shown, area.document.start, area.document.end)  # ctrl+z takes it back
            area.move_cursor(area.document.start)

        self._part.guess(guessed)

    def why_not_guess(self) -> str:
        return self._part.why_not_guess()

    def action_save(self) -> None:
        path = self._part.path
        details = ["A file beside the data is found by itself: by this screen and by sde design."]
        self.app.push_screen(PromptScreen("Save the task to which file?", str(path or "task.yaml"), "task.yaml", details), self._save_to)

    def why_not_save(self) -> str:
        return self._part.fault

    def _save_to(self, name: str | None) -> None:
        from pathlib import Path

        if not name or not name.strip():
            return
        path = Path(name.strip())
        if path != self._part.path and path.exists():
            self.app.push_screen(ConfirmScreen(f"{visible(name, 60)} exists. Replace it?"), lambda yes: self._write(str(path)) if yes else None)
        else:
            self._write(str(path))

    def _write(self, name: str) -> None:
        reason = self._part.save(self._text, name)
        if reason:
            self.app.push_screen(NoteScreen("The task is not written", visible(reason, 600)))
        else:
            self.dismiss(None)

    def _is_changed(self) -> bool:
        return self._text != self._start

    def action_leave(self) -> None:
        """Leaves; a changed text only when asked again."""
        if self._warned or not self._is_changed():
            self._part.leave()
            super().action_leave()
            return
        self._warned = True
        self.refresh_frame()
