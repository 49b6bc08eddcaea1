"""The main job without a terminal, on the sample data: check, duplicates, rules, select, train until the loss has fallen, export.

Every step is the command that a person would type. The script fails where a command fails, where the loss has not fallen, or where the adapter
does not load. Run from the root of a checkout: make demo-headless
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sde_core.embedded import embedded_path

_SUBSET_ROWS = 300
_STEPS = 60
_RECIPE = (f"max_steps={_STEPS}", "batch_size=8", "learning_rate=2e-3", "held_out=0.1", "eval_steps=20", "save_steps=30")


def sde(*arguments: str | Path, fine: tuple[int, ...] = (0,)) -> Any:
    """Runs a command with --json and returns what it printed."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ sde {' '.join(word if len(word) < 80 else word[:60] + '…' for word in words)}", flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "sde_core.cli", *words, "--json"], stdout=subprocess.PIPE, check=False)
    if done.returncode not in fine:
        sys.exit(f"sde {words[0]} ended with exit code {done.returncode}")
    print(f"  ({time.monotonic() - started:.1f} s)")
    return json.loads(done.stdout)


def look(data: Path) -> None:
    """What is wrong with the file."""
    report = sde("check", data)
    dataset = report["dataset"]
    print(f"  {dataset['rows']:,} rows, {dataset['bad_lines']} of them malformed, layout {dataset['layout']}; {len(report['findings']):,} findings:")
    for name, count in sorted(report["counts"].items(), key=lambda item: -item[1])[:12]:
        print(f"    {count:>5}  {name}")
    reject_errors(data, report["findings"])
    groups = sde("dups", data, "--apply")["groups"]
    print(f"  {len(groups)} groups of duplicates; one row of each was kept")
    chosen = sde("rules", "choose", data, "-r", "8")
    print(f"  8 independent rules, rho {chosen['rho']:.3f}: {', '.join(chosen['chosen'])}")


def reject_errors(data: Path, findings: list[dict[str, Any]]) -> None:
    """Every row with an error is rejected, for the error's reason."""
    rows_of: dict[str, set[int]] = {}
    for finding in findings:
        if finding["severity"] == "error":
            rows_of.setdefault(finding["check"], set()).update(finding["rows"])
    for check, rows in rows_of.items():
        sde("decide", data, "reject", ",".join(map(str, sorted(rows))), "--reason", check)
    print(f"  {len(set().union(*rows_of.values()))} rows with errors rejected, each for its reason")


def pick(data: Path) -> None:
    """A diverse subset of good rows, accepted."""
    selection = sde("select", data, "-k", str(_SUBSET_ROWS), "--accept", "-o", data.parent / "subset.jsonl")
    first = selection["picks"][0]
    print(f"  {len(selection['picks'])} rows accepted; the first is row {first['row']}: {first['reason']}")


def train(data: Path) -> None:
    """A LoRA on the accepted rows."""
    summary = sde("preflight", data)["summary"]
    print(f"  preflight: {json.dumps(summary)[:300]}")
    job = sde("train", data, *[word for option in _RECIPE for word in ("--set", option)], "--attach")
    losses = [
        event["loss"] for event in map(json.loads, (Path(job["folder"]) / "events.jsonl").read_text("utf-8").splitlines()) if event["event"] == "step"
    ]
    first, last = statistics.mean(losses[:10]), statistics.mean(losses[-10:])
    print(f"  {job['status']['message']}")
    print(f"  loss {first:.3f} over the first ten steps, {last:.3f} over the last ten")
    if last >= 0.9 * first:
        sys.exit("the loss has not fallen")
    load_adapter(Path(job["result"]))


def load_adapter(result: Path) -> None:
    """The adapter as anybody would load it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(embedded_path("base_model")), adapter_folder(result))
    print(f"  PeftModel.from_pretrained loads the adapter: {sum(p.numel() for n, p in model.named_parameters() if 'lora' in n):,} adapter parameters")


def adapter_folder(result: Path) -> Path:
    """Where in a job's result the adapter lies."""
    return next(result.rglob("adapter_config.json")).parent


def export(data: Path) -> None:
    """The rows that are left, and the proof that the source is untouched."""
    manifest = sde("export", data, "-o", data.parent / "curated.jsonl")
    print(f"  {manifest['rows']:,} of {manifest['source_rows']:,} rows exported; left out: {json.dumps(manifest['left_out'])[:200]}")
    if data.read_bytes() != embedded_path("dataset").read_bytes():
        sys.exit("the source was changed")
    source_lines = set(data.read_bytes().split(b"\n"))
    if not all(line in source_lines for line in (data.parent / "curated.jsonl").read_bytes().split(b"\n")):
        sys.exit("an exported row differs from the source")
    print("  every exported row is byte for byte a row of the source")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sde-demo-") as folder:
        sample = Path(shutil.copy(embedded_path("dataset"), folder))
        look(sample)
        pick(sample)
        train(sample)
        export(sample)
    print("\nThe main job is done.")
