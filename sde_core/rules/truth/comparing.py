"""Comparing the rows of one dataset: the sample, what was asked, what comes next and how far it has come. Command line and app both go this way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.features.components import components
from sde_core.rules.truth.bradley_terry import Strengths, fit_bradley_terry
from sde_core.rules.truth.comparisons import SKIP, Comparison, ComparisonJournal
from sde_core.rules.truth.next_pair import DEFAULT_SAMPLE, Asked, NextPair, choose_next_pair, sample_rows, self_agreement
from sde_core.rules.truth.pairs import JudgedPairs, judged_pairs
from sde_core.wording import count_of

FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class ComparingStatus:
    """How far the comparing has come.

    Attributes:
        answers: Comparisons that say something, ties included.
        skipped: Pairs that were skipped.
        sample: Rows in the sample.
        compared: Rows that were compared.
        groups: Groups of compared rows that no comparison links; 1 is what a ranking needs.
        half_width: Mean half width of the intervals of the compared rows' values, in [0, 0.5]; NaN before the first answer.
        agreed, repeated: Of the pairs asked twice, those that got the same answer, and all.
        missing: Answers about rows that the dataset holds no more.
    """

    answers: int
    skipped: int
    sample: int
    compared: int
    groups: int
    half_width: float
    agreed: int
    repeated: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        """With null for NaN."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


class Comparing:
    """The comparisons of a dataset, open for asking.

    Args:
        dataset: Read to its end.
        journal: Its comparisons; closed by whoever opened it.
        seed: Of the sides and of the order among equals.
        by_machine: Whether it is about the answers of models; those of people otherwise. The sample is one and the same.
    """

    def __init__(self, dataset: Dataset, journal: ComparisonJournal, *, seed: int = 0, by_machine: bool = False) -> None:
        self.dataset = dataset
        self.journal = journal
        self.seed = seed
        self.by_machine = by_machine
        self._keys = dataset.keys()
        texts = dataset.texts()
        self._prompt_of = dict(zip(texts["row"].to_list(), texts["prompt"].to_list(), strict=True))
        self._rows: tuple[tuple[int, ...], NDArray[np.int64]] = ((), np.empty(0, np.int64))

    # ---- the sample

    @property
    def rows(self) -> NDArray[np.int64]:
        """int64[m], rows of the sample that the dataset still holds, ascending."""
        if self._rows[0] != self.journal.sample:
            found = (self.dataset.row_of_key(key) for key in self.journal.sample)
            self._rows = self.journal.sample, np.array(sorted(row for row in found if row is not None and row in self._prompt_of), np.int64)
        return self._rows[1]

    def draw(self, quality: NDArray[np.float32] | None = None, size: int = DEFAULT_SAMPLE) -> NDArray[np.int64]:
        """Draws the sample, or draws more rows to one that is smaller, and writes it down.

        Args:
            quality: float32[n] of the rows of `Dataset.texts()`: the sample is spread over it. None where there is none.
            size: Rows of the sample.

        Raises:
            UsageError: When there are no two rows that differ.
            ReadOnlyError: When it cannot be written.
        """
        self.take(self.sampled(quality, size))
        return self.rows

    def sampled(self, quality: NDArray[np.float32] | None = None, size: int = DEFAULT_SAMPLE) -> list[int]:
        """The rows that `draw` would take, those of the sample among them; nothing is written.

        Args:
            quality: As for `draw`.
            size: Rows of the sample.

        Raises:
            UsageError: When there are no two rows that differ.
        """
        kept: list[int] = self.rows.tolist()
        if len(kept) >= size:
            return kept
        rows = sample_rows(self.dataset.texts(), quality, size, seed=self.seed, keep=kept)
        if len(rows) < FEWEST_ROWS:
            raise UsageError("There are no two different rows with an answer to compare.")
        return [int(row) for row in rows]

    def take(self, rows: Sequence[int]) -> None:
        """Writes a larger sample down; one that is no larger changes nothing.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        if len(rows) > len(self.rows):
            self.journal.take_sample([int(self._keys[row]) for row in rows], seed=self.seed)

    # ---- asking

    @property
    def pairs(self) -> JudgedPairs:
        """The answers so far."""
        return judged_pairs(self.journal.comparisons, self.dataset, by_machine=self.by_machine)

    @property
    def _answers(self) -> list[Comparison]:
        """Theirs among all in the journal, skips included."""
        return [one for one in self.journal.comparisons if bool(one.judge) == self.by_machine]

    @property
    def asked(self) -> list[Asked]:
        """What they were asked about the sample, oldest first."""
        place = {row: number for number, row in enumerate(self.rows.tolist())}
        found = [(self.dataset.row_of_key(one.a), self.dataset.row_of_key(one.b), one) for one in self._answers]
        return [Asked(place[a], place[b], one.winner == SKIP) for a, b, one in found if a is not None and b is not None and a in place and b in place]

    def next_pair(self) -> NextPair | None:
        """What to ask next, by places in `rows`; None where all was asked."""
        return choose_next_pair(self.rows, self.pairs, self.asked, prompts=self._prompts(), seed=self.seed)

    def next_pairs(self, count: int) -> list[NextPair]:
        """What to ask next where no answer comes in between: each pair is chosen as if those before it had been ties."""
        pairs, asked, found = self.pairs, self.asked, list[NextPair]()
        prompts = self._prompts()
        while len(found) < count:
            pair = choose_next_pair(self.rows, pairs, asked, prompts=prompts, seed=self.seed)
            if pair is None:
                break
            found.append(pair)
            asked.append(Asked(pair.left, pair.right))
            pairs = JudgedPairs(
                np.append(pairs.left, self.rows[pair.left]), np.append(pairs.right, self.rows[pair.right]), np.append(pairs.score, 0.5), pairs.source
            )
        return found

    def _prompts(self) -> NDArray[np.int64]:
        named: dict[str, int] = {}
        return np.array([named.setdefault(self._prompt_of[row], len(named)) for row in self.rows.tolist()], np.int64)

    def answer(self, pair: NextPair, winner: str) -> Comparison:
        """Writes an answer down; it is on the disk when this returns.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        return self.journal.answer(self.key(pair.left), self.key(pair.right), winner)

    def key(self, place: int) -> int:
        """The key of a row of the sample."""
        return int(self._keys[self.rows[place]])

    def texts_of(self, place: int) -> tuple[str, str, str]:
        """System, prompt and answer of a row of the sample."""
        texts = self.dataset.texts()
        at = int(texts["row"].search_sorted(int(self.rows[place])))
        return texts["system"][at] or "", texts["prompt"][at] or "", texts["answer"][at] or ""

    def refuse_people(self) -> None:
        """Raises where this is about people's answers.

        Raises:
            UsageError: Then: a model never answers in the name of people.
        """
        if not self.by_machine:
            raise UsageError("A model's answers are kept apart from those of people.")

    def place_pair(self, comparison: Comparison) -> NextPair | None:
        """An answer as a pair of places, to be shown again; None where one of its rows is not in the sample."""
        places = [np.flatnonzero(self.rows == self.dataset.row_of_key(key)) for key in (comparison.a, comparison.b)]
        return NextPair(int(places[0][0]), int(places[1][0]), "taken back") if len(places[0]) and len(places[1]) else None

    # ---- how far

    def strengths(self) -> Strengths:
        """The rows that were compared, ranked.

        Raises:
            UsageError: When nothing was compared.
        """
        return fit_bradley_terry(self.pairs)

    def status(self) -> ComparingStatus:
        """How far the comparing has come."""
        pairs = self.pairs
        compared, half_width, groups = pairs.rows, float("nan"), 0
        if len(pairs):
            truth = fit_bradley_terry(pairs).truth(pairs.source)
            half_width = float((truth.upper - truth.lower).mean() / 2)
            group = components(len(compared), np.searchsorted(compared, pairs.left), np.searchsorted(compared, pairs.right))
            groups = len(np.unique(group))
        again = self_agreement(self._answers)
        skipped = sum(one.winner == SKIP for one in self._answers)
        return ComparingStatus(len(pairs), skipped, len(self.rows), len(compared), groups, half_width, again.agreed, again.repeated, pairs.missing)


def status_words(status: ComparingStatus) -> str:
    """For people: "17 answers on 12 of 40 rows, known to ± 0.34, in 2 groups not linked yet, same again 1 of 1"."""
    if not status.answers:
        return f"no answers yet, {count_of(status.sample, 'row')} to compare" + (f", {status.skipped:,} skipped" if status.skipped else "")
    words = [f"{count_of(status.answers, 'answer')} on {status.compared:,} of {status.sample:,} rows"]
    words += [f"known to ± {status.half_width:.2f}"]
    words += [f"in {status.groups:,} groups not linked yet"] if status.groups > 1 else []
    words += [f"same again {status.agreed:,} of {status.repeated:,}"] if status.repeated else []
    return ", ".join(words)


def questions(comparing: Comparing, pairs: Sequence[NextPair], asked_at: float) -> list[dict[str, Any]]:
    """Pairs as lines to be answered elsewhere: texts, keys, and an empty `winner` to fill with a, b, tie or skip."""
    texts = comparing.dataset.texts()
    place = {row: number for number, row in enumerate(texts["row"].to_list())}
    lines = []
    for number, pair in enumerate(pairs):
        a, b = (int(comparing.rows[side]) for side in (pair.left, pair.right))
        lines.append({
            "a": f"{comparing.key(pair.left):016x}", "b": f"{comparing.key(pair.right):016x}", "row_a": a, "row_b": b,
            "prompt_a": texts["prompt"][place[a]], "answer_a": texts["answer"][place[a]],
            "prompt_b": texts["prompt"][place[b]], "answer_b": texts["answer"][place[b]],
            "winner": "", "by": "", "time": asked_at + number,
        })  # fmt: skip
    return lines
