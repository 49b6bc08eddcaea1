"""What a key is, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one scope.

    Attributes:
        scope: "global", a screen's or a dialog's name, "dialog" (any dialog), or a widget's scope ("list": any list or table; "record": the
            record's text).
        key: Textual's name for it; several keys for one action are separated by commas, the first is the one shown.
        action: The action's name without `action_`.
        label: One or two words for the footer and the palette.
        help: One sentence for the `?` screen and the README.
        rank: Place in the footer among the keys of its scope, 1 first; 0 keeps it out.
    """

    scope: str
    key: str
    action: str
    label: str
    help: str
    rank: int = 0

    @property
    def shown(self) -> str:
        """The key as people write it."""
        return shown_key(self.key.split(",")[0])


_NAMES = {
    "question_mark": "?", "colon": ":", "slash": "/", "exclamation_mark": "!", "asterisk": "*", "space": "space", "left_square_bracket": "[",
    "right_square_bracket": "]", "plus": "+", "minus": "-", "equals_sign": "=", "pagedown": "pgdn", "pageup": "pgup", "escape": "esc",
    "comma": ",", "full_stop": ".", "less_than_sign": "<", "greater_than_sign": ">", "delete": "del",
    "down": "↓", "up": "↑", "left": "←", "right": "→",
}  # fmt: skip


def shown_key(key: str) -> str:
    """A key's name as people write it: "?" for question_mark, "^p" for ctrl+p."""
    return _NAMES.get(key) or key.replace("ctrl+", "^")


def types_a_character(key: str) -> bool:
    """Whether a field that one types into takes the key as text."""
    shown = shown_key(key)
    return key == "space" or (len(shown) == 1 and shown.isascii())
