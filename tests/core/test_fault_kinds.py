"""Every kind of fault: planted ones are found in exactly their rows, and what looks like them is left alone."""

from __future__ import annotations

from collections import Counter

import pytest

from sde_core.checks import run_checks
from sde_core.checks.runner import load_checks, names_of
from tests.core.checked import opened, rows_found
from tests.core.fault_cases import FaultCase, all_cases

CASES = all_cases()
NAMES = sorted({name for check in load_checks() for name in names_of(check)})
FEWEST_KINDS = 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exactly_the_planted_rows_are_found(tmp_path, case: FaultCase):
    dataset = opened(tmp_path, case.records, case.filename, layout=case.layout, mapping=case.mapping)
    found = run_checks(dataset, (case.check,), case.params).findings
    assert {finding.check for finding in found} <= {case.check}
    assert all(finding.message and finding.evidence for finding in found)
    assert rows_found(found) == sorted(case.faulty_rows), found


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_has_a_planted_fault_and_a_clean_control(name):
    kinds = {bool(case.faulty_rows) for case in CASES if case.check == name}
    assert kinds == {True, False}


def test_cases_are_of_known_kinds_and_told_apart():
    assert {case.check for case in CASES} <= set(NAMES)
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


def test_the_kinds_are_many():
    assert len(NAMES) >= FEWEST_KINDS
