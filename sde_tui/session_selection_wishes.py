"""What the user wishes of a proposal: kept on the disk, and taken back one by one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

DEFAULT_METHOD = "dpp"
DEFAULT_TAU = 0.1
LOSS_METHODS = ("ifd", "superfiltering")
"""Methods that go by what a model makes of each answer."""
STATIC = "static"
"""The encoder that comes with sde and needs no job."""
KEPT_STEPS, KEPT_ROWS = 100, 200_000
"""Wishes that can be taken back, and the rows that all of them name together: older ones are forgotten."""
FORMAT = 1
MOST_LEANING = 10_000
"""A row that was liked more often than this was not liked by hand."""

_ROW_FIELDS = ("locked", "banned")
_NAMES = ("encoder", "model")


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
        leanings: (row, how often it was liked less how often it was disliked), by row.
        tau: Temperature of the methods that draw by quality.
        tokens: Most tokens of all rows together; None for no such budget.
        quota_by: What the shares of groups are kept by; "" for no quotas.
        quota_split: "proportional" or "equal".
        model: Whose losses of answers the methods of `LOSS_METHODS` go by; "" for the base model that comes with sde.
        encoder: "static", or a sentence-transformers model by name or absolute folder.
    """

    k: int | None = None
    method: str = DEFAULT_METHOD
    balance: float = 0.5
    seed: int = 0
    locked: frozenset[int] = frozenset()
    banned: frozenset[int] = frozenset()
    leanings: tuple[tuple[int, int], ...] = ()
    tau: float = DEFAULT_TAU
    tokens: int | None = None
    quota_by: str = ""
    quota_split: str = "proportional"
    model: str = ""
    encoder: str = STATIC

    @property
    def liked(self) -> tuple[int, ...]:
        """Each liked row as often as it was liked."""
        return tuple(row for row, weight in self.leanings for _ in range(weight))

    @property
    def disliked(self) -> tuple[int, ...]:
        """Each disliked row as often as it was disliked."""
        return tuple(row for row, weight in self.leanings for _ in range(-weight))

    @property
    def held(self) -> int:
        """How many rows are named."""
        return len(self.locked) + len(self.banned) + len(self.leanings)

    def weight_of(self, row: int) -> int:
        """How often a row was liked less how often it was disliked."""
        return dict(self.leanings).get(row, 0)

    def leaning(self, rows: Iterable[int], by: int) -> SelectionWishes:
        """The wishes with these rows liked once more (`by` 1) or disliked once more (-1)."""
        weights = Counter(dict(self.leanings))
        for row in rows:
            weights[row] += by
        return replace(self, leanings=tuple((row, weights[row]) for row in sorted(weights) if weights[row]))


@dataclass(frozen=True, slots=True)
class Step:
    """One wish.

    Attributes:
        words: What was wished, as a person says it.
        wishes: What holds after it.
        at: When, in seconds since the epoch.
    """

    words: str
    wishes: SelectionWishes
    at: float


class WishHistory:
    """The wishes in force, with those before them and those taken back.

    Attributes:
        steps: All wishes, oldest first; the first is what held at the beginning.
        place: The step in force; those behind it were taken back.
        moved_at: When a wish was last taken back or restored.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.steps: list[Step] = [Step("", SelectionWishes(), 0.0)]
        self.place = 0
        self.moved_at = 0.0

    @property
    def wishes(self) -> SelectionWishes:
        """What holds now."""
        return self.steps[self.place].wishes

    @property
    def last_at(self) -> float:
        """When the wish was made that `undo` takes back; 0 where there is none."""
        return self.steps[self.place].at if self.place else 0.0

    @property
    def undone(self) -> bool:
        """Whether a wish can be restored."""
        return self.place < len(self.steps) - 1

    def wish(self, wishes: SelectionWishes, words: str) -> bool:
        """Takes a wish; False where it changes nothing. Wishes that were taken back are gone then."""
        if wishes == self.wishes:
            return False
        self.steps = [*self.steps[: self.place + 1], Step(words, wishes, self._clock())][-KEPT_STEPS:]
        while len(self.steps) > 2 and sum(step.wishes.held for step in self.steps) > KEPT_ROWS:
            del self.steps[0]
        self.place = len(self.steps) - 1
        return True

    def undo(self) -> str:
        """Takes the last wish back; says which, "" where there is none."""
        if not self.place:
            return ""
        self.place -= 1
        self.moved_at = self._clock()
        return self.steps[self.place + 1].words

    def redo(self) -> str:
        """Restores the wish that was taken back last; says which, "" where there is none."""
        if not self.undone:
            return ""
        self.place += 1
        self.moved_at = self._clock()
        return self.steps[self.place].words

    # ---- on the disk

    def save(self, path: Path, keys: np.ndarray) -> None:
        """Writes all of it, rows by their keys, so that they are found in a file that was sorted or added to.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        import orjson

        from sde_core.files import atomic_write

        steps = [{"words": step.words, "at": step.at, "wishes": _as_json(step.wishes, keys)} for step in self.steps]
        held = {"format": FORMAT, "place": self.place, "moved_at": self.moved_at, "steps": steps}
        atomic_write(path, [orjson.dumps(held, option=orjson.OPT_INDENT_2), b"\n"])

    def load(self, path: Path, keys: np.ndarray) -> int:
        """Reads what was saved, if anything; returns how many rows of the wishes in force the dataset holds no more.

        Raises:
            ValueError: When the file is not what `save` writes.
        """
        import orjson

        if not path.exists():
            return 0
        held = orjson.loads(path.read_bytes())
        try:
            row_of = {f"{key:016x}": row for row, key in _needed(held, keys)}
            steps = [Step(str(step["words"]), _from_json(step["wishes"], row_of), float(step["at"])) for step in held["steps"]]
            place, self.moved_at = int(held["place"]), float(held["moved_at"])
            named = set(_keys_in(held["steps"][place]["wishes"]))
        except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            raise ValueError("not the wishes of a proposal") from error
        if not 0 <= place < len(steps):
            raise ValueError("no step is in force")
        self.steps, self.place = steps, place
        return len(named - set(row_of))


def _as_json(wishes: SelectionWishes, keys: np.ndarray) -> dict[str, Any]:
    named = {field: [f"{int(keys[row]):016x}" for row in sorted(getattr(wishes, field))] for field in _ROW_FIELDS}
    return {**asdict(wishes), **named, "leanings": [[f"{int(keys[row]):016x}", weight] for row, weight in wishes.leanings]}


def _from_json(held: Mapping[str, Any], row_of: Mapping[str, int]) -> SelectionWishes:
    """Wishes without the rows that are gone; fields of other versions are left out."""
    plain = {name: held[name] for name in SelectionWishes.__dataclass_fields__ if name in held and name not in (*_ROW_FIELDS, "leanings")}
    rows = {name: frozenset(row_of[key] for key in held.get(name, ()) if key in row_of) for name in _ROW_FIELDS}
    leanings = sorted((row_of[key], int(weight)) for key, weight in held.get("leanings", ()) if key in row_of)
    wishes = SelectionWishes(**plain, **rows, leanings=tuple(leanings))
    _require_sound(wishes)
    return wishes


def _require_sound(wishes: SelectionWishes) -> None:
    """Raises:
    ValueError: When no screen could have made such wishes.
    """
    from sde_core.select import SELECTORS
    from sde_core.select.protocol import EQUAL, PROPORTIONAL, QUOTA_KINDS

    sizes = [size for size in (wishes.k, wishes.tokens) if size is not None]
    whole = all(type(number) is int for number in (*sizes, wishes.seed))
    words = (wishes.method, wishes.quota_by, wishes.quota_split, *(getattr(wishes, name) for name in _NAMES))
    real = all(type(word) is str for word in words) and all(type(number) in (int, float) for number in (wishes.balance, wishes.tau))
    named = wishes.method in {selector.name for selector in SELECTORS} and wishes.quota_by in ("", *QUOTA_KINDS)
    if not (whole and real and named and wishes.quota_split in (PROPORTIONAL, EQUAL)):
        raise ValueError("a wish is of no known kind")
    bounded = all(size >= 1 for size in sizes) and 0 <= wishes.balance <= 1 and wishes.tau > 0
    if not bounded or any(abs(weight) > MOST_LEANING for _, weight in wishes.leanings) or wishes.locked & wishes.banned:
        raise ValueError("a wish is out of bounds")


def _keys_in(held: Mapping[str, Any]) -> list[str]:
    return [*held.get("locked", ()), *held.get("banned", ()), *(key for key, _ in held.get("leanings", ()))]


def _needed(held: Mapping[str, Any], keys: np.ndarray) -> Iterable[tuple[int, int]]:
    """(row, key) of the rows that are named."""
    import numpy as np

    named = sorted({int(key, 16) for step in held["steps"] for key in _keys_in(step["wishes"])})
    wanted = np.asarray(named, dtype=np.uint64)
    rows = np.flatnonzero(np.isin(keys, wanted))
    return [(int(row), int(keys[row])) for row in rows]
