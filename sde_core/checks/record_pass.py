"""The pass over the records: the checks that look at one record or one text, and the surveys, over some rows of a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sde_core.checks.fields import record_texts
from sde_core.checks.findings import Finding, RecordCheck, TextCheck
from sde_core.checks.text_batch import TextBatch
from sde_core.dataset import Dataset, Turns
from sde_core.progress import NEVER, Cancel, Progress, silent

AnyCheck = Any
"""A RecordCheck, a TextCheck or a TableCheck."""


def looks_at_records(check: AnyCheck) -> bool:
    """Whether a check looks at one record or one text at a time."""
    return hasattr(check, "inspect") or hasattr(check, "faults")


def surveys_of(checks: Sequence[AnyCheck], *, mergeable: bool = True) -> list[type]:
    """The surveys that these checks name, each once: those that can be taken piece by piece and merged, or the others."""
    named = dict.fromkeys(survey for check in checks for survey in getattr(check, "surveys", ()))
    return [survey for survey in named if hasattr(survey, "absorb") == mergeable]


@dataclass
class PassResult:
    """What some rows gave.

    Attributes:
        found: Findings by the name of their check, in row order.
        seconds: Processor time spent in each check.
        surveys: The state of each survey, in the order of `surveys_of`.
    """

    found: dict[str, list[Finding]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    surveys: list[Any] = field(default_factory=list)


class RecordPass:
    """The checks that share one reading of the records.

    Args:
        dataset: The records.
        checks: All checks of the run; those on the whole dataset are passed over, but for their surveys.
    """

    def __init__(self, dataset: Dataset, checks: Sequence[AnyCheck]) -> None:
        self._dataset = dataset
        self._record_checks: list[RecordCheck] = [check for check in checks if hasattr(check, "inspect")]
        self._text_checks: list[TextCheck] = [check for check in checks if hasattr(check, "faults")]
        self._needs_texts = bool(self._text_checks) or any(getattr(check, "trigger", "") for check in self._record_checks)
        self._surveys = surveys_of(checks)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look at records for."""
        return not (self._record_checks or self._text_checks or self._surveys)

    def over(self, rows: range, *, cancel: Cancel = NEVER, progress: Progress = silent) -> PassResult:
        """Looks at these rows; progress in rows.

        Raises:
            CancelledError: When stopped.
        """
        names = [check.name for check in self._record_checks] + [check.name for check in self._text_checks]
        result = PassResult({name: [] for name in names}, dict.fromkeys(names, 0.0))
        surveys = [survey() for survey in self._surveys]
        for batch in self._dataset.batches(rows=rows, cancel=cancel, progress=progress):
            for survey in surveys:
                for row, value, turns in batch:
                    survey.observe(row, value, turns)
            self._look_at(batch, result)
        result.surveys = [survey.state() for survey in surveys]
        return result

    def _look_at(self, batch: Sequence[tuple[int, Any, Turns]], result: PassResult) -> None:
        def timed(name: str, work: Callable[[], None]) -> None:
            started = time.process_time()
            work()
            result.seconds[name] += time.process_time() - started

        texts = TextBatch([record_texts(turns, value) for _, value, turns in batch], [row for row, _, _ in batch]) if self._needs_texts else None
        for check in self._record_checks:
            timed(check.name, lambda check=check: _inspect(check, batch, texts, result.found[check.name]))  # type: ignore[misc]
        if texts is not None:
            for text_check in self._text_checks:
                timed(text_check.name, lambda check=text_check: result.found[check.name].extend(texts.findings_of(check)))  # type: ignore[misc]


def _inspect(check: RecordCheck, batch: Sequence[tuple[int, Any, Turns]], texts: TextBatch | None, found: list[Finding]) -> None:
    trigger = getattr(check, "trigger", "")
    wanted = [batch[number] for number in texts.records_with(trigger)] if trigger and texts is not None else batch
    for row, value, turns in wanted:
        found.extend(check.inspect(row, value, turns))
