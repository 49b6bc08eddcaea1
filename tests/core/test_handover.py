"""A run handed over: the folder holds what it says, names no place of this machine, and is written whole or not at all."""

from __future__ import annotations

import json
import shutil

import chat_forms
import pytest
import torch
from finished_run import make_finished_run
from tiny_model import make_tiny_model

from sde_core.cli.main import main
from sde_core.errors import ModelError, UsageError
from sde_core.handover.hand_over import hand_over
from sde_core.train.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A dataset with rows of every kind, and its finished run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("handover")
    model = make_tiny_model(folder / "model", template=chat_forms.CHATML)
    rows = [{"question": f"say {i} cats", "reply": f"{i} cats"} for i in range(18)]
    rows += [{"question": "long " * 100, "reply": "cut away"}, {"question": "empty", "reply": "   "}]
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder, make_finished_run(data, Recipe(model=str(model), lora_r=4, held_out=0.2, max_length=64, device="cpu", max_steps=8))


@pytest.fixture(scope="module")
def handed(world):
    """The folder, merged, under a name of its own for the base model."""
    folder, job = world
    return folder / "handed", hand_over(job.folder, folder / "handed", merge=True, base="someone/tiny")


def rows_in(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_those_that_trained_and_every_file_holds_the_same(handed):
    folder, told = handed
    train, valid = rows_in(folder / "data" / "train.jsonl"), rows_in(folder / "data" / "valid.jsonl")
    assert (len(train), len(valid)) == (told.rows.train, told.rows.held_out)
    assert len(train) + len(valid) == 19
    assert told.rows.left_out == {"nothing": 1}
    assert {row["messages"][-1]["role"] for row in train + valid} == {"assistant"}
    pairs = rows_in(folder / "data" / "trl" / "train.jsonl")
    assert [row["prompt"] + row["completion"] for row in pairs] == [row["messages"] for row in train]
    prompts = {row["messages"][0]["content"] for row in train}
    assert not prompts & {row["messages"][0]["content"] for row in valid}


def test_the_card_says_what_the_run_left_and_invents_nothing(handed):
    folder, told = handed
    card = (folder / "README.md").read_text()
    assert 'base_model: "someone/tiny"' in card
    assert "| optimizer steps | 8 |" in card
    assert "| loss on the held-out rows at the end | 1.7500 |" in card
    assert f"{told.rows.train} rows to train on" in card
    assert "1 nothing" in card
    assert "Licence: fill this in." in card
    assert "`trl sft --config trl.yaml`" in card
    for file in told.recipes:
        assert (folder / file.path).is_file()
        assert f"`{file.path}`" in card


def test_no_place_of_this_machine_is_named(world, handed):
    folder, _ = handed
    secret = str(world[0]).encode()
    assert [str(path) for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()] == []
    assert json.loads((folder / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"] == "someone/tiny"
    assert json.loads((folder / "manifest.json").read_text())["dataset"]["path"] == "data.jsonl"


def test_merged_weights_say_what_model_and_adapter_say(world, handed):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, told = handed
    base = world[0] / "model"
    assert told.merged_difference < 1e-4
    tokenizer = AutoTokenizer.from_pretrained(folder / "merged")
    ids = torch.tensor([tokenizer("the cat sat on a mat")["input_ids"]])
    with torch.inference_mode():
        plain = AutoModelForCausalLM.from_pretrained(base)(ids).logits
        both = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder / "adapter")(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(folder / "merged", use_safetensors=True)(ids).logits
    assert (both - merged).abs().max() < 1e-4
    assert (both - plain).abs().max() > 1e-2
    assert tokenizer.chat_template == chat_forms.CHATML


def test_merging_that_changes_what_the_model_says_leaves_nothing_behind(world, tmp_path, monkeypatch):
    monkeypatch.setattr("sde_core.handover.merge.EQUAL_WITHIN", -1.0)
    with pytest.raises(ModelError, match="differ"):
        hand_over(world[1].folder, tmp_path / "out", merge=True)
    assert list(tmp_path.iterdir()) == []


def test_the_small_model_of_sde_goes_along(world, tmp_path):
    from transformers import AutoConfig

    data = tmp_path / "data.jsonl"
    shutil.copy(world[0] / "data.jsonl", data)
    job = make_finished_run(data, Recipe(lora_r=2, device="cpu"))
    told = hand_over(job.folder, tmp_path / "out")
    assert told.base == "base_model"
    assert told.remarks == ()
    assert AutoConfig.from_pretrained(tmp_path / "out" / "base_model").model_type == "llama"
    assert 'model_name_or_path: "base_model"' in (tmp_path / "out" / "trl.yaml").read_text()
    script = (tmp_path / "out" / "unsloth_train.py").read_text()
    assert "instruction_part='<|im_start|>user\\n', response_part='<|im_start|>assistant\\n'" in script
    assert "assistant_only_loss: true" in (tmp_path / "out" / "trl.yaml").read_text()


def test_what_cannot_be_handed_over_is_said(world, tmp_path):
    _, job = world
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(UsageError, match="not empty"):
        hand_over(job.folder, tmp_path / "full")
    with pytest.raises(UsageError, match="does not exist"):
        hand_over(job.folder, tmp_path / "no" / "such")
    unfinished = shutil.copytree(job.folder, tmp_path / "run")
    (unfinished / "result" / "metrics.json").unlink()
    with pytest.raises(UsageError, match="is not done"):
        hand_over(unfinished, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "run"]


def test_the_command_tells_what_is_not_carried_over(world, tmp_path, capsys):
    folder, job = world
    assert main(["handover", "last", "--data", str(folder / "data.jsonl"), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "trl sft --config trl.yaml" in said.out
    assert "not carried over: max_grad_norm" in said.out
    assert "--base NAME names it otherwise" in said.err
    assert main(["handover", job.id, "--data", str(folder / "data.jsonl"), "-o", str(tmp_path / "again"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == job.id
    assert "adapter/adapter_model.safetensors" in told["files"]
