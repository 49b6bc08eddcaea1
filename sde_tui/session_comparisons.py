"""Comparisons of rows: which pair is asked next, the answers, and what they say of rows and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.project import Project
    from sde_core.rules.truth import AgreementReport, NextPair, RowTruth
    from sde_core.rules.truth.comparing import Comparing, ComparingStatus
    from sde_tui.session import Session

SAMPLE_STEP = 10
MOST_TEXTS = 10_000
"""Of a dataset's own chosen and rejected answers so many are scored."""
QUALITY_NOW = "quality as chosen now"
_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class ShownSide:
    """One of the two rows, as it may be shown: every text has passed `visible`."""

    prompt: str
    answer: str
    cut: int = 0
    """Characters of both that are not shown."""


@dataclass(frozen=True)
class ComparedResults:
    """What the answers say: the rows ranked, and how scores agree with them; no report where nothing is scored or told apart.

    Of a dataset's own chosen and rejected answers there is no ranking.
    """

    truth: RowTruth | None
    report: AgreementReport | None
    refusal: str = ""


class ComparisonsPart(WorkPart):
    """Asks which of two rows is better. The journal is open, and locked, only while the screen is."""

    lane, needs = "comparisons", "comparing needs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._comparing: Comparing | None = None
        self._places: dict[int, int] = {}
        self.pair: NextPair | None = None
        self.status: ComparingStatus | None = None
        self.results: ComparedResults | None = None
        self.new_answers = 0
        """How many answers that say something were given, less those taken back, since the screen was opened."""

    # ---- opening and closing

    def open(self, then: Callable[[], None]) -> None:
        """Opens the journal, draws the sample where there is none, chooses the pair, and calls `then`."""
        quality = self._quality()

        def opened(comparing: Comparing) -> None:
            self.close()
            self._comparing, self.results, self.new_answers = comparing, None, 0
            then()

        self._session.lanes.thread(self.lane, "drawing rows to compare", lambda cancel, _progress: self._opened(quality, cancel), opened)

    def _opened(self, quality: tuple[np.ndarray, np.ndarray] | None, cancel: Any) -> Comparing:
        from sde_core.progress import raise_if_cancelled
        from sde_core.rules.truth.comparing import Comparing
        from sde_core.rules.truth.comparisons import ComparisonJournal

        dataset = self._session.dataset
        journal = ComparisonJournal.open(self._session.project.created().comparisons_path)
        try:
            comparing = Comparing(dataset, journal)
            self._places = {row: place for place, row in enumerate(dataset.texts()["row"].to_list())}
            if not len(comparing.rows) and not journal.read_only:
                comparing.draw(self._of_all_rows(quality))
            raise_if_cancelled(cancel)  # else nobody takes the journal, and nobody closes it
        except SdeError:
            journal.close()
            raise
        return comparing

    def _quality(self) -> tuple[np.ndarray, np.ndarray] | None:
        try:
            return self._session.quality()
        except SdeError:
            return None

    def _of_all_rows(self, quality: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray | None:
        """The quality in the order of the texts; the mean where a row has none."""
        if quality is None or not len(quality[1]):
            return None
        import numpy as np

        values = np.full(len(self._places), quality[1].mean(), np.float32)
        for row, value in zip(quality[0].tolist(), quality[1].tolist(), strict=True):
            if row in self._places:
                values[self._places[row]] = value
        return values

    def close(self) -> None:
        """Lets another process compare."""
        if self._comparing is not None:
            self._comparing.journal.close()
        self._comparing, self.pair, self.status = None, None, None

    # ---- asking

    @property
    def read_only(self) -> bool:
        """Whether another process compares, or the folder cannot be written."""
        return self._comparing is not None and self._comparing.journal.read_only

    @property
    def answered(self) -> int:
        """How many answers there are that say something."""
        given = self._comparing.journal.comparisons if self._comparing is not None else ()
        return sum(self._says_something(one.winner) and not one.judge for one in given)

    @staticmethod
    def _says_something(winner: str) -> bool:
        """Whether it is no pair skipped."""
        from sde_core.rules.truth.comparisons import SCORES

        return winner in SCORES

    @property
    def all_asked(self) -> bool:
        """Whether there is no pair left to ask."""
        return self.status is not None and self.pair is None

    def advance(self, then: Callable[[], None]) -> None:
        """Chooses the next pair and calls `then`; no pair is there meanwhile."""
        comparing, self.pair = self._comparing, None
        if comparing is None:
            return

        def chosen(found: tuple[NextPair | None, ComparingStatus]) -> None:
            self.pair, self.status = found
            then()

        self._session.lanes.thread(
            self.lane, "choosing a pair", lambda _cancel, _progress: (comparing.next_pair(), comparing.status()), chosen, quiet=True
        )

    def answer(self, winner: str, then: Callable[[], None]) -> bool:
        """Writes the answer about the pair on the screen down, then chooses the next; False where it could not be written."""
        if self._comparing is None or self.pair is None:
            return False
        if self._session.attempt(self._comparing.answer, self.pair, winner) is None:
            return False
        self.results = None
        self.new_answers += self._says_something(winner)
        self.advance(then)
        return True

    def undo(self, then: Callable[[], None]) -> bool:
        """Takes the last answer back and shows its pair again; False where there is none."""
        comparing = self._comparing
        undone = self._session.attempt(comparing.journal.undo) if comparing is not None else None
        if comparing is None or undone is None:
            return False
        self.results, again = None, comparing.place_pair(undone)
        self.new_answers -= self._says_something(undone.winner)

        def shown() -> None:
            self.pair = again or self.pair
            then()

        self.advance(shown)
        return True

    def more_rows(self, then: Callable[[], None]) -> None:
        """Draws ten rows more into the sample, chooses the next pair and calls `then`; no pair is there meanwhile."""
        comparing, quality, before = self._comparing, self._quality(), self.pair
        if comparing is None:
            return

        def kept() -> None:
            if self._comparing is comparing:
                self.pair = before

        def drawn(rows: list[int]) -> None:
            kept()
            if self._comparing is comparing and self._session.attempt(lambda: comparing.take(rows) or True):
                self.advance(then)

        def work(_cancel: Any, _progress: Any) -> list[int]:
            return comparing.sampled(self._of_all_rows(quality), len(comparing.rows) + SAMPLE_STEP)

        self.pair = None
        self._session.lanes.thread(self.lane, "drawing rows to compare", work, drawn, ended=kept)

    def sides(self) -> tuple[ShownSide, ShownSide] | None:
        """The two rows of the pair as they may be shown, left and right."""
        comparing, pair = self._comparing, self.pair
        if comparing is None or pair is None:
            return None
        left, right = (self._side(int(comparing.rows[place])) for place in (pair.left, pair.right))
        return left, right

    def _side(self, row: int) -> ShownSide:
        texts, place = self._session.dataset.texts(), self._places[row]
        system, prompt, answer = (texts[name][place] or "" for name in ("system", "prompt", "answer"))
        asked = f"{system}\n\n{prompt}" if system else prompt
        cut = max(len(asked) - _TEXT, 0) + max(len(answer) - _TEXT, 0)
        return ShownSide(visible(asked[:_TEXT], keep_newlines=True), visible(answer[:_TEXT], keep_newlines=True), cut)

    def progress_words(self) -> str:
        """How far it has come."""
        from sde_core.rules.truth.comparing import status_words

        return status_words(self.status) if self.status is not None else "choosing rows to compare…"

    # ---- results

    def find_results(self, then: Callable[[], None]) -> None:
        """Ranks the rows, holds the rules against that, and calls `then`."""
        comparing, matrix, quality = self._comparing, self._session.rules.matrix, self._quality()
        if comparing is None:
            return
        project, answered = self._session.project, self.answered

        def work(cancel: Any, progress: Any) -> ComparedResults:
            return _results(comparing, matrix, quality) if answered else _results_of_dataset(comparing.dataset, project, cancel, progress)

        def found(results: ComparedResults) -> None:
            self.results = results
            then()

        self._session.lanes.thread("comparisons-results", "holding rules against comparisons", work, found)

    @property
    def dataset_compares(self) -> bool:
        """Whether the dataset holds comparisons of its own: chosen and rejected answers."""
        return self._session.dataset.layout.name == "preference"

    def row_text(self, row: int) -> str:
        """A row's answer in one line, as it may be shown."""
        place = self._places.get(row)
        if place is None:
            return ""
        answer = self._session.dataset.texts()["answer"][place] or ""
        return visible(" ".join(answer[:400].split()))

    def drill(self, row: int, *, screen: str) -> None:
        """Shows the compared rows in Records, best first, with the cursor on this one."""
        truth = self.results.truth if self.results is not None else None
        if truth is not None:
            rows: list[int] = truth.rows[truth.values.argsort(kind="stable")[::-1]].tolist()
            self._session.records.drill(rows, "compared rows, best first", screen=screen)
            self._session.records.jump(row)

    def command_line(self) -> str:
        """The command that holds the rules against the same answers."""
        return f"sde rules truth {self._session.command_data}"


def _results_of_dataset(dataset: Dataset, project: Project, cancel: Any, progress: Any) -> ComparedResults:
    """In a thread: the rules of the book against chosen and rejected answers."""
    from sde_core.rules.book import RuleBook
    from sde_core.rules.book_choice import scored_by_book
    from sde_core.rules.truth import agreement_with
    from sde_core.rules.truth.yardstick import yardstick_of_pairs

    yardstick = yardstick_of_pairs(dataset, source="dataset", cancel=cancel).sampled(MOST_TEXTS)
    matrix = scored_by_book(yardstick.texts, RuleBook.load(project.rule_book_path), None, cancel=cancel, progress=progress)
    columns = {name: matrix.scores[:, at] for at, name in enumerate(matrix.rules)}
    return ComparedResults(None, agreement_with(columns, matrix.rows, matrix.answer_words, None, yardstick.pairs))


def _results(comparing: Comparing, matrix: Any, quality: tuple[np.ndarray, np.ndarray] | None) -> ComparedResults:
    """In a thread."""
    import numpy as np

    from sde_core.rules.truth import agreement_with

    pairs = comparing.pairs
    truth = comparing.strengths().truth(pairs.source)
    if matrix is None:
        return ComparedResults(truth, None, "The rules are not scored yet: r on screen 6 scores them.")
    columns: dict[str, Any] = {}
    if quality is not None:
        known = dict(zip(quality[0].tolist(), quality[1].tolist(), strict=True))
        columns[QUALITY_NOW] = np.array([known.get(row, np.nan) for row in matrix.rows.tolist()])
    columns |= {name: matrix.scores[:, at] for at, name in enumerate(matrix.rules)}
    try:
        return ComparedResults(truth, agreement_with(columns, matrix.rows, matrix.answer_words, truth, pairs))
    except SdeError as refusal:
        return ComparedResults(truth, None, str(refusal))
