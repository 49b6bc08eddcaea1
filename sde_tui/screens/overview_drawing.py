"""The lines of the Overview."""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.visible import visible
from sde_tui.session_overview import FileFacts, Problem, Silenced, Step
from sde_tui.widgets.record_table import SEVERITY_GLYPHS, STATUS_GLYPHS
from sde_tui.widgets.spans import Line, Span, fit

_BEFORE_TITLE = 12
"""Cells before a problem's title: glyph and number of rows."""
_SHARE = 9
"""Cells for the share of the damage, before the key."""
_KEY = 3
"""Cells for the key where the name of its screen has no room."""
_ADVICE_CELLS = 24
"""In less room than this advice would be cut to nothing; it stands in the message line anyway."""
_LEGEND = tuple(span for name, words in (("error", "error"), ("warning", "warning"), ("info", "look"))
                for span in (SEVERITY_GLYPHS[name], (f" {words}  ", "dim")))  # fmt: skip


def fact_lines(facts: FileFacts, width: int) -> Sequence[Line]:
    """What the file is."""
    names = {"path": facts.path, "holds": facts.holds, "layout": facts.layout, "texts": facts.texts, "decided": facts.decided}
    lines: list[Line] = []
    for name, value in names.items():
        if value:
            ink = "strong" if name == "path" else "text"
            lines.append([(f" {name:<8} ", "dim"), (fit(visible(value), width - 11).rstrip(), ink)])
    for bad in facts.bad_lines:
        glyph, ink = STATUS_GLYPHS["rejected"]
        lines.append([(" " * 10, "text"), (f"{glyph} " + fit(visible(bad), width - 14).rstrip(), ink)])
    return lines


def problems_head(width: int, tab_width: int) -> Line:
    """The heading of the problems: what the signs mean, and the columns at the right edge."""
    title: list[Span] = [(" What is wrong, worst first   ", "header"), *_LEGEND]
    taken = sum(len(text) for text, _ in title)
    return [*title, (" " * max(width - taken - _SHARE - tab_width, 1), "text"), ("damage   key", "dim")]


def tab_width(problems: Sequence[Problem], tabs: Sequence[str], width: int) -> int:
    """Room for the key and the whole name of its screen where no title is cut for that, else for the key alone."""
    whole = max(len(tab) for tab in tabs) + 1
    return whole if _longest_title(problems) <= width - _BEFORE_TITLE - 2 - _SHARE - whole else _KEY


def problem_line(problem: Problem, width: int, title_width: int, tab: str, tab_width: int) -> Line:
    """Glyph, rows, what it is, what to do about it, its share of the damage, and the key of the screen that deals with it."""
    glyph, ink = SEVERITY_GLYPHS[problem.severity]
    count = f"{problem.rows:,}" if problem.rows else "file"
    left = width - _BEFORE_TITLE - title_width - _SHARE - tab_width - 2
    shown = tab if tab_width > _KEY else tab[:1]
    advice = fit(visible(problem.advice), left) if left >= _ADVICE_CELLS else " " * max(left, 0)
    share = f"{round(problem.damage * 100)} %" if problem.damage >= 0.005 else "<1 %"
    return [
        (f" {glyph} ", ink), (f"{count:>7}  ", ink), (fit(visible(problem.title), title_width) + "  ", "text"), (advice, "dim"),
        (f"{share:>6}   ", "dim"), (fit(shown, tab_width), "accent"),
    ]  # fmt: skip


def title_width(problems: Sequence[Problem], width: int, tab_width: int) -> int:
    """Room for the titles: as much as the longest wants and the window has."""
    return min(_longest_title(problems), width - _BEFORE_TITLE - _SHARE - tab_width - 2)


def _longest_title(problems: Sequence[Problem]) -> int:
    return max(len(visible(problem.title)) for problem in problems)


def silenced_line(silenced: Silenced, width: int) -> Line:
    """How many rows a check's silenced findings touch, and why they may stand."""
    words = f"{silenced.title} — {silenced.reason}"
    count = f"{silenced.rows:,}" if silenced.rows else "file"
    return [("   ", "dim"), (f"{count:>7}  ", "dim"), (fit(visible(words), width - _BEFORE_TITLE - 1).rstrip(), "dim")]


def step_line(step: Step, width: int) -> Line:
    """A next step and its key."""
    return [(f"  {step.key:<3}", "accent"), (fit(step.words, width - 6).rstrip(), "text")]
