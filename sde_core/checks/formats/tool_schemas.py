"""The tools that a record declares, and whether arguments fit them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

_NAMES = {
    **dict.fromkeys(("str", "string", "text"), "string"),
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("float", "double", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "array", "tuple"), "array"),
    **dict.fromkeys(("dict", "object"), "object"),
    "null": "null",
}
"""The words that people write for a type, and the one that JSON Schema has."""

_MOST_SAID = 3


class UnreadableToolsError(ValueError):
    """The declaration is a text that is no JSON, or holds no tools."""


@dataclass(frozen=True)
class Tool:
    """One declared tool.

    Attributes:
        name: As calls name it.
        parameters: Names of its arguments; None where any are allowed.
        validator: A compiled JSON Schema; None where the declaration has none that can be understood.
    """

    name: str
    parameters: frozenset[str] | None
    validator: Any = field(default=None, repr=False, compare=False)

    def faults(self, arguments: Mapping[str, Any]) -> list[str]:
        """What is wrong with the arguments, in words; empty where nothing is."""
        unknown = [name for name in arguments if self.parameters is not None and name not in self.parameters]
        said = [f"there is no argument {name!r}" for name in unknown]
        try:
            said += [_in_words(error) for error in self.validator.iter_errors(dict(arguments))] if self.validator is not None else []
        except ValueError:  # the validator's own limit
            said.append("the arguments are nested too deep")
        return said[:_MOST_SAID]


def _in_words(error: Any) -> str:
    where = ".".join(str(step) for step in error.instance_path)
    return f"{where}: {error.message}" if where else str(error.message)


def tools_of(declared: Any) -> Mapping[str, Tool]:
    """The tools by name, from a list in the OpenAI form or a plain one, or from such a list as a JSON text.

    Raises:
        UnreadableToolsError: When it is neither.
    """
    try:
        return _tools(declared if isinstance(declared, str) else json.dumps(declared, default=str))
    except RecursionError as error:
        raise UnreadableToolsError("nested too deep") from error


@lru_cache(maxsize=2048)
def _tools(text: str) -> Mapping[str, Tool]:
    if not text.strip():
        return {}
    try:
        declared = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableToolsError(f"no JSON: {error}") from error
    if isinstance(declared, str):
        return _tools(declared)
    entries = declared if isinstance(declared, list) else [declared]
    functions = [entry.get("function", entry) for entry in entries if isinstance(entry, dict)]
    named = [function for function in functions if isinstance(function, dict) and isinstance(function.get("name"), str)]
    if entries and not named:
        raise UnreadableToolsError("no tool with a name in it")
    return {function["name"]: _tool(function) for function in named}


def _tool(function: Mapping[str, Any]) -> Tool:
    declared = function.get("parameters", function.get("input_schema", function.get("arguments")))
    if not isinstance(declared, dict) or not declared:
        return Tool(function["name"], None)
    if "properties" not in declared and all(isinstance(inner, dict) for inner in declared.values()):
        declared = {"type": "object", "properties": declared}
    required = declared.get("required", function.get("required"))
    schema = _standard({**declared, "type": "object", **({"required": required} if isinstance(required, list) else {})})
    properties = schema.get("properties")
    closed = isinstance(properties, dict) and not declared.get("additionalProperties") and "patternProperties" not in declared
    if isinstance(properties, dict):
        _drop_undeclared(schema, properties)
    return Tool(function["name"], frozenset(properties) if closed and properties is not None else None, _compiled(schema))


def _drop_undeclared(schema: dict[str, Any], properties: Iterable[str]) -> None:
    """Arguments that are required without being declared cannot be asked for; unknown ones are said in other words."""
    known = set(properties)
    schema["required"] = [name for name in schema.get("required", ()) if isinstance(name, str) and name in known]
    schema.pop("additionalProperties", None)


def _standard(schema: Any) -> Any:
    """A schema with the standard's names of types; a type that it does not know is left out, and so is a `required` that is no list."""
    if isinstance(schema, list):
        return [_standard(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    standard: dict[str, Any] = {}
    for key, inner in schema.items():
        if key == "properties" and isinstance(inner, dict):
            standard[key] = {name: _standard(one) if isinstance(one, dict | bool) else {} for name, one in inner.items()}
        elif key == "type":
            known = _types(inner)
            standard |= {"type": known} if known else {}
        elif key == "enum":
            standard |= {"enum": inner} if isinstance(inner, list) and inner else {}
        elif key in ("required", "default", "description", "title", "example", "examples", "format"):
            standard |= {key: inner} if key == "required" and isinstance(inner, list) else {}
        else:
            standard[key] = _standard(inner)
    return standard


def _types(declared: Any) -> Any:
    if isinstance(declared, list):
        known = [_NAMES[name.lower()] for name in declared if isinstance(name, str) and name.lower() in _NAMES]
        return list(dict.fromkeys(known)) if len(known) == len(declared) else None
    return _NAMES.get(declared.lower()) if isinstance(declared, str) else None


def _compiled(schema: Mapping[str, Any]) -> Any:
    """The compiled schema; None where it is no schema or refers to a file or address, which data must not make anybody open."""
    import jsonschema_rs

    linear_time = jsonschema_rs.RegexOptions()
    try:
        return jsonschema_rs.Draft202012Validator(dict(schema), retriever=_refuse, pattern_options=linear_time)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError):
        return None


def _refuse(address: str) -> Any:
    raise ValueError(address)
