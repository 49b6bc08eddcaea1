"""8 Design: one record as a training sample in two designs, byte for byte, and what each costs."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Horizontal
from textual.widget import Widget

from sde_core.visible import visible
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.design_drawing import option_items, sample_lines, task_line
from sde_tui.session_design import DesignPart
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList
from sde_tui.widgets.spans import Line

_SIDES = ("left", "right")


class DesignScreen(SdeScreen):
    """The task, the options of both designs, and the two samples."""

    NAME = "design"
    BINDINGS = screen_bindings("design")
    DEFAULT_CSS = """
    DesignScreen #options { height: 8; }
    DesignScreen #samples { height: 1fr; border-top: solid $panel; }
    DesignScreen #samples > ItemList { width: 1fr; }
    DesignScreen #right { border-left: solid $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._side = 0

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="task")
        yield ItemList(id="options")
        with Horizontal(id="samples"):
            for side in _SIDES:
                yield ItemList(id=side)

    def on_mount(self) -> None:
        self.set_focus(self.options)

    @property
    def part(self) -> DesignPart:
        """The engine's side of this screen."""
        part: DesignPart = self.session.part("design")
        return part

    @property
    def options(self) -> ItemList:
        """The options of both designs."""
        return self.query_one("#options", ItemList)

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if self.part.stale and not self.part.why_not_run():
            self.part.read()
        width = self.size.width
        self.query_one("#task", OneLine).show(task_line(self.part, width), [])
        self.options.set_items(option_items(self.part, self._side, width))
        for side, name in enumerate(_SIDES):
            pane = self.query_one(f"#{name}", ItemList)
            room = pane.scrollable_content_region.width or max(width // 2 - 1, 10)
            items = [Item(line, number) for number, line in enumerate(sample_lines(self.part, side, room))]
            if items != pane.items:
                pane.set_items(items)
                pane.move_to(len(items) - 1, -1)  # the answer, in which designs differ most, stands at the end
            self.call_after_refresh(pane.show_line, pane.cursor)

    def what_now(self) -> Line:
        part = self.part
        if part.running:
            return [(part.running_words(), "accent")]
        if part.refusal:
            return [("e", "accent"), (" names a task file; sde design task writes one to begin with", "dim")]
        if part.found is None:
            return [(part.why_not_run(), "dim")]
        return [("→ ←", "accent"), (" change the option · ", "dim"), ("]", "accent"), (" next record · ", "dim"),
                ("w", "accent"), (" writes all as samples to train on", "dim")]  # fmt: skip

    def command_line(self) -> str:
        return self.part.command_line()

    def copied(self) -> tuple[str, str]:
        sample = self.part.sample(self._side) if self.part.row is not None else ""
        return super().copied() if isinstance(sample, str) else ("the sample", f"{sample.prompt}{sample.answer}")

    # ---- keys

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
        self._side = 1 - self._side
        self.refresh_all("side")

    def action_preset(self) -> None:
        from sde_core.design.options import PRESETS

        options = [(name, f"{name:<10} {', '.join(_preset_words(name))}") for name in PRESETS]
        self.choose(f"The {_SIDES[self._side]} design", options, lambda name: self.part.take_preset(self._side, name))

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

    def action_task_file(self) -> None:
        self.prompt("The task file, in YAML", self.part.read, placeholder="task.yaml", details=["sde design task DATA -o task.yaml writes one."])

    def why_not_task_file(self) -> str:
        return self.part.why_not_run()

    def action_compare(self) -> None:
        from sde_tui.screens.design_results import DesignResultsScreen

        self.app.push_screen(DesignResultsScreen(self.session.part("design_compare")))

    def action_write(self) -> None:
        details = [f"All {len(self.part.found.records):,} records as {self.part.design_words(self._side)}."] if self.part.found is not None else []
        self.prompt("Write the samples to which file?", lambda path: self.part.write(self._side, path), placeholder="samples.jsonl", details=details)

    def action_misfits(self) -> None:
        self.part.drill_misfits(self.NAME)

    def why_not_misfits(self) -> str:
        return "" if self.part.found is not None and self.part.found.misfits else "All rows fit the task."

    def action_switch_pane(self) -> None:
        order = [self.options, *(self.query_one(f"#{name}", ItemList) for name in _SIDES)]
        at = next((place for place, pane in enumerate(order) if pane.has_focus), 0)
        self.set_focus(order[(at + 1) % len(order)])

    why_not_option_next = why_not_option_previous = why_not_preset = why_not_record_next = _without_records
    why_not_record_previous = why_not_look_up = why_not_write = _without_records


def _preset_words(name: str) -> list[str]:
    from sde_core.design.options import PRESETS

    preset = PRESETS[name]
    return [f"instruction {preset.instruction}", preset.output, "placeholder" if preset.placeholder else "absent ones omitted"]
