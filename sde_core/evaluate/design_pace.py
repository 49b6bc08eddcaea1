"""How fast a comparison of designs trains and answers, from its finished runs: for what is left of it, and for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sde_core.evaluate.design_grid import DesignInput


@dataclass(frozen=True, slots=True)
class ComparisonPace:
    """Means over finished runs.

    Attributes:
        step_s: Seconds of an optimizer step.
        token_s: Seconds of a token that is read in training.
        answer_s: Seconds of an answer that is written after it; 0 where runs do not say what answering took, which is then part of the others.
    """

    step_s: float
    token_s: float
    answer_s: float


def comparison_pace(given: DesignInput, done: Mapping[str, Mapping[str, Any]]) -> ComparisonPace | None:
    """The pace of a comparison's finished runs, None where none says what it took.

    Args:
        given: The comparison.
        done: What finished runs left, by name.
    """
    training = answering = steps = tokens = answers = 0.0
    for cell in given.cells:
        told = done.get(cell.name)
        if told is None or not _is_time(told.get("seconds")):
            continue
        asking = told["answering_seconds"] if _is_time(told.get("answering_seconds")) else 0.0
        training, answering = training + max(told["seconds"] - asking, 0.0), answering + asking
        steps, answers = steps + cell.steps, answers + _answers(given)
        tokens += told["tokens"] * cell.steps * given.recipe.batch_size * given.recipe.accumulation / max(cell.size, 1)
    return ComparisonPace(training / steps, training / tokens, answering / max(answers, 1)) if steps and tokens else None


def seconds_left(given: DesignInput, done: Mapping[str, Mapping[str, Any]]) -> float | None:
    """What the unfinished runs will take at the pace of the finished ones, the one at hand counted whole; None where no pace is known."""
    pace = comparison_pace(given, done)
    if pace is None:
        return None
    return sum(cell.steps * pace.step_s + _answers(given) * pace.answer_s for cell in given.cells if cell.name not in done)


def _answers(given: DesignInput) -> int:
    return sum(map(len, given.records.values()))


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and value >= 0
