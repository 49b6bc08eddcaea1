"""Rule scores and the choice of rules: computed in threads, told to the screens, and the source of every row's quality."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError, UsageError
from sde_tui.session_work import WorkPart

if TYPE_CHECKING:
    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.rules import Rule, RuleChoice, ScoreMatrix
    from sde_tui.session import Session

AUTOMATIC_ROWS = 50_000
"""Up to so many rows the scoring starts by itself when the screen is first shown."""

DEFAULT_METHOD = "map-correlation"
DEFAULT_PACK = "general"


@dataclass(frozen=True, slots=True)
class RuleWishes:
    """What the user asks of the choice.

    Attributes:
        r: How many rules; None for 10, or as many as are independent.
        method: A name in `METHODS`.
        seed: Of sampling and of the random sets to compare with.
        pinned: Always in.
        banned: Never in.
        pack: Which rules there are to choose from, a name in `sde_core.rules.PACKS`.
    """

    r: int | None = None
    method: str = DEFAULT_METHOD
    seed: int = 0
    pinned: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    pack: str = DEFAULT_PACK


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another rule and its correlation with the one looked at."""

    rule: str
    correlation: float


class RulesPart(WorkPart):
    """Scores all rows by all rules once, then answers from that."""

    lane, needs = "rules", "rules need"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.wishes = RuleWishes()
        self._met = RuleWishes()
        self.matrix: ScoreMatrix | None = None
        self.choice: RuleChoice | None = None
        self.refusal = ""
        self._correlation: np.ndarray | None = None
        self._quality: np.ndarray | None = None
        self._scored: Dataset | None = None
        session.signals.dataset.subscribe(session.app, self._dataset_changed)

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
        """Scores by itself where nothing was scored yet and the dataset is small enough for that."""
        if self.matrix is None and not self.refusal and not self.why_not_run() and len(self._session.dataset) <= AUTOMATIC_ROWS:
            self.run()

    def run(self) -> None:
        """Scores every readable row by every rule of the pack, then chooses."""
        self._run(self.wishes)

    def _run(self, wishes: RuleWishes) -> None:
        dataset = self._session.dataset
        self._session.lanes.thread(
            self.lane, "scoring rules",
            lambda cancel, progress: _scores(dataset, wishes, cancel, progress), lambda found: self._scored_by(dataset, wishes.pack, found),
            ended=lambda: self._session.signals.rules.publish("stopped"),
        )  # fmt: skip
        self._session.signals.rules.publish("started")

    def _scored_by(self, dataset: Dataset, pack: str, found: tuple[ScoreMatrix, np.ndarray]) -> None:
        self.matrix, self._correlation = found
        self.wishes, self._met = replace(self.wishes, pack=pack), replace(self._met, pack=pack)
        self._scored = dataset
        self._session.signals.rules.publish("scored")
        self.choose()

    def _dataset_changed(self, how: str) -> None:
        if how == "layout" and (self._scored is not None or self.running or self.refusal):
            self._session.lanes.stop(self.lane)
            self._session.lanes.stop("rules-choice")
            self.matrix = self.choice = self._correlation = self._quality = self._scored = None
            self.refusal, self._session.quality_provider = "", None
            self._session.signals.rules.publish("forgotten")
            self.start()

    # ---- choosing

    def choose(self, **wishes: Any) -> None:
        """Chooses anew with changed wishes; a wish that cannot be met is said and not kept.

        Args:
            wishes: Fields of `RuleWishes`.
        """
        matrix, wanted = self.matrix, replace(self.wishes, **wishes)
        if matrix is None:
            self.wishes = wanted
            return
        self.wishes = wanted
        self._session.lanes.thread(
            "rules-choice",
            "choosing rules",
            lambda _cancel, _progress: _choice(matrix, wanted),
            lambda found: self._chosen(wanted, found),
            quiet=True,
        )

    def _chosen(self, wanted: RuleWishes, found: tuple[RuleChoice, np.ndarray] | SdeError) -> None:
        if not isinstance(found, SdeError):
            (self.choice, self._quality), self.refusal, self._met = found, "", wanted
            self._session.quality_provider = self._published
        elif self.choice is None:
            self.refusal = f"{found.message} {found.hint}".strip()
        else:
            self.wishes = self._met
            self._session.failed(found)
        self._session.signals.rules.publish("chosen")

    def take_pack(self, pack: str) -> None:
        """Scores the rows by another pack of rules and chooses from it; what was pinned or banned stays so.

        Where scores are shown already, the pack in force is theirs until the new ones are there.
        """
        wanted = replace(self.wishes, pack=pack)
        if self.matrix is None:
            self.wishes = wanted
        self._run(wanted)

    def change_count(self, step: int) -> None:
        """Asks for more or fewer rules than are chosen now."""
        if self.choice is not None:
            asked = self.wishes.r if self.choosing and self.wishes.r is not None else len(self.choice.chosen)
            self.choose(r=max(asked + step, 1))

    def toggle_pin(self, rule: str) -> None:
        """Pins a rule, or takes the pin off; a banned rule is no longer banned then."""
        pinned, banned = self.wishes.pinned, tuple(name for name in self.wishes.banned if name != rule)
        self.choose(pinned=tuple(name for name in pinned if name != rule) if rule in pinned else (*pinned, rule), banned=banned)

    def toggle_ban(self, rule: str) -> None:
        """Bans a rule, or lifts the ban; a pinned rule is no longer pinned then."""
        banned, pinned = self.wishes.banned, tuple(name for name in self.wishes.pinned if name != rule)
        self.choose(banned=tuple(name for name in banned if name != rule) if rule in banned else (*banned, rule), pinned=pinned)

    # ---- answers

    def quality(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows (uint32[n]) and the quality of each (float32[n], mean of the chosen rules); None while not computed."""
        if self.matrix is None or self._quality is None:
            return None
        return self.matrix.rows, self._quality

    def _published(self) -> tuple[np.ndarray, np.ndarray]:
        known = self.quality()
        if known is None:
            raise UsageError("Quality is not computed yet.", "Score the rules on screen 6 first.")
        return known

    @property
    def quality_words(self) -> str:
        """The mean of every row's quality: "0.73"."""
        values = self._quality
        return "not computed" if values is None else f"{values.mean():.2f}"

    def rule(self, name: str) -> Rule:
        """The rule of this name."""
        from sde_core.rules import RULES

        return next(rule for rule in RULES if rule.name == name)

    @property
    def names(self) -> list[str]:
        """Names of the rules that are scored."""
        from sde_core.rules import pack_rules

        return [rule.name for rule in pack_rules(self.wishes.pack)]

    def reason_out(self, name: str) -> str:
        """Why a rule was no candidate, "" where it was one."""
        dropped = self.choice.dropped if self.choice is not None else ()
        return next((drop.reason for drop in dropped if drop.rule == name), "")

    def sections(self) -> tuple[list[str], list[str], list[str]]:
        """Names of the chosen rules in the order taken, of the other candidates, and of those that were no candidates."""
        names = list(self.matrix.rules) if self.matrix is not None else []
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
        return self.matrix is not None and self.matrix.summaries[self.matrix.index(name)].most_common_share < 1.0

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
        return words + {"map-correlation": " (default)", "kdpp-gram": " (paper mode)"}.get(method.name, "")

    @property
    def samples(self) -> bool:
        """Whether the method in force draws at random."""
        return self.wishes.method.startswith("kdpp")

    # ---- rows

    def drill(self, name: str, bin_: int | None, *, screen: str) -> bool:
        """Shows in Records the rows of a histogram bar, or all rows, lowest score first; False where there are none."""
        if self.matrix is None:
            return False
        rows = self.matrix.lowest_rows(name, len(self.matrix.rows)) if bin_ is None else self.matrix.rows_in_bin(name, bin_)
        if not len(rows):
            return False
        title = f"{name}, lowest first" if bin_ is None else f"{name} {bin_words(bin_)}, lowest first"
        self._session.records.drill(rows.astype("int64"), title, screen=screen)
        return True

    def command_line(self) -> str:
        """The command that makes the same choice."""
        wishes, words = self.wishes, ["sde rules choose", self._session.command_data]
        words += [f"-r {len(self.choice.chosen)}"] if self.choice is not None else []
        words += [f"--pack {wishes.pack}"] if wishes.pack != DEFAULT_PACK else []
        words += [f"--method {wishes.method}"] if wishes.method != DEFAULT_METHOD else []
        words += [f"--seed {wishes.seed}"] if wishes.seed else []
        words += [f"--pin {name}" for name in wishes.pinned] + [f"--ban {name}" for name in wishes.banned]
        return " ".join(words)


def bin_words(bin_: int) -> str:
    """A histogram bar's range: "0.35–0.40"."""
    from sde_core.rules import BINS

    return f"{bin_ / BINS:.2f}–{(bin_ + 1) / BINS:.2f}"


def _scores(dataset: Dataset, wishes: RuleWishes, cancel: Any, progress: Any) -> tuple[ScoreMatrix, np.ndarray]:
    """In a thread: the matrix with its summaries and histograms, and the correlation of all rules."""
    from sde_core.rules import correlation_kernel, pack_rules, score_matrix

    texts = dataset.texts(cancel=cancel, progress=progress)
    matrix = score_matrix(texts, pack_rules(wishes.pack, (*wishes.pinned, *wishes.banned)), cancel=cancel, progress=progress)
    _ = matrix.summaries, matrix.histograms
    return matrix, correlation_kernel(matrix.scores)


def _choice(matrix: ScoreMatrix, wishes: RuleWishes) -> tuple[RuleChoice, np.ndarray] | SdeError:
    """In a thread: the choice and every row's quality, or why there is none."""
    from sde_core.rules import choose_rules, quality

    try:
        choice = choose_rules(matrix, wishes.r, method=wishes.method, seed=wishes.seed, pinned=wishes.pinned, banned=wishes.banned)
    except SdeError as refusal:
        return refusal
    return choice, quality(matrix, choice.chosen)
