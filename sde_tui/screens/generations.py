"""What the model answered while it trained: one prompt at a time, the row's own answer, and the model's by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.widget import Widget

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import Dialog
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_tui.session_generations import GenerationsPart

_HEAD = 12
_MOST_LINES = 6
"""Lines of the prompt and of the row's own answer; the model's answers are what one came for."""


class GenerationsScreen(Dialog[int]):
    """The answers; left with a row where that is to be shown in Records."""

    DEFAULT_CSS = """
    GenerationsScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    GenerationsScreen #answers { height: 1fr; max-height: 100%; }
    """
    NAME = "generations"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: GenerationsPart) -> None:
        super().__init__()
        self._part = part
        self._prompt = 0

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield OneLine(id="title")
            yield ItemList(id="answers")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#answers", ItemList))
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @property
    def _prompts(self) -> int:
        return len(self._part.samples[-1].answers) if self._part.samples else 0

    def action_next_prompt(self) -> None:
        self._show_prompt(1)

    def action_previous_prompt(self) -> None:
        self._show_prompt(-1)

    def why_not_next_prompt(self) -> str:
        return "" if self._prompts > 1 else "There is no other prompt."

    why_not_previous_prompt = why_not_next_prompt

    def _show_prompt(self, direction: int) -> None:
        self._prompt = (self._prompt + direction) % max(self._prompts, 1)
        self._draw()
        self.query_one("#answers", ItemList).action_cursor_top()

    def action_reread(self) -> None:
        self._part.read(self._draw)

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("row")

    def action_row(self) -> None:
        self.dismiss(self._part.row_now(self._prompt))

    def why_not_row(self) -> str:
        there = bool(self._part.samples) and self._part.row_now(self._prompt) is not None
        return "" if there else "This row is not in the dataset any more, or was edited since."

    def _draw(self) -> None:
        pane, samples = self.query_one("#answers", ItemList), self._part.samples
        if not self.is_attached or not samples:
            self.query_one("#title", OneLine).show([(" Nothing was answered yet.", "dim")])
            return
        shown = samples[-1].answers[self._prompt]
        cost = sum(sample.seconds for sample in samples)
        kind = "held out, not trained on" if shown.held_out else "trained on"
        which = f" Prompt {self._prompt + 1} of {len(samples[-1].answers)} · row {shown.row:,}, {kind}"
        title = f"{which} · {count_of(len(samples), 'time')}, {cost:.1f} s in all"
        self.query_one("#title", OneLine).show([(title, "header")])
        width = (pane.scrollable_content_region.width or 76) - 1
        items = [*_block("asked", shown.prompt, width, "user", _MOST_LINES), *_block("wanted", shown.reference, width, "good", _MOST_LINES)]
        for sample in reversed(samples):
            if self._prompt < len(sample.answers):
                items += _block(f"step {sample.step:,}", sample.answers[self._prompt].answer, width, "assistant", 0)
        pane.set_items(items)
        self.refresh_frame()


def _block(head: str, text: str, width: int, ink: str, most: int) -> list[Item]:
    """A text beside its name, wrapped; where it has more than `most` lines, that is said."""
    lines = list(wrapped(visible(text, keep_newlines=True) or "(nothing)", max(width - _HEAD, 20)))
    left = len(lines) - most
    if most and left > 1:
        lines = [*lines[:most], f"… {count_of(left, 'line')} more"]
    return [Item([(f"{head if i == 0 else '':<{_HEAD}}", "dim"), (line, ink)], (head, i)) for i, line in enumerate(lines)]
