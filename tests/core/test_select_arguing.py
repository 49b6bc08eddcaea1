"""Alternatives to a row, where any row stands, and why rows moved."""

from __future__ import annotations

import numpy as np
import pytest

from sde_core.proposal import resolved
from sde_core.select import RowFeatures, SelectionParams
from sde_core.select.alternatives import QUALITY_TOLERANCE, nearest_alternatives
from sde_core.select.coverage import Clusters
from sde_core.select.move_words import reasons_of
from sde_core.select.standing import standing_of
from sde_core.select.volume import ChosenVolume

N, GROUPS, D = 240, 12, 24
GENERATOR = np.random.default_rng(5)
CENTERS = np.linalg.qr(GENERATOR.standard_normal((D, D)))[0][:GROUPS]
GROUP = np.arange(N) % GROUPS
VECTORS = (CENTERS[GROUP] + 0.1 * GENERATOR.standard_normal((N, D))).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
QUALITY = GENERATOR.random(N)
ROWS = np.arange(N) * 2
LABELS = [f"kind {group}" for group in GROUP]
FEATURES = RowFeatures(ROWS, VECTORS, QUALITY, LABELS, np.arange(N))
CLUSTERS = Clusters(("even", "odd"), GROUP % 2)
K = 30


def solved(before=None, **wishes):
    return resolved(FEATURES, SelectionParams(**{"k": K, **wishes}), before)


SOLUTION = solved()
CHOSEN = np.asarray(SOLUTION.selection.rows) // 2


def log_det(rows, params=SOLUTION.selection.params):
    volume = ChosenVolume(D, params.ridge)
    return sum(volume.add(VECTORS[row].astype(np.float64) / np.linalg.norm(VECTORS[row].astype(np.float64))) for row in rows)


# ---- alternatives


@pytest.mark.parametrize("place", [0, 7, K - 1])
def test_alternatives_are_the_most_similar_open_rows_of_similar_quality(place):
    row = int(CHOSEN[place])
    found = nearest_alternatives(SOLUTION.pool, SOLUTION.chosen, 2 * row, 5)
    similarity = VECTORS @ VECTORS[row]
    allowed = [i for i in range(N) if i not in CHOSEN and QUALITY[i] >= QUALITY[row] - QUALITY_TOLERANCE * QUALITY.std()]
    expected = sorted(allowed, key=lambda i: -similarity[i])[:5]
    assert [candidate.row // 2 for candidate in found] == expected
    assert [candidate.similarity for candidate in found] == pytest.approx([similarity[i] for i in expected], abs=1e-4)
    assert [candidate.quality for candidate in found] == pytest.approx([QUALITY[i] for i in expected])


def test_banned_rows_are_no_alternatives_and_a_row_that_is_not_there_has_none():
    row = SOLUTION.selection.rows[3]
    first = nearest_alternatives(SOLUTION.pool, SOLUTION.chosen, row)[0]
    banned = solved(banned=(first.row,))
    assert first not in nearest_alternatives(banned.pool, banned.chosen, row)
    assert nearest_alternatives(SOLUTION.pool, SOLUTION.chosen, 1) == ()


def test_swapping_as_lock_and_ban_exchanges_just_these_rows():
    row = SOLUTION.selection.rows[5]
    other = nearest_alternatives(SOLUTION.pool, SOLUTION.chosen, row)[0].row
    after = solved(SOLUTION, locked=(other,), banned=(row,))
    assert other in after.selection.rows
    assert row not in after.selection.rows
    words = reasons_of(after)
    assert words[other] == "locked or accepted"
    assert words[row] == "banned or rejected"


# ---- any row's card


@pytest.mark.parametrize("place", [0, 11, K - 1])
def test_a_chosen_row_adds_what_the_others_lack(place):
    row = int(CHOSEN[place])
    found = standing_of(SOLUTION, 2 * row, labels=LABELS, clusters=CLUSTERS)
    offset = SOLUTION.selection.picks[place].gain - (log_det(CHOSEN[: place + 1]) - log_det(CHOSEN[:place]))
    assert found.rank == place + 1
    assert found.gain == pytest.approx(offset + log_det(CHOSEN) - log_det([i for i in CHOSEN if i != row]), abs=1e-6)
    assert found.quality == pytest.approx(QUALITY[row])
    assert found.better_than == pytest.approx((QUALITY[row] > QUALITY).mean())
    assert found.label.name == f"kind {GROUP[row]}"
    assert found.label.whole == pytest.approx(1 / GROUPS)
    assert found.label.selected == pytest.approx((GROUP[CHOSEN] == GROUP[row]).mean())
    assert found.cluster.selected == pytest.approx((GROUP[CHOSEN] % 2 == GROUP[row] % 2).mean())
    assert found.runner_up.row not in SOLUTION.selection.rows[: place + 1]
    assert found.runner_up.gain <= SOLUTION.selection.picks[place].gain + 1e-9


def test_neighbours_are_the_nearest_chosen_rows_without_the_row_itself():
    row = int(CHOSEN[4])
    found = standing_of(SOLUTION, 2 * row)
    others = [i for i in CHOSEN if i != row]
    expected = sorted(others, key=lambda i: -(VECTORS[i] @ VECTORS[row]))[:3]
    assert [neighbour.row // 2 for neighbour in found.neighbours] == expected
    assert found.label is found.cluster is None


def test_a_row_that_is_not_chosen_adds_less_than_the_last_one_that_was_and_more_without_its_nearest():
    outside = [i for i in range(N) if i not in CHOSEN]
    for row in outside[::17]:
        found = standing_of(SOLUTION, 2 * row)
        assert found.rank is found.runner_up is None
        assert found.gain_without_nearest > found.gain
        nearest = found.neighbours[0].row // 2
        change = log_det([*CHOSEN, row]) - log_det(CHOSEN)
        without = [i for i in CHOSEN if i != nearest]
        assert found.gain_without_nearest - found.gain == pytest.approx(log_det([*without, row]) - log_det(without) - change, abs=1e-6)
        if not found.repeats:
            assert found.gain <= found.last_gain + 1e-9
        assert found.repeats == (found.neighbours[0].similarity > 0.9)


def test_the_only_chosen_row_has_no_neighbours_and_a_foreign_row_no_standing():
    alone = solved(k=1)
    found = standing_of(alone, alone.selection.rows[0])
    assert found.neighbours == ()
    assert found.gain_without_nearest is None
    assert standing_of(SOLUTION, 3) is None


def test_what_likes_did_is_said():
    liked = solved(liked=(0, 0))
    assert "more like 0, twice" in standing_of(liked, 0).leaning
    far = next(2 * i for i in range(N) if GROUP[i] != GROUP[0])
    assert standing_of(liked, far).leaning == ""


# ---- why rows moved


def test_every_move_has_a_reason_and_likes_are_named():
    after = solved(SOLUTION, liked=(2, 2, 2))
    words = reasons_of(after)
    assert set(words) == set(SOLUTION.selection.rows) ^ set(after.selection.rows)
    lifted = [row for row, reason in words.items() if "lifted by “more like 2, 3 times”" in reason]
    assert lifted
    assert set(lifted) <= set(after.selection.rows) - set(SOLUTION.selection.rows)
    lowered = reasons_of(solved(after, disliked=(4,), liked=(2, 2, 2)))
    assert all("more like 2" not in reason for reason in lowered.values())


@pytest.mark.parametrize(
    ("wish", "way", "said"),
    [
        ({"k": K + 5}, "in", "more rows are wanted"),
        ({"k": K - 5}, "out", "fewer rows are wanted"),
        ({"method": "topk"}, "in", "takes the place of|another method"),
        ({"balance": 0.9}, "in", "takes the place of|quality weighs more now, and its 0"),
        ({"balance": 0.0}, "in", "takes the place of|diversity weighs more now"),
        ({"balance": 0.9}, "out", "displaced by row \\d+ at similarity|quality weighs more now"),
    ],
)
def test_a_move_names_the_wish_or_the_row_behind_it(wish, way, said):
    after = solved(SOLUTION, **wish)
    words = reasons_of(after)
    moved = [words[move.row] for move in after.moves if move.way == way]
    assert moved
    import re

    assert all(re.match(said, reason) for reason in moved), moved


def test_a_counterpart_is_named_with_its_similarity():
    row = SOLUTION.selection.rows[2]
    after = solved(SOLUTION, banned=(row,))
    came = next(move for move in after.moves if move.way == "in")
    similarity = float(VECTORS[came.row // 2] @ VECTORS[row // 2])
    expected = f"takes the place of row {row} at similarity {similarity:.2f}" if similarity >= 0.5 else "adds "
    assert reasons_of(after)[came.row].startswith(expected)
