"""Designs compared by key: c on screen 8, the form behind n, and the answers behind enter."""

from __future__ import annotations

import asyncio
import json
import os
import shutil

import pytest
import torch
from design_rows import words, written

from sde_core.design.options import design_named
from sde_core.design.parse import parse_answer
from sde_core.design.task_file import TaskFile, task_text
from sde_core.evaluate.design_compare_job import run_design_compare
from sde_core.evaluate.design_grid import read_input
from sde_core.evaluate.design_results import record_scores
from sde_core.jobs import Job, JobContext, JobStatus
from sde_core.jobs.identity import ProcessIdentity
from sde_core.jobs.status import write_status
from sde_core.project import Project
from tests.core.test_design_compare import TASK
from tests.core.test_design_results import ask_before

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name
DESIGNS = ("es-sde", "ew-sde")
RIGHT = {"es-sde": "Food: good\nWait: bad", "ew-sde": "Food: good, Wait: bad."}
WRONG = ("Food: good", "\x1b[31mnone\tof it", "Food: bad\nWait: bad")


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """Forty reviews with a task in two wordings beside them, and a file of another domain."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name, count in (("reviews", 40), ("other", 6)):
        rows = [{"review": f"{name} {i} of the cat", "said": {"Food": ("good", "bad")[i % 2], "Wait": "bad"}} for i in range(count)]
        written(tmp_path / f"{name}.jsonl", rows)
    (tmp_path / "task.yaml").write_text(task_text(TaskFile(TASK, "review", "said")))
    return tmp_path / "reviews.jsonl"


def job_folder(data, *, sizes=(24,), seeds=3, wordings=(0,), ood=12, state="running", name="ab12"):
    """A comparison as its job leaves it before the first run is finished; every record says that food is good and the wait bad."""
    folder = Project.of(data).created().jobs_dir / f"20260102T030405006-design-compare-{name}"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "design-compare", "title": "Designs", "spec": {}}))
    status = {"state": state, "done": 12, "total": 60, "unit": "answers", "rate": 2.5, "message": "Run 3 of 6: es-sde, asking.", "beat": 4e9}
    status |= {"started": 1.0, "identity": {"pid": 1, "start": "1", "boot": "b", "host": "elsewhere"}}
    (folder / "status.json").write_text(json.dumps(status))
    request = {"designs": DESIGNS, "sizes": sizes, "seeds": seeds, "wordings": wordings}
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "recipe.json").write_text(json.dumps({"batch_size": 4}))
    (folder / "manifest.json").write_text(json.dumps({"dataset": {"path": str(data)}, "rows": {}}))
    entries = [["Food", "good", "", []], ["Wait", "bad", "", []]]
    for domain, count in (("train", 30), ("test", 60), ("ood", ood)):
        if count:
            (folder / f"{domain}.json").write_text(json.dumps([{"text": f"{domain} {i}", "entries": entries} for i in range(count)]))
            (folder / f"{domain}.task.yaml").write_text(task_text(TaskFile(TASK, "review", "said")))
    return folder


def finish(folder, number, seed, wrong, *, size=24, wording=0, **more):
    """A finished run: so many of its answers are wrong, in the domain and, half as many, out of it."""
    given, design = read_input(folder), DESIGNS[number]
    told = {"design": design, "tokens": 3_500, "seconds": 41.0, "answering_seconds": 20.0, **more}
    for domain, records in given.records.items():
        bad = wrong if domain == "test" else wrong // 2
        texts = [WRONG[i % 3] if i < bad else RIGHT[design] for i in range(len(records))]
        parsed = [parse_answer(text, TASK, design_named(design)) for text in texts]
        told[domain] = {"answers": texts, **record_scores([record.entries for record in records], parsed, TASK)}
    cell = folder / "cells" / f"{number}-n{size}-w{wording}-s{seed}"
    cell.mkdir(parents=True)
    (cell / "cell.json").write_text(json.dumps(told))


def finish_all(folder, seeds=3):
    for seed in range(seeds):
        finish(folder, 0, seed, 3 + seed)
        finish(folder, 1, seed, 40 - seed)
    for number, design in enumerate(DESIGNS):
        ask_before(folder, number, design, 0.1 * number, 0.2, 12.5, 3.25)


async def compared(sde):
    await sde.press("8")
    await sde.until(lambda: sde.session.design.found is not None)
    await sde.press("c")


async def test_nothing_compared_yet_says_what_n_does(open_app, reviews):
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "No designs were compared yet" in sde.text
        assert "n puts a comparison together" in words(sde)
        await sde.press("exclamation_mark")
        assert "sde design compare" in sde.text
        await sde.press("escape", "escape")
        assert "Designs compared" not in sde.text


async def test_the_table_the_intervals_and_the_verdict(open_app, reviews):
    finish_all(job_folder(reviews))
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "ab12 running · 6 of 6 runs" in sde.text
        assert "12 of 60 answers, 2.5 a second · Run 3 of 6: es-sde, asking." in sde.text
        assert "In domain, es-sde is shown to be better than ew-sde. Out of domain, es-sde is shown to be better than ew-sde." in words(sde)
        assert sde.text.count("✓✓✓") == 2
        assert "├" in sde.text
        assert max(len(line.rstrip()) for line in sde.lines) <= 80
        sde.golden("design_results")
        await sde.press("down", "down")
        assert "es-sde over ew-sde: accuracy +0." in words(sde)
        assert "3 seeds, 60 test records): better." in words(sde)


async def test_runs_that_finish_meanwhile_fill_the_table(open_app, reviews):
    folder = job_folder(reviews)
    finish(folder, 0, 0, 3)
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "1 of 6 runs" in sde.text
        assert "about 3 min left" in sde.text  # five runs of 41 s, less what the one at hand has had
        assert "✓··" in sde.text
        assert "There is no pair of designs" in words(sde)
        finish(folder, 1, 0, 40)
        (folder / "cells" / "1-n24-w0-s1").mkdir()
        (folder / "cells" / "1-n24-w0-s1" / "cell.json").write_text('{"design": "ew-sde", "tok')
        sde.session.design_compare._jobs_moved("moved")
        await sde.settle()
        assert "2 of 6 runs" in sde.text
        assert "one seed cannot tell. 2 of 6 runs are finished; this may change." in words(sde)


async def test_a_stopped_comparison_is_resumed_by_a_key_and_a_failed_one_says_why(open_app, reviews, monkeypatch):
    folder = job_folder(reviews, state="failed")
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"message": "The disk is full.", "hint": "Make room, then resume."}))
    asked = []
    monkeypatch.setattr("sde_core.jobs.Job.resume", lambda job, extended: asked.append((job.id[-4:], extended)))
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "The disk is full. Make room, then resume." in sde.text
        assert "r goes on; finished runs stay" in sde.text
        await sde.press("s")
        assert "No comparison is at work here." in sde.text
        await sde.press("r")
        assert asked == [("ab12", False)]


async def test_a_finished_comparison_goes_on_where_a_result_was_damaged(open_app, reviews, monkeypatch):
    folder = job_folder(reviews, state="done", seeds=1, ood=0)
    finish(folder, 0, 0, 3)
    finish(folder, 1, 0, 3)
    asked = []
    monkeypatch.setattr("sde_core.jobs.Job.resume", lambda job, extended: asked.append(extended))
    async with open_app(reviews) as sde:
        await compared(sde)
        await sde.press("r")
        assert (asked, "It is done; n begins another." in sde.text) == ([], True)
        (folder / "cells" / "1-n24-w0-s0" / "cell.json").write_text("{")
        sde.session.design_compare._jobs_moved("moved")
        await sde.settle()
        assert "done · 1 of 2 runs" in sde.text
        await sde.press("r")
        assert asked == [True]


async def test_all_figures_of_a_line_and_wrong_answers_without_escape_codes(open_app, reviews):
    finish_all(job_folder(reviews))
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "50% where missing" not in words(sde)
        await sde.press("enter")
        assert "es-sde · 24 records · wording 0 · 3 of 3 runs" in sde.text
        assert "seed 0, in domain (1 of 8)" in sde.text
        assert "accuracy" in sde.text
        assert "±0.0" in sde.text
        assert "Answers with a fault: split 1, missing target 2." in words(sde)
        assert "3 of 60 answers wrong in content or form, the worst first" in words(sde)
        await sde.press("end")
        assert "\x1b" not in sde.text
        assert "wanted    Food: good⏎" in sde.text
        await sde.press("left")
        assert "in-context, in domain (8 of 8)" in sde.text
        await sde.press("right", "right")
        assert "seed 0, out of domain (2 of 8)" in sde.text
        await sde.press("escape", "end", "enter")
        assert "ew-sde · 24 records" in sde.text


async def test_wrong_answers_stand_beside_what_was_wanted_where_there_is_room(open_app, reviews):
    finish_all(job_folder(reviews))
    async with open_app(reviews, size=(120, 40)) as sde:
        await compared(sde)
        assert "kappa" in sde.text
        await sde.press("enter")
        line = next(line for line in sde.lines if "answered  ␛[31mnone→of it" in line)
        assert "wanted    Food: good⏎" in line


async def test_wordings_are_lines_of_their_own(open_app, reviews):
    folder = job_folder(reviews, seeds=2, wordings=(0, 1), ood=0)
    for seed in range(2):
        for wording in (0, 1):
            finish(folder, 0, seed, 3 + 40 * wording, wording=wording)
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "es-sde w1" in sde.text
        assert "es-sde w0 − w1" in sde.text
        assert "out of domain" not in sde.text.lower()
        await sde.press("end")
        assert "es-sde, wording 0 over 1: accuracy +0." in words(sde)


async def test_older_comparisons_and_one_that_was_removed(open_app, reviews):
    newer, older = job_folder(reviews), job_folder(reviews, state="done", seeds=1, name="aa01")
    finish(newer, 0, 0, 3)
    finish(older, 1, 0, 3)
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "ab12 running · 1 of 6 runs" in sde.text
        await sde.press("right")
        assert "aa01 done · 1 of 2 runs" in sde.text
        await sde.press("right")
        assert "There is no older comparison." in sde.text
        for folder, shown in ((older, "ab12 running · 1 of 6 runs"), (newer, "No designs were compared yet.")):
            shutil.rmtree(folder)
            sde.session.jobs.watch()
            await sde.settle()
            assert shown in sde.text


async def test_a_folder_that_cannot_be_read_says_so(open_app, reviews):
    folder = job_folder(reviews, state="done")
    (folder / "request.json").write_text("{")
    async with open_app(reviews) as sde:
        await compared(sde)
        assert "cannot be read" in words(sde)
        await sde.press("enter")
        assert "No run of this line is finished yet." in sde.text


async def test_the_form_is_counted_and_says_what_is_wrong(open_app, reviews):
    async with open_app(reviews) as sde:
        await compared(sde)
        await sde.press("n")
        await sde.until(lambda: "runs:" in sde.text)
        assert "6 runs: 2 designs, 1 size, 3 seeds. 32 records can train; 10 records to test on." in words(sde) or "can train" in words(sde)
        await sde.press("down", "down", "space")
        await sde.until(lambda: "9 runs: 3 designs" in words(sde))
        part = sde.session.design_request
        assert part.asked.designs == ("es-sde", "ew-sde", "heuristic")
        for _ in range(3):
            await sde.press("down")
        await sde.press("enter")
        await sde.type("500")
        await sde.press("enter")
        await sde.until(lambda: "and 500 were asked for" in words(sde))
        await sde.press("s")
        assert "Name smaller sizes" in words(sde)
        assert not list(reviews.parent.glob("*.sde/jobs/*"))


async def test_a_design_is_typed_and_one_that_there_is_not_is_refused(open_app, reviews):
    async with open_app(reviews) as sde:
        await compared(sde)
        await sde.press("n")
        for _ in range(4):
            await sde.press("down")
        await sde.press("enter")
        await sde.type("best")
        await sde.press("enter")
        assert "There is no design named 'best'" in words(sde)
        await sde.type("es-sde,output=json")
        await sde.press("enter")
        await sde.until(lambda: "9 runs" in sde.text)
        assert "es-sde,output=json" in sde.text
        assert "--design es-sde,output=json" in sde.session.design_request.command_line()


async def test_a_comparison_starts_from_the_app_and_fills_its_table(open_app, reviews, tiny_model, monkeypatch):
    launched = []

    def launch(jobs_dir, kind, spec, *, title, folder):
        """The job as it is launched, but in this process, when the test lets it work."""
        (folder / "spec.json").write_text(json.dumps({"kind": kind, "title": title, "spec": spec}))
        write_status(folder / "status.json", JobStatus(state="running", identity=ProcessIdentity.of_pid(os.getpid())))
        launched.append(folder)
        return Job(folder)

    def work():
        context = JobContext(launched[0], JobStatus(state="running", identity=ProcessIdentity.of_pid(os.getpid())))
        run_design_compare(context)
        context.finish("done", context.status.message)

    torch.set_num_threads(1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("sde_core.evaluate.design_grid.launch", launch)
    recipe = {"model": tiny_model, "max_steps": 2, "batch_size": 2, "learning_rate": 0.01, "lora_r": 2, "device": "cpu"}
    Project.of(reviews).created().recipe_path.write_text(json.dumps(recipe))
    async with open_app(reviews) as sde:
        await compared(sde)
        part = sde.session.design_request
        part.change(sizes="8", seeds="1", ood=str(reviews.parent / "other.jsonl"), before=False)
        await sde.press("n")
        await sde.until(lambda: part.estimated is not None)
        assert "and 6 of another domain" in words(sde)
        await sde.press("s")
        assert "running · 0 of 2 runs" in sde.text
        await asyncio.to_thread(work)
        await sde.until(lambda: "done · 2 of 2 runs" in sde.text)
        assert sde.text.count("✓") == 2
        assert "Compared 2 designs in 2 runs." in sde.text
        await sde.press("n")
        await sde.until(lambda: "at the pace of the comparison" in words(sde))
        await sde.press("escape", "enter")
        assert "seed 0, in domain (1 of 2)" in sde.text
