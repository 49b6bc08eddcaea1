"""The rule book, opened from screen 6: the task in a sentence, the rules that fit it, and the judge that writes and rates them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import ChooseScreen, ConfirmScreen, Dialog, PromptScreen
from sde_tui.screens.request_text import RequestScreen
from sde_tui.screens.rule_book_drawing import column_words, detail_lines, head_lines, line_spans, message_words
from sde_tui.session_rule_book import BookLine, RuleBookPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, LineList, TextLines
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.rules.generate import GenerationRequest

_DETAIL = 5
_DEFAULT_COUNT = 20


class BookList(LineList):
    """The rules by kind, drawn as they come into sight."""

    def __init__(self) -> None:
        super().__init__(id="book")
        self.lines: list[BookLine] = []

    def show(self, lines: list[BookLine], under: str) -> None:
        """Shows lines, the cursor on the rule of this name where it is still there."""
        self.lines = lines
        self.lines_changed()
        self.move_to(next((y for y, line in enumerate(lines) if line.name == under), min(self.cursor, max(len(lines) - 1, 0))))
        self.refresh()

    def line_count(self) -> int:
        return len(self.lines)

    def line_at(self, y: int, width: int) -> Line:
        return line_spans(self.lines[y], width)

    def selectable(self, y: int) -> bool:
        return self.lines[y].kind != "heading"


class RuleBookScreen(Dialog[None]):
    """The book; every change is on the disk at once, and `u` takes it back."""

    DEFAULT_CSS = f"""
    RuleBookScreen > Vertical {{ height: 100%; width: 100%; max-width: 100%; }}
    RuleBookScreen #head {{ height: 3; background: $panel; }}
    RuleBookScreen #columns {{ height: 1; color: $foreground 70%; }}
    RuleBookScreen #book {{ height: 1fr; max-height: 100%; background: $panel; scrollbar-background: $panel; }}
    RuleBookScreen #detail {{ height: {_DETAIL}; max-height: {_DETAIL}; border-top: solid $accent 50%; }}
    """
    NAME = "rule_book"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: RuleBookPart) -> None:
        super().__init__()
        self._part = part
        self._session = part.session
        self._is_sampling = False

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield TextLines(id="head")
            yield Static(id="columns")
            yield BookList()
            yield TextLines(id="detail")

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self._session.signals.rules.subscribe(self, self._rules_changed)
        self._session.signals.jobs.subscribe(self, self._jobs_changed)
        self._part.count_ratings()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self._show)

    def _jobs_changed(self, how: str) -> None:
        self.refresh_frame()
        if how == "rating" and not self._part.counting:
            self._part.count_ratings()

    def _rules_changed(self, how: str) -> None:
        self._show()
        judge = self._part.judge
        if how == "generated" and self._part.book.proposed:
            self.list.action_cursor_top()
        if how == "counted" and self._is_sampling and not judge.rating:
            self._is_sampling = False
            if judge.has_rated_sample and not judge.why_not_rate() and self.app.screen is self:
                self.action_rate()

    # ---- drawing

    @property
    def list(self) -> BookList:
        """The rules."""
        return self.query_one(BookList)

    @property
    def line(self) -> BookLine | None:
        """The rule under the cursor."""
        lines = self.list.lines
        return lines[self.list.cursor] if self.list.cursor < len(lines) and lines[self.list.cursor].name else None

    def _show(self) -> None:
        if not self.is_attached:
            return
        line = self.line
        width = self.size.width - 5
        self.query_one("#head", TextLines).set_items([Item(spans) for spans in head_lines(self._part, width)])
        self.query_one("#columns", Static).update(Content(column_words(width)))
        self.list.show(self._part.lines(), line.name if line else "")
        self._show_detail()
        self.refresh_frame()

    def _show_detail(self) -> None:
        self.query_one("#detail", TextLines).set_items([Item(spans) for spans in detail_lines(self.line, self.size.width - 5, _DETAIL - 1)])

    def what_now(self) -> Line:
        return message_words(self.line, self._part.judge.progress)

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        event.stop()
        if event.list is self.list:
            self._show_detail()
            self.refresh_frame()

    # ---- questions

    def _prompt(self, title: str, then: Callable[[str], Any], *, value: str = "", placeholder: str = "", details: Sequence[str] = ()) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                then(text)
                self._show()

        self.app.push_screen(PromptScreen(visible(title), value, placeholder, details), answered)

    def _ask(self, question: str, then: Callable[[], Any], details: Sequence[str] = ()) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()
                self._show()

        self.app.push_screen(ConfirmScreen(visible(question), [visible(detail) for detail in details]), answered)

    # ---- rules

    def action_task(self) -> None:
        def told(task: str) -> None:
            self._part.describe(task=task)
            self._prompt("What are the rows? (may stay empty)", lambda data: self._part.describe(data=data), value=self._part.book.data_description)

        self._prompt(
            "What is the data to teach, in a sentence?", told, value=self._part.book.task, placeholder="Answer customers of a furniture shop."
        )

    def action_new(self) -> None:
        def named(sentence: str) -> None:
            if sentence.strip() and (name := self._part.add(sentence)):
                self._show()
                self.list.show(self.list.lines, name)
                self._session.flash(f"{name} is in the book. N gives it another name, r lets a judge rate by it.", "good")

        self._prompt("What is a good row like, in a sentence?", named, placeholder="Answer every part of the question.")

    def action_edit(self) -> None:
        line = self.line
        if line is not None:
            detail = "Another sentence is rated anew, and only it."
            self._prompt(f"Sentence of {line.name}", lambda text: self._part.edit(line.name, sentence=text), value=line.words, details=[detail])

    def why_not_edit(self) -> str:
        if self.line is not None and self.line.kind == "formula":
            return "A formula's definition is fixed; n writes a rule of your own."
        return self.why_not_pin()

    def action_rename(self) -> None:
        line = self.line
        if line is not None:
            self._prompt(f"Another name for {line.name}", lambda text: self._part.edit(line.name, new_name=text), value=line.name)

    why_not_rename = why_not_edit

    def action_pin(self) -> None:
        self._toggle("pin")

    def action_ban(self) -> None:
        self._toggle("ban")

    def action_switch_off(self) -> None:
        self._toggle("off")

    def why_not_pin(self) -> str:
        if self.line is None:
            return "No rule is under the cursor."
        return "Take the rule into the book first: a." if self.line.kind == "proposed" else ""

    why_not_ban = why_not_switch_off = why_not_pin

    def _toggle(self, state: str) -> None:
        if self.line is not None:
            self._part.toggle(state, self.line.name)
            self._show()

    def action_remove(self) -> None:
        line = self.line
        if line is None:
            return
        if line.kind == "proposed":
            self._part.refuse([line.name])
        else:
            self._part.remove(line.name)
        self._show()

    def why_not_remove(self) -> str:
        if self.line is None:
            return "No rule is under the cursor."
        return "A formula rule stays: d switches it off, b bans it." if self.line.kind == "formula" else ""

    def action_accept(self) -> None:
        if self.line is not None:
            self._part.accept([self.line.name])
            self._show()

    def why_not_accept(self) -> str:
        proposed = self.line is not None and self.line.kind == "proposed"
        return "" if proposed else "Only a proposed rule is accepted; s lets a model propose some."

    def action_accept_all(self) -> None:
        self._all_proposed("Take {} into the book?", self._part.accept)

    def action_refuse_all(self) -> None:
        self._all_proposed("Drop {}?", self._part.refuse)

    def why_not_accept_all(self) -> str:
        return "" if self._part.book.proposed else "No rule is proposed; s lets a model propose some."

    why_not_refuse_all = why_not_accept_all

    def _all_proposed(self, question: str, then: Callable[[Sequence[str]], Any]) -> None:
        names = [rule.name for rule in self._part.book.proposed]
        self._ask(question.format(count_of(len(names), "proposed rule")), lambda: then(names))

    def action_pack(self) -> None:
        def chosen(pack: str | None) -> None:
            if pack is not None:
                self._part.take_pack(pack)
                self._show()

        self.app.push_screen(ChooseScreen("Which formula rules?", self._part.packs(), self._part.book.pack), chosen)

    # ---- the judge

    def action_judge(self) -> None:
        self._name_judge()

    def _name_judge(self, action: str = "") -> None:
        """Asks for address or folder, then for what a server needs; does `action` where there is a judge."""
        judge = self._part.judge

        def then() -> None:
            if action:
                self.call_later(self.action_do, action)

        def priced(prices: str) -> None:
            if judge.take_prices(prices):
                then()

        def key_named(variable: str) -> None:
            if judge.take(key_variable=variable.strip()):
                details = ["Two numbers per million tokens, read and written, such as 0.15 0.60. Empty where it costs nothing."]
                self._prompt("What does the server charge?", priced, value=judge.price_words, details=details)

        def model_named(model: str) -> None:
            judge.take(model=model.strip())
            details = ["The variable's name, such as OPENAI_API_KEY; the key itself is kept nowhere. Empty for none."]
            self._prompt("Which environment variable holds the server's key?", key_named, value=judge.settings.key_variable, details=details)

        def placed(place: str) -> None:
            if not place.strip() or not judge.take(place=place):
                return
            if judge.settings.url:
                self._prompt("Which of its models? (empty where it has one)", model_named, value=judge.settings.model)
            else:
                then()

        details = ["A server's address (vLLM, Ollama, llama.cpp, transformers serve, hosted), or a transformers folder."]
        self._prompt("Which model is the judge?", placed, value=judge.place, placeholder="http://127.0.0.1:8000/v1", details=details)

    def action_suggest(self) -> None:
        if not self._part.judge.settings.named:
            self._suggest_by_words()
        else:
            self._prompt("How many rules should the model write?", self._prepare_request, value=str(_DEFAULT_COUNT))

    def why_not_suggest(self) -> str:
        reason = self._part.judge.why_not_generate()
        return reason or ("" if self._part.book.task else "Describe the task first: t. Rules are written for it.")

    def _prepare_request(self, typed: str) -> None:
        self._part.judge.prepare(int(typed) if typed.strip().isdecimal() and len(typed) < 6 else 0, self._show_request)

    def _show_request(self, request: GenerationRequest) -> None:
        if self.app.screen is not self:  # left meanwhile
            return
        examples = f"{count_of(len(request.examples), 'example')} of the data in it"
        title = f"Send this to {visible(self._part.judge.words, 30)}, with {examples}?"
        self.app.push_screen(RequestScreen(title, request.prompt), lambda yes: self._part.judge.generate(request) if yes else None)

    def _suggest_by_words(self) -> None:
        """What fits the task without a judge: packs and formula rules that share words with it."""

        def chosen(pick: tuple[str, str] | None) -> None:
            if pick is None:
                return
            kind, name = pick
            if kind == "judge":
                self._name_judge("suggest")
            elif kind == "pack":
                self._part.take_pack(name)
            else:
                self._part.toggle("pin", name)
            self._show()

        self.app.push_screen(
            ChooseScreen("No judge is named. By shared words, which is no judgement, these fit the task:", self._part.fitting()), chosen
        )

    def action_rate(self) -> None:
        judge = self._part.judge
        if not judge.settings.named:
            self._name_judge("rate")
        else:
            question, details, everything = judge.rating_question()
            self._ask(question, lambda: self._rate(everything), details)

    def why_not_rate(self) -> str:
        judge = self._part.judge
        return judge.why_not_rate() if judge.settings.named else ""

    def _rate(self, everything: bool) -> None:
        self._is_sampling = not everything
        self._part.judge.rate(everything=everything)

    def action_stop(self) -> None:
        self._part.judge.stop()
        self._show()

    # ---- files, taking back, leaving

    def action_import(self) -> None:
        def typed(path: str) -> None:
            said = self._part.import_file(path) if path.strip() else ""
            if said:
                self._session.flash(said, "good")

        self._prompt("Import rules from which YAML file?", typed, placeholder="rules.yaml", details=['A book, or a list of "- Name: sentence".'])

    def action_export(self) -> None:
        def typed(path: str) -> None:
            written = self._part.export_file(path) if path.strip() else None
            if written is not None:
                self._session.flash(f"{count_of(len(self._part.book.rules), 'rule')} written to {visible(str(written), 200)}.", "good")

        self._prompt("Write the plain rules to", typed, value=str(self._session.project.state_dir / "rules.export.yaml"))

    def why_not_export(self) -> str:
        return "" if self._part.book.rules else "There is no plain rule to write; formula rules are part of sde."

    def action_undo(self) -> None:
        self._part.undo()
        self._show()

    def action_redo(self) -> None:
        self._part.redo()
        self._show()

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())
