"""Pools for the tests of selectors."""

from __future__ import annotations

import numpy as np

from sde_core.progress import NEVER, silent
from sde_core.select import RowFacts, SelectionParams
from sde_core.select.pool import pool_of


def unit_vectors(n, d, seed=0, clusters=0, noise=0.4):
    """Random directions, in clusters where `clusters` is not 0."""
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((n, d))
    if clusters:
        centers = draw.standard_normal((clusters, d))
        vectors = centers[draw.integers(clusters, size=n)] / np.sqrt(d) + noise * vectors / np.sqrt(d)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_pool(vectors, quality=None, rows=None, facts=None, **params):
    """A pool and its parameters."""
    rows = np.arange(len(vectors)) if rows is None else rows
    asked = SelectionParams(**{"k": 1, **params})
    return pool_of(rows, vectors, quality, facts or RowFacts(), asked), asked


def choose(selector, vectors, quality=None, **rest):
    """What a selector chooses by itself."""
    pool, asked = make_pool(vectors, quality, **rest)
    return selector.choose(pool, asked, NEVER, silent)
