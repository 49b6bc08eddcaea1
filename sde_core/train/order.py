"""In which order a run sees its samples: a function of the seed and the epoch alone, so that a resumed run goes on exactly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_POOL_BATCHES = 50
"""Batches that are sorted by length together: enough to make batches even, few enough to keep the order random."""


def epoch_order(lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int, grouped: bool) -> np.ndarray:
    """The samples of one epoch, int64[n], a permutation.

    Args:
        lengths: int[n], tokens of every sample.
        batch_size: Samples in a batch; consecutive ones of the result.
        seed: The run's seed.
        epoch: From 0.
        grouped: Whether samples of like length share a batch: pools of batches drawn at random are sorted by length, then the batches are shuffled.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    if not grouped:
        return order
    pool = batch_size * _POOL_BATCHES
    pools = [order[start : start + pool] for start in range(0, len(order), pool)]
    order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in pools]) if pools else order
    whole = len(order) // batch_size * batch_size
    batches = order[:whole].reshape(-1, batch_size)
    return np.concatenate([random.permutation(batches).ravel(), order[whole:]])


class EpochSampler:
    """Yields the samples of the epoch that was set last; what a torch `DataLoader` takes as its sampler.

    Args:
        lengths: int[n], tokens of every sample.
        batch_size: Samples in a batch.
        seed: The run's seed.
        grouped: See `epoch_order`.
        shuffled: Whether an order is drawn at all; otherwise samples come as they stand.
        filled: Whether an epoch's last batch is filled up with `len(lengths)`, the place of a sample without any loss. Where several processes share
            batches, accelerate fills it with samples of the epoch's beginning, which would count twice.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, *, seed: int, grouped: bool, shuffled: bool = True, filled: bool = False) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._grouped = grouped
        self._shuffled = shuffled
        self._missing = -len(lengths) % batch_size if filled else 0
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next iteration is."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths) + self._missing

    def __iter__(self) -> Iterator[int]:
        return iter([*self._order(), *[len(self._lengths)] * self._missing])

    def _order(self) -> list[int]:
        if not self._shuffled:
            return list(range(len(self._lengths)))
        order: list[int] = epoch_order(self._lengths, self._batch_size, seed=self._seed, epoch=self._epoch, grouped=self._grouped).tolist()
        return order
