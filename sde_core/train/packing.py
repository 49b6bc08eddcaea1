"""Several samples in one sequence, none of which sees another: less padding than batches of single samples where lengths differ much."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Any

import numpy as np

from sde_core.errors import UsageError

_PROBED_TOKENS = 6
"""Of each of two short samples, on which a model shows whether it keeps packed samples apart."""


def best_fit_decreasing(lengths: Sequence[int] | np.ndarray, capacity: int) -> list[list[int]]:
    """Which samples share a sequence: the longest first, each into the fullest sequence that still has room for it.

    The heuristic of Johnson et al. 1974 (at most 11/9 of the fewest sequences possible, and one); what TRL calls "bfd".

    Args:
        lengths: int[n], tokens of every sample, none above `capacity`.
        capacity: Tokens that a sequence holds.

    Returns:
        Positions of samples, a list a sequence; every sample in one of them.
    """
    bins: list[list[int]] = []
    room: list[int] = []
    """Spaces that are left somewhere, ascending, each once."""
    open_bins: dict[int, list[int]] = {}
    for sample in np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").tolist():
        length = int(lengths[sample])
        at = bisect_left(room, length)
        if at == len(room):
            bins.append([sample])
            bin_, left = len(bins) - 1, capacity - length
        else:
            space = room[at]
            bin_, left = open_bins[space].pop(), space - length
            bins[bin_].append(sample)
            if not open_bins[space]:
                del room[at], open_bins[space]
        if left > 0:
            if left not in open_bins:
                insort(room, left)
            open_bins.setdefault(left, []).append(bin_)
    return bins


def refuse_if_samples_leak(model: Any, *, flat: bool) -> None:
    """Run the model on two short samples packed together, twice with another first one: the second must not notice.

    Transformers tells packed samples by positions that start again, and only without a cache; models that do not look at positions (state
    spaces, some older architectures) would silently read on from one sample into the next.

    Args:
        model: What is about to be trained, as it is about to be.
        flat: Whether batches are one long sequence, which flash attention takes apart itself.

    Raises:
        UsageError: When the second sample's logits depend on the first.
    """
    import torch

    vocabulary = int(model.get_input_embeddings().weight.shape[0])
    drawn = torch.tensor(np.random.default_rng(0).integers(0, vocabulary, (3, _PROBED_TOKENS)), device=model.device)
    drawn[1] = (drawn[0] + 1) % vocabulary
    pairs = torch.stack([torch.cat([drawn[0], drawn[2]]), torch.cat([drawn[1], drawn[2]])])
    positions = torch.arange(_PROBED_TOKENS, device=model.device).repeat(2).expand(2, -1)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        batches = [pairs[:1], pairs[1:]] if flat else [pairs]
        logits = torch.cat([model(input_ids=batch, position_ids=positions[: len(batch)]).logits for batch in batches])
    model.train(was_training)
    first, second = logits[0, _PROBED_TOKENS:].float(), logits[1, _PROBED_TOKENS:].float()
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-4):
        raise UsageError(
            "This model does not keep packed samples apart: one would be read as the continuation of another.",
            "Set --set packing=false; group_by_length wastes little on padding too.",
        )
