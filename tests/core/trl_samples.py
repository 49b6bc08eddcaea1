"""What TRL's own SFTTrainer makes of rows: the token ids and labels that it would train on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Sample = tuple[list[int], list[int]]


def trl_samples(model: Path, records: Sequence[dict[str, Any]], *, template: str | None = None, **config: Any) -> list[Sample]:
    """(input ids, labels) of each record after `SFTTrainer` has prepared them; with `max_length` it leaves out what is masked whole."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    import datasets
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(str(model))
    if template is not None:
        tokenizer.chat_template = template
    with tempfile.TemporaryDirectory() as folder:
        args = SFTConfig(
            folder, use_cpu=True, bf16=False, report_to="none", gradient_checkpointing=False, disable_tqdm=True, **{"max_length": None, **config}
        )
        trainer = SFTTrainer(str(model), args, train_dataset=datasets.Dataset.from_list(list(records)), processing_class=tokenizer)
        prepared = trainer.train_dataset
        return list(zip(prepared["input_ids"], prepared["labels"], strict=True))
