"""Derived classes: each finds what is planted, takes its time only when asked, and agrees with the known truth of real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sde_core.checks import balance_derived
from sde_core.checks.balance import BalanceReport, balance_of, class_balance, derived_column, field_columns
from sde_core.checks.balance_derived import DERIVED, DerivedInput, derived_named, takes_long
from sde_core.checks.balance_targets import drop_plan, parsed_target, verdict
from sde_core.dataset import open_dataset
from sde_core.features.fields import scalar_fields
from sde_core.features.length_bands import BAND_NAMES

Write = Callable[..., Path]

ENGLISH = "The parcel that you have sent to us will arrive on {n} of this month."
GERMAN = "Das Paket, das Sie an uns gesendet haben, wird am {n}. dieses Monats bei uns sein."
CHINESE = "您寄给我们的包裹将于本月{n}日到达。"
REFUSAL = "I'm sorry, but I can't help with that."


def report(path: Path, *fields: str) -> BalanceReport:
    return class_balance(open_dataset(path), fields)


def answered(*answers: str) -> list[dict[str, Any]]:
    return [{"instruction": f"When does parcel number {n} arrive?", "output": answer.format(n=n)} for n, answer in enumerate(answers)]


def counts(found: BalanceReport, field: str) -> dict[str, int]:
    return {counted.name: counted.count for counted in found.field(field).classes}


def test_answer_languages(write_jsonl: Write) -> None:
    found = report(write_jsonl(answered(*[ENGLISH] * 5, *[GERMAN] * 3, *[CHINESE] * 2, "42")))
    assert counts(found, "answer-language") == {"en": 5, "de": 3, "zh": 2, "und": 1}
    assert found.column("answer-language").rows_of("de").tolist() == [5, 6, 7]
    assert found.column("answer-language").definitions["zh"] == "Chinese"
    assert "prompt-language" not in [balance.field for balance in found.fields]


def test_refused_or_not_by_the_same_rule_as_the_kind_of_answer(write_jsonl: Write) -> None:
    found = report(write_jsonl(answered(*[ENGLISH] * 6, REFUSAL, REFUSAL)))
    assert counts(found, "refused") == {"no": 6, "yes": 2}
    assert found.column("refused").rows_of("yes").tolist() == found.column("answer-kind").rows_of("refusal").tolist() == [6, 7]


def test_lengths_in_fixed_bands_in_their_order(write_jsonl: Write) -> None:
    found = report(write_jsonl(answered(*[ENGLISH] * 3, "Yes, it will.", "word " * 60)))
    assert counts(found, "answer-length") == {"11-50 words": 3, "1-10 words": 1, "51-200 words": 1}
    assert found.column("answer-length").order == BAND_NAMES


def test_shapes(write_jsonl: Write) -> None:
    found = report(write_jsonl(answered(*[ENGLISH] * 4, "- one\n- two\n- three", "- four\n- five\n- six")))
    assert counts(found, "answer-shape") == {"text": 4, "a list": 2}


def test_templates_and_topics_on_request_only(write_jsonl: Write) -> None:
    flights = [{"instruction": f"Translate to French: the flight to airport {n} is late", "output": "x y"} for n in range(40)]
    recipes = [{"instruction": f"Which flour and butter does cake recipe {n} need?", "output": "x y"} for n in range(40)]
    path = write_jsonl([*flights, *recipes])
    assert report(path).waiting == ("prompt-template", "topic")
    found = report(path, "topic", "prompt-template")
    assert found.waiting == ()
    (first, *_) = found.column("prompt-template").rows_of(found.field("prompt-template").classes[0].name)
    assert first in (0, 40)
    by_topic = [set(found.column("topic").rows_of(counted.name) < 40) for counted in found.field("topic").classes]
    assert all(len(sides) == 1 for sides in by_topic)
    assert any("flight" in words or "airport" in words for words in found.column("topic").definitions.values())


def test_topics_are_kept_between_runs(write_jsonl: Write, tmp_path: Path) -> None:
    dataset = open_dataset(write_jsonl([{"instruction": f"Where is the library of town {n}?", "output": "x"} for n in range(30)]))
    first = class_balance(dataset, ["topic"], cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache" / "embeddings").rglob("*.npz"))
    assert class_balance(dataset, ["topic"], cache_dir=tmp_path / "cache").field("topic") == first.field("topic")


def test_what_takes_long_waits_until_it_is_asked_for(write_jsonl: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_jsonl(answered(*[ENGLISH] * 5, *[GERMAN] * 3, REFUSAL))
    monkeypatch.setattr(balance_derived, "UNASKED_SECONDS", 1e-4)
    found = report(path)
    assert {"answer-language", "prompt-language", "topic"} <= set(found.waiting)
    assert "answer-kind" in [balance.field for balance in found.fields]
    assert counts(report(path, "answer-language"), "answer-language")["de"] == 3


def test_at_a_million_rows_only_what_is_quick_is_computed_unasked() -> None:
    unasked = {derived.name for derived in DERIVED if not takes_long(derived, 1_000_000)}
    assert {"answer-kind", "refused", "turns", "split"} <= unasked
    assert not {"answer-language", "topic", "prompt-template"} & unasked


def test_a_field_computed_later_joins_the_report_in_its_place(write_jsonl: Write) -> None:
    dataset = open_dataset(write_jsonl(answered(*[ENGLISH] * 20, *[REFUSAL] * 20)))
    before = class_balance(dataset)
    derived = derived_named("topic")
    assert derived is not None
    after = before.with_column(derived_column(derived, DerivedInput(dataset, dataset.texts())))
    assert after.waiting == ("prompt-template",)
    assert [balance.field for balance in after.fields] == [*(balance.field for balance in before.fields), "topic"]


def test_names_are_distinct_and_have_a_meaning() -> None:
    assert len({derived.name for derived in DERIVED}) == len(DERIVED)
    assert all(derived.meaning and derived.seconds > 0 for derived in DERIVED)
    assert derived_named("no such") is None


def test_a_field_of_the_data_keeps_its_name(write_jsonl: Write) -> None:
    records = [{**record, "topic": "ab"[n % 2]} for n, record in enumerate(answered(*[ENGLISH] * 40))]
    found = report(write_jsonl(records))
    assert found.field("topic").source == "label"
    assert "topic" not in found.waiting


# ---- real files


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("labels/sms.tsv", "column_1", {"ham": 4827, "spam": 747}),
        ("labels/imdb_train.jsonl", "label", 12_500),
        ("instruct/dolly_3k.json", "category", 8),
    ],
)
def test_known_truths(shared_data: Path, name: str, field: str, expected: Any) -> None:
    dataset = open_dataset(shared_data / name)
    found = balance_of(field_columns(scalar_fields(dataset), dataset.layout, dataset.texts().height), dataset.texts().height)
    classes = counts(found, field)
    if isinstance(expected, dict):
        assert classes == expected
    elif expected == 8:
        assert len(classes) == 8
    else:
        assert set(classes.values()) == {expected}
        assert found.field(field).evenness == 1.0


def test_refusals_to_five_per_cent_in_a_real_file(shared_data: Path) -> None:
    found = report(shared_data / "formats/glaive_toolcall_en_demo.json")
    target = parsed_target("refusal=5%")
    kinds = found.field("answer-kind")
    one, plan = verdict(kinds, target), drop_plan(kinds, [target])
    assert (one.count, one.verdict) == (44, "over")
    left = one.count - one.drop
    assert left / (kinds.rows - one.drop) <= 0.05 < (left + 1) / (kinds.rows - one.drop + 1)
    assert plan.drop == {"refusal": one.drop, None: 0}
