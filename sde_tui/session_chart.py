"""How the curve of the run shown is looked at: which quantity, how smooth, over steps or tokens, which part, and beside which other runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sde_core.wording import size_of
from sde_tui.session_overlay import LaidOver, Overlay
from sde_tui.widgets.loss_chart import ChartTrace, ChartView, plot_columns

if TYPE_CHECKING:
    import numpy as np

    from sde_core.train.curve import RunCurve
    from sde_tui.session import Session

QUANTITIES = {
    "loss": "loss", "lr": "learning rate", "grad_norm": "gradient norm", "tokens_s": "tokens/s", "memory": "memory of the run",
    "gpu_memory": "GPU memory", "gpu_use": "GPU use, %",
}  # fmt: skip
"""What can be drawn, and how it is called."""
_STRENGTHS = (1.0, 3.0, 0.0, 1 / 3)
"""Times the usual span of the average; 0 for none."""
_LEAST_SHOWN = 8
_JUMPS = 8
"""A part that follows a live run moves on by this part of its length at a time, since every move draws the whole chart again."""


@dataclass(frozen=True, slots=True)
class Part:
    """The steps that are shown.

    Attributes:
        first, last: Inclusive.
        follows: Whether they are the last ones of a run at work.
    """

    first: int
    last: int
    follows: bool = False

    @property
    def length(self) -> int:
        """How many."""
        return self.last - self.first + 1


class ChartPart:
    """The view of the chart on screen 9."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._strength = 0
        self._part: tuple[str, Part] | None = None
        self.overlay = Overlay(session, self._publish)
        self.quantity = "loss"
        self.log = False
        self.by_tokens = False

    # ---- what is looked at

    @property
    def curve(self) -> RunCurve | None:
        """The curve of the run shown."""
        curve: RunCurve | None = self._session.training.curve
        return curve

    @property
    def shown_id(self) -> str:
        """The run shown."""
        shown = self._session.training.shown
        return shown.id if shown is not None else ""

    @property
    def total(self) -> int:
        """The last step of all runs that are drawn: of the one shown, while it is at work, also those to come."""
        return max([self._last_of(curve) for curve in self._curves()], default=1)

    def _last_of(self, curve: RunCurve) -> int:
        status = self._session.training.shown_status
        planned = curve.steps if curve is self.curve and status is not None and status.active else 0
        return max(planned or 0, curve.train.last_step, curve.held_out.last_step, 1)

    @property
    def part(self) -> Part:
        """The steps shown."""
        whole = Part(0, self.total)
        if self._part is None or self._part[0] != self.shown_id:
            return whole
        part = self._part[1]
        if part.follows and self.curve is not None:
            jump = max(part.length // _JUMPS, 1)
            last = -(-self.curve.train.last_step // jump) * jump
            part = Part(max(last - part.length + 1, 0), last, follows=True)
        return part

    @property
    def zoomed(self) -> bool:
        """Whether only some of the steps are shown."""
        return self._part is not None and self._part[0] == self.shown_id

    @property
    def span(self) -> float:
        """Values after which one weighs 1/e in the average, 0 for no average: a round number near a thirtieth of the run."""
        wanted = self.total / 30
        usual = next((n for power in range(7) for n in (10**power, 2 * 10**power, 5 * 10**power) if n >= wanted), 10**7)
        span = max(usual, 5) * _STRENGTHS[self._strength]
        return max(round(span), 2) if span else 0

    @property
    def drawn_span(self) -> float:
        """The span of the average that is drawn: none over the learning rate, which is a schedule and no noise."""
        return 0 if self.quantity == "lr" else self.span

    # ---- keys

    def smooth(self) -> None:
        """The next strength of smoothing."""
        self._strength = (self._strength + 1) % len(_STRENGTHS)
        self._publish()

    def toggle_log(self) -> None:
        """Another scale."""
        self.log = not self.log
        self._publish()

    def toggle_tokens(self) -> None:
        """Over tokens seen in place of steps, and back."""
        self.by_tokens = not self.by_tokens
        self._publish()

    def why_no_tokens(self) -> str:
        """Why the runs cannot be drawn over tokens, "" where they can."""
        told = self.curve is not None and self.curve.series("tokens").count
        return "" if told else self.why_no_curve() or "This run did not say how many tokens it had seen."

    def next_quantity(self) -> None:
        """The next quantity that the run told of."""
        told = [name for name in QUANTITIES if name == "loss" or (self.curve is not None and self.curve.series(name).count)]
        self.quantity = told[(told.index(self.quantity) + 1) % len(told)] if self.quantity in told else "loss"
        self._publish()

    def why_no_curve(self) -> str:
        """Why there is nothing to look at more closely, "" where there is."""
        return "" if self.curve is not None and self.curve.train.last_step > 0 else "No run with a loss curve is shown."

    def zoom_in(self, cursor: int | None) -> None:
        """Half as many steps: around the cursor, or the last ones."""
        part = self.part
        length = max(part.length // 2, _LEAST_SHOWN)
        if cursor is not None:
            self._show(cursor - length // 2, length)
        else:
            last = min(part.last, self.curve.train.last_step) if self.curve is not None else part.last
            status = self._session.training.shown_status
            follows = status is not None and status.active and self.curve is not None and last == self.curve.train.last_step
            self._show(last - length + 1, length, follows=follows)

    def zoom_out(self) -> None:
        """Twice as many steps, at last all."""
        part = self.part
        if part.length * 2 > self.total:
            self.zoom_off()
        else:
            self._show(part.first - part.length // 2, part.length * 2, follows=part.follows)

    def zoom_off(self) -> None:
        """All steps."""
        self._part = None
        self._publish()

    def pan(self, direction: int) -> None:
        """Half a part further."""
        part = self.part
        self._show(part.first + direction * max(part.length // 2, 1), part.length)

    def show_step(self, step: int) -> None:
        """Moves the part so that it holds a step."""
        part = self.part
        if self.zoomed and not part.first <= step <= part.last:
            self._show(step - part.length // 2, part.length)

    def hold(self) -> None:
        """Lets the part stay where it is, also while the run goes on: a cursor on it must not run out of sight."""
        if self.zoomed:
            self._part = (self.shown_id, replace(self.part, follows=False))

    def _show(self, first: int, length: int, *, follows: bool = False) -> None:
        first = max(min(first, self.total - length + 1), 0)
        self._part = (self.shown_id, Part(first, first + length - 1, follows))
        self._publish()

    # ---- drawing

    def _curves(self) -> list[RunCurve]:
        curves = [self.curve, *(run.curve for run in self.overlay.runs)]
        return [curve for curve in curves if curve is not None]

    def view(self, width: int, cursor: int | None) -> ChartView:
        """What a chart of this many cells shows."""
        curve = self.curve
        if curve is None or not (curve.train.last_step >= 0 or curve.held_out.count):
            return ChartView()
        part, count = self.part, plot_columns(width)
        others = self.overlay.runs
        axis = _Axis(curve, part, count, by_tokens=self.by_tokens and not self.why_no_tokens())
        if axis.by_tokens and not self.zoomed:
            axis.last = max(_tokens_after(drawn, self._last_of(drawn)) for drawn in self._curves())
        traces = [self._trace(curve, axis, LaidOver("", "A" if others else "", "accent", curve))]
        traces += [self._trace(run.curve, axis, run) for run in others if run.curve is not None]
        unit, figure = ("tokens" if axis.by_tokens else "step"), (size_of if "memory" in self.quantity else None)
        at = None if cursor is None else int(axis.columns_of_steps(curve, [cursor])[0])
        at = at if at is not None and 0 <= at < count else None
        return ChartView(traces, count, round(axis.first), round(axis.last), unit, self.log, at, figure)

    def _trace(self, curve: RunCurve, axis: _Axis, run: LaidOver) -> ChartTrace:
        from sde_core.train.traces import extremes_by_column, last_by_column, moving_average, trace_of

        trace = trace_of(curve.series(self.quantity), curve, "tokens" if axis.by_tokens else "step")
        column = axis.columns(trace.x)
        line = last_by_column(moving_average(trace, self.drawn_span), column, axis.count).tolist() if self.drawn_span else []
        low, high, missing = extremes_by_column(trace, column, axis.count)
        several = bool(run.letter)
        markers = self._markers(curve, axis) if self.quantity == "loss" else []
        if several and line:
            return ChartTrace((), (), line, missing.nonzero()[0].tolist(), markers, run.ink, run.letter)
        return ChartTrace(low.tolist(), high.tolist(), line, missing.nonzero()[0].tolist(), markers, run.ink, run.letter)

    def _markers(self, curve: RunCurve, axis: _Axis) -> list[tuple[int, float]]:
        steps, losses = curve.held_out.points()
        columns = axis.columns_of_steps(curve, steps)
        return [(int(x), float(loss)) for x, loss in zip(columns, losses, strict=True) if 0 <= x < axis.count]

    def smoothed(self) -> float | None:
        """The last value of the smoothed loss, None where it is not smoothed."""
        from sde_core.train.traces import moving_average, trace_of

        curve = self.curve
        if curve is None or not curve.train.count or not self.span:
            return None
        averages = moving_average(trace_of(curve.train, curve), self.span)
        return float(averages[averages == averages][-1])

    def course(self, quantity: str, cells: int) -> list[int]:
        """The last value in each equal part of the run so far, from 1 for the lowest to 8 for the highest; 0 where there is none."""
        from sde_core.train.traces import columns_of, last_by_column

        assert self.curve is not None  # noqa: S101
        steps, values = self.curve.series(quantity).points()
        lowest, highest = values.min(), values.max()
        heights = (values - lowest) / max(highest - lowest, 1e-30) * 7 + 1
        found = last_by_column(heights, columns_of(steps, 0, max(self.curve.series(quantity).last_step, 1), cells), cells)
        return [0 if height != height else round(height) for height in found.tolist()]

    def _publish(self) -> None:
        self._session.signals.jobs.publish("curve")


class _Axis:
    """From steps or tokens to columns."""

    def __init__(self, curve: RunCurve, part: Part, count: int, *, by_tokens: bool) -> None:
        self.count, self.by_tokens = count, by_tokens
        self.first, self.last = float(part.first), float(part.last)
        if by_tokens:
            self.first, self.last = (_tokens_after(curve, step) for step in (part.first, part.last))

    def columns(self, places: np.ndarray) -> np.ndarray:
        """Of places on the axis."""
        from sde_core.train.traces import columns_of

        return columns_of(places, self.first, self.last, self.count)

    def columns_of_steps(self, curve: RunCurve, steps: Any) -> np.ndarray:
        """Of steps of a run."""
        import numpy as np

        from sde_core.train.traces import tokens_at

        at = np.asarray(steps, np.float64)
        return self.columns(tokens_at(curve, at) if self.by_tokens else at)


def _tokens_after(curve: RunCurve, step: int) -> float:
    """Tokens seen after a step; of steps to come as many as those so far had on average."""
    import numpy as np

    from sde_core.train.traces import tokens_at

    seen = max(curve.series("tokens").last_step, 1)
    at = float(tokens_at(curve, np.array([min(step, seen)]))[0])
    return at * (step / seen if step > seen else 1.0)
