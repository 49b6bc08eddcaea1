"""The handed over recipe in TRL itself: its own parser takes it, and on the same rows its loss is the run's."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import fields
from pathlib import Path

import chat_forms
import pytest
from handover_plans import PLANS
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.handover.hand_over import hand_over
from sde_core.handover.trl import trl_recipe
from sde_core.handover.unsloth import unsloth_recipe
from sde_core.jobs import JobContext, JobStatus, read_events
from sde_core.jobs.status import write_status
from sde_core.train.job import train_in_this_process
from sde_core.train.recipe import Recipe
from sde_core.train.rows import write_snapshot

pytest.importorskip("trl", reason="TRL is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
STEPS = 6


def trained(folder: Path, recipe: Recipe, rows: list[dict[str, object]]) -> list[float]:
    """Train in this process as a job would; the loss of every step."""
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(data)
    dataset.read_all()
    run = folder / "run"
    (run / "result").mkdir(parents=True)
    write_snapshot(run, dataset, range(len(dataset)), held_out=recipe.held_out, seed=recipe.seed)
    (run / "recipe.json").write_text(json.dumps(recipe.to_json()))
    (run / "spec.json").write_text(json.dumps({"kind": "train", "title": "", "spec": {}}))
    write_status(run / "status.json", JobStatus())
    train_in_this_process(JobContext(run, JobStatus()), recipe)
    events, _ = read_events(run / "events.jsonl", 0, 1 << 24)
    return [event["loss"] for event in events if event["event"] == "step"]


def trained_by_trl(folder: Path) -> list[float]:
    """Run TRL's own script on the folder, from its own parser on; the loss of every step."""
    import datasets
    from trl.scripts import sft

    datasets.disable_progress_bars()
    parsed = sft.make_parser().parse_args_and_config(["--config", "trl.yaml", "--disable_tqdm", "True"], fail_with_unknown_args=True)
    sft.main(*parsed)
    states = sorted(folder.glob("trl-output/checkpoint-*/trainer_state.json"), key=lambda path: int(path.parent.name.rpartition("-")[2]))
    history = json.loads(states[-1].read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


FORMS = {
    "chat": (chat_forms.marked("headers"), [{"question": f"say {i} cats", "reply": f"{i} cats sat on a mat" + " and" * (i % 3)} for i in range(10)]),
    "plain": ("", [{"question": f"say {i} cats", "reply": f"{i} cats sat on a mat" + " and" * (i % 3)} for i in range(10)]),
    "all answers": (
        chat_forms.marked("chatml"),
        [
            {
                "messages": [
                    {"role": role, "content": f"{word} {i}"}
                    for role, word in (("user", "a"), ("assistant", "cat"), ("user", "the"), ("assistant", "dog"))
                ]
            }
            for i in range(10)
        ],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_trl_loses_at_every_step_what_the_run_lost(tmp_path, monkeypatch, form):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(os.environ, "TRL_EXPERIMENTAL_SILENCE", "1")
    template, rows = FORMS[form]
    model = make_tiny_model(tmp_path / "model", template=template)
    # Every step sees all rows, so that no tool's order of rows plays a part; a warm step leaves the first at the untrained model.
    recipe = Recipe(
        model=str(model),
        max_steps=STEPS,
        batch_size=8,
        learning_rate=5e-3,
        lora_r=4,
        held_out=0.2,
        warmup=0.1,
        device="cpu",
        processes=1,
        save_steps=STEPS,
        eval_steps=STEPS,
    )
    ours = trained(tmp_path, recipe, rows)
    told = hand_over(tmp_path / "run", tmp_path / "handed")
    assert told.rows.train == 8
    assert told.rows.held_out == 2
    monkeypatch.chdir(tmp_path / "handed")
    theirs = trained_by_trl(tmp_path / "handed")
    assert len(ours) == len(theirs) == STEPS
    assert ours[-1] < ours[0] - 0.05
    assert theirs == pytest.approx(ours, abs=1e-3)


def test_unsloths_script_gives_trl_only_what_it_knows():
    from trl import SFTConfig

    known = {field.name for field in fields(SFTConfig)}
    for plan in PLANS.values():
        calls = [node for node in ast.walk(ast.parse(unsloth_recipe(plan).text)) if isinstance(node, ast.Call)]
        (settings,) = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "SFTConfig"]
        assert {keyword.arg for keyword in settings.keywords} <= known


@pytest.mark.parametrize("name", [name for name in PLANS if name != "gpu"])
def test_trl_takes_its_recipe(name, tmp_path, monkeypatch):
    from trl.scripts import sft

    monkeypatch.chdir(tmp_path)
    (tmp_path / "trl.yaml").write_text(trl_recipe(PLANS[name]).text)
    script, training, model, _ = sft.make_parser().parse_args_and_config(["--config", "trl.yaml"], fail_with_unknown_args=True)
    assert training.learning_rate == PLANS[name].recipe.peak_learning_rate
    assert script.dataset_name == "data/trl"
    assert model.use_peft
    assert training.warmup_steps == PLANS[name].warmup_steps
