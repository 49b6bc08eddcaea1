"""A real run in which one batch is garbage: its step stands out, its rows are shown by loss, and are rejected with the loss as the reason."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import read_row_losses

PATIENCE = 240
GARBAGE = range(112, 120)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """112 rows that say the same and 8 long ones of random letters, which share a batch, since samples of like length do; in parts, and accumulated."""
    folder = tmp_path_factory.mktemp("spike")
    letters = random.Random(0)
    rows = [{"prompt": f"say {row % 10}", "response": "the cat sat on a mat" + " and" * (row % 4)} for row in range(112)]
    rows += [{"prompt": "say 1", "response": "".join(letters.choices("qxzjkvwy#@!%&", k=90))} for _ in GARBAGE]
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(path)
    dataset.read_all()
    model = make_tiny_model(folder / "model")
    recipe = Recipe(model=str(model), batch_size=4, accumulation=2, learning_rate=3e-2, lora_r=4, held_out=0.0, seed=5, device="cpu", processes=1,
                    max_length=64, too_long="split")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        job = launch_training(dataset, range(len(rows)), recipe, Project.of(path).created().jobs_dir, beside=True)
        status = job.wait(PATIENCE)
    assert status.state == "done", f"{status.message}\n{job.log_path.read_text()[-3000:]}"
    return path, job


def test_rows_in_parts_and_accumulated_batches_add_up_to_the_loss_of_each_step(trained):
    _, job = trained
    losses = read_row_losses(job.folder)
    steps = {event["step"]: event["loss"] for event in job.events(max_bytes=1 << 30)[0] if event["event"] == "step"}
    for step, loss in steps.items():
        here = losses.steps == step
        assert np.average(losses.losses[here], weights=losses.tokens[here]) == pytest.approx(loss, rel=1e-3)
    rows, parts = np.unique(losses.rows, return_counts=True)
    assert rows.tolist() == list(range(120))
    assert set(parts[:112]) == {1}
    assert min(parts[112:]) > 1


async def test_from_the_spike_to_its_rows_and_a_decision(trained, open_app):
    path, job = trained
    async with open_app(path) as sde:
        await sde.press("9", "space")
        step = sde.session.run_rows.step
        await sde.press("enter")
        shown = list(sde.session.records.view.rows)
        assert set(shown[:4]) <= set(GARBAGE)
        costs = sde.session.records.view.costs
        assert costs.losses.tolist() == sorted(costs.losses.tolist(), reverse=True)
        assert costs.shown(shown[0]) in sde.lines[3]
        await sde.press("x")
        expected = f"loss {costs.shown(shown[0])} at step {step} of run {job.id[-4:]}"
        assert sde.session.decisions.reason(shown[0]) == expected
        assert expected in sde.flashed
        await sde.press("backspace")
        assert sde.session.run_rows.step == step
        sde.session.records.show(order="excess")
        await sde.press("2")
        assert set(list(sde.session.records.view.rows)[:6]) <= set(GARBAGE)
        await sde.press("o", "end", "enter")
        assert f"1 to {read_row_losses(job.folder).steps.max()}?" in sde.text
        await sde.type(str(step))
        await sde.press("enter")
        assert list(sde.session.records.view.rows) == shown
