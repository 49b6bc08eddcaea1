"""Recipes: one file that replays, settings from the command line, and clear words for what is wrong."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import InputError, UsageError
from sde_core.train.recipe import Recipe, listed, read_recipe, recipe_from, with_settings


@given(
    st.builds(
        Recipe,
        max_length=st.one_of(st.none(), st.integers(2, 9999)),
        max_steps=st.integers(0, 99),
        learning_rate=st.floats(0, 1),
        completion_only=st.booleans(),
        lora_targets=st.text(max_size=9),
    )
)
def test_a_recipe_survives_its_file(recipe):
    assert recipe_from(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_every_value_can_be_set_as_text():
    recipe = Recipe()
    settings = [f"{field.name}={'none' if (value := getattr(recipe, field.name)) is None else value}" for field in fields(recipe)]
    assert with_settings(recipe, settings) == recipe


def test_files_in_json_and_yaml(tmp_path):
    (tmp_path / "r.json").write_text('{"max_steps": 7, "lora_targets": ["q_proj", "v_proj"]}')
    (tmp_path / "r.yaml").write_text("max_steps: 7\nlora_targets: q_proj, v_proj\nmax_length: null\n")
    one, other = read_recipe(tmp_path / "r.json"), read_recipe(tmp_path / "r.yaml")
    assert one.max_steps == other.max_steps == 7
    assert listed(one.lora_targets) == listed(other.lora_targets) == ["q_proj", "v_proj"]


def test_unknown_keys_are_ignored_with_a_warning():
    with pytest.warns(UserWarning, match="flux"):
        assert recipe_from({"flux": 3, "seed": 5}).seed == 5


def test_settings_convert():
    recipe = with_settings(Recipe(), ["max_steps=1e3", "completion_only=no", "max_length=512", "learning_rate=3e-4", "precision=bf16"])
    assert (recipe.max_steps, recipe.completion_only, recipe.max_length, recipe.learning_rate, recipe.precision) == (1000, False, 512, 3e-4, "bf16")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("max_steps", "is not a setting"), ("colour=red", "has no 'colour'"), ("max_steps=many", "not a whole number"), ("max_steps=1.5", "not a whole number"),
        ("epochs=x", "not a number"), ("completion_only=maybe", "not true or false"), ("precision=int3", "'int3'"), ("batch_size=0", "at least 1"),
        ("held_out=1", "share of the rows"), ("epochs=0", "no steps and no epochs"), ("max_length=1", "at least 2"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(setting, words):
    with pytest.raises(UsageError, match=words):
        with_settings(Recipe(), [setting])


@pytest.mark.parametrize("content", ["", "[1]", "{", "\x00"])
def test_files_that_are_no_recipe(tmp_path, content):
    for name in ("r.json", "r.yaml"):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match="recipe"):
            read_recipe(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / "absent.json")


def test_the_small_embedded_model_takes_larger_steps_unless_told():
    assert Recipe().peak_learning_rate == 2e-3
    assert Recipe(model="some/model").peak_learning_rate == 2e-4
    assert Recipe(learning_rate=1e-5).peak_learning_rate == 1e-5
    assert with_settings(Recipe(), ["learning_rate=3e-4"]).peak_learning_rate == 3e-4
