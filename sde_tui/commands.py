"""What the palette offers and what `?` shows, from the table of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_tui.keys import DIALOG_TITLES, SCOPE_TITLES, Key, keys_of, shown_key
from sde_tui.screens import SCREENS, ScreenSpec
from sde_tui.screens.search_list import Entry
from sde_tui.widgets.spans import fit

if TYPE_CHECKING:
    from sde_tui.screens.base import SdeScreen
    from sde_tui.screens.keyed import Keyed

KEY_CELLS = 11
LABEL_CELLS = 16


def palette_entries(screen: SdeScreen) -> list[Entry]:
    """Every action that is possible on this screen now, and the other screens."""
    possible = [key for scope in (screen.NAME, "global") for key in keys_of(scope) if key.action != "palette" and not screen.why_not(key)]
    own = [key for key in possible if key.scope != "global"]
    entries = [_action_entry(key) for key in own]
    entries += [_screen_entry(spec) for spec in SCREENS if spec.name != screen.NAME]
    entries += [_action_entry(key) for key in possible if key not in own]
    return entries


def _action_entry(key: Key) -> Entry:
    return Entry([(key.shown.ljust(KEY_CELLS), "accent"), (key.label.ljust(LABEL_CELLS), "text"), (key.help, "dim")], ("do", key.action), key.help)


def _screen_entry(spec: ScreenSpec) -> Entry:
    line = [(str(spec.number).ljust(KEY_CELLS), "accent"), (spec.title.ljust(LABEL_CELLS), "text"), ("Go to this screen.", "dim")]
    return Entry(line, ("screen", spec.name))


def jump_entries(typed: str, rows: int) -> list[Entry]:
    """ "row 4211" as an entry, where there is such a row."""
    words = typed.lower().replace(",", "").split()
    number = words[-1] if words else ""
    if not number.isdecimal() or words[:-1] not in ([], ["row"], [":row"]):
        return []
    if int(number) >= rows:
        return [Entry([(f"There is no row {int(number):,}: rows go from 0 to {rows - 1:,}.", "warn")], ("nothing", 0))]
    return [
        Entry(
            [("enter".ljust(KEY_CELLS), "accent"), (f"row {int(number):,}".ljust(LABEL_CELLS), "text"), ("Go to this row.", "dim")],
            ("row", int(number)),
        )
    ]


def help_entries(screen: Keyed, focused_scope: str) -> list[Entry]:
    """All keys of a screen, those of the focused widget first; what can do nothing now says why."""
    titles = {**{spec.name: f"{spec.number} {spec.title}" for spec in SCREENS}, **DIALOG_TITLES}
    sections = [(titles.get(screen.NAME, screen.NAME), keys_of(screen.NAME))]
    sections += [(SCOPE_TITLES[focused_scope], keys_of(focused_scope))] if focused_scope else []
    sections += [(DIALOG_TITLES.get(screen.SHARED_SCOPE, "Everywhere"), keys_of(screen.SHARED_SCOPE))]
    entries: list[Entry] = []
    for title, keys in sections:
        entries.append(Entry([(title, "header")]))
        entries += [_help_entry(screen, key) for key in keys]
    if screen.SHARED_SCOPE != "global":
        return entries
    entries.append(
        Entry([(f"{SCREENS[0].number}–{SCREENS[-1].number}".ljust(KEY_CELLS), "accent"), ("The screens, by number.", "text")], ("nothing", 0))
    )
    return entries


def _help_entry(screen: Keyed, key: Key) -> Entry:
    keys = " ".join(shown_key(name) for name in key.key.split(","))
    reason = screen.why_not(key) if key.scope not in SCOPE_TITLES else ""
    spans = [(fit(keys, KEY_CELLS - 1) + " ", "dim" if reason else "accent"), (key.help, "dim" if reason else "text")]
    if reason:
        spans.append((f"  Not now: {reason}", "warn"))
    note = key.help + (f" Not now: {reason}" if reason else "")
    return Entry(spans, ("do", key.action) if key.scope not in SCOPE_TITLES else ("nothing", 0), note)
