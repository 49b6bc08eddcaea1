"""What a design costs and how a base model takes it: tokens of its samples, and their perplexity before any tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sde_core.dataset import Turn, Turns
from sde_core.dataset.turns import ASSISTANT, USER
from sde_core.design.sample import Sample
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.train.encode import Encoded, Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer


@dataclass(frozen=True, slots=True)
class DesignTokens:
    """Tokens of the samples of one design, before anything is cut.

    Attributes:
        samples: How many there are.
        tokens: Of all samples together, which is an epoch.
        trained: Those that carry loss.
        longest: Of the longest sample.
        too_long: Samples that have more tokens than the recipe lets one have.
    """

    samples: int
    tokens: int
    trained: int
    longest: int
    too_long: int = 0


@dataclass(frozen=True, slots=True)
class DesignPerplexity:
    """Perplexity of the samples of one design under a model: exp of the mean negative log-likelihood of their tokens.

    Attributes:
        prompt: Of all tokens before the answer, the first of each sample left out, since nothing stands before it.
        output: Of the tokens of answers and their end.
        vocabulary: How many tokens there are, which is the perplexity of a blind guess.
    """

    prompt: float
    output: float
    vocabulary: int = 0


def sample_turns(sample: Sample) -> Turns:
    """A sample as the one `encode` takes it."""
    return Turns((Turn(USER, sample.prompt), Turn(ASSISTANT, sample.answer)))


def design_encoder(model: str, *, loss_on_input: bool = False, recipe: Recipe | None = None) -> Encoder:
    """The encoder that training would use for samples of a design.

    Args:
        model: A folder, a hub name, or "" for the base model that comes with sde.
        loss_on_input: Whether the design has loss on the input; what the recipe says of it does not count.
        recipe: How it would be trained but for these, the defaults when omitted.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
    """
    return Encoder(load_tokenizer(model), replace(recipe or Recipe(), model=model, completion_only=not loss_on_input))


def design_tokens(samples: Sequence[Sample], encoder: Encoder, *, cancel: Cancel = NEVER, progress: Progress = silent) -> DesignTokens:
    """Tokens of the samples.

    Args:
        samples: In one design.
        encoder: From `design_encoder`.
        cancel: Looked at between some hundreds of samples.
        progress: In samples.

    Raises:
        CancelledError: When stopped.
    """
    tokens = trained = longest = too_long = 0
    for start in range(0, len(samples), _ENCODED_AT_ONCE):
        raise_if_cancelled(cancel)
        for one in encoder.encode_all([sample_turns(sample) for sample in samples[start : start + _ENCODED_AT_ONCE]]):
            tokens, trained, longest = tokens + one.n_tokens, trained + int(one.full_trained.sum()), max(longest, one.n_tokens)
            too_long += one.n_tokens > encoder.max_length
        progress(min(start + _ENCODED_AT_ONCE, len(samples)), len(samples))
    return DesignTokens(len(samples), tokens, trained, longest, too_long)


_ENCODED_AT_ONCE = 500


def design_perplexity(
    samples: Sequence[Sample],
    model: str,
    *,
    recipe: Recipe | None = None,
    loaded: Any = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> DesignPerplexity:
    """Perplexity of the samples under a model that was not tuned on them.

    Args:
        samples: In one design, at least one.
        model: A folder, a hub name, or "" for the base model that comes with sde.
        recipe: Its chat template and length are looked at; the defaults when omitted.
        loaded: The model itself, where it is loaded already; it is used as it is.
        cancel: Looked at between batches.
        progress: In samples.

    Raises:
        ModelError: When the model cannot be loaded.
        MissingExtraError: When torch or transformers is not installed.
        CancelledError: When stopped.
    """
    from sde_core.evaluate.causal_loss import CausalLoss

    encoder = design_encoder(model, recipe=recipe)
    encoded = encoder.encode_all([sample_turns(sample) for sample in samples])
    computer = CausalLoss(model, encoder.tokenizer.pad_id, cancel, loaded=loaded)
    sequences = [(one.ids, np.arange(len(one.ids)) > 0) for one in encoded]
    losses = computer.token_losses(sequences, lambda done: progress(done, len(sequences)))
    outputs = [_carries_loss(one) for one in encoded]
    return DesignPerplexity(
        _perplexity([loss[np.cumsum(output) == 0] for loss, output in zip(losses, outputs, strict=True)]),
        _perplexity([loss[output] for loss, output in zip(losses, outputs, strict=True)]),
        encoder.tokenizer.backend.get_vocab_size(),
    )


def _carries_loss(encoded: Encoded) -> np.ndarray:
    """bool[k - 1]: which tokens after the first belong to the answer."""
    carries: np.ndarray = encoded.full_trained[encoded.kept][1:]
    return carries


def _perplexity(losses: Sequence[np.ndarray]) -> float:
    together = np.concatenate(losses) if losses else np.empty(0)
    return float(np.exp(together.mean())) if len(together) else float("nan")
