"""YAML written by hand: values as JSON, which YAML reads the same, and comments, which no YAML library writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def yaml_text(values: Mapping[str, Any], comments: Sequence[str]) -> str:
    """A mapping as YAML after some lines of comment; what is None is left out."""
    head = "".join(f"# {line}\n" if line else "#\n" for comment in comments for line in comment.split("\n"))
    return head + "\n" + "".join(f"{line}\n" for line in _mapping(values, ""))


def _mapping(values: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{name}:", *_mapping(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(f"{indent}{name}:")
            for item in value:
                first, *rest = _mapping(item, indent + "    ")
                lines += [f"{indent}  - {first.strip()}", *rest]
        elif value is not None:
            lines.append(f"{indent}{name}: {yaml_scalar(value)}")
    return lines


def yaml_scalar(value: Any) -> str:
    """A value on one line. YAML 1.1 takes 1e-05 for text, so numbers keep their point."""
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_scalar, value))}]"
    if isinstance(value, float):
        text = repr(value)
        mantissa, e, exponent = text.partition("e")
        return text if not e else f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"
    return json.dumps(value, ensure_ascii=False)


def head_comments(tool: str, command: str, gaps: Sequence[str]) -> list[str]:
    """What stands at the top of every recipe file.

    Args:
        tool: Its name.
        command: What runs the recipe.
        gaps: What it does not carry over, a sentence each.
    """
    told = [f"- {gap}" for gap in gaps]
    return [f"{tool}: the recipe of this run. Inside this folder, start it with", f"  {command}", "", "Not carried over:", *told]
