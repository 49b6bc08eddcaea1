"""MinHash, banding and verified Jaccard against datasketch and against brute force."""

from __future__ import annotations

import random
import threading
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.duplicates.candidates import candidate_pairs, signatures
from sde_core.checks.duplicates.jaccard import jaccard, verified_pairs
from sde_core.errors import CancelledError
from sde_core.features.shingles import Shingles, word_shingles

WORDS = [f"w{n}" for n in range(400)]


def texts_with_copies(seed: int, n: int = 120, length: int = 40) -> list[str]:
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


def brute_force(shingles: Shingles, floor: float) -> dict[tuple[int, int], float]:
    sets = [set(shingles.distinct(place).tolist()) for place in range(len(shingles.n_tokens))]
    scored = {(one, other): len(sets[one] & sets[other]) / len(sets[one] | sets[other]) for one, other in combinations(range(len(sets)), 2)}
    return {pair: score for pair, score in scored.items() if score >= floor}


def found_pairs(shingles: Shingles, floor: float) -> dict[tuple[int, int], float]:
    first, second = candidate_pairs(signatures(shingles), np.arange(len(shingles.n_tokens)), floor - 0.15)
    pairs = verified_pairs(shingles, first, second, floor)
    return dict(zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.scores.tolist(), strict=True))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_recall_against_brute_force(seed: int) -> None:
    """Every reported pair is right to the last bit; at 0.7 and above none is missing, at 0.5 at most the few that banding promises."""
    shingles = word_shingles(texts_with_copies(seed))
    expected = brute_force(shingles, 0.5)
    found = found_pairs(shingles, 0.5)
    assert set(found) <= set(expected)
    for pair, score in found.items():
        assert score == pytest.approx(expected[pair], abs=1e-6)
    assert {pair for pair, score in expected.items() if score >= 0.7} <= set(found)
    assert len(found) >= 0.9 * len(expected)


def test_estimates_agree_with_datasketch() -> None:
    """Both estimate the same Jaccard similarity; each within four standard errors of the truth."""
    datasketch = pytest.importorskip("datasketch")
    texts = texts_with_copies(3, n=80)
    shingles = word_shingles(texts)
    ours = signatures(shingles, bands=64, rows_per_band=4)
    theirs = []
    for place in range(len(texts)):
        sketch = datasketch.MinHash(num_perm=256, seed=1)
        for value in shingles.distinct(place).tolist():
            sketch.update(value.to_bytes(4, "little"))
        theirs.append(sketch)
    pairs = [(place, place + 1) for place in range(0, len(texts), 2)]
    first, second = np.array(pairs).T
    truth = jaccard(shingles, first, second)
    estimates = ours.estimates(first, second)
    error = np.sqrt(np.maximum(truth * (1 - truth), 0.01) / 256)
    assert (np.abs(estimates - truth) <= 4 * error + 0.02).all()
    oracle = np.array([theirs[one].jaccard(theirs[other]) for one, other in pairs])
    assert np.abs(estimates - oracle).mean() < 0.05
    assert abs(float((estimates - truth).mean())) < 0.02


def test_the_estimate_of_equal_and_of_unrelated_texts() -> None:
    shingles = word_shingles(["a b c d e f g h", "a b c d e f g h", "q r s t u v w x"])
    estimates = signatures(shingles).estimates(np.array([0, 0]), np.array([1, 2]))
    assert estimates[0] == 1.0
    assert estimates[1] < 0.05


def test_a_large_bucket_stays_connected() -> None:
    """500 texts that share all bands give far fewer than 124,750 pairs, and are still one component."""
    from sde_core.checks.duplicates.pairs import components

    texts = [f"the same long sentence with many words that never change except one at the very end {n}" for n in range(500)]
    shingles = word_shingles(texts)
    first, second = candidate_pairs(signatures(shingles), np.arange(500), 0.4)
    assert len(first) < 40_000
    assert (first < second).all()
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(first)
    assert (components(500, first, second) == 0).all()


def test_only_eligible_texts_are_paired() -> None:
    shingles = word_shingles(["a b c d"] * 4)
    first, second = candidate_pairs(signatures(shingles), np.array([0, 2]), 0.4)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 2)]


def test_signatures_depend_on_the_seed_alone() -> None:
    shingles = word_shingles(texts_with_copies(5))
    assert np.array_equal(signatures(shingles, seed=4).band_keys, signatures(shingles, seed=4).band_keys)
    assert not np.array_equal(signatures(shingles, seed=4).band_keys, signatures(shingles, seed=5).band_keys)


def test_jaccard_counts_a_repeated_shingle_once() -> None:
    shingles = word_shingles(["a a a a", "a a", "a b a b a b", "b a b"])
    pairs = np.array([(0, 1), (2, 3), (0, 2)]).T
    expected = brute_force(shingles, 0.0)
    assert jaccard(shingles, *pairs).tolist() == pytest.approx([expected[0, 1], expected[2, 3], expected[0, 2]])
    assert expected[0, 1] == 1.0


def test_no_candidates() -> None:
    shingles = word_shingles(["a b c", "d e f"])
    none = np.empty(0, np.int64)
    assert len(verified_pairs(shingles, none, none, 0.5)) == 0
    assert [len(part) for part in candidate_pairs(signatures(shingles), none, 0.4)] == [0, 0]


def test_cancelled_at_every_stage() -> None:
    stop = threading.Event()
    stop.set()
    shingles = word_shingles(["a b c", "a b c"])
    sketches = signatures(shingles)
    for work in (
        lambda: signatures(shingles, cancel=stop),
        lambda: candidate_pairs(sketches, np.arange(2), 0.4, cancel=stop),
        lambda: verified_pairs(shingles, np.array([0]), np.array([1]), 0.5, cancel=stop),
    ):
        with pytest.raises(CancelledError):
            work()
