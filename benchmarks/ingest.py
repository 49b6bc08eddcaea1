"""Ingest side by side: a bare orjson loop, the index, bad lines and texts of sde, polars.read_ndjson and duckdb read_json.

    python benchmarks/ingest.py                          about 100 MB of made rows in each layout
    python benchmarks/ingest.py --rows 1000000 --layouts messages
    python benchmarks/ingest.py --data FILE              rows of a file

Each reader runs in a process of its own, on the same file, warm in the page cache, its modules imported before; the best of three runs counts
(--runs). CPU is user and system time of that process over all its threads; memory is its peak, mapped pages of the file included. The ratio is CPU to
that of the bare loop, which parses each line and drops it. Polars and duckdb are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

Record = dict[str, Any]


def made_record(layout: str, number: int, text: Callable[[int], str]) -> Record:
    """One record of about 1.2 kB."""
    chat = [("user", text(40)), ("assistant", text(60)), ("user", text(12)), ("assistant", text(60))]
    if layout == "messages":
        return {"id": number, "messages": [{"role": role, "content": said} for role, said in chat], "source": "made"}
    if layout == "sharegpt":
        speakers = {"user": "human", "assistant": "gpt"}
        return {"id": str(number), "conversations": [{"from": speakers[role], "value": said} for role, said in chat]}
    if layout == "alpaca":
        return {"instruction": text(40), "input": text(20) if number % 2 else "", "output": text(120)}
    if layout == "preference":
        return {"prompt": text(40), "chosen": text(70), "rejected": text(70)}
    if layout == "classification":
        return {"text": text(170), "label": ("refund", "delivery", "other")[number % 3]}
    return {"prompt": text(60), "completion": text(120)} if layout == "prompt-completion" else {"text": text(180)}


LAYOUTS = ("messages", "sharegpt", "alpaca", "prompt-completion", "preference", "classification", "text")


def write_rows(path: Path, layout: str, count: int, seed: int = 7) -> None:
    """Writes `count` records of a layout; a few words are not ASCII."""
    source = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(source.choices(letters, k=source.randint(2, 9))) for _ in range(3000)] + ["naïve", "größer", "“so”", "日本語"]

    def text(length: int) -> str:
        return " ".join(source.choices(words, k=length))

    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps(made_record(layout, number, text), ensure_ascii=False) + "\n")


def _orjson(path: str) -> str:
    import orjson

    rows = 0
    with Path(path).open("rb") as file:
        for line in file:
            orjson.loads(line)
            rows += 1
    return f"{rows:,} rows"


def _sde_index(path: str) -> str:
    from sde_core.dataset import open_dataset

    dataset = open_dataset(path)
    dataset.read_all()
    return f"{len(dataset):,} rows"


def _sde_texts(path: str) -> str:
    from sde_core.dataset import open_dataset

    dataset = open_dataset(path)
    texts = dataset.texts()
    bad = ", ".join(f"line {bad.line}" for bad in dataset.bad[:3])
    return f"{texts.height:,} rows, {len(dataset.bad)} bad{f': {bad}' if bad else ''}"


def _sde_again(path: str) -> str:
    from sde_core.dataset import open_dataset

    dataset = open_dataset(path).keep_in(Path(path).parent / "cache")
    return f"{dataset.texts().height:,} rows, keys {len(dataset.keys()):,}"


def _polars(path: str) -> str:
    import polars as pl

    return f"{pl.read_ndjson(path).height:,} rows"


def _polars_tolerant(path: str) -> str:
    import polars as pl

    return f"{pl.read_ndjson(path, ignore_errors=True, infer_schema_length=None).height:,} rows"


def _duckdb(path: str, options: str = "") -> str:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"create table t as select * from read_json('{path}', format='newline_delimited'{options})")
        found = connection.execute("select count(*) from t").fetchone()
    return f"{found[0]:,} rows" if found else ""


def _duckdb_tolerant(path: str) -> str:
    return _duckdb(path, ", ignore_errors=true")


READERS: dict[str, Callable[[str], str]] = {
    "orjson loop": _orjson, "sde index": _sde_index, "sde texts + bad lines": _sde_texts, "sde second open": _sde_again,
    "polars.read_ndjson": _polars, "duckdb read_json": _duckdb,
    "polars ignore_errors": _polars_tolerant, "duckdb ignore_errors": _duckdb_tolerant,
}  # fmt: skip
_IMPORTS = {"polars": ["polars"], "duckdb": ["duckdb"], "sde": ["sde_core.dataset.text_store", "sde_core.dataset.keys"], "orjson": ["orjson"]}
_TIMED = ("orjson loop", "sde index", "sde texts + bad lines", "sde second open", "polars.read_ndjson", "duckdb read_json")


def run_one(name: str, path: str) -> None:
    """Reads the file in this process and prints the figures as JSON."""
    for module in _IMPORTS.get(name.replace(".", " ").split(" ")[0], ()):
        importlib.import_module(module)
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    try:  # what a reader says to a bad file is a figure too
        result = READERS[name](path)
    except Exception as error:
        result = f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": after.ru_maxrss / 1e6, "result": result}))


def best_of(name: str, path: Path, runs: int) -> Record | None:
    """The figures of the run with the least CPU; None where the reader is not installed."""
    found: list[Record] = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, __file__, "--one", name, str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        found.append(json.loads(done.stdout))
    return min(found, key=lambda figures: figures["cpu"])


def compare(path: Path, runs: int, title: str) -> None:
    """Prints a table of all readers over one file."""
    print(f"\n{title}: {path.stat().st_size / 1e6:,.0f} MB")
    print(f"  {'reader':<24}{'wall s':>8}{'CPU s':>8}{'ratio':>7}{'peak GB':>9}  result")
    first_open = best_of("sde second open", path, 1)
    base = 0.0
    for name in _TIMED:
        figures = best_of(name, path, runs)
        base = base or (figures["cpu"] if figures else 0.0)
        print(_line(name, figures, base))
    print(_line("sde first, caching", first_open, base))


def _line(name: str, figures: Record | None, base: float) -> str:
    if figures is None:
        return f"  {name:<24} not installed"
    ratio = figures["cpu"] / base
    return f"  {name:<24}{figures['wall']:8.2f}{figures['cpu']:8.2f}{ratio:7.2f}{figures['peak']:9.2f}  {figures['result']}"


def compare_faults(folder: Path) -> None:
    """Prints what each reader makes of one bad line, and of a type that changes behind the rows it looked at first."""
    rows = [json.dumps({"prompt": f"question {number}", "completion": "answer", "score": number}) for number in range(300_000)]
    other_type = [row.replace('"score": ', '"score": "row ')[:-1] + '"}' for row in rows[200_000:]]
    cases = {
        "one malformed line": [*rows[:200_000], '{"prompt": "never closed', *rows[200_000:]],
        "a type that changes": [*rows[:200_000], *other_type],
    }
    for title, lines in cases.items():
        path = folder / "fault.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"\n{title}, of {len(lines):,}:")
        for name in ("sde texts + bad lines", "polars.read_ndjson", "polars ignore_errors", "duckdb read_json", "duckdb ignore_errors"):
            figures = best_of(name, path, 1)
            print(f"  {name:<24}{figures['result'] if figures else 'not installed'}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Ingest, side by side.")
    parser.add_argument("--rows", type=int, default=80_000, help="rows to make in each layout (about 1.2 kB each)")
    parser.add_argument("--layouts", default=",".join(LAYOUTS), help="layouts to make")
    parser.add_argument("--data", type=Path, help="read this file instead")
    parser.add_argument("--runs", type=int, default=3, help="runs of each reader; the best counts")
    parser.add_argument("--one", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        run_one(*chosen.one)
        return
    if chosen.data:
        compare(chosen.data, chosen.runs, chosen.data.name)
        return
    for layout in chosen.layouts.split(","):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            path = Path(folder) / f"{layout}.jsonl"
            write_rows(path, layout, chosen.rows)
            compare(path, chosen.runs, f"{layout}, {chosen.rows:,} rows")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        compare_faults(Path(folder))


if __name__ == "__main__":
    main()
