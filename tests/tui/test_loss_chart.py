"""The loss chart: dots where the losses are, no spike and no gap lost, runs told apart without colour, and only changed lines drawn again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from textual.app import App

from sde_core.train.curve import RunCurve
from sde_core.train.traces import columns_of, extremes_by_column, last_by_column, moving_average, trace_of
from sde_tui.painter import Painter
from sde_tui.theme import DARK, THEMES, inks
from sde_tui.widgets.chart_scale import scale_of
from sde_tui.widgets.loss_chart import ChartTrace, ChartView, LossChart, chart_lines, plot_columns
from sde_tui.widgets.spans import plain, strip_of, width_of

NAN = math.nan


def text_of(view, height=9):
    return [plain(line) for line in chart_lines(view, height)]


def view_of(values, *, line=(), last=None, log=False, cursor=None, **options):
    trace = ChartTrace(values, values, line, **options)
    return ChartView([trace], len(values), 0, max(len(values) - 1, 1) if last is None else last, log=log, cursor=cursor)


def dots(lines):
    """(column, line) of every dot of the plot, counted from its top left."""
    table = {(0x01, 0, 0), (0x02, 0, 1), (0x04, 0, 2), (0x40, 0, 3), (0x08, 1, 0), (0x10, 1, 1), (0x20, 1, 2), (0x80, 1, 3)}
    found = set()
    for y, line in enumerate(lines[:-1]):
        for x, character in enumerate(line[8:]):
            code = ord(character) - 0x2800
            if 0 < code < 256:
                found |= {(2 * x + dx, 4 * y + dy) for bit, dx, dy in table if code & bit}
    return found


def test_nothing_to_draw_is_blank():
    assert text_of(ChartView()) == [""] * 9
    assert text_of(view_of([NAN] * 20)) == [""] * 9


def test_a_falling_curve_goes_from_the_top_left_to_the_bottom_right():
    lines = text_of(view_of([4.0 - 3.0 * x / 39 for x in range(40)], last=1200))
    assert lines[0].startswith("    4.0┤") or lines[0].startswith("      4┤")
    assert "step 1,200" in lines[-1]
    found = dots(lines)
    assert (0, 0) in found
    assert max(y for x, y in found if x == 39) == 31
    tops = [min(y for x, y in found if x == column) for column in range(40)]
    assert tops == sorted(tops)


def test_one_point_and_a_constant_are_drawn():
    assert len(dots(text_of(view_of([NAN] * 10 + [2.0] + [NAN] * 10)))) == 1
    assert {x for x, _ in dots(text_of(view_of([2.0] * 40)))} == set(range(40))
    assert {x for x, _ in dots(text_of(view_of([0.0] * 40)))} == set(range(40))


def test_held_out_losses_are_marked_by_a_sign_of_their_own():
    lines = text_of(view_of([2.0] * 40, markers=[(10, 3.0), (39, 2.0), (40, 2.0), (-1, 2.0)]))
    assert sum(line.count("◆") for line in lines) == 2
    assert "◆" in lines[0]


@settings(deadline=None)
@given(st.lists(st.one_of(st.just(NAN), st.floats(0.01, 50)), min_size=2, max_size=60), st.integers(3, 12))
def test_every_column_with_a_value_has_its_extremes_and_the_line_has_no_gap(values, height):
    known = [x for x, value in enumerate(values) if math.isfinite(value)]
    lines = text_of(view_of(values), height)
    assert len(lines) == height
    if not known:
        return
    columns = {}
    for x, y in dots(lines):
        columns.setdefault(x, set()).add(y)
    assert set(range(known[0], known[-1] + 1)) <= set(columns)
    for x in range(known[0], known[-1]):
        gap = min(columns[x + 1]) - max(columns[x]), min(columns[x]) - max(columns[x + 1])
        assert max(gap) <= 1
    best = min(known, key=lambda x: values[x])
    assert max(y for column in columns.values() for y in column) == max(columns[best])


def test_without_colour_the_average_is_a_joined_line_among_single_dots():
    raw = [3.0 + (1.5 if x % 2 else -1.5) for x in range(80)]
    found = dots(text_of(view_of(raw, line=[3.0] * 80), 12))
    line = next(y for y in range(44) if all((x, y) in found for x in range(80)))
    others = [(x, y) for x, y in found if y != line]
    assert len(others) == 80
    assert not any((x + 1, y) in found or (x - 1, y) in found for x, y in others)


def test_steps_without_a_number_break_the_line_and_are_marked():
    values = [2.0] * 18 + [NAN] * 4 + [2.0] * 18
    whole, broken = (dots(text_of(view_of(values, missing=missing))) for missing in ((), (18, 19, 20, 21)))
    assert {x for x, _ in whole} == set(range(40))
    assert not {x for x, _ in broken} & {18, 19, 20, 21}
    lines = text_of(view_of(values, missing=(18, 19, 20, 21)))
    assert lines[-2][8 + 9 : 8 + 11] == "××"
    assert sum(line.count("×") for line in lines) == 2
    assert "×" in text_of(view_of([NAN] * 10, missing=(3,)))[-2]


def test_on_a_log_scale_equal_ratios_are_equal_distances():
    lines = text_of(view_of([10.0 ** (2 - x / 10) for x in range(41)], log=True), 17)
    found = dots(lines)
    middle = {x: min(y for at, y in found if at == x) for x in (0, 10, 20, 30, 40)}
    steps = [middle[x + 10] - middle[x] for x in (0, 10, 20, 30)]
    assert max(steps) - min(steps) <= 2
    figures = [line[:8].strip(" ┤│") for line in lines[:-1] if "┤" in line]
    assert figures[0] == "100"
    assert figures[-1] == "0.01"


def test_what_is_not_above_zero_has_no_place_on_a_log_scale():
    values = [0.0, -1.0, 1.0, 10.0]
    assert {x for x, _ in dots(text_of(view_of(values, log=True, markers=[(0, 0.0)])))} == {2, 3}
    assert text_of(view_of([0.0, -1.0], log=True)) == [""] * 9


@given(st.floats(1e-9, 1e9), st.floats(0, 1e9), st.integers(3, 30), st.booleans())
def test_figures_fit_their_place_and_stand_within_the_scale(low, span, height, log):
    lines = chart_lines(view_of([low, low + span], log=log), height)
    assert all(width_of(line[:1]) == 8 for line in lines[:-1])
    scale = scale_of(low, low + span, height - 1, log=log)
    assert 1 <= len(scale.ticks) <= height
    places = [scale.place(value) for value, _ in scale.ticks]
    assert places == sorted(places, reverse=True)
    assert 0 <= scale.place(low) <= scale.place(low + span) <= 1


def test_runs_are_told_apart_by_letters():
    runs = [ChartTrace((), (), [value] * 80, (), [(40, value)], letter=letter) for letter, value in (("A", 1.0), ("B", 2.0), ("C", 3.0))]
    lines = text_of(ChartView(runs, 80, 0, 79), 13)
    for letter in "ABC":
        (holding,) = [line for line in lines if letter in line]
        assert holding.rstrip().endswith(letter)
        assert holding.count(letter) >= 2
        assert letter.lower() in holding
    (order,) = ["".join(letter for line in lines for letter in "ABC" if letter in line)]
    assert order == "CBA"


class ChartApp(App):
    def __init__(self):
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self):
        yield LossChart(id="chart")


@pytest.mark.parametrize("size", [(80, 10), (120, 24)])
async def test_only_lines_that_changed_are_drawn_again(size):
    app = ChartApp()
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(LossChart)
        count = plot_columns(chart.size.width)
        values = [3.0] * 20 + [NAN] * (count - 20)
        assert chart.show(view_of(values)) == size[1]
        await pilot.pause()
        assert chart.show(view_of(values)) == 0
        values[20] = 3.0
        assert chart.show(view_of(values)) <= 2
        values[21] = 9.0
        assert chart.show(view_of(values)) > 2


@pytest.mark.parametrize(("size", "height"), [((80, 24), 9), ((120, 40), 19)])
def test_a_second_of_a_run_at_work_costs_the_terminal_little(size, height):
    """What is written for the chart when ten more noisy steps of 3,000 are drawn, once the curve stands: with the figures' lines far below 5 KB."""
    rng, columns = np.random.default_rng(3), plot_columns(size[0])
    painter, written = Painter(ColorSystem.TRUECOLOR, erases=True), []
    painter.reset(*size)
    curve = RunCurve()
    curve.add({"event": "step", "step": step, "steps": 3000, "loss": 2 + 2 / step**0.5 + rng.normal(0, 0.2)} for step in range(1, 401))
    for second in range(40):
        curve.add({"event": "step", "step": step, "loss": 2 + rng.normal(0, 0.2)} for step in range(401 + 10 * second, 411 + 10 * second))
        trace = trace_of(curve.train, curve)
        column = columns_of(trace.x, 0, 3000, columns)
        low, high, _ = extremes_by_column(trace, column, columns)
        line = last_by_column(moving_average(trace, 100), column, columns)
        lines = chart_lines(ChartView([ChartTrace(low.tolist(), high.tolist(), line.tolist())], columns, 0, 3000), height)
        strips = [(0, y, strip_of(line, size[0], inks(DARK.name))) for y, line in enumerate(lines)]
        written.append(len(painter.paint(strips).encode()))
    assert 0 < sum(written[1:]) / 39 < 600
    assert max(written[1:]) < 5000


def test_the_cursor_is_a_line_that_hides_no_dot():
    values = [3.0 - x / 20 for x in range(40)]
    bare, marked = text_of(view_of(values)), text_of(view_of(values, cursor=20))
    at = 8 + 10
    for before, after in zip(bare[:-1], marked[:-1], strict=True):
        assert after[at] == ("┊" if before[at : at + 1] in (" ", "") else before[at])
        assert before[:at] == after[:at]
    assert dots(bare) == dots(marked)


def test_the_axis_names_both_ends_of_a_part():
    view = ChartView([ChartTrace([1.0] * 120, [1.0] * 120)], 120, 400, 1599, "tokens")
    line = text_of(view)[-1]
    assert line[7:].startswith("400")
    assert line.endswith("tokens 1,599")
    assert "999" in line
