"""A text and its label, as two fields or as a pair in a list."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.alpaca import asked
from sde_core.dataset.layouts.layout import label_of, label_role, text_of, with_label_answer
from sde_core.dataset.turns import USER, Turn, Turns

_TEXTS = ("text", "sentence", "content", "review", "message", "utterance", "src", "prompt", "question", "title")
_PAIR_MARK = re.compile(r"(?<![A-Za-z])[12AaBb](?![A-Za-z0-9])|[12]$|(?<=_)[ab]$")
_PAIRS = {("premise", "hypothesis"), ("query", "passage"), ("query", "document"), ("question", "sentence"), ("sentence", "question")}
_EXTRA_LABELS = ("score", "target", "polarity", "stars", "rating", "template")


class ClassificationLayout:
    """Rows with a text and a label from a small set."""

    name = "classification"

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A pair of [text, label], or a text field beside a label field, or two columns of which one has few values."""
        if _are_pairs(sample):
            return {"text": "0", "label": "1"}
        rows = [value for value in sample if isinstance(value, dict)]
        if len(rows) <= len(sample) / 2:
            return None
        label = label_role(sample).get("label") or _label_by_values(rows)
        pair = _text_pair(rows, label) if label else ()
        if pair:
            return {"text": pair[0], "input": pair[1], "label": label}
        text = _text_field(rows, label) if label else ""
        return {"text": text, "label": label} if text and label else None

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """The text as the user's turn, the label as the answer."""
        if isinstance(value, list):
            return _pair_turns(value)
        text, label = roles.get("text", "text"), roles.get("label", "label")
        if not isinstance(value, dict) or text not in value:
            return Turns((), label=label_of(value, roles))
        asked_turns = asked(value, text, roles["input"]) if "input" in roles else (Turn(USER, text_of(value[text]), (text,)),)
        return with_label_answer(asked_turns, label_of(value, roles), label)


def _text_pair(rows: Sequence[Mapping[str, Any]], label: str) -> tuple[str, ...]:
    """Two fields of text that are told apart by a number or a letter ("sentence1", "sentence2"), or go by the names of inference and retrieval."""
    names = [name for name in rows[0] if name != label and all(isinstance(row.get(name), str) for row in rows[:20])]
    words = [name for name in names if sum(" " in row[name].strip() for row in rows[:20]) > len(rows[:20]) / 2]
    for first, second in itertools.combinations(words, 2):
        if _PAIR_MARK.sub("", first) == _PAIR_MARK.sub("", second) or (first.casefold(), second.casefold()) in _PAIRS:
            return first, second
    return ()


def _are_pairs(sample: Sequence[Any]) -> bool:
    pairs = [value for value in sample if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)]
    return len(pairs) > len(sample) / 2 and len({pair[1] for pair in pairs}) <= len({pair[0] for pair in pairs})


def _pair_turns(value: list[Any]) -> Turns:
    if len(value) != 2:
        return Turns(())
    label = text_of(value[1])
    turns = Turns((Turn(USER, text_of(value[0]), (0,)),), label=label)
    return Turns((*turns.turns, Turn("assistant", label, (1,))), label=label)


def _label_by_values(rows: Sequence[Mapping[str, Any]]) -> str:
    """A field of a known name, or the one whose values repeat most, if they repeat much and are short."""
    for name in _EXTRA_LABELS:
        if all(name in row for row in rows[:20]) and _repeats(rows, name):
            return name
    candidates = [(len({text_of(row.get(name)) for row in rows}), name) for name in rows[0] if _repeats(rows, name)]
    return min(candidates)[1] if candidates and len(rows) >= 20 else ""


def _repeats(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    values = [text_of(row.get(name)) for row in rows if not isinstance(row.get(name), dict | list)]
    return len(values) == len(rows) and 1 < len(set(values)) <= max(2, len(rows) // 4) and max(map(len, values)) <= 60


def _text_field(rows: Sequence[Mapping[str, Any]], label: str) -> str:
    known = next((name for name in _TEXTS if name != label and all(isinstance(row.get(name), str) for row in rows[:20])), "")
    if known:
        return known
    lengths = {name: sum(len(row[name]) for row in rows if isinstance(row.get(name), str)) for name in rows[0] if name != label}
    longest = max(lengths, key=lambda name: lengths[name], default="")
    return longest if longest and lengths[longest] / len(rows) >= 10 else ""
