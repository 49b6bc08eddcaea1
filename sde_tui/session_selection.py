"""The proposed subset: solved in a thread, and again whenever a wish, a decision or the rules change."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sde_core.errors import ReadOnlyError, SdeError
from sde_tui import session_selection_work as work
from sde_tui.session_selection_card import CardPart
from sde_tui.session_selection_command import select_command
from sde_tui.session_selection_map import MapPart
from sde_tui.session_selection_request import default_size, request_of
from sde_tui.session_selection_wishes import STATIC, SelectionWishes, WishHistory
from sde_tui.session_selection_work import Move

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.evaluate.token_counts import TokenCounts
    from sde_core.select import Coverage, Pick, RowFeatures, Selection, SelectionParams
    from sde_core.select.alternatives import Candidate
    from sde_core.select.coverage import Clusters
    from sde_core.select.resolve import Solution
    from sde_tui.session import Session

AUTOMATIC_ROWS = 200_000
"""Up to so many rows the first proposal is made by itself when the screen is first shown."""

BALANCE_STEP = 0.05
TAU_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
TEMPERED, DRAWN = ("gumbel", "softmax"), ("random", "stratified", "gumbel", "softmax")
"""Methods that a temperature steers, and methods that draw at random."""


class SelectionPart:
    """Embeds rows once, takes quality from the rules, and keeps the proposal up to date.

    Attributes:
        solution: The proposal with what it was chosen from; None until there is one.
        coverage: Of the proposal; None while it is measured.
        clusters: What the rows are about; None while it is found out.
        moves: What came in and what left when it was last solved.
        note: What had to be changed about the size that was asked for.
        encoder: What embedded the rows of the proposal; another one that is wished for may still be at work.
        card: Where the row under the cursor stands.
        map: Where all rows lie.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.history = WishHistory()
        self.solution: Solution | None = None
        self.coverage: Coverage | None = None
        self.clusters: Clusters | None = None
        self.moves: tuple[Move, ...] = ()
        self.note = ""
        self.features: RowFeatures | None = None
        self.encoder = self._solved_by = STATIC
        self._embedded: Dataset | None = None
        self._asked: tuple[Any, ...] | None = None
        self._answered: tuple[Any, ...] | None = None
        self._met: SelectionWishes | None = None
        self._params: SelectionParams | None = None
        self._ranks: dict[int, int] = {}
        self._tokens: TokenCounts | None = None
        self._loaded = False
        self.card = CardPart(session, self)
        self.map = MapPart(session, self)
        session.signals.dataset.subscribe(session.app, self._dataset_changed)
        session.signals.decisions.subscribe(session.app, lambda _how: self.follow())
        session.signals.rules.subscribe(session.app, lambda _how: self.follow())
        session.signals.jobs.subscribe(session.app, self._jobs_changed)

    @property
    def wishes(self) -> SelectionWishes:
        """What the user asks for now."""
        return self.history.wishes

    @property
    def selection(self) -> Selection | None:
        """The proposal; None until there is one."""
        return None if self.solution is None else self.solution.selection

    # ---- what it stands on

    @property
    def stage(self) -> str:
        """What is being computed before there can be a proposal, in words; "" where nothing is."""
        for purpose in ("selection-rows", "rules", "selection"):
            task = self._session.lanes.running(purpose)
            if task is not None:
                return task.shown()
        waits = self._session.embedding.words if self.features is None and self.wishes.encoder != STATIC else ""
        return "choosing rules" if self._session.rules.choosing else waits

    def why_not_run(self) -> str:
        """Why nothing can be proposed now, "" where it can."""
        waits = self._session.still_reading("a proposal needs")
        return waits or ("" if self._session.decisions.state is not None else self._session.decisions.why_not())

    def start(self) -> None:
        """Makes the first proposal by itself where the dataset is small enough, and keeps it up to date afterwards."""
        if self.features is None and len(self._session.dataset) > AUTOMATIC_ROWS:
            return
        self.run()

    def run(self) -> None:
        """Embeds and scores what is not embedded and scored yet, then solves."""
        if self.why_not_run():
            return
        self._load()
        rules, dataset, encoder, embedding = self._session.rules, self._session.dataset, self.wishes.encoder, self._session.embedding
        embedding.follow(encoder)
        if ((rules.matrix is None and not rules.refusal) or rules.stale) and not rules.running:
            rules.run()
        old = self._embedded is not dataset or self.encoder != encoder
        if old and embedding.ready and self._session.lanes.running("selection-rows") is None:
            cache_dir = self._session.project.cache_dir
            self._session.lanes.thread(
                "selection-rows", "embedding rows", lambda cancel, progress: work.embedded(dataset, encoder, cache_dir, cancel, progress),
                lambda found: self._rows_embedded(dataset, encoder, *found), ended=self._publish,
            )  # fmt: skip
        self.follow()
        if self.coverage is None and self._answered is self._asked and self._embedded is dataset:
            self._cover(None)
        self._publish()

    @property
    def behind(self) -> bool:
        """Whether what is shown is of before and nothing is under way to mend that, since it was stopped."""
        running, rules = self._session.lanes.running, self._session.rules
        if self.solution is None or self.stage or self._session.embedding.active:
            return False
        measured = self.coverage is not None or running("selection-coverage") is not None
        return self._answered is not self._asked or self._embedded is not self._session.dataset or rules.stale or not measured

    def _rows_embedded(self, dataset: Dataset, encoder: str, features: RowFeatures, tokens: TokenCounts) -> None:
        self._session.lanes.stop("selection")
        self.features, self._embedded, self.encoder, self.clusters, self._tokens = features, dataset, encoder, None, tokens
        self.map.forget()
        if dataset is not self._session.dataset or encoder != self.wishes.encoder:
            self.run()
        else:
            self._session.lanes.thread(
                "selection-clusters",
                "finding topics",
                lambda cancel, _progress: work.clustered(dataset, features, cancel),
                self._clustered,
                quiet=True,
            )
        self.follow()

    def _clustered(self, clusters: Clusters) -> None:
        self.clusters = clusters
        self.card.forget()
        if self.solution is not None:
            self._cover(None)
        self._publish()

    def _dataset_changed(self, how: str) -> None:
        if how == "layout":
            for purpose in ("selection-rows", "selection", "selection-coverage", "selection-clusters", "selection-card", "selection-map"):
                self._session.lanes.stop(purpose)
            self.features = self._embedded = self._asked = self._answered = self._params = self.clusters = None
            self.map.forget()
            self._none_left()
            self._session.embedding.forget()
            self._publish()
        elif how == "edits" and self._embedded is not None:
            self.run()

    def _jobs_changed(self, how: str) -> None:
        """Takes the vectors once a job has embedded; where it could not, those in use are wished for again."""
        if how != "embedded" or self._session.embedding.encoder != self.wishes.encoder:
            return
        if self._session.embedding.ready:
            self.run()
            return
        said, wanted = self._session.embedding.why_not_ready(), replace(self.wishes, encoder=self.encoder)
        if self.history.place and self.history.steps[self.history.place - 1].wishes == wanted:
            self.undo()
        else:
            self.take(wanted, f"encoder {self.encoder}")
        self._session.flash(said, "bad")

    # ---- wishes

    def wish(self, words: str, **wishes: Any) -> bool:
        """Asks for something else and solves again at once; False where that is what was asked for already.

        Args:
            words: The wish as a person says it, for undo.
            wishes: Fields of `SelectionWishes`.
        """
        return self.take(replace(self.wishes, **wishes), words)

    def take(self, wishes: SelectionWishes, words: str) -> bool:
        """Asks for all of this; False where it is asked for already."""
        self._load()
        if not self._loaded:
            self._session.flash(self.why_not_run() or "Wishes can be made once decisions are open.", "warn")
            return False
        if not self.history.wish(wishes, words):
            return False
        self._wished()
        return True

    def undo(self) -> str:
        """Takes the last wish back; says which, "" where there is none."""
        words = self.history.undo()
        self._wished()
        return words

    def redo(self) -> str:
        """Restores the wish that was taken back last; says which, "" where there is none."""
        words = self.history.redo()
        self._wished()
        return words

    def _wished(self) -> None:
        self._save()
        if self.wishes.encoder != self._session.embedding.encoder:
            self.run()
        self.follow()
        self._publish()

    def _load(self) -> None:
        """Reads the wishes of earlier days, once the rows have their keys."""
        if self._loaded or self._session.decisions.state is None:
            return
        self._loaded = True
        path = self._session.project.selection_path
        try:
            lost = self.history.load(path, self._session.dataset.keys())
        except (ValueError, OSError):
            self._session.flash("The wishes kept from last time cannot be read; they are set aside, and the proposal begins anew.", "warn")
            if not self._session.decisions.read_only:
                with suppress(OSError):
                    path.replace(path.with_name(f"{path.name}.unreadable"))
            return
        if lost:
            rows = "One row that was" if lost == 1 else f"{lost:,} rows that were"
            self._session.flash(f"{rows} locked, banned or liked here before {'is' if lost == 1 else 'are'} no longer in the file.", "warn")

    def _save(self) -> None:
        decisions = self._session.decisions
        if decisions.state is None or decisions.read_only:
            return
        try:
            self.history.save(self._session.project.created().selection_path, self._session.dataset.keys())
        except ReadOnlyError as error:
            self._session.failed(error)

    # ---- solving

    def follow(self) -> None:
        """Solves again where something that the proposal depends on has changed, once all of it is there."""
        self._load()
        rules, features, state = self._session.rules, self.features, self._session.decisions.state
        ready = features is not None and state is not None and self._embedded is self._session.dataset
        if not ready or rules.running or rules.choosing or rules.stale or (rules.choice is None and not rules.refusal):
            return
        chosen_rules = rules.choice.chosen if rules.choice is not None else ()
        known = rules.quality()
        wishes, values = replace(self.wishes, encoder=self.encoder), None if known is None else known[1]
        asked = (wishes, len(self._session.decisions.log), chosen_rules, self._embedded, values)
        under_way = self._answered is self._asked or self._session.lanes.running("selection") is not None
        same = self._asked is not None and asked[:3] == self._asked[:3] and asked[3] is self._asked[3] and asked[4] is self._asked[4]
        if same and under_way:
            return
        self._asked = asked
        params, self.note = request_of(self.wishes, state, features)
        self._params = params
        if params is None:
            self._answered = asked
            self._session.lanes.stop("selection")
            self._none_left()
            self._publish()
            return
        complete = replace(features, quality=values)
        before, dataset, project = self.solution, self._session.dataset, self._session.project
        self._session.lanes.stop("selection-coverage")
        self._session.lanes.thread(
            "selection", "choosing rows",
            lambda cancel, progress: work.solved(dataset, project, wishes.model, complete, params, before, cancel, progress),
            lambda found: self._solved(asked, found), ended=self._publish,
        )  # fmt: skip

    def _none_left(self) -> None:
        self._session.lanes.stop("selection-coverage")
        self.solution = self.coverage = None
        self.moves, self._ranks = (), {}
        self.card.forget()
        self.map.follow()

    def _solved(self, asked: tuple[Any, ...], found: tuple[Solution, dict[int, str], RowFeatures] | SdeError) -> None:
        self._answered = asked
        if isinstance(found, SdeError):
            self._refused(found, new=asked[0] != self._met)
            return
        solution, reasons, self.features = found
        self._met = asked[0]
        told = "the rows were embedded by another encoder" if self.encoder != self._solved_by else ""
        if self._ranks and self.solution is not None:
            asked_for = work.asked_for(asked[0], self._session.decisions)
            self.moves = tuple(Move(move.row, move.way, move.rank, asked_for(move.row) or told or reasons[move.row]) for move in solution.moves)
        self._ranks = {row: rank for rank, row in enumerate(solution.selection.rows, start=1)}
        earlier = self.coverage if not told else None
        self.solution, self.coverage, self._solved_by = solution, None, self.encoder
        self.card.forget()
        self._cover(earlier)
        self.map.follow()
        self._publish()

    def _refused(self, error: SdeError, *, new: bool) -> None:
        """A wish that cannot be met is said and taken back; one of an earlier day, or that a decision goes against, stays, with the way out."""
        self._session.failed(error)
        if self.solution is not None and new and self.history.undo():
            self._save()
            self.follow()
        else:
            self._none_left()
            self.note = " ".join([error.message, error.hint, "u takes the last wish back." if self.history.place else ""]).strip()
        self._publish()

    def _cover(self, earlier: Coverage | None) -> None:
        features, selection, clusters, tokens = self.features, self.selection, self.clusters, self._tokens
        if features is None or selection is None:
            return
        self._session.lanes.thread(
            "selection-coverage", "measuring coverage",
            lambda cancel, _progress: work.covered(features, tokens, selection, clusters, earlier, cancel), self._covered, quiet=True,
        )  # fmt: skip

    def _covered(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self._publish()

    def _publish(self) -> None:
        self._session.signals.selection.publish("changed")

    # ---- answers

    @property
    def k(self) -> int:
        """How many rows are asked for."""
        return self._params.k if self.note and self._params is not None else default_size(self.wishes, self.candidates)

    @property
    def candidates(self) -> int:
        """How many rows could be chosen, as far as that is known."""
        return len(self.features.rows) if self.features is not None else len(self._session.dataset)

    @property
    def params(self) -> SelectionParams | None:
        """What was last asked of the engine."""
        return self._params

    def pick_of(self, row: int) -> Pick | None:
        """The pick of a row, None where it is not in the proposal."""
        rank = self._ranks.get(row)
        return self.selection.picks[rank - 1] if rank and self.selection is not None else None

    def rank_of(self, row: int) -> int | None:
        """The rank of a row in the proposal, from 1."""
        return self._ranks.get(row)

    def hold(self, row: int) -> str:
        """ "locked", "banned", "liked", "disliked" or ""."""
        if row in self.wishes.locked or row in self.wishes.banned:
            return "locked" if row in self.wishes.locked else "banned"
        weight = self.wishes.weight_of(row)
        return "liked" if weight > 0 else "disliked" if weight < 0 else ""

    def alternatives(self, row: int) -> tuple[Candidate, ...]:
        """The rows that could stand in the place of a chosen one, nearest first."""
        from sde_core.select.alternatives import nearest_alternatives

        return () if self.solution is None else nearest_alternatives(self.solution.pool, self.solution.chosen, row)

    def methods(self) -> list[tuple[str, str]]:
        """Methods: (name, what it is)."""
        from sde_core.select import SELECTORS

        return [(selector.name, f"{selector.name:<15}{selector.definition}") for selector in SELECTORS]

    def new_rows(self) -> int:
        """How many rows of the proposal are not accepted yet."""
        return sum(self._session.decisions.status(row) != "accepted" for row in self._ranks)

    def accept_proposal(self, selection: Selection) -> bool:
        """Accepts all rows of a proposal as one decision."""
        from sde_core.proposal import selection_reason

        return self._session.decisions.accept(sorted(selection.rows), selection_reason(selection.params))

    def command_line(self) -> str:
        """The command that proposes the same rows."""
        return select_command(self._session, self)
