"""Where each row comes from: its file or split, or what a field says."""

from __future__ import annotations

from typing import Any

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.visible import visible

SOURCE_FIELDS = ("source", "dataset", "origin", "data_source", "dataset_name", "subset", "corpus")
"""Fields that say it by their name, the likeliest first."""


def sources_of_rows(dataset: Dataset, field: str = "", *, cancel: Cancel = NEVER, progress: Progress = silent) -> list[str] | None:
    """The source of each readable record, "" where it has none; None where the data does not say.

    Args:
        dataset: Read to its end.
        field: The field that says it, with dots for nesting; "" for the files or splits where there are several, else the first of `SOURCE_FIELDS`.
        cancel: Looked at between batches.
        progress: In records.

    Raises:
        UsageError: When no record has the field that was named.
    """
    if not field:
        splits = dataset.texts(cancel=cancel)["split"]
        if splits.n_unique() > 1:
            return splits.fill_null("").to_list()
    values = _field_values(dataset, (field,) if field else SOURCE_FIELDS, cancel, progress)
    if field and values is None:
        raise UsageError(f"No row has a field {visible(field, 60)} with a text or number in it.", "`sde balance DATA` lists the fields.")
    return values


def _field_values(dataset: Dataset, names: tuple[str, ...], cancel: Cancel, progress: Progress) -> list[str] | None:
    """The values of the first of the fields that any record has; None where none has."""
    found: list[dict[str, str]] = []
    for batch in dataset.value_batches(cancel=cancel, progress=progress):
        found += [{name: text for name in names if (text := _scalar_at(value, name))} for _, value in batch]
    name = next((name for name in names if any(name in values for values in found)), None)
    return None if name is None else [values.get(name, "") for values in found]


def _scalar_at(value: Any, name: str) -> str:
    for key in [name] if isinstance(value, dict) and name in value else name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int | float | bool) else ""
