"""What a run tells while it trains, and how it is stopped: one `TrainerCallback` that writes the job's events."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

from sde_core.jobs import JobContext
from sde_core.train.machine_figures import MachineFigures
from sde_core.train.row_losses import RowLossRecorder

CHECKPOINT_SECONDS = 120.0
"""A run on one device saves at least this often, so that no accident costs more."""
EVALUATING_SECONDS = 10.0
"""An evaluation, which has no steps, says so often that it is at work."""
_RATE_WINDOW_SECONDS = 15.0


class TokenRate:
    """Tokens a second over the last quarter minute."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, tokens: int) -> float:
        """The rate, after `tokens` in all at the moment `now` (seconds)."""
        self._samples.append((now, tokens))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_WINDOW_SECONDS:
            self._samples.popleft()
        then, before = self._samples[0]
        return (tokens - before) / (now - then) if now > then else 0.0


class RunEvents:
    """Stands before `TrainerCallback` among a class's bases: reports a run to its job and stops it when the job is asked to stop.

    Args:
        context: The job.
        device: "cpu", "cuda" or "mps".
        row_losses: What every row cost; written after each step.
    """

    def __init__(self, context: JobContext, device: str, row_losses: RowLossRecorder) -> None:
        self._context, self._row_losses = context, row_losses
        self._rate, self._machine = TokenRate(), MachineFigures(device)
        self._saved, self._evaluating = time.monotonic(), -math.inf

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say that it trains, and from which step."""
        self._rate.add(time.monotonic(), state.num_input_tokens_seen)
        self._context.event("train", step=state.global_step, steps=state.max_steps)
        self._context.say("Training.", unit="steps")
        self._context.report(state.global_step, state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Write the rows' losses, and save or stop where it is time."""
        self._row_losses.write(state.global_step, held_out=False, epoch=state.epoch)
        self._context.report(state.global_step, state.max_steps)
        control.should_save |= args.world_size == 1 and time.monotonic() - self._saved > CHECKPOINT_SECONDS
        if _asked_to_stop(self._context, args):
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say now and then that it evaluates."""
        if time.monotonic() - self._evaluating > EVALUATING_SECONDS:
            self._evaluating = time.monotonic()
            self._context.event("evaluating", step=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        """Tell a point of the training or the held-out curve."""
        if "loss" in logs:
            tokens_s = self._rate.add(time.monotonic(), state.num_input_tokens_seen)
            self._context.event("step", **_step_fields(logs, state), tokens_s=round(tokens_s, 1), **self._machine.read())
        elif "eval_loss" in logs:
            self._row_losses.write(state.global_step, held_out=True, epoch=state.epoch)
            self._context.event("eval", step=state.global_step, loss=logs["eval_loss"])

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell that a checkpoint is whole."""
        self._saved = time.monotonic()
        if state.is_world_process_zero:
            self._context.event("checkpoint", step=state.global_step)


def event_callback(context: JobContext, device: str, row_losses: RowLossRecorder) -> Any:
    """The callback for transformers' Trainer; its arguments are those of `RunEvents`.

    Args:
        context: The job.
        device: "cpu", "cuda" or "mps".
        row_losses: What every row cost.
    """
    from transformers import TrainerCallback

    class EventCallback(RunEvents, TrainerCallback):  # type: ignore[misc]
        pass

    return EventCallback(context, device, row_losses)


def _asked_to_stop(context: JobContext, args: Any) -> bool:
    """Whether to stop after this step; several processes agree on it, or those that saw the wish later would wait for the others for ever."""
    asked = context.is_set()
    if args.world_size == 1:
        return asked
    import torch

    flag = torch.tensor(int(asked), device=args.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag.item())


def _step_fields(logs: dict[str, Any], state: Any) -> dict[str, Any]:
    norm = logs.get("grad_norm")
    return {
        "step": state.global_step,
        "steps": state.max_steps,
        "epoch": round(state.epoch or 0.0, 4),
        "loss": logs["loss"],
        "lr": logs.get("learning_rate"),
        "grad_norm": norm if norm is not None and math.isfinite(norm) else None,
        "tokens": state.num_input_tokens_seen,
    }
