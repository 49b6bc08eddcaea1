"""What the dialogs of comparisons share: stopping and going on, the other comparisons, the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sde_tui.screens.dialogs import ConfirmScreen
from sde_tui.session_shown_comparison import ShownComparison

if TYPE_CHECKING:
    from sde_tui.screens.dialogs import Dialog

    _Base = Dialog[Any]
else:
    _Base = object


class ComparisonVerbs(_Base):
    """What a dialog does that shows a comparison whose runs finish one by one."""

    _part: ShownComparison[Any]

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
