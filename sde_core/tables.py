"""Tables that commands and jobs write: one row a record, as Parquet, JSON Lines or CSV by the file's name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.errors import UsageError
from sde_core.files import atomic_write
from sde_core.visible import visible

if TYPE_CHECKING:
    import polars as pl

TABLE_SUFFIXES = (".parquet", ".jsonl", ".csv")


def refuse_other_suffix(output: Path, example: str = "scores") -> None:
    """Raises before the long part of the work, not after it.

    Raises:
        UsageError: When the name ends in none of `TABLE_SUFFIXES`.
    """
    if output.suffix not in TABLE_SUFFIXES:
        raise UsageError(f"{visible(str(output))} is none of {', '.join(TABLE_SUFFIXES)}.", f"Name the output {example}.parquet or {example}.jsonl.")


def write_table(frame: pl.DataFrame, output: Path) -> None:
    """Writes a table whole or not at all; CSV has no lists, so that columns of lists stay out of it.

    Raises:
        ReadOnlyError: When it cannot be written.
    """
    import polars as pl

    written = io.BytesIO()
    if output.suffix == ".csv":
        frame.drop([name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]).write_csv(written)
    elif output.suffix == ".jsonl":
        frame.write_ndjson(written)
    else:
        frame.write_parquet(written)
    atomic_write(output, [written.getvalue()])
