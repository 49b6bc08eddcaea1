"""A model asked for a domain's records in one design: how, with how much room, and what its answers are worth.

Answers are kept on the disk batch by batch, so that a comparison that is killed asks nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sde_core.dataset.turns import ASSISTANT, USER, Turn
from sde_core.design.answer import entries_shown
from sde_core.design.options import Design, design_named
from sde_core.design.parse import parse_answer, soft_answer
from sde_core.design.sample import Sample as TextSample
from sde_core.design.sample import render_sample
from sde_core.design.task import TaskRecord
from sde_core.evaluate.design_cost import sample_turns
from sde_core.evaluate.design_fitting import fitting_record, shortened_words
from sde_core.evaluate.design_grid import DesignInput
from sde_core.evaluate.design_results import record_scores
from sde_core.jobs.event_log import append_event, close_torn_line, read_events
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.encode import Encoder
from sde_core.train.generation import Generated, answering_room, encode_prompt, generate_answers, stop_ids
from sde_core.wording import count_of

DEMONSTRATIONS = 2
"""Training records with their answers that stand before an in-context prompt, where the model has room for them."""
MOST_NEW_TOKENS = 512
_EXAMPLES_LOOKED_AT, _EXAMPLE_SHARE = 200, 4
"""Training records that examples are taken from, and the part of what the model reads that one may take where there are enough such."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked what.

    Attributes:
        design: In which the records are asked, and answers are read.
        domain: "test" or "ood".
        wording: Of the instruction.
        examples: Training records before each prompt, at most.
        seed: Of the draws, where answers are drawn.
    """

    design: Design
    domain: str
    wording: int = 0
    examples: int = 0
    seed: int = 0


class DesignAsker:
    """Asks models for the records of a comparison.

    Args:
        given: The comparison's input.
        encoder: Of the recipe, with loss on answers only.
        cancel: Looked at before every token.
        progress: In answers.
    """

    def __init__(self, given: DesignInput, encoder: Encoder, *, cancel: Cancel = NEVER, progress: Progress = silent) -> None:
        self._given, self._encoder, self._cancel, self._progress = given, encoder, cancel, progress
        self._stops = stop_ids(encoder.tokenizer, given.recipe.template)
        self._longest: dict[tuple[Design, str], int] = {}
        self._designs = [design_named(name) for name in given.request.designs]
        self._example_tokens: dict[int, list[int]] = {}

    def scored(self, model: Any, asked: Asked, log: Path) -> dict[str, Any]:
        """The model's answers, and what they are worth.

        Args:
            model: Of transformers, with an adapter or without.
            asked: What is asked.
            log: Where answers are kept while it asks; those that are there already are taken as they are.

        Returns:
            What `record_scores` gives, and "answers", "unended" (answers that had no room to end), "max_new_tokens", and "notes" in words on prompts
            that had to be cut or have fewer examples. "scores" is empty where examples were asked for and no prompt has room for one.

        Raises:
            CancelledError: When stopped; what was answered is kept.
        """
        room = self.max_new_tokens(asked)
        prompts, notes = self._prompts(asked, answering_room(model, self._encoder.tokenizer) - room)
        if not prompts:
            return {"answers": [], "scores": {}, "notes": notes}
        answers = self._answers(model, asked, prompts, room, log)
        task, records = self._given.tasks[asked.domain], self._given.records[asked.domain]
        texts = [answer.text.strip() for answer in answers]
        gold = [entries_shown(record, task, asked.design) for record in records]
        exact, soft = ([read(text, task, asked.design) for text in texts] for read in (parse_answer, soft_answer))
        told = record_scores(gold, exact, task, soft)
        unended = sum(not answer.ended for answer in answers)
        return {"answers": texts, **told, "unended": unended, "max_new_tokens": room, "notes": notes}

    def max_new_tokens(self, asked: Asked) -> int:
        """Tokens that an answer may have: those of the longest answer, with its end, that the records of the domain and of training have."""
        if self._given.request.max_new_tokens is not None:
            return self._given.request.max_new_tokens
        found = max(self._longest_answer(asked.design, name) for name in dict.fromkeys(("train", asked.domain)))
        return min(found, MOST_NEW_TOKENS)

    def _longest_answer(self, design: Design, name: str) -> int:
        known = self._longest.get((design, name))
        if known is None:
            records = self._given.train if name == "train" else self._given.records[name]
            task = self._given.tasks["test" if name == "train" else name]
            encoded = self._encoder.encode_all([sample_turns(render_sample(record, task, design)) for record in records])
            known = self._longest[design, name] = max((int(one.full_trained.sum()) for one in encoded), default=1)
        return known

    # ---- prompts

    def _prompts(self, asked: Asked, room: int) -> tuple[list[list[int]], list[str]]:
        """Every record's prompt in tokens, with as many examples as there is room for, and what had to be left out in words."""
        records, examples = self._given.records[asked.domain], self._examples(asked, room)
        if asked.examples and not examples:
            return [], [f"No training record is short enough to be an example: the model reads {room:,} tokens before an answer."]
        prompts, counts, shortened = [], Counter[int](), 0
        for record in records:
            ids, shown = self._fitting(record, asked, examples, room)
            if len(ids) > room:
                fitting = fitting_record(record, lambda one: len(self._prompt(one, asked, ())), room, self._encoder.tokenizer)
                ids, shortened = self._prompt(fitting, asked, ()), shortened + (fitting is not record)
            prompts.append(ids)
            counts[shown] += 1
        if asked.examples and set(counts) == {0}:
            return [], [f"No prompt has room for an example: the model reads {room:,} tokens before an answer."]
        return prompts, [
            *_fewer_words(counts, asked.examples),
            *shortened_words(shortened, len(prompts), "prompts", room),
            *_cut_words(prompts, room),
        ]

    def _fitting(self, record: TaskRecord, asked: Asked, examples: Sequence[TextSample], room: int) -> tuple[list[int], int]:
        """The prompt behind as many examples as fit, in tokens, and how many those are."""
        for shown in range(len(examples), 0, -1):
            ids = self._prompt(record, asked, examples[:shown])
            if len(ids) <= room:
                return ids, shown
        return self._prompt(record, asked, ()), 0

    def _prompt(self, record: TaskRecord, asked: Asked, examples: Sequence[TextSample]) -> list[int]:
        before = [turn for sample in examples for turn in (Turn(USER, sample.prompt), Turn(ASSISTANT, sample.answer))]
        prompt = render_sample(record, self._given.tasks[asked.domain], asked.design, wording=asked.wording).prompt
        return encode_prompt(self._encoder.tokenizer, [*before, Turn(USER, prompt)], self._given.recipe.template)

    def _examples(self, asked: Asked, room: int) -> list[TextSample]:
        """The same records for every design: the first ones that are short enough in all of them, or the shortest where hardly one is."""
        if not asked.examples:
            return []
        least = room + self.max_new_tokens(asked) - max(self.max_new_tokens(replace(asked, design=design)) for design in self._designs)
        lengths = self._example_lengths(asked.wording)
        chosen = [place for place, length in enumerate(lengths) if length * _EXAMPLE_SHARE <= least]
        if len(chosen) < asked.examples:
            chosen = sorted((place for place, length in enumerate(lengths) if length < least), key=lambda place: lengths[place])
        return [self._sample(self._given.train[place], asked.design, asked.wording) for place in chosen[: asked.examples]]

    def _example_lengths(self, wording: int) -> list[int]:
        """Tokens of each training record that may be an example, in the design that takes most."""
        if wording not in self._example_tokens:
            records = self._given.train[:_EXAMPLES_LOOKED_AT]
            of_designs = []
            for design in self._designs:
                turns = [sample_turns(self._sample(record, design, wording)) for record in records]
                of_designs.append([one.n_tokens for one in self._encoder.encode_all(turns)])
            self._example_tokens[wording] = [max(lengths) for lengths in zip(*of_designs, strict=True)]
        return self._example_tokens[wording]

    def _sample(self, record: TaskRecord, design: Design, wording: int) -> TextSample:
        return render_sample(record, self._given.tasks["test"], design, wording=wording)

    # ---- answers

    def _answers(self, model: Any, asked: Asked, prompts: Sequence[Sequence[int]], room: int, log: Path) -> list[Generated]:
        """The answers to all prompts; what the log has of them is not asked again."""
        known = _kept_answers(log, len(prompts))
        left = [place for place in range(len(prompts)) if place not in known]
        log.parent.mkdir(parents=True, exist_ok=True)
        self._progress(len(known), len(prompts))

        def keep(batch: Mapping[int, Generated]) -> None:
            append_event(log, {"answers": {str(left[place]): asdict(answer) for place, answer in batch.items()}})

        made = generate_answers(
            model, self._encoder.tokenizer, [prompts[place] for place in left],
            max_new_tokens=room, temperature=self._given.request.temperature, seed=asked.seed, stops=self._stops, cancel=self._cancel,
            progress=lambda done, _: self._progress(len(known) + done, len(prompts)), keep=keep,
        )  # fmt: skip
        known |= dict(zip(left, made, strict=True))
        return [known[place] for place in range(len(prompts))]


def _kept_answers(log: Path, count: int) -> dict[int, Generated]:
    """Answers that an earlier attempt left, by the place of their prompt; a line that it left torn is as if it were not there."""
    close_torn_line(log)
    found: dict[int, Generated] = {}
    events, offset = read_events(log)
    while events:
        for event in events:
            found |= {int(place): Generated(**answer) for place, answer in event["answers"].items() if int(place) < count}
        events, offset = read_events(log, offset)
    return found


def _fewer_words(counts: Mapping[int, int], wanted: int) -> list[str]:
    fewer = sum(count for shown, count in counts.items() if shown < wanted)
    none = counts.get(0, 0) if wanted else 0
    if not fewer:
        return []
    words = f"{fewer:,} of {count_of(sum(counts.values()), 'prompt')} had no room for {count_of(wanted, 'example')}"
    return [f"{words}, {none:,} not for one." if none else f"{words}."]


def _cut_words(prompts: Sequence[Sequence[int]], room: int) -> list[str]:
    cut = sum(len(ids) > room for ids in prompts)
    if not cut:
        return []
    return [f"{cut:,} of {count_of(len(prompts), 'prompt')} were longer than the {room:,} tokens that the model reads: their beginning was cut."]
