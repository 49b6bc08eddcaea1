"""What the checks find in the sample dataset, against its truth file: recall and false alarms of every kind of fault."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from sde_core.checks import run_checks
from sde_core.dataset import open_dataset

CHECKS_OF: dict[str, tuple[str, ...]] = {
    "ai_boilerplate": ("ai-boilerplate",),
    "answer_shape": ("odd-answer",),
    "changed_type": ("changed-type",),
    "control_character": ("control-characters",),
    "edge_whitespace": ("outer-whitespace",),
    "empty_answer": ("empty-answer",),
    "empty_turn": ("empty-turn", "empty-prompt"),
    "impossible_promise": ("impossible-promise",),
    "last_turn": ("last-turn",),
    "missing_field": ("missing-field",),
    "mojibake": ("mojibake",),
    "noinput_marker": ("placeholder",),
    "prompt_echo": ("prompt-echo",),
    "refusal": ("refusal",),
    "renamed_field": ("renamed-field",),
    "repetition_loop": ("repetition-loop",),
    "role_order": ("role-order",),
    "special_token": ("special-token",),
    "truncated_answer": ("truncated-answer",),
}
"""Kind of fault -> the checks that are to find it."""

NEVER_PLANTED = ("invisible-characters", "lost-characters", "unclosed-fence", "unknown-role", "repeated-turn", "equal-preference")
RECALL, FALSE_ALARMS = 0.95, 0.001


@pytest.fixture(scope="module")
def truth(sample_data_folder):
    return json.loads((sample_data_folder / "support.truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sample_data_folder():
    from tests.conftest import ROOT

    return ROOT / "sample_data"


@pytest.fixture(scope="module")
def report(sample_data_folder):
    names = [name for names in CHECKS_OF.values() for name in names]
    return run_checks(open_dataset(sample_data_folder / "support.jsonl"), [*names, *NEVER_PLANTED, "bad-line"])


@pytest.fixture(scope="module")
def found(report):
    rows = defaultdict(set)
    for finding in report.findings:
        rows[finding.check].update(finding.rows)
    return rows


def faulty_rows(truth):
    """Every row with a fault of any kind, malformed ones too."""
    return {entry["row"] for entries in truth["faults"].values() for entry in entries} | {entry["row"] for entry in truth["bad_lines"]}


def test_every_malformed_line_is_found_and_no_other(truth, found):
    assert found["bad-line"] == {entry["row"] for entry in truth["bad_lines"]}


@pytest.mark.parametrize("kind", CHECKS_OF)
def test_recall(kind, truth, found):
    planted = {entry["row"]: entry["detail"] for entry in truth["faults"][kind]}
    caught = set().union(*(found[check] for check in CHECKS_OF[kind]))
    missed = {row: detail for row, detail in planted.items() if row not in caught}
    assert len(missed) <= (1 - RECALL) * len(planted), missed


def test_false_alarms(truth, report):
    """Findings on rows that have no fault at all, traps among them; each finding is printed where there are too many."""
    faulty = faulty_rows(truth)
    alarms = [(finding.check, row, finding.message) for finding in report.findings for row in finding.rows if row not in faulty]
    assert len(alarms) <= FALSE_ALARMS * len(truth["clean_rows"]), alarms


def test_no_trap_is_reported(truth, report):
    traps = {row for rows in truth["traps"].values() for row in rows} - faulty_rows(truth)
    assert [(finding.check, finding.rows, finding.message) for finding in report.findings if traps & set(finding.rows)] == []


def test_one_fault_is_one_finding(truth, report):
    """Rows with a single fault have a single finding, but for answers that truly are two things at once."""
    kinds = defaultdict(set)
    for kind, entries in truth["faults"].items():
        for entry in entries:
            kinds[entry["row"]].add(kind)
    by_row = defaultdict(set)
    for finding in report.findings:
        for row in finding.rows:
            by_row[row].add(finding.check)
    twice = {row: checks for row, checks in by_row.items() if len(checks) > 1 and len(kinds[row]) == 1 and kinds[row] <= set(CHECKS_OF)}
    explained = [checks for checks in twice.values() if checks == {"refusal", "ai-boilerplate"}]
    assert len(twice) - len(explained) <= 0.02 * len(kinds), twice


def test_mined_groups_need_no_task_field(truth, sample_data_folder, tmp_path):
    """Without the fields that name the task, fewer odd answers are found, but the other answers are still left alone."""
    lines = []
    for line in (sample_data_folder / "support.jsonl").read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("messages"), list):
            lines.append(json.dumps({"row": value.get("id"), "messages": value["messages"]}))
    path = tmp_path / "bare.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    odd = {entry["row"] for entry in truth["faults"]["answer_shape"]}
    ids = [json.loads(line).get("row") for line in lines]
    place = _ids_of_rows(sample_data_folder)
    rows = {place[ids[row]] for finding in run_checks(open_dataset(path), ["odd-answer"]).findings for row in finding.rows if ids[row] in place}
    assert len(rows & odd) >= 0.65 * len(odd)
    assert len(rows - faulty_rows(truth)) <= FALSE_ALARMS * len(lines)


def _ids_of_rows(folder):
    place = {}
    for row, line in enumerate((folder / "support.jsonl").read_bytes().split(b"\n")):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and value.get("id") not in place:
            place[value.get("id")] = row
    return place
