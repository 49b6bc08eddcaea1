"""Keys of JSON answers: found where they stand, renamed and reordered without touching a value; schemas told apart."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sde_core.checks import run_checks
from sde_core.checks.fixes import fix_edits
from sde_core.checks.formats.json_keys import json_object, members, with_keys
from tests.core.checked import chat, findings_in, opened, rows_found

KEYS = st.sampled_from(["name", "Name", "a b", 'quo"ted', "ключ", "x\\y", "", "n\n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def written(value, layout, fenced):
    text = json.dumps(value, **layout)
    return f"```json\n{text}\n```\n" if fenced else f" {text}\n"


@given(value=OBJECTS, layout=LAYOUTS, fenced=st.booleans())
@example(value={"a": "}"}, layout={}, fenced=True)
@settings(max_examples=150, deadline=None)
def test_members_are_found_where_they_stand(value, layout, fenced):
    text = written(value, layout, fenced)
    assert json_object(text) == value
    found = members(text)
    assert [member.key for member in found] == list(value)
    assert [json.loads("{" + text[member.start : member.end] + "}") for member in found] == [{key: inner} for key, inner in value.items()]


@given(value=OBJECTS, layout=LAYOUTS, fenced=st.booleans(), order=st.randoms())
@settings(max_examples=150, deadline=None)
def test_reordering_keeps_every_value_as_it_is_written(value, layout, fenced, order):
    text = written(value, layout, fenced)
    wanted = list(value)
    order.shuffle(wanted)
    moved = with_keys(text, {}, wanted)
    assert list(json_object(moved).items()) == [(key, value[key]) for key in wanted]
    assert with_keys(moved, {}, wanted) == moved
    assert with_keys(moved, {}, list(value)) == text
    assert sorted(moved) == sorted(text)


@pytest.mark.parametrize(
    ("text", "renamed", "order", "after"),
    [
        ('{"Name": 1.50, "b" :[ ]}', {"Name": "name"}, ("b", "name"), '{"b" :[ ], "name": 1.50}'),
        ('{"a": 1, "b": 2}', {}, ("b",), '{"a": 1, "b": 2}'),
        ('{"a": 1, "a": 2}', {"a": "b"}, (), '{"a": 1, "a": 2}'),
        ('{"a": 1, "b": 2}', {"a": "b"}, (), '{"a": 1, "b": 2}'),
        ("[1, 2]", {"a": "b"}, (), "[1, 2]"),
        ('{"a": 1', {"a": "b"}, (), '{"a": 1'),
        ("{}", {}, ("a",), "{}"),
        pytest.param('{"a": ' + "[" * 1010 + "]" * 1010 + "}", {"a": "b"}, (), '{"a": ' + "[" * 1010 + "]" * 1010 + "}", id="deep"),
    ],
)
def test_what_renaming_does(text, renamed, order, after):
    assert with_keys(text, renamed, order) == after


def answers(*texts):
    return [chat(f"What of {number}?", text) for number, text in enumerate(texts)]


USUAL = [json.dumps({"name": f"Pat {n}", "item": "rope", "count": n}) for n in range(40)]


def test_the_fix_corrects_spelling_and_order_at_once(tmp_path):
    dataset = opened(tmp_path, answers(*USUAL, '{"item": "rope",  "Name": "Sam", "count": 1.0}', '{"count": 2, "item": "rope", "name": "Sam"}'))
    found = run_checks(dataset, ["json-misspelt-key", "json-key-order"]).findings
    assert {(finding.check, finding.rows[0], finding.fix) for finding in found} == {
        ("json-misspelt-key", 40, "canonical-json-keys"),
        ("json-key-order", 41, "canonical-json-keys"),
    }
    after = {edit.row: edit.after for edit in fix_edits(dataset, found)}
    assert after == {40: '{"name": "Sam",  "item": "rope", "count": 1.0}', 41: '{"name": "Sam", "item": "rope", "count": 2}'}
    fixed = dataset.with_edits({row: {("messages", 1, "content"): text} for row, text in after.items()})
    assert run_checks(fixed, ["json-misspelt-key", "json-key-order", "json-missing-key"]).findings == ()


def test_two_schemas_are_not_measured_by_each_other(tmp_path):
    other = [json.dumps({"title": f"No. {n}", "pages": n, "lent": True}) for n in range(40)]
    assert findings_in(tmp_path, answers(*USUAL, *other), "json-missing-key", "json-extra-key", "json-value-type", "json-key-order") == []


def test_free_keys_are_no_schema(tmp_path):
    free = [json.dumps({f"word{n}": n, f"other{n}": n}) for n in range(60)]
    assert findings_in(tmp_path, answers(*free), "json-missing-key", "json-extra-key", "json-misspelt-key") == []


def test_answers_in_code_blocks_count(tmp_path):
    fenced = [f"```json\n{text}\n```" for text in USUAL]
    found = findings_in(tmp_path, answers(*fenced, '```json\n{"name": "Sam", "count": 3}\n```'), "json-missing-key")
    assert rows_found(found) == [40]
    assert "item" in found[0].message


def test_missing_keys_are_not_said_twice(tmp_path):
    found = findings_in(tmp_path, answers(*USUAL, '{"name": "Sam", "count": 3}'), "json-missing-key", "odd-answer")
    assert [finding.check for finding in found] == ["json-missing-key"]


NESTED = [json.dumps({"id": n, "who": {"name": f"Pat {n}", "age": n}}) for n in range(40)]


@pytest.mark.parametrize(
    ("odd", "check", "after"),
    [
        ('{"id": 1, "who": {"name": "Sam"}}', "json-missing-key", None),
        ('{"id": 1, "who": {"name": "Sam", "age": 3, "hair": "red"}}', "json-extra-key", None),
        ('{"id": 1, "who": {"name": "Sam", "age": "three"}}', "json-value-type", None),
        ('{"id": 1, "who": {"Name": "Sam",  "age": 3}}', "json-misspelt-key", '{"id": 1, "who": {"name": "Sam",  "age": 3}}'),
        ('{"id": 1, "who": {"age": 3, "name": "{"}}', "json-key-order", '{"id": 1, "who": {"name": "{", "age": 3}}'),
    ],
)
def test_objects_within_are_looked_into(tmp_path, odd, check, after):
    dataset = opened(tmp_path, answers(*NESTED, odd))
    found = run_checks(dataset, ["json-missing-key", "json-extra-key", "json-misspelt-key", "json-value-type", "json-key-order"]).findings
    assert [(finding.check, finding.rows) for finding in found] == [(check, (40,))]
    assert "who" in found[0].message or check == "json-key-order"
    assert [edit.after for edit in fix_edits(dataset, found)] == ([after] if after else [])


def test_a_map_within_has_no_schema(tmp_path):
    maps = [json.dumps({"id": n, "scores": {f"team {n}": 1, f"team {n + 1}": 2}}) for n in range(40)]
    assert findings_in(tmp_path, answers(*maps), "json-missing-key", "json-extra-key", "json-misspelt-key", "json-value-type") == []
