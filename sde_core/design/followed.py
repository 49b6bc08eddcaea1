"""Which design each sample follows, and the same sample in another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from sde_core.design.answer import render_answer
from sde_core.design.options import Design
from sde_core.design.parse import parse_answer
from sde_core.design.sample import Sample, render_sample, text_in
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, raise_if_cancelled


@dataclass(frozen=True, slots=True)
class FollowedDesigns:
    """Which design each sample follows.

    Attributes:
        designs: Of each sample; None where it follows none.
        counts: How many follow each design, the commonest first.
    """

    designs: tuple[Design | None, ...]
    counts: Mapping[Design, int]

    @property
    def stray(self) -> tuple[int, ...]:
        """Places of the samples that follow none."""
        return tuple(place for place, design in enumerate(self.designs) if design is None)


def followed_designs(samples: Sequence[Sample], task: Task, *, cancel: Cancel = NEVER) -> FollowedDesigns:
    """Which design each sample follows, byte for byte in its answer and, where its instruction is known, in its prompt.

    An answer of one target looks alike in several designs: each sample is given the one that most samples follow of those that it may be of.

    Args:
        samples: Prompts and answers.
        task: What they answer.
        cancel: Looked at between samples.

    Raises:
        CancelledError: When stopped.
    """
    possible = []
    for sample in samples:
        raise_if_cancelled(cancel)
        possible.append(tuple(_possible(sample, task)))
    votes = Counter(design for designs in possible for design in designs)
    order = {design: place for place, design in enumerate(_answer_designs(task.kind))}

    def rank(design: Design) -> tuple[int, int]:
        return -votes[design], order[replace(design, instruction="last")]

    chosen = tuple(min(designs, key=rank) if designs else None for designs in possible)
    counts = Counter(design for design in chosen if design is not None)
    return FollowedDesigns(chosen, dict(counts.most_common()))


def converted(sample: Sample, task: Task, before: Design, after: Design, *, wording: int | None = None) -> Sample:
    """A sample in another design; what it says stays the same.

    Args:
        sample: In the design `before`.
        task: What it answers.
        before: As `followed_designs` found it.
        after: What it is to become.
        wording: Of the instruction; the one that it has by default.

    Raises:
        UsageError: When the sample is not in the design `before`, or says nothing that `after` could write.
    """
    found = text_in(sample.prompt, task, before)
    read = parse_answer(sample.answer, task, before)
    if found is None:
        raise UsageError("Its prompt has no instruction of the task.", "Add its wording to the task's instructions.")
    if read.faults:
        raise UsageError(f"Its answer cannot be read: {read.faults[0].message}", "It stays as it is.")
    if after.reasoning != "none" and any(not entry.description for entry in read.entries):
        raise UsageError("It has no description to reason with.", "Choose a design without reasoning.")
    text, own_wording = found
    return render_sample(TaskRecord(text, read.entries), task, after, wording=own_wording if wording is None else wording)


def _possible(sample: Sample, task: Task) -> Iterator[Design]:
    for design in _answer_designs(task.kind):
        read = parse_answer(sample.answer, task, design)
        if read.faults or render_answer(TaskRecord("", read.entries), task, design) != sample.answer:
            continue
        places = [place for place in ("first", "last", "none") if text_in(sample.prompt, task, replace(design, instruction=place)) is not None]
        # A prompt that ends in the cue alone is one without an instruction, unless an instruction explains more of it.
        yield from (replace(design, instruction=place) for place in places[:1])  # type: ignore[arg-type]


@cache
def _answer_designs(kind: str) -> tuple[Design, ...]:
    """Every form of an answer, the commonest ways of writing first."""
    options = product(("lines", "natural", "json", "pairs"), (True, False), ("text", "number"), ("none", "cot", "r-cot"))
    designs = [
        Design("last", output, placeholder, labels, reasoning)  # type: ignore[arg-type]
        for output, placeholder, labels, reasoning in options
        if (placeholder or kind in ("attributes", "spans"))
    ]
    return tuple(design for design in designs if not (design.output == "pairs" and design.reasoning != "none"))
