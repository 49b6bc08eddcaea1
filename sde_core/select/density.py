"""Where rows lie in the embedding space, on a plane: the two directions in which they differ most, and how many rows each cell holds.

Principal components (Pearson 1901) from the d × d covariance, so that any number of rows is possible. Two of many dimensions show a part of what
sets rows apart, and `Plane.shares` says how large a part. The sign of a direction is fixed by its largest entry, so that the map of one dataset
always looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sde_core.progress import NEVER, Cancel, raise_if_cancelled

BLOCK_ROWS = 16_384
EDGE_QUANTILE = 0.002
"""So many rows at each edge may lie outside the window; they are drawn at its border."""

DOTS_ACROSS, DOTS_DOWN = 2, 4
"""Dots of a braille character."""

IntArray = npt.NDArray[np.int32]
Window = tuple[float, float, float, float]
"""Left, right, bottom, top."""


@dataclass(frozen=True, slots=True)
class Plane:
    """All rows on two axes.

    Attributes:
        points: float32[n, 2]; (0, 0) is the middle of all rows that have a direction, and where those without one stand.
        shares: The part of the variance that lies along each axis, 0-1.
        dimensions: Of the embedding.
        placed: bool[n]: False for rows without a direction (empty texts), which are on no map.
    """

    points: npt.NDArray[np.float32]
    shares: tuple[float, float]
    dimensions: int
    placed: npt.NDArray[np.bool_]

    def statement(self) -> str:
        """How much of the differences is seen: "2 of 256 dimensions, 14 % of the variance"."""
        return f"2 of {self.dimensions:,} dimensions, {100 * sum(self.shares):.0f} % of the variance"

    def window(self) -> Window:
        """What holds nearly all rows."""
        seen = self.points[self.placed]
        if not len(seen):
            return (-1.0, 1.0, -1.0, 1.0)
        low, high = np.quantile(seen, (EDGE_QUANTILE, 1 - EDGE_QUANTILE), axis=0)
        slack = np.maximum(0.02 * (high - low), 1e-6)
        return (float(low[0] - slack[0]), float(high[0] + slack[0]), float(low[1] - slack[1]), float(high[1] + slack[1]))


@dataclass(frozen=True, slots=True)
class DensityGrid:
    """Rows counted in the cells of a window and in the dots of each cell.

    Attributes:
        window: What is seen.
        cells: The cell of each row, line by line from the top left, int32[n]; -1 for rows that are on no map or outside a zoomed window.
        counts: Rows of each cell, int32[lines, columns].
        dots: Rows of each dot, int32[4 · lines, 2 · columns].
    """

    window: Window
    cells: IntArray
    counts: IntArray
    dots: IntArray

    @property
    def columns(self) -> int:
        """Cells across."""
        return int(self.counts.shape[1])

    def rows_in(self, line: int, column: int) -> npt.NDArray[np.int64]:
        """int64[c], positions of the rows in one cell."""
        return np.flatnonzero(self.cells == line * self.columns + column)


def plane_of(vectors: npt.NDArray[np.float32], *, cancel: Cancel = NEVER) -> Plane:
    """Projects all rows.

    Args:
        vectors: float32[n, d] of unit norm; rows of zeros have no place.
        cancel: Stops the work.
    """
    n, d = vectors.shape
    placed = np.zeros(n, dtype=bool)
    gram, total = np.zeros((d, d)), np.zeros(d)
    for start in range(0, n, BLOCK_ROWS):
        raise_if_cancelled(cancel)
        block = vectors[start : start + BLOCK_ROWS]
        placed[start : start + BLOCK_ROWS] = block.any(axis=1)
        gram += block.T @ block
        total += block.sum(axis=0, dtype=np.float64)
    counted = max(int(placed.sum()), 1)
    middle = total / counted
    axes, shares = _main_axes(gram / counted - np.outer(middle, middle))
    points = np.zeros((n, 2), dtype=np.float32)
    for start in range(0, n, BLOCK_ROWS):
        raise_if_cancelled(cancel)
        points[start : start + BLOCK_ROWS] = vectors[start : start + BLOCK_ROWS] @ axes.astype(np.float32) - (middle @ axes).astype(np.float32)
    points[~placed] = 0
    return Plane(points, shares, d, placed)


def _main_axes(covariance: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """The two directions of most variance, float64[d, 2], and the share of the variance along each."""
    values, directions = np.linalg.eigh(covariance)
    d = len(values)
    axes = np.zeros((d, 2))
    axes[:, : min(d, 2)] = directions[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.where(axes[largest, [0, 1]] < 0, -1.0, 1.0)
    whole = max(float(np.maximum(values, 0).sum()), 1e-12)
    first, second = (float(max(values[::-1][place], 0.0)) / whole if place < d else 0.0 for place in (0, 1))
    return axes, (first, second)


def density_grid(plane: Plane, columns: int, lines: int, window: Window | None = None) -> DensityGrid:
    """Counts rows by cell and by dot.

    Args:
        plane: All rows.
        columns: Cells across, > 0.
        lines: Cells down, > 0.
        window: What is seen; None for nearly all rows, with those outside at the border.
    """
    seen = plane.window() if window is None else window
    across, inside_x = _places(plane.points[:, 0], seen[0], seen[1], columns * DOTS_ACROSS)
    up, inside_y = _places(plane.points[:, 1], seen[2], seen[3], lines * DOTS_DOWN)
    down = lines * DOTS_DOWN - 1 - up
    shown = plane.placed if window is None else plane.placed & inside_x & inside_y
    width = columns * DOTS_ACROSS
    counted = np.bincount((down * width + across)[shown], minlength=lines * DOTS_DOWN * width)
    cells = np.where(shown, down // DOTS_DOWN * columns + across // DOTS_ACROSS, -1).astype(np.int32)
    dots: IntArray = counted.reshape(lines * DOTS_DOWN, width).astype(np.int32)
    counts = dots.reshape(lines, DOTS_DOWN, columns, DOTS_ACROSS).sum(axis=(1, 3))
    return DensityGrid(seen, cells, counts.astype(np.int32), dots)


def _places(values: npt.NDArray[np.float32], low: float, high: float, bins: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """The bin of each value, those outside in the outermost bins, and which are not outside."""
    place = np.floor((values - low) * (bins / (high - low)))
    return np.clip(place, 0, bins - 1).astype(np.int32), (place >= 0) & (place < bins)
