"""The embedding of a dataset's rows, and the cache of vectors."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import numpy as np
import pytest

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError, UsageError
from sde_core.features import embedding
from sde_core.features.embedding import CHARACTERS_EMBEDDED, EmbeddingMatrix, embed_rows, embed_texts
from sde_core.features.embedding_cache import VectorCache, text_keys
from sde_core.features.embedding_static import static_encoder


class CountingEncoder:
    """Hashes texts to vectors and remembers what it was asked."""

    id = "counting"
    dimensions = 8
    batch = 2
    saved_every = 4

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.before_batch = lambda: None

    def batches(self, texts):
        for start in range(0, len(texts), self.batch):
            part = texts[start : start + self.batch]
            yield np.arange(start, start + len(part)), self.encode(part)

    def encode(self, texts):
        self.before_batch()
        self.asked += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts]
        vectors = np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def counting(monkeypatch):
    encoder = CountingEncoder()
    monkeypatch.setattr(embedding, "load_encoder", lambda name: encoder)
    return encoder


def jsonl(path: Path, pairs: list[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"instruction": prompt, "output": answer}) + "\n" for prompt, answer in pairs))
    return path


@pytest.fixture
def pairs() -> list[tuple[str, str]]:
    return [(f"question {i}", f"answer {i % 7}") for i in range(10)]


class TestEmbedRows:
    def test_rows_are_the_readable_records_in_file_order(self, tmp_path, pairs):
        path = jsonl(tmp_path / "a.jsonl", pairs)
        path.write_text(path.read_text() + '{"broken\n' + json.dumps({"instruction": "last", "output": "one"}) + "\n")
        matrix = embed_rows(open_dataset(path))
        assert isinstance(matrix, EmbeddingMatrix)
        assert matrix.rows.tolist() == [*range(10), 11]
        assert matrix.rows.dtype == np.uint32
        assert matrix.encoder == static_encoder().id
        np.testing.assert_array_equal(matrix.vectors[10], embed_texts(["last\none"])[0])

    @pytest.mark.parametrize(("part", "text"), [("row", "question 3\nanswer 3"), ("prompt", "question 3"), ("answer", "answer 3")])
    def test_the_part_decides_the_text(self, tmp_path, pairs, part, text):
        matrix = embed_rows(open_dataset(jsonl(tmp_path / "a.jsonl", pairs)), part=part)
        np.testing.assert_array_equal(matrix.vectors[3], embed_texts([text])[0])

    def test_an_unknown_part_is_a_usage_error(self, tmp_path, pairs):
        with pytest.raises(UsageError, match="system"):
            embed_rows(open_dataset(jsonl(tmp_path / "a.jsonl", pairs)), part="system")

    def test_long_texts_are_cut(self, tmp_path, counting):
        embed_rows(open_dataset(jsonl(tmp_path / "a.jsonl", [("p" * 9000, "a" * 9000)])))
        assert counting.asked == ["p" * CHARACTERS_EMBEDDED + "\n" + "a" * CHARACTERS_EMBEDDED]

    def test_empty_rows_are_zero_with_any_encoder(self, tmp_path, counting):
        matrix = embed_rows(open_dataset(jsonl(tmp_path / "a.jsonl", [("", ""), ("a", "b")])))
        assert not matrix.vectors[0].any()
        assert matrix.vectors[1].any()

    def test_equal_texts_are_embedded_once(self, tmp_path, pairs, counting):
        matrix = embed_rows(open_dataset(jsonl(tmp_path / "a.jsonl", pairs)), part="answer")
        assert counting.asked == [f"answer {i}" for i in range(7)]
        np.testing.assert_array_equal(matrix.vectors[7:], matrix.vectors[:3])

    def test_a_second_run_embeds_nothing(self, tmp_path, pairs, counting):
        dataset = open_dataset(jsonl(tmp_path / "a.jsonl", pairs))
        first = embed_rows(dataset, cache_dir=tmp_path / "cache")
        counting.asked.clear()
        second = embed_rows(dataset, cache_dir=tmp_path / "cache")
        assert counting.asked == []
        np.testing.assert_array_equal(first.vectors, second.vectors)

    def test_an_edit_embeds_only_its_row(self, tmp_path, pairs, counting):
        dataset = open_dataset(jsonl(tmp_path / "a.jsonl", pairs))
        embed_rows(dataset, cache_dir=tmp_path / "cache")
        counting.asked.clear()
        edited = dataset.with_edits({4: {("output",): "another answer"}})
        matrix = embed_rows(edited, cache_dir=tmp_path / "cache")
        assert counting.asked == ["question 4\nanother answer"]
        np.testing.assert_array_equal(matrix.vectors, embed_rows(edited).vectors)

    def test_a_stopped_run_continues_where_it_stopped(self, tmp_path, pairs, counting):
        dataset = open_dataset(jsonl(tmp_path / "a.jsonl", pairs))
        stop = threading.Event()
        counting.before_batch = lambda: stop.set() if len(counting.asked) >= 4 else None
        with pytest.raises(CancelledError):
            embed_rows(dataset, cache_dir=tmp_path / "cache", cancel=stop)
        stopped_after = list(counting.asked)
        counting.before_batch = lambda: None
        matrix = embed_rows(dataset, cache_dir=tmp_path / "cache")
        assert 0 < len(stopped_after) < 10
        assert sorted(counting.asked) == sorted(f"question {i}\nanswer {i % 7}" for i in range(10)), "none missing, none twice"
        np.testing.assert_array_equal(matrix.vectors, embed_rows(dataset).vectors)

    def test_a_crash_keeps_what_was_encoded(self, tmp_path, pairs, counting):
        dataset = open_dataset(jsonl(tmp_path / "a.jsonl", pairs))

        def fail() -> None:
            if len(counting.asked) == 6:
                raise RuntimeError("out of memory")

        counting.before_batch = fail
        with pytest.raises(RuntimeError):
            embed_rows(dataset, cache_dir=tmp_path / "cache")
        counting.before_batch = lambda: None
        embed_rows(dataset, cache_dir=tmp_path / "cache")
        assert len(counting.asked) == 10

    def test_progress_counts_to_the_end_and_includes_the_cache(self, tmp_path, pairs, counting):
        dataset = open_dataset(jsonl(tmp_path / "a.jsonl", pairs))
        seen: list[tuple[int, int | None]] = []
        embed_rows(dataset, cache_dir=tmp_path / "cache", progress=lambda done, total: seen.append((done, total)))
        assert seen == [(0, 10), (2, 10), (4, 10), (6, 10), (8, 10), (10, 10)]
        seen.clear()
        embed_rows(dataset, cache_dir=tmp_path / "cache", progress=lambda done, total: seen.append((done, total)))
        assert seen == [(10, 10)]

    def test_a_cache_that_cannot_be_written_is_no_error(self, tmp_path, pairs, counting):
        (tmp_path / "cache").write_text("a file where the folder should be")
        matrix = embed_rows(open_dataset(jsonl(tmp_path / "a.jsonl", pairs)), cache_dir=tmp_path / "cache")
        assert len(matrix.rows) == 10


class TestVectorCache:
    def test_fill_finds_what_was_added(self, tmp_path):
        cache = VectorCache(tmp_path)
        keys = np.sort(text_keys([f"text {i}" for i in range(50)]))
        vectors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
        cache.add(keys[::2], vectors[::2])
        cache.add(keys[1:10:2], vectors[1:10:2])
        filled = np.zeros_like(vectors)
        found = cache.fill(keys, filled)
        assert found.tolist() == [i % 2 == 0 or i < 10 for i in range(50)]
        np.testing.assert_array_equal(filled[found], vectors[found])
        assert not filled[~found].any()

    @pytest.mark.parametrize("keep", [0, 10, 200])
    def test_a_torn_file_counts_as_absent_and_goes(self, tmp_path, keep):
        cache = VectorCache(tmp_path)
        cache.add(text_keys(["a"]), np.ones((1, 4), np.float32))
        (path,) = tmp_path.glob("*.npz")
        path.write_bytes(path.read_bytes()[:keep])
        assert not cache.fill(text_keys(["a"]), np.zeros((1, 4), np.float32)).any()
        assert not path.exists()

    def test_a_flipped_bit_is_noticed(self, tmp_path):
        cache = VectorCache(tmp_path)
        cache.add(text_keys(["a"]), np.ones((1, 64), np.float32))
        (path,) = tmp_path.glob("*.npz")
        data = bytearray(path.read_bytes())
        data[data.rindex(b"\x00\x00\x80\x3f")] ^= 1
        path.write_bytes(bytes(data))
        assert not cache.fill(text_keys(["a"]), np.zeros((1, 64), np.float32)).any()

    def test_other_dimensions_are_not_taken(self, tmp_path):
        cache = VectorCache(tmp_path)
        cache.add(text_keys(["a"]), np.ones((1, 4), np.float32))
        assert not cache.fill(text_keys(["a"]), np.zeros((1, 8), np.float32)).any()

    def test_nothing_wanted_is_fine(self, tmp_path):
        cache = VectorCache(tmp_path)
        cache.add(text_keys(["a"]), np.ones((1, 4), np.float32))
        assert cache.fill(text_keys([]), np.zeros((0, 4), np.float32)).tolist() == []

    def test_no_partial_file_stays(self, tmp_path):
        VectorCache(tmp_path / "new").add(text_keys(["a"]), np.ones((1, 4), np.float32))
        assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npz"]
