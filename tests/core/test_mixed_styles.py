"""Habits of writing: learnt from the whole file or a group, broken by few rows, rewritten by a fix that can be undone."""

from __future__ import annotations

import numpy as np
import pytest

from sde_core.checks import run_checks
from sde_core.checks.fixes import fix_edits
from sde_core.checks.formats.habits import wilson
from sde_core.checks.formats.preference import AnswerLengths
from sde_core.cli.main import main
from tests.core.checked import chat, findings_in, opened, rows_found
from tests.core.fault_cases import FaultCase
from tests.core.fault_cases_styles import JSON_ANSWERS, STYLES, asked, pairs

ISO = [f"It was on 2021-{n % 12 + 1:02}-{n % 28 + 1:02}." for n in range(60)]
LONG = [f"It was on March {n % 28 + 1}, 2021." for n in range(60)]
FIXABLE = [case for case in (*STYLES, *JSON_ANSWERS) if case.faulty_rows and "ambiguous" not in case.title and case.check not in
           ("json-missing-key", "json-extra-key", "json-value-type")]  # fmt: skip


@pytest.mark.parametrize("case", FIXABLE, ids=lambda case: case.name)
def test_the_fix_takes_the_fault_away_and_touches_no_other_row(tmp_path, case: FaultCase):
    dataset = opened(tmp_path, case.records)
    found = run_checks(dataset, [case.check]).findings
    edits = fix_edits(dataset, found)
    assert {edit.row for edit in edits} == set(case.faulty_rows)
    fixed = dataset.with_edits({edit.row: {edit.path: edit.after} for edit in edits})
    assert run_checks(fixed, [case.check]).findings == ()
    assert fix_edits(fixed, found) == []


def test_an_ambiguous_date_is_named_but_has_no_fix(tmp_path):
    found = findings_in(tmp_path, asked([*ISO, "It was on 03/04/2021."]), "mixed-dates")
    assert [(finding.rows, finding.fix) for finding in found] == [((60,), "")]


def test_an_ambiguous_date_fits_both_habits(tmp_path):
    american = [f"It was on 03/{n % 15 + 13}/2021." for n in range(60)]
    assert findings_in(tmp_path, asked([*american, "It was on 03/04/2021."]), "mixed-dates") == []


@pytest.mark.parametrize(("odd", "found"), [(1, True), (3, True), (12, False), (30, False)])
def test_a_habit_is_what_nearly_all_do(tmp_path, odd, found):
    rows = findings_in(tmp_path, asked([*ISO, *LONG[:odd]]), "mixed-dates")
    assert rows_found(rows) == (list(range(60, 60 + odd)) if found else [])


def test_few_answers_have_no_habit(tmp_path):
    assert findings_in(tmp_path, asked([*ISO[:10], LONG[0]]), "mixed-dates") == []


def test_a_style_that_few_answers_show_needs_more_proof(tmp_path):
    plain = ["It was long ago." for _ in range(400)]
    assert findings_in(tmp_path, asked([*plain, *ISO[:30], LONG[0]]), "mixed-dates") == []


def test_the_habit_of_a_group_is_named_with_it(tmp_path):
    rows = [*asked(ISO, source="log"), *asked([*LONG, "It was on 2021-03-04."], source="letter")]
    found = findings_in(tmp_path, rows, "mixed-dates")
    assert rows_found(found) == [120]
    assert "source letter" in found[0].message
    assert found[0].fix == "dates-to-long-us"


def test_code_and_addresses_have_no_style(tmp_path):
    rows = [*ISO, "See `03/25/2021` and https://a.example/03/25/2021 there.", "```\nMarch 25, 2021\n```"]
    assert findings_in(tmp_path, asked(rows), "mixed-dates") == []


def test_a_large_file_is_judged_by_a_sample_but_looked_through_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("sde_core.checks.formats.habits.SAMPLE", 100)
    odd = {7, 333, 598}
    rows = [LONG[n % 60] if n in odd else ISO[n % 60] for n in range(600)]
    assert rows_found(findings_in(tmp_path, asked(rows), "mixed-dates")) == sorted(odd)


def test_the_sample_is_not_fooled_by_rows_that_take_turns(tmp_path, monkeypatch):
    monkeypatch.setattr("sde_core.checks.formats.habits.SAMPLE", 60)
    rows = [text for both in zip(ISO, LONG, strict=True) for text in both]
    assert findings_in(tmp_path, asked(rows), "mixed-dates") == []


def test_fixes_from_the_command_line_can_be_undone(tmp_path, capfd):
    data = opened(tmp_path, asked([*ISO, "Due March 4, 2022; see 03/04/2021."])).path
    before = (tmp_path / "data.jsonl").read_bytes()

    def exported(name):
        assert main(["export", data, "-o", str(tmp_path / name)]) == 0
        return (tmp_path / name).read_bytes()

    assert main(["fix", data, "--only", "mixed-dates"]) == 0
    assert "Due 2022-03-04; see 03/04/2021." in capfd.readouterr().out
    assert main(["fix", data, "--only", "dates-to-iso", "--apply"]) == 0
    assert exported("fixed.jsonl") == before.replace(b"Due March 4, 2022", b"Due 2022-03-04")
    assert main(["undo", data]) == 0
    assert exported("undone.jsonl") == before


def test_an_unknown_fix_names_the_known_ones_shortly(tmp_path, capfd):
    data = opened(tmp_path, asked(ISO)).path
    assert main(["fix", data, "--only", "dates"]) == 2
    said = capfd.readouterr().err
    assert "dates-to-…" in said
    assert "dates-to-iso" not in said


@pytest.mark.parametrize(("share", "count"), [(0.5, 10), (0.95, 40), (1.0, 20), (0.0, 5)])
def test_the_interval_of_a_share_holds_it_and_narrows(share, count):
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1 + 1e-12
    wider_low, wider_high = wilson(share, max(count // 5, 1))
    assert wider_high - wider_low > high - low


def test_wilson_against_a_published_value():
    assert np.allclose(wilson(81 / 263, 263), (0.2553, 0.3662), atol=5e-4)


def test_length_bias_needs_a_share_and_an_effect(tmp_path):
    slightly = pairs(80, "{} So.", "{}")
    assert findings_in(tmp_path, [{**pair, "chosen": pair["rejected"] + "!"} for pair in slightly], "length-bias") == []
    found = findings_in(tmp_path, pairs(80, "{}", "{} and much more, at length, for the sake of it."), "length-bias")
    assert len(found) == 1
    assert "shorter one in 100% of 80 pairs" in found[0].message


def test_lengths_taken_in_pieces_are_those_taken_at_once(tmp_path):
    dataset = opened(tmp_path, pairs(30, "{} and more", "{}"))
    whole, first, second = AnswerLengths(), AnswerLengths(), AnswerLengths()
    for row in range(len(dataset)):
        whole.observe(row, dataset.value(row), dataset.turns(row))
        (first if row < 13 else second).observe(row, dataset.value(row), dataset.turns(row))
    merged = AnswerLengths()
    for part in (first, second):
        merged.absorb(part.state())
    assert merged.state() == whole.state()


def test_answer_labels_keep_their_fields(tmp_path):
    rows = [{"instruction": f"Judge {n}.", "output": ("Good", "Bad")[n % 2]} for n in range(60)]
    rows[9]["output"] = "bad."
    dataset = opened(tmp_path, rows)
    edits = fix_edits(dataset, run_checks(dataset, ["answer-label-style"]).findings)
    assert [(edit.row, edit.path, edit.after) for edit in edits] == [(9, ("output",), "Bad")]


def test_numbers_alone_are_no_labels(tmp_path):
    assert findings_in(tmp_path, [chat(f"Count {n}", "7") for n in range(40)] + [chat("Count", "7.")], "answer-label-style") == []
