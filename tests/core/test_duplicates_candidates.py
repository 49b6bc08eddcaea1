"""Anchors and candidate pairs: what is found, against all pairs by brute force; what a crowd shares; limits."""

from __future__ import annotations

import random
import threading
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.duplicates import anchors as anchors_module
from sde_core.checks.duplicates import candidates as candidates_module
from sde_core.checks.duplicates.anchors import TextAnchors, text_anchors
from sde_core.checks.duplicates.candidates import candidate_pairs
from sde_core.checks.duplicates.near import near_pairs
from sde_core.checks.duplicates.overlap import comparer
from sde_core.checks.duplicates.token_weights import TokenWeights
from sde_core.errors import CancelledError
from sde_core.features.components import components

WORDS = [f"w{n}" for n in range(400)]


def texts_with_copies(seed: int, n: int = 120, length: int = 60) -> list[str]:
    """Unrelated texts, and copies of some with a few words changed."""
    generator = random.Random(seed)
    texts = []
    for _ in range(n // 2):
        words = generator.choices(WORDS, k=generator.randrange(3, length))
        texts.append(" ".join(words))
        for place in generator.sample(range(len(words)), k=min(len(words), generator.randrange(4))):
            words[place] = generator.choice(WORDS)
        texts.append(" ".join(words))
    return texts


def candidates(texts: list[str]) -> set[tuple[int, int]]:
    anchors = text_anchors(texts)
    first, second = candidate_pairs(anchors, anchors.n_tokens > 0)
    assert (first < second).all()
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    return set(pairs)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_all_similar_pairs_are_found(seed: int) -> None:
    """Of all pairs that the verified similarity calls near at 0.7, by brute force, the index misses none in hundreds at 0.8 and few below."""
    texts = texts_with_copies(seed)
    anchors = text_anchors(texts)
    first, second = np.array(list(combinations(range(len(texts)), 2))).T
    distinct = anchors.sequence_keys[first] != anchors.sequence_keys[second]
    first, second = first[distinct], second[distinct]
    scores = comparer(texts, anchors).similarities(first, second)
    expected = {(a, b): s for a, b, s in zip(first.tolist(), second.tolist(), scores.tolist(), strict=True) if s >= 0.7}
    found = near_pairs(texts)
    scored = dict(zip(zip(found.first.tolist(), found.second.tolist(), strict=True), found.scores.tolist(), strict=True))
    missed = [pair for pair in expected if pair not in scored]
    assert len(missed) <= 0.02 * len(expected)
    assert not [pair for pair in missed if expected[pair] >= 0.85]
    assert all(scored[pair] == pytest.approx(expected[pair], abs=1e-5) for pair in expected if pair in scored)


def test_unrelated_texts_are_no_candidates() -> None:
    generator = random.Random(1)
    texts = [" ".join(generator.choices(WORDS, k=50)) for _ in range(200)]
    assert len(candidates(texts)) <= 2


def test_a_text_has_about_twenty_anchors_whatever_its_length() -> None:
    generator = random.Random(2)
    texts = [" ".join(f"x{generator.random()}" for _ in range(length)) for length in [2000] * 50]
    per_text = np.bincount(text_anchors(texts).texts)
    assert 15 < per_text.mean() < 25
    assert per_text.min() >= 6
    short = text_anchors(["a b c"])
    assert len(short.hashes) == 6  # three tokens, two places of padding, the tokens in any order


def test_a_text_that_repeats_itself_has_anchors_too() -> None:
    loop = "all work and no play makes jack a dull boy " * 500
    anchors = text_anchors([loop, loop + "indeed", "something else"])
    assert np.bincount(anchors.texts)[0] >= 8
    assert (0, 1) in candidates([loop, loop + "indeed", "something else"])


def test_anchors_are_sorted_and_distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_with_copies(4)
    anchors = text_anchors(texts)
    packed = (anchors.texts.astype(np.uint64) << np.uint64(32)) | anchors.hashes
    assert (packed[1:] > packed[:-1]).all()
    monkeypatch.setattr("sde_core.features.tokens._CHUNK_CHARACTERS", 64)
    pieces = text_anchors(texts)
    assert np.array_equal(pieces.hashes, anchors.hashes)
    assert np.array_equal(pieces.weights.by_bucket, anchors.weights.by_bucket)


def test_a_large_cluster_of_copies_stays_connected() -> None:
    """500 copies with an edit each give far fewer than 124,750 pairs, and are still one component."""
    generator = random.Random(3)
    base = [f"word{n}" for n in range(60)]
    texts = []
    for n in range(500):
        words = list(base)
        words[generator.randrange(60)] = f"changed{n}"
        texts.append(" ".join(words))
    pairs = np.array(sorted(candidates(texts)))
    assert len(pairs) < 40_000
    assert (components(500, pairs[:, 0], pairs[:, 1]) == 0).all()


def test_what_a_crowd_shares_makes_few_candidates() -> None:
    frame = "please write a short and friendly letter to my neighbour about the topic of"
    texts = [f"{frame} {' '.join(random.Random(n).choices(WORDS, k=12))}" for n in range(400)]
    assert len(candidates(texts)) < 10 * len(texts)


def test_only_eligible_texts_and_only_across() -> None:
    anchors = text_anchors(["a b c d e"] * 4)
    some = np.array([True, False, True, True])
    first, second = candidate_pairs(anchors, some)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 2), (0, 3), (2, 3)]
    first, second = candidate_pairs(anchors, some, side=np.array([False, False, False, True]))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 3), (2, 3)]


@pytest.mark.parametrize(("most", "longest"), [(200, 16), (40, 9), (0, 1)])
def test_lists_are_cut_shorter_where_memory_would_not_hold_all(monkeypatch: pytest.MonkeyPatch, most: int, longest: int) -> None:
    """Three lists of ten texts are 135 pairs, one of two texts is one."""
    monkeypatch.setattr(candidates_module, "_MOST_MEETINGS", most)
    lists = np.sort(np.repeat(np.arange(4, dtype=np.uint64) << np.uint64(32), [10, 10, 10, 2]))
    assert candidates_module._longest_list(lists) == longest


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_with_copies(6)
    whole = candidates(texts)
    monkeypatch.setattr(candidates_module, "_SLICE", 7)
    assert candidates(texts) == whole


def test_no_texts() -> None:
    anchors = text_anchors([])
    assert isinstance(anchors, TextAnchors)
    assert [len(part) for part in candidate_pairs(anchors, np.empty(0, bool))] == [0, 0]
    assert candidates(["", "  ", "..."]) == set()


def test_cancelled_at_every_stage() -> None:
    stop = threading.Event()
    stop.set()
    texts = ["a b c", "a b c d"]
    anchors = text_anchors(texts)
    comparing = comparer(texts, anchors)
    for work in (
        lambda: text_anchors(texts, cancel=stop),
        lambda: candidate_pairs(anchors, np.ones(2, bool), cancel=stop),
        lambda: comparing.similarities(np.array([0]), np.array([1]), cancel=stop),
    ):
        with pytest.raises(CancelledError):
            work()
    assert anchors_module._ANCHORS == 20


class _StopsAnEndlessLoop(threading.Event):
    def is_set(self) -> bool:
        self.looked = getattr(self, "looked", 0) + 1
        return self.looked > 10


def test_the_last_list_of_the_hash_range_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates_module, "_SLICE", 2)
    n, highest = 5, np.iinfo(np.uint32).max
    texts = np.arange(n, dtype=np.uint32)
    anchors = TextAnchors(np.ones(n, np.int64), texts.astype(np.uint64), np.full(n, highest, np.uint32), texts, TokenWeights(np.ones(2, np.float32)))
    first, second = candidate_pairs(anchors, np.ones(n, bool), cancel=_StopsAnEndlessLoop())
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == list(combinations(range(n), 2))
