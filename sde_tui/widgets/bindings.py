"""From the table of keys to Textual's bindings."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

from sde_tui.keys import Key, keys_of

_ABOVE_FIELDS = ("escape", "f1", "tab", "shift+tab")


def widget_bindings(keys: Iterable[Key]) -> list[BindingType]:
    """Bindings of a widget's own actions."""
    return [Binding(key.key, key.action, key.label, show=False) for key in keys]


def screen_bindings(scope: str) -> list[BindingType]:
    """Bindings of a screen's keys; they go through `action_do`, which says why where a key can do nothing."""
    return [Binding(key.key, f"do('{key.action}')", key.label, show=False) for key in keys_of(scope)]


def dialog_bindings(scope: str) -> list[BindingType]:
    """Bindings of a dialog's keys; what no field takes as text, or needs for editing, acts before a field that has the focus sees it."""
    return [
        Binding(name, f"do('{key.action}')", key.label, show=False, priority=name in _ABOVE_FIELDS or name.startswith("ctrl+"))
        for key in keys_of(scope)
        for name in key.key.split(",")
    ]
