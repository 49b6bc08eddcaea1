"""Groups at moving thresholds, keepers, and reasons."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.duplicates import KINDS, DuplicateIndex, DuplicateParams, drop_reasons, find_duplicates
from sde_core.checks.duplicates.keepers import label_agreement, preference
from sde_core.checks.duplicates.parts import ComparedTexts, compared_texts
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.features.components import components

BASE = "Please tell me how the river boats were built and who paid for the long wooden bridge across the narrow valley"


def edited(text: str, places: int, seed: int) -> str:
    words = text.split()
    generator = random.Random(seed)
    for place in generator.sample(range(len(words)), places):
        words[place] = f"changed{seed}x{place}"
    return " ".join(words)


def rows(*texts: str) -> list[dict[str, object]]:
    return [{"id": n, "instruction": text, "output": f"answer to {text}"} for n, text in enumerate(texts)]


@pytest.fixture
def index_of(write_jsonl: Callable[..., Path]) -> Callable[..., DuplicateIndex]:
    def build(records: list[dict[str, object]], **params: object) -> DuplicateIndex:
        return find_duplicates(open_dataset(write_jsonl(records)), DuplicateParams(**params))  # type: ignore[arg-type]

    return build


def groups_of(index: DuplicateIndex, near: float = 0.8, semantic: float | None = None) -> dict[str, list[list[int]]]:
    table = index.groups(near, semantic)
    return {kind: [index.rows[members].tolist() for members in table.of_kind(kind)] for kind in KINDS}


def test_the_four_kinds_hold_each_other(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(rows(BASE, BASE, BASE.upper() + "!", edited(BASE, 1, 1), "something else entirely about bread and cheese"))
    assert groups_of(index, 0.6) == {"exact": [[0, 1]], "normalised": [[0, 1, 2]], "near": [[0, 1, 2, 3]], "semantic": []}
    table = index.groups(0.6)
    assert table.outermost.tolist() == [False, False, True]
    assert table.outer().members.tolist() == [0, 1, 2, 3]


def test_the_threshold_moves_without_computing_again(index_of: Callable[..., DuplicateIndex], monkeypatch: pytest.MonkeyPatch) -> None:
    index = index_of(rows(BASE, edited(BASE, 1, 1), edited(BASE, 3, 2)))
    expected = {0.5: 1, 0.99: 0}
    for forbidden in ("text_anchors", "verified_pairs", "compared_texts"):
        monkeypatch.setattr(f"sde_core.checks.duplicates.index.{forbidden}", None)
    scores = sorted(index.near.scores.tolist())
    assert len(scores) >= 2
    for threshold, count in expected.items():
        assert len(index.groups(threshold).of_kind("near")) == count
    between = (scores[0] + scores[-1]) / 2
    assert groups_of(index, between)["near"] == [[0, 1]]


def test_the_weakest_link_is_that_of_the_spanning_tree(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(rows(BASE, edited(BASE, 1, 1), edited(edited(BASE, 1, 1), 2, 2)))
    table = index.groups(0.5).of_kind("near")
    strong, weak = sorted((index.near.at_least(0.5).scores.tolist()), reverse=True)[:2]
    assert len(table) == 1
    assert table.scores[0] == pytest.approx(weak)
    assert strong > weak


@pytest.mark.parametrize("threshold", [0.49, 1.01, -1.0])
def test_a_threshold_below_the_floor_is_refused(index_of: Callable[..., DuplicateIndex], threshold: float) -> None:
    with pytest.raises(UsageError, match=r"outside 0\.5 to 1"):
        index_of(rows("a b c", "d e f")).groups(threshold)


def test_policies(index_of: Callable[..., DuplicateIndex]) -> None:
    records = [
        {"instruction": BASE, "output": "short"},
        {"instruction": BASE, "output": "a much longer answer"},
        {"instruction": BASE, "output": "mid answer"},
    ]
    index = index_of(records, part="prompt")
    group = index.groups().of_kind("exact")
    assert index.kept(group, "first").keepers.tolist() == [0]
    assert index.kept(group, "longest").keepers.tolist() == [1]
    assert index.kept(group, "quality", np.array([0.1, 0.2, 0.9], np.float32)).keepers.tolist() == [2]
    assert index.kept(group, "quality", np.array([np.nan, np.nan, np.nan], np.float32)).keepers.tolist() == [0]
    assert index.kept(group, "longest", accepted=[2]).keepers.tolist() == [2]
    with pytest.raises(UsageError, match="quality"):
        index.kept(group, "quality")


def test_a_chain_does_not_swallow_its_ends(index_of: Callable[..., DuplicateIndex]) -> None:
    """a~b~c~d~e are one component, but a and e share nothing: e is not dropped for a."""
    words = [f"word{n}" for n in range(60)]
    chain = [" ".join(words[start : start + 36]) for start in range(0, 25, 2)]
    index = index_of([{"instruction": text, "output": ""} for text in chain])
    table = index.groups(0.7)
    assert [members.tolist() for members in table.of_kind("near")] == [list(range(13))]
    kept = index.kept(table.outer())
    assert len(kept) > 1
    assert kept.keepers[0] == 0
    assert 12 not in kept.members[: kept.starts[1]]
    for group in range(len(kept)):
        for position in kept.only(group).dropped:
            assert index.likeness().similarity(kept.keepers[group : group + 1], np.array([position]))[0] >= 0.5


def test_rejected_rows_leave_their_groups(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(rows(BASE, BASE, "other text here", "other text here", BASE))
    table = index.groups()
    gone = np.isin(index.rows, [0, 2])
    left = table.without(gone)
    assert [members.tolist() for members in left] == [[1, 4]]
    assert index.kept(left).keepers.tolist() == [1]


def test_reasons_name_the_kept_row_and_the_score(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(rows(BASE, BASE, BASE.upper(), edited(BASE, 1, 1)))
    kept = index.kept(index.groups(0.6).outer())
    dropped, reasons = drop_reasons(kept, index.rows, "first")
    score = float(index.likeness().similarity(np.array([0]), np.array([3]))[0])
    assert dropped == [1, 2, 3]
    assert reasons == [
        "exact duplicate of row 0, which comes first",
        "normalised duplicate of row 0, which comes first",
        f"near-duplicate ({score:.2f}) of row 0, which comes first",
    ]


def test_one_group_alone(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(rows("a b c", "a b c", "x y z", "x y z", "x y z"))
    kept = index.kept(index.groups().outer())
    assert kept.sizes.tolist() == [2, 3]
    assert kept.only(1).members.tolist() == [2, 3, 4]
    assert kept.only(1).dropped.tolist() == [3, 4]
    assert drop_reasons(kept.only(1), index.rows, "longest")[0] == [3, 4]


WORDS = [f"w{n}" for n in range(12)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join), min_size=1, max_size=25),
    st.sampled_from([0.5, 0.6, 0.8, 1.0]),
    st.randoms(use_true_random=False),
)
def test_keeping_one_of_each_group(texts: list[str], threshold: float, generator: random.Random) -> None:
    """Groups are the components of equal texts and near pairs; nothing is dropped twice, no kept row is dropped, every drop is justified."""
    index = index_from_texts(texts)
    table = index.groups(threshold)
    outer = table.outer()
    assert len(np.unique(outer.members)) == len(outer.members)
    scores = similarities(index)
    near = set(zip(index.near.first.tolist(), index.near.second.tolist(), strict=True))
    assert all(score == pytest.approx(scores[pair], abs=1e-6) for pair, score in zip(sorted(near), index.near.scores, strict=True))
    near |= {(b, a) for a in range(len(texts)) for b in range(a) if index.normalised[a] == index.normalised[b]}
    similar = [(a, b) for a, b in near if scores[a, b] >= np.float32(threshold)]
    expected = components(len(texts), np.array([a for a, _ in similar], np.int64), np.array([b for _, b in similar], np.int64))
    assert sorted(members.tolist() for members in outer) == sorted(
        np.flatnonzero(expected == root).tolist() for root in set(expected.tolist()) if (expected == root).sum() > 1
    )

    kept = index.kept(outer, "quality", np.array([generator.random() for _ in texts], np.float32))
    assert len(np.unique(kept.dropped)) == len(kept.dropped)
    assert not set(kept.keepers.tolist()) & set(kept.dropped.tolist())
    for group in range(len(kept)):
        one = kept.only(group)
        keeper = int(one.members[0])
        for position, score in zip(one.dropped.tolist(), one.link_scores[1:].tolist(), strict=True):
            assert score == pytest.approx(scores[keeper, position], abs=1e-6)
            assert score >= max(0.5, threshold - 0.2) - 1e-6


def similarities(index: DuplicateIndex) -> np.ndarray:
    """float32[n, n] by comparing all texts; 1 where they are equal after normalising."""
    n = len(index.rows)
    first, second = np.divmod(np.arange(n * n), n)
    scores = index.comparer.similarities(first, second)
    scores[index.normalised[first] == index.normalised[second]] = 1
    return scores.reshape(n, n)


def index_from_texts(texts: list[str]) -> DuplicateIndex:
    """The engine on texts alone, without a file."""

    class Texts:
        layout = type("NoRoles", (), {"roles": {}})()
        complete = True

        def __len__(self) -> int:
            return len(texts)

        def texts(self, **_: object) -> object:
            import polars as pl

            from sde_core.dataset.text_table import TEXT_SCHEMA

            return pl.DataFrame([(n, "", text, "", None, "u", 1, "") for n, text in enumerate(texts)], schema=TEXT_SCHEMA, orient="row")

        def value(self, row: int) -> dict[str, str]:
            return {"text": texts[row]}

    return find_duplicates(Texts())  # type: ignore[arg-type]


def test_preference_ranks_are_a_permutation() -> None:
    ranks = preference("longest", np.array([3, 9, 9, 1]))
    assert ranks.tolist() == [2, 0, 1, 3]
    preferred = preference("first", np.array([3, 9, 9, 1]), preferred=np.array([False, False, True, False]))
    assert preferred.tolist() == [1, 2, 0, 3]


def test_semantic_groups_come_last(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(
        rows(BASE, edited(BASE, 1, 1), "how does one bake rye bread", "what is the way to make bread from rye", "prime numbers below ten")
    )
    vectors = np.array([[1, 0, 0], [0.99, 0.141, 0], [0, 1, 0], [0, 0.95, 0.312], [0, 0, 1]], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    semantic = index.with_vectors(index.rows, vectors, "by hand")
    assert groups_of(semantic, 0.6, 0.9) == {"exact": [], "normalised": [], "near": [[0, 1]], "semantic": [[2, 3]]}
    assert groups_of(semantic, 0.6, 0.98)["semantic"] == []
    assert groups_of(semantic, 0.6)["semantic"] == []
    assert semantic.groups(0.6, 0.9).scores[-1] == pytest.approx(0.95, abs=1e-3)
    kept = semantic.kept(semantic.groups(0.6, 0.9).outer())
    assert drop_reasons(kept, semantic.rows, "first")[1][-1] == "semantic duplicate (0.95) of row 2, which comes first"


def test_semantic_duplicates_need_their_own_cosine(index_of: Callable[..., DuplicateIndex]) -> None:
    """Embeddings are coarse: at the ends of a chain of cosines a row stays unless it is itself at the threshold."""
    index = index_of(rows(*(f"unrelated text number {name}" for name in ("one ash", "two oak", "three elm"))))
    angle = np.arccos(0.92)
    vectors = np.array([[np.cos(step * angle), np.sin(step * angle)] for step in range(3)], np.float32)
    semantic = index.with_vectors(index.rows, vectors, "by hand")
    table = semantic.groups(1.0, 0.9)
    assert table.of_kind("semantic").sizes.tolist() == [3]
    assert semantic.kept(table.outer()).dropped.tolist() == [1]


def test_an_encoder_that_finds_everything_alike_is_called_out(index_of: Callable[..., DuplicateIndex]) -> None:
    index = index_of(rows(*(f"text number {n} about {n * 7}" for n in range(60))))
    alike = np.tile(np.array([1.0, 0.0], np.float32), (60, 1))
    assert "alike" in index.with_vectors(index.rows, alike, "deaf").semantic_warning
    assert index.semantic_warning == ""
    apart = np.eye(60, dtype=np.float32)
    assert index.with_vectors(index.rows, apart, "sharp").semantic_warning == ""


def test_compared_texts_is_plain_data(write_jsonl: Callable[..., Path]) -> None:
    compared = compared_texts(open_dataset(write_jsonl(rows("a", "b"))), "answer")
    assert isinstance(compared, ComparedTexts)
    assert compared.texts.to_list() == ["answer to a", "answer to b"]
    assert compared.answer_lengths.tolist() == [11, 11]


def test_the_row_that_says_what_most_of_its_group_say_is_kept(write_jsonl):
    labels = ["refund", "billing", "billing", "billing", "other", "fraud", "fraud", "other"]
    texts = ["my card was charged twice"] * 4 + ["a quite different thing"] * 3 + ["alone"]
    path = write_jsonl([{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)])
    index = find_duplicates(open_dataset(path), DuplicateParams(part="prompt"))
    assert index.kept(index.groups().outer(), "first").keepers.tolist() == [0, 4]
    assert index.kept(index.groups().outer(), "agreement").keepers.tolist() == [1, 5]


def test_agreement_is_the_share_of_the_group(write_jsonl):
    path = write_jsonl([{"instruction": "say it", "output": output} for output in ("Yes", "yes ", "no")])
    index = find_duplicates(open_dataset(path), DuplicateParams(part="prompt"))
    assert label_agreement(index.groups().outer(), index.compared.taught).tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3])


def test_a_pair_is_compared_once(index_of: Callable[..., DuplicateIndex], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the keeper was compared with is not compared again when the threshold moves back and forth."""
    words = [f"word{n}" for n in range(60)]
    index = index_of([{"instruction": " ".join(words[start : start + 36]), "output": "x" * start} for start in range(0, 25, 2)])
    first = index.kept(index.groups(0.7).outer(), "longest")
    monkeypatch.setattr("sde_core.checks.duplicates.overlap.token_chunks", None)
    again = index.kept(index.groups(0.7).outer(), "longest")
    assert np.array_equal(first.members, again.members)
    assert np.array_equal(first.link_scores, again.link_scores)
