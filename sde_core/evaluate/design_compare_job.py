"""The job behind `sde design compare`: one cell after another, each kept when it is finished, so that nothing finished is done twice."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset.turns import Turns
from sde_core.design.options import design_named
from sde_core.design.sample import Sample as TextSample
from sde_core.design.sample import render_sample
from sde_core.design.task import TaskRecord
from sde_core.errors import UsageError
from sde_core.evaluate.cell_context import CellContext
from sde_core.evaluate.design_asking import DEMONSTRATIONS, Asked, DesignAsker
from sde_core.evaluate.design_cost import design_perplexity, sample_turns
from sde_core.evaluate.design_fitting import encoded_whole, shortened_words
from sde_core.evaluate.design_grid import BEFORE, Cell, DesignInput, read_input
from sde_core.evaluate.design_results import read_cell
from sde_core.evaluate.forgetting import adapted_model
from sde_core.files import atomic_write
from sde_core.jobs import JobContext
from sde_core.train.checkpoints import ADAPTER
from sde_core.train.device import plan_device, use_one_gpu
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.samples import Sample, Samples
from sde_core.train.tokenizer import load_tokenizer
from sde_core.wording import count_of

_RESULT = (f"adapter/{ADAPTER}", "metrics.json")
"""What training leaves; the last of it is written when all of it is there."""
_DOMAIN_WORDS = {"test": "test records", "ood": "records of the other domain"}


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
        if not work.is_done(cell.name):
            title = f"Run {number} of {len(cells)}: {cell.design}, {count_of(cell.size, 'record')}, seed {cell.seed}"
            context.say(f"{title}.", unit="steps")
            context.report(cell.before, steps)
            work.do(cell, title, steps)
    work.clear()
    context.say(f"Compared {len(work.input.request.designs)} designs in {len(cells)} runs.", unit="steps")
    context.report(steps, steps)


class _Work:
    """What all cells share."""

    def __init__(self, context: JobContext, given: DesignInput) -> None:
        self._context, self.input, self._folder = context, given, context.folder
        tokenizer = load_tokenizer(given.recipe.model)
        self._encoders = {loss: Encoder(tokenizer, dataclasses.replace(given.recipe, completion_only=not loss)) for loss in (False, True)}
        self._asker = DesignAsker(given, self._encoders[False], cancel=context, progress=context.report)
        self._plan = plan_device(given.recipe)

    def is_done(self, name: str) -> bool:
        """Whether a cell was finished before."""
        return read_cell(self._folder, name) is not None

    # ---- before tuning

    def ask_before(self) -> None:
        """Asks the untuned model in every design and wording, once; and measures how it takes the samples."""
        model = None
        for wording in dict.fromkeys(self.input.request.wordings):
            for number in range(len(self.input.request.designs)):
                if not self.is_done(self._before_name(number, wording)):
                    model = model or adapted_model(self.input.recipe, self._plan, None)
                    self._ask_untuned(model, number, wording)

    def _ask_untuned(self, model: Any, number: int, wording: int) -> None:
        written, name = self.input.request.designs[number], self._before_name(number, wording)
        design, title = design_named(written), f"Before tuning: {written}"
        told: dict[str, Any] = {"design": written, "wording": wording}
        for way, examples in zip(BEFORE, (0, DEMONSTRATIONS), strict=True):
            self._context.say(f"{title}, {way}.", unit="answers")
            asked = Asked(design, "test", wording, examples, self.input.recipe.seed)
            told[way] = self._asker.scored(model, asked, self._log(name, way))
        self._context.say(f"{title}, perplexity.", unit="samples")
        samples = self._text_samples(self.input.records["test"], written, wording)
        told["perplexity"] = dataclasses.asdict(
            design_perplexity(samples, self.input.recipe.model, loaded=model, cancel=self._context, progress=self._context.report)
        )
        self._keep(name, told)

    def _before_name(self, number: int, wording: int) -> str:
        """The folder of what was asked before tuning; that of the first wording is named by the design alone."""
        return f"before-{number}" if wording == self.input.request.wordings[0] else f"before-{number}-w{wording}"

    # ---- one cell

    def do(self, cell: Cell, title: str, steps: int) -> None:
        """Trains a cell and scores it in every domain."""
        recipe = dataclasses.replace(self.input.recipe, seed=cell.seed, max_steps=cell.steps)
        context = CellContext(self._context, cell.name, recipe, title=cell.design, before=cell.before, steps=steps)
        resumed = (context.folder / "events.jsonl").exists()
        if not resumed:
            context.event("start", attempt=1)
        began, computed = time.monotonic(), time.process_time()
        samples, notes = self._encoded(cell)
        if not all((context.result_dir / name).exists() for name in _RESULT):
            self._train(context, recipe, samples)
        trained = time.monotonic()
        model = adapted_model(recipe, self._plan, context.result_dir / "adapter")
        scored = {domain: self._asked(model, cell, domain, title) for domain in self.input.records}
        now = time.monotonic()
        told: dict[str, Any] = dataclasses.asdict(cell) | scored | {"notes": notes, "tokens": sum(len(sample) for sample in samples)}
        told |= {"trained_tokens": sum(int((sample.labels != IGNORED).sum()) for sample in samples)}
        # A run that was broken off took longer than its last part.
        taken = {"seconds": now - began, "answering_seconds": now - trained, "cpu_seconds": time.process_time() - computed}
        self._keep(cell.name, told | {name: None if resumed else round(value, 2) for name, value in taken.items()})

    def _train(self, context: CellContext, recipe: Recipe, samples: list[Sample]) -> None:
        from sde_core.train.lora import train_adapter

        train_adapter(context, recipe, self._plan, Samples(samples, [], []), self._encoders[False].tokenizer)

    def _asked(self, model: Any, cell: Cell, domain: str, title: str) -> dict[str, Any]:
        self._context.say(f"{title}: asking the {_DOMAIN_WORDS[domain]}.", unit="answers")
        asked = Asked(design_named(cell.design), domain, cell.wording, 0, cell.seed)
        return self._asker.scored(model, asked, self._log(cell.name, domain))

    def _encoded(self, cell: Cell) -> tuple[list[Sample], list[str]]:
        """A cell's training samples, and what of them does not train, in words.

        Raises:
            UsageError: When nothing of them trains.
        """
        encoder = self._encoders[design_named(cell.design).loss_on_input]

        def sample(record: TaskRecord) -> Turns:
            return sample_turns(self._text_samples([record], cell.design, cell.wording)[0])

        encoded, shortened = encoded_whole(self.input.train[: cell.size], sample, encoder)
        samples = [Sample(row, one.ids[part], one.labels[part]) for row, one in enumerate(encoded) for part in one.parts]
        if not samples:
            raise UsageError(f"In the design {cell.design} nothing of any record trains: {encoded[0].reason}.", "Set --set max_length=… higher.")
        said = (
            (sum(one.verdict == "cut" for one in encoded), "train on a part of the answer"),
            (sum(not one.parts for one in encoded), "do not train"),
        )
        notes = [f"{count:,} of {len(encoded):,} samples are longer than max_length and {what}." for count, what in said if count]
        return samples, [*shortened_words(shortened, len(encoded), "samples", encoder.max_length), *notes]

    def _text_samples(self, records: Sequence[TaskRecord], design: str, wording: int) -> list[TextSample]:
        return [render_sample(record, self.input.tasks["test"], design_named(design), wording=wording) for record in records]

    # ---- what is kept

    def _log(self, name: str, asked: str) -> Path:
        return Path(self._folder) / "cells" / name / f"answers-{asked}.jsonl"

    def _keep(self, name: str, told: dict[str, Any]) -> None:
        folder: Path = self._folder / "cells" / name
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / "cell.json", [orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)])
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def clear(self) -> None:
        """Removes what only going on needed, also where a kill came before that."""
        for leftover in Path(self._folder).glob("cells/*/answers-*.jsonl"):
            leftover.unlink()
        for leftover in Path(self._folder).glob("cells/*/checkpoints"):
            shutil.rmtree(leftover, ignore_errors=True)
