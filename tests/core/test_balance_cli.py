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
