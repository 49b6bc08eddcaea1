"""The table of texts between processes: Arrow files of some ten thousand rows each, with a list of them that is written last."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import polars as pl
import xxhash

from sde_core.dataset.content_cache import ContentCache, read_blob, write_blob
from sde_core.dataset.dataset import Dataset
from sde_core.dataset.source import BadRecord
from sde_core.dataset.text_table import TEXT_SCHEMA, text_frames
from sde_core.progress import Cancel, Progress

_ROWS = 1 << 16
_BYTES = 64 << 20
_CHUNK = 1 << 20


def stored_texts(dataset: Dataset, cache: ContentCache | None, bad: dict[int, BadRecord], *, cancel: Cancel, progress: Progress) -> pl.DataFrame:
    """The table of the file's own texts, from the cache where it holds them, else made and kept there.

    Args:
        dataset: Read to its end, without edits.
        cache: Of the dataset's content; None keeps nothing.
        bad: Malformed records; those that the cache knows are added.
        cancel: Looked at between some hundred records.
        progress: Called with records done.

    Raises:
        CancelledError: When stopped.
    """
    name = "texts-" + xxhash.xxh3_64_hexdigest(repr((dataset.layout.name, sorted(dataset.layout.roles.items()))).encode("utf-8", "surrogatepass"))
    kept = _read(cache.path(name) if cache else None, bad)
    if kept is not None:
        return kept
    folder = cache.new_folder() if cache else None
    try:
        parts = [_written(part, folder, number) for number, part in enumerate(_parts(dataset, cancel, progress))]
        if cache and folder and folder.is_dir():
            _write_list(folder, sum(map(len, parts)), bad)
            cache.keep(folder, name)
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    return pl.concat(parts, rechunk=False) if parts else pl.DataFrame(schema=TEXT_SCHEMA)


def _write_list(folder: Path, rows: int, bad: dict[int, BadRecord]) -> None:
    """The list is written last: without it, or where a part is not as it says, there is nothing."""
    parts = [_described(path) for path in sorted(folder.glob("*.arrow"))]
    write_blob(folder / "list", {"parts": parts, "rows": rows, "bad": [asdict(bad[row]) for row in sorted(bad)]}, [])


def _parts(dataset: Dataset, cancel: Cancel, progress: Progress) -> Iterator[pl.DataFrame]:
    """The table in parts that are large enough for polars and small enough for the memory."""
    frames: list[pl.DataFrame] = []
    rows = size = 0
    for frame in text_frames(dataset, cancel=cancel, progress=progress):
        frames.append(frame)
        rows, size = rows + len(frame), size + int(frame.estimated_size())
        if rows >= _ROWS or size >= _BYTES:
            yield pl.concat(frames, rechunk=True)
            frames, rows, size = [], 0, 0
    if frames:
        yield pl.concat(frames, rechunk=True)


def _written(part: pl.DataFrame, folder: Path | None, number: int) -> pl.DataFrame:
    """The part, written too; after the first that cannot be written (a full disk, say) nothing is kept."""
    if folder and folder.is_dir():
        try:
            part.write_ipc(folder / f"{number:06}.arrow", compat_level=pl.CompatLevel.newest())
        except (OSError, pl.exceptions.PolarsError):
            shutil.rmtree(folder, ignore_errors=True)
    return part


def _described(path: Path) -> tuple[str, str]:
    """Name and checksum of a part."""
    digest = xxhash.xxh3_128()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return path.name, digest.hexdigest()


def _read(folder: Path | None, bad: dict[int, BadRecord]) -> pl.DataFrame | None:
    listed = read_blob(folder / "list") if folder else None
    if folder is None or listed is None:
        return None
    try:
        if any(list(_described(folder / name)) != [name, checksum] for name, checksum in listed[0]["parts"]):
            return None
        parts = [pl.read_ipc(folder / name) for name, _ in listed[0]["parts"]]
    except (OSError, pl.exceptions.PolarsError):
        return None
    table = pl.concat(parts, rechunk=False) if parts else pl.DataFrame(schema=TEXT_SCHEMA)
    if len(table) != listed[0]["rows"] or dict(table.schema) != TEXT_SCHEMA:
        return None
    bad.update({item["row"]: BadRecord(**item) for item in listed[0]["bad"]})
    return table
