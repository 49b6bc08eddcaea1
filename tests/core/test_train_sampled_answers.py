"""Answers at intervals: there to be read, and without any trace in the training."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.dataset.turns import ASSISTANT, SYSTEM, TEXT, USER, Turn, Turns
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import read_row_losses
from sde_core.train.sampled_answers import asked_of, prompted_rows, read_samples, samples_path

PATIENCE = 240


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run, once with answers and once without."""
    folder = tmp_path_factory.mktemp("sampled")
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setenv("HF_HUB_OFFLINE", "1")
    model = make_tiny_model(folder / "model")
    rows = [{"prompt": f"say {i % 9} \x1b[31m", "response": f"the cat sat on {i}"} for i in range(24)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(folder / "data.jsonl")
    dataset.read_all()
    recipe = Recipe(model=str(model), max_steps=5, batch_size=4, lora_r=4, lora_dropout=0.2, held_out=0.2, device="cpu", processes=1)
    jobs = [launch_training(dataset, range(24), replace(recipe, sample_every=every, sample_prompts=2), folder / f"jobs-{every}") for every in (2, 0)]
    statuses = [job.wait(PATIENCE) for job in jobs]
    patch.undo()
    assert [status.state for status in statuses] == ["done", "done"], jobs[0].log_path.read_text()[-2000:]
    return jobs


def steps_of(job):
    names = ("step", "loss", "lr", "grad_norm", "tokens")
    return [tuple(event[name] for name in names) for event in job.events(max_bytes=1 << 30)[0] if event["event"] == "step"]


def test_nothing_of_the_training_is_changed(runs):
    with_answers, without = runs
    assert len(steps_of(without)) == 5
    assert steps_of(with_answers) == steps_of(without)
    adapters = [(job.result_dir / "adapter" / "adapter_model.safetensors").read_bytes() for job in runs]
    assert adapters[0] == adapters[1]
    assert read_row_losses(with_answers.folder).of_step(3) == read_row_losses(without.folder).of_step(3)


def test_the_same_prompts_are_answered_at_every_interval_and_at_both_ends(runs):
    with_answers, without = runs
    found = read_samples(with_answers.folder)
    assert [sample.step for sample in found] == [0, 2, 4, 5]
    asked = [[(answer.row, answer.prompt, answer.reference, answer.held_out) for answer in sample.answers] for sample in found]
    assert all(prompts == asked[0] for prompts in asked)
    assert [row for row, *_ in asked[0]] == [row.row for row in prompted_rows(with_answers.folder, 2)]
    assert all(held_out and prompt.startswith("say ") and reference.startswith("the cat") for _, prompt, reference, held_out in asked[0])
    assert all(sample.seconds > 0 for sample in found)
    assert read_samples(without.folder) == ()


def test_a_step_that_was_repeated_has_its_last_answers_and_a_torn_line_none(runs, tmp_path):
    lines = samples_path(runs[0].folder).read_text().splitlines()
    again = json.dumps({**json.loads(lines[1]), "seconds": 99.0})
    samples_path(tmp_path).write_text("\n".join([*lines, again, '{"step": 9, "answ']))
    found = read_samples(tmp_path)
    assert [sample.step for sample in found] == [0, 2, 4, 5]
    assert found[1].seconds == 99.0


def test_what_is_asked_ends_before_the_last_answer():
    talk = (Turn(SYSTEM, "be brief"), Turn(USER, "a"), Turn(ASSISTANT, "b"), Turn(USER, "c"), Turn(ASSISTANT, "d"))
    asked, reference = asked_of(Turns(talk))
    assert [turn.text for turn in asked] == ["be brief", "a", "b", "c"]
    assert reference == "d"
    (begun,), rest = asked_of(Turns((Turn(TEXT, "once upon a time there was"),)))
    assert (begun.role, begun.text + rest) == (TEXT, "once upon a time there was")
    assert begun.text == "once upon a"
