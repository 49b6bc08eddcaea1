"""Wishes on screen 7: kept between days, taken back, restored, and set aside where they cannot be read."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from select_essays import chosen, part_of, write_essays

from sde_tui import session_selection_wishes
from sde_tui.session_selection_wishes import SelectionWishes, WishHistory


@pytest.fixture
def essays(tmp_path):
    return write_essays(tmp_path / "essays.jsonl")


async def test_undo_takes_back_whatever_was_last_wish_or_decision(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down")
        part = part_of(sde)
        await sde.press("right", "x", "plus")
        decided = len(sde.session.decisions.log)
        size = part.wishes.k
        assert (part.wishes.balance, sde.session.decisions.counts, size) == (0.55, (0, 1), 9)
        await sde.press("u")
        assert "Undone: 9 rows." in sde.flashed
        assert (part.wishes.k, sde.session.decisions.counts) == (None, (0, 1))
        await sde.press("u")
        assert sde.session.decisions.counts == (0, 0)
        assert part.wishes.balance == 0.55
        await sde.press("u")
        assert part.wishes == SelectionWishes()
        await sde.press("u")
        assert "nothing to undo" in sde.flashed
        await sde.press("U")
        assert part.wishes.balance == 0.55
        await sde.press("U", "U")
        assert (part.wishes.k, sde.session.decisions.counts) == (9, (0, 1))
        assert len(sde.session.decisions.log) == decided + 2


async def test_a_wish_made_after_a_decision_comes_back_after_it(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "x", "plus")
        await sde.press("u", "u")
        assert (part_of(sde).wishes.k, sde.session.decisions.counts) == (None, (0, 0))
        await sde.press("U", "U")
        assert (part_of(sde).wishes.k, sde.session.decisions.counts) == (9, (0, 1))
        await sde.press("U")
        assert "nothing to redo" in sde.flashed


async def test_wishes_survive_leaving_the_app_and_follow_their_rows(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("down", "l", "down", "b", "greater_than_sign", "right")
        before, wishes = chosen(sde), part_of(sde).wishes
    lines = essays.read_text(encoding="utf-8").splitlines()
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes == wishes
        assert chosen(sde) == before
        await sde.press("u")
        assert part_of(sde).wishes.balance == 0.5
        await sde.press("U")
    locked = next(iter(wishes.locked))
    essays.write_text("\n".join([lines[locked], *lines[:locked], *lines[locked + 1 :]]) + "\n", encoding="utf-8")
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes.locked == {0}
        assert part_of(sde).wishes.balance == 0.55
    essays.write_text("\n".join(lines[:locked] + lines[locked + 1 :]) + "\n", encoding="utf-8")
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes.locked == frozenset()
        assert len(part_of(sde).wishes.banned) == 1


async def test_wishes_that_cannot_be_read_are_set_aside(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        await sde.press("right")
        path = sde.session.project.selection_path
    path.write_bytes(b'{"format": 1, "steps": 3}')
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).wishes == SelectionWishes()
        assert path.with_name("selection.json.unreadable").exists()
        assert not path.exists()
        await sde.press("right")
        assert path.exists()


def test_a_wish_that_changes_nothing_is_none_and_a_new_one_ends_redoing(tmp_path):
    ticks = iter(range(1, 100))
    history = WishHistory(lambda: next(ticks))
    assert not history.wish(SelectionWishes(), "nothing")
    assert history.wish(SelectionWishes(k=5), "five")
    assert history.wish(SelectionWishes(k=6, leanings=((2, -3),), locked=frozenset({1})), "six")
    assert history.undo() == "six"
    assert history.undone
    keys = np.asarray([7, 2**63 + 1, 9], dtype=np.uint64)
    history.save(tmp_path / "selection.json", keys)
    again = WishHistory()
    assert again.load(tmp_path / "selection.json", keys[::-1].copy()) == 0
    assert again.wishes == SelectionWishes(k=5)
    assert again.redo() == "six"
    assert again.wishes == SelectionWishes(k=6, leanings=((0, -3),), locked=frozenset({1}))
    assert again.wishes.disliked == (0, 0, 0)
    assert history.wish(SelectionWishes(k=9), "nine")
    assert not history.undone
    assert [history.undo(), history.undo(), history.undo()] == ["nine", "five", ""]
    held = orjson.loads((tmp_path / "selection.json").read_bytes())
    held["steps"][0]["wishes"]["of_another_version"] = 1
    (tmp_path / "selection.json").write_bytes(orjson.dumps(held))
    assert WishHistory().load(tmp_path / "selection.json", keys[:1]) == 0


def test_wishes_that_name_very_many_rows_forget_the_oldest(monkeypatch):
    monkeypatch.setattr(session_selection_wishes, "KEPT_ROWS", 50)
    history = WishHistory()
    for step in range(1, 12):
        assert history.wish(SelectionWishes(locked=frozenset(range(step))), f"{step} rows")
    assert sum(step.wishes.held for step in history.steps) <= 50
    assert history.wishes.held == 11
    assert history.undo() == "11 rows"
    assert history.wishes.held == 10


@pytest.mark.parametrize(
    "broken",
    [
        {"method": "no-such"}, {"k": "ten"}, {"k": 0}, {"balance": None}, {"balance": 7}, {"tau": 0}, {"tokens": "many"}, {"seed": 1.5},
        {"quota_by": "colour"}, {"quota_split": 3}, {"locked": ["f" * 40]}, {"locked": 4}, {"leanings": [["0" * 16, 10**9]]}, {"leanings": [3]},
        {"encoder": 3}, {"model": None},
    ],
    ids=str,
)  # fmt: skip
def test_wishes_that_no_screen_makes_are_not_read(tmp_path, broken):
    path, keys = tmp_path / "selection.json", np.asarray([0, 7], dtype=np.uint64)
    WishHistory().save(path, keys)
    held = orjson.loads(path.read_bytes())
    held["steps"][0]["wishes"].update(broken)
    path.write_bytes(orjson.dumps(held))
    history = WishHistory()
    with pytest.raises(ValueError, match=r".+"):
        history.load(path, keys)
    assert history.wishes == SelectionWishes()


async def test_a_wish_of_an_earlier_day_that_cannot_be_met_is_shown_with_the_way_out(open_app, essays):
    async with open_app(essays) as sde:
        await sde.press("7")
        part_of(sde).wish("losses that were measured then", method="ifd")
        path = sde.session.project.selection_path
        kept = path.read_bytes()
    path.write_bytes(kept)
    async with open_app(essays) as sde:
        await sde.press("7")
        assert part_of(sde).selection is None
        shown = " ".join(sde.text.split())
        assert "are not computed yet" in shown
        assert "u takes the last wish back" in shown
        await sde.press("u")
        assert len(chosen(sde)) == 8


CHANGES = st.sampled_from(["wish", "undo", "redo", "save"])


@given(st.lists(st.tuples(CHANGES, st.integers(1, 4)), max_size=30))
def test_any_sequence_of_wishes_can_be_taken_back_and_restored(changes):
    history, keys = WishHistory(), np.asarray([9, 7, 5, 3, 1], dtype=np.uint64)
    done, undone = [SelectionWishes()], []
    with TemporaryDirectory() as folder:
        for change, number in changes:
            wanted = SelectionWishes(k=number, locked=frozenset({number}), banned=frozenset({0}), leanings=((number, -number),))
            if change == "wish" and history.wish(wanted, "wished"):
                done, undone = [*done, wanted], []
            elif change == "undo" and history.undo():
                undone.append(done.pop())
            elif change == "redo" and history.redo():
                done.append(undone.pop())
            elif change == "save":
                history.save(Path(folder) / "selection.json", keys)
                history = WishHistory()
                assert history.load(Path(folder) / "selection.json", keys) == 0
            assert history.wishes == done[-1]
            assert (history.place, history.undone) == (len(done) - 1, bool(undone))
