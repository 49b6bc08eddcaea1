"""Rule scores and the choice of rules: computed in threads, told to the screens, and the source of every row's quality."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError, UsageError
from sde_tui.session_rules_work import bin_words, choice_of, file_signature, rules_on, scores_of, weights_option
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.rules import ChosenQuality, PlainRule, Rule, RuleBook, RuleChoice, RuleEvidence, RuleScores, ScoreMatrix
    from sde_core.rules.book_edits import BookEdit
    from sde_tui.session import Session

AUTOMATIC_ROWS = 50_000
"""Up to so many rows the scoring starts by itself when the screen is first shown."""

DEFAULT_METHOD = "map-correlation"
DEFAULT_PACK = "general"


@dataclass(frozen=True, slots=True)
class RuleWishes:
    """What the user asks of the choice; which rules there are, pinned and banned stands in the rule book.

    Attributes:
        r: How many rules; None for 10, or as many as are independent.
        method: A name in `METHODS`.
        seed: Of sampling and of the random sets to compare with.
        weights: File of weights fitted to labels that quality comes from; "" for the mean of the chosen rules.
    """

    r: int | None = None
    method: str = DEFAULT_METHOD
    seed: int = 0
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another rule and its correlation with the one looked at."""

    rule: str
    correlation: float


class RulesPart(WorkPart):
    """Scores all rows by the rules of the book once, then answers from that.

    A change of the book is tried first: what no choice can be made with is said and does not reach the book.
    """

    lane, needs = "rules", "rules need"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.wishes = self._met = RuleWishes()
        self.scores: RuleScores | None = None
        self.choice: RuleChoice | None = None
        self.refusal = ""
        self._correlation: np.ndarray | None = None
        self._quality: ChosenQuality | None = None
        self._scored: Dataset | None = None
        self._book: RuleBook | None = None
        self._met_book: RuleBook | None = None
        self._scored_book: RuleBook | None = None
        self._judged: tuple[int, int] | None = None
        self._untried: list[tuple[str, BookEdit]] = []
        session.signals.dataset.subscribe(session.app, self._dataset_changed)
        session.signals.rules.subscribe(session.app, self._rules_changed)

    @property
    def matrix(self) -> ScoreMatrix | None:
        """The scores; None while nothing is scored."""
        return None if self.scores is None else self.scores.matrix

    @property
    def book(self) -> RuleBook:
        """The rule book, with changes that are being tried."""
        return self._book if self._book is not None else self._book_on_disk()

    def _book_on_disk(self) -> RuleBook:
        book: RuleBook = self._session.rule_book.book
        return book

    # ---- scoring

    @property
    def choosing(self) -> bool:
        """Whether a choice is being made now."""
        return self._session.lanes.running("rules-choice") is not None

    @property
    def stale(self) -> bool:
        """Whether texts were edited since the scores were computed."""
        return self._scored is not None and self._scored.edits != self._session.dataset.edits

    def start(self) -> None:
        """Scores by itself where nothing was scored yet and the dataset is small enough; follows what was changed elsewhere since."""
        if self.matrix is None:
            if not self.refusal and not self.why_not_run() and len(self._session.dataset) <= AUTOMATIC_ROWS:
                self.run()
        elif not self.running and not self._untried:
            if self._judged != file_signature(self._session.project.comparisons_path):
                self.run()
            else:
                self._follow_book()

    def run(self) -> None:
        """Scores every readable row by every rule of the book that is on, then chooses."""
        self._run(self._book_on_disk())

    def _run(self, book: RuleBook, untried: Sequence[tuple[str, BookEdit]] = ()) -> None:
        dataset, project = self._session.dataset, self._session.project
        self._judged = file_signature(project.comparisons_path)
        self._session.lanes.thread(
            self.lane, "scoring rules",
            lambda cancel, progress: scores_of(dataset, project, book, cancel, progress),
            lambda found: self._scored_by(dataset, book, untried, found),
            ended=lambda: self._session.signals.rules.publish("stopped"),
        )  # fmt: skip
        self._session.signals.rules.publish("started")

    def _scored_by(self, dataset: Dataset, book: RuleBook, untried: Sequence[tuple[str, BookEdit]], found: tuple[RuleScores, np.ndarray]) -> None:
        self.scores, self._correlation = found
        self._scored, self._scored_book, self._book, self._untried = dataset, book, book, list(untried)
        self._session.signals.rules.publish("scored")
        self.choose()

    def _dataset_changed(self, how: str) -> None:
        if how == "layout" and (self._scored is not None or self.running or self.refusal):
            self._session.lanes.stop(self.lane)
            self._session.lanes.stop("rules-choice")
            self.scores = self.choice = self._correlation = self._quality = self._scored = self._book = None
            self.refusal, self._session.quality_provider, self._untried = "", None, []
            self._session.signals.rules.publish("forgotten")
            self.start()

    def _rules_changed(self, how: str) -> None:
        if how == "rated" and self.matrix is not None and self._book_on_disk().rated_rules:
            self.run()
        elif how == "book" and not self._untried:
            self._follow_book()

    def _follow_book(self) -> None:
        """Scores or chooses again where the book on disk is not the one that was scored and chosen by."""
        book = self._book_on_disk()
        if self._scored_book is None or book == self._book:
            return
        if rules_on(book) != rules_on(self._scored_book):
            self._run(book)
        else:
            self._book = book
            self.choose()

    # ---- choosing

    def choose(self, **wishes: Any) -> None:
        """Chooses anew with changed wishes; a wish that cannot be met is said and not kept.

        Args:
            wishes: Fields of `RuleWishes`.
        """
        self.wishes = wanted = replace(self.wishes, **wishes)
        scores, book, dataset, project = self.scores, self.book, self._scored, self._session.project
        if scores is None or dataset is None:
            return
        self._session.lanes.thread(
            "rules-choice",
            "choosing rules",
            lambda cancel, _progress: choice_of(dataset, project, book, scores, wanted, cancel),
            lambda found: self._chosen(wanted, found),
            quiet=True,
        )

    def _chosen(self, wanted: RuleWishes, found: tuple[RuleChoice, ChosenQuality] | SdeError) -> None:
        if not isinstance(found, SdeError):
            (self.choice, self._quality), self.refusal, self._met, self._met_book = found, "", wanted, self._book
            self._session.quality_provider = self._published
            self._write_book()
        elif self.choice is None:
            self.refusal = f"{found.message} {found.hint}".strip()
        else:
            self.wishes, self._book, self._untried = self._met, self._met_book, []
            self._session.failed(found)
        self._session.signals.rules.publish("chosen")

    # ---- the book

    def _try(self, what: str, edit: BookEdit) -> None:
        """Changes the book once a choice was made with the change."""
        changed = self._session.attempt(edit, self.book)
        if changed is None:
            return
        if self._scored_book is None or rules_on(changed) != rules_on(self._scored_book):
            self._run(changed, [*self._untried, (what, edit)])
            return
        self._book, self._untried = changed, [*self._untried, (what, edit)]
        self.choose()

    def _write_book(self) -> None:
        """Writes the changes that a choice was made with; where the book cannot be written the choice follows what stands in it."""
        for what, edit in self._untried:
            if not self._session.rule_book.change(what, edit):
                break
        self._untried = []
        self._follow_book()

    def take_pack(self, pack: str) -> None:
        """Scores the rows by another pack of rules and chooses from it; what was pinned or banned stays so."""
        from sde_core.rules.book_edits import with_pack

        self._try(f"pack {pack}", lambda book: with_pack(book, pack))

    def change_count(self, step: int) -> None:
        """Asks for more or fewer rules than are chosen now."""
        if self.choice is not None:
            asked = self.wishes.r if self.choosing and self.wishes.r is not None else len(self.choice.chosen)
            self.choose(r=max(asked + step, 1))

    def toggle_pin(self, rule: str) -> None:
        """Pins a rule, or takes the pin off; a banned rule is no longer banned then."""
        from sde_core.rules import book_edits

        held = rule in self.book.pinned
        self._try(f"{'unpin' if held else 'pin'} {rule}", lambda book: (book_edits.unpinned if held else book_edits.pinned)(book, rule))

    def toggle_ban(self, rule: str) -> None:
        """Bans a rule, or lifts the ban; a pinned rule is no longer pinned then."""
        from sde_core.rules import book_edits

        held = rule in self.book.banned
        self._try(f"{'unban' if held else 'ban'} {rule}", lambda book: (book_edits.unbanned if held else book_edits.banned)(book, rule))

    # ---- answers

    def quality(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows (uint32[n]) and the quality of each (float32[n], mean of the chosen rules by their weights); None while not computed."""
        return None if self.matrix is None or self._quality is None else (self._quality.rows, self._quality.values)

    def _published(self) -> tuple[np.ndarray, np.ndarray]:
        known = self.quality()
        if known is None:
            raise UsageError("Quality is not computed yet.", "Score the rules on screen 6 first.")
        return known

    @property
    def quality_words(self) -> str:
        """The mean of every row's quality: "0.73"."""
        found = self._quality
        return "not computed" if found is None else f"{found.values.mean():.2f}"

    @property
    def labels(self) -> str:
        """Whose labels the quality is fitted to, and what that is worth; "" for the default, which needs none."""
        return "" if self._quality is None else self._quality.labels

    @property
    def not_rated(self) -> tuple[str, ...]:
        """Chosen rules that are not in the quality, because a judge has rated some of the rows only."""
        return () if self._quality is None else self._quality.not_rated

    def weight(self, name: str) -> float | None:
        """How much a chosen rule counts in the quality; None where it does not."""
        found = self._quality
        return dict(zip(found.rules, found.weights, strict=True)).get(name) if found is not None else None

    def evidence(self, name: str) -> RuleEvidence | None:
        """How far a rule can be relied on; None while that is not known."""
        return None if self.scores is None else self.scores.known.of(name)

    def rule(self, name: str) -> Rule | PlainRule:
        """The rule of this name."""
        from sde_core.rules import RULES

        plain = next((rule for rule in self.book.rules if rule.name == name), None)
        return plain if plain is not None else next(rule for rule in RULES if rule.name == name)

    def said(self, name: str) -> str:
        """A rule in words: "answer-length: 1 for answers of …"."""
        rule = self.rule(name)
        return f"{name}: {rule.sentence if hasattr(rule, 'sentence') else rule.definition}"

    @property
    def names(self) -> list[str]:
        """Names of the rules that are scored."""
        book = self.book
        return [rule.name for rule in (*book.formula_rules, *book.rated_rules)]

    def reason_out(self, name: str) -> str:
        """Why a rule was no candidate, "" where it was one."""
        dropped = self.choice.dropped if self.choice is not None else ()
        return next((drop.reason for drop in dropped if drop.rule == name), "")

    def gate(self, name: str) -> str:
        """The gate that holds a rule back, "banned", "not rated", or "" where it is a candidate."""
        dropped = self.choice.dropped if self.choice is not None else ()
        return next((drop.gate for drop in dropped if drop.rule == name), "")

    def mostly_length(self, name: str) -> bool:
        """Whether a rule says mostly how long the answer is."""
        from sde_core.rules import MOSTLY_LENGTH

        matrix = self.matrix
        return matrix is not None and name in matrix.rules and abs(matrix.summaries[matrix.index(name)].length_correlation) > MOSTLY_LENGTH

    @property
    def answers_are_words(self) -> bool:
        """Whether most answers are single words, as labels are, so that rules of answers have next to nothing to judge."""
        matrix = self.matrix
        return matrix is not None and len(matrix.rows) > 0 and 2 * int((matrix.answer_words <= 1).sum()) > len(matrix.rows)

    def sections(self) -> tuple[list[str], list[str], list[str]]:
        """Names of the chosen rules in the order taken, of the other candidates, and of those that were no candidates."""
        names = [*self.matrix.rules, *self.matrix.unrated] if self.matrix is not None else []
        chosen = list(self.choice.chosen) if self.choice is not None else []
        out = [name for name in names if self.reason_out(name)]
        return chosen, [name for name in names if name not in {*chosen, *out}], out

    def correlation(self, left: str, right: str) -> float:
        """Correlation of two rules; NaN where one of them scores every row alike."""
        matrix = self.matrix
        if matrix is None or self._correlation is None or not self.varies(left) or not self.varies(right):
            return float("nan")
        return float(self._correlation[matrix.index(left), matrix.index(right)])

    def varies(self, name: str) -> bool:
        """Whether the rule tells any rows apart."""
        return self.matrix is not None and name in self.matrix.rules and self.matrix.summaries[self.matrix.index(name)].most_common_share < 1.0

    def neighbours(self, name: str) -> list[Neighbour]:
        """The other rules that vary, most correlated first, whatever the sign."""
        if self.matrix is None or not self.varies(name):
            return []
        others = [Neighbour(other, self.correlation(name, other)) for other in self.matrix.rules if other != name and self.varies(other)]
        return sorted(others, key=lambda other: -abs(other.correlation))

    def methods(self) -> list[tuple[str, str]]:
        """Ways to choose: (name, what it is)."""
        from sde_core.rules import METHODS

        return [(method.name, f"{method.name:<17} {method.title}") for method in METHODS]

    def packs(self) -> list[tuple[str, str]]:
        """Packs of rules: (name, what is in it)."""
        from sde_core.rules import PACKS, pack_rules

        general = set(PACKS[DEFAULT_PACK])
        more = {name: ", ".join(family for family in families if family not in general) for name, families in PACKS.items()}
        return [(name, f"{name:<9}{len(pack_rules(name)):>3} rules" + (f", also on {words}" if words else "")) for name, words in more.items()]

    def method_title(self) -> str:
        """What the method that chose is, in few words."""
        from sde_core.rules import method_named

        method = method_named(self.choice.method if self.choice is not None else self.wishes.method)
        kernel = {"gram": "raw Gram"}.get(method.kernel, method.kernel)
        words = f"greedy on {kernel}" if method.draw == "map" else f"k-DPP sample on {kernel}"
        return words + {"map-correlation": " (default)", "kdpp-gram": " (paper mode)", "map-plain": " (plain)"}.get(method.name, "")

    @property
    def samples(self) -> bool:
        """Whether the method in force draws at random."""
        return self.wishes.method.startswith("kdpp")

    # ---- rows

    def drill(self, name: str, bin_: int | None, *, screen: str) -> bool:
        """Shows in Records the rows of a histogram bar, or all rows, lowest score first; False where there are none."""
        if self.matrix is None or name not in self.matrix.rules:
            return False
        rows = self.matrix.lowest_rows(name, len(self.matrix.rows)) if bin_ is None else self.matrix.rows_in_bin(name, bin_)
        if not len(rows):
            return False
        title = f"{name}, lowest first" if bin_ is None else f"{name} {bin_words(bin_)}, lowest first"
        self._session.records.drill(rows.astype("int64"), title, screen=screen)
        return True

    def command_line(self) -> str:
        """The command that makes the same choice; it reads the same rule book."""
        wishes, words = self.wishes, ["sde rules choose", self._session.command_data]
        words += [f"-r {len(self.choice.chosen)}"] if self.choice is not None else []
        words += [f"--method {wishes.method}"] if wishes.method != DEFAULT_METHOD else []
        words += [f"--seed {wishes.seed}"] if wishes.seed else []
        return " ".join(words)

    def select_options(self) -> list[str]:
        """What `sde select` is told so that it takes the same quality: nothing where it does so by itself."""
        wishes = self.wishes
        words = [f"--rule-count {wishes.r}"] if wishes.r is not None else []
        words += [f"--rule-method {wishes.method}"] if wishes.method != DEFAULT_METHOD else []
        words += [f"--rule-seed {wishes.seed}"] if wishes.seed and self.samples else []
        return weights_option(wishes.weights) or words
