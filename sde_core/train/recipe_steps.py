"""How a run takes its steps: samples, learning rate and loss as the recipe says, in the place of what transformers' Trainer does by itself."""

from __future__ import annotations

from typing import Any

from sde_core.train.order import EpochSampler
from sde_core.train.recipe import Recipe
from sde_core.train.row_losses import RowLossRecorder
from sde_core.train.schedule import LearningRateCourse
from sde_core.train.trained_logits import TrainedLogits


class RecipeSteps:
    """Stands before `Trainer` among a class's bases.

    Attributes:
        recipe: How to train.
        order: Draws the order from the seed and the epoch, where the Trainer draws it from the state of a random generator.
        row_losses: Takes what every row costs.
        logits: Computes logits only where there are labels.
    """

    recipe: Recipe
    order: EpochSampler
    row_losses: RowLossRecorder
    logits: TrainedLogits
    optimizer: Any
    accelerator: Any

    def _get_train_sampler(self, *_: Any, **__: Any) -> EpochSampler:
        return self.order

    def _run_epoch(self, *args: Any, epoch: int, **kwargs: Any) -> None:
        # accelerate tells the sampler its epoch, but not through what skips batches after a resume in several processes
        self.order.set_epoch(epoch)
        super()._run_epoch(*args, epoch=epoch, **kwargs)  # type: ignore[misc]

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The recipe's course of the learning rate, for torch."""
        from torch.optim.lr_scheduler import LambdaLR

        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, LearningRateCourse(self.recipe, num_training_steps))
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The loss of a batch; the rows that it is of are told to the recorder and kept from the model."""
        self.row_losses.rows, self.row_losses.held_out = inputs.pop("rows", None), not model.training
        self.row_losses.segments = inputs.pop("segments", None)
        if self.row_losses.segments is not None:
            inputs.pop("attention_mask")  # where one is given, transformers does not look for packed samples
        with self.logits.of(inputs.get("labels")):
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates; the loss is the mean over the held-out tokens, where the Trainer's depends on which rows share a batch."""
        output = super().evaluation_loop(*args, **kwargs)  # type: ignore[misc]
        if "eval_loss" in output.metrics:
            output.metrics["eval_loss"] = self._held_out_loss()
        return output

    def _held_out_loss(self) -> float:
        """Of the batches that all processes have just looked at."""
        import torch

        sums = torch.tensor(self.row_losses.held_out_sums(), dtype=torch.float32, device=self.accelerator.device)
        total, tokens = (self.accelerator.reduce(sums) if self.accelerator.num_processes > 1 else sums).tolist()
        return float(total / max(tokens, 1.0))
