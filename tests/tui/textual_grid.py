"""The only place in the tests that reads Textual's private parts: what stands on the screen, as lines of text."""

from __future__ import annotations

from textual.app import App


def screen_lines(app: App) -> list[str]:
    """The screen as text, one string a line, trailing blanks cut."""
    strips = app.screen._compositor.render_strips()
    return ["".join(strip.text for strip in line).rstrip() for line in strips]
