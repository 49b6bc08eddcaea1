"""Fields that are missing, renamed or of another type than in the other records."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding, Severity
from sde_core.dataset import Layout
from sde_core.features.field_drift import field_history
from sde_core.features.record_shape import RecordShapes, Shape, type_name, typed_paths

_USUAL, _NEARLY_ALL = 0.95, 0.995
_FEWEST_ROWS = 20
_RARE = 0.05
_DEPTH = 1
"""Deeper fields, such as the arguments of tool calls, vary by nature."""
_SIMILAR = 0.6
_FEW_STRETCHES = 6
"""A field that changes its type more often than this is mixed; less often, the file changes."""
_REQUIRED = ("prompt", "answer", "messages", "text", "chosen", "rejected")
_SAME_MEANING = (
    {"output", "response", "answer", "completion", "reply", "target", "result", "solution", "assistant"},
    {"instruction", "prompt", "question", "query", "task", "request", "user", "human"},
    {"input", "context", "source", "passage"},
    {"label", "labels", "category", "class", "intent", "topic", "tag"},
    {"messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat"},
    {"content", "value", "text", "message", "body"},
    {"role", "from", "speaker", "author", "sender"},
)  # fmt: skip
_MESSAGE_FIELDS = ({"role", "from"}, {"content", "value"})


class Fields:
    """Records without a field that the others have, and fields that have another name there."""

    name = "missing-field"
    names = ("missing-field", "renamed-field")
    title = "Records without a field that the others have"
    titles: Mapping[str, str] = {"renamed-field": "Fields under another name"}
    surveys = (RecordShapes,)
    advice = "Loaders fail on them or read nothing: rename or fill the field in the file, or reject the rows."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record and missing field."""
        shapes: RecordShapes = context.surveys[RecordShapes]
        usual = _UsualFields(shapes, context.dataset.layout)
        findings: list[Finding] = []
        for shape_id, shape in enumerate(shapes.shapes):
            gaps = [*usual.gaps(shape), *usual.message_gaps(shape)]
            if gaps:
                rows = shapes.rows_of([shape_id]).tolist()
                findings += [self._finding(context, row, *gap) for row in rows for gap in gaps]
        return findings

    def _finding(self, context: CheckContext, row: int, field: str, instead: str, share: float, severity: Severity) -> Finding:
        evidence = excerpt(context.dataset.raw(row).decode("utf-8", "replace"))
        if instead:
            return Finding("renamed-field", "error", (row,), f"The field {field!r} is called {instead!r} here.", evidence, instead, share)
        others = "nearly all records" if share >= _NEARLY_ALL else f"{share:.0%} of the records"
        return Finding("missing-field", severity, (row,), f"The field {field!r}, which {others} have, is missing.", evidence, field, share)


class _UsualFields:
    """Which fields records of this dataset have, and how often."""

    def __init__(self, shapes: RecordShapes, layout: Layout) -> None:
        counts = shapes.counts.tolist()
        self._total: int = sum(counts)
        self._having: Counter[str] = Counter()
        record_types: Counter[str] = Counter()
        self._types: dict[str, Counter[str]] = defaultdict(Counter)
        self._messages: Counter[str] = Counter()
        self._messages_field = layout.roles.get("messages", "")
        for shape, count in zip(shapes.shapes, counts, strict=True):
            record_types[type_name(shape)] += count
            for name, inner in _columns(shape):
                self._having[name] += count
                self._types[name][type_name(inner)] += count
            for message in self._message_shapes(shape):
                self._messages.update({name: count for name, _ in message[1:]})
        self._record_type = record_types.most_common(1)[0][0] if record_types else ""
        self._required = {layout.roles[role] for role in _REQUIRED if layout.roles.get(role)}

    def gaps(self, shape: Shape) -> list[tuple[str, str, float, Severity]]:
        """(missing field, its name here or "", share of records that have it, severity) for a shape that is of the usual type."""
        if type_name(shape) != self._record_type:
            return []
        here = dict(_columns(shape))
        absent = [name for name, count in self._having.items() if name not in here and self._is_usual(name, count)]
        strangers = [name for name in here if self._having[name] <= _RARE * self._total]
        gaps: list[tuple[str, str, float, Severity]] = []
        for name in absent:
            instead = next((other for other in strangers if self._stands_for(name, other, here[other], len(absent) == len(strangers) == 1)), "")
            if instead:
                strangers.remove(instead)
            gaps.append((name, instead, self._having[name] / self._total, "error" if name in self._required else "warning"))
        return gaps

    def _is_usual(self, name: str, count: int) -> bool:
        if name in self._required and count > self._total / 2:
            return True
        return self._total >= _FEWEST_ROWS and count >= _USUAL * self._total

    def _stands_for(self, name: str, other: str, shape: Shape, only_pair: bool) -> bool:
        """Whether `other` holds what the other records have under `name`."""
        usual_type: str = self._types[name].most_common(1)[0][0]
        if type_name(shape) != usual_type:
            return False
        return only_pair or similar_names(name, other)

    def message_gaps(self, shape: Shape) -> list[tuple[str, str, float, Severity]]:
        """As `gaps`, for the fields of messages: the speaker and the text."""
        usual = [max(pair, key=lambda name: self._messages[name]) for pair in _MESSAGE_FIELDS]
        gaps: list[tuple[str, str, float, Severity]] = []
        for message in self._message_shapes(shape):
            here = {name for name, _ in message[1:]}
            for name, pair in zip(usual, _MESSAGE_FIELDS, strict=True):
                if self._messages[name] and name not in here and not (name in _MESSAGE_FIELDS[1] and "tool_calls" in here):
                    instead = next((other for other in here if other in pair or similar_names(name, other)), "")
                    gaps.append((f"{self._messages_field}[].{name}", instead, 1.0, "error"))
        return list(dict.fromkeys(gaps))

    def _message_shapes(self, shape: Shape) -> Iterator[Shape]:
        """The shapes of the messages in a record, where it is a conversation."""
        for name, inner in _columns(shape):
            if self._messages_field and name == self._messages_field and type_name(inner) == "list" and inner != "list":
                yield from (item for item in inner[1:] if item[0] == "object" and len({field for field, _ in item[1:]} & {"replies", "input"}) == 0)


def similar_names(name: str, other: str) -> bool:
    """Whether two field names mean the same: by spelling, or as words for the same thing."""
    first, second = name.casefold().strip(), other.casefold().strip()
    if any(first in words and second in words for words in _SAME_MEANING):
        return True
    return difflib.SequenceMatcher(None, first, second).ratio() >= _SIMILAR


def _columns(shape: Shape) -> list[tuple[str, Shape]]:
    """Name and shape of the fields of a record."""
    if isinstance(shape, str):
        return []
    return list(shape[1:]) if shape[0] == "object" else [(f"[{position}]", inner) for position, inner in enumerate(shape[1:])]


class ChangedTypes:
    """Values of another type than the same field has in the other records."""

    name = "changed-type"
    title = "Fields whose type changes"
    surveys = (RecordShapes,)
    advice = "Table loaders fail on them: write the value as the other records do, or reject the rows."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record and field; a field that is mixed throughout gives one finding in all."""
        shapes: RecordShapes = context.surveys[RecordShapes]
        holders = _holders(shapes)
        findings: list[Finding] = []
        blamed: set[str] = set()
        for path in sorted(path for path in holders if path.count(".") <= _DEPTH):
            if any(path.startswith((f"{outer}.", f"{outer}[")) or not outer for outer in blamed):
                continue
            by_type = {kind: ids for kind, ids in holders[path].items() if kind != "null"}
            if len(by_type) > 1:
                blamed.add(path)
                findings += self._of_field(context, shapes, path, by_type)
        return findings

    def _of_field(self, context: CheckContext, shapes: RecordShapes, path: str, by_type: Mapping[str, list[int]]) -> Iterator[Finding]:
        rows = {kind: shapes.rows_of(ids) for kind, ids in by_type.items()}
        total = sum(len(of_kind) for of_kind in rows.values())
        usual = max(rows, key=lambda kind: (len(rows[kind]), kind))
        share = len(rows[usual]) / total
        name = path or "the record"
        severity: Severity = "error" if path.split("[")[0] in context.dataset.layout.roles.values() or not path else "warning"
        if share < 1 - _RARE or total < _FEWEST_ROWS:
            counts = ", ".join(f"{kind} {len(of_kind):,}×" for kind, of_kind in sorted(rows.items(), key=lambda item: -len(item[1])))
            first = int(min(int(of_kind[0]) for kind, of_kind in rows.items() if kind != usual))
            history = field_history(shapes, path) if total >= _FEWEST_ROWS else None
            if history and history.runs <= _FEW_STRETCHES:
                starts = tuple(part.first for part in history.segments)
                yield Finding(self.name, "warning", starts, f"{name} changes its type within the file.", history.words(), path, 1.0)
            else:
                yield Finding(self.name, "info", (first,), f"{name} has several types.", counts, path, 1 - share)
            return
        for kind, of_kind in rows.items():
            for row in of_kind.tolist() if kind != usual else ():
                yield Finding(self.name, severity, (row,), f"{name} is {_article(kind)} here and {_article(usual)} in {share:.1%} of the records.",
                              excerpt(_value_text(context.dataset.value(row), path)), path, share)  # fmt: skip


def _holders(shapes: RecordShapes) -> dict[str, dict[str, list[int]]]:
    """Path -> type -> the shapes that have it there."""
    holders: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for shape_id, shape in enumerate(shapes.shapes):
        for path, kind in dict.fromkeys(typed_paths(shape)):
            holders[path][kind].append(shape_id)
    return holders


def _article(kind: str) -> str:
    return {"text": "a text", "number": "a number", "object": "an object", "list": "a list"}.get(kind, kind)


def _value_text(value: Any, path: str) -> str:
    """The value at a path as JSON; for paths into lists the list itself."""
    import orjson

    name = path.split("[")[0] if not path.startswith("[") else ""
    for step in name.split(".") if name else ():
        value = value.get(step) if isinstance(value, dict) else value
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
