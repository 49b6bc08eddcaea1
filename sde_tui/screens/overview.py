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

    def compose_content(self) -> Iterable[Widget]:
        yield ItemList(id="overview")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#overview"))

    def refresh_content(self, change: str) -> None:
        if change == "work" and not self.session.findings.running and not self.session.lanes.running("read"):
            return
        shown = self.query_one("#overview", ItemList)
        shown.set_items(self._items(shown.size.width or 80))

    def what_now(self) -> Line:
        report = self.session.findings.report
        if not self.session.dataset.complete:
            return [(f"{rows_read(self.session)} so far; reading {self.session.read_share:.0%}. 2 shows them already.", "dim")]
        if report is None:
            running = self.session.lanes.running("check")
            return [(f"{running.shown()}. 2 shows the rows meanwhile." if running else "Not checked yet: r runs all checks.", "dim")]
        return [("enter shows the rows behind a line; ", "dim"), ("2", "accent"), (" all rows; ", "dim"), ("?", "accent"), (" all keys", "dim")]

    # ---- lines

    def _items(self, width: int) -> list[Item]:
        facts = self.session.overview.facts()
        items = [Item(line) for line in _fact_lines(facts, width)]
        items += [Item([]), *self._problem_items(width), Item([]), *self._next_items(width)]
        if self.session.findings.report is None:
            items += [Item([]), Item([("First rows", "header")]), *self._first_rows(width)]
        return items

    def _problem_items(self, width: int) -> list[Item]:
        problems = self.session.overview.problems()
        title: list[Span] = [("What is wrong", "header")]
        if problems is None:
            running = self.session.lanes.running("check")
            words = running.shown() if running else "not checked yet" if self.session.dataset.complete else "checks start when the file has been read"
            return [Item([*title, (f"  {words}", "dim")])]
        if not problems:
            return [Item([*title, ("  nothing that the checks look for", "good")])]
        if self.session.findings.stale:
            title.append((f"  {self.session.findings.stale}", "warn"))
        return [Item(title), *(Item(_problem_line(problem, width), Target("check", problem.check)) for problem in problems)]

    def _next_items(self, width: int) -> list[Item]:
        items = [Item([("What to do next", "header")])]
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


def _problem_line(problem: Problem, width: int) -> Line:
    glyph, ink = SEVERITY_GLYPHS[problem.severity]
    count = f"{problem.rows:,}" if problem.rows else "file"
    title_width = 26 if width < 100 else 34
    left = width - title_width - 20
    return [
        (f"  {glyph} ", ink), (f"{count:>7} ", ink), (fit(visible(problem.title), title_width) + " ", "text"), (fit(visible(problem.sentence), left), "dim"),
        (f" {problem.number}" if problem.number else "  ", "accent"),
    ]  # fmt: skip
