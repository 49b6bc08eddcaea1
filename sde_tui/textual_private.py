"""The one place of the app that touches private parts of Textual, which is therefore pinned exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App

from sde_tui.painter import Painter, Placed


class PaintedUpdate(CompositorUpdate):
    """An update whose bytes are known."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: Any) -> Iterator[Segment]:
        yield Segment(self.text)

    def render_segments(self, console: Console) -> str:
        """The bytes."""
        return self.text


def is_drawing(app: App[Any]) -> bool:
    """Whether an update that the app is given now goes to a terminal."""
    driver = app._driver
    return bool(app._running and not app._closed and not app._batch_count and not app.is_headless and driver is not None and not driver.is_inline)


def painter_for(app: App[Any]) -> Painter:
    """A painter in the colours of the app's terminal."""
    from rich.color import ColorSystem

    return Painter(app.console._color_system or ColorSystem.TRUECOLOR)


def placed_strips(update: Any) -> Iterator[Placed] | None:
    """What an update draws where; None for a kind of update that is not known."""
    if isinstance(update, LayoutUpdate):
        return _of_layout(update)
    return _of_chops(update) if isinstance(update, ChopsUpdate) else None


def _of_layout(update: LayoutUpdate) -> Iterator[Placed]:
    for y, line in enumerate(update.strips, update.region.y):
        yield update.region.x, y, [segment for strip in line for segment in strip]


def _of_chops(update: ChopsUpdate) -> Iterator[Placed]:
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > last or end <= first:
                continue
            whole = last > x >= first and end <= last
            yield x, y, strip if whole else strip.crop(0, min(end, last) - x)
