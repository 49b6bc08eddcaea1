"""What to compare: the designs, how many records, seeds and wordings, what is tested on, and what that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from textual.containers import Vertical
from textual.widget import Widget

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.screens.dialogs import Dialog, NoteScreen, PromptScreen
from sde_tui.session_design_request import DesignRequestPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import fit
from sde_tui.widgets.wrapping import wrapped

_NAME = 12
_FIELDS = {
    "sizes": ("How many records to train on?", "500,1000", ["One number, or several with commas: each design runs at each size."]),
    "seeds": ("How many runs of each?", "3", ["With one, the chance in training is not part of any interval; 3 or more are better."]),
    "wordings": ("Which wordings of the instruction, from 0?", "0,1", ["The task file holds them; each design runs in each."]),
    "test": ("Which file to test on?", "test.jsonl", ["Nothing for a fifth of the data, at most 200. Texts tested on do not train."]),
    "ood": ("Which file of another domain to test on too?", "laptops.jsonl", ["Nothing for none."]),
    "ood_task": ("The task file of the other domain?", "laptops.yaml", ["Nothing where the task is the same."]),
}
"""What is asked for each value: the question, an example, and what is to be known."""
_DESIGN_WORDS = ["A preset, options, or both: es-sde, ew-sde, heuristic, baseline;", "output=json, labels=number, placeholder=no, …"]
_LABELS = {"ood": "other domain", "ood_task": "its task", "before": "untuned"}


class DesignRequestScreen(Dialog[bool]):
    """The form; left with yes where it is to start."""

    DEFAULT_CSS = """
    DesignRequestScreen > Vertical { height: 100%; width: 100%; max-width: 100%; }
    DesignRequestScreen OneLine { background: $panel; }
    DesignRequestScreen #form { height: 1fr; max-height: 100%; }
    DesignRequestScreen #takes { height: 6; border-top: solid $accent 50%; }
    """
    NAME = "design_request"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: DesignRequestPart) -> None:
        super().__init__()
        self._part = part

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield OneLine(id="title")
            yield ItemList(id="form")
            yield TextLines(id="takes")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self._part.opened()
        self._part.estimate(self._show)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def list(self) -> ItemList:
        """Designs and values."""
        return self.query_one("#form", ItemList)

    def _show(self) -> None:
        if not self.is_attached or not self.query("#form"):
            return
        self.query_one("#title", OneLine).show([("Which designs tune best? All train on the same records, for as many steps.", "header")])
        self.list.set_items(self._items(self.list.scrollable_content_region.width or 74))
        pane = self.query_one("#takes", ItemList)
        width = pane.scrollable_content_region.width or 74
        said, ink = self._part.estimate_words() or ["Counting what it takes…"], "text"
        if self._part.refusal:
            said, ink = [visible(self._part.refusal, 400)], "warn"
        pane.set_items([Item([(line, ink)]) for sentence in said for line in wrapped(sentence, width)])
        self.refresh_frame()

    def _items(self, width: int) -> list[Item]:
        asked, items = self._part.opened(), []
        for name, origin in self._part.offered():
            chosen = name in asked.designs
            shown = fit(visible(name, 200), max(width - 16, 8))
            items.append(Item([("● " if chosen else "○ ", "accent"), (shown, "strong" if chosen else "text"), (origin, "dim")], ("design", name)))
        items.append(Item([("+ another design…", "accent")], ("add", "")))
        for name, (value, said) in self._values(width).items():
            label = fit(_LABELS.get(name, name), _NAME + 2)
            items.append(Item([(label, "dim"), (value, "strong"), (f"  {said}", "dim")], (name, "")))
        return items

    def _values(self, width: int) -> dict[str, tuple[str, str]]:
        """(value, what it means) of every value."""
        asked, wordings = self._part.opened(), self._part.instructions
        numbers = [part.strip() for part in asked.wordings.split(",")]
        room = max((width - 34) // len(numbers), 20)
        known = [f"{number} “{visible(wordings[int(number)], room)}”" for number in numbers if number.isdecimal() and int(number) < len(wordings)]
        wording = f"of {len(wordings)}: {', '.join(known)}"
        usual = self._part.estimated.request.sizes[0] if self._part.estimated is not None and not asked.sizes else 500
        return {
            "sizes": (asked.sizes or str(usual), "records to train on"),
            "seeds": (asked.seeds, "runs of each"),
            "wordings": (asked.wordings, wording),
            "test": (visible(asked.test, 50) or "a fifth of the data", "" if asked.test else "at most 200 records"),
            "ood": (visible(asked.ood, 50) or "none", ""),
            "ood_task": (visible(asked.ood_task, 50) or "the same", ""),
            "before": ("yes" if asked.before else "no", "ask the untuned model too, without examples and with two"),
        }

    # ---- keys

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        await self.action_do("change")

    def action_change(self) -> None:
        kind, value = self.list.value
        if kind == "design":
            self._part.turn_design(value)
            self._count()
        elif kind == "before":
            self._part.change(before=not self._part.opened().before)
            self._count()
        elif kind == "add":
            self._ask_design()
        else:
            question, example, details = _FIELDS[kind]
            self._ask(question, example, details, lambda text: self._take(kind, text), getattr(self._part.opened(), kind))

    def _ask_design(self, typed: str = "", refusal: str = "") -> None:
        details = [refusal] if refusal else _DESIGN_WORDS
        self._ask("Which design?", "es-sde,output=json", details, self._add, typed)

    def _ask(self, question: str, example: str, details: list[str], then: Callable[[str], None], value: str = "") -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                then(text.strip())

        self.app.push_screen(PromptScreen(question, value, example, details), answered)

    def _take(self, name: str, text: str) -> None:
        self._part.change(**{name: text})
        self._count()

    def _add(self, text: str) -> None:
        try:
            self._part.add_design(text)
        except SdeError as error:
            self._ask_design(text, visible(f"{error.message} {error.hint}", 300))
            return
        self._count()

    def _count(self) -> None:
        self._part.estimate(self._show)

    def action_start(self) -> None:
        self.dismiss(True)

    def why_not_start(self) -> str:
        if self._part.refusal:
            return self._part.refusal
        return self._part.why_not_start() or ("" if self._part.estimated is not None else "What it takes is being counted.")

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())

    def _say(self, title: str, words: Any) -> None:
        self.app.push_screen(NoteScreen(title, visible(str(words), 600)))
