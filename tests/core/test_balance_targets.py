"""Target shares: the exact number of rows to drop or to add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.balance import BalanceReport, ClassColumn, FieldBalance, balance_of, class_balance, field_balance
from sde_core.checks.balance_targets import Target, drop_plan, field_of_target, parsed_target, verdict
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError

Write = Callable[..., Path]


def column(counts: Sequence[int], name: str = "label") -> ClassColumn:
    codes = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    rows = np.arange(len(codes), dtype=np.uint32)
    return ClassColumn(name, "label", (name,), rows, codes, tuple(f"c{n}" for n in range(len(counts))), len(codes), {})


def balance(*counts: int) -> FieldBalance:
    return field_balance(column(counts))


@given(st.lists(st.integers(1, 300), min_size=2, max_size=5), st.integers(0, 99).map(lambda per_cent: per_cent / 100))
def test_no_smaller_number_would_do(counts: list[int], share: float) -> None:
    found = verdict(balance(*counts), Target("c0", share))
    count, total = counts[0], sum(counts)
    if found.verdict == "over":
        assert (count - found.drop) <= share * (total - found.drop) + 1e-6
        assert (count - found.drop + 1) > share * (total - found.drop + 1) - 1e-6
        assert found.add == 0
    elif found.verdict == "under":
        assert (count + found.add) >= share * (total + found.add) - 1e-6
        assert (count + found.add - 1) < share * (total + found.add - 1) + 1e-6
        assert found.drop == 0
    else:
        assert found.drop == found.add == 0
        assert abs(count - share * total) <= 0.5


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.05, ("over", 31, 0)), (0.2, ("under", 0, 20)), (44 / 300, ("met", 0, 0)), (0.0, ("over", 44, 0)), (0.1467, ("met", 0, 0))],
)
def test_by_hand(share: float, expected: tuple[str, int, int]) -> None:
    found = verdict(balance(44, 256), Target("c0", share))
    assert (found.verdict, found.drop, found.add) == expected
    assert (found.count, found.share) == (44, 44 / 300)


def test_a_class_that_does_not_occur_yet() -> None:
    found = verdict(balance(90, 10), Target("new", 0.1))
    assert (found.verdict, found.add, found.count) == ("under", 12, 0)
    assert 12 >= 0.1 * 112


@given(st.lists(st.integers(1, 200), min_size=2, max_size=5), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_a_plan_meets_all_targets_with_as_many_rows_as_possible(counts: list[int], weights: list[int]) -> None:
    weights = weights[: len(counts) - 1]
    shares = [weight / (sum(weights) + 40) for weight in weights]
    targets = [Target(f"c{n}", share) for n, share in enumerate(shares)]
    plan = drop_plan(balance(*counts), targets)
    kept = [counts[n] - plan.drop[f"c{n}"] for n in range(len(targets))]
    rest = sum(counts[len(targets) :])
    kept_rest = rest - plan.drop[None]
    assert plan.keep == sum(kept) + kept_rest
    assert all(0 <= count <= counts[n] for n, count in enumerate(kept))
    assert 0 <= kept_rest <= rest
    assert all(abs(count - share * plan.keep) <= 1.5 for count, share in zip(kept, shares, strict=True))
    larger = plan.keep + len(targets) + 2
    assert any(share * larger > counts[n] for n, share in enumerate(shares)) or (1 - sum(shares)) * larger > rest


def test_targets_for_all_classes_and_for_none_of_one() -> None:
    assert drop_plan(balance(50, 100), [Target("c0", 0.5), Target("c1", 0.5)]).to_json()["drop"] == {"c0": 0, "c1": 50, "other classes": 0}
    plan = drop_plan(balance(10, 90), [Target("c0", 0.0)])
    assert (plan.keep, plan.drop) == (90, {"c0": 10, None: 0})


def test_one_exceeded_target_takes_rows_of_its_class_only() -> None:
    plan = drop_plan(balance(4, 96), [Target("c0", 0.02)])
    assert (plan.keep, plan.drop) == (97, {"c0": 3, None: 0})
    assert plan.drop["c0"] == verdict(balance(4, 96), Target("c0", 0.02)).drop


def test_targets_beyond_the_whole() -> None:
    with pytest.raises(UsageError, match="add up to 120%"):
        drop_plan(balance(5, 5), [Target("c0", 0.6), Target("c1", 0.6)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refusal=5%", Target("refusal", 0.05)),
        ("refusal=0.05", Target("refusal", 0.05)),
        (" a = b =12.5 %", Target("a = b", 0.125)),
        ("x=.5", Target("x", 0.5)),
        ("x=0", Target("x", 0.0)),
    ],
)
def test_parsing(text: str, expected: Target) -> None:
    assert parsed_target(text) == expected


@pytest.mark.parametrize("text", ["refusal", "refusal=", "=5%", "refusal=many", "refusal=-5%", "refusal=5", "refusal=100%", "refusal=120%"])
def test_parsing_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        parsed_target(text)


def two_fields() -> BalanceReport:
    return balance_of([column([5, 5], "label"), column([3, 4, 3], "source")], 10)


def test_a_class_in_several_fields_needs_its_field() -> None:
    assert field_of_target(two_fields(), Target("c2", 0.1)).field == "source"
    with pytest.raises(UsageError, match="Several fields") as error:
        field_of_target(two_fields(), Target("c0", 0.1))
    assert "--field source" in error.value.hint
    assert field_of_target(two_fields(), Target("c0", 0.1), "label").field == "label"
    with pytest.raises(UsageError, match="No field has"):
        field_of_target(two_fields(), Target("zzz", 0.1))
    with pytest.raises(UsageError, match="has no class 'c2'"):
        field_of_target(two_fields(), Target("c2", 0.1), "label")


def test_a_kind_of_answer_may_be_absent(write_jsonl: Write) -> None:
    report = class_balance(open_dataset(write_jsonl([{"instruction": f"q {n}", "output": f"It is {n} o'clock."} for n in range(20)])))
    found = verdict(field_of_target(report, Target("refusal", 0.05)), Target("refusal", 0.05))
    assert (found.field, found.count, found.add) == ("answer-kind", 0, 2)


def test_a_kind_of_answer_goes_before_other_computed_classes(write_jsonl: Write) -> None:
    answers = ["", *(f"It is {n} o'clock." for n in range(9))]
    report = class_balance(open_dataset(write_jsonl([{"instruction": f"q {n}", "output": answer} for n, answer in enumerate(answers)])))
    assert [balance.field for balance in report.fields if balance.count_of("empty")] == ["answer-kind", "answer-shape"]
    assert field_of_target(report, Target("empty", 0.0)).field == "answer-kind"
    assert field_of_target(report, Target("empty", 0.0), "answer-shape").field == "answer-shape"


@pytest.mark.parametrize(("share", "hint"), [("200%", "5% and 0.05 are the same share."), ("5", "Write 5% for per cent.")])
def test_a_share_beyond_the_whole_is_refused_with_a_way_out(share: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parsed_target(f"refusal={share}")
    assert raised.value.hint == hint
