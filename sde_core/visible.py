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


def cells_of(text: str) -> int:
    """How many columns of a terminal a visible text takes: two for each wide character, none for combining ones and joiners."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def in_column(text: str, width: int) -> str:
    """A visible text in exactly `width` columns: filled up with spaces, or cut and ending in "…"."""
    if cells_of(text) > width:
        end, used = 0, 0
        while end < len(text) and (used := used + _cells(text[end])) < width:
            end += 1
        text = f"{text[:end]}…"
    return text + " " * (width - cells_of(text))


def in_lines(text: str, width: int, indent: str = "") -> str:
    """A visible text over lines of at most `width` columns, broken at spaces only; all but the first begin with `indent`."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else f"{lines[-1]}{word}"
        if cells_of(longer) > width and lines[-1].strip():
            lines.append(indent + word)
        else:
            lines[-1] = longer
    return "\n".join(lines)
