"""`sde dups`: output, exit codes, decisions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sde_core.cli.main import main
from sde_core.dataset import open_dataset
from sde_core.project import Project

BASE = "the long wooden bridge across the narrow valley was built by the two brothers from the old village"
TEXTS = [
    BASE,
    "entirely different words about bread",
    BASE,
    BASE.upper() + "!",
    BASE.replace("narrow", "deep"),
    "\x1b]52;c;ZXZpbA==\x07 [/INST] hostile",
    "\x1b]52;c;ZXZpbA==\x07 [/INST] hostile",
]


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    return write_jsonl([{"instruction": text, "output": "x" * (n + 1)} for n, text in enumerate(TEXTS)])


@pytest.fixture
def texts(write_jsonl: Callable[..., Path]) -> Path:
    return write_jsonl([{"text": text} for text in TEXTS], "texts.jsonl")


def json_of(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> Any:
    assert main(["dups", *arguments, "--json"]) == 0
    captured = capsysbinary.readouterr()
    assert captured.err == b""
    return json.loads(captured.out)


def rejected(path: Path) -> dict[int, str]:
    with_journal = Project.of(path).open_journal(open_dataset(path))
    state = with_journal.state
    reasons = {int(row): state.reason(int(row)) for row in state.rejected_rows()}
    with_journal.close()
    return reasons


def test_the_json_is_exactly_as_promised(texts: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    groups = json_of(capsysbinary, str(texts))["groups"]
    assert [(group["kind"], group["rows"], group["keep"]) for group in groups] == [
        ("exact", [0, 2], 0),
        ("exact", [5, 6], 5),
        ("normalised", [0, 2, 3], 0),
        ("near", [0, 2, 3, 4], 0),
    ]
    assert all(set(group) == {"kind", "rows", "keep", "score"} for group in groups)
    assert [group["score"] for group in groups[:3]] == [1.0, 1.0, 1.0]
    assert 0.8 <= groups[3]["score"] < 1


def test_thresholds_parts_and_policies(data: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert [group["kind"] for group in json_of(capsysbinary, str(data), "--part", "prompt", "--near", "1")["groups"]] == [
        "exact",
        "exact",
        "normalised",
    ]
    longest = json_of(capsysbinary, str(data), "--part", "prompt", "--keep", "longest")["groups"]
    assert longest[-1] == {"kind": "near", "rows": [0, 2, 3, 4], "keep": 4, "score": longest[-1]["score"]}
    assert json_of(capsysbinary, str(data), "--part", "prompt", "--keep", "quality")["groups"][0]["rows"] == [0, 2]


def test_semantic_only_when_asked_for(texts: Path, capsysbinary: pytest.CaptureFixture[bytes], write_jsonl: Callable[..., Path]) -> None:
    path = write_jsonl(
        [{"text": text} for text in ("How can I reset my account password?", "What is the way to reset the password of my account?")], "s.jsonl"
    )
    assert json_of(capsysbinary, str(path))["groups"] == []
    (group,) = json_of(capsysbinary, str(path), "--semantic", "0.8")["groups"]
    assert (group["kind"], group["rows"]) == ("semantic", [0, 1])
    assert json_of(capsysbinary, str(path), "--semantic", "0.999")["groups"] == []


def test_text_is_readable_and_harmless(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dups", str(texts)]) == 0
    out = capsys.readouterr().out
    assert "exact             2 groups" in out
    assert "Keeping the row that comes first drops 4 of 7 rows." in out
    assert "near · 4 rows · weakest link 0." in out
    assert "\x1b" not in out
    assert "[/INST] hostile" in out
    assert "semantic    not computed (--semantic 0.9)" in out


def test_show_limits_the_list(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dups", str(texts), "--show", "0"]) == 0
    out = capsys.readouterr().out
    assert "keep" not in out
    assert "… and 1 more near groups" in out


def test_apply_rejects_with_reasons_once_and_undo_brings_back(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dups", str(texts), "--apply"]) == 0
    assert "sde undo" in capsys.readouterr().err
    reasons = rejected(texts)
    assert set(reasons) == {2, 3, 4, 6}
    assert reasons[2] == "exact duplicate of row 0, which comes first"
    assert reasons[3] == "normalised duplicate of row 0, which comes first"
    assert reasons[4].startswith("near-duplicate (0.")
    assert main(["dups", str(texts), "--apply"]) == 0
    assert "Nothing to drop." in capsys.readouterr().err
    assert main(["undo", str(texts)]) == 0
    assert rejected(texts) == {}


def test_decisions_made_before_are_respected(texts: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A rejected row is no keeper: its copies would all be gone. An accepted row is the keeper."""
    assert main(["decide", str(texts), "reject", "0", "--reason", "bad"]) == 0
    assert main(["decide", str(texts), "accept", "6"]) == 0
    capsysbinary.readouterr()
    groups = json_of(capsysbinary, str(texts))["groups"]
    assert [(group["rows"], group["keep"]) for group in groups] == [([5, 6], 6), ([2, 3], 2), ([2, 3, 4], 2)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--near", "0.2"], "0.5<=x<=1"), (["--part", "title"], "title"), (["--keep", "best"], "best"), (["--semantic", "7"], "range")],
)
def test_what_makes_no_sense_exits_with_2(texts: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(["dups", str(texts), *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_a_missing_file_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dups", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
