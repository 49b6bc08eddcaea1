"""Every command that needs the extra of training says so in one sentence where it is not installed, and what needs none of it works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from ended_run import make_ended_run
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.design.task import Task
from sde_core.design.task_file import TaskFile, task_text
from sde_core.errors import missing_extra
from sde_core.project import Project
from sde_core.train.rows import write_snapshot

ROOT = Path(__file__).resolve().parents[2]
ABSENT = ("torch", "transformers", "peft", "accelerate", "sentence_transformers")
PROGRAM = """
import contextlib, importlib.abc, importlib.util, io, json, sys
absent = set(json.loads(sys.argv[1]))

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.partition(".")[0] in absent else found(name, package)
sys.meta_path.insert(0, Absent())

from pathlib import Path
from sde_core.cli.main import main
from sde_core.jobs.main import main as work

told = []
for words in json.loads(sys.argv[2]):
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        code = work(Path(words[1])) if words[0] == "work" else main(words)
    told.append([code, err.getvalue()])
sys.stdout.write(json.dumps(told))
"""
TASK = Task("reviews", "attributes", ("Food",), ("good", "bad"), ("Say what the text thinks of it.",))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Exit code and stderr of each command, by its name, and the folder of a job that ran without the packages."""
    folder = tmp_path_factory.mktemp("bare")
    data = folder / "data.jsonl"
    rows = [{"review": f"the cat {i}", "prompt": f"say {i}", "response": "the cat sat", "said": {"Food": "good"}} for i in range(40)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "task.yaml").write_text(task_text(TaskFile(TASK, "review", "said")))
    model = make_tiny_model(folder / "model")
    run = make_ended_run(Project.of(data).created().jobs_dir)
    dataset = open_dataset(data)
    write_snapshot(run, dataset, range(40), held_out=0.1, seed=1)
    recipe = orjson.loads((run / "recipe.json").read_bytes())
    (run / "recipe.json").write_bytes(orjson.dumps({**recipe, "model": str(model), "device": "cpu"}))
    (run / "result" / "adapter").mkdir()
    (run / "result" / "metrics.json").write_text(json.dumps({"steps": 40, "train_loss": 1.0, "held_out_loss": None}))
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        (run / "result" / "adapter" / name).write_text("{}")
    commands = {
        "preflight": ["preflight", str(data), "--model", str(model)],
        "train": ["train", str(data), "--model", str(model)],
        "probe": ["preflight", str(data), "--model", str(model), "--probe"],
        "compare": ["compare", str(data), "--arms", "full,full:50%", "--model", str(model)],
        "forgetting": ["compare", "forgetting", "ab12", "--data", str(data)],
        "try": ["try", str(data), "--prompt", "say 1"],
        "design compare": ["design", "compare", str(data), "--task", str(folder / "task.yaml"), "--sizes", "8", "--model", str(model)],
        "ifd": ["ifd", str(data), "--model", str(model)],
        "merge": ["handover", "ab12", "--data", str(data), "-o", str(folder / "merged"), "--merge"],
        "job": ["work", str(run)],
        "list": ["jobs", "list", "--data", str(data)],
        "losses": ["jobs", "show", "ab12", "--data", str(data)],
    }
    program = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(ABSENT), json.dumps(list(commands.values()))]
    printed = subprocess.run(program, capture_output=True, text=True, check=True, timeout=240, cwd=ROOT)
    return dict(zip(commands, json.loads(printed.stdout), strict=True)), run


@pytest.mark.parametrize("command", ["train", "probe", "compare", "forgetting", "try", "design compare", "ifd", "merge"])
def test_what_needs_them_names_them_and_how_they_are_installed(answers, command):
    code, err = answers[0][command]
    assert code == 2
    said = [line for line in err.splitlines() if line.startswith(("sde:", "     "))]
    assert len(said) == 2, err
    assert "needs" in said[0] or "need " in said[0]
    assert "torch" in said[0]
    assert said[1].strip().startswith("pip install 'sde[ml]'")


@pytest.mark.parametrize("command", ["preflight", "list", "losses"])
def test_what_needs_none_of_them_works(answers, command):
    code, err = answers[0][command]
    assert (code, "fault" in err) == (0, False), err


def test_a_job_that_finds_them_gone_says_so_and_can_be_resumed(answers):
    code, _ = answers[0]["job"]
    status = orjson.loads((answers[1] / "status.json").read_bytes())
    assert (code, status["state"]) == (3, "failed")
    assert "which is not installed" in status["message"]
    assert status["hint"] == "pip install 'sde[ml]'"


def test_only_optional_packages_are_an_extra():
    assert missing_extra(ModuleNotFoundError("x", name="torch.nn")).message.startswith("This needs torch,")
    assert missing_extra(ModuleNotFoundError("x", name="sklearn")).hint == "pip install 'sde[labels]'"
    assert missing_extra(ModuleNotFoundError("x", name="sde_core.none")) is None
    assert missing_extra(ModuleNotFoundError("x")) is None
