"""What parts have in common that compute something of all rows in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from sde_core.errors import CancelledError, SdeError

if TYPE_CHECKING:
    from sde_tui.session import Session

Found = TypeVar("Found")


def found_or_error(work: Callable[[], Found]) -> Found | SdeError:
    """What the work finds, or the error that it states for the user, where that is to stand in the place of what was to be found.

    Raises:
        CancelledError: When it was stopped.
    """
    try:
        return work()
    except CancelledError:
        raise
    except SdeError as error:
        return error


class WorkPart:
    """Computes something of all rows, in a lane of its own.

    Attributes:
        lane: The purpose of its thread.
        needs: What has to wait for all rows, with its verb: "counting needs".
    """

    lane: ClassVar[str]
    needs: ClassVar[str]

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def running(self) -> bool:
        """Whether it is being computed now."""
        return self._session.lanes.running(self.lane) is not None

    def running_words(self) -> str:
        """How far the computing is and how it is stopped, "" while nothing runs."""
        task = self._session.lanes.running(self.lane)
        return "" if task is None else f"{task.shown()}; ctrl+x stops."

    def why_not_run(self) -> str:
        """Why computing cannot start now, "" where it can."""
        return self._session.still_reading(self.needs) or self.running_words()
