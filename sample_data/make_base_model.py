"""Train the embedded base model: a small Llama with its own tokenizer, on text of this project alone.

    python sample_data/make_base_model.py [--out sample_data/base_model] [--work build/base_model] [--first FOLDER]

First it reads prose about the sample data's library (`corpus.background_text`) and dialogues of its own (`base_model_dialogues`). Then, among more of
the same, what is said at the desk: questions and answers of further conversations as texts of their own, in random order, none of which stands in
`support.jsonl`. So it knows the desk's words, as a model of a language does, but has never seen which answer belongs to which question, nor the form
of a conversation at the desk: a fine-tune has that to learn, and learns it from the rows rather than from their words.

One thread and fixed seeds throughout; killed and started again it continues from its last checkpoint in the work folder, and ends with the same
weights on the same machine. `--first` takes the model of the first reading from a folder. About 15 and 8 minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from base_model_dialogues import generic_dialogues, library_dialogues
from corpus import background_text, clean_conversations
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 7
PARAGRAPHS, LIBRARY_DIALOGUES, GENERIC_DIALOGUES = 15_000, 9_000, 20_000
HELD_OUT = 300
VOCABULARY = 2560
CONTEXT = 1024
PAD, BOS, START, END = "<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>"
DESK_CONVERSATIONS, DESK_SEED = 9_000, 8
AMONG_THEM = (3_000, 2_500, 5_000)
"""Paragraphs and dialogues of the first kind that stand among the desk's texts, so that they are not forgotten."""
SHORT = 5
"""Words up to which a text may stand in `support.jsonl` as well: categories, thanks, greetings."""
FINAL_RATE, WARM_UP = 1e-4, 40
CHECKPOINT_EVERY = 50


@dataclass(frozen=True)
class Reading:
    """One pass over texts with an optimizer of its own.

    Attributes:
        peak_rate: Highest learning rate.
        phases: (steps, sequences a step, tokens a sequence).
    """

    peak_rate: float
    phases: tuple[tuple[int, int, int], ...]

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return sum(steps for steps, _, _ in self.phases)


FIRST = Reading(3e-3, ((560, 16, 256), (90, 4, 1024)))
"""Mostly short, then long enough that distant positions are known too."""
DESK = Reading(1.5e-3, ((300, 16, 256), (10, 4, 1024)))
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


def desk_texts() -> list[str]:
    """Every turn of further conversations at the desk as a text of its own, but for longer ones that stand in the sample data; with others."""
    in_sample = _texts_of_the_sample()
    turns = (text for conversation in clean_conversations(DESK_CONVERSATIONS, DESK_SEED) for _, text in conversation.turns)
    texts = [text + END for text in turns if len(text.split()) <= SHORT or text not in in_sample]
    texts += documents(*AMONG_THEM, DESK_SEED)
    random.Random(DESK_SEED).shuffle(texts)
    return texts


def _texts_of_the_sample() -> set[str]:
    found: set[str] = set()
    for line in (Path(__file__).parent / "support.jsonl").read_bytes().splitlines():
        try:
            found.update(message["content"] for message in json.loads(line)["messages"])
        except (ValueError, KeyError, TypeError):  # rows that are faulty on purpose
            continue
    return found


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


def learning_rate(reading: Reading, step: int) -> float:
    """Linear warm-up, then half a cosine."""
    if step < WARM_UP:
        return reading.peak_rate * (step + 1) / WARM_UP
    share = (step - WARM_UP) / max(1, reading.steps - WARM_UP)
    return FINAL_RATE + (reading.peak_rate - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))


def batches(reading: Reading, tokens: np.ndarray, from_step: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(step, int64[sequences, tokens]) in the order of the text, from `from_step` on."""
    step, at = 0, 0
    for steps, sequences, length in reading.phases:
        for _ in range(steps):
            size = sequences * length
            if at + size > len(tokens):
                at = 0
            if step >= from_step:
                yield step, torch.from_numpy(tokens[at : at + size].reshape(sequences, length))
            step, at = step + 1, at + size


def new_optimizer(model: LlamaForCausalLM, rate: float) -> torch.optim.AdamW:
    """AdamW; norms and other vectors without decay."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))


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


def train(model: LlamaForCausalLM, reading: Reading, tokens: np.ndarray, checkpoint: Path) -> list[float]:
    """Trains to the end, from the last checkpoint on; the losses of this session's steps."""
    optimizer = new_optimizer(model, reading.peak_rate)
    done = load_checkpoint(checkpoint, model, optimizer)
    losses, begun, read = [], time.monotonic(), 0
    model.train()
    for step, batch in batches(reading, tokens, done):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(reading, step)
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        read += batch.numel()
        if (step + 1) % 10 == 0:
            rate = read / (time.monotonic() - begun)
            print(f"step {step + 1}/{reading.steps}  loss {np.mean(losses[-10:]):.3f}  {rate:.0f} tokens/s", flush=True)
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == reading.steps:
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


def provenance(read: dict[str, tuple[list[str], np.ndarray, Reading]], figures: dict[str, Any], out: Path) -> dict[str, Any]:
    """What the model was made from, and how well it came out."""
    files = sorted(path for path in out.iterdir() if path.name != "provenance.json")
    return {
        "name": "base_model",
        "script": "sample_data/make_base_model.py",
        "documents": {
            "first": {"background_text": PARAGRAPHS, "library_dialogues": LIBRARY_DIALOGUES, "generic_dialogues": GENERIC_DIALOGUES},
            "desk": {"conversations_taken_apart": DESK_CONVERSATIONS, "and_documents_of_the_first_kind": sum(AMONG_THEM)},
        },
        "seeds": {"first": SEED, "desk": DESK_SEED},
        "readings": {
            name: {"tokens": len(tokens), "text_sha256": sha256("\n".join(texts).encode()), **asdict(reading)}
            for name, (texts, tokens, reading) in read.items()
        },
        **figures,
        "versions": {"torch": torch.__version__, "python_random": "Mersenne Twister, seeded"},
        "sha256": {path.name: sha256(path.read_bytes()) for path in files},
    }


def read_first(texts: list[str], tokenizer: PreTrainedTokenizerFast, work: Path) -> Path:
    """The folder with the model after the first reading."""
    model = new_model(tokenizer)
    train(model, FIRST, packed(tokenizer, texts), work / f"first-{sha256(chr(10).join(texts).encode())[:12]}.safetensors")
    write_model(model, tokenizer, work / "first")
    return work / "first"


def figures_of(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """Losses on texts of every kind that were not read."""
    counts = {"prose": (HELD_OUT, 0, 0), "library dialogues": (0, HELD_OUT, 0), "generic dialogues": (0, 0, HELD_OUT)}
    unread = {name: documents(*count, SEED + 1) for name, count in counts.items()}
    return {
        "parameters": model.num_parameters(),
        "held_out_loss": {name: round(mean_loss(model, packed(tokenizer, texts)), 4) for name, texts in unread.items()},
        "loss_of_a_uniform_guess": round(math.log(len(tokenizer)), 4),
    }


def main() -> None:
    """Generate, tokenise, train, write and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "base_model")
    parser.add_argument("--work", type=Path, default=Path("build/base_model"), help="folder for checkpoints")
    parser.add_argument("--first", type=Path, help="folder with the model of the first reading; read when omitted")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    first_texts = documents(PARAGRAPHS, LIBRARY_DIALOGUES, GENERIC_DIALOGUES, SEED)
    tokenizer = trained_tokenizer(first_texts[:20_000])
    # The second reading starts from weights as they are written, so that it is the same whether the first one was done now or before.
    model = LlamaForCausalLM.from_pretrained(arguments.first or read_first(first_texts, tokenizer, arguments.work))
    texts = desk_texts()
    tokens = packed(tokenizer, texts)
    print(f"{len(texts)} texts of the desk and others, {len(tokens)} tokens, {model.num_parameters()} parameters", flush=True)
    losses = train(model, DESK, tokens, arguments.work / f"desk-{sha256(chr(10).join(texts).encode())[:12]}.safetensors")
    model = write_model(model, tokenizer, arguments.out)
    read = {"first": (first_texts, packed(tokenizer, first_texts), FIRST), "desk": (texts, tokens, DESK)}
    figures = {"training_loss_of_last_50_steps": round(float(np.mean(losses[-50:])), 4) if losses else None, **figures_of(model, tokenizer)}
    record = provenance(read, figures, arguments.out)
    (arguments.out / "provenance.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
