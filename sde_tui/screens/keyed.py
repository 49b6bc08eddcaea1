"""What screens and dialogs share: keys of the table that act, or say why they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from sde_tui.keys import Key

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

    def refresh_frame(self) -> None:
        """Brings message and keys up to date."""
        raise NotImplementedError
