"""Triggers of text checks: whatever a check finds faulty matches its trigger, so that no text is withheld from it wrongly."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.runner import load_checks
from sde_core.dataset.turns import ASSISTANT, USER

PIECES = st.sampled_from(
    ["word", " ", "\n", "\t", "\r\n", "\r", "\x1c", "\x85", "\xa0", "\u3000", "\x1b[31m", "\x9b1m", "\x00", "\x7f", "\ufffd", "\ud800", "Ã©", "â€™", "Ð¿", "\u200b", "\u202e",
     "\ufeff", "\U000e0041", "<noinput>", "< No Output >", "no input", "N/A", "none", "...", "???", "{{name}}", "{{ slot }}", "```", "~~~\n", "<|im_end|>", "<|eot_id|>", "[INST]",
     "<<SYS>>", "</s>", "<s>", "<bos>", "[TOOL_CALLS]", "<｜end▁of▁sentence｜>", "<end_of_turn>", "### Response:", "\n### Instruction:\n", "\nHuman: x", "\nAssistant: y",
     "USER: a ASSISTANT:", "Below is an instruction that describes a task", ".", "é", "中文"]
)  # fmt: skip
MESSY = st.lists(PIECES, min_size=1, max_size=6).map("".join)
CHECKS = [check for check in load_checks() if hasattr(check, "faults") and getattr(check, "trigger", "")]


def matches(text: str, trigger: str) -> bool:
    """As the runner asks: lone surrogates are U+FFFD."""
    seen = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return bool(pl.Series([seen]).str.contains(trigger)[0])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@given(text=MESSY, role=st.sampled_from([USER, ASSISTANT]))
@settings(max_examples=150, deadline=None)
def test_a_faulty_text_matches_the_trigger(check, text, role):
    if list(check.faults(text, role)):
        assert matches(text, check.trigger), text
