"""Screen 9's chart by key: parts, scales, quantities, other runs on the same axes, and what the model answered."""

from __future__ import annotations

import json
import time

import pytest
from train_runs import made_run

from sde_core.project import Project
from sde_tui.screens.generations import GenerationsScreen
from sde_tui.screens.train_figures import moment

ONE, TWO = "20260102T030405678-train-ab12", "20260101T030405678-train-cd34"


@pytest.fixture
def project(dataset_file):
    return Project.of(dataset_file).created()


def with_events(folder, events):
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def stepped(steps, *, of=None, tokens=100, loss=lambda step: 4.0 / step**0.5, **more):
    made = [{"event": "train", "step": 0, "steps": of or steps, "t": time.time() - 7200}]
    for step in range(1, steps + 1):
        event = {"event": "step", "step": step, "steps": of or steps, "loss": loss(step), "lr": 1e-4 * step, "tokens": tokens * step}
        made.append({**event, "tokens_s": 50.0, "memory": 5e8, "memory_free": 3e9, "t": time.time() - 7200 + step, **more})
    return made


def legend_of(sde):
    return next(line for line in sde.lines if line.startswith("── "))


async def opened_train(sde):
    await sde.press("9")
    return sde.session.part("chart")


async def test_zoom_shows_the_last_part_or_the_part_around_the_cursor(open_app, dataset_file, project):
    with_events(made_run(project), stepped(400, loss=lambda step: 9.0 if step == 77 else 2.0))
    async with open_app(dataset_file) as sde:
        chart = await opened_train(sde)
        await sde.press("z")
        assert (chart.part.first, chart.part.last, chart.part.follows) == (200, 400, False) or chart.part.length == 200
        assert "part 200 of 400 steps" in legend_of(sde)
        assert "another part" in sde.lines[-2]
        await sde.press("left")
        assert chart.part.first == 101
        await sde.press("right", "right", "right")
        assert chart.part.last == 400
        await sde.press("escape")
        assert not chart.zoomed
        await sde.press("space", "z", "z", "z")
        assert sde.session.part("run_rows").step == 77
        assert chart.part.length == 50
        assert chart.part.first < 77 < chart.part.last
        assert "┊" in sde.text or "step 77" in sde.lines[-2]
        for _ in range(60):
            sde.app.screen.action_later()
        step = sde.session.part("run_rows").step
        assert chart.part.first <= step <= chart.part.last
        assert chart.part.first > 77
        await sde.press("escape", "Z", "Z", "Z", "Z")
        assert not chart.zoomed
        await sde.press("Z")
        assert sde.flashed == "All steps are shown; z shows fewer."


async def test_a_live_part_moves_on_in_jumps(open_app, dataset_file, project):
    folder = made_run(
        project, state="running", message="Training.", beat=time.time(), ended=None, identity={"pid": 1, "start": "1", "boot": "b", "host": "n"}
    )
    with_events(folder, stepped(200, of=1000))
    async with open_app(dataset_file) as sde:
        chart = await opened_train(sde)
        await sde.press("z", "z", "z")
        assert chart.part.follows
        assert 40 <= chart.part.length <= 130
        before = chart.part
        assert before.first <= 200 <= before.last
        seen = set()
        for step in range(201, 240):
            sde.session.part("training").curve.add([{"event": "step", "step": step, "loss": 1.0}])
            assert chart.part.first <= step <= chart.part.last
            seen.add(chart.part)
        assert len(seen) <= 8


async def test_smoothing_log_scale_and_quantities(open_app, dataset_file, project):
    with_events(made_run(project), stepped(400, loss=lambda step: 0.0 if step < 5 else 100.0 / step))
    async with open_app(dataset_file) as sde:
        chart = await opened_train(sde)
        assert "EMA over 20" in legend_of(sde)
        spans = []
        for _ in range(4):
            spans.append(chart.span)
            await sde.press("m")
        assert spans == [20, 60, 0, 7]
        await sde.press("L")
        assert "log scale" in legend_of(sde)
        assert "4 at or below 0 not drawn" in legend_of(sde)
        await sde.press("L", "v")
        assert legend_of(sde).startswith("── learning rate")
        await sde.press("v", "v")
        assert legend_of(sde).startswith("── memory of the run")
        assert "500 MB┤" in sde.text
        await sde.press("v")
        assert legend_of(sde).startswith("── loss")


async def test_other_runs_share_the_axes_by_step_or_by_tokens(open_app, dataset_file, project):
    with_events(made_run(project, name=ONE), [*stepped(40, tokens=100), {"event": "eval", "step": 40, "loss": 1.0}])
    with_events(made_run(project, name=TWO), stepped(80, tokens=1000))
    async with open_app(dataset_file, size=(120, 40)) as sde:
        chart = await opened_train(sde)
        await sde.press("o")
        assert "cd34" in sde.text
        await sde.press("enter", "escape")
        assert [run.letter for run in chart.overlay.runs] == ["B"]
        assert "A ab12 · B cd34" in legend_of(sde)
        lines = [line[:76] for line in sde.lines[16:-2]]
        assert any("A" in line for line in lines)
        assert any("B" in line for line in lines)
        assert any("a" in line for line in lines)
        view = chart.view(120, None)
        assert (view.unit, view.last) == ("step", 80)
        await sde.press("x")
        view = chart.view(120, None)
        assert (view.unit, view.last) == ("tokens", 80_000)
        drawn = [max(x for x, value in enumerate(trace.line) if value == value) for trace in view.traces]
        assert drawn[0] == pytest.approx(view.columns * 4000 / 80_000, abs=1)
        assert drawn[1] == view.columns - 1
        await sde.press("escape")
        assert chart.overlay.runs == []


async def test_at_most_four_runs_share_the_axes(open_app, dataset_file, project):
    for number in range(5):
        made_run(project, name=f"2026010{number + 1}T030405678-train-ab1{number}")
    async with open_app(dataset_file) as sde:
        chart = await opened_train(sde)
        others = [line.id for line in sde.session.part("training").runs if line.id != chart.shown_id]
        assert [chart.overlay.toggle(identifier) for identifier in others] == ["", "", "", "At most 3 runs beside the one shown: take one off first."]
        await sde.settle()
        assert [run.letter for run in chart.overlay.runs] == ["B", "C", "D"]
        chart.overlay.toggle(others[1])
        assert chart.overlay.toggle(others[3]) == ""
        assert [run.letter for run in chart.overlay.runs] == ["B", "D", "C"]


async def test_gpu_figures_are_shown_where_the_run_told_them(open_app, dataset_file, project):
    gpu = {"gpu_use": 83, "gpu_memory": 12.1e9, "gpu_total": 80e9, "gpu_temperature": 61, "gpu_power": 230.5}
    with_events(made_run(project), [{"event": "model", "device": "NVIDIA \x1b[31mH100"}, *stepped(20, **gpu)])
    async with open_app(dataset_file, size=(120, 40)) as sde:
        await opened_train(sde)
        assert "at the end memory 500 MB, 3 GB free · GPU 12.1 GB of 80 GB · 83 % used · 61 °C · 230 W · on NVIDIA ␛[31mH100" in sde.text
        assert "GPU use" in sde.text


async def test_a_dead_run_shows_its_last_values_and_their_age(open_app, dataset_file, project):
    events = stepped(20)
    with_events(made_run(project, state="failed", message="The disk is full.", hint="Make room."), events)
    async with open_app(dataset_file) as sde:
        await opened_train(sde)
        text = sde.text
        told = f"last values, {moment(events[-1]['t'])}: step 20 of 20 · loss 0.894"
        assert text.index("The disk is full.") < text.index("Make room.") < text.index(told)


async def test_what_the_model_answered_is_read_prompt_by_prompt(open_app, dataset_file, project):
    folder = made_run(project)
    answer = {"row": 3, "held_out": True, "prompt": "Where is it? [/INST]\x1b]52;c;eA==\x07", "reference": "On day 3.", "answer": "nothing yet"}
    other = {**answer, "row": 4, "prompt": "And the other?", "held_out": False}
    lines = [{"step": step, "seconds": 0.5, "answers": [{**answer, "answer": f"at {step} \x1b[31m[b]"}, other]} for step in (0, 20, 40)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "rows.jsonl").write_text("")
    async with open_app(dataset_file) as sde:
        await opened_train(sde)
        await sde.press("i")
        assert isinstance(sde.app.screen, GenerationsScreen)
        assert "Prompt 1 of 2 · row 3, held out, not trained on · 3 times, 1.5 s in all" in sde.text
        assert "Where is it? [/INST]␛]52" in sde.text
        assert "\x1b" not in sde.text
        places = [sde.text.index(f"at {step} ␛[31m[b]") for step in (40, 20, 0)]
        assert places == sorted(places)
        await sde.press("right")
        assert "And the other?" in sde.text
        assert "row 4, trained on" in sde.text
        await sde.press("escape")
        assert "▐9 Train▌" in sde.lines[1]


async def test_a_run_without_answers_says_how_to_get_them(open_app, dataset_file, project):
    made_run(project)
    async with open_app(dataset_file) as sde:
        await sde.press("9", "i")
        assert sde.flashed == "This run keeps no answers; e, then sample_every=50: the next one will."
        await sde.press("o")
        assert sde.flashed == "This dataset has no other run that has made a step."
        await sde.press("x")
        assert sde.flashed == "This run did not say how many tokens it had seen."
