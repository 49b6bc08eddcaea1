"""From a path, a pattern or a hub name to a dataset."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sde_core.dataset.dataset import Dataset
from sde_core.dataset.feed import Feed, compression_of, open_feed
from sde_core.dataset.layouts import Layout, corrected_layout, detect_layout, ensure_fits, has_field
from sde_core.dataset.source import Source, identity_of
from sde_core.dataset.source_lines import LineSource, TextSource
from sde_core.errors import BadRecordError, InputError, LayoutError
from sde_core.files import from_home, never_write
from sde_core.visible import visible

FIRST_BYTES = 1 << 17
_MORE_BYTES = 16 << 20
_SAMPLE_ROWS = 200
_TEXT_BYTES = bytes({*range(0x20, 0x100), *b"\t\n\r\f\b\x1b"} - {0x7F})
_QUOTED = re.compile(rb'"[^"]*"')
_PACKED = (".gz", ".zst", ".zstd")
_FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "text",
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip
_TAG = re.compile(rb"O|[BIESLU]-\S+")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
_SIDE_FILES = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json", "manifest.json"}


def open_dataset(source: str | Path, *, layout: str | None = None, mapping: Mapping[str, str] | None = None) -> Dataset:
    """Opens a file, a folder, a glob pattern or a hub name; reads only its beginning.

    Args:
        source: JSON Lines, JSON, CSV, TSV, text, Parquet or Arrow, plain or packed with gzip or Zstandard; or `hf://datasets/NAME`.
        layout: Name of a layout to use instead of the detected one.
        mapping: Field for each role, overriding what was detected.

    Raises:
        InputError: When there is nothing readable.
        LayoutError: When no field holds text to train on.
        UsageError: When a layout, role or field does not exist.
    """
    name = str(source)
    with _reading(name):
        files = _files_of(name)
        never_write(files)
        seen = identity_of(files)
        records = _source_of(files)
        records.read_more(FIRST_BYTES)
        while not len(records) and records.read_more(FIRST_BYTES):
            pass
    if not len(records):
        raise InputError(f"{_shown(name)} holds no records.", "Check that it was written to the end.")
    return Dataset(name, records, _layout_of(name, records, layout, mapping), files=(files, seen))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Says in one sentence what the system says in a number."""
    try:
        yield
    except PermissionError as error:
        raise InputError(f"{_shown(name)} cannot be read: permission denied.", "Ask its owner, or copy it to a place of your own.") from error
    except OSError as error:
        raise InputError(f"{_shown(name)} cannot be read: {error.strerror or error}.", "Check the path.") from error


def _layout_of(name: str, records: Source, layout: str | None, mapping: Mapping[str, str] | None) -> Layout:
    sample = _sample(records)
    if not sample:
        raise InputError(
            f"{_shown(name)}: none of its first {len(records)} records can be read: {_first_fault(records)}.",
            f"Is it really {records.format}?",
        )
    if not (layout or mapping):
        return detect_layout(sample)
    try:
        detected = detect_layout(sample)
    except LayoutError:
        detected = None
    sample += _records_with(records, {field for field in (mapping or {}).values() if not has_field(sample, field)})
    corrected = corrected_layout(detected, layout, mapping, sample)
    ensure_fits(corrected, sample)
    return corrected


def _records_with(records: Source, missing: set[str]) -> list[Any]:
    """The first record that has each of these fields; the rest of the file is read until all are found."""
    found: list[Any] = []
    row, more = 0, True
    while missing and (row < len(records) or more):
        if row >= len(records):
            more = records.read_more(_MORE_BYTES)
            continue
        value = _parsed(records, row)
        here = {field for field in missing if has_field((value,), field)}
        if here:
            found.append(value)
            missing -= here
        row += 1
    return found


def _parsed(records: Source, row: int) -> Any:
    try:
        return records.parse(row, records.raw(row))
    except BadRecordError:
        return None


def _sample(records: Source) -> list[Any]:
    sample: list[Any] = []
    for row in range(min(len(records), 2 * _SAMPLE_ROWS)):
        try:
            sample.append(records.parse(row, records.raw(row)))
        except BadRecordError:
            continue
        if len(sample) >= _SAMPLE_ROWS:
            break
    return sample


def _first_fault(records: Source) -> str:
    try:
        records.parse(0, records.raw(0))
    except BadRecordError as error:
        return visible(error.message, 200)
    return "no fault found"


def _files_of(name: str) -> list[Path]:
    """The files that a name means, one or several."""
    if not name or "\x00" in name:
        raise InputError("No file is named.", "Give a file, a folder, a pattern or a hub name.")
    path = from_home(name)
    if name.startswith("hf://"):
        return _files_in(name, _downloaded(name))
    if path.is_dir():
        return _files_in(name, path)
    if path.exists():
        return [path]
    if glob.has_magic(name):
        return _with_content(name, matching_files(name))
    if _HUB_NAME.match(name) and not _FORMATS.get(path.suffix) and not path.parent.is_dir():
        return _files_in(name, _downloaded(f"hf://datasets/{name}"))
    raise InputError(f"{_shown(name)} does not exist.", _similar(path))


def _similar(path: Path) -> str:
    import difflib

    if path.is_symlink():
        return f"It is a link to {_shown(os.readlink(path))}, which leads nowhere."  # noqa: PTH115 - as it is written
    if not path.parent.is_dir():
        return f"Nor does the folder {_shown(str(path.parent))}."
    if (path.parent / f"{path.name}.sde").is_dir():
        return f"It was moved or deleted; its decisions and runs are still in {_shown(f'{path.name}.sde')}."
    close = difflib.get_close_matches(path.name, os.listdir(path.parent), n=3)  # noqa: PTH208
    return f"Did you mean {', '.join(_shown(name) for name in close)}?" if close else "Check the path."


def matching_files(pattern: str) -> list[Path]:
    """The files that a pattern means; a folder that exists by its literal name may hold brackets and stars."""
    folder = from_home(pattern)
    rest: list[str] = []
    while not folder.is_dir():
        rest.insert(0, folder.name)
        folder = folder.parent
    return sorted(Path(found) for found in glob.glob(os.path.join(glob.escape(str(folder)), *rest), recursive=True))  # noqa: PTH118


def _files_in(name: str, folder: Path) -> list[Path]:
    os.scandir(folder).close()  # a folder that may not be read would look like an empty one
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _format_by_name(path) and not _is_aside(path, folder))
    return _with_content(name, files)


def _is_aside(path: Path, folder: Path) -> bool:
    """Whether a file lies in a hidden or a state folder, or describes data rather than being it."""
    parts = path.relative_to(folder).parts
    return path.name in _SIDE_FILES or any(part.startswith((".", "_")) or part.endswith(".sde") for part in parts) or path.suffix == ".txt"


def _with_content(name: str, files: list[Path]) -> list[Path]:
    files = [path for path in files if path.is_file() and path.stat().st_size]
    if not files:
        raise InputError(f"{_shown(name)} holds no data files.", "Known endings: " + " ".join(sorted(_FORMATS)) + ", each also with .gz or .zst.")
    return files


def _source_of(files: list[Path]) -> Source:
    if len(files) == 1:
        return open_source(files[0])
    from sde_core.dataset.source_many import ManySource

    return ManySource([(path.name.split(".")[0], _opener(path), path.stat().st_size) for path in files])


def _opener(path: Path) -> Callable[[], Source]:
    def opened() -> Source:
        with _reading(str(path)):
            return open_source(path)

    return opened


def _format_by_name(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return _FORMATS.get(suffixes[-1], "") if suffixes else ""


def open_source(path: Path) -> Source:
    """The records of one file, by what its bytes are and then by its name.

    Raises:
        InputError: When it is empty or not data.
        OSError: When it cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{_shown(str(path))} is a pipe or a device, and sde goes back and forth in what it reads.", "Write it to a file first.")
    if path.stat().st_size == 0:
        raise InputError(f"{_shown(str(path))} is empty.", "Check that it was written to the end.")
    with path.open("rb") as file:
        head = file.read(8)
    kind = "parquet" if head.startswith(b"PAR1") else "arrow" if head.startswith(b"ARROW1") else _format_by_name(path)
    if kind in ("parquet", "arrow") and not compression_of(head):
        from sde_core.dataset.source_frame import FrameSource

        return FrameSource(path, kind)
    feed, _ = open_feed(path)
    return _text_source(path, feed, kind)


def _text_source(path: Path, feed: Feed, kind: str) -> Source:
    head = bytes(feed.buffer[: 1 << 16])
    if kind in ("parquet", "arrow"):
        raise InputError(f"{_shown(str(path))}: a packed {kind} file cannot be read.", "Unpack it first.")
    if not head.strip(b" \t\r\n\xef\xbb\xbf") and feed.complete:
        raise InputError(f"{_shown(str(path))} is empty but for white space.", "Check that it was written to the end.")
    if _is_binary(head[:4096]):
        raise InputError(
            f"{_shown(str(path))} is binary, not text.", "sde reads JSON Lines, JSON, CSV, TSV, Parquet and Arrow, plain or packed with gzip or zstd."
        )
    if head.count(b"\r") > 1 and b"\n" not in head:
        raise InputError(f"{_shown(str(path))} ends its lines with carriage returns alone.", "Convert it:  tr '\\r' '\\n' < OLD > NEW")
    if kind in ("", "text", "tsv") and looks_tagged(head):
        from sde_core.dataset.source_tagged import TaggedSource

        return TaggedSource(feed)
    kind = _format_by_content(head.removeprefix(b"\xef\xbb\xbf"), kind)
    if kind == "jsonl":
        return LineSource(feed)
    if kind == "json":
        from sde_core.dataset.source_json import JsonSource

        return JsonSource(feed)
    if kind in ("csv", "tsv"):
        from sde_core.dataset.source_delimited import DelimitedSource

        return DelimitedSource(feed, "\t" if kind == "tsv" else _delimiter(head))
    return TextSource(feed)


def looks_tagged(head: bytes) -> bool:
    """Whether lines are a token and its tags, with a blank line behind each sentence (CoNLL, IOB2)."""
    blocks = head.replace(b"\r\n", b"\n").split(b"\n\n")
    lines = [line.split() for line in head.split(b"\n")[1:-1] if line.strip()]
    if len(blocks) < 2 or len(lines) < 4 or len({len(cells) for cells in lines}) > 1 or len(lines[0]) < 2:
        return False
    return all(_TAG.fullmatch(cells[-1]) for cells in lines)


def _is_binary(head: bytes) -> bool:
    """Whether one byte in twenty is a control character that no text has; a stray one in text is a finding and no reason to refuse the file."""
    controls = head.translate(None, _TEXT_BYTES)
    return len(controls) > max(len(head) // 20, 2)


def _format_by_content(head: bytes, named: str) -> str:
    """What a text file is; its name decides where the content leaves it open."""
    start = head.lstrip()[:1]
    if named in ("csv", "tsv"):
        return "jsonl" if start == b"{" and _first_line_is_object(head) else named
    if start == b"{":
        return "jsonl" if named == "jsonl" or _first_line_is_object(head) else "json"
    if start == b"[":
        return "jsonl" if named == "jsonl" else "json"
    if named in ("jsonl", "json"):
        return named
    lines = head.split(b"\n")[:20]
    if len(lines) > 1 and all(line.count(b"\t") == lines[0].count(b"\t") > 0 for line in lines[:-1] if line.strip()):
        return "tsv"
    return named or ("csv" if lines[0].count(b",") and len(lines) > 1 else "text")


def _first_line_is_object(head: bytes) -> bool:
    """Whether the first line is a whole JSON object and more follows it: JSON Lines whatever the name says."""
    from sde_core.dataset.json_text import parse_json

    line, newline, rest = head.lstrip().partition(b"\n")
    if not newline or not rest.strip().startswith(b"{"):
        return False
    try:
        return isinstance(parse_json(line), dict)
    except BadRecordError:
        return False


def _delimiter(head: bytes) -> str:
    """The mark that splits most of the first lines into equally many fields, and the first line into the most."""
    lines = [_QUOTED.sub(b"", line) for line in head.split(b"\n")[:20] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in (b",", b";", b"|", b"\t")}
    return max(counts, key=lambda mark: (counts[mark][0] > 0, counts[mark].count(counts[mark][0]), counts[mark][0])).decode()


def _downloaded(address: str) -> Path:
    """A hub dataset's files in the local cache.

    Raises:
        InputError: When the hub cannot be reached and the cache does not hold it.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
    except ImportError as error:
        raise InputError(f"{_shown(address)} needs the package huggingface_hub.", "pip install huggingface_hub, or give a local file.") from error
    repo = "/".join(address.removeprefix("hf://").removeprefix("datasets/").split("/")[:2])
    patterns = [f"*{suffix}{packing}" for suffix in _FORMATS if suffix != ".txt" for packing in ("", *_PACKED)]
    try:
        return Path(snapshot_download(repo, repo_type="dataset", allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        words = visible(str(error).split("\n", 1)[0], 160)
        raise InputError(
            f"{_shown(address)} cannot be fetched from the hub: {words}.", "Give a local file, or log in and check the network."
        ) from error


def _shown(name: str) -> str:
    return visible(name, 200)
