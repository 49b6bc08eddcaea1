"""The shape of every record: which fields it has, and the type of each, nested ones too."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.dataset import Turns
from sde_core.features.packed_arrays import packed_array, unpacked_array

_DEPTH = 5
_SHAPES = 20_000

Shape = Any
"""A type's name, ("object", (name, shape), …), ("list", shape, …) with its distinct items, or ("row", shape, …) for a record that is a list."""


_SCALARS = {str: "text", type(None): "null", bool: "true or false", int: "number", float: "number"}


def shape_of(value: Any, depth: int = _DEPTH) -> Shape:
    """The shape of one value; below `depth` objects and lists are no longer looked into."""
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        return scalar
    scalars, deeper = _SCALARS.get, depth - 1
    if isinstance(value, dict):
        return ("object", *[(name, scalars(type(inner)) or shape_of(inner, deeper)) for name, inner in value.items()]) if depth else "object"
    return ("list", *dict.fromkeys([shape_of(inner, deeper) for inner in value])) if depth else "list"


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


def _upper_level(shape: Shape) -> Shape:
    """A shape with the types of its parts in place of their shapes."""
    return shape if isinstance(shape, str) else (shape[0], *_upper_parts(shape))


def _upper_parts(shape: Shape) -> Iterator[Shape]:
    if shape[0] == "object":
        yield from ((name, type_name(inner)) for name, inner in shape[1:])
    else:
        kinds = [type_name(inner) for inner in shape[1:]]
        yield from kinds if shape[0] == "row" else dict.fromkeys(kinds)


def _with_tuples(shape: Any) -> Shape:
    return shape if isinstance(shape, str) else tuple(_with_tuples(part) for part in shape)


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
        self._rows.append(row)
        self._shape_of_row.append(self._id_of(record_shape(value)))

    def _id_of(self, shape: Shape) -> int:
        known = self._ids.get(shape)
        if known is None:
            if len(self.shapes) >= _SHAPES:
                shape = _upper_level(shape)
            known = self._ids.setdefault(shape, len(self.shapes))
            if known == len(self.shapes):
                self.shapes.append(shape)
        return known

    def state(self) -> dict[str, Any]:
        """What was observed, as JSON has it, to be absorbed elsewhere."""
        return {"shapes": self.shapes, "rows": packed_array(self._rows), "ids": packed_array(self._shape_of_row)}

    def absorb(self, state: dict[str, Any]) -> None:
        """Takes over what another survey observed in later rows; gives what observing them here would have given."""
        ids = np.array([self._id_of(_with_tuples(shape)) for shape in state["shapes"]], np.uint32)
        self._rows.extend(unpacked_array("I", state["rows"]))
        self._shape_of_row.frombytes(ids[np.array(unpacked_array("I", state["ids"]), np.intp)].tobytes())

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
