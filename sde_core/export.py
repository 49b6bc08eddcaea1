"""Writes chosen rows to a new file: untouched rows byte for byte, and a manifest that says what was left out and why."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from glob import has_magic
from pathlib import Path
from typing import Any

from sde_core.dataset import Dataset, Turns
from sde_core.dataset.json_text import dumped, parse_json
from sde_core.dataset.opening import matching_files
from sde_core.dataset.source_json import one_line
from sde_core.dataset.turns import ASSISTANT, SYSTEM, USER
from sde_core.errors import UsageError
from sde_core.files import atomic_write, from_home
from sde_core.project import Project
from sde_core.visible import visible

_SHAREGPT_ROLES = {"user": "human", "assistant": "gpt", "tool": "observation"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported file is made of.

    Attributes:
        source: Path of the dataset.
        fingerprint: Hash of its content.
        decisions_head: State of the journal (see `Journal.head`), "" without one.
        rows: How many rows were written.
        source_rows: How many the dataset holds, malformed ones counted.
        edited_rows: How many of the written rows carry the user's edits.
        left_out: How many rows were left out for each reason.
        layout: Layout of the file.
        sha256: Of the file's bytes.
        parameters: How the rows were chosen: method, seed and the like.
        exported_at: UTC, ISO 8601.
        version: Of sde.
    """

    source: str
    fingerprint: str
    decisions_head: str
    rows: int
    source_rows: int
    edited_rows: int
    left_out: Mapping[str, int]
    layout: str
    sha256: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exported_at: str = ""
    version: str = "0.1.0"


def export_rows(
    dataset: Dataset,
    rows: Sequence[int],
    path: Path,
    *,
    layout: str = "as-is",
    left_out: Mapping[str, int] | None = None,
    decisions_head: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Manifest:
    """Writes rows to `path` and a manifest to `path.manifest.json`.

    Args:
        dataset: With the user's edits laid over it.
        rows: Row positions, in the order to write; must be readable records unless the layout is "as-is".
        path: A new file; its ending says the format (.jsonl, .json, .parquet, or the source's own), with .gz or .zst behind it packed.
        layout: "as-is" or one of `EXPORT_LAYOUTS`.
        left_out: Rows left out by reason, for the manifest.
        decisions_head: State of the journal, for the manifest.
        parameters: How the rows were chosen, for the manifest.

    Raises:
        UsageError: When the file is the source itself, or the layout or format is unknown.
        ReadOnlyError: When the file cannot be written (a full disk, say); nothing is left behind.
    """
    _refuse_source(dataset, path)
    rows = [int(row) for row in rows]
    digest = hashlib.sha256()
    atomic_write(path, _digested(_written(dataset, rows, path, layout), digest.update))
    manifest = Manifest(
        source=dataset.path,
        fingerprint=dataset.fingerprint,
        decisions_head=decisions_head,
        rows=len(rows),
        source_rows=len(dataset),
        edited_rows=sum(row in dataset.edits for row in rows),
        left_out=dict(left_out or {}),
        layout=layout,
        sha256=digest.hexdigest(),
        parameters=dict(parameters or {}),
        exported_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    atomic_write(manifest_path(path), [json.dumps(asdict(manifest), indent=2, default=str).encode() + b"\n"])
    return manifest


def manifest_path(path: Path) -> Path:
    """Where the manifest of an exported file lies."""
    return path.with_name(path.name + ".manifest.json")


def _refuse_source(dataset: Dataset, path: Path) -> None:
    shown = visible(str(path), 200)
    if path.is_dir():
        raise UsageError(f"{shown} is a folder.", "Give -o a file name.")
    for written in (path, manifest_path(path)):
        if any(written.exists() and file.exists() and written.samefile(file) for file in _own_files(dataset)):
            raise UsageError(f"{shown} is the dataset itself or holds its decisions, and sde never writes the source.", "Choose another name for -o.")
    folder = from_home(dataset.path)
    if folder.is_dir() and path.absolute().is_relative_to(folder.absolute()):
        raise UsageError(f"{shown} lies in the dataset's own folder and would become part of it.", "Choose another folder for -o.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {visible(str(path.parent), 200)} does not exist.", "Create it first, or choose another name for -o.")


def _own_files(dataset: Dataset) -> list[Path]:
    source = from_home(dataset.path)
    files = [source] if source.exists() else matching_files(dataset.path) if has_magic(dataset.path) else []
    return [*files, Project.of(dataset.path).journal_path]


def _digested(chunks: Iterable[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _written(dataset: Dataset, rows: list[int], path: Path, layout: str) -> Iterator[bytes]:
    packing = _PACKINGS.get(path.suffix.lower())
    return packing(_plain(dataset, rows, path.with_suffix(""), layout)) if packing else _plain(dataset, rows, path, layout)


def _gzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield from _packed(chunks, zlib.compressobj(wbits=31))


def _zstandard(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard

    yield from _packed(chunks, zstandard.ZstdCompressor().compressobj())


def _packed(chunks: Iterable[bytes], packer: Any) -> Iterator[bytes]:
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


_PACKINGS = {".gz": _gzipped, ".zst": _zstandard, ".zstd": _zstandard}


def _plain(dataset: Dataset, rows: list[int], path: Path, layout: str) -> Iterator[bytes]:
    ending = path.suffix.lower().lstrip(".")
    if layout == "as-is" and _is_same_format(ending, dataset.format):
        return dataset.assemble(rows)
    if layout != "as-is" and layout not in EXPORT_LAYOUTS:
        raise UsageError(f"There is no export layout named {layout!r}.", "Known: as-is, " + ", ".join(EXPORT_LAYOUTS) + ".")
    lines = _as_is_lines(dataset, rows) if layout == "as-is" else _converted_lines(dataset, rows, EXPORT_LAYOUTS[layout])
    if ending in ("jsonl", "ndjson"):
        return (line + b"\n" for line in lines)
    if ending == "json":
        return _json_list(lines)
    if ending == "parquet":
        return _parquet(lines)
    raise UsageError(
        f"sde cannot write {visible(path.name, 80)}: unknown ending.",
        f"Use .jsonl, .json, .parquet, or the dataset's own format (.{dataset.format}).",
    )


def _is_same_format(ending: str, source_format: str) -> bool:
    return {
        "ndjson": "jsonl",
        "pq": "parquet",
        "txt": "text",
        "feather": "arrow",
        "ipc": "arrow",
        "tab": "tsv",
        "iob2": "tagged",
        "conll": "tagged",
    }.get(ending, ending) == source_format


def _as_is_lines(dataset: Dataset, rows: list[int]) -> Iterator[bytes]:
    """Each record on one line of JSON, numbers and strings as they are written where the source is JSON."""
    for row in rows:
        if dataset.format in ("jsonl", "json"):
            yield one_line(dataset.edited_raw(row))
        else:
            yield dumped(dataset.value(row))


def _converted_lines(dataset: Dataset, rows: list[int], convert: Callable[[Turns], dict[str, Any]]) -> Iterator[bytes]:
    for row in rows:
        turns = dataset.turns(row)
        if not turns.turns:
            raise UsageError(
                f"Row {row} (line {dataset.line(row)}) has no messages under the layout {dataset.layout.name}.", "Reject it, or export as-is."
            )
        yield dumped(convert(turns))


def _json_list(lines: Iterable[bytes]) -> Iterator[bytes]:
    yield b"["
    for i, line in enumerate(lines):
        yield (b",\n" if i else b"\n") + line
    yield b"\n]\n"


def _parquet(lines: Iterable[bytes]) -> Iterator[bytes]:
    import io

    import polars as pl

    buffer = io.BytesIO()
    try:
        pl.DataFrame([parse_json(line) for line in lines], infer_schema_length=None, strict=False).write_parquet(buffer)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        words = visible(str(error).split("\n", 1)[0], 160)
        raise UsageError(f"These rows fit into no table: {words}.", "A field holds values of several kinds; export as .jsonl instead.") from error
    yield buffer.getvalue()


def _to_messages(turns: Turns) -> dict[str, Any]:
    return {"messages": [{"role": _standard_role(turn.role), "content": turn.text} for turn in turns.turns]}


def _to_sharegpt(turns: Turns) -> dict[str, Any]:
    return {"conversations": [{"from": _SHAREGPT_ROLES.get(_standard_role(turn.role), turn.role), "value": turn.text} for turn in turns.turns]}


def _to_alpaca(turns: Turns) -> dict[str, Any]:
    exchanges = [turn for turn in turns.turns if turn.role != SYSTEM]
    history = [[first.text, second.text] for first, second in zip(exchanges[:-2:2], exchanges[1:-2:2], strict=False)]
    last_user = next((turn.text for turn in reversed(exchanges) if turn.role == USER), "")
    converted: dict[str, Any] = {"instruction": last_user, "input": "", "output": turns.answer}
    return {**converted, **({"system": turns.system} if turns.system else {}), **({"history": history} if history else {})}


def _to_prompt_completion(turns: Turns) -> dict[str, Any]:
    prompt = f"{turns.system}\n\n{turns.prompt}" if turns.system else turns.prompt
    return {"prompt": prompt, "completion": turns.answer}


def _standard_role(role: str) -> str:
    return ASSISTANT if role == "text" else role


EXPORT_LAYOUTS: dict[str, Callable[[Turns], dict[str, Any]]] = {
    "messages": _to_messages,
    "alpaca": _to_alpaca,
    "sharegpt": _to_sharegpt,
    "prompt-completion": _to_prompt_completion,
}
"""Layouts that any dataset can be written in."""
