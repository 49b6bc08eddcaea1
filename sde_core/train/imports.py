"""Importing torch, transformers and peft for a job: without what training never uses, and while something else is done.

Most of the time from the launch of a run to its first step goes into imports.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRAINING = ("torch", "transformers", "transformers.modeling_utils", "transformers.trainer", "peft")
"""What every run imports before its first step."""
_NEVER_TRAINED_WITH = ("datasets", "pandas", "pyarrow", "scipy", "sklearn", "torchvision", "matplotlib", "tensorboard", "PIL", "librosa")
"""Packages that transformers, accelerate and peft import when they happen to be installed: for other kinds of models and data than a run has."""


_running: list[threading.Thread] = []


def import_ahead(*, lean: bool, modules: tuple[str, ...] = _TRAINING) -> None:
    """Import in a thread while rows are read, much of which is spent outside Python. Call `imported()` before anything else imports these modules.

    Args:
        lean: Whether to hide what training never uses. Only for a process of its own, since those libraries remember what they have not found.
        modules: What to import, in order; what is not installed is left to those who need it to complain about.
    """
    thread = threading.Thread(target=_import, args=(modules, _NEVER_TRAINED_WITH if lean else ()), name="imports")
    _running.append(thread)
    thread.start()


def imported() -> None:
    """Wait until everything asked for is imported: two threads that import modules which need each other may see them half made."""
    while _running:
        _running.pop().join()


def _import(modules: tuple[str, ...], unused: tuple[str, ...]) -> None:
    with _without_collecting(), hidden(unused), suppress(ImportError):
        for module in modules:
            importlib.import_module(module)


@contextmanager
def hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Makes packages look as if they were not installed, but for those that are imported already."""
    names = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None is how Python marks a module that is not to be found
    try:
        yield
    finally:
        for name in names:
            if sys.modules.get(name) is None:
                sys.modules.pop(name, None)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Imports make half a million objects that stay: looking through them again and again for garbage takes a tenth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
