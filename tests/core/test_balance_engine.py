"""Label-like fields, counts, entropy, variants, rare classes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks import run_checks
from sde_core.checks.balance import BalanceReport, class_balance, folded_label, label_variants
from sde_core.checks.fixes import fix_edits
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError

Write = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]


def report(path: Path, *fields: str) -> BalanceReport:
    return class_balance(open_dataset(path), fields)


def labelled(counts: dict[str, int], field: str = "label", **others: Any) -> list[dict[str, Any]]:
    names = [name for name, count in counts.items() for _ in range(count)]
    return [{"text": f"this is text number {n} of all", field: name, **others} for n, name in enumerate(names)]


def test_counts_shares_entropy_and_imbalance(write_jsonl: Write) -> None:
    found = report(write_jsonl(labelled({"a": 50, "b": 25, "c": 25}))).field("label")
    assert [(counted.name, counted.count, counted.share) for counted in found.classes] == [("a", 50, 0.5), ("b", 25, 0.25), ("c", 25, 0.25)]
    assert found.entropy == pytest.approx(1.5)
    assert found.evenness == pytest.approx(1.5 / math.log2(3))
    assert found.imbalance == 2.0
    assert (found.rows, found.missing, found.rare, found.source) == (100, 0, (), "label")


def test_rows_of_a_class_and_rows_without_one(write_jsonl: Write) -> None:
    records = labelled({"a": 5, "b": 5})
    del records[0]["label"]
    records[7]["label"] = None
    found = report(write_jsonl(records))
    assert found.column("label").rows_of("a").tolist() == [1, 2, 3, 4]
    assert found.column("label").rows_of("b").tolist() == [5, 6, 8, 9]
    assert found.column("label").rows_of("zzz").tolist() == []
    assert found.field("label").missing == 2


def test_rare_classes(write_jsonl: Write) -> None:
    assert report(write_jsonl(labelled({"a": 60, "b": 39, "c": 1}))).field("label").rare == ("c",)
    assert report(write_jsonl(labelled({"a": 20, "b": 19}))).field("label").rare == ()


def test_which_fields_look_like_labels(write_jsonl: Write) -> None:
    records = [
        {
            "instruction": f"a text of its own, number {n}",
            "output": f"It is {n}.",
            "id": n,
            "uuid": f"id-{n}",
            "date": f"2024-01-{n % 20 + 1:02d}",
            "length": n % 40,
            "constant": "always",
            "meta": {"source": f"s{n % 3}", "rank": n % 5},
            "flag": n % 2 == 0,
            "note": f"Some longer remark that is repeated {n % 2} times and goes on for far more than sixty characters in all",
            "tags": ["x"] if n % 2 else ["x", "y"],
        }
        for n in range(200)
    ]
    names = [found.field for found in report(write_jsonl(records)).fields]
    assert names == ["meta.source", "meta.rank", "flag", "tags[]", "answer-kind"]


def test_answers_that_are_labels(write_jsonl: Write) -> None:
    sentiments = [{"instruction": f"Classify text {n}.", "output": ("positive", "negative", "neutral")[n % 3]} for n in range(60)]
    assert report(write_jsonl(sentiments)).field("output").count_of("neutral") == 20
    prose = [{"instruction": "Say something.", "output": f"Sentence number {n} is here."} for n in range(60)]
    assert [found.field for found in report(write_jsonl(prose, "prose.jsonl")).fields] == ["answer-kind"]


def test_a_multi_valued_field_counts_rows_once_a_class(write_jsonl: Write) -> None:
    records = [{"text": f"t {n}", "tags": ["a", "b"] if n < 10 else ["a"]} for n in range(20)]
    found = report(write_jsonl(records)).field("tags[]")
    assert found.rows == 20
    assert [(counted.name, counted.count, counted.share) for counted in found.classes] == [("a", 20, 1.0), ("b", 10, 0.5)]


def test_derived_classes(write_jsonl: Write) -> None:
    def chat(system: bool, turns: int, answer: str) -> dict[str, Any]:
        said = [{"role": ("user", "assistant")[n % 2], "content": f"turn {n}"} for n in range(turns - 1)] + [{"role": "assistant", "content": answer}]
        return {"messages": ([{"role": "system", "content": "Be kind."}] if system else []) + said}

    found = report(
        write_jsonl([chat(True, 2, "I'm sorry, but I can't help with that."), chat(False, 4, "Fine, then let us go."), chat(False, 2, "42")])
    )
    assert {counted.name for counted in found.field("answer-kind").classes} == {"refusal", "short", "number"}
    assert found.column("answer-kind").rows_of("refusal").tolist() == [0]
    assert found.column("answer-kind").definitions["refusal"]
    assert found.field("system-prompt").count_of("with") == 1
    assert {counted.name: counted.count for counted in found.field("turns").classes} == {"2": 1, "3": 1, "4": 1}


def test_splits_are_classes(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"train": [{"text": "a b", "label": "x"}] * 3, "test": [{"text": "c d", "label": "y"}]}))
    assert {counted.name: counted.count for counted in report(path).field("split").classes} == {"train": 3, "test": 1}


def test_a_field_of_the_data_goes_before_a_computed_one(write_jsonl: Write) -> None:
    found = report(write_jsonl([{"instruction": f"q {n}", "output": f"It is {n}.", "split": "train" if n < 30 else "test"} for n in range(40)]))
    assert found.field("split").source == "field"
    assert [balance.field for balance in found.fields].count("split") == 1


def test_a_field_can_be_asked_for(write_jsonl: Write) -> None:
    path = write_jsonl([{"text": f"text {n}", "year": 1950 + n % 40} for n in range(80)])
    assert "year" not in [found.field for found in report(path).fields]
    assert len(report(path, "year").field("year").classes) == 40
    with pytest.raises(UsageError, match="no field 'colour'"):
        report(path, "colour")
    with pytest.raises(UsageError, match="no classes"):
        report(write_jsonl([{"text": f"text {n}", "id": f"i{n}"} for n in range(1500)], "ids.jsonl"), "id")


def test_an_unknown_field_names_those_there_are(write_jsonl: Write) -> None:
    with pytest.raises(UsageError, match="label-like field 'x'") as error:
        report(write_jsonl(labelled({"a": 5, "b": 5}))).field("x")
    assert "label, answer-kind" in error.value.hint


def test_no_label_field_and_no_rows(write_jsonl: Write) -> None:
    assert [found.field for found in report(write_jsonl([{"text": "only one row"}])).fields] == ["answer-kind"]
    assert report(write_jsonl([b"{broken", b'{"text": "x"}'], "b.jsonl")).rows == 1


def test_the_order_of_rows_does_not_matter(write_jsonl: Write) -> None:
    records = labelled({"a": 7, "b": 7, "c": 2})
    forward, backward = report(write_jsonl(records)), report(write_jsonl(records[::-1], "r.jsonl"))
    assert [found.to_json() for found in forward.fields] == [found.to_json() for found in backward.fields]


@pytest.mark.parametrize("name", ["Billing", "billing ", "BILLING", "billing.", '"billing"', "ｂilling"])
def test_spellings_of_one_label(name: str) -> None:
    assert folded_label(name) == "billing"


@pytest.mark.parametrize(("one", "other"), [("-1", "1"), ("C", "C++"), ("C", "C#"), ("yes", "no"), ("a b", "ab"), ("1.5", "15")])
def test_labels_that_differ(one: str, other: str) -> None:
    assert folded_label(one) != folded_label(other)


def test_separators_are_one() -> None:
    assert folded_label("book_flight") == folded_label("Book Flight") == folded_label("book-flight")


@given(st.lists(st.text(max_size=6), unique=True, max_size=12))
def test_variants_partition_the_classes(names: list[str]) -> None:
    variants = label_variants(names)
    members = [name for several in variants for name in several]
    assert len(members) == len(set(members))
    assert all(len(several) > 1 and len({folded_label(name) for name in several}) == 1 for several in variants)
    assert all(names.index(several[0]) == min(map(names.index, several)) for several in variants)


def test_a_variant_is_a_finding_with_a_fix_that_works(write_jsonl: Write) -> None:
    records = labelled({"billing": 40, "Billing ": 3, "refund": 30})
    records[50]["meta"] = {"unused": 1}
    dataset = open_dataset(write_jsonl(records))
    (finding,) = run_checks(dataset, ("label-variant",)).findings
    assert (finding.severity, finding.rows, finding.field, finding.fix, finding.replacement) == (
        "warning",
        (40, 41, 42),
        "label",
        "canonical-label",
        "billing",
    )
    assert "'Billing ' 3 times, 'billing' 40 times" in finding.evidence
    edits = fix_edits(dataset, [finding])
    assert [(edit.row, edit.path, edit.before, edit.after) for edit in edits] == [(row, ("label",), "Billing ", "billing") for row in (40, 41, 42)]


def test_a_nested_variant_is_fixed_in_place(write_jsonl: Write) -> None:
    records = [{"text": f"text {n}", "meta": {"kind": "Web" if n < 4 else "web" if n < 30 else "mail"}} for n in range(60)]
    dataset = open_dataset(write_jsonl(records))
    (finding,) = run_checks(dataset, ("label-variant",)).findings
    assert finding.field == "meta.kind"
    assert len(fix_edits(dataset, [finding])) == 4


def test_rare_classes_are_one_finding_a_field(write_jsonl: Write) -> None:
    path = write_jsonl(labelled({"a": 80, "b": 78, "c": 2, "d": 1}))
    (finding,) = run_checks(open_dataset(path), ("rare-class",)).findings
    assert (finding.severity, finding.rows, finding.field) == ("info", (158, 159, 160), "label")
    assert finding.evidence == "c 2, d 1"


def test_planted_label_variants_are_found(sample_dataset: Path) -> None:
    truth = json.loads((ROOT / "sample_data" / "support.truth.json").read_text())
    found = {row for finding in run_checks(open_dataset(sample_dataset), ("label-variant",)).findings for row in finding.rows}
    planted = {fault["row"] for fault in truth["faults"]["label_variant"]}
    assert planted <= found
    assert not found & set(truth["clean_rows"])


def test_known_classes_of_real_data(shared_data: Path) -> None:
    sms = report(shared_data / "labels/sms.tsv").fields[0]
    assert [(counted.name, counted.count) for counted in sms.classes] == [("ham", 4827), ("spam", 747)]
    assert sms.source == "label"
    clinc = report(shared_data / "labels/clinc_full.json")
    assert len(clinc.fields[0].classes) == 151
    assert len(clinc.field("split").classes) == 6
    assert len(report(shared_data / "instruct/dolly_3k.json").field("category").classes) == 8
    nested = [found.field for found in report(shared_data / "math/gsm8k_model_solutions.jsonl").fields]
    assert "175b_verification.is_correct" in nested
