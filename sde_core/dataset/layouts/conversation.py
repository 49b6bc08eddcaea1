"""Lists of messages: the OpenAI form (`role`, `content`) and the ShareGPT form (`from`, `value`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.layout import field_turn, label_of, label_role, most_have, text_of
from sde_core.dataset.turns import ASSISTANT, SYSTEM, TOOL, USER, FieldPath, Turn, Turns

ROLE_WORDS = {
    "system": SYSTEM, "developer": SYSTEM,
    "user": USER, "human": USER, "prompter": USER, "customer": USER,
    "assistant": ASSISTANT, "gpt": ASSISTANT, "chatgpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT, "bing": ASSISTANT, "bard": ASSISTANT,
    "function_call": ASSISTANT, "tool_call": ASSISTANT,
    "tool": TOOL, "observation": TOOL, "function": TOOL, "function_response": TOOL, "ipython": TOOL, "tool_response": TOOL,
}  # fmt: skip
"""The words that files use for the speakers."""


def read_messages(messages: Any, path: FieldPath) -> tuple[Turn, ...]:
    """The turns of a list of messages; what is not a message is left out."""
    if not isinstance(messages, list):
        return ()
    return tuple(read_message(message, (*path, i)) for i, message in enumerate(messages) if isinstance(message, dict))


def read_message(message: Mapping[str, Any], path: FieldPath) -> Turn:
    """One message as a turn."""
    field = "content" if "content" in message else "value" if "value" in message else "text"
    raw_role = message.get("role", message.get("from", ""))
    raw_role = raw_role if isinstance(raw_role, str) else text_of(raw_role)
    role = ROLE_WORDS.get(raw_role, raw_role)
    content = message.get(field)
    if isinstance(content, str) and content:
        return Turn(role, content, (*path, field), raw_role)
    if isinstance(content, list):
        return _read_parts(role, raw_role, content, (*path, field))
    if message.get("tool_calls"):
        return Turn(role, text_of(message["tool_calls"]), (), raw_role)
    return Turn(role, text_of(content), (*path, field) if isinstance(content, str) else (), raw_role)


def _read_parts(role: str, raw_role: str, content: list[Any], path: FieldPath) -> Turn:
    """A message made of typed parts: texts in order, and the type's name for a picture or a sound."""
    texts: list[str] = []
    parts: list[tuple[FieldPath, str]] = []
    for i, part in enumerate(content):
        field = next((name for name in ("text", "value") if isinstance(part, dict) and isinstance(part.get(name), str)), "")
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if isinstance(part, dict) and field and kind in ("text", "reasoning", "tool_call", "tools"):
            texts.append(part[field])
            parts.append(((*path, i, field), part[field]))
        else:
            texts.append(part if isinstance(part, str) else f"[{kind}]")
    if len(parts) == 1 == len(texts):
        return Turn(role, texts[0], parts[0][0], raw_role)
    return Turn(role, "\n".join(texts), (), raw_role, tuple(parts))


def looks_like_messages(value: Any, *fields: str) -> bool:
    """Whether the value is a list of objects that have all these fields."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and all(field in item for field in fields) for item in value[:4])


class ConversationLayout:
    """Rows with one list of messages.

    Args:
        name: "messages" or "sharegpt".
        fields: Names under which the list is looked for.
        message_fields: Fields by which a message of this form is known.
    """

    def __init__(self, name: str, fields: Sequence[str], message_fields: tuple[str, str]) -> None:
        self.name = name
        self._fields = fields
        self._message_fields = message_fields

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A field that holds such lists in most rows."""
        for field in self._fields:
            lists = [value[field] for value in sample if isinstance(value, dict) and isinstance(value.get(field), list)]
            fitting = sum(looks_like_messages(messages, *self._message_fields) for messages in lists)
            if fitting > len(sample) / 2:
                system = {"system": "system"} if most_have(sample, "system") else {}
                return {"messages": field, **system, **label_role(sample, taken=(field,))}
        return None

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """The list's messages, after the system field if there is one."""
        field = roles.get("messages", self._fields[0])
        messages = read_messages(value.get(field), (field,)) if isinstance(value, dict) else read_messages(value, ())
        if not messages:
            return Turns((), label=label_of(value, roles))
        system = tuple(turn for turn in field_turn(SYSTEM, value, roles["system"]) if turn.text) if "system" in roles else ()
        return Turns(system + messages, label=label_of(value, roles))
