"""Which r rules to keep: the ones that say different things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from sde_core.errors import UsageError
from sde_core.rules.dpp import greedy_map, largest_set, log_det_gains, sample_k_dpp
from sde_core.rules.kernel import KERNELS, Kernel, correlation_kernel, rho
from sde_core.rules.matrix import ScoreMatrix

DEFAULT_RULE_COUNT = 10
"""r of the paper's experiments."""

RANDOM_SUBSETS = 1000
_BARELY_VARIES = 0.9


@dataclass(frozen=True, slots=True)
class ChoiceMethod:
    """One way to choose rules.

    Attributes:
        name: As `--method` takes it.
        kernel: A name in `KERNELS`.
        draw: "map" takes greedily what adds most to log det; "kdpp" samples in proportion to the determinant.
        gated: Whether rules that score nearly every row alike are left out first. Orthogonality alone likes them: what never varies
            correlates with nothing. Where that would leave none, there is no gate; the paper's mode has none at all.
        title: What it is, for a person.
    """

    name: str
    kernel: str
    draw: Literal["map", "kdpp"]
    gated: bool
    title: str


METHODS: tuple[ChoiceMethod, ...] = (
    ChoiceMethod("map-correlation", "correlation", "map", True, "greedy most independent set on the correlation kernel (default)"),
    ChoiceMethod("kdpp-gram", "gram", "kdpp", False, "exact k-DPP sample on the raw Gram matrix (paper mode)"),
    ChoiceMethod("map-cosine", "cosine", "map", True, "greedy most independent set on the cosine kernel"),
    ChoiceMethod("kdpp-cosine", "cosine", "kdpp", True, "exact k-DPP sample on the cosine kernel"),
    ChoiceMethod("kdpp-correlation", "correlation", "kdpp", True, "exact k-DPP sample on the correlation kernel"),
)
"""All methods, the default first."""

DEFAULT_METHOD, PAPER_METHOD = METHODS[0].name, METHODS[1].name
_METHOD_BY_NAME: Mapping[str, ChoiceMethod] = MappingProxyType({method.name: method for method in METHODS})


@dataclass(frozen=True, slots=True)
class DroppedRule:
    """A rule that was not among the candidates, and why."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class RandomComparison:
    """The choice against random sets of as many rules from the same candidates, pinned rules included.

    Attributes:
        subsets: How many sets were drawn, each with the same chances.
        seed: Seed of the drawing.
        mean_rho, median_rho, lowest_rho: Over the drawn sets.
        win_rate: Share of the drawn sets whose rho is above that of the choice.
    """

    subsets: int
    seed: int
    mean_rho: float
    median_rho: float
    lowest_rho: float
    win_rate: float


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """The chosen rules.

    Attributes:
        chosen: Names, pinned rules first, then in the order taken.
        rho: Overlap of the chosen rules, see `sde_core.rules.kernel.rho`.
        gains: What each added to log det of the method's kernel, in the order of `chosen`.
        dropped: Rules that were no candidates, with the reason.
        method, seed, pinned, banned: What was asked for.
        against_random: The comparison with random sets; None where it was not asked for or there is no other set.
    """

    chosen: tuple[str, ...]
    rho: float
    gains: tuple[float, ...]
    dropped: tuple[DroppedRule, ...]
    method: str
    seed: int
    pinned: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    against_random: RandomComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return asdict(self)


def choose_rules(
    matrix: ScoreMatrix,
    r: int | None = None,
    *,
    method: str = DEFAULT_METHOD,
    seed: int = 0,
    pinned: Sequence[str] = (),
    banned: Sequence[str] = (),
    random_subsets: int = RANDOM_SUBSETS,
) -> RuleChoice:
    """Chooses r rules that overlap little (arXiv 2410.04715; MAP by Chen, Zhang, Zhou 2018, sampling by Kulesza and Taskar 2012).

    Args:
        matrix: Scores of all rules, see `score_matrix`.
        r: How many rules, pinned ones included; where None, 10 or as many as are independent.
        method: A name in `METHODS`.
        seed: Of the k-DPP sample and of the random sets; the greedy methods do not depend on it.
        pinned: Rules that are always in.
        banned: Rules that are never in.
        random_subsets: How many random sets to compare with; 0 for none.

    Raises:
        UsageError: When a name is unknown, a rule is both pinned and banned, a pinned rule scores every row alike, or r is below 1, below the
            number of pinned rules, above the number of candidates or above the kernel's rank.
    """
    way = method_named(method)
    pinned, banned = tuple(dict.fromkeys(pinned)), tuple(dict.fromkeys(banned))
    dropped = dropped_rules(matrix, gated=way.gated, pinned=pinned, banned=banned)
    if len(dropped) == len(matrix.rules):
        dropped = dropped_rules(matrix, gated=False, pinned=pinned, banned=banned)
    candidates = [name for name in matrix.rules if name not in {drop.rule for drop in dropped}]
    _refuse_impossible(r, candidates, pinned, banned, dropped)
    scores = matrix.scores[:, [matrix.index(name) for name in candidates]]
    correlation = correlation_kernel(scores)
    kernel = correlation if way.kernel == "correlation" else KERNELS[way.kernel](scores)
    given = [candidates.index(name) for name in pinned]
    if r is None:
        r = max(min(DEFAULT_RULE_COUNT, largest_set(kernel, given)), len(given))
    items = greedy_map(kernel, r, given) if way.draw == "map" else sample_k_dpp(kernel, r, np.random.default_rng(seed), given)
    overlap = rho(correlation, items)
    return RuleChoice(
        tuple(candidates[i] for i in items), overlap, tuple(log_det_gains(kernel, items)), dropped, method, seed, pinned, banned,
        compare_with_random(correlation, overlap, r, given, subsets=random_subsets, seed=seed) if random_subsets and r < len(candidates) else None,
    )  # fmt: skip


def method_named(name: str) -> ChoiceMethod:
    """The method of this name.

    Raises:
        UsageError: When there is none.
    """
    if name not in _METHOD_BY_NAME:
        raise UsageError(f"There is no way to choose rules called {name!r}.", f"There are: {', '.join(_METHOD_BY_NAME)}.")
    return _METHOD_BY_NAME[name]


def dropped_rules(matrix: ScoreMatrix, *, gated: bool = True, pinned: Sequence[str] = (), banned: Sequence[str] = ()) -> tuple[DroppedRule, ...]:
    """Rules that cannot or should not be chosen, in column order.

    Args:
        matrix: Scores of all rules.
        gated: Also drop rules that give 90 % of the rows the same score, unless pinned.
        pinned: Rules that are to be kept although they barely vary.
        banned: Rules that are to be dropped whatever they say.

    Raises:
        UsageError: When a name is unknown.
    """
    for name in (*pinned, *banned):
        matrix.index(name)
    reasons = {name: _reason(matrix, i, gated and name not in pinned, name in banned) for i, name in enumerate(matrix.rules)}
    return tuple(DroppedRule(name, reason) for name, reason in reasons.items() if reason)


def _reason(matrix: ScoreMatrix, index: int, gated: bool, banned: bool) -> str:
    if banned:
        return "banned"
    column = matrix.scores[:, index]
    if not len(column):
        return "no rows"
    if column.min() == column.max():
        return f"constant: every row scores {column[0]:.2f}"
    common = matrix.summaries[index].most_common_share
    return f"barely varies: {min(100 * common, 99.99):.4g} % of the rows score the same" if gated and common >= _BARELY_VARIES else ""


def _refuse_impossible(
    r: int | None, candidates: Sequence[str], pinned: Sequence[str], banned: Sequence[str], dropped: Sequence[DroppedRule]
) -> None:
    if r is not None and r < 1:
        raise UsageError(f"{r} rules cannot be chosen.", "Ask for at least 1.")
    for name in pinned:
        if name in banned:
            raise UsageError(f"The rule {name!r} is both pinned and banned.", "Drop one of the two.")
        if name not in candidates:
            raise UsageError(f"The rule {name!r} is pinned but {next(drop.reason for drop in dropped if drop.rule == name)}.", "Unpin it.")
    if r is not None and len(pinned) > r:
        raise UsageError(f"{len(pinned)} rules are pinned but only {r} are to be chosen.", f"Ask for at least {len(pinned)}.")
    if not candidates:
        raise UsageError("No rule tells these rows apart: each scores them all alike.", "A choice needs at least two different rows.")
    if r is not None and r > len(candidates):
        raise UsageError(f"{r} rules were asked for but only {len(candidates)} are candidates here.", f"Ask for at most {len(candidates)}.")


def compare_with_random(correlation: Kernel, overlap: float, r: int, given: Sequence[int] = (), *, subsets: int, seed: int) -> RandomComparison:
    """How often a choice overlaps less than a random set of as many rules.

    Args:
        correlation: float64[R, R] of the candidates.
        overlap: rho of the choice.
        r: Rules in a set.
        given: Columns that every set holds.
        subsets: How many sets to draw.
        seed: Seed of the drawing.
    """
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(len(correlation)), list(given))
    drawn = np.argsort(rng.random((subsets, len(others))), axis=1)[:, : r - len(given)]
    sets = np.hstack([np.tile(np.asarray(given, dtype=np.intp), (subsets, 1)), others[drawn]])
    squares = correlation**2 - np.eye(len(correlation))
    rhos = np.sqrt(np.maximum(squares[sets[:, :, None], sets[:, None, :]].sum(axis=(1, 2)), 0.0)) / r
    wins = float((rhos > overlap + 1e-12).mean())
    return RandomComparison(subsets, seed, float(rhos.mean()), float(np.median(rhos)), float(rhos.min()), wins)
