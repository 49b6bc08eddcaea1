"""Pairs of a chosen and a rejected answer, in the forms that preference files have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sde_core.dataset.layouts.alpaca import asked
from sde_core.dataset.layouts.conversation import looks_like_messages, read_message, read_messages
from sde_core.dataset.layouts.layout import field_turn, first_present, most_have
from sde_core.dataset.turns import ASSISTANT, SYSTEM, Turn, Turns

_PAIRS = (("chosen", "rejected"), ("chosen_messages", "rejected_messages"))


class PreferenceLayout:
    """Rows with a chosen and a rejected answer."""

    name = "preference"

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A pair of fields, or an answer beside a rejected one."""
        for chosen, rejected in (*_PAIRS, ("output", "rejected")):
            if most_have(sample, chosen, rejected):
                return {"chosen": chosen, "rejected": rejected, **self._asking(sample)}
        return None

    @staticmethod
    def _asking(sample: Sequence[Any]) -> dict[str, str]:
        conversation = first_present(sample, ("conversations", "messages"))
        if conversation:
            return {"messages": conversation}
        found = {
            "prompt": first_present(sample, ("prompt", "instruction", "question", "query")),
            "input": first_present(sample, ("input",)),
            "system": first_present(sample, ("system",)),
        }
        return {role: field for role, field in found.items() if field}

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """What was asked, then the chosen answer; both answers are kept apart too."""
        if not isinstance(value, dict):
            return Turns(())
        chosen = _answer(value, roles.get("chosen", "chosen"))
        rejected = _answer(value, roles.get("rejected", "rejected"))
        shared = _shared_start(chosen, rejected)
        before = _before(value, roles) or chosen[:shared]
        return Turns(before + chosen[shared:], chosen=chosen[shared:], rejected=rejected[shared:])


def _before(value: Mapping[str, Any], roles: Mapping[str, str]) -> tuple[Turn, ...]:
    if "messages" in roles:
        return read_messages(value.get(roles["messages"]), (roles["messages"],))
    system = tuple(turn for turn in field_turn(SYSTEM, value, roles.get("system")) if turn.text)
    prompt = roles.get("prompt")
    if prompt is None:
        return system
    if looks_like_messages(value.get(prompt)):
        return read_messages(value[prompt], (prompt,))
    return system + asked(value, prompt, roles.get("input"))


def _answer(value: Mapping[str, Any], field: str) -> tuple[Turn, ...]:
    content = value.get(field)
    if isinstance(content, list):
        return read_messages(content, (field,))
    if isinstance(content, dict):
        turn = read_message(content, (field,))
        return (turn if turn.raw_role else replace(turn, role=ASSISTANT),)
    return field_turn(ASSISTANT, value, field)


def _shared_start(chosen: Sequence[Turn], rejected: Sequence[Turn]) -> int:
    """How many messages both conversations begin with: those are the prompt."""
    if len(chosen) < 2 or len(rejected) < 2:
        return 0
    shared = 0
    for first, second in zip(chosen[:-1], rejected[:-1], strict=False):
        if (first.role, first.text) != (second.role, second.text):
            break
        shared += 1
    return shared
