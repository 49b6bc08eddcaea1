"""The Vendi score against its definition, and the plane against numpy's own decomposition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import CancelledError
from sde_core.select import density, vendi
from sde_core.select.density import density_grid, plane_of
from sde_core.select.vendi import vendi_score


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    for module in (density, vendi):
        monkeypatch.setattr(module, "BLOCK_ROWS", 17)


class Stopped:
    def is_set(self) -> bool:
        return True


def unit(rows, dimension, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def direct_vendi(vectors):
    """The definition: eigenvalues of the n × n matrix."""
    shares = np.linalg.eigvalsh(vectors.astype(np.float64) @ vectors.T.astype(np.float64) / len(vectors))
    shares = shares[shares > 1e-12]
    return np.exp(-(shares * np.log(shares)).sum())


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 99))
def test_the_score_is_the_definition_s(rows, dimension, seed):
    vectors = unit(rows, dimension, seed)
    assert vendi_score(vectors) == pytest.approx(direct_vendi(vectors), rel=1e-4)


def test_copies_are_worth_one_row_and_orthogonal_rows_all_of_them():
    assert vendi_score(np.repeat(unit(1, 8), 50, axis=0)) == pytest.approx(1, abs=1e-5)
    assert vendi_score(np.eye(30, dtype=np.float32)) == pytest.approx(30)
    two_kinds = np.repeat(np.eye(2, dtype=np.float32), [30, 10], axis=0)
    assert vendi_score(two_kinds) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))), rel=1e-5)


def test_a_subset_counts_alone_and_empty_rows_do_not_count():
    vectors = unit(80, 12)
    subset = np.asarray([3, 70, 41, 5])
    assert vendi_score(vectors, subset) == pytest.approx(direct_vendi(vectors[subset]), rel=1e-4)
    vectors[5] = 0
    assert vendi_score(vectors, subset) == pytest.approx(direct_vendi(vectors[[3, 70, 41]]), rel=1e-4)
    assert vendi_score(np.zeros((4, 3), dtype=np.float32)) == 0
    assert vendi_score(vectors, np.empty(0, dtype=np.int64)) == 0


def test_the_plane_is_that_of_a_singular_value_decomposition():
    vectors = unit(200, 10) * np.asarray([4, 3, *[1] * 8], dtype=np.float32)
    plane = plane_of(vectors)
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    signs = np.sign((expected * plane.points).sum(axis=0))
    assert plane.points == pytest.approx(expected * signs, abs=1e-4)
    assert plane.shares == pytest.approx(tuple(values[:2] ** 2 / (values**2).sum()), abs=1e-5)
    assert plane.statement() == f"2 of 10 dimensions, {100 * sum(plane.shares):.0f} % of the variance"


def test_the_map_always_looks_the_same():
    vectors = unit(300, 16)
    first, flipped = plane_of(vectors), plane_of(vectors[::-1].copy())
    assert flipped.points[::-1] == pytest.approx(first.points, abs=1e-4)


@pytest.mark.parametrize("vectors", [np.zeros((5, 3), np.float32), np.ones((5, 4), np.float32) / 2, np.ones((3, 1), np.float32)])
def test_rows_that_do_not_differ_have_a_map_too(vectors):
    plane = plane_of(vectors)
    grid = density_grid(plane, 10, 4)
    assert grid.counts.sum() == plane.placed.sum()
    assert np.isfinite(plane.points).all()
    assert sum(plane.shares) <= 1 + 1e-6


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 20))
def test_every_row_lies_in_the_cell_that_counts_it(columns, lines, seed):
    vectors = unit(120, 6, seed)
    vectors[4] = 0
    grid = density_grid(plane_of(vectors), columns, lines)
    assert grid.cells[4] == -1
    assert grid.counts.shape == (lines, columns)
    assert grid.dots.shape == (4 * lines, 2 * columns)
    assert np.array_equal(np.bincount(grid.cells[grid.cells >= 0], minlength=lines * columns).reshape(lines, columns), grid.counts)
    assert grid.counts.sum() == grid.dots.sum() == 119
    busiest = np.unravel_index(grid.counts.argmax(), grid.counts.shape)
    assert len(grid.rows_in(*map(int, busiest))) == grid.counts.max()


def test_right_is_right_and_up_is_up_and_a_zoomed_window_leaves_the_others_out():
    plane = plane_of(unit(400, 5))
    whole = density_grid(plane, 20, 10)
    right, top = plane.points[:, 0].argmax(), plane.points[:, 1].argmax()
    assert whole.cells[right] % 20 == 19
    assert whole.cells[top] // 20 == 0
    left, high, low, up = whole.window
    zoomed = density_grid(plane, 20, 10, ((left + high) / 2, high, low, up))
    inside = plane.points[:, 0] >= (left + high) / 2
    assert (zoomed.cells[~inside] == -1).all()
    assert zoomed.counts.sum() < whole.counts.sum()


@pytest.mark.parametrize("work", [lambda v: plane_of(v, cancel=Stopped()), lambda v: vendi_score(v, cancel=Stopped())])
def test_the_work_can_be_stopped(work):
    with pytest.raises(CancelledError):
        work(unit(40, 4))
