"""The only place in the tests that reads private parts of Textual and asyncio: what stands on the screen, and whether more is to come."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App
from textual.screen import Screen


def screen_lines(app: App) -> list[str]:
    """The screen as text, one string a line, trailing blanks cut."""
    strips = app.screen._compositor.render_strips()
    return ["".join(strip.text for strip in line).rstrip() for line in strips]


async def all_waiting() -> None:
    """Lets every task run until it waits for something that no other task does: a thread, a timer, a terminal."""
    ready = asyncio.get_running_loop()._ready
    await asyncio.sleep(0)
    while ready:
        await asyncio.sleep(0)


def drawing_is_held_back(app: App) -> bool:
    """Whether changes are gathered and not drawn: Textual does so for a moment after a change of modes."""
    return app._batch_count > 0


def draw_what_waits(screen: Screen[Any]) -> bool:
    """Does now what the screen would do at the next tick of its timer; whether there was anything."""
    undrawn = screen._layout_required or screen._scroll_required or screen._repaint_required or screen._recompose_required or screen._dirty_widgets
    if screen._callbacks or (undrawn and screen.is_current and not screen.app._batch_count):
        screen._on_timer_update()
        return True
    return False
