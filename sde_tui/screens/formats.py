"""5 Formats: what is wrong with fields, turns, characters and answers; shapes of answers, prompt templates and what breaks them; safe fixes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.widget import Widget

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.formats_drawing import (
    check_head,
    finding_line,
    finding_lines,
    group_head,
    left_items,
    odd_line,
    odd_lines,
    shape_line,
    shape_lines,
    template_head,
    template_lines,
    waiting_lines,
)
from sde_tui.session_formats import CheckEntry, FormatsPart, GroupEntry
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line

if TYPE_CHECKING:
    from sde_core.checks.findings import Finding
    from sde_core.dataset import Edit

LEFT, LEFT_WIDE = 30, 50
_DETAIL = 8
_DRIFTS = ("changed-type", "field-drift")
"""Checks whose findings `sde drift` lays out field by field, with the choices."""


class FoundList(LineList):
    """The findings of a check, or the shapes of a group over its odd answers, drawn as they come into sight."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.part: FormatsPart | None = None
        self.shown: CheckEntry | GroupEntry | None = None

    def show(self, shown: CheckEntry | GroupEntry | None) -> None:
        """Shows another check or group, from its top; the same one stays where it is."""
        other = (getattr(shown, "name", None), getattr(shown, "title", "")) != (getattr(self.shown, "name", None), getattr(self.shown, "title", ""))
        self.shown = shown
        self.lines_changed()
        if other:
            self.action_cursor_top()

    def line_count(self) -> int:
        if self.shown is None:
            return 0
        return len(self.shown.findings) if isinstance(self.shown, CheckEntry) else len(self.shown.shapes) + len(self.shown.odd)

    def line_at(self, y: int, width: int) -> Line:
        if self.part is None or self.shown is None:
            return []
        if isinstance(self.shown, CheckEntry):
            return finding_line(self.part, self.shown.findings[y], width)
        below = y - len(self.shown.shapes)
        return shape_line(self.shown, y, width) if below < 0 else odd_line(self.part, self.shown, below, width)


class FormatsScreen(SdeScreen):
    """Checks and groups at the left; what was found at the right, over the one under the cursor in full."""

    NAME = "formats"
    BINDINGS = screen_bindings("formats")
    DEFAULT_CSS = f"""
    FormatsScreen #panes {{ height: 1fr; layout: horizontal; }}
    FormatsScreen #left {{ width: {LEFT}; height: 100%; }}
    FormatsScreen.-wide #left {{ width: {LEFT_WIDE}; }}
    FormatsScreen #right {{ width: 1fr; height: 100%; border-left: solid $panel; }}
    FormatsScreen #found {{ height: 1fr; }}
    FormatsScreen #detail {{ height: {_DETAIL + 1}; padding: 0 1; border-top: solid $panel; }}
    FormatsScreen.-tall #detail {{ height: 16; }}
    FormatsScreen #waiting {{ height: 1fr; display: none; }}
    FormatsScreen.-empty #waiting {{ display: block; }}
    FormatsScreen.-empty #panes {{ display: none; }}
    """

    def compose_content(self) -> Iterable[Widget]:
        with Container(id="panes"):
            yield ItemList(id="left")
            with Container(id="right"):
                yield OneLine(id="what")
                yield OneLine(id="about")
                yield FoundList(id="found")
                yield TextLines(id="detail")
        yield TextLines(id="waiting")

    def on_mount(self) -> None:
        self.found.part = self.part
        self.set_focus(self.left)

    @property
    def part(self) -> FormatsPart:
        """The engine's side of this screen."""
        part: FormatsPart = self.session.part("formats")
        return part

    @property
    def left(self) -> ItemList:
        """Checks and groups."""
        return self.query_one("#left", ItemList)

    @property
    def found(self) -> FoundList:
        """Findings or shapes."""
        return self.query_one("#found", FoundList)

    @property
    def shown(self) -> CheckEntry | GroupEntry | None:
        """The check or group under the cursor at the left."""
        kind, which = self.left.value or ("", "")
        if kind == "check":
            return self.part.entry(which)
        entries = self.part.groups if kind == "group" else self.part.templates if kind == "template" else ()
        return entries[which] if entries and which < len(entries) else None

    @property
    def _on_template(self) -> bool:
        return bool(self.left.value) and self.left.value[0] == "template"

    @property
    def entry(self) -> CheckEntry | None:
        """The check, where one is shown."""
        shown = self.shown
        return shown if isinstance(shown, CheckEntry) else None

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor at the right; of an odd answer below the shapes, the one about it."""
        if self._odd_row is not None:
            return self.part.odd_finding(self._odd_row)
        entry = self.entry
        return entry.findings[self.found.cursor] if entry is not None and self.found.cursor < len(entry.findings) else None

    @property
    def _odd_row(self) -> int | None:
        """The odd answer's row under the cursor at the right, below the shapes."""
        shown = self.shown
        below = self.found.cursor - len(shown.shapes) if isinstance(shown, GroupEntry) else -1
        return shown.odd[below][0] if isinstance(shown, GroupEntry) and 0 <= below < len(shown.odd) else None

    def _shape_rows(self) -> list[int]:
        """The rows of the shape under the cursor at the right."""
        kind, which = self.left.value or ("", "")
        return self.part.rows_of_shape(kind, which, self.found.cursor) if kind in ("group", "template") else []

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if change in ("shown", "dataset", "findings"):
            self.part.start()
        elif change not in ("decisions", "work", "resized"):
            return
        if change == "work" and self.part.grouped and self.part.checked:
            return
        self._show_all()

    def _show_all(self) -> None:
        empty = not (self.part.checked or self.part.grouped)
        self.set_class(empty, "-empty")
        if empty:
            self.query_one("#waiting", ItemList).set_items([Item(line) for line in waiting_lines(*self._waiting_words())])
            return
        self.left.set_items(left_items(self.part, self.left.scrollable_content_region.width or LEFT - 1))
        self._show_found()

    def _waiting_words(self) -> tuple[str, str]:
        running = self.session.lanes.running("check") or self.session.lanes.running("shapes")
        if running is not None:
            return f"{running.shown()}; ctrl+x stops.", "accent"
        return self.why_not_check() or "Not checked yet: r runs all checks.", "text"

    def _show_found(self) -> None:
        shown = self.shown
        head: tuple[Line, Line] = ([], [])
        if shown is not None:
            head = check_head(shown) if isinstance(shown, CheckEntry) else template_head(shown) if self._on_template else group_head(shown)
        self.query_one("#what", OneLine).show(head[0])
        self.query_one("#about", OneLine).show(head[1])
        self.found.show(shown)
        self._show_detail()

    def _show_detail(self) -> None:
        detail = self.query_one("#detail", ItemList)
        room = detail.scrollable_content_region
        width, height = room.width or 46, room.height or _DETAIL
        shown, lines = self.shown, []
        if isinstance(shown, CheckEntry) and self.finding is not None:
            lines = finding_lines(self.part, self.finding, width, height)
        elif isinstance(shown, GroupEntry) and self.found.cursor < len(shown.shapes):
            drawn = template_lines if self._on_template else shape_lines
            lines = drawn(self.part, shown, self._shape_rows(), self.found.cursor, width, height)
        elif isinstance(shown, GroupEntry) and self._odd_row is not None:
            lines = odd_lines(self.part, shown, self.found.cursor - len(shown.shapes), width, height)
        detail.set_items([Item(line) for line in lines])

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if event.list is self.left:
            self._show_found()
        elif event.list is self.found:
            self._show_detail()
        self.refresh_frame()

    # ---- the message line

    def what_now(self) -> Line:
        if self.session.findings.stale:
            return [("Texts were edited since: ", "warn"), ("r", "accent"), (" checks again", "warn")]
        entry = self.entry
        if entry is None:
            return [("enter", "accent"), (" shows the rows, ", "dim"), ("tab", "accent"), (" moves to the shapes", "dim")] if self.shown else []
        if entry.fixes:
            this = [("f", "accent"), (" fixes this, ", "dim")] if self.finding is not None and self.finding.fix else []
            return [*this, ("A", "accent"), (f" fixes all {entry.fixable:,}: ", "dim"), (visible(entry.advice), "text")]
        return [(visible(entry.advice), "text")]

    def command_line(self) -> str:
        entry, data = self.entry, self.session.command_data
        if entry is None:
            return f"sde {'templates' if self._on_template else 'check'} {data}"
        if entry.name in _DRIFTS:
            return f"sde drift {data}"
        return f"sde {'fix' if entry.fixes else 'check'} {data} --only {entry.name}"

    def copied(self) -> tuple[str, str]:
        finding = self.finding
        return super().copied() if finding is None else ("the evidence", finding.evidence)

    # ---- keys

    def _why_no_finding(self) -> str:
        if not self.part.checked:
            return self._waiting_words()[0]
        return "" if self.finding is not None else "The cursor stands on no finding."

    def why_not_open_rows(self) -> str:
        return "" if self.shown is not None else "There is nothing to show."

    def action_open_rows(self) -> None:
        shown, part = self.shown, self.part
        at_right = self.focused is self.found
        if isinstance(shown, CheckEntry):
            rows = [row for finding in shown.findings for row in finding.rows]
            finding = self.finding if at_right else None
            if not rows:
                self.flash(visible(shown.findings[0].message, 200), "warn")
                return
            part.drill(rows, shown.title.lower(), screen=self.NAME, first=finding.rows[0] if finding and finding.rows else None)
        elif isinstance(shown, GroupEntry) and at_right and self._odd_row is not None:
            part.drill([row for row, _ in shown.odd], f"odd answers, {shown.title}", screen=self.NAME, first=self._odd_row)
        elif isinstance(shown, GroupEntry):
            numbers = [self.found.cursor] if at_right else range(len(shown.shapes))
            of, which = self.left.value
            kind = shown.shapes[self.found.cursor][0] if at_right else "prompts" if of == "template" else "answers"
            rows = [row for number in numbers for row in part.rows_of_shape(of, which, number)]
            part.drill(rows, f"{kind}, {shown.title or 'no template'}", screen=self.NAME)

    def why_not_switch_pane(self) -> str:
        return self.why_not_open_rows()

    def action_switch_pane(self) -> None:
        self.set_focus(self.left if self.focused is self.found else self.found)

    def why_not_fix(self) -> str:
        finding = self.finding
        if finding is None:
            return self._why_no_finding()
        if not finding.fix:
            return "No safe fix for this: enter, then e edits it; x rejects the row."
        return self.session.decisions.why_not() or ("" if self.part.preview(finding) is not None else "This is fixed already.")

    def action_fix(self) -> None:
        finding = self.finding
        if finding is None:
            return
        if len(finding.rows) > 1:
            self._prepare([finding])
        elif self.part.fix(finding):
            self.found.move_to(self.found.cursor + 1)
            self._show_found()

    def why_not_fix_all(self) -> str:
        entry = self.entry
        if entry is None:
            return self._why_no_finding()
        return self.session.decisions.why_not() or ("" if entry.fixes else "This check has no safe fix.")

    def action_fix_all(self) -> None:
        if self.entry is not None:
            self._prepare(self.entry.findings)

    def _prepare(self, findings: Sequence[Finding]) -> None:
        self.part.prepare(findings, lambda edits: self._ask_to_fix(edits, findings))

    def _ask_to_fix(self, edits: Sequence[Edit], findings: Sequence[Finding]) -> None:
        fixes = list(dict.fromkeys(finding.fix for finding in findings if finding.fix))
        if not edits:
            self.flash("All of this is fixed already.")
            return
        rows = len({edit.row for edit in edits})
        texts = f"{count_of(len(edits), 'text')} in {count_of(rows, 'row')}"
        self.ask(f"Change {texts} by {', '.join(fixes)}?", lambda: self._apply(edits, fixes), details=self.part.samples(edits))

    def _apply(self, edits: Sequence[Edit], fixes: Sequence[str]) -> None:
        self.part.apply(edits, fixes)
        self._show_found()

    def why_not_reject(self) -> str:
        finding = self.finding
        if finding is None:
            return self._why_no_finding()
        return self.session.decisions.why_not() or ("" if self.part.rows_to_reject([finding]) else "The row is rejected already.")

    def action_reject(self) -> None:
        finding = self.finding
        if finding is None:
            return
        if len(finding.rows) > 1:
            self._ask_to_reject([finding])
        elif self.part.reject(self.part.rows_to_reject([finding])):
            self.found.move_to(self.found.cursor + 1)

    def why_not_reject_all(self) -> str:
        entry = self.entry
        if entry is None:
            return self._why_no_finding()
        return self.session.decisions.why_not() or ("" if self.part.rows_to_reject(entry.findings) else "All of these rows are rejected already.")

    def action_reject_all(self) -> None:
        if self.entry is not None:
            self._ask_to_reject(self.entry.findings)

    def _ask_to_reject(self, findings: Sequence[Finding]) -> None:
        reasons = self.part.rows_to_reject(findings)
        self.ask(f"Reject {count_of(len(reasons), 'row')}? The finding is each row's reason.", lambda: self._reject(reasons))

    def _reject(self, reasons: dict[int, str]) -> None:
        self.part.reject(reasons)

    def why_not_check(self) -> str:
        return self.session.findings.why_not_run()

    def action_check(self) -> None:
        self.session.findings.run()
        self.part.group()
