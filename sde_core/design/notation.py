"""How a piece of text stands in an answer: bare where nothing in it can be taken for a delimiter, else as a JSON string, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Form = Literal["bare", "quoted", "json"]
TARGET_STOPS = (": ",)
VALUE_STOPS = (", ", "; ", " (", " [")
DESCRIPTION_STOPS = (")",)
ROLE_STOPS = (": ",)
DETAIL_STOPS = (", ", "]")
_OPENERS = ('"', "'", "(", "[", "{")
_JSON = json.JSONDecoder(strict=False)


class NotationError(ValueError):
    """Text that is not what was expected; the message says what was."""


def written(text: str, stops: Collection[str], *, quote: str = "", reserved: Collection[str] = ()) -> str:
    """The text as it can be read back before any of the stops.

    Args:
        text: Any text.
        stops: What ends a bare text.
        quote: What it stands in by the task's own custom, "" for nothing.
        reserved: Words that mean something else when they are not a JSON string.
    """
    if text in reserved or "\n" in text:
        return json_text(text)
    if quote:
        return f"{quote}{text}{quote}" if quote not in text else json_text(text)
    is_plain = text and text == text.strip() and not text.startswith(_OPENERS) and not any(_meets(text, stop) for stop in stops)
    return text if is_plain else json_text(text)


def _meets(text: str, stop: str) -> bool:
    """Whether the stop is in the text, or may begin at its end and go on in what follows."""
    return stop in text or any(text.endswith(stop[:length]) for length in range(1, len(stop)))


def json_text(value: object) -> str:
    """A value as JSON on one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False)


@dataclass
class Scanner:
    """Reads an answer from left to right.

    Attributes:
        text: What is read.
        at: How far it was read, in characters.
    """

    text: str
    at: int = 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    def take(self, sign: str) -> bool:
        """Steps over the sign where it comes next; whether it did."""
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found

    def expect(self, sign: str) -> None:
        """Steps over the sign.

        Raises:
            NotationError: When something else comes next.
        """
        if not self.take(sign):
            raise NotationError(f"{sign.strip() or 'a blank'!r} was expected after {self.text[: self.at][-20:]!r}")

    def word(self, stops: Collection[str], quote: str = "") -> tuple[str, Form]:
        """The next piece of text and how it stood there.

        Raises:
            NotationError: When it is empty, or what it stands in is not closed.
        """
        if self.text.startswith('"', self.at):
            return self._json_string(), "json"
        if quote and self.take(quote):
            end = self.text.find(quote, self.at)
            if end < 0:
                raise NotationError(f"a closing {quote} is missing")
            quoted, self.at = self.text[self.at : end], end + len(quote)
            return quoted, "quoted"
        ends = [found for stop in stops if (found := self.text.find(stop, self.at)) >= 0]
        end = min(ends, default=len(self.text))
        bare, self.at = self.text[self.at : end], end
        if not bare.strip():
            raise NotationError("a text is empty")
        return bare, "bare"

    def _json_string(self) -> str:
        try:
            value, self.at = _JSON.raw_decode(self.text, self.at)
        except ValueError as error:
            raise NotationError("a string is not closed") from error
        return str(value)
