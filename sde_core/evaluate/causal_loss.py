"""Losses of tokens under a causal language model, in batches of like length. Everything here loads torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sde_core.errors import MissingExtraError
from sde_core.progress import Cancel, raise_if_cancelled
from sde_core.train.device import DevicePlan, plan_device
from sde_core.train.model import load_model
from sde_core.train.recipe import Recipe

TokenSequence = tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]
"""Token ids int32[k], and which of them the loss is wanted of, bool[k]; the first never is."""

LOGITS_PER_BATCH = 1 << 25
TOKENS_PER_BATCH = 8192
EQUAL_WITHIN = 1e-2
"""bf16 is used where it moves no mean loss of the first rows by more than this."""
PROBED = 16


class CausalLoss:
    """A model that is asked for the losses of tokens.

    Args:
        model: A folder, a hub name, or "" for the base model that comes with sde.
        pad_id: What fills up a batch.
        cancel: Looked at between batches.
        loaded: The model itself, where it is loaded already; it is used where and as precise as it is.

    Raises:
        ModelError: When the model cannot be loaded.
        MissingExtraError: When torch or transformers is not installed.
    """

    def __init__(self, model: str, pad_id: int, cancel: Cancel, *, loaded: Any = None) -> None:
        try:
            self._plan = plan_device(Recipe(model=model))
        except ImportError as error:
            raise MissingExtraError("Losses of answers need torch and transformers.", "pip install 'sde[ml]'") from error
        self._recipe, self._pad_id, self._cancel = Recipe(model=model), pad_id, cancel
        if loaded is not None:
            self._bf16_wanted, self._plan, self._model = False, replace(self._plan, device=loaded.device.type), loaded
            return
        self._bf16_wanted = self._plan.precision == "bf16" or (self._plan.device == "cpu" and has_bf16_units())
        self._plan = replace(self._plan, precision="float32")
        self._model = self._loaded(self._plan)

    @property
    def device_words(self) -> str:
        """The device and the precision in words."""
        return f"{self._plan.name}, {self._plan.precision}"

    def token_losses(self, sequences: Sequence[TokenSequence], tick: Callable[[int], None] = lambda _: None) -> list[npt.NDArray[np.float64]]:
        """Negative log-likelihoods of the wanted tokens of each sequence.

        Args:
            sequences: Token ids, and which of the tokens are wanted.
            tick: Told how many sequences are done.

        Returns:
            One float64 array a sequence, in nats, its wanted tokens in order.

        Raises:
            CancelledError: When stopped.
        """
        if self._bf16_wanted and len(sequences) >= PROBED:
            self._try_bf16(sequences[:PROBED])
        found: list[npt.NDArray[np.float64]] = [np.empty(0)] * len(sequences)
        done = 0
        for batch in batches_by_length([len(ids) for ids, _ in sequences], self._tokens_per_batch()):
            raise_if_cancelled(self._cancel)
            for place, losses in zip(batch, self._of_batch([sequences[place] for place in batch]), strict=True):
                found[place] = losses
            done += len(batch)
            tick(done)
        return found

    def _of_batch(self, batch: Sequence[TokenSequence]) -> list[npt.NDArray[np.float64]]:
        import torch

        width = max(len(ids) for ids, _ in batch)
        ids, mask = np.full((len(batch), width), self._pad_id, dtype=np.int64), np.zeros((len(batch), width), dtype=np.int64)
        for line, (tokens, _) in enumerate(batch):
            ids[line, : len(tokens)], mask[line, : len(tokens)] = tokens, 1
        lines, places = zip(*((np.full(int(wanted.sum()), line), np.flatnonzero(wanted)) for line, (_, wanted) in enumerate(batch)), strict=True)
        line, place = (torch.from_numpy(np.concatenate(parts)).to(self._plan.device) for parts in (lines, places))
        with torch.inference_mode():
            tokens = torch.from_numpy(ids).to(self._plan.device)
            logits = self._model(input_ids=tokens, attention_mask=torch.from_numpy(mask).to(self._plan.device), use_cache=False).logits
            losses = torch.nn.functional.cross_entropy(logits[line, place - 1].float(), tokens[line, place], reduction="none")
        return np.split(losses.double().cpu().numpy(), np.cumsum([len(part) for part in places])[:-1])

    def _tokens_per_batch(self) -> int:
        return max(256, min(TOKENS_PER_BATCH, LOGITS_PER_BATCH // int(self._model.config.vocab_size)))

    def _try_bf16(self, probe: Sequence[TokenSequence]) -> None:
        """Goes over to bf16 where that is equal on the probe and, on a CPU, faster."""
        self._bf16_wanted = False
        exact, exact_s = self._probed(probe)
        full, self._model = self._model, self._loaded(replace(self._plan, precision="bf16"))
        rough, rough_s = self._probed(probe)
        if np.abs(exact - rough).max() <= EQUAL_WITHIN and (self._plan.device != "cpu" or rough_s < exact_s):
            self._plan = replace(self._plan, precision="bf16")
        else:
            self._model = full

    def _probed(self, probe: Sequence[TokenSequence]) -> tuple[npt.NDArray[np.float64], float]:
        self._of_batch(probe)
        started = time.perf_counter()
        losses = self._of_batch(probe)
        return np.asarray([part.mean() for part in losses if len(part)]), time.perf_counter() - started

    def _loaded(self, plan: DevicePlan) -> Any:
        return load_model(self._recipe, plan).to(plan.device).eval()


def batches_by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Places in batches of like length whose padded size is at most `tokens`, or a single place each; the longest first."""
    batches: list[list[int]] = []
    for place in np.argsort(-np.asarray(lengths), kind="stable").tolist():
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= tokens:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def has_bf16_units() -> bool:
    """Whether this processor multiplies in bf16 by itself, rather than by conversion."""
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    return "avx512_bf16" in told or "amx_bf16" in told
