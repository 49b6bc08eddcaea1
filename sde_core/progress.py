"""How long work reports itself and is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sde_core.errors import CancelledError

Progress = Callable[[int, "int | None"], None]
"""Called with (units done, units in all or None); cheap to call a few times a second."""


class Cancel(Protocol):
    """Anything with `is_set`, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether the user asked to stop."""
        ...


class _Never:
    def is_set(self) -> bool:
        return False


NEVER: Cancel = _Never()


def silent(done: int, total: int | None) -> None:
    """A `Progress` that tells no one."""


def raise_if_cancelled(cancel: Cancel) -> None:
    """Raises:
    CancelledError: When the user asked to stop.
    """
    if cancel.is_set():
        raise CancelledError
