"""The texts of some records as one column, so that a check is handed only those that its trigger matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from sde_core.checks.fields import RecordText
from sde_core.checks.findings import Finding, TextCheck
from sde_core.dataset.json_text import encodable


class TextBatch:
    """The texts that records hold, but for empty ones.

    Args:
        texts: The texts of each record.
        rows: The position of each record.
    """

    def __init__(self, texts: Sequence[Sequence[RecordText]], rows: Sequence[int]) -> None:
        self._rows = rows
        self._texts = [piece for of_record in texts for piece in of_record if piece.text]
        self._records = [number for number, of_record in enumerate(texts) for piece in of_record if piece.text]
        self._column = _series([piece.text for piece in self._texts])

    def findings_of(self, check: TextCheck) -> Iterator[Finding]:
        """What a check says about the texts that its trigger matches, in their order."""
        for number in self._matching(getattr(check, "trigger", "")):
            piece, row = self._texts[number], self._rows[self._records[number]]
            for fault in check.faults(piece.text, piece.role):
                fix = fault.fix if piece.path else ""
                yield Finding(check.name, fault.severity, (row,), fault.message, fault.evidence, piece.field, fault.score, fix)

    def records_with(self, trigger: str) -> list[int]:
        """Which records have a text that a trigger matches, counted from 0, in order."""
        return list(dict.fromkeys(self._records[number] for number in self._matching(trigger)))

    def _matching(self, trigger: str) -> Sequence[int]:
        return self._column.str.contains(trigger).arg_true().to_list() if trigger else range(len(self._texts))


def _series(texts: list[str]) -> pl.Series:
    """The texts as a column; lone surrogates, which have no UTF-8 form, as U+FFFD."""
    try:
        return pl.Series(texts, dtype=pl.String)
    except UnicodeEncodeError:
        return pl.Series([encodable(text) for text in texts], dtype=pl.String)
