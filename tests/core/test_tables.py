"""Tables as commands and jobs write them."""

from __future__ import annotations

import polars as pl
import pytest

from sde_core.cli.main import main
from sde_core.errors import UsageError
from sde_core.tables import TABLE_SUFFIXES, refuse_other_suffix, write_table

FRAME = pl.DataFrame({"row": [0, 1], "score": [0.25, None], "name": ["a, b", "\n"]})
READERS = {".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson, ".csv": pl.read_csv}


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_table_comes_back_in_every_form(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    refuse_other_suffix(path)
    write_table(FRAME, path)
    assert READERS[suffix](path).equals(FRAME)


def test_csv_leaves_lists_out(tmp_path):
    write_table(FRAME.with_columns(seen=pl.Series([[1], [2, 3]])), tmp_path / "table.csv")
    assert pl.read_csv(tmp_path / "table.csv").columns == FRAME.columns


def test_any_other_form_is_refused_with_a_name_that_would_do(tmp_path):
    with pytest.raises(UsageError, match=r"\.txt is none of") as caught:
        refuse_other_suffix(tmp_path / "losses.txt", "losses")
    assert "losses.parquet" in caught.value.hint


@pytest.mark.parametrize("command", [("ifd",), ("rules", "score")])
def test_commands_refuse_it_before_the_long_part(command, write_jsonl, tmp_path, capfd):
    path = write_jsonl([{"instruction": "Why?", "output": "Because."}])
    assert main([*command, str(path), "-o", str(tmp_path / "scores.xlsx")]) == 2
    assert "scores.xlsx is none of .parquet, .jsonl, .csv" in capfd.readouterr().err.replace("\n", " ")
