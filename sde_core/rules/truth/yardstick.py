"""What rules are held against: a field, people's comparisons, or a dataset's own chosen and rejected answers, with the texts that rules may read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.project import Project
from sde_core.rules.truth.bradley_terry import fit_bradley_terry
from sde_core.rules.truth.by_people import pairs_by_machine, pairs_by_people
from sde_core.rules.truth.judged_texts import texts_beside
from sde_core.rules.truth.pairs import JudgedPairs, pairs_of_dataset
from sde_core.rules.truth.row_truth import RowTruth, truth_from_field
from sde_core.visible import visible

SOURCES = ("comparisons", "dataset", "judge")
"""Where pairs come from: people, the dataset's chosen and rejected answers, or a model."""


@dataclass(frozen=True)
class Yardstick:
    """A truth, and the texts whose scores are held against it.

    Attributes:
        texts: As `Dataset.texts()`; of a dataset's own pairs two lines a record.
        truth: True values; None where there are disjoint pairs alone, which give none.
        pairs: Judged pairs; None where the truth is a field.
        source: For people.
        note: What was done to the texts, in one sentence; "" for nothing.
    """

    texts: pl.DataFrame
    truth: RowTruth | None
    pairs: JudgedPairs | None
    source: str
    note: str = ""

    @property
    def known_rows(self) -> int:
        """How many lines of the texts are judged."""
        return len(self.truth) if self.truth is not None else len(self.texts)

    def sampled(self, most: int, *, seed: int = 0) -> Yardstick:
        """The judged texts alone, or a seeded sample of at most `most` of them: scoring more would tell little more.

        People's comparisons stay whole.
        """
        rng = np.random.default_rng(seed)
        if self.pairs is None and self.truth is not None:
            rows = self.truth.rows
            kept = rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))
            return replace(self, texts=self.texts.filter(pl.col("row").is_in(kept.tolist())))
        if self.truth is None and self.pairs is not None and len(self.texts) > most:
            drawn = np.sort(rng.choice(len(self.pairs), most // 2, replace=False))
            left, right = self.pairs.left[drawn], self.pairs.right[drawn]
            pairs = replace(self.pairs, left=left, right=right, score=self.pairs.score[drawn])
            return replace(self, texts=self.texts.filter(pl.col("row").is_in([*left.tolist(), *right.tolist()])), pairs=pairs)
        return self


def yardstick_of_field(
    dataset: Dataset,
    field: str,
    *,
    higher_is_better: bool = True,
    positive: str | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> Yardstick:
    """A field of the records; see `truth_from_field`."""
    truth = truth_from_field(dataset, field, higher_is_better=higher_is_better, positive=positive, cancel=cancel, progress=progress)
    texts, note = texts_beside(dataset, field, cancel=cancel, progress=progress)
    roles = {role: dataset.layout.roles[role] for role in ("prompt", "answer") if role in dataset.layout.roles}
    read = " and ".join(f"{visible(name, 40)} as the {role}" for role, name in roles.items())
    return Yardstick(texts, truth, None, truth.source, note or (f"Rules read {read}; --map answer=FIELD changes that." if read else ""))


def yardstick_of_pairs(
    dataset: Dataset, project: Project | None = None, source: str = "", *, cancel: Cancel = NEVER, progress: Progress = silent
) -> Yardstick:
    """Judged pairs.

    Args:
        dataset: Read to its end.
        project: Where the comparisons lie; by default the dataset's own.
        source: One of `SOURCES`; by default people's comparisons where there are any, else the dataset's own. A model's only where asked for.
        cancel: Stops the work.
        progress: In records.

    Raises:
        UsageError: When there are none of the kind.
        CancelledError: When stopped.
    """
    known = {"judge": pairs_by_machine, "dataset": lambda *_: None}.get(source, pairs_by_people)
    pairs = known(dataset, project)
    if pairs is not None:
        truth = fit_bradley_terry(pairs).truth(pairs.source, by_machine=pairs.by_machine)
        return Yardstick(dataset.texts(cancel=cancel, progress=progress), truth, pairs, pairs.source)
    if source == "judge":
        raise UsageError("No model has compared rows of this dataset yet.", "`sde rules compare DATA --judge URL --ask 100` lets one compare.")
    if source == "comparisons" or (not source and dataset.layout.name != "preference"):
        raise UsageError(
            "Nobody has compared rows of this dataset yet.", "Press t on screen 6, use `sde rules compare`, or name a field with --field FIELD."
        )
    texts, own = pairs_of_dataset(dataset, cancel=cancel, progress=progress)
    return Yardstick(texts, None, own, own.source, "Each record is read twice: its prompt with the chosen answer, and with the rejected one.")
