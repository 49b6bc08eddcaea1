"""8 Design: one record as a training sample in two designs or more, token by token, and what each costs."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Horizontal
from textual.widget import Widget

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.design_drawing import option_items, room_for, sample_lines, sample_title, task_line
from sde_tui.session_design import MOST_SIDES, DesignPart
from sde_tui.session_perplexity import PerplexityPart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList
from sde_tui.widgets.spans import Line

_PANES = tuple(f"sample-{side}" for side in range(MOST_SIDES))
_ORDER = ("first", "second", "third", "fourth")


class DesignScreen(SdeScreen):
    """The task, the options of the designs, and the samples."""

    NAME = "design"
    BINDINGS = screen_bindings("design")
    DEFAULT_CSS = """
    DesignScreen #options { height: 9; }
    DesignScreen #samples { height: 1fr; }
    DesignScreen #samples > ItemList {
        width: 1fr; border-top: solid $panel; border-title-color: $foreground 70%; border-title-align: left; border-title-style: none;
    }
    DesignScreen #samples > .-next { border-left: solid $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._side = 0

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="task")
        yield ItemList(id="options")
        with Horizontal(id="samples"):
            for side, pane in enumerate(_PANES):
                yield ItemList(id=pane, classes="-next" if side else "")

    def on_mount(self) -> None:
        self.set_focus(self.options)

    @property
    def part(self) -> DesignPart:
        """The engine's side of this screen."""
        part: DesignPart = self.session.part("design")
        return part

    @property
    def measuring(self) -> PerplexityPart:
        """What measures perplexity."""
        part: PerplexityPart = self.session.part("perplexity")
        return part

    @property
    def options(self) -> ItemList:
        """The options of the designs."""
        return self.query_one("#options", ItemList)

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if (self.part.stale or (change == "shown" and self.part.stopped)) and not self.part.why_not_run():
            self.part.read()
        elif change == "shown":
            self.part.count()
        if change in ("shown", "jobs"):
            self.measuring.attach()
        width = self.size.width
        self.query_one("#task", OneLine).show(task_line(self.part), [])
        items = option_items(self.part, self._side, width)
        self.options.styles.height = max(len(items), 9)
        self.options.set_items(items)
        self.query_one("#samples").display = self.part.row is not None
        for side, name in enumerate(_PANES):
            self._show_sample(side, self.query_one(f"#{name}", ItemList))

    def _show_sample(self, side: int, pane: ItemList) -> None:
        pane.display = side < self.part.sides
        if not pane.display:
            return
        room = pane.scrollable_content_region.width or max(self.size.width // self.part.sides - 2, 10)
        pane.border_title = sample_title(self.part, side)
        items = [Item(line, number) for number, line in enumerate(sample_lines(self.part, side, room))]
        if items != pane.items:
            pane.set_items(items)
            pane.move_to(len(items) - 1, -1)  # the answer, in which designs differ most, stands at the end
        self.call_after_refresh(pane.show_line, pane.cursor)

    def what_now(self) -> Line:
        part = self.part
        if part.running or self.measuring.words:
            return [(part.running_words() or self.measuring.words, "accent")]
        if part.refusal:
            return [("e", "accent"), (" writes the task · ", "dim"), ("r", "accent"), (" reads it from a file", "dim")]
        if part.found is None:
            return [(part.why_not_run(), "dim")]
        if part.row is None:
            return [("o", "accent"), (" tells why no row fits · ", "dim"), ("e", "accent"), (" edits the task", "dim")]
        if part.uncounted:
            return [(visible(part.uncounted, 300), "warn")]
        if cut := part.cut_words():
            return [(cut, "warn")]
        measured = [part.perplexity(side) for side in range(part.sides)]
        if doubt := next((found.doubt for found in measured if found is not None and found.doubt), ""):
            return [(doubt, "warn")]
        if part.found.samples is not None:
            return [("f", "accent"), (" tells which design each row follows · ", "dim"), ("m", "accent"), (" measures perplexity", "dim")]
        return [("→ ←", "accent"), (" change the option · ", "dim"), ("m", "accent"), (" measures perplexity · ", "dim"),
                ("w", "accent"), (" writes samples to train on", "dim")]  # fmt: skip

    def command_line(self) -> str:
        return self.part.command_line()

    def copied(self) -> tuple[str, str]:
        sample = self.part.sample(self._side) if self.part.row is not None else ""
        return super().copied() if isinstance(sample, str) else ("the sample", f"{sample.prompt}{sample.answer}")

    # ---- designs

    def _without_records(self) -> str:
        return self.part.running_words() or ("" if self.part.row is not None else "There are no records of a task.")

    def action_option_next(self) -> None:
        self._turn(1)

    def action_option_previous(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        if self.options.value is not None:
            self.part.turn(self._side, self.options.value, step)

    def action_side(self) -> None:
        self._side = (self._side + 1) % self.part.sides
        self.refresh_all("side")

    def action_preset(self) -> None:
        from sde_core.design.options import PRESETS

        options = [(name, f"{name:<10} {', '.join(_preset_words(name))}") for name in PRESETS]
        self.choose(f"The {_ORDER[self._side]} design", options, lambda name: self.part.take_preset(self._side, name))

    def action_add_design(self) -> None:
        self.part.add_side()

    def why_not_add_design(self) -> str:
        shown = min(room_for(self.size.width), MOST_SIDES)
        return self._without_records() or ("" if self.part.sides < shown else f"There is room for {shown} designs on this terminal.")

    def action_remove_design(self) -> None:
        self.part.remove_side(self._side)
        self._side = min(self._side, self.part.sides - 1)
        self.refresh_all("side")

    def why_not_remove_design(self) -> str:
        return self._without_records() or ("" if self.part.sides > 2 else "Two designs stay beside each other.")

    # ---- records

    def action_record_next(self) -> None:
        self._move(1)

    def action_record_previous(self) -> None:
        self._move(-1)

    def _move(self, step: int) -> None:
        self.part.move(step)
        self.refresh_all("record")

    def action_look_up(self) -> None:
        self.prompt("Which row?", self._go_to, placeholder="4211")

    def _go_to(self, text: str) -> None:
        digits = text.strip().replace(",", "")
        reason = self.part.go_to(int(digits)) if digits.isdecimal() else f"{visible(text, 40)} is no row number."
        if reason:
            self.flash(visible(reason, 300), "warn")
        self.refresh_all("record")

    def action_wording(self) -> None:
        self.part.turn_wording()
        self.refresh_all("wording")

    def why_not_wording(self) -> str:
        task = self.part.task
        return self._without_records() or ("The task has one wording." if task is not None and len(task.instructions) == 1 else "")

    # ---- the task and what is done by it

    def action_task(self) -> None:
        from sde_tui.screens.task_schema import TaskSchemaScreen

        self.app.push_screen(TaskSchemaScreen(self.session.part("task_schema")), self._schema_left)

    def _schema_left(self, rows: str | None) -> None:
        if rows is not None:
            self.session.part("task_schema").drill(rows, self.NAME)

    def action_read_task(self) -> None:
        self.prompt("The task file, in YAML", self.part.read, placeholder="task.yaml", details=["sde design task DATA -o task.yaml writes one."])

    def why_not_task(self) -> str:
        return self.part.why_not_run()

    why_not_read_task = why_not_task

    def action_misfits(self) -> None:
        from sde_tui.screens.misfits import MisfitsScreen

        self.app.push_screen(MisfitsScreen(self.part), self._misfits_left)

    def _misfits_left(self, row: int | None) -> None:
        if row is not None:
            self.part.show_misfits(row, self.NAME)

    def why_not_misfits(self) -> str:
        if self.part.found is None:
            return self.part.running_words() or "There is no task: e writes one."
        return "" if self.part.found.misfits else "All rows fit the task."

    def action_followed(self) -> None:
        from sde_tui.screens.followed import FollowedScreen

        self.app.push_screen(FollowedScreen(self.session.part("followed")), self._followed_left)

    def _followed_left(self, left: tuple[list[int], str] | None) -> None:
        if left is not None:
            self.session.records.drill(left[0], left[1], screen=self.NAME)

    def why_not_followed(self) -> str:
        return self.part.running_words() or ("" if self.part.task is not None else "There is no task to hold the rows against: e writes one.")

    def action_measure(self) -> None:
        if self.measuring.active:
            self.ask("Stop measuring?", self.measuring.stop, details=["Designs that are measured stay so; m goes on with the others."])
        else:
            self.measuring.measure()

    def why_not_measure(self) -> str:
        return self.measuring.why_not_measure()

    def action_count_all(self) -> None:
        self.part.count_all()
        self.refresh_all("counting")

    def why_not_count_all(self) -> str:
        return self.part.why_not_count_all()

    def action_compare(self) -> None:
        from sde_tui.screens.design_results import DesignResultsScreen

        self.app.push_screen(DesignResultsScreen(self.session.part("design_compare")))

    def action_write(self) -> None:
        details = [f"{len(self.part.records_to_train()):,} records to train on as {self.part.design_words(self._side)}."]
        self.prompt("Write the samples to which file?", lambda path: self.part.write(self._side, path), placeholder="samples.jsonl", details=details)

    def action_switch_pane(self) -> None:
        order = [self.options, *(self.query_one(f"#{name}", ItemList) for name in _PANES[: self.part.sides])]
        at = next((place for place, pane in enumerate(order) if pane.has_focus), 0)
        self.set_focus(order[(at + 1) % len(order)])

    why_not_option_next = why_not_option_previous = why_not_preset = why_not_record_next = _without_records
    why_not_record_previous = why_not_look_up = why_not_write = _without_records


def _preset_words(name: str) -> list[str]:
    from sde_core.design.options import PRESETS

    preset = PRESETS[name]
    return [f"instruction {preset.instruction}", preset.output, "placeholder" if preset.placeholder else "absent ones omitted"]
