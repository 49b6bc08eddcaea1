"""Work over blocks of rows on all processors.

A matrix product over a block is small, so that a BLAS that splits each one over all processors spends much of its time in waiting for the slowest,
and the copying between two products is left to one processor. Here each processor works on a block of its own, with a BLAS of one thread.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Block = TypeVar("Block")
ForEach = Callable[[Callable[[Any], None], Iterable[Any]], None]
"""Calls a function with each block, in any order or at the same time."""


def one_by_one(work: Callable[[Block], None], blocks: Iterable[Block]) -> None:
    """A `ForEach` that uses the calling thread alone."""
    for block in blocks:
        work(block)


class _SingleThreadedBlas:
    """Holds numpy's BLAS to one thread while anybody needs that, in this whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limits: Any = None
        self._threads = 1

    def begin(self) -> int:
        """Returns how many threads the BLAS used before; 1 where that cannot be controlled."""
        if importlib.util.find_spec("threadpoolctl") is None:
            return 1
        from threadpoolctl import ThreadpoolController

        with self._lock:
            if self._users == 0:
                controller = ThreadpoolController().select(user_api="blas")
                self._threads = max((library["num_threads"] for library in controller.info()), default=1)
                self._limits = controller.limit(limits=1)
            self._users += 1
            return self._threads

    def end(self) -> None:
        """Gives the BLAS its threads back once nobody needs it single-threaded any more."""
        with self._lock:
            if self._users:
                self._users -= 1
                if self._users == 0:
                    self._limits.restore_original_limits()


_blas = _SingleThreadedBlas()


@contextmanager
def all_processors() -> Iterator[ForEach]:
    """A `ForEach` over as many threads as the BLAS would use, so that its environment variables hold; one by one where it cannot be controlled."""
    threads = _blas.begin()
    try:
        if threads == 1:
            yield one_by_one
            return
        with ThreadPoolExecutor(threads) as pool:

            def each(work: Callable[[Block], None], blocks: Iterable[Block]) -> None:
                for _ in pool.map(work, blocks):
                    pass

            yield each
    finally:
        _blas.end()
