"""Topics: planted clusters come back, with titles from their own words."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError
from sde_core.features.embedding import embed_rows
from sde_core.features.topics import NO_TOPIC, Topics, find_topics

SUBJECTS = {
    "refund": "I would like a refund for the charge on my card {n}",
    "flight": "When does the flight to the airport of town {n} depart",
    "recipe": "Give me a recipe for a cake with flour and butter number {n}",
    "guitar": "Which strings fit the guitar in the music shop {n}",
}


def planted(rows: int = 240, seed: int = 1) -> tuple[np.ndarray, pl.Series, np.ndarray]:
    """Unit vectors around four far middles, their texts, and the truth."""
    generator = np.random.default_rng(seed)
    truth = generator.permutation(np.repeat(np.arange(4), rows // 4))
    middles = np.eye(4, 16, dtype=np.float32)
    vectors = middles[truth] + generator.normal(0, 0.05, (rows, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = pl.Series([list(SUBJECTS.values())[subject].format(n=n) for n, subject in enumerate(truth)])
    return vectors.astype(np.float32), texts, truth


def test_planted_clusters_come_back_with_titles_of_their_own_words() -> None:
    vectors, texts, truth = planted()
    found = find_topics(vectors, texts)
    assert len(found.titles) == 4
    assert found.silhouette > 0.8
    for subject, word in enumerate(SUBJECTS):
        (topic,) = set(found.labels[truth == subject].tolist())
        assert word in found.terms[topic]
        assert all(word not in terms for other, terms in enumerate(found.terms) if other != topic)
    assert all(" · " in title for title in found.titles)
    assert not {"for", "the", "would", "with"} & {word for terms in found.terms for word in terms}


def test_the_same_seed_gives_the_same_topics() -> None:
    vectors, texts, _ = planted()
    one, other = find_topics(vectors, texts, seed=3), find_topics(vectors, texts, seed=3)
    assert one.labels.tolist() == other.labels.tolist()
    assert one.titles == other.titles


def test_largest_first_and_every_row_with_a_vector_in_one() -> None:
    vectors, texts, _ = planted()
    vectors[5] = 0
    found = find_topics(vectors, texts, topics=3)
    counts = np.bincount(found.labels[found.labels != NO_TOPIC])
    assert counts.tolist() == sorted(counts.tolist(), reverse=True)
    assert found.labels[5] == NO_TOPIC
    assert found.closeness[5] == 0
    assert counts.sum() == len(vectors) - 1


@pytest.mark.parametrize("rows", [0, 1, 8])
def test_too_few_rows_have_no_topics(rows: int) -> None:
    vectors, texts, _ = planted()
    found = find_topics(vectors[:rows], texts[:rows])
    assert (found.titles, found.labels.tolist()) == ((), [NO_TOPIC] * rows)


def test_equal_rows_are_one_topic() -> None:
    vectors = np.tile(np.eye(1, 8, dtype=np.float32), (60, 1))
    found = find_topics(vectors, pl.Series(["parcel"] * 60))
    assert len(set(found.labels.tolist())) == 1


def test_it_can_be_stopped() -> None:
    stopped = threading.Event()
    stopped.set()
    vectors, texts, _ = planted()
    with pytest.raises(CancelledError):
        find_topics(vectors, texts, cancel=stopped)


def of_file(path: Path) -> Topics:
    dataset = open_dataset(path)
    return find_topics(embed_rows(dataset, part="prompt").vectors, dataset.texts()["prompt"])


def test_spam_is_a_topic_of_its_own(shared_data: Path) -> None:
    """Nobody told the clusters: most spam is in one topic, and most of that topic is spam."""
    dataset = open_dataset(shared_data / "labels/sms.tsv")
    spam = (dataset.texts()["label"] == "spam").to_numpy()
    found = of_file(shared_data / "labels/sms.tsv")
    topic = int(np.bincount(found.labels[spam & (found.labels != NO_TOPIC)]).argmax())
    assert (found.labels[spam] == topic).mean() > 0.6
    assert spam[found.labels == topic].mean() > 0.6
    assert {"call", "free", "txt"} & set(found.terms[topic])
