"""9 Train: what would train, the runs, and the loss of one of them while it trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.containers import Container, Horizontal
from textual.widget import Widget

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.train_drawing import DRILL_TITLES, advice_words, alert_words, list_items, result_words, resume_words, step_words
from sde_tui.screens.train_figures import figure_lines, legend, side_items
from sde_tui.screens.train_view_keys import ChartKeys
from sde_tui.session_chart import ChartPart
from sde_tui.session_run_rows import RunRowsPart
from sde_tui.session_training import TrainingPart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import ItemList, LineList, TextLines
from sde_tui.widgets.loss_chart import LossChart
from sde_tui.widgets.spans import Line

_HINTS = {
    "running": "you may leave, it goes on · s stops it · P pauses it · z zooms in",
    "queued": "it starts in a moment · s stops it",
    "waiting": "it begins by itself once its device is free · h the queue · s takes it out",
    "stopping": "it saves and stops at its next step · s again is harsher",
}


class TrainScreen(ChartKeys, SdeScreen):
    """A list with the set and the runs, three lines of figures, and the chart; beside it, where there is room, the course of every quantity."""

    NAME = "train"
    BINDINGS = screen_bindings("train")
    DEFAULT_CSS = """
    TrainScreen #things { height: 7; }
    TrainScreen.-tall #things { height: 12; }
    TrainScreen #run { height: 1fr; layout: vertical; }
    TrainScreen #plots { height: 1fr; }
    TrainScreen #chart { width: 1fr; height: 1fr; }
    TrainScreen #side { display: none; width: 44; height: 1fr; }
    TrainScreen.-wide #side { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._stood_on = ""
        self._told = ("", ("", ""))
        self._left_runs_at = 0
        """How deep the places lay when the user left the list of runs for rows, 0 where they did not."""

    def compose_content(self) -> Iterable[Widget]:
        yield ItemList(id="things")
        with Container(id="run"):
            yield OneLine(id="losses")
            yield OneLine(id="rates")
            yield OneLine(id="machine")
            yield OneLine(id="legend")
            with Horizontal(id="plots"):
                yield LossChart(id="chart")
                yield TextLines(id="side")

    def on_mount(self) -> None:
        self.set_focus(self.things)

    @property
    def part(self) -> TrainingPart:
        """The engine's side of this screen."""
        part: TrainingPart = self.session.part("training")
        return part

    @property
    def run_rows(self) -> RunRowsPart:
        """The rows behind the curve."""
        part: RunRowsPart = self.session.part("run_rows")
        return part

    @property
    def chart(self) -> ChartPart:
        """How the curve is looked at."""
        part: ChartPart = self.session.part("chart")
        return part

    @property
    def things(self) -> ItemList:
        """The set and the runs."""
        return self.query_one("#things", ItemList)

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if not self._begun and not self.part.why_not_look():
            self._begun = True
            self.part.start()
        if change == "shown" and self.session.part("group_losses").came_back():
            self.action_groups()
        elif change == "shown" and self.session.part("arms").came_back():
            self.action_arms()
        elif change == "shown" and self._came_back_to_runs():
            self.action_runs()
        self._let_news_be_read()
        if change not in ("view", "findings"):
            self._show_things()
            self._show_run()

    def _let_news_be_read(self) -> None:
        """Takes the last message off the line when something goes wrong with the run, or it ends; nobody may press a key for hours."""
        alerts, status, shown = self.part.alerts(), self.part.shown_status, self.part.shown
        news = (alerts[0].kind if alerts else "", status.state if status is not None and not status.active else "")
        run, before = self._told
        if shown is not None and run == shown.id and news != before and any(news) and self.app.screen is self:
            self.sde_app.flashed = None
        self._told = (shown.id if shown is not None else "", news)

    def _show_things(self) -> None:
        self.things.set_items(list_items(self.part, self.session.part("probe").words, self.things.scrollable_content_region.width or 79))
        shown = self.part.shown
        if shown is not None and shown.id != self._stood_on:
            self._stand_on(shown.id)

    def _stand_on(self, identifier: str) -> None:
        y = next((y for y, item in enumerate(self.things.items) if item.value == ("run", identifier)), None)
        if y is not None:
            self._stood_on = identifier
            self.things.move_to(y)

    def _show_run(self) -> None:
        width, chart = self.size.width, self.query_one("#chart", LossChart)
        losses, rates, machine = figure_lines(self.part, self.chart, width)
        shown = {"losses": losses, "rates": rates, "machine": advice_words(self.part, width) or machine, "legend": legend(self.chart, width)}
        for name, line in shown.items():
            self.query_one(f"#{name}", OneLine).show(line, [])
        chart.show(self.chart.view(chart.size.width, self.run_rows.step))
        side = self.query_one("#side", TextLines)
        if side.display:
            side.set_items(side_items(self.chart, side.size.width))

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        kind, value = self.things.value or ("", "")
        if kind == "run":
            self._stood_on = value
            self.part.show(value)
            self._show_run()
        self.refresh_frame()

    async def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        await self.action_do("open_line")

    def what_now(self) -> Line:
        part = self.part
        if part.stage:
            return [(f"{part.stage.rstrip('…')}…", "accent")]
        status = part.shown_status
        if self.run_rows.step is not None:
            return step_words(self.run_rows)
        if self.chart.zoomed:
            return [("←→", "accent"), (" another part · ", "dim"), ("z Z", "accent"), (" closer, farther · ", "dim"), ("space", "accent"),
                    (" what stands out · ", "dim"), ("esc", "accent"), (" all", "dim")]  # fmt: skip
        alert = alert_words(part, self.size.width - 1)
        if alert:
            return alert
        if status is not None and status.state in _HINTS:
            answers = " · i answers" if status.state == "running" and not self.why_not_answers() else ""
            return [(_HINTS[status.state] + answers, "dim")]
        if status is not None and status.state in ("stopped", "paused", "lost", "failed"):
            return [("r", "accent"), (f" {resume_words(part)} · ", "dim"), ("F", "accent"), (" starts another", "dim")]
        return list(result_words(part)) or [
            ("F", "accent"),
            (" starts it as a job that outlives the app · ", "dim"),
            ("e", "accent"),
            (" changes the recipe", "dim"),
        ]

    def command_line(self) -> str:
        status, shown = self.part.shown_status, self.part.shown
        if status is not None and shown is not None and status.active:
            return f"sde jobs attach {shown.id[-4:]} --data {self.session.command_data}"
        return self.part.command_line()

    def copied(self) -> tuple[str, str]:
        shown = self.part.shown
        if shown is None:
            return super().copied()
        status = self.part.shown_status
        done = status is not None and status.state == "done"
        return ("the adapter's folder", str(shown.result_dir / "adapter")) if done else ("the run's folder", str(shown.folder))

    # ---- keys

    def action_open_line(self) -> None:
        if self.run_rows.step is not None:
            self.run_rows.drill_step(self.NAME)
            return
        kind, value = self.things.value or ("", "")
        if kind == "rows":
            self.session.records.drill(self.part.rows_with(value), DRILL_TITLES[value], screen=self.NAME)
        elif kind == "run":
            self.part.drill_run(self.NAME)

    def why_not_open_line(self) -> str:
        if self.run_rows.step is not None:
            return ""
        kind, value = self.things.value or ("", "")
        if kind == "rows" and not self.part.rows_with(value):
            return "There are no such rows."
        return "" if kind else "There is nothing here to open."

    def action_losses(self) -> None:
        self.run_rows.drill_losses(self.NAME)

    def why_not_losses(self) -> str:
        return self.run_rows.why_no_step()

    def action_groups(self) -> None:
        from sde_tui.screens.group_losses import GroupLossesScreen

        self.app.push_screen(GroupLossesScreen(self.session.part("group_losses")), self._left_groups)

    why_not_groups = why_not_losses

    def _left_groups(self, place: int | None) -> None:
        if place is not None:
            self.session.part("group_losses").drill(place, screen=self.NAME)

    def action_arms(self) -> None:
        from sde_tui.screens.arms import ArmsScreen

        self.app.push_screen(ArmsScreen(self.session.part("arms")), self._left_arms)

    def _left_arms(self, arm: str | None) -> None:
        if arm is not None:
            self.session.part("arms").drill(arm, screen=self.NAME)

    def action_stop(self) -> None:
        status = self.part.shown_status
        if status is not None and status.state == "stopping":
            ways = [("terminate", "Break it off where it stands; it resumes from its last checkpoint"), ("kill", "Kill it, and all it started")]
            self.choose("It was asked to stop at its next step, and has not yet.", ways, self.part.stop)
        else:
            self.ask("Stop this run?", self.part.stop, details=["It saves a checkpoint at its next step; r goes on from there."])

    def why_not_stop(self) -> str:
        return self.part.why_not_stop()

    def action_resume(self) -> None:
        self.part.resume()

    def why_not_resume(self) -> str:
        return self.part.why_not_resume()

    def action_pause(self) -> None:
        self.session.part("run_control").pause()

    def why_not_pause(self) -> str:
        words: str = self.session.part("run_control").why_not_pause()
        return words

    def action_extend(self, typed: str = "", fault: str = "") -> None:
        def extend(amount: str) -> None:
            wrong = self.session.part("run_control").extend(amount)
            if wrong:
                self.action_extend(amount, wrong)

        course = "It goes on from its last checkpoint. Where it was to end, the learning rate rises again and takes its course once more."
        self.prompt(
            "Give this run how many steps or epochs more?",
            extend,
            value=typed,
            placeholder="200 steps, or 1 epoch",
            details=[*([visible(fault, 200)] if fault else []), course],
        )

    def why_not_extend(self) -> str:
        words: str = self.session.part("run_control").why_not_extend()
        return words

    def action_runs(self) -> None:
        from sde_tui.screens.runs import RunsScreen

        shown = self.part.shown
        self.app.push_screen(RunsScreen(self.session.part("queue"), shown.id if shown is not None else None), self._left_runs)

    def _left_runs(self, left: tuple[str, Any, str] | None) -> None:
        if left is not None and left[0] == "run":
            self.part.show(left[1])
        elif left is not None:
            self.session.records.drill(left[1], left[2], screen=self.NAME)
            self._left_runs_at = len(self.session.records.places)

    def _came_back_to_runs(self) -> bool:
        back = 0 < self._left_runs_at > len(self.session.records.places)
        self._left_runs_at = 0 if back else self._left_runs_at
        return back

    def action_try_model(self) -> None:
        from sde_tui.screens.try_model import TryModelScreen

        self.app.push_screen(TryModelScreen(self.session.part("try_model")))

    def why_not_try_model(self) -> str:
        reason: str = self.session.part("try_model").why_not()
        return reason

    def action_hand_over(self) -> None:
        part = self.session.part("handover")
        self.prompt("Hand the run over in a new folder:", part.write, value=part.suggested(), details=[f"Merged weights too: {part.command_line()}"])

    def why_not_hand_over(self) -> str:
        reason: str = self.session.part("handover").why_not()
        return reason

    def action_recipe(self, typed: str = "", fault: str = "") -> None:
        def change(settings: str) -> None:
            wrong = self.part.change_recipe(settings)
            if wrong:
                self.action_recipe(settings, wrong)

        self.prompt(
            "Change the recipe: name=value, several with spaces",
            change,
            value=typed,
            placeholder="max_steps=200 learning_rate=1e-4 model=./my-model",
            details=[*([visible(fault, 400)] if fault else []), "Now: " + "  ".join(self.part.recipe_settings())],
        )

    def action_probe(self) -> None:
        self.session.part("probe").start()

    def why_not_probe(self) -> str:
        reason: str = self.session.part("probe").why_not()
        return reason

    def action_preflight(self) -> None:
        self.part.look()

    def why_not_preflight(self) -> str:
        return self.part.why_not_look() or self.part.stage
