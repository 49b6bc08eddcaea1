"""Two sample designs measured on two cores: `sde design compare` on made-up reviews with two aspects, with the base model that comes with sde.

    python benchmarks/design_compare.py [--records 300] [--test 60] [--seeds 2] [--set KEY=VALUE …] [--design NAME …] [--keep FOLDER]

A review says something of the food, of the room, of both or of neither, in sentences from fixed lists; the words that judge food are not those
that judge rooms. What is to be learnt is the form of an answer, which word means which value of which aspect, and what is not mentioned. No test
review has the text of a training review. It says nothing of larger models or of real reviews. Prints the table of `sde design results`, the seconds,
and how many of them a processor worked for the runs, which other work on the machine does not change.

Measured, 2 seeds, 60 test records: 292 s of the clock on two cores, 271 to 443 s of a processor's work in 4 runs (the more, the more threads wait for
each other). A run is 304 steps (8 epochs).

    design   accuracy ± sd   kappa  whole record  keep the form   before tuning: zero-shot, in-context
    es-sde   0.875 ± 0.012   0.806         0.758           100%                      0.217      0.217
    ew-sde   0.433 ± 0.071   0.120         0.192           100%                      0.217      0.217

es-sde over ew-sde: accuracy +0.442 (-0.075 to +0.934): two seeds are too few for an interval that shows it, and the verdict says so. With 5 epochs an
earlier es-sde had 0.617: this model needs the 8.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("epochs=8", "learning_rate=3e-3", "batch_size=8")
THINGS = {"Food": ("soup", "bread", "tea", "coffee", "salad", "rice", "cake"), "Room": ("room", "hall", "kitchen", "studio", "house")}
WORDS = {
    "Food": {"good": ("hot", "good", "soft", "sweet"), "bad": ("cold", "dry", "hard", "bad")},
    "Room": {"good": ("warm", "clean", "bright", "quiet"), "bad": ("damp", "dark", "wet", "empty")},
}
FILLERS = ("We went on Monday.", "It was late.", "We were four people.", "I came with my sister.", "It is close to the station.")
TASK = """\
name: visits
kind: attributes
text: review
said: aspects
targets: [Food, Room]
values: [good, bad]
absent: nothing
instructions:
- What does it say of food and room?
keys: {target: aspect, value: word}
"""


def reviews(count: int, seed: int = 0) -> list[dict]:
    """Different reviews with what they say of each aspect."""
    draw = random.Random(seed)
    found: dict[str, dict] = {}
    while len(found) < count:
        said = {aspect: draw.choice(("good", "bad", None)) for aspect in THINGS}
        sentences = [f"The {draw.choice(THINGS[aspect])} was {draw.choice(WORDS[aspect][value])}." for aspect, value in said.items() if value]
        sentences += draw.sample(FILLERS, draw.choice((0, 1)) if sentences else 2)
        draw.shuffle(sentences)
        text = " ".join(sentences)
        found.setdefault(text, {"review": text, "aspects": {aspect: value for aspect, value in said.items() if value}})
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300, help="to train on")
    parser.add_argument("--test", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--design", action="append", help="repeatable; es-sde and ew-sde when omitted")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a value of the recipe")
    parser.add_argument("--keep", type=Path, help="a new folder for data and job; a temporary one when omitted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = reviews(asked.records + asked.test)
        for name, part in (("train", rows[: asked.records]), ("test", rows[asked.records :])):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
        (folder / "task.yaml").write_text(TASK)
        options = [option for name in asked.design or ("es-sde", "ew-sde") for option in ("--design", name)]
        options += [option for setting in (*SETTINGS, *asked.set) for option in ("--set", setting)]
        command = [sys.executable, "-m", "sde_tui", "design", "compare", "train.jsonl", "--task", "task.yaml", "--test", "test.jsonl"]
        command += ["--sizes", str(asked.records), "--seeds", str(asked.seeds), "--attach", *options]
        started = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder / "state")}
        subprocess.run(command, cwd=folder, env=environment, check=True)
        cells = [json.loads(path.read_bytes()) for path in folder.glob("train.jsonl.sde/jobs/*/cells/*-n*/cell.json")]
        worked = f"{sum(cell['cpu_seconds'] or 0 for cell in cells):.0f} s of work in {len(cells)} runs"
        print(f"{time.perf_counter() - started:.0f} s on {os.cpu_count()} cores, {worked}")


if __name__ == "__main__":
    main()
