"""The shape of every record: which fields it has, and the type of each, nested ones too."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.dataset import Turns

_DEPTH = 5
_SHAPES = 20_000

Shape = Any
"""A type's name, ("object", (name, shape), …), ("list", shape, …) with its distinct items, or ("row", shape, …) for a record that is a list."""


def shape_of(value: Any, depth: int = _DEPTH) -> Shape:
    """The shape of one value; below `depth` objects and lists are no longer looked into."""
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict):
        return ("object", *((name, shape_of(inner, depth - 1)) for name, inner in value.items())) if depth else "object"
    return ("list", *dict.fromkeys(shape_of(inner, depth - 1) for inner in value)) if depth else "list"


def record_shape(value: Any, depth: int = _DEPTH) -> Shape:
    """The shape of a whole record; the items of a record that is a list are columns."""
    if isinstance(value, list):
        return ("row", *(shape_of(inner, depth - 1) for inner in value))
    return shape_of(value, depth)


def type_name(shape: Shape) -> str:
    """The name of a shape's type: text, number, object, list, …"""
    return shape if isinstance(shape, str) else "list" if shape[0] == "row" else str(shape[0])


def typed_paths(shape: Shape, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, type) of everything in a shape, the record itself first with the path ""; items of lists as `name[]`."""
    yield path, type_name(shape)
    if isinstance(shape, str):
        return
    if shape[0] == "object":
        for name, inner in shape[1:]:
            yield from typed_paths(inner, f"{path}.{name}" if path else str(name))
    elif shape[0] == "row":
        for position, inner in enumerate(shape[1:]):
            yield from typed_paths(inner, f"[{position}]")
    else:
        for inner in shape[1:]:
            yield from typed_paths(inner, f"{path}[]")


class RecordShapes:
    """The distinct record shapes of a dataset and the one that each record has; a `Survey`.

    Attributes:
        shapes: The distinct shapes, in order of appearance.
        rows: Record positions, in file order.
    """

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self._ids: dict[Shape, int] = {}
        self._rows, self._shape_of_row = array("I"), array("I")

    def observe(self, row: int, value: Any, turns: Turns) -> None:
        """Takes one record into account; where shapes are past counting, only the upper levels are kept apart."""
        shape = record_shape(value)
        known = self._ids.get(shape)
        if known is None:
            if len(self.shapes) >= _SHAPES:
                shape = record_shape(value, 1)
            known = self._ids.setdefault(shape, len(self.shapes))
            if known == len(self.shapes):
                self.shapes.append(shape)
        self._rows.append(row)
        self._shape_of_row.append(known)

    @property
    def rows(self) -> npt.NDArray[np.uint32]:
        """uint32[n], record positions."""
        return np.array(self._rows, dtype=np.uint32)

    @property
    def shape_ids(self) -> npt.NDArray[np.uint32]:
        """uint32[n], index into `shapes`."""
        return np.array(self._shape_of_row, dtype=np.uint32)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """int64[s], records of each shape."""
        return np.bincount(self.shape_ids, minlength=len(self.shapes)).astype(np.int64)

    def rows_of(self, shape_ids: list[int]) -> npt.NDArray[np.uint32]:
        """The records that have one of these shapes."""
        return self.rows[np.isin(self.shape_ids, shape_ids)]
