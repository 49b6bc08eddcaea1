"""Screen 9 and the losses of rows: from a spike to its rows and to a decision, and what is said where there are none."""

from __future__ import annotations

import json

import numpy as np
from train_runs import made_run

from sde_core.dataset import open_dataset
from sde_core.train.row_loss_log import append_block, row_losses_path


def with_row_losses(folder, dataset_file, *, spike):
    """A run's rows and what each cost: rows 3 and 5 train in the step of the spike, row 4 in every other one."""
    dataset = open_dataset(dataset_file)
    dataset.read_all()
    rows = [{"row": row, "key": f"{int(key):016x}", "split": "train", "record": {}} for row, key in enumerate(dataset.keys())]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for step in range(1, 41):
        trained, losses = ([3, 5], [1.0, 9.0]) if step == spike else ([4], [0.5])
        append_block(row_losses_path(folder), step, np.array(trained), np.array(losses), np.full(len(trained), 3), begins=step == 1)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    raised = [{**event, "loss": 6.0} if event.get("step") == spike and event["event"] == "step" else event for event in events]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in raised))


async def test_from_a_spike_to_its_rows_and_to_a_decision(open_app, dataset_file, train_project):
    with_row_losses(made_run(train_project), dataset_file, spike=25)
    async with open_app(dataset_file) as sde:
        await sde.press("9", "right")
        assert "step 25 · loss 6.000 · enter its rows" in sde.lines[-2]
        assert "┊" in sde.text
        await sde.press("right")
        assert "step 26 ·" in sde.lines[-2]
        await sde.press("left", "enter")
        assert "▐2 Rec" in sde.lines[1]
        assert list(sde.session.records.view.rows) == [5, 3]
        assert "9.00" in sde.text
        await sde.press("x")
        assert sde.session.decisions.status(5) == "rejected"
        assert sde.session.decisions.reason(5) == "loss 9.00 at step 25 of run ab12"
        await sde.press("backspace", "escape")
        assert "┊" not in sde.text
        await sde.press("l")
        assert list(sde.session.records.view.rows) == [5, 3, 4]


async def test_a_run_without_losses_of_rows_says_so(open_app, dataset_file, train_project):
    folder = made_run(train_project)
    (folder / "rows.jsonl").write_text("")
    async with open_app(dataset_file) as sde:
        await sde.press("9", "escape")
        assert "→ puts it on the step that stands out" in sde.flashed
        await sde.press("l")
        assert "recorded no losses" in sde.flashed


async def test_a_loss_that_is_no_number_is_said(open_app, dataset_file, train_project):
    folder = made_run(train_project)
    with (folder / "events.jsonl").open("a") as log:
        log.write(json.dumps({"event": "step", "step": 41, "steps": 41, "loss": None}) + "\n")
    async with open_app(dataset_file) as sde:
        await sde.press("9")
        assert "The loss is not a number since step 41." in sde.lines[-2]
        assert "→ halve learning_rate" in sde.text
        assert "×" in sde.text
