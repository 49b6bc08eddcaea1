"""1 Overview: what this file is, what is wrong with it, what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.widget import Widget

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.overview_drawing import fact_lines, problem_line, problems_head, silenced_line, step_line, tab_width, title_width
from sde_tui.screens.status import rows_read
from sde_tui.session_overview import Problem
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.spans import Line, Span, fit

_STEPS_IN_SHORT = 3
"""Next steps in a low window, where what is wrong needs the room; the tabs name the screens anyway."""
_ROOMY_LINES = 38
"""From so many lines on malformed lines and all next steps are shown beside what is wrong."""


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
        session = self.session
        if not session.dataset.complete:
            return [(f"{rows_read(session)} so far; reading {int(session.read_share * 100)} %. 2 shows them already.", "dim")]
        if session.findings.report is None:
            running = session.findings.running
            return [(f"{session.overview.check_words()}. 2 shows the rows meanwhile." if running else "Not checked yet: r runs all checks.", "dim")]
        problem, target = self._problem(), self._target()
        if problem is not None and problem.advice:
            return [(visible(problem.advice), "text")]
        if target is not None and target.kind == "silenced":
            return [("Let stand by sde.toml: s takes that back.", "dim")]
        return [("enter shows what is behind a line; ", "dim"), ("2", "accent"), (" all rows; ", "dim"), ("?", "accent"), (" all keys", "dim")]

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        self.refresh_frame()

    # ---- lines

    def _items(self, width: int) -> list[Item]:
        facts = self.session.overview.facts(bad_lines=3 if self._is_roomy else 0)
        items = [Item(line) for line in fact_lines(facts, width)]
        next_items = self._next_items(width)
        items += [Item([]), *self._problem_items(width, taken=len(items) + len(next_items) + 2), Item([]), *next_items]
        if self.session.findings.report is None:
            items += [Item([]), Item([(" First rows", "header")]), *self._first_rows(width)]
        return items

    @property
    def _is_roomy(self) -> bool:
        return self.app.size.height >= _ROOMY_LINES

    def _problem_items(self, width: int, taken: int) -> list[Item]:
        overview, findings = self.session.overview, self.session.findings
        problems, silenced = overview.problems(), overview.silenced()
        title: list[Span] = [(" What is wrong", "header")]
        if problems is None:
            return [Item([*title, (f"  {overview.check_words()}", "dim")])]
        notes = [Item([(f"   {fit(visible(note), width - 4).rstrip()}", ink)]) for note, ink in self._notes() if note]
        tail = [Item(silenced_line(one, width), Target("silenced", one.check)) for one in silenced]
        if tail:
            tail.insert(0, Item([(" Silenced by sde.toml", "header")]))
        if not problems:
            words = "nothing that the checks look for" if not silenced else "nothing that is not silenced"
            return [Item([*title, (f"  {words}", "good")]), *notes, *tail]
        shown = problems[: self._room_for_problems(len(problems), taken + 1 + len(notes) + len(tail))]
        tabs = [self._tab(problem) for problem in shown]
        key = tab_width(shown, tabs, width)
        room = title_width(shown, width, key)
        items = [Item(problems_head(width, key)), *notes]
        items += [Item(problem_line(one, width, room, tab, key), Target("check", one.check)) for one, tab in zip(shown, tabs, strict=True)]
        if len(shown) < len(problems):
            items.append(Item([(f"            … and {len(problems) - len(shown)} more: enter shows all", "dim")], Target("more")))
        return items + tail if not findings.running else [*items, Item([(f"   {overview.check_words()}", "dim")]), *tail]

    def _notes(self) -> list[tuple[str, str]]:
        findings = self.session.findings
        return [(findings.stale, "warn"), (findings.config_error, "bad"), (self.session.overview.found_words(), "dim")]

    def _tab(self, problem: Problem) -> str:
        """The key and the name of the screen that deals with a problem."""
        return next((f"{number} {title}" for number, _, title, _ in self.sde_app.tabs if number == problem.number), "")

    def _room_for_problems(self, count: int, taken: int) -> int:
        """How many problems leave the next steps in sight; all of them once the user asked."""
        room = self.query_one("#overview").size.height - taken
        return count if self._all_problems or count <= room else max(room - 1, 3)

    def _next_items(self, width: int) -> list[Item]:
        steps = self.session.overview.next_steps()
        if not self._is_roomy and self.session.findings.report is not None:
            steps = steps[:_STEPS_IN_SHORT]
        items = [Item([(" What to do next", "header")])]
        return items + [Item(step_line(step, width), Target("screen" if step.screen else "do", step.screen or step.action)) for step in steps]

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
            if self.session.overview.go_to_group(target.name):
                self.sde_app.show_screen("duplicates")
                return
            rows, title = self.session.overview.rows_behind(target.name)
            if rows:
                self.session.records.drill(rows, title, screen=self.NAME)
            else:
                self.flash(self.session.overview.whole_file_words(target.name), "warn")
        elif target.kind == "silenced":
            self.flash("These findings are let stand; s takes that back.")
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
        return self.session.findings.why_not_run()

    def action_mapping(self) -> None:
        self.sde_app.push_mapping()

    # ---- silences and the report

    def _problem(self) -> Problem | None:
        """The problem under the cursor."""
        target = self._target()
        if target is None or target.kind != "check":
            return None
        return next((problem for problem in self.session.overview.problems() or () if problem.check == target.name), None)

    def why_not_silence(self) -> str:
        target = self._target()
        if target is None or target.kind not in ("check", "silenced"):
            return "Put the cursor on what is wrong, or on what is silenced."
        if target.kind == "silenced" and not self.session.findings.silences_of(target.name):
            return "This is silenced for a field or for rows: change it in sde.toml."
        return ""

    def action_silence(self) -> None:
        target, findings = self._target(), self.session.findings
        if target is None:
            return
        path = visible(str(findings.config_path), 200)
        if target.kind == "silenced":
            if findings.unsilence(target.name):
                self.flash(f"No longer silenced; taken out of {path}.")
            return

        def given(reason: str) -> None:
            if not reason.strip():
                self.flash("A silence needs a reason; nothing was changed.", "warn")
            elif findings.silence(target.name, reason):
                self.flash(f"Silenced in {path}; s on its line below takes that back.")

        details = [path, "It holds for every dataset in that folder and below."]
        self.prompt(f"Why may these findings of {target.name} stand?", given, placeholder="the reason, for those who come after you", details=details)

    def why_not_write_report(self) -> str:
        return "" if self.session.findings.report is not None else "There is nothing to report yet: r runs all checks."

    def action_write_report(self) -> None:
        def named(name: str) -> None:
            path = self.session.findings.write_report(name) if name.strip() else None
            if path is not None:
                self.flash(f"Report written to {visible(str(path), 200)}.")

        default = str(self.session.project.state_dir / "report.md")
        self.prompt("Write the report to", named, value=default, details=["The name ends in .md, .json or .sarif."])

    def command_line(self) -> str:
        problem = self._problem()
        return super().command_line() + (f" --only {problem.check}" if problem else "")

    def copied(self) -> tuple[str, str]:
        problem = self._problem()
        if problem is not None:
            return "what is wrong", self.session.overview.problem_words(problem)
        facts = self.session.overview.facts()
        return "the file's path", facts.path
