"""What arms may be written, which rows they mean, and how many steps the budget gives them."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import UsageError
from sde_core.evaluate.arms import Arm, RowSources, arm_names, arm_of_json, drawn_rows, resolve_arms
from sde_core.evaluate.token_budget import default_budget, step_tokens, steps_for
from sde_core.train.order import epoch_order
from sde_core.train.recipe import Recipe

POOL = range(100)
TOKENS = {row: 5 + row % 7 for row in POOL}


def sources(accepted=range(20, 50), chosen=range(10)):
    return RowSources(
        POOL,
        list(accepted),
        lambda path: {"picks.txt": [1, 2, 300]}[str(path)],
        lambda: list(POOL)[::-1],
        lambda method, size: chosen if method == "dpp" else [],
    )


def test_the_usual_arms():
    full, selected, drawn = resolve_arms(arm_names("full,selected,random:selected"), sources())
    assert full == Arm("full", "rows", tuple(POOL))
    assert selected.rows == tuple(range(20, 50))
    assert (drawn.kind, drawn.like, drawn.rows) == ("random", "selected", tuple(POOL))


def test_other_arms():
    arms = {
        arm.name: arm for arm in resolve_arms(arm_names("base,top:selected,method:dpp:10%,rows:picks.txt,full:25%,random:rows:picks.txt"), sources())
    }
    assert arms["base"].kind == "base"
    assert arms["top:selected"].rows[:2] == (99, 98)
    assert arms["method:dpp:10%"].rows == tuple(range(10))
    assert arms["rows:picks.txt"].rows == (1, 2)  # row 300 is not in the pool
    assert (arms["full:25%"].kind, arms["full:25%"].share) == ("share", 0.25)
    assert arms["random:rows:picks.txt"].like == "rows:picks.txt"
    assert all(arm_of_json(arm.to_json()) == arm for arm in arms.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No arms"),
        ("full,full", "named twice"),
        ("base", "base model alone"),
        ("fulll", "no arm 'fulll'"),
        ("random:", "no arm 'random:'"),
        ("random:full", "all rows that may be trained on"),
        ("random:random:selected", "fixed rows"),
        ("method:dpp", "how many rows"),
        ("method:none:5", "no rows to train on"),
        ("full:120%", "no share"),
        ("full,rows:all.txt", "same rows"),
        (",".join(f"full:{i}%" for i in range(1, 15)), "more than the 12"),
    ],
)
def test_what_is_refused(text, words):
    here = RowSources(POOL, range(20, 50), lambda path: list(POOL), list, lambda method, size: [])
    with pytest.raises(UsageError) as told:
        resolve_arms(arm_names(text), here)
    assert words in told.value.message
    assert told.value.hint


def test_nothing_accepted_is_said_with_the_way_out():
    with pytest.raises(UsageError) as told:
        resolve_arms(["selected"], sources(accepted=[]))
    assert "method:dpp:50%" in told.value.hint


def test_hostile_names_come_out_visible():
    with pytest.raises(UsageError) as told:
        resolve_arms(["\x1b]52;c;x\x07"], sources())
    assert "\x1b" not in told.value.message


@given(st.integers(0, 1000))
def test_draws_have_the_tokens_of_what_they_are_like(seed):
    arms = resolve_arms(arm_names("selected,random:selected,top:selected,full:30%,full:60%"), sources())
    rows = {arm.name: drawn_rows(arm, arms, TOKENS, seed) for arm in arms}
    wanted = sum(TOKENS[row] for row in rows["selected"])
    for name in ("random:selected", "top:selected"):
        assert abs(sum(TOKENS[row] for row in rows[name]) - wanted) <= 6
    assert rows["top:selected"] == tuple(range(100 - len(rows["top:selected"]), 100))
    assert set(rows["full:30%"]) < set(rows["full:60%"])
    assert rows == {arm.name: drawn_rows(arm, arms, TOKENS, seed) for arm in arms}


def test_each_seed_draws_other_rows_and_rows_without_loss_are_left_out():
    arms = resolve_arms(["random:selected", "selected"], sources())
    drawn = [drawn_rows(arms[1] if arms[1].kind == "random" else arms[0], arms, TOKENS, seed) for seed in (0, 1)]
    assert drawn[0] != drawn[1]
    fewer = {row: count for row, count in TOKENS.items() if row != 25}
    assert 25 not in drawn_rows(next(arm for arm in arms if arm.name == "selected"), arms, fewer, 0)


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=40)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 3), st.booleans(), st.integers(0, 9))
def test_an_epochs_steps_read_every_sample_once(lengths, batch, accumulation, grouped, seed):
    recipe = Recipe(batch_size=batch, accumulation=accumulation, group_by_length=grouped, seed=seed)
    steps = math.ceil(math.ceil(len(lengths) / batch) / accumulation)
    read = list(islice(step_tokens(lengths, recipe), steps))
    assert sum(read) == sum(lengths) == default_budget(lengths, recipe)
    first = epoch_order(np.array(lengths), batch, seed=seed, epoch=0, grouped=grouped)[: batch * accumulation]
    assert read[0] == sum(lengths[i] for i in first)


@given(LENGTHS, st.integers(1, 3000))
def test_the_budget_is_met_as_nearly_as_steps_allow(lengths, budget):
    recipe = Recipe(batch_size=4)
    steps, read = steps_for(lengths, recipe, budget)
    sums = np.cumsum(list(islice(step_tokens(lengths, recipe), steps + 1)))
    assert read == sums[steps - 1]
    assert abs(read - budget) == np.abs(sums - budget).min()


def test_a_recipe_with_steps_has_their_tokens_as_budget():
    recipe = Recipe(batch_size=4, max_steps=3)
    assert default_budget([10] * 8, recipe) == 120
