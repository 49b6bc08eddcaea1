"""How long the app takes to follow an argument: every wish on 100,000 rows, from the key to the proposal and to the whole screen.

    python benchmarks/select_session.py [--rows 100000] [-k 500]

Rows are made up of topics and words, so that they cluster as real ones do. Reported a wish: seconds from the key to the new proposal, to coverage
and card, the most processor time that the event loop's thread took between two chances for a key, and processor seconds of all threads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_tui.app import SdeApp

WISHES = {
    "slider to quality": ("right",),
    "slider to diversity": ("left", "left"),
    "lock": ("down", "l"),
    "ban": ("down", "b"),
    "reject": ("down", "x"),
    "accept": ("down", "a"),
    "more like this": ("down", "greater_than_sign"),
    "twice": ("greater_than_sign",),
    "fewer of these": ("down", "less_than_sign"),
    "more rows": ("plus",),
    "undo": ("u",),
    "swap": ("down", "w", "enter"),
    "quotas by class": ("o", "down", "enter"),
    "no quotas": ("o", "up", "enter"),
    "map": ("p",),
    "zoom in": ("z",),
    "back to the list": ("p",),
}


def write_rows(path: Path, rows: int, seed: int = 3) -> None:
    """Rows of 200 topics of 30 words each out of 4,000."""
    generator = np.random.default_rng(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "ai", "or", "en")]
    words = ["".join(generator.choice(syllables, 3)) for _ in range(4000)]
    topics = [generator.choice(len(words), 30) for _ in range(200)]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            topic = int(generator.integers(200))
            drawn = [words[at] for at in generator.choice(topics[topic], int(generator.integers(12, 40)))]
            cut = len(drawn) // 3
            row = {
                "instruction": " ".join(drawn[:cut]).capitalize() + "?",
                "output": " ".join(drawn[cut:]).capitalize() + ".",
                "label": f"t{topic % 40}",
            }
            file.write(json.dumps(row) + "\n")


class Driven:
    """The app with a clock on its event loop."""

    def __init__(self, app: SdeApp, pilot) -> None:
        self.app, self.pilot = app, pilot
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.002)
            self.longest = max(self.longest, time.thread_time() - before)

    async def settle(self, part=None) -> float:
        """Waits for everything; returns when the proposal was there."""
        solved = time.perf_counter()
        while self.app.session.lanes.tasks or not self.app.keys_are_done:
            await asyncio.sleep(0.01)
            if part is None or self.app.session.lanes.running("selection") is not None:
                solved = time.perf_counter()
        await self.pilot.pause()
        return solved


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(path: Path, k: int) -> None:
    app = SdeApp(open_dataset(str(path)), Project.of(str(path)))
    async with app.run_test(size=(120, 40)) as pilot:
        driven = Driven(app, pilot)
        await driven.settle()
        asyncio.get_running_loop().create_task(driven.watch(), name="clock")
        start = time.perf_counter()
        await pilot.press("7")
        await driven.settle()
        part = app.session.selection
        print(f"first proposal of {len(app.session.dataset):,} rows, embedding and scoring included: {time.perf_counter() - start:.1f} s")
        part.wish(f"{k} rows", k=k)
        await driven.settle()
        print(f"{'wish':<22}{'proposal s':>12}{'all s':>8}{'loop cpu ms':>14}{'cpu s':>8}  moved")
        for name, keys in WISHES.items():
            driven.longest, before, used, held = 0.0, time.perf_counter(), cpu(), set(part.selection.rows)
            solved = before
            for key in keys:
                await pilot.press(key)
                solved = await driven.settle(part)
            moved = len(set(part.selection.rows) - held)
            whole = time.perf_counter() - before
            print(f"{name:<22}{solved - before:>12.2f}{whole:>8.2f}{1000 * driven.longest:>14.0f}{cpu() - used:>8.2f}  {moved}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("-k", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path, arguments.rows)
        asyncio.run(measure(path, arguments.k))


if __name__ == "__main__":
    main()
