"""Solving again against solving afresh, and what any row adds against the log-determinants of the dense kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dense_dpp import dense_kernel, log_det, unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.proposal import proposed, resolved
from sde_core.select import RowFeatures, SelectionParams, lazy_greedy


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


@settings(max_examples=60)
@given(
    kinds=st.lists(st.sampled_from(CHANGES), min_size=1, max_size=12),
    seed=st.integers(0, 999),
    copies=st.sampled_from([0, 30]),
    k=st.sampled_from([25, 115]),
    hot_rows=st.sampled_from([8, 2048]),
)
def test_any_sequence_of_changes_gives_the_rows_of_solving_afresh(kinds, seed, copies, k, hot_rows):
    rng = np.random.default_rng(seed)
    known, params = features(150, 6, seed, copies), SelectionParams(k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lazy_greedy, "HOT_ROWS", hot_rows)
        solution = resolved(known, params)
        for kind in kinds:
            known, params = changed(kind, known, params, solution.selection.rows, rng)
            solution = resolved(known, params, solution)
            afresh = proposed(known, params)
            assert solution.selection.rows == afresh.rows
            assert [pick.gain for pick in solution.selection.picks] == pytest.approx([pick.gain for pick in afresh.picks], abs=1e-9)


class TestWhatStays:
    """How many picks are known without choosing again."""

    known = features(600, 12, seed=5)
    params = SelectionParams(200)
    before = resolved(known, params)

    def test_nothing_of_a_first_solution(self):
        assert self.before.kept == 0

    def test_all_where_nothing_changed_or_fewer_rows_are_wanted(self):
        assert resolved(self.known, self.params, self.before).kept == 200
        assert resolved(self.known, replace(self.params, k=80), self.before).kept == 80

    def test_what_was_chosen_is_still_known_after_asking_for_fewer(self):
        fewer = resolved(self.known, replace(self.params, k=80), self.before)
        again = resolved(self.known, self.params, fewer)
        assert again.kept == 200
        assert again.selection.rows == self.before.selection.rows

    def test_all_picks_where_more_are_wanted(self):
        assert resolved(self.known, replace(self.params, k=300), self.before).kept == 200

    @pytest.mark.parametrize("rank", [0, 1, 57, 199])
    def test_those_before_the_first_banned_one(self, rank):
        params = replace(self.params, banned=(self.before.selection.rows[rank],))
        assert resolved(self.known, params, self.before).kept == rank

    def test_all_where_a_row_is_banned_that_was_not_chosen(self):
        row = next(row for row in self.known.rows.tolist() if row not in self.before.selection.rows)
        assert resolved(self.known, replace(self.params, banned=(row,)), self.before).kept == 200

    def test_those_before_the_rank_that_a_row_let_in_takes(self):
        without = resolved(self.known, replace(self.params, banned=(self.before.selection.rows[150],)))
        again = resolved(self.known, self.params, without)
        assert again.kept == 150
        assert again.selection.rows == self.before.selection.rows

    def test_an_earlier_solution_can_be_gone_on_from_again(self):
        banned = [resolved(self.known, replace(self.params, banned=(row,)), self.before) for row in self.before.selection.rows[60:62]]
        assert [solution.kept for solution in banned] == [60, 61]
        assert resolved(self.known, self.params, self.before).selection.rows == self.before.selection.rows

    @pytest.mark.parametrize("change", [{"balance": 0.3}, {"seed": 4}, {"max_similarity": 0.5}, {"locked": (0, 3)}, {"method": "kcenter"}])
    def test_none_where_everything_may_change(self, change):
        assert resolved(self.known, replace(self.params, **change), self.before).kept == 0

    def test_the_checkpoints_are_bounded(self):
        course = resolved(self.known, self.params, self.before).course
        held = sum(part.nbytes for state in course.begun.checkpoints for part in (state.seen, state.spread, state.base))
        assert 0 < held <= 96 * len(self.known.rows)
