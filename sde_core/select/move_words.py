"""Why a row came into a selection or left it, in a few words: what was asked of it, or the row that took or left its place, or the wish behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sde_core.select.explain import given_quality, leaning_words
from sde_core.select.leaning import Leaning, leaned_by, leanings_of
from sde_core.select.protocol import positions_of
from sde_core.select.resolve import RowMove, Solution

ALIKE = 0.5
"""Rows that are at least as similar as this are said to take each other's place."""

_ASKED = {
    "locked": "locked or accepted",
    "unlocked": "no longer locked, and others add more",
    "banned": "banned or rejected",
    "ban lifted": "no longer banned",
}
_CHANGED = {
    "method": "another method chooses",
    "seed": "another seed draws",
    **dict.fromkeys(("quota_by", "quota_split", "quotas"), "other quotas"),
    "tokens": "another token budget",
    "tau": "another temperature τ",
    "max_similarity": "another highest similarity",
    "clusters": "other clusters",
}


def reasons_of(solution: Solution) -> dict[int, str]:
    """Why each row of `solution.moves` moved, by row."""
    leanings = _changed_leanings(solution)
    positions = positions_of(solution.pool.rows, [move.row for move in solution.moves])
    leaned = leaned_by(solution.pool.rows, solution.pool.vectors, leanings, positions)
    return {move.row: _reason(move, solution, by) for move, by in zip(solution.moves, leaned, strict=True)}


def _changed_leanings(solution: Solution) -> Sequence[Leaning]:
    """The likes and dislikes in force that are not those of before."""
    changed = {name: old for name, old, _ in solution.change.wishes} if solution.change is not None else {}
    if not {"liked", "disliked"} & set(changed):
        return ()
    params = solution.selection.params
    before = leanings_of(changed.get("liked", params.liked), changed.get("disliked", params.disliked))
    return [leaning for leaning in leanings_of(params.liked, params.disliked) if leaning not in before]


def _reason(move: RowMove, solution: Solution, leaned: tuple[Leaning, float] | None) -> str:
    if move.cause in _ASKED:
        return _ASKED[move.cause]
    if leaned is not None and (leaned[0].weight > 0) == (move.way == "in"):
        return leaning_words(*leaned)
    if move.cause == "size":
        return f"more rows are wanted: adds {move.gain_now:+.2f}" if move.way == "in" else "fewer rows are wanted, and it was among the last"
    return _exchange(move) or _wish(move, solution) or _gains(move)


def _exchange(move: RowMove) -> str:
    if move.counterpart is None or move.similarity is None or move.similarity < ALIKE:
        return ""
    words = "takes the place of" if move.way == "in" else "displaced by"
    return f"{words} row {move.counterpart:,} at similarity {move.similarity:.2f}"


def _wish(move: RowMove, solution: Solution) -> str:
    """What the change of the slider or of another wish means for the row."""
    for name, old, new in solution.change.wishes if solution.change is not None else ():
        if name == "balance":
            return _balance_words(move, solution, towards_quality=new > old)
        if name in _CHANGED:
            return _CHANGED[name]
    return ""


def _balance_words(move: RowMove, solution: Solution, *, towards_quality: bool) -> str:
    what = "quality" if towards_quality else "diversity"
    words = f"{what} weighs more now"
    if not towards_quality or not solution.pool.has_quality:
        return words
    quality = given_quality(solution.pool)
    own = float(quality[int(positions_of(solution.pool.rows, [move.row])[0])])
    return f"{words}, and its {own:.2f} is above {int(100 * float(np.mean(quality < own)))} % of rows"


def _gains(move: RowMove) -> str:
    said = f"adds {move.gain_now:+.2f} now, {move.gain_before:+.2f} before"
    return said if move.way == "in" else f"others add more: it {said}"
