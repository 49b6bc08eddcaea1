"""Rules read from what a model wrote: numbered lists, bullets, bold names, headings, tables, JSON or YAML, with chatter around them.

A model's text is hostile: it is only ever compared with patterns, and what is taken from it is one line of seen characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FEWEST_WORDS, MOST_WORDS = 3, 80
"""A sentence with fewer words says nothing that could be rated; one with more is no rule."""
LONGEST_TEXT = 400_000
_MOST_NAME_WORDS = 8

_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_ITEM = re.compile(
    r"(?P<heading>#{1,6} )?(?P<bold>\*\*|__)?(?P<mark>(?:rule ?#?)?\d{1,3} ?[.):\]-] ?|\(\d{1,3}\) ?|[-*•‣–+] )?(?P<content>.*)", re.IGNORECASE
)
_BOLD_NAME = re.compile(r"(?:\*\*|__)(?P<name>[^*_\n]{1,80}?)[ \t]*:?[ \t]*(?:\*\*|__)[ \t]*[:–—-]*[ \t]*(?P<sentence>.*)")
_NAMED = re.compile(r"(?P<name>[^:\n]{1,80}?)[ \t]*(?::|[ \t][–—-](?=[ \t]))[ \t]*(?P<sentence>\S.*)")
_NAME_KEYS, _SENTENCE_KEYS = ("name", "title", "rule_name", "id"), ("sentence", "rule", "description", "definition", "text", "content", "criterion")
_CHATTER = re.compile(
    r"(?:note|notes|here|sure|certainly|okay|remember|i|let|please note)\b.*"
    r"|(?:the )?(?:rules?|outputs?|examples?|explanations?|answers?|responses?|tasks?|requirements?|format)",
    re.IGNORECASE,
)
"""Names that are none: how chatter begins, and headings."""
_KEY = re.compile(r"(?:name|title|sentence|rule|description) ?: ?", re.IGNORECASE)
_JSON_START = re.compile(r"[\[{]")
_MOST_FAILURES = 20
_ENDS = (".", "!", "?", "。")

NamedSentence = tuple[str, str]


def rules_in_text(text: str) -> list[NamedSentence]:
    """(name or "", sentence) of every rule in a text, in order, as they are written.

    Args:
        text: A model's answer; beyond 400,000 characters it is not read.
    """
    bare = _THINKING.sub("\n", text[:LONGEST_TEXT])
    found = list(_of_json(bare)) or _of_lines(bare)
    return [(_plain(name), sentence) for name, raw in found if (sentence := _plain(raw)) and FEWEST_WORDS <= len(sentence.split()) <= MOST_WORDS]


# ---- JSON


def _of_json(text: str) -> Iterator[NamedSentence]:
    for part in (*_FENCE.findall(text), text):
        found = [named for value in _json_values(part) for named in _of_value(value)]
        if found:
            yield from found
            return


def _json_values(text: str) -> Iterator[Any]:
    """The lists and objects in a text that are JSON, one after the other."""
    decoder, place, failures = json.JSONDecoder(), 0, 0
    while failures < _MOST_FAILURES and (start := _JSON_START.search(text, place)):
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            failures, place = failures + 1, start.end()
            continue
        yield value


def _of_value(value: Any) -> Iterator[NamedSentence]:
    while isinstance(value, dict) and (inner := next((held for held in value.values() if isinstance(held, list | dict)), None)) is not None:
        value = inner
    if isinstance(value, list):
        for item in value:
            yield from _of_item(item)
    elif isinstance(value, dict):
        yield from _of_item(value)


def _of_item(item: Any) -> Iterator[NamedSentence]:
    if isinstance(item, str):
        yield _split(" ".join(item.split()))
    elif isinstance(item, dict):
        texts = {str(key): text for key, text in item.items() if isinstance(text, str)}
        keyed = {key.lower(): text for key, text in texts.items()}
        sentence = next((keyed[key] for key in _SENTENCE_KEYS if key in keyed), "")
        name = next((keyed[key] for key in _NAME_KEYS if key in keyed), "")
        if sentence or name:
            yield name, sentence
        else:
            yield from texts.items()


# ---- lines


@dataclass
class _Item:
    """A rule that is being read; the lines below a name that stands alone are its sentence."""

    name: str
    sentence: str
    is_heading: bool


def _of_lines(text: str) -> list[NamedSentence]:
    """Marked lines where there are any, else lines of the form "Name: sentence"."""
    lines = [" ".join(line.split()) for line in text.replace("```", "\n").splitlines()]
    table = [row for line in lines if line.startswith("|") and (row := _of_row(line))]
    if len(table) > 1:
        return table
    if any(_is_marked(line) for line in lines):
        items = _items(lines)
        return [(item.name, item.sentence) if item.sentence else ("", item.name) for item in items if item.sentence or not item.is_heading]
    return [split for line in lines if (split := _split(line))[0] and not _is_chatter(split[0])]


def _is_marked(line: str) -> bool:
    item = _ITEM.match(line)
    return item is not None and bool(item["heading"] or item["mark"])


def _items(lines: list[str]) -> list[_Item]:
    """Every marked line begins an item; what follows goes on with it, up to a blank line where it has a sentence."""
    found: list[_Item] = []
    is_open = False
    for line in lines:
        if _is_marked(line):
            item = _item(line)
            is_open = not _is_chatter(item.name)
            found += [item] if is_open else []
        elif line and is_open:
            found[-1].sentence = f"{found[-1].sentence} {_without_key(line)}".strip()
        elif not line:
            is_open = is_open and not found[-1].sentence
    return found


def _item(line: str) -> _Item:
    parts = _ITEM.match(line)
    if parts is None:
        return _Item("", line, is_heading=False)
    content = _without_key(parts["content"])
    name, sentence = _split(f"{parts['bold'] or ''}{content}")
    stands_alone = not name and (parts["heading"] or (len(sentence.split()) <= _MOST_NAME_WORDS and sentence[-1:] not in _ENDS))
    return _Item(_trimmed(sentence), "", bool(parts["heading"])) if stands_alone else _Item(name, sentence, bool(parts["heading"]))


def _split(text: str) -> NamedSentence:
    """Name and sentence of a line; the name is "" where there is none, the sentence is "" where a bold name stands alone."""
    bold = _BOLD_NAME.match(text)
    if bold:
        return _trimmed(bold["name"]), bold["sentence"]
    named = _NAMED.match(text)
    if named and len(named["name"].split()) <= _MOST_NAME_WORDS and len(named["sentence"].split()) >= FEWEST_WORDS:
        return _trimmed(named["name"]), named["sentence"]
    return "", text


def _of_row(line: str) -> NamedSentence | None:
    """Name and sentence of a table's row: its last two cells, or its last one."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    if all(set(cell) <= set(":- ") for cell in cells) or {cell.lower() for cell in cells} & {"name", "rule", "sentence", "description"}:
        return None
    return (cells[-2], cells[-1]) if len(cells) > 1 and not cells[-2].isdigit() else ("", cells[-1])


def _without_key(line: str) -> str:
    key = _KEY.match(line)
    return line[key.end() :] if key else line


def _is_chatter(name: str) -> bool:
    return _CHATTER.fullmatch(name) is not None


def _trimmed(name: str) -> str:
    return name.strip(" \t\"'*_`:.")


def _plain(text: str) -> str:
    """The text without marks of Markdown and quotes around it, on one line."""
    bare = re.sub(r"\*\*|__|`", "", text)
    return " ".join(bare.split()).strip("\"' ").rstrip(",").strip("\"' ")
