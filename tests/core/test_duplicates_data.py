"""Recall and false alarms on the sample data's truth, and known counts on real data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sde_core.checks.duplicates import KINDS, DuplicateIndex, find_duplicates
from sde_core.checks.duplicates.conflicts import conflicts
from sde_core.dataset import Dataset, open_dataset


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    path = Path(__file__).resolve().parents[2] / "sample_data" / "support.truth.json"
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return open_dataset(Path(__file__).resolve().parents[2] / "sample_data" / "support.jsonl")


@pytest.fixture(scope="module")
def index(sample: Dataset) -> DuplicateIndex:
    return find_duplicates(sample)


def together(index: DuplicateIndex, near: float, kind: str) -> Iterator[set[int]]:
    return ({int(index.rows[position]) for position in members} for members in index.groups(near).of_kind(kind))  # type: ignore[arg-type]


def share_found(index: DuplicateIndex, planted: list[dict[str, Any]], kind: str, near: float = 0.8) -> float:
    groups = list(together(index, near, kind))
    return sum(any({fault["row"], fault["of"]} <= group for group in groups) for fault in planted) / len(planted)


@pytest.mark.parametrize(("kind", "near", "least"), [("exact", 0.8, 1.0), ("normalised", 0.8, 1.0), ("near", 0.8, 1.0), ("near", 0.9, 0.8)])
def test_planted_duplicates_are_found(index: DuplicateIndex, truth: dict[str, Any], kind: str, near: float, least: float) -> None:
    assert share_found(index, truth["faults"][f"{kind}_duplicate"], kind, near) >= least


def test_every_near_duplicate_was_planted(index: DuplicateIndex, truth: dict[str, Any]) -> None:
    """As such, as a paraphrase, or as a copy with another answer or label."""
    planted = {frozenset((fault["row"], fault["of"])) for faults in truth["faults"].values() for fault in faults if "of" in fault}
    near = index.near.at_least(0.8)
    assert {frozenset(pair) for pair in zip(index.rows[near.first].tolist(), index.rows[near.second].tolist(), strict=True)} <= planted


def test_no_clean_row_is_dropped(index: DuplicateIndex, truth: dict[str, Any]) -> None:
    kept = index.kept(index.groups().outer())
    assert not set(truth["clean_rows"]) & set(index.rows[kept.dropped].tolist())


@pytest.mark.parametrize("what", ["label", "answer"])
def test_planted_contradictions_are_found_and_nothing_else(sample: Dataset, truth: dict[str, Any], what: str) -> None:
    planted = {tuple(sorted((fault["row"], fault["of"]))) for fault in truth["faults"][f"conflicting_{what}"]}
    found = {conflict.rows for conflict in conflicts(sample) if conflict.what == what}
    assert planted <= found
    assert len(found - planted) <= 1


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        ("formats/alpaca_en_demo.json", 14),
        ("formats/alpaca_zh_demo.json", 8),
        ("formats/dpo_en_demo.json", 5),
        ("formats/dpo_zh_demo.json", 11),
        ("formats/glaive_toolcall_en_demo.json", 35),
        ("formats/glaive_toolcall_zh_demo.json", 43),
        ("labels/sms.tsv", 403),
        ("medical/medical_meadow_small.json", 92),
    ],
)
def test_known_exact_copies(shared_data: Path, name: str, copies: int) -> None:
    groups = find_duplicates(open_dataset(shared_data / name)).groups().of_kind("exact")
    assert int((groups.sizes - 1).sum()) == copies


def test_known_repeats_after_normalising_and_label_conflicts(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "labels/clinc_full.json")
    table = find_duplicates(dataset).groups(1.0)
    assert sum(int(table.of_kind(kind).sizes.sum()) for kind in KINDS[:2]) >= 67
    assert sum(conflict.what == "label" for conflict in conflicts(dataset)) == 4


def test_a_deduplicated_sample_gives_no_alarm(shared_data: Path) -> None:
    assert len(find_duplicates(open_dataset(shared_data / "instruct/alpaca_5000.json")).groups()) == 0


def test_the_same_instructions_under_other_names(shared_data: Path, tmp_path: Path) -> None:
    """Row i of one file repeats row i of the other."""
    one = json.loads((shared_data / "instruct/new_codealpaca.json").read_text())
    other = json.loads((shared_data / "instruct/gpteacher_codegen.json").read_text())
    path = tmp_path / "both.jsonl"
    texts = [(row["instruction"], row.get("input") or "", row.get("response") or row.get("output")) for row in (*one, *other)]
    path.write_text("".join(json.dumps(dict(zip(("instruction", "input", "output"), text, strict=True))) + "\n" for text in texts))
    groups = list(together(find_duplicates(open_dataset(path)), 0.8, "exact"))
    pairs = {(row, row + len(one)) for row in range(len(one))}
    assert sum(any({row, twin} <= group for group in groups) for row, twin in list(pairs)[:300]) == 300
    assert sum(len(group) for group in groups) == 2 * len(one)
