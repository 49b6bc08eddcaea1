"""A run's checkpoints and its result: written whole, found again, and gone on from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson

from sde_core.jobs import JobContext

COMPLETE = "complete"
"""A file in a checkpoint's folder that says that all of it was written."""


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written whole, None where there is none."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(whole, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def restore(trainer: Any, checkpoint: Path) -> None:
    """Bring the trainer to the end of a run whose last step is saved but whose result is not; the Trainer itself would train one step more."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers import TrainerState

    set_peft_model_state_dict(trainer.model, load_file(checkpoint / "adapter_model.safetensors"))
    trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))


def save_result(model: Any, context: JobContext, metrics: dict[str, Any]) -> None:
    """Write the adapter beside its place and move it there whole, then what belongs to it."""
    scratch, final = context.result_dir / "adapter.unfinished", context.result_dir / "adapter"
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(str(scratch), safe_serialization=True)
    shutil.rmtree(final, ignore_errors=True)
    scratch.rename(final)
    for name in ("recipe.json", "manifest.json"):
        shutil.copyfile(context.folder / name, context.result_dir / name)
    (context.result_dir / "metrics.json").write_bytes(orjson.dumps(metrics, option=orjson.OPT_INDENT_2))
