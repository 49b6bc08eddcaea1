"""The texts of some records as one column, so that a check is handed only those that its trigger matches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import polars as pl

from sde_core.checks.fields import RecordText
from sde_core.checks.findings import Finding, TextCheck

_SURROGATE = re.compile("[\ud800-\udfff]")


class TextBatch:
    """Texts with the row, the role and the field that each belongs to."""

    def __init__(self, texts: Iterable[tuple[int, RecordText]]) -> None:
        self._texts = list(texts)
        self._column = _series([piece.text for _, piece in self._texts])

    def findings_of(self, check: TextCheck) -> Iterator[Finding]:
        """What a check says about the texts that its trigger matches, in their order."""
        for row, piece in self._triggered(getattr(check, "trigger", "")):
            for fault in check.faults(piece.text, piece.role):
                fix = fault.fix if piece.path else ""
                yield Finding(check.name, fault.severity, (row,), fault.message, fault.evidence, piece.field, fault.score, fix)

    def _triggered(self, trigger: str) -> Iterable[tuple[int, RecordText]]:
        if not trigger:
            return self._texts
        return [self._texts[number] for number in self._column.str.contains(trigger).arg_true().to_list()]


def _series(texts: list[str]) -> pl.Series:
    """The texts as a column; lone surrogates, which have no UTF-8 form, as U+FFFD."""
    try:
        return pl.Series(texts, dtype=pl.String)
    except UnicodeEncodeError:
        return pl.Series([_SURROGATE.sub("\ufffd", text) for text in texts], dtype=pl.String)
