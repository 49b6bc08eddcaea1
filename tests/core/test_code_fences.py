"""What stands between fences: the same as a pattern would say, in one pass over the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.answers.code import fenced_spans, python_blocks

PATTERN = re.compile(r"^(?P<indent>[ \t>]*)```[ \t]*(?P<language>[\w+#]*)[^\n]*\n(?P<code>.*?)^(?P=indent)[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
"""Says what a fenced block is, in time quadratic in the fences that are never closed."""


@given(st.lists(st.sampled_from(["```", "```", "```python", "\n", "\n", "\n", "> ", " ", "\t", "x", "`"]), max_size=25).map("".join))
def test_blocks_are_those_of_the_pattern(text):
    assert list(fenced_spans(text)) == [(match["language"], match.start("code"), match.end("code")) for match in PATTERN.finditer(text)]


@pytest.mark.parametrize(("unit", "blocks"), [("```python\n", 0), ("```\n", 5000), ("> ```py\nx\n```py\n", 0), ("``` ```\n", 0)])
def test_thousands_of_fences_are_read_in_one_pass(unit, blocks):
    text = unit * 10_000
    assert len(list(fenced_spans(text))) == blocks
    assert not list(python_blocks(text))
