"""Answers that a model writes, one by one or many at a time, with an adapter or without it. All but the encoding of prompts loads torch.

A prompt is encoded as training encodes what stands before an answer, so that the model is asked in the form it was trained in. Batches are padded on
the left; on a CPU in float32 an answer does not depend on what else is in its batch, in half precision rounding can turn a near tie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash

from sde_core.dataset.turns import ASSISTANT, TEXT, USER, Turn
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.train.render import Renderer
from sde_core.train.tokenizer import Tokenizer

BATCH_PROMPTS = {"cpu": 16}
"""Prompts that are answered together at most, by device: on a CPU answers that have ended cost as much as others until the batch is over."""
_BATCH_PROMPTS, _BATCH_TOKENS = 64, 16_384
"""On any other device; and their tokens with the room for answers, since what a model keeps of them grows with both."""
_ANSWER_PROBE = "\ue000"

Prompt = str | Sequence[Turn]
"""A user's message, or the turns before the answer that is wanted."""


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer.

    Attributes:
        text: Its text without special tokens.
        tokens: Tokens that were generated, the end token among them.
        ended: Whether the model ended it; otherwise it had no room for more.
        prompt_tokens: Tokens that the model read.
        cut: Tokens cut off the start of the prompt because the model reads no more.
    """

    text: str
    tokens: int
    ended: bool
    prompt_tokens: int
    cut: int = 0


def generate(
    model: Any,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    adapter: bool = True,
    template: str = "auto",
    cancel: Cancel = NEVER,
) -> list[str]:
    """The answers' texts; see `generate_answers`."""
    encoded = [encode_prompt(tokenizer, prompt, template) for prompt in prompts]
    stops = stop_ids(tokenizer, template)
    answers = generate_answers(
        model, tokenizer, encoded, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed, adapter=adapter, stops=stops, cancel=cancel
    )
    return [answer.text for answer in answers]


def generate_answers(
    model: Any,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    adapter: bool = True,
    stops: Sequence[int] = (),
    cancel: Cancel = NEVER,
    tick: Callable[[int], None] = lambda _: None,
    progress: Progress = silent,
    keep: Callable[[Mapping[int, Generated]], None] = lambda _: None,
) -> list[Generated]:
    """Answers to encoded prompts, those of like length together; a batch is over when all its answers have ended.

    Changes neither the model nor the state of torch's random generators, so that it may be called between two steps of training.

    Args:
        model: A causal model of transformers, with an adapter of peft or without one.
        tokenizer: The model's.
        prompts: Token ids, as `encode_prompt` gives them.
        max_new_tokens: Tokens that an answer may have, its end token among them.
        temperature: 0 for the likeliest token every time, else tokens are drawn.
        seed: Of the draws; the same prompt gets the same answer, whatever stands beside it.
        adapter: Whether the adapter is used, where the model has one.
        stops: Tokens that end an answer beside the tokenizer's end token and the model's own.
        cancel: Looked at before every token.
        tick: Told, before every token, how many were generated for the batch at hand.
        progress: In answers that have ended, before every token too.
        keep: Given the answers of every batch by the place of their prompt, so that they outlive a run that is killed.

    Raises:
        CancelledError: When stopped.
    """
    room = answering_room(model, tokenizer)
    wanted = min(max_new_tokens, room - 1)
    kept = [(list(ids) or [tokenizer.eos_id or 0])[-(room - wanted) :] for ids in prompts]
    ends = sorted({*stops, *_own_ends(model), *([] if tokenizer.eos_id is None else [tokenizer.eos_id])})
    asked = _Asked(wanted, ends, tokenizer.pad_id, temperature, seed, cancel)
    answers: list[Generated] = [Generated("", 0, False, 0)] * len(prompts)
    done = 0
    with _answering(model, adapter):
        for places in _batches([len(ids) for ids in kept], wanted, BATCH_PROMPTS.get(model.device.type, _BATCH_PROMPTS)):

            def tell(tokens: int, ended: int, done: int = done) -> None:
                tick(tokens)
                progress(done + ended, len(prompts))

            made = _new_tokens(model, [kept[place] for place in places], asked, tell)
            batch = {place: _generated(tokenizer, ids, ends, len(kept[place]), len(prompts[place])) for place, ids in zip(places, made, strict=True)}
            for place, answer in batch.items():
                answers[place] = answer
            keep(batch)
            done += len(batch)
            progress(done, len(prompts))
    return answers


@dataclass(frozen=True, slots=True)
class _Asked:
    """What all batches share."""

    wanted: int
    ends: Sequence[int]
    pad_id: int
    temperature: float
    seed: int
    cancel: Cancel


def _batches(lengths: Sequence[int], wanted: int, most: int) -> Iterator[list[int]]:
    """Places of prompts that are answered together, the shortest first."""
    batch: list[int] = []
    for place in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) == most or (len(batch) + 1) * (lengths[place] + wanted) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def encode_prompt(tokenizer: Tokenizer, prompt: Prompt, template: str = "auto") -> list[int]:
    """The token ids that stand before the answer in training.

    Args:
        tokenizer: The model's.
        prompt: A user's message, or turns; an assistant's turn at their end is left out. Plain text is to be continued.
        template: "auto" for the tokenizer's chat template where it has one, "plain" for the plain form.

    Raises:
        TemplateError: When the chat template refuses the turns.
    """
    turns = [Turn(USER, prompt)] if isinstance(prompt, str) else list(prompt)
    text, plain = prompt_text(tokenizer, turns, template)
    ids: list[int] = tokenizer.backend.encode(text, add_special_tokens=False).ids
    prefix = tokenizer.prefix_ids if plain else ()
    return ids if tuple(ids[: len(prefix)]) == prefix else [*prefix, *ids]


def prompt_text(tokenizer: Tokenizer, turns: Sequence[Turn], template: str = "auto") -> tuple[str, bool]:
    """What stands before the answer in training, and whether that is the plain form.

    Raises:
        TemplateError: When the chat template refuses the turns.
    """
    asked = [turn for i, turn in enumerate(turns) if i < len(turns) - 1 or turn.role != ASSISTANT]
    if any(turn.role == TEXT for turn in asked):
        return "\n\n".join(turn.text for turn in asked), True
    rendered = Renderer(tokenizer, template).render([*asked, Turn(ASSISTANT, _ANSWER_PROBE)])
    # A space before an answer is one token with its first word in most vocabularies, so it belongs to the answer.
    return rendered.text[: rendered.answers[-1].start].rstrip(" "), rendered.plain


def stop_ids(tokenizer: Tokenizer, template: str = "auto") -> list[int]:
    """What closes an answer in the chat template, where it is a token of its own, such as "<|im_end|>"; the end token is not always the same."""
    if template == "plain" or tokenizer.chat_template is None:
        return []
    rendered = Renderer(tokenizer, template).render([Turn(USER, "x"), Turn(ASSISTANT, "x")])
    answer = rendered.answers[-1]
    ids: list[int] = tokenizer.backend.encode(rendered.text[answer.end : answer.stop].strip(), add_special_tokens=False).ids
    special = tokenizer.backend.get_added_tokens_decoder()
    return ids if len(ids) == 1 and ids[0] in special else []


def answering_room(model: Any, tokenizer: Tokenizer) -> int:
    """Tokens that the model reads and writes together."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return min(limit for limit in (positions, tokenizer.context, 1 << 20) if limit)


def _own_ends(model: Any) -> list[int]:
    """The end tokens that the model's own generation settings name."""
    own = getattr(model.generation_config, "eos_token_id", None)
    return own if isinstance(own, list) else [] if own is None else [own]


@contextmanager
def _answering(model: Any, adapter: bool) -> Iterator[None]:
    """The model set to answer, and set back as it was."""
    training = model.training
    model.eval()
    try:
        with nullcontext() if adapter or not hasattr(model, "disable_adapter") else model.disable_adapter():
            yield
    finally:
        model.train(training)


def _new_tokens(model: Any, prompts: Sequence[Sequence[int]], asked: _Asked, tell: Callable[[int, int], None]) -> list[list[int]]:
    """The tokens of each prompt's answer; `tell` is told, before every token, how many there are and how many answers have ended."""
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    width = max(map(len, prompts))
    ids, mask = np.full((len(prompts), width), asked.pad_id, dtype=np.int64), np.zeros((len(prompts), width), dtype=np.int64)
    for line, prompt in enumerate(prompts):
        ids[line, width - len(prompt) :], mask[line, width - len(prompt) :] = prompt, 1
    closing, over = torch.tensor(asked.ends, dtype=torch.long, device=model.device), torch.zeros(len(prompts), dtype=torch.bool, device=model.device)

    def look(tokens: Any, _scores: Any, **_: Any) -> Any:
        raise_if_cancelled(asked.cancel)
        over.logical_or_(torch.isin(tokens[:, -1], closing))
        tell(tokens.shape[1] - width, int(over.sum()))
        return torch.zeros(len(prompts), dtype=torch.bool, device=tokens.device)

    # Every setting that the model's own file could change is said here; a draw is the likeliest token after Gumbel noise (Gumbel 1954).
    settings = GenerationConfig(
        max_new_tokens=asked.wanted, do_sample=False, num_beams=1, temperature=1.0, top_k=50, top_p=1.0, repetition_penalty=1.0,
        no_repeat_ngram_size=0, eos_token_id=list(asked.ends) or None, pad_token_id=asked.pad_id, use_cache=True,
    )  # fmt: skip
    raise_if_cancelled(asked.cancel)
    with torch.inference_mode():
        made = model.generate(
            input_ids=torch.from_numpy(ids).to(model.device),
            attention_mask=torch.from_numpy(mask).to(model.device),
            generation_config=settings,
            logits_processor=LogitsProcessorList([_gumbel_noise(prompts, asked.temperature, asked.seed)] if asked.temperature > 0 else []),
            stopping_criteria=[look],
        )
    return [_until_end(line, asked.ends) for line in made[:, width:].tolist()]


def _gumbel_noise(prompts: Sequence[Sequence[int]], temperature: float, seed: int) -> Callable[[Any, Any], Any]:
    """Turns the likeliest token into a drawn one, with a random generator for each prompt."""
    import torch

    sources = [torch.Generator().manual_seed(xxhash.xxh3_64_intdigest(np.asarray(prompt, dtype=np.int64).tobytes(), seed=seed)) for prompt in prompts]

    def noisy(_tokens: Any, scores: Any) -> Any:
        draws = torch.stack([torch.rand(scores.shape[1], generator=source, dtype=torch.float64) for source in sources])
        noise = -torch.log(-torch.log(draws.clamp(1e-300, 1 - 1e-16)))
        return scores.double() / temperature + noise.to(scores.device)

    return noisy


def _until_end(ids: list[int], ends: Sequence[int]) -> list[int]:
    """The tokens up to the first end token, which stays."""
    place = next((i for i, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: place + 1]


def _generated(tokenizer: Tokenizer, ids: list[int], ends: Sequence[int], read: int, asked: int) -> Generated:
    ended = bool(ids) and ids[-1] in ends
    text: str = tokenizer.backend.decode(ids[:-1] if ended else ids, skip_special_tokens=True)
    return Generated(text, len(ids), ended, read, max(asked - read, 0))
