"""Files for tests on a real pseudo-terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def rows_file(tmp_path: Path) -> Callable[[int], Path]:
    """Writes so many ordinary rows."""

    def write(count: int) -> Path:
        path = tmp_path / "rows.jsonl"
        with path.open("w") as file:
            for number in range(count):
                record = {
                    "instruction": f"Question {number}: where is parcel {number * 7}?",
                    "output": f"Answer {number}: on its way to you.",
                    "category": "abc"[number % 3],
                }
                file.write(json.dumps(record) + "\n")
        return path

    return write
