"""From the table of keys to Textual's bindings."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

from sde_tui.keys import Key, keys_of


def widget_bindings(keys: Iterable[Key]) -> list[BindingType]:
    """Bindings of a widget's own actions."""
    return [Binding(key.key, key.action, key.label, show=False) for key in keys]


def screen_bindings(scope: str) -> list[BindingType]:
    """Bindings of a screen's keys; they go through `action_do`, which says why where a key can do nothing."""
    return [Binding(key.key, f"do('{key.action}')", key.label, show=False) for key in keys_of(scope)]
