"""`sde compare` for real, on a model of a few thousand weights: it trains every arm, survives a kill without doing anything twice, and tells what it found."""

from __future__ import annotations

import json
import signal
import time
from os import killpg

import numpy as np
import orjson
import pytest
from held_cell import held_command
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import JobError, UsageError
from sde_core.evaluate.compare_job import _Work
from sde_core.evaluate.compare_launch import CompareRequest, launch_compare
from sde_core.evaluate.comparison import read_comparison
from sde_core.evaluate.forgetting import adapted_model, forgetting_of_run
from sde_core.evaluate.held_out_loss import held_out_loss
from sde_core.jobs import JobContext, JobStatus
from sde_core.project import Project
from sde_core.train.device import plan_device
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.rows import read_snapshot
from sde_core.train.samples import encode_rows
from sde_core.train.tokenizer import load_tokenizer

PATIENCE = 240
WORDS = ["cat", "dog", "bird", "barn", "tree"]


def launched(folder, dataset, name, **options):
    project = Project(folder / name, beside_data=True)
    recipe = Recipe(model=str(folder / "model"), batch_size=4, learning_rate=1e-2, lora_r=4, device="cpu", max_length=64, save_steps=2)
    request = CompareRequest(**{"arms": "selected,random:selected", "seeds": 2, "budget": 1200, "held_out": "24", **options})
    return launch_compare(dataset, project, request, recipe, accepted=range(0, 120, 2), rejected=[7], read_rows=lambda path: [])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A dataset and a comparison of it that was killed once in its second run and then resumed."""
    folder = tmp_path_factory.mktemp("compare")
    make_tiny_model(folder / "model")
    rows = [{"prompt": f"what is {i}", "response": WORDS[i % 5] if i < 145 else f"a {WORDS[i % 5]}. Answer: {i}"} for i in range(160)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "general.txt").write_text("\n".join(f"the {a} sat near the {b}" for a in WORDS for b in WORDS))
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setattr("sde_core.jobs.job._command", held_command("01-0"))
    dataset = open_dataset(folder / "data.jsonl")
    dataset.read_all()
    job = launched(folder, dataset, "state", general=folder / "general.txt")
    events = job.folder / "cells" / "01-0" / "events.jsonl"
    wait_for(job, lambda: events.exists() and b'"checkpoint"' in events.read_bytes())
    killpg(job.status().identity.pid, signal.SIGKILL)
    wait_for(job, lambda: job.status().state == "lost", active=False)
    before = {path.parent.name: path.stat().st_mtime_ns for path in job.folder.glob("cells/*/cell.json")}
    partly = read_comparison(job.folder)
    (job.folder / "go").touch()
    job.resume()
    status = job.wait(PATIENCE)
    patch.undo()
    assert status.state == "done", f"{status.message}\n{job.log_path.read_text()[-3000:]}"
    return folder, job, before, partly


def wait_for(job, reached, *, active=True):
    deadline = time.monotonic() + PATIENCE
    while not reached():
        status = job.status()
        assert not active or status.active, f"{status.message}\n{job.log_path.read_text()[-3000:]}"
        assert time.monotonic() < deadline, status.message
        time.sleep(0.005)


def test_a_kill_costs_no_finished_run_and_goes_on_from_a_checkpoint(world):
    _, job, before, partly = world
    assert set(before) == {"base", "00-0"}
    assert partly.runs == 1
    after = {path.parent.name: path.stat().st_mtime_ns for path in job.folder.glob("cells/*/cell.json")}
    assert set(after) == {"base", "00-0", "01-0", "00-1", "01-1"}
    assert all(after[name] == written for name, written in before.items())
    events = [json.loads(line) for line in (job.folder / "cells" / "01-0" / "events.jsonl").read_bytes().splitlines()]
    begins = [event["step"] for event in events if event["event"] == "train"]
    assert begins[0] == 0
    assert begins[-1] >= 2  # the second attempt begins where a checkpoint was
    assert not list(job.folder.glob("cells/*/checkpoints"))
    assert json.loads((job.folder / "cells" / "01-0" / "cell.json").read_bytes())["seconds"] is None


def test_all_arms_read_the_budget_and_never_a_held_out_row(world):
    _, job, _, _ = world
    found = read_comparison(job.folder)
    assert (found.runs, found.wanted, found.held_out_rows, found.budget) == (4, 4, 24, 1200)
    assert all(abs(arm.tokens - 1200) < 100 for arm in found.arms)
    held_out = {row.row for row in read_snapshot(job.folder) if row.split == "held-out"}
    drawn = {path.parent.name: set(json.loads(path.read_bytes())["rows"]) for path in job.folder.glob("cells/*/rows.json")}
    assert not any(rows & held_out for rows in drawn.values())
    assert not any(7 in rows for rows in drawn.values())
    assert drawn["00-0"] == drawn["00-1"] == set(range(0, 120, 2)) - held_out
    assert drawn["01-0"] != drawn["01-1"]
    metrics = json.loads((job.folder / "cells" / "00-0" / "result" / "metrics.json").read_bytes())
    assert (metrics["tokens"], metrics["steps"]) == (found.arms[0].tokens, found.arms[0].steps)


def test_it_learns_and_says_what_it_found(world):
    _, job, _, _ = world
    found = read_comparison(job.folder)
    assert all(arm.loss < found.base_loss for arm in found.arms)
    assert found.task["labels"] == sorted(WORDS)
    assert all(arm.accuracy is not None and arm.forgetting is not None for arm in found.arms)
    assert found.general == "general.txt"
    assert found.differences[0].loss.seeds == 2
    told = json.loads((job.result_dir / "results.json").read_bytes())
    assert told["differences"][0]["loss"]["estimate"] == pytest.approx(found.differences[0].loss.estimate)
    assert "# Arms compared" in (job.result_dir / "report.md").read_text()
    assert job.status().done == job.status().total


def test_losses_by_row_are_those_of_a_model_asked_row_by_row(world):
    import torch

    _, job, _, _ = world
    recipe = Recipe(model=str(world[0] / "model"), device="cpu", max_length=64)
    tokenizer = load_tokenizer(recipe.model)
    samples = encode_rows(read_snapshot(job.folder), Encoder(tokenizer, recipe), total=0).held_out
    model = adapted_model(recipe, plan_device(recipe), job.folder / "cells" / "00-0" / "result" / "adapter")
    told = json.loads((job.folder / "cells" / "00-0" / "cell.json").read_bytes())["held_out"]
    found = held_out_loss(model, samples, tokenizer.pad_id)
    assert found.rows.tolist() == told["rows"]
    np.testing.assert_allclose(found.sums, told["sums"], rtol=1e-4)
    for sample in samples[:5]:
        ids, labels = (torch.from_numpy(part.astype(np.int64))[None] for part in (sample.ids, sample.labels))
        with torch.no_grad():
            mean = model(input_ids=ids, labels=labels).loss.item()
        place = told["rows"].index(sample.row)
        assert told["tokens"][place] == int((sample.labels[1:] != IGNORED).sum())
        assert told["sums"][place] / told["tokens"][place] == pytest.approx(mean, rel=1e-4)


def test_a_runs_forgetting_is_measured_by_itself(world):
    _, job, _, _ = world
    cell = job.folder / "cells" / "00-0"
    texts = orjson.loads((job.folder / "general.json").read_bytes())
    found = forgetting_of_run(cell, texts, "general.txt")
    told = json.loads((cell / "cell.json").read_bytes())["general"]
    assert found.after == pytest.approx(sum(told["sums"]) / sum(told["tokens"]), rel=1e-4)
    assert found.change.estimate == pytest.approx(found.after - found.before, rel=1e-4)
    assert found.texts == 25
    with pytest.raises(JobError):
        forgetting_of_run(job.folder, texts, "")


def test_the_command_line_shows_it_as_text_and_json(world, run):
    folder, job, _, _ = world
    code, out, _ = run("compare", "show", job.folder)
    assert code == 0
    assert "selected − random:selected" in out
    assert "Right labels" in out
    code, out, _ = run("compare", "show", job.folder, "--json")
    assert json.loads(out)["runs"] == 4
    assert run("compare", folder / "data.jsonl", "--arms", "fulll")[0] == 2
    assert "no arm" in run("compare", folder / "data.jsonl", "--arms", "fulll")[2]
    assert "DATA [OPTIONS]" in run("compare", "--help")[1]


def test_arms_stand_as_they_were_asked_for(world):
    """The plan alone, without any training: the first arm is what the others are compared with, also where it is a part of the second."""
    folder, job, _, _ = world
    copy = folder / "planned"
    copy.mkdir()
    for name in ("rows.jsonl", "manifest.json", "recipe.json", "general.json"):
        (copy / name).write_bytes((job.folder / name).read_bytes())
    asked = json.loads((job.folder / "arms.json").read_bytes())
    full = {"name": "full", "kind": "rows", "rows": list(range(100)), "like": "", "share": 1.0}
    half = {"name": "full:50%", "kind": "share", "rows": list(range(100)), "like": "", "share": 0.5}
    (copy / "arms.json").write_bytes(orjson.dumps({**asked, "names": ["full:50%", "full"], "arms": [full, half]}))
    (copy / "spec.json").write_bytes((job.folder / "spec.json").read_bytes())
    work = _Work(JobContext(copy, JobStatus()), read_recipe(copy / "recipe.json"))
    cells = work.planned()
    assert [cell.arm for cell in cells] == ["full:50%", "full"] * 2
    assert [arm["name"] for arm in json.loads((copy / "plan.json").read_bytes())["arms"]] == ["full:50%", "full"]
    assert cells[1].before == cells[0].recipe.max_steps
    assert set(cells[0].rows) < set(cells[1].rows)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seeds": 0}, "0 seeds"),
        ({"budget": 0}, "trains nothing"),
        ({"held_out": "none.txt"}, "neither a number"),
        ({"arms": "selected,rows:none.txt"}, "no rows to train on"),
    ],
)
def test_what_cannot_work_starts_no_job(world, options, words):
    folder, _, _, _ = world
    dataset = open_dataset(folder / "data.jsonl")
    dataset.read_all()
    with pytest.raises(UsageError, match=words):
        launched(folder, dataset, "refused", **options)
    assert not list((folder / "refused").glob("jobs/*"))
