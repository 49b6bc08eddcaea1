"""A whole comparison on real reviews with a real pretrained model of 260,000 weights: whether it runs and scores, not how well."""

from __future__ import annotations

import json

import pytest

from sde_core.design.task import Task
from sde_core.design.task_file import TaskFile
from sde_core.evaluate import design_grid
from sde_core.evaluate.design_compare_job import run_design_compare
from sde_core.evaluate.design_grid import DesignRequest, launch_design_compare
from sde_core.evaluate.design_records import records_in_file
from sde_core.evaluate.design_results import read_results
from sde_core.jobs import Job, JobContext, JobStatus
from sde_core.train.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name

TASK = Task("reviews", "terms", (), ("positive", "negative", "neutral"), ("Find the terms and say how they are judged.",))


@pytest.fixture
def compared(tmp_path, monkeypatch, shared_data, shared_models):
    """Two designs on 16 Restaurants rows for two steps, asked for six more of them and for four Laptops rows."""
    file = TaskFile(TASK, "text", "aspects")
    train, test, ood = (
        [record for record in records_in_file(str(shared_data / "structured" / name), file) if len(record.text) < 80 and record.entries][:count]
        for name, count in (("Restaurants_Train.jsonl", 16), ("Restaurants_Test_Gold.jsonl", 6), ("Laptops_Test_Gold.jsonl", 4))
    )

    def launch(jobs_dir, kind, spec, *, title, folder):
        (folder / "spec.json").write_text(json.dumps({"kind": kind, "title": title, "spec": spec}))
        run_design_compare(JobContext(folder, JobStatus()))
        return Job(folder)

    monkeypatch.setattr(design_grid, "launch", launch)
    request = DesignRequest(("es-sde", "ew-sde"), sizes=(16,), seeds=1, max_new_tokens=8)
    recipe = Recipe(model=str(shared_models / "stories260K"), batch_size=8, device="cpu", lora_r=2, learning_rate=1e-3)
    job = launch_design_compare(tmp_path / "jobs", request, recipe, file, train, test, ood=(TASK, ood))
    return job.folder, test


def test_real_reviews_are_trained_on_asked_and_scored_in_and_out_of_domain(compared):
    folder, test = compared
    found = read_results(folder)
    assert (found.runs, found.wanted, found.metric) == (2, 2, "f1")
    assert found.records == {"test": 6, "ood": 4}
    told = json.loads((folder / "cells" / "0-n16-w0-s0" / "cell.json").read_bytes())
    assert len(told["test"]["answers"]) == len(told["test"]["of_record"]) == len(test)
    assert len(told["ood"]["answers"]) == 4
    for row in found.rows:
        assert {f"{domain}.{metric}" for domain in ("test", "ood") for metric in ("f1", "soft_f1", "precision", "recall", "adherence")} <= set(
            row.means
        )
        assert all(0 <= value <= 1 for value in row.means.values())
        assert row.tokens > 16 * 50
    metrics = json.loads((folder / "cells" / "0-n16-w0-s0" / "result" / "metrics.json").read_bytes())
    assert metrics["steps"] == 2
    assert {"zero-shot", "perplexity of prompts", "perplexity of answers"} <= set(found.before["es-sde"])
