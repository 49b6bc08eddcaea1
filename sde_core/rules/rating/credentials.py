"""The key of an endpoint: read from where it is kept, and kept out of everything that is written."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sde_core.errors import UsageError
from sde_core.visible import visible

_LONGEST = 4096
_USUAL_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,60}")


def read_key(variable: str = "", file: Path | None = None) -> str:
    """The key, "" where neither place is named.

    Args:
        variable: Name of an environment variable.
        file: A file that holds nothing else.

    Raises:
        UsageError: When the named place holds no key; the message never holds what is there.
    """
    if file is not None:
        return _checked(_content(file), f"The file {visible(str(file), 80)}")
    if not variable:
        return ""
    if variable not in os.environ:
        shown = f"variable {variable!r}" if _USUAL_NAME.fullmatch(variable) else "variable of the given name"  # which may be the key itself
        raise UsageError(
            f"There is no environment {shown}.",
            "Give the variable's name, not the key itself, and set it: export NAME=… (a job takes it from where it is started).",
        )
    return _checked(os.environ[variable], f"The environment variable {variable}")


def scrubbed(text: str, key: str) -> str:
    """The text with every occurrence of the key masked: some servers repeat it in their errors."""
    return text.replace(key, "[key]") if key else text


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST + 1).decode("ascii", "replace")
    except OSError as error:
        raise UsageError(
            f"The key file {visible(str(file), 80)} cannot be read: {error.strerror}.", "Name a file that holds the key alone."
        ) from error


def _checked(found: str, place: str) -> str:
    key = found.strip()
    if not key or len(key) > _LONGEST or not all(0x21 <= ord(character) <= 0x7E for character in key):
        raise UsageError(f"{place} holds no key.", "A key is one word of plain characters, and nothing stands beside it.")
    return key
