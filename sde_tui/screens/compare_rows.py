"""Which of two rows is better: one key an answer, without seeing any score; then what the answers say of rows and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.wording import count_of
from sde_tui.keys import keys_of
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.compare_rows_drawing import prompt_lines, result_items, side_lines
from sde_tui.screens.dialogs import Dialog
from sde_tui.session_comparisons import SAMPLE_STEP, ComparisonsPart
from sde_tui.widgets.bindings import dialog_bindings, widget_bindings
from sde_tui.widgets.lines import ItemList, LineList, LineView
from sde_tui.widgets.spans import Line

_WIDE = 100
_QUESTION = "Which row is the better one to learn from?"
_PROMPT_LINES, _ALL = 4, 1 << 30
_RESULTS = "What your answers say of rules and rows"
_RESULTS_OF_DATASET = "What the dataset's own chosen and rejected answers say of rules"


class TextPane(LineView, inherit_bindings=False):
    """A text that scrolls up and down; left and right are answers."""

    BINDINGS = widget_bindings(keys_of("record"))
    SCOPE = "record"

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    def show_text(self, lines: Sequence[Line]) -> None:
        """Shows another text from its beginning."""
        self._lines = lines
        self.scroll_to(y=0, animate=False, immediate=True)
        self.lines_changed()

    def line_count(self) -> int:
        return len(self._lines)

    def line_at(self, y: int, width: int) -> Line:
        return self._lines[y]

    @property
    def more(self) -> int:
        """Lines below the ones in sight."""
        return max(self.line_count() - self.scroll_offset.y - self.scrollable_content_region.height, 0)

    def action_scroll_lines(self, lines: int) -> None:
        self.scroll_to(y=max(0, min(self.scroll_offset.y + lines, self.max_scroll_y)), animate=False, immediate=True)

    def action_scroll_pages(self, pages: int) -> None:
        self.action_scroll_lines(pages * max(self.scrollable_content_region.height - 1, 1))

    def action_scroll_top(self) -> None:
        self.action_scroll_lines(-self.line_count())

    def action_scroll_bottom(self) -> None:
        self.action_scroll_lines(self.line_count())


class CompareScreen(Dialog[int]):
    """Two rows and a question; left with a row where the compared rows are to be shown in Records."""

    DEFAULT_CSS = """
    CompareScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    CompareScreen Static { height: 1; }
    CompareScreen #prompt { height: auto; background: $panel; scrollbar-background: $panel; }
    CompareScreen #sides { height: 1fr; layout: vertical; background: $panel; }
    CompareScreen .side { height: 1fr; background: $panel; }
    CompareScreen .side > Static { color: $accent; text-style: bold; }
    CompareScreen .side > TextPane { height: 1fr; background: $panel; scrollbar-background: $panel; }
    CompareScreen.-wide #sides { layout: horizontal; }
    CompareScreen.-wide .side { width: 1fr; height: 100%; padding: 0 1; }
    CompareScreen.-wide #side-2 { border-left: solid $accent 50%; }
    CompareScreen #results { height: 1fr; max-height: 100%; display: none; background: $panel; scrollbar-background: $panel; }
    CompareScreen.-results #results { display: block; }
    CompareScreen.-results #sides { display: none; }
    CompareScreen.-results #prompt { display: none; }
    """
    NAME = "compare_rows"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: ComparisonsPart) -> None:
        super().__init__()
        self._part = part
        self._whole_prompts = False

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content(_QUESTION), id="question")
            yield Static(Content(""), classes="hint", id="progress")
            yield TextPane("prompt")
            with Container(id="sides"):
                for number in ("1", "2"):
                    with Container(id=f"side-{number}", classes="side"):
                        yield Static(Content(""), id=f"title-{number}")
                        yield TextPane(f"text-{number}")
            yield ItemList(id="results")

    def on_mount(self) -> None:
        self.set_focus(self.pane("1"))
        self._part.advance(self.show_pair)
        self.call_after_refresh(self.show_pair)

    def on_unmount(self) -> None:
        self._part.close()

    def on_resize(self) -> None:
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.call_after_refresh(self._show_all)

    def pane(self, number: str) -> TextPane:
        """The text of one side."""
        return self.query_one(f"#text-{number}", TextPane)

    @property
    def showing_results(self) -> bool:
        """Whether the results stand in place of the pair."""
        return self.has_class("-results")

    # ---- drawing

    def _show_all(self) -> None:
        if self.showing_results:
            self._show_results()
        else:
            self.show_pair()

    def show_pair(self) -> None:
        """The pair to judge, or that there is none."""
        if not self.is_attached:
            return
        self._show_frame()
        sides = self._part.sides()
        prompt = self.query_one("#prompt", TextPane)
        if sides is None:
            waiting = "Every pair of these rows was compared: + takes in more rows, r shows the results." if self._part.all_asked else ""
            prompt.styles.height = 0
            self.pane("1").show_text([[(waiting, "accent")]])
            self.pane("2").show_text([])
            self._show_titles()
            return
        same = sides[0].prompt == sides[1].prompt
        room = _ALL if self._whole_prompts else _PROMPT_LINES
        lines = prompt_lines(sides[0].prompt, self._width(prompt), room) if same and sides[0].prompt else []
        prompt.styles.height = min(len(lines), max(self.size.height // 3, _PROMPT_LINES))
        prompt.show_text(lines)
        for number, side in zip(("1", "2"), sides, strict=True):
            pane = self.pane(number)
            room = _ALL if self._whole_prompts else max(pane.scrollable_content_region.height // 3, 2)
            pane.show_text(side_lines(side, self._width(pane), with_prompt=not same, prompt_room=room))
        self.set_focus(self.pane("1"))
        self.call_after_refresh(self._show_titles)

    def _width(self, pane: TextPane) -> int:
        return max((pane.scrollable_content_region.width or 74) - 1, 10)

    def _show_titles(self) -> None:
        if not self.is_attached:
            return
        has_pair = self._part.pair is not None
        for number, arrow in (("1", "←"), ("2", "→")):
            pane = self.pane(number)
            more = f"   ↓ {count_of(pane.more, 'more line')}" + (" (here)" if pane.has_focus else " (tab)") if pane.more else ""
            self.query_one(f"#title-{number}", Static).update(Content(f"{number} {arrow}{more}" if has_pair else ""))

    def _show_frame(self) -> None:
        words = self._part.progress_words()
        if self._part.read_only:
            words = f"read-only, another sde compares or the folder cannot be written; {words}"
        why = f" ({self._part.pair.reason})" if self._part.pair is not None and not self.showing_results else ""
        own = self._part.results is not None and self._part.results.truth is None
        results = _RESULTS_OF_DATASET if own else _RESULTS
        self.query_one("#question", Static).update(Content(results if self.showing_results else f"{_QUESTION}{why}"))
        self.query_one("#progress", Static).update(Content(words))
        self.refresh_frame()

    def on_descendant_focus(self) -> None:
        self._show_titles()

    # ---- answering

    def action_first(self) -> None:
        self._answer("a")

    def action_second(self) -> None:
        self._answer("b")

    def action_alike(self) -> None:
        self._answer("tie")

    def action_skip(self) -> None:
        self._answer("skip")

    def why_not_first(self) -> str:
        if self.showing_results:
            return "r goes back to the pairs."
        return "" if self._part.pair is not None else "There is no pair to judge now."

    why_not_second = why_not_alike = why_not_skip = why_not_first

    def _answer(self, winner: str) -> None:
        if not self._part.answer(winner, self.show_pair):
            self.flash("That answer could not be written: another sde has these comparisons open, or the folder is read-only.", "warn")

    def action_undo(self) -> None:
        if self.showing_results:
            self.action_results()
        if not self._part.undo(self._undone):
            self.flash("There is no answer to take back.", "warn")

    def _undone(self) -> None:
        self.show_pair()
        self.flash("Taken back; here is the pair again.")

    def action_more_rows(self) -> None:
        if self.showing_results:
            self.action_results()
        self._part.more_rows(self._more)

    def _more(self) -> None:
        self.show_pair()
        status = self._part.status
        self.flash(f"{status.sample:,} rows to compare now, at most {SAMPLE_STEP} more." if status is not None else "")

    def action_whole_prompts(self) -> None:
        self._whole_prompts = not self._whole_prompts
        self.show_pair()

    def why_not_whole_prompts(self) -> str:
        return "r goes back to the pairs." if self.showing_results else ""

    why_not_switch_pane = why_not_whole_prompts

    def action_switch_pane(self) -> None:
        panes = [self.pane("1"), self.pane("2"), *([prompt] if (prompt := self.query_one("#prompt", TextPane)).more or prompt.has_focus else [])]
        now = next((place for place, pane in enumerate(panes) if pane.has_focus), -1)
        self.set_focus(panes[(now + 1) % len(panes)])

    # ---- results

    def action_results(self) -> None:
        if self.showing_results:
            self.remove_class("-results")
            self.set_focus(self.pane("1"))
            self.call_after_refresh(self.show_pair)
        elif self._part.results is not None:
            self._open_results()
        else:
            self._part.find_results(self._open_results)

    def why_not_results(self) -> str:
        empty = not self.showing_results and not self._part.answered and not self._part.dataset_compares
        return "Nothing is compared yet: answer some pairs first." if empty else ""

    def _open_results(self) -> None:
        if self.is_attached:
            self.add_class("-results")
            self.set_focus(self.query_one("#results", ItemList))
            self.call_after_refresh(self._show_results)

    def _show_results(self) -> None:
        results, listed = self._part.results, self.query_one("#results", ItemList)
        if results is not None:
            listed.set_items(result_items(results, self._part.row_text, listed.size.width or 76))
            listed.scroll_to(y=0, animate=False, immediate=True)
        self._show_frame()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("rows")

    def action_rows(self) -> None:
        self.dismiss(self.query_one("#results", ItemList).value[1])

    def why_not_rows(self) -> str:
        if not self.showing_results:
            return "r shows the results; there enter shows rows."
        return "" if self.query_one("#results", ItemList).value is not None else "No rows stand behind this line."

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())


def open_comparing(screen: SdeScreen) -> None:
    """Opens the screen over another; a row chosen in it is shown in Records."""
    part: ComparisonsPart = screen.session.part("comparisons")

    def left(row: int | None) -> None:
        if row is not None:
            part.drill(row, screen=screen.NAME)
        elif part.new_answers:
            screen.flash(f"{count_of(part.new_answers, 'new answer')}: r scores again and chooses rules that agree with them.")

    part.open(lambda: screen.app.push_screen(CompareScreen(part), left))
