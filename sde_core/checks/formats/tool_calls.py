"""Calls of tools that break what the record declares: names that no tool has, arguments that its schema forbids, results without a call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding
from sde_core.checks.formats.tool_schemas import Tool, UnreadableToolsError, tools_of
from sde_core.checks.formats.turns import as_habit
from sde_core.dataset import Turns

_LISTS, _CONTENT = ("messages", "conversations", "conversation"), ("content", "value")
_CALL_ROLES = ("function_call", "tool_call")
_RESULT_ROLES = ("tool", "observation", "function", "tool_response", "function_response", "ipython")
_TOOL_ROLES = frozenset((*_CALL_ROLES, *_RESULT_ROLES))
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as it stands: the name and the arguments, or the text that could not be read."""

    where: str
    shown: str
    name: Any = None
    arguments: Any = None
    number: str = ""
    readable: bool = True


class ToolCalls:
    """Calls in the OpenAI form, the ShareGPT form, typed parts and <tool_call> tags, against the record's `tools`."""

    name = "tool-arguments"
    names = ("tool-arguments", "unknown-tool", "unreadable-call", "unreadable-tools", "result-without-call", "call-without-result")
    title = "Tool calls whose arguments break the declared schema"
    titles: Mapping[str, str] = {
        "unknown-tool": "Calls of a tool that is not declared",
        "unreadable-call": "Tool calls that are not JSON",
        "unreadable-tools": "Declarations of tools that cannot be read",
        "result-without-call": "Results of tools that nobody called",
        "call-without-result": "Tool calls that no result answers",
    }
    advice = "Correct the call or reject the row: the model learns to call what does not work."

    def inspect(self, row: int, value: Any, turns: Turns) -> Iterable[Finding]:
        """One finding a fault."""
        if isinstance(value, dict):
            declared = value.get("tools") or value.get("functions") or None
            for listed in _LISTS:
                if isinstance(value.get(listed), list):
                    messages = value[listed]
                    return self._of_record(row, messages, listed, declared) if declared is not None or _mentions_tools(messages) else ()
        return ()

    def _of_record(self, row: int, messages: Sequence[Any], listed: str, declared: Any) -> Iterator[Finding]:
        tools: Mapping[str, Tool] | None = None
        try:
            tools = tools_of(declared) if declared is not None else None
        except UnreadableToolsError as error:
            yield Finding("unreadable-tools", "error", (row,), f"The declared tools cannot be read: {error}.", excerpt(str(declared)), "tools", 1.0)
        called: set[str] = set()
        waiting: list[_Call] = []
        any_call = False
        for number, message in enumerate(messages):
            if not isinstance(message, dict):
                continue
            calls = list(_calls(message, f"{listed}[{number}]"))
            any_call |= bool(calls)
            called |= {call.number for call in calls if call.number}
            for call in calls:
                yield from self._of_call(row, call, tools)
            is_result = _role(message) in _RESULT_ROLES
            if is_result and _is_unasked(message, any_call, called):
                said = "A tool's result answers a call that is not there."
                yield Finding("result-without-call", "error", (row,), said, excerpt(_shown(message)), f"{listed}[{number}]", 0.9)
            if waiting and not is_result and not calls:
                said = f"The call of {waiting[0].name!r} is never answered; the next turn is the {_role(message)}'s."
                yield Finding("call-without-result", "warning", (row,), said, excerpt(waiting[0].shown), waiting[0].where, 0.8)
            waiting = _still_waiting(waiting, message) if is_result else [*waiting, *calls] if calls else []

    def _of_call(self, row: int, call: _Call, tools: Mapping[str, Tool] | None) -> Iterator[Finding]:
        if not call.readable:
            yield Finding("unreadable-call", "error", (row,), "The call is not valid JSON.", excerpt(call.shown) or "(empty)", call.where, 1.0)
        elif not isinstance(call.name, str) or not call.name:
            yield Finding("unreadable-call", "error", (row,), "The call names no tool.", excerpt(call.shown), call.where, 1.0)
        elif tools is not None and call.name not in tools:
            known = ", ".join(list(tools)[:6]) or "none"
            yield Finding(
                "unknown-tool", "error", (row,), f"The tool {call.name!r} is not declared; declared: {known}.", excerpt(call.shown), call.where, 1.0
            )
        elif tools is not None:
            faults = tools[call.name].faults(call.arguments) if isinstance(call.arguments, dict) else ["the arguments are no object"]
            if faults:
                said = f"The call of {call.name!r} breaks its declaration: {'; '.join(faults)}."
                yield Finding("tool-arguments", "error", (row,), said, excerpt(call.shown), call.where, 0.95)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """What most records have is how the file was made, and one finding says so."""
        said = {
            "unknown-tool": "call tools that are not declared", "unreadable-tools": "declare tools that cannot be read",
            "unreadable-call": "have calls that are not JSON", "result-without-call": "have results without a call",
            "call-without-result": "have calls without a result",
            "tool-arguments": "have calls that break the declaration",
        }  # fmt: skip
        by_name = {name: [finding for finding in findings if finding.check == name] for name in self.names}
        return [settled for name, same in by_name.items() if same for settled in as_habit(same, context, said[name])]


def _role(message: Mapping[str, Any]) -> Any:
    return message.get("role") or message.get("from")


def _content(message: Mapping[str, Any]) -> tuple[str, Any]:
    """(name of the field, content) of a message."""
    return next(((name, message[name]) for name in _CONTENT if message.get(name) is not None), ("content", None))


def _mentions_tools(messages: Sequence[Any]) -> bool:
    """Whether a message has a tool's role or a call."""
    for message in messages:
        if isinstance(message, dict):
            role = _role(message)
            if (isinstance(role, str) and role in _TOOL_ROLES) or "tool_calls" in message or "function_call" in message:
                return True
    return False


def _still_waiting(waiting: Sequence[_Call], result: Mapping[str, Any]) -> list[_Call]:
    """The calls that a result does not answer: those of another number; a result without one answers all."""
    number = result.get("tool_call_id")
    return [call for call in waiting if call.number and number and call.number != number]


def _is_unasked(message: Mapping[str, Any], any_call: bool, called: set[str]) -> bool:
    """Whether no call before this result asked for it: by number where both have one."""
    number = message.get("tool_call_id")
    if isinstance(number, str) and number and called:
        return number not in called
    return not any_call


def _shown(value: Any) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    except RecursionError:
        return "(nested too deep to be shown)"


def _calls(message: Mapping[str, Any], where: str) -> Iterator[_Call]:
    """The calls of one message, in whichever form."""
    field, content = _content(message)
    asked = message.get("tool_calls")
    for number, call in enumerate(asked if isinstance(asked, list) else ()):
        yield from _from_object(call, f"{where}.tool_calls[{number}]")
    if isinstance(message.get("function_call"), dict):
        yield from _from_object(message["function_call"], f"{where}.function_call")
    if _role(message) in _CALL_ROLES and not asked:
        yield from _from_text(content, f"{where}.{field}")
    elif isinstance(content, list):
        for number, part in enumerate(content):
            if isinstance(part, dict) and part.get("type") == "tool_call":
                name, inner = next(((name, part[name]) for name in ("value", "text", "tool_call") if name in part), ("value", None))
                yield from _from_text(inner, f"{where}.{field}[{number}].{name}")
    elif isinstance(content, str) and "<tool_call>" in content and _role(message) in ("assistant", "gpt", "model"):
        for match in _TAGGED.finditer(content):
            yield from _from_text(match[1], f"{where}.{field}")


def _from_text(content: Any, where: str) -> Iterator[_Call]:
    """The calls that a JSON text holds: one, or a list of them."""
    if not isinstance(content, str):
        yield from _from_object(content, where) if isinstance(content, dict) else ()
        return
    try:
        read = orjson.loads(content)
    except orjson.JSONDecodeError:
        yield _Call(where, content, readable=False)
        return
    for call in read if isinstance(read, list) else [read]:
        yield from _from_object(call, where)


def _from_object(call: Any, where: str) -> Iterator[_Call]:
    if not isinstance(call, dict):
        yield _Call(where, _shown(call), readable=False)
        return
    inner = call.get("function")
    function: Mapping[str, Any] = inner if isinstance(inner, dict) else call
    number = call.get("id") if isinstance(call.get("id"), str) else ""
    arguments = next((function[name] for name in ("arguments", "parameters", "args", "input") if name in function), None)
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments) if arguments.strip() else {}
        except orjson.JSONDecodeError:
            yield _Call(where, _shown(call), function.get("name"), None, number or "", readable=False)
            return
    yield _Call(where, _shown(call), function.get("name"), {} if arguments is None else arguments, number or "")
