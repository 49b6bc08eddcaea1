"""Connected components of a graph, by union-find in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def components(n: int, first: I64, second: I64) -> I64:
    """Connected components of a graph on `n` nodes: int64[n], the smallest node of each node's component.

    Hooks the larger root of every edge onto the smaller and halves all paths, until no edge joins two roots (Shiloach and Vishkin, 1982).
    """
    roots = np.arange(n, dtype=np.int64)
    while len(first):
        left, right = roots[first], roots[second]
        open_edges = left != right
        first, second, left, right = first[open_edges], second[open_edges], left[open_edges], right[open_edges]
        np.minimum.at(roots, np.maximum(left, right), np.minimum(left, right))
        while True:
            grand = roots[roots]
            if np.array_equal(grand, roots):
                break
            roots = grand
    return roots
