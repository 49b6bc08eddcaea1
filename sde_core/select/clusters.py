"""What rows are about, for the table of coverage and for a row's card."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.topics import find_topics
from sde_core.progress import NEVER, Cancel
from sde_core.select.coverage import Clusters


def clusters_of(vectors: npt.NDArray[np.float32], prompts: pl.Series, *, cancel: Cancel = NEVER) -> Clusters:
    """The topics of `sde_core.features.topics`, with the words that set each apart.

    Args:
        vectors: Embeddings of unit norm, float32[n, d].
        prompts: String[n], where the words come from.
        cancel: Stops the work.
    """
    found = find_topics(vectors, prompts.fill_null(""), cancel=cancel)
    return Clusters(found.titles, found.labels)
