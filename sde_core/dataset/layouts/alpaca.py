"""Instruction, input, output: the Alpaca form, with `response` for the output and Self-Instruct's nested instances too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.layout import field_turn, first_filled, first_present, label_of, label_role, most_have, text_of
from sde_core.dataset.turns import ASSISTANT, SYSTEM, USER, FieldPath, Turn, Turns

_ANSWERS = ("output", "response", "answer", "completion")
_INPUTS = ("input", "context")


class AlpacaLayout:
    """Rows with an instruction, mostly an input, and an answer."""

    name = "alpaca"

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """An instruction beside an answer."""
        if not most_have(sample, "instruction"):
            return None
        optional = {
            "input": first_present(sample, _INPUTS),
            "system": first_present(sample, ("system",)),
            "history": first_present(sample, ("history",)),
        }
        found = {role: field for role, field in optional.items() if field}
        if most_have(sample, "instances"):
            return {"prompt": "instruction", "messages": "instances", **found}
        answer = first_filled(sample, _ANSWERS)
        if not answer:
            return None
        return {"prompt": "instruction", "answer": answer, **found, **label_role(sample, taken=(answer,))}

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """System, history, the instruction with its input, the answer."""
        if not isinstance(value, dict):
            return Turns(())
        before = tuple(turn for turn in field_turn(SYSTEM, value, roles.get("system")) if turn.text) + _history(value, roles.get("history"))
        instances = value.get(roles.get("messages", ""))
        if isinstance(instances, list):
            return Turns(before + _instances(value, roles, instances))
        user = asked(value, roles.get("prompt", "instruction"), roles.get("input"))
        answer = field_turn(ASSISTANT, value, roles.get("answer", "output"))
        return Turns(before + user + answer, label=label_of(value, roles))


def asked(value: Mapping[str, Any], prompt_field: str, input_field: str | None) -> tuple[Turn, ...]:
    """The user's turn made of a prompt and, where it is not empty, its input on the next lines."""
    pieces = [(field, value[field]) for field in (prompt_field, input_field) if field is not None and field in value]
    texts: list[tuple[FieldPath, str]] = [((field,), text_of(content)) for field, content in pieces if field == prompt_field or text_of(content)]
    if not texts:
        return ()
    if len(texts) == 1:
        return (Turn(USER, texts[0][1], texts[0][0]),)
    return (Turn(USER, "\n\n".join(text for _, text in texts), (), "", tuple(texts)),)


def _history(value: Mapping[str, Any], field: str | None) -> tuple[Turn, ...]:
    pairs = value.get(field) if field else None
    if field is None or not isinstance(pairs, list):
        return ()
    turns: list[Turn] = []
    for i, pair in enumerate(pairs):
        if isinstance(pair, list) and len(pair) == 2:
            turns += [Turn(USER, text_of(pair[0]), (field, i, 0)), Turn(ASSISTANT, text_of(pair[1]), (field, i, 1))]
    return tuple(turns)


def _instances(value: Mapping[str, Any], roles: Mapping[str, str], instances: list[Any]) -> tuple[Turn, ...]:
    """Self-Instruct rows: one exchange for each instance, the instruction in the first."""
    field, prompt_field = roles["messages"], roles.get("prompt", "instruction")
    turns: list[Turn] = []
    for i, instance in enumerate(instances):
        if not isinstance(instance, dict):
            continue
        pieces: list[tuple[FieldPath, str]] = [((prompt_field,), text_of(value.get(prompt_field)))] if i == 0 else []
        if text_of(instance.get("input")):
            pieces.append(((field, i, "input"), text_of(instance["input"])))
        turns.append(Turn(USER, "\n\n".join(text for _, text in pieces), (), "", tuple(pieces)))
        turns.append(Turn(ASSISTANT, text_of(instance.get("output")), (field, i, "output")))
    return tuple(turns)
