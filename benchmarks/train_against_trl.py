"""LoRA tokens a second side by side with TRL and transformers' Trainer: `python benchmarks/train_against_trl.py [--steps N] [--vocabulary V]`.

All train the same adapter on the same model (a Llama of hidden 256 and 4 layers, random weights) with the same encoded rows, batch, length, optimizer
and schedule, in a process of their own, taking turns. Tokens are those that are no padding; the first steps are not counted. Seconds of a processor
tell more than those of the clock on a machine that does other things as well. The loss is each adapter's on 100 rows that none has seen.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(os.environ.get("SDE_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data" / "math" / "gsm8k_train.jsonl"
METHODS = ("sde", "trl", "trl without checkpointing", "trl packed", "trainer padded", "trainer grouped by length")
ROWS, HELD_OUT, BATCH, LENGTH, RATE, UNCOUNTED = 1000, 100, 8, 512, 1e-3, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=125, help="optimizer steps; 125 are all 1,000 rows once")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=32000, help="tokens that the model knows; the tokenizer uses the first 2,560")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--unseen", type=int, default=HELD_OUT, help="rows that the loss is of")
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--child", nargs=2, metavar=("METHOD", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        method, folder = options.child
        print(json.dumps(measured(method, Path(folder), options.steps)))
        return
    with tempfile.TemporaryDirectory(prefix="sde-throughput-") as folder:
        prepare(Path(folder), Path(options.data), options.vocabulary, options.unseen)
        methods = [method for method in METHODS if method in options.methods.split(",")]
        taken: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
        for _ in range(options.repeats):
            for method in methods:
                taken[method].append(in_a_process(method, folder, options))
                print(f"{method:28s}", {name: round(value, 4) for name, value in taken[method][-1].items()}, file=sys.stderr, flush=True)
    report(taken)


def in_a_process(method: str, folder: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", __file__, "--steps", str(options.steps), "--child", method, folder]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{method}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def report(taken: dict[str, list[dict[str, float]]]) -> None:
    medians = {
        method: {name: statistics.median(run[name] for run in runs) for name in ("tokens_s", "tokens_cpu_s", "loss")}
        for method, runs in taken.items()
    }
    base = medians.get("trl", next(iter(medians.values())))
    print(f"{'':28s} tokens/s   tokens/CPU s   of TRL's   held-out loss")
    for method, found in medians.items():
        ratio = found["tokens_cpu_s"] / base["tokens_cpu_s"]
        print(f"{method:28s} {found['tokens_s']:8,.0f} {found['tokens_cpu_s']:14,.0f} {ratio:9.2f}× {found['loss']:15.3f}")


def prepare(folder: Path, data: Path, vocabulary: int, unseen: int) -> None:
    """The model, and the rows as the command line would have them."""
    import shutil

    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from sde_core.embedded import embedded_path

    base = embedded_path("base_model")
    shutil.copytree(base, folder / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    special = {name: json.loads((base / "config.json").read_text())[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = LlamaConfig(
        hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4, vocab_size=vocabulary,
        max_position_embeddings=1024, **special,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    lines = data.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[: ROWS + unseen]]
    for name, part in (("rows", rows[:ROWS]), ("unseen", rows[ROWS:])):
        text = "".join(json.dumps({"prompt": row["question"], "response": row["answer"]}) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(text)


class Clock:
    """Tokens, seconds of the clock and of processors, after the steps that are not counted."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float, float]] = []

    def step(self, tokens: int) -> None:
        self.marks.append((tokens, time.perf_counter(), time.process_time()))

    def rates(self) -> dict[str, float]:
        (tokens, clock, cpu), (last_tokens, last_clock, last_cpu) = self.marks[UNCOUNTED - 1], self.marks[-1]
        counted = last_tokens - tokens
        return {"tokens_s": counted / (last_clock - clock), "tokens_cpu_s": counted / (last_cpu - cpu), "tokens": counted}


def measured(method: str, folder: Path, steps: int) -> dict[str, float]:
    clock = Clock()
    run = by_sde if method == "sde" else by_trl if method.startswith("trl") else by_trainer
    model = run(method, folder, steps, clock)
    return {**clock.rates(), "loss": unseen_loss(model, folder)}


def recipe_of(folder: Path, steps: int):
    from sde_core.train.recipe import Recipe

    return Recipe(
        model=str(folder / "model"), max_length=LENGTH, max_steps=steps, batch_size=BATCH, learning_rate=RATE, scheduler="linear", warmup=0.0,
        held_out=0.0, save_steps=10_000, device="cpu",
    )  # fmt: skip


def by_sde(_method: str, folder: Path, steps: int, clock: Clock):
    """The job's own function, in this process, so that its processor time can be read at every step."""
    from peft import PeftModel

    from sde_core.dataset import open_dataset
    from sde_core.jobs import JobContext, JobStatus
    from sde_core.train.job import train_in_this_process
    from sde_core.train.model import load_model
    from sde_core.train.rows import write_snapshot

    class TimedContext(JobContext):
        def event(self, kind, **fields):
            if kind == "step":
                clock.step(fields["tokens"])
            super().event(kind, **fields)

    dataset = open_dataset(folder / "rows.jsonl")
    dataset.read_all()
    job = Path(tempfile.mkdtemp(dir=folder))
    (job / "result").mkdir()
    recipe = recipe_of(folder, steps)
    (job / "spec.json").write_text('{"kind": "train", "title": "", "spec": {}}')
    (job / "recipe.json").write_text(json.dumps(recipe.to_json()))
    write_snapshot(job, dataset, range(len(dataset)), held_out=0.0, seed=0)
    train_in_this_process(TimedContext(job, JobStatus()), recipe)
    return PeftModel.from_pretrained(load_model(recipe, cpu_plan()), job / "result" / "adapter")


def by_trainer(method: str, folder: Path, steps: int, clock: Clock):
    from transformers import Trainer, TrainingArguments

    sampling = "group_by_length" if method.endswith("length") else "random"
    arguments = TrainingArguments(train_sampling_strategy=sampling, length_column_name="length", remove_unused_columns=False, **common(folder, steps))
    tokens = Tokens(padded)
    trainer = Trainer(
        model=adapted(folder), args=arguments, train_dataset=encoded(folder, "rows"), data_collator=tokens, callbacks=[ticking(clock, tokens)]
    )
    trainer.train()
    return trainer.model


def by_trl(method: str, folder: Path, steps: int, clock: Clock):
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    changes = {"trl without checkpointing": {"gradient_checkpointing": False}, "trl packed": {"packing": True}}.get(method, {})
    arguments = SFTConfig(max_length=LENGTH, **changes, **common(folder, steps))
    dataset = encoded(folder, "rows").select_columns(["input_ids", "labels"])
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    trainer = SFTTrainer(model=adapted(folder), args=arguments, train_dataset=dataset, processing_class=tokenizer)
    trainer.data_collator = tokens = Tokens(trainer.data_collator)
    trainer.add_callback(ticking(clock, tokens))
    trainer.train()
    return trainer.model


def common(folder: Path, steps: int) -> dict:
    return {
        "output_dir": tempfile.mkdtemp(dir=folder), "max_steps": steps, "per_device_train_batch_size": BATCH, "learning_rate": RATE,
        "lr_scheduler_type": "linear", "use_cpu": True, "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "logging_steps": 10,
    }  # fmt: skip


class Tokens:
    """A collator that counts the tokens it has passed on, but for padding."""

    def __init__(self, collator) -> None:
        self.collator = collator
        self.count = 0

    def __call__(self, samples):
        batch = self.collator(samples)
        self.count += int(batch["attention_mask"].sum()) if "attention_mask" in batch else batch["input_ids"].numel()
        return batch


def ticking(clock: Clock, tokens: Tokens):
    from transformers import TrainerCallback

    class Ticking(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            clock.step(tokens.count)

    return Ticking()


def padded(samples):
    import torch

    width = max(len(sample["input_ids"]) for sample in samples)

    def filled(name, value):
        return torch.tensor([[*sample[name], *[value] * (width - len(sample[name]))] for sample in samples])

    mask = [[1] * len(sample["input_ids"]) + [0] * (width - len(sample["input_ids"])) for sample in samples]
    return {"input_ids": filled("input_ids", 0), "labels": filled("labels", -100), "attention_mask": torch.tensor(mask)}


def encoded(folder: Path, name: str):
    from datasets import Dataset

    from sde_core.dataset import open_dataset
    from sde_core.train.encode import Encoder
    from sde_core.train.tokenizer import load_tokenizer

    dataset = open_dataset(folder / f"{name}.jsonl")
    dataset.read_all()
    encoder = Encoder(load_tokenizer(str(folder / "model")), recipe_of(folder, 1))
    samples = [sample for batch in dataset.batches(256, rows=range(len(dataset))) for sample in encoder.encode_all([turns for _, _, turns in batch])]
    columns = {"input_ids": [sample.ids.tolist() for sample in samples], "labels": [sample.labels.tolist() for sample in samples]}
    return Dataset.from_dict({**columns, "length": [len(ids) for ids in columns["input_ids"]]})


def cpu_plan():
    from sde_core.train.device import plan_device
    from sde_core.train.recipe import Recipe

    return plan_device(Recipe(device="cpu"))


def adapted(folder: Path):
    from transformers import set_seed

    from sde_core.train.model import load_model, with_adapter

    set_seed(0)
    recipe = recipe_of(folder, 1)
    return with_adapter(load_model(recipe, cpu_plan()), recipe, cpu_plan())


def unseen_loss(model, folder: Path) -> float:
    import torch

    model.eval().float()
    samples, total, count = list(encoded(folder, "unseen")), 0.0, 0
    with torch.no_grad():
        for start in range(0, len(samples), BATCH):
            batch = padded(samples[start : start + BATCH])
            trained = int((batch["labels"][:, 1:] != -100).sum())
            total, count = total + float(model(**batch).loss) * trained, count + trained
    return total / count


if __name__ == "__main__":
    main()
