"""The lines of screen 9: what would train, the runs, and what to do about the one shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, duration, ordinal, size_of
from sde_tui.keys import keys_of
from sde_tui.screens.train_figures import number
from sde_tui.widgets.histogram import sparkline
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit, width_of

if TYPE_CHECKING:
    from sde_core.train.estimate import RunEstimate
    from sde_core.train.preflight import PreflightSummary
    from sde_tui.session_jobs import JobLine
    from sde_tui.session_run_rows import RunRowsPart
    from sde_tui.session_training import TrainingPart

_VERDICT_LINES = (
    ("ok", "✓", "good", "train whole"),
    ("cut", "!", "warn", "lose part of an answer at {max_length:,} tokens"),
    ("empty", "!", "warn", "have empty answers and teach only to stop"),
    ("nothing", "✗", "bad", "train on nothing: left out"),
    ("dropped", "✗", "bad", "are longer than {max_length:,} tokens: left out"),
    ("template", "✗", "bad", "are refused by the chat template: left out"),
)
DRILL_TITLES = {
    "ok": "rows that train whole", "cut": "rows whose answer is cut", "empty": "rows with empty answers", "nothing": "rows that train on nothing",
    "dropped": "rows that are too long", "template": "rows that the chat template refuses",
}  # fmt: skip
"""What a list of rows is called in Records, by verdict."""
_STATES = {
    "queued": ("…", "accent"), "waiting": ("…", "accent"), "running": ("▶", "accent"), "stopping": ("▷", "warn"), "done": ("✓", "good"),
    "stopped": ("■", "warn"), "paused": ("‖", "warn"), "failed": ("✗", "bad"), "lost": ("✗", "bad"),
}  # fmt: skip
_AFTER_A_RUN = (("try_model", "tries it"), ("losses", "rows by loss"), ("groups", "by group"), ("hand_over", "hands it over"), ("extend", "more"))
"""What one may do with a run that is done, by action."""
_ADVICE_KEYS = {"nan": "s, e", "diverging": "s, e", "zero": "p", "overfitting": "e", "stalled": "s twice"}
"""The keys that do what an alert advises: stop it, change the recipe, look at what trains."""


# ---- what would train, and the runs


def list_items(part: TrainingPart, measuring: str, width: int) -> list[Item]:
    """The recipe, what each kind of row contributes, and the runs; kinds of rows and runs can be chosen.

    Args:
        part: The engine's side of the screen.
        measuring: How a probe that is under way stands, "" where there is none.
        width: Cells of a line.
    """
    return [
        Item([(" Recipe  ", "header"), (fit(part.recipe_words(), width - 10).rstrip(), "text")]),
        *_set_items(part, measuring, width),
        *_run_items(part, width),
    ]


def _set_items(part: TrainingPart, measuring: str, width: int) -> list[Item]:
    found = part.training_set
    if part.refusal:
        return [Item([(" Set     ", "header"), (fit(part.refusal, width - 10).rstrip(), "bad")])]
    if found is None:
        words = part.why_not_look() or part.stage or "not looked at yet: p finds out what would train"
        return [Item([(" Set     ", "header"), (words, "dim")])]
    steps = f" · about {count_of(found.report.summary.steps, 'step')}" if found.report is not None else ""
    rest: Line = [(steps, "dim"), *(_taken_words(found.taken, measuring) if found.report is not None else [])]
    rest = [(" · before the change; counted again now", "warn")] if part.counting_anew else rest
    count, kind = len(found.rows), "accepted row" if found.accepted else "row"
    said_of = ("",) if found.accepted else (": none accepted, so all not rejected", ", none accepted", "")
    room = width - 9 - width_of(rest)
    said = next((words for more in said_of if len(words := f"{count_of(count, kind)}{more}") <= room), count_of(count, "row"))
    head = Item([(" Set     ", "header"), (said, "text"), *rest])
    return [head, *(_verdict_items(found.report.summary, width) if found.report is not None else [])]


def _taken_words(taken: RunEstimate | None, measuring: str) -> list[Span]:
    """What the run will take, or how one learns it."""
    if taken is None:
        return [(" · ", "dim"), (measuring, "dim")] if measuring else [(" · how long? ", "dim"), ("d", "accent"), (" measures it", "dim")]
    words = f" · {duration(taken.seconds, 1)} · {size_of(taken.gpu_memory or taken.memory)}"
    return [(words, "dim"), *([] if taken.fits else [(" does not fit", "bad")])]


def _verdict_items(summary: PreflightSummary, width: int) -> list[Item]:
    items = []
    for verdict, glyph, ink, words in _VERDICT_LINES:
        count = summary.verdicts.get(verdict, 0)
        if count or verdict == "ok":
            line: list[Span] = [(f" {glyph} {count:>9,} ", ink), (words.format(max_length=summary.max_length), "text")]
            items.append(Item([*line, *(_tokens_words(summary, width - width_of(line)) if verdict == "ok" else [])], ("rows", verdict)))
    return items


def _tokens_words(summary: PreflightSummary, room: int) -> list[Span]:
    share = summary.trained / summary.tokens if summary.tokens else 0.0
    words = f" · {summary.trained:,} of {summary.tokens:,} tokens carry loss ({share:.0%})"
    lengths = f"  0 {sparkline([count for _, _, count in summary.histogram])} {summary.longest:,} tokens"
    if len(words) > room:
        return [(f" · {share:.0%} of tokens carry loss", "dim")]
    return [(words, "dim"), *([(lengths, "dim")] if len(words + lengths) <= room else [])]


def _run_items(part: TrainingPart, width: int) -> list[Item]:
    runs = part.runs
    if not runs:
        return [Item([(" Runs    ", "header"), ("none yet", "dim")])]
    return [Item([(f" Runs {len(runs):,}", "header")]), *(Item(_run_line(line, part.short_title(line), width), ("run", line.id)) for line in runs)]


def _run_line(line: JobLine, title: str, width: int) -> Line:
    glyph, ink = _STATES.get(line.state, ("?", "dim"))
    steps = f"{line.done:,}/{line.total:,}" if line.total and line.counts_steps else ""
    left = f"{duration(line.eta_s, 1)} left" if line.eta_s is not None and line.active else when(line.id)
    left = f"{ordinal(line.place)} to go" if line.place is not None else left
    head: list[Span] = [(f" {glyph} {line.state:<8} ", ink), (f"{line.id[-4:]} ", "dim"), (f"{steps:>11} ", "text"), (f"{left:<16}", "dim")]
    return [*head, (fit(visible(title, 80), width - width_of(head) - 1).rstrip(), "text")]


# ---- what to do about the run that is shown


def result_words(part: TrainingPart) -> Sequence[Span]:
    """What came of the shown run, in one line."""
    status, shown = part.shown_status, part.shown
    if status is None or shown is None or status.state != "done":
        return ()
    known = {key.action: key.shown for key in keys_of("train", "global")}
    spans: list[Span] = [("✓ done", "good")]
    for action, words in _AFTER_A_RUN:
        if action in known:
            spans += [(" · ", "dim"), (known[action], "accent"), (f" {words}", "dim")]
    return spans


def resume_words(part: TrainingPart) -> str:
    """What r does with the shown run, which has ended before its time."""
    known = part.curve is None or bool(part.curve.latest)
    return "goes on from what it saved, once its device is free" if known else "starts it: it has made no step yet"


def alert_words(part: TrainingPart, width: int) -> Line:
    """The worst of what is wrong with the shown run; nothing where all is well."""
    alerts = part.alerts()
    return [(fit(f"{alerts[0].words}.", width).rstrip(), "bad" if alerts[0].kind in ("nan", "diverging") else "warn")] if alerts else []


def advice_words(part: TrainingPart, width: int) -> Line:
    """What to do about the worst of what is wrong; nothing where all is well, or where the run's own last words say it."""
    status = part.shown_status
    alerts = part.alerts() if status is not None and (status.active or status.state == "done") else ()
    if not alerts:
        return []
    keys = _ADVICE_KEYS.get(alerts[0].kind, "")
    keys = keys.removeprefix("s, ") if status is not None and not status.active else keys
    return [(fit(f" → {alerts[0].advice}" + (f" ({keys})" if keys else ""), width).rstrip(), "warn")]


def step_words(run_rows: RunRowsPart) -> Line:
    """The step under the cursor, and what can be done with it."""
    loss = run_rows.loss
    words = f"step {run_rows.step:,} · loss {'not a number' if loss is None else number(loss)} · "
    return [(words, "text"), ("enter", "accent"), (" its rows by loss · ", "dim"), ("←→", "accent"), (" another step · ", "dim"),
            ("esc", "accent"), (" leaves", "dim")]  # fmt: skip


# ---- words


def when(identifier: str) -> str:
    """When a run was launched, from its id, in local time: "21 Nov 13:05"."""
    import calendar

    try:
        launched = calendar.timegm(time.strptime(identifier[:15], "%Y%m%dT%H%M%S"))
    except ValueError:
        return ""
    return time.strftime("%d %b %H:%M", time.localtime(launched))
