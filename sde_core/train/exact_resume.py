"""What transformers' Trainer needs so that a run that was cut off anywhere goes on as if nothing had happened.

A checkpoint holds the adapter, the optimizer's moments and the scaler, the step, and for every process the states of its random generators and the
loss since the last point of the curve. It is tensors and JSON: the Trainer's own checkpoint is made of pickles, which nobody should have to trust.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sde_core.errors import ModelError
from sde_core.train.checkpoints import ADAPTER, RUN, STATE, CheckpointWriter, process_file, sync

_KEPT_HISTORY = 64
"""Entries of the Trainer's own log that a checkpoint keeps; the whole curve is in the job's events, and this log grows without end."""
_OPTIMIZER = "optimizer.safetensors"


class ExactResume:
    """Stands before `Trainer` among a class's bases and replaces how it saves and restores.

    Attributes:
        synced_logs: Files that are on the disk before a checkpoint counts, since a resumed run does not write that part of them again.
    """

    args: Any
    state: Any
    model: Any
    optimizer: Any
    lr_scheduler: Any
    accelerator: Any
    callback_handler: Any
    synced_logs: tuple[Path, ...] = ()
    _tr_loss: Any
    _globalstep_last_logged: int

    def _save_checkpoint(self, model: Any, trial: Any = None) -> None:
        """Write a checkpoint whole, one process after the other where there are several."""
        first = self.args.process_index == 0
        del self.state.log_history[:-_KEPT_HISTORY]
        writer = CheckpointWriter(Path(self.args.output_dir), self.state.global_step)
        with writer.removed_if_it_fails():
            own, shared = _tensor_bytes(*self._process_state()), self._shared_state() if first else {}
            writer.needed = len(own) + sum(map(len, shared.values()))
            if first:
                writer.begin()
            self.accelerator.wait_for_everyone()
            writer.add(process_file(self.args.process_index), own)
            for name, content in shared.items():
                writer.add(name, content)
            sync(self.synced_logs)
            self.accelerator.wait_for_everyone()
            if first:
                self.accelerator.unwrap_model(self.model).peft_config["default"].save_pretrained(str(writer.scratch))
                self.state.save_to_json(str(writer.scratch / STATE))
                writer.finish()

    def _shared_state(self) -> dict[str, bytes]:
        """What is the same in all processes, by file name."""
        from peft import get_peft_model_state_dict

        adapter = get_peft_model_state_dict(self.accelerator.unwrap_model(self.model))
        moments, groups = _optimizer_state(self.optimizer.state_dict())
        scaler = self.accelerator.scaler
        run = {
            "groups": groups,
            "schedule_step": self.lr_scheduler.last_epoch,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "logged_step": self._globalstep_last_logged,
            "epoch_steps": math.ceil(len(self.callback_handler.train_dataloader) / self.args.gradient_accumulation_steps),
        }
        return {ADAPTER: _tensor_bytes(adapter, {"format": "pt"}), _OPTIMIZER: _tensor_bytes(moments, {}), RUN: orjson.dumps(run)}

    def _process_state(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What is this process's own: generators, and the loss that is not yet a point of the curve."""
        import torch

        tensors = {"torch": torch.random.get_rng_state(), "loss": self._tr_loss.detach().cpu().reshape(1)}
        if self.args.device.type == "cuda":
            tensors["cuda"] = torch.cuda.get_rng_state()
        if self.args.device.type == "mps":
            tensors["mps"] = torch.mps.get_rng_state()
        numpy_state = orjson.dumps(np.random.get_state(legacy=False), option=orjson.OPT_SERIALIZE_NUMPY)  # noqa: NPY002
        facts = {"python": orjson.dumps(random.getstate()).decode(), "numpy": numpy_state.decode()}
        return tensors, facts

    def _load_from_checkpoint(self, checkpoint: str, model: Any = None) -> None:
        """Put the saved adapter into the model.

        Raises:
            ModelError: When it does not belong to this model.
        """
        from peft import set_peft_model_state_dict
        from safetensors.torch import load

        set_adapter = set_peft_model_state_dict(model or self.model, load((Path(checkpoint) / ADAPTER).read_bytes()))
        if set_adapter is not None and set_adapter.unexpected_keys:
            raise ModelError(f"{checkpoint} was saved by a run with other layers.", "Start a new run.")

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Restore the optimizer's moments, and the learning rate by its step: what it is then, the recipe says."""
        if checkpoint is None:
            return
        from safetensors.torch import load

        run = orjson.loads((Path(checkpoint) / RUN).read_bytes())
        self.optimizer.load_state_dict(_optimizer_state_dict(load((Path(checkpoint) / _OPTIMIZER).read_bytes()), run["groups"]))
        schedule = self.lr_scheduler
        schedule.last_epoch, schedule._step_count = run["schedule_step"], run["schedule_step"] + 1
        schedule._last_lr = [base * share(schedule.last_epoch) for base, share in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
        for group, rate in zip(self.optimizer.param_groups, schedule._last_lr, strict=True):
            group["lr"] = rate

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        run = orjson.loads((Path(checkpoint) / RUN).read_bytes())
        if run["scaler"] and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(run["scaler"])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Restore this process's generators; the Trainer calls this when it stands before the next step, with its own sums still to be restored."""
        if checkpoint is None:
            return
        import torch
        from safetensors import safe_open

        path = Path(checkpoint) / process_file(self.args.process_index)
        with safe_open(path, "pt") as file:
            facts, names = file.metadata(), set(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
        version, words, gauss = orjson.loads(facts["python"])
        random.setstate((version, tuple(words), gauss))
        np.random.set_state(_numpy_state(orjson.loads(facts["numpy"])))  # noqa: NPY002
        torch.random.set_rng_state(tensors["torch"])
        if "cuda" in names and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["cuda"])
        if "mps" in names and torch.backends.mps.is_available():
            torch.mps.set_rng_state(tensors["mps"])
        self._tr_loss += tensors["loss"][0].to(self._tr_loss.device)
        self._globalstep_last_logged = orjson.loads((Path(checkpoint) / RUN).read_bytes())["logged_step"]

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate without drawing from the training's generators, so that how often a run evaluates changes nothing in it."""
        import torch

        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if self.args.device.type == "cuda" else []):
            metrics: dict[str, float] = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        return metrics


def _optimizer_state(state: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A torch optimizer's state as tensors named "parameter.what" and its groups, which go to JSON."""
    import torch

    tensors = {f"{index}.{name}": value for index, each in state["state"].items() for name, value in each.items() if torch.is_tensor(value)}
    return tensors, state["param_groups"]


def _optimizer_state_dict(tensors: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    return {"state": state, "param_groups": groups}


def _tensor_bytes(tensors: dict[str, Any], facts: dict[str, str]) -> bytes:
    from safetensors.torch import save

    content: bytes = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, facts or None)
    return content


def _numpy_state(state: dict[str, Any]) -> dict[str, Any]:
    """The state of numpy's old global generator from JSON."""
    return {**state, "state": {**state["state"], "key": np.array(state["state"]["key"], np.uint32)}}
