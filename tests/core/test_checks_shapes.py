"""Answer shapes mined from data: kinds, groups, habits, and the answers that break them."""

from __future__ import annotations

import json
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import Layout
from sde_core.dataset.text_table import TEXT_SCHEMA
from sde_core.features.answer_shape import FAMILIES, family_of, mine_shapes, shape_of_answer
from sde_core.features.fields import FieldColumn, scalar_fields
from sde_core.features.text_frame import mine_frame
from tests.core.checked import chat, findings_in, opened, rows_found, sentence

LAYOUT = Layout("messages", {"messages": "messages"})


def texts_of(*exchanges: tuple[str, str]) -> pl.DataFrame:
    """A text table of (prompt, answer)."""
    lines = [(row, "", prompt, answer, None, "ua", 2, "") for row, (prompt, answer) in enumerate(exchanges)]
    return pl.DataFrame(lines, schema=TEXT_SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        ("", "empty", ""),
        ('{"b": 1, "a": 2}', "JSON object", "a, b"),
        ('[{"a": 1}]', "JSON list", "a"),
        ("[1, 2]", "JSON list", ""),
        ('{"a": 1, "b": ', "broken JSON", ""),
        ("{not json at all}", "short label", ""),
        ('```json\n{"a": 1}\n```', "JSON in a code block", "a"),
        ("```python\nprint(1)\n```", "code block", "python"),
        ("Run this:\n```\nls\n```\nThat is all.", "text with code", ""),
        ("def f(x):\n    return x", "code without a block", ""),
        ("Use this:\n\nSELECT a\nFROM b;", "code without a block", ""),
        ("<ul><li>a</li></ul>", "markup", "ul"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "table", ""),
        ("1. one\n2. two", "numbered list", ""),
        ("- one\n- two\n- three", "bullet list", ""),
        ("name: Ada\nage: 36", "lines of name: value", "age, name"),
        ("42", "number", ""),
        ("-3.5 %", "number", ""),
        ("positive", "short label", ""),
        ("The sea is wide.", "prose", ""),
        ("Two lines\nof plain text", "prose", ""),
    ],
)
def test_the_shape_of_one_answer(answer, kind, detail):
    assert shape_of_answer(answer) == (kind, detail)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_every_answer_has_a_shape_of_a_known_family(answer):
    kind, _ = shape_of_answer(answer)
    assert family_of(kind) in FAMILIES


# ---- groups


def test_groups_are_found_from_the_beginning_of_prompts():
    exchanges = [(f"Classify this: {sentence(n)}", "good" if n % 2 else "bad") for n in range(80)]
    exchanges += [(f"Turn into JSON: {sentence(n)}", json.dumps({"a": n, "b": 1})) for n in range(80)]
    exchanges += [(f"Explain why {sentence(n)}", sentence(n + 1)) for n in range(80)]
    random.Random(3).shuffle(exchanges)
    report = mine_shapes(texts_of(*exchanges), LAYOUT)
    assert sorted((group.family[0], len(group.rows), group.family[1]) for group in report.groups) == [
        ("JSON", 80, 1.0),
        ("one short label", 80, 1.0),
        ("text", 80, 1.0),
    ]
    assert any('"Classify this:' in group.title for group in report.groups)


def test_a_field_that_says_more_is_preferred(tmp_path):
    rows = [chat(sentence(n), str(n) if n % 2 else sentence(n + 1), task="sum" if n % 2 else "talk", lang="en") for n in range(200)]
    dataset = opened(tmp_path, rows)
    report = mine_shapes(dataset.texts(), dataset.layout, scalar_fields(dataset))
    assert sorted(group.title for group in report.groups) == ['task is "sum"', 'task is "talk"']


def test_groups_cover_every_row_once():
    rng = random.Random(5)
    exchanges = [(rng.choice(("Sum up ", "List ", "Count ")) + sentence(n), rng.choice((sentence(n), str(n), "- a\n- b"))) for n in range(300)]
    report = mine_shapes(texts_of(*exchanges), LAYOUT)
    assert sorted(row for group in report.groups for row in group.rows.tolist()) == list(range(300))
    assert all(sum(count for _, count in group.shapes) == len(group.rows) for group in report.groups)


def test_what_no_field_explains_is_not_divided():
    rng = random.Random(5)
    exchanges = [(sentence(rng.randrange(1000)), rng.choice((sentence(n), str(n)))) for n in range(300)]
    assert [group.title for group in mine_shapes(texts_of(*exchanges), LAYOUT).groups] == ["all rows"]


def test_fields_are_matched_by_row_where_some_rows_are_left_out():
    texts = texts_of(*((sentence(n), str(n) if n % 2 else sentence(n + 1)) for n in range(200))).filter(pl.col("row") % 5 != 0)
    rows = pl.Series(range(200), dtype=pl.UInt32).to_numpy()
    column = FieldColumn("task", ("task",), frozenset({"str"}), rows, (rows % 2).astype("int32"), ("talk", "sum"), 200, False, 4.0)
    report = mine_shapes(texts, LAYOUT, [column])
    assert {group.title: group.family for group in report.groups} == {'task is "sum"': ("a number", 1.0), 'task is "talk"': ("text", 1.0)}


def test_no_rows_have_no_groups():
    assert mine_shapes(texts_of(), LAYOUT).groups == ()


# ---- fixed beginnings and ends


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda n: f"{sentence(n)}\n#### {n}", "#### ‹number›"),
        (lambda n: f"{sentence(n)}\n#### -{n},5", "#### ‹number›"),
        (lambda n: f"{sentence(n)} (card {'ABC'[n % 3]}{n})", "(card ‹code›)"),
        (lambda n: f"{sentence(n)}\nAnswer: £{n}", "Answer: ‹number›"),
        (lambda n: f"{sentence(n)}\n\nHope this helps you a lot!", "Hope this helps you a lot!"),
    ],
)
def test_a_fixed_ending_is_mined(make, title):
    texts = [make(n) for n in range(1, 60)]
    frame = mine_frame(texts, at_end=True)
    assert frame is not None
    assert frame.share == 1.0
    assert frame.title.endswith(title)
    assert not frame.fits(sentence(3))


@pytest.mark.parametrize("make", [sentence, lambda n: f"{sentence(n)} It is {SHADES[n % 4]}.", str, lambda n: f"{sentence(n)} ({n})"])
def test_what_ends_like_any_text_is_no_pattern(make):
    assert mine_frame([make(n) for n in range(60)], at_end=True) is None


SHADES = ("red", "green", "blue", "grey")


def test_a_fixed_beginning_is_mined():
    frame = mine_frame([f"Label: {SHADES[n % 4]}, said {sentence(n)}" for n in range(60)], at_end=False)
    assert frame is not None
    assert frame.title.startswith("Label: ‹word›")
    assert mine_frame([sentence(n) for n in range(60)], at_end=False) is None


def test_an_ending_that_something_follows_is_not_missing():
    frame = mine_frame([f"{sentence(n)} (card A{n})" for n in range(60)], at_end=True)
    assert frame is not None
    assert frame.is_inside(f"{sentence(1)} (card A7) More: see the page of the catalogue.")
    assert not frame.is_inside(sentence(1))


@given(st.lists(st.text(max_size=60), min_size=1, max_size=30), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_pattern_fits_as_many_texts_as_it_says(texts, at_end):
    frame = mine_frame(texts, at_end=at_end, fewest_share=0.6)
    if frame is not None:
        assert frame.share == sum(map(frame.fits, texts)) / len(texts) >= 0.6


# ---- breakers


def tasks(count=100):
    """Rows of four tasks, known by their prompts."""
    rows = []
    for n in range(count):
        rows.append(chat(f"Classify this message: {sentence(n)}", ("loans", "events", "rooms")[n % 3]))
        rows.append(chat(f"Fill in the form: {sentence(n)}", json.dumps({"name": f"N{n}", "amount": n, "reason": "x"})))
        rows.append(chat(f"Work it out: {sentence(n)}", f"{sentence(n)}\nAnswer: {n}"))
        rows.append(chat(f"Write the code for {sentence(n)}", f"```python\nprint({n})\n```"))
    return rows


def with_answer(place, answer):
    rows = tasks()
    rows[place]["messages"][1]["content"] = answer
    return rows


LABELS, FORMS, SUMS, CODE = 40, 41, 42, 43
"""A row of each task."""


@pytest.mark.parametrize(
    ("row", "answer", "words"),
    [
        (LABELS, "This message is about loans, I would say.", "one short label"),
        (LABELS, "Category: loans", "labels"),
        (LABELS, "loans, events", "labels"),
        (LABELS, '["loans"]', "one short label"),
        (LABELS, "- loans\n- events", "one short label"),
        (FORMS, "The name is Ada. The amount is 3.", "JSON"),
        (FORMS, '```json\n{"name": "N", "amount": 3, "reason": "x"}\n```', "JSON"),
        (FORMS, '{"Name": "N", "Amount": 3, "Reason": "x"}', "this one has Amount, Name, Reason"),
        (FORMS, '{"name": "N", "amount": 3}', "lacks reason"),
        (FORMS, '{"name": "N", "amount": 3, "reason": "x", "extra": 1}', "adds extra"),
        (FORMS, "name: N\namount: 3", "JSON"),
        (SUMS, "It comes to 42.", "Answer: ‹number›"),
        (SUMS, f"{sentence(3)}\nThe answer is 42", "Answer: ‹number›"),
        (CODE, "print(42)\nprint(43)", "code in a block"),
    ],
)
def test_the_answer_that_breaks_its_groups_habit(tmp_path, row, answer, words):
    found = findings_in(tmp_path, with_answer(row, answer), "odd-answer")
    assert rows_found(found) == [row]
    assert words in found[0].message
    assert found[0].field == "messages[1].content"
    assert 0.85 <= (found[0].score or 0) < 1


@pytest.mark.parametrize(
    ("row", "answer"),
    [(LABELS, "rooms"), (LABELS, "history"), (FORMS, '{"reason": "x", "amount": 3, "name": "N"}'), (SUMS, f"Well.\n\n{sentence(1)}\nAnswer: -7.5"),
     (CODE, "Like this:\n```python\nprint(42)\n```")],
)  # fmt: skip
def test_answers_that_keep_the_habit(tmp_path, row, answer):
    assert findings_in(tmp_path, with_answer(row, answer), "odd-answer") == []


def test_answers_of_any_form_are_no_habit(tmp_path):
    rng = random.Random(1)
    rows = [chat(f"Do number {n}.", rng.choice((sentence(n), f"1. {sentence(n)}\n2. x y z", "yes", f"```\n{n}\n```", str(n)))) for n in range(300)]
    assert findings_in(tmp_path, rows, "odd-answer") == []


def test_lists_and_labels_beside_prose_are_fine_and_json_is_not(tmp_path):
    rows = [chat(f"Tell me about number {n}.", sentence(n)) for n in range(200)]
    rows[3]["messages"][1]["content"] = "1. one thing\n2. another thing"
    rows[5]["messages"][1]["content"] = "Paris"
    rows[9]["messages"][1]["content"] = '{"answer": "Paris"}'
    assert rows_found(findings_in(tmp_path, rows, "odd-answer")) == [9]


def test_an_answer_cut_before_its_usual_ending_is_called_cut_off(tmp_path):
    rows = [chat(f"Where is number {n}?", f"{sentence(n)} (card A{n})") for n in range(120)]
    rows[8]["messages"][1]["content"] = "The 8. visitor praises the harbour"
    found = findings_in(tmp_path, rows, "odd-answer", "truncated-answer")
    assert [(finding.check, finding.rows) for finding in found] == [("truncated-answer", (8,))]
    assert "(card ‹code›)" in found[0].message


def test_a_refusal_in_a_json_task_is_one_finding(tmp_path):
    found = findings_in(tmp_path, with_answer(FORMS, "I'm sorry, but I can't help with that."))
    assert [finding.check for finding in found if FORMS in finding.rows] == ["refusal"]


def test_the_token_that_ends_answers_does_not_hide_their_shape(tmp_path):
    rows = [{"prompt": f"True or not: {sentence(n)}", "completion": ("True" if n % 2 else "False") + "<|endoftext|>"} for n in range(100)]
    rows[4]["completion"] = "I think it is True, as far as I can see.<|endoftext|>"
    assert rows_found(findings_in(tmp_path, rows, "odd-answer")) == [4]
