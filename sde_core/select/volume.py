"""The regularised linear kernel, and the log-volume of a growing set under it.

S = (XXᵀ + λI)/(1 + λ) over unit rows x has 1 on its diagonal and full rank for any number of rows. With A = λI + X_CᵀX_C over the chosen rows C,
the Schur complement of a further row (Woodbury's identity) is

    s(x | C) = λ/(1 + λ) · (1 + q),    q = xᵀA⁻¹x,

so the whole state is the d × d matrix P = A⁻¹, whatever the number of rows chosen or waiting. Adding x costs one rank-one change
(Sherman-Morrison): with v = Px/√(1 + q), P loses vvᵀ, and q of any other row y loses (y·v)².
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatMatrix = npt.NDArray[np.float64]

FLUSH_EVERY = 64
"""Rank-one changes kept apart before one matrix product folds them into P."""


class ChosenVolume:
    """log det S of the rows added so far, and the gain of any further row, in double precision.

    Args:
        dimension: d.
        ridge: λ > 0.
    """

    def __init__(self, dimension: int, ridge: float) -> None:
        self.dimension = dimension
        self.ridge = ridge
        self.log_floor = float(np.log(ridge / (1 + ridge)))
        self.count = 0
        self._precision = np.eye(dimension) / ridge
        self._pending = np.zeros((FLUSH_EVERY, dimension))
        self._n_pending = 0
        self._recent: list[npt.NDArray[np.float32]] = []
        self._recent_start = 0

    def spread(self, vectors: FloatMatrix) -> npt.NDArray[np.float64]:
        """The q of each of `vectors`, float64[m, d] of unit norm."""
        if not self.count:
            return np.asarray(np.einsum("ij,ij->i", vectors, vectors) / self.ridge)
        quadratic = np.einsum("ij,ij->i", vectors @ self._precision, vectors)
        projected = vectors @ self._pending[: self._n_pending].T
        return np.asarray(np.maximum(quadratic - np.einsum("ij,ij->i", projected, projected), 0.0))

    def log_novelty(self, spread: npt.NDArray[np.floating] | float) -> npt.NDArray[np.float64]:
        """Log s of rows with these q, float64 of their shape: 0 for a row unlike anything added, about log 2λ for an exact copy of one."""
        return np.asarray(np.log1p(np.asarray(spread, dtype=np.float64)) + self.log_floor)

    def add(self, vector: npt.NDArray[np.float64]) -> float:
        """Adds one unit vector; returns log s, what it added to log det S."""
        pending = self._pending[: self._n_pending]
        image = self._precision @ vector - pending.T @ (pending @ vector)
        spread = max(float(vector @ image), 0.0)
        direction = image / np.sqrt(1 + spread)
        self._pending[self._n_pending] = direction
        self._n_pending += 1
        self.count += 1
        self._recent.append(direction.astype(np.float32))
        if self._n_pending == FLUSH_EVERY:
            self._flush()
        return float(self.log_novelty(spread))

    def add_all(self, vectors: FloatMatrix) -> tuple[npt.NDArray[np.float64], FloatMatrix]:
        """Adds unit vectors, float64[m, d], one after the other.

        Over a block the determinant lemma gives det(I + X_bPX_bᵀ), whose Cholesky factor has the factors 1 + q of its rows on its diagonal, squared.

        Returns:
            What each added, float64[m], and its v, float64[m, d].
        """
        gains, directions = np.empty(len(vectors)), np.empty_like(vectors)
        for start in range(0, len(vectors), FLUSH_EVERY):
            self._flush()
            block, part = vectors[start : start + FLUSH_EVERY], slice(start, start + FLUSH_EVERY)
            image = self._precision @ block.T
            lower = np.linalg.cholesky(np.eye(len(block)) + block @ image)
            gains[part] = 2 * np.log(np.diag(lower)) + self.log_floor
            directions[part] = np.linalg.solve(lower, image.T)
            self._precision -= directions[part].T @ directions[part]
            self.count += len(block)
            self._recent += list(directions[part].astype(np.float32))
        return gains, directions

    def directions(self, since: int) -> npt.NDArray[np.float32] | None:
        """The vectors v of the additions from number `since` on, float32[b, d]; None once d of them have passed, when `root` is cheaper."""
        if self.count - since > self.dimension or since < self._recent_start:
            return None
        return np.asarray(self._recent[since - self._recent_start :], dtype=np.float32)

    def root(self) -> npt.NDArray[np.float32]:
        """R with P = RRᵀ, so that q = |xᵀR|², float32[d, d]."""
        self._flush()
        return np.asarray(np.linalg.cholesky(self._precision), dtype=np.float32)

    def _flush(self) -> None:
        if self._n_pending:
            pending = self._pending[: self._n_pending]
            self._precision -= pending.T @ pending
            self._n_pending = 0
        excess = len(self._recent) - 2 * self.dimension
        if excess > 0:
            del self._recent[:excess]
            self._recent_start += excess


def square_root_of_precision(chosen: FloatMatrix, ridge: float) -> FloatMatrix:
    """R with (λI + X_CᵀX_C)⁻¹ = RRᵀ, float64[d, d].

    Args:
        chosen: X_C, float64[m, d] of unit norm.
        ridge: λ.
    """
    lower = np.linalg.cholesky(chosen.T @ chosen + ridge * np.eye(chosen.shape[1]))
    return np.asarray(np.linalg.inv(lower).T)


def log_volume_gains(chosen: FloatMatrix, candidates: FloatMatrix, inside: npt.NDArray[np.bool_], ridge: float) -> npt.NDArray[np.float64]:
    """The log s of each candidate given the chosen rows, itself left out where it is one of them, float64[m].

    Args:
        chosen: float64[k, d] of unit norm.
        candidates: float64[m, d] of unit norm.
        inside: bool[m], which candidates are among the chosen rows.
        ridge: λ.
    """
    projected = candidates @ square_root_of_precision(chosen, ridge)
    spread = np.einsum("ij,ij->i", projected, projected)
    # Without x itself, A loses xxᵀ, so that q becomes q/(1 − q) by Sherman-Morrison and 1 + q becomes 1/(1 − q).
    growth = np.where(inside, -np.log1p(-np.where(inside, spread, 0.0)), np.log1p(spread))
    return np.asarray(growth + np.log(ridge / (1 + ridge)))


def unit_rows(vectors: npt.NDArray[np.floating]) -> FloatMatrix:
    """The rows in double precision at exactly unit norm; a zero row stays zero."""
    exact = np.asarray(vectors, dtype=np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    return np.asarray(exact / np.where(norms > 0, norms, 1.0)[:, None])


class GrowingMatrix:
    """Rows added one by one, side by side in memory."""

    def __init__(self, dimension: int) -> None:
        self._held = np.empty((64, dimension), dtype=np.float32)
        self._count = 0

    def extend(self, rows: npt.NDArray[np.float32]) -> None:
        """Adds rows, float32[m, d]."""
        count = self._count + len(rows)
        while count > len(self._held):
            self._held = np.concatenate([self._held, np.empty_like(self._held)])
        self._held[self._count : count] = rows
        self._count = count

    def rows(self) -> npt.NDArray[np.float32]:
        """All rows, a view float32[n, d]."""
        return self._held[: self._count]
