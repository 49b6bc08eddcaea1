"""A run handed over to TRL's own command: its loss curve beside the run's, on the same rows and options. Prints a table.

    python benchmarks/handover_trl.py [--rows 400] [--steps 30]

Two programs never shuffle alike, so TRL runs twice: as its command does it, and once with nothing changed but the order of the rows, which is then
the run's own. In the same order every step's loss should be the same; in TRL's, curves differ by what the order does: thirds of them are compared.
Each program reports a held-out loss of its own (sde the mean over tokens of the rows that a run evaluates on, TRL a mean over batches of all of
them), so all three adapters are also measured by one: the mean over the tokens of all held-out rows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from sde_core.dataset import open_dataset
from sde_core.handover.hand_over import hand_over
from sde_core.train.launch import launch_training
from sde_core.train.recipe import Recipe, read_recipe

ROOT = Path(__file__).resolve().parents[1]
Run = tuple[list[float], float, Path, float]
"""Loss of every step, held-out loss as the program says it, the adapter's weights, CPU seconds."""


def main() -> None:
    """Train with both and print what they lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")  # a queue of its own, so that no other run is waited for
        os.environ |= {"HF_DATASETS_CACHE": str(folder / "cache"), "TRL_EXPERIMENTAL_SILENCE": "1", "HF_HUB_OFFLINE": "1"}
        job, ours = _ours(folder, options.rows, options.steps)
        runs = [ours, _by_trl_in_our_order(job, folder / "handed"), _by_trl(folder / "handed")]
        measured = [_held_out_loss(job, adapter) for _, _, adapter, _ in runs]
    print(f"{'':<32}{'sde':>10}{'TRL, order':>14}{'TRL':>10}\n{'':<32}{'':>10}{'of sde':>14}")
    for third, name in enumerate(("first", "second", "last")):
        print(_line(f"loss, {name} third", *(_third(losses, third) for losses, *_ in runs)))
    furthest = [max(abs(one - other) for one, other in zip(losses, ours[0], strict=True)) for losses, *_ in runs]
    print(f"{'furthest from sde in a step':<32}{'':>10}{furthest[1]:>14.1e}{furthest[2]:>10.1e}")
    print(_line("held-out loss, mean of tokens", *measured))
    print(_line("held-out loss as each says it", *(told for _, told, *_ in runs)))
    print(f"{'CPU seconds, imports included':<32}{ours[3]:>10.1f}{'':>14}{runs[2][3]:>10.1f}")


def _line(name: str, ours: float, in_our_order: float, theirs: float) -> str:
    return f"{name:<32}{ours:>10.4f}{in_our_order:>14.4f}{theirs:>10.4f}"


def _ours(folder: Path, rows: int, steps: int) -> tuple[Path, Run]:
    dataset = open_dataset(ROOT / "sample_data" / "support.jsonl")
    dataset.read_all()
    recipe = Recipe(max_steps=steps, eval_steps=steps, save_steps=steps, device="cpu", processes=1)
    readable = dataset.texts()["row"].to_list()[:rows]
    before = _children_seconds()
    job = launch_training(dataset, readable, recipe, folder / "jobs")
    status = job.wait()
    assert status.state == "done", status.message
    hand_over(job.folder, folder / "handed")
    events, _ = job.events(max_bytes=1 << 28)
    told = [event["loss"] for event in events if event["event"] == "eval"][-1]
    adapter = job.folder / "result" / "adapter" / "adapter_model.safetensors"
    return job.folder, ([event["loss"] for event in events if event["event"] == "step"], told, adapter, _children_seconds() - before)


def _by_trl(folder: Path) -> Run:
    before = _children_seconds()
    command = [str(Path(sys.executable).with_name("trl")), "sft", "--config", "trl.yaml"]
    env = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    return (*_left_by_trl(folder / "trl-output"), _children_seconds() - before)


def _by_trl_in_our_order(job: Path, folder: Path) -> Run:
    """TRL's own script and trainer in this process; nothing differs from its command but which row comes when."""
    import trl
    from trl.scripts import sft

    class InOurOrder(trl.SFTTrainer):
        def _get_train_sampler(self, *_: Any, **__: Any) -> list[int]:
            return list(_order(job, len(self.train_dataset), self.args.max_steps))

    sft.SFTTrainer = trl.SFTTrainer = InOurOrder
    options = ["--config", "trl.yaml", "--disable_tqdm", "True", "--output_dir", "trl-output-in-order"]
    os.chdir(folder)  # the recipe's paths are relative
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        sft.main(*sft.make_parser().parse_args_and_config(options, fail_with_unknown_args=True))
    os.chdir(ROOT)
    return (*_left_by_trl(folder / "trl-output-in-order"), 0.0)


def _order(job: Path, rows: int, steps: int) -> Iterator[int]:
    """The samples as the run took them, epoch after epoch."""
    import numpy as np

    from sde_core.train.order import epoch_order

    recipe, train = read_recipe(job / "recipe.json"), _samples(job).train
    assert len(train) == rows
    lengths = np.array([len(sample) for sample in train])
    assert steps * recipe.batch_size <= rows, "one epoch: ask for fewer steps or more rows"
    yield from epoch_order(lengths, recipe.batch_size, seed=recipe.seed, epoch=0, grouped=recipe.groups_lengths).tolist()


def _left_by_trl(folder: Path) -> tuple[list[float], float, Path]:
    checkpoint = max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    history = json.loads((checkpoint / "trainer_state.json").read_text())["log_history"]
    told = [entry["eval_loss"] for entry in history if "eval_loss" in entry][-1]
    return [entry["loss"] for entry in history if "loss" in entry], told, checkpoint / "adapter_model.safetensors"


def _samples(job: Path) -> Any:
    from sde_core.train.encode import Encoder
    from sde_core.train.rows import read_snapshot
    from sde_core.train.samples import encode_rows
    from sde_core.train.tokenizer import load_tokenizer

    recipe = read_recipe(job / "recipe.json")
    return encode_rows(read_snapshot(job), Encoder(load_tokenizer(recipe.model), recipe), total=0)


def _held_out_loss(job: Path, adapter: Path) -> float:
    """The mean over the answers' tokens of all held-out rows."""
    import torch
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    from sde_core.train.device import plan_device
    from sde_core.train.model import load_model, with_adapter

    recipe = read_recipe(job / "recipe.json")
    plan = plan_device(recipe)
    model = with_adapter(load_model(recipe, plan), recipe, plan).eval()
    set_peft_model_state_dict(model, load_file(adapter))
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for sample in _samples(job).held_out:
            labels = torch.tensor(sample.labels[None, 1:], dtype=torch.int64)
            logits = model(input_ids=torch.tensor(sample.ids[None], dtype=torch.int64)).logits[:, :-1]
            total += float(torch.nn.functional.cross_entropy(logits[0], labels[0], reduction="sum"))
            tokens += int((labels != -100).sum())
    return total / tokens


def _third(losses: list[float], third: int) -> float:
    size = max(len(losses) // 3, 1)
    part = losses[third * size :] if third == 2 else losses[third * size : (third + 1) * size]
    return sum(part) / len(part)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s in all", file=sys.stderr)
