"""The labels of a dataset as classes, and the texts that they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.checks.balance import ClassColumn, field_columns, folded_label
from sde_core.checks.balance_derived import derived_named
from sde_core.dataset import Dataset, FieldPath
from sde_core.errors import UsageError
from sde_core.features.fields import FieldColumn, scalar_fields
from sde_core.progress import NEVER, Cancel, Progress, silent

_USUAL_NAMES = ("label", "category", "intent", "class", "topic", "sentiment", "type")
_MOST_NUMBERS = 20
_SAME_AS_LABEL = 0.95
_TEXT_NEEDED = "Say where the text is with --map, as in --map prompt=question."


@dataclass(frozen=True)
class LabelledRows:
    """One label-like field of a dataset.

    Attributes:
        field: Its name.
        path: Where the label stands in a record.
        rows: uint32[n], all readable rows, in file order.
        texts: What the label is about, one a row.
        labels: The labels as they stand in the file, None where there is none.
        classes: One name a class; spellings that differ in case, white space or separators are one class, named by the most frequent.
        codes: int32[n], the class of each row, -1 where it has none.
        splits: The split of each row, "" where there are none.
    """

    field: str
    path: FieldPath
    rows: npt.NDArray[np.uint32]
    texts: tuple[str, ...]
    labels: tuple[str | None, ...]
    classes: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    splits: tuple[str, ...]


def labelled_rows(dataset: Dataset, field: str = "", *, cancel: Cancel = NEVER, progress: Progress = silent) -> LabelledRows:
    """The classes of a field and the texts of all readable rows.

    Args:
        dataset: Read to its end by this.
        field: As `sde balance` names it; by default the layout's label, or else the field that most looks like one.
        cancel: Looked at between batches.
        progress: Counts records.

    Raises:
        UsageError: When there is no such field, or it holds no classes: numbers, lists, free text, one class only; or there is no text.
        CancelledError: When stopped.
    """
    columns = scalar_fields(dataset, cancel=cancel, progress=progress)
    texts = dataset.texts(cancel=cancel)
    column = _chosen(columns, dataset, texts, field)
    given = _given(column, texts)
    classes, codes = _folded(given)
    if len(classes) < 2:
        raise UsageError(
            f"Every row that has {column.name!r} has the same: {classes[0]!r}." if classes else f"No row has a {column.name!r}.",
            "Label errors show only between two classes or more.",
        )
    rows = texts["row"].to_numpy().astype(np.uint32)
    return LabelledRows(
        column.name, column.path, rows, _texts_about(column, dataset, texts, given), given, classes, codes, tuple(texts["split"].to_list())
    )


def _chosen(columns: Sequence[FieldColumn], dataset: Dataset, texts: pl.DataFrame, field: str) -> ClassColumn:
    if field:
        _require_single_labels(columns, field)
    found = field_columns(columns, dataset.layout, texts.height, (field,) if field else ())
    if field:
        return next(column for column in found if column.name == field)
    usable = [column for column in found if column.source == "label" or (column.path and not _is_numeric(columns, column.name))]
    if not usable:
        names = ", ".join(column.name for column in found)
        raise UsageError(
            "No field looks like a label.", f"Name one with --field; fields with classes: {names}." if names else "Name one with --field."
        )
    return min(usable, key=lambda column: (column.source != "label", _rank(column.name)))


def _rank(name: str) -> int:
    last = name.rpartition(".")[2].lower()
    return _USUAL_NAMES.index(last) if last in _USUAL_NAMES else len(_USUAL_NAMES)


def _require_single_labels(columns: Sequence[FieldColumn], field: str) -> None:
    """Raises:
    UsageError: When the field is computed, a list, or a measure.
    """
    by_name = {column.name: column for column in columns}
    if field not in by_name and derived_named(field) is not None:
        raise UsageError(f"{field!r} is computed from the texts, so nobody can have set it wrongly.", "Name a field of the data.")
    listed = by_name.get(f"{field}[]")
    if field.endswith("[]") or (listed is not None and (field not in by_name or len(by_name[field].rows) < len(listed.rows))):
        raise UsageError(f"{field!r} holds a list of labels; label errors are found where a row has one.", "Put each label in a field of its own.")
    if field in by_name and _is_numeric(columns, field) and len(by_name[field].values) > _MOST_NUMBERS:
        count = len(by_name[field].values)
        raise UsageError(f"{field!r} is a measure with {count:,} values, not a class.", f"At most {_MOST_NUMBERS} numbers are taken as classes.")


def _is_numeric(columns: Sequence[FieldColumn], name: str) -> bool:
    return any(column.name == name and column.types <= {"int", "float"} for column in columns)


def _given(column: ClassColumn, texts: pl.DataFrame) -> tuple[str | None, ...]:
    by_row = dict(zip(column.rows.tolist(), column.codes.tolist(), strict=True))
    return tuple(column.classes[by_row[row]] if row in by_row else None for row in texts["row"].to_list())


def _folded(given: Sequence[str | None]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Class names, most frequent spelling each, in order of their first appearance; and each row's class."""
    spellings = [name for name, _ in Counter(name for name in given if name is not None).most_common()]
    usual: dict[str, str] = {}
    for name in spellings:
        usual.setdefault(folded_label(name), name)
    class_of = {name: usual[folded_label(name)] for name in spellings}
    classes = tuple(dict.fromkeys(class_of[name] for name in given if name is not None))
    code_of = {name: code for code, name in enumerate(classes)}
    return classes, np.array([-1 if name is None else code_of[class_of[name]] for name in given], np.int32)


def _texts_about(column: ClassColumn, dataset: Dataset, texts: pl.DataFrame, given: Sequence[str | None]) -> tuple[str, ...]:
    """Prompt and answer; the prompt alone where the answer is the label.

    Raises:
        UsageError: When no row has a text.
    """
    answers = texts["answer"]
    same = sum(answer == label for answer, label in zip(answers.to_list(), given, strict=True) if label is not None)
    labelled = sum(label is not None for label in given)
    is_answer = dataset.layout.roles.get("answer") == column.name or same >= _SAME_AS_LABEL * max(labelled, 1)
    about = texts["prompt"] if is_answer else (texts["prompt"] + "\n" + answers).str.strip_chars()
    if not (about.str.strip_chars() != "").any():
        raise UsageError("No row has a text that the label could be about.", _TEXT_NEEDED)
    return tuple(about.to_list())
