"""Prints how many bytes a loss and its gradient take above the logits themselves: `row_losses_peak.py ours|transformers float32|bfloat16`."""

from __future__ import annotations

import resource
import sys

import torch
from transformers.loss.loss_utils import ForCausalLMLoss

from sde_core.train.row_losses import token_losses

BATCH, LENGTH, VOCABULARY = 8, 512, 32_000


def main(way: str, precision: str) -> None:
    labels = torch.randint(0, VOCABULARY, (BATCH, LENGTH))
    labels[:, : LENGTH // 3] = -100
    small = torch.randn(2, 8, 100, requires_grad=True)
    token_losses(small, torch.zeros(2, 8, dtype=torch.int64)).sum().backward()
    logits = torch.empty(BATCH, LENGTH, VOCABULARY, dtype=getattr(torch, precision)).fill_(0.5).requires_grad_()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loss = token_losses(logits, labels).sum() if way == "ours" else ForCausalLMLoss(logits, labels, VOCABULARY)
    loss.backward()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
