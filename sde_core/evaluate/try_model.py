"""The process that keeps a run's model loaded, seen from who asks it. Loads no torch."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from sde_core.dataset.turns import Turn
from sde_core.errors import JobError
from sde_core.evaluate.side_by_side import MAX_NEW_TOKENS

Listener = Callable[[dict[str, Any]], None]
"""Told every line of the process, from a thread of its own; see `sde_core.evaluate.try_server`. {"ended": code} is the last."""


class TriedModel:
    """A run's base model and adapter in a process of their own, which ends with this object or with this process.

    Args:
        run: The run's folder.
        listener: Told what the process says; called from another thread.
        log: Where its libraries' words go.

    Raises:
        JobError: When the process cannot be started.
    """

    def __init__(self, run: Path, listener: Listener, log: Path | None = None) -> None:
        self.run = run
        self._listener = listener
        self._last = 0
        self._lock = threading.Lock()
        try:
            with log.open("ab") if log is not None else contextlib.nullcontext() as words:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "sde_core.evaluate.try_server", str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL if words is None else words, start_new_session=True, env=_environment(),
                )  # fmt: skip
        except OSError as error:
            raise JobError(f"The model's process cannot be started: {error.strerror or error}.", "Close other programs and try again.") from error
        self._asks, self._tells = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        self._thread = threading.Thread(target=self._listen, name="sde-tried-model", daemon=True)
        self._thread.start()

    def __enter__(self) -> TriedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def ask(self, turns: Sequence[Turn], *, max_new_tokens: int = MAX_NEW_TOKENS, temperature: float = 0.0, seed: int = 0) -> int:
        """Asks for both answers to a prompt; returns the number that what is told about it carries.

        Args:
            turns: The prompt.
            max_new_tokens: Tokens that an answer may have.
            temperature: 0 for the likeliest token every time.
            seed: Of the draws.
        """
        self._last += 1
        prompt = [[turn.role, turn.text] for turn in turns]
        self._write({"id": self._last, "turns": prompt, "max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed})
        return self._last

    def cancel(self, identity: int) -> None:
        """Takes a prompt back; what was written of it is dropped."""
        self._write({"cancel": identity})

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):
            self._asks.close()
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._tells.close()

    def _write(self, message: dict[str, Any]) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # where it is gone, the listener is told
            self._asks.write(json.dumps(message).encode() + b"\n")
            self._asks.flush()

    def _listen(self) -> None:
        for line in self._tells:
            if line.endswith(b"\n"):  # else the process was killed while it wrote
                self._listener(json.loads(line))
        self._listener({"ended": self._process.wait()})


def _environment() -> dict[str, str]:
    """Quiet libraries, and this very copy of the engine also where it is not installed."""
    own = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONWARNINGS": "ignore"}
    home = Path(__file__).resolve().parents[2]
    if home.name not in ("site-packages", "dist-packages"):
        own["PYTHONPATH"] = os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **own}
