"""What a run's length costs the curve of screen 9: `python benchmarks/curve.py [--steps 600 100000 10000000] [--events 200000]`.

Prints, for runs of so many steps, the curve's memory, the time to take in one more step, and the time to draw the chart at 80 and 200 columns;
then how fast events are read from a file.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sde_core.jobs import read_events
from sde_core.train.curve import QUANTITIES, RunCurve
from sde_core.train.traces import columns_of, extremes_by_column, last_by_column, moving_average, trace_of
from sde_tui.widgets.loss_chart import ChartTrace, ChartView, chart_lines, plot_columns


def curve_of(steps: int) -> RunCurve:
    """A run of so many steps, as its events make it."""
    curve, draws = RunCurve(), np.random.default_rng(1)
    for start in range(0, steps, 1_000_000):
        at = np.arange(start, min(start + 1_000_000, steps))
        losses = 2 + 2 / np.sqrt(at + 1) + draws.normal(0, 0.1, len(at))
        for name in QUANTITIES:
            curve.series(name).extend(at, losses if name != "tokens" else 500.0 * at)
        curve.trend.extend(at, losses)
    curve.steps = steps
    return curve


def memory_of(curve: RunCurve) -> int:
    """Bytes of its arrays."""
    return sum(value.nbytes for name in QUANTITIES for value in vars(curve.series(name)).values() if isinstance(value, np.ndarray))


def draw(curve: RunCurve, width: int) -> None:
    """All that a redrawing of the chart costs but for the terminal."""
    trace, count = trace_of(curve.train, curve), plot_columns(width)
    column = columns_of(trace.x, 0, curve.train.last_step, count)
    low, high, _ = extremes_by_column(trace, column, count)
    line = last_by_column(moving_average(trace, 100), column, count)
    view = ChartView([ChartTrace(low.tolist(), high.tolist(), line.tolist())], count, 0, curve.train.last_step)
    chart_lines(view, 30 if width > 100 else 9)


def milliseconds(work: Callable[[], object], times: int = 20) -> float:
    """CPU time of one."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * 1000


def print_length(steps: int) -> None:
    """Prints what a run of so many steps costs."""
    curve = curve_of(steps)
    event = {"event": "step", "step": steps, "steps": steps, "loss": 2.0, "lr": 1e-4, "grad_norm": 1.0, "tokens": 500 * steps}
    narrow, wide = (milliseconds(lambda width=width: draw(curve, width)) for width in (80, 200))
    one = milliseconds(lambda: curve.add([event]))
    shape = f"{len(curve.train.buckets().step):,} buckets of {curve.train.width:,} steps, {memory_of(curve) / 1e3:,.0f} kB"
    print(f"{steps:>12,} steps: {shape}; draw {narrow:.1f} ms at 80 columns, {wide:.1f} ms at 200; one more step {one:.2f} ms")


def print_reading(events: int) -> None:
    """Prints how fast a file of events becomes a curve."""
    draws = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        with path.open("w") as file:
            for step in range(1, events + 1):
                told = {"step": step, "steps": events, "loss": draws.random(), "lr": 1e-4, "grad_norm": 1.0, "tokens": 500 * step, "tokens_s": 2500.0}
                file.write(json.dumps({"t": 1.7e9 + step, "event": "step", **told, "epoch": 0.1, "memory": 650e6, "memory_free": 3e9}) + "\n")
        size, begun, curve, offset = path.stat().st_size, time.process_time(), RunCurve(), 0
        while offset < size:
            told, offset = read_events(path, offset)
            curve.add(told)
        seconds = time.process_time() - begun
        print(f"reading {events:,} events ({size / 1e6:.0f} MB): {seconds:.2f} CPU s, {events / seconds:,.0f} events/s")


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, nargs="+", default=[600, 100_000, 10_000_000])
    options.add_argument("--events", type=int, default=200_000)
    asked = options.parse_args()
    for steps in asked.steps:
        print_length(steps)
    print_reading(asked.events)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


if __name__ == "__main__":
    main()
