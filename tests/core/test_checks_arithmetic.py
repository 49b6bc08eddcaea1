"""Equations are worked out as a careful reader does: what holds, is rounded or means something else is left alone."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.answers.arithmetic import WrongArithmetic, shown_number
from sde_core.checks.answers.equations import wrong_equations
from tests.core.checked import chat, clean_chats, findings_in, rows_found


@pytest.mark.parametrize(
    ("text", "equation", "value"),
    [
        ("So it is 17 * 4 = 58 in all.", "17 * 4 = 58", 68),
        ("That makes 12 + 30 = 43.", "12 + 30 = 43", 42),
        ("She pays $1,250 + $850 = $2,430 a month", "$1,250 + $850 = $2,430", 2100),
        ("- 7287 + 3622 = 10919", "7287 + 3622 = 10919", 10909),
        ("1. 3 x 4 = 14", "3 x 4 = 14", 12),
        ("(15 - 8 = 4)", "15 - 8 = 4", 7),
        ("mean = (3+5+8+9+10)/5 = 7.2", "(3+5+8+9+10)/5 = 7.2", 7),
        ("20% of 50 = 12", "20% of 50 = 12", 10),
        ("2^10 = 1000", "2^10 = 1000", 1024),
        ("3 × 4 = 12 = 2 × 7", "12 = 2 × 7", None),
        ("so 48/2 = <<48/2=25>>25 clips", "<<48/2=25>>", 24),
        ("so 48/2 = $<<48/2=24>>25 clips", "48/2 = $ 25", 24),
        (r"\( 3 \times 4 = 13 \)", r"3 \times 4 = 13", 12),
        ("**6 + 6 = 13**", "6 + 6 = 13", 12),
        ("so 12 plus 15 equals 28.", "12 plus 15 equals 28", 27),
        ("144 divided by 12 is 14", "144 divided by 12 is 14", 12),
        ("She has 5 apples + 7 apples = 13 apples.", "5 apples + 7 apples = 13 apples", 12),
        ("9 / 2 = 4.4", "9 / 2 = 4.4", Fraction(9, 2)),
    ],
)
def test_wrong_equations_are_found(text, equation, value):
    found = list(wrong_equations(text))
    if value is None:
        assert found == []  # "12 = 2 × 7" claims a sum, it does not work one out
        return
    assert (found[0].text, found[0].value) == (equation, value)
    assert text[found[0].at :].startswith(equation[:4])


@pytest.mark.parametrize(
    "text",
    [
        "2 times 3 plus 4 is 10", "7 divided by 2 is 3 remainder 1", "360 divided by 5 is 360/5", "3 plus 4 is 7",
        "13 marbles + 4 marbles + 16 marbles = 33 marbles", "5 feet + 7 inches = 67 inches", "22 divided by 7 is 3.14",
        "17 * 4 = 68", "2x + 3 = 7", "x + 3 * 2 = 10", "sqrt(9) + 1 = 4", "at 10:30 + 2 = 12:30", "3 + 4 = 7x", "22 / 7 = 3.14", "10/3 = 3.33", "7 / 2 = 3 1/2",
        "7 / 2 = 3 remainder 1", "3/4 = 75%", "100 + 10% = 110", "100 - 10% = 90", "5 * 200 cents = $10", "120 / 60 = 2 hours", "25 / 1/3 = 75",
        "3 * 4 = 12 + 5 = 17", "5! / 4! = 5", "3 + 4 = 8!", "weeks 1-2 = 14 days", "a[3 + 4] = 9", "f(3) + 4 = 9", "half of 3 + 5 = 4", "about 9.9 * 10 = 100",
        "5 - 8 = 3", "1,5 + 2 = 3,5", "6 / 0 = 0", "2^99 = 5", "007 + 1 = 8", "3² + 4² = 25", "9/14*84 = 54.00000000000001", "0.1 + 0.2 = 0.30000000000000004",
        "1000 * 3.14159 = 3,142", "y = 2 * 3 + b = 9", "if (a + 1 == 3 + 4 * 2) x += 3", "40 * 25 = 1 thousand", "Q:1/4=68", "4 * 15 minutes = 1 hour",
        "3 + 4 = 7th", "5 + 3 = 8 ± 1", "120 – 80 - 15 = 25", "x = 3 * 2 = 6y", "11 < 30 / 11 = 11",
    ],
)  # fmt: skip
def test_what_holds_or_is_no_equation_of_numbers(text):
    assert list(wrong_equations(text)) == []


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from("+-*"), st.integers(-3, 3), st.sampled_from(["{} {} {} = {}", "{}{}{}={}"]))
def test_sums_of_whole_numbers_are_told_exactly(first, second, sign, error, form):
    value = {"+": first + second, "-": first - second, "*": first * second}[sign]
    if value + error < 0 or value < 0:
        return
    found = list(wrong_equations("So " + form.format(first, sign, second, value + error) + ", they say."))
    assert bool(found) is (error != 0)


@given(st.text(alphabet="0123456789+-*/x^=()%$. ,<>of", max_size=60))
def test_any_run_of_signs_is_read_without_failing(text):
    for wrong in wrong_equations(text):
        assert wrong.value.denominator != 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [(Fraction(68000), "68,000"), (Fraction(9, 2), "4.5"), (Fraction(1, 3), "0.3333"), (Fraction(200001, 10**5), "2"), (Fraction(10**20), "1e+20"),
     (Fraction(10**384), "about 10^384"), (Fraction(-(10**4400), 7), "about -10^4399")],
)  # fmt: skip
def test_numbers_are_shown_shortly(value, shown):
    assert shown_number(value) == shown


def test_the_prompt_may_give_the_equation_or_other_rules(tmp_path):
    rows = [
        *clean_chats(40),
        chat("Is 2 + 2 = 5 right?", "2 + 2 = 5 it is."),
        chat("Add in binary.", "11 + 1 = 100"),
        chat("Add them.", "11 + 1 = 100"),
    ]
    found = findings_in(tmp_path, rows, "wrong-arithmetic")
    assert rows_found(found) == [42]
    assert found[0].message == "11 + 1 = 100 is wrong: the left side is 12."
    assert (found[0].evidence, found[0].field, found[0].severity) == ("11 + 1 = 100", "messages[1].content", "warning")


def test_each_turn_is_held_against_what_was_said_before_it(tmp_path):
    rows = [*clean_chats(10), chat("Hello!", "It is 3 + 3 = 7.", "Is 3 + 3 = 7?", "No.")]
    assert rows_found(findings_in(tmp_path, rows, "wrong-arithmetic")) == [10]


@pytest.mark.parametrize(
    ("prompt", "answer", "wrong"),
    [
        ("Calculate the following: 8 * (25 + 7)", "216", True),
        ("Calculate the following: 8 * (25 + 7)", "256", False),
        ("What is 22 / 7?", "It is about 3.14.", False),
        ("What is 22 / 7?", "It is 3.41.", True),
        ("What is 17 + 4 = ?", "Twenty-one.", False),
        ("What is 1250 + 850?", "2,100", False),
        ("What is 3 - 8?", "-5", False),
        ("What is 3 + 4 and what is 5 + 6?", "1", False),
        ("What does 4/4 mean in music?", "Four beats, 2 strong ones.", False),
        ("Evaluate x for 2x + 3 * 4.", "7", False),
        ("What is 11 + 1 in binary?", "100", False),
        ("What is 7 + 3?", "Count 7 and then 3 more. " * 8 + "So 11.", False),
        ("What is 5 % of 20 + 10?", "7", False),
    ],
)
def test_a_sum_that_is_asked_for(tmp_path, prompt, answer, wrong):
    found = findings_in(tmp_path, [*clean_chats(10), chat(prompt, answer)], "wrong-arithmetic")
    assert [(finding.rows, finding.field) for finding in found] == [((10,), "messages[1].content")] * wrong


def test_an_instruction_and_its_input_are_one_question(tmp_path):
    rows = [{"instruction": f"Do {n}", "input": "", "output": f"Done {n}."} for n in range(20)]
    rows[5] = {"instruction": "Evaluate this expression.", "input": "8 + 10 * 2", "output": "36"}
    rows[6] = {"instruction": "Evaluate 8 + 10 * 2.", "input": "", "output": "36"}
    rows[7] = {"instruction": "Describe this.", "input": "8 + 10 * 2", "output": "A sum of 2 parts."}
    found = findings_in(tmp_path, rows, "wrong-arithmetic")
    assert [(finding.rows, finding.field, finding.evidence) for finding in found] == [
        ((5,), "output", "8 + 10 * 2 → 36"),
        ((6,), "output", "8 + 10 * 2 → 36"),
    ]


def test_questions_are_not_answers():
    check = WrongArithmetic()
    assert list(check.faults("Is 2 + 2 = 5?", "user")) == []
    assert len(list(check.faults("It is 2 + 2 = 5.", "assistant"))) == 1


def test_alarms_on_model_solutions_are_on_wrong_ones(shared_data):
    """Solutions that a calculator helped with: few miscalculate; one in twenty that does comes to the right result all the same."""
    right = wrong = 0
    for line in (shared_data / "math" / "gsm8k_model_solutions.jsonl").read_bytes().splitlines():
        for solution in json.loads(line).values():
            if isinstance(solution, dict) and any(wrong_equations(solution["solution"])):
                right, wrong = right + solution["is_correct"], wrong + (not solution["is_correct"])
    assert wrong >= 100
    assert wrong / (wrong + right) >= 0.94
