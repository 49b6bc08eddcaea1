"""`sde design compare`: its cells, its splits, what it refuses, what it reckons from finished runs, and one comparison for real that was killed."""

from __future__ import annotations

import json
import signal
import time
from os import killpg

import numpy as np
import pytest
from tiny_model import make_tiny_model

from sde_core.design.options import Design
from sde_core.design.parse import parse_answer
from sde_core.design.task import Entry, Task, TaskRecord
from sde_core.design.task_file import TaskFile, task_text
from sde_core.errors import InputError, UsageError
from sde_core.evaluate import design_results
from sde_core.evaluate.bootstrap import paired_interval
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


# ---- scores, table, verdicts


def test_scores_of_a_set_and_of_every_record():
    design = Design(output="lines")
    answers = [parse_answer(text, TASK, design) for text in ("Food: good\nWait: unmentioned", "Food: good\nWait: bad", "Food: bad", "nonsense")]
    told = record_scores([record(i).entries for i in range(4)], answers, TASK)
    assert told["of_record"] == [1.0, 0.5, 0.0, 0.5]  # what the last does not mention is not there
    assert told["scores"]["accuracy"] == 0.5
    assert (told["scores"]["accuracy of Food"], told["scores"]["accuracy of Wait"]) == (0.25, 0.75)
    assert (told["scores"]["whole"], told["scores"]["adherence"], told["scores"]["soft_adherence"]) == (0.25, 0.5, 0.75)
    assert told["faulty"] == {"split": 1, "missing target": 2}


def test_an_answer_without_entries_is_right_where_there_are_none():
    terms = Task("terms", "terms", (), ("good", "bad"), ("Find the terms.",))
    gold = [(), (Entry("soup", "good"),)]
    told = record_scores(gold, [parse_answer(text, terms, Design()) for text in ("none.", "soup: good, tea: bad.")], terms)
    assert told["of_record"] == [1.0, pytest.approx(2 / 3)]
    assert told["scores"]["f1"] == pytest.approx(2 / 3)


def finish(folder, name, of_record, design="es-sde", adherence=1.0):
    """A finished run whose records have these scores."""
    cell = folder / "cells" / name
    cell.mkdir(parents=True)
    scores = {"accuracy": float(np.mean(of_record)), "adherence": adherence, "kappa": None}
    (cell / "cell.json").write_text(json.dumps({"design": design, "tokens": 900, "test": {"scores": scores, "of_record": of_record}}))


def test_a_table_of_finished_runs_with_mean_and_spread_by_hand(tmp_path):
    folder = written(tmp_path, DesignRequest(("es-sde", "ew-sde"), sizes=(8,), seeds=2))
    assert (read_results(folder).rows, read_results(folder).runs, read_results(folder).wanted) == ((), 0, 4)
    finish(folder, "0-n8-w0-s0", [1, 1, 0, 0])
    finish(folder, "1-n8-w0-s0", [0, 0, 0, 1])
    finish(folder, "0-n8-w0-s1", [1, 1, 1, 0])
    found = read_results(folder)
    assert (found.metric, found.runs) == ("accuracy", 3)
    best, other = found.rows
    assert (best.design, best.runs, best.tokens, other.design, other.runs) == ("es-sde", 2, 900, "ew-sde", 1)
    assert best.means["test.accuracy"] == 0.625
    assert best.spreads["test.accuracy"] == pytest.approx(0.125 * 2**0.5)
    assert (other.means["test.accuracy"], other.spreads, "test.kappa" in best.means) == (0.25, {}, False)
    # Only the seed that both have counts: (1 + 1 + 0 - 1) / 4.
    assert found.verdicts[0].startswith("es-sde over ew-sde: accuracy +0.250 (")
    assert found.verdicts[0].endswith("8 records, 1 run, 4 test records): no difference shown.")


def test_a_shown_difference_is_said_and_one_run_is_said_to_be_one(tmp_path):
    folder = written(tmp_path, DesignRequest(("es-sde", "ew-sde"), sizes=(8,), seeds=1))
    finish(folder, "0-n8-w0-s0", [1] * 38 + [0] * 2)
    finish(folder, "1-n8-w0-s0", [0] * 38 + [1] * 2)
    assert "): better. The chance in training is not part of it" in read_results(folder).verdicts[0]


def test_the_best_of_all_runs_is_not_called_better_where_it_lost_those_that_both_have(tmp_path):
    folder = written(tmp_path, DesignRequest(("es-sde", "ew-sde"), sizes=(8,), seeds=2))
    finish(folder, "0-n8-w0-s0", [0] * 38 + [1] * 2)
    finish(folder, "0-n8-w0-s1", [1] * 40)
    finish(folder, "1-n8-w0-s0", [1] * 18 + [0] * 22)
    verdict = read_results(folder).verdicts[0]
    assert verdict.startswith("es-sde over ew-sde: accuracy −0.400 (")
    assert verdict.endswith("worse in the runs that both have.")


@pytest.mark.parametrize("content", ["", '{"design": "es-', "[]", "{}", "null"])
def test_a_run_whose_result_cannot_be_read_is_not_finished(tmp_path, content):
    folder = written(tmp_path, DesignRequest(("es-sde",), sizes=(8,), seeds=2))
    finish(folder, "0-n8-w0-s0", [1, 0])
    finish(folder, "0-n8-w0-s1", [1, 0])
    (folder / "cells" / "0-n8-w0-s1" / "cell.json").write_text(content)
    found = read_results(folder)
    assert (found.runs, found.rows[0].runs) == (1, 1)


def test_a_folder_that_holds_no_comparison_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path)


def test_kendalls_tau_by_hand(tmp_path):
    designs = ("es-sde", "ew-sde", "heuristic", "baseline")
    folder = written(tmp_path, DesignRequest(designs, sizes=(8,), seeds=1))
    tuned = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]
    before = [(0.4, 0.1, 2.0, 9.0), (0.3, 0.2, 3.0, 8.0), (0.1, 0.3, 4.0, 7.0), (0.2, 0.4, 5.0, None)]
    for number, (of_record, (zero, context, prompt, output)) in enumerate(zip(tuned, before, strict=True)):
        finish(folder, f"{number}-n8-w0-s0", of_record, designs[number])
        (folder / "cells" / f"before-{number}").mkdir()
        told = {"design": designs[number], "zero-shot": {"scores": {"accuracy": zero}}, "in-context": {"scores": {"accuracy": context}}}
        told["perplexity"] = {"prompt": prompt, "output": output}
        (folder / "cells" / f"before-{number}" / "cell.json").write_text(json.dumps(told))
    found = read_results(folder)
    # Of six pairs zero-shot has one the other way round; in-context has all; low perplexity counts as good.
    assert found.taus == {"zero-shot": pytest.approx(4 / 6), "in-context": pytest.approx(-1), "perplexity of prompts": pytest.approx(1)}
    assert found.before["ew-sde"]["perplexity of answers"] == 8.0
    assert "perplexity of answers" not in found.before["baseline"]


# ---- for real


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A comparison that was killed once in its second run and then resumed."""
    folder = tmp_path_factory.mktemp("designs")
    make_tiny_model(folder / "model")
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
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
    parsed = [parse_answer(text, TASK, Design(instruction="first", output="lines")) for text in told["test"]["answers"]]
    assert record_scores([one.entries for one in RECORDS[20:26]], parsed, TASK) == {
        key: told["test"][key] for key in ("scores", "of_record", "faulty")
    }
    assert len(found.verdicts) == 2
    assert found.verdicts[1].startswith("Out of domain, ")
    assert set(found.before["es-sde"]) == {"zero-shot", "in-context", "perplexity of prompts", "perplexity of answers"}
    assert found.taus == {}  # two designs have no rank to speak of
    status = job.status()
    assert status.done == status.total == 16
    assert job.devices == ("cpu",)


@pytest.mark.parametrize(("designs", "pairs"), [(2, 1), (4, 6)])
def test_the_best_is_known_by_looking_so_that_all_pairs_are_counted(monkeypatch, designs, pairs):
    levels = []

    def interval(differences, *, level):
        levels.append(level)
        return paired_interval(differences, level=level)

    monkeypatch.setattr(design_results, "paired_interval", interval)
    right = np.random.default_rng(0).random((designs, 20))
    assert len(list(design_results._pairs({str(i): {(0, 0): line.tolist()} for i, line in enumerate(right)}, "accuracy", "test", 9))) == designs - 1
    assert levels == [pytest.approx(1 - 0.05 / pairs)] * (designs - 1)
