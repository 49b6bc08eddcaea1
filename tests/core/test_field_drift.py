"""The history of every field over the file, and the choice that each drift leaves: fix without loss, split, ignore with a reason."""

from __future__ import annotations

import itertools
import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.cli.drift import command
from sde_core.dataset import open_dataset
from sde_core.errors import ReadOnlyError, UsageError
from sde_core.features.field_drift import ABSENT, conversion_of, converted, field_histories, record_shapes
from sde_core.features.record_shape import shape_of, type_name


def _histories(path):
    dataset = open_dataset(path, layout="text", mapping={"text": "t"})
    shapes = record_shapes(dataset)
    return dataset, shapes, {history.field: history for history in field_histories(shapes)}


_VALUES = st.sampled_from([1, "a", "2", None, True, [1], ["x"], [], {"b": 1}, {"b": "c"}, ...])


@settings(max_examples=150, deadline=None)
@given(st.lists(_VALUES, min_size=1, max_size=30))
def test_segments_are_the_runs_of_the_field(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("drift") / "data.jsonl"
    path.write_text("\n".join(json.dumps({"t": "x"} if value is ... else {"t": "x", "a": value}) for value in values))
    _, _, histories = _histories(path)
    kinds = [ABSENT if value is ... else type_name(shape_of(value)) for value in values]
    history = histories.get("a")
    assert (history is None) == (set(kinds) == {ABSENT})
    if history:
        assert [segment.kind for segment in history.segments for _ in range(segment.rows)] == kinds[: sum(part.rows for part in history.segments)]
        assert history.runs == 1 + sum(first != second for first, second in itertools.pairwise(kinds))
        assert dict(history.kinds) == {kind: kinds.count(kind) for kind in kinds}
        assert history.changes_type == (len(set(kinds) - {ABSENT, "null"}) > 1)
        assert all(kinds[part.first] == kinds[part.last] == part.kind for part in history.segments)


def test_bad_lines_and_nested_fields_keep_the_row_numbers(write_jsonl):
    records = [{"t": "x", "m": {"s": 1}}, b"broken", {"t": "x", "m": {"s": 1}}, {"t": "x"}, {"t": "x", "m": {"s": "1"}}, {"t": "x", "m": {"s": "2"}}]
    _, _, histories = _histories(write_jsonl(records))
    assert [(part.first, part.last, part.kind) for part in histories["m.s"].segments] == [(0, 2, "number"), (4, 5, "text")]
    assert histories["m.s"].words() == "number in rows 0–2, text from row 4 on"
    assert not histories["m"].drifts


@pytest.mark.parametrize("key", ["a.b", "http://x.org/k", "list[]", ".", "a[].b"])
def test_dots_and_brackets_in_a_key_are_its_own(write_jsonl, key):
    _, _, histories = _histories(write_jsonl([{"t": "x", key: 1}, {"t": "x"}, {"t": "x", key: "1"}]))
    assert dict(histories[key].kinds) == {"number": 1, ABSENT: 1, "text": 1}
    assert histories[key].drifts


@pytest.mark.parametrize(
    ("usual", "odd", "after"),
    [
        ('"a"', "5", '"5"'), ('"a"', "1.50", '"1.50"'), ('"a"', "1e400", '"1e400"'), ('"a"', "12345678901234567890123", '"12345678901234567890123"'),
        ('"a"', "true", '"true"'), ("5", '"7"', "7"), ("5", '"-0.50"', "-0.50"), ("5", '["7"]', None), ("5", "[7]", "7"), ('"a"', '[ "b\\n" ]', '"b\\n"'),
        ('["a"]', '"b"', '["b"]'), ('[{"a": 1}]', '"b"', None), ('[{"a": 1}]', '"[{\\"a\\": 2}]"', '[{"a": 2}]'), ('{"a": 1}', '"{}"', "{}"), ("5", '"07"', None), ("5", '"7 "', None), ("5", '"\\u0037"', None), ('"a"', '["b", "c"]', None),
        ('"a"', '{"b": 1}', None), ("5", "true", None), ("5", "[]", None),
    ],
)  # fmt: skip
def test_only_conversions_without_loss_are_offered(tmp_path, usual, odd, after):
    path = tmp_path / "data.jsonl"
    lines = [f'{{"t": "x",  "m": {{"v" : {value} }} }}' for value in [usual] * 5 + [odd]]
    path.write_text("\n".join(lines))
    dataset, shapes, histories = _histories(path)
    conversion = conversion_of(dataset, histories["m.v"], shapes)
    assert (conversion.after if conversion else None) == after
    if conversion:
        assert (conversion.rows, conversion.before) == ((5,), odd)
        assert converted(dataset.raw(5), [conversion]).decode() == lines[5].replace(odd, after)


def test_one_value_that_would_lose_something_leaves_the_field_as_it_is(write_jsonl):
    path = write_jsonl([{"t": "x", "v": 1}] * 5 + [{"t": "x", "v": "2"}, {"t": "x", "v": "two"}])
    dataset, shapes, histories = _histories(path)
    assert conversion_of(dataset, histories["v"], shapes) is None


def test_items_of_lists_are_converted_where_they_stand(write_jsonl):
    path = write_jsonl([{"t": "x", "tags": ["a", "b"]}] * 5 + [{"t": "x", "tags": [1, "a", 22]}, {"t": "x", "tags": ["a"]}])
    dataset, shapes, histories = _histories(path)
    conversion = conversion_of(dataset, histories["tags[]"], shapes)
    assert converted(dataset.raw(5), [conversion]) == b'{"t": "x", "tags": ["1", "a", "22"]}'


@pytest.fixture
def mixed(write_jsonl):
    return write_jsonl([{"prompt": f"p{number}", "completion": "c", "score": number if number < 30 else str(number)} for number in range(50)])


def _run(*words):
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


def test_the_command_says_where_the_type_changes_and_fixes_it(mixed, tmp_path):
    said = json.loads(_run(mixed, "--json").stdout)
    score = next(field for field in said["fields"] if field["field"] == "score")
    assert [(part["first"], part["last"], part["kind"]) for part in score["segments"]] == [(0, 29, "number"), (30, 49, "text")]
    assert score["choices"] == ["fix", "split", "ignore"]
    shown = _run(mixed, "--fix-to", tmp_path / "fixed.jsonl").stdout
    assert "rows 30–49" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert (tmp_path / "fixed.jsonl").read_bytes() == b"".join(
        line.replace(b'"score": "%d"' % number, b'"score": %d' % number) for number, line in enumerate(mixed.read_bytes().splitlines(keepends=True))
    )


def test_the_command_splits_by_form(mixed, tmp_path):
    _run(mixed, "--split-to", tmp_path / "parts")
    parts = sorted((tmp_path / "parts").glob("*.jsonl"))
    assert [path.name for path in parts] == ["data.1-of-2.jsonl", "data.2-of-2.jsonl"]
    assert b"".join(path.read_bytes() for path in parts) == mixed.read_bytes()


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(mixed, tmp_path):
    (tmp_path / "file").write_text("")
    assert isinstance(_run(mixed, "--split-to", tmp_path / "file" / "parts").exception, ReadOnlyError)
    assert isinstance(_run(mixed, "--fix-to", mixed).exception, UsageError)


def test_a_drift_that_is_let_stand_is_silent_for_check_too(mixed, tmp_path):
    from sde_core.cli.check import command as check

    assert isinstance(_run(mixed, "--ignore", "score").exception, UsageError)
    assert isinstance(_run(mixed, "--ignore", "prompt", "--reason", "r").exception, UsageError)
    before = CliRunner().invoke(check, [str(mixed), "--only", "changed-type", "--json"], standalone_mode=False)
    assert json.loads(before.stdout)["counts"] == {"changed-type": 1}
    said = json.loads(_run(mixed, "--ignore", "score", "--reason", "two raters", "--json").stdout)
    assert next(field for field in said["fields"] if field["field"] == "score")["ignored"] == "two raters"
    after = json.loads(CliRunner().invoke(check, [str(mixed), "--only", "changed-type", "--json"], standalone_mode=False).stdout)
    assert after["findings"] == []
    assert isinstance(_run(mixed, "--split-to", tmp_path / "parts").exception, UsageError)
