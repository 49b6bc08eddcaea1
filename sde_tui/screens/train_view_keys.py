"""The keys of screen 9 that change how the curve is looked at, and move over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sde_tui.session_chart import ChartPart
from sde_tui.session_run_rows import RunRowsPart
from sde_tui.widgets.loss_chart import LossChart, plot_columns

if TYPE_CHECKING:
    from sde_tui.screens.base import SdeScreen
    from sde_tui.session_jobs import JobLine

    _Base = SdeScreen
else:
    _Base = object


class ChartKeys(_Base):
    """Actions on the chart; the screen has the parts `chart` and `run_rows`."""

    chart: ChartPart
    run_rows: RunRowsPart

    # ---- the cursor, and moving

    def action_later(self) -> None:
        self._move(1)

    def action_earlier(self) -> None:
        self._move(-1)

    def why_not_later(self) -> str:
        return self.run_rows.why_no_step()

    why_not_earlier = why_not_cursor = why_not_later

    def _move(self, direction: int) -> None:
        if self.chart.zoomed and self.run_rows.step is None:
            self.chart.pan(direction)
            return
        self.chart.hold()
        columns = plot_columns(self.query_one("#chart", LossChart).size.width) // 2
        self.run_rows.move(direction, max(round(columns * self.chart.total / self.chart.part.length), columns))
        if self.run_rows.step is not None:
            self.chart.show_step(self.run_rows.step)

    def action_cursor(self) -> None:
        curve, part = self.chart.curve, self.chart.part
        step = curve.train.standing_out(part.first, part.last + 1) if curve is not None and self.run_rows.step is None else None
        if step is None:
            self.run_rows.leave()
        else:
            self.chart.hold()
            self.run_rows.stand_on(step)

    def action_no_step(self) -> None:
        if self.run_rows.step is not None:
            self.run_rows.leave()
        elif self.chart.zoomed:
            self.chart.zoom_off()
        else:
            self.chart.overlay.clear()

    def why_not_no_step(self) -> str:
        if self.run_rows.step is not None or self.chart.zoomed or self.chart.overlay.runs:
            return ""
        return "No step is under the cursor: → puts it on the step that stands out most."

    # ---- how it is drawn

    def action_zoom_in(self) -> None:
        self.chart.zoom_in(self.run_rows.step)

    def action_zoom_out(self) -> None:
        self.chart.zoom_out()

    def why_not_zoom_in(self) -> str:
        return self.chart.why_no_curve()

    why_not_smooth = why_not_log_scale = why_not_quantity = why_not_zoom_in

    def why_not_zoom_out(self) -> str:
        return "" if self.chart.zoomed else "All steps are shown; z shows fewer."

    def action_smooth(self) -> None:
        self.chart.smooth()

    def action_log_scale(self) -> None:
        self.chart.toggle_log()

    def action_quantity(self) -> None:
        self.chart.next_quantity()

    def action_tokens(self) -> None:
        self.chart.toggle_tokens()

    def why_not_tokens(self) -> str:
        return self.chart.why_no_tokens()

    # ---- other runs

    def action_overlay(self) -> None:
        overlay, training = self.chart.overlay, self.session.part("training")
        letters = {run.id: run.letter for run in overlay.runs}
        runs = self._others()
        options: list[tuple[Any, str]] = [
            (line.id, f"{letters.get(line.id, ' ')} {line.id[-4:]}  {line.state:<8} {line.done:>7,} steps  {training.short_title(line)}")
            for line in runs
        ]
        self.choose("Lay a run over the chart, or take it off", options, self._overlaid)

    def _overlaid(self, identifier: str) -> None:
        refused = self.chart.overlay.toggle(identifier)
        if refused:
            self.flash(refused, "warn")
        else:
            self.action_overlay()

    def why_not_overlay(self) -> str:
        return self.chart.why_no_curve() or ("" if self._others() else "This dataset has no other run that has made a step.")

    def _others(self) -> list[JobLine]:
        """The other runs that have a curve."""
        runs: list[JobLine] = self.session.part("training").runs
        return [line for line in runs if line.id != self.chart.shown_id and line.done and line.counts_steps]

    # ---- what the model answers

    def action_answers(self) -> None:
        from sde_tui.screens.generations import GenerationsScreen

        self.session.part("generations").read(lambda: self.app.push_screen(GenerationsScreen(self.session.part("generations")), self._left_answers))

    def _left_answers(self, row: int | None) -> None:
        if row is not None:
            self.session.records.drill([row], f"row {row:,} of the sample answers", screen=self.NAME)

    def why_not_answers(self) -> str:
        return self.session.part("generations").why_not()
