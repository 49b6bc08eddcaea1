"""What training unlearns: the loss on general texts before and after. The loading of models loads torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset import open_dataset
from sde_core.dataset.turns import TEXT, Turn, Turns
from sde_core.embedded import embedded_path
from sde_core.errors import JobError, ModelError, UsageError
from sde_core.evaluate.bootstrap import Interval, paired_interval
from sde_core.evaluate.held_out_loss import held_out_loss
from sde_core.progress import NEVER, Cancel
from sde_core.train.checkpoints import damaged_files
from sde_core.train.device import plan_device, refuse_missing_packages
from sde_core.train.encode import Encoder
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.samples import Sample
from sde_core.train.tokenizer import load_tokenizer
from sde_core.visible import visible

MOST_TEXTS = 500


@dataclass(frozen=True)
class Forgetting:
    """Loss a token on general texts.

    Attributes:
        before: Of the base model.
        after: With the adapter.
        change: After less before, with its interval over texts; above 0 where something was forgotten.
        texts: How many texts.
        source: Where they come from.
    """

    before: float
    after: float
    change: Interval
    texts: int
    source: str

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return asdict(self)


def general_texts(path: Path | None) -> list[str]:
    """The texts of a file, all messages of a row joined; those that come with sde where there is no file.

    Raises:
        InputError: When the file cannot be read.
        UsageError: When it holds no texts.
    """
    dataset = open_dataset(str(path if path is not None else embedded_path("general_texts")))
    dataset.read_all()
    rows = dataset.texts()["row"].to_list()[:MOST_TEXTS]
    texts = ["\n\n".join(turn.text for turn in turns.turns if turn.text.strip()) for batch in dataset.batches(rows=rows) for _, _, turns in batch]
    if not any(texts):
        raise UsageError(f"{visible(str(path), 200)} holds no texts.", "A general set is any file of texts that sde can open.")
    return [text for text in texts if text]


def general_source(path: Path | None) -> str:
    """Where general texts come from, in words."""
    return f"{path.name}" if path is not None else "the general texts that come with sde"


def general_samples(texts: Sequence[str], recipe: Recipe, encoder: Encoder) -> list[Sample]:
    """The texts as plain text, all of it with loss, cut where a sample of the recipe is; row i is text i.

    Args:
        texts: What is read.
        recipe: How long a sample may be.
        encoder: The run's, for its tokenizer.
    """
    plain = Encoder(encoder.tokenizer, replace(recipe, template="plain", completion_only=False, too_long="cut", truncation_side="right"))
    encoded = plain.encode_all([Turns((Turn(TEXT, text),)) for text in texts])
    return [Sample(i, one.ids, one.labels) for i, one in enumerate(encoded) if one.n_trained]


def forgetting_of_run(run: Path, texts: Sequence[str], source: str, *, cancel: Cancel = NEVER) -> Forgetting:
    """The general loss of a finished run's model with and without its adapter.

    Args:
        run: The folder of a fine-tuning job.
        texts: What is read.
        source: Where it comes from, in words.
        cancel: Looked at between batches.

    Raises:
        JobError: When the run has no adapter.
        MissingExtraError: When a package is not installed.
        ModelError: When its model cannot be loaded.
    """
    refuse_missing_packages("Measuring what was forgotten", "torch", "transformers", "peft")
    adapter = run / "result" / "adapter"
    if not adapter.is_dir():
        raise JobError(f"The run in {visible(str(run), 200)} has no adapter.", "Only a fine-tune that is done has one; sde jobs lists them.")
    recipe = read_recipe(run / "recipe.json")
    tokenizer = load_tokenizer(recipe.model)
    samples = general_samples(texts, recipe, Encoder(tokenizer, recipe))
    model = adapted_model(recipe, plan_device(recipe), adapter)
    after = held_out_loss(model, samples, tokenizer.pad_id, cancel=cancel)
    with model.disable_adapter():
        before = held_out_loss(model, samples, tokenizer.pad_id, cancel=cancel)
    change = paired_interval((after.means - before.means)[None, :], after.tokens.astype(float))
    total = after.tokens.sum()
    return Forgetting(float(before.sums.sum() / total), float(after.sums.sum() / total), change, len(after.rows), source)


def adapted_model(recipe: Recipe, plan: Any, adapter: Path | None) -> Any:
    """The recipe's base model, with an adapter where there is one, on the plan's device and set to evaluate.

    Args:
        recipe: Names the base model.
        plan: Where it goes, and in which precision.
        adapter: The adapter's folder, None for the base model alone.

    Raises:
        ModelError: When the model cannot be loaded, or the adapter is damaged.
    """
    from sde_core.train.model import load_model

    damaged = damaged_files(adapter) if adapter is not None else ()
    if damaged:
        raise ModelError(
            f"The adapter in {visible(str(adapter), 200)} is damaged: {', '.join(damaged)} changed since it was saved.", "Train it again."
        )
    model = load_model(recipe, plan)
    if adapter is not None:
        from peft import PeftModel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that will go
            model = PeftModel.from_pretrained(model, str(adapter))
    return (model if plan.quantize == "4bit" else model.to(plan.device)).eval()


def keep_texts(folder: Path, texts: Sequence[str]) -> None:
    """Leave the texts in a job's folder, so that neither a moved nor a changed file changes the job."""
    (folder / "general.json").write_bytes(orjson.dumps(list(texts)))


def kept_texts(folder: Path) -> list[str]:
    """What `keep_texts` left."""
    texts: list[str] = orjson.loads((folder / "general.json").read_bytes())
    return texts
