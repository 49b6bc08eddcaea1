"""Fixes: pure, idempotent, and edits that change the named field alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sde_core.checks import run_checks
from sde_core.checks.findings import Finding
from sde_core.checks.fixes import FIXES, changed_part, fix_edits
from sde_core.dataset import Edit, replaced_at, value_at
from tests.core.checked import chat, clean_chats, opened, turns

FRAGMENTS = st.sampled_from(
    ["word", " ", "\n", "\t", "\x1b[31m", "\x1b]0;title\x07", "\x1b", "\x07", "\x9b1m", "\x00", "Ã©", "â€™", "\x85", "\xa0", "\u200b", "\u202e", "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
     "\U000e0041", "\ufeff", "<noinput>", "No input.", "<no", "input>", "Input: ", "```", "```python\n", "````", "~~~", "</s>", "<|im_end|>", "é", "€", "]", "m", "5"]
)  # fmt: skip
MESSY = st.lists(FRAGMENTS, max_size=12).map("".join) | st.text(max_size=40)


@pytest.mark.parametrize("name", FIXES)
@given(text=MESSY)
@example(text="")
@example(text="<no<noinput>input>")
@example(text="\x1b\x1b[[31m31m")
@example(text="    code\n        more\n")
@settings(max_examples=100, deadline=None)
def test_a_fix_applied_twice_gives_what_it_gives_once(name, text):
    once = FIXES[name](text)
    assert FIXES[name](once) == once


@pytest.mark.parametrize("name", FIXES)
@given(text=st.text(alphabet="abcdefg XYZ.,!?", min_size=1, max_size=60).map(str.strip).filter(bool))
@settings(max_examples=50, deadline=None)
def test_a_fix_leaves_plain_text_alone(name, text):
    if name != "canonical-role":
        assert FIXES[name](text) == text


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("strip-control-characters", "a\x1b[1;31mred\x1b[0m b\x07\tc\n", "ared b\tc\n"),
        ("strip-control-characters", "x\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\y", "xlinky"),
        ("strip-control-characters", "x\x1b]52;c;aGVsbG8=\x07y", "xy"),
        ("repair-encoding", "cafÃ© â€œfineâ€\x9d", "café “fine”"),
        ("repair-encoding", "it’s “fine” — naïve", "it’s “fine” — naïve"),
        ("remove-invisible", "a\u200bb\u202ec\ufeff", "abc"),
        ("remove-invisible", "👨‍👩‍👧 می‌خواهم 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👨‍👩‍👧 می‌خواهم 🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
        ("remove-marker", "<noinput>", ""),
        ("remove-marker", "No input required.", ""),
        ("remove-marker", "Tell me.\nInput: <NoInput>", "Tell me."),
        ("remove-marker", "Tell me. <no output>", "Tell me."),
        ("remove-marker", "There was no input at all from them.", "There was no input at all from them."),
        ("remove-end-token", "Done.<|im_end|>\n", "Done."),
        ("remove-end-token", "Say </s> twice</s></s>", "Say </s> twice"),
        ("trim-whitespace", " \n text \n\n", "text"),
        ("trim-whitespace", "\n    if x:\n        y\n    z\n", "    if x:\n        y\n    z"),
        ("trim-whitespace", "   a\nb", "a\nb"),
        ("trim-whitespace", "\u3000全角\u00a0", "全角"),
        ("trim-whitespace", "kept\x85", "kept\x85"),
        ("close-fence", "So:\n```py\nx", "So:\n```py\nx\n```"),
        ("close-fence", "So:\n~~~\nx\n", "So:\n~~~\nx\n~~~"),
        ("close-fence", "```\nx\n```", "```\nx\n```"),
        ("canonical-role", "Assistant ", "assistant"),
        ("canonical-role", "asistant", "assistant"),
        ("canonical-role", "moderator", "moderator"),
    ],
)  # fmt: skip
def test_what_a_fix_does(name, before, after):
    assert FIXES[name](before) == after


def test_edits_change_the_named_field_alone(tmp_path):
    rows = [*clean_chats(30), chat(" Ask this?", "Answer that. \n", note=" kept "), {"broken": True}]
    dataset = opened(tmp_path, rows)
    report = run_checks(dataset, ["outer-whitespace"])
    edits = fix_edits(dataset, report.findings)
    assert [(edit.row, edit.path, edit.before, edit.after) for edit in edits] == [
        (30, ("messages", 0, "content"), " Ask this?", "Ask this?"),
        (30, ("messages", 1, "content"), "Answer that. \n", "Answer that."),
    ]


def test_fixed_rows_have_no_such_finding_any_more(tmp_path):
    planted = [
        chat("Copy \x1b]52;c;aGk=\x1b\\ this.", "Done. "),
        chat("CafÃ©s?", "Many.<|im_end|>"),
        chat("Zero\u200bwidth? <noinput>", "```\nyes"),
        turns(("user", "Hi"), ("Assistant", "Well.")),
    ]
    dataset = opened(tmp_path, [*clean_chats(30), *planted])
    before = run_checks(dataset)
    edits = fix_edits(dataset, before.findings)
    overlay = {}
    for edit in edits:
        overlay.setdefault(edit.row, {})[edit.path] = edit.after
    after = run_checks(dataset.with_edits(overlay))
    assert {finding.fix for finding in before.findings} >= {
        "strip-control-characters",
        "repair-encoding",
        "remove-invisible",
        "close-fence",
        "canonical-role",
    }
    assert [finding for finding in after.findings if finding.rows and finding.rows[0] >= 30] == []


def test_several_fixes_of_one_text_are_one_edit(tmp_path):
    dataset = opened(tmp_path, [*clean_chats(30), chat("What? \x07", "It’s Ã©. ")])
    edits = fix_edits(dataset, run_checks(dataset).findings)
    assert [(edit.row, edit.after) for edit in edits] == [(30, "What?"), (30, "It’s é.")]


def test_a_fix_that_knows_its_text_from_the_finding(tmp_path):
    dataset = opened(tmp_path, [chat("a b", "c d", category="Loans "), chat("a", "b", category="loans")])
    finding = Finding("label-variant", "warning", (0,), "said", "shown", "category", 1.0, "canonical-label", "loans")
    assert fix_edits(dataset, [finding]) == [Edit(0, ("category",), "Loans ", "loans")]


def test_findings_without_a_fix_and_texts_that_are_fine_already_change_nothing(tmp_path):
    dataset = opened(tmp_path, [chat("a b", "c d")])
    none = Finding("odd-answer", "warning", (0,), "said", "shown", "messages[1].content")
    fine = Finding("outer-whitespace", "warning", (0,), "said", "shown", "messages[1].content", fix="trim-whitespace")
    gone = Finding("outer-whitespace", "warning", (0,), "said", "shown", "messages[9].content", fix="trim-whitespace")
    assert fix_edits(dataset, [none, fine, gone]) == []


@given(
    value=st.recursive(st.text(max_size=10), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    name=st.sampled_from(sorted(FIXES)),
)
@settings(max_examples=50, deadline=None)
def test_edits_can_be_applied_to_any_record(tmp_path_factory, value, name):
    dataset = opened(tmp_path_factory.mktemp("any"), [{"messages": [{"role": "user", "content": " x "}], "extra": value}] * 2)
    for edit in fix_edits(dataset, [Finding("x", "info", (1,), "said", "shown", "messages[0].content", fix=name)]):
        record = dataset.value(edit.row)
        assert value_at(record, edit.path) == edit.before
        assert value_at(replaced_at(record, edit.path, edit.after), edit.path) == edit.after


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (
            "x" * 80 + "old" + "y" * 80,
            "x" * 80 + "new" + "y" * 80,
            ("…" + "x" * 30 + "old" + "y" * 30 + "…", "…" + "x" * 30 + "new" + "y" * 30 + "…"),
        ),
        ("a ", "a", ("a ", "a")),
        ("same", "same", ("same", "same")),
        ("", "x", ("", "x")),
        ("aa", "a", ("aa", "a")),
    ],
)
def test_the_changed_part_is_shown(before, after, shown):
    assert changed_part(Edit(0, (), before, after)) == shown


def test_fixes_come_from_json_findings_too(tmp_path):
    """A finding that was written to a file and read again fixes the same."""
    dataset = opened(tmp_path, [*clean_chats(30), chat("What? ", "That. ")])
    found = run_checks(dataset, ["outer-whitespace"]).findings
    read = [json.loads(json.dumps(finding.to_json(1))) for finding in found]
    again = [
        Finding(one["check"], one["severity"], tuple(one["rows"]), one["message"], one["evidence"], one["field"], one["score"], one["fix"])
        for one in read
    ]
    assert fix_edits(dataset, again) == fix_edits(dataset, found)
