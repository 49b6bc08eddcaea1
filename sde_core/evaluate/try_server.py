"""A process of its own that keeps a run's model loaded and answers prompts: JSON lines in on stdin, JSON lines out on stdout.

Started by `sde_core.evaluate.try_model` as `python -m sde_core.evaluate.try_server RUN`. Ends when stdin does, so it never outlives who started it.

In:  {"id": 1, "turns": [["user", "…"]], "max_new_tokens": 256, "temperature": 0, "seed": 0} or {"cancel": 1}
Out: {"ready": true, "device": …, "adapter": …, "load_s": …}, then for each prompt {"id", "side", "tokens"} as it goes on, {"id", "answer": {…}} for
each side, and at last {"id", "done": true}, {"id", "stopped": true} or {"id", "error", "hint"}; {"error", "hint"} where nothing can be loaded.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sde_core.dataset.turns import Turn
from sde_core.errors import CancelledError, SdeError
from sde_core.evaluate.side_by_side import SIDES, SideBySide

_TELL_SECONDS = 0.25


class _Requests:
    """What was asked and not yet answered; read in a thread, so that a cancel is heard while the model writes."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self.current = 0
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def is_set(self) -> bool:
        """Whether the prompt at hand was taken back."""
        return self.current in self._cancelled

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            asked = json.loads(line)
            if "cancel" in asked:
                self._cancelled.add(asked["cancel"])
            else:
                self.waiting.put(asked)
        os._exit(0)


def tell(**fields: Any) -> None:
    """One line on stdout; ends the process where nobody reads it any more."""
    try:
        os.write(_OUT, json.dumps(fields).encode() + b"\n")
    except OSError:
        os._exit(0)


_OUT = 1


def main(run: Path) -> int:
    """Serves until stdin ends."""
    global _OUT
    # Libraries print as they like: their words go to stderr, and only ours to stdout.
    _OUT = os.dup(1)
    os.dup2(2, 1)
    requests, started = _Requests(), time.perf_counter()
    try:
        sides = SideBySide(run)
    except SdeError as error:
        tell(error=error.message, hint=error.hint)
        return error.exit_code
    adapter = sides.saved.name + (", a later one is damaged" if sides.saved.damaged else "")
    tell(ready=True, device=sides.device, adapter=adapter, load_s=time.perf_counter() - started)
    while True:
        asked = requests.waiting.get()
        requests.current = asked["id"]
        _serve(sides, asked, requests)


def _serve(sides: SideBySide, asked: dict[str, Any], requests: _Requests) -> None:
    identity = asked["id"]
    turns = [Turn(role, text) for role, text in asked["turns"]]
    options = {name: asked[name] for name in ("max_new_tokens", "temperature", "seed") if name in asked}
    try:
        for side in SIDES:
            answer = sides.answer(turns, side, cancel=requests, tick=_Ticker(identity, side), **options)
            tell(id=identity, answer=asdict(answer))
        tell(id=identity, done=True)
    except CancelledError:
        tell(id=identity, stopped=True)
    except SdeError as error:
        tell(id=identity, error=error.message, hint=error.hint)
    except (RuntimeError, MemoryError) as error:
        words = str(error).strip().partition("\n")[0][:200].rstrip(".") or type(error).__name__  # a MemoryError says nothing
        tell(id=identity, error=f"The model failed: {words}.", hint="Try a shorter prompt or fewer tokens.")


class _Ticker:
    """Says a few times a second how many tokens there are."""

    def __init__(self, identity: int, side: str) -> None:
        self._identity, self._side, self._told = identity, side, 0.0

    def __call__(self, tokens: int) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            tell(id=self._identity, side=self._side, tokens=tokens)


if __name__ == "__main__":
    # Not sys.exit: the interpreter would wait for the thread that reads stdin, and break off.
    os._exit(main(Path(sys.argv[1])))
