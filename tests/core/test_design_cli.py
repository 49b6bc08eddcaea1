"""`sde design` as a script sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sde_core.dataset import open_dataset
from sde_core.design.task_file import read_task
from sde_core.evaluate.design_records import records_in_file
from sde_core.project import Project

REVIEWS = [
    {"review": f"The food was good, we waited {i} minutes.", "said": {"Food": "positive", "Wait": ("negative", "neutral")[i % 2]}} for i in range(8)
]


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    rows = [*REVIEWS, {"review": "x", "said": {"Food": ["?"]}}]
    (tmp_path / "reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "reviews.jsonl"


@pytest.fixture
def task(run, reviews):
    assert run("design", "task", reviews, "-o", "task.yaml")[0] == 0
    return "task.yaml"


def test_a_record_is_shown_byte_for_byte_in_several_designs(run, reviews, task):
    code, out, _ = run("design", "show", reviews, "--task", task, "--row", "1", "--design", "es-sde", "--design", "baseline", "--json")
    samples = json.loads(out)["samples"]
    assert code == 0
    assert samples["es-sde"]["answer"] == "Food: positive\nWait: neutral"
    assert samples["baseline"]["answer"] == "Food: positive, Wait: neutral."
    assert samples["es-sde"]["prompt"].endswith("\n---\nThe food was good, we waited 1 minutes.\nOutput:")


def test_a_row_far_from_the_beginning_is_shown_and_the_task_is_guessed_of_it_too(run, reviews):
    """Opening reads the beginning alone."""
    rows = [{"review": "It was good.", "mood": "late" if i > 15_000 else "early"} for i in range(15_100)]
    Path("many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(open_dataset("many.jsonl")) < 15_000
    code, out, _ = run("design", "show", "many.jsonl", "--row", "15050", "--design", "es-sde", "--json")
    assert (code, json.loads(out)["samples"]["es-sde"]["answer"]) == (0, "late")


def test_samples_are_written_and_found_in_their_design(run, reviews, task):
    code, out, _ = run("design", "render", reviews, "--task", task, "--design", "es-sde,output=json", "-o", "samples.jsonl", "--json")
    report = json.loads(out)
    assert (code, report["rows"], report["misfits"][0]["row"]) == (0, 8, 8)
    shares = json.loads(run("design", "followed", "samples.jsonl", "--task", task, "--json")[1])
    assert shares["stray"] == []
    assert [(share["design"].split(",")[1], share["rows"]) for share in shares["designs"]] == [("output=json", 8)]


def test_samples_train(run, reviews, task):
    run("design", "render", reviews, "--task", task, "-o", "samples.jsonl")
    code, out, _ = run("preflight", "samples.jsonl", "--json")
    assert code == 0
    assert json.loads(out)["summary"]["verdicts"] == {"ok": 8}


def test_the_cost_of_designs(run, reviews, task):
    told = json.loads(run("design", "cost", reviews, "--task", task, "--design", "es-sde", "--design", "es-sde,loss_on_input=yes", "--json")[1])
    plain, both = told["designs"].values()
    assert told["records"] == 8
    assert plain["tokens"] == both["tokens"] > plain["trained"]
    assert both["trained"] == both["tokens"] - 8


def test_the_minority_is_converted_as_one_decision_that_can_be_undone(run, reviews, task):
    for design, name in (("es-sde", "a"), ("es-sde,output=json", "b")):
        run("design", "render", reviews, "--task", task, "--design", design, "-o", f"{name}.jsonl")
    mixed = Path("a.jsonl").read_text() + "".join(Path("b.jsonl").read_text().splitlines(keepends=True)[:3])
    Path("mixed.jsonl").write_text(mixed + json.dumps({"prompt": "else", "completion": "Food: positive"}) + "\n")

    def designs():
        return [share["rows"] for share in json.loads(run("design", "followed", "mixed.jsonl", "--task", task, "--json")[1])["designs"]]

    assert designs() == [8, 3]
    code, out, _ = run("design", "convert", "mixed.jsonl", "--task", task, "--json")
    told = json.loads(out)
    assert (code, told["rows"], told["applied"], [left["row"] for left in told["left"]]) == (0, 3, False, [11])
    assert designs() == [8, 3]
    _, out, _ = run("design", "convert", "mixed.jsonl", "--task", task, "--apply")
    assert "row 11 stays" in out
    assert designs() == [11]
    assert run("export", "mixed.jsonl", "-o", "out.jsonl")[0] == 0
    assert Path("out.jsonl").read_text().splitlines()[:11] == [
        *Path("a.jsonl").read_text().splitlines(),
        *Path("a.jsonl").read_text().splitlines()[:3],
    ]
    run("undo", "mixed.jsonl")
    assert designs() == [8, 3]


def test_samples_are_held_against_the_task_beside_them_but_for_rejected_rows(run, reviews, task):
    run("design", "render", reviews, "--task", task, "--design", "es-sde", "-o", "s.jsonl")
    lines = Path("s.jsonl").read_text().splitlines()
    Path("s.jsonl").write_text(
        "\n".join([*lines, json.dumps({"prompt": json.loads(lines[0])["prompt"], "completion": "Food: positive, Wait: negative."})])
    )
    code, _, err = run("design", "followed", "s.jsonl")
    assert (code, "Samples do not say which task" in err) == (2, True)
    Path("s.jsonl.task.yaml").write_text(Path(task).read_text())
    found = json.loads(run("design", "followed", "s.jsonl", "--json")[1])
    assert [share["rows"] for share in found["designs"]] == [8, 1]
    assert found["contradicted"] == [8]
    assert "1 answer in another form than the prompt asks for; the first is row 8." in run("design", "followed", "s.jsonl")[1]
    dataset = open_dataset("s.jsonl")
    dataset.read_all()
    journal = Project.of("s.jsonl").open_journal(dataset)
    journal.reject([8], "by hand")
    journal.close()
    assert [share["rows"] for share in json.loads(run("design", "followed", "s.jsonl", "--json")[1])["designs"]] == [8]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "reviews.jsonl", "--row", "8"), "no text"),
        (("show", "reviews.jsonl", "--row", "99"), "no such row"),
        (("show", "reviews.jsonl", "--design", "best"), "no design named"),
        (("show", "reviews.jsonl", "--wording", "4"), "no wording 4"),
        (("show", "reviews.jsonl", "--row", "-1"), "-1 is not in the range"),
        (("render", "reviews.jsonl", "-o", "reviews.jsonl"), "never written"),
        (("render", "reviews.jsonl", "-o", "x.jsonl", "--design", "output=pairs,reasoning=cot"), "makes no sense: The pairs"),
        (("render", "reviews.jsonl", "-o", "x.jsonl", "--design", "reasoning=r-cot"), "no record says why"),
        (("render", "reviews.jsonl", "-o", "x.jsonl", "--design", "output=json,ew-sde"), "one preset"),
        (("cost", "reviews.jsonl", "--design", "es-sde,reasoning=cot"), "no record says why"),
        (("cost", "reviews.jsonl", "--rows", "-1"), "-1 is not in the range"),
        (("perplexity", "reviews.jsonl", "--rows", "0"), "0 is not in the range"),
        (("perplexity", "reviews.jsonl", "--design", "es-sde,reasoning=cot"), "no record says why"),
        (("compare", "reviews.jsonl", "--sizes", "4", "--temperature", "-1"), "temperature cannot be -1"),
        (("compare", "reviews.jsonl", "--sizes", "4", "--temperature", "nan"), "temperature cannot be nan"),
        (("convert", "reviews.jsonl", "--task", "task.yaml", "--to", "output=pairs,reasoning=cot"), "makes no sense: The pairs"),
        (("task", "reviews.jsonl", "--said", "price"), "no field 'price'"),
    ],
)
def test_what_cannot_be_done_says_why(run, reviews, arguments, words):
    if "--task" in arguments:
        run("design", "task", reviews, "-o", "task.yaml")
    code, out, err = run("design", *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_several_designs_are_one_list_and_what_is_left_out_is_counted(run, reviews, task):
    shown = json.loads(run("design", "show", reviews, "--task", task, "--design", "es-sde,ew-sde,output=json", "--json")[1])["samples"]
    assert list(shown) == ["es-sde", "ew-sde,output=json"]
    assert list(json.loads(run("design", "cost", reviews, "--task", task, "--design", "es-sde,baseline", "--json")[1])["designs"]) == [
        "es-sde",
        "baseline",
    ]
    _, _, err = run("design", "render", reviews, "--task", task, "-o", "s.jsonl")
    assert "1 row left out because they do not fit" in err
    assert "1, the first is row 8:" in err


def test_hostile_text_reaches_no_terminal(run, tmp_path, reviews):
    rows = [{"text": "\x1b]52;c;eA==\x07 a long text", "label": "good"}] * 4
    (tmp_path / "hostile.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for arguments in (("show", "hostile.jsonl"), ("task", "hostile.jsonl")):
        code, out, err = run("design", *arguments)
        assert code == 0
        assert "\x1b]" not in out + err


def test_rejected_rows_are_in_no_sample_and_in_no_comparison(run, reviews, task):
    """What `sde train` would train on: all but the rejected rows, or the accepted ones where some are; every row can still be looked at."""

    def rendered():
        assert run("design", "render", reviews, "--task", task, "-o", "samples.jsonl")[0] == 0
        return [json.loads(line)["prompt"].split("waited ")[1][0] for line in Path("samples.jsonl").read_text().splitlines()]

    run("decide", reviews, "reject", "0", "2-4", "--reason", "wrong")
    assert rendered() == ["1", "5", "6", "7"]
    assert json.loads(run("design", "cost", reviews, "--task", task, "--design", "es-sde", "--json")[1])["records"] == 4
    assert run("design", "show", reviews, "--task", task, "--row", "3")[0] == 0
    assert [record.text.split("waited ")[1][0] for record in records_in_file(reviews, read_task(Path(task)))] == ["1", "5", "6", "7"]
    run("decide", reviews, "accept", "5", "6")
    assert rendered() == ["5", "6"]
    run("undo", reviews)
    run("undo", reviews)
    assert rendered() == list("01234567")
