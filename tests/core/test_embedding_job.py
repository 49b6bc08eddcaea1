"""Embedding as a job: what it computes is found by everybody, and a killed one repeats nothing that was finished."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sde_core.cli.embed import command
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.features import embedding
from sde_core.features.embedding import embed_rows
from sde_core.features.embedding_cache import VectorCache, text_keys
from sde_core.features.embedding_job import finished_embedding, launch_embedding, running_embedding
from sde_core.project import Project


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"instruction": f"question {i}", "output": f"answer {i}"}) + "\n" for i in range(40)))
    return path


def test_the_job_fills_the_cache_that_everybody_reads(data, monkeypatch):
    dataset, project = open_dataset(data), Project.of(data).created()
    job = launch_embedding(dataset.name, dataset.texts(), "static", jobs_dir=project.jobs_dir, cache_dir=project.cache_dir)
    status = job.wait(60)
    assert (status.state, status.done, status.total, status.unit) == ("done", 40, 40, "texts")
    expected = embed_rows(dataset)
    monkeypatch.setattr(embedding, "_encoded_batches", lambda *_: pytest.fail("embedded again"))
    np.testing.assert_array_equal(embed_rows(dataset, cache_dir=project.cache_dir).vectors, expected.vectors)
    assert running_embedding(project.jobs_dir, "static") is None
    assert finished_embedding(project.jobs_dir, dataset.texts(), "static").id == job.id
    assert finished_embedding(project.jobs_dir, dataset.texts()[1:], "static") is None
    assert finished_embedding(project.jobs_dir, dataset.texts(), "static", "prompt") is None


def test_an_encoder_that_is_not_there_fails_the_job_in_words(data, tmp_path):
    dataset, project = open_dataset(data), Project.of(data).created()
    job = launch_embedding(dataset.name, dataset.texts(), str(tmp_path / "nowhere"), jobs_dir=project.jobs_dir, cache_dir=project.cache_dir)
    status = job.wait(60)
    assert status.state == "failed"
    assert "nowhere" in status.message


def test_an_unknown_part_starts_no_job(data):
    dataset, project = open_dataset(data), Project.of(data)
    with pytest.raises(UsageError, match="no part"):
        launch_embedding(dataset.name, dataset.texts(), "static", jobs_dir=project.jobs_dir, cache_dir=project.cache_dir, part="system")
    assert not project.jobs_dir.exists()


def test_the_command_starts_the_job_and_says_which(data):
    result = CliRunner().invoke(command, [str(data), "--attach", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["kind"] == "embed"
    assert told["status"]["state"] == "done"


class SlowEncoder:
    """Every batch takes longer than vectors stay unsaved; gives up where it is told to."""

    id = "slow"
    dimensions = 2
    saved_every = 8

    def __init__(self, clock: list[float], batches_left: int) -> None:
        self.clock, self.left, self.encoded = clock, batches_left, []

    def batches(self, texts):
        for place, text in enumerate(texts):
            if not self.left:
                raise SystemExit
            self.left -= 1
            self.clock[0] += 3
            self.encoded.append(text)
            yield np.asarray([place]), np.full((1, 2), len(self.encoded), np.float32)


def test_a_run_that_dies_without_a_word_repeats_no_batch_that_was_finished(data, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(embedding.time, "monotonic", lambda: clock[0])
    first, second = SlowEncoder(clock, 13), SlowEncoder(clock, 99)
    texts = open_dataset(data).texts()
    with monkeypatch.context() as patch:
        patch.setattr(embedding._Saving, "close", lambda self: None)
        with pytest.raises(SystemExit):
            embedding.embed_table(texts, first, cache_dir=tmp_path / "cache")
    embedding.embed_table(texts, second, cache_dir=tmp_path / "cache")
    assert len(first.encoded) == 13
    assert not set(first.encoded) & set(second.encoded)
    assert len(second.encoded) == 27
    folder = tmp_path / "cache/embeddings/slow"
    assert len(list(folder.glob("*.npz"))) <= 13 + 4


def test_parts_that_were_joined_leave_one_file(tmp_path):
    cache, keys, vectors = VectorCache(tmp_path), np.sort(text_keys("abcd")), np.arange(8, dtype=np.float32).reshape(4, 2)
    parts = [cache.add(keys[i : i + 2], vectors[i : i + 2]) for i in (0, 2)]
    cache.join(parts, keys, vectors)
    assert len(list(tmp_path.iterdir())) == 1
    found = np.zeros_like(vectors)
    assert cache.fill(keys, found).all()
    np.testing.assert_array_equal(found, vectors)


def damaged(whole: bytes, kind: str) -> bytes:
    """A file of vectors that a full disk, a failing disk or a person made something else of."""
    if kind == "single array":
        single = io.BytesIO()
        np.save(single, np.arange(4))
        return single.getvalue()
    middle = len(whole) // 2
    return {"cut": whole[:middle], "empty": b"", "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]}[kind]


@pytest.mark.parametrize("kind", ["cut", "empty", "flipped", "single array"])
def test_damaged_vectors_are_computed_again(data, tmp_path, kind):
    dataset = open_dataset(data)
    expected = embed_rows(dataset, cache_dir=tmp_path).vectors
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(damaged(file.read_bytes(), kind))
    np.testing.assert_array_equal(embed_rows(dataset, cache_dir=tmp_path).vectors, expected)
