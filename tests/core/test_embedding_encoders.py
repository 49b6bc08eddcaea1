"""The encoders: the embedded one and those of sentence-transformers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.embedded import embedded_path
from sde_core.errors import MissingExtraError, ModelError
from sde_core.features import embedding_model
from sde_core.features.embedding import embed_rows, embed_texts
from sde_core.features.embedding_static import StaticEncoder, static_encoder
from tests.sentence_models import tiny_sentence_model

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

    def test_a_model_folder_embeds_and_is_named_by_its_content(self, tmp_path, write_jsonl):
        """A two-layer BERT with random weights: the whole path through sentence-transformers, and no vector for blank text."""
        sentence_transformers = pytest.importorskip("sentence_transformers")
        folder = tiny_sentence_model(tmp_path / "tiny", sentence_transformers)
        vectors = embed_texts(["red apple", "green pear", "red apple", " "], str(folder))
        assert vectors.shape == (4, 16)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0], atol=1e-5)
        np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
        dataset = open_dataset(write_jsonl([{"instruction": "red", "output": "apple"}, {"instruction": "green", "output": "pear"}]))
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
