"""The job that measures perplexity of designs: its figures, what it keeps, stopping, and the command."""

from __future__ import annotations

import dataclasses
import json

import pytest

from sde_core.design.options import PRESETS
from sde_core.design.sample import render_sample
from sde_core.errors import CancelledError, UsageError
from sde_core.evaluate import design_perplexity_job
from sde_core.evaluate.design_cost import design_perplexity
from sde_core.evaluate.design_perplexity_job import (
    drawn_records,
    kept_perplexity,
    launch_design_perplexity,
    read_perplexity,
    run_design_perplexity,
)
from sde_core.jobs import Job, JobContext, JobStatus
from sde_core.project import Project
from sde_core.train.recipe import Recipe
from tests.core.test_design_answer import ASPECTS, REVIEW

pytest.importorskip("torch")
RECIPE = Recipe(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def designs():
    """Two designs of two records; a text that has no UTF-8 form."""
    records = [REVIEW, dataclasses.replace(REVIEW, text='"x"\n---\n\ud800')]
    return {name: [render_sample(record, ASPECTS, PRESETS[name]) for record in records] for name in ("es-sde", "ew-sde")}


@pytest.fixture
def job(tmp_path, designs, monkeypatch):
    """A job's folder; its process is this one."""

    def not_started(jobs_dir, kind, spec, *, title, folder):
        (folder / "spec.json").write_text(json.dumps({"kind": kind, "title": title, "spec": spec}))
        return Job(folder)

    monkeypatch.setattr(design_perplexity_job, "launch", not_started)
    return launch_design_perplexity(Project(tmp_path / "x.sde", beside_data=True), designs, RECIPE)


def test_every_design_is_measured_as_it_is_measured_alone(job, designs, tmp_path):
    context = JobContext(job.folder, JobStatus())
    run_design_perplexity(context)
    found = read_perplexity(job.folder)
    model = design_perplexity_job._loaded(RECIPE)
    for name, samples in designs.items():
        alone = design_perplexity(samples, "", recipe=RECIPE, loaded=model)
        assert (found[name].prompt, found[name].output) == pytest.approx((alone.prompt, alone.output), rel=1e-3)
        assert kept_perplexity(Project(tmp_path / "x.sde", beside_data=True), samples, RECIPE) == found[name]
    assert (context.status.done, context.status.total) == (4, 4)


def test_what_is_kept_is_not_measured_again_and_a_stop_loses_one_design_at_most(job, designs, tmp_path, monkeypatch):
    asked = []

    def measured(samples, *_, cancel, **__):
        asked.append(samples)
        if len(asked) == 2:
            (job.folder / "STOP").write_text("")
            raise CancelledError("stopped")
        return dataclasses.make_dataclass("Found", ["prompt", "output", "vocabulary"])(7.0, 2.0, 9)

    monkeypatch.setattr(design_perplexity_job, "design_perplexity", measured)
    monkeypatch.setattr(design_perplexity_job, "_loaded", lambda recipe: "model")
    with pytest.raises(CancelledError):
        run_design_perplexity(JobContext(job.folder, JobStatus()))
    assert list(read_perplexity(job.folder)) == ["es-sde"]
    run_design_perplexity(JobContext(job.folder, JobStatus()))
    assert asked == [designs["es-sde"], designs["ew-sde"], designs["ew-sde"]]
    project = Project(tmp_path / "x.sde", beside_data=True)
    other = [dataclasses.replace(designs["es-sde"][0], answer="else"), designs["es-sde"][1]]
    assert kept_perplexity(project, other, RECIPE) is None
    assert kept_perplexity(project, designs["es-sde"], dataclasses.replace(RECIPE, template="plain", max_length=32)) is None


def test_a_damaged_result_is_measured_again(job, designs, tmp_path, monkeypatch):
    monkeypatch.setattr(
        design_perplexity_job,
        "design_perplexity",
        lambda *_, **__: dataclasses.make_dataclass("Found", ["prompt", "output", "vocabulary"])(7.0, float("nan"), 9),
    )
    monkeypatch.setattr(design_perplexity_job, "_loaded", lambda recipe: "model")
    run_design_perplexity(JobContext(job.folder, JobStatus()))
    project = Project(tmp_path / "x.sde", beside_data=True)
    found = kept_perplexity(project, designs["es-sde"], RECIPE)
    assert found.prompt == 7.0
    assert found.output != found.output  # not a number, which JSON has no word for
    for path in (project.cache_dir / "design-perplexity").iterdir():
        path.write_text('{"samples":')
    assert kept_perplexity(project, designs["es-sde"], RECIPE) is None
    run_design_perplexity(JobContext(job.folder, JobStatus()))
    assert kept_perplexity(project, designs["es-sde"], RECIPE) is not None


def test_nothing_to_measure_is_refused(tmp_path):
    project = Project(tmp_path / "x.sde", beside_data=True)
    for designs in ({}, {"es-sde": []}):
        with pytest.raises(UsageError, match="no samples"):
            launch_design_perplexity(project, designs, RECIPE)
    assert not project.jobs_dir.exists()


def test_records_are_drawn_over_the_whole_file_and_always_the_same():
    records = {row: dataclasses.replace(REVIEW, text=str(row)) for row in range(1000)}
    drawn = [int(record.text) for record in drawn_records(records, 50)]
    assert drawn == sorted(drawn)
    assert len(set(drawn)) == 50
    assert max(drawn) > 900
    assert drawn == [int(record.text) for record in drawn_records(records, 50)]
    assert len(drawn_records(records, 5000)) == 1000


def test_the_command_measures_as_a_job_and_tells_what_is_kept(run, tmp_path, monkeypatch):
    """The job is done here and now; a second time there is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    rows = [{"review": f"Good food, we waited {i} minutes.", "said": {"Food": "positive", "Wait": "neutral"}} for i in range(6)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    launched = []

    def in_this_process(project, samples, recipe, *, dataset):
        launched.append({name: len(of) for name, of in samples.items()})
        for name, of in samples.items():
            path = design_perplexity_job._kept_at(project.created().cache_dir, of, recipe)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"samples": len(of), "prompt": 900.0 + len(name), "output": 3.25, "vocabulary": 900}))
        raise UsageError("launched")

    monkeypatch.setattr(design_perplexity_job, "launch_design_perplexity", in_this_process)
    arguments = ("design", "perplexity", "a.jsonl", "--design", "es-sde", "--design", "baseline", "--rows", "4")
    assert run(*arguments)[0] == 2
    assert launched == [{"es-sde": 4, "baseline": 4}]
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    assert json.loads(out)["designs"]["baseline"] == {"samples": 4, "prompt": 908.0, "output": 3.25, "vocabulary": 900}
    _, out, err = run(*arguments)
    assert "4 records" in out
    assert "worse than a blind guess" in err
    assert len(launched) == 1
