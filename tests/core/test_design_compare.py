"""`sde design compare`: its cells, its splits, what it refuses, and one comparison for real that was killed."""

from __future__ import annotations

import json
import signal
import time
from os import killpg

import numpy as np
import orjson
import pytest
import xxhash
from held_cell import held_command
from tiny_model import make_tiny_model

from sde_core.design.options import Design
from sde_core.design.parse import parse_answer, soft_answer
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.design.task_file import TaskFile, task_text
from sde_core.errors import InputError, UsageError
from sde_core.evaluate.design_answers import asked_models
from sde_core.evaluate.design_grid import DesignRequest, launch_design_compare, read_input, split_records, training_records
from sde_core.evaluate.design_results import read_results, record_scores
from sde_core.train.recipe import Recipe

PATIENCE = 240
TASK = Task("reviews", "attributes", ("Food", "Wait"), ("good", "bad"), ("Say what the text thinks of each.", "Judge food and wait."))
FILE = TaskFile(TASK, "review", "said")


def record(i, text=None):
    return TaskRecord(text or f"review {i} of the cat", (Entry("Food", ("good", "bad")[i % 2]), *((Entry("Wait", "bad"),) if i % 3 else ())))


RECORDS = [record(i) for i in range(40)]


# ---- the cells and the records


def written(folder, request, recipe=None, *, metric_task=TASK):
    """A job's folder with what was asked, and no run finished."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps({name: getattr(request, name) for name in request.__dataclass_fields__}))
    (folder / "recipe.json").write_text(json.dumps((recipe or Recipe(batch_size=4, seed=7)).to_json()))
    (folder / "test.task.yaml").write_text(task_text(TaskFile(metric_task, "review", "said")))
    (folder / "train.json").write_text(json.dumps([{"text": f"train {i}", "entries": []} for i in range(20)]))
    (folder / "test.json").write_text(json.dumps([{"text": f"test {i}", "entries": []} for i in range(4)]))
    return folder


def test_records_that_changed_since_the_launch_are_refused(tmp_path):
    folder = written(tmp_path, DesignRequest(("es-sde",), sizes=(8,)))
    (folder / "manifest.json").write_bytes(orjson.dumps({"hashes": {"train": xxhash.xxh3_128_hexdigest((folder / "train.json").read_bytes())}}))
    assert len(read_input(folder).train) == 20
    (folder / "train.json").write_text((folder / "train.json").read_text().replace("train 7", "train 5"))
    with pytest.raises(InputError, match=r"train\.json has changed since the comparison was launched"):
        read_input(folder)


def test_every_design_runs_on_equal_steps_all_designs_of_a_seed_before_the_next(tmp_path):
    request = DesignRequest(("es-sde", "ew-sde"), sizes=(8, 16), seeds=2, wordings=(0, 1))
    cells = read_input(written(tmp_path, request)).cells
    assert len(cells) == len({cell.name for cell in cells}) == 16
    assert [(cell.size, cell.seed, cell.wording, cell.design) for cell in cells[:5]] == [
        (8, 7, 0, "es-sde"), (8, 7, 0, "ew-sde"), (8, 7, 1, "es-sde"), (8, 7, 1, "ew-sde"), (8, 8, 0, "es-sde"),
    ]  # fmt: skip
    assert {(cell.size, cell.steps) for cell in cells} == {(8, 2), (16, 4)}
    assert [cell.before for cell in cells] == np.cumsum([0, *(cell.steps for cell in cells[:-1])]).tolist()


def test_equal_texts_stay_on_one_side_and_the_draw_is_the_seeds():
    records = [record(i, f"text {i // 3}") for i in range(60)]
    train, test = split_records(records, None, 1)
    assert sorted(map(repr, (*train, *test))) == sorted(map(repr, records))
    assert not {one.text for one in train} & {one.text for one in test}
    assert 12 <= len(test) <= 14
    assert split_records(records, None, 1) == (train, test)
    assert split_records(records, None, 2)[1] != test


def test_a_file_to_test_on_costs_no_record_but_those_it_tests():
    assert sorted(map(repr, training_records(RECORDS, set(), 0))) == sorted(map(repr, RECORDS))
    train = training_records(RECORDS, {RECORDS[3].text}, 0)
    assert len(train) == 39
    assert RECORDS[3] not in train
    assert train == training_records(RECORDS, {RECORDS[3].text}, 0) != RECORDS


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"designs": ("es-sde", "instruction=first,output=lines")}, "different designs"),
        ({"designs": ()}, "different designs"),
        ({"designs": ("es-sde",), "sizes": (0,)}, "at least 1"),
        ({"designs": ("es-sde",), "seeds": 0}, "at least 1"),
        ({"designs": ("es-sde", "ew-sde"), "seeds": 300}, "600 runs"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(asked, words):
    with pytest.raises(UsageError, match=words):
        DesignRequest(**asked)


OTHER = Task("label", "label", ("intent",), ("a", "b"), ("Name it.",))


@pytest.mark.parametrize(
    ("designs", "options", "sides", "words"),
    [
        (("es-sde",), {"sizes": (41,)}, {}, "40 records to train on, and 41"),
        (("es-sde,reasoning=cot",), {}, {}, "not every record says why"),
        (("heuristic,reasoning=cot",), {}, {}, "no place for a description"),
        (("es-sde,instruction=none",), {}, {"ood": (TASK, RECORDS)}, "other domain's targets"),
        (("es-sde",), {"wordings": (2,)}, {}, "has 2 wordings"),
        (("es-sde,instruction=none",), {"wordings": (0, 1)}, {}, "wordings are all the same"),
        (("es-sde",), {}, {"test": []}, "no records to test on"),
        (("es-sde",), {}, {"ood": (TASK, [])}, "no records of the other domain"),
        (("es-sde",), {}, {"ood": (OTHER, RECORDS)}, "of the kind label"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_leaves_no_job(tmp_path, designs, options, sides, words):
    request = DesignRequest(designs, **{"sizes": (8,), "seeds": 1, **options})
    with pytest.raises(UsageError, match=words):
        launch_design_compare(tmp_path / "jobs", request, Recipe(), FILE, RECORDS, sides.get("test", RECORDS), ood=sides.get("ood"))
    assert not list(tmp_path.glob("jobs/*"))


def test_designs_that_write_the_same_samples_are_not_compared(tmp_path):
    """A label is never left out, so that the placeholder changes nothing."""
    records = [TaskRecord(f"text {i}", (Entry("intent", "ab"[i % 2]),)) for i in range(12)]
    request = DesignRequest(("es-sde", "ew-sde", "es-sde,placeholder=no"), sizes=(8,), seeds=1)
    with pytest.raises(UsageError, match="es-sde and es-sde,placeholder=no write the same"):
        launch_design_compare(tmp_path / "jobs", request, Recipe(), TaskFile(OTHER, "t", "s"), records, records)


# ---- for real


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A comparison that was killed once in its second run and then resumed."""
    folder = tmp_path_factory.mktemp("designs")
    make_tiny_model(folder / "model", context=1024)
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    patch.setattr("sde_core.jobs.job._command", held_command("1-n16-w0-s0"))
    request = DesignRequest(("es-sde", "ew-sde"), sizes=(16,), seeds=1, max_new_tokens=3)
    recipe = Recipe(model=str(folder / "model"), batch_size=4, epochs=2.0, learning_rate=1e-2, lora_r=2, device="cpu", save_steps=2)
    job = launch_design_compare(folder / "jobs", request, recipe, FILE, RECORDS[:20], RECORDS[20:26], ood=(TASK, RECORDS[26:30]), dataset="x.jsonl")
    events = job.folder / "cells" / "1-n16-w0-s0" / "events.jsonl"
    deadline = time.monotonic() + PATIENCE
    while not (events.exists() and b'"checkpoint"' in events.read_bytes()):
        assert job.status().active, f"{job.status().message}\n{job.log_path.read_text()[-3000:]}"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    killpg(job.status().identity.pid, signal.SIGKILL)
    while job.status().active:
        time.sleep(0.005)
    times = {path.parent.name: path.stat().st_mtime_ns for path in job.folder.glob("cells/*/cell.json")}
    partly = read_results(job.folder)
    (job.folder / "go").touch()
    job.resume()
    status = job.wait(PATIENCE)
    patch.undo()
    assert status.state == "done", f"{status.message}\n{job.log_path.read_text()[-3000:]}"
    return job, times, partly


def test_a_kill_costs_no_finished_run_and_goes_on_from_a_checkpoint(world):
    job, times, partly = world
    assert set(times) == {"before-0", "before-1", "0-n16-w0-s0"}
    assert (partly.runs, partly.wanted, [row.design for row in partly.rows]) == (1, 2, ["es-sde"])
    after = {path.parent.name: path.stat().st_mtime_ns for path in job.folder.glob("cells/*/cell.json")}
    assert set(after) == {*times, "1-n16-w0-s0"}
    assert all(after[name] == written for name, written in times.items())
    lines = (job.folder / "cells" / "1-n16-w0-s0" / "events.jsonl").read_bytes().splitlines()
    begins = [event["step"] for event in map(json.loads, lines) if event["event"] == "train"]
    assert begins[0] == 0
    assert begins[-1] >= 2
    assert not list(job.folder.glob("cells/*/checkpoints"))


def test_every_record_of_both_domains_was_asked_and_scored(world):
    job, _, _ = world
    found = read_results(job.folder)
    assert (found.runs, found.wanted, len(found.rows)) == (2, 2, 2)
    assert all({"test.accuracy", "test.kappa", "ood.accuracy", "ood.adherence"} <= set(row.means) for row in found.rows)
    told = json.loads((job.folder / "cells" / "0-n16-w0-s0" / "cell.json").read_bytes())
    assert (len(told["test"]["answers"]), len(told["ood"]["answers"])) == (6, 4)
    design = Design(instruction="first", output="lines")
    exact, soft = ([read(text, TASK, design) for text in told["test"]["answers"]] for read in (parse_answer, soft_answer))
    assert record_scores([one.entries for one in RECORDS[20:26]], exact, TASK, soft) == {
        key: told["test"][key] for key in ("scores", "of_record", "faulty")
    }
    assert [pair.domain for pair in found.differences] == ["test", "ood"]
    assert set(found.before["es-sde"]) >= {"zero-shot", "perplexity of prompts", "perplexity of answers"}
    assert found.agreements == {}  # two designs have no rank to speak of
    asked = asked_models(job.folder, "es-sde", 16, 0)
    assert [(one.model, one.domain, one.records) for one in asked] == [
        ("seed 0", "test", 6), ("seed 0", "ood", 4), ("zero-shot", "test", 6), ("in-context", "test", asked[3].records),
    ]  # fmt: skip
    assert all(one.wrong_count == len(one.wrong) for one in asked)
    status = job.status()
    assert status.done == status.total == 16
    assert job.devices == ("cpu",)
