"""JSON answers whose keys or values break the schema that the answers like them have."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding, Severity
from sde_core.checks.formats.json_keys import STARTS_AS_OBJECT, json_object, with_keys
from sde_core.progress import raise_if_cancelled

_FEWEST = 20
_REQUIRED, _KNOWN, _TYPED, _ORDERED = 0.95, 0.02, 0.97, 0.95
_ALIKE, _SAME_SCHEMA = 0.75, 0.5
_MOST_SETS, _FREE = 400, 0.2
_TYPES = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class _Answer:
    row: int
    text: str
    value: dict[str, Any]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.value)


@dataclass
class _Schema:
    """What the answers with about the same keys have in common."""

    answers: list[_Answer] = field(default_factory=list)

    def counted(self) -> Counter[str]:
        return Counter(key for answer in self.answers for key in answer.value)

    def order(self) -> tuple[str, ...]:
        """The order of all keys that nearly all answers with the commonest set of keys have; empty where there is none."""
        usual = Counter(answer.keys for answer in self.answers).most_common(1)[0][0]
        orders = Counter(tuple(answer.value) for answer in self.answers if answer.keys == usual)
        order, count = orders.most_common(1)[0]
        return order if count >= max(_FEWEST, _ORDERED * orders.total()) else ()

    def types(self, key: str) -> Counter[str]:
        return Counter(_TYPES[type(answer.value[key])] for answer in self.answers if answer.value.get(key) is not None)


class JsonAnswers:
    """Keys that are missing, added or misspelt, values of another type, keys in another order."""

    name = "json-missing-key"
    names = ("json-missing-key", "json-extra-key", "json-misspelt-key", "json-value-type", "json-key-order")
    title = "JSON answers that lack a key"
    titles: Mapping[str, str] = {
        "json-extra-key": "JSON answers with a key that no other has",
        "json-misspelt-key": "JSON answers with a key spelt otherwise",
        "json-value-type": "JSON answers with a value of another type",
        "json-key-order": "JSON answers with their keys in another order",
    }
    advice = "Correct the keys with the fix where there is one, else edit or reject: programs rely on one schema."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record and fault."""
        frame = wanted_answers(context).filter(pl.col("answer").str.contains(STARTS_AS_OBJECT))
        findings: list[Finding] = []
        for schema in _schemas(_parsed(frame, context)):
            findings += self._of_schema(context, schema)
        return findings

    def _of_schema(self, context: CheckContext, schema: _Schema) -> Iterator[Finding]:
        counts, total = schema.counted(), len(schema.answers)
        required = [key for key, count in counts.items() if count >= _REQUIRED * total]
        known = {key for key, count in counts.items() if count >= max(2.0, _KNOWN * total)} | set(required)
        closed = sum(answer.keys <= known for answer in schema.answers) >= _REQUIRED * total
        order = schema.order()
        yield from self._odd_types(context, schema, required)
        for answer in schema.answers:
            missing = [key for key in required if key not in answer.value]
            extra = [key for key in answer.value if key not in known] if closed else []
            moved = bool(order) and set(order) == answer.keys and tuple(answer.value) != order
            if missing or extra or moved:
                renamed = _misspelt(extra, missing)
                corrected = with_keys(answer.text, renamed, order)
                yield from self._odd_keys(context, answer, missing, extra, renamed, total, corrected)
                if moved:
                    said = f"In {total:,} answers the keys come in the order {_listed(order)}; here in the order {_listed(tuple(answer.value))}."
                    yield self._finding(context, "json-key-order", "info", answer, said, corrected)

    def _odd_keys(
        self,
        context: CheckContext,
        answer: _Answer,
        missing: Sequence[str],
        extra: Sequence[str],
        renamed: Mapping[str, str],
        total: int,
        corrected: str,
    ) -> Iterator[Finding]:
        if renamed:
            said = f"{_listed([f'{wrong!r} is {right!r}' for wrong, right in renamed.items()])} in nearly all {total:,} answers of this kind."
            yield self._finding(context, "json-misspelt-key", "warning", answer, said, corrected)
        lacking = [key for key in missing if key not in renamed.values()]
        if lacking:
            said = f"The answer lacks {_listed(lacking)}, which nearly all {total:,} answers of this kind have."
            yield self._finding(context, "json-missing-key", "warning", answer, said)
        added = [key for key in extra if key not in renamed]
        if added:
            said = f"The answer has {_listed(added)}, which hardly any of the {total:,} answers of this kind has."
            yield self._finding(context, "json-extra-key", "warning", answer, said)

    def _odd_types(self, context: CheckContext, schema: _Schema, required: Sequence[str]) -> Iterator[Finding]:
        for key in required:
            types = schema.types(key)
            usual, count = types.most_common(1)[0] if types else ("", 0)
            if len(types) < 2 or count < max(_FEWEST, _TYPED * types.total()):
                continue
            for answer in schema.answers:
                here = _TYPES[type(answer.value[key])] if answer.value.get(key) is not None else usual
                if here != usual:
                    said = f"{key!r} is {here} here and {usual} in {count:,} of {types.total():,} answers of this kind."
                    yield self._finding(context, "json-value-type", "warning", answer, said)

    def _finding(self, context: CheckContext, name: str, severity: Severity, answer: _Answer, said: str, corrected: str | None = None) -> Finding:
        fixable = corrected is not None and corrected != answer.text
        return Finding(name, severity, (answer.row,), said, excerpt(answer.text), answer_field(context.dataset, answer.row), None,
                       "canonical-json-keys" if fixable else "", corrected if fixable else None)  # fmt: skip


def _parsed(frame: pl.DataFrame, context: CheckContext) -> list[_Answer]:
    """The answers that are JSON objects; none where there are too few for a habit."""
    if frame.height < _FEWEST:
        return []
    raise_if_cancelled(context.cancel)
    read = ((row, text, json_object(text)) for row, text in frame.select("row", "answer").iter_rows())
    return [_Answer(row, text, value) for row, text, value in read if value]


def _schemas(answers: Sequence[_Answer]) -> list[_Schema]:
    """Answers with about the same keys together, groups of enough answers only; none where keys are free."""
    counts = Counter(answer.keys for answer in answers)
    if len(counts) > min(_MOST_SETS, max(_FREE * len(answers), _FEWEST / 2)):
        return []
    leaders: list[frozenset[str]] = []
    leader_of: dict[frozenset[str], frozenset[str]] = {}
    for keys, _ in counts.most_common():
        likeness = {leader: _likeness(keys, leader) for leader in leaders}
        best = max(likeness, key=lambda leader: likeness[leader], default=None)
        leader_of[keys] = best if best is not None and likeness[best] >= _SAME_SCHEMA else keys
        leaders += [keys] if leader_of[keys] is keys else []
    schemas = {leader: _Schema() for leader in leaders}
    for answer in answers:
        schemas[leader_of[answer.keys]].answers.append(answer)
    return [schema for schema in schemas.values() if len(schema.answers) >= _FEWEST]


def _likeness(keys: frozenset[str], leader: frozenset[str]) -> float:
    """Jaccard of two sets of keys, one that is spelt otherwise counted as the same."""
    renamed = _misspelt(sorted(keys - leader), sorted(leader - keys))
    shared = len(keys & leader) + len(renamed)
    return shared / (len(keys) + len(leader) - shared)


def _misspelt(extra: Sequence[str], missing: Sequence[str]) -> dict[str, str]:
    """Which key each unknown one is meant to be, where one is near."""
    renamed: dict[str, str] = {}
    for key in extra:
        near = [(_spelling(key, right), right) for right in missing if right not in renamed.values()]
        best = max(near, default=(0.0, ""))
        if best[0] >= _ALIKE:
            renamed[key] = best[1]
    return renamed


def _spelling(key: str, other: str) -> float:
    first, second = (re.sub(r"[\W_]+", "", name).casefold() for name in (key, other))
    return 1.0 if first == second else difflib.SequenceMatcher(None, first, second).ratio()


def _listed(keys: Sequence[str], most: int = 6) -> str:
    return ", ".join(keys[:most]) + (" …" if len(keys) > most else "")
