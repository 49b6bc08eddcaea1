"""Prints the loss of a base model without and with an adapter on one text: `adapter_loss.py MODEL ADAPTER TEXT`. Run as a process."""

from __future__ import annotations

import json
import sys


def main(model_folder: str, adapter_folder: str, text: str) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    losses = [base(ids, labels=ids).loss.item()]
    adapted = PeftModel.from_pretrained(base, adapter_folder)
    losses.append(adapted(ids, labels=ids).loss.item())
    print(json.dumps(losses))


if __name__ == "__main__":
    main(*sys.argv[1:])
