"""Hidden characters in an editor: each stands as one symbol of its own, so that saving puts back what was not touched.

A terminal must never see a control character, an editor must not lose one. Each hidden character gets a symbol that the text does not hold:
its control picture where that is free, else a character of the private use area.
"""

from __future__ import annotations

from sde_core.visible import visible

_PRIVATE = range(0xE000, 0xF8FF)


def shown_controls(text: str) -> tuple[str, dict[str, str]]:
    """The text with a symbol for each hidden character, and what each symbol stands for.

    Line feeds stay, and nothing else that moves a cursor.
    """
    hidden = sorted({character for character in text if character != "\n" and visible(character) != character})
    free = (chr(code) for code in _PRIVATE if chr(code) not in text)
    symbols: dict[str, str] = {}
    for character in hidden:
        picture = visible(character)
        symbol = picture if len(picture) == 1 and picture not in text and picture not in symbols else next(free)
        symbols[symbol] = character
    return text.translate({ord(character): symbol for symbol, character in symbols.items()}), symbols


def hidden_again(text: str, symbols: dict[str, str]) -> str:
    """The text with the hidden characters back in place of their symbols."""
    return text.translate({ord(symbol): character for symbol, character in symbols.items()})
