"""YAML read as nodes with their lines, and nothing built from them that was not asked for.

`yaml.safe_load` would turn a name "yes" into True and let ten aliases stand for a billion strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml

from sde_core.errors import SdeError
from sde_core.visible import visible

Node: TypeAlias = Any
"""A node of PyYAML's, which has no types."""

LARGEST_BYTES = 4 << 20
_DEEPEST = 24
_MOST_EVENTS = 200_000
_TOO_LARGE = f"A file that is written by hand is at most {LARGEST_BYTES >> 20} MB."
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ReadingError(Exception):
    """Something in the file has no meaning.

    Args:
        at: The node, or the line counted from 1.
        message: What is wrong, a sentence in lower case.
        hint: The way out.
    """

    def __init__(self, at: Node | int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line = at if isinstance(at, int) else line_of(at)
        self.message, self.hint = message, hint


def line_of(node: Node) -> int:
    """The line in which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def composed(content: bytes) -> Node:
    """The tree of one YAML document, None for an empty one.

    Raises:
        ReadingError: When it is not UTF-8 or no YAML, too large, too deep, has aliases, or is more than one document.
    """
    if len(content) > LARGEST_BYTES:
        raise ReadingError(1, f"a file of {len(content):,} bytes is too large.", _TOO_LARGE)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadingError(content[: error.start].count(b"\n") + 1, "this is not UTF-8.", "Save it as UTF-8.") from error
    try:
        _refuse_hostile(text)
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = visible(str(error.problem or error.context or "it cannot be parsed"), 120)
        raise ReadingError(
            1 if mark is None else mark.line + 1, f"this is not YAML: {words}.", 'A sentence with ": " or # in it needs quotes.'
        ) from error
    except yaml.reader.ReaderError as error:
        in_bytes = isinstance(error.character, int)  # libyaml counts bytes and names the code, PyYAML counts and names characters
        before = text.encode()[: error.position].decode(errors="ignore") if in_bytes else text[: error.position]
        code = error.character if in_bytes else ord(error.character)
        raise ReadingError(before.count("\n") + 1, f"the character U+{code:04X} may not stand in YAML.", "Remove it.") from error


def _refuse_hostile(text: str) -> None:
    """Looks at the stream of events, which takes no more room than the text."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise ReadingError(line, f"*{visible(event.anchor, 40)} is an alias, which is not read here.", "Write the text out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > _DEEPEST or count > _MOST_EVENTS:
            raise ReadingError(line, "this is nested too deep." if depth > _DEEPEST else "there is too much in it.", _TOO_LARGE)
        if documents > 1:
            raise ReadingError(line, "a second document begins.", "Remove the line ---.")


def entries(node: Node, what: str) -> dict[str, Node]:
    """The entries of a mapping by key, in file order.

    Raises:
        ReadingError: When it is no mapping, or a key is there twice or is no text.
    """
    if not isinstance(node, yaml.MappingNode):
        raise ReadingError(node, f"{what} should be keys with values, not {_kind(node)}.", "For example: task: Answer customers.")
    found: dict[str, Node] = {}
    for key_node, value in node.value:
        key = scalar(key_node, "a key")
        if key in found:
            raise ReadingError(key_node, f"the key {visible(key, 40)!r} is there twice.", "Keep one of them.")
        found[key] = value
    return found


def items(node: Node, what: str) -> list[Node]:
    """The items of a list; none where nothing is written after the key.

    Raises:
        ReadingError: When it is no list.
    """
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise ReadingError(node, f"{what} should be a list, not {_kind(node)}.", 'Begin each line of it with "- ".')
    return list(node.value)


def scalar(node: Node, what: str) -> str:
    """The text of a scalar as it is written.

    Raises:
        ReadingError: When it is a list or a mapping, or has a tag of its own.
    """
    if not isinstance(node, yaml.ScalarNode):
        raise ReadingError(node, f"{what} should be a text, not {_kind(node)}.", 'A text with ": " in it needs quotes.')
    if not node.tag.startswith("tag:yaml.org,2002:"):
        raise ReadingError(node, f"the tag {visible(node.tag, 60)} is not read here.", "Remove it.")
    return str(node.value)


def kept_value(node: Node) -> Any:
    """The plain values of a part that this version does not know.

    Raises:
        ReadingError: When it has a tag that stands for something else.
    """
    try:
        return yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ReadingError(node, f"this is not read here: {visible(str(error.problem), 120)}.", "Remove it.") from error
    except (ValueError, OverflowError, TypeError) as error:
        raise ReadingError(node, f"this value has no meaning: {visible(str(error), 120)}.", "Put it in quotes, or remove it.") from error


def is_list(node: Node) -> bool:
    """Whether it is a list."""
    return isinstance(node, yaml.SequenceNode)


def is_text(node: Node) -> bool:
    """Whether it is a scalar."""
    return isinstance(node, yaml.ScalarNode)


def dumped(values: Mapping[str, Any]) -> str:
    """Plain values as YAML, everything written out.

    Raises:
        SdeError: When they hold something that is no plain value.
    """
    try:
        return str(yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140))
    except yaml.YAMLError as error:
        raise SdeError(f"This cannot be written as YAML: {visible(str(error), 120)}.") from error


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _kind(node: Node) -> str:
    return {"scalar": "a text", "sequence": "a list", "mapping": "keys with values"}.get(node.id, "that")
