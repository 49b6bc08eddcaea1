"""The event reader: whole lines once, in order, however the file grows and wherever a writer was killed."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.jobs.event_log import append_event, close_torn_line, read_events

EVENTS = st.lists(
    st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.integers(-9, 9), st.text(max_size=8), st.none()), max_size=3), max_size=12
)


def lines_of(events):
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


def read_to_the_end(path, offset, max_bytes):
    everything = []
    while True:
        events, after = read_events(path, offset, max_bytes)
        everything += events
        if after == offset:
            return everything, offset
        offset = after


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "events.jsonl"


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, data=st.data(), max_bytes=st.integers(1, 200))
def test_any_growth_is_read_once_and_in_order(file, events, data, max_bytes):
    content = lines_of(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    seen, offset = [], 0
    for size in [*cuts, len(content)]:
        file.write_bytes(content[:size])
        new, offset = read_to_the_end(file, offset, max_bytes)
        seen += new
        assert offset == content[:size].rfind(b"\n") + 1
    assert seen == events


@settings(max_examples=100, deadline=None)
@given(before=EVENTS.filter(bool), after=EVENTS, data=st.data())
def test_a_torn_line_costs_only_itself(file, before, after, data):
    content = lines_of(before)
    torn_at = data.draw(st.integers(1, len(content) - 1))
    file.write_bytes(content[:torn_at])
    whole, offset = read_events(file)
    close_torn_line(file)
    with file.open("ab") as log:
        log.write(lines_of(after))
    later, _ = read_to_the_end(file, offset, 64)
    rest = content[offset:torn_at]
    survived = [orjson.loads(rest)] if rest.endswith(b"}") else []
    assert whole + later == before[: len(whole)] + survived + after


def test_missing_file_and_other_junk(tmp_path):
    path = tmp_path / "events.jsonl"
    assert read_events(path, 77) == ([], 0)
    path.write_bytes(b'\xff\xfe\n[1,2]\n"x"\n\n{"a":1}\n')
    assert read_events(path)[0] == [{"a": 1}]


def test_a_file_that_shrank_is_read_again(tmp_path):
    path = tmp_path / "events.jsonl"
    append_event(path, {"event": "old", "text": "x" * 100})
    _, offset = read_events(path)
    path.unlink()
    append_event(path, {"event": "new"})
    assert [event["event"] for event in read_events(path, offset)[0]] == ["new"]


def test_appended_events_carry_their_time_and_no_infinity(tmp_path):
    path = tmp_path / "events.jsonl"
    append_event(path, {"event": "step", "loss": math.nan, "line": "a\nb\u2028c"})
    (event,), offset = read_events(path)
    assert event["loss"] is None
    assert event["line"] == "a\nb\u2028c"
    assert event["t"] > 1e9
    assert offset == path.stat().st_size


def test_a_line_longer_than_the_chunk_is_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    append_event(path, {"text": "y" * 5000})
    append_event(path, {"text": "z"})
    events, offset = read_events(path, 0, 100)
    assert len(events[0]["text"]) == 5000
    assert read_events(path, offset, 100)[0][0]["text"] == "z"


def test_closing_nothing_is_harmless(tmp_path):
    close_torn_line(tmp_path / "absent")
    empty = tmp_path / "empty"
    empty.touch()
    close_torn_line(empty)
    assert empty.read_bytes() == b""
