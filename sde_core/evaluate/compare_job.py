"""The job behind `sde compare`: one run after another in one process, each kept when it is finished, so that nothing finished is done twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset.turns import Turns
from sde_core.errors import UsageError
from sde_core.evaluate.arms import Arm, arm_of_json, drawn_rows
from sde_core.evaluate.cell_context import CellContext
from sde_core.evaluate.comparison import cell_name, read_cell, read_comparison
from sde_core.evaluate.comparison_text import report_markdown
from sde_core.evaluate.forgetting import adapted_model, general_samples, kept_texts
from sde_core.evaluate.held_out_loss import HeldOutLoss, held_out_loss
from sde_core.evaluate.task_metrics import TaskSamples, find_task_rows
from sde_core.evaluate.token_budget import default_budget, steps_for
from sde_core.files import atomic_write
from sde_core.jobs import JobContext
from sde_core.train.device import use_one_gpu
from sde_core.train.encode import Encoder
from sde_core.train.preflight import refuse_if_nothing_trains
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.rows import HELD_OUT, read_snapshot, row_total
from sde_core.train.samples import Sample, Samples, encode_rows
from sde_core.train.tokenizer import Tokenizer, load_tokenizer
from sde_core.visible import visible


@dataclass(frozen=True)
class Cell:
    """One run: an arm with a seed.

    Attributes:
        name: Its folder.
        arm: The arm's name.
        rows: Record positions that it trains on.
        recipe: Its recipe, the steps that the budget allows among it.
        before: Steps of all runs before it.
    """

    name: str
    arm: str
    rows: tuple[int, ...]
    recipe: Recipe
    before: int


def run_compare(context: JobContext) -> None:
    """Do the job in the context's folder.

    Raises:
        SdeError: When it cannot train.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    use_one_gpu()
    recipe = read_recipe(context.folder / "recipe.json")
    context.say("Reading the rows.", unit="rows")
    work = _Work(context, recipe)
    cells = work.planned()
    context.say("Loading torch.", unit="steps")
    work.evaluate_base()
    steps = sum(cell.recipe.max_steps for cell in cells)
    for number, cell in enumerate(cells, 1):
        context.report(cell.before, steps)
        if not work.is_done(cell.name):
            context.say(f"Run {number} of {len(cells)}: {visible(cell.arm, 60)}, seed {cell.recipe.seed}.")
            work.do(cell, steps)
            write_report(context.folder)
        context.report(cell.before + cell.recipe.max_steps, steps)
    write_report(context.folder)
    context.say(f"Compared {len({cell.arm for cell in cells}):,} arms in {len(cells):,} runs.")


def write_report(folder: Path) -> None:
    """Bring `result/results.json` and `result/report.md` up to date with the finished runs."""
    found = read_comparison(folder)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    atomic_write(folder / "result" / "results.json", [orjson.dumps(found.to_json(), option=options)])
    atomic_write(folder / "result" / "report.md", [report_markdown(found).encode()])


class _Work:
    """What all runs share: the encoded rows, the questions, the plan."""

    def __init__(self, context: JobContext, recipe: Recipe) -> None:
        self._context, self._folder, self._recipe = context, context.folder, recipe
        self._tokenizer: Tokenizer = load_tokenizer(recipe.model)
        encoder = Encoder(self._tokenizer, recipe)
        total = row_total(self._folder)
        self._samples = encode_rows(read_snapshot(self._folder), encoder, total=total, cancel=context, progress=context.report)
        refuse_if_nothing_trains(self._samples.checks)
        if not self._samples.held_out:
            raise UsageError("None of the held-out rows carries loss.", "Hold out others with --held-out; see sde preflight.")
        held_out, answers = _texts(self._folder)
        self.task = find_task_rows(held_out, answers)
        self._questions = TaskSamples(self.task, held_out, encoder)
        self._general = general_samples(kept_texts(self._folder), recipe, encoder)
        self._of_row: dict[int, list[Sample]] = {}
        for sequence in self._samples.train:
            for sample in sequence.samples:
                self._of_row.setdefault(sample.row, []).append(sample)

    # ---- the plan

    def planned(self) -> list[Cell]:
        """The runs, all arms of a seed before the next seed; the plan is written for readers."""
        asked = orjson.loads((self._folder / "arms.json").read_bytes())
        arms = [arm_of_json(arm) for arm in asked["arms"]]
        shown = [next(arm for arm in arms if arm.name == name) for name in asked["names"]]
        tokens = {row: sum(map(len, samples)) for row, samples in self._of_row.items()}
        seeds = [self._recipe.seed + i for i in range(asked["seeds"])]
        rows = {(arm.name, seed): drawn_rows(arm, arms, tokens, seed) for arm in shown if arm.kind != "base" for seed in seeds}
        empty = next((name for (name, _), drawn in rows.items() if not drawn), None)
        if empty is not None:
            raise UsageError(f"No row of the arm {visible(empty, 60)} carries loss.", "sde preflight says what each row trains on.")
        budget = asked["budget"] or max(default_budget(self._lengths(drawn), self._recipe) for (_, seed), drawn in rows.items() if seed == seeds[0])
        cells, plans, before = [], {arm.name: [] for arm in shown}, 0  # type: ignore[var-annotated]
        for seed in seeds:
            for number, arm in enumerate(shown):
                if arm.kind == "base":
                    continue
                drawn = rows[arm.name, seed]
                recipe = replace(self._recipe, seed=seed)
                steps, read = steps_for(self._lengths(drawn), recipe, budget)
                cells.append(Cell(cell_name(number, seed), arm.name, drawn, replace(recipe, max_steps=steps), before))
                before += steps
                own = sum(tokens[row] for row in drawn)
                plans[arm.name].append({"seed": seed, "rows": len(drawn), "steps": steps, "tokens": read, "epochs": read / own})
        self._write_plan(asked, shown, plans, seeds, budget)
        return cells

    def _lengths(self, rows: Sequence[int]) -> list[int]:
        return [len(sample) for row in rows for sample in self._of_row[row]]

    def _write_plan(self, asked: dict[str, Any], shown: Sequence[Arm], plans: Mapping[str, Any], seeds: Sequence[int], budget: int) -> None:
        held = sorted({sample.row for sample in self._samples.held_out})
        cluster_of = dict(zip(asked["held_out"], asked["clusters"], strict=True))
        truth = self.task.label_of or {}
        plan = {
            "arms": [{"name": arm.name, "kind": arm.kind, "like": arm.like, "cells": plans[arm.name]} for arm in shown],
            "seeds": seeds,
            "budget": budget,
            "held_out": held,
            "clusters": [cluster_of[row] for row in held],
            "held_out_rows": len(held),
            "how": asked["how"],
            "general": asked["general"],
            "task": self.task.to_json(),
            "label_truth": [self.task.labels.index(truth[row]) for row in self.task.label_rows],
            "clusters_of_labels": [cluster_of[row] for row in self.task.label_rows],
            "clusters_of_numbers": [cluster_of[row] for row in self.task.number_rows],
        }
        atomic_write(self._folder / "plan.json", [orjson.dumps(plan)])

    # ---- the runs

    def is_done(self, name: str) -> bool:
        """Whether a run was finished before."""
        return read_cell(self._folder / "cells" / name / "cell.json") is not None

    def evaluate_base(self) -> None:
        """Measure the model before any training, once."""
        if self.is_done("base"):
            return
        self._context.say("Evaluating the model before training.")
        (self._folder / "cells" / "base").mkdir(parents=True, exist_ok=True)
        self._keep("base", {"seconds": None, "train_loss": None}, None)

    def do(self, cell: Cell, steps: int) -> None:
        """Train and evaluate one run."""
        from sde_core.train.device import plan_device
        from sde_core.train.lora import train_adapter

        context = CellContext(self._context, cell.name, cell.recipe, title=cell.arm, before=cell.before, steps=steps)
        resumed = (context.folder / "checkpoints").exists()
        if not (context.folder / "events.jsonl").exists():
            context.event("start", attempt=1)
        started = time.monotonic()
        chosen = [sample for row in cell.rows for sample in self._of_row[row]]
        train_adapter(context, cell.recipe, plan_device(cell.recipe), Samples(chosen, [], []), self._tokenizer)
        seconds = None if resumed else round(time.monotonic() - started, 2)
        metrics = orjson.loads((context.result_dir / "metrics.json").read_bytes())
        context.event("end", state="done", message="")
        self._keep(cell.name, {"seconds": seconds, "train_loss": metrics["train_loss"]}, context.result_dir / "adapter")
        shutil.rmtree(context.folder / "checkpoints", ignore_errors=True)
        (context.folder / "rows.json").write_bytes(orjson.dumps({"rows": cell.rows}))

    def _keep(self, name: str, told: dict[str, Any], adapter: Path | None) -> None:
        from sde_core.train.device import plan_device

        model = adapted_model(self._recipe, plan_device(self._recipe), adapter)
        cancel, pad_id = self._context, self._tokenizer.pad_id
        answers = self._questions.asked(model, cancel=cancel)
        result = {
            **told,
            "held_out": _json_of(held_out_loss(model, self._samples.held_out, pad_id, cancel=cancel)),
            "general": _json_of(held_out_loss(model, self._general, pad_id, cancel=cancel)),
            "labels": list(answers.labels),
            "numbers": list(answers.numbers),
        }
        atomic_write(self._folder / "cells" / name / "cell.json", [orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY)])


def _json_of(loss: HeldOutLoss) -> dict[str, Any]:
    return {"rows": loss.rows.tolist(), "sums": loss.sums.tolist(), "tokens": loss.tokens.tolist()}


def _texts(folder: Path) -> tuple[dict[int, Turns], list[str]]:
    """The held-out rows, and the answers of the others."""
    held_out: dict[int, Turns] = {}
    answers: list[str] = []
    for row in read_snapshot(folder):
        if row.split == HELD_OUT:
            held_out[row.row] = row.turns
        else:
            answers.append(row.turns.answer)
    return held_out, answers
