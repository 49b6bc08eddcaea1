"""What a model's answers to rows cost: the loss of each row, computed on a model that is already loaded. Loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.evaluate.causal_loss import LOGITS_PER_BATCH, TOKENS_PER_BATCH, batches_by_length
from sde_core.progress import NEVER, Cancel, raise_if_cancelled
from sde_core.train.encode import IGNORED
from sde_core.train.samples import Collator, Sample


@dataclass(frozen=True)
class HeldOutLoss:
    """Losses by row, rows ascending.

    Attributes:
        rows: int64[n], record positions.
        sums: float64[n], negative log-likelihood of the row's trained tokens together, in nats.
        tokens: int64[n], how many those are.
    """

    rows: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]

    @property
    def means(self) -> npt.NDArray[np.float64]:
        """float64[n], loss a token of each row."""
        return self.sums / np.maximum(self.tokens, 1)


def held_out_loss(model: Any, samples: Sequence[Sample], pad_id: int, *, cancel: Cancel = NEVER) -> HeldOutLoss:
    """The loss of every row, the samples of a row that was split taken together.

    Args:
        model: A causal model of transformers, with an adapter or without one.
        samples: What is evaluated.
        pad_id: What fills up a batch.
        cancel: Looked at between batches.

    Raises:
        CancelledError: When stopped.
    """
    import torch

    collate, training = Collator(pad_id), model.training
    room = max(256, min(TOKENS_PER_BATCH, LOGITS_PER_BATCH // int(model.config.get_text_config().vocab_size)))
    sums, counts = np.zeros(len(samples)), np.zeros(len(samples), np.int64)
    model.eval()
    try:
        with torch.inference_mode():
            for places in batches_by_length([len(sample.ids) for sample in samples], room):
                raise_if_cancelled(cancel)
                sums[places], counts[places] = _of_batch(model, collate([samples[place] for place in places]))
    finally:
        model.train(training)
    rows, place_of = np.unique(np.array([sample.row for sample in samples], np.int64), return_inverse=True)
    of_row, tokens = np.zeros(len(rows)), np.zeros(len(rows), np.int64)
    np.add.at(of_row, place_of, sums)
    np.add.at(tokens, place_of, counts)
    return HeldOutLoss(rows, of_row, tokens)


def _of_batch(model: Any, batch: dict[str, Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    import torch

    labels = batch["labels"][:, 1:].to(model.device)
    logits = model(input_ids=batch["input_ids"].to(model.device), attention_mask=batch["attention_mask"].to(model.device), use_cache=False).logits
    trained = labels != IGNORED
    each = torch.nn.functional.cross_entropy(logits[:, :-1][trained].float(), labels[trained], reduction="none").double()
    of_row = torch.repeat_interleave(torch.arange(len(labels), device=labels.device), trained.sum(dim=1))
    sums = torch.zeros(len(labels), dtype=torch.float64, device=labels.device).index_add_(0, of_row, each)
    return sums.cpu().numpy(), trained.sum(dim=1).cpu().numpy()
