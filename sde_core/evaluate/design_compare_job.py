"""The job behind `sde design compare`: one cell after another, each kept when it is finished, so that nothing finished is done twice."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset.turns import ASSISTANT, USER, Turn
from sde_core.design.answer import entries_shown
from sde_core.design.options import Design, design_named
from sde_core.design.parse import parse_answer
from sde_core.design.sample import Sample as TextSample
from sde_core.design.sample import render_sample
from sde_core.design.task import TaskRecord
from sde_core.evaluate.cell_context import CellContext
from sde_core.evaluate.design_cost import design_perplexity, sample_turns
from sde_core.evaluate.design_grid import BEFORE, Cell, DesignInput, read_input
from sde_core.evaluate.design_results import read_cell, record_scores
from sde_core.evaluate.forgetting import adapted_model
from sde_core.files import atomic_write
from sde_core.jobs import JobContext
from sde_core.train.device import plan_device, use_one_gpu
from sde_core.train.encode import Encoder
from sde_core.train.generation import Prompt, encode_prompt, generate_answers, stop_ids
from sde_core.train.samples import Sample, Samples
from sde_core.train.tokenizer import load_tokenizer

_DEMONSTRATIONS = 2
_SPARE = 1.25
"""An answer may be this much longer than the longest one that was trained on, or that another domain's records have."""
_MOST_NEW_TOKENS = 512


def run_design_compare(context: JobContext) -> None:
    """Do the job in the context's folder.

    Raises:
        SdeError: When it cannot train.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    use_one_gpu()
    context.say("Reading the records.", unit="steps")
    work = _Work(context, read_input(context.folder))
    cells = work.input.cells
    steps = sum(cell.steps for cell in cells)
    if work.input.request.before:
        work.ask_before()
    for number, cell in enumerate(cells, 1):
        context.report(cell.before, steps)
        if not work.is_done(cell.name):
            context.say(f"Run {number} of {len(cells)}: {cell.design}, {cell.size:,} records, seed {cell.seed}.")
            work.do(cell, steps)
        context.report(cell.before + cell.steps, steps)
    context.say(f"Compared {len(work.input.request.designs)} designs in {len(cells)} runs.")


class _Work:
    """What all cells share."""

    def __init__(self, context: JobContext, given: DesignInput) -> None:
        self._context, self.input, self._folder = context, given, context.folder
        tokenizer = load_tokenizer(given.recipe.model)
        self._encoders = {loss: Encoder(tokenizer, dataclasses.replace(given.recipe, completion_only=not loss)) for loss in (False, True)}
        self._plan = plan_device(given.recipe)

    def is_done(self, name: str) -> bool:
        """Whether a cell was finished before."""
        return read_cell(self._folder, name) is not None

    # ---- before tuning

    def ask_before(self) -> None:
        """Asks the untuned model in every design, once; and measures how it takes the samples."""
        model = None
        for number, name in enumerate(self.input.request.designs):
            if self.is_done(f"before-{number}"):
                continue
            self._context.say(f"Asking the model before tuning: {name}.")
            model = model or adapted_model(self.input.recipe, self._plan, None)
            design = design_named(name)
            asked = {way: self._scored(model, design, "test", demonstrations=way == BEFORE[1]) for way in BEFORE}
            samples = self._text_samples(self.input.records["test"], design, 0)
            perplexity = dataclasses.asdict(design_perplexity(samples, self.input.recipe.model, loaded=model, cancel=self._context))
            self._keep(f"before-{number}", {"design": name, **asked, "perplexity": perplexity})

    # ---- one cell

    def do(self, cell: Cell, steps: int) -> None:
        """Trains a cell and scores it in every domain."""
        from sde_core.train.lora import train_adapter

        design = design_named(cell.design)
        recipe = dataclasses.replace(self.input.recipe, seed=cell.seed, max_steps=cell.steps)
        context = CellContext(self._context, cell.name, recipe, title=cell.design, before=cell.before, steps=steps)
        if not (context.folder / "events.jsonl").exists():
            context.event("start", attempt=1)
        started = time.monotonic()
        samples = self._encoded(self.input.train[: cell.size], design, cell.wording)
        train_adapter(context, recipe, self._plan, Samples(samples, [], []), self._encoders[False].tokenizer)
        model = adapted_model(recipe, self._plan, context.result_dir / "adapter")
        scored = {domain: self._scored(model, design, domain, wording=cell.wording, seed=cell.seed) for domain in self.input.records}
        tokens = sum(len(sample) for sample in samples)
        self._keep(cell.name, {**dataclasses.asdict(cell), **scored, "tokens": tokens, "seconds": round(time.monotonic() - started, 2)})
        shutil.rmtree(context.folder / "checkpoints", ignore_errors=True)

    def _encoded(self, records: Sequence[TaskRecord], design: Design, wording: int) -> list[Sample]:
        encoder = self._encoders[design.loss_on_input]
        turns = [sample_turns(sample) for sample in self._text_samples(records, design, wording)]
        encoded = encoder.encode_all(turns)
        return [Sample(row, one.ids[part], one.labels[part]) for row, one in enumerate(encoded) for part in one.parts]

    def _text_samples(self, records: Sequence[TaskRecord], design: Design, wording: int) -> list[TextSample]:
        return [render_sample(record, self.input.tasks["test"], design, wording=wording) for record in records]

    # ---- asking

    def _scored(
        self, model: Any, design: Design, domain: str, *, wording: int = 0, seed: int | None = None, demonstrations: bool = False
    ) -> dict[str, Any]:
        """The model's answers to a domain's records, and what each is worth."""
        task, records = self.input.tasks[domain], self.input.records[domain]
        prompts = self._prompts(records, design, wording, domain, demonstrations=demonstrations)
        tokenizer, template = self._encoders[False].tokenizer, self.input.recipe.template
        answers = generate_answers(
            model, tokenizer, [encode_prompt(tokenizer, prompt, template) for prompt in prompts],
            max_new_tokens=self._max_new_tokens(design, domain), temperature=self.input.request.temperature,
            seed=self.input.recipe.seed if seed is None else seed,
            stops=stop_ids(tokenizer, template), cancel=self._context,
        )  # fmt: skip
        texts = [answer.text.strip() for answer in answers]
        parsed = [parse_answer(text, task, design) for text in texts]
        gold = [entries_shown(record, task, design) for record in records]
        return {"answers": texts, **record_scores(gold, parsed, task)}

    def _prompts(self, records: Sequence[TaskRecord], design: Design, wording: int, domain: str, *, demonstrations: bool) -> list[Prompt]:
        task = self.input.tasks[domain]
        shown = [render_sample(record, task, design, wording=wording) for record in self.input.train[:_DEMONSTRATIONS]] if demonstrations else []
        before = [turn for sample in shown for turn in (Turn(USER, sample.prompt), Turn(ASSISTANT, sample.answer))]
        return [[*before, Turn(USER, render_sample(record, task, design, wording=wording).prompt)] for record in records]

    def _max_new_tokens(self, design: Design, domain: str) -> int:
        if self.input.request.max_new_tokens is not None:
            return self.input.request.max_new_tokens
        encoder: Encoder = self._encoders[False]
        other = [] if domain == "test" else [render_sample(record, self.input.tasks[domain], design) for record in self.input.records[domain]]
        encoded = encoder.encode_all([sample_turns(sample) for sample in (*self._text_samples(self.input.train, design, 0), *other)])
        return min(round(_SPARE * max(int(one.full_trained.sum()) for one in encoded)), _MOST_NEW_TOKENS)

    def _keep(self, name: str, told: dict[str, Any]) -> None:
        folder: Path = self._folder / "cells" / name
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / "cell.json", [orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)])
