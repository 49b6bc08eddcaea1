"""The similarity of two texts against the formula written out in Python, and what people call a near-duplicate."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.duplicates.anchors import text_anchors
from sde_core.checks.duplicates.near import near_pairs
from sde_core.checks.duplicates.overlap import comparer
from sde_core.checks.duplicates.pairs import ScoredPairs
from sde_core.checks.duplicates.token_weights import TokenWeights, token_weights
from sde_core.features.components import components

NOTHING_SEEN = TokenWeights(np.full(1 << 20, 10, np.float32))


def similarity(one: str, other: str, weights: TokenWeights | None = None) -> float:
    texts = [one, other]
    anchors = text_anchors(texts)
    comparing = replace(comparer(texts, anchors), weights=weights or anchors.weights)
    return float(comparing.similarities(np.array([0]), np.array([1]))[0])


def reference(one: list[str], other: list[str], weight: float = 10.0) -> float:
    """The formula of `overlap`, token by token, where all tokens weigh the same."""

    def side(own: list[str], others: list[str]) -> tuple[float, float, float, float]:
        left = Counter(others)
        common = []
        for token in own:
            common.append(left[token] > 0)
            left[token] -= common[-1]
        ends = ["", *own, ""], ["", *others, ""]
        links = [[frozenset(pair) for pair in pairwise(tokens)] for tokens in ends]
        free = Counter(links[1])
        linked = []
        for link in links[0]:
            linked.append(free[link] > 0)
            free[link] -= linked[-1]
        ordered = [common[at] and (linked[at] or linked[at + 1]) for at in range(len(own))]
        middle = [linked[at] and linked[at + 1] for at in range(len(own))]
        row = [
            middle[at] or (linked[at] and at > 0 and middle[at - 1]) or (linked[at + 1] and at + 1 < len(own) and middle[at + 1])
            for at in range(len(own))
        ]
        longest = here = 0
        for at in range(len(own)):
            here = 0 if row[at] else here
            here += not ordered[at]
            longest = max(longest, here)
        return sum(common) * weight, sum(ordered) * weight, (len(own) - sum(common)) * weight, longest * weight

    (common, ordered_one, extra_one, stretch_one), (_, ordered_other, extra_other, stretch_other) = side(one, other), side(other, one)
    less, more = sorted((extra_one, extra_other))
    share = 0.5 + 0.4 * min(1, common / 25)
    tversky = (common + (ordered_one + ordered_other) / 2) / 2 / (common + 1.3 * (share * less + (1 - share) * more)) if common else 0.0
    stretch = min(stretch_one, stretch_other)
    own = anchors_of(one), anchors_of(other)
    specific = len(own[0] & own[1]) / min(map(len, own))
    return max(0, tversky * (min(1, (22 + less / 10) / stretch) if stretch else 1) - 0.2 * (1 - min(1, specific / 0.4)))


def anchors_of(tokens: list[str]) -> set[tuple[str, ...]]:
    padded = ["", "", *tokens, "", ""]
    return {tuple(padded[at : at + 3]) for at in range(len(tokens) + 2)} | ({("any", *sorted(tokens))} if len(tokens) <= 8 else set())


TOKENS = st.lists(st.sampled_from([f"t{n}" for n in range(9)] + ["a", "b"]), min_size=1, max_size=16)


@settings(max_examples=300, deadline=None)
@given(TOKENS, TOKENS)
def test_the_formula(one: list[str], other: list[str]) -> None:
    assert similarity(" ".join(one), " ".join(other), NOTHING_SEEN) == pytest.approx(reference(one, other), abs=1e-5)


TEXT = st.text(alphabet=st.sampled_from([*"abcXYZ019 .,;'\"()-\n", "é", "É", "你", "好", "🙂"]), max_size=50)


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT)
def test_symmetric_bounded_and_blind_to_case_and_white_space(one: str, other: str) -> None:
    weights = token_weights([one, other])
    score = similarity(one, other, weights)
    assert 0 <= score <= 1 + 1e-6
    assert similarity(other, one, weights) == pytest.approx(score, abs=1e-5)
    assert similarity("  " + one.upper().replace(" ", " \n"), other.lower(), weights) == pytest.approx(score, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXT, max_size=12), st.lists(TEXT, max_size=12))
def test_pairs_of_two_collections_are_those_across(one: list[str], other: list[str]) -> None:
    found = near_pairs(one, other)
    assert len(set(zip(found.first.tolist(), found.second.tolist(), strict=True))) == len(found)
    assert all(0 <= place < len(one) for place in found.first.tolist())
    assert all(0 <= place < len(other) for place in found.second.tolist())
    both = text_anchors([*one, *other])
    keys, filled = both.sequence_keys.tolist(), (both.n_tokens > 0).tolist()
    repeated = {
        place
        for place in range(len(one))
        if filled[place] and keys[place] in {key for key, full in zip(keys[len(one) :], filled[len(one) :], strict=True) if full}
    }
    assert {place for place, score in zip(found.first.tolist(), found.scores.tolist(), strict=True) if score == 1} >= repeated


def pairs_at(found: ScoredPairs, threshold: float = 0.8) -> set[tuple[int, int]]:
    strong = found.at_least(threshold)
    return set(zip(strong.first.tolist(), strong.second.tolist(), strict=True))


STORY = (
    "The old lighthouse keeper climbed the narrow stairs every evening, carrying a lantern and a small bag of bread. From the top he could see "
    "fishing boats returning to the harbour, and he counted them one by one until the last had passed the breakwater."
)


@pytest.mark.parametrize(
    "copy",
    [
        STORY.upper(),
        STORY.replace(" ", "\n  "),
        STORY.replace("lantern", "torch"),
        STORY.replace("narrow ", ""),
        STORY.replace("old lighthouse", "lighthouse old"),
        STORY.replace("fishing boats", "many fishing boats"),
        "Please read this short text carefully and tell me what you think of it. " + STORY,
        STORY + " Thank you very much for reading; more stories can be found on the website of our club.",
    ],
)
def test_what_people_call_the_same_text(copy: str) -> None:
    assert (0, 1) in pairs_at(near_pairs([STORY, copy, "an unrelated row about baking bread"]))


@pytest.mark.parametrize(
    "rows",
    [
        [f"What is the capital of {name}?" for name in ("France", "Spain", "Italy", "Peru", "Norway")],
        [f"What is the capital of {name}?\nThe capital of {name} is {city}." for name, city in (("France", "Paris"), ("Spain", "Madrid"))],
        [f"What is {one} plus {other}?\n{one + other}" for one, other in ((3, 4), (12, 9), (30, 41), (7, 7))],
        [
            f"Tom has {one} apples and buys {other} more at the market. How many apples does Tom have now?\nTom has {one + other} apples."
            for one, other in ((3, 4), (12, 9), (30, 41), (7, 7))
        ],
        [f"Translate the word {word} into German." for word in ("bread", "cheese", "river", "window")],
        [f"A train covers {way} miles in {time} hours. What is its average speed in miles per hour?" for way, time in ((120, 2), (300, 5))],
        [f"{STORY} Question: {question}" for question in ("What does the keeper carry up the stairs each evening?", "Which vessels come home, and who counts all of them?")],
        ["the dog bites the man", "the man bites the dog and runs away from three angry policemen"],
        ["Ok", "Ok then see you at the station tomorrow morning at nine"],
    ],
)  # fmt: skip
def test_rows_of_one_template_are_not_duplicates(rows: list[str]) -> None:
    assert pairs_at(near_pairs(rows)) == set()


def test_a_template_among_other_rows() -> None:
    generator = random.Random(5)
    others = [" ".join(generator.choices([f"word{n}" for n in range(3000)], k=20)) for _ in range(300)]
    template = [f"Classify the sentiment of this review: I really enjoyed the {name}.\npositive" for name in (f"thing{n}" for n in range(40))]
    assert pairs_at(near_pairs(others + template)) == set()


def test_chinese_needs_no_blanks() -> None:
    one = "灯塔看守人每天晚上都会爬上狭窄的楼梯，提着一盏灯笼和一小袋面包，他可以看到渔船返回港口。"
    other = one.replace("灯笼", "火把")
    assert pairs_at(near_pairs([one, other, "完全不同的另外一句话，讲的是如何烤面包和做奶酪。"])) == {(0, 1)}


def test_equal_texts_stand_for_one() -> None:
    found = near_pairs(["a b c d", "x", "A B  c d", "a b c d!"])
    assert list(zip(found.first.tolist(), found.second.tolist(), found.scores.tolist(), strict=True)) == [(0, 2, 1.0), (0, 3, 1.0)]


def test_across_collections_every_row_finds_its_twin() -> None:
    here, there = ["q q1", "a b c d e", "a b c d e", "z z2"], ["A b c d e", "z z2", "a b c d e"]
    assert pairs_at(near_pairs(here, there)) == {(1, 0), (2, 0), (1, 2), (3, 1)}
    assert pairs_at(near_pairs(pl.Series(here), pl.Series(there))) == {(1, 0), (2, 0), (1, 2), (3, 1)}
    assert len(near_pairs([], there)) == len(near_pairs(here, [])) == len(near_pairs([])) == 0


def test_fifty_thousand_identical_rows_and_a_near_copy() -> None:
    found = near_pairs(pl.Series([STORY] * 50_000 + [STORY.replace("lantern", "torch")]))
    assert len(found) == 50_000
    assert int(found.second[-1]) == 50_000
    assert 0.8 <= found.scores[-1] < 1


def test_a_giant_row_beside_small_ones() -> None:
    giant = "lorem ipsum dolor sit amet " * 80_000
    found = near_pairs([STORY, giant, giant + "once more", STORY.replace("lantern", "torch")])
    assert pairs_at(found) == {(0, 3), (1, 2)}


def test_hostile_bytes() -> None:
    texts = ["\x00\x1b]52;c;AAAA\x07 [/INST] \ud800 half", "\x00\x1b]52;c;AAAA\x07 [/INST]  \ud800 HALF", "\u202e\u2028\x85\x00", "", "\x00"]
    assert pairs_at(near_pairs(texts)) == {(0, 1)}


def test_rare_tokens_numbers_and_names_weigh_more() -> None:
    texts = [f"the common word stands here near {name}" for name in ("Lisbon", "Ankara", "Quito", "oats")]
    weights = token_weights(texts)

    def weight(token: str) -> float:
        from sde_core.features.tokens import token_chunks

        (chunk,) = token_chunks([token])
        return float(weights.of(chunk)[0])

    assert weight("the") < weight("common") < weight("oats") < weight("lisbon")
    assert weight("oats") == pytest.approx(math.log2(1004 / 2), abs=1e-4)
    assert weight("ankara") == pytest.approx(1.75 * weight("oats"), abs=1e-4)
    assert weight("7") == pytest.approx(1.75 * weight("unseen"), abs=1e-4)
    assert weight("+") == pytest.approx(0.5 * weight("unseen"), abs=1e-4)


def test_hundreds_of_edited_copies_stay_near_duplicates() -> None:
    """Though their words are in most rows of the file: all of them are found, as one component."""
    generator = random.Random(8)
    base = [f"word{n}" for n in range(80)]
    copies = []
    for n in range(300):
        words = list(base)
        for place in generator.sample(range(80), 2):
            words[place] = f"other{n}x{place}"
        copies.append(" ".join(words))
    found = near_pairs(copies).at_least(0.8)
    assert (components(300, found.first, found.second) == 0).all()


def test_equal_texts_count_once_in_the_weights() -> None:
    anchors = text_anchors([STORY] * 500 + ["the other rows", "are different"])
    alone = text_anchors([STORY, "the other rows", "are different"])
    assert np.array_equal(anchors.weights.by_bucket, alone.weights.by_bucket)
