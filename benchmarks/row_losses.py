"""What recording the loss of rows costs, and what it finds: `python benchmarks/row_losses.py [--cost] [--read] [--dirt] [--epochs N]`.

--cost  seconds a step of a model with 32,000 tokens with and without recording (CPU seconds of this process), and the peak of memory against
        transformers' own loss.
--read  seconds to read 10,000,000 losses, and the bytes of a week of steps.
--dirt  average precision of loss, excess, confidence and variability for answers that were shuffled into the sample data, against the rest; the share
        of shuffled rows is what chance gives. Then the same for the faults of the sample data's truth file. A fault that does not make an answer
        unlikely (a duplicate, a leaked secret) is not expected to be found.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from sde_core.dataset import open_dataset
from sde_core.embedded import embedded_path
from sde_core.train.launch import launch_training
from sde_core.train.loss_table import loss_table
from sde_core.train.recipe import Recipe, with_settings
from sde_core.train.row_loss_log import append_block, read_row_losses, row_losses_path
from sde_core.train.row_losses import RowLossRecorder

OWN = "transformers' own loss"
VOCABULARY, BATCH, LENGTH = 32_000, 8, 64
SHUFFLED = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--dirt", action="store_true")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=3000, help="rows of --dirt, drawn by a fixed seed")
    parser.add_argument("--keep", type=Path, help="where the dirty data and its run are left")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe of --dirt")
    options = parser.parse_args()
    if options.cost:
        print_cost()
    if options.read:
        print_reading()
    if options.dirt:
        with tempfile.TemporaryDirectory(prefix="sde-row-losses-") as temporary:
            print_dirt(options.keep or Path(temporary), options.rows, options.epochs, options.set)


# ---- cost


def print_cost() -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=4)
    model = LlamaForCausalLM(config)
    ids = torch.randint(0, VOCABULARY, (BATCH, LENGTH))
    labels = ids.clone()
    labels[:, : LENGTH // 3] = -100
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[str, list[float]] = {"recorded": [], "not recorded": [], OWN: []}
        recorder = RowLossRecorder(row_losses_path(Path(folder)))
        for step in range(1, 8):
            for way, kept in seconds.items():
                kept.append(step_seconds(model, ids, labels, recorder, way, step))
    base = float(np.median(seconds["not recorded"]))
    for way, kept in seconds.items():
        print(f"{way:<24} {np.median(kept):7.4f} CPU s a step  ({np.median(kept) / base - 1:+.1%})")
    print(f"recording alone          {recording_seconds(labels):7.4f} CPU s a step  ({recording_seconds(labels) / base:.2%} of a step)")
    print_memory()


def step_seconds(model, ids, labels, recorder, way, step):
    import torch

    recorder.rows = torch.arange(len(ids)) if way == "recorded" else None
    started = time.process_time()
    loss = model(input_ids=ids, labels=labels).loss if way == OWN else recorder.loss(model(input_ids=ids), labels)
    loss.backward()
    if way == "recorded":
        recorder.write(step, held_out=False)
    model.zero_grad()
    return time.process_time() - started


def recording_seconds(labels, times=200):
    """What is done for recording and for nothing else: sums by row, and a block in the file."""
    import torch

    from sde_core.train.row_losses import _summed

    places = labels[:, 1:] != -100
    each, rows = torch.rand(int(places.sum())), torch.arange(len(labels))
    with tempfile.TemporaryDirectory() as folder:
        recorder = RowLossRecorder(row_losses_path(Path(folder)))
        started = time.process_time()
        for step in range(1, times + 1):
            recorder._waiting[False].append(_summed(rows, None, each, places))
            recorder.write(step, held_out=False)
        return (time.process_time() - started) / times


def print_memory():
    """Peak of the resident set in a process of its own for each way."""
    import subprocess
    import sys

    for way in ("ours", "transformers"):
        for precision in ("float32", "bfloat16"):
            command = [sys.executable, __file__.replace("row_losses.py", "row_losses_peak.py"), way, precision]
            peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            print(f"peak above the logits    {way:<13} {precision:<9} {peak / 1e6:8.0f} MB")


# ---- reading


def print_reading() -> None:
    count, batch = 10_000_000, 64
    rows = np.random.default_rng(0).integers(0, 1_000_000, count)
    with tempfile.TemporaryDirectory() as folder:
        path = row_losses_path(Path(folder))
        part = Path(folder) / "part"
        losses, tokens = np.random.default_rng(1).gamma(2, 1, batch), np.full(batch, 100)
        for step in range(1, count // batch + 1):
            if step % 1000 == 1 and part.exists():
                path.open("ab").write(part.read_bytes())
                part.unlink()
            append_block(part, step, rows[(step - 1) * batch : step * batch], losses, tokens, begins=step == 1)
        path.open("ab").write(part.read_bytes())
        part.unlink()
        size = path.stat().st_size
        started = time.process_time()
        found = read_row_losses(Path(folder))
        print(f"read {len(found):,} losses ({size / 1e6:.0f} MB) in {time.process_time() - started:.2f} CPU s, {size / len(found):.2f} bytes each")
        from sde_core.train.loss_table import row_courses

        started = time.process_time()
        table = row_courses(found)
        print(f"table of {table.height:,} rows from them in {time.process_time() - started:.2f} CPU s")
    week = 7 * 86_400
    print(f"a week at one step a second, batch {batch}: {week * (batch + 1) * 12 / 1e6:,.0f} MB ({week * batch:,} losses)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


# ---- what it finds


def print_dirt(folder: Path, most: int, epochs: int, settings: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "support.jsonl"
    wrong = shuffled_answers(Path(embedded_path("dataset")), path)
    dataset = open_dataset(path)
    dataset.read_all()
    dataset.texts()
    bad = {record.row for record in dataset.bad}
    rows = [row for row in range(len(dataset)) if row not in bad]
    rows = sorted(random.Random(1).sample(rows, min(most, len(rows))))
    wrong &= set(rows)
    recipe = with_settings(Recipe(epochs=epochs, held_out=0.0, device="cpu", processes=1), settings)
    started = time.time()
    job = launch_training(dataset, rows, recipe, folder / "support.jsonl.sde" / "jobs", beside=True)
    status = job.wait()
    if status.state != "done":
        raise SystemExit(f"{status.state}: {status.message}")
    print(f"{status.message} {time.time() - started:.0f} s, {len(wrong):,} of {len(rows):,} answers shuffled ({len(wrong) / len(rows):.1%})")
    table = loss_table(job.folder, dataset).by_loss()
    truth = json.loads(Path(embedded_path("dataset")).with_name("support.truth.json").read_text())
    for name, faulty in [("shuffled", wrong), *((kind, {fault["row"] for fault in found}) for kind, found in truth["faults"].items())]:
        print_precision(name, faulty, table)


def shuffled_answers(source: Path, path: Path) -> set[int]:
    """Gives every tenth row the answer of another; the rows that got one."""
    lines = source.read_bytes().split(b"\n")
    records = {}
    for row, line in enumerate(lines):
        try:
            records[row] = json.loads(line)
        except ValueError:
            continue
    layout = open_dataset(source).layout
    field = layout.roles.get("messages") or layout.roles["answer"]
    chosen = random.Random(0).sample(sorted(records), int(SHUFFLED * len(records)))
    wrong = set()
    for row, other in zip(chosen, [*chosen[1:], chosen[0]], strict=True):
        mine, theirs = answer_of(records[row], field), answer_of(records[other], field)
        if mine and theirs and mine != theirs:
            lines[row] = lines[row].replace(json.dumps(mine, ensure_ascii=False).encode(), json.dumps(theirs, ensure_ascii=False).encode(), 1)
            if json.loads(lines[row]) != records[row]:
                wrong.add(row)
    path.write_bytes(b"\n".join(lines))
    return wrong


def answer_of(record, field):
    value = record.get(field)
    if isinstance(value, list):
        return next((turn.get("content") for turn in reversed(value) if turn.get("role") == "assistant"), None)
    return value if isinstance(value, str) else None


def print_precision(name, faulty, table):
    rows = table["row"].to_numpy()
    truth = np.isin(rows, list(faulty))
    if not truth.any():
        return
    scores = {
        "last loss": table["last"], "first loss": table["first"], "excess": table["excess"], "low drop": -table["drop"],
        "low confidence": -table["confidence"], "variability": table["variability"], "low variability": -table["variability"],
    }  # fmt: skip
    figures = "  ".join(f"{title} {average_precision(truth, values.fill_null(0).to_numpy()):.2f}" for title, values in scores.items())
    print(f"{name:<22} {truth.sum():>4} rows, chance {truth.mean():.3f}: {figures}")


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """Mean of the precision at each faulty row, the highest score first."""
    order = np.argsort(-scores, kind="stable")
    hits = truth[order]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


if __name__ == "__main__":
    main()
