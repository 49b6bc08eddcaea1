"""Keys one at a time, each done before the next begins.

Over a slow link "/citrus" arrives in one piece. Textual would hand all of it to the widget that had the focus at first, and the letters after
the slash would accept and reject rows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from textual import events
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from textual.app import App

_LOOK_SECONDS, _LOOKS = 1.0, 20
"""A widget that hangs for all of these does not hold up the keyboard. A slow machine takes seconds to build a screen, and the keys typed meanwhile
must not go to the screen before it.
"""

Handle = Callable[[events.Event], Awaitable[None]]


class TypeAhead:
    """Holds keys back until the one before has passed through every widget that might take it.

    Args:
        app: Whose keys these are.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: deque[tuple[events.Key, Handle]] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, event: events.Key, handle: Handle) -> None:
        """Has the key handled in its turn."""
        self._waiting.append((event, handle))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._pass_on())
            self._task.add_done_callback(self._ended)

    @property
    def done(self) -> bool:
        """Whether every key has done what it does."""
        return self._task is None or self._task.done()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._app._handle_exception(error)

    async def _pass_on(self) -> None:
        while self._waiting:
            event, handle = self._waiting.popleft()
            screen = self._app.screen
            target = screen.focused or screen
            await handle(event)
            # what a widget does not take goes up to its parent's queue, and at last to the app's, where screen keys act
            for node in target.ancestors_with_self:
                await _emptied(node)
            if self._app.is_running and self._app.screen is not screen:
                await _emptied(self._app.screen)


async def _emptied(pump: MessagePump) -> None:
    """Waits until a widget has handled what lies in its queue, or is gone."""
    done = asyncio.Event()
    for _ in range(_LOOKS if pump.call_later(done.set) else 0):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(done.wait(), _LOOK_SECONDS)
        if done.is_set() or not pump.is_running:
            return
