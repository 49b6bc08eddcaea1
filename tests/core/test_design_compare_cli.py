"""`sde design compare` and `sde design results` as a script sees them; nothing trains here."""

from __future__ import annotations

import json

import pytest

from sde_core.design.task import Entry, TaskRecord
from sde_core.evaluate import design_grid
from sde_core.jobs import Job

TASK = """\
kind: attributes
text: review
said: said
targets: [Food, Wait]
values: [good, bad]
instructions: [Say what the text thinks of each.]
"""


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "task.yaml").write_text(TASK)
    for name, first in (("train", 0), ("test", 28), ("other", 26)):
        rows = [{"review": f"review {i}", "said": {"Food": ("good", "bad")[i % 2]}} for i in range(first, 30)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def launched(monkeypatch):
    """What was launched, which is not begun."""
    asked = []

    def launch(jobs_dir, kind, spec, *, title, folder):
        (folder / "spec.json").write_text(json.dumps({"kind": kind, "title": title, "spec": spec}))
        (folder / "status.json").write_text(json.dumps({"state": "done", "done": 0, "total": 0, "created": 1.0}))
        asked.append(folder)
        return Job(folder)

    monkeypatch.setattr(design_grid, "launch", launch)
    return asked


def compare(run, *options):
    return run("design", "compare", "train.jsonl", "--task", "task.yaml", "--detach", *options)


def test_all_records_but_those_that_are_tested_train(run, reviews, launched):
    code, _, err = compare(run, "--design", "es-sde", "--sizes", "26", "--seeds", "1", "--test", "test.jsonl", "--ood", "other.jsonl")
    assert (code, err.count("sde jobs attach")) == (0, 1)
    given = design_grid.read_input(launched[0])
    texts = {name: {record.text for record in records} for name, records in (("train", given.train), *given.records.items())}
    assert (len(given.train), len(texts["test"]), len(texts["ood"])) == (26, 2, 4)
    assert not texts["train"] & (texts["test"] | texts["ood"])
    assert given.records["test"][0] == TaskRecord("review 28", (Entry("Food", "good"),))
    assert json.loads((launched[0] / "spec.json").read_bytes())["spec"]["devices"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sizes", "many"), "whole numbers"),
        (("--sizes", "500"), "Name smaller --sizes"),
        (("--sizes", "8", "--design", "best"), "no design named"),
        (("--sizes", "8", "--design", "es-sde", "--design", "es-sde"), "different designs"),
        (("--sizes", "8", "--wordings", "1"), "has 1 wording"),
        (("--sizes", "8", "--design", "es-sde,instruction=none", "--ood", "other.jsonl"), "other domain"),
    ],
)
def test_what_cannot_be_compared_says_why(run, reviews, launched, options, words):
    code, out, err = compare(run, *options)
    assert (code, out, launched) == (2, "", [])
    assert words in err


def test_results_before_and_after_runs_are_finished_fit_80_columns(run, reviews, launched):
    compare(run, "--design", "es-sde", "--design", "ew-sde", "--sizes", "20", "--seeds", "1", "--test", "test.jsonl", "--ood", "other.jsonl")
    code, out, _ = run("design", "results", "--data", "train.jsonl")
    assert (code, out) == (0, "0 of 2 runs are finished.\n")
    for number, value in ((0, 0.75), (1, 0.5)):
        cell = launched[0] / "cells" / f"{number}-n20-w0-s0"
        cell.mkdir(parents=True)
        part = {"scores": {"accuracy": value, "adherence": 1.0}, "of_record": [value, value]}
        (cell / "cell.json").write_text(json.dumps({"design": "…", "tokens": 9, "test": part, "ood": part}))
    code, out, _ = run("design", "results", "--data", "train.jsonl")
    lines = out.splitlines()
    assert lines[0] == "2 of 2 runs are finished."
    assert lines[1].split() == ["design", "records", "runs", "test", "accuracy", "form", "ood", "accuracy", "form"]
    assert lines[2].split() == ["es-sde", "20", "1", "0.750", "100%", "0.750", "100%"]
    assert lines[3].split() == ["ew-sde", "20", "1", "0.500", "100%", "0.500", "100%"]
    assert max(map(len, lines)) <= 80
    told = json.loads(run("design", "results", "--data", "train.jsonl", "--json")[1])
    assert (told["runs"], told["metric"], told["rows"][0]["means"]["test.accuracy"]) == (2, "accuracy", 0.75)
    assert told["verdicts"][0] in " ".join(out.split())


def test_where_nothing_was_compared_it_says_so(run, reviews):
    code, _, err = run("design", "results", "--data", "train.jsonl")
    assert code == 2
    assert "no comparison of designs" in err
