"""`sde templates` from the outside: what it prints and the files it writes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

Run = Callable[..., tuple[int, str, str]]


def words(rng: random.Random) -> str:
    """A line of made words, no two alike."""
    return " ".join("".join(rng.choice("abcdefghij") for _ in range(rng.randint(2, 7))) for _ in range(rng.randint(6, 20)))


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    rng = random.Random(1)
    forms = ("Sum up this letter: ", "Which shelf does it belong on?\n")
    rows = [{"instruction": forms[n % 3 % 2] + words(rng), "input": "", "output": f"It is on shelf \x1b[31m{n}."} for n in range(90)]
    return write_jsonl([*rows[:7], b"{torn", *rows[7:], {"instruction": "zq", "input": "", "output": "ja"}])


def test_prints_templates_by_size(run: Run, data: Path) -> None:
    code, out, _ = run("templates", data)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "2 templates in 91 prompts; 1 has none."
    assert lines[1].split(maxsplit=3) == ["0", "60", "66%", "Sum up this letter: ‹…›"]
    assert lines[2].split(maxsplit=3)[1] == "30"
    assert max(map(len, lines)) <= 80


def test_json_has_every_row(run: Run, data: Path) -> None:
    shown = json.loads(run("templates", data, "--json")[1])
    assert [entry["rows"] for entry in shown["templates"]] == [60, 30]
    assert [row["row"] for row in shown["rows"]] == [n for n in range(92) if n != 7]
    assert shown["rows"][-1] == {"row": 91, "group": -1, "template": ""}
    assert shown["rows"][0] == {"row": 0, "group": 0, "template": "Sum up this letter: ‹…›"}


@pytest.mark.parametrize("ending", [".parquet", ".jsonl", ".csv"])
def test_writes_every_row(run: Run, data: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"groups{ending}"
    code, out, err = run("templates", data, "-o", output)
    read = {".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson, ".csv": pl.read_csv}[ending]
    table = read(output)
    assert (code, out) == (0, "")
    assert "91 rows written to" in err
    assert table.columns == ["row", "group", "template"]
    assert table["group"].to_list().count(0) == 60


def test_other_texts_and_endings(run: Run, data: Path, tmp_path: Path) -> None:
    assert "It is on shelf" in run("templates", data, "--field", "answer")[1]
    assert "\x1b" not in run("templates", data, "--field", "answer")[1]
    code, _, err = run("templates", data, "-o", tmp_path / "groups.xlsx")
    assert code == 2
    assert ".parquet, .jsonl, .csv" in err


def test_the_templates_of_the_shared_prompts(run: Run, tmp_path: Path, shared_data: Path) -> None:
    """An eighth of them here, so that the test is short; benchmarks/templates.py has all: 0.87."""
    source = shared_data / "templates" / "t0_90_templates.jsonl"
    lines = source.read_text(encoding="utf-8").split("\n")[::8]
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    run("templates", path, "-o", tmp_path / "groups.parquet")
    truth = [json.loads(line)["template"] for line in lines if line]
    assert adjusted_rand_score(truth, pl.read_parquet(tmp_path / "groups.parquet")["group"].to_list()) >= 0.8
