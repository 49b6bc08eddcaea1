"""What the rule book looks like."""

from __future__ import annotations

from sde_core.visible import visible
from sde_tui.session_rule_book import BookLine, RuleBookPart
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

_KEYS = {
    "proposed": "a take into the book · A take all · x drop · X drop all",
    "plain": "e edit · N name · p pin · b ban · d off or on · x remove",
    "formula": "p pin · b ban · d off or on · o another pack",
    "": "o another pack · i import rules · w write them",
}
_STATE, _ORIGIN, _NAME = 9, 16, 26
_INKS = {"pinned": "good", "banned": "bad", "off": "dim", "proposed": "warn"}
_MARKS = {"pinned": "●", "banned": "✗", "off": "○", "proposed": "?"}


def head_lines(part: RuleBookPart, width: int) -> list[Line]:
    """Three lines: the task, what is scored and by whom, and what to do next."""
    book = part.book
    task: Line = [("Task  ", "dim"), (fit(visible(book.task), width - 6), "strong")] if book.task else [
        ("Task  ", "dim"), ("not described yet: t says in a sentence what the data is to teach", "warn")]  # fmt: skip
    judge = visible(part.judge.words, 30)
    scored = f"{part.scored_words()} · " + (f"judge {judge}" if judge else "no judge named (c)")
    next_words, ink = _next_words(part), "bad" if part.problem else "warn" if part.judge.verdict else "dim"
    return [task, [(fit(scored, width), "text")], [(fit(next_words, width), ink)]]


def _next_words(part: RuleBookPart) -> str:
    """The next step, or what is wrong with the book."""
    book, packs = part.book, part.fitting_packs()
    if part.problem or part.judge.verdict:
        return part.problem or part.judge.verdict
    if not book.task:
        return "s then asks a model for rules, or matches its words where there is none."
    if book.proposed:
        return "Look at what is proposed: a takes a rule, x drops it, A takes all."
    if packs and book.pack == "general" and not book.judge.named:
        words = visible(", ".join(packs[0].words), 20)
        return f"o takes the pack {packs[0].name}, which fits by words alone ({words})."
    if not book.rules:
        return "s asks a model for rules that fit the task; n writes one by hand."
    return "r lets the judge rate by them: a sample first, then you are asked."


def message_words(line: BookLine | None, progress: str = "") -> Line:
    """How a judge gets on, or the keys of the rule under the cursor."""
    return [(progress, "accent")] if progress else [(_KEYS[line.kind if line is not None else ""], "dim")]


def column_words(width: int) -> str:
    """The heads of the columns."""
    return f"  {'rule':<{_NAME}} {'state':<{_STATE}} {'origin':<{_ORIGIN}} rated"[:width]


def line_spans(line: BookLine, width: int) -> Line:
    """One line of the list."""
    if line.kind == "heading":
        return [(fit(visible(line.words), width), "accent")]
    ink = _INKS.get(line.state, "text")
    return [
        (f"{_MARKS.get(line.state, ' ')} ", ink),
        (f"{fit(visible(line.name), _NAME)} ", "dim" if line.state == "off" else "text"),
        (f"{line.state or 'on':<{_STATE}} ", ink if line.state else "dim"),
        (f"{fit(line.origin, _ORIGIN)} ", "dim"),
        (line.ratings, "warn" if line.ratings == "not rated" else "text"),
    ]


def detail_lines(line: BookLine | None, width: int, room: int) -> list[Line]:
    """The rule under the cursor in full."""
    if line is None:
        return [[("There is no rule here.", "dim")]]
    text = list(wrapped(visible(line.words), width))
    shown = [*text[: room - 1], fit(" ".join(text[room - 1 :]), width)] if len(text) > room else text
    return [[(words, "text")] for words in shown]
