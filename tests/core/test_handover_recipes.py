"""Recipes for other tools: what stands in them is the run's, what they cannot say is listed, and the tools' own parsers take them where they are installed."""

from __future__ import annotations

import ast
import json
from dataclasses import fields, replace

import pytest
from handover_plans import CHAT, PLANS

from sde_core.handover.axolotl import axolotl_recipe
from sde_core.handover.hand_over import RECIPES
from sde_core.handover.llama_factory import dataset_info, llama_factory_recipe
from sde_core.handover.mlx import mlx_recipe
from sde_core.handover.trl import trl_recipe
from sde_core.handover.unsloth import unsloth_recipe
from sde_core.handover.yaml_text import yaml_scalar, yaml_text
from sde_core.train.recipe import Recipe

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_file_parses_and_lists_its_gaps(plan):
    for tool in RECIPES:
        file = tool(plan)
        head = [line.removeprefix("# - ") for line in file.text.splitlines() if line.startswith("# - ")]
        assert head == list(file.gaps)
        assert file.command in file.text
        if file.path.endswith(".py"):
            ast.parse(file.text)
        else:
            values = yaml.safe_load(file.text)
            assert plan.recipe.peak_learning_rate in values.values()
            assert all(not isinstance(value, str) or not value.replace(".", "").replace("e-", "").isdigit() for value in values.values())


def test_values_are_the_runs_own():
    trl, axolotl, llama, mlx = (yaml.safe_load(tool(CHAT).text) for tool in (trl_recipe, axolotl_recipe, llama_factory_recipe, mlx_recipe))
    assert (trl["learning_rate"], trl["warmup_steps"], trl["lora_r"], trl["lora_alpha"], trl["seed"], trl["max_length"]) == (3e-4, 12, 8, 16, 7, 512)
    assert (axolotl["micro_batch_size"], axolotl["gradient_accumulation_steps"], axolotl["warmup_steps"], axolotl["sequence_len"]) == (4, 2, 12, 512)
    assert (llama["lora_rank"], llama["lora_alpha"], llama["cutoff_len"], llama["lora_target"], llama["warmup_steps"]) == (8, 16, 512, "all", 12)
    assert (mlx["iters"], mlx["lora_parameters"], mlx["lr_schedule"]["arguments"]) == (240, {"rank": 8, "dropout": 0.0, "scale": 2.0}, [3e-4, 108])
    assert mlx["mask_prompt"] is True


def test_small_numbers_stay_numbers():
    assert yaml.safe_load(yaml_text({"a": 1e-05, "b": [1e-05, 2.5e-20, 3], "c": {"d": 1e22}}, [])) == {
        "a": 1e-05,
        "b": [1e-05, 2.5e-20, 3],
        "c": {"d": 1e22},
    }
    assert yaml.safe_load(yaml_scalar("off")) == "off"


def test_what_hostile_names_hold_stays_text():
    evil = replace(CHAT, base='x"\n- y: !!python/object:os.system # ', response_part="'''\");import os#")
    for tool in (trl_recipe, axolotl_recipe, llama_factory_recipe, mlx_recipe):
        values = yaml.safe_load(tool(evil).text)
        assert evil.base in values.values()
    tree = ast.parse(unsloth_recipe(evil).text)
    assert {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} == set()
    assert evil.response_part in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize(
    ("plan", "tool", "words"),
    [
        (PLANS["unmarked"], trl_recipe, "after the end token"),
        (PLANS["all answers"], mlx_recipe, "masks all but the last"),
        (PLANS["plain"], llama_factory_recipe, "end token"),
        (PLANS["plain"], mlx_recipe, "trains on prompts too"),
        (PLANS["gpu"], mlx_recipe, "mlx_lm.convert"),
        (PLANS["no held-out"], trl_recipe, "truncation_side"),
        (replace(CHAT, recipe=Recipe(too_long="split")), axolotl_recipe, "too_long = split"),
        (replace(CHAT, response_part=""), unsloth_recipe, "cannot be told"),
        (replace(CHAT, recipe=Recipe(extended_at="40")), trl_recipe, "extended_at"),
    ],
)
def test_what_a_tool_cannot_say_is_said(plan, tool, words):
    assert any(words in gap for gap in tool(plan).gaps)
    assert not any(words in gap for gap in tool(CHAT).gaps)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_axolotl_takes_its_recipe(plan):
    config = pytest.importorskip("axolotl.utils.schemas.config", reason="Axolotl is not installed")
    values = yaml.safe_load(axolotl_recipe(plan).text)
    assert set(values) <= set(config.AxolotlInputConfig.model_fields)
    assert config.AxolotlInputConfig(**values).learning_rate == plan.recipe.peak_learning_rate


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_llama_factory_takes_its_recipe(plan):
    arguments = pytest.importorskip("llamafactory.hparams", reason="LLaMA-Factory is not installed")
    from transformers import TrainingArguments

    values = yaml.safe_load(llama_factory_recipe(plan).text)
    known = {
        field.name
        for kind in (arguments.ModelArguments, arguments.DataArguments, arguments.FinetuningArguments, TrainingArguments)
        for field in fields(kind)
    }
    assert set(values) <= known
    parser = pytest.importorskip("llamafactory.data.parser", reason="LLaMA-Factory's data part is not installed")
    (read,) = parser.get_dataset_list([values["dataset"]], json.loads(dataset_info(plan)))
    assert read.load_from == "file"
    assert read.dataset_name == "train.jsonl"
    assert {"messages": read.messages, "prompt-completion": read.prompt, "text": read.prompt}[plan.form] in ("messages", "prompt", "text")


def test_mlx_knows_every_option():
    lora = pytest.importorskip("mlx_lm.lora", reason="mlx-lm is not installed")
    for plan in PLANS.values():
        assert set(yaml.safe_load(mlx_recipe(plan).text)) <= set(lora.CONFIG_DEFAULTS)
