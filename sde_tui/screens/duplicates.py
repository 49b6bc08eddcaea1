"""4 Duplicates: the groups, two of their rows side by side, the threshold that moves them, and which row stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.containers import Container
from textual.widget import Widget

from sde_core.wording import count_of
from sde_tui.screens.base import SdeScreen
from sde_tui.screens.duplicates_drawing import (
    GLYPHS,
    PARTS,
    POLICIES,
    columns_line,
    counts_line,
    diff_lines,
    group_line,
    keeping_line,
    member_line,
    waiting_lines,
)
from sde_tui.session_duplicates import ALL_KINDS, LOWEST, NEAR, DuplicatesPart, Group, Member
from sde_tui.widgets.bindings import screen_bindings
from sde_tui.widgets.chrome import OneLine
from sde_tui.widgets.lines import Item, ItemList, LineList, TextLines
from sde_tui.widgets.spans import Line

_KIND_WORDS = {
    ALL_KINDS: "all kinds, each row in its loosest group",
    "exact": "exact: the same texts, labels and tools",
    "normalised": "normalised: the same but for case, white space, punctuation",
    "near": "near: the words that say most are the same, in order",
    "semantic": "semantic: the embeddings point the same way",
}
_SEMANTIC_DEFAULT = 0.9


class GroupList(LineList):
    """The groups, drawn as they come into sight."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.part: DuplicatesPart | None = None

    def line_count(self) -> int:
        return 0 if self.part is None else len(self.part)

    def line_at(self, y: int, width: int) -> Line:
        return [] if self.part is None else group_line(self.part, self.part.group(y), width)


class DuplicatesScreen(SdeScreen):
    """The list of groups over, or beside, the differences between the kept row and another."""

    NAME = "duplicates"
    BINDINGS = screen_bindings("duplicates")
    DEFAULT_CSS = """
    DuplicatesScreen #panes { height: 1fr; layout: vertical; }
    DuplicatesScreen #list-pane { height: 2fr; }
    DuplicatesScreen #groups { height: 1fr; }
    DuplicatesScreen #waiting { height: 1fr; display: none; }
    DuplicatesScreen #pair-pane { height: 3fr; border-top: solid $panel; }
    DuplicatesScreen #pair { height: 1; }
    DuplicatesScreen #diff { height: 1fr; padding: 0 1; }
    DuplicatesScreen.-wide #panes { layout: horizontal; }
    DuplicatesScreen.-wide #list-pane { width: 62; height: 100%; }
    DuplicatesScreen.-wide #pair-pane { width: 1fr; height: 100%; border-top: none; border-left: solid $panel; }
    DuplicatesScreen.-empty #waiting { display: block; }
    DuplicatesScreen.-empty #groups { display: none; }
    DuplicatesScreen.-empty #pair-pane { display: none; }
    DuplicatesScreen.-empty #list-pane { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._member = 1
        self._whole = False
        self._stacked = False
        self._keeper: int | None = None

    def compose_content(self) -> Iterable[Widget]:
        yield OneLine(id="counts")
        yield OneLine(id="keeping")
        with Container(id="panes"):
            with Container(id="list-pane"):
                yield OneLine(id="columns")
                yield GroupList(id="groups")
                yield TextLines(id="waiting")
            with Container(id="pair-pane"):
                yield OneLine(id="pair")
                yield ItemList(id="diff")

    def on_mount(self) -> None:
        self.group_list.part = self.part
        self.set_focus(self.group_list)

    @property
    def part(self) -> DuplicatesPart:
        """The engine's side of this screen."""
        part: DuplicatesPart = self.session.duplicates
        return part

    @property
    def group_list(self) -> GroupList:
        """The list."""
        return self.query_one("#groups", GroupList)

    @property
    def group(self) -> Group | None:
        """The group under the cursor."""
        return self.part.group(self.group_list.cursor) if self.group_list.cursor < len(self.part) else None

    @property
    def member(self) -> Member | None:
        """The member that is compared with the kept row."""
        group = self.group
        return None if group is None else group.members[min(self._member, len(group.members) - 1)]

    # ---- refreshing

    def refresh_content(self, change: str) -> None:
        if change in ("shown", "dataset", "decisions"):
            self.part.start()
        elif change not in ("duplicates", "work", "resized"):
            return
        if change == "work" and self.part.grouping is not None:
            return
        self._show_all()

    def _show_all(self) -> None:
        empty = not len(self.part)
        self.set_class(empty, "-empty")
        known = self.part.grouping is not None
        self.query_one("#counts", OneLine).show(*(counts_line(self.part) if known else ([], [])))
        self.query_one("#keeping", OneLine).show(*(keeping_line(self.part) if known else ([], [])))
        self.query_one("#columns", OneLine).show([] if empty else columns_line())
        if empty:
            self.query_one("#waiting", ItemList).set_items([Item(line) for line in waiting_lines(*self._waiting_words())])
            return
        self.group_list.lines_changed()
        self._follow_keeper()
        self._show_pair()

    def _waiting_words(self) -> tuple[str, str]:
        if self.part.running:
            return self.part.running_words(), "accent"
        if self.part.grouping is None:
            return self.part.why_not_run() or "Not compared yet: r compares all rows with each other.", "text"
        looser = "" if self.part.wishes.near <= LOWEST[NEAR] else " [ looks for looser ones."
        left = "are left" if self.session.decisions.counts[1] else "were found"
        return f"No {self.part.wishes.kind or ''} duplicates {left}.{looser}".replace("  ", " "), "good"

    def _follow_keeper(self) -> None:
        """Keeps the cursor on the same group when the groups change, or else where it was."""
        number = None if self._keeper is None else self.part.number_of(self._keeper)
        self.group_list.move_to(self.group_list.cursor if number is None else number)
        self.group_list.show_line(self.group_list.cursor)
        group = self.group
        self._keeper = None if group is None else group.keeper

    def _show_pair(self) -> None:
        group, member, pane = self.group, self.member, self.query_one("#diff", ItemList)
        if group is None or member is None:
            pane.set_items([])
            return
        diff = self.part.diff(group.keeper, member.row)
        self.query_one("#pair", OneLine).show(*member_line(group, member, diff, self.part.other_fields(group.keeper, member.row)))
        room = pane.scrollable_content_region
        lines = diff_lines(diff, room.width or 76, room.height or 8, whole=self._whole, stacked=self._stacked)
        pane.set_items([Item(line) for line in lines])

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        if event.list is not self.group_list:
            return
        group = self.group
        if group is not None and group.keeper != self._keeper:
            self._keeper, self._member = group.keeper, 1
            self.query_one("#diff", ItemList).scroll_to(y=0, animate=False, immediate=True)
            self._show_pair()
        self.refresh_frame()

    # ---- the message line

    def what_now(self) -> Line:
        part = self.part
        running = self.session.lanes.running("duplicates")
        if running is not None and part.grouping is not None:
            return [(f"{running.shown()}; the groups shown are of before", "dim")]
        if part.stale:
            return [("Texts were edited since: ", "warn"), ("r", "accent"), (" compares again", "warn")]
        if part.grouping is None:
            return [("One row of each group of duplicates stays", "dim")]
        if not len(part):
            return [("s", "accent"), (" looks for rows that mean the same, ", "dim"), ("c", "accent"), (" compares prompts or answers alone", "dim")]
        group = self.group
        several = [("←→", "accent"), (" other rows of the group, ", "dim")] if group is not None and len(group.members) > 2 else []
        meaning = [] if part.wishes.semantic is not None else [("s", "accent"), (" by meaning, ", "dim")]
        return [*several, ("p", "accent"), (" which stays, ", "dim"), ("o", "accent"), (" kind, ", "dim"), *meaning,
                ("w", "accent"), (" whole texts", "dim")]  # fmt: skip

    def command_line(self) -> str:
        return self.part.command_line()

    def copied(self) -> tuple[str, str]:
        group = self.group
        return super().copied() if group is None else ("the rows of this group", " ".join(str(member.row) for member in group.members))

    # ---- keys

    def _why_no_group(self) -> str:
        return "" if len(self.part) else self._waiting_words()[0]

    def _why_nothing(self) -> str:
        return "" if self.part.grouping is not None else self._waiting_words()[0]

    why_not_open_rows = why_not_whole = why_not_layout = why_not_switch_pane = _why_no_group
    why_not_kind = why_not_policy = why_not_part = why_not_semantic = _why_nothing

    def why_not_compare(self) -> str:
        return self.part.why_not_run()

    def why_not_keep_one(self) -> str:
        return self._why_no_group() or self.session.decisions.why_not()

    why_not_keep_one_all = why_not_keep_one

    def why_not_looser(self) -> str:
        return self._why_nothing() or self._why_at_end(-1)

    def why_not_stricter(self) -> str:
        return self._why_nothing() or self._why_at_end(1)

    def _why_at_end(self, way: int) -> str:
        wishes, name = self.part.wishes, self.part.moving
        now = wishes.near if name == NEAR else wishes.semantic or 1.0
        if way < 0:
            return "" if now > LOWEST[name] else f"Pairs are verified down to {LOWEST[name]:.2f} only."
        return "" if now < 1 else "1 is the strictest there is."

    def _why_no_other_member(self) -> str:
        group = self.group
        return self._why_no_group() or ("" if group is not None and len(group.members) > 2 else "This group has no further row.")

    why_not_next_member = why_not_previous_member = _why_no_other_member

    def why_not_keep_instead(self) -> str:
        return self._why_no_group()

    def action_compare(self) -> None:
        self.part.run()

    def action_open_rows(self) -> None:
        group = self.group
        if group is not None:
            self.part.drill(group, screen=self.NAME)

    def action_keep_one(self) -> None:
        self.part.keep_one(self.group_list.cursor)

    def action_keep_one_all(self) -> None:
        part, wishes = self.part, self.part.wishes
        kinds = f"{wishes.kind} " if wishes.kind else ""
        question = f"Reject {count_of(part.to_drop, 'row')}, keeping one row of each of {count_of(len(part), f'{kinds}group')}?"
        self.ask(
            question,
            lambda: part.keep_one(None) and None,
            details=[f"Kept: {POLICIES[wishes.policy]} of each group. Every reason names the kept row."],
        )

    def action_looser(self) -> None:
        self.part.move_threshold(-1)

    def action_stricter(self) -> None:
        self.part.move_threshold(1)

    def action_next_member(self) -> None:
        self._step_member(1)

    def action_previous_member(self) -> None:
        self._step_member(-1)

    def _step_member(self, step: int) -> None:
        group = self.group
        if group is not None:
            others = len(group.members) - 1
            self._member = (min(self._member, others) - 1 + step) % others + 1
            self._show_pair()
            self.refresh_frame()

    def action_keep_instead(self) -> None:
        group, member = self.group, self.member
        if group is not None and member is not None:
            self._keeper = member.row
            self.part.keep_instead(group, member.row)
            self.flash(f"Row {member.row:,} is kept of its group instead of row {group.keeper:,}.")

    def action_policy(self) -> None:
        def chosen(policy: Any) -> None:
            if policy != "quality" or self.session.attempt(self.session.quality) is not None:
                self.part.wish(policy=policy)

        self.choose("Of each group, keep", list(POLICIES.items()), chosen, current=self.part.wishes.policy)

    def action_kind(self) -> None:
        kinds = [(kind, f"{GLYPHS.get(kind, ' ')} {words}") for kind, words in _KIND_WORDS.items() if kind != "semantic" or self.part.wishes.semantic]
        self.choose("Show", kinds, lambda kind: self.part.wish(kind=kind), current=self.part.wishes.kind)

    def action_part(self) -> None:
        self.choose("Compare", list(PARTS.items()), lambda part: self.part.wish(part=part), current=self.part.wishes.part)

    def action_semantic(self) -> None:
        wishes = self.part.wishes
        if wishes.semantic is None:
            self.part.wish(semantic=_SEMANTIC_DEFAULT)
        else:
            self.part.wish(semantic=None, kind=ALL_KINDS if wishes.kind == "semantic" else wishes.kind)

    def why_not_against(self) -> str:
        return self.session.leaks.why_not_run()

    def action_against(self) -> None:
        leaks = self.session.leaks

        def typed(path: str) -> None:
            if leaks.knows(path):
                self._show_leaks()
            elif path.strip():
                leaks.run(path.strip(), self._show_leaks)

        self.prompt("Compare with which held-out or benchmark file?", typed, value=leaks.path, placeholder="path/to/test.jsonl")

    def _show_leaks(self) -> None:
        leaks = self.session.leaks
        if not leaks.leaks:
            self.flash("No row leaks: that file holds none of them, nor anything nearly the same.", "good")
        elif self.app.screen is not self:
            self.flash(f"{count_of(len(leaks.leaks), 'row')} stand in that file too: h on screen 4, then enter, lists them.", "warn")
        else:
            from sde_tui.screens.leaks import LeaksScreen

            self.app.push_screen(LeaksScreen(leaks), lambda way: leaks.drill(screen=self.NAME) if way == "rows" else None)

    def action_whole(self) -> None:
        self._whole = not self._whole
        self._show_pair()

    def action_layout(self) -> None:
        self._stacked = not self._stacked
        self._show_pair()

    def action_switch_pane(self) -> None:
        diff = self.query_one("#diff", ItemList)
        self.set_focus(self.group_list if self.focused is diff else diff)
