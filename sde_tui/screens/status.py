"""The status line: what is open, what was decided, what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.widgets.spans import Span

if TYPE_CHECKING:
    from sde_tui.session import Session


def status_spans(session: Session) -> tuple[list[Span], list[Span]]:
    """Spans for the left and for the right of the status line."""
    dataset = session.dataset
    left: list[Span] = [(f" {visible(dataset.name, 32)}", "strong"), (f"  {dataset.layout.name}", "dim")]
    left.append((f"  {rows_read(session)}", "text"))
    if dataset.bad:
        left.append((f"  {len(dataset.bad):,} unreadable", "bad"))
    accepted, rejected = session.decisions.counts
    if accepted or rejected:
        left += [(f"  ✓{accepted:,}", "good"), (f" ✗{rejected:,}", "bad")]
    marks = len(session.records.marks)
    if marks:
        left.append((f"  •{marks:,} marked", "accent"))
    if session.decisions.read_only:
        left.append(("  read-only", "warn"))
    return left, _running(session)


def rows_read(session: Session) -> str:
    """ "2,000 rows", or "≥ 312,000 rows" while the file is being read."""
    count = len(session.dataset)
    rows = count_of(count, "row")
    return rows if session.dataset.complete else f"≥ {rows}"


def _running(session: Session) -> list[Span]:
    words = [task.shown() for task in session.lanes.tasks if not task.quiet] + session.jobs.active_words
    return [(" · ".join(words) + " ", "accent")] if words else []
