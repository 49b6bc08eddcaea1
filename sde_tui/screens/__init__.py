"""The screens, by number key.

How to add a screen (say 4 Duplicates):

1. `sde_tui/session_duplicates.py`: `class DuplicatesPart` that takes the session. It calls the engine: short work inline, longer work by
   `session.lanes.thread("duplicates", "comparing rows", work, done)` where `work(cancel, progress)` runs in the thread and `done(value)` on the
   event loop; long work as a job (`sde_core.jobs.launch`, then `session.jobs.watch()`). One line in `PARTS` of `session.py` makes it
   `session.duplicates`. It publishes `session.signals.…` when something changed.
2. `sde_tui/screens/duplicates.py`: `class DuplicatesScreen(SdeScreen)` with `NAME = "duplicates"` and `BINDINGS = screen_bindings("duplicates")`,
   `compose_content()` that yields widgets, `refresh_content(change)` that brings them up to date (called when the screen is shown, and when a
   signal was published while it is), and `what_now()`: one line, state and the next best key. No engine function here: `self.session.…`.
   A method `action_NAME` for each key; `why_not_NAME` where a key may have nothing to do.
3. Its keys in `keys.py`, scope "duplicates": at most five with a rank, `?` comes by itself. One line in `SCREENS` below.

What is there to use: `ItemList` (headings and items with a cursor) and `LineView` for drawing lines (`widgets/lines.py`; spans are
(text, ink) pairs, the inks are in `theme.py`, `fit` cuts and pads by cells), `RecordTable`, `RecordView`;
`self.session.records.drill(rows, title, screen=NAME)` opens rows in Records, and backspace comes back;
`self.ask(question, then)` asks y/n, `self.choose(title, options, then)` offers a list, `self.prompt(title, then)` asks for a line of text;
`self.flash(text)` says one line. Decide with `session.decisions.accept(rows, reason)`, `.reject`, `.clear`, `.edit`.
Everything from data passes `sde_core.visible.visible` before it becomes a span.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sde_tui.screens.base import SdeScreen


@dataclass(frozen=True, slots=True)
class ScreenSpec:
    """One screen.

    Attributes:
        number: Its number key.
        name: Its scope in `keys.py`.
        title: On its tab.
        short: On its tab where there is little room.
        path: "module:Class", imported when first shown.
    """

    number: int
    name: str
    title: str
    short: str
    path: str

    def load(self) -> SdeScreen:
        """A new screen."""
        module, _, class_name = self.path.partition(":")
        screen: SdeScreen = getattr(importlib.import_module(module), class_name)()
        return screen


SCREENS: tuple[ScreenSpec, ...] = (
    ScreenSpec(1, "overview", "Overview", "Over", "sde_tui.screens.overview:OverviewScreen"),
    ScreenSpec(2, "records", "Records", "Recs", "sde_tui.screens.records:RecordsScreen"),
    ScreenSpec(3, "balance", "Balance", "Bal", "sde_tui.screens.balance:BalanceScreen"),
    ScreenSpec(4, "duplicates", "Duplicates", "Dups", "sde_tui.screens.duplicates:DuplicatesScreen"),
    ScreenSpec(5, "formats", "Formats", "Form", "sde_tui.screens.formats:FormatsScreen"),
    ScreenSpec(6, "rules", "Rules", "Rules", "sde_tui.screens.rules:RulesScreen"),
    ScreenSpec(7, "select", "Select", "Sel", "sde_tui.screens.select:SelectScreen"),
    ScreenSpec(8, "design", "Design", "Des", "sde_tui.screens.design:DesignScreen"),
    ScreenSpec(9, "train", "Train", "Train", "sde_tui.screens.train:TrainScreen"),
)
