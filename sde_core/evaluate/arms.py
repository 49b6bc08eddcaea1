"""Arms: sets of rows that are trained on under the same budget, to see which of them pays. What may be written, and which rows that means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xxhash

from sde_core.errors import UsageError
from sde_core.visible import visible

BASE = "base"
DEFAULT_ARMS = "full,selected,random:selected"
GRAMMAR = "base, full, selected, random:ARM, top:ARM, method:NAME:K, rows:FILE, and any of them with :N% behind it"
MOST_ARMS = 12

ArmKind = Literal["base", "rows", "random", "top", "share"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm, its rows known or a rule to draw them by.

    Attributes:
        name: As it was written.
        kind: "base" trains on nothing; "rows" on `rows`; "random" on a draw for each seed from `rows` with as many tokens as `like` has; "top" on the
            first of `rows` with as many tokens; "share" on a draw of `share` of the tokens of `rows`.
        rows: Record positions; for "top" the best first.
        like: Name of the arm in whose size this one is drawn, "" for none.
        share: For "share".
    """

    name: str
    kind: ArmKind
    rows: tuple[int, ...] = ()
    like: str = ""
    share: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """As the job keeps it."""
        return asdict(self)


def arm_of_json(value: dict[str, Any]) -> Arm:
    """The arm that `Arm.to_json` gave."""
    return Arm(value["name"], value["kind"], tuple(value["rows"]), value["like"], value["share"])


@dataclass
class RowSources:
    """Where the rows of arms come from.

    Attributes:
        pool: Record positions that may be trained on: readable, not rejected, not held out.
        accepted: Record positions that the user accepted.
        read_rows: The rows in a file.
        ranked: Rows of the pool by falling quality.
        selected_by: The rows that a selector chooses from the pool, by its name and how many are wanted.
    """

    pool: Sequence[int]
    accepted: Sequence[int]
    read_rows: Callable[[Path], Sequence[int]]
    ranked: Callable[[], Sequence[int]]
    selected_by: Callable[[str, str], Sequence[int]]
    _inside: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self._inside = frozenset(self.pool)

    def of_pool(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Those of the rows that may be trained on, in file order."""
        return tuple(sorted(set(map(int, rows)) & self._inside))


def arm_names(text: str) -> tuple[str, ...]:
    """The arms of "full,selected,random:selected".

    Raises:
        UsageError: When there are none, too many, or one twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError("No arms were named.", f"For example --arms {DEFAULT_ARMS}. There are {GRAMMAR}.")
    if len(names) > MOST_ARMS:
        raise UsageError(f"{len(names)} arms are more than the {MOST_ARMS} that can be compared at once.", "Name fewer.")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise UsageError(f"The arm {visible(twice, 60)} is named twice.", "Name each arm once.")
    if names == (BASE,):
        raise UsageError("The base model alone trains nothing that could be compared.", f"Add another arm: there are {GRAMMAR}.")
    return names


def resolve_arms(names: Sequence[str], sources: RowSources) -> tuple[Arm, ...]:
    """The arms and those that they are measured by, each with its rows.

    Raises:
        UsageError: When an arm is unknown, has no rows, or has the same rows as another.
    """
    known: dict[str, Arm] = {}
    for name in names:
        _resolve(name, sources, known)
    arms = tuple(known[name] for name in names)
    for i, arm in enumerate(arms):
        other = next((other for other in arms[:i] if replace(arm, name="") == replace(other, name="")), None)
        if other is not None:
            words = f"{visible(arm.name, 60)} and {visible(other.name, 60)}"
            raise UsageError(f"The arms {words} have the same rows.", "Leave one out, or accept fewer rows so that they differ.")
    return tuple(known.values())


def _resolve(name: str, sources: RowSources, known: dict[str, Arm]) -> Arm:
    if name not in known:
        arm = _resolved(name, sources, known)
        if arm.kind != BASE and not arm.rows:
            raise UsageError(
                f"The arm {visible(name, 60)} has no rows to train on.",
                "Rows that are rejected, unreadable, held out or nearly equal to those do not count.",
            )
        known[name] = arm
    return known[name]


def _resolved(name: str, sources: RowSources, known: dict[str, Arm]) -> Arm:
    kind, _, rest = name.partition(":")
    body, _, last = name.rpartition(":")
    if last.endswith("%") and body and not (kind == "method" and body.count(":") < 2):
        of = _resolve(body, sources, known)
        if of.kind != "rows":
            raise UsageError(f"A share of {visible(body, 60)} cannot be taken.", "Take it of full, selected, rows:FILE or method:NAME:K.")
        return Arm(name, "share", of.rows, share=_share(last, name))
    if name == BASE:
        return Arm(name, "base")
    if name == "full":
        return Arm(name, "rows", sources.of_pool(sources.pool))
    if name in ("selected", "accepted"):
        return Arm(name, "rows", _accepted(sources))
    if kind in ("random", "top") and rest:
        return _like(name, kind, _resolve(rest, sources, known), sources)
    if kind == "method" and rest:
        method, _, size = rest.partition(":")
        if not size:
            raise UsageError(
                f"{visible(name, 60)} does not say how many rows.", f"Write method:{visible(method, 40)}:500 or method:{visible(method, 40)}:10%."
            )
        return Arm(name, "rows", sources.of_pool(sources.selected_by(method, size)))
    if kind == "rows" and rest:
        return Arm(name, "rows", sources.of_pool(sources.read_rows(Path(rest))))
    raise UsageError(f"There is no arm {visible(name, 60)!r}.", f"There are {GRAMMAR}.")


def _accepted(sources: RowSources) -> tuple[int, ...]:
    if not len(sources.accepted):
        raise UsageError(
            "No row was accepted, so there is no arm named selected.", "Accept rows (sde select DATA -k 50% --accept), or use method:dpp:50%."
        )
    return sources.of_pool(sources.accepted)


def _like(name: str, kind: str, of: Arm, sources: RowSources) -> Arm:
    if of.kind != "rows":
        raise UsageError(f"{visible(name, 60)} needs an arm of fixed rows to be like.", "For example random:selected or top:method:dpp:500.")
    pool = sources.of_pool(sources.pool)
    if len(of.rows) >= len(pool):
        raise UsageError(
            f"{visible(of.name, 60)} has all rows that may be trained on, so {visible(name, 60)} would be the same.", "Accept fewer rows."
        )
    return Arm(name, "random", pool, of.name) if kind == "random" else Arm(name, "top", tuple(map(int, sources.ranked())), of.name)


def _share(text: str, name: str) -> float:
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"{visible(name, 60)} is no share.", "Write a share between 0 and 100 %, such as full:25%.")
    return share


def drawn_rows(arm: Arm, arms: Sequence[Arm], tokens: dict[int, int], seed: int) -> tuple[int, ...]:
    """The rows that an arm trains on with a seed, those that train on nothing left out.

    Draws of one seed are nested: a smaller share is the beginning of a larger one.

    Args:
        arm: The arm.
        arms: All arms, among them the one that it is like.
        tokens: Tokens of each row that trains.
        seed: The run's.
    """
    rows = np.array([row for row in arm.rows if row in tokens], np.int64)
    if arm.kind in ("base", "rows"):
        return tuple(rows.tolist())
    if arm.kind != "top":
        rows = np.random.default_rng([seed, xxhash.xxh3_64_intdigest(arm.like.encode())]).permutation(np.sort(rows))
    if arm.kind == "share":
        return _first_tokens(rows, tokens, arm.share * sum(tokens[row] for row in rows.tolist()))
    like = next(other for other in arms if other.name == arm.like)
    return _first_tokens(rows, tokens, float(sum(tokens[row] for row in like.rows if row in tokens)))


def _first_tokens(rows: npt.NDArray[np.int64], tokens: dict[int, int], wanted: float) -> tuple[int, ...]:
    """The first rows, so many that their tokens come nearest to what is wanted; one at least."""
    sums = np.cumsum([tokens[row] for row in rows.tolist()])
    count = int(np.argmin(np.abs(sums - wanted))) + 1 if len(sums) else 0
    return tuple(sorted(rows[:count].tolist()))
