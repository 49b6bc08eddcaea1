"""From a run's losses to the rows of today."""

from __future__ import annotations

from types import SimpleNamespace

import orjson
import pytest

from sde_core.train.row_losses import row_losses_path
from sde_tui.session_run_rows import rows_by_loss, rows_of_step

MOVED = {0xA: 4, 0xB: 0, 0xC: None}
DATASET = SimpleNamespace(row_of_key=lambda key: MOVED[key])


@pytest.fixture
def run(tmp_path):
    """Row 2 trains in two parts; row 3 is gone from the file since."""
    rows = [{"row": row, "key": f"{key:016x}"} for row, key in ((1, 0xA), (2, 0xB), (3, 0xC))]
    (tmp_path / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    line = {"step": 1, "split": "train", "rows": [2, 1, 2, 3], "losses": [3.0, 2.0, 1.0, 4.0], "tokens": [8, 5, 2, 6]}
    row_losses_path(tmp_path).write_bytes(orjson.dumps(line) + b"\n")
    return tmp_path


def test_a_row_that_trains_in_parts_is_listed_once_by_its_highest_loss(run):
    assert rows_of_step(run, DATASET, 1) == [0, 4]


def test_rows_by_their_last_loss(run):
    assert rows_by_loss(run, DATASET) == [4, 0]
