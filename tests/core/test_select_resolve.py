"""Solving again against solving afresh, and what any row adds against the log-determinants of the dense kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dense_dpp import dense_kernel, log_det, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.proposal import proposed, resolved
from sde_core.select import RowFeatures, SelectionParams


def features(n: int, d: int, seed: int = 0, copies: int = 0) -> RowFeatures:
    vectors = unit_vectors(n, d, seed)
    vectors[n - copies :] = vectors[:copies]
    quality = np.random.default_rng(seed + 1).random(n)
    return RowFeatures(np.arange(0, 3 * n, 3), vectors, quality, None, np.ones(n, dtype=np.int64))


@settings(max_examples=40)
@given(n=st.integers(4, 12), d=st.integers(1, 6), seed=st.integers(0, 999), k=st.integers(1, 4), balance=st.sampled_from([0.0, 0.5, 0.8]))
def test_the_gain_of_any_row_is_the_log_det_difference(n, d, seed, k, balance):
    known = features(n, d, seed)
    solution = resolved(known, SelectionParams(k, balance=balance, max_similarity=1.0))
    kernel = dense_kernel(known.vectors, known.quality, balance, solution.selection.params.ridge)
    chosen = [row // 3 for row in solution.selection.rows]
    for place, gain in enumerate(solution.gain_of(known.rows)):
        others = [i for i in chosen if i != place]
        assert gain == pytest.approx(log_det(kernel, [*others, place]) - log_det(kernel, others), abs=1e-6)
    for rank, row in enumerate(solution.selection.rows):
        before = chosen[:rank]
        rest = {i: log_det(kernel, [*before, i]) - log_det(kernel, before) for i in range(n) if i not in chosen[: rank + 1]}
        second = solution.runner_up(row)
        if not rest:
            assert second is None
            continue
        assert second.gain == pytest.approx(max(rest.values()), abs=1e-6)
        assert second.gain == pytest.approx(rest[second.row // 3], abs=1e-6)
        assert second.gain <= solution.selection.picks[rank].gain + 1e-9


def test_rows_that_are_not_there_have_no_gain_and_no_runner_up():
    solution = resolved(features(5, 3), SelectionParams(5, max_similarity=1.0))
    assert np.isnan(solution.gain_of((1,))).all()
    assert solution.runner_up(1) is None
    assert solution.runner_up(solution.selection.rows[-1]) is None


def test_the_runner_up_is_no_copy_of_a_chosen_row():
    known = features(40, 4, copies=20)
    solution = resolved(known, SelectionParams(10))
    for rank, row in enumerate(solution.selection.rows[1:], start=1):
        second = solution.runner_up(row)
        products = known.vectors[[chosen // 3 for chosen in solution.selection.rows[:rank]]] @ known.vectors[second.row // 3]
        assert products.max() <= 0.9


def test_a_ban_says_who_took_the_place():
    known = features(300, 8)
    before = resolved(known, SelectionParams(30))
    banned = before.selection.rows[12]
    after = resolved(known, SelectionParams(30, banned=(banned,)), before)
    assert after.change.banned == (banned,)
    assert not after.change.wishes
    out = {move.row: move for move in after.moves if move.way == "out"}
    came = {move.row: move for move in after.moves if move.way == "in"}
    assert set(out) == set(before.selection.rows) - set(after.selection.rows)
    assert set(came) == set(after.selection.rows) - set(before.selection.rows)
    assert out[banned].cause == "banned"
    assert out[banned].rank == 13
    assert out[banned].gain_before == before.selection.picks[12].gain
    assert out[banned].counterpart in came
    at = {row: place for place, row in enumerate(known.rows.tolist())}
    similar = [known.vectors[at[banned]] @ known.vectors[at[row]] for row in came]
    assert out[banned].similarity == pytest.approx(max(similar), abs=2e-5)
    for row, move in came.items():
        assert move.cause == "others"
        assert move.gain_now == next(pick.gain for pick in after.selection.picks if pick.row == row)
        assert move.gain_before == before.gain_of((row,))[0]


@pytest.mark.parametrize(("k", "way"), [(40, "in"), (20, "out")])
def test_more_or_fewer_rows_move_rows_by_size_alone(k, way):
    known = features(300, 8)
    before = resolved(known, SelectionParams(30))
    after = resolved(known, replace(before.selection.params, k=k), before)
    assert after.change.wishes == (("k", 30, k),)
    assert {(move.way, move.cause, move.counterpart) for move in after.moves} == {(way, "size", None)}
    assert len(after.moves) == 10


def test_other_rows_are_a_new_beginning():
    after = resolved(features(30, 4), SelectionParams(5), resolved(features(31, 4), SelectionParams(5)))
    assert after.change is None
    assert after.moves == ()


CHANGES = ["lock", "unlock", "ban", "lift", "swap", "larger", "smaller", "balance", "quality", "similarity", "seed"]


def changed(kind: str, known: RowFeatures, params: SelectionParams, chosen: tuple[int, ...], rng: np.random.Generator):
    """A changed request of this kind, or the same where it cannot be."""
    rest = [int(row) for row in known.rows if row not in params.locked and row not in params.banned]
    some, picked = int(rng.choice(rest)) if rest else None, int(rng.choice(chosen))
    locked, banned = set(params.locked), set(params.banned)
    if kind == "lock" and some is not None and len(locked) < params.k:
        locked.add(some if rng.random() < 0.5 or picked in banned else picked)
    elif kind == "unlock" and locked:
        locked.discard(int(rng.choice(sorted(locked))))
    elif kind == "ban" and picked not in locked and len(known.rows) - len(banned) > params.k:
        banned.add(picked)
    elif kind == "lift" and banned:
        banned.discard(int(rng.choice(sorted(banned))))
    elif kind == "swap" and some is not None and some not in chosen and picked not in locked and len(known.rows) - len(banned) > params.k:
        locked.add(some)
        banned.add(picked)
    elif kind == "larger":
        params = replace(params, k=min(params.k + int(rng.integers(1, 20)), len(known.rows) - len(banned)))
    elif kind == "smaller":
        params = replace(params, k=max(params.k - int(rng.integers(1, 20)), len(locked), 1))
    elif kind == "balance":
        params = replace(params, balance=float(rng.choice([0.0, 0.3, 0.5, 0.7, 1.0])))
    elif kind == "similarity":
        params = replace(params, max_similarity=float(rng.choice([0.5, 0.9, 1.0])))
    elif kind == "seed":
        params = replace(params, seed=int(rng.integers(3)))
    elif kind == "quality":
        moved = known.quality.copy()
        moved[rng.integers(0, len(moved), 5)] += rng.normal(size=5) / 5
        known = replace(known, quality=moved)
    return known, replace(params, locked=tuple(sorted(locked)), banned=tuple(sorted(banned)))


@settings(max_examples=40)
@given(kinds=st.lists(st.sampled_from(CHANGES), min_size=1, max_size=12), seed=st.integers(0, 999), copies=st.sampled_from([0, 30]))
def test_any_sequence_of_changes_gives_the_rows_of_solving_afresh(kinds, seed, copies):
    rng = np.random.default_rng(seed)
    known, params = features(150, 6, seed, copies), SelectionParams(25)
    solution = resolved(known, params)
    for kind in kinds:
        known, params = changed(kind, known, params, solution.selection.rows, rng)
        solution = resolved(known, params, solution)
        afresh = proposed(known, params)
        assert solution.selection.rows == afresh.rows
        assert [pick.gain for pick in solution.selection.picks] == pytest.approx([pick.gain for pick in afresh.picks], abs=1e-9)
