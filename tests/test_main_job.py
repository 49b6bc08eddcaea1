"""The main job on real rows and a real checkpoint, by the commands a person would type: check, dups, rules, select, train, load the adapter."""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path

import pytest

from sde_core.cli.main import main
from sde_core.jobs import Job


@pytest.fixture(scope="module")
def alpaca(shared_data, tmp_path_factory):
    return shutil.copy(shared_data / "instruct" / "alpaca_5000.json", tmp_path_factory.mktemp("main-job"))


@pytest.fixture
def sde(capfdbinary):
    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, json.loads(capfdbinary.readouterr().out)

    return run


def test_check_finds_the_known_defects(alpaca, sde):
    code, report = sde("check", alpaca, "--json")
    assert code == 0
    assert report["dataset"]["rows"] == 5000
    assert report["dataset"]["layout"] == "alpaca"
    by_check = report["counts"]
    assert sum(by_check.values()) == len(report["findings"]) > 50
    assert all(finding["evidence"] and finding["message"] for finding in report["findings"])


def test_dups_and_rules(alpaca, sde):
    code, dups = sde("dups", alpaca, "--json")
    assert code == 0
    assert all(group["keep"] in group["rows"] and len(group["rows"]) > 1 for group in dups["groups"])
    code, choice = sde("rules", "choose", alpaca, "-r", "8", "--json")
    assert code == 0
    assert len(choice["chosen"]) == 8


# peft asks transformers under a name that it will lose in version 6
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_select_train_and_load_the_adapter(alpaca, sde, shared_models, tmp_path):
    subset = tmp_path / "subset.jsonl"
    code, selection = sde("select", alpaca, "-k", "500", "--accept", "-o", subset, "--json")
    assert code == 0
    assert len(subset.read_bytes().splitlines()) == len(selection["picks"]) == 500
    model = shared_models / "stories260K"
    options = ["max_steps=50", "batch_size=4", "learning_rate=1e-2", "held_out=0.02", "eval_steps=50"]
    code, job = sde("train", alpaca, "--model", model, *[word for option in options for word in ("--set", option)], "--attach", "--json")
    assert code == 0
    assert job["status"]["state"] == "done"
    Job(Path(job["folder"])).wait(60)
    events = [json.loads(line) for line in (Path(job["folder"]) / "events.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "step"]
    assert len(losses) == 50
    assert statistics.mean(losses[-10:]) < statistics.mean(losses[:10])

    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), f"{job['folder']}/result/adapter")
    assert any("lora" in name for name, _ in adapted.named_parameters())
