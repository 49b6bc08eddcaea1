"""What opens over a screen shows its own keys at the foot, explains them on `?`, and every key there reaches it."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from textual.binding import BindingsMap
from textual.widgets import Input, TextArea

import sde_tui.screens
from sde_core.select.alternatives import Candidate
from sde_core.train.history import RunComparison
from sde_tui.key import types_a_character
from sde_tui.keys import DIALOG_TITLES, keys_of
from sde_tui.screens.dialogs import ChooseScreen, ConfirmScreen, Dialog, NoteScreen, PromptScreen
from sde_tui.screens.search_list import Entry, SearchListScreen
from sde_tui.session_queue import RunLine
from sde_tui.session_record import EditableText

for _module in pkgutil.iter_modules(sde_tui.screens.__path__, "sde_tui.screens."):
    importlib.import_module(_module.name)


def _subclasses(of):
    return [each for child in of.__subclasses__() for each in (child, *_subclasses(child))]


NAMED = [dialog for dialog in _subclasses(Dialog) if dialog.NAME]
"""All dialogs but those that others are made of."""
DIALOGS = {dialog.NAME: dialog for dialog in NAMED}


def _named(dialog):
    return [(name, key.action) for scope in ("dialog", dialog.NAME) for key in keys_of(scope) for name in key.key.split(",")]


def test_every_dialog_has_keys_and_a_title():
    assert {*DIALOGS, "dialog"} == set(DIALOG_TITLES)
    assert len(DIALOGS) == len(NAMED), "two dialogs have one name"


@pytest.mark.parametrize("dialog", NAMED, ids=lambda dialog: dialog.NAME)
def test_keys_of_a_dialog_are_bound_to_actions_of_its_own_and_mean_one_thing(dialog):
    names = [name for name, _ in _named(dialog)]
    assert len(set(names)) == len(names)
    if dialog is not SearchListScreen:  # its list never has the focus
        assert not set(names) & {name for key in keys_of("list") for name in key.key.split(",")}, "the list would take these keys"
    bound = BindingsMap(dialog.BINDINGS).key_to_bindings
    actions = {key.action for key in keys_of(dialog.NAME)}
    assert {name for key in keys_of(dialog.NAME) for name in key.key.split(",")} == set(bound)
    assert all(hasattr(dialog, f"action_{action}") for action in actions)
    reasons = {name.removeprefix("why_not_") for name in dir(dialog) if name.startswith("why_not_")}
    assert reasons <= actions


def _run(sde):
    return RunLine("20260101T030405678-train-ab01", sde.session.project.jobs_dir / "gone", "train", "LoRA", "done")


class NoLabelErrors:
    """Stands in for judged labels."""

    def __len__(self):
        return 0

    def summary(self):
        return "no likely label errors"


def _leaks(sde):
    part = sde.session.leaks
    part.run(sde.session.dataset.path, lambda: None)
    return DIALOGS["leaks"](part)


OPENED = {
    "question": lambda sde: ConfirmScreen("Really?"),
    "note": lambda sde: NoteScreen("Copied", "$ sde"),
    "choice": lambda sde: ChooseScreen("Which?", [(1, "one"), (2, "two")]),
    "line_of_text": lambda sde: PromptScreen("Say", "so"),
    "search": lambda sde: SearchListScreen("Keys", [Entry([("one", "text")], 1), Entry([("two", "text")], 2)]),
    "field_mapping": lambda sde: DIALOGS["field_mapping"](sde.session.mapping),
    "edit_turn": lambda sde: DIALOGS["edit_turn"](EditableText(0, ("output",), "answer", "text")),
    "rule_book": lambda sde: DIALOGS["rule_book"](sde.session.rule_book),
    "request": lambda sde: DIALOGS["request"]("Send?", "a\nb"),
    "swap": lambda sde: DIALOGS["swap"](0, None, [Candidate(1, 0.5, None), Candidate(2, 0.4, None)], sde.session.records.cells),
    "compare_rows": lambda sde: DIALOGS["compare_rows"](sde.session.part("comparisons")),
    "runs": lambda sde: DIALOGS["runs"](sde.session.part("queue")),
    "run_difference": lambda sde: DIALOGS["run_difference"]("ab01", "ab02", RunComparison((), (), (), 9, 0, "", None, None)),
    "run_recipe": lambda sde: DIALOGS["run_recipe"](sde.session.part("queue"), _run(sde)),
    "group_losses": lambda sde: DIALOGS["group_losses"](sde.session.part("group_losses")),
    "generations": lambda sde: DIALOGS["generations"](sde.session.part("generations")),
    "arms": lambda sde: DIALOGS["arms"](sde.session.part("arms")),
    "try_model": lambda sde: DIALOGS["try_model"](sde.session.part("try_model")),
    "labels": lambda sde: DIALOGS["labels"](NoLabelErrors()),
    "leaks": _leaks,
    "design_results": lambda sde: DIALOGS["design_results"](sde.session.part("design_compare")),
    "design_request": lambda sde: DIALOGS["design_request"](sde.session.part("design_request")),
    "followed": lambda sde: DIALOGS["followed"](sde.session.part("followed")),
    "misfits": lambda sde: DIALOGS["misfits"](sde.session.part("design")),
    "task_schema": lambda sde: DIALOGS["task_schema"](sde.session.part("task_schema")),
    "failure": lambda sde: DIALOGS["failure"]("wrong", "Where?"),
}


@pytest.mark.parametrize("name", OPENED)
async def test_help_shows_the_keys_and_each_key_at_the_foot_reaches_the_dialog(open_app, dataset_file, monkeypatch, name):
    done = []
    for key in keys_of(name):
        if key.action != "leave":
            monkeypatch.setattr(DIALOGS[name], f"action_{key.action}", lambda self, action=key.action: done.append(action))
    async with open_app(dataset_file, size=(110, 50)) as sde:
        under = sde.text
        made = OPENED[name](sde)
        await sde.settle()
        sde.app.push_screen(made)
        await sde.settle()
        dialog, before = sde.app.screen, sde.text
        typing = isinstance(dialog.focused, (Input, TextArea))
        await sde.press("f1" if typing else "question_mark")
        assert isinstance(sde.app.screen, SearchListScreen)
        assert sde.app.screen is not dialog
        for key in keys_of(name):
            assert key.help[:60] in sde.text
        await sde.press("escape")
        assert sde.app.screen is dialog
        assert sde.text == before
        for key in (key for key in dialog.footer()[1:-1] if key.action != "leave"):
            assert f"{key.shown} {key.label}" in sde.lines[-1]
            assert not (typing and types_a_character(key.key.split(",")[0]))
            done.clear()
            reason = dialog.why_not(key)
            await sde.press(key.key.split(",")[0])
            assert done == ([] if reason else [key.action])
            assert sde.flashed == reason
        assert sde.lines[-1].endswith("esc Leave")
        await sde.press("escape")
        assert sde.text == under
