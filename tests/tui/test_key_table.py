"""One table of keys, and everything that is made of it."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.binding import BindingsMap

from sde_tui.app import SdeApp
from sde_tui.keys import DIALOG_TITLES, KEYS, SCOPE_TITLES, footer_keys, keys_of, markdown_table, shown_key
from sde_tui.screens import SCREENS
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.record_view import RecordView

NAMES = [spec.name for spec in SCREENS]


def _single(scope: str) -> list[tuple[str, str]]:
    return [(name, key.action) for key in keys_of(scope) for name in key.key.split(",")]


def test_every_scope_is_known():
    assert {key.scope for key in KEYS} == {"global", *SCOPE_TITLES, *NAMES, *DIALOG_TITLES}


@pytest.mark.parametrize("name", NAMES)
def test_no_key_means_two_things_on_one_screen(name):
    pressed = [key for scope in ("global", name, "list", "record") for key, _ in dict.fromkeys(_single(scope))]
    in_lists = {key for key, _ in _single("list")}
    twice = {key for key in pressed if pressed.count(key) > 1} - (in_lists & {key for key, _ in _single("record")})
    assert not twice
    assert not {str(spec.number) for spec in SCREENS} & set(pressed)


def test_every_key_is_explained():
    for key in KEYS:
        assert key.label, key
        assert cell_len(key.label) <= 16, key
        assert key.help.endswith("."), key
        assert len(key.help) > 8, key


@pytest.mark.parametrize("spec", SCREENS, ids=NAMES)
def test_every_action_of_a_screen_exists(spec):
    screen = spec.load()
    assert spec.name == type(screen).NAME
    for key in keys_of(spec.name):
        assert hasattr(screen, f"action_{key.action}"), key
    bound = BindingsMap(type(screen).BINDINGS).key_to_bindings
    assert {name for name, _ in _single(spec.name)} <= set(bound)


def test_every_action_that_works_everywhere_exists():
    for key in keys_of("global"):
        assert hasattr(SdeApp, f"action_{key.action}"), key


@pytest.mark.parametrize(("scope", "widget"), [("list", LineList), ("record", RecordView)])
def test_every_action_of_a_widget_exists(scope, widget):
    for key in keys_of(scope):
        assert hasattr(widget, f"action_{key.action.partition('(')[0]}"), key


@pytest.mark.parametrize("spec", SCREENS, ids=NAMES)
def test_a_reason_belongs_to_a_key(spec):
    actions = {key.action for key in KEYS}
    for owner in (type(spec.load()), SdeApp):
        for name in dir(owner):
            if name.startswith("why_not_"):
                assert name.removeprefix("why_not_") in actions, name


@pytest.mark.parametrize("name", NAMES)
def test_the_footer_shows_at_most_six_keys_help_first_and_fits(name):
    shown = footer_keys(name)
    assert shown[0].action == "help"
    assert 3 <= len(shown) <= 6
    assert sum(cell_len(f" ({key.shown} {key.label}) ") for key in shown) <= 80


def test_the_readme_table_holds_every_key():
    table = markdown_table([(spec.name, spec.title) for spec in SCREENS])
    for key in KEYS:
        assert key.help in table
        for name in key.key.split(","):
            assert f"`{shown_key(name)}`" in table
    assert table.count("\n") == len(KEYS) + 2


def test_keys_are_written_as_people_write_them():
    assert [shown_key(name) for name in ("question_mark", "ctrl+p", "a", "pagedown")] == ["?", "^p", "a", "pgdn"]
