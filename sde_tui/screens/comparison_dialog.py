"""What the dialogs of comparisons share: lines and words of what was found so far, stopping and going on, the others, the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sde_core.visible import visible
from sde_tui.screens.dialogs import Answer, ConfirmScreen
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.session_shown_comparison import ShownComparison
from sde_tui.widgets.lines import Item, ItemList
from sde_tui.widgets.spans import Line
from sde_tui.widgets.wrapping import wrapped


class ComparisonDialog(ListDialog[Answer]):
    """A dialog that shows a comparison whose runs finish one by one: its lines, and under them what may be said.

    A subclass gives both, and what stands in their place while nothing was found.
    """

    def __init__(self, part: ShownComparison[Any]) -> None:
        super().__init__()
        self._part = part

    def items_of(self, found: Any, width: int) -> Sequence[Item]:
        """The lines of what was found."""
        raise NotImplementedError

    def words_of(self, found: Any, chosen: object, width: int) -> Sequence[Line]:
        """What may be said of all, and of the line that was chosen."""
        raise NotImplementedError

    def why_empty(self) -> str:
        """What stands in the place of the lines."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._part.open(self.show)

    def new_list(self) -> ItemList:
        return ItemList()

    @property
    def list(self) -> ItemList:
        """The runs, and pairs of them."""
        return self.query_one(".list", ItemList)

    def fill_list(self) -> None:
        found, width = self._part.found, self.list.scrollable_content_region.width or 74
        if found is not None:
            self.list.set_items(self.items_of(found, width))
        else:
            self.list.set_items([Item([(line, "dim")]) for line in wrapped(visible(self.why_empty(), 400), width)])

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        found = self._part.found
        return self.words_of(found, self.list.value, width) if found is not None else []

    # ---- keys

    def action_stop(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._part.stop()

        details = ["Finished runs stay; r goes on with the one at hand from what it saved last."]
        self.app.push_screen(ConfirmScreen("Stop the comparison?", details), answered)

    def why_not_stop(self) -> str:
        return self._part.why_not_stop()

    def action_resume(self) -> None:
        self._part.resume()

    def why_not_resume(self) -> str:
        return self._part.why_not_resume()

    def action_older(self) -> None:
        self._part.other(1)

    def action_newer(self) -> None:
        self._part.other(-1)

    def why_not_older(self) -> str:
        return self._part.why_not_other(1)

    def why_not_newer(self) -> str:
        return self._part.why_not_other(-1)

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())
