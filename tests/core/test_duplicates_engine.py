"""`find_duplicates` on files: what counts as the same, which part is compared, bad input, progress and cancelling."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sde_core.checks.duplicates import KINDS, DuplicateIndex, DuplicateParams, Part, find_duplicates, semantic_duplicates
from sde_core.checks.duplicates.parts import shown_content
from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError

Write = Callable[..., Path]


def index_of(path: Path, part: Part = "row") -> DuplicateIndex:
    return find_duplicates(open_dataset(path), DuplicateParams(part=part))


def kinds(index: DuplicateIndex, near: float = 0.8) -> dict[str, list[list[int]]]:
    table = index.groups(near)
    return {kind: found for kind in KINDS if (found := [index.rows[members].tolist() for members in table.of_kind(kind)])}


def chat(*texts: str, **fields: Any) -> dict[str, Any]:
    roles = ("user", "assistant") * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)], **fields}


def test_identifiers_and_dates_do_not_make_rows_different(write_jsonl: Write) -> None:
    path = write_jsonl([chat("hi there", "hello you", id="a1", date="2025-01-01", rating=3), chat("hi there", "hello you", id="b7", rating=5)])
    assert kinds(index_of(path)) == {"exact": [[0, 1]]}


def test_the_order_of_fields_does_not_matter(write_jsonl: Write) -> None:
    path = write_jsonl([b'{"instruction": "a b", "output": "c"}', b'{"output": "c", "instruction": "a b"}'])
    assert kinds(index_of(path)) == {"exact": [[0, 1]]}


def test_tools_make_rows_different(write_jsonl: Write) -> None:
    """The same conversation with other tools is no exact copy, though its texts are the same."""
    tools = [[{"name": "search", "arguments": {"query": "string"}}], [{"name": "order", "arguments": {"item": "string"}}]]
    path = write_jsonl([chat("hi there", "hello you", tools=tools[0]), chat("hi there", "hello you", tools=tools[1])])
    assert kinds(index_of(path)) == {"normalised": [[0, 1]]}


def test_labels_make_rows_different(write_jsonl: Write) -> None:
    path = write_jsonl(
        [{"text": "turn it up", "label": "volume"}, {"text": "turn it up", "label": "whisper"}, *({"text": f"t {n}", "label": "x"} for n in range(8))]
    )
    assert [0, 1] not in kinds(index_of(path)).get("exact", [])


def test_rejected_answers_make_pairs_different(write_jsonl: Write) -> None:
    pairs = [{"prompt": "how are you today", "chosen": "very well", "rejected": text} for text in ("bad", "worse by far than ever before", "bad")]
    assert kinds(index_of(write_jsonl(pairs))) == {"exact": [[0, 2]]}


def test_system_prompts_tell_rows_apart_but_do_not_make_them_alike(write_jsonl: Write) -> None:
    long_system = {"role": "system", "content": "You are a helpful assistant who always answers in a kind and careful way. " * 20}
    other_system = {"role": "system", "content": "Be brief."}
    one, two = chat("what is rye bread", "a dark bread")["messages"], chat("how far is the moon", "quite far away")["messages"]
    path = write_jsonl([{"messages": [long_system, *one]}, {"messages": [long_system, *two]}, {"messages": [other_system, *one]}])
    assert kinds(index_of(path), 0.5) == {"near": [[0, 2]]}


@pytest.mark.parametrize(
    ("part", "expected"),
    [("row", {}), ("prompt", {"exact": [[0, 1]]}), ("answer", {"exact": [[1, 2]]})],
)
def test_parts(write_jsonl: Write, part: Part, expected: dict[str, list[list[int]]]) -> None:
    texts = [
        ("why is the sky blue", "because of scattering"),
        ("why is the sky blue", "nobody knows that"),
        ("who built the bridge", "nobody knows that"),
    ]
    path = write_jsonl([{"instruction": prompt, "output": answer} for prompt, answer in texts])
    assert kinds(index_of(path, part)) == expected


def test_missing_answers_are_no_copies_of_each_other(write_jsonl: Write) -> None:
    path = write_jsonl([{"instruction": f"question number {n}", "output": ""} for n in range(3)] + [{"instruction": "last", "output": "..."}])
    assert kinds(index_of(path, "answer")) == {}


def test_punctuation_alone_is_the_same_only_to_the_letter(write_jsonl: Write) -> None:
    path = write_jsonl([{"text": text} for text in ("...", "!!!", "...", "a plain text")])
    assert kinds(index_of(path)) == {"exact": [[0, 2]]}


def test_malformed_lines_keep_row_numbers_right(write_jsonl: Write) -> None:
    path = write_jsonl([b'{"text": "one two three"}', b"{broken", b'{"text": "four five"}', b'{"text": "one two three"}'])
    assert kinds(index_of(path)) == {"exact": [[0, 3]]}


def test_a_single_row_and_an_empty_answer(write_jsonl: Write) -> None:
    index = index_of(write_jsonl([{"instruction": "only", "output": ""}]))
    assert kinds(index) == {}
    assert len(index.kept(index.groups().outer())) == 0


def test_only_malformed_rows(write_jsonl: Write) -> None:
    dataset = open_dataset(write_jsonl([b'{"text": "x"}', b"{no"]))
    assert len(find_duplicates(dataset).rows) == 1


def test_values_that_json_can_hardly_hold(write_jsonl: Write) -> None:
    big = b'{"text": "same", "extra": [123456789012345678901234567890, NaN, "\\ud800"]}'
    path = write_jsonl([big, big, b'{"text": "same", "extra": [1]}'])
    assert kinds(index_of(path)) == {"exact": [[0, 1]], "normalised": [[0, 1, 2]]}


def test_shown_content_leaves_metadata_out() -> None:
    assert shown_content({"id": 3, "meta": {"source": "web", "score": 1.5}, "note": None}) == b"{}"
    assert shown_content({"id": 3, "tools": ["a"]}) == shown_content({"tools": ["a"], "id": 4})
    assert shown_content({"tools": ["a"]}) != shown_content({"tools": ["b"]})
    assert shown_content({"text": "x" * 500, "id": 1}, frozenset({"text"})) == b"{}"
    assert shown_content(["text", "label"]) == b'["text","label"]'


def test_edits_of_the_user_are_compared(write_jsonl: Write) -> None:
    dataset = open_dataset(write_jsonl([{"text": "one two three"}, {"text": "one two four"}]))
    assert kinds(find_duplicates(dataset)) == {}
    assert kinds(find_duplicates(dataset.with_edits({1: {("text",): "one two three"}}))) == {"exact": [[0, 1]]}


def test_the_same_twice(write_jsonl: Write) -> None:
    path = write_jsonl([{"text": f"row {n % 5} with {n % 3} more words of text"} for n in range(40)])
    one, two = index_of(path), index_of(path)
    assert np.array_equal(one.near.first, two.near.first)
    assert kinds(one) == kinds(two)


def test_progress_counts_rows_and_never_goes_back(write_jsonl: Write) -> None:
    dataset = open_dataset(write_jsonl([{"text": f"row {n} has words"} for n in range(300)]))
    dataset.read_all()
    seen: list[tuple[int, int | None]] = []
    find_duplicates(dataset, progress=lambda done, total: seen.append((done, total)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (300, 300)
    assert {total for _, total in seen} == {300}


def test_cancelled(write_jsonl: Write) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        find_duplicates(open_dataset(write_jsonl([{"text": "a b"}])), cancel=stop)


def test_semantic_with_the_embedded_encoder(write_jsonl: Write, tmp_path: Path) -> None:
    """Paraphrases without a shared word pair are found; an unrelated row is not."""
    texts = ["How can I reset my account password?", "What is the way to reset the password of my account?", "The bakery sells rye bread on Fridays."]
    dataset = open_dataset(write_jsonl([{"text": text} for text in texts]))
    index = semantic_duplicates(find_duplicates(dataset), dataset, cache_dir=tmp_path)
    cosine = float(index.vectors[0] @ index.vectors[1])  # type: ignore[index]
    assert cosine >= 0.8
    assert index.encoder.startswith("static")
    table = index.groups(0.8, 0.8)
    assert [members.tolist() for members in table.of_kind("semantic")] == [[0, 1]]
    assert len(index.groups(0.8, min(1.0, cosine + 0.01)).of_kind("semantic")) == 0
