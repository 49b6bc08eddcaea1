"""The scalar fields of all records, nested ones too, as columns of codes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.dataset import Dataset, FieldPath, Turns
from sde_core.features.packed_arrays import packed_array, unpacked_array
from sde_core.progress import NEVER, Cancel, Progress, silent

_DEPTH = 4
_LONGEST = 200
_FREE_FROM = 1000
_LIST_ITEMS = 50
_SCALAR = (str, bool, int, float)
_MESSAGE_KEYS = frozenset(("role", "from", "content", "value", "speaker", "parts"))
"""A list whose first item has one of these holds messages."""


@dataclass(frozen=True)
class FieldColumn:
    """One scalar field over all records.

    Attributes:
        name: As people write it: "category", "meta.source", "tags[]" for the items of a list, "aspects[].polarity" for objects in one.
        path: Its keys; empty for items of a list, which have no path of their own.
        types: Names of the types that occur: "str", "int", "float", "bool".
        rows: uint32[m], records that have a value; a record occurs once an item where the field is a list.
        codes: int32[m], places in `values`.
        values: The distinct values as text.
        present: How many records have the field with a value; more than `rows` holds where `free`.
        free: Whether nearly every record has a value of its own, so that collecting was given up.
        mean_length: Mean characters of a value over the records.
    """

    name: str
    path: FieldPath
    types: frozenset[str]
    rows: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.int32]
    values: tuple[str, ...]
    present: int
    free: bool
    mean_length: float


class _Column:
    __slots__ = ("characters", "code_of", "codes", "free", "name", "path", "present", "rows", "types")

    def __init__(self, name: str, path: FieldPath) -> None:
        self.name, self.path = name, path
        self.rows, self.codes = array("I"), array("i")
        self.code_of: dict[str, int] = {}
        self.types: set[str] = set()
        self.present = self.characters = 0
        self.free = False

    def add(self, row: int, value: str | bool | int | float) -> None:
        text = value if isinstance(value, str) else _scalar_text(value)
        self.present += 1
        self.characters += len(text)
        self.types.add(type(value).__name__)
        if self.free:
            return
        self.rows.append(row)
        self.codes.append(self.code_of.setdefault(text, len(self.code_of)))
        if len(self.code_of) > _FREE_FROM and len(self.code_of) * 2 > self.present:
            self.give_up()

    def give_up(self) -> None:
        self.free = True
        self.rows, self.codes, self.code_of = array("I"), array("i"), {}

    def state(self) -> dict[str, Any]:
        return {
            "name": self.name, "path": self.path, "types": sorted(self.types), "present": self.present, "characters": self.characters,
            "free": self.free, "values": list(self.code_of), "rows": packed_array(self.rows), "codes": packed_array(self.codes),
        }  # fmt: skip

    def absorb(self, state: dict[str, Any]) -> None:
        self.present += state["present"]
        self.characters += state["characters"]
        self.types.update(state["types"])
        if self.free or state["free"]:
            self.give_up()
        else:
            codes = np.array([self.code_of.setdefault(value, len(self.code_of)) for value in state["values"]], np.int32)
            self.rows.extend(unpacked_array("I", state["rows"]))
            self.codes.frombytes(codes[np.array(unpacked_array("i", state["codes"]), np.intp)].tobytes())
            if len(self.code_of) > _FREE_FROM and len(self.code_of) * 2 > self.present:
                self.give_up()

    def frozen(self) -> FieldColumn:
        rows, codes = np.array(self.rows, np.uint32), np.array(self.codes, np.int32)
        mean_length = self.characters / max(self.present, 1)
        return FieldColumn(self.name, self.path, frozenset(self.types), rows, codes, tuple(self.code_of), self.present, self.free, mean_length)


class ScalarFields:
    """Collects the scalar fields of records as they pass by; a `Survey` of the checks.

    Texts longer than 200 characters mark a field as free text. Null and white space are no value.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}

    def observe(self, row: int, value: Any, turns: Turns) -> None:
        """Takes one record into account."""
        self.collect(row, value)

    def collect(self, row: int, value: Any) -> None:
        """As `observe`; the messages do not matter."""
        if isinstance(value, Mapping | list):
            for name, path, scalar in _scalars(value, "", (), _DEPTH):
                column = self._columns.get(name)
                if column is None:
                    column = self._columns[name] = _Column(name, path)
                if isinstance(scalar, str) and len(scalar) > _LONGEST:
                    column.free = True
                if not isinstance(scalar, str) or scalar.strip():
                    column.add(row, scalar)

    def state(self) -> list[dict[str, Any]]:
        """What was observed, as JSON has it, to be absorbed elsewhere."""
        return [column.state() for column in self._columns.values()]

    def absorb(self, state: list[dict[str, Any]]) -> None:
        """Takes over what another survey observed in later rows. A field that is free text in one of its pieces is so in all."""
        for of_column in state:
            name = of_column["name"]
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = _Column(name, tuple(of_column["path"]))
            column.absorb(of_column)

    @property
    def columns(self) -> tuple[FieldColumn, ...]:
        """The fields met so far, in order of their first appearance."""
        return tuple(column.frozen() for column in self._columns.values())


def scalar_fields(dataset: Dataset, *, cancel: Cancel = NEVER, progress: Progress = silent) -> tuple[FieldColumn, ...]:
    """The scalar fields of all readable records; progress in records.

    Raises:
        CancelledError: When stopped.
    """
    survey = ScalarFields()
    for batch in dataset.value_batches(cancel=cancel, progress=progress):
        for row, value in batch:
            survey.collect(row, value)
    return survey.columns


def _scalar_text(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scalars(value: Any, name: str, path: FieldPath, depth: int) -> Iterator[tuple[str, FieldPath, str | bool | int | float]]:
    """Name, path and value of the scalars in a record; of a list, each distinct item once; messages are no fields."""
    if isinstance(value, str | bool | int | float):
        yield name, path, value
    elif isinstance(value, Mapping) and depth:
        for key, inner in value.items():
            yield from _scalars(inner, f"{name}.{key}" if name else str(key), (*path, key), depth - 1)
    elif isinstance(value, list):
        if not path:
            for index, inner in enumerate(value):
                yield from _scalars(inner, str(index), (index,), depth - 1)
        elif len(value) <= _LIST_ITEMS:
            yield from _of_items(value, name)


def _of_items(items: Sequence[Any], name: str) -> Iterator[tuple[str, FieldPath, str | bool | int | float]]:
    """The scalars in a list, or in a list of objects that are no messages: `tags[]`, `aspects[].polarity`."""
    if items and isinstance(items[0], Mapping):
        if not _MESSAGE_KEYS.isdisjoint(items[0]):
            return
        pairs = [(str(key), inner) for item in items if isinstance(item, Mapping) for key, inner in item.items()]
        yield from ((f"{name}[].{key}", (), inner) for key, inner in dict.fromkeys(pair for pair in pairs if isinstance(pair[1], _SCALAR)))
    elif all(isinstance(item, _SCALAR) for item in items):
        yield from ((f"{name}[]", (), item) for item in dict.fromkeys(items))
