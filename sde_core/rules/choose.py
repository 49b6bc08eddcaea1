"""Which r rules to keep: the ones that say different things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from sde_core.errors import UsageError
from sde_core.rules.against_random import RANDOM_SUBSETS, RandomComparison, SquaredErrors, compare_with_random
from sde_core.rules.contrast import favouring
from sde_core.rules.dpp import greedy_map, largest_set, log_det_gains, sample_k_dpp
from sde_core.rules.kernel import KERNELS, Kernel, correlation_kernel, rho
from sde_core.rules.matrix import ScoreMatrix
from sde_core.rules.reliability import DroppedRule, Reliability, reliability_of
from sde_core.rules.truth import RowTruth
from sde_core.wording import count_of

DEFAULT_RULE_COUNT = 10
"""r of the paper's experiments."""


FAVOURS = (2.0, 1.5, 1.0, 0.75, 0.5, 0.25, 0.0)
"""How strongly rules that tell something are favoured (`sde_core.rules.contrast.favouring`): the first of these with which the chosen rules overlap
no more than the median random set of as many. On pairs of better and worse rows the quality is as right as with the first one always, which
leads to sets that repeat themselves."""

_MEDIAN_OF = 300


@dataclass(frozen=True, slots=True)
class ChoiceMethod:
    """One way to choose rules.

    Attributes:
        name: As `--method` takes it.
        kernel: A name in `KERNELS`.
        draw: "map" takes greedily what adds most to log det; "kdpp" samples in proportion to the determinant.
        gated: Whether rules that cannot be relied on are left out first, see `sde_core.rules.reliability`: orthogonality alone likes what measures
            nothing. Where that would leave no rule, none is left out. Rules that score every row alike are left out always.
        favours: Whether rules that tell rows from spoilt copies are favoured, see `FAVOURS`.
        weighted: Whether the chosen rules weigh in a row's quality by what they tell (`sde_core.rules.contrast.rule_weights`); else it is their
            plain mean, as in the paper.
        title: What it is, for a person.
    """

    name: str
    kernel: str
    draw: Literal["map", "kdpp"]
    gated: bool
    favours: bool
    weighted: bool
    title: str


METHODS: tuple[ChoiceMethod, ...] = (
    ChoiceMethod("map-correlation", "correlation", "map", True, True, True, "greedy by correlation, telling favoured (default)"),
    ChoiceMethod("kdpp-gram", "gram", "kdpp", False, False, False, "exact k-DPP sample on the raw Gram (paper mode)"),
    ChoiceMethod("map-plain", "correlation", "map", True, False, False, "greedy by correlation alone, plain mean"),
    ChoiceMethod("map-cosine", "cosine", "map", True, True, True, "greedy by cosine, telling favoured"),
    ChoiceMethod("kdpp-cosine", "cosine", "kdpp", True, False, True, "exact k-DPP sample on the cosine kernel"),
    ChoiceMethod("kdpp-correlation", "correlation", "kdpp", True, False, True, "exact k-DPP sample on the correlation kernel"),
)
"""All methods, the default first."""

DEFAULT_METHOD, PAPER_METHOD = METHODS[0].name, METHODS[1].name
_METHOD_BY_NAME: Mapping[str, ChoiceMethod] = MappingProxyType({method.name: method for method in METHODS})


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """The chosen rules.

    Attributes:
        chosen: Names, pinned rules first, then in the order taken.
        rho: Overlap of the chosen rules, see `sde_core.rules.kernel.rho`.
        gains: What each added to log det of the method's kernel, as favoured, in the order of `chosen`.
        dropped: Rules that were no candidates, with the reason.
        method: A name in `METHODS`.
        seed: Of the k-DPP sample and of the random sets.
        pinned: Rules that were in whatever they say.
        banned: Rules that were out whatever they say.
        against_random: How random sets compare; None where none were drawn or there is no other set.
        gated: Whether rules that cannot be relied on were left out.
        favour: How strongly rules that tell something were favoured, one of `FAVOURS`; 0 for not at all.
        weighted: Whether the rules weigh in quality by what they tell; else quality is their plain mean.
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
    gated: bool = True
    favour: float = 0.0
    weighted: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**asdict(self), "against_random": self.against_random.to_json() if self.against_random else None}


def choose_rules(
    matrix: ScoreMatrix,
    r: int | None = None,
    *,
    method: str = DEFAULT_METHOD,
    seed: int = 0,
    pinned: Sequence[str] = (),
    banned: Sequence[str] = (),
    random_subsets: int = RANDOM_SUBSETS,
    known: Reliability | None = None,
    truth: RowTruth | None = None,
    gated: bool | None = None,
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
        known: How far the rules can be relied on; where None, what the matrix says of it by itself.
        truth: True quality of some rows, for the comparison with random sets.
        gated: Whether rules that cannot be relied on are left out, and those that tell something favoured and weighed more, as far as the method
            does so; None for what the method does.

    Raises:
        UsageError: When a name is unknown, a rule is both pinned and banned, a pinned rule scores every row alike, or r is below 1, below the
            number of pinned rules, above the number of candidates or above the kernel's rank.
    """
    way = method_named(method)
    pinned, banned = tuple(dict.fromkeys(pinned)), tuple(dict.fromkeys(banned))
    for name in (*pinned, *banned):
        matrix.index(name)
    known = known or reliability_of(matrix)
    dropped, gated = _dropped(known, way.gated if gated is None else gated, pinned, banned)
    candidates = [name for name in matrix.rules if name not in {drop.rule for drop in dropped}]
    _refuse_impossible(r, candidates, pinned, banned, dropped)
    columns, given = [matrix.index(name) for name in candidates], [candidates.index(name) for name in pinned]
    correlation = correlation_kernel(matrix.scores[:, columns])
    kernel = correlation if way.kernel == "correlation" else KERNELS[way.kernel](matrix.scores[:, columns])
    r = max(min(DEFAULT_RULE_COUNT, largest_set(kernel, given)), len(given)) if r is None else r
    favour = _favour(correlation, kernel, candidates, known, r, given) if gated and known.contrasts and way.favours else 0.0
    kernel = favouring(kernel, candidates, known.contrasts, favour) if favour else kernel
    items = greedy_map(kernel, r, given) if way.draw == "map" else sample_k_dpp(kernel, r, np.random.default_rng(seed), given)
    errors = SquaredErrors.of(matrix, columns, truth) if truth is not None else None
    return RuleChoice(
        tuple(candidates[i] for i in items), rho(correlation, items), tuple(log_det_gains(kernel, items)), dropped, method, seed, pinned, banned,
        compare_with_random(correlation, items, given, subsets=random_subsets, seed=seed, errors=errors), gated, favour,
        gated and way.weighted,
    )  # fmt: skip


def _dropped(known: Reliability, gated: bool, pinned: Sequence[str], banned: Sequence[str]) -> tuple[tuple[DroppedRule, ...], bool]:
    """What is dropped, and whether the gates held: where they would leave none, they do not."""
    dropped = dropped_rules(known, gated=gated, pinned=pinned, banned=banned)
    if gated and len(dropped) == len(known.evidence):
        return dropped_rules(known, gated=False, pinned=pinned, banned=banned), False
    return dropped, gated


def _favour(correlation: Kernel, kernel: Kernel, candidates: Sequence[str], known: Reliability, r: int, given: Sequence[int]) -> float:
    """The first of `FAVOURS` with which the chosen rules overlap no more than the median random set; seeded, so that it is always the same."""
    for favour in FAVOURS[:-1]:
        items = greedy_map(favouring(kernel, candidates, known.contrasts, favour), r, given)
        compared = compare_with_random(correlation, items, given, subsets=_MEDIAN_OF)
        if compared is None or rho(correlation, items) <= compared.median_rho:
            return favour
    return 0.0


def method_named(name: str) -> ChoiceMethod:
    """The method of this name.

    Raises:
        UsageError: When there is none.
    """
    if name not in _METHOD_BY_NAME:
        raise UsageError(f"There is no way to choose rules called {name!r}.", f"There are: {', '.join(_METHOD_BY_NAME)}.")
    return _METHOD_BY_NAME[name]


def dropped_rules(known: Reliability, *, gated: bool = True, pinned: Sequence[str] = (), banned: Sequence[str] = ()) -> tuple[DroppedRule, ...]:
    """Rules that cannot or should not be chosen, in column order: banned ones, and those that a gate holds back.

    Args:
        known: What is known of each rule.
        gated: Also ask the gates that a method may do without; they spare pinned rules.
        pinned: Rules that are to be kept where they can be.
        banned: Rules that are to be dropped whatever they say.
    """
    reasons = {drop.rule: drop for drop in known.gated(only_always=not gated, pinned=pinned)}
    dropped = ((DroppedRule(rule.rule, "banned", "banned") if rule.rule in banned else reasons.get(rule.rule)) for rule in known.evidence)
    return tuple(drop for drop in dropped if drop is not None)


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
        raise _no_candidate(dropped)
    if r is not None and r > len(candidates):
        there = "1 is a candidate" if len(candidates) == 1 else f"{len(candidates)} are candidates"
        raise UsageError(f"{r} rules were asked for but only {there} here.", f"Ask for at most {len(candidates)}.")


def _no_candidate(dropped: Sequence[DroppedRule]) -> UsageError:
    """Why there is no rule to choose from."""
    if not dropped:
        return UsageError("No rule is on.", "Turn rules on with `sde rules set DATA on NAME`, or take a pack: sde rules book DATA --pack general")
    other = next((drop for drop in dropped if not drop.reason.startswith(("constant", "no rows"))), None)
    if other is None:
        return UsageError("No rule tells these rows apart: each scores them all alike.", "A choice needs at least two different rows.")
    left_out = f"for one, {other.rule} is left out: {other.reason}."
    return UsageError(f"None of {count_of(len(dropped), 'rule')} can be chosen; {left_out}", "`sde rules book DATA` shows which are on and banned.")
