"""Proposals on screen 7 that were stopped, refused, or overtaken by a change of the rows."""

from __future__ import annotations

import shlex
from types import SimpleNamespace

import orjson
import pytest
from select_essays import chosen, part_of, write_essays

import sde_tui.session_selection as session_selection
import sde_tui.session_selection_work as session_selection_work
from sde_core.cli.main import main
from sde_core.dataset import Edit
from sde_core.errors import UsageError
from sde_core.progress import NEVER, raise_if_cancelled


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


async def test_edited_texts_are_embedded_and_scored_again(open_app, essays, capfdbinary):
    async with open_app(essays) as sde:
        await sde.press("7")
        row = part_of(sde).selection.rows[0]
        path = sde.session.dataset.turns(row).turns[-1].path
        old = sde.session.dataset.turns(row).turns[-1].text
        sde.session.decisions.edit([Edit(row, path, old, "Yes.")])
        await sde.settle()
        features = part_of(sde).features
        assert features.lengths[list(features.rows).index(row)] == 4
        command, rows = part_of(sde).command_line(), list(part_of(sde).selection.rows)
    assert main([*shlex.split(command)[1:-2], "--json"]) == 0
    assert [pick["row"] for pick in orjson.loads(capfdbinary.readouterr().out)["picks"]] == rows


async def test_a_big_file_waits_for_the_key(open_app, essays, monkeypatch):
    monkeypatch.setattr(session_selection, "AUTOMATIC_ROWS", 10)
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).selection is None
        assert "r embeds and scores all rows" in sde.text
        await sde.press("A")
        assert "no proposal yet" in sde.flashed
        await sde.press("r")
        assert len(chosen(sde)) == 8


async def test_stopped_work_starts_again_by_key(open_app, essays, monkeypatch):
    compute, blocked = session_selection_work.embedded, []

    def waits(dataset, encoder, cache_dir, cancel, progress):
        if not blocked:
            blocked.append(True)
            progress(10, 80)
            cancel.wait()
            raise_if_cancelled(cancel)
        return compute(dataset, encoder, cache_dir, cancel, progress)

    monkeypatch.setattr(session_selection_work, "embedded", waits)
    async with open_app(essays) as sde:
        await sde.press_only("7")
        await sde.meanwhile(lambda: blocked)
        assert "Embedding rows" in sde.text
        await sde.press("ctrl+x")
        assert part_of(sde).selection is None
        await sde.press("r")
        assert len(chosen(sde)) == 8


@pytest.fixture
def waiting_solver(monkeypatch):
    """Its `when(params)` says which proposals are solved no sooner than they are stopped."""
    solve, waits = session_selection_work.solved, SimpleNamespace(when=lambda params: False, begun=0)

    def solved(dataset, project, model, features, params, before, cancel, progress):
        if waits.when(params):
            waits.begun += 1
            cancel.wait()
        return solve(dataset, project, model, features, params, before, NEVER, progress)

    monkeypatch.setattr(session_selection_work, "solved", solved)
    return waits


async def begin(sde, waits, *keys):
    begun = waits.begun
    await sde.press_only(*keys)
    await sde.meanwhile(lambda: waits.begun > begun)


async def test_solving_that_was_stopped_goes_on_by_key(open_app, essays, waiting_solver):
    waiting_solver.when = lambda params: waiting_solver.begun == 0
    async with open_app(essays) as sde:
        await begin(sde, waiting_solver, "7")
        await sde.press("ctrl+x")
        assert part_of(sde).selection is None
        await sde.press("r")
        assert len(chosen(sde)) == 8
        waiting_solver.when = lambda params: waiting_solver.begun == 1
        await begin(sde, waiting_solver, "plus")
        await sde.press("ctrl+x")
        assert "r goes on with what was stopped" in "".join(words for words, _ in sde.app.screen.what_now())
        await sde.press("r")
        assert len(chosen(sde)) == 9
        assert not part_of(sde).behind
        await sde.press("r")
        assert "up to date" in sde.flashed


async def test_coverage_that_was_stopped_is_measured_by_key(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        part = part_of(sde)
        known, part.coverage = part.coverage, None
        assert part.behind
        await sde.press("r")
        assert part.coverage == known
        assert not part.behind


async def test_a_proposal_that_is_solved_while_the_last_row_is_rejected_is_dropped(open_app, write_jsonl, waiting_solver):
    path = write_jsonl([{"instruction": f"Say {i}", "output": f"{i} it is"} for i in range(3)])
    async with open_app(path) as sde:
        await sde.press("7")
        await sde.press("n", "ctrl+a", "ctrl+k", "3", "enter")
        waiting_solver.when = lambda params: True
        await begin(sde, waiting_solver, "x")
        sde.session.decisions.reject(range(3))
        await sde.settle()
        part = part_of(sde)
        assert part.selection is None
        assert [part.rank_of(row) for row in range(3)] == [None] * 3
        assert "No row is left" in sde.text


async def test_a_decision_that_no_proposal_can_follow_leaves_the_wishes_alone(open_app, essays, monkeypatch):
    solve = session_selection_work.solved
    refusal = UsageError("The quota of short rows cannot be met.", "Lift the quotas.")
    monkeypatch.setattr(session_selection_work, "solved", lambda *given: refusal if given[4].banned else solve(*given))
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("right", "plus")
        held = part_of(sde).wishes
        await sde.press("x")
        assert part_of(sde).wishes == held
        assert part_of(sde).selection is None
        assert "The quota of short rows cannot be met. Lift the quotas." in sde.text
        await sde.press("A")
        assert "no proposal yet" in sde.flashed
        await sde.press("u")
        assert (len(chosen(sde)), part_of(sde).wishes, sde.session.decisions.counts) == (9, held, (0, 0))
        await sde.press("b")
        assert (len(chosen(sde)), part_of(sde).wishes) == (9, held)


async def test_nothing_left_to_choose_from_is_said(open_app, write_jsonl):
    path = write_jsonl([{"instruction": f"Say {i}", "output": f"{i} it is"} for i in range(3)])
    async with open_app(path) as sde:
        await sde.press("7")
        await sde.press("n", "ctrl+a", "ctrl+k", "3", "enter")
        await sde.press("space", "space", "space", "x")
        assert part_of(sde).selection is None
        assert "No row is left to choose from" in sde.text
        await sde.press("u")
        assert len(chosen(sde)) == 3


async def test_another_layout_is_embedded_again(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        lengths = part_of(sde).features.lengths.copy()
        layout = sde.session.dataset.layout
        sde.session.set_layout(type(layout)(layout.name, {**layout.roles, "output": "instruction", "answer": "instruction"}))
        await sde.settle()
        await sde.press("r")
        assert part_of(sde).selection is not None
        assert lengths.shape == part_of(sde).features.lengths.shape
