"""Reply trees as OpenAssistant publishes them: the best-ranked path through the tree is the conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.conversation import ROLE_WORDS
from sde_core.dataset.layouts.layout import text_of
from sde_core.dataset.turns import ASSISTANT, FieldPath, Turn, Turns

_RANK_LAST = 1 << 30


class TreeLayout:
    """Rows with a root message and nested replies."""

    name = "reply-tree"

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A `prompt` object that has `replies`."""
        trees = sum(isinstance(value, dict) and isinstance(value.get("prompt"), dict) and "replies" in value["prompt"] for value in sample)
        return {"messages": "prompt"} if trees > len(sample) / 2 else None

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """The root and, at each level, the reply of the best rank, ending with an assistant's turn where there is one."""
        field = roles.get("messages", "prompt")
        node = value.get(field) if isinstance(value, dict) else None
        turns: list[Turn] = []
        path: FieldPath = (field,)
        while isinstance(node, dict):
            raw_role = text_of(node.get("role"))
            turns.append(Turn(ROLE_WORDS.get(raw_role, raw_role), text_of(node.get("text")), (*path, "text"), raw_role))
            replies = _replies(node)
            if not replies:
                break
            best = min(range(len(replies)), key=lambda i: _rank(replies[i]))
            node, path = replies[best], (*path, "replies", best)
        while len(turns) > 1 and turns[-1].role != ASSISTANT:
            turns.pop()
        return Turns(tuple(turns))


def _replies(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    replies = node.get("replies")
    return [reply if isinstance(reply, dict) else {} for reply in replies] if isinstance(replies, list) else []


def _rank(reply: Mapping[str, Any]) -> int:
    rank = reply.get("rank")
    return rank if isinstance(rank, int) else _RANK_LAST
