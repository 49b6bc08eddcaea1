"""Train the embedded base model: a small Llama with its own tokenizer, on text of this project alone.

    python sample_data/make_base_model.py [--out sample_data/base_model] [--work build/base_model]

It reads prose about the sample data's library (`corpus.background_text`) and dialogues of its own (`base_model_dialogues`), but none of the desk's
conversations that `support.jsonl` is made of: a fine-tune on those has something to learn. One thread and a fixed seed throughout; killed and started
again it continues from its last checkpoint in the work folder, and ends with the same weights on the same machine. About 15 minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from base_model_dialogues import generic_dialogues, library_dialogues
from corpus import background_text
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 7
PARAGRAPHS, LIBRARY_DIALOGUES, GENERIC_DIALOGUES = 15_000, 9_000, 20_000
HELD_OUT = 300
VOCABULARY = 2560
CONTEXT = 1024
PAD, BOS, START, END = "<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>"
PHASES = ((560, 16, 256), (90, 4, 1024))
"""(steps, sequences a step, tokens a sequence): mostly short, then long enough that distant positions are known too."""
PEAK_RATE, FINAL_RATE, WARM_UP = 3e-3, 1e-4, 40
CHECKPOINT_EVERY = 50
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def rendered(messages: list[dict[str, str]]) -> str:
    """A conversation as the chat template writes it, without the first token."""
    return "".join(f"{START}{message['role']}\n{message['content']}{END}\n" for message in messages)


def documents(paragraphs: int, library: int, generic: int, seed: int) -> list[str]:
    """Prose and conversations in one random order; every document ends as an answer ends."""
    texts = [text + END for text in background_text(paragraphs, seed)]
    texts += [rendered(messages) for messages in library_dialogues(library, seed)]
    texts += [rendered(messages) for messages in generic_dialogues(generic, seed)]
    random.Random(seed).shuffle(texts)
    return texts


def trained_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE, so that any text encodes and comes back; digits stand alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=3,
        special_tokens=[PAD, BOS, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.replace(START, "").replace(END, "") for text in texts), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        additional_special_tokens=[START],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        padding_side="right",
        chat_template=CHAT_TEMPLATE,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """2.5 M parameters with random weights."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


def packed(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> np.ndarray:
    """int64[tokens]: all documents one after the other, each behind a first token."""
    encodings = tokenizer.backend_tokenizer.encode_batch_fast(texts)
    return np.concatenate([np.asarray(encoding.ids, np.int64) for encoding in encodings])


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    share = (step - WARM_UP) / max(1, steps - WARM_UP)
    return FINAL_RATE + (PEAK_RATE - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))


def batches(tokens: np.ndarray, from_step: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(step, int64[sequences, tokens]) in the order of the text, from `from_step` on."""
    step, at = 0, 0
    for steps, sequences, length in PHASES:
        for _ in range(steps):
            size = sequences * length
            if at + size > len(tokens):
                at = 0
            if step >= from_step:
                yield step, torch.from_numpy(tokens[at : at + size].reshape(sequences, length))
            step, at = step + 1, at + size


def new_optimizer(model: LlamaForCausalLM) -> torch.optim.AdamW:
    """AdamW; norms and other vectors without decay."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95))


def save_checkpoint(path: Path, model: LlamaForCausalLM, optimizer: torch.optim.AdamW, step: int) -> None:
    """Weights and both moments after `step` steps; whole or not at all."""
    tensors = {}
    for name, parameter in model.named_parameters():
        state = optimizer.state[parameter]
        tensors.update({f"weight.{name}": parameter.detach(), f"first.{name}": state["exp_avg"], f"second.{name}": state["exp_avg_sq"]})
    save_file({**tensors, "step": torch.tensor(step)}, path.with_suffix(".partial"))
    path.with_suffix(".partial").replace(path)


def load_checkpoint(path: Path, model: LlamaForCausalLM, optimizer: torch.optim.AdamW) -> int:
    """Steps done; 0 where there is no checkpoint."""
    if not path.exists():
        return 0
    tensors = load_file(path)
    step = int(tensors["step"])
    for name, parameter in model.named_parameters():
        parameter.data.copy_(tensors[f"weight.{name}"])
        moments = {"exp_avg": tensors[f"first.{name}"], "exp_avg_sq": tensors[f"second.{name}"]}
        optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
    return step


def train(model: LlamaForCausalLM, tokens: np.ndarray, checkpoint: Path) -> list[float]:
    """Trains to the end, from the last checkpoint on; the losses of this session's steps."""
    optimizer = new_optimizer(model)
    done = load_checkpoint(checkpoint, model, optimizer)
    steps = sum(phase[0] for phase in PHASES)
    losses, begun, read = [], time.monotonic(), 0
    model.train()
    for step, batch in batches(tokens, done):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        read += batch.numel()
        if (step + 1) % 10 == 0:
            rate = read / (time.monotonic() - begun)
            print(f"step {step + 1}/{steps}  loss {np.mean(losses[-10:]):.3f}  {rate:.0f} tokens/s", flush=True)
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps:
            save_checkpoint(checkpoint, model, optimizer, step + 1)
    return losses


@torch.inference_mode()
def mean_loss(model: LlamaForCausalLM, tokens: np.ndarray) -> float:
    """Nats a token over windows of 512."""
    model.eval()
    windows = torch.from_numpy(tokens[: len(tokens) // 512 * 512].reshape(-1, 512))
    return float(np.mean([float(model(input_ids=window[None], labels=window[None]).loss) for window in windows]))


def write_model(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> LlamaForCausalLM:
    """Writes weights rounded to bfloat16 that load as float32 (training on a CPU needs that); the model as it will load."""
    generation = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    model.generation_config = GenerationConfig(**generation, max_new_tokens=128)
    model.to(torch.bfloat16).save_pretrained(out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    (out / "config.json").write_text(json.dumps({**config, "dtype": "float32"}, indent=2) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(out)
    return LlamaForCausalLM.from_pretrained(out)


def sha256(data: bytes) -> str:
    """The hash of one file or text."""
    return hashlib.sha256(data).hexdigest()


def provenance(texts: list[str], tokens: np.ndarray, figures: dict[str, Any], out: Path) -> dict[str, Any]:
    """What the model was made from, and how well it came out."""
    files = sorted(path for path in out.iterdir() if path.name != "provenance.json")
    return {
        "name": "base_model",
        "script": "sample_data/make_base_model.py",
        "documents": {"background_text": PARAGRAPHS, "library_dialogues": LIBRARY_DIALOGUES, "generic_dialogues": GENERIC_DIALOGUES},
        "seed": SEED,
        "tokens": len(tokens),
        "text_sha256": sha256("\n".join(texts).encode()),
        "phases": [dict(zip(("steps", "sequences", "length"), phase, strict=True)) for phase in PHASES],
        **figures,
        "versions": {"torch": torch.__version__, "python_random": "Mersenne Twister, seeded"},
        "sha256": {path.name: sha256(path.read_bytes()) for path in files},
    }


def main() -> None:
    """Generate, tokenise, train, write and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "base_model")
    parser.add_argument("--work", type=Path, default=Path("build/base_model"), help="folder for checkpoints")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    texts = documents(PARAGRAPHS, LIBRARY_DIALOGUES, GENERIC_DIALOGUES, SEED)
    work = arguments.work / sha256("\n".join(texts).encode())[:12]
    work.mkdir(parents=True, exist_ok=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = trained_tokenizer(texts[:20_000])
    tokens = packed(tokenizer, texts)
    model = new_model(tokenizer)
    print(f"{len(texts)} documents, {len(tokens)} tokens, {model.num_parameters()} parameters", flush=True)
    losses = train(model, tokens, work / "checkpoint.safetensors")
    model = write_model(model, tokenizer, arguments.out)
    counts = {"prose": (HELD_OUT, 0, 0), "library dialogues": (0, HELD_OUT, 0), "generic dialogues": (0, 0, HELD_OUT)}
    held_out = {name: packed(tokenizer, documents(*count, SEED + 1)) for name, count in counts.items()}
    figures = {
        "parameters": model.num_parameters(),
        "training_loss_of_last_50_steps": round(float(np.mean(losses[-50:])), 4) if losses else None,
        "held_out_loss": {name: round(mean_loss(model, tokens), 4) for name, tokens in held_out.items()},
        "loss_of_a_uniform_guess": round(math.log(len(tokenizer)), 4),
    }
    record = provenance(texts, tokens, figures, arguments.out)
    (arguments.out / "provenance.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
