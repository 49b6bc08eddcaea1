"""The loss of every row at every step, from the logits that the step computes anyway: no second softmax, no float32 copy of all logits."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sde_core.train.encode import IGNORED
from sde_core.train.row_loss_log import RowLosses, append_block, last_step_of, read_row_losses, row_losses_path

__all__ = ["RowLossRecorder", "RowLosses", "last_step_of", "read_row_losses", "row_losses_path", "token_losses"]

_CHUNK_BYTES = 64 << 20
"""Float32 logits that are held at a time."""


class RowLossRecorder:
    """Computes a batch's loss for the Trainer and keeps what each row contributes to it.

    Args:
        path: The file to append to, of this process alone.
        processes: How many processes train; the first of them marks what others recorded that an earlier attempt had and this one has not.

    Attributes:
        rows: int64[s], the row of each sample of the batch that comes next; None records nothing.
        segments: int64[b, k], which of these samples each token is of, where several share a sequence; None where each has its own.
        held_out: Whether that batch is only evaluated on.
    """

    def __init__(self, path: Path, processes: int | None = None) -> None:
        self._path = path
        self._processes = processes
        self._waiting: dict[bool, list[tuple[Any, Any, Any]]] = {False: [], True: []}
        self.rows: Any = None
        self.segments: Any = None
        self.held_out = False
        self._begun = False

    def loss(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """The loss of a batch as transformers' causal-LM loss has it: the sum over trained tokens divided by their number.

        Args:
            outputs: The model's, with logits as `token_losses` takes them.
            labels: int64[b, k], `IGNORED` where a token carries no loss.
            num_items_in_batch: Trained tokens of the whole optimizer step; those of this batch when omitted.
        """
        places = labels[:, 1:] != IGNORED
        each = token_losses(outputs["logits"], labels)
        if self.rows is not None:
            self._waiting[self.held_out].append(_summed(self.rows, self.segments, each.detach(), places))
        return each.sum() / (num_items_in_batch if num_items_in_batch is not None else places.sum().clamp(min=1))

    def held_out_sums(self) -> tuple[float, int]:
        """Sum of the losses of the held-out tokens since the last `write`, and how many they are; of this process alone."""
        batches = self._waiting[True]
        return sum(float(sums.cpu().double().sum()) for _, sums, _ in batches), sum(int(counts.sum()) for _, _, counts in batches)

    def write(self, step: int, *, held_out: bool, epoch: float | None = None) -> None:
        """Append what the batches since the last call have cost, as one block.

        Args:
            step: The optimizer step that they belong to.
            held_out: Which batches: those evaluated on, or those trained on.
            epoch: How many passes over the rows are done by now, as the Trainer counts them.
        """
        import torch

        batches, self._waiting[held_out] = self._waiting[held_out], []
        if not batches:
            return
        rows, sums, counts = (torch.cat([batch[part] for batch in batches]).cpu().numpy() for part in range(3))
        if not self._begun:
            self._mark_left_over(step)
        passes = max(math.ceil(epoch or 0) - 1, 0)
        append_block(self._path, step, rows, sums / np.maximum(counts, 1), counts, held_out=held_out, epoch=passes, begins=not self._begun)
        self._begun = True

    def _mark_left_over(self, step: int) -> None:
        """Processes that the run has no more repeat nothing themselves: what they recorded from this step on stands no longer."""
        folder, nothing = self._path.parent, np.zeros(0)
        first = self._path == row_losses_path(folder) and self._processes is not None
        for number in itertools.count(self._processes or 0):
            left = row_losses_path(folder, number)
            if not first or not left.exists():
                break
            append_block(left, step, nothing, nothing, nothing, begins=True)


def _summed(rows: Any, segments: Any, each: Any, places: Any) -> tuple[Any, Any, Any]:
    """Row, sum of the losses and count of trained tokens of each sample."""
    import torch

    if segments is None:
        segments = torch.arange(len(places), device=places.device)[:, None].expand(-1, places.shape[1] + 1)
    of_token = segments[:, 1:][places]
    sums = torch.zeros(len(rows), dtype=torch.float32, device=each.device).index_add_(0, of_token, each)
    return rows, sums, torch.bincount(of_token, minlength=len(rows))


def token_losses(logits: Any, labels: Any) -> Any:
    """Negative log-likelihood of every trained token, float32[n] in the order of the batch, whatever the logits' precision.

    Logits of masked tokens are never looked at, and those of trained ones are widened to float32 some megabytes at a time: where cross entropy keeps
    three copies of them for the way back, this keeps none.

    Args:
        logits: [b, k, v] of any floating type, the token at place i is predicted at i - 1; or [n, v], those of the n trained tokens alone.
        labels: int64[b, k], `IGNORED` where a token carries no loss.
    """
    import torch

    targets = labels[:, 1:]
    places = targets != IGNORED
    sample, token = torch.nonzero(places, as_tuple=True)
    chosen = None if logits.ndim == 2 else sample * logits.shape[1] + token
    losses = _token_losses().apply(logits, chosen, targets[places])
    return losses


@lru_cache(maxsize=1)
def _token_losses() -> Any:
    import torch

    class TokenLosses(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, logits: Any, places: Any, targets: Any) -> Any:
            flat = logits.reshape(-1, logits.shape[-1])
            normal, losses = torch.empty(2, len(targets), dtype=torch.float32, device=logits.device)
            for part in _chunks(len(targets), logits.shape[-1]):
                wide = flat[_chosen(places, part)].float()
                normal[part] = torch.logsumexp(wide, dim=-1)
                losses[part] = normal[part] - wide.gather(1, targets[part, None])[:, 0]
            ctx.save_for_backward(logits, places, targets, normal)
            return losses

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(ctx: Any, upstream: Any) -> tuple[Any, None, None]:
            """D loss / d logit = softmax - one at the target."""
            logits, places, targets, normal = ctx.saved_tensors
            flat = logits.reshape(-1, logits.shape[-1])
            slopes = torch.empty_like(flat) if places is None else torch.zeros_like(flat)
            for part in _chunks(len(targets), logits.shape[-1]):
                wide = flat[_chosen(places, part)].float().sub(normal[part, None]).exp_()
                wide[torch.arange(len(wide), device=wide.device), targets[part]] -= 1
                slopes[_chosen(places, part)] = wide.mul_(upstream[part, None]).to(slopes.dtype)
            return slopes.view(logits.shape), None, None

    return TokenLosses


def _chosen(places: Any, part: slice) -> Any:
    """Which of the logits are looked at: those at these places, or all of them where they are of trained tokens alone."""
    return part if places is None else places[part]


def _chunks(tokens: int, vocabulary: int) -> list[slice]:
    size = max(_CHUNK_BYTES // (4 * vocabulary), 1)
    return [slice(start, start + size) for start in range(0, tokens, size)]
