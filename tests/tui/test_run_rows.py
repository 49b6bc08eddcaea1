"""From a run's losses to the rows of today."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import orjson
import pytest

from sde_core.train.loss_table import loss_table
from sde_core.train.row_loss_log import append_block, row_losses_path
from sde_tui.session_run_rows import costs_of_step, costs_of_table, shown_loss

MOVED = {0xA: 4, 0xB: 0, 0xC: None}


class Dataset(SimpleNamespace):
    def __len__(self):
        return 6


DATASET = Dataset(row_of_key=lambda key: MOVED[key], keys=lambda **_: None, edits={})


@pytest.fixture
def run(tmp_path):
    """Row 2 trains in two parts; row 3 is gone from the file since."""
    folder = tmp_path / "20260102T030405678-train-ab12"
    folder.mkdir()
    rows = [{"row": row, "key": f"{key:016x}", "split": "train", "record": {}} for row, key in ((1, 0xA), (2, 0xB), (3, 0xC))]
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    append_block(row_losses_path(folder), 112, np.array([2, 1, 2, 3]), np.array([3.0, 2.0, 1.0, 4.0]), np.array([8, 5, 2, 6]), begins=True)
    return folder


def test_a_row_that_trains_in_parts_is_listed_once_by_the_loss_of_all_its_tokens(run):
    costs = costs_of_step(run, DATASET, 112)
    assert costs.order.tolist() == [0, 4]
    assert costs.losses.tolist() == [pytest.approx(2.6), 2.0]
    assert costs.reason(0) == "loss 2.60 at step 112 of run ab12"
    assert costs.reason(3) == costs.reason(99) == costs.shown(3) == ""


def test_rows_by_their_last_loss(run):
    table = loss_table(run, DATASET)
    costs = costs_of_table(table, table.by_loss(), len(DATASET))
    assert costs.order.tolist() == [0, 4]
    assert costs.words(4) == "loss 2.00 at step 112 of run ab12 · seen once · row moved since"


def test_losses_fit_their_column():
    assert [shown_loss(loss) for loss in (0.0, 12.345, float("nan"), 123456.0)] == ["0.00", "12.35", "nan", "1e+05"]
