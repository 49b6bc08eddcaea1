"""What screens and dialogs share: keys of the table that act, or say why they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from sde_tui.keys import Key
from sde_tui.widgets.chrome import FlashLine
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from textual.app import App

    from sde_tui.app import SdeApp


class Keyed:
    """Has keys of its own in the table, and others that it shares with its like."""

    if TYPE_CHECKING:

        @property
        def app(self) -> App[Any]: ...

    NAME: ClassVar[str] = ""
    """Its scope in the table of keys."""
    SHARED_SCOPE: ClassVar[str] = "global"
    """The scope of the keys that it shares."""

    @property
    def sde_app(self) -> SdeApp:
        """The app."""
        return cast("SdeApp", self.app)

    def why_not(self, key: Key) -> str:
        """Why a key can do nothing now, "" where it can."""
        owner = self.owner_of(key.action)
        reason = getattr(owner, f"why_not_{key.action}", None) if owner is not None else None
        return reason() if reason is not None else ""

    def owner_of(self, action: str) -> Any:
        """Who has the action: this screen, or else the app."""
        return next((owner for owner in (self, self.app) if hasattr(owner, f"action_{action}")), None)

    async def action_do(self, action: str) -> None:
        """Does what a key stands for, or says why not."""
        await self.sde_app.do(self, action)

    def flash(self, message: str, ink: str = "text") -> None:
        """Says one line, until the next key."""
        self.sde_app.flash(message, ink)

    def what_now(self) -> Line:
        """State and the next best key, in one line."""
        return ()

    def refresh_message(self) -> None:
        """What just happened, or what to do now."""
        flash = self.sde_app.flashed
        line = self.query_one("#flash", FlashLine)
        if flash:
            line.show_message(*flash)
        else:
            line.show([(" ", "dim"), *self.what_now()])

    def refresh_frame(self) -> None:
        """Brings message and keys up to date."""
        raise NotImplementedError
