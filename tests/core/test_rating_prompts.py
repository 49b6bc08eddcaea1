"""Questions to a judge and the reading of its replies: strict numbers, hostile texts, versions."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import UsageError
from sde_core.rules.plain_rule import plain_rule
from sde_core.rules.rating import FORMS, Answer, Example, prompt_form
from sde_core.rules.rating.prompts import EXPECTED, PAPER, SCALE, place_on_scale, shortened, unit_number, without_chat_marks

RULE = plain_rule("polite", "Stay polite.")
ROW = Example("Be a clerk.", "Where is my parcel?", "On its way.")


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("0.8", 0.8), ("1", 1.0), ("0", 0.0), ("1.0", 1.0), (".5", 0.5), ("1.", 1.0), (" 0.25 \n", 0.25), ("\n\n0.3\nBecause it is short.", 0.3),
        ("00.5", 0.5), ("10/10", None), ("8/10", None), ("80%", None), ("0,8", None), ("1e-3", None), ("nan", None), ("inf", None), ("-0.2", None),
        ("1.2", None), ("10", None), ("Score: 0.8", None), ("0.8 out of 1", None), ("", None), ("  ", None), ("0_5", None), ("٠.٥", None), ("½", None),
        ("+0.5", None), ("0.8.1", None), ("0x1", None), ("__import__('os')", None), ("0." + "9" * 400, None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_a_unit_number_is_a_plain_decimal_number_alone(reply, number):
    assert unit_number(reply) == number
    assert PAPER.read(Answer(reply)).score == number


@pytest.mark.parametrize(("reply", "place"), [("1", 0.0), ("3", 0.5), (" 5\n", 1.0), ("4\nfor its tone", 0.75), ("0", None), ("6", None), ("3/5", None), ("3.5", None), ("", None), ("three", None), ("٣", None)])  # fmt: skip
def test_a_place_on_the_scale_is_one_of_its_words(reply, place):
    assert place_on_scale(reply, SCALE.scale) == place
    assert SCALE.read(Answer(reply)).score == place


@given(st.text())
def test_whatever_a_reply_is_its_score_lies_between_0_and_1(reply):
    for form in (PAPER, SCALE):
        score = form.read(Answer(reply)).score
        assert score is None or 0 <= score <= 1


def test_the_expected_place_is_by_hand():
    reading = EXPECTED.read(Answer("4", {"1": 0.0, "2": 0.1, "3": 0.2, "4": 0.4, "5": 0.1}))
    assert reading.mass == pytest.approx(0.8)
    assert reading.score == pytest.approx((1 * 0.1 + 2 * 0.2 + 3 * 0.4 + 4 * 0.1) / 0.8 / 4)
    assert EXPECTED.read(Answer("5", {"5": 1.0})).score == 1.0
    assert EXPECTED.read(Answer("1", {"1": 0.7})).score == 0.0


@pytest.mark.parametrize("probabilities", [None, {}, {"1": 0.1, "5": 0.2}, {"1": -1.0}, {"1": 3.0}, {"1": math.inf}, {"1": math.nan, "5": math.nan}])
def test_probabilities_that_are_not_on_the_scale_are_no_rating(probabilities):
    assert EXPECTED.read(Answer("5", probabilities)).score is None


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda weights: sum(weights) > 0))
def test_the_expected_place_is_the_weighted_mean_whatever_the_mass(weights):
    weights = [weight / sum(weights) * 0.9 for weight in weights]
    score = EXPECTED.read(Answer("", dict(zip(EXPECTED.scale, weights, strict=True)))).score
    assert score == pytest.approx(sum(place * weight for place, weight in enumerate(weights)) / sum(weights) / 4)


def test_the_papers_prompt_stands_word_by_word():
    text = PAPER.question(plain_rule("t", "Be clear."), Example(answer="Yes.")).text
    assert text == (
        "Evaluate the following example from the dataset and assign a quality score between 0 and 1 (0 being the worst, 1 being perfect) according to the "
        "provided rule:\nBe clear.\n\nRespond only with a single float number.\n\nExample:\nYes."
    )


def test_a_rule_shows_what_it_is_about():
    shown = {about: EXPECTED.question(replace(RULE, about=about), ROW).text for about in ("answer", "prompt", "pair")}
    for about, texts in {
        "answer": {"On its way."},
        "prompt": {"Be a clerk.", "Where is my parcel?"},
        "pair": {"Be a clerk.", "Where is my parcel?", "On its way."},
    }.items():
        for text in ("Be a clerk.", "Where is my parcel?", "On its way."):
            assert (text in shown[about]) == (text in texts)


@given(st.text(max_size=300))
def test_a_row_never_holds_the_line_that_ends_it(answer):
    text = EXPECTED.question(RULE, Example(prompt="p", answer=answer)).text
    line = re.search(r"=== example [0-9a-f]{16} ===", text).group()
    before, inside, after = text.split(f"\n{line}\n")
    assert text.count(line) == 3
    assert "Stay polite." in after and "Reply with the number alone." in after and "Stay polite." not in before
    assert "Answer:\n" in inside or not answer.strip()


@pytest.mark.parametrize(
    "mark",
    [
        "<|im_end|>",
        "<|eot_id|>",
        "<|start_header_id|>",
        "</s>",
        "<s>",
        "[/INST]",
        "[INST]",
        "<<SYS>>",
        "<end_of_turn>",
        "<start_of_turn>",
        "<｜Assistant｜>",
        "<bos>",
    ],
)
def test_marks_of_chat_templates_are_broken_up_and_nothing_else_is(mark):
    for form in FORMS.values():
        for again in (False, True):
            assert mark not in form.question(RULE, Example(prompt="p", answer=f"a{mark}b{mark}"), again=again).text
    plain = "if a < s > b: <b>x</b> [INSTALL] 3 <| 4 |> <span> [1] <end> <start_of_day> <<"
    assert without_chat_marks(plain) == plain


def test_a_long_text_loses_its_middle_and_says_how_much():
    text = "".join(chr(0x4E00 + n) for n in range(10_000))
    cut = shortened(text, 1000)
    assert cut == f"{text[:750]}\n[… 9,000 characters left out …]\n{text[-250:]}"
    assert shortened(text, 10_000) == text
    assert "[… 4,000 characters" in EXPECTED.question(RULE, Example(answer="x" * 10_000)).text


def test_whatever_changes_a_question_changes_the_version():
    forms = [*FORMS.values(), prompt_form("paper", max_chars=100), prompt_form("expected", max_chars=100), replace(EXPECTED, least_mass=0.1)]
    assert len({form.version for form in forms}) == len(forms)
    assert [form.version for form in FORMS.values()] == ["expected-1", "scale-1", "paper-1"]
    assert prompt_form() is EXPECTED


def test_the_retest_asks_the_same_in_another_order():
    for form in FORMS.values():
        first, second = form.question(RULE, ROW), form.question(RULE, ROW, again=True)
        assert first.text != second.text
        assert sorted(re.findall(r"\w+", first.text)) == sorted(re.findall(r"\w+", second.text))


def test_probabilities_are_asked_for_where_they_are_read():
    assert EXPECTED.question(RULE, ROW).options == ("1", "2", "3", "4", "5")
    assert SCALE.question(RULE, ROW).options == PAPER.question(RULE, ROW).options == ()
    assert EXPECTED.question(RULE, ROW).text == SCALE.question(RULE, ROW).text
    assert EXPECTED.question(RULE, ROW).max_tokens == SCALE.question(RULE, ROW).max_tokens


def test_an_unknown_form_is_refused():
    with pytest.raises(UsageError, match="no prompt form 'letters'"):
        prompt_form("letters")
