"""How far annotators agree: where a row was labelled several times, and where one text stands in several rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.checks.balance import folded_label
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent

_RATER = re.compile(r"(?i)^(.*?(?:label|annotator|annotation|rater|rating|judge|coder|vote|category|class|intent)s?.*?)[_\-. ]?(\d{1,2}|[a-h])$")
_LISTS = re.compile(r"(?i)^(?:.*_)?(?:annotations?|labels|ratings|votes|judg(?:e)?ments)$")
_LABEL_KEYS = ("label", "value", "answer", "category", "class", "rating")
_LONGEST = 60
_FEWEST_ROWS = 2
_LOOKED_AT = 50


@dataclass(frozen=True)
class Agreement:
    """How far people agree on labels.

    Attributes:
        source: What was compared: the fields, or "the same text in several rows".
        rows: Rows (or texts) with at least two labels.
        raters: Most labels that a row has.
        percent: Share of pairs of labels of one row that are equal, 0-1, each row weighing the same.
        kappa: Agreement beyond chance: Cohen's (1960) for two fields, else Fleiss' (1971); 1 at full agreement, NaN where all labels are one class.
        statistic: "Cohen's kappa" or "Fleiss' kappa".
        disagreeing: Rows whose labels differ, in file order.
    """

    source: str
    rows: int
    raters: int
    percent: float
    kappa: float
    statistic: str
    disagreeing: tuple[int, ...]

    @property
    def ceiling(self) -> str:
        """What the agreement means for a model's accuracy."""
        if self.percent >= 1:
            return "Full agreement sets no ceiling; copies of one row always agree."
        return f"Ceiling: two labels of one text agree in {self.percent:.1%}; no model measures better."

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary."""
        kappa = None if np.isnan(self.kappa) else round(self.kappa, 4)
        return {**asdict(self), "percent": round(self.percent, 4), "kappa": kappa, "ceiling": self.ceiling}


def annotator_agreement(dataset: Dataset, fields: Sequence[str] = (), *, cancel: Cancel = NEVER, progress: Progress = silent) -> Agreement | None:
    """Agreement over several label fields, over a list of labels, or over rows with the same text; None where no row has two labels.

    Args:
        dataset: Read to its end by this.
        fields: The fields of the annotators; found by their names (label_1, label_2; annotator_a, annotator_b; annotations) by default.
        cancel: Looked at between batches.
        progress: Counts records.

    Raises:
        UsageError: When none of `fields` holds labels in two places.
        CancelledError: When stopped.
    """
    named = tuple(fields) or _rater_fields(dataset)
    if named:
        found = _over_fields(dataset, named, cancel, progress)
        if found is not None or fields:
            if found is None:
                raise UsageError(
                    f"No row has two labels in {', '.join(fields)}.", "Name the fields of at least two annotators, or one list of labels."
                )
            return found
    return _over_same_texts(dataset, cancel)


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Agreement of two annotators beyond what their own class shares would give by chance (Cohen 1960); NaN where both use one class only."""
    classes = {name: code for code, name in enumerate(dict.fromkeys([*first, *second]))}
    table = np.zeros((len(classes), len(classes)))
    np.add.at(table, ([classes[name] for name in first], [classes[name] for name in second]), 1 / max(len(first), 1))
    return _beyond_chance(float(np.trace(table)), float(table.sum(axis=0) @ table.sum(axis=1)))


def fleiss_kappa(counts: npt.NDArray[np.int64]) -> float:
    """Agreement of any number of annotators beyond chance (Fleiss 1971); rows may have different numbers of labels.

    Args:
        counts: int64[rows, classes], how often each class was given; rows with fewer than two labels are left out.
    """
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        return float("nan")
    shares = counts.sum(axis=0) / counts.sum()
    return _beyond_chance(float(_pair_agreement(counts).mean()), float((shares**2).sum()))


def _pair_agreement(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[rows]: the share of pairs of labels that are equal."""
    total = counts.sum(axis=1)
    return np.asarray((counts * (counts - 1)).sum(axis=1) / np.maximum(total * (total - 1), 1), np.float64)


def _beyond_chance(observed: float, expected: float) -> float:
    return float("nan") if expected >= 1 - 1e-12 else (observed - expected) / (1 - expected)


def _rater_fields(dataset: Dataset) -> tuple[str, ...]:
    """Fields of the first records that look like several annotators' labels, by name."""
    stems: dict[str, dict[str, None]] = {}
    for batch in dataset.value_batches(rows=range(min(len(dataset), _LOOKED_AT))):
        for _, value in batch:
            for name, inner in value.items() if isinstance(value, Mapping) else ():
                match = _RATER.fullmatch(str(name))
                if match and _label_of(inner) is not None:
                    stems.setdefault(match.group(1), {})[str(name)] = None
                if _LISTS.fullmatch(str(name)) and isinstance(inner, list) and any(_label_of(item) is not None for item in inner):
                    return (str(name),)
    return next((tuple(names) for names in stems.values() if len(names) > 1), ())


def _over_fields(dataset: Dataset, fields: Sequence[str], cancel: Cancel, progress: Progress) -> Agreement | None:
    rows: list[int] = []
    given: list[tuple[str, ...]] = []
    for batch in dataset.value_batches(cancel=cancel, progress=progress):
        for row, value in batch:
            labels = tuple(label for field in fields for label in _labels_in(value, field))
            if len(labels) >= 2:
                rows.append(row)
                given.append(labels)
    paired = len(fields) == 2 and all(len(labels) == 2 for labels in given)
    return _measured(", ".join(fields), rows, given, paired=paired) if len(rows) >= _FEWEST_ROWS else None


def _labels_in(value: Any, field: str) -> Iterable[str]:
    for step in field.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    items = value if isinstance(value, list) else [value]
    return [label for label in map(_label_of, items) if label is not None]


def _label_of(value: Any) -> str | None:
    """A scalar as a label, or the label of one annotation; None for what is neither."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in _LABEL_KEYS if key in value), None)
    if isinstance(value, bool | int | float | str) and str(value).strip() and len(str(value)) <= _LONGEST:
        return str(value).strip()
    return None


def _over_same_texts(dataset: Dataset, cancel: Cancel) -> Agreement | None:
    import polars as pl

    texts = dataset.texts(cancel=cancel)
    if texts["label"].null_count() == texts.height:
        return None
    labelled = texts.filter(pl.col("label").is_not_null() & (pl.col("prompt").str.strip_chars() != ""))
    answer = pl.when(pl.col("answer") == pl.col("label")).then(pl.lit("")).otherwise(pl.col("answer"))
    key = (pl.col("prompt") + "\n" + answer).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    groups = (
        labelled.group_by(key.alias("key"), maintain_order=True).agg(pl.col("row").first(), pl.col("label")).filter(pl.col("label").list.len() > 1)
    )
    if groups.height < _FEWEST_ROWS:
        return None
    given = [tuple(label.strip() for label in labels) for labels in groups["label"].to_list()]
    return _measured("the same text in several rows", groups["row"].to_list(), given, paired=False)


def _measured(source: str, rows: Sequence[int], labels_of: Sequence[tuple[str, ...]], *, paired: bool) -> Agreement:
    """Spellings of one label count as equal."""
    given = [tuple(map(folded_label, labels)) for labels in labels_of]
    classes = {name: code for code, name in enumerate(dict.fromkeys(name for labels in given for name in labels))}
    counts = np.zeros((len(given), len(classes)), np.int64)
    for place, labels in enumerate(given):
        for label in labels:
            counts[place, classes[label]] += 1
    kappa = cohen_kappa([first for first, _ in given], [second for _, second in given]) if paired else fleiss_kappa(counts)
    disagreeing = tuple(row for row, labels in zip(rows, given, strict=True) if len(set(labels)) > 1)
    statistic = "Cohen's kappa" if paired else "Fleiss' kappa"
    return Agreement(source, len(rows), int(counts.sum(axis=1).max()), float(_pair_agreement(counts).mean()), kappa, statistic, disagreeing)
