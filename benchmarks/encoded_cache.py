"""Preflight of the same rows a first and a second time: CPU seconds with tokens of rows kept by content, and without.

python benchmarks/encoded_cache.py [FILE …]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from sde_core.dataset import Dataset, open_dataset
from sde_core.train.preflight import preflight
from sde_core.train.recipe import Recipe
from sde_core.wording import size_of

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SDE_SHARED", ROOT.parent / "shared")) / "data"
FILES = (ROOT / "sample_data" / "support.jsonl", SHARED / "math" / "gsm8k_train.jsonl", SHARED / "instruct" / "alpaca_5000.json")


def main() -> None:
    print(f"{'file':<22} {'rows':>7} {'without':>9} {'first':>9} {'second':>9} {'other length':>13} {'on disk':>9}")
    for path in [Path(name) for name in sys.argv[1:]] or [path for path in FILES if path.exists()]:
        dataset = open_dataset(path)
        dataset.read_all()
        seconds_of(dataset, Recipe(), None)  # whatever is loaded once
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            took = [seconds_of(dataset, Recipe(), where) for where in (None, cache, cache)]
            took.append(seconds_of(dataset, Recipe(max_length=64), cache))
            held = sum(file.stat().st_size for file in cache.rglob("*.rows"))
        shown = " ".join(f"{seconds:>8.2f}s" for seconds in took[:3])
        print(f"{path.name:<22} {len(dataset):>7,} {shown} {took[3]:>12.2f}s {size_of(held):>9}")


def seconds_of(dataset: Dataset, recipe: Recipe, cache: Path | None) -> float:
    """CPU seconds of one preflight."""
    begun = time.process_time()
    preflight(dataset, recipe, cache_dir=cache)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
