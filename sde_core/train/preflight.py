"""What will train, before anything does: every row encoded as training will encode it, and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.encode import VERDICTS, Encoded, Encoder, Verdict
from sde_core.train.recipe import Recipe
from sde_core.train.rows import MAX_HELD_OUT
from sde_core.train.tokenizer import load_tokenizer

_BATCH_ROWS = 256
_HISTOGRAM_BARS = 20


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What one row contributes.

    Attributes:
        row: Record position.
        tokens: Its tokens before anything is cut.
        trained: Tokens of it that carry loss.
        truncated: Tokens of it that are cut off or left out.
        verdict: One of `VERDICTS`.
        reason: Why, where the verdict alone does not say.
        special_text: Whether its own text holds something that the tokenizer takes for a special token.
        samples: How many samples it is trained on as: none where nothing of it trains, several where it is split.
    """

    row: int
    tokens: int
    trained: int
    truncated: int
    verdict: Verdict
    reason: str = ""
    special_text: bool = False
    samples: int = 1


@dataclass(frozen=True, slots=True)
class PreflightSummary:
    """What all rows contribute.

    Attributes:
        rows: Rows looked at.
        training_rows: Rows that carry any loss; only these are trained on.
        samples: Samples that they become; more than there are rows where long rows are split.
        tokens: Tokens that the model sees in them.
        trained: Tokens that carry loss.
        truncated: Tokens cut off or left out, in all rows.
        verdicts: Rows by verdict, those that occur.
        special_text_rows: Rows whose own text holds something that the tokenizer takes for a special token.
        max_length: Tokens a sample may have.
        longest: Tokens of the longest row before cutting.
        median: Tokens of the row in the middle.
        padding_share: Share of a batch that is padding, with the recipe's batches.
        steps: Optimizer steps of the run (on one device).
        held_out: Rows that are only evaluated on, about.
        form: "chat template" or "plain form".
        model: The model as the recipe names it.
        histogram: (from, up to, rows) by tokens before cutting.
    """

    rows: int
    training_rows: int
    samples: int
    tokens: int
    trained: int
    truncated: int
    verdicts: dict[str, int]
    special_text_rows: int
    max_length: int
    longest: int
    median: int
    padding_share: float
    steps: int
    held_out: int
    form: str
    model: str
    histogram: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """The summary and every row, in the order asked for."""

    summary: PreflightSummary
    rows: tuple[RowCheck, ...]

    def of_rows(self, rows: Collection[int], recipe: Recipe) -> Preflight:
        """The same for some of the rows, without encoding them again."""
        checks = tuple(check for check in self.rows if check.row in rows)
        return Preflight(summarize(checks, recipe, self.summary.max_length, self.summary.form), checks)

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {"summary": asdict(self.summary), "rows": [asdict(row) for row in self.rows]}


def preflight(
    dataset: Dataset, recipe: Recipe, *, rows: Sequence[int] | None = None, cancel: Cancel = NEVER, progress: Progress = silent
) -> Preflight:
    """Encode rows as training will, and count.

    Args:
        dataset: Where the rows are.
        recipe: How they would be trained on.
        rows: Which ones; all readable ones by default.
        cancel: Looked at between batches.
        progress: In rows.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
        CancelledError: When stopped.
    """
    encoder = Encoder(load_tokenizer(recipe.model), recipe)
    checks: list[RowCheck] = []
    for batch in dataset.batches(_BATCH_ROWS, rows=rows, cancel=cancel, progress=progress):
        encoded = encoder.encode_all([turns for _, _, turns in batch])
        checks += [
            row_check(row, sample, special_text=encoder.holds_special_text(turns)) for (row, _, turns), sample in zip(batch, encoded, strict=True)
        ]
    return Preflight(summarize(checks, recipe, encoder.max_length, encoder.renderer.form), tuple(checks))


def row_check(row: int, sample: Encoded, *, special_text: bool = False) -> RowCheck:
    """What one encoded row contributes."""
    return RowCheck(row, sample.n_tokens, sample.n_trained, sample.n_cut, sample.verdict, sample.reason, special_text, len(sample.parts))


def refuse_if_nothing_trains(checks: Sequence[RowCheck]) -> None:
    """Stop a run that would learn nothing.

    Raises:
        UsageError: When no row carries loss, naming the option or the field that causes it.
    """
    if any(check.trained for check in checks):
        return
    if not checks:
        raise UsageError("There are no rows to train on.", "Accept some rows, or take back some rejections.")
    ((worst, count),) = Counter(check.verdict for check in checks).most_common(1)
    example = next(check for check in checks if check.verdict == worst)
    others = "" if count == 1 else " and 1 other" if count == 2 else f" and {count - 1:,} others"
    why = (example.reason or VERDICTS[worst]).rstrip(".")
    raise UsageError(f"Nothing would train. Row {example.row}{others}: {why}.", _way_out(checks, example))


def _way_out(checks: Sequence[RowCheck], example: RowCheck) -> str:
    if example.verdict == "template":
        return "The option is template: --set template=plain uses the plain form."
    if example.verdict == "dropped" or "max_length" in example.reason:
        shortest = min(check.tokens for check in checks if check.tokens)
        return f"The option is max_length: the shortest row has {shortest:,} tokens; raise it with --set max_length={_rounded_up(shortest)}."
    if "assistant" in example.reason:
        return "The options are --map answer=FIELD, which says where the answer is, and --set completion_only=false, which trains on all text."
    return "The option is --map answer=FIELD, which says where the answers are."


def _rounded_up(tokens: int) -> int:
    return 1 << max(tokens - 1, 1).bit_length()


def summarize(checks: Sequence[RowCheck], recipe: Recipe, max_length: int, form: str) -> PreflightSummary:
    """What checked rows contribute together.

    Args:
        checks: The rows.
        recipe: How they would be trained on.
        max_length: Tokens a sample may have.
        form: "chat template" or "plain form".
    """
    lengths = np.array([check.tokens for check in checks], dtype=np.int64)
    seen = np.array([check.tokens - check.truncated for check in checks if check.trained], dtype=np.int64)
    held_out = min(round(len(seen) * recipe.held_out), MAX_HELD_OUT, max(len(seen) - 1, 0))
    samples = sum(check.samples for check in checks if check.trained)
    return PreflightSummary(
        rows=len(checks),
        training_rows=len(seen),
        samples=samples,
        tokens=int(seen.sum()),
        trained=sum(check.trained for check in checks),
        truncated=sum(check.truncated for check in checks),
        verdicts=dict(Counter(check.verdict for check in checks).most_common()),
        special_text_rows=sum(check.special_text for check in checks),
        max_length=max_length,
        longest=int(lengths.max(initial=0)),
        median=int(np.median(lengths)) if len(lengths) else 0,
        padding_share=_padding_share(_sample_lengths(seen, max_length), recipe),
        steps=steps_of(round(samples * (1 - held_out / max(len(seen), 1))), recipe),
        held_out=held_out,
        form=form,
        model=recipe.model or "the base model that comes with sde",
        histogram=_histogram(lengths),
    )


def steps_of(training_rows: int, recipe: Recipe, processes: int = 1) -> int:
    """Optimizer steps of a run over this many rows."""
    if recipe.max_steps:
        return recipe.max_steps
    batches = math.ceil(training_rows / (recipe.batch_size * processes))
    return math.ceil(recipe.epochs * max(math.ceil(batches / recipe.accumulation), 1)) if batches else 0


def _sample_lengths(row_lengths: np.ndarray, max_length: int) -> np.ndarray:
    """Tokens of each sample, where rows of more than `max_length` tokens, if any are left, are split."""
    whole = np.repeat(max_length, int((row_lengths // max_length).sum()))
    rest = row_lengths % max_length
    return np.concatenate([whole, rest[rest > 0]])


def _padding_share(lengths: np.ndarray, recipe: Recipe) -> float:
    """Expected share of padding: batches of neighbours in length where they are grouped, of the seed's chance order where not."""
    if not len(lengths):
        return 0.0
    ordered = np.sort(lengths) if recipe.group_by_length else np.random.default_rng(recipe.seed).permutation(lengths)
    starts = np.arange(0, len(ordered), recipe.batch_size)
    sizes = np.diff(np.append(starts, len(ordered)))
    area = int((np.maximum.reduceat(ordered, starts) * sizes).sum())
    return round(1 - int(ordered.sum()) / area, 4) if area else 0.0


def _histogram(lengths: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    if not len(lengths):
        return ()
    width = max(math.ceil((int(lengths.max()) + 1) / _HISTOGRAM_BARS), 1)
    counts = np.bincount(lengths // width)
    return tuple((i * width, (i + 1) * width, int(count)) for i, count in enumerate(counts))
