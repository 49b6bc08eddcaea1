"""The lines of the list of runs, and of how two runs differ."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, duration, ordinal, size_of
from sde_tui.session_queue import value_words
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit, width_of
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.train.history import RunComparison
    from sde_tui.session_queue import QueuePart, RunLine

STATES = {
    "queued": ("…", "accent"), "waiting": ("…", "accent"), "running": ("▶", "accent"), "stopping": ("▷", "warn"), "done": ("✓", "good"),
    "stopped": ("■", "warn"), "paused": ("‖", "warn"), "failed": ("✗", "bad"), "lost": ("✗", "bad"),
}  # fmt: skip
_DISK_FROM = 96
"""Width from which on the list has room for what runs take of the disk; the lines under it tell that too."""
_FIGURES = (("train_loss", "loss, last ten steps"), ("held_out_loss", "held-out loss"), ("steps", "steps"), ("tokens", "tokens"))


# ---- the list


def head_words(width: int) -> str:
    """What stands above the list."""
    disk = f"{'disk':>7}  " if width >= _DISK_FROM else ""
    return f"  {'state':<10}{'id':<5}{'launched':<13}{'steps':<12}{'now':<16}{disk}rows · model"


def run_line(part: QueuePart, run: RunLine, width: int) -> Line:
    """One run: its place or state, what it does or came to, what it takes of the disk."""
    glyph, ink = STATES.get(run.state, ("?", "dim"))
    state = ordinal(run.place) if run.place is not None else run.state
    steps = f"{run.done:,}/{run.total:,}" if run.total else ""
    size = part.size(run)
    head: list[Span] = [
        ("• " if part.marked == run.id else "  ", "accent"),
        (f"{glyph} {state:<8}", "dim" if run.elsewhere else ink),
        (f"{run.id[-4:]} ", "dim"),
        (f"{launched(run.id):<13}", "dim"),
        (f"{fit(steps, 11)} ", "text"),
        (f"{fit(_now(part, run), 15)} ", "text"),
    ]
    if width >= _DISK_FROM:
        head.append((f"{size_of(size) if size is not None else '':>7}  ", "dim"))
    words = f"of {visible(run.dataset, 60)}: {visible(run.title, 120)}" if run.elsewhere else part.about(run)
    return [*head, (fit(words, width - width_of(head)).rstrip(), "dim" if run.elsewhere else "text")]


def _now(part: QueuePart, run: RunLine) -> str:
    """What matters most of it now: when it begins, how long it takes yet, or its loss."""
    if run.place is not None:
        return f"in ~{duration(run.eta_s, 1)}" if run.eta_s is not None else "waits"
    if run.active:
        return f"{duration(run.eta_s, 1)} left" if run.eta_s is not None else ""
    loss = part.held_out_loss(run)
    return f"held-out {loss:.3f}" if loss is not None else ""


def launched(identifier: str) -> str:
    """When a run was launched, from its id, in local time: "21 Nov 13:05"."""
    import calendar

    try:
        moment = calendar.timegm(time.strptime(identifier[:15], "%Y%m%dT%H%M%S"))
    except ValueError:
        return ""
    return time.strftime("%d %b %H:%M", time.localtime(moment))


def title_words(part: QueuePart) -> str:
    """How many runs there are, and how many of them work and wait."""
    runs = part.runs
    waiting, working = sum(run.place is not None for run in runs), sum(run.active and run.place is None for run in runs)
    told = [count_of(len(runs), "run"), *([f"{working:,} at work"] if working else []), *([f"{waiting:,} waiting"] if waiting else [])]
    return " · ".join(told)


def detail_lines(part: QueuePart, run: RunLine | None, width: int) -> list[Line]:
    """What the run under the cursor was given and came to, wrapped."""
    if run is None:
        return []
    found: list[Line] = []
    for what, words in part.details(run):
        lines = list(wrapped(words, max(width - 12, 20))) or [""]
        found += [[(f"{what if not number else '':<12}", "header"), (line, "text")] for number, line in enumerate(lines)]
    return found


def recipe_items(part: QueuePart, run: RunLine, width: int) -> list[Item]:
    """All of a run's recipe, what differs from the default first, then its manifest."""
    items = [Item([("Recipe", "header")])]
    for name, value, default in part.settings(run):
        line: list[Span] = [(f"  {name:<24}", "text"), (value, "dim" if default is None else "strong")]
        items.append(Item([*line, *([(f"  default {default}", "dim")] if default is not None else [])]))
    items += [Item([]), Item([("Rows", "header")])]
    for what, words in part.manifest(run):
        lines = list(wrapped(words, max(width - 26, 20))) or [""]
        items += [Item([(f"  {'' if number else what:<24}", "text"), (line, "dim")]) for number, line in enumerate(lines)]
    return items


# ---- two runs


def _change_items(name: str, before: str, after: str, half: int, width: int) -> list[Item]:
    """A value that differs, side by side; where there is no room for that, one below the other."""
    if max(len(before), len(after)) < half:
        return [Item([(fit(f"  {name}", 24), "text"), (fit(before, half), "strong"), (fit(after, half), "strong")])]
    lines: list[tuple[str, str]] = []
    for letter, value in (("A", before), ("B", after)):
        lines += [(letter if not number else "", line) for number, line in enumerate(wrapped(value, max(width - 6, 10)))]
    return [Item([(f"  {name}", "text")]), *(Item([(f"    {letter:<2}", "dim"), (line, "strong")]) for letter, line in lines)]


def difference_items(a: str, b: str, found: RunComparison, width: int) -> list[Item]:
    """How run B differs from run A; lines of rows can be opened."""
    half = max((width - 26) // 2, 10)
    items = [Item([(f"{'':<24}", "dim"), (fit(f"A {a[-4:]}", half), "header"), (fit(f"B {b[-4:]}", half), "header")])]
    for name, words in _FIGURES:
        figures = [metrics.get(name) if metrics else None for metrics in (found.metrics_a, found.metrics_b)]
        items.append(Item([(f"{words:<24}", "dim"), *((fit(_figure(figure), half), "text") for figure in figures)]))
    items.append(Item([(found.held_out_words, "warn" if found.incomparable else "dim")]))
    items += [Item([]), Item([("Recipe", "header"), ("  the same" if not found.recipe else "", "text")])]
    for change in found.recipe:
        items += _change_items(visible(change.name, 40), value_words(change.before, 200), value_words(change.after, 200), half, width)
    items += [Item([]), Item([("Rows  ", "header"), (f"{found.both:,} in both", "text")])]
    items += [Item([(f"  {count_of(found.other_side, 'row')} trained in one and held out in the other", "warn")])] if found.other_side else []
    for name, places, value in (("A", found.only_a, "only_a"), ("B", found.only_b, "only_b")):
        words = f"  {count_of(len(places), 'row')} only in {name}"
        items.append(Item([(words, "accent" if places else "dim")], value if places else None))
    return items


def _figure(value: object) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
