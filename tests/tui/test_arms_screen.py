"""Arms by key: c on screen 9."""

from __future__ import annotations

import json
import shutil

import numpy as np
import orjson
import pytest
from textual.widgets import Input

from sde_core.project import Project

ROWS = 60


@pytest.fixture
def data(tmp_path):
    rows = [{"prompt": f"Question {i}?", "response": f"Answer {i}."} for i in range(ROWS)]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def job_folder(data, *, done=3, state="running"):
    """A comparison as its job leaves it, without any training."""
    from sde_core.dataset import open_dataset

    dataset = open_dataset(data)
    dataset.read_all()
    keys = dataset.keys()
    folder = Project.of(data).created().jobs_dir / "20260102T030405006-compare-ab12"
    (folder / "result").mkdir(parents=True)
    (folder / "spec.json").write_bytes(orjson.dumps({"kind": "compare", "title": "Compare", "spec": {}}))
    status = {"state": state, "done": 30, "total": 60, "unit": "steps", "eta_s": 240.0, "message": "Run 4 of 9: selected, seed 1.", "beat": 4e9}
    (folder / "status.json").write_bytes(orjson.dumps({**status, "identity": {"pid": 1, "start": "1", "boot": "b", "host": "elsewhere"}}))
    (folder / "rows.jsonl").write_bytes(
        b"".join(orjson.dumps({"row": i, "key": f"{int(keys[i]):016x}", "split": "train", "record": {}}) + b"\n" for i in range(ROWS))
    )
    names = {"full": range(50), "selected": range(20), "random:selected": range(5, 25)}
    cells = [{"seed": s, "rows": 20, "steps": 10, "tokens": 990, "epochs": 2.5} for s in range(3)]
    arms = [{"name": name, "kind": "random" if ":" in name else "rows", "like": "selected" if ":" in name else "", "cells": cells} for name in names]
    held = list(range(50, 60))
    plan = {"arms": arms, "seeds": [0, 1, 2], "budget": 1000, "held_out": held, "clusters": held, "held_out_rows": 10, "how": "10 rows drawn",
            "general": "the general texts", "task": {"label_rows": 0, "labels": [], "number_rows": 0}, "label_truth": []}  # fmt: skip
    (folder / "plan.json").write_bytes(orjson.dumps(plan))
    random = np.random.default_rng(2)

    def keep(name, means):
        cell = folder / "cells" / name
        cell.mkdir(parents=True)
        part = {"rows": held, "sums": (means * 10).tolist(), "tokens": [10] * 10}
        told = {"seconds": 61.0, "train_loss": 1.25, "held_out": part, "general": part, "labels": [], "numbers": []}
        (cell / "cell.json").write_bytes(orjson.dumps(told))

    hard = random.gamma(4, 0.5, 10)
    keep("base", hard + 1)
    for seed in range(done):
        for number, (name, rows) in enumerate(names.items()):
            keep(f"{number:02d}-{seed}", hard - 0.2 * (number == 1) + random.normal(0, 0.01, 10))
            (folder / "cells" / f"{number:02d}-{seed}" / "rows.json").write_bytes(orjson.dumps({"rows": list(rows)}))
            assert name
    return folder


def words(sde):
    return " ".join(" ".join(line.strip(" │▇") for line in sde.lines).split())


async def test_nothing_compared_yet_says_what_n_does(open_app, data):
    async with open_app(data) as sde:
        await sde.press("9", "c")
        assert "No arms were compared yet" in sde.text
        assert "n starts it as a job" in words(sde)
        await sde.press("escape")
        assert "Arms compared" not in sde.text


async def test_the_runs_the_intervals_and_the_verdict(open_app, data):
    job_folder(data)
    async with open_app(data) as sde:
        await sde.press("9", "c")
        assert "ab12 running · 9 of 9 runs · 4 min left" in sde.text
        assert "selected has a lower held-out loss than random:selected by 0.2" in words(sde)
        assert sde.text.count("✓✓✓") == 3
        assert "before training" in sde.text
        assert "├" in sde.text
        sde.golden("arms")


async def test_the_line_under_the_cursor_is_said_and_its_rows_open(open_app, data):
    job_folder(data)
    async with open_app(data) as sde:
        await sde.press("9", "c")
        await sde.until(lambda: "held-out loss by seed" in words(sde))
        await sde.press("end")
        assert "Of 10 rows 10 better, 0 alike, 0 worse" in words(sde)
        await sde.press("home", "down")
        assert "held-out loss by seed" in words(sde)
        await sde.press("enter")
        assert list(sde.session.records.view.rows) == list(range(20))
        assert "rows of the arm selected" in sde.text
        await sde.press("backspace")
        assert "Arms compared" in sde.text, "back at the exact place"
        await sde.press("escape", "1", "9")
        assert "Arms compared" not in sde.text


async def test_runs_that_finish_meanwhile_appear(open_app, data):
    folder = job_folder(data, done=1)
    async with open_app(data) as sde:
        await sde.press("9", "c")
        assert "3 of 9 runs" in sde.text
        for number in range(3):
            shutil.copytree(folder / "cells" / f"{number:02d}-0", folder / "cells" / f"{number:02d}-1")
        sde.session.part("arms")._jobs_moved("moved")
        await sde.settle()
        assert "6 of 9 runs" in sde.text
        status = orjson.loads((folder / "status.json").read_bytes())
        sde.session.flash("The comparison started. It goes on when you leave.", "good")
        (folder / "status.json").write_bytes(orjson.dumps({**status, "state": "done", "ended": 4e9}))
        sde.session.part("arms")._jobs_moved("moved")
        await sde.settle()
        assert sde.flashed == "The comparison is done."


async def test_a_run_that_diverged_is_named_and_left_out_and_spoils_no_other(open_app, data):
    folder = job_folder(data, state="done")
    path = folder / "cells" / "01-1" / "cell.json"
    cell = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**cell, "train_loss": float("nan"), "held_out": {**cell["held_out"], "sums": [float("nan")] * 10}}))
    async with open_app(data) as sde:
        await sde.press("9", "c")
        assert "9 of 9 runs" in sde.text
        await sde.press("tab", "end")
        assert "selected diverged with seed 1: the loss is not a number" in words(sde)
        found = sde.session.part("arms").found
        assert [len(arm.by_seed) for arm in found.arms] == [3, 2, 3]
        assert found.arms[1].diverged == (1,)
        assert all(difference.loss.estimate == difference.loss.estimate for difference in found.differences)


@pytest.mark.parametrize("read", [False, True])
async def test_what_a_comparison_says_that_ended_before_its_time_is_whole(open_app, data, read):
    folder = job_folder(data, done=1)
    if not read:
        shutil.rmtree(folder / "cells")
        (folder / "plan.json").unlink()
    status = orjson.loads((folder / "status.json").read_bytes())
    ended = {"state": "failed", "ended": 4e9, "message": f"The disk is full: nothing more can be written to {folder}.", "hint": "Free some space."}
    (folder / "status.json").write_bytes(orjson.dumps({**status, **ended}))
    async with open_app(data) as sde:
        await sde.press("9", "c")
        assert "".join(f"{ended['message']} Free some space.".split()) in words(sde).replace(" ", "")
        assert ("It ended before its first run began." in sde.text) is not read
        assert "still reading" not in sde.text


async def test_a_request_is_checked_and_estimated_before_it_starts(open_app, data):
    async with open_app(data) as sde:
        await sde.press("9", "c", "n")
        assert "Which arms?" in sde.text
        assert "full,method:dpp:50%,random:method:dpp:50% seeds=3" in sde.text
        await sde.press("escape")
        part = sde.session.part("arms")
        request = part.request_of("full,full:50% seeds=2 budget=20k held_out=10%")
        assert (request.arms, request.seeds, request.budget, request.held_out) == ("full,full:50%", 2, 20_000, "10%")
        words = " ".join(part.estimate(request))
        assert "4 runs: 2 arms with 2 seeds each" in words
        assert "about 20,000 tokens" in words
        await sde.press("n")
        assert sde.app.screen.query_one(Input).value == "full,full:50% seeds=2 budget=20k held_out=10%", "a slip is mended, not typed anew"
        assert part.command_line().endswith("--arms full,method:dpp:50%,random:method:dpp:50% --seeds 3")


async def test_the_screen_at_width(open_app, data):
    job_folder(data)
    async with open_app(data, size=(120, 40)) as sde:
        await sde.press("9", "c")
        assert all(len(line.rstrip()) <= 120 for line in sde.lines)
        assert "PIR = mean over seeds" in words(sde)
