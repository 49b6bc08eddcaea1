"""`sde design compare` and `sde design results` as a script sees them; nothing trains here."""

from __future__ import annotations

import json
import re

import pytest

from sde_core.design.options import design_named, names_in
from sde_core.design.parse import parse_answer
from sde_core.design.task import Entry, TaskRecord
from sde_core.evaluate import design_grid
from sde_core.evaluate.design_results import record_scores
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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("es-sde,ew-sde", ("es-sde", "ew-sde")),
        ("es-sde, ew-sde,output=json,Heuristic", ("es-sde", "ew-sde,output=json", "Heuristic")),
        ("instruction=first,output=lines", ("instruction=first,output=lines",)),
        ("output=json,es-sde", ("output=json", "es-sde")),
    ],
)
def test_a_preset_begins_a_new_design_in_a_list(text, names):
    assert names_in(text) == names


def compare(run, *options):
    return run("design", "compare", "train.jsonl", "--task", "task.yaml", "--detach", *options)


def test_designs_may_stand_in_one_list(run, reviews, launched):
    code, _, err = compare(run, "--designs", "es-sde,ew-sde,output=json", "--sizes", "20")
    assert code == 0, err
    assert design_grid.read_input(launched[0]).request.designs == ("es-sde", "ew-sde,output=json")


def test_all_records_but_those_that_are_tested_train(run, reviews, launched):
    code, _, err = compare(run, "--design", "es-sde", "--sizes", "26", "--seeds", "1", "--test", "test.jsonl", "--ood", "other.jsonl")
    assert (code, err.count("sde jobs attach")) == (0, 1)
    assert re.search(r"^1 run\. About [0-9,]+ tokens to train on in 4 steps, and 10 answers to write\.$", err, re.MULTILINE)
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
        (("--sizes", "500"), "Name smaller sizes"),
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


def finished(job, name, *, task=None, answers=("Food: good", "nonsense \x1b[31m"), **more):
    """A finished run whose model wrote these answers to both test records, in both domains."""
    given = design_grid.read_input(job)
    parts = {}
    for domain, records in given.records.items():
        design = design_named(more["design"])
        texts = [answers[i % len(answers)] for i in range(len(records))]
        parsed = [parse_answer(text, given.tasks[domain], design) for text in texts]
        gold = [record.entries for record in records]
        parts[domain] = {"answers": texts, **record_scores(gold, parsed, given.tasks[domain])}
    (job / "cells" / name).mkdir(parents=True)
    (job / "cells" / name / "cell.json").write_text(json.dumps({"tokens": 900, **parts, **more}))


def test_results_before_and_after_runs_are_finished_fit_80_columns(run, reviews, launched):
    designs = ("es-sde", "ew-sde,output=json,labels=number")
    compare(
        run,
        *(word for name in designs for word in ("--design", name)),
        "--sizes",
        "20",
        "--seeds",
        "1",
        "--test",
        "test.jsonl",
        "--ood",
        "other.jsonl",
    )
    code, out, _ = run("design", "results", "--data", "train.jsonl")
    assert (code, out) == (0, "0 of 2 runs are finished.\n")
    for number, design in enumerate(designs):
        finished(launched[0], f"{number}-n20-w0-s0", design=design)
    code, out, _ = run("design", "results", "--data", "train.jsonl", "--wrong", "2")
    lines = out.splitlines()
    assert lines[0] == "2 of 2 runs are finished."
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in out
    assert lines[2] == "in domain, 2 records"
    assert lines[3].split() == ["design", "size", "runs", "accuracy", "±", "sd", "kappa", "whole", "form", "soft"]
    assert lines[4].split() == ["1", "es-sde", "20", "1/1", "0.750", "0.556", "0.500", "0%", "50%"]
    assert lines[5].startswith(" 2 ew-sde,output=json,labels…")
    assert lines[6].split() == ["answers", "with", "a", "fault", "empty", "split", "syntax", "target?", "value?", "twice", "missing"]
    assert lines[7].split() == ["1", "es-sde", "·", "50%", "·", "·", "·", "·", "100%"]
    assert [line.split() for line in lines[9:12]] == [["accuracy", "per", "target", "1", "2"], ["Food", "0.500", "0.000"], ["Wait", "1.000", "1.000"]]
    assert "out of domain, 4 records" in lines
    assert "2 is ew-sde,output=json,labels=number" in lines
    assert "(−1.000…+1.000; 20 records, 1 seed, 2 test records)" in " ".join(out.split())
    assert "1 seed: too few to know the chance in training; 3 or more are better." in lines
    assert "es-sde, 20 records, seed 0: 2 wrong answers of 2" in lines
    assert "    + nonsense ␛[31m" in lines
    told = json.loads(run("design", "results", "--data", "train.jsonl", "--json", "--wrong", "1")[1])
    assert (told["runs"], told["metric"], told["rows"][0]["means"]["test.accuracy"]) == (2, "accuracy", 0.75)
    assert told["rows"][0]["faults"]["test"] == {"split": 0.5, "missing target": 1.0}
    assert " ".join(told["verdicts"][0].split()) in " ".join(out.split())
    assert told["headline"] in " ".join(out.split())
    assert told["wrong"][0]["wrong"][0]["answer"] == "nonsense \x1b[31m"


SPANS = """\
kind: spans
text: review
said: said
targets: [Food, Wait]
instructions: [Find all., Name all.]
"""


def test_spans_have_strict_and_soft_f1_and_wordings_a_line_each(run, reviews, launched):
    (reviews / "task.yaml").write_text(SPANS)
    for name, first in (("train", 0), ("test", 28)):
        rows = [{"review": f"review {i}", "said": [{"type": "Food", "span": "good soup"}]} for i in range(first, 30)]
        (reviews / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    compare(run, "--design", "es-sde", "--sizes", "20", "--seeds", "2", "--wordings", "0,1", "--test", "test.jsonl")
    for seed, wording in ((0, 0), (1, 0), (0, 1)):
        finished(launched[0], f"0-n20-w{wording}-s{seed}", design="es-sde", answers=("Food: good soups", "Food: good soup")[wording:])
    code, out, _ = run("design", "results", "--data", "train.jsonl")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert lines[3].split() == ["design", "size", "runs", "f1", "±", "sd", "softF1", "prec.", "recall", "form", "soft"]
    assert lines[4].split() == ["1", "es-sde", "20", "2/2", "0.500", "±0.000", "1.000", "0.500", "0.500", "0%", "100%"]
    assert lines[5].split()[:5] == ["2", "es-sde", "w1", "20", "1/2"]
    assert "In domain, no difference between wordings is shown of es-sde: at most +0.500." in lines


def test_where_nothing_was_compared_it_says_so(run, reviews):
    code, _, err = run("design", "results", "--data", "train.jsonl")
    assert code == 2
    assert "no comparison of designs" in err
