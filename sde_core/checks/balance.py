"""Class balance: which fields hold classes, how often each class occurs, how even that is."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sde_core.checks.balance_derived import DERIVED, DerivedClass, DerivedInput, derived_named, takes_long
from sde_core.dataset import Dataset, FieldPath, Layout
from sde_core.errors import UsageError
from sde_core.features.fields import FieldColumn, scalar_fields
from sde_core.progress import NEVER, Cancel, Progress, silent

Source = Literal["label", "field", "derived"]
Rows = npt.NDArray[np.uint32]

_MOST_CLASSES = {"str": 1000, "bool": 2, "int": 12, "float": 11}
_ROWS_PER_CLASS, _ROWS_PER_NUMBER, _ROWS_PER_CLASS_IN_SMALL_FILES, _SMALL_FILE = 4.0, 10.0, 2.0, 40
_LONGEST_CLASS = 60.0
_ANSWER_CLASSES, _ROWS_PER_ANSWER = 60, 10.0
_TEXT_ROLES = ("prompt", "input", "answer", "system", "chosen", "rejected", "messages", "text", "history")
_RARE = 0.1
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}:\d{2}(:\d{2})?")
_SEPARATORS = re.compile(r"(?<=\w)[\s_\-]+(?=\w)")


@dataclass(frozen=True)
class ClassColumn:
    """A class for each row.

    Attributes:
        name: The field's name, or that of the derived class.
        source: "label" for the layout's label field, "field" for any other field, "derived" for what is computed from the texts.
        path: Where the class stands in a record, () where it stands nowhere.
        rows: uint32[m], rows that have a class.
        codes: int32[m], places in `classes`.
        classes: Their names.
        total: Readable rows.
        definitions: What a class means, by name, where it is computed.
        order: The names in an order of their own, such as by size; empty where they have none.
    """

    name: str
    source: Source
    path: FieldPath
    rows: Rows
    codes: npt.NDArray[np.int32]
    classes: tuple[str, ...]
    total: int
    definitions: dict[str, str]
    order: tuple[str, ...] = ()

    def rows_of(self, name: str) -> Rows:
        """uint32[k], the rows of one class, ascending; none where there is no such class."""
        if name not in self.classes:
            return np.empty(0, np.uint32)
        return distinct_rows(self.rows[self.codes == self.classes.index(name)])


def distinct_rows(rows: Rows) -> Rows:
    """uint32[k], each row once, ascending; at once where they are so already, as with every field that is no list."""
    return rows if bool((rows[1:] > rows[:-1]).all()) else np.unique(rows)


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class.

    Attributes:
        name: The class.
        count: Rows that have it.
        share: Of the rows that have any class, 0-1.
        rare: Whether it has less than a tenth of the mean count, or a single row; never said of derived classes, which nobody chose.
    """

    name: str
    count: int
    share: float
    rare: bool


@dataclass(frozen=True, slots=True)
class FieldBalance:
    """How the classes of one field are spread.

    Attributes:
        field: The field's name.
        source: See `ClassColumn`.
        rows: Rows that have a class.
        missing: Rows that have none.
        classes: Most frequent first.
        entropy: Shannon entropy of the shares, in bits.
        evenness: Entropy over that of equal shares, 0-1; 1 where there is one class.
        imbalance: Count of the largest class over that of the smallest.
        variants: Spellings of one class: tuples with the most frequent first.
    """

    field: str
    source: Source
    rows: int
    missing: int
    classes: tuple[ClassCount, ...]
    entropy: float
    evenness: float
    imbalance: float
    variants: tuple[tuple[str, ...], ...]

    @property
    def rare(self) -> tuple[str, ...]:
        """The rare classes."""
        return tuple(counted.name for counted in self.classes if counted.rare)

    def count_of(self, name: str) -> int:
        """Rows of one class, 0 where there is no such class."""
        return next((counted.count for counted in self.classes if counted.name == name), 0)

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        shown = asdict(self)
        shown["classes"] = [
            {"class": counted.name, "count": counted.count, "share": round(counted.share, 6), "rare": counted.rare} for counted in self.classes
        ]
        return {
            **shown,
            "entropy": round(self.entropy, 4),
            "evenness": round(self.evenness, 4),
            "imbalance": round(self.imbalance, 2),
            "rare": list(self.rare),
        }


@dataclass(frozen=True)
class BalanceReport:
    """All label-like fields of a dataset.

    Attributes:
        rows: Readable rows.
        columns: The classes row by row.
        fields: How they are spread, in the same order: the label, other fields, derived classes.
        waiting: Names of derived classes that were not asked for and take long.
    """

    rows: int
    columns: tuple[ClassColumn, ...]
    fields: tuple[FieldBalance, ...]
    waiting: tuple[str, ...] = ()

    def field(self, name: str) -> FieldBalance:
        """The balance of one field.

        Raises:
            UsageError: When there is no such label-like field.
        """
        return self.fields[self._place(name)]

    def column(self, name: str) -> ClassColumn:
        """The classes of one field, row by row.

        Raises:
            UsageError: When there is no such label-like field.
        """
        return self.columns[self._place(name)]

    def with_column(self, column: ClassColumn) -> BalanceReport:
        """The report with one more field, or with one counted anew."""
        kept = [old for old in self.columns if old.name != column.name]
        waiting = tuple(name for name in self.waiting if name != column.name)
        return replace(balance_of(_in_order([*kept, column]), self.rows), waiting=waiting)

    def without(self, rejected: Rows) -> BalanceReport:
        """The report without some rows, such as those that were rejected; with all its fields, also where no class is left in them.

        Args:
            rejected: Record positions of readable rows, each once.
        """
        if not len(rejected):
            return self
        gone = np.zeros(int(max([int(rejected.max()), *(int(column.rows.max(initial=0)) for column in self.columns)])) + 1, bool)
        gone[rejected] = True
        rows = self.rows - len(rejected)
        columns = [replace(one, rows=one.rows[~gone[one.rows]], codes=one.codes[~gone[one.rows]], total=rows) for one in self.columns]
        return replace(balance_of(columns, rows), waiting=self.waiting)

    def _place(self, name: str) -> int:
        names = [balance.field for balance in self.fields]
        if name not in names:
            raise UsageError(f"There is no label-like field {name!r}.", "Fields with classes: " + (", ".join(names) or "none") + ".")
        return names.index(name)


def class_balance(
    dataset: Dataset, fields: Iterable[str] = (), *, cache_dir: Path | None = None, cancel: Cancel = NEVER, progress: Progress = silent
) -> BalanceReport:
    """Every label-like field and derived class of a dataset; progress in records.

    Args:
        dataset: Read to its end by this.
        fields: Further fields to count although they do not look like labels, and derived classes that take long.
        cache_dir: Where embeddings are kept; None keeps nothing.
        cancel: Looked at between batches.
        progress: Called between batches.

    Raises:
        UsageError: When one of `fields` does not exist or has a value of its own in nearly every row.
        CancelledError: When stopped.
    """
    columns = scalar_fields(dataset, cancel=cancel, progress=progress)
    rows = DerivedInput(dataset, dataset.texts(cancel=cancel), cache_dir, cancel, progress)
    wanted = tuple(fields)
    found = field_columns(columns, dataset.layout, rows.texts.height, wanted)
    taken = {column.name for column in found}
    free = [derived for derived in DERIVED if derived.name not in taken]
    computed = [derived for derived in free if derived.name in wanted or not takes_long(derived, rows.texts.height)]
    derived_found = [derived_column(derived, rows) for derived in computed] if rows.texts.height else []
    shown = [column for column in derived_found if len(column.classes) > 1 or column.name in wanted or _is_always_shown(column.name)]
    waiting = tuple(derived.name for derived in free if derived not in computed)
    return replace(balance_of([*found, *shown], rows.texts.height), waiting=waiting)


def _is_always_shown(name: str) -> bool:
    derived = derived_named(name)
    return derived is not None and derived.always


def balance_of(columns: Sequence[ClassColumn], rows: int) -> BalanceReport:
    """The balance of given classes."""
    return BalanceReport(rows, tuple(columns), tuple(map(field_balance, columns)))


def _in_order(columns: Iterable[ClassColumn]) -> list[ClassColumn]:
    """Fields as they were, then derived classes in the order of `DERIVED`."""
    order = [derived.name for derived in DERIVED]
    return sorted(columns, key=lambda column: order.index(column.name) if column.source == "derived" else -1)


def field_columns(columns: Iterable[FieldColumn], layout: Layout, rows: int, wanted: Sequence[str] = ()) -> list[ClassColumn]:
    """The label, then the other label-like fields.

    Args:
        columns: All scalar fields.
        layout: Says which field is the label, and which are texts.
        rows: Readable rows.
        wanted: Fields to take although they do not look like labels; names of derived classes are ignored.

    Raises:
        UsageError: When one of `wanted` does not exist or holds free text.
    """
    by_name = {column.name: column for column in columns}
    for name in wanted:
        _require_classes(name, by_name)
    label = layout.roles.get("label")
    text_fields = {layout.roles[role] for role in _TEXT_ROLES if role in layout.roles}
    chosen = [
        column
        for column in by_name.values()
        if column.name == label or column.name in wanted or is_label_like(column, text_fields, layout.roles.get("answer"))
    ]
    chosen = [column for column in chosen if not column.free and column.values]
    chosen.sort(key=lambda column: column.name != label)
    return [_from_field(column, "label" if column.name == label else "field", rows) for column in chosen]


def _require_classes(name: str, by_name: dict[str, FieldColumn]) -> None:
    if name not in by_name:
        if derived_named(name) is None:
            raise UsageError(f"There is no field {name!r}.", "Fields: " + ", ".join([*by_name, *(derived.name for derived in DERIVED)]) + ".")
    elif by_name[name].free:
        raise UsageError(f"The field {name!r} has no classes: nearly every row has a text of its own.", "Choose a field with few distinct values.")


def is_label_like(column: FieldColumn, text_fields: Iterable[str] = (), answer_field: str | None = None) -> bool:
    """Whether a field holds classes: short values, at least two, and each in several rows.

    Args:
        column: The field.
        text_fields: Fields that play a role as text; the answer's may hold classes all the same, prompts do not.
        answer_field: The field that plays the answer.
    """
    distinct = len(column.values)
    if column.free or distinct < 2 or column.mean_length > _LONGEST_CLASS or all(map(_DATE.fullmatch, column.values)):
        return False
    per_class = len(column.rows) / distinct
    if column.name in text_fields:
        return column.name == answer_field and distinct <= _ANSWER_CLASSES and per_class >= _ROWS_PER_ANSWER
    usual = _ROWS_PER_NUMBER if column.types & {"int", "float"} else _ROWS_PER_CLASS
    least = _ROWS_PER_CLASS_IN_SMALL_FILES if column.present < _SMALL_FILE else usual
    return distinct <= max(_MOST_CLASSES[name] for name in column.types) and per_class >= least


def _from_field(column: FieldColumn, source: Source, total: int) -> ClassColumn:
    return ClassColumn(column.name, source, column.path, column.rows, column.codes, column.values, total, {})


def derived_column(derived: DerivedClass, rows: DerivedInput) -> ClassColumn:
    """The classes of one derived class, row by row.

    Raises:
        CancelledError: When stopped.
    """
    found = derived.of(rows)
    known = found.classes.is_not_null()
    classes = found.classes.filter(known)
    names = classes.unique(maintain_order=True)
    codes = np.asarray(classes.replace_strict(names, range(len(names))).to_numpy()).astype(np.int32)
    at = rows.texts["row"].filter(known).to_numpy().astype(np.uint32)
    return ClassColumn(derived.name, "derived", (), at, codes, tuple(names.to_list()), rows.texts.height, dict(found.definitions), found.order)


def field_balance(column: ClassColumn) -> FieldBalance:
    """Counts, shares, entropy and imbalance of one field."""
    counts = np.bincount(column.codes, minlength=len(column.classes))
    rows = len(distinct_rows(column.rows))
    present = counts > 0
    shares = counts[present] / max(int(counts.sum()), 1)
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0
    kinds = int(present.sum())
    rare_below = max(_RARE * counts.sum() / max(kinds, 1), 1.5 if counts.sum() >= _SMALL_FILE else 0.0)
    rare_below = 0.0 if column.source == "derived" else rare_below
    ranked = sorted(np.flatnonzero(present).tolist(), key=lambda code: (-int(counts[code]), column.classes[code]))
    classes = tuple(ClassCount(column.classes[code], int(counts[code]), counts[code] / rows, bool(counts[code] < rare_below)) for code in ranked)
    imbalance = classes[0].count / classes[-1].count if classes else 1.0
    variants = label_variants([counted.name for counted in classes]) if column.source != "derived" else ()
    return FieldBalance(
        column.name, column.source, rows, column.total - rows, classes, entropy, entropy / math.log2(kinds) if kinds > 1 else 1.0, imbalance, variants
    )


def label_variants(classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Classes that differ in case, white space, separators or outer punctuation only.

    Args:
        classes: Most frequent first; so is every tuple of the result.
    """
    spellings: dict[str, list[str]] = {}
    for name in classes:
        spellings.setdefault(folded_label(name), []).append(name)
    return tuple(tuple(names) for names in spellings.values() if len(names) > 1)


def folded_label(name: str) -> str:
    """What all spellings of a label have in common."""
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", name).casefold().strip(" \t\r\n.,;:!'\""))
