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
from sde_core.checks.formats.json_keys import STARTS_AS_OBJECT, json_object, members, with_keys
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
    """What objects with about the same keys have in common: the whole answers, or what all of them hold under one key.

    Attributes:
        answers: The answers.
        objects: The object of each answer.
        inside: The key under which the objects stand; "" for the answers themselves.
    """

    answers: list[_Answer] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    inside: str = ""

    def __iter__(self) -> Iterator[tuple[_Answer, dict[str, Any]]]:
        return zip(self.answers, self.objects, strict=True)

    def counted(self) -> Counter[str]:
        return Counter(key for value in self.objects for key in value)

    def order(self) -> tuple[str, ...]:
        """The order of all keys that nearly all objects with the commonest set of keys have; empty where there is none."""
        usual = Counter(frozenset(value) for value in self.objects).most_common(1)[0][0]
        orders = Counter(tuple(value) for value in self.objects if value.keys() == usual)
        order, count = orders.most_common(1)[0]
        return order if count >= max(_FEWEST, _ORDERED * orders.total()) else ()

    def types(self, key: str) -> Counter[str]:
        return Counter(_TYPES[type(value[key])] for value in self.objects if value.get(key) is not None)

    def below(self, key: str) -> _Schema | None:
        """The schema of the objects under a key; None where they are too few or their keys are free."""
        held = [(answer, value[key]) for answer, value in self if isinstance(value.get(key), dict)]
        sets = {frozenset(inner) for _, inner in held}
        if len(held) < _FEWEST or len(sets) > max(_FREE * len(held), _FEWEST / 2):
            return None
        return _Schema([answer for answer, _ in held], [inner for _, inner in held], key)

    def path(self, key: str) -> str:
        """A key as people name it."""
        return f"{self.inside}.{key}" if self.inside else key

    def corrected(self, answer: _Answer, renamed: Mapping[str, str], order: Sequence[str]) -> str:
        """The answer's text with these keys renamed and put in order."""
        if not self.inside:
            return with_keys(answer.text, renamed, order)
        member = next((member for member in members(answer.text) if member.key == self.inside), None)
        if member is None:
            return answer.text
        start = answer.text.index("{", member.key_end)
        return answer.text[:start] + with_keys(answer.text[start : member.end], renamed, order) + answer.text[member.end :]


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
        closed = sum(value.keys() <= known for value in schema.objects) >= _REQUIRED * total
        order = schema.order()
        yield from self._odd_types(context, schema, required)
        for answer, value in schema:
            missing = [key for key in required if key not in value]
            extra = [key for key in value if key not in known] if closed else []
            moved = bool(order) and set(order) == value.keys() and tuple(value) != order
            if missing or extra or moved:
                renamed = _misspelt(extra, missing)
                corrected = schema.corrected(answer, renamed, order)
                yield from self._odd_keys(context, schema, answer, missing, extra, renamed, corrected)
                if moved:
                    said = f"In {total:,} answers the keys come in the order {_listed(order)}; here in the order {_listed(tuple(value))}."
                    yield self._finding(context, "json-key-order", "info", answer, said, corrected)
        for key in required if not schema.inside else ():
            below = schema.below(key)
            yield from self._of_schema(context, below) if below else ()

    def _odd_keys(
        self,
        context: CheckContext,
        schema: _Schema,
        answer: _Answer,
        missing: Sequence[str],
        extra: Sequence[str],
        renamed: Mapping[str, str],
        corrected: str,
    ) -> Iterator[Finding]:
        of_all = f"{len(schema.answers):,} answers of this kind"
        if renamed:
            said = f"{_listed([f'{schema.path(wrong)!r} is {right!r}' for wrong, right in renamed.items()])} in nearly all {of_all}."
            yield self._finding(context, "json-misspelt-key", "warning", answer, said, corrected)
        lacking = [schema.path(key) for key in missing if key not in renamed.values()]
        if lacking:
            yield self._finding(
                context, "json-missing-key", "warning", answer, f"The answer lacks {_listed(lacking)}, which nearly all {of_all} have."
            )
        added = [schema.path(key) for key in extra if key not in renamed]
        if added:
            yield self._finding(
                context, "json-extra-key", "warning", answer, f"The answer has {_listed(added)}, which hardly any of the {of_all} has."
            )

    def _odd_types(self, context: CheckContext, schema: _Schema, required: Sequence[str]) -> Iterator[Finding]:
        for key in required:
            types = schema.types(key)
            usual, count = types.most_common(1)[0] if types else ("", 0)
            if len(types) < 2 or count < max(_FEWEST, _TYPED * types.total()):
                continue
            for answer, value in schema:
                here = _TYPES[type(value[key])] if value.get(key) is not None else usual
                if here != usual:
                    said = f"{schema.path(key)!r} is {here} here and {usual} in {count:,} of {types.total():,} answers of this kind."
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
        schema = schemas[leader_of[answer.keys]]
        schema.answers.append(answer)
        schema.objects.append(answer.value)
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
