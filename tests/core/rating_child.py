"""A process of its own that rates, to be killed: `python -m tests.core.rating_child URL TEXTS FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from sde_core.rules.rating import RatingCache, RatingParams, prompt_form, rate
from sde_core.rules.rating.endpoint import connect
from tests.core.rating_rows import ANSWERS_IT

if __name__ == "__main__":
    rate(
        connect(sys.argv[1], concurrency=4), pl.read_parquet(sys.argv[2]), [ANSWERS_IT], prompt_form("paper"), RatingCache(Path(sys.argv[3])),
        RatingParams(sample=4, everything=True, retest_share=0),
    )  # fmt: skip
