"""Which design each row follows: the shares, and a row before and after it is turned into one design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widget import Widget

from sde_core.visible import visible
from sde_core.wording import count_of
from sde_tui.screens.dialogs import ChooseScreen, ConfirmScreen
from sde_tui.screens.list_dialog import ListDialog
from sde_tui.session_followed import FollowedGroup, FollowedPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList
from sde_tui.widgets.spans import Line, fit
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.design.sample import Sample

_ROWS, _SHARE, _LONGEST = 9, 7, 20_000
_PANES = ("before", "after")


class FollowedScreen(ListDialog[tuple[list[int], str]]):
    """The designs over a row before and after; left with rows that are to be shown in Records, and what they are."""

    DEFAULT_CSS = """
    FollowedScreen .list { max-height: 50%; }
    FollowedScreen .pane { height: 1fr; border-top: none; }
    FollowedScreen .pane ItemList {
        width: 1fr; height: 100%; max-height: 100%; border-top: solid $accent 50%; border-title-align: left; border-title-style: none;
    }
    """
    NAME = "followed"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, part: FollowedPart) -> None:
        super().__init__()
        self._part = part
        self._at = 0

    def new_list(self) -> ItemList:
        return ItemList()

    def new_pane(self) -> Widget:
        return Horizontal(*(ItemList(id=name) for name in _PANES))

    def on_mount(self) -> None:
        self._part.open(self.show)
        self.sde_app.session.signals.work.subscribe(self, lambda _: self.refresh_frame())

    @property
    def list(self) -> ItemList:
        """The designs, and what follows none."""
        return self.query_one(".list", ItemList)

    @property
    def group(self) -> FollowedGroup | None:
        """The line under the cursor."""
        place = self.list.value
        return self._part.groups[place] if place is not None and place < len(self._part.groups) else None

    # ---- showing

    def title_words(self) -> str:
        found = self._part.found
        alone = "; prompts stay as they are" if found is not None and found.followed.answers_alone else ""
        rows = f" of {count_of(len(found.rows), 'row')}" if found is not None else ""
        return f"Which design the answers{rows} follow{alone}"

    def column_words(self, width: int) -> str:
        return f"{'rows':>{_ROWS}}{'share':>{_SHARE}}  design" if self._part.groups else ""

    def fill_list(self) -> None:
        shown, groups = self.list, self._part.groups
        width = shown.scrollable_content_region.width or 74
        shown.styles.height = max(3, min(len(groups), (self.size.height - 7) // 2))
        if self._part.refusal:
            shown.set_items([Item([(line, "bad")]) for line in wrapped(visible(self._part.refusal, 600), width)])
            return
        fresh = shown.value is None
        shown.set_items([Item(self._group_line(group, width), place) for place, group in enumerate(groups)])
        if fresh and groups:
            # Rows that would change are what there is to look at.
            shown.move_to(next((place for place, group in enumerate(groups) if self._part.changes(group)), 0))

    def _group_line(self, group: FollowedGroup, width: int) -> Line:
        total = len(self._part.found.rows) if self._part.found is not None else 0
        head = f"{len(group.rows):>{_ROWS},}{_share_words(len(group.rows), total):>{_SHARE}}  "
        goal = "  ◂ all are turned into this" if group.design is not None and group.design == self._part.after else ""
        words = ("none: " if group.kind == "stray" else "") + visible(group.words, 400)
        ink = {"design": "text", "stray": "warn", "contradicted": "accent"}[group.kind]
        return [(head, "strong"), (fit(words, max(width - len(head) - len(goal), 8)), ink), (goal, "accent")]

    @property
    def _panes(self) -> Sequence[ItemList]:
        return [self.query_one(f"#{name}", ItemList) for name in _PANES]

    def show_pane(self) -> None:
        self._show_row()
        self.refresh_frame()

    def _show_row(self) -> None:
        group, panes = self.group, self._panes
        rows = self._part.changed_rows(group) if group is not None else []
        if not rows:
            for pane in panes:
                pane.border_title = ""
                pane.set_items([])
            return
        self._at %= len(rows)
        row = rows[self._at]
        before, after, why = self._part.before_and_after(row)
        panes[0].border_title = f"row {row:,} ({self._at + 1:,} of {len(rows):,})"
        panes[1].border_title = "after" if after is not None else "stays"
        self._fill(panes[0], before, before)
        if after is not None:
            self._fill(panes[1], after, before)
        else:
            width = panes[1].scrollable_content_region.width or 36
            panes[1].set_items([Item([(line, "dim")], y) for y, line in enumerate(wrapped(visible(why, 600), width))] if why else [])

    def _fill(self, pane: ItemList, sample: Sample, other: Sample) -> None:
        width = (pane.scrollable_content_region.width or 37) - 1
        lines: list[Line] = []
        for text, mark, ink in ((sample.prompt, " ", "text" if sample.prompt == other.prompt else "accent"), (sample.answer, "▸", "good")):
            shown = visible(text[:_LONGEST], keep_newlines=True)
            lines += [[(mark, "good"), (line, ink)] for line in wrapped(shown, width)]
        pane.set_items([Item(line, y) for y, line in enumerate(lines)])
        pane.move_to(len(lines) - 1, -1)
        self.call_after_refresh(pane.show_line, pane.cursor)

    def what_now(self) -> Line:
        return [(self._part.change_words(), "text" if self._part.why_not_convert() else "accent")]

    def line_moved(self, line: int) -> None:
        self._at = 0

    # ---- keys

    def action_convert(self) -> None:
        change, after = self._part.change, self._part.after
        if change is None or after is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._part.convert()
                self._part.look()
                self.show()

        left = count_of(len(change.left), "row")
        details = ["It is one decision, which u takes back; the file stays as it is."]
        details += [f"{left} cannot be converted and {'stays as it is' if len(change.left) == 1 else 'stay as they are'}."] if change.left else []
        self.app.push_screen(ConfirmScreen(f"Turn {count_of(change.rows, 'row')} into {self._part.words(after)}?", details), answered)

    def why_not_convert(self) -> str:
        return self._part.why_not_convert() or self._part.decides()

    def action_goal(self) -> None:
        options = [(design, words) for design, words in self._part.goals()]
        self.app.push_screen(ChooseScreen("Turn all rows into which design?", options, self._part.after), self._goal_chosen)

    def why_not_goal(self) -> str:
        return "" if self._part.after is not None else self._part.change_words()

    def _goal_chosen(self, design: object) -> None:
        from sde_core.design.options import Design

        if isinstance(design, Design):
            self._part.take(design)

    def action_next_row(self) -> None:
        self._at += 1
        self._show_row()

    def action_previous_row(self) -> None:
        self._at -= 1
        self._show_row()

    def action_rows(self) -> None:
        group = self.group
        if group is not None:
            words = {"design": f"rows in {group.words}", "stray": "rows that follow no design", "contradicted": "rows that contradict their prompt"}
            self.dismiss((list(group.rows), words[group.kind]))

    def why_not_rows(self) -> str:
        return "" if self.group is not None else "There are no rows here."

    why_not_next_row = why_not_previous_row = why_not_rows

    def action_left(self) -> None:
        self.dismiss((self._part.left_rows(), "rows that cannot be converted"))

    def why_not_left(self) -> str:
        return "" if self._part.left_rows() else "All rows can be converted."

    def action_undo(self) -> None:
        self._part.undo()
        self.show()

    def action_switch_pane(self) -> None:
        order = [self.list, *self._panes]
        at = next((place for place, pane in enumerate(order) if pane.has_focus), 0)
        self.set_focus(order[(at + 1) % len(order)])

    def action_stop(self) -> None:
        self._part.stop()

    def why_not_stop(self) -> str:
        return self._part.why_not_stop()

    def action_command(self) -> None:
        self.copy_command(self._part.command_line())


def _share_words(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{share:.1%}" if 0 < share < 0.0995 or 0.995 <= share < 1 else f"{share:.0%}"
