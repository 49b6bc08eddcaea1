"""Planted faults and clean controls for what `sde_core.checks.formats.drift` finds."""

from __future__ import annotations

from tests.core.fault_cases import FaultCase

_OLD = [{"prompt": f"question {number}", "completion": f"answer {number}"} for number in range(50)]
_NEW = [{**record, "source": "second file"} for record in _OLD]

CASES = (
    FaultCase("field-drift", "a field that begins in the middle of the file", [*_OLD, *_NEW], (0, 50)),
    FaultCase("field-drift", "a field that ends", [*_NEW, *_OLD], (0, 50)),
    FaultCase("field-drift", "an optional field comes and goes", [*_OLD[:25], *_NEW[:3], *_OLD[25:], *_NEW[3:40:2], *_OLD[:9], *_NEW[:9]]),
    FaultCase("field-drift", "one record lacks the field", [*_NEW, _OLD[0], *_NEW]),
    FaultCase("changed-type", "the type changes in the middle of the file", [{**record, "score": number if number < 30 else str(number)}
              for number, record in enumerate(_OLD)], (0, 30)),
)  # fmt: skip
