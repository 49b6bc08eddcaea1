"""Logits of the tokens that carry loss, and of no others: with a large vocabulary most of a small model's work, and most of its memory, is logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sde_core.train.encode import IGNORED


class TrainedLogits:
    """Makes a causal language model's last layer look only at the places where the next token carries loss.

    The loss and its gradients are what they are without it, since logits of other places have no part in them.

    Args:
        model: Any model with output embeddings, adapted or not; one without is left as it is.
    """

    def __init__(self, model: Any) -> None:
        self._labels: Any = None
        head = model.get_output_embeddings()
        if head is not None:
            head.register_forward_pre_hook(self._selected)

    @contextmanager
    def of(self, labels: Any) -> Iterator[None]:
        """Within this, the model's logits are [n, v]: those of the n trained tokens in the order of the batch.

        Args:
            labels: int64[b, k], `IGNORED` where a token carries no loss; None for all logits, [b, k, v].
        """
        self._labels = labels
        try:
            yield
        finally:
            self._labels = None

    def _selected(self, _head: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        labels = self._labels
        if labels is None or inputs[0].shape[:2] != labels.shape:
            return None
        sample, place = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        hidden = inputs[0].flatten(0, 1)
        return (hidden.index_select(0, sample * labels.shape[1] + place), *inputs[1:])
