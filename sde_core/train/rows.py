"""The exact rows of a run: written into its job folder at launch, read back by the job, so that neither edits nor a moved file can change a run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xxhash

from sde_core.dataset import Dataset, Layout, Turns
from sde_core.dataset.layouts import turns_of
from sde_core.errors import InputError, UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent

TRAIN, HELD_OUT = "train", "held-out"
MAX_HELD_OUT = 500
"""Rows held out at most: enough for a steady curve, few enough not to slow the run."""
HELD_OUT_SPLITS = frozenset({"validation", "valid", "val", "dev", "eval", "test", "testing", "held-out", "heldout"})
"""Splits of the data itself that are never trained on."""

_FIELDS = frozenset({"row", "key", "split", "record"})
_KEY = re.compile(r"[0-9a-f]{1,16}")
_MOST_ROWS = (1 << 31) - 1
_NO_ROWS = "They are the rows that it trains on; start a new run."
_NO_MANIFEST = "It says how the rows of the run are read; start a new run."


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One row of a run.

    Attributes:
        row: Its position in the file when the run was launched.
        key: Its stable key, which finds it again when the file has changed.
        split: `TRAIN` or `HELD_OUT`.
        turns: Its messages, with the user's edits of that moment.
    """

    row: int
    key: int
    split: str
    turns: Turns


@dataclass(frozen=True, slots=True)
class SnapshotPlace:
    """Where one row of a run stood at its launch; `row`, `key` and `split` as in `SnapshotRow`."""

    row: int
    key: int
    split: str


def write_snapshot(
    folder: Path,
    dataset: Dataset,
    rows: Sequence[int],
    *,
    held_out: float | frozenset[int],
    seed: int,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write `rows.jsonl` and `manifest.json` into a job folder.

    Rows with the same prompt stand on the same side of the split, which is drawn by `seed` alone: not by order and not by chance.

    Args:
        folder: The job folder.
        dataset: Where the rows are; its edits are part of them.
        rows: Record positions.
        held_out: Share of the rows to evaluate on, or those rows themselves.
        seed: Which rows these are.
        cancel: Looked at between batches.
        progress: In rows.

    Returns:
        The manifest.

    Raises:
        UsageError: When there are no rows.
        CancelledError: When stopped.
    """
    if not len(rows):
        raise UsageError("There are no rows to train on.", "Accept some rows, or take back some rejections.")
    keys = dataset.keys()
    held_out_rows = held_out if isinstance(held_out, frozenset) else choose_held_out(dataset, rows, share=held_out, seed=seed, cancel=cancel)
    digest, counts = xxhash.xxh3_128(), {TRAIN: 0, HELD_OUT: 0}
    with (folder / "rows.jsonl").open("wb") as file:
        for batch in dataset.batches(rows=rows, cancel=cancel, progress=progress):
            for row, value, _ in batch:
                split = HELD_OUT if row in held_out_rows else TRAIN
                line = _line({"row": row, "key": f"{int(keys[row]):016x}", "split": split, "record": value})
                counts[split] += 1
                digest.update(line)
                file.write(line)
    manifest = {
        "dataset": {"path": str(Path(dataset.path).absolute()) if Path(dataset.path).exists() else dataset.path, "fingerprint": dataset.fingerprint},
        "layout": asdict(dataset.layout),
        "rows": counts,
        "rows_hash": digest.hexdigest(),
        "created": time.time(),
    }
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return manifest


def read_snapshot(folder: Path) -> Iterator[SnapshotRow]:
    """The rows of a run in the order they were written.

    Args:
        folder: The job folder.

    Raises:
        InputError: Where the file is damaged, at its end where a row was changed or is gone: a run never goes on with other rows than it began with.
    """
    manifest, layout = _read_manifest(folder)
    rows, digest = 0, xxhash.xxh3_128()
    for kept in _kept(folder, digest):
        rows += 1
        yield SnapshotRow(kept["row"], int(kept["key"], 16), kept["split"], turns_of(kept["record"], layout))
    launched = sum(manifest["rows"].values())
    if rows != launched:
        raise InputError(f"{folder.name} was launched with {launched:,} rows, but its rows.jsonl holds {rows:,}.", _NO_ROWS)
    if manifest.get("rows_hash") not in (None, digest.hexdigest()):
        raise InputError(f"{folder / 'rows.jsonl'} has changed since the run was launched: its rows have another hash.", _NO_ROWS)


def row_total(folder: Path) -> int:
    """Rows that a run was launched with.

    Args:
        folder: The job folder.

    Raises:
        InputError: When its manifest cannot be read.
    """
    return sum(_read_manifest(folder)[0]["rows"].values())


def _read_manifest(folder: Path) -> tuple[dict[str, Any], Layout]:
    path = folder / "manifest.json"
    try:
        manifest = orjson.loads(path.read_bytes())
        layout = Layout(**manifest["layout"])
        sound = all(isinstance(count, int) for count in manifest["rows"].values())
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is missing or damaged.", _NO_MANIFEST) from error
    if not sound:
        raise InputError(f"{path} is damaged.", _NO_MANIFEST)
    return manifest, layout


def read_places(folder: Path) -> Iterator[SnapshotPlace]:
    """Where the rows of a run stood, in the order they were written."""
    for kept in _kept(folder):
        yield SnapshotPlace(kept["row"], int(kept["key"], 16), kept["split"])


def read_row_keys(folder: Path) -> Iterator[int]:
    """The keys of a run's rows in the order they were written."""
    for kept in _kept(folder):
        yield int(kept["key"], 16)


def read_key_of_rows(folder: Path) -> dict[int, int]:
    """The key of each of a run's rows by its position at the launch."""
    return {kept["row"]: int(kept["key"], 16) for kept in _kept(folder)}


def read_kept_rows(folder: Path) -> Iterator[tuple[int, int, Any]]:
    """Position at the launch, key and parsed record of each of a run's rows, with the edits of that moment."""
    for kept in _kept(folder):
        yield kept["row"], int(kept["key"], 16), kept["record"]


def choose_held_out(dataset: Dataset, rows: Sequence[int], *, share: float, seed: int, cancel: Cancel = NEVER) -> frozenset[int]:
    """The rows to evaluate on: those of the data's own test splits where it has any, else about `share` of them, at most `MAX_HELD_OUT`.

    At least one row is always left to train on. Rows with the same prompt stay together, or, where too few prompts make that impossible, equal rows.

    Args:
        dataset: Where the rows are.
        rows: Record positions.
        share: Of the rows.
        seed: Which rows these are.
        cancel: Looked at between batches.
    """
    draws = SplitDraws(seed)
    for batch in dataset.batches(rows=rows, cancel=cancel):
        for row, _, turns in batch:
            draws.add(row, turns, dataset.split(row))
    return draws.held_out(share)


class SplitDraws:
    """What decides on which side of the split each row falls.

    Args:
        seed: The run's seed.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._positions: list[int] = []
        self._prompts: list[int] = []
        self._whole_rows: list[int] = []
        self._own_split: list[bool] = []

    def add(self, row: int, turns: Turns, split: str) -> None:
        """One row more, and the split that the data itself puts it into.

        Args:
            row: Its position.
            turns: Its messages.
            split: The data's own, "" for none.
        """
        self._positions.append(row)
        self._prompts.append(_draw(turns.prompt or turns.answer, self._seed))
        self._whole_rows.append(_draw(f"{turns.prompt}\0{turns.answer}", self._seed))
        self._own_split.append(split.lower() in HELD_OUT_SPLITS)

    def held_out(self, share: float, rows: Collection[int] | None = None) -> frozenset[int]:
        """See `choose_held_out`; of `rows` alone where they are named."""
        chosen = [i for i, row in enumerate(self._positions) if rows is None or row in rows]
        positions, own = [self._positions[i] for i in chosen], [self._own_split[i] for i in chosen]
        if any(own) and not all(own):
            return frozenset(row for row, test in zip(positions, own, strict=True) if test)
        wanted = min(round(share * len(positions)), MAX_HELD_OUT, len(positions) - 1)
        # Where a few prompts are shared by all rows, no group of them fits, and only equal rows are kept together.
        by_prompt = _whole_groups(positions, [self._prompts[i] for i in chosen], wanted)
        return frozenset(by_prompt or _whole_groups(positions, [self._whole_rows[i] for i in chosen], wanted))


def _draw(text: str, seed: int) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"), seed=seed)


def _whole_groups(positions: Sequence[int], draws: Sequence[int], wanted: int) -> list[int]:
    """The groups of equal draws with the lowest draws that together have at most `wanted` rows."""
    order = np.argsort(np.array(draws, dtype=np.uint64), kind="stable")
    chosen: list[int] = []
    starts = [i for i in range(len(order)) if i == 0 or draws[order[i]] != draws[order[i - 1]]]
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        if len(chosen) + stop - start <= wanted:
            chosen += [positions[i] for i in order[start:stop]]
    return chosen


def _kept(folder: Path, digest: xxhash.xxh3_128 | None = None) -> Iterator[dict[str, Any]]:
    """The rows of the file as they were parsed; `digest` takes in the bytes of every one."""
    path = folder / "rows.jsonl"
    if not path.exists():
        raise InputError(f"{path} is gone.", _NO_ROWS)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row = _parsed(line)
            if digest is not None:
                digest.update(line)
            if not _is_sound(row):
                raise InputError(f"{folder.name} cannot be read: line {number:,} of its rows.jsonl is damaged.", _NO_ROWS)
            yield row


def _is_sound(row: Any) -> bool:
    """Whether a line holds a row of a run."""
    if not isinstance(row, dict) or not row.keys() >= _FIELDS or type(row["row"]) is not int:
        return False
    return (
        0 <= row["row"] <= _MOST_ROWS and isinstance(row["key"], str) and _KEY.fullmatch(row["key"]) is not None and row["split"] in (TRAIN, HELD_OUT)
    )


def _parsed(line: bytes) -> Any:
    """What a line holds, None where it is damaged."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        with suppress(ValueError, RecursionError):
            return json.loads(line)
    return None


def _line(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Integers beyond 64 bits and lone surrogates: rare, and the standard library writes them.
        return json.dumps(row, default=str).encode() + b"\n"
