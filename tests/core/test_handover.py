"""A run handed over: the folder holds what it says, names no place of this machine, and is written whole or not at all."""

from __future__ import annotations

import json
import shutil

import chat_forms
import pytest
import torch
from finished_run import make_finished_run
from tiny_model import make_tiny_model

from sde_core.cli.common import journal_of
from sde_core.cli.main import main
from sde_core.dataset import Edit, Turns, open_dataset
from sde_core.dataset.turns import Turn
from sde_core.decisions import training_rows
from sde_core.errors import ModelError, UsageError
from sde_core.export import EXPORT_LAYOUTS
from sde_core.handover.exported_rows import export_rows, trained_rows
from sde_core.handover.hand_over import hand_over
from sde_core.train.encode import Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.rows import SnapshotRow, read_snapshot, write_snapshot
from sde_core.train.tokenizer import load_tokenizer

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


def test_every_row_is_encoded_once_for_all_files(world, tmp_path, monkeypatch):
    encoded, encode_all = [], Encoder.encode_all

    def counting(self, batch):
        encoded.extend(batch)
        return encode_all(self, batch)

    monkeypatch.setattr(Encoder, "encode_all", counting)
    hand_over(world[1].folder, tmp_path / "handed", base="someone/tiny")
    assert len(encoded) == 20


@pytest.mark.parametrize("texts", [2, 6])
def test_rows_of_the_other_form_are_left_out_and_counted(world, tmp_path, monkeypatch, texts):
    turns = [Turns((Turn("user", f"say {i}"), Turn("assistant", "cats"))) for i in range(8 - texts)]
    turns += [Turns((Turn("text", f"cats {i}"),)) for i in range(texts)]
    encoder = Encoder(load_tokenizer(str(world[0] / "model")), Recipe(model=str(world[0] / "model"), max_length=64))
    rows = [SnapshotRow(i, i, "held-out" if i % 4 == 0 else "train", one) for i, one in enumerate(turns)]
    monkeypatch.setattr("sde_core.handover.exported_rows.read_snapshot", lambda run: rows)
    told = export_rows(trained_rows(tmp_path, encoder), encoder, tmp_path)
    majority = max(texts, 8 - texts)
    assert (told.form, told.train + told.held_out) == ("text" if texts > 4 else "messages", majority)
    assert told.left_out == {"conversations beside plain text" if texts > 4 else "plain text beside conversations": 8 - majority}


def test_what_is_handed_over_and_exported_is_what_trained_with_its_edits(world, tmp_path):
    data = tmp_path / "data.jsonl"
    shutil.copy(world[0] / "data.jsonl", data)
    dataset = open_dataset(data)
    dataset.read_all()
    with journal_of(dataset) as journal:
        journal.edit([Edit(3, ("reply",), "3 cats", "three cats")])
        journal.reject([5, 6], "no")
        edited = dataset.with_edits(journal.state.edits)
        chosen = training_rows(edited, journal.state).tolist()
    run = tmp_path / "run"
    run.mkdir()
    write_snapshot(run, edited, chosen, held_out=0.2, seed=0)
    encoder = Encoder(load_tokenizer(str(world[0] / "model")), Recipe(model=str(world[0] / "model")))
    trained = {split: [texts_of(row.turns) for row in read_snapshot(run) if row.split == split] for split in ("train", "held-out")}
    assert ["user: say 3 cats", "assistant: three cats"] in trained["train"] + trained["held-out"]
    (tmp_path / "out").mkdir()
    export_rows(trained_rows(run, encoder), encoder, tmp_path / "out")
    for name, split in (("train", "train"), ("valid", "held-out")):
        told = [[f"{turn['role']}: {turn['content']}" for turn in row["messages"]] for row in rows_in(tmp_path / "out" / f"{name}.jsonl")]
        assert told == trained[split]
        assert told
    for layout in EXPORT_LAYOUTS:
        assert main(["export", str(data), "-o", str(tmp_path / f"{layout}.jsonl"), "--layout", layout]) == 0
        again = open_dataset(tmp_path / f"{layout}.jsonl")
        again.read_all()
        assert [texts_of(again.turns(row)) for row in range(len(again))] == [texts_of(edited.turns(row)) for row in chosen]


def texts_of(turns):
    return [f"{turn.role}: {turn.text}" for turn in turns.turns]


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
