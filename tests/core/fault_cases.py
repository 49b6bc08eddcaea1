"""Planted faults and clean controls, one form for all checks.

Each module `tests/core/fault_cases_*.py` holds a tuple `CASES`; `test_fault_kinds` runs them all and holds that no check is without them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tests.core
from tests.core.checked import chat, clean_chats

PLANTED_AT = 7
"""Where `among` puts the planted row."""


@dataclass(frozen=True)
class FaultCase:
    """Rows, and which of them a check must name.

    Attributes:
        check: The check's name, as `--only` takes it; it alone is run.
        title: What is planted, or what looks like it and is innocent; unique within the check.
        records: The rows in file order; bytes are lines as they are.
        faulty_rows: Rows that the check must name, and no others; empty for a clean control.
        filename: Decides the format of the file.
        layout: As `open_dataset` takes it.
        mapping: As `open_dataset` takes it.
        params: As `run_checks` takes them.
    """

    check: str
    title: str
    records: Sequence[Any]
    faulty_rows: tuple[int, ...] = ()
    filename: str = "data.jsonl"
    layout: str | None = None
    mapping: Mapping[str, str] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For the test's name."""
        return f"{self.check}: {self.title}"


def among(*planted: Any, rows: Sequence[Any] | None = None) -> list[Any]:
    """Clean rows (60 conversations by default) with others put in from `PLANTED_AT` on."""
    clean = list(clean_chats(60) if rows is None else rows)
    clean[PLANTED_AT:PLANTED_AT] = planted
    return clean


def planted(check: str, title: str, record: Any, rows: Sequence[Any] | None = None, **options: Any) -> FaultCase:
    """A fault in one row among clean ones."""
    return FaultCase(check, title, among(record, rows=rows), (PLANTED_AT,), **options)


def innocent(check: str, title: str, *records: Any, rows: Sequence[Any] | None = None, **options: Any) -> FaultCase:
    """A clean control: rows that look like the fault among clean ones."""
    return FaultCase(check, title, among(*records, rows=rows), (), **options)


def answered(prompt: str, answer: str, *answers_that_are_fine: str, check: str, title: str = "") -> list[FaultCase]:
    """One planted answer, and controls that answer the same prompt."""
    cases = [planted(check, title or answer[:60], chat(prompt, answer))]
    return cases + [innocent(check, f"{fine[:60]} (fine)", chat(prompt, fine)) for fine in answers_that_are_fine]


def all_cases() -> list[FaultCase]:
    """The cases of every module, in the order of module names."""
    names = sorted(found.name for found in pkgutil.iter_modules(tests.core.__path__) if found.name.startswith("fault_cases_"))
    return [case for name in names for case in importlib.import_module(f"tests.core.{name}").CASES]
