"""Classes against the share that they should have: how many rows to drop or to add, exactly."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sde_core.checks.balance import BalanceReport, FieldBalance
from sde_core.errors import UsageError
from sde_core.features.answer_kind import ANSWER_KINDS

_TARGET = re.compile(r"(?P<name>.+)=\s*(?P<number>\d*\.?\d+)\s*(?P<percent>%?)\s*")
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Target:
    """The share that a class should have of the rows that have any class, 0 up to 1."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """A class against its target.

    Attributes:
        field: The field.
        name: The class.
        target: Share it should have, 0-1.
        count: Rows it has.
        share: Share it has, 0-1.
        verdict: "over", "under", or "met" where no whole number of rows comes closer.
        drop: Fewest rows of the class to drop so that its share is at most the target, all else kept.
        add: Fewest rows of the class to add so that its share is at least the target, all else kept.
    """

    field: str
    name: str
    target: float
    count: int
    share: float
    verdict: Literal["over", "under", "met"]
    drop: int
    add: int

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; the class is under "class"."""
        shown = {**asdict(self), "share": round(self.share, 6)}
        shown["class"] = shown.pop("name")
        return shown


@dataclass(frozen=True, slots=True)
class DropPlan:
    """How to reach all targets of a field by dropping alone.

    Attributes:
        field: The field.
        keep: Rows that stay, as many as possible.
        drop: Rows to drop by class; None stands for all classes without a target together.
    """

    field: str
    keep: int
    drop: dict[str | None, int]

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary; the classes without a target are under "other classes"."""
        return {"field": self.field, "keep": self.keep, "drop": {name or "other classes": count for name, count in self.drop.items()}}


def parsed_target(text: str) -> Target:
    """A target from CLASS=SHARE, the share as 5% or 0.05.

    Raises:
        UsageError: When the text has no such form, or the share is not within 0 to 1.
    """
    found = _TARGET.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is not of the form CLASS=SHARE.", "For example: --target refusal=5% or --target refusal=0.05.")
    share = float(found["number"]) / (100 if found["percent"] else 1)
    if not 0 <= share < 1:
        raise UsageError(
            f"A share of {found['number']}{found['percent']} is not within 0% to 100%.",
            "5% and 0.05 are the same share." if found["percent"] else f"Write {found['number']}% for per cent.",
        )
    return Target(found["name"].strip(), share)


def field_of_target(report: BalanceReport, target: Target, field: str = "") -> FieldBalance:
    """The field whose class a target names; of computed fields that have it, the kind of answer goes first.

    Raises:
        UsageError: When no field has this class, or several do and none was named.
    """
    if field:
        chosen = report.field(field)
        if not chosen.count_of(target.name) and not _possible(chosen, target.name):
            raise UsageError(f"The field {field!r} has no class {target.name!r}.", "Classes: " + _some([counted.name for counted in chosen.classes]))
        return chosen
    having = [balance for balance in report.fields if balance.count_of(target.name)] or [
        balance for balance in report.fields if _possible(balance, target.name)
    ]
    kinds = [balance for balance in having if balance.field == "answer-kind"]
    if kinds and all(balance.source == "derived" for balance in having):
        return kinds[0]
    if len(having) == 1:
        return having[0]
    if not having:
        raise UsageError(
            f"No field has a class {target.name!r}.", "Fields with classes: " + ", ".join(balance.field for balance in report.fields) + "."
        )
    raise UsageError(
        f"Several fields have a class {target.name!r}.", "Name one: " + ", ".join(f"--field {balance.field}" for balance in having) + "."
    )


def _possible(balance: FieldBalance, name: str) -> bool:
    """Whether a computed class could occur although no row has it."""
    return balance.field == "answer-kind" and balance.source == "derived" and name in ANSWER_KINDS


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def verdict(balance: FieldBalance, target: Target) -> TargetVerdict:
    """A class against its target, all other classes kept as they are."""
    count, total, share = balance.count_of(target.name), balance.rows, target.share
    drop = _least(count - share * total, 1 - share) if count > share * total else 0
    add = _least(share * total - count, 1 - share) if count < share * total else 0
    met = abs(count - share * total) < 0.5 * (1 - share) + _TOLERANCE
    word: Literal["over", "under", "met"] = "met" if met else "over" if drop else "under"
    return TargetVerdict(
        balance.field, target.name, share, count, count / max(total, 1), word, drop if word == "over" else 0, add if word == "under" else 0
    )


def _least(excess: float, per_row: float) -> int:
    return math.ceil(excess / per_row - _TOLERANCE)


def drop_plan(balance: FieldBalance, targets: Sequence[Target]) -> DropPlan:
    """The largest subset in which every target is met to the row, reached by dropping alone.

    With a share s for a class of c rows, a subset of n rows holds s n of them, so n <= c / s; the classes without a target share the rest.
    A single target that is exceeded takes rows of its own class only, as many as `verdict` says.

    Args:
        balance: The field.
        targets: Targets of classes of this field, each class once.

    Raises:
        UsageError: When the targets add up to more than the whole.
    """
    wanted = sum(target.share for target in targets)
    if wanted > 1 + _TOLERANCE:
        raise UsageError(f"The targets of {balance.field!r} add up to {wanted:.0%}.", "They can be 100% together at most.")
    if len(targets) == 1 and (alone := verdict(balance, targets[0])).drop:
        return DropPlan(balance.field, balance.rows - alone.drop, {alone.name: alone.drop, None: 0})
    counts = {target.name: balance.count_of(target.name) for target in targets}
    rest, rest_share = balance.rows - sum(counts.values()), max(1 - wanted, 0.0)
    bounds = [counts[target.name] / target.share for target in targets if target.share > 0]
    bounds += [rest / rest_share] if rest_share > _TOLERANCE else []
    size = math.floor(min(bounds, default=0) + _TOLERANCE)
    kept: dict[str | None, int] = {target.name: min(counts[target.name], round(target.share * size)) for target in targets}
    kept_rest = max(min(rest, size - sum(kept.values())), 0) if rest_share > _TOLERANCE else 0
    drop: dict[str | None, int] = {name: counts[name] - count for name, count in kept.items() if name is not None}
    return DropPlan(balance.field, sum(kept.values()) + kept_rest, {**drop, None: rest - kept_rest})
