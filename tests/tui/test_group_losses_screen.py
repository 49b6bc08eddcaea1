"""From a run's loss to groups and rows: which kind of row costs more, its rows by loss, a decision with the loss as its reason, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_core.train.row_loss_log import append_block, row_losses_path
from sde_tui.screens.group_losses import GroupLossesScreen, header

STEPS = 30


@pytest.fixture
def shop(tmp_path):
    """Sixty rows of three classes; a finished run of two epochs in which returns cost more, and row 18 costs 9.5 in step 20."""
    path = tmp_path / "shop.jsonl"
    rows = [
        {
            "instruction": f"Where is order {row}?",
            "output": "It comes soon. " * (1 + row % 4),
            "category": ("billing", "delivery", "returns")[row % 3],
        }
        for row in range(60)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(path)
    dataset.read_all()
    folder = Project.of(path).created().jobs_dir / "20260102T030405678-train-ab12"
    (folder / "result").mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "train", "title": "LoRA of tiny on 60 rows of shop.jsonl", "spec": {}}))
    lines = [{"row": row, "key": f"{int(key):016x}", "split": "train", "record": rows[row]} for row, key in enumerate(dataset.keys())]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    steps = [{"event": "train", "step": 0, "steps": STEPS}]
    for step in range(1, STEPS + 1):
        trained = np.arange(60).reshape(-1, 4)[(step - 1) % 15]
        costs = 3.0 - step / 20 + 2.0 * (trained % 3 == 2) + trained / 1000
        costs[trained == 18] = 9.5 if step == 20 else costs[trained == 18]
        append_block(row_losses_path(folder), step, trained, costs, np.full(4, 5), epoch=(step - 1) // 15, begins=step == 1)
        steps.append({"event": "step", "step": step, "steps": STEPS, "loss": float(costs.mean()), "lr": 1e-4})
    append_block(row_losses_path(folder), STEPS, np.arange(12), np.full(12, 1.5), np.full(12, 5), held_out=True)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in steps))
    status = {"state": "done", "done": STEPS, "total": STEPS, "unit": "steps", "message": "Trained.", "started": 1000.0, "ended": 1062.0}
    (folder / "status.json").write_text(json.dumps(status))
    return path


async def test_groups_are_ranked_and_their_rows_read_and_decided(open_app, shop):
    async with open_app(shop) as sde:
        await sde.press("9", "b")
        assert isinstance(sde.app.screen, GroupLossesScreen)
        lines = [line for line in sde.lines if "returns" in line or "billing" in line or "delivery" in line]
        assert "▲" in lines[0]
        assert "returns" in lines[0]
        assert "costs more than the other rows" in sde.text
        sde.golden("group_losses")
        await sde.press("enter")
        records = sde.session.records
        assert records.view.title == "class returns by loss"
        assert list(records.view.rows) == [2, 5, 11, 8, 14, 17, 23, 20, 26, 29, 35, 32, 38, 41, 47, 44, 50, 53, 59, 56]
        assert "4.20" in sde.lines[3]
        await sde.press("x")
        assert sde.session.decisions.reason(2) == "loss 4.20 at step 16 of run ab12"
        await sde.press("backspace")
        assert isinstance(sde.app.screen, GroupLossesScreen)
        await sde.press("escape")
        assert sde.app.screen.NAME == "train"
        await sde.press("2", "9")
        assert sde.app.screen.NAME == "train"


async def test_other_groups_and_held_out_rows(open_app, shop):
    async with open_app(shop) as sde:
        await sde.press("9", "b", "right")
        assert "The data does not say where its rows come from." in sde.text
        await sde.press("left", "left")
        assert "[length]" in sde.text
        assert "1-10 words" in sde.text
        await sde.press("right", "v")
        assert "12 held-out rows" in sde.text
        assert "fewer than 10 rows" in sde.text
        await sde.press("exclamation_mark")
        assert sde.app.clipboard.endswith("--run ab12 --by class --held-out")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_fits_every_size(open_app, shop, size):
    async with open_app(shop, size=size) as sde:
        await sde.press("9", "b")
        assert max(map(len, sde.lines)) <= size[0]
        assert any(line.rstrip(" │▁").endswith("returns") for line in sde.lines)
        assert ("over time" in sde.text) == (size[0] >= 120)
        title = next(line for line in sde.lines if "excess" in line)
        assert title.index("group") == next(line for line in sde.lines if line.rstrip(" │▁").endswith("returns")).index("returns")


async def test_a_run_without_losses_says_so(open_app, shop):
    next((shop.parent / "shop.jsonl.sde").rglob("row_losses-0.bin")).write_bytes(b"")
    async with open_app(shop) as sde:
        await sde.press("9", "b")
        assert "has a loss" in sde.text
        await sde.press("enter")
        assert isinstance(sde.app.screen, GroupLossesScreen)


# ---- Records by loss


async def test_rows_are_sorted_by_the_loss_of_the_latest_run_without_opening_it(open_app, shop):
    async with open_app(shop) as sde:
        sde.session.records.show(order="loss")
        await sde.press("2")
        view = sde.session.records.view
        assert view.rows[0] == 18
        assert "9.50" in sde.lines[3]
        assert "loss" in sde.lines[2]
        assert "highest loss first, run ab12" in sde.text
        await sde.press("enter")
        assert "loss 9.50 at step 20 of run ab12 · never learned" in sde.text
        await sde.press("enter", "r")
        assert "loss 9.50 at step 20 of run ab12" in sde.text
        await sde.press("enter")
        assert sde.session.decisions.reason(18) == "loss 9.50 at step 20 of run ab12"
        sde.session.records.show(order="unlearned")
        await sde.settle()
        assert sde.session.records.view.rows[0] == 18
        sde.session.records.show(order="file")
        await sde.settle()
        assert sde.session.records.view.costs is None
        assert "loss" not in sde.lines[2]


async def test_marked_rows_each_have_their_own_loss_as_reason(open_app, shop):
    async with open_app(shop) as sde:
        sde.session.records.show(order="loss")
        await sde.settle()
        await sde.press("2", "space", "space", "x")
        reasons = {sde.session.decisions.reason(row) for row in (18, 2)}
        assert reasons == {"loss 9.50 at step 20 of run ab12", "loss 4.20 at step 16 of run ab12"}


async def test_what_was_found_on_a_row_stays_in_its_reason(open_app, shop, monkeypatch):
    async with open_app(shop) as sde:
        monkeypatch.setattr(sde.session.findings, "reason", lambda row: "empty answer")
        sde.session.records.show(order="loss")
        await sde.settle()
        await sde.press("2", "x")
        assert sde.session.decisions.reason(18) == "loss 9.50 at step 20 of run ab12 · empty answer"


async def test_without_a_run_the_order_says_what_to_do(open_app, dataset_file):
    async with open_app(dataset_file) as sde:
        sde.session.records.show(order="loss")
        await sde.settle()
        assert "F starts one." in sde.flashed
        assert sde.session.records.view.order == "file"


def test_columns_stand_under_their_titles():
    assert header(80).index("group") == 2 + 7 + 8 + 8 + 1 + 16 + 8 + 2
