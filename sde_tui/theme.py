"""Colours: one accent, and meaning always in a glyph or a word as well.

The inks are colours of the 256-colour palette, which take half the bytes of others and look the same over SSH.
"""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="sde-dark",
    primary="#87AFD7",
    secondary="#87AFD7",
    accent="#87AFD7",
    warning="#D7AF5F",
    error="#D7875F",
    success="#87AF87",
    foreground="#D0D0D0",
    background="#161A1E",
    surface="#161A1E",
    panel="#20262C",
    dark=True,
    variables={
        "bar": "#3A444E", "ink-dim": "#8A8A8A", "ink-strong": "#EEEEEE", "cursor": "#2E4257", "cursor-blurred": "#232A31", "ink-user": "#AFAFD7",
        "ink-system": "#AFAF87", "ink-assistant": "#AFD7AF", "ink-tool": "#AF87AF", "input-selection-background": "#87AFD7 35%",
    },
)  # fmt: skip
LIGHT = Theme(
    name="sde-light",
    primary="#2F5F8A",
    secondary="#2F5F8A",
    accent="#2F5F8A",
    warning="#8A5A00",
    error="#A8322D",
    success="#35683A",
    foreground="#262B30",
    background="#F7F6F2",
    surface="#F7F6F2",
    panel="#E6E4DC",
    dark=False,
    variables={
        "bar": "#C4C1B6", "ink-dim": "#666D73", "ink-strong": "#000000", "cursor": "#C9DAEA", "cursor-blurred": "#E3E6E6", "ink-user": "#23517C",
        "ink-system": "#6A5F3E", "ink-assistant": "#2B5E30", "ink-tool": "#6B4478", "input-selection-background": "#2F5F8A 25%",
    },
)  # fmt: skip
TERMINAL = Theme(
    name="sde-terminal",
    primary="ansi_bright_blue",
    secondary="ansi_bright_blue",
    accent="ansi_bright_blue",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    luminosity_spread=0,
    text_alpha=1,
    ansi=True,
    variables={
        "ansi-background": "ansi_black", "ansi-foreground": "ansi_white", "border-blurred": "ansi_black", "bar": "ansi_bright_black",
        "input-cursor-background": "ansi_default", "input-cursor-foreground": "ansi_default", "input-cursor-text-style": "reverse",
        "ink-dim": "ansi_bright_black", "ink-strong": "ansi_default", "cursor": "ansi_blue", "cursor-blurred": "ansi_default",
        "ink-user": "ansi_cyan", "ink-system": "ansi_yellow", "ink-assistant": "ansi_green", "ink-tool": "ansi_magenta",
    },
)  # fmt: skip
THEMES = (DARK, LIGHT, TERMINAL)

INKS = (
    "text",
    "dim",
    "strong",
    "accent",
    "good",
    "warn",
    "bad",
    "cursor",
    "cursor-blurred",
    "header",
    "user",
    "system",
    "assistant",
    "tool",
    "match",
    "tab",
)
"""Names of the styles that widgets draw with."""


@lru_cache(maxsize=8)
def inks(theme_name: str) -> dict[str, Style]:
    """The Rich style for each ink in a theme; foreground only, but for cursors and matches."""
    theme = next(theme for theme in THEMES if theme.name == theme_name)
    named = theme.variables

    def colour(value: str | None) -> str | None:
        return None if value in (None, "ansi_default") else value

    def ink(value: str | None, **attributes: bool) -> Style:
        shown = colour(value)
        return Style(color=Color.parse(shown).rich_color if shown else None, **attributes)

    def on(back: str, fore: str | None = None, **attributes: bool) -> Style:
        return ink(fore, **attributes) + Style(bgcolor=Color.parse(back).rich_color if colour(back) else None)

    if theme.ansi:
        # the terminal's own colours may be anything; reversing them is always legible
        cursors = {"cursor": Style(reverse=True), "cursor-blurred": Style(bold=True, underline=True)}
    else:
        cursors = {"cursor": on(named["cursor"], named["ink-strong"]), "cursor-blurred": on(named["cursor-blurred"], named["ink-strong"])}
    return {
        **cursors,
        "text": ink(theme.foreground), "dim": ink(named["ink-dim"]), "strong": ink(named["ink-strong"], bold=True), "accent": ink(theme.accent),
        "good": ink(theme.success), "warn": ink(theme.warning), "bad": ink(theme.error),
        "header": ink(theme.accent, bold=True),
        "user": ink(named["ink-user"]), "system": ink(named["ink-system"]), "assistant": ink(named["ink-assistant"]), "tool": ink(named["ink-tool"]),
        "match": ink(named["ink-strong"], reverse=True), "tab": ink(theme.accent, reverse=True, bold=True),
    }  # fmt: skip
