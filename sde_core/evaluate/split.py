"""The rows that every arm is evaluated on and none is trained on: in proportion to classes and sources, and with no near-duplicate across."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

from sde_core.checks.duplicates.index import find_duplicates
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.features.components import components
from sde_core.features.sources import sources_of_rows
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.rows import HELD_OUT_SPLITS
from sde_core.wording import count_of

DEFAULT_SHARE, FEWEST, MOST = 0.1, 50, 500
"""What is held out where nobody says: a tenth of the rows, within these bounds, and never more than a third."""
MOST_CLASSES = 50
SHARED_PROMPT_SHARE = 0.02
"""A prompt of more of the rows than this is an instruction that they share; it does not bind them together."""


@dataclass(frozen=True)
class Split:
    """Which rows are evaluated on, and which may be trained on.

    Attributes:
        held_out: Record positions, ascending.
        pool: Record positions that arms may train on, ascending.
        barred: Record positions that neither does: near-duplicates of held-out rows, and the rest of the data's own test splits.
        clusters: Group of each held-out row; rows of one group are near-duplicates of each other and count as one draw.
        how: In one sentence.
    """

    held_out: tuple[int, ...]
    pool: tuple[int, ...]
    barred: tuple[int, ...]
    clusters: tuple[int, ...]
    how: str


@dataclass(frozen=True)
class SplitRows:
    """The rows that a split is made of, all arrays in the same order.

    Attributes:
        rows: int64[n], record positions.
        groups: int64[n], rows of the same number stay on the same side.
        strata: What each row's share is kept by, "" where there is nothing.
        draws: uint64[n], chance: the lowest are held out first.
        own_test: bool[n], rows of the data's own test splits.
    """

    rows: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    strata: Sequence[str]
    draws: npt.NDArray[np.uint64]
    own_test: npt.NDArray[np.bool_]


def split_rows(dataset: Dataset, rows: Collection[int], *, seed: int = 0, cancel: Cancel = NEVER, progress: Progress = silent) -> SplitRows:
    """What a split needs to know of rows; compares all readable rows of the dataset with each other.

    Args:
        dataset: Read to its end.
        rows: Record positions that may be trained or evaluated on.
        seed: Of the draw, which depends on a row's text and not on its place.
        cancel: Looked at between stages.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    texts = dataset.texts(cancel=cancel)
    positions = texts["row"].to_numpy().astype(np.int64)
    inside = np.isin(positions, np.fromiter(rows, np.int64, len(rows)))
    prompts, answers = texts["prompt"].fill_null("").to_list(), texts["answer"].fill_null("").to_list()
    groups = _groups(dataset, prompts, cancel, progress)
    labels = texts["label"].fill_null("").to_list()
    if not 2 <= len(set(labels)) <= MOST_CLASSES:
        labels = [""] * len(labels)
    sources = sources_of_rows(dataset, cancel=cancel) or [""] * len(labels)
    if len(set(sources)) > MOST_CLASSES:
        sources = [""] * len(labels)
    draws = [
        xxhash.xxh3_64_intdigest(f"{prompt}\0{answer}".encode("utf-8", "replace"), seed=seed) for prompt, answer in zip(prompts, answers, strict=True)
    ]
    chosen = np.flatnonzero(inside)
    own = np.array([name.lower() in HELD_OUT_SPLITS for name in dataset.splits_of(positions[chosen].tolist())], bool)
    strata = [f"{labels[i]}\0{sources[i]}" for i in chosen.tolist()]
    return SplitRows(positions[chosen], groups[chosen], strata, np.array(draws, np.uint64)[chosen], own)


def _groups(dataset: Dataset, prompts: Sequence[str], cancel: Cancel, progress: Progress) -> npt.NDArray[np.int64]:
    """int64[n]: a number for each readable row, the same for near-duplicates and for rows with the same prompt."""
    found = find_duplicates(dataset, cancel=cancel, progress=progress).groups().outer()
    first, second = [], []
    for members in found:
        first += [int(members[0])] * (len(members) - 1)
        second += members[1:].tolist()
    counts = Counter(prompts)
    seen: dict[str, int] = {}
    for place, prompt in enumerate(prompts):
        if prompt.strip() and 1 < counts[prompt] <= max(2, SHARED_PROMPT_SHARE * len(prompts)):
            first.append(seen.setdefault(prompt, place))
            second.append(place)
    return components(len(prompts), np.array(first, np.int64), np.array(second, np.int64))


def choose_split(of: SplitRows, wanted: int | None = None, *, named: Collection[int] = ()) -> Split:
    """Hold out whole groups in proportion to the strata.

    Where the data has a test split of its own, rows are held out from that, and the rest of it trains in no arm either.

    Args:
        of: The rows.
        wanted: How many are held out at most; None for `DEFAULT_SHARE`.
        named: Record positions to hold out instead; their near-duplicates then train in no arm.

    Raises:
        UsageError: When nothing can be held out, or nothing is left to train on.
    """
    own = bool(of.own_test.any() and not of.own_test.all()) and not len(named)
    offered = np.flatnonzero(of.own_test) if own else np.arange(len(of.rows))
    if len(named):
        held = np.isin(of.rows, np.fromiter(named, np.int64, len(named)))
        how = f"{held.sum():,} rows that were named"
    else:
        limit = len(offered) if own else max(len(of.rows) - 1, 0)
        held = np.zeros(len(of.rows), bool)
        held[_drawn(of, offered, min(default_size(len(of.rows)) if wanted is None else wanted, limit), whole=not own)] = True
        by = " in proportion to class and source" if len(set(of.strata)) > 1 else ""
        rows = count_of(int(held.sum()), "row")
        how = f"{rows} of the data's own test split" if own else f"{rows} drawn{by}, near-duplicates on one side"
    barred = (np.isin(of.groups, of.groups[held]) | (of.own_test if own else False)) & ~held
    pool = ~held & ~barred
    if not held.any():
        raise UsageError("No rows can be held out.", "Hold out more with --held-out N, or name rows with --held-out FILE.")
    if not pool.any():
        raise UsageError("No rows are left to train on: all others nearly equal the held-out ones.", "Hold out fewer with --held-out N.")
    order = np.argsort(of.rows[held])
    near = int((barred & ~(of.own_test if own else np.zeros(len(held), bool))).sum())
    how += f"; {near:,} rows that nearly equal them train in no arm" if near else ""
    return Split(_sorted(of.rows[held]), _sorted(of.rows[pool]), _sorted(of.rows[barred]), tuple(of.groups[held][order].tolist()), how)


def default_size(rows: int) -> int:
    """Rows to hold out of so many where nobody says."""
    return min(max(round(DEFAULT_SHARE * rows), FEWEST), MOST, max(rows // 3, 1))


def held_out_size(text: str, rows: int) -> int:
    """Rows that "200" or "10%" or "0.1" asks for.

    Raises:
        UsageError: When it is none of these.
    """
    try:
        share = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < float("inf"):
        raise UsageError(
            f"--held-out {text[:40]!r} is neither a number of rows nor a share.", "Write --held-out 200, --held-out 10% or a file of rows."
        )
    return max(1, round(share * rows)) if share < 1 else int(share)


def _sorted(rows: npt.NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(np.sort(rows).tolist())


def _drawn(of: SplitRows, offered: npt.NDArray[np.int64], wanted: int, *, whole: bool) -> list[int]:
    """Places of whole groups with the lowest draws: first within the share of each stratum, then whatever fits."""
    groups = of.groups if whole else np.arange(len(of.rows))
    members: dict[int, list[int]] = {}
    for place in offered.tolist():
        members.setdefault(int(groups[place]), []).append(place)
    ordered = sorted(members.values(), key=lambda places: min((int(of.draws[i]), int(of.rows[i])) for i in places))
    left = _shares(Counter(of.strata[i] for i in offered.tolist()), wanted)
    chosen: list[int] = []
    passed: list[list[int]] = []
    for places in ordered:
        needs = Counter(of.strata[i] for i in places)
        if all(left.get(stratum, 0) >= count for stratum, count in needs.items()):
            chosen += places
            left = {stratum: count - needs.get(stratum, 0) for stratum, count in left.items()}
        else:
            passed.append(places)
    for places in passed:
        if len(chosen) + len(places) <= wanted:
            chosen += places
    return chosen


def _shares(sizes: Counter[str], wanted: int) -> dict[str, int]:
    """How many of each stratum: its proportional share, the largest remainders rounded up."""
    total = sum(sizes.values())
    exact = {stratum: wanted * size / total for stratum, size in sizes.items()}
    shares = {stratum: int(share) for stratum, share in exact.items()}
    for stratum in sorted(exact, key=lambda name: (shares[name] - exact[name], name))[: wanted - sum(shares.values())]:
        shares[stratum] += 1
    return shares
