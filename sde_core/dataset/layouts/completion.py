"""A prompt and what follows it, under the many names that files give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.alpaca import asked
from sde_core.dataset.layouts.conversation import looks_like_messages, read_messages
from sde_core.dataset.layouts.layout import field_turn, first_filled, first_present, label_of, label_role
from sde_core.dataset.turns import ASSISTANT, SYSTEM, Turns

_PROMPTS = ("prompt", "question", "query", "instruction", "input", "source", "src", "user", "human")
_CONTEXTS = ("context", "passage", "input")
_ANSWERS = ("completion", "response", "answer", "output", "target", "assistant", "reply", "ground_truth", "solution", "summary")


class CompletionLayout:
    """Rows with a prompt and an answer; either may be a list of messages.

    Args:
        name: "prompt-completion" for exactly these two fields, "prompt-response" for their relatives.
        prompts: Names under which the prompt is looked for, likeliest first.
        answers: Names under which the answer is looked for, likeliest first.
    """

    def __init__(self, name: str, prompts: Sequence[str] = _PROMPTS, answers: Sequence[str] = _ANSWERS) -> None:
        self.name = name
        self._prompts = prompts
        self._answers = answers

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A prompt beside an answer."""
        prompt, answer = first_present(sample, self._prompts), first_filled(sample, self._answers)
        if not prompt or not answer:
            return None
        system = {"system": "system"} if first_present(sample, ("system",)) else {}
        context = first_filled(sample, [name for name in _CONTEXTS if name not in (prompt, answer)]) if len(self._prompts) > 1 else ""
        added = {"input": context} if context and sum(isinstance(value.get(context), str) for value in sample if isinstance(value, dict)) else {}
        return {"prompt": prompt, "answer": answer, **added, **system, **label_role(sample, taken=(prompt, answer))}

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """System, prompt with its input, answer."""
        if not isinstance(value, dict):
            return Turns(())
        prompt, answer = roles.get("prompt", self._prompts[0]), roles.get("answer", self._answers[0])
        if looks_like_messages(value.get(prompt)):
            turns = read_messages(value[prompt], (prompt,)) + read_messages(value.get(answer), (answer,))
            return Turns(turns, label=label_of(value, roles))
        system = tuple(turn for turn in field_turn(SYSTEM, value, roles.get("system")) if turn.text)
        return Turns(system + asked(value, prompt, roles.get("input")) + field_turn(ASSISTANT, value, answer), label=label_of(value, roles))
