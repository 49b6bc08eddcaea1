"""Rows that contradict each other, and duplicates as findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sde_core.checks import run_checks
from sde_core.checks.duplicates.conflicts import Conflict, conflicts
from sde_core.checks.findings import Finding
from sde_core.dataset import open_dataset

Write = Callable[..., Path]
DUPLICATE_CHECKS = ("exact-duplicate", "normalised-duplicate", "near-duplicate", "conflicting-labels", "conflicting-answers")


def answered(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"instruction": prompt, "output": answer} for prompt, answer in pairs]


def found(path: Path) -> list[Conflict]:
    return conflicts(open_dataset(path))


def findings(path: Path, only: tuple[str, ...] = DUPLICATE_CHECKS) -> list[Finding]:
    return list(run_checks(open_dataset(path), only).findings)


def test_one_text_under_two_labels(write_jsonl: Write) -> None:
    texts = [("turn it up", "volume"), ("Turn it up!", "whisper"), ("turn it up", "volume"), *((f"text {n}", "volume") for n in range(9))]
    path = write_jsonl([{"text": text, "label": label} for text, label in texts])
    (conflict,) = found(path)
    assert (conflict.what, conflict.rows, conflict.values, conflict.minority) == ("label", (0, 1, 2), ("volume", "whisper", "volume"), (1,))
    (finding,) = findings(path, ("conflicting-labels",))
    assert finding.severity == "error"
    assert finding.rows[0] == 1
    assert "whisper" in finding.evidence


def test_a_tie_names_no_minority(write_jsonl: Write) -> None:
    path = write_jsonl([{"text": "a b", "label": "x"}, {"text": "a b", "label": "y"}, *({"text": f"t{n}", "label": "x"} for n in range(4))])
    assert found(path)[0].minority == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Come on Wednesday at 2 pm for the knitting.", "Come on Tuesday at 2 pm for the knitting."),
        ("You can keep the carpet cleaner for two days, says card T40.", "You can keep the carpet cleaner for eight days, says card T40."),
        ("The deposit on the projector is £40, and you get it back later.", "The deposit on the projector is £43, and you get it back later."),
        ("It is allowed to bring a dog along to the main reading room.", "It is not allowed to bring a dog along to the main reading room."),
    ],
)
def test_answers_that_differ_in_a_fact(write_jsonl: Write, first: str, second: str) -> None:
    path = write_jsonl(answered(("What holds here?", first), ("what holds here", second)))
    (conflict,) = found(path)
    assert conflict.facts_differ
    (finding,) = findings(path, ("conflicting-answers",))
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Once upon a time there was a fox who lived in 3 dens by the river.", "A long poem about the autumn, 12 lines, without a single fox in it."),
        ("The past tense of draw is drew.", "drew"),
        (
            "The library opens at 10 on weekdays and closes late in the evening.",
            "The library opens at 10 on weekdays and closes late in the evening.",
        ),
        ("", "an answer of some kind"),
    ],
)
def test_answers_that_may_both_be_right(write_jsonl: Write, first: str, second: str) -> None:
    assert found(write_jsonl(answered(("What is the past tense of draw?", first), ("What is the past tense of draw?", second)))) == []


def test_short_free_answers_are_worth_a_look_only(write_jsonl: Write) -> None:
    path = write_jsonl(answered(("A synonym of strong?", "powerful"), ("A synonym of strong?", "robust")))
    assert [finding.severity for finding in findings(path, ("conflicting-answers",))] == ["info"]


def test_answers_from_a_closed_set_cannot_both_be_right(write_jsonl: Write) -> None:
    others = [(f"Is {n} prime, asked person {n}?", "agreed" if n % 2 else "denied") for n in range(8)]
    path = write_jsonl(answered(("Is the sky green?", "agreed"), ("Is the sky green?", "denied"), *others))
    assert [(finding.severity, set(finding.rows)) for finding in findings(path, ("conflicting-answers",))] == [("warning", {0, 1})]


def test_preference_pairs_repeat_prompts_by_design(write_jsonl: Write) -> None:
    path = write_jsonl([{"prompt": "how many", "chosen": str(n), "rejected": "none"} for n in range(4)])
    assert found(path) == []


def test_other_system_prompts_may_want_other_answers(write_jsonl: Write) -> None:
    def row(system: str, answer: str) -> dict[str, object]:
        return {"messages": [{"role": role, "content": text} for role, text in (("system", system), ("user", "how many?"), ("assistant", answer))]}

    assert found(write_jsonl([row("count from 0", "4"), row("count from 1", "5")])) == []
    assert len(found(write_jsonl([row("count", "4"), row("count", "5")], "same.jsonl"))) == 1


def test_every_copy_is_one_finding_on_the_row_that_goes(write_jsonl: Write) -> None:
    base = "the long wooden bridge across the narrow valley was built by the two brothers from the old village near the mill"
    near = base.replace("narrow", "deep")
    path = write_jsonl(answered((base, "yes it was"), (base.upper(), "Yes, it was."), (base, "yes it was"), (near, "yes it was"), ("other", "thing")))
    shown = {(finding.check, finding.rows): finding for finding in findings(path)}
    assert set(shown) == {("normalised-duplicate", (1,)), ("exact-duplicate", (2,)), ("near-duplicate", (3,))}
    assert shown["exact-duplicate", (2,)].message == "The same as row 0."
    near_finding = shown["near-duplicate", (3,)]
    assert near_finding.score is not None
    assert 0.8 <= near_finding.score < 1
    assert f"{near_finding.score:.2f}" in near_finding.message
    assert near_finding.evidence.startswith("row 0: the long wooden")


def test_the_threshold_is_a_parameter(write_jsonl: Write) -> None:
    words = [f"word{n}" for n in range(20)]
    path = write_jsonl([{"text": " ".join(words)}, {"text": " ".join([*words[:17], "x", "y", "z"])}])
    assert findings(path, ("near-duplicate",)) == []
    assert len(run_checks(open_dataset(path), ("near-duplicate",), {"near": 0.6}).findings) == 1


def test_clean_rows_give_no_finding(write_jsonl: Write) -> None:
    path = write_jsonl(answered(*((f"What is {n} plus {n + 3}?", f"It is {2 * n + 3}.") for n in range(40))))
    assert findings(path) == []
