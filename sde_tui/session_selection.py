"""The proposed subset: solved in a thread, and again whenever size, balance, locks, bans, decisions or the rules change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.decisions import DecisionState
    from sde_core.select import Coverage, Pick, RowFeatures, Selection, SelectionParams
    from sde_tui.session import Session

AUTOMATIC_ROWS = 200_000
"""Up to so many rows the first proposal is made by itself when the screen is first shown."""

DEFAULT_METHOD = "dpp"
DEFAULT_SHARE, DEFAULT_ROWS = 0.1, 500
BALANCE_STEP = 0.05


@dataclass(frozen=True, slots=True)
class SelectionWishes:
    """What the user asks for; the rows of decisions come on top.

    Attributes:
        k: How many rows; None for a tenth of the rows, 500 at most.
        method: A name in `SELECTORS`.
        balance: 0 diversity alone, 1 quality alone.
        seed: Of ties and of the random methods.
        locked: Rows that are in by hand.
        banned: Rows that are out by hand.
    """

    k: int | None = None
    method: str = DEFAULT_METHOD
    balance: float = 0.5
    seed: int = 0
    locked: frozenset[int] = frozenset()
    banned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Move:
    """A row that came into the proposal or left it when it was last solved.

    Attributes:
        row: Record position.
        way: "in" or "out".
        rank: Its rank in the proposal that holds it, from 1.
        why: In words.
    """

    row: int
    way: Literal["in", "out"]
    rank: int
    why: str


class SelectionPart:
    """Embeds rows once, takes quality from the rules, and keeps the proposal up to date."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.wishes = SelectionWishes()
        self.selection: Selection | None = None
        self.coverage: Coverage | None = None
        self.moves: tuple[Move, ...] = ()
        self.note = ""
        self._features: RowFeatures | None = None
        self._embedded: Dataset | None = None
        self._asked: tuple[Any, ...] | None = None
        self._params: SelectionParams | None = None
        self._ranks: dict[int, int] = {}
        session.signals.dataset.subscribe(session.app, self._dataset_changed)
        session.signals.decisions.subscribe(session.app, lambda _how: self.follow())
        session.signals.rules.subscribe(session.app, lambda _how: self.follow())

    # ---- what it stands on

    @property
    def stage(self) -> str:
        """What is being computed before there can be a proposal, in words; "" where nothing is."""
        for purpose in ("selection-rows", "rules", "selection"):
            task = self._session.lanes.running(purpose)
            if task is not None:
                return task.shown()
        return "choosing rules" if self._session.rules.choosing else ""

    def why_not_run(self) -> str:
        """Why nothing can be proposed now, "" where it can."""
        waits = self._session.still_reading("a proposal needs")
        return waits or ("" if self._session.decisions.state is not None else self._session.decisions.why_not())

    def start(self) -> None:
        """Makes the first proposal by itself where the dataset is small enough, and keeps it up to date afterwards."""
        if self._features is None and len(self._session.dataset) > AUTOMATIC_ROWS:
            return
        self.run()

    def run(self) -> None:
        """Embeds and scores what is not embedded and scored yet, then solves."""
        if self.why_not_run():
            return
        rules, dataset = self._session.rules, self._session.dataset
        if ((rules.matrix is None and not rules.refusal) or rules.stale) and not rules.running:
            rules.run()
        if self._embedded is not dataset and self._session.lanes.running("selection-rows") is None:
            cache_dir = self._session.project.cache_dir
            self._session.lanes.thread(
                "selection-rows", "embedding rows", lambda cancel, progress: _features(dataset, cache_dir, cancel, progress),
                lambda features: self._rows_embedded(dataset, features), ended=self._publish,
            )  # fmt: skip
        self.follow()
        self._publish()

    def _rows_embedded(self, dataset: Dataset, features: RowFeatures) -> None:
        self._features, self._embedded = features, dataset
        if dataset is not self._session.dataset:
            self.run()
        self.follow()

    def _dataset_changed(self, how: str) -> None:
        if how == "layout":
            for purpose in ("selection-rows", "selection", "selection-coverage"):
                self._session.lanes.stop(purpose)
            self._features = self._embedded = self._asked = self._params = self.selection = self.coverage = None
            self.moves, self._ranks = (), {}
            self._publish()
        elif how == "edits" and self._embedded is not None:
            self.run()

    # ---- solving

    def wish(self, **wishes: Any) -> None:
        """Asks for something else and solves again at once.

        Args:
            wishes: Fields of `SelectionWishes`.
        """
        self.wishes = replace(self.wishes, **wishes)
        self.follow()
        self._publish()

    def follow(self) -> None:
        """Solves again where something that the proposal depends on has changed, once all of it is there."""
        rules, features, state = self._session.rules, self._features, self._session.decisions.state
        ready = features is not None and state is not None and self._embedded is self._session.dataset
        if not ready or rules.running or rules.choosing or rules.stale or (rules.choice is None and not rules.refusal):
            return
        chosen_rules = rules.choice.chosen if rules.choice is not None else ()
        asked = (self.wishes, len(self._session.decisions.log), chosen_rules, self._embedded)
        if asked == self._asked:
            return
        self._asked = asked
        known = rules.quality()
        params, self.note = _params(self.wishes, state, features)
        self._params = params
        if params is None:
            self.selection, self.coverage = None, None
            self._publish()
            return
        complete = replace(features, quality=None if known is None else known[1])
        self._session.lanes.stop("selection-coverage")
        self._session.lanes.thread(
            "selection", "choosing rows", lambda cancel, progress: _solved(complete, params, cancel, progress),
            lambda found: self._solved(found, complete), ended=self._publish,
        )  # fmt: skip

    def _solved(self, selection: Selection, features: RowFeatures) -> None:
        ranks = {row: rank for rank, row in enumerate(selection.rows, start=1)}
        if self._ranks and self.selection is not None:
            self.moves = _moves(self._ranks, ranks, selection, self._session.decisions.state, self.wishes)
        self.selection, self._ranks, self.coverage = selection, ranks, None
        self._session.lanes.thread(
            "selection-coverage", "measuring coverage", lambda cancel, _progress: _coverage(features, selection, cancel), self._covered, quiet=True
        )
        self._publish()

    def _covered(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self._publish()

    def _publish(self) -> None:
        self._session.signals.selection.publish("changed")

    # ---- wishes

    @property
    def k(self) -> int:
        """How many rows are asked for."""
        rows = len(self._features.rows) if self._features is not None else len(self._session.dataset)
        return self.wishes.k if self.wishes.k is not None else max(1, min(DEFAULT_ROWS, round(DEFAULT_SHARE * rows)))

    def change_size(self, direction: int) -> None:
        """Asks for more or fewer rows, by a step that fits the size."""
        step = max(1, 10 ** (len(str(self.k - (direction < 0))) - 1) // 2)
        self.wish(k=max(1, self.k + direction * step))

    def ask_size(self, text: str) -> None:
        """Asks for "500" or "10%" of the rows."""
        from sde_core.select import rows_wanted

        wanted = self._session.attempt(rows_wanted, text, len(self._features.rows) if self._features is not None else len(self._session.dataset))
        if wanted is not None:
            self.wish(k=wanted)

    def change_balance(self, direction: int) -> None:
        """More quality or more diversity."""
        self.wish(balance=min(max(round(self.wishes.balance + direction * BALANCE_STEP, 2), 0.0), 1.0))

    def toggle_lock(self, rows: list[int]) -> str:
        """Locks rows, or unlocks them where all were locked; says which."""
        return self._toggle(rows, "locked", "banned", "Locked: always in", "Unlocked")

    def toggle_ban(self, rows: list[int]) -> str:
        """Bans rows, or lifts the ban where all were banned; says which."""
        return self._toggle(rows, "banned", "locked", "Banned: never in", "Ban lifted from")

    def _toggle(self, rows: list[int], there: str, elsewhere: str, done: str, undone: str) -> str:
        held, other = getattr(self.wishes, there), getattr(self.wishes, elsewhere)
        lift = set(rows) <= held
        self.wish(**{there: held - set(rows) if lift else held | set(rows), elsewhere: other - set(rows)})
        words = f"{len(rows):,} rows" if len(rows) > 1 else f"row {rows[0]:,}"
        return f"{undone} {words}." if lift else f"{done}, {words}."

    # ---- answers

    def pick_of(self, row: int) -> Pick | None:
        """The pick of a row, None where it is not in the proposal."""
        rank = self._ranks.get(row)
        return self.selection.picks[rank - 1] if rank and self.selection is not None else None

    def rank_of(self, row: int) -> int | None:
        """The rank of a row in the proposal, from 1."""
        return self._ranks.get(row)

    def hold(self, row: int) -> str:
        """ "locked", "banned" or ""."""
        return "locked" if row in self.wishes.locked else "banned" if row in self.wishes.banned else ""

    def methods(self) -> list[tuple[str, str]]:
        """Methods: (name, what it is)."""
        from sde_core.select import SELECTORS

        return [(selector.name, f"{selector.name:<11}{selector.definition}") for selector in SELECTORS]

    def new_rows(self) -> int:
        """How many rows of the proposal are not accepted yet."""
        return sum(self._session.decisions.status(row) != "accepted" for row in self._ranks)

    def accept_proposal(self, selection: Selection) -> bool:
        """Accepts all rows of a proposal as one decision."""
        from sde_core.proposal import selection_reason

        return self._session.decisions.accept(sorted(selection.rows), selection_reason(selection.params))

    def command_line(self) -> str:
        """The command that proposes the same rows."""
        wishes, accepted = self.wishes, self._session.decisions.counts[0]
        size = self._params.k if self._params is not None else self.k
        words = [f"sde select {self._session.command_data} -k {size}"]
        words += [f"--method {wishes.method}"] if wishes.method != DEFAULT_METHOD else []
        words += [f"--balance {wishes.balance:g} --seed {wishes.seed}"]
        words += [f"--rules {','.join(names)}"] if (names := self._own_rules()) else []
        words += ["--lock-accepted"] if accepted else []
        words += [f"--lock {row_words(wishes.locked)}"] if wishes.locked else []
        words += [f"--ban {row_words(wishes.banned)}"] if wishes.banned else []
        return " ".join([*words, "-o subset.jsonl"])

    def _own_rules(self) -> tuple[str, ...]:
        """The rules in force where they are not those that the command takes by itself."""
        from sde_tui.session_rules import RuleWishes

        rules = self._session.rules
        return rules.choice.chosen if rules.choice is not None and replace(rules.wishes, seed=0) != RuleWishes() else ()


def row_words(rows: frozenset[int] | list[int]) -> str:
    """Rows as the command line takes them: "3,7,10-20"."""
    words: list[str] = []
    ordered = sorted(rows)
    start = 0
    for place in range(1, len(ordered) + 1):
        if place == len(ordered) or ordered[place] != ordered[place - 1] + 1:
            first, last = ordered[start], ordered[place - 1]
            words.append(str(first) if first == last else f"{first}-{last}")
            start = place
    return ",".join(words)


def _params(wishes: SelectionWishes, state: DecisionState, features: RowFeatures) -> tuple[SelectionParams | None, str]:
    """What to ask of the engine, sizes brought within bounds, and what had to be changed for that."""
    import numpy as np

    from sde_core.select import SelectionParams

    readable = np.zeros(len(state.statuses), dtype=bool)
    readable[features.rows] = True
    locked, banned = _mask(wishes.locked, len(readable)), _mask(wishes.banned, len(readable))
    banned |= state.statuses < 0
    locked |= state.statuses > 0
    locked &= readable & ~banned
    available, held = int((readable & ~banned).sum()), int(locked.sum())
    if not available:
        return None, "No row is left to choose from: all are rejected, banned or unreadable."
    wanted = wishes.k if wishes.k is not None else max(1, min(DEFAULT_ROWS, round(DEFAULT_SHARE * len(features.rows))))
    k = min(max(wanted, held), available)
    note = f"only {available:,} can be chosen" if wanted > available else f"{held:,} are accepted or locked" if wanted < held else ""
    rows = tuple(map(int, np.flatnonzero(locked))), tuple(map(int, np.flatnonzero(banned)))
    return SelectionParams(k, wishes.method, wishes.seed, wishes.balance, *rows), note


def _mask(rows: frozenset[int], size: int) -> np.ndarray:
    import numpy as np

    mask = np.zeros(size, dtype=bool)
    mask[list(rows)] = True
    return mask


def _moves(
    before: dict[int, int], after: dict[int, int], selection: Selection, state: DecisionState | None, wishes: SelectionWishes
) -> tuple[Move, ...]:
    """What came in and what left, best ranks first."""

    def why_out(row: int) -> str:
        if state is not None and state.status(row) == "rejected":
            return "you rejected it"
        return "you banned it" if row in wishes.banned else "others add more now"

    came = [Move(row, "in", after[row], selection.picks[after[row] - 1].reason) for row in after if row not in before]
    left = [Move(row, "out", before[row], why_out(row)) for row in before if row not in after]
    return tuple(came + left)


def _features(dataset: Dataset, cache_dir: Any, cancel: Any, progress: Any) -> RowFeatures:
    """In a thread: embeddings, classes and lengths of all readable rows, without quality."""
    from sde_core.features.embedding import embed_rows
    from sde_core.proposal import row_features

    matrix = embed_rows(dataset, cache_dir=cache_dir, cancel=cancel, progress=progress)
    return row_features(dataset, matrix.vectors, None)


def _solved(features: RowFeatures, params: SelectionParams, cancel: Any, progress: Any) -> Selection:
    from sde_core.proposal import proposed

    return proposed(features, params, cancel, progress)


def _coverage(features: RowFeatures, selection: Selection, cancel: Any) -> Coverage:
    from sde_core.proposal import COVERAGE_SAMPLE
    from sde_core.select import coverage_of

    return coverage_of(features, selection, sample=COVERAGE_SAMPLE, cancel=cancel)
