"""From bytes to records: sources, layouts, keys."""

from __future__ import annotations

from sde_core.dataset.dataset import Dataset, Edits
from sde_core.dataset.layouts import LAYOUTS, ROLES, Layout, detect_layout
from sde_core.dataset.opening import open_dataset
from sde_core.dataset.source import BadRecord
from sde_core.dataset.turns import Edit, FieldPath, Turn, Turns, replaced_at, value_at

__all__ = [
    "LAYOUTS", "ROLES", "BadRecord", "Dataset", "Edit", "Edits", "FieldPath", "Layout", "Turn", "Turns",
    "detect_layout", "open_dataset", "replaced_at", "value_at",
]  # fmt: skip
