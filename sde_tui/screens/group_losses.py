"""The loss of a run's rows by class, source, template, topic or length: which kind costs more than the others, and is that more than chance?"""

from __future__ import annotations

from collections.abc import Sequence

from sde_core.train.loss_groups import VERDICTS, LossGroup
from sde_core.visible import visible
from sde_core.wording import count_of, quoted_if_padded
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.session_group_losses import GroupLossesPart
from sde_tui.widgets.bars import bar_spans
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import LineList
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

_SIGNS = {"higher": ("▲ ", "bad"), "lower": ("▽ ", "good"), "alike": ("= ", "dim"), "few": ("? ", "dim")}
_ROOMY = 100
_BAR = 8


class GroupList(LineList):
    """The groups, drawn as they come into sight."""

    def __init__(self, part: GroupLossesPart) -> None:
        super().__init__()
        self._part = part

    def line_count(self) -> int:
        return len(self._part.groups)

    def line_at(self, y: int, width: int) -> Line:
        group = self._part.groups[y]
        ranked = [one.excess for one in self._part.groups if one.verdict != "few"]
        highest = max((excess for excess in ranked if excess == excess), default=0.0)
        share = max(group.excess, 0.0) / highest if group.verdict != "few" and group.excess > 0 else 0.0
        ink = "text" if group.verdict in ("higher", "lower") else "dim"
        line: Line = [_SIGNS[group.verdict], (f"{group.rows:>7,}{group.loss:>8.3f}{_excess(group):>8} {_interval(group):<16}", ink)]
        line += [*bar_spans(share, _BAR), ("  ", "text")]
        if width >= _ROOMY:
            line += [(f"{group.share:>5.0%}  {_times(group):<14}", "dim")]
        return [*line, (fit(_name(group), max(width - _before_name(width), 8)), ink)]


def _before_name(width: int) -> int:
    return 2 + 7 + 8 + 8 + 1 + 16 + _BAR + 2 + (21 if width >= _ROOMY else 0)


def header(width: int) -> str:
    """The columns' titles, as `GroupList` draws its lines."""
    wide = f"{'share':>5}  {'over time':<14}" if width >= _ROOMY else ""
    return f"  {'rows':>7}{'loss':>8}{'excess':>8} {'95 % interval':<16}{'':<{_BAR}}  {wide}group"


def _excess(group: LossGroup) -> str:
    return "" if group.excess != group.excess else f"{group.excess:+.2f}"


def _interval(group: LossGroup) -> str:
    return "" if group.excess != group.excess else f"{group.low:+.2f} to {group.high:+.2f}"


def _times(group: LossGroup) -> str:
    return "" if group.early != group.early or group.late != group.late else f"{group.early:.2f} → {group.late:.2f}"


def _name(group: LossGroup) -> str:
    return visible(quoted_if_padded(" ".join(group.name.split()) if "\n" in group.name else group.name), 200)


class GroupLossesScreen(ListDialog[int]):
    """The groups and what is known of the one under the cursor; left with its place where its rows are to be shown."""

    DEFAULT_CSS = "GroupLossesScreen .pane { height: 5; }"
    NAME = "group_losses"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: GroupLossesPart) -> None:
        super().__init__()
        self._part = part

    def on_mount(self) -> None:
        self._part.open(self.show)

    def new_list(self) -> LineList:
        return GroupList(self._part)

    def title_words(self) -> str:
        return visible(self._part.summary())

    def column_words(self, width: int) -> str:
        return header(width) if self._part.groups else ""

    def fill_list(self) -> None:
        place = self._part.place
        self.list.lines_changed()
        self.list.move_to(place)

    def pane_lines(self, width: int, height: int) -> Sequence[Line]:
        if not self._part.groups:
            words = self._part.refusal or self._part.running_words() or "No row of this run that is still here has a loss."
            return [[(line, "warn" if self._part.refusal else "dim")] for line in wrapped(visible(words, 400), width)]
        group = self._part.groups[min(self.list.cursor, len(self._part.groups) - 1)]
        sign, ink = _SIGNS[group.verdict]
        times = f" · {_times(group)} from the first to the last third of the steps" if _times(group) else ""
        facts = f"{group.share:.1%} of all loss in {count_of(group.rows, 'row')} · {group.tokens:,} trained tokens{times}"
        return [
            [(fit(_name(group), width).rstrip(), "strong")],
            [(sign, ink), (VERDICTS[group.verdict], ink)],
            *([(line, "text")] for line in list(wrapped(facts, width))[:2]),
        ]

    # ---- keys

    def line_moved(self, line: int) -> None:
        self._part.place = line

    def action_rows(self) -> None:
        self.dismiss(self.list.cursor)

    def why_not_rows(self) -> str:
        return "" if self._part.groups else "There is no group here."

    def action_next_way(self) -> None:
        self._turn(1)

    def action_previous_way(self) -> None:
        self._turn(-1)

    def _turn(self, direction: int) -> None:
        self._part.turn(direction, self.show)
        self.show()

    def action_other_side(self) -> None:
        self._part.other_side(self.show)
        self.show()

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())
