"""Truth from a field: numbers, two classes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sde_core.dataset import Dataset, open_dataset
from sde_core.errors import UsageError
from sde_core.rules.truth import truth_from_field
from tests.conftest import SHARED

Write = Callable[..., Path]


@pytest.fixture
def dataset_of(write_jsonl: Write) -> Callable[..., Dataset]:
    return lambda records: open_dataset(str(write_jsonl(records)))


def row(value: object, **more: object) -> dict[str, object]:
    return {"instruction": "Say something.", "output": "Something.", "score": value, **more}


def test_numbers_are_scaled_and_rows_without_one_left_out(dataset_of: Callable[..., Dataset]) -> None:
    truth = truth_from_field(dataset_of([row(1), row(None), b"{oops", row("5"), row(""), row(3.0), {"instruction": "a", "output": "b"}]), "score")
    assert truth.rows.tolist() == [0, 3, 5]
    assert truth.values.tolist() == [0.0, 1.0, 0.5]
    assert truth.lower.tolist() == truth.upper.tolist() == truth.values.tolist()
    assert (truth.source, truth.by_machine, truth.two_class) == ("field score", False, False)


def test_lower_can_be_better(dataset_of: Callable[..., Dataset]) -> None:
    assert truth_from_field(dataset_of([row(10), row(0), row(5)]), "score", higher_is_better=False).values.tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("said", "positive", "values"),
    [
        ([True, False, True], None, [1, 0, 1]),
        (["Good", "bad", "Good"], None, [1, 0, 1]),
        (["spam", "ham", "ham"], "ham", [0, 1, 1]),
        (["a", "b", "c"], "b", [0, 1, 0]),
        ([3, 4, 5], "4", [0, 1, 0]),
    ],
)
def test_two_classes(dataset_of: Callable[..., Dataset], said: list[object], positive: str | None, values: list[int]) -> None:
    truth = truth_from_field(dataset_of([row(value) for value in said]), "score", positive=positive)
    assert truth.values.tolist() == values
    assert truth.two_class


@pytest.mark.parametrize("field", ["meta.stars", "meta.x.y"])
def test_nested_fields_and_keys_with_dots(dataset_of: Callable[..., Dataset], field: str) -> None:
    records = [row(0, meta={"stars": 1}, **{"meta.x.y": 1}), row(0, meta={"stars": 2}, **{"meta.x.y": 2})]
    assert truth_from_field(dataset_of(records), field).values.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("said", "options", "message"),
    [
        ([1, 1, 1], {}, "the same value in all 3 records"),
        ([None, None], {}, "No record has a value in the field score"),
        ([1, 2, 3, "n/a"], {}, "field score of row 3 is 'n/a', which is no number; so are 0 more"),
        (["spam", "ham"], {}, "two classes, and nothing says which is better: ham or spam"),
        (["a", "b", "c"], {}, "3 different words"),
        (["a", "b"], {"positive": "z"}, "No record has z in the field score. It holds: a, b"),
        ([1], {}, "the same value in all 1 records"),
    ],
)
def test_what_is_no_truth_is_refused(dataset_of: Callable[..., Dataset], said: list[object], options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        truth_from_field(dataset_of([row(value) for value in said]), "score", **options)
    assert message in str(refused.value)


def test_a_missing_field_names_those_there_are(dataset_of: Callable[..., Dataset]) -> None:
    with pytest.raises(UsageError, match="instruction, output, score"):
        truth_from_field(dataset_of([row(1)]), "stars")


def test_where_it_meets_a_table_of_rows_in_another_order(dataset_of: Callable[..., Dataset]) -> None:
    truth = truth_from_field(dataset_of([row(0), row(None), row(1), row(2)]), "score")
    here, there = truth.places_in(np.array([3, 1, 0, 7], np.uint32))
    assert truth.values[there].tolist() == [0.0, 1.0]
    assert here.tolist() == [2, 0]
    json.dumps(truth.to_json())


@pytest.mark.skipif(not (SHARED / "data").exists(), reason="the real data is not at hand")
def test_expert_revisions() -> None:
    truth = truth_from_field(open_dataset(str(SHARED / "data/quality/expert_revised_train.csv")), "score")
    assert len(truth) == 4064
    assert truth.two_class
    assert truth.values.sum() == 2032
