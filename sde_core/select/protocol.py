"""What a selector is given and what it gives back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xxhash

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress
from sde_core.visible import visible

DEFAULT_BALANCE = 0.5
DEFAULT_RIDGE = 0.01
DEFAULT_MAX_SIMILARITY = 0.9
DEFAULT_TAU = 0.1

PROPORTIONAL, EQUAL = "proportional", "equal"
QUOTA_KINDS = ("class", "source", "cluster")
KEEP_HARD, KEEP_EASY, KEEP_RANDOM = "hard", "easy", "random"

LONGEST_NAME = 100
"""Longer names of classes and sources are held by their beginning and a hash: an array of texts gives each row the space of the longest."""

_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}

Positions = npt.NDArray[np.int64]
"""Indices into the arrays of a `Pool`; not record positions."""


@dataclass(frozen=True, slots=True)
class SelectionParams:
    """What is asked of a selector.

    Attributes:
        k: How many rows are chosen in all, the locked ones counted.
        method: The selector's name in `SELECTORS`.
        seed: Breaks exact ties of the deterministic selectors and drives the random ones.
        balance: 0 is diversity alone, 1 is the order of quality alone; only "dpp" chooses by it.
        locked: Record positions that are always chosen.
        banned: Record positions that never are.
        ridge: λ of the kernel S = (XXᵀ + λI)/(1 + λ).
        max_similarity: "dpp" passes over a row that is more similar than this to a chosen one while any other is left; 1 for never. Far past the
            embedding's dimension the kernel alone no longer tells a copy from a new row. Without effect at balance 1. "deita" takes no row more
            similar than this to an accepted one, "semdedup" calls rows of a cluster more similar than this (1 − ε) duplicates.
        tau: Temperature τ of "gumbel" and "softmax": weights are e^(quality/τ). Near 0 it is "topk", far above the spread of quality "random".
        standardized: Whether "gumbel" and "softmax" bring quality to mean 0 and standard deviation 1 first, as QuRating does.
        tokens: Most tokens that the chosen rows may have together; None for no such budget. `k` is then the most rows there may be.
        quota_by: What the shares of groups are kept by: one of `QUOTA_KINDS`, or "" for no quotas.
        quota_split: How rows are split among the groups where `quotas` names none: `PROPORTIONAL` or `EQUAL`.
        quotas: (group, share) by hand; shares are relative to their sum, groups not named get no row.
        clusters: Clusters of "semdedup", "car" and the quotas by cluster; 0 for a number that fits how many rows there are.
        keep: Which of several duplicates "semdedup" keeps: that farthest from the centroid (`KEEP_HARD`), nearest (`KEEP_EASY`), or any.
        liked: Record positions of which more alike are wanted.
        disliked: Record positions of which fewer alike are wanted.
    """

    k: int
    method: str = "dpp"
    seed: int = 0
    balance: float = DEFAULT_BALANCE
    locked: tuple[int, ...] = ()
    banned: tuple[int, ...] = ()
    ridge: float = DEFAULT_RIDGE
    max_similarity: float = DEFAULT_MAX_SIMILARITY
    tau: float = DEFAULT_TAU
    standardized: bool = False
    tokens: int | None = None
    quota_by: str = ""
    quota_split: str = PROPORTIONAL
    quotas: tuple[tuple[str, float], ...] = ()
    clusters: int = 0
    keep: str = KEEP_HARD
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen row and why it was chosen.

    Attributes:
        row: Record position.
        quality: The row's quality, 0-1; None where no quality was given.
        gain: log det L of the rows chosen up to and with this one, less that of the rows before it.
        nearest_row: The most similar row among those chosen before it; None for the first.
        nearest_similarity: Cosine similarity to that row.
        reason: The figures in one plain sentence.
        locked: Whether the user put it there.
    """

    row: int
    quality: float | None
    gain: float
    nearest_row: int | None
    nearest_similarity: float | None
    reason: str
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen rows in the order of choice.

    Attributes:
        picks: One a row; the locked rows first.
        kernel: The kernel whose log-determinant the gains are differences of.
        params: What was asked.
        candidates: How many rows could have been chosen, the locked ones counted.
        remarks: What is to be known about the choice as a whole, in sentences, such as how its size was met.
        figures: The selector's own measures of it by name, such as "covering_radius".
    """

    picks: tuple[Pick, ...]
    kernel: str
    params: SelectionParams
    candidates: int
    remarks: tuple[str, ...] = ()
    figures: tuple[tuple[str, float], ...] = ()

    @property
    def rows(self) -> tuple[int, ...]:
        """Record positions in the order of choice."""
        return tuple(pick.row for pick in self.picks)

    @property
    def log_det(self) -> float:
        """The log det L of all chosen rows: the sum of the gains."""
        return float(sum(pick.gain for pick in self.picks))

    def to_json(self) -> dict[str, Any]:
        """The selection as plain JSON values."""
        return {
            "params": asdict(self.params),
            "kernel": self.kernel,
            "candidates": self.candidates,
            "log_det": self.log_det,
            "picks": [asdict(pick) for pick in self.picks],
            "remarks": list(self.remarks),
            "figures": dict(self.figures),
        }


@dataclass(frozen=True, slots=True)
class Quota:
    """How many rows each group gets.

    Attributes:
        names: The groups, as data says them.
        codes: The group of each position, int64[n], an index into `names`.
        limits: Rows of each group in the subset, the locked ones counted, int64[len(names)].
    """

    names: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    limits: npt.NDArray[np.int64]

    def room_after(self, chosen: Positions) -> npt.NDArray[np.int64]:
        """Rows that each group still gets beside the chosen positions, int64[len(names)]."""
        return self.limits - np.bincount(self.codes[chosen], minlength=len(self.names))


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows a selector chooses from.

    Attributes:
        rows: Record positions, int64[n].
        vectors: Embeddings of unit norm, float32[n, d].
        quality: float64[n], as the selectors see it; zeros where none was given.
        has_quality: Whether `quality` means anything.
        labels: The class of each row as `held_name` gives it, "" where it has none; None where no labels were given.
        allowed: bool[n], False for banned rows.
        locked: Positions of the rows that are chosen before anything else, in row order.
        priority: A seeded permutation, int64[n]; among equals the lowest goes first.
        tokens: Tokens of each row, int64[n]; None where they were not counted.
        groups: What quotas are kept by, str[n]; None where there are no quotas.
        scores: Other scores of each row by name, such as "ifd_loss_ratio", float64[n]; NaN where a row has none.
        plain_quality: Quality before what is liked and disliked shifted it, float64[n]; None where nothing did.
        quota: How many rows of each group there must be; None for any. Selectors with `keeps_quota` keep it, others never see one.
    """

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    quality: npt.NDArray[np.float64]
    has_quality: bool
    labels: npt.NDArray[np.str_] | None
    allowed: npt.NDArray[np.bool_]
    locked: Positions
    priority: Positions
    tokens: npt.NDArray[np.int64] | None = None
    groups: npt.NDArray[np.str_] | None = None
    scores: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    plain_quality: npt.NDArray[np.float64] | None = None
    quota: Quota | None = None

    def open_positions(self) -> Positions:
        """Positions that are neither locked nor banned."""
        open_mask = self.allowed.copy()
        open_mask[self.locked] = False
        return np.flatnonzero(open_mask)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a selector decided.

    Attributes:
        positions: Chosen positions in order, the locked ones first.
        notes: Why each of them, in the selector's own terms; "" where the common figures say it all.
        remarks: See `Selection.remarks`.
        figures: See `Selection.figures`.
    """

    positions: Positions
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    figures: tuple[tuple[str, float], ...] = ()


class Selector(Protocol):
    """Chooses exactly `params.k` positions of a pool."""

    @property
    def name(self) -> str:
        """As `--method` takes it."""
        ...

    @property
    def definition(self) -> str:
        """What it chooses, in one sentence."""
        ...

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """The chosen positions, deterministic for `params.seed`."""
        ...


def rows_wanted(text: str, available: int) -> int:
    """How many rows "500" or "10%" of `available` rows are.

    A percentage is rounded to the nearest row and is at least one row.

    Raises:
        UsageError: When the text is neither, or asks for none or for more than there are.
    """
    stripped = text.strip().replace(",", "").replace("_", "")
    try:
        wanted = max(1, round(available * _percentage(stripped[:-1]) / 100)) if stripped.endswith("%") else int(stripped)
    except ValueError:
        raise UsageError(f"-k {visible(text, 40)} is neither a number of rows nor a percentage.", "Write it as 500 or as 10%.") from None
    require_size(wanted, available)
    return wanted


def _percentage(text: str) -> float:
    share = float(text)
    if not 0 < share <= 100:
        raise ValueError(text)
    return share


def tokens_wanted(text: str) -> int:
    """How many tokens "200000", "200k" or "1.5m" are.

    Raises:
        UsageError: When it is none of these.
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([km]?)", text.strip().lower().replace(",", "").replace("_", ""))
    tokens = 0 if match is None else round(float(match.group(1)) * _THOUSANDS[match.group(2)])
    if tokens < 1:
        raise UsageError(f"{visible(text, 40)} is not a number of tokens.", "Write it as 200000, 200k or 1.5m.")
    return tokens


def require_size(k: int, available: int) -> None:
    """Raises:
    UsageError: When `k` rows cannot be chosen from `available`.
    """
    if k < 1:
        raise UsageError(f"{k} rows is not a subset.", "Ask for at least 1 row.")
    if not available:
        raise UsageError("No row can be chosen: all are banned, rejected or unreadable.", "Unban or clear some rows.")
    if k > available:
        raise UsageError(
            f"{k:,} rows are wanted but only {available:,} can be chosen.", f"Ask for at most {available:,}, or unban or clear some rows."
        )


def held_name(name: str) -> str:
    """A class or source as a pool holds it; no two are held alike."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = xxhash.xxh3_128_hexdigest(name.encode("utf-8", "surrogatepass"))
    return f"{name[: LONGEST_NAME - len(digest) - 1]}…{digest}"


def positions_of(rows: npt.NDArray[np.int64], wanted: Sequence[int]) -> Positions:
    """Where each of the `wanted` record positions stands in `rows`; -1 where it does not."""
    order = np.argsort(rows, kind="stable")
    targets = np.asarray(wanted, dtype=np.int64)
    if not len(rows):
        return np.full(len(targets), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(rows, targets, sorter=order), len(rows) - 1)
    found = order[places]
    return np.where(rows[found] == targets, found, -1)
