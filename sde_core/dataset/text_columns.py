"""The texts of many records at once, column by column: a loop for each form that most files have, with no turns and no objects a record.

A loop takes the records that are exactly of its form and raises on any other; the caller reads that one by its layout and goes on behind it.
What a loop appends is what `texts_of` would say, which a property test holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from sde_core.dataset.layouts import Layout
from sde_core.dataset.layouts.conversation import ROLE_WORDS
from sde_core.dataset.layouts.layout import text_of, with_nested
from sde_core.dataset.turns import ASSISTANT, LETTERS, SYSTEM, TEXT

_ROLE_AND_TEXT = {2}
"""How many fields a plain message has."""
_MOST_TURNS = 65535
_MOST_PLANS = 4096
_LARGEST_INTEGER = float(1 << 63)


class NotPlain(ValueError):
    """The record is not of the form that the loop takes."""


@dataclass(slots=True)
class TextColumns:
    """Texts of readable records so far: see `TEXT_SCHEMA` for what each column holds."""

    system: list[str] = field(default_factory=list)
    prompt: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    label: list[str | None] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    n_turns: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.answer)

    def fill(self, letters: str = "") -> None:
        """Makes the columns that were not appended to as long as the answers: no system, no label, turns by these letters."""
        count = len(self.answer)
        self.system += [""] * (count - len(self.system))
        self.prompt += [""] * (count - len(self.prompt))
        self.label += [None] * (count - len(self.label))
        self.roles += [letters] * (count - len(self.roles))
        self.n_turns += [len(letters)] * (count - len(self.n_turns))

    def add(self, texts: tuple[str, str, str, str | None, str, int]) -> None:
        """Appends the texts of one record."""
        for column, text in zip(self.all(), texts, strict=True):
            column.append(text)

    def all(self) -> tuple[list[Any], ...]:
        """The columns in the order of `TEXT_SCHEMA`."""
        return self.system, self.prompt, self.answer, self.label, self.roles, self.n_turns


Loop = Callable[[Iterable[Any], TextColumns], None]
"""Appends the texts of records until there are no more, or raises on one that is of another form; it has then appended nothing of that one."""


def loop_of(layout: Layout) -> Loop | None:
    """The loop for records of a layout, None where the layout has none."""
    maker = _MAKERS.get(layout.name)
    loop, nested = maker(layout) if maker else None, layout.nested
    if loop is None or not nested:
        return loop
    return lambda values, columns: loop(map(with_nested, values, repeat(nested)), columns)


def _asked_and_answered(layout: Layout) -> Loop | None:
    """A prompt with or without an input, and an answer: strings, or lists of messages."""
    roles = layout.roles
    if not {"prompt", "answer", "input", "label", "system", "history"}.issuperset(roles) or not {"prompt", "answer"} <= roles.keys():
        return None
    if "history" in roles and layout.name != "alpaca":
        return None
    texts = _three_texts([roles.get(role) for role in ("prompt", "answer", "input", "label", "system", "history")])
    if layout.name == "alpaca" or len(roles) > 2:
        return texts
    return _either(texts, _messages_then_answer(roles["prompt"], roles["answer"]), roles["prompt"])


def _chosen_answer(layout: Layout) -> Loop | None:
    """The asked and chosen of a preference pair, as strings or as messages."""
    roles = layout.roles
    chosen = roles.get("chosen", "chosen")
    if "messages" in roles:
        return _messages_then_answer(roles["messages"], chosen, single=True) if not {"prompt", "input", "system"} & roles.keys() else None
    if "prompt" in roles:
        texts = _three_texts([roles["prompt"], chosen, roles.get("input"), None, roles.get("system"), None])
        return texts if len(roles) > 3 else _either(texts, _messages_then_answer(roles["prompt"], chosen, single=True), roles["prompt"])
    return _conversation(chosen, None, None) if "system" not in roles else None


def _chat(layout: Layout) -> Loop | None:
    """One list of messages."""
    roles = layout.roles
    return _conversation(roles["messages"], roles.get("label"), roles.get("system")) if "messages" in roles else None


def _marked(layout: Layout) -> Loop | None:
    return _chat(layout) if "messages" in layout.roles else _asked_and_answered(layout)


def _pair_or_fields(layout: Layout) -> Loop | None:
    """A text and the label that is its answer."""
    if "input" in layout.roles:
        return None
    text, label = layout.roles.get("text", "text"), layout.roles.get("label", "label")
    return _pairs() if (text, label) == ("0", "1") else _labelled(text, label)


def _one_text(layout: Layout) -> Loop | None:
    field_name = layout.roles.get("text", "text")
    if not field_name or "label" in layout.roles:
        return None

    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        answer = columns.answer.append
        try:
            for text in map(itemgetter(field_name), values):
                if type(text) is not str:
                    raise NotPlain
                answer(text)
        finally:
            columns.fill("x")

    return loop


_MAKERS: dict[str, Callable[[Layout], Loop | None]] = {
    "alpaca": _asked_and_answered,
    "prompt-completion": _asked_and_answered,
    "prompt-response": _asked_and_answered,
    "preference": _chosen_answer,
    "messages": _chat,
    "sharegpt": _chat,
    "kto": _marked,
    "classification": _pair_or_fields,
    "text": _one_text,
}
"""Layouts that have a loop; any other is read record by record."""


def _three_texts(names: Sequence[str | None]) -> Loop:
    """Prompt and answer, and of input, label, system and history those that the records have; `names` are in this order."""
    known = [name for name in names if name]
    if len(known) == 2:
        return _two_texts(*known)
    if len(known) == 3 and names[2]:
        return _with_input(*known)
    added_at, label_at, system_at, history_at = (known.index(name) if name else -1 for name in names[2:])

    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        system, prompt, answer, label = columns.system, columns.prompt.append, columns.answer.append, columns.label.append
        try:
            for fields in map(itemgetter(*known), values):
                asked, answered = fields[0], fields[1]
                added = fields[added_at] if added_at > 0 else ""
                said = fields[system_at] if system_at > 0 else ""
                if not (type(asked) is type(answered) is type(added) is type(said) is str) or (history_at > 0 and fields[history_at]):
                    raise NotPlain
                mark = _label_text(fields[label_at]) if label_at > 0 else None
                if said:
                    columns.fill("ua")
                    system.append(said)
                    columns.roles.append("sua")
                    columns.n_turns.append(3)
                prompt(f"{asked}\n\n{added}" if added else asked)
                answer(answered)
                label(mark)
        finally:
            columns.fill("ua")

    return loop


def _with_input(prompt_field: str, answer_field: str, input_field: str) -> Loop:
    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        prompt, answer = columns.prompt.append, columns.answer.append
        try:
            for asked, answered, added in map(itemgetter(prompt_field, answer_field, input_field), values):
                if not (type(asked) is type(answered) is type(added) is str):
                    raise NotPlain
                prompt(f"{asked}\n\n{added}" if added else asked)
                answer(answered)
        finally:
            columns.fill("ua")

    return loop


def _two_texts(prompt_field: str, answer_field: str) -> Loop:
    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        prompt, answer = columns.prompt.append, columns.answer.append
        try:
            for asked, answered in map(itemgetter(prompt_field, answer_field), values):
                if not (type(asked) is type(answered) is str):
                    raise NotPlain
                prompt(asked)
                answer(answered)
        finally:
            columns.fill("ua")

    return loop


def _labelled(text_field: str, label_field: str) -> Loop:
    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        prompt, answer, label = columns.prompt.append, columns.answer.append, columns.label.append
        try:
            for text, mark in map(itemgetter(text_field, label_field), values):
                marked = mark if type(mark) is str else _label_text(mark)
                if type(text) is not str or marked is None:
                    raise NotPlain
                prompt(text)
                answer(marked)
                label(marked)
        finally:
            columns.fill("ua")

    return loop


def _pairs() -> Loop:
    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        for value in values:
            if type(value) is not list or len(value) != 2 or not (type(value[0]) is type(value[1]) is str):
                raise NotPlain
            columns.add(("", value[0], value[1], value[1], "ua", 2))

    return loop


def _label_text(mark: Any) -> str | None:
    """The label as text; floats that may stand for a large integer are left to the tolerant parser."""
    if mark is None or type(mark) is str:
        return mark
    if type(mark) is float and abs(mark) >= _LARGEST_INTEGER:
        raise NotPlain
    if isinstance(mark, dict | list):
        raise NotPlain
    return text_of(mark)


def _either(texts: Loop, messages: Loop, prompt_field: str) -> Loop:
    """The loop for texts or that for messages, whichever the first record asks for."""

    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        following = iter(values)
        for first in following:
            chosen = messages if type(first) is dict and type(first.get(prompt_field)) is list else texts
            chosen(chain((first,), following), columns)

    return loop


def _conversation(messages_field: str, label_field: str | None, system_field: str | None) -> Loop:
    plans = _Plans()
    if label_field is None and system_field is None:
        return lambda values, columns: _add_conversations(map(itemgetter(messages_field), values), columns, plans)
    names = [messages_field, *(name for name in (label_field, system_field) if name)]

    def loop(values: Iterable[Any], columns: TextColumns) -> None:
        marks: list[str | None] = []
        before = len(columns)

        def joined(fields: tuple[Any, ...]) -> Any:
            marks.append(_label_text(fields[1]) if label_field else None)
            return _with_system(fields[0], fields[-1]) if system_field else fields[0]

        try:
            _add_conversations(map(joined, map(itemgetter(*names), values)), columns, plans)
        finally:
            columns.label[before:] = marks[: len(columns) - before]

    return loop


def _with_system(messages: Any, said: Any) -> Any:
    """The messages behind the record's own system text, if it has one."""
    if not said and (said is None or said == ""):
        return messages
    if type(said) is not str or type(messages) is not list or not messages:
        raise NotPlain
    return [{"from": SYSTEM, "value": said} if "from" in messages[0] else {"role": SYSTEM, "content": said}, *messages]


def _messages_then_answer(messages_field: str, answer_field: str, *, single: bool = False) -> Loop:
    """Messages, and the answer as one more message or a list of more; `single`: as one more alone."""
    plans = _Plans()

    def joined(pair: tuple[Any, Any]) -> list[Any]:
        messages, answer = pair
        if type(messages) is not list or not messages:
            raise NotPlain
        if type(answer) is dict and single:
            return [*messages, answer]
        if type(answer) is list and (len(answer) == 1 or not single):
            return messages + answer
        raise NotPlain

    return lambda values, columns: _add_conversations(map(joined, map(itemgetter(messages_field, answer_field), values)), columns, plans)


class _Plan:
    """Where the texts of a conversation stand whose speakers come in a certain order.

    Attributes:
        letters: One a turn.
        count: Turns.
        systems: Places of the system messages.
        asked: Places of what the prompt is made of, as a range of places where they follow each other.
        answer: Place of the answer, None where there is none.
    """

    __slots__ = ("answer", "asked", "count", "letters", "systems")

    def __init__(self, raw_roles: tuple[Any, ...]) -> None:
        if not raw_roles or not all(type(role) is str and role for role in raw_roles):
            raise NotPlain
        roles = [ROLE_WORDS.get(role, role) for role in raw_roles]
        answers = [place for place, role in enumerate(roles) if role in (ASSISTANT, TEXT)]
        self.answer = answers[-1] if answers else None
        asked = [place for place in range(answers[-1] if answers else len(roles)) if roles[place] != SYSTEM]
        follow = bool(asked) and asked[-1] - asked[0] == len(asked) - 1
        self.asked: slice | tuple[int, ...] = slice(asked[0], asked[-1] + 1) if follow else tuple(asked)
        self.letters = "".join([LETTERS.get(role, "?") for role in roles])
        self.systems = tuple(place for place, role in enumerate(roles) if role == SYSTEM)
        self.count = min(len(roles), _MOST_TURNS)


class _Plans(dict[tuple[Any, ...], _Plan]):
    """The plan for each order of speakers met so far."""

    def __missing__(self, raw_roles: tuple[Any, ...]) -> _Plan:
        if len(self) >= _MOST_PLANS:
            self.clear()
        plan = self[raw_roles] = _Plan(raw_roles)
        return plan


def _add_conversations(conversations: Iterable[Any], columns: TextColumns, plans: _Plans) -> None:
    """Appends conversations whose messages all have the two fields that those of the first one have."""
    add_prompt, add_answer = columns.prompt.append, columns.answer.append
    add_letters, add_count, joined = columns.roles.append, columns.n_turns.append, "\n\n".join
    following = iter(conversations)
    try:
        for first in following:
            is_sharegpt, speaker_of, text_of_message = _message_fields(first)
            for messages in chain((first,), following):
                if type(messages) is not list or (is_sharegpt and _has_other_fields(messages)):
                    raise NotPlain
                texts = list(map(text_of_message, messages))
                plan = plans[tuple(map(speaker_of, messages))]
                asked = plan.asked
                answer = "" if plan.answer is None else texts[plan.answer]
                if not all(texts) or type(answer) is not str:
                    raise NotPlain
                prompt = joined(texts[asked] if type(asked) is slice else [texts[place] for place in asked])
                if plan.systems:
                    said = joined([texts[place] for place in plan.systems])
                    columns.fill()
                    columns.system.append(said)
                add_prompt(prompt)
                add_answer(answer)
                add_letters(plan.letters)
                add_count(plan.count)
    finally:
        columns.fill()


def _message_fields(messages: Any) -> tuple[bool, itemgetter[str], itemgetter[str]]:
    """Whether these messages name the speaker and the text as ShareGPT does, and the getters of the two."""
    first = messages[0] if type(messages) is list and messages else None
    is_sharegpt = type(first) is dict and "from" in first and "value" in first and "role" not in first and "content" not in first
    return is_sharegpt, itemgetter("from" if is_sharegpt else "role"), itemgetter("value" if is_sharegpt else "content")


def _has_other_fields(messages: list[Any]) -> bool:
    """Whether a message has a field by which the layout would read it otherwise."""
    return not _ROLE_AND_TEXT.issuperset(map(len, messages)) and any("role" in message or "content" in message for message in messages)
