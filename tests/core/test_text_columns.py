"""The table of texts is read by loops over columns: it says what the layouts say record by record, whatever stands between plain records."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import Layout, open_dataset
from sde_core.dataset.dataset import Dataset
from sde_core.dataset.layouts import texts_of
from sde_core.dataset.text_columns import loop_of
from sde_core.dataset.text_table import TEXT_SCHEMA

_TEXT = st.text(alphabet="ab ü\n", max_size=5)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from([1e300, 0.5, 2**64]))
_ODD = st.one_of(_SCALARS, st.just([]), st.just({"a": 1}), st.just(["x"]))
_OFTEN_TEXT = st.one_of(_TEXT, _TEXT, _TEXT, _ODD)
_ROLES = st.sampled_from(["system", "user", "assistant", "human", "gpt", "tool", "narrator", "", "text"])
_MESSAGE = st.one_of(
    st.fixed_dictionaries({"role": _ROLES, "content": _OFTEN_TEXT}),
    st.fixed_dictionaries({"from": _ROLES, "value": _OFTEN_TEXT}),
    st.fixed_dictionaries({"from": _ROLES, "value": _OFTEN_TEXT, "role": _ROLES}),
    st.fixed_dictionaries({"role": _ROLES, "content": st.one_of(_TEXT, st.none()), "tool_calls": st.just([{"name": "f"}])}),
    _ODD,
)
_CHAT = st.lists(_MESSAGE, max_size=4)
_PLAIN_CHAT = st.lists(st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt"]), "value": _TEXT}), max_size=4)
_FIELD = st.one_of(_OFTEN_TEXT, _OFTEN_TEXT, _CHAT, _PLAIN_CHAT, _MESSAGE)
_NAMES = ("p", "a", "i", "s", "l", "h", "m", "c", "r")
_RECORD = st.one_of(
    st.fixed_dictionaries(dict.fromkeys(_NAMES, _FIELD)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(_NAMES, _FIELD)),
    st.lists(_OFTEN_TEXT, max_size=3),
    _TEXT,
    _ODD,
)
_LAYOUTS = [
    Layout("alpaca", {"prompt": "p", "answer": "a"}),
    Layout("alpaca", {"prompt": "p", "answer": "a", "input": "i"}),
    Layout("alpaca", {"prompt": "p", "answer": "a", "input": "i", "system": "s", "history": "h", "label": "l"}),
    Layout("prompt-completion", {"prompt": "p", "answer": "a"}),
    Layout("prompt-response", {"prompt": "p", "answer": "a", "input": "i", "label": "l"}),
    Layout("classification", {"text": "p", "label": "l"}),
    Layout("classification", {"text": "0", "label": "1"}),
    Layout("text", {"text": "p"}),
    Layout("messages", {"messages": "m"}),
    Layout("sharegpt", {"messages": "m", "system": "s"}),
    Layout("sharegpt", {"messages": "m", "label": "l"}),
    Layout("kto", {"messages": "m", "label": "l", "system": "s"}),
    Layout("kto", {"prompt": "p", "answer": "a", "label": "l"}),
    Layout("preference", {"prompt": "p", "chosen": "c", "rejected": "r", "input": "i"}),
    Layout("preference", {"prompt": "p", "chosen": "c", "rejected": "r"}),
    Layout("preference", {"chosen": "c", "rejected": "r"}),
    Layout("preference", {"messages": "m", "chosen": "c", "rejected": "r"}),
]


def _dataset(folder, lines, layout) -> Dataset:
    path = folder / "data.jsonl"
    path.write_bytes(b"\n".join([b'{"text": "x"}', *lines]) + b"\n")
    return open_dataset(path).with_layout(layout)


def _said_by_layout(dataset):
    rows = [(row, *texts_of(value, dataset.layout), "") for batch in dataset.value_batches() for row, value in batch]
    return [dict(zip(TEXT_SCHEMA, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("columns")


@settings(max_examples=300, deadline=None)
@given(layout=st.sampled_from(_LAYOUTS), records=st.lists(_RECORD, max_size=8), broken=st.integers(0, 8))
def test_the_table_says_what_the_layout_says(folder, layout, records, broken):
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    lines.insert(min(broken, len(lines)), b'{"p": nothing}')
    dataset = _dataset(folder, lines, layout)
    assert dataset.texts().rows(named=True) == _said_by_layout(dataset)
    assert [bad.row for bad in dataset.bad] == [min(broken, len(records)) + 1]


@pytest.mark.parametrize("layout", _LAYOUTS)
def test_every_common_layout_has_a_loop(layout):
    assert loop_of(layout) is not None


def test_edits_stand_in_the_table_and_the_files_own_texts_are_read_once(tmp_path):
    dataset = _dataset(tmp_path, [b'{"text": "a"}', b"broken", b'{"text": "b"}'], Layout("text", {"text": "text"}))
    own = dataset.texts()
    edited = dataset.with_edits({1: {("text",): "A"}, 3: {("text",): "B"}})
    assert edited.texts()["answer"].to_list() == ["x", "A", "B"]
    assert edited.texts()["row"].to_list() == [0, 1, 3]
    assert edited.with_edits({}).texts() is own


def test_a_table_of_many_rows_keeps_their_order(tmp_path):
    lines = [b"oops" if number % 1000 == 7 else b'{"text": "%d"}' % number for number in range(6000)]
    dataset = _dataset(tmp_path, lines, Layout("text", {"text": "text"}))
    answers = dataset.texts()["answer"].to_list()
    assert answers == ["x", *(str(number) for number in range(6000) if number % 1000 != 7)]
    assert [bad.line for bad in dataset.bad] == [number + 2 for number in range(7, 6000, 1000)]
