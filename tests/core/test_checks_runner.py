"""The runner: choice of checks, order, one fault one finding, progress, cancelling, the report and its actions."""

from __future__ import annotations

import importlib
import re
import threading
from pathlib import Path

import pytest

import sde_core.checks as checks_package
from sde_core.checks import CHECKS, run_checks
from sde_core.checks.config import THRESHOLDS
from sde_core.checks.findings import SEVERITIES, Finding
from sde_core.checks.fixes import FIXES, TARGETED_FIXES
from sde_core.checks.report import CheckInfo, CheckReport
from sde_core.checks.runner import _without_consequences, infos_of, known_names, load_checks, names_of
from sde_core.errors import CancelledError, UsageError
from tests.core.checked import chat, clean_chats, findings_in, opened, sentence, turns

FAULTY = [
    *clean_chats(60),
    chat("What is it? ", "It is so."),
    chat("What is that?", ""),
    b'{"messages": [',
    turns(("user", "Hi"), ("moderator", "No.")),
    chat("What?", "Café. \x07"),
]


# ---- choosing


def test_every_listed_check_loads_and_has_a_name_of_its_own():
    assert len(set(CHECKS)) == len(CHECKS)
    checks = load_checks()
    names = [name for check in checks for name in names_of(check)]
    assert all(name == name.lower() and " " not in name for name in names)
    assert {name for name in names if names.count(name) > 1} <= {"truncated-answer"}
    assert all(hasattr(check, "inspect") + hasattr(check, "faults") + hasattr(check, "run") == 1 for check in checks)


def test_checks_are_made_afresh_for_every_run():
    first, second = load_checks(), load_checks()
    assert all(one is not other for one, other in zip(first, second, strict=True))


def test_each_name_is_known_once():
    assert len(set(known_names())) == len(known_names())


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="no check named 'mojobake'") as caught:
        run_checks(opened(tmp_path, clean_chats(1)), ["mojibake", "mojobake"])
    assert "mojibake" in caught.value.hint
    assert "odd-answer" in caught.value.hint


def test_only_the_named_checks_run(tmp_path):
    report = run_checks(opened(tmp_path, FAULTY), ["outer-whitespace", "renamed-field"])
    assert set(report.counts) == {"outer-whitespace"}
    assert {info.name for info in report.checks} == {"outer-whitespace", "renamed-field"}


def test_importing_the_package_loads_no_check():
    module = importlib.import_module("sde_core.checks")
    assert all(isinstance(path, str) for path in module.CHECKS)


# ---- findings


def test_worst_first_then_by_check_then_by_row(tmp_path):
    report = run_checks(opened(tmp_path, FAULTY))
    order = [info.name for info in report.checks]
    places = [(SEVERITIES.index(finding.severity), order.index(finding.check), finding.rows[:1] or (-1,)) for finding in report.findings]
    assert places == sorted(places)
    assert report.findings == run_checks(opened(tmp_path, FAULTY, "again.jsonl")).findings


def test_every_finding_names_a_known_check_and_fix_and_has_evidence(tmp_path):
    report = run_checks(opened(tmp_path, FAULTY))
    known = {info.name for info in report.checks}
    for finding in report.findings:
        assert finding.check in known
        assert finding.evidence
        assert finding.message.endswith((".", "…", '"')), finding.message
        assert not finding.fix or finding.fix in FIXES or finding.fix in TARGETED_FIXES
        assert finding.score is None or 0 <= finding.score <= 1
    assert report.rows == 65
    assert report.bad_lines == 1
    assert set(report.counts) == {"bad-line", "empty-answer", "unknown-role", "control-characters", "outer-whitespace"}


def test_one_fault_is_one_finding(tmp_path):
    """A missing answer field makes the answer empty, the last turn wrong and the order odd: one finding says why."""
    rows = [{"instruction": f"Do {n}", "output": sentence(n)} for n in range(60)]
    del rows[3]["output"]
    assert [(finding.check, finding.rows) for finding in findings_in(tmp_path, rows)] == [("missing-field", (3,))]


def test_what_explains_a_check_is_a_check():
    checks = load_checks()
    known = {name for check in checks for name in names_of(check)}
    assert {name for check in checks for name in getattr(check, "explained_by", ())} <= known


def test_a_finding_on_several_rows_is_explained_by_none():
    """Only what one row alone has is a consequence of what else it has."""

    class Cause:
        name = "cause"

    class Effect:
        name, names, explained_by = "effect", ("effect", "cause"), ("cause",)

    cause, effect = Finding("cause", "error", (1,), "Said.", "shown"), Finding("effect", "info", (1,), "Said.", "shown")
    wide = Finding("effect", "info", (1, 2), "Said.", "shown")
    assert _without_consequences([cause, effect, wide, effect], [Cause(), Effect()]) == [cause, wide]
    assert _without_consequences([effect, wide], [Cause(), Effect()]) == [effect, wide]


def test_every_threshold_that_a_check_reads_can_be_set():
    sources = (Path(checks_package.__file__).parent).rglob("*.py")
    read = {name for path in sources for name in re.findall(r"params\.get\(\"(\w+)\"", path.read_text(encoding="utf-8"))}
    assert read == set(THRESHOLDS)


def test_surveys_are_taken_once(tmp_path):
    report = run_checks(opened(tmp_path, clean_chats(30)))
    assert report.findings == ()
    assert set(report.seconds) == {check.name for check in load_checks()}


# ---- long work


def test_progress_reaches_the_end(tmp_path):
    seen: list[tuple[int, int | None]] = []
    steps: list[str] = []
    run_checks(
        opened(tmp_path, clean_chats(300)),
        ["mojibake", "truncated-answer"],
        progress=lambda done, total: seen.append((done, total)),
        on_step=steps.append,
    )
    assert (300, 300) in seen
    assert steps[0] == "reading every record"
    assert len(steps) >= 3


def test_cancelling_stops_before_and_in_the_middle(tmp_path):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        run_checks(opened(tmp_path, clean_chats(10)), cancel=cancel)
    cancel = threading.Event()
    with pytest.raises(CancelledError):
        run_checks(opened(tmp_path, clean_chats(5000)), cancel=cancel, progress=lambda done, _: cancel.set() if done > 2000 else None)


def test_edits_are_checked_as_they_stand(tmp_path):
    dataset = opened(tmp_path, [*clean_chats(30), chat("What? ", "That.")])
    assert run_checks(dataset, ["outer-whitespace"]).counts == {"outer-whitespace": 1}
    edited = dataset.with_edits({30: {("messages", 0, "content"): "What?"}})
    assert run_checks(edited, ["outer-whitespace"]).counts == {}


# ---- the report

INFOS = (CheckInfo("a", "Faults of kind A", "formats", "Mend them."), CheckInfo("b", "Faults of kind B", "duplicates"), CheckInfo("c", "Never found"))


def report_of(*findings: Finding) -> CheckReport:
    return CheckReport(100, 2, INFOS, findings)


def test_actions_are_ranked_by_damage():
    many_small = [Finding("b", "info", (row,), "said", "shown") for row in range(30)]
    few_bad = [Finding("a", "error", (row,), "said", "shown", score=0.5, fix="close-fence") for row in range(4)]
    actions = report_of(*few_bad, *many_small).actions()
    assert [(action.check, action.rows, action.severity, action.screen, action.fix) for action in actions] == [
        ("a", 4, "error", "formats", "close-fence"),
        ("b", 30, "info", "duplicates", ""),
    ]
    assert actions[0].damage == pytest.approx(2.0)
    assert actions[1].damage == pytest.approx(1.5)
    assert actions[0].advice == "Mend them."


def test_rows_found_twice_count_once_and_the_whole_file_counts_as_one():
    twice = report_of(Finding("a", "error", (1, 2), "said", "shown"), Finding("a", "error", (2, 3), "said", "shown")).actions()[0]
    assert (twice.rows, twice.damage) == (3, 3.0)
    whole = report_of(Finding("a", "warning", (), "The file is odd.", "shown")).actions()[0]
    assert (whole.rows, whole.damage) == (0, pytest.approx(0.4))
    assert whole.advice == "The file is odd. Mend them."


def test_counts_worst_and_rows():
    report = report_of(Finding("a", "warning", (1, 2), "said", "shown"), Finding("b", "info", (2,), "said", "shown"))
    assert report.counts == {"a": 1, "b": 1}
    assert report.worst() == "warning"
    assert report_of().worst() is None
    assert [finding.check for finding in report.by_row()[2]] == ["a", "b"]
    assert [finding.check for finding in report.of("b")] == ["b"]


def test_a_name_of_several_may_have_its_own_advice():
    infos = {info.name: info for info in infos_of(load_checks())}
    assert "one spelling" in infos["label-variant"].advice
    assert "rarely seen" in infos["rare-class"].advice


def test_infos_take_a_shared_name_once():
    names = [info.name for info in infos_of(load_checks())]
    assert len(names) == len(set(names))


def test_json_has_exactly_the_documented_keys(tmp_path):
    dataset = opened(tmp_path, FAULTY)
    shown = run_checks(dataset).to_json(dataset)
    assert list(shown) == ["dataset", "counts", "findings", "silenced", "cached"]
    assert set(shown["dataset"]) == {"path", "rows", "bad_lines", "layout", "fingerprint"}
    assert shown["dataset"]["rows"] == 65
    for finding in shown["findings"]:
        assert set(finding) == {"row", "rows", "line", "check", "severity", "score", "field", "message", "evidence", "fix"}
        assert finding["line"] == finding["row"] + 1
