"""`sde balance`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sde_core.cli.main import main


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    labels = ["pos"] * 30 + ["neg"] * 15 + ["Pos"] * 2 + ["\x1b[31mred"] * 3
    return write_jsonl([{"text": f"text number {n}", "label": label, "meta": {"source": f"s{n % 2}"}} for n, label in enumerate(labels)])


def test_json(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["balance", str(data), "--target", "pos=50%", "--target", "neg=0.4", "--json"]) == 0
    captured = capsysbinary.readouterr()
    assert captured.err == b""
    found = json.loads(captured.out)
    assert found["dataset"]["rows"] == 50
    assert [field["field"] for field in found["fields"]] == ["label", "meta.source", "answer-kind"]
    label = found["fields"][0]
    assert label["classes"][0] == {"class": "pos", "count": 30, "share": 0.6, "rare": False}
    assert label["variants"] == [["pos", "Pos"]]
    assert {target["class"]: (target["verdict"], target["drop"], target["add"]) for target in found["targets"]} == {
        "pos": ("over", 10, 0),
        "neg": ("under", 0, 9),
    }
    (plan,) = found["plans"]
    assert plan["keep"] == 37
    assert plan["drop"] == {"pos": 12, "neg": 0, "other classes": 1}


def test_text(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(data), "--target", "neg=40%", "--show", "2"]) == 0
    out = capsys.readouterr().out
    assert "label (label) · 4 classes in 50 rows" in out
    assert "30   60.0%  ████████████████████████" in out
    assert "… and 2 more classes" in out
    assert "neg in label: 15 rows, 30.00%, target 40.00% · under: add 9 more" in out
    assert "By dropping alone: keep 37 rows, drop 13 of the other classes." in out
    assert "one label in several spellings: 'pos', 'Pos'" in out
    assert "\x1b" not in out


def test_one_field(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(data), "--field", "meta.source"]) == 0
    out = capsys.readouterr().out
    assert "meta.source (field)" in out
    assert "label (label)" not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "pos"], "CLASS=SHARE"),
        (["--target", "blue=5%"], "No field has a class 'blue'"),
        (["--field", "nope"], "There is no field 'nope'"),
    ],
)
def test_what_makes_no_sense_exits_with_2(data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(["balance", str(data), *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_labels_with_outer_white_space_can_be_told_apart(write_jsonl: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = write_jsonl([{"text": f"t {n}", "label": ("pos", "pos ", "neg")[n % 3]} for n in range(30)])
    assert main(["balance", str(path)]) == 0
    assert "'pos '" in capsys.readouterr().out.split("answer-kind")[0].split("several spellings")[0]


@pytest.fixture
def refusals(write_jsonl: Callable[..., Path]) -> Path:
    """20 rows, 8 of them refusals; rows 14 and 16 are copies of row 13."""
    refused = ["book flights", "order a pizza", "search the web", "open the door", "open the door", "send a mail", "open the door", "play music"]
    rows = [{"instruction": f"Tell me about parcel {n}.", "output": f"Parcel {n} is on its way to you.", "team": "ab"[n % 2]} for n in range(10)]
    rows += [{"instruction": f"Please {act}.", "output": f"I'm sorry, but I cannot {act} for you.", "team": "a"} for act in refused]
    rows += [{"instruction": "Where is it?", "output": "It is in the shed behind the house.", "team": "b"}] * 2
    return write_jsonl(rows)


def test_one_line_a_field(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(data), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["field", "classes"]
    assert [line.split()[0] for line in lines[1:4]] == ["label", "meta.source", "answer-kind"]
    assert lines[1].split()[1:6] == ["label", "4", "50", "1.39", "0.70"]
    assert "--field topic" in lines[-1]
    assert all(len(line) <= 80 for line in lines)


def test_two_fields_against_each_other(refusals: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["balance", str(refusals), "--field", "team", "--by", "refused", "--json"]) == 0
    (table,) = json.loads(capsysbinary.readouterr().out)["tables"]
    assert (table["down"], table["across"], table["counts"]) == (["a", "b"], ["no", "yes"], [[5, 8], [7, 0]])
    assert main(["balance", str(refusals), "--by", "refused"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "team by refused · 20 rows · association 0.60" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_against_itself_or_nothing(refusals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(refusals), "--field", "team", "--by", "team"]) == 2
    assert main(["balance", str(refusals), "--by", "nope"]) == 2
    assert "There is no field 'nope'" in capsys.readouterr().err


def test_the_rows_to_drop(refusals: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["balance", str(refusals), "--target", "refusal=0.3", "--drop", "redundant", "--json"]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    (plan,) = found["plans"]
    drops = found["drops"]
    assert plan["drop"] == {"refusal": len(drops), "other classes": 0}
    assert {drop["row"] for drop in drops} <= set(range(10, 18))
    assert [drop["row"] for drop in drops][:2] == [14, 16]
    assert drops[0] == {"row": 14, "like": 13, "likeness": 1.0, "why": "the same text as row 13", "class": "refusal"}


def test_dropping_is_a_decision_that_can_be_undone(refusals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(refusals), "--target", "yes=30%", "--field", "refused", "--drop", "random", "--apply"]) == 0
    captured = capsys.readouterr()
    assert "at random, seed 7" in captured.out
    assert "sde undo" in captured.err
    assert main(["log", str(refusals)]) == 0
    assert "too many of refused yes" in capsys.readouterr().out
    assert main(["undo", str(refusals)]) == 0
    assert "undo #1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--drop", "random"], "--drop needs a target"), (["--target", "refusal=5%", "--apply"], "--apply needs --drop")]
)
def test_options_that_need_others(refusals: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(["balance", str(refusals), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_only_the_field_of_a_target_is_printed(refusals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(refusals), "--target", "refusal=5%"]) == 0
    out = capsys.readouterr().out
    assert "answer-kind (computed)" in out
    assert "team (field)" not in out


def test_one_row_is_one_row(write_jsonl: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["balance", str(write_jsonl([{"text": "only one"}]))]) == 0
    assert "1 class in 1 row\n" in capsys.readouterr().out


def test_rejected_rows_count_only_where_they_are_asked_for(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    def classes(*options: str) -> dict[str, int]:
        assert main(["balance", str(data), "--field", "label", "--json", *options]) == 0
        found = json.loads(capsysbinary.readouterr().out)
        assert found["dataset"]["readable"] == sum(one["count"] for one in found["fields"][0]["classes"])
        return {one["class"]: one["count"] for one in found["fields"][0]["classes"]}

    whole = classes()
    assert main(["decide", str(data), "reject", "0-9", "45-46", "--reason", "no use"]) == 0
    capsysbinary.readouterr()
    assert classes() == {**{name: count for name, count in whole.items() if name != "Pos"}, "pos": 20}
    assert classes("--all") == whole
    assert main(["undo", str(data)]) == 0
    capsysbinary.readouterr()
    assert classes() == whole


def test_a_target_met_by_a_decision_stays_met(refusals: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    arguments = ["balance", str(refusals), "--target", "refusal=10%", "--drop", "random"]
    assert main([*arguments, "--apply"]) == 0
    capsysbinary.readouterr()
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["drops"] == []
