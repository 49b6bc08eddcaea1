"""Trying a run's model: the process that keeps it loaded, what it tells, how it is stopped, and `sde try` and `sde collect`."""

from __future__ import annotations

import json
import queue
import shutil

import chat_forms
import pytest
import torch
from finished_run import make_finished_run
from tiny_model import make_tiny_model

from sde_core.cli.main import main
from sde_core.dataset.turns import USER, Turn
from sde_core.errors import ModelError, UsageError
from sde_core.evaluate.side_by_side import SideBySide, adapter_of, saved_adapter
from sde_core.evaluate.try_model import TriedModel
from sde_core.train.generation import generate
from sde_core.train.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name
PATIENCE = 120
PROMPT = "say the cat"


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """A dataset, its finished run, and both sides of it in this process."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("try")
    model = make_tiny_model(folder / "model", template=chat_forms.CHATML)
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"question": f"say {i} cats", "reply": f"{i} cats"}) + "\n" for i in range(8)))
    job = make_finished_run(data, Recipe(model=str(model), lora_r=4, held_out=0.25, device="cpu"))
    return data, job, SideBySide(job.folder)


class Told:
    """What a process said, in order."""

    def __init__(self):
        self.lines = queue.Queue()

    def __call__(self, line):
        self.lines.put(line)

    def until(self, wanted):
        found = []
        while not found or not wanted(found[-1]):
            found.append(self.lines.get(timeout=PATIENCE))
            assert "ended" not in found[-1] or wanted(found[-1]), found
        return found


@pytest.fixture(scope="module")
def served(tried):
    """The process, ready."""
    told = Told()
    with TriedModel(tried[1].folder, told) as model:
        (ready,) = told.until(lambda line: True)
        yield model, told, ready


def test_the_process_answers_as_this_one_does_and_says_what_it_took(tried, served):
    _, _, sides = tried
    model, told, ready = served
    assert ready["ready"]
    assert ready["adapter"] == "final"
    assert "float32" in ready["device"]
    identity = model.ask([Turn(USER, PROMPT)], max_new_tokens=12)
    lines = told.until(lambda line: line.get("done"))
    answers = {line["answer"]["side"]: line["answer"] for line in lines if "answer" in line}
    assert all(line["id"] == identity for line in lines)
    for side in ("base", "adapter"):
        (expected,) = generate(sides._model, sides.tokenizer, [PROMPT], max_new_tokens=12, adapter=side == "adapter")
        assert answers[side]["text"] == expected
        assert 0 < answers[side]["tokens"] <= 12
        assert answers[side]["seconds"] > 0
    assert answers["base"]["text"] != answers["adapter"]["text"]


def test_a_cancelled_prompt_ends_between_two_tokens_and_the_next_one_is_answered(served):
    model, told, _ = served
    first = model.ask([Turn(USER, PROMPT)], max_new_tokens=10_000, temperature=1.0)
    second = model.ask([Turn(USER, PROMPT)], max_new_tokens=2)
    model.cancel(first)
    lines = told.until(lambda line: line.get("id") == second and line.get("done"))
    assert any(line == {"id": first, "stopped": True} for line in lines)
    assert len([line for line in lines if line.get("id") == second and "answer" in line]) == 2


def test_what_a_template_refuses_is_said_and_the_process_stays(tmp_path):
    model = make_tiny_model(tmp_path / "model", template=chat_forms.TURNS)
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"prompt": "a", "response": "b"}) + "\n" + json.dumps({"prompt": "c", "response": "d"}) + "\n")
    job, told = make_finished_run(data, Recipe(model=str(model), device="cpu")), Told()
    with TriedModel(job.folder, told) as model:
        model.ask([Turn("system", "no"), Turn(USER, "a")], max_new_tokens=2)
        refused = told.until(lambda line: "error" in line)[-1]
        assert "System role not supported" in refused["error"]
        model.ask([Turn(USER, "a")], max_new_tokens=2)
        told.until(lambda line: line.get("done"))
    assert told.until(lambda line: "ended" in line)[-1]["ended"] != 0
    assert not model.alive


def test_a_broken_adapter_and_a_run_without_one_are_sentences(tried, tmp_path):
    folder = shutil.copytree(tried[1].folder, tmp_path / "run")
    adapter = folder / "result" / "adapter" / "adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:100])
    with pytest.raises(ModelError, match="adapter final cannot be loaded"):
        SideBySide(folder)
    shutil.rmtree(folder / "result")
    assert saved_adapter(folder) is None
    with pytest.raises(UsageError, match="saved no adapter yet"):
        adapter_of(folder)
    told = Told()
    with TriedModel(folder, told):
        assert "saved no adapter yet" in told.until(lambda line: True)[0]["error"]
        assert told.until(lambda line: "ended" in line)[-1]["ended"] == 2


def test_a_running_runs_last_whole_checkpoint_is_tried(tried, tmp_path):
    folder = shutil.copytree(tried[1].folder, tmp_path / "run")
    for step in (4, 8):
        checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
        shutil.copytree(folder / "result" / "adapter", checkpoint)
        if step == 4:
            sizes = {path.name: path.stat().st_size for path in checkpoint.iterdir()}
            (checkpoint / "complete.json").write_text(json.dumps(sizes))
    shutil.rmtree(folder / "result")
    assert adapter_of(folder).name == "step 4"
    turns = [Turn(USER, PROMPT)]
    assert SideBySide(folder).answer(turns, "adapter", max_new_tokens=8).text == tried[2].answer(turns, "adapter", max_new_tokens=8).text


def test_the_command_asks_both_sides_and_puts_a_tagged_failure_into_the_queue(tried, capsys):
    data, job, sides = tried
    assert main(["try", str(data), "--prompt", PROMPT, "--max-new-tokens", "8", "--tag", "made up", "--note", "no cat", "--answer", "the cat"]) == 0
    out = capsys.readouterr().out
    assert f"> {PROMPT}" in out
    assert f"adapter of run {job.id[-4:]} (final)" in out
    assert sides.answer([Turn(USER, PROMPT)], "base", max_new_tokens=8).text.strip() in out
    assert main(["collect", str(data), "--json"]) == 0
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert (failure["tag"], failure["note"], failure["wanted"], failure["run"]) == ("made up", "no cat", "the cat", job.id)
    assert failure["settings"] == {"max_new_tokens": 8, "temperature": 0.0, "seed": 0}
    new = data.parent / "new.jsonl"
    assert main(["collect", str(data), "export", "-o", str(new)]) == 0
    row = json.loads(new.read_text())
    assert (row["question"], row["reply"], row["origin"]["run"]) == (PROMPT, "the cat", job.id)
    assert main(["collect", str(data), "remove", failure["id"]]) == 0
    assert main(["collect", str(data), "undo"]) == 0
    capsys.readouterr()
    assert main(["collect", str(data)]) == 0
    assert capsys.readouterr().out.startswith(f"{failure['id']}  made up  answered")


def test_prompts_come_from_rows_and_files(tried, tmp_path, capsys):
    data, _, sides = tried
    assert (
        main(["try", str(data), "--rows", "2", "--prompts", str(write(tmp_path / "p.txt", "one\n\ntwo\n")), "--max-new-tokens", "3", "--json"]) == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["prompt"][-1]["content"] for line in lines] == ["one", "two", "say 2 cats"]
    assert [line["row"] for line in lines] == [None, None, 2]
    assert lines[2]["adapter"]["text"] == sides.answer([Turn(USER, "say 2 cats")], "adapter", max_new_tokens=3).text


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--note", "x"], "none is tagged"),
        (["--prompt", "a", "--run", "nope"], "No job of this dataset"),
        (["--rows", "99"], "no row 99"),
        (["--prompt", "a", "--prompt", "b", "--tag", "wrong", "--answer", "x"], "one answer"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(tried, capsys, arguments, words):
    assert main(["try", str(tried[0]), *arguments]) == 2
    assert words in capsys.readouterr().err
