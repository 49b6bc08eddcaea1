"""Plain text: every token of it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.layout import label_of, text_of
from sde_core.dataset.turns import TEXT, Turn, Turns

_NAMES = ("text", "content", "document", "body", "markdown")


class TextLayout:
    """Rows with one text, or with nothing that any other layout knows: then the longest string field is the text."""

    name = "text"

    def detect(self, sample: Sequence[Any]) -> Mapping[str, str] | None:
        """A field of a usual name, else the field with the most text."""
        if sum(isinstance(value, str) for value in sample) > len(sample) / 2:
            return {"text": ""}
        lengths: dict[str, int] = {}
        for value in sample:
            for name, content in value.items() if isinstance(value, dict) else ():
                if isinstance(content, str):
                    lengths[name] = lengths.get(name, 0) + len(content)
        if not lengths:
            return None
        return {"text": next((name for name in _NAMES if name in lengths), max(lengths, key=lambda name: lengths[name]))}

    def turns(self, value: Any, roles: Mapping[str, str]) -> Turns:
        """One turn with the whole text."""
        if isinstance(value, str):
            return Turns((Turn(TEXT, value),))
        field = roles.get("text", "text")
        if not isinstance(value, dict) or field not in value:
            return Turns((), label=label_of(value, roles))
        return Turns((Turn(TEXT, text_of(value[field]), (field,)),), label=label_of(value, roles))
