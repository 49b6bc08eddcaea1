"""Leaks: rows that held-out files and benchmarks hold too."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.duplicates.leakage import LeakParams, LeakReport, find_leaks
from sde_core.checks.duplicates.ngrams import shared_runs
from sde_core.cli.main import main
from sde_core.dataset import open_dataset
from sde_core.project import Project

Rows = list[dict[str, Any]]
Write = Callable[..., Path]

QUESTION = "a farmer has seventeen brown sheep and nine white goats and sells four of the sheep at the market how many animals stay"


def row(prompt: str, answer: str) -> dict[str, str]:
    return {"instruction": prompt, "output": answer}


def words(count: int, seed: int) -> str:
    letters = random.Random(seed)
    return " ".join("".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(count))


def leaks_between(write_jsonl: Write, train: Rows, held_out: Rows, params: LeakParams | None = None) -> LeakReport:
    return find_leaks(open_dataset(write_jsonl(train, "train.jsonl")), [open_dataset(write_jsonl(held_out, "held.jsonl"))], params)


def test_each_kind_is_named_by_what_it_is(write_jsonl: Write) -> None:
    long = words(40, 1)
    held_out = [row("Name a colour.", "Red."), row("Name a fruit.", "A pear."), row(long, "Yes."), row(QUESTION, "22")]
    train = [
        row("Name a colour.", "Red."),
        row("name a  fruit", "a pear"),
        row("Name a fruit.", "An apple, and here is a long story of it."),
        row(long.replace(long.split()[20], "changed"), "Yes."),
        row(f"Here is a riddle: {QUESTION}. Explain it. {words(60, 2)}", words(50, 3)),
        row("Nothing of the kind.", "Indeed not."),
    ]
    report = leaks_between(write_jsonl, train, held_out)
    assert [(leak.row, leak.kind, leak.other_row) for leak in report.leaks] == [
        (0, "exact", 0), (1, "normalised", 1), (2, "prompt", 1), (3, "near", 2), (4, "ngram", 3),
    ]  # fmt: skip
    assert report.leaked_of_other == (4,)
    assert "seventeen brown sheep" in report.leaks[4].evidence


def test_the_surest_kind_over_all_files_is_reported(write_jsonl: Write) -> None:
    train = open_dataset(write_jsonl([row("Name a colour.", "Red.")], "train.jsonl"))
    others = [open_dataset(write_jsonl([row("Name a colour.", answer)], f"{answer}.jsonl")) for answer in ("Blue", "Red.")]
    (leak,) = find_leaks(train, others).leaks
    assert (leak.kind, Path(leak.against).name) == ("exact", "Red..jsonl")


def test_phrases_that_many_rows_share_are_no_leak(write_jsonl: Write) -> None:
    phrase = "below is an instruction that describes a task please write a response that completes the request well"
    train = [row(f"{phrase} {words(5, seed)}", words(10, 100 + seed)) for seed in range(30)]
    assert not leaks_between(write_jsonl, train, [row(f"{phrase} {words(4, 99)}", words(12, 999))]).leaks
    few = leaks_between(write_jsonl, train[:5], [row(f"{phrase} {words(4, 99)}", words(12, 999))])
    assert {leak.kind for leak in few.leaks} == {"ngram"}


def test_a_run_of_signs_and_small_numbers_is_no_leak() -> None:
    sum_of = "so 48 + 24 = <<48+24=72>> 72 and 48 + 24 = <<48+24=72>> 72"
    assert not list(shared_runs([f"{words(6, 1)} {sum_of} {words(5, 2)}"], [f"{words(7, 3)} {sum_of} {words(4, 4)}"]))


def test_empty_texts_are_like_nothing(write_jsonl: Write) -> None:
    assert not leaks_between(write_jsonl, [row("", ""), row("?", "!")], [row("", ""), row("...", "")]).leaks


def test_without_runs_only_the_other_kinds_are_looked_for(write_jsonl: Write) -> None:
    train, held_out = [row(f"{words(30, 1)} {QUESTION}", "a")], [row(QUESTION, "b")]
    assert leaks_between(write_jsonl, train, held_out).leaks
    assert not leaks_between(write_jsonl, train, held_out, LeakParams(ngram=0)).leaks


@given(st.integers(0, 60), st.integers(13, 30), st.integers(0, 40))
def test_a_planted_run_is_found_wherever_it_stands(before: int, length: int, after: int) -> None:
    run = words(length, 7)
    (found,) = shared_runs([f"{words(before, 8)} {run.upper()}! {words(after, 9)}"], [words(50, 10), f"{words(3, 11)}, {run} {words(2, 12)}"])
    assert (found.position, found.other) == (0, 1)
    assert found.words.split()[:length] == run.split()[:30]


@given(st.integers(0, 12))
def test_shorter_runs_do_not_count(length: int) -> None:
    run = words(length, 7)
    assert not list(shared_runs([f"{words(20, 8)} {run} {words(20, 9)}"], [f"{words(20, 10)} {run} {words(20, 11)}"]))


@pytest.fixture
def files(write_jsonl: Write) -> tuple[Path, Path]:
    train = write_jsonl([row("Name a colour.", "Red."), row("Name \x1b]0;x\x07 a fruit.", "Pear."), row("Free of it.", "Yes.")], "train.jsonl")
    return train, write_jsonl([row("Name \x1b]0;x\x07 a fruit.", "Plum."), row("name a colour", "red")], "test.jsonl")


def test_the_command_prints_a_group_a_leak(files: tuple[Path, Path], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    train, held_out = files
    assert main(["dups", str(train), "--against", str(held_out), "--json"]) == 0
    printed = json.loads(capsysbinary.readouterr().out)
    assert [(group["kind"], group["rows"], group["keep"], group["against"]["row"]) for group in printed["groups"]] == [
        ("normalised", [0], None, 1), ("prompt", [1], None, 0),
    ]  # fmt: skip
    assert (printed["rows"], printed["leaked"]) == (3, 2)
    assert printed["against"] == [{"path": str(held_out), "rows": 2, "matched": 2}]


def test_the_command_shows_no_control_character(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    train, held_out = files
    assert main(["dups", str(train), "--against", str(held_out.parent / "te*.jsonl")]) == 0
    shown = capsys.readouterr().out
    assert "2 of 3 rows of the dataset leak." in shown
    assert "\x1b" not in shown


def test_leaked_rows_are_rejected_in_one_decision(files: tuple[Path, Path]) -> None:
    train, held_out = files
    assert main(["dups", str(train), "--against", str(held_out), "--apply"]) == 0
    with_journal = Project.of(train).open_journal(open_dataset(train))
    state = with_journal.state
    assert {int(at): state.reason(int(at)) for at in state.rejected_rows()} == {
        0: "leak: the same, normalised, as row 1 of test.jsonl",
        1: "leak: the prompt of row 0 of test.jsonl",
    }
    assert len(with_journal.decisions) == 1
    with_journal.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "train.jsonl"], "is the dataset itself"),
        (["--against", "test.jsonl", "--ngram", "2"], "at least 5"),
        (["--against", "test.jsonl", "--part", "prompt"], "mean nothing"),
        (["--against", "no.jsonl"], "no.jsonl"),
    ],
)
def test_mistakes_are_told(
    files: tuple[Path, Path], arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files[0].parent)
    assert main(["dups", "train.jsonl", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_same_instructions_under_other_names_are_all_found(shared_data: Path) -> None:
    dataset, other = (open_dataset(shared_data / "instruct" / name) for name in ("new_codealpaca.json", "gpteacher_codegen.json"))
    report = find_leaks(dataset, [other])
    assert (len(report.leaks), report.rows, report.leaked_of_other) == (4535, 4535, (4535,))


def test_files_of_other_origin_share_next_to_nothing(shared_data: Path) -> None:
    medical, dolly = (
        open_dataset(shared_data / "instruct" / "../" / name) for name in ("medical/medical_meadow_small.json", "instruct/dolly_3k.json")
    )
    kinds = Counter(leak.kind for leak in find_leaks(medical, [dolly]).leaks)
    assert sum(kinds.values()) <= 3
