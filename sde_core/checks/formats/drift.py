"""Fields that begin or end somewhere in the file: two files were joined, or the writer changed."""

from __future__ import annotations

from sde_core.checks.findings import CheckContext, Finding
from sde_core.features.field_drift import FieldHistory, field_histories
from sde_core.features.record_shape import RecordShapes

_DEPTH = 1
"""Deeper fields, such as the arguments of tool calls, vary by nature."""


class FieldDrift:
    """Fields that stretches of the file have and others have not."""

    name = "field-drift"
    title = "Fields that begin or end within the file"
    surveys = (RecordShapes,)
    advice = "See where with `sde drift`; split the file there, fill the field, or let it stand with a reason."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a field, with the first record of each stretch."""
        histories = field_histories(context.surveys[RecordShapes])
        coming = [history for history in histories if history.comes_or_goes and history.field.count(".") + history.field.count("[") <= _DEPTH]
        return [_finding(history) for history in coming]


def _finding(history: FieldHistory) -> Finding:
    rows = tuple(segment.first for segment in history.segments)
    message = f"The field {history.field!r} is there in one stretch of the file and not in another."
    return Finding("field-drift", "warning", rows, message, history.words(), history.field, 0.8)
