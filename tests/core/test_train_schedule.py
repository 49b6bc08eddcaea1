"""The learning rate as a function of the step: transformers' own for a run as launched, and one more rise and course for every extension."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import UsageError
from sde_core.train.recipe import Recipe
from sde_core.train.schedule import LearningRateCourse, planned_first, stretch_ends


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scheduler", ["cosine", "linear", "constant"])
@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (7, 0.0), (40, 0.03), (100, 0.25), (3, 1.0)])
def test_a_run_as_launched_has_the_schedule_of_transformers_to_the_bit(scheduler, steps, warmup):
    torch = pytest.importorskip("torch")
    from transformers import get_scheduler

    course = LearningRateCourse(Recipe(scheduler=scheduler, warmup=warmup), steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    theirs = get_scheduler({"constant": "constant_with_warmup"}.get(scheduler, scheduler), optimizer, course.stretches[0].warmup, steps)
    assert [course(step) for step in range(steps)] == [fn(step) for step in range(steps) for fn in theirs.lr_lambdas]


@given(st.sampled_from(["cosine", "linear", "constant"]), st.floats(0, 1), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_every_stretch_rises_from_where_the_last_one_ended_and_ends_as_the_first_one_does(scheduler, warmup, lengths):
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    recipe = Recipe(scheduler=scheduler, warmup=warmup, max_steps=ends[-1], extended_at=",".join(map(str, ends[:-1])))
    course = LearningRateCourse(recipe, ends[-1])
    assert [(stretch.first, stretch.stop) for stretch in course.stretches] == list(zip([0, *ends], ends, strict=False))
    assert all(0.0 <= course(step) <= 1.0 for step in range(ends[-1] + 3))
    for before, stretch in zip(course.stretches, course.stretches[1:], strict=False):
        alone = LearningRateCourse(Recipe(scheduler=scheduler, warmup=warmup), before.stop - before.first)
        if stretch.warmup:
            assert course(stretch.first) == pytest.approx(stretch.risen_from)
            assert stretch.risen_from == pytest.approx(alone(before.stop - before.first), abs=1e-9) or before.warmup == before.stop - before.first
        assert [course(stretch.first + i) <= course(stretch.first + i + 1) + 1e-12 for i in range(stretch.warmup - 1)].count(False) == 0


def test_extending_leaves_the_steps_before_as_they_were():
    launched = LearningRateCourse(Recipe(max_steps=40), 40)
    extended = LearningRateCourse(Recipe(max_steps=90, extended_at="40, 60"), 90)
    assert [extended(step) for step in range(40)] == [launched(step) for step in range(40)]
    assert planned_first(Recipe(max_steps=90, extended_at="40, 60"), 90) == 40
    assert planned_first(Recipe(), 25) == 25
    assert stretch_ends(Recipe(extended_at="40,60"), 50) == [40]


def test_what_is_no_step_is_refused():
    with pytest.raises(UsageError, match="extended_at"):
        Recipe(extended_at="4,x")
