"""The whole path by key at 80×24: see what is wrong, decide, take a subset, fine-tune on it, and find everything again."""

from __future__ import annotations

import json
import shutil

import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.jobs import list_jobs
from sde_core.project import Project


@pytest.fixture
def data(tmp_path, sample_dataset, monkeypatch):
    """The first rows of the sample dataset, and a recipe that trains a tiny model for a few steps."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    path = tmp_path / "support.jsonl"
    path.write_bytes(b"".join(sample_dataset.read_bytes().splitlines(keepends=True)[:400]))
    model = shutil.copytree(make_tiny_model(tmp_path / "made"), tmp_path / "tiny")
    recipe = {"model": str(model), "max_steps": 5, "batch_size": 2, "max_length": 128, "held_out": 0, "device": "cpu", "processes": 1}
    Project.of(path).created().recipe_path.write_text(json.dumps(recipe))
    return path


async def test_from_a_messy_file_to_a_trained_adapter_by_key(open_app, data):
    source = data.read_bytes()
    async with open_app(data, checks=True) as sde:
        await sde.until(lambda: "What is wrong" in sde.text and "checking" not in sde.text)
        assert "unreadable" in sde.lines[0]

        await sde.press("enter")
        assert "▐2 Records▌" in sde.lines[1]
        await sde.press("backspace")

        await sde.press("4")
        await sde.until(lambda: "groups" in sde.text)
        await sde.press("A", "y")
        rejected = len(sde.session.decisions.state.rejected_rows())
        assert rejected > 0
        await sde.press("u")
        assert not len(sde.session.decisions.state.rejected_rows())
        await sde.press("U")
        assert len(sde.session.decisions.state.rejected_rows()) == rejected

        await sde.press("6")
        await sde.until(lambda: "Chosen" in sde.text)
        await sde.press("7")
        await sde.until(lambda: "rank" in sde.text and "gain" in sde.text)
        await sde.press("A", "y")
        accepted = sde.session.decisions.state.accepted_rows()
        assert len(accepted) > 10
        assert not set(accepted.tolist()) & set(sde.session.decisions.state.rejected_rows().tolist())

        await sde.press("9")
        await sde.press("F")
        if "y yes" in sde.text:
            await sde.press("y")
        jobs_dir = Project.of(data).jobs_dir
        await sde.until(lambda: bool(list_jobs(jobs_dir)))
        job = list_jobs(jobs_dir)[0]
        await sde.until(lambda: not job.status().active)
        assert job.status().state == "done", job.status().message
        await sde.until(lambda: "done" in sde.text)

    trained = [json.loads(line)["row"] for line in (job.folder / "rows.jsonl").read_text().splitlines()]
    assert sorted(trained) == sorted(accepted.tolist())
    assert list(job.result_dir.rglob("adapter_config.json"))
    assert data.read_bytes() == source

    dataset = open_dataset(data)
    journal = Project.of(data).open_journal(dataset)
    assert journal.state.accepted_rows().tolist() == accepted.tolist()
    journal.close()
