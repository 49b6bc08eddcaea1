"""Runs of a dataset whose folder may only be read: they are found, told of and tried, and nothing beside the data is written."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from finished_run import make_finished_run
from tiny_model import make_tiny_model

from sde_core.cli.main import main
from sde_core.cli.try_model import run_with_adapter
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.jobs import find_job, list_jobs
from sde_core.project import Project
from sde_core.train.recipe import Recipe
from sde_core.train.row_loss_log import append_block, row_losses_path

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name


def seen(folder):
    """Every path below a folder with its size and the time of its last change."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted([folder, *folder.rglob("*")])}


@pytest.fixture
def read_only(tmp_path):
    """A dataset with a finished run, in folders that are marked as ones to read alone: that is heeded by root too, whom it does not bind."""
    folder = tmp_path / "given"
    folder.mkdir()
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"say {i}", "response": f"{i} cats"}) + "\n" for i in range(6)))
    job = make_finished_run(data, Recipe(model=str(make_tiny_model(tmp_path / "model")), lora_r=4, held_out=0, device="cpu"))
    append_block(row_losses_path(job.folder), 1, np.arange(6), np.linspace(1.0, 2.0, 6), np.full(6, 3), epoch=0, begins=True)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for each in folders:
        each.chmod(0o555)
    yield data, job
    for each in folders:
        each.chmod(0o755)


def test_losses_and_the_run_to_try_are_found_and_nothing_is_written(read_only, capsys):
    data, job = read_only
    assert not Project.of(data).beside_data
    before = seen(data.parent)
    for options in ([], ["--run", job.id[-4:]], ["--by", "length", "--rows"]):
        assert main(["losses", str(data), "--json", *options]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["run"], len(told["rows"])) == (job.id, 6)
    dataset = open_dataset(data)
    assert [run_with_adapter(dataset, name).id for name in ("last", job.id[-4:])] == [job.id] * 2
    assert main(["jobs", "show", "last", "--data", str(data)]) == 0
    assert job.id in capsys.readouterr().out
    with pytest.raises(UsageError, match="No job of this dataset match"):
        run_with_adapter(dataset, "nosuch")
    assert seen(data.parent) == before


def test_the_model_is_asked_and_a_tag_goes_where_this_user_may_write(read_only, capsys):
    data, job = read_only
    before = seen(data.parent)
    asked = ["try", str(data), "--prompt", "say the cat", "--max-new-tokens", "3", "--tag", "other", "--json"]
    assert main(asked) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["run"] == job.id
    assert seen(data.parent) == before
    assert main(["collect", str(data), "--json"]) == 0
    assert "say the cat" in capsys.readouterr().out
    assert any(path.is_file() and os.access(path, os.W_OK) for path in Project.of(data).state_dir.rglob("*"))


def test_runs_beside_the_data_and_elsewhere_are_one_list_by_their_age(read_only, tmp_path):
    _, job = read_only
    later = tmp_path / "elsewhere" / "29990101T000000000-train-ab12"
    later.mkdir(parents=True)
    (later / "spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}}))
    folders = (later.parent, job.folder.parent)
    assert [one.id for one in list_jobs(*folders)] == [one.id for one in list_jobs(*reversed(folders))] == [later.name, job.id]
    assert [find_job(folders[0], name, also=folders).id for name in ("last", job.id[-4:], "ab12")] == [later.name, job.id, later.name]
