"""The one way from data to a screen.

Text of a dataset is hostile: an escape sequence in it would reach the terminal, a bidirectional control would reorder the line,
an invisible character would hide what the model is trained on. Everything that is shown passes `visible`.
"""

from __future__ import annotations

import unicodedata

_KEPT_FORMAT_CHARACTERS = {0x200C, 0x200D}
"""Zero-width joiners: Persian, Indic scripts and emoji are wrong without them, and they cannot move the cursor."""

_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}


class _SymbolTable(dict[int, "int | str"]):
    """Translation table for `str.translate`, filled as characters are met."""

    def __missing__(self, code: int) -> int | str:
        self[code] = shown = _symbol(code)
        return shown


def _symbol(code: int) -> int | str:
    if code < 0x20:
        return 0x2400 + code
    if code == 0x7F:
        return 0x2421
    if code in _KEPT_FORMAT_CHARACTERS:
        return code
    category = unicodedata.category(chr(code))
    if category == "Cs":
        return 0xFFFD
    if category in _UNSEEN:
        return f"<U+{code:04X}>"
    return code


_ONE_LINE = _SymbolTable({0x0A: "⏎", 0x0D: "␍", 0x09: "→"})
_MANY_LINES = _SymbolTable({0x0A: 0x0A, 0x0D: "␍", 0x09: "    "})


def visible(text: str, limit: int | None = None, *, keep_newlines: bool = False) -> str:
    """Text that is safe to write to any terminal, with what was unseen made visible.

    Control characters become their Unicode control pictures (ESC is ␛), other invisible or reordering characters become <U+XXXX>,
    lone surrogates become U+FFFD. Printable text is returned as it is.

    Args:
        text: Anything from a dataset, a file name, a model's reply or an error of a parser.
        limit: Longest result in characters; a longer text is cut and ends in "…".
        keep_newlines: Keep line feeds and widen tabs, for text that is shown over several lines.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)]
        cut = True
    else:
        cut = False
    if not text.isprintable():
        text = text.translate(_MANY_LINES if keep_newlines else _ONE_LINE)
    if limit is not None and len(text) + cut > limit:
        text, cut = text[: max(limit - 1, 0)], True
    return text + "…" if cut else text
