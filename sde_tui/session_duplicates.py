"""Duplicates: found once in a thread, grouped anew whenever a threshold, the keeper policy or a decision changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sde_core.visible import visible
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    import numpy as np

    from sde_core.checks.duplicates import DuplicateIndex, GroupTable, KeepPolicy, KeptGroups, Part
    from sde_core.checks.duplicates.word_diff import WordDiff
    from sde_core.dataset import Dataset
    from sde_tui.session import Session

AUTOMATIC_ROWS = 200_000
"""Up to so many rows the comparison starts by itself when the screen is first shown."""

ALL_KINDS = ""
NEAR, SEMANTIC = "near", "semantic"
STEPS = {NEAR: 0.05, SEMANTIC: 0.01}
LOWEST = {NEAR: 0.5, SEMANTIC: 0.8}
_TEXT = 40_000


@dataclass(frozen=True, slots=True)
class DuplicateWishes:
    """What the user asks for.

    Attributes:
        part: What is compared: "row", "prompt" or "answer".
        near: Least similarity of near-duplicates.
        semantic: Least cosine of semantic duplicates; None while they are not asked for.
        kind: Only groups of this kind; "" for all, each in its loosest group.
        policy: Which row of a group stays.
        keepers: Rows that the user chose to keep.
    """

    part: Part = "row"
    near: float = 0.8
    semantic: float | None = None
    kind: str = ALL_KINDS
    policy: KeepPolicy = "first"
    keepers: frozenset[int] = frozenset()


_USUAL = DuplicateWishes()


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a group.

    Attributes:
        row: Record position.
        kind: What it is to the kept row.
        score: How alike the two are.
        kept: Whether it is the row that stays.
    """

    row: int
    kind: str
    score: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A group as shown.

    Attributes:
        number: Its place in the list.
        kind: The loosest kind of link in it.
        score: Its weakest link.
        members: The kept row first.
    """

    number: int
    kind: str
    score: float
    members: tuple[Member, ...]

    @property
    def keeper(self) -> int:
        """The row that stays."""
        return self.members[0].row


@dataclass(frozen=True)
class Grouping:
    """The groups at one set of wishes.

    Attributes:
        wishes: What they were made for.
        counts: Groups and rows of each kind.
        kept: The groups shown, with their keepers.
    """

    wishes: DuplicateWishes
    counts: dict[str, tuple[int, int]]
    kept: KeptGroups


class DuplicatesPart(WorkPart):
    """Finds duplicates, groups them, drops all but one."""

    lane, needs = "duplicates", "comparing needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.wishes = DuplicateWishes()
        self.index: DuplicateIndex | None = None
        self.grouping: Grouping | None = None
        self._compared: Dataset | None = None
        self._diff = lru_cache(maxsize=32)(self._computed_diff)
        session.signals.dataset.subscribe(session.app, self._dataset_changed)
        session.signals.decisions.subscribe(session.app, lambda _how: self.regroup())

    # ---- computing

    @property
    def stale(self) -> bool:
        """Whether texts were edited since rows were compared."""
        return self._compared is not None and self._compared.edits != self._session.dataset.edits

    def start(self) -> None:
        """Compares by itself where nothing was compared yet and the dataset is small enough for that."""
        if self.index is None and not self.why_not_run() and len(self._session.dataset) <= AUTOMATIC_ROWS:
            self.run()

    def run(self) -> None:
        """Compares all rows, by embedding too where semantic duplicates are asked for."""
        dataset, wishes = self._session.dataset, self.wishes
        cache_dir = self._session.project.cache_dir
        known = self.index if not self.stale and self.index is not None and self.index.params.part == wishes.part else None
        self._session.lanes.thread(
            self.lane,
            "embedding and comparing" if known is not None else "comparing rows",
            lambda cancel, progress: _index(dataset, wishes, known, cache_dir, cancel, progress),
            lambda index: self._found(dataset, index),
            ended=self._stopped,
        )
        self._publish("started")

    def _found(self, dataset: Dataset, index: DuplicateIndex) -> None:
        self.index, self._compared = index, dataset
        self._diff.cache_clear()
        if index.semantic_warning and self.wishes.semantic is not None:
            self._session.flash(visible(index.semantic_warning, 200), "warn")
        self.regroup()

    def _stopped(self) -> None:
        if self.index is not None:
            part, semantic = self.index.params.part, self.wishes.semantic if self.index.semantic is not None else None
            self.wishes = replace(self.wishes, part=part, semantic=semantic)
        self._publish("stopped")

    def _dataset_changed(self, how: str) -> None:
        if how == "layout":
            wanted = self._session.lanes.stop(self.lane) or self.index is not None
            self._session.lanes.stop("duplicates-groups")
            self.index = self.grouping = self._compared = None
            self.wishes = replace(self.wishes, semantic=None, keepers=frozenset())
            self._diff.cache_clear()
            self._publish("forgotten")
            if wanted:
                self.start()

    def _publish(self, how: str) -> None:
        self._session.signals.duplicates.publish(how)

    # ---- grouping

    def wish(self, **changes: Any) -> None:
        """Asks for other groups: fields of `DuplicateWishes`. Compares again only where another part or embeddings are needed."""
        self.wishes = replace(self.wishes, **changes)
        index = self.index
        if index is None or index.params.part != self.wishes.part or (self.wishes.semantic is not None and index.semantic is None):
            if index is not None and not self.running:
                self.run()
            return
        self.regroup()

    def regroup(self) -> None:
        """Groups the pairs found by the wishes and decisions in force."""
        index, wishes = self.index, self.wishes
        if index is None:
            return
        quality = self._quality()
        if wishes.policy == "quality" and quality is None:
            self.wishes = wishes = replace(wishes, policy="first")
        state = self._session.decisions.state
        rejected = [] if state is None else state.rejected_rows()
        accepted = [] if state is None else state.accepted_rows().tolist()
        self._session.lanes.thread(
            "duplicates-groups",
            "grouping",
            lambda _cancel, _progress: _grouped(index, wishes, quality, rejected, [*accepted, *wishes.keepers]),
            self._grouped_by,
            quiet=True,
        )

    def _grouped_by(self, grouping: Grouping) -> None:
        self.grouping = grouping
        self._publish("grouped")

    def _quality(self) -> np.ndarray | None:
        """float32[n] for the index's rows where that is the policy."""
        if self.wishes.policy != "quality" or self.index is None:
            return None
        import numpy as np

        known = self._session.attempt(self._session.quality)
        if known is None:
            return None
        rows, quality = known
        scores = np.full(int(max(rows.max(initial=0), self.index.rows.max(initial=0))) + 1, np.nan, np.float32)
        scores[rows] = quality
        values: np.ndarray = scores[self.index.rows]
        return values

    @property
    def moving(self) -> str:
        """Which threshold the brackets move: that of the kind shown, the near one by default."""
        return SEMANTIC if self.wishes.kind == SEMANTIC and self.wishes.semantic is not None else NEAR

    def move_threshold(self, steps: int) -> bool:
        """Moves the threshold; False where it is at its end."""
        name = self.moving
        now = self.wishes.semantic if name == SEMANTIC else self.wishes.near
        wanted = round(min(max((now or 1.0) + steps * STEPS[name], LOWEST[name]), 1.0), 3)
        if wanted == now:
            return False
        self.wish(**{name: wanted})
        return True

    # ---- answers

    def __len__(self) -> int:
        return 0 if self.grouping is None else len(self.grouping.kept)

    def group(self, number: int) -> Group:
        """A group of the list."""
        from sde_core.checks.duplicates import KINDS

        assert self.grouping is not None  # noqa: S101
        assert self.index is not None  # noqa: S101
        kept = self.grouping.kept
        span = slice(int(kept.starts[number]), int(kept.starts[number + 1]))
        rows = self.index.rows[kept.members[span]].tolist()
        links = zip(rows, kept.link_kinds[span].tolist(), kept.link_scores[span].tolist(), strict=True)
        members = tuple(Member(row, KINDS[kind], score, place == 0) for place, (row, kind, score) in enumerate(links))
        return Group(number, KINDS[int(kept.kinds[number])], float(kept.scores[number]), members)

    def number_of(self, keeper: int) -> int | None:
        """The group whose kept row this is."""
        import numpy as np

        if self.grouping is None or self.index is None:
            return None
        found = np.flatnonzero(self.index.rows[self.grouping.kept.keepers] == keeper)
        return int(found[0]) if len(found) else None

    @property
    def to_drop(self) -> int:
        """Rows that go when one of every group shown is kept."""
        return 0 if self.grouping is None else len(self.grouping.kept.members) - len(self.grouping.kept)

    def excerpt(self, row: int, limit: int) -> str:
        """The beginning of a row's compared text, in one line."""
        return visible(self._text(row)[: 4 * limit].replace("\n", " "), limit)

    def diff(self, first: int, second: int) -> WordDiff:
        """What differs between two rows, word by word; every text in it has passed `visible`."""
        return self._diff(first, second)

    def _computed_diff(self, first: int, second: int) -> WordDiff:
        from sde_core.checks.duplicates.word_diff import word_diff

        return word_diff(visible(self._text(first), keep_newlines=True), visible(self._text(second), keep_newlines=True))

    def _text(self, row: int) -> str:
        import numpy as np

        if self.index is None:
            return ""
        text: str = self.index.compared.texts[int(np.searchsorted(self.index.rows, row))]
        return text[:_TEXT]

    def other_fields(self, first: int, second: int) -> list[str]:
        """Names of the top-level fields whose values differ, apart from those compared as texts."""
        values = [self._session.attempt(self._session.dataset.value, row) for row in (first, second)]
        if not all(isinstance(value, dict) for value in values):
            return []
        one, other = values
        text_fields = set(self._session.dataset.layout.roles.values())
        return [visible(str(name), 24) for name in {**one, **other} if name not in text_fields and one.get(name) != other.get(name)]

    # ---- deciding

    def keep_one(self, number: int | None) -> bool:
        """Rejects all but one of a group, or of all groups shown; each row's reason names the kept row and the score."""
        from sde_core.checks.duplicates import drop_reasons

        if self.grouping is None or self.index is None:
            return False
        kept = self.grouping.kept if number is None else self.grouping.kept.only(number)
        rows, reasons = drop_reasons(kept, self.index.rows, self.grouping.wishes.policy, chosen=self.grouping.wishes.keepers)
        return self._session.decisions.reject(rows, reasons)

    def keep_instead(self, group: Group, row: int) -> None:
        """Makes a member the one that its group keeps."""
        others = {member.row for member in group.members}
        self.wish(keepers=(self.wishes.keepers - others) | {row})

    def drill(self, group: Group, *, screen: str) -> None:
        """Shows a group's rows in Records."""
        self._session.records.drill([member.row for member in group.members], f"{group.kind} duplicates of row {group.keeper}", screen=screen)

    def command_line(self) -> str:
        """The command that gives the same groups."""
        wishes, words = self.wishes, ["sde dups", self._session.command_data]
        words += [f"--near {wishes.near:g}"] if wishes.near != _USUAL.near else []
        words += [f"--semantic {wishes.semantic:g}"] if wishes.semantic is not None else []
        words += [f"--part {wishes.part}"] if wishes.part != _USUAL.part else []
        words += [f"--keep {wishes.policy}"] if wishes.policy != _USUAL.policy else []
        return " ".join(words)


def _index(dataset: Dataset, wishes: DuplicateWishes, known: DuplicateIndex | None, cache_dir: Any, cancel: Any, progress: Any) -> DuplicateIndex:
    """In a thread: what does not depend on thresholds."""
    from sde_core.checks.duplicates import DuplicateParams, find_duplicates, semantic_duplicates

    index = known or find_duplicates(dataset, DuplicateParams(part=wishes.part), cancel=cancel, progress=progress)
    if wishes.semantic is not None:
        index = semantic_duplicates(index, dataset, cache_dir=cache_dir, cancel=cancel, progress=progress)
    return index


def _grouped(index: DuplicateIndex, wishes: DuplicateWishes, quality: np.ndarray | None, rejected: Any, preferred: list[int]) -> Grouping:
    """In a thread: the groups."""
    import numpy as np

    from sde_core.checks.duplicates import KINDS

    table: GroupTable = index.groups(wishes.near, wishes.semantic if index.semantic is not None else None)
    if len(rejected):
        table = table.without(np.isin(index.rows, rejected))
    by_kind = {kind: table.of_kind(kind) for kind in KINDS}
    counts = {kind: (len(groups), int(groups.sizes.sum())) for kind, groups in by_kind.items()}
    shown = by_kind[wishes.kind] if wishes.kind else table.outer()  # type: ignore[index]
    return Grouping(wishes, counts, index.kept(shown, wishes.policy, quality, accepted=preferred))
