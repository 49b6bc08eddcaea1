"""What will train, before anything does: every row encoded as training will encode it, and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sde_core.dataset import Dataset, Turns
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.batches import RunBatches, run_batches, sequence_lengths, steps_of
from sde_core.train.encode import Encoder
from sde_core.train.launch import why_refused
from sde_core.train.nothing_trains import TRIED_ROWS, refuse_if_nothing_trains, working_settings
from sde_core.train.recipe import Recipe
from sde_core.train.row_check import RowCheck, row_check
from sde_core.train.rows import SplitDraws
from sde_core.train.tokenizer import load_tokenizer

__all__ = ["Preflight", "PreflightSummary", "RowCheck", "preflight", "refuse_if_nothing_trains", "row_check", "steps_of"]

_BATCH_ROWS = 256
_HISTOGRAM_BARS = 20


@dataclass(frozen=True, slots=True)
class PreflightSummary:
    """What all rows contribute.

    Attributes:
        rows: Rows looked at.
        training_rows: Rows that carry any loss; only these are trained or evaluated on.
        samples: Samples that they become; more than there are rows where long rows are split.
        sequences: Sequences that the run trains on: the samples that are not held out, fewer where they are packed.
        tokens: Tokens that the model sees in them.
        trained: Tokens that carry loss.
        truncated: Tokens cut off or left out, in all rows.
        verdicts: Rows by verdict, those that occur.
        answers_cut_wholly: Rows that train on nothing since what should is cut off, or since they are left out for their length.
        answers_cut_partly: Rows that lose part of what should train.
        special_text_rows: Rows whose own text holds something that the tokenizer takes for a special token.
        max_length: Tokens a sample may have.
        longest: Tokens of the longest row before cutting.
        median: Tokens of the row in the middle.
        padding_share: Share of the run's batches that is padding, with the very batches that it will see (on one device).
        longest_batch: Tokens of the largest of them, with padding.
        steps: Optimizer steps of the run (on one device).
        epochs: Passes over the rows that these steps are.
        held_out: Rows that are only evaluated on, of those that carry loss.
        form: "chat template" or "plain form".
        model: The model as the recipe names it.
        histogram: (from, up to, rows) by tokens before cutting.
        notes: What is done for want of something in the tokenizer or the model, and why a run would be refused, a sentence each.
    """

    rows: int
    training_rows: int
    samples: int
    sequences: int
    tokens: int
    trained: int
    truncated: int
    verdicts: dict[str, int]
    answers_cut_wholly: int
    answers_cut_partly: int
    special_text_rows: int
    max_length: int
    longest: int
    median: int
    padding_share: float
    longest_batch: int
    steps: int
    epochs: float
    held_out: int
    form: str
    model: str
    histogram: tuple[tuple[int, int, int], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preflight:
    """The summary and every row, in the order asked for.

    Attributes:
        summary: All rows together.
        rows: Each of them.
        working: Where nothing would train, settings under which some rows would; see `working_settings`.
        batches: The forward passes of the run.
        draws: Which rows would be held out.
    """

    summary: PreflightSummary
    rows: tuple[RowCheck, ...]
    working: tuple[str, ...] = ()
    batches: RunBatches | None = field(default=None, repr=False, compare=False)
    draws: SplitDraws | None = field(default=None, repr=False, compare=False)

    def of_rows(self, rows: Collection[int], recipe: Recipe) -> Preflight:
        """The same for some of the rows, without encoding them again."""
        checks = tuple(check for check in self.rows if check.row in rows)
        assert self.draws is not None  # noqa: S101 - `preflight` made it
        summary, batches = summarize(checks, recipe, self.draws, self.summary.max_length, self.summary.form)
        summary = replace(summary, notes=self.summary.notes)
        return Preflight(summary, checks, self.working, batches, self.draws)

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {"summary": asdict(self.summary), "rows": [asdict(row) for row in self.rows]}


def preflight(
    dataset: Dataset,
    recipe: Recipe,
    *,
    rows: Sequence[int] | None = None,
    cache_dir: Path | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> Preflight:
    """Encode rows as training will, and count.

    Args:
        dataset: Where the rows are.
        recipe: How they would be trained on.
        rows: Which ones; all readable ones by default.
        cache_dir: Where tokens of rows are kept from one time to the next; None keeps none.
        cancel: Looked at between batches.
        progress: In rows.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
        CancelledError: When stopped.
    """
    encoder = Encoder(load_tokenizer(recipe.model), recipe, cache_dir=cache_dir)
    checks: list[RowCheck] = []
    first: list[Turns] = []
    draws = SplitDraws(recipe.seed)
    for batch in dataset.batches(_BATCH_ROWS, rows=rows, cancel=cancel, progress=progress):
        encoded = encoder.encode_tokens([turns for _, _, turns in batch])
        checks += [row_check(row, sample) for (row, _, _), sample in zip(batch, encoded, strict=True)]
        first += [turns for _, _, turns in batch] if len(first) < TRIED_ROWS else []
        for row, _, turns in batch:
            draws.add(row, turns, dataset.split(row))
    encoder.save()
    working = () if any(check.trained for check in checks) else working_settings(first, encoder)
    summary, batches = summarize(checks, recipe, draws, encoder.max_length, encoder.renderer.form)
    summary = replace(summary, notes=_notes(encoder))
    return Preflight(summary, tuple(checks), working, batches, draws)


def summarize(checks: Sequence[RowCheck], recipe: Recipe, draws: SplitDraws, max_length: int, form: str) -> tuple[PreflightSummary, RunBatches]:
    """What checked rows contribute together, and the batches that they become.

    Args:
        checks: The rows.
        recipe: How they would be trained on.
        draws: Which of them would be held out.
        max_length: Tokens a sample may have.
        form: "chat template" or "plain form".
    """
    lengths = np.array([check.tokens for check in checks], dtype=np.int64)
    training = [check for check in checks if check.trained]
    held_out = draws.held_out(recipe.held_out, {check.row for check in checks}) if checks else frozenset()
    of_samples = [length for check in training if check.row not in held_out for length in check.lengths]
    sequences = sequence_lengths(of_samples, recipe, max_length)
    evaluated = [length for check in training if check.row in held_out for length in check.lengths]
    batches = replace(run_batches(sequences, recipe), held_out=np.sort(np.array(evaluated, dtype=np.int64)))
    epoch_steps = max(math.ceil(math.ceil(len(sequences) / recipe.batch_size) / recipe.accumulation), 1)
    summary = PreflightSummary(
        rows=len(checks),
        training_rows=len(training),
        samples=sum(check.samples for check in training),
        sequences=len(sequences),
        tokens=sum(check.tokens - check.truncated for check in training),
        trained=sum(check.trained for check in checks),
        truncated=sum(check.truncated for check in checks),
        verdicts=dict(Counter(check.verdict for check in checks).most_common()),
        answers_cut_wholly=sum(check.answers_are_cut_off for check in checks),
        answers_cut_partly=sum(check.verdict == "cut" for check in checks),
        special_text_rows=sum(check.special_text for check in checks),
        max_length=max_length,
        longest=int(lengths.max(initial=0)),
        median=int(np.median(lengths)) if len(lengths) else 0,
        padding_share=batches.padding_share,
        longest_batch=int(batches.areas.max(initial=0)),
        steps=batches.steps,
        epochs=round(batches.steps / epoch_steps, 4),
        held_out=sum(check.row in held_out for check in training),
        form=form,
        model=recipe.model or "the base model that comes with sde",
        histogram=_histogram(lengths),
    )
    return summary, batches


def _notes(encoder: Encoder) -> tuple[str, ...]:
    tokenizer, notes = encoder.tokenizer, []
    if not tokenizer.eos_token:
        notes.append("The tokenizer has no end token, so that the model is not taught where answers end.")
    if "pad_token" not in tokenizer.special_tokens:
        filler = "its end token" if tokenizer.eos_token else "its first token"
        notes.append(f"The tokenizer has no pad token: batches are filled up with {filler}, which is masked there and carries no loss.")
    if encoder.recipe.template == "auto" and tokenizer.chat_template is None:
        notes.append("The tokenizer has no chat template: conversations are written in the plain form.")
    if tokenizer.context and encoder.max_length > tokenizer.context:
        notes.append(f"max_length {encoder.max_length:,} is more than the {tokenizer.context:,} tokens that the model was made for.")
    refusal = why_refused(encoder.recipe, tokenizer)
    if refusal:
        notes.append(f"A run would be refused: {refusal}")
    return tuple(notes)


def _histogram(lengths: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    if not len(lengths):
        return ()
    width = max(math.ceil((int(lengths.max()) + 1) / _HISTOGRAM_BARS), 1)
    counts = np.bincount(lengths // width)
    return tuple((i * width, (i + 1) * width, int(count)) for i, count in enumerate(counts))
