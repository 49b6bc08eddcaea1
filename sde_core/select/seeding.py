"""An order of rows that a seed gives and that does not depend on which other rows there are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def seeded_priority(rows: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """A pseudo-random number for each record position, int64[n] ≥ 0; the lowest goes first.

    The mixing function is SplitMix64 (Steele, Lea, Flood 2014, figure 16), so that banning one row moves no other.
    """
    seeded = (seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64
    mixed = _mix(rows.astype(np.uint64) ^ _mix(np.asarray([seeded], dtype=np.uint64)))
    return np.asarray(mixed >> np.uint64(1)).astype(np.int64)


def _mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))
