"""Conversations in the wrong form: unknown speakers, wrong order, empty or repeated turns, nothing to learn at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sde_core.checks.fields import ending, excerpt, field_name
from sde_core.checks.findings import CheckContext, Finding, Severity
from sde_core.checks.fixes import canonical_role
from sde_core.dataset import Turn, Turns, value_at
from sde_core.dataset.turns import ASSISTANT, SYSTEM, TEXT, TOOL, USER

_KNOWN = (SYSTEM, USER, ASSISTANT, TOOL, TEXT)
_HABIT = 0.3
_LETTERS = {SYSTEM: "s", USER: "u", ASSISTANT: "a", TOOL: "t"}
_IN_ORDER = re.compile(r"s*(?:u(?:a+t+)*a)*(?:u(?:a+t+)*)?")
_PAIR = 2


def is_conversation(turns: Turns) -> bool:
    """Whether the speakers come from the record itself, so that their order can be wrong."""
    for turn in turns.turns:  # noqa: SIM110 (a generator costs three times as much, and every record comes by here)
        if turn.raw_role:
            return True
    return False


def is_blank(text: str) -> bool:
    """Whether a text is empty or white space; looks no further than its first other character."""
    return not text or text.isspace()


@lru_cache(maxsize=4096)
def _is_in_order(roles: tuple[str, ...]) -> bool:
    return _IN_ORDER.fullmatch("".join([_LETTERS.get(role, "?") for role in roles])) is not None


def where(turn: Turn) -> str:
    """The field in which a turn stands."""
    return field_name(turn.path) or (field_name(turn.parts[0][0]) if turn.parts else turn.role)


def as_habit(findings: Sequence[Finding], context: CheckContext, what: str) -> list[Finding]:
    """Findings as they are, or one in their place where so many rows have it that it is how the file is made."""
    rows = sorted({finding.rows[0] for finding in findings})
    total = context.texts.height
    if len(rows) <= _HABIT * total or len(rows) < _PAIR:
        return list(findings)
    first = findings[0]
    said = f"{len(rows):,} of {total:,} records {what}: a habit of this file."
    return [Finding(first.check, "info", tuple(rows), said, first.evidence, first.field, len(rows) / total)]


class UnknownRoles:
    """Speakers that no chat template knows."""

    name = "unknown-role"
    title = "Turns of an unknown speaker"
    advice = "Chat templates refuse them: correct the role with the fix where one is near, else reject the row."
    explained_by = ("missing-field", "renamed-field")

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a turn."""
        for turn in turns.turns:
            if turn.role not in _KNOWN:
                return self._unknown(row, value, turns)
        return ()

    def _unknown(self, row: int, value: Any, turns: Turns) -> Iterator[Finding]:
        for turn in turns.turns:
            if turn.role in _KNOWN:
                continue
            field = _role_field(value, turn)
            meant = canonical_role(turn.role)
            said = f"The role {turn.role!r} is unknown" if turn.role.strip() else "A turn has no role"
            known = meant != turn.role and field
            hint = f"; {meant!r} is meant." if meant != turn.role else "."
            yield Finding(self.name, "error", (row,), said + hint, excerpt(turn.text) or "(empty turn)", field or where(turn), 1.0,
                          "canonical-role" if known else "")  # fmt: skip


def _role_field(value: Any, turn: Turn) -> str:
    """Where the word for the role stands."""
    path = turn.path or (turn.parts[0][0] if turn.parts else ())
    for depth in range(len(path) - 1, 0, -1):
        try:
            message = value_at(value, path[:depth])
        except (KeyError, IndexError, TypeError):
            continue
        for name in ("role", "from") if isinstance(message, dict) else ():
            if message.get(name) == turn.raw_role:
                return field_name((*path[:depth], name))
    return ""


class RoleOrder:
    """Turns in an order that no conversation has."""

    name = "role-order"
    title = "Turns in the wrong order"
    advice = "Merge, reorder or reject."
    explained_by = ("missing-field", "renamed-field", "unknown-role", "repeated-turn", "changed-type", "result-without-call")

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a record."""
        if not is_conversation(turns) or _is_in_order(tuple([turn.role for turn in turns.turns])):
            return ()
        roles = turns.roles
        said = self._what(turns) if "?" not in roles and "x" not in roles else ""
        order = " → ".join(turn.raw_role or turn.role for turn in turns.turns[:12])
        severity: Severity = "warning" if roles.lstrip("s").startswith("a") else "error"
        return [Finding(self.name, severity, (row,), said, order, "", 0.9)] if said else ()

    @staticmethod
    def _what(turns: Turns) -> str:
        previous: Turn | None = None
        for number, turn in enumerate(turns.turns, start=1):
            before = previous.role if previous else ""
            if turn.role == SYSTEM and before not in ("", SYSTEM):
                return f"A system turn stands at place {number}, after the conversation began."
            if turn.role == ASSISTANT and before in ("", SYSTEM):
                return "The conversation begins with the assistant."
            if turn.role == TOOL and before not in (ASSISTANT, TOOL):
                return f"A tool's result stands at place {number} without a call before it."
            if turn.role == before == USER or (turn.role == before == ASSISTANT and previous and turn.raw_role == previous.raw_role):
                return f"Turns {number - 1} and {number} are both the {turn.role}'s."
            previous = turn
        return ""

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """An order that many records have is a convention."""
        kinds: dict[str, list[Finding]] = {}
        for finding in findings:
            kinds.setdefault(re.sub(r"\d+", "n", finding.message), []).append(finding)
        return [settled for kind, same in kinds.items() for settled in as_habit(same, context, f"have this order ({kind.rstrip('.').lower()})")]


class LastTurn:
    """Conversations that do not end with the assistant."""

    name = "last-turn"
    title = "Conversations that do not end with the assistant"
    advice = "There is no answer to train on at the end: cut the last turn or reject the row."
    explained_by = ("missing-field", "renamed-field", "unknown-role", "changed-type", "role-order")

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a record."""
        if not turns.turns or turns.turns[-1].role not in (SYSTEM, USER, TOOL) or not is_conversation(turns):
            return ()
        last = turns.turns[-1]
        said = f"The last turn is the {last.role}'s" + (
            ", and there is no answer at all." if all(turn.role != ASSISTANT for turn in turns.turns) else "."
        )
        return [Finding(self.name, "error", (row,), said, ending(last.text) or "(empty turn)", where(last))]

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Files of prompts alone end with the user throughout."""
        return as_habit(findings, context, "do not end with the assistant")


class EmptyTexts:
    """Prompts, answers and turns without text."""

    name = "empty-answer"
    names = ("empty-answer", "empty-prompt", "empty-turn")
    title = "Empty answers"
    titles = {"empty-prompt": "Empty prompts", "empty-turn": "Empty turns inside conversations"}  # noqa: RUF012
    advice = "They teach nothing: reject them."
    explained_by = ("missing-field", "renamed-field", "changed-type")

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding for each empty part of a record."""
        if not turns.turns:
            return [Finding("empty-answer", "error", (row,), "The record holds no text to train on.", excerpt(repr(value)))]
        complete = turns.turns[-1].role in (ASSISTANT, TEXT) and not turns.rejected
        for turn in turns.turns if complete else ():
            if is_blank(turn.text):
                return self._empty_parts(row, turns)
        return () if complete else self._empty_parts(row, turns)

    def _empty_parts(self, row: int, turns: Turns) -> Iterator[Finding]:
        yield from self._answers(row, turns)
        prompt = [turn for turn in turns.turns if turn.role == USER]
        if prompt and all(is_blank(turn.text) for turn in prompt):
            yield self._finding("empty-prompt", row, "The prompt is empty.", prompt[0], "answer: " + excerpt(turns.answer))
            prompt = []
        last = turns.turns[-1]
        for number, turn in enumerate(turns.turns, start=1):
            if turn is not last and (turn.role in (ASSISTANT, SYSTEM) or turn in prompt) and is_blank(turn.text):
                yield self._finding("empty-turn", row, f"Turn {number}, the {turn.role}'s, is empty.", turn)

    def _answers(self, row: int, turns: Turns) -> Iterator[Finding]:
        last = turns.turns[-1]
        if last.role in (ASSISTANT, TEXT):
            if is_blank(last.text):
                said = "The text is empty." if last.role == TEXT else "The answer is empty."
                yield self._finding("empty-answer", row, said, last, "prompt: " + excerpt(turns.prompt))
        elif not is_conversation(turns):
            yield Finding("empty-answer", "error", (row,), "There is no answer.", "prompt: " + excerpt(turns.prompt))
        if turns.chosen and turns.rejected and is_blank(turns.rejected[-1].text):
            yield self._finding("empty-answer", row, "The rejected answer is empty.", turns.rejected[-1], severity="warning")

    @staticmethod
    def _finding(
        name: str, row: int, said: str, turn: Turn, evidence: str = "", severity: Severity = "error"
    ) -> Finding:  # fmt: skip
        return Finding(name, severity, (row,), said, evidence or repr(turn.text), where(turn))

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Prompts are left empty throughout where plain text is written in this layout."""
        prompts = [finding for finding in findings if finding.check == "empty-prompt"]
        others = [finding for finding in findings if finding.check != "empty-prompt"]
        return others + as_habit(prompts, context, "have an empty prompt") if prompts else others


class RepeatedTurns:
    """The same turn twice in a row, or the same exchange."""

    name = "repeated-turn"
    title = "Turns said twice"
    advice = "Cut the repetition or reject the row."

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a record."""
        if not is_conversation(turns):
            return ()
        said = turns.turns
        for at in range(1, len(said)):
            if self._same(said[at - 1], said[at]):
                return self._findings(row, f"Turns {at} and {at + 1} say the same.", said[at])
            if at >= _PAIR + 1 and self._same(said[at - 2], said[at]) and self._same(said[at - 3], said[at - 1]) and said[at].role == ASSISTANT:
                return self._findings(row, f"Turns {at - 2} and {at - 1} are said again.", said[at])
        return ()

    def _findings(self, row: int, said: str, turn: Turn) -> list[Finding]:
        return [Finding(self.name, "warning", (row,), said, excerpt(turn.text), where(turn))]

    @staticmethod
    def _same(first: Turn, second: Turn) -> bool:
        """Whether one speaker says one thing in both, white space around it aside; most pairs differ in their first character."""
        if first.role != second.role or is_blank(second.text):
            return False
        if first.text[:1] != second.text[:1] and not (first.text[:1].isspace() or second.text[:1].isspace()):
            return False
        return first.text.strip() == second.text.strip()


class EqualPreference:
    """Pairs whose better and worse answer are the same."""

    name = "equal-preference"
    title = "Preference pairs without a preference"
    advice = "There is nothing to prefer: reject them."

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a record."""
        if not turns.chosen or not turns.rejected:
            return ()
        chosen, rejected = ([turn.text.strip() for turn in side] for side in (turns.chosen, turns.rejected))
        if chosen != rejected or not any(chosen):
            return ()
        said = "The chosen and the rejected answer are the same."
        return [Finding(self.name, "error", (row,), said, excerpt(chosen[-1]), where(turns.rejected[-1]))]
