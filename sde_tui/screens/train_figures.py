"""The figures of the run that screen 9 shows: three lines over the chart, what the chart's signs mean, and small curves beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sde_core.visible import visible
from sde_core.wording import count_of, duration, size_of
from sde_tui.session_chart import QUANTITIES
from sde_tui.widgets.histogram import sparkline
from sde_tui.widgets.lines import Item
from sde_tui.widgets.loss_chart import HELD_OUT, NO_NUMBER
from sde_tui.widgets.spans import Line, Span, fit, width_of
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.train.curve import RunCurve
    from sde_tui.session_chart import ChartPart
    from sde_tui.session_training import TrainingPart

_ENDED_BADLY = ("stopped", "lost", "failed", "paused")
_OLD_SECONDS = 30.0
"""Figures of a run at work that are older than this, and than five of its steps, are said to be."""


def figure_lines(part: TrainingPart, chart: ChartPart, width: int) -> tuple[Line, Line, Line]:
    """The shown run's figures; where it has none yet, what it does; where it ended badly, what it says, and its last values."""
    status, curve = part.shown_status, part.curve
    if status is None:
        return [(" A run's loss is drawn here while it trains.", "dim")], [], []
    latest = curve.latest if curve is not None else {}
    if status.state in _ENDED_BADLY:
        last = _fitting(_last_values(part, chart), width) if latest else []
        return _ending_lines(status, last, width)
    if curve is None or not latest:
        counted = f" {status.done:,} of {status.total:,} {status.unit}" if status.total else ""
        return [(fit(f" {visible(status.message, 100)}{counted}", width).rstrip(), "accent")], [], []
    losses = _fitting(_loss_pieces(curve, chart), width)
    if status.active and status.message != "Training.":
        return losses, [(f" {visible(status.message, 100)}", "accent")], _fitting(_machine_pieces(part), width)
    return losses, _fitting(_rate_pieces(part), width), _fitting(_machine_pieces(part), width)


def _ending_lines(status: Any, last: Line, width: int) -> tuple[Line, Line, Line]:
    """What a run that ended badly says, over as many of the three lines as that takes; in those that are left its last values."""
    ink = "warn" if status.state in ("stopped", "paused") else "bad"
    said = _first_lines(visible(status.message, 300), 2 if status.hint else 3, width)
    hint = _first_lines(visible(status.hint, 300), 3 - len(said), width) if status.hint else []
    lines: list[Line] = [*([(line, ink)] for line in said), *([(line, "text")] for line in hint)]
    first, second, third, *_ = [*lines, last, [], []]
    return first, second, third


def _first_lines(text: str, room: int, width: int) -> list[str]:
    """A text over at most so many lines; where it is longer, that is shown."""
    lines = list(wrapped(text, width - 2))
    cut = [fit(f"{' '.join(lines[room - 1 :])}", width - 2).rstrip()] if len(lines) > room else lines[room - 1 : room]
    return [f" {line}" for line in (*lines[: room - 1], *cut)]


def _fitting(pieces: Iterable[Sequence[Span]], width: int, joint: str = " · ") -> Line:
    """The pieces that fit, in their order; one that does not fit is left out, not cut."""
    line: list[Span] = [(" ", "text")]
    for piece in pieces:
        joined = [*([(joint, "dim")] if len(line) > 1 else []), *piece]
        if width_of(line) + width_of(joined) < width:
            line += joined
    return line


def _loss_pieces(curve: RunCurve, chart: ChartPart) -> list[list[Span]]:
    latest = curve.latest
    pieces: list[list[Span]] = [[(f"step {latest['step']:,}", "strong"), (f" of {curve.steps:,}" if curve.steps else "", "dim")]]
    loss, smoothed = latest.get("loss"), chart.smoothed()
    if loss is None:
        pieces.append([("loss not a number", "bad")])
    else:
        now: list[Span] = [("loss ", "accent"), (number(loss), "strong")]
        pieces.append([*now, *([(f" (smoothed {number(smoothed)})", "text")] if smoothed is not None and curve.train.count > 1 else [])])
    held_out, lowest = curve.held_out.latest, curve.held_out.lowest()
    if held_out is not None and lowest is not None:
        best = f" (best {number(lowest)})" if lowest < held_out else ""
        pieces.append([(f"{HELD_OUT} held-out ", "warn"), (number(held_out), "strong"), (best, "text")])
    first = curve.train.mean_of(10, 0)
    pieces += [[(f"first ten {number(first)}", "dim")]] if first is not None and curve.train.count > 10 else []
    pieces += [[(f"epoch {latest['epoch']:.2f}", "dim")]] if latest.get("epoch") is not None else []
    return pieces


def _rate_pieces(part: TrainingPart) -> list[list[Span]]:
    status, curve = part.shown_status, part.curve
    assert status is not None  # noqa: S101
    assert curve is not None  # noqa: S101
    latest, now = curve.latest, time.time()
    words = _age_words(part, status, now)
    fresh = status.active and not words
    words += [f"{status.rate:.2g} steps/s"] if status.rate and fresh else []
    words += [f"{latest['tokens_s']:,.0f} tokens/s"] if latest.get("tokens_s") else []
    words += [f"{duration(status.eta_s)} left"] if status.eta_s is not None and fresh else []
    if status.started is not None:
        words += [f"{duration(status.worked_s(now))} so far"] if status.active else []
        words += [f"took {duration(status.worked_s())}"] if status.ended is not None else []
    words += [f"lr {latest['lr']:.2e}"] if latest.get("lr") is not None else []
    words += [f"gradient norm {latest['grad_norm']:.2g}"] if latest.get("grad_norm") is not None else []
    return [[(word, "text")] for word in words]


def _age_words(part: TrainingPart, status: Any, now: float) -> list[str]:
    """How old the figures are, where they are not of now."""
    curve = part.curve
    told = (curve.told_at if curve is not None else 0) or status.ended or status.beat
    age = max(now - told, 0)
    if not status.active:
        return [f"ended {moment(told)}"]
    moments = list(curve.moments) if curve is not None else []
    usual = (moments[-1] - moments[0]) / (len(moments) - 1) if len(moments) > 1 else 0.0
    return [f"values {duration(age)} old"] if curve is not None and curve.told_at and age > max(_OLD_SECONDS, 5 * usual) else []


def moment(seconds: float) -> str:
    """Seconds since 1970 in local time: "21 Nov 13:05". What has ended says when, not how long ago, since nothing draws it anew."""
    return time.strftime("%d %b %H:%M", time.localtime(seconds))


def _last_values(part: TrainingPart, chart: ChartPart) -> list[list[Span]]:
    """What a run that is over said last, marked as that."""
    status, curve = part.shown_status, part.curve
    assert status is not None  # noqa: S101
    assert curve is not None  # noqa: S101
    told = curve.moments[-1] if curve.moments else curve.told_at or status.beat
    head, *pieces = _loss_pieces(curve, chart)
    return [[(f"last values, {moment(told)}: ", "dim"), *head], *pieces]


def _machine_pieces(part: TrainingPart) -> list[list[Span]]:
    status, curve = part.shown_status, part.curve
    latest = curve.latest if curve is not None else {}
    facts = curve.facts if curve is not None else {}
    words = [f"memory was full: {facts['batch_size']} at a time, {facts['accumulation']} to a step"] if "batch_size" in facts else []
    if latest.get("memory"):
        free = f", {size_of(latest['memory_free'])} free" if latest.get("memory_free") else ""
        words.append(f"memory {size_of(latest['memory'])}{free}")
    if latest.get("gpu_total"):
        words.append(f"GPU {size_of(latest['gpu_memory'])} of {size_of(latest['gpu_total'])}")
    units = (("gpu_use", "{:.0f} % used"), ("gpu_temperature", "{:.0f} °C"), ("gpu_power", "{:.0f} W"))
    words += [form.format(latest[name]) for name, form in units if latest.get(name) is not None]
    words += [f"on {visible(str(facts['device']), 40)}"] if "device" in facts else []
    over = status is not None and not status.active
    return [[("at the end " if over and i == 0 else "", "dim"), (word, "text")] for i, word in enumerate(words)]


# ---- around the chart


def legend(chart: ChartPart, width: int) -> Line:
    """A rule that says what is drawn, how, and of which runs."""
    pieces: list[list[Span]] = [[(QUANTITIES[chart.quantity], "strong")]]
    curve = chart.curve
    if curve is None or not (curve.train.last_step >= 0 or curve.held_out.count):
        return [("─" * width, "dim")]
    others = chart.overlay.runs
    if chart.drawn_span:
        pieces += [] if others else [[("⠂⠁⠄", "dim"), (" values", "dim")]]
        pieces.append([("⠒⠒", "accent"), (f" EMA over {chart.drawn_span:,.0f}", "dim")])
    else:
        pieces.append([("⠒⠒", "accent"), (" values", "dim")])
    if chart.quantity == "loss" and curve.held_out.count:
        pieces.append([("a b held-out" if others else f"{HELD_OUT} held-out", "warn")])
    if others:
        pieces += [[("A", "accent"), (f" {chart.shown_id[-4:]}", "text")]]
        pieces += [[(run.letter, run.ink), (f" {run.id[-4:]}" + ("" if run.curve is not None else " …"), "text")] for run in others]
    series = curve.series(chart.quantity)
    missing = int(series.buckets().missing.sum())
    pieces += [[(f"{NO_NUMBER} {count_of(missing, 'step')} without a number", "bad")]] if missing else []
    pieces += [[("log scale", "text")]] if chart.log else []
    unseen = int((series.buckets().high <= 0).sum()) if chart.log else 0
    pieces += [[(f"{unseen:,} at or below 0 not drawn", "warn")]] if unseen else []
    pieces += [[(f"part {chart.part.length:,} of {chart.total:,} steps", "text")]] if chart.zoomed else []
    pieces += [[(f"a point is {series.width:,} steps", "text")]] if series.width > 1 else []
    line = [("── ", "dim"), *_fitting(pieces, width - 4, " · ")[1:], (" ", "dim")]
    return [*line, ("─" * max(width - width_of(line), 0), "dim")]


def side_items(chart: ChartPart, width: int) -> list[Item]:
    """Every quantity beside the chart: its last value and its course."""
    curve = chart.curve
    if curve is None:
        return []
    items = []
    for name, title in QUANTITIES.items():
        series = curve.series(name)
        if series.latest is not None:
            ink = "strong" if name == chart.quantity else "dim"
            now = "no number" if curve.latest.get(name, 0) is None else _value(name, series.latest)
            words = f" {fit(title.removesuffix(', %'), 18)}{now:>9} "
            items.append(Item([(words, ink), (sparkline([*chart.course(name, max(width - 30, 4)), 8])[:-1], "accent")]))
    return items


def _value(name: str, value: float) -> str:
    if "memory" in name:
        return size_of(value)
    if name == "lr":
        return f"{value:.2e}"
    return number(value) if name in ("loss", "grad_norm") else f"{value:,.0f}" + (" %" if name == "gpu_use" else "")


def number(loss: float) -> str:
    """A loss in the figures that matter."""
    return f"{loss:.3f}" if loss < 1000 else f"{loss:.3g}"
