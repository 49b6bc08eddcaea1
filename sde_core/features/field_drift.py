"""Each field's type over the file: where it changes, and the conversions by which the odd values become like the others without any loss."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.dataset import Dataset
from sde_core.dataset.json_text import element_end, parse_json, skip_space, value_span
from sde_core.dataset.turns import FieldPath
from sde_core.errors import BadRecordError
from sde_core.features.record_shape import RecordShapes, shape_of, type_name, typed_paths
from sde_core.progress import NEVER, Cancel, Progress, silent

ABSENT, NULL, TEXT, NUMBER, TRUTH, LIST, OBJECT = "absent", "null", "text", "number", "true or false", "list", "object"
_MOST_SEGMENTS = 40
_MOST_FIELDS = 400
_FEW_RUNS = 4
"""Present and absent in no more runs than this is a change of the file; in more it is an optional field."""
_FEWEST_IN_RUN = 20
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive readable records in which a field has one kind.

    Attributes:
        first: Position of the first record.
        last: Position of the last.
        rows: How many records that are.
        kind: Name of the type, several joined by " | " where the items of a list differ, or "absent".
    """

    first: int
    last: int
    rows: int
    kind: str


@dataclass(frozen=True, slots=True)
class FieldHistory:
    """One field over the file.

    Attributes:
        field: Dotted path; "" is the record itself, `tags[]` the items of a list.
        kinds: Records of each kind, the most frequent first. Records without the object around the field are not counted.
        segments: The runs in file order; the first 40 of them.
        runs: How many there are in all.
        changes_type: Whether the field has values of different types; null is no type of its own.
        comes_or_goes: Whether the field is there in some stretches of the file and not in others.
    """

    field: str
    kinds: Mapping[str, int]
    segments: tuple[Segment, ...]
    runs: int
    changes_type: bool
    comes_or_goes: bool

    @property
    def drifts(self) -> bool:
        """Whether the file is not of one form in this field."""
        return self.changes_type or self.comes_or_goes

    @property
    def usual(self) -> str:
        """The most frequent kind that is a type."""
        return next((kind for kind in self.kinds if kind not in (ABSENT, NULL)), NULL)

    def words(self) -> str:
        """Where the kinds stand: "number in rows 0–199, text from row 200 on"."""
        if self.runs > _FEW_RUNS:
            return ", ".join(f"{kind} {count:,}×" for kind, count in self.kinds.items())
        said = [f"{part.kind} in rows {part.first:,}–{part.last:,}" for part in self.segments[:-1]]
        return ", ".join([*said, f"{self.segments[-1].kind} from row {self.segments[-1].first:,} on"])


@dataclass(frozen=True, slots=True)
class Conversion:
    """What makes the odd values of a field like the others.

    Attributes:
        field: As in `FieldHistory`.
        target: The kind that all values have afterwards.
        rows: Records with a value to convert, all of which can be without loss.
        before: An example, as it is written in the file.
        after: What it becomes.
        items: Kinds of the items, where the target is a list.
    """

    field: str
    target: str
    rows: tuple[int, ...]
    before: str
    after: str
    items: tuple[str, ...] = ()


def record_shapes(dataset: Dataset, *, cancel: Cancel = NEVER, progress: Progress = silent) -> RecordShapes:
    """The shapes of all readable records; progress in records.

    Raises:
        CancelledError: When stopped.
    """
    survey = RecordShapes()
    no_turns: Any = None
    for batch in dataset.value_batches(cancel=cancel, progress=progress):
        for row, value in batch:
            survey.observe(row, value, no_turns)
    return survey


def field_histories(shapes: RecordShapes) -> list[FieldHistory]:
    """The history of every field, in order of appearance; of the 400 most frequent where there are more."""
    kinds_of = [_kinds(shape) for shape in shapes.shapes]
    counts: dict[str, int] = {}
    for kinds, count in zip(kinds_of, shapes.counts.tolist(), strict=True):
        for field in kinds:
            counts[field] = counts.get(field, 0) + count
    frequent = set(sorted(counts, key=lambda field: -counts[field])[:_MOST_FIELDS])
    rows, ids = _in_file_order(shapes)
    return [_history(field, kinds_of, rows, ids) for field in counts if field in frequent]


def kinds_of_fields(shapes: RecordShapes, fields: Sequence[str]) -> list[tuple[str, ...]]:
    """For each distinct shape, the kinds of these fields in it."""
    return [tuple(kinds.get(field, ABSENT) for field in fields) for kinds in map(_kinds, shapes.shapes)]


def field_history(shapes: RecordShapes, field: str) -> FieldHistory:
    """The history of one field."""
    return _history(field, [_kinds(shape) for shape in shapes.shapes], *_in_file_order(shapes))


def _in_file_order(shapes: RecordShapes) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    rows, ids = shapes.rows, shapes.shape_ids
    order = np.argsort(rows, kind="stable")
    return rows[order], ids[order]


def _kinds(shape: Any) -> dict[str, str]:
    """The kind of every field of a shape."""
    found: dict[str, set[str]] = {}
    for path, kind in typed_paths(shape):
        found.setdefault(path, set()).add(kind)
    return {path: " | ".join(sorted(kinds)) for path, kinds in found.items()}


def _history(field: str, kinds_of: Sequence[Mapping[str, str]], rows: npt.NDArray[np.uint32], ids: npt.NDArray[np.uint32]) -> FieldHistory:
    outer = _outer(field)
    if outer is not None and not any(_holds(kinds.get(outer, ""), field) for kinds in kinds_of):
        outer = None  # a dot or a bracket that is part of the key's own name
    kind_of_shape = [kinds.get(field, ABSENT) if outer is None or _holds(kinds.get(outer, ""), field) else "" for kinds in kinds_of]
    names = list(dict.fromkeys(kind_of_shape))
    codes = np.array([names.index(kind) for kind in kind_of_shape], np.int32)[ids]
    if "" in names:
        counted = codes != names.index("")
        rows, codes = rows[counted], codes[counted]
    numbers = np.bincount(codes, minlength=len(names))
    kinds = {names[place]: int(numbers[place]) for place in np.argsort(-numbers, kind="stable").tolist() if numbers[place]}
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(starts[1:], len(codes))
    segments = tuple(
        Segment(int(rows[start]), int(rows[end - 1]), int(end - start), names[int(codes[start])])
        for start, end in zip(starts[:_MOST_SEGMENTS].tolist(), ends[:_MOST_SEGMENTS].tolist(), strict=True)
    )
    return FieldHistory(field, kinds, segments, len(starts), _changes_type(kinds), _comes_or_goes(codes, names))


def _outer(field: str) -> str | None:
    """The field around a field, None for the record itself."""
    if not field:
        return None
    if field.endswith("[]"):
        return field[:-2]
    return field.rpartition(".")[0]


def _holds(kind: str, field: str) -> bool:
    """Whether a value of this kind can have the field in it."""
    kinds = kind.split(" | ")
    return ("list" if field.endswith("]") else "object") in kinds


def _changes_type(kinds: Mapping[str, int]) -> bool:
    return len({part for kind in kinds for part in kind.split(" | ")} - {ABSENT, NULL}) > 1


def _comes_or_goes(codes: npt.NDArray[np.int32], names: Sequence[str]) -> bool:
    if ABSENT not in names:
        return False
    absent = codes == names.index(ABSENT)
    ends = np.append(np.flatnonzero(np.diff(absent)) + 1, len(absent))
    lengths = np.diff(ends, prepend=0)
    return 1 < len(lengths) <= _FEW_RUNS and int(lengths.min()) >= _FEWEST_IN_RUN


def conversion_of(dataset: Dataset, history: FieldHistory, shapes: RecordShapes) -> Conversion | None:
    """The conversion of a field's odd values to its usual type; None where there is none, or where one value would lose something.

    Numbers become texts as they are written; texts become numbers where they are written as JSON writes that number; a list of one becomes its item,
    and a value a list of one where the others are lists of such values; a text that holds the JSON of a list or an object becomes that. Only records
    written in JSON can be converted.
    """
    if not history.changes_type or dataset.format not in ("jsonl", "json") or not history.field:
        return None
    target = history.usual
    if " | " in target:
        return None
    kinds_of = [_kinds(shape) for shape in shapes.shapes]
    odd = [number for number, kinds in enumerate(kinds_of) if set(kinds.get(history.field, "").split(" | ")) - {"", target, NULL}]
    rows = shapes.rows_of(odd).tolist()
    odd_shapes = set(odd)
    items = {kinds.get(f"{history.field}[]", "") for number, kinds in enumerate(kinds_of) if number not in odd_shapes}
    wanted = Conversion(history.field, target, tuple(rows), "", "", tuple(sorted(items - {""})))
    example: tuple[str, str] | None = None
    for row in rows:
        spans = _odd_values(dataset.edited_raw(row).decode("utf-8", "surrogateescape"), wanted)
        if not spans or any(after is None for _, _, _, after in spans):
            return None
        example = example or (spans[0][2], str(spans[0][3]))
    return replace(wanted, before=example[0], after=example[1]) if example else None


def converted(raw: bytes, conversions: Sequence[Conversion]) -> bytes:
    """A record with the odd values of these fields converted and every other byte as it was."""
    text = raw.decode("utf-8", "surrogateescape")
    for conversion in conversions:
        for start, end, _, after in reversed(_odd_values(text, conversion)):
            if after is not None:
                text = text[:start] + after + text[end:]
    return text.encode("utf-8", "surrogateescape")


def _odd_values(text: str, wanted: Conversion) -> list[tuple[int, int, str, str | None]]:
    """Start, end, written form and converted form of the values of a field that are of another kind, in order."""
    try:
        value = parse_json(text.encode("utf-8", "surrogateescape"))
    except BadRecordError:
        return []
    found: list[tuple[int, int, str, str | None]] = []
    for path, inner in _values_at(value, wanted.field, ()):
        kind = type_name(shape_of(inner))
        if kind not in (wanted.target, NULL):
            start, end = value_span(text, skip_space(text, 0), path)
            found.append((start, end, text[start:end], _as_kind(inner, kind, text[start:end], wanted)))
    return found


def _values_at(value: Any, field: str, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    """The values that a dotted name means in a record, with their paths; names may hold dots themselves."""
    if not field:
        yield path, value
    elif field.startswith("[]"):
        for place, item in enumerate(value if isinstance(value, list) else ()):
            yield from _values_at(item, field[2:].removeprefix("."), (*path, place))
    elif isinstance(value, dict):
        for name, inner in value.items():
            rest = field[len(name) :]
            if field.startswith(name) and (not rest or rest[0] in ".["):
                yield from _values_at(inner, rest.removeprefix("."), (*path, name))


def _holds_json(text: str, kind: str) -> bool:
    try:
        return "\n" not in text and type_name(shape_of(parse_json(text.encode()))) == kind
    except (BadRecordError, UnicodeEncodeError):
        return False


def _as_kind(value: Any, kind: str, written: str, wanted: Conversion) -> str | None:
    """The value as JSON of another kind, None where something would be lost."""
    target = wanted.target
    if kind == TEXT and target in (LIST, OBJECT) and _holds_json(value, target):
        return str(value)
    if target == LIST and wanted.items == (kind,):
        return f"[{written}]"
    if kind == LIST and len(value) == 1 and type_name(shape_of(value[0])) == target:
        first = skip_space(written, 1)
        return written[first : element_end(written, first)]
    if target == TEXT and kind in (NUMBER, TRUTH):
        return f'"{written}"'
    if target == NUMBER and kind == TEXT and _NUMBER.fullmatch(value) and value == written[1:-1]:
        return str(value)
    return None
