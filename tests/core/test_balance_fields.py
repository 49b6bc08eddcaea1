"""Scalar fields of records as columns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError
from sde_core.features.fields import FieldColumn, scalar_fields

Write = Callable[..., Path]


def columns(path: Path) -> dict[str, FieldColumn]:
    return {column.name: column for column in scalar_fields(open_dataset(path))}


def per_row(column: FieldColumn) -> list[tuple[int, str]]:
    return [(row, column.values[code]) for row, code in zip(column.rows.tolist(), column.codes.tolist(), strict=True)]


def test_nested_fields_lists_and_types(write_jsonl: Write) -> None:
    found = columns(
        write_jsonl(
            [
                {"text": "a", "ok": True, "n": 1, "score": 0.5, "meta": {"source": "web", "deep": {"er": 3}}, "tags": ["x", "y"]},
                {"text": "b", "ok": False, "n": 2, "score": 1.0, "meta": {"source": "mail"}, "tags": ["y"]},
            ]
        )
    )
    assert list(found) == ["text", "ok", "n", "score", "meta.source", "meta.deep.er", "tags[]"]
    assert found["meta.source"].path == ("meta", "source")
    assert per_row(found["meta.source"]) == [(0, "web"), (1, "mail")]
    assert per_row(found["ok"]) == [(0, "true"), (1, "false")]
    assert per_row(found["score"]) == [(0, "0.5"), (1, "1")]
    assert per_row(found["tags[]"]) == [(0, "x"), (0, "y"), (1, "y")]
    assert found["tags[]"].path == ()
    assert found["n"].types == {"int"}
    assert found["ok"].types == {"bool"}


def test_nothing_and_white_space_are_no_values(write_jsonl: Write) -> None:
    found = columns(write_jsonl([{"text": "a", "label": value} for value in (None, "", "  ", "x")]))
    assert per_row(found["label"]) == [(3, "x")]
    assert found["label"].present == 1


def test_messages_are_no_fields(write_jsonl: Write) -> None:
    found = columns(write_jsonl([{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}], "kind": "chat"}]))
    assert list(found) == ["kind"]


def test_objects_in_a_list_have_fields_and_a_row_counts_once_for_each_class(write_jsonl: Write) -> None:
    aspects = [{"term": "screen", "polarity": "good"}, {"term": "sound", "polarity": "bad"}, {"term": "keys", "polarity": "good"}]
    found = columns(
        write_jsonl([{"text": "a", "aspects": aspects, "tags": ["x", "x"]}, {"text": "b", "aspects": aspects[:1]}, {"text": "c", "aspects": []}])
    )
    assert per_row(found["aspects[].polarity"]) == [(0, "good"), (0, "bad"), (1, "good")]
    assert per_row(found["tags[]"]) == [(0, "x")]
    assert found["aspects[].term"].path == ()


def test_fields_with_a_value_of_their_own_are_given_up(write_jsonl: Write) -> None:
    found = columns(write_jsonl([{"id": f"row-{n}", "kind": f"k{n % 3}"} for n in range(1500)]))
    assert found["id"].free
    assert found["id"].present == 1500
    assert len(found["id"].rows) == 0
    assert not found["kind"].free
    assert len(found["kind"].rows) == 1500


def test_long_texts_are_free(write_jsonl: Write) -> None:
    assert columns(write_jsonl([{"text": "long " * 60}, {"text": "short"}]))["text"].free


@pytest.mark.parametrize(
    "records",
    [[{"text": "t", "meta": {"a": {"b": {"c": {"d": {"e": 1}}}}}, "k": 1}], [{"text": "t", "k": 1}, b"[1, 2]", b'"just a string"', b"{broken"]],
)
def test_odd_records(write_jsonl: Write, records: list[Any]) -> None:
    assert per_row(columns(write_jsonl(records))["k"]) == [(0, "1")]


def test_cancelled(write_jsonl: Write) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        scalar_fields(open_dataset(write_jsonl([{"text": "a"}])), cancel=stop)
