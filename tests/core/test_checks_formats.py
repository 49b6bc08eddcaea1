"""Each check on fields, turns and characters: a planted fault is found in its field, and clean neighbours are left alone."""

from __future__ import annotations

import json

import pytest

from sde_core.checks import run_checks
from sde_core.checks.formats.schema import similar_names
from sde_core.dataset import LAYOUTS, Layout, open_dataset
from tests.core.checked import chat, clean_chats, findings_in, opened, rows_found, turns

ESC = "\x1b"


def with_planted(planted, count=40):
    """Clean rows with one other row at place 7."""
    rows = clean_chats(count)
    rows.insert(7, planted)
    return rows


# ---- lines


def test_malformed_lines_are_listed_with_their_line(tmp_path):
    found = findings_in(tmp_path, [*clean_chats(3), b'{"messages": [', b"", *clean_chats(2)], "bad-line")
    assert rows_found(found) == [3]
    assert "Line 4 is not a record" in found[0].message
    assert found[0].evidence == '{"messages": ['


# ---- fields


def test_a_missing_field_is_an_error_only_where_it_is_needed(tmp_path):
    rows = [{"instruction": f"Do {n}", "input": "", "output": f"Done {n}.", "source": "web"} for n in range(40)]
    del rows[5]["output"], rows[9]["source"]
    found = findings_in(tmp_path, rows, "missing-field", "renamed-field", "empty-answer")
    assert [(finding.check, finding.rows, finding.field, finding.severity) for finding in found] == [
        ("missing-field", (5,), "output", "error"),
        ("missing-field", (9,), "source", "warning"),
    ]


@pytest.mark.parametrize("name", ["outputs", "Output", "response", "answer", "out put"])
def test_a_renamed_field_names_both_names(tmp_path, name):
    rows = [{"instruction": f"Do {n}", "output": f"Done {n}."} for n in range(40)]
    rows[5][name] = rows[5].pop("output")
    found = findings_in(tmp_path, rows, "missing-field", "renamed-field", "empty-answer", "last-turn")
    assert [(finding.check, finding.rows, finding.field) for finding in found] == [("renamed-field", (5,), name)]
    assert "'output'" in found[0].message
    assert repr(name) in found[0].message


def test_optional_fields_are_not_missing(tmp_path):
    rows = [{"instruction": f"Do {n}", "output": f"Done {n}.", **({"note": "x"} if n % 10 else {})} for n in range(60)]
    assert findings_in(tmp_path, rows, "missing-field", "renamed-field") == []


def test_few_rows_have_no_habit(tmp_path):
    rows = [{"instruction": f"Do {n}", "output": f"Done {n}.", **({"note": "x"} if n else {})} for n in range(10)]
    assert findings_in(tmp_path, rows, "missing-field") == []


@pytest.mark.parametrize(
    ("old", "new", "check"), [("content", "body", "renamed-field"), ("role", "speaker", "renamed-field"), ("content", None, "missing-field")]
)
def test_fields_of_messages_count_too(tmp_path, old, new, check):
    planted = chat("Where is it?", "In the cellar.")
    for message in planted["messages"]:
        text = message.pop(old)
        if new:
            message[new] = text
    found = findings_in(
        tmp_path, with_planted(planted), "missing-field", "renamed-field", "empty-answer", "empty-prompt", "unknown-role", "last-turn"
    )
    assert [(finding.check, finding.rows) for finding in found] == [(check, (7,))]


def test_a_tool_call_needs_no_content(tmp_path):
    called = turns(("user", "Weather?"), ("tool", "rain"), ("assistant", "It rains."))
    called["messages"].insert(1, {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]})
    assert findings_in(tmp_path, with_planted(called), "missing-field", "changed-type", "empty-turn", "role-order") == []


@pytest.mark.parametrize(("first", "second", "same"), [("output", "Outputs", True), ("question", "prompt", True), ("rating", "source", False)])
def test_similar_names(first, second, same):
    assert similar_names(first, second) is same


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda row: row.update(rating="5"), "rating"),
        (lambda row: row["meta"].update(score="high"), "meta.score"),
        (lambda row: row.update(meta="none"), "meta"),
        (lambda row: row.update(tags="a, b"), "tags"),
        (lambda row: row.update(rating=True), "rating"),
        (lambda row: row["messages"].__setitem__(1, {"role": "assistant", "content": ["In", "parts"]}), "messages[].content"),
    ],
)
def test_a_changed_type_is_found_at_its_path(tmp_path, change, path):
    rows = [chat(f"What of {n}?", f"It is {n}.", rating=n, meta={"score": n / 7}, tags=["a"]) for n in range(60)]
    change(rows[33])
    found = findings_in(tmp_path, rows, "changed-type")
    assert [(finding.rows, finding.field) for finding in found] == [((33,), path)]


def test_null_and_other_kinds_of_numbers_are_no_change(tmp_path):
    rows = [chat(f"What of {n}?", f"It is {n}.", rating=n if n % 2 else n / 2, note=None if n % 3 else "x") for n in range(60)]
    rows[4]["rating"] = None
    assert findings_in(tmp_path, rows, "changed-type") == []


def test_a_field_that_is_mixed_throughout_gives_one_finding(tmp_path):
    rows = [chat(f"What of {n}?", f"It is {n}.", rating=n if n % 2 else str(n)) for n in range(60)]
    found = findings_in(tmp_path, rows, "changed-type")
    assert [(finding.severity, finding.field) for finding in found] == [("info", "rating")]
    assert found[0].evidence in ("text 30×, number 30×", "number 30×, text 30×")


def test_arguments_of_tool_calls_may_be_anything(tmp_path):
    rows = [chat(f"What of {n}?", f"It is {n}.", calls=[{"function": {"arguments": {"x": 1}}}]) for n in range(60)]
    rows[9]["calls"] = [{"function": {"arguments": {"x": "one"}}}]
    assert findings_in(tmp_path, rows, "changed-type") == []


def test_a_row_of_another_kind_is_one_finding(tmp_path):
    found = findings_in(tmp_path, with_planted(["What?", "That."]), "changed-type", "missing-field")
    assert [(finding.check, finding.rows) for finding in found if finding.field == ""] == [("changed-type", (7,))]


# ---- turns


@pytest.mark.parametrize(
    ("said", "check"),
    [
        ((("user", "Hi"), ("assistant", "")), "empty-answer"),
        ((("user", "Hi"), ("assistant", " \n ")), "empty-answer"),
        ((("user", ""), ("assistant", "Well.")), "empty-prompt"),
        ((("system", ""), ("user", "Hi"), ("assistant", "Well.")), "empty-turn"),
        ((("user", "Hi"), ("assistant", ""), ("user", "And?"), ("assistant", "Well.")), "empty-turn"),
        ((("user", "Hi"), ("assistant", "Yes."), ("user", ""), ("assistant", "Well.")), "empty-turn"),
        ((("user", "Hi"), ("user", "Anyone?"), ("assistant", "Well.")), "role-order"),
        ((("user", "Hi"), ("assistant", "Well."), ("assistant", "Then.")), "role-order"),
        ((("assistant", "Hello."), ("user", "Hi"), ("assistant", "Well.")), "role-order"),
        ((("user", "Hi"), ("system", "Be kind."), ("assistant", "Well.")), "role-order"),
        ((("user", "Hi"), ("tool", "42"), ("assistant", "Well.")), "role-order"),
        ((("user", "Hi"),), "last-turn"),
        ((("user", "Hi"), ("assistant", "Well."), ("user", "Thanks")), "last-turn"),
        ((("user", "Hi"), ("moderator", "Stop."), ("assistant", "Well.")), "unknown-role"),
        ((("user", "Hi"), ("Assistant", "Well.")), "unknown-role"),
        ((("user", "Hi"), ("assistant", "Well."), ("assistant", "Well.")), "repeated-turn"),
        ((("user", "Hi"), ("assistant", "Well."), ("user", "Hi"), ("assistant", "Well.")), "repeated-turn"),
    ],
)
def test_a_conversation_in_the_wrong_form_has_one_finding(tmp_path, said, check):
    checks = ("empty-answer", "empty-prompt", "empty-turn", "role-order", "last-turn", "unknown-role", "repeated-turn")
    found = findings_in(tmp_path, with_planted(turns(*said)), *checks)
    assert [(finding.check, finding.rows) for finding in found] == [(check, (7,))]
    assert found[0].evidence


@pytest.mark.parametrize(
    "said",
    [
        (("system", "Be kind."), ("user", "Hi"), ("assistant", "Well.")),
        (("user", "Go on"), ("assistant", "One."), ("user", "Go on"), ("assistant", "Two.")),
        (("user", "Weather?"), ("assistant", "call()"), ("tool", "rain"), ("tool", "9 degrees"), ("assistant", "It rains.")),
        (("human", "Hi"), ("gpt", "I look."), ("function_call", "find()"), ("observation", "found"), ("gpt", "Here.")),
        (("user", "Weather?"), ("assistant", "call()"), ("tool", ""), ("assistant", "Nothing came back.")),
    ],
)
def test_conversations_that_are_fine(tmp_path, said):
    checks = ("empty-answer", "empty-prompt", "empty-turn", "role-order", "last-turn", "unknown-role", "repeated-turn")
    assert findings_in(tmp_path, with_planted(turns(*said)), *checks) == []


def test_a_misspelt_role_has_a_fix_and_a_foreign_one_has_none(tmp_path):
    rows = [*clean_chats(20), turns(("user", "Hi"), ("assitant", "Well.")), turns(("user", "Hi"), ("narrator", "Well."))]
    found = findings_in(tmp_path, rows, "unknown-role")
    assert [(finding.rows, finding.field, finding.fix) for finding in found] == [
        ((20,), "messages[1].role", "canonical-role"),
        ((21,), "messages[1].role", ""),
    ]


def test_an_order_that_many_rows_have_is_one_finding_for_all(tmp_path):
    greeted = [turns(("assistant", "Hello."), ("user", f"Hi {n}"), ("assistant", "Well.")) for n in range(30)]
    found = findings_in(tmp_path, [*greeted, *clean_chats(30)], "role-order")
    assert [(finding.severity, len(finding.rows)) for finding in found] == [("info", 30)]


def test_files_of_prompts_alone_are_a_habit(tmp_path):
    found = findings_in(tmp_path, [turns(("user", f"Hi {n}")) for n in range(30)], "last-turn")
    assert [(finding.severity, len(finding.rows)) for finding in found] == [("info", 30)]


def test_fields_have_no_role_order(tmp_path):
    rows = [{"instruction": f"Do {n}", "output": "" if n == 3 else f"Done {n}."} for n in range(30)]
    found = findings_in(tmp_path, rows, "role-order", "last-turn", "empty-answer")
    assert [(finding.check, finding.rows, finding.field) for finding in found] == [("empty-answer", (3,), "output")]


def test_a_pair_without_a_preference(tmp_path):
    rows = [{"prompt": f"Do {n}", "chosen": f"Done {n}.", "rejected": f"No {n}."} for n in range(30)]
    rows[4]["rejected"] = rows[4]["chosen"] + " "
    rows[5]["rejected"] = ""
    found = findings_in(tmp_path, rows, "equal-preference", "empty-answer")
    assert {(finding.check, finding.rows, finding.field) for finding in found} == {
        ("equal-preference", (4,), "rejected"),
        ("empty-answer", (5,), "rejected"),
    }


# ---- characters


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (f"Look {ESC}[31mhere{ESC}[0m now.", "control-characters"),
        (f"Copy {ESC}]52;c;aGk={ESC}\\ this.", "control-characters"),
        ("A bell \x07 rings.", "control-characters"),
        ("Nothing\x00 here.", "control-characters"),
        ("Eight bits \x9b31m red.", "control-characters"),
        ("It costs Â£5 at the cafÃ©.", "mojibake"),
        ("It\u00e2\u20ac\u2122s \u00e2\u20ac\u0153fine\u00e2\u20ac\u009d.", "mojibake"),
        ("An ellipsis\x85, then more.", "mojibake"),
        ("Zero\u200bwidth.", "invisible-characters"),
        ("A\u202ereversed\u202c word.", "invisible-characters"),
        ("Hidden\U000e0041\U000e0042 tags.", "invisible-characters"),
        ("Lost \ufffd letters.", "lost-characters"),
        ("Half a \ud83d pair.", "lost-characters"),
        ("Done.<|im_end|>", "special-token"),
        ("Ask [INST] again [/INST].", "special-token"),
        ("Done.</s>", "special-token"),
        ("<s> Begin here.", "special-token"),
        ("<start_of_turn>model\nYes.", "special-token"),
        ("<noinput>", "placeholder"),
        ("No input needed.", "placeholder"),
        ("Context: <no context>\nNow tell me.", "placeholder"),
        ("Like this:\n```python\nprint(1)", "unclosed-fence"),
        ("Well then. \n", "outer-whitespace"),
        ("\n\nWell then.", "outer-whitespace"),
        ("\u3000Well then.\u00a0", "outer-whitespace"),
    ],
)
def test_a_planted_character_is_found_in_its_field(tmp_path, text, check):
    checks = (
        "control-characters", "mojibake", "invisible-characters", "lost-characters", "special-token", "placeholder", "unclosed-fence", "outer-whitespace",
    )  # fmt: skip
    found = findings_in(tmp_path, with_planted(chat(text, "Well, that is so.")), *checks)
    assert [(finding.check, finding.rows, finding.field) for finding in found] == [(check, (7,), "messages[0].content")]


@pytest.mark.parametrize(
    "text",
    [
        "Tabs\tand\nlines\r\nare text.",
        "It’s “fine” — naïve café, 5 € … ½ cup, 30 °C, Łukasz, Ångström.",
        "Привет, как дела? Ελληνικά. こんにちは。 你好，世界！ مرحبا. שלום",
        "Emoji 👨‍👩‍👧 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿 flags, ❤️ too.",
        "نمی‌خواهم with a joiner",
        "עברית\u200f with a mark",
        "An old line end\x85between words.",
        "A tag <b>bold</b>, a generic List<Item>, <s>struck</s> and x < y > z, f <| g |> h.",
        "Arrays [1, 2], [INSTALL], [link], a[INDEX].",
        "Inline ```code``` and `x`.",
        "Fence:\n```\nx\n```\nafter, and ~~struck~~ text.",
        "Nested:\n````md\n```py\nx\n```\n````",
        "- item\n  ```sh\n  ls\n  ```\n- next",
        "There is no input on this device and no output either.",
        "<image>What is that? <video><audio>",
        "    indented = True\n    more = False",
    ],
)
def test_characters_that_belong_there(tmp_path, text):
    checks = (
        "control-characters", "mojibake", "invisible-characters", "lost-characters", "special-token", "placeholder", "unclosed-fence", "outer-whitespace",
    )  # fmt: skip
    assert findings_in(tmp_path, with_planted(chat(text, "Well, that is so.")), *checks) == []


def test_rejected_answers_are_searched_for_characters_too(tmp_path):
    rows = [{"prompt": f"Do {n}", "chosen": f"Done {n}.", "rejected": f"No {n}."} for n in range(30)]
    rows[4]["rejected"] = "No\x07."
    assert [(finding.rows, finding.field) for finding in findings_in(tmp_path, rows, "control-characters")] == [((4,), "rejected")]


def test_a_token_that_ends_every_answer_is_one_finding_with_a_fix(tmp_path):
    rows = [{"prompt": f"Do {n}", "completion": f"Done {n}.<|endoftext|>"} for n in range(30)]
    found = findings_in(tmp_path, rows, "special-token")
    assert [(finding.severity, len(finding.rows), finding.field, finding.fix) for finding in found] == [
        ("warning", 30, "completion", "remove-end-token")
    ]


def test_plain_texts_that_were_rendered_by_a_template_are_left_alone(tmp_path):
    rows = [{"text": f"<s>[INST] Do {n} [/INST] Done {n}.</s>"} for n in range(30)]
    assert findings_in(tmp_path, rows, "special-token") == []


def test_white_space_that_all_rows_have_is_a_habit(tmp_path):
    rows = [{"prompt": f"Do {n}", "completion": f" Done {n}."} for n in range(30)]
    found = findings_in(tmp_path, rows, "outer-whitespace")
    assert [(finding.severity, len(finding.rows), finding.fix) for finding in found] == [("info", 30, "trim-whitespace")]


def test_slots_that_several_rows_leave_open(tmp_path):
    rows = clean_chats(40)
    for n in (3, 5):
        rows[n]["messages"][1]["content"] = "I am {{name}}, made by {{author}}."
    rows[9]["messages"][1]["content"] = "Type {{pericarditis}} into the box."
    rows[11]["messages"][1]["content"] = "Use <b>{{name}}</b> or ${{name}} in `{{name}}`."
    found = findings_in(tmp_path, rows, "unfilled-slot")
    assert rows_found(found) == [3, 5]
    assert "{{name}}" in found[0].message


# ---- prompts


def with_system(count, system="Be kind."):
    return [turns(("system", system), ("user", f"What about {n}?"), ("assistant", f"It is {n}.")) for n in range(count)]


def test_a_system_prompt_that_nearly_all_have(tmp_path):
    rows = [*with_system(60), chat("What about 61?", "It is so.")]
    assert rows_found(findings_in(tmp_path, rows, "missing-system")) == [60]
    assert findings_in(tmp_path, [*with_system(30), *clean_chats(30)], "missing-system") == []
    assert findings_in(tmp_path, with_system(60), "missing-system") == []
    assert findings_in(tmp_path, clean_chats(60), "missing-system") == []


def test_words_that_nearly_all_prompts_have(tmp_path):
    rows = [chat(f"Text: number {n} is near.\n\nIs it good or bad? Answer:", "good") for n in range(60)]
    rows[7]["messages"][0]["content"] = "Number 7 is near. What do you think of it?"
    found = findings_in(tmp_path, rows, "odd-prompt")
    assert [(finding.rows, finding.field) for finding in found] == [((7,), "messages[0].content")]
    assert "98.3% of the prompts" in found[0].message
    assert findings_in(tmp_path, clean_chats(60), "odd-prompt") == []


def test_a_word_like_none_is_a_gap_only_where_it_is_rare(tmp_path):
    rare = [{"instruction": f"Do {n}", "input": "none" if n == 3 else f"item {n}", "output": f"Done {n}."} for n in range(200)]
    often = [{"instruction": f"Do {n}", "input": "none" if n % 3 else f"item {n}", "output": f"Done {n}."} for n in range(200)]
    assert rows_found(findings_in(tmp_path, rare, "placeholder")) == [3]
    assert findings_in(tmp_path, often, "placeholder") == []


def test_a_marker_as_answer_is_not_emptied(tmp_path):
    rows = [{"instruction": f"Do {n}", "input": "", "output": "<nooutput>" if n == 3 else f"Done {n}."} for n in range(30)]
    found = findings_in(tmp_path, rows, "placeholder")
    assert [(finding.rows, finding.field, finding.fix) for finding in found] == [((3,), "output", "")]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "cp437", "mac_roman", "iso-8859-2"])
def test_mojibake_of_many_encodings_is_seen(tmp_path, encoding):
    text = "Die Straße nach Zürich — “schön” und naïve, 30 °C".encode().decode(encoding, "ignore")
    assert rows_found(findings_in(tmp_path, with_planted(chat(text, "Ja.")), "mojibake")) == [7]


def test_every_layout_goes_through_all_checks(tmp_path):
    """Rows of every form that the checks may meet, odd ones too: nothing raises and nothing is unreadable."""
    rows = [None, 3, "text", [], ["a", "b"], {}, {"messages": None}, {"messages": [None, 1, "x"]}, {"messages": [{"role": None, "content": {"a": 1}}]},
            {"messages": [{"content": "x"}]}, {"text": ["a", 1]}, {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}]  # fmt: skip
    path = tmp_path / "odd.jsonl"
    rows += clean_chats(20)
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    dataset = open_dataset(path)
    for family in LAYOUTS:
        report = run_checks(dataset.with_layout(Layout(family.name, {})))
        assert report.rows == len(rows)
        assert all(finding.evidence for finding in report.findings)


def test_an_empty_file_of_no_rows_has_no_findings(tmp_path):
    dataset = opened(tmp_path, clean_chats(1))
    assert run_checks(dataset).findings == ()
