"""How good rows truly are, as people said it: the yardstick for every rule, subset of rules and score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.dataset import Dataset, FieldPath
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.visible import visible

_BETTER_OF: tuple[tuple[str, str], ...] = (
    ("true", "false"), ("yes", "no"), ("good", "bad"), ("better", "worse"), ("correct", "incorrect"), ("correct", "wrong"), ("right", "wrong"),
    ("accept", "reject"), ("accepted", "rejected"), ("chosen", "rejected"), ("pass", "fail"), ("passed", "failed"), ("valid", "invalid"),
    ("high", "low"), ("up", "down"),
)  # fmt: skip
"""Pairs of words of which it goes without saying which one is better: better, worse."""

_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class RowTruth:
    """What is known of the true quality of some rows.

    Attributes:
        rows: int64[m], record positions, ascending, each once.
        values: float64[m] in [0, 1], 1 best.
        lower, upper: float64[m], ends of the 95 % interval of each value; equal to `values` where the source gives single judgements.
        source: Where it comes from, for people: "field score", "17 comparisons of 30 rows".
        by_machine: Whether a model judged. Machine truth is never mixed with that of people.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    source: str
    by_machine: bool = False

    def __len__(self) -> int:
        """How many rows it knows."""
        return len(self.rows)

    @property
    def two_class(self) -> bool:
        """Whether every value is 0 or 1, both occurring: then AUROC is the measure."""
        return set(np.unique(self.values).tolist()) == {0.0, 1.0}

    def places_in(self, rows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where this truth meets a table of rows.

        Args:
            rows: Integer[n], record positions of the table, each once, in any order: `ScoreMatrix.rows`.

        Returns:
            Two int64[c]: places in `rows`, and the places of the same records in `self.rows`, in file order.
        """
        _, here, there = np.intersect1d(rows.astype(np.int64), self.rows, assume_unique=True, return_indices=True)
        return here.astype(np.int64), there.astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """Lists and plain values."""
        return {
            "source": self.source, "by_machine": self.by_machine, "rows": self.rows.tolist(), "values": self.values.tolist(),
            "lower": self.lower.tolist(), "upper": self.upper.tolist(),
        }  # fmt: skip


def truth_from_field(
    dataset: Dataset,
    field: str,
    *,
    higher_is_better: bool = True,
    positive: str | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> RowTruth:
    """Truth that a field of the records carries: a number, or one of two classes.

    Numbers are scaled from their range to [0, 1]. Records without a value (no such field, null, empty, NaN) have no truth.

    Args:
        dataset: Read to its end.
        field: As people write it: "score", "meta.rating"; a key that has a dot in it is found too.
        higher_is_better: Whether large numbers are good.
        positive: The class that is good; every other class is then bad. Needed where the two classes do not say it themselves.
        cancel: Stops the work.
        progress: In records.

    Raises:
        UsageError: When no record has the field, or its values are all alike, or neither numbers nor two classes.
        CancelledError: When stopped.
    """
    rows, said = _field_values(dataset, field, cancel, progress)
    shown = visible(field, 60)
    if not said:
        names = _field_names(dataset)
        raise UsageError(f"No record has a value in the field {shown}.", f"There are: {visible(', '.join(names), 300)}." if names else "")
    values = _of_positive(said, positive, shown) if positive is not None else _of_numbers(rows, said, shown)
    if len(values) < _FEWEST_ROWS or values.min() == values.max():
        raise UsageError(f"The field {shown} has the same value in all {len(values):,} records that have one.", "A truth needs good and bad rows.")
    scaled = (values - values.min()) / (values.max() - values.min())
    if not higher_is_better:
        scaled = 1.0 - scaled
    return RowTruth(np.array(rows, np.int64), scaled, scaled, scaled, f"field {field}")


def _field_values(dataset: Dataset, field: str, cancel: Cancel, progress: Progress) -> tuple[list[int], list[str | bool | int | float]]:
    """The records that have a value in the field, and their values."""
    paths = tuple(_readings(field))
    rows, said = [], []
    for batch in dataset.value_batches(cancel=cancel, progress=progress):
        for row, value in batch:
            found = next((scalar for scalar in (_scalar_at(value, path) for path in paths) if scalar is not None), None)
            if found is not None:
                rows.append(row)
                said.append(found)
    return rows, said


def _readings(field: str) -> Iterator[FieldPath]:
    """The key itself, a path of keys, and the place in a list of columns."""
    yield (field,)
    if "." in field:
        yield tuple(field.split("."))
    if field.isdecimal() and len(field) < 6:
        yield (int(field),)


def _scalar_at(value: Any, path: FieldPath) -> str | bool | int | float | None:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, bool | int | float) and value == value else None


def _field_names(dataset: Dataset) -> list[str]:
    """The top-level fields of the first readable record."""
    first = next((value for batch in dataset.value_batches(256) for _, value in batch), None)
    return [str(name) for name in first] if isinstance(first, Mapping) else []


def _of_positive(said: Sequence[str | bool | int | float], positive: str, shown: str) -> NDArray[np.float64]:
    words = np.array([_word(value) for value in said])
    if positive not in words:
        held = visible(", ".join(np.unique(words)[:8].tolist()), 200)
        raise UsageError(f"No record has {visible(positive, 60)} in the field {shown}.", f"It holds: {held}.")
    return np.where(words == positive, 1.0, 0.0)


def _word(value: str | bool | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _of_numbers(rows: Sequence[int], said: Sequence[str | bool | int | float], shown: str) -> NDArray[np.float64]:
    """Numbers as they are; of two classes whose names say which is better, 1 for that one."""
    numbers = np.array([_number(value) for value in said])
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if not len(wrong):
        return numbers
    words = sorted({_word(value) for value in said})
    if len(words) == 2:
        return _of_two(said, words, shown)
    if len(wrong) < len(said) / 2:
        first = wrong[0]
        raise UsageError(
            f"The field {shown} of row {rows[first]:,} is {visible(_word(said[first]), 60)!r}, which is no number; so are {len(wrong) - 1:,} more.",
            "Repair those rows, or empty the field where nothing is known.",
        )
    raise UsageError(
        f"The field {shown} holds {len(words):,} different words, neither numbers nor two classes.", "Say which one is good with --positive CLASS."
    )


def _number(value: str | bool | int | float) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return float("nan")


def _of_two(said: Sequence[str | bool | int | float], words: Sequence[str], shown: str) -> NDArray[np.float64]:
    lowered = [word.casefold() for word in words]
    for better, worse in _BETTER_OF:
        if {better, worse} == set(lowered):
            good = words[lowered.index(better)]
            return np.array([_word(value) == good for value in said], np.float64)
    both = " or ".join(visible(word, 40) for word in words)
    raise UsageError(f"The field {shown} holds two classes, and nothing says which is better: {both}.", "Say it with --positive CLASS.")
