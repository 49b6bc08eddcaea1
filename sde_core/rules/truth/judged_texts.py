"""The texts that rules may read when they are held against a field: never the field itself."""

from __future__ import annotations

import polars as pl

from sde_core.dataset import Dataset
from sde_core.progress import NEVER, Cancel, Progress, silent

_BOTH = r"(?s)^\s*(?:###\s*)?(?:Instruction|Question|Prompt|Input|Human|User|Q):\s*(.*?)\s+(?:###\s*)?(?:Response|Answer|Output|Assistant|A):\s*(.*)$"
_NEARLY_ALL = 0.9


def texts_beside(dataset: Dataset, field: str, *, cancel: Cancel = NEVER, progress: Progress = silent) -> tuple[pl.DataFrame, str]:
    """The texts of all rows without the field that says how good they are.

    Where the layout takes that field for the label, the label is also the row's answer, and rules would read the truth. Then the text that
    was labelled is the answer; and where nearly all of these say "Instruction: … Response: …" they are cut into prompt and answer.

    Args:
        dataset: Read to its end.
        field: The field with the truth.
        cancel: Stops the work.
        progress: In records.

    Returns:
        Texts as `Dataset.texts()` has them, and what was done to them in one sentence; "" for nothing.

    Raises:
        CancelledError: When stopped.
    """
    texts = dataset.texts(cancel=cancel, progress=progress)
    layout = dataset.layout
    if layout.name != "classification" or layout.roles.get("label") != field:
        return texts, ""
    cut = texts.select(pl.col("prompt").str.extract_groups(_BOTH).alias("both")).unnest("both")
    prompt, answer = cut.to_series(0), cut.to_series(1)
    if answer.null_count() > (1 - _NEARLY_ALL) * len(texts):
        return texts.with_columns(answer=pl.col("prompt"), prompt=pl.lit("")), f"Rules read the text that {field} is about as the answer."
    read = texts.with_columns(answer=answer.fill_null(texts["prompt"]), prompt=prompt.fill_null(""))
    return read, "Rules read what stands behind “Response:” as the answer, and what stands before it as the prompt."
