"""`sde labels`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from sde_core.cli.main import main
from tests.core.label_rows import FLIPPED, tickets


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    rows = tickets()
    rows[77]["text"] = rows[77]["text"].replace(" ", " \x1b[", 1)
    return write_jsonl(rows)


def test_text(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", str(data), "--show", "3"]) == 0
    captured = capsys.readouterr()
    assert "label · 3 classes in 150 rows" in captured.out
    assert "cross-validated over all rows, all splits together, seed 0" in captured.out
    assert "4 likely label errors (2.7%) · 0 fit no class" in captured.out
    assert "… and 1 more" in captured.out
    assert "nearest delivery: " in captured.out
    assert "\x1b" not in captured.out
    assert max(map(len, captured.out.splitlines())) <= 80
    assert captured.err == ""


def test_json(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["labels", str(data), "--json"]) == 0
    captured = capsysbinary.readouterr()
    assert captured.err == b""
    found = json.loads(captured.out)
    assert {error["row"]: error["suggested"] for error in found["errors"]} == FLIPPED
    assert found["splits"] == [{"split": "", "judged": 150, "likely": 4}]
    assert found["agreement"] is None
    scores = [error["score"] for error in found["errors"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_every_row_in_a_file(data: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / f"scores.{suffix}"
    assert main(["labels", str(data), "-o", str(output)]) == 0
    assert "150 rows written" in capsys.readouterr().err
    read = {"parquet": pl.read_parquet, "jsonl": pl.read_ndjson, "csv": pl.read_csv}[suffix]
    frame = read(output)
    assert frame.columns[:4] == ["row", "label", "suggested", "score"]
    assert frame["row"].to_list() == list(range(150))
    assert frame["label"].to_list() == [row["label"] for row in tickets()]
    assert sorted(frame.sort("score", descending=True)["row"].to_list()[:4]) == sorted(FLIPPED)
    assert frame.filter(pl.col("likely"))["row"].to_list() == sorted(FLIPPED)
    if suffix == "parquet":
        assert frame.filter(pl.col("likely"))["suggested_neighbours"].list.len().min() == 3


def test_agreement(write_jsonl: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = write_jsonl([{"text": f"text {n}", "label_1": "ab"[n % 2], "label_2": "ab"[n % 3 % 2]} for n in range(12)])
    assert main(["labels", str(path), "--agreement"]) == 0
    out = capsys.readouterr().out
    assert "agreement (label_1, label_2) · 12 rows with up to 2 labels" in out
    assert "Cohen's kappa" in out
    assert "Ceiling" in out


def test_no_agreement(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["labels", str(data), "--agreement", "--json"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == {"agreement": None}


def test_what_makes_no_sense_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", str(data), "-o", "scores.txt"]) == 2
    assert "none of .parquet, .jsonl, .csv" in capsys.readouterr().err
    assert main(["labels", str(data), "--field", "nothing"]) == 2
    assert "There is no field 'nothing'" in capsys.readouterr().err
