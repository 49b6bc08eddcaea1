"""Which design each sample follows, and the same sample in another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from sde_core.design.answer import render_answer
from sde_core.design.options import Design, design_words
from sde_core.design.parse import parse_answer
from sde_core.design.sample import CUE, SEPARATOR, Sample, around_text, render_sample, text_in
from sde_core.design.task import Task, TaskRecord
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, raise_if_cancelled

NO_INSTRUCTION = "Its prompt has no instruction of the task."


@dataclass(frozen=True, slots=True)
class FollowedDesigns:
    """Which design each sample follows.

    Attributes:
        designs: Of each sample: the form of its answer, byte for byte, and where its prompt has the instruction; None where it follows none.
        counts: How many follow each design, the commonest first.
        asked: The design that each prompt asks for, which may differ from that of its answer; None where it holds no instruction of the task.
        readable: The design in which each answer can be read, if not byte for byte; None where in none.
        reasons: Why each sample follows none; "" where it follows one.
        answers_alone: Whether most prompts hold no instruction of the task, so that answers alone were looked at, and prompts stay as they are.
    """

    designs: tuple[Design | None, ...]
    counts: Mapping[Design, int]
    asked: tuple[Design | None, ...] = ()
    readable: tuple[Design | None, ...] = ()
    reasons: tuple[str, ...] = ()
    answers_alone: bool = False

    @property
    def stray(self) -> tuple[int, ...]:
        """Places of the samples that follow none."""
        return tuple(place for place, design in enumerate(self.designs) if design is None)

    @property
    def contradicted(self) -> tuple[int, ...]:
        """Places of the samples whose prompt asks for another form than their answer has."""
        pairs = zip(self.asked, self.designs, strict=False)
        return tuple(place for place, (asked, design) in enumerate(pairs) if asked is not None and design not in (None, asked))


def followed_designs(samples: Sequence[Sample], task: Task, *, cancel: Cancel = NEVER) -> FollowedDesigns:
    """Which design each sample follows, byte for byte in its answer; its prompt says where the instruction stands.

    An answer of one target looks alike in several designs: each sample is given the one that its prompt asks for, else the one that most samples
    follow of those that it may be of.

    Args:
        samples: Prompts and answers.
        task: What they answer.
        cancel: Looked at between samples.

    Raises:
        CancelledError: When stopped.
    """
    reader = _Reader(task, [sample.prompt for sample in samples])
    answers_alone = 2 * sum(bool(reader.asked(sample.prompt)) for sample in samples) < len(samples)
    possible: list[tuple[Design, ...]] = []
    for sample in samples:
        raise_if_cancelled(cancel)
        possible.append(reader.possible(sample, answers_alone=answers_alone))
    votes = Counter(design for designs in possible for design in designs)

    def rank(design: Design) -> tuple[int, int]:
        return -votes[design], reader.order[replace(design, instruction="last")]

    chosen = tuple(min(designs, key=rank) if designs else None for designs in possible)
    counts = dict(Counter(design for design in chosen if design is not None).most_common())
    told = [reader.told(sample, design, counts, answers_alone=answers_alone) for sample, design in zip(samples, chosen, strict=True)]
    asked, readable, reasons = (tuple(part) for part in zip(*told, strict=True)) if told else ((), (), ())
    return FollowedDesigns(chosen, counts, asked, readable, reasons, answers_alone)


def converted(
    sample: Sample, task: Task, before: Design, after: Design, *, asked: Design | None = None, wording: int | None = None, keeps_prompt: bool = False
) -> Sample:
    """A sample in another design; what it says stays the same.

    Args:
        sample: Its answer is in the design `before`.
        task: What it answers.
        before: As `followed_designs` found it.
        after: What it is to become.
        asked: The design that its prompt asks for; `before` when omitted.
        wording: Of the instruction; the one that it has by default.
        keeps_prompt: Changes the answer alone.

    Raises:
        UsageError: When the sample is not in the design `before`, or says nothing that `after` could write.
    """
    found = (sample.prompt, 0) if keeps_prompt else text_in(sample.prompt, task, asked or before)
    read = parse_answer(sample.answer, task, before)
    if found is None:
        raise UsageError(NO_INSTRUCTION, "Add its wording to the task's instructions.")
    if read.faults:
        raise UsageError(f"Its answer cannot be read: {read.faults[0].message}", "It stays as it is.")
    if after.reasoning != "none" and any(not entry.description for entry in read.entries):
        raise UsageError("It has no description to reason with.", "Choose a design without reasoning.")
    text, own_wording = found
    new = render_sample(TaskRecord(text, read.entries), task, after, wording=own_wording if wording is None else wording)
    return replace(new, prompt=sample.prompt) if keeps_prompt else new


def followed_words(design: Design, *, answers_alone: bool) -> str:
    """A design by its name, or by the form of its answer where nothing is known of the prompt: "lines", "natural, absent ones omitted"."""
    if not answers_alone:
        return design_words(design)
    said = [design.output, "" if design.placeholder else "absent ones omitted", "" if design.labels == "text" else "numbers"]
    return ", ".join(part for part in [*said, "" if design.reasoning == "none" else design.reasoning] if part)


class _Reader:
    """Reads samples of one task in every design; answers that occur often are read once."""

    def __init__(self, task: Task, prompts: Sequence[str]) -> None:
        self._task, self._designs = task, _answer_designs(task.kind)
        self.order = {design: place for place, design in enumerate(self._designs)}
        self._around: dict[tuple[str, str], list[Design]] = {}
        for design, place, wording in product(self._designs, ("first", "last"), range(len(task.instructions))):
            with_place = replace(design, instruction=place)  # type: ignore[arg-type]
            self._around.setdefault(around_text(task, with_place, wording=wording), []).append(with_place)
        self._answers: dict[str, tuple[Design, ...]] = {}
        self._cue_asks = True
        # Where most prompts have the sign that parts an instruction, but none of ours, another task's stands before or behind it.
        self._cue_asks = 2 * sum(SEPARATOR in prompt and self._asks_for_nothing(prompt) for prompt in prompts) <= len(prompts)

    def _asks_for_nothing(self, prompt: str) -> bool:
        asked = self.asked(prompt)
        return bool(asked) and asked[0].instruction == "none"

    def asked(self, prompt: str) -> tuple[Design, ...]:
        """Designs that a prompt may ask for; one that has the cue alone asks for none of them in particular."""
        for (before, after), designs in self._around.items():
            if len(prompt) >= len(before) + len(after) and prompt.startswith(before) and prompt.endswith(after):
                return tuple(designs)
        return tuple(replace(design, instruction="none") for design in self._designs) if self._cue_asks and prompt.endswith(CUE) else ()

    def possible(self, sample: Sample, *, answers_alone: bool) -> tuple[Design, ...]:
        """Designs that a sample may follow."""
        if answers_alone:
            return self._exact(sample.answer)
        asked = self.asked(sample.prompt)
        agreeing = tuple(design for design in asked if self._is_exact(sample.answer, design)) if asked and asked[0].instruction != "none" else ()
        # A prompt with the cue alone asks for every form.
        return agreeing or (tuple(replace(design, instruction=asked[0].instruction) for design in self._exact(sample.answer)) if asked else ())

    def told(
        self, sample: Sample, design: Design | None, counts: Mapping[Design, int], *, answers_alone: bool
    ) -> tuple[Design | None, Design | None, str]:
        """What a prompt asks for, in which design the answer can be read, and why the sample follows none."""
        asked = () if answers_alone else self.asked(sample.prompt)
        wanted = None if not asked else design if design in asked or asked[0].instruction == "none" else asked[0]
        if design is not None:
            return wanted, design, ""
        likely = dict.fromkeys([*(asked if asked and asked[0].instruction != "none" else ()), *counts, *self._designs])
        read = next((one for one in likely if not parse_answer(sample.answer, self._task, one).faults), None)
        if wanted is None and asked and read is not None:
            wanted = replace(read, instruction=asked[0].instruction)
        if not asked and not answers_alone:
            return None, read, NO_INSTRUCTION
        if read is not None:
            named = read if wanted is None else replace(read, instruction=wanted.instruction)
            return wanted, read, f"Its answer is {followed_words(named, answers_alone=answers_alone)}, but not byte for byte."
        faults = parse_answer(sample.answer, self._task, next(iter(likely))).faults
        return wanted, None, f"Its answer cannot be read: {faults[0].message}"

    def _exact(self, answer: str) -> tuple[Design, ...]:
        if answer not in self._answers:
            self._answers[answer] = tuple(design for design in self._designs if self._is_exact(answer, design))
        return self._answers[answer]

    def _is_exact(self, answer: str, design: Design) -> bool:
        read = parse_answer(answer, self._task, design)
        return not read.faults and render_answer(TaskRecord("", read.entries), self._task, design) == answer


@cache
def _answer_designs(kind: str) -> tuple[Design, ...]:
    """Every form of an answer, the commonest ways of writing first."""
    return tuple(_designs_of(kind))


def _designs_of(kind: str) -> Iterator[Design]:
    for output, placeholder, labels, reasoning in product(("lines", "natural", "json", "pairs"), (True, False), ("text", "number"), _REASONING):
        if (placeholder or kind in ("attributes", "spans")) and not (output == "pairs" and reasoning != "none"):
            yield Design("last", output, placeholder, labels, reasoning)  # type: ignore[arg-type]


_REASONING = ("none", "cot", "r-cot")
