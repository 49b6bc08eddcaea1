"""The loss chart: dots where the losses are, no spike lost, and only changed lines drawn again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App

from sde_tui.theme import THEMES
from sde_tui.widgets.loss_chart import CurvePoints, LossChart, chart_lines, plot_columns
from sde_tui.widgets.spans import plain, width_of

NAN = math.nan


def text_of(points, height=9):
    return [plain(line) for line in chart_lines(points, height)]


def points_of(values, **options):
    return CurvePoints(values, values, **{"steps": max(len(values) - 1, 1), **options})


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
    assert text_of(CurvePoints((), ())) == [""] * 9
    assert text_of(points_of([NAN] * 20)) == [""] * 9


def test_a_falling_curve_goes_from_the_top_left_to_the_bottom_right():
    lines = text_of(points_of([4.0 - 3.0 * x / 39 for x in range(40)], steps=1200))
    assert lines[0].startswith("    4.0┤") or lines[0].startswith("      4┤")
    assert "step 1,200" in lines[-1]
    found = dots(lines)
    assert (0, 0) in found
    assert max(y for x, y in found if x == 39) == 31
    tops = [min(y for x, y in found if x == column) for column in range(40)]
    assert tops == sorted(tops)


def test_held_out_losses_are_marked_by_a_sign_of_their_own():
    lines = text_of(points_of([2.0] * 40, held_out=[(10, 3.0), (39, 2.0)]))
    assert sum(line.count("◆") for line in lines) == 2
    assert "◆" in lines[0]


@settings(deadline=None)
@given(st.lists(st.one_of(st.just(NAN), st.floats(0.01, 50)), min_size=2, max_size=60), st.integers(3, 12))
def test_every_column_with_a_value_has_its_extremes_and_the_line_has_no_gap(values, height):
    known = [x for x, value in enumerate(values) if math.isfinite(value)]
    lines = text_of(points_of(values), height)
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


@given(st.floats(1e-4, 1e4), st.floats(0, 1e4), st.integers(3, 30))
def test_figures_fit_their_place(low, span, height):
    lines = chart_lines(points_of([low, low + span]), height)
    assert all(width_of(line[:1]) == 8 for line in lines[:-1])


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
        assert chart.show(points_of(values)) == size[1]
        await pilot.pause()
        assert chart.show(points_of(values)) == 0
        values[20] = 3.0
        assert chart.show(points_of(values)) <= 2
        values[21] = 9.0
        assert chart.show(points_of(values)) > 2


def test_a_week_of_steps_costs_the_chart_as_much_as_a_minute():
    from sde_core.train.curve import Series

    series = Series()
    for step in range(1, 60_001):
        series.set(step, 2.0 + (step == 33_333))
    low, high = series.columns(plot_columns(80), 60_000)
    assert len(low) == len(high) == 142
    assert max(high) == 3.0


def test_the_cursor_is_a_line_that_hides_no_dot():
    values = [3.0 - x / 20 for x in range(40)]
    bare, marked = text_of(points_of(values)), text_of(points_of(values, cursor=20))
    at = 8 + 10
    for before, after in zip(bare[:-1], marked[:-1], strict=True):
        assert after[at] == ("┊" if before[at : at + 1] in (" ", "") else before[at])
        assert before[:at] == after[:at]
    assert dots(bare) == dots(marked)
