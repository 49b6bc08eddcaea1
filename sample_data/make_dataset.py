"""Writes the sample dataset and its truth file, or further clean conversations from the same generators.

    python sample_data/make_dataset.py                               support.jsonl and support.truth.json beside this script
    python sample_data/make_dataset.py --out FOLDER                  the same two files somewhere else
    python sample_data/make_dataset.py --corpus FILE --n 5000 --seed 7   clean conversations in the desk's style, one JSON object a line
    python sample_data/make_dataset.py --prose FILE --n 5000 --seed 7    plain paragraphs, one JSON object {"text": …} a line

Everything depends on the seed alone: the same call writes the same bytes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from corpus import CATEGORIES, background_text, clean_conversations
from faults.answers import ANSWERS
from faults.characters import CHARACTERS
from faults.duplicates import DUPLICATES
from faults.lines import broken_lines, line_of
from faults.plant import plant
from faults.rows import Fault, Pool, Row
from faults.structure import SHAPES
from faults.traps import long_row, traps

SEED = 20250321
CLEAN_ROWS = 2300
FIRST_DAY = dt.date(2024, 9, 2)
DAYS = 290


def make_rows(seed: int) -> list[Row]:
    """All rows in file order, with their ids and dates."""
    pool = Pool(seed)
    for one in (*SHAPES, *ANSWERS, *CHARACTERS):
        plant(pool, one)
    for _ in range(CLEAN_ROWS):
        pool.fresh()
    for repeat in DUPLICATES:
        repeat(pool)
    traps(pool)
    long_row(pool)
    broken_lines(pool)
    rows = sorted(pool.rows, key=lambda row: row.place)
    for position, row in enumerate(rows):
        _finish(row, position, len(rows))
    return rows


def _finish(row: Row, position: int, count: int) -> None:
    if row.same_record:
        row.record = row.same_record.record
    else:
        day = FIRST_DAY + dt.timedelta(days=position * DAYS // count)
        row.record = {"id": f"tw-{position * 3 + 1000:05d}", **row.record, "date": day.isoformat()}


def written_line(row: Row) -> bytes:
    """The bytes of the row without its line end."""
    return row.line if row.line is not None else line_of(row)


def fault_entry(fault: Fault, positions: dict[int, int], position: int) -> dict[str, Any]:
    """A fault as it stands in the truth file."""
    of = {"of": positions[id(fault.of)]} if fault.of else {}
    return {"row": position, **of, "detail": fault.detail, **fault.measures}


def truth_of(rows: list[Row], seed: int) -> dict[str, Any]:
    """What is wrong where; see README.md for the meaning of each key."""
    positions = {id(row): position for position, row in enumerate(rows)}
    faults: dict[str, list[dict[str, Any]]] = {}
    traps_by_name: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        for fault in row.faults:
            faults.setdefault(fault.kind, []).append(fault_entry(fault, positions, position))
        for name in row.traps:
            traps_by_name.setdefault(name, []).append(position)
    bad_lines = [{**entry, "line": entry["row"] + 1} for entry in faults.pop("bad_line")]
    copies = [(position, fault) for position, row in enumerate(rows) for fault in row.faults if fault.of]
    labels = Counter(row.record["category"] for row in rows if row.is_clean)
    return {
        "rows": len(rows),
        "seed": seed,
        "label_field": "category",
        "labels": {label: labels[label] for label in CATEGORIES},
        "bad_lines": bad_lines,
        "faults": dict(sorted(faults.items())),
        "leaks": [
            {"row": position, "of": positions[id(fault.of)], "kind": fault.kind}
            for position, fault in copies
            if fault.of and fault.of.record["split"] != rows[position].record["split"]
        ],
        "traps": traps_by_name,
        "originals": [position for position, row in enumerate(rows) if row.is_original],
        "clean_rows": [position for position, row in enumerate(rows) if row.is_clean],
    }


def write_dataset(folder: Path, seed: int = SEED) -> tuple[Path, Path]:
    """Writes support.jsonl and support.truth.json into `folder` and returns their paths."""
    rows = make_rows(seed)
    data, truth = folder / "support.jsonl", folder / "support.truth.json"
    data.write_bytes(b"".join(written_line(row) + b"\n" for row in rows))
    truth.write_text(laid_out(truth_of(rows, seed)) + "\n", encoding="utf-8", newline="\n")
    return data, truth


def laid_out(value: Any, depth: int = 0) -> str:
    """JSON with one entry a line and lists of numbers on one line, so that a change of the data can be read in a diff."""
    flat = json.dumps(value, ensure_ascii=False)
    if depth == 3 or not isinstance(value, dict | list) or (isinstance(value, list) and not any(isinstance(item, dict) for item in value)):
        return flat
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        inside = [f"{pad}{json.dumps(key)}: {laid_out(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inside) + "\n" + pad[1:] + "}"
    return "[\n" + ",\n".join(pad + json.dumps(item, ensure_ascii=False) for item in value) + "\n" + pad[1:] + "]"


def write_corpus(path: Path, n: int, seed: int, *, prose: bool) -> None:
    """Writes `n` clean conversations, or paragraphs of prose, as JSON lines."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        if prose:
            out.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in background_text(n, seed))
        else:
            made = clean_conversations(n, seed)
            out.writelines(
                json.dumps({"messages": one.messages, "category": one.category, "task": one.task}, ensure_ascii=False) + "\n" for one in made
            )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Writes the sample dataset, or further text from the same generators.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for support.jsonl and support.truth.json")
    parser.add_argument("--corpus", type=Path, help="write clean conversations to this file instead")
    parser.add_argument("--prose", type=Path, help="write plain paragraphs to this file instead")
    parser.add_argument("--n", type=int, default=5000, help="how many conversations or paragraphs")
    parser.add_argument("--seed", type=int, default=1, help="seed of the conversations or paragraphs")
    chosen = parser.parse_args()
    if chosen.corpus or chosen.prose:
        write_corpus(chosen.corpus or chosen.prose, chosen.n, chosen.seed, prose=chosen.corpus is None)
    else:
        print(*write_dataset(chosen.out), sep="\n")


if __name__ == "__main__":
    main()
