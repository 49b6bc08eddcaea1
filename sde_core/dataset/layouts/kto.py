"""Answers marked good or bad one by one: the form of unpaired preference training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.completion import CompletionLayout
from sde_core.dataset.layouts.conversation import ConversationLayout
from sde_core.dataset.turns import Turns

_MESSAGES = ConversationLayout("kto", ("messages", "conversations"), ("role", "content"))
_FIELDS = CompletionLayout("kto")


class KtoLayout:
    """Rows with a conversation or a prompt and completion, and a truth value that says whether the answer is wanted."""

    name = "kto"

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A `label` or `kto_tag` that is true or false in most rows, beside an answer."""
        for field in ("label", "kto_tag"):
            marked = sum(isinstance(value, dict) and isinstance(value.get(field), bool) for value in sample)
            roles = (_MESSAGES.detect(sample) or _FIELDS.detect(sample)) if marked > len(sample) / 2 else None
            if roles:
                return {**roles, "label": field}
        return None

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """The conversation, with the mark as its label."""
        return _MESSAGES.turns(value, roles) if "messages" in roles else _FIELDS.turns(value, roles)
