"""1 Overview: what this file is, what is wrong with it, what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.widget import Widget

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.status import rows_read
from sde_tui.session_overview import FileFacts, Problem
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.record_table import SEVERITY_GLYPHS, STATUS_GLYPHS
from sde_tui.widgets.spans import Line, Span, fit

_PROBLEM_HEAD = 12
"""Cells before a problem's title: glyph and number of rows."""
_ADVICE_CELLS = 24
"""In less room than this advice would be cut to nothing; it stands in the message line anyway."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a line leads: a screen, the rows behind a check, one row, or an action."""

    kind: str
    name: str = ""
    row: int = 0


class OverviewScreen(SdeScreen):
    """Facts first, then problems worst first, then the next steps."""

    NAME = "overview"
    BINDINGS = screen_bindings("overview")
    DEFAULT_CSS = "OverviewScreen ItemList { height: 1fr; }"
    _cursor = 0
    """Where the cursor was put, to see whether the user moved it."""
    _all_problems = False

    def compose_content(self) -> Iterable[Widget]:
        yield ItemList(id="overview")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#overview"))

    def refresh_content(self, change: str) -> None:
        shown = self.query_one("#overview", ItemList)
        untouched = shown.cursor == self._cursor
        shown.set_items(self._items(shown.scrollable_content_region.width or 79))
        if untouched:
            # problems come in above the next steps: until the user moves, the cursor is on the worst
            shown.move_to(0)
            self._cursor = shown.cursor

    def what_now(self) -> Line:
        report = self.session.findings.report
        if not self.session.dataset.complete:
            return [(f"{rows_read(self.session)} so far; reading {int(self.session.read_share * 100)} %. 2 shows them already.", "dim")]
        if report is None:
            running = self.session.lanes.running("check")
            return [(f"{running.shown()}. 2 shows the rows meanwhile." if running else "Not checked yet: r runs all checks.", "dim")]
        target = self._target()
        problem = next((found for found in self.session.overview.problems() or () if target and found.check == target.name), None)
        if problem is not None and problem.advice:
            return [(visible(problem.advice), "text")]
        return [("enter shows what is behind a line; ", "dim"), ("2", "accent"), (" all rows; ", "dim"), ("?", "accent"), (" all keys", "dim")]

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        self.refresh_frame()

    # ---- lines

    def _items(self, width: int) -> list[Item]:
        facts = self.session.overview.facts(bad_lines=0 if self.has_class("-short") else 3)
        items = [Item(line) for line in _fact_lines(facts, width)]
        items += [Item([]), *self._problem_items(width), Item([]), *self._next_items(width)]
        if self.session.findings.report is None:
            items += [Item([]), Item([(" First rows", "header")]), *self._first_rows(width)]
        return items

    def _problem_items(self, width: int) -> list[Item]:
        problems = self.session.overview.problems()
        title: list[Span] = [(" What is wrong", "header")]
        if problems is None:
            running = self.session.lanes.running("check")
            words = running.shown() if running else "not checked yet" if self.session.dataset.complete else "checks start when the file has been read"
            return [Item([*title, (f"  {words}", "dim")])]
        if not problems:
            return [Item([*title, ("  nothing that the checks look for", "good")])]
        if self.session.findings.stale:
            title.append((f"  {self.session.findings.stale}", "warn"))
        shown = problems[: self._room_for_problems(len(problems))]
        title_width = min(max(len(visible(problem.title)) for problem in problems), width - _PROBLEM_HEAD - 5)
        items = [Item(title), *(Item(_problem_line(problem, width, title_width), Target("check", problem.check)) for problem in shown)]
        if len(shown) < len(problems):
            items.append(Item([(f"            … and {len(problems) - len(shown)} more", "dim")], Target("more")))
        return items

    def _room_for_problems(self, count: int) -> int:
        """How many problems leave the next steps in sight; all of them once the user asked."""
        taken = 9 + len(self.session.overview.next_steps())
        room = self.query_one("#overview").size.height - taken
        return count if self._all_problems or count <= room else max(room - 1, 3)

    def _next_items(self, width: int) -> list[Item]:
        items = [Item([(" What to do next", "header")])]
        for step in self.session.overview.next_steps():
            line: list[Span] = [(f"  {step.key:<3}", "accent"), (fit(step.words, width - 6).rstrip(), "text")]
            items.append(Item(line, Target("screen" if step.screen else "do", step.screen or step.action)))
        return items

    def _first_rows(self, width: int) -> list[Item]:
        items = []
        for row in range(min(len(self.session.dataset), 8)):
            cells = self.session.records.cells(row)
            text = f"cannot be read: {cells.prompt}" if cells.bad else cells.prompt + ("  → " + cells.answer if cells.answer else "")
            items.append(Item([(f"  {row:>3} ", "dim"), (fit(text, width - 7), "bad" if cells.bad else "text")], Target("row", row=row)))
        return items

    # ---- keys

    def _target(self) -> Target | None:
        return self.query_one("#overview", ItemList).value if self.is_mounted else None

    def why_not_open_line(self) -> str:
        return "" if self._target() is not None else "There is nothing behind this line."

    async def action_open_line(self) -> None:
        target = self._target()
        if target is None:
            return
        if target.kind == "check":
            rows, title = self.session.overview.rows_behind(target.name)
            if rows:
                self.session.records.drill(rows, title, screen=self.NAME)
            else:
                self.flash(self.session.overview.whole_file_words(target.name), "warn")
        elif target.kind == "more":
            self._all_problems = True
            self.refresh_content("more")
        elif target.kind == "row":
            self.session.records.jump(target.row)
            self.sde_app.show_screen("records")
        elif target.kind == "screen":
            self.sde_app.show_screen(target.name)
        else:
            await self.action_do(target.name)

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        await self.action_open_line()

    def action_check(self) -> None:
        self.session.findings.run()

    def why_not_check(self) -> str:
        if not self.session.dataset.complete:
            return "The file is still being read; checks need all of it."
        return "Checks are running already." if self.session.findings.running else ""

    def action_mapping(self) -> None:
        self.sde_app.push_mapping()

    def copied(self) -> tuple[str, str]:
        facts = self.session.overview.facts()
        return "the file's path", facts.path


def _fact_lines(facts: FileFacts, width: int) -> Sequence[Line]:
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


def _problem_line(problem: Problem, width: int, title_width: int) -> Line:
    """Glyph, rows, what it is, what to do about it, and the key of the screen that deals with it at the right edge."""
    glyph, ink = SEVERITY_GLYPHS[problem.severity]
    count = f"{problem.rows:,}" if problem.rows else "file"
    left = width - _PROBLEM_HEAD - title_width - 5
    advice = fit(visible(problem.advice), left) if left >= _ADVICE_CELLS else " " * max(left, 0)
    return [
        (f" {glyph} ", ink), (f"{count:>7}  ", ink), (fit(visible(problem.title), title_width) + "  ", "text"), (advice, "dim"),
        (f" {problem.number} " if problem.number else "   ", "accent"),
    ]  # fmt: skip
