"""An opened dataset: records in file order, read as far as needed, with a layout and the user's edits laid over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sde_core.dataset.layouts import Layout, turns_of
from sde_core.dataset.source import BadRecord, Source, numbered
from sde_core.dataset.turns import FieldPath, Turns, replaced_at
from sde_core.errors import BadRecordError
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import polars as pl

    from sde_core.dataset.content_cache import ContentCache
    from sde_core.dataset.source import Identity

Edits = Mapping[int, Mapping[FieldPath, str]]
"""The user's texts by row and path."""

_SLICE = 16 << 20
_EXCERPT = 160
_CACHED_VALUES = 256


@dataclass
class _Shared:
    """What all views of one source have in common."""

    source: Source
    bad: dict[int, BadRecord] = field(default_factory=dict)
    keys: np.ndarray | None = None
    rows_by_key: dict[int, int] | None = None
    validated: bool = False
    fingerprint: str = ""
    texts: dict[str, pl.DataFrame] = field(default_factory=dict)
    cache: ContentCache | None = None
    indexed: bool = False


class Dataset:
    """Records of one file, folder or table.

    Opening reads the beginning only; `read_all` indexes the rest, and whatever needs the whole (`keys`, `texts`, `batches`) does so by itself.
    A dataset never changes; `with_layout` and `with_edits` give another one over the same source.

    Args:
        path: What was opened, as the user wrote it.
        source: The records.
        layout: How they are shaped.
        edits: Texts that replace the file's own.
        files: The files that hold the records, each with its identity before it was opened; nothing is cached without.
    """

    def __init__(
        self,
        path: str,
        source: Source,
        layout: Layout,
        edits: Edits | None = None,
        *,
        files: tuple[Sequence[Path], Identity] | None = None,
        _shared: _Shared | None = None,
    ) -> None:
        self.path = path
        self.name = path.rstrip("/").rsplit("/", 1)[-1]
        self.layout = layout
        self.edits: Edits = edits or {}
        self._shared = _shared or _Shared(source)
        self._source = source
        self.files = files
        self._cache: dict[int, Any] = {}
        self._replaced: Mapping[int, bytes] = {}
        self._texts: pl.DataFrame | None = None

    def keep_in(self, folder: Path) -> Dataset:
        """Keeps what is found out about the content in this folder, and takes what an earlier process kept there; the same dataset.

        A folder that cannot be written does no harm, and neither does one whose files are damaged or of another content.
        """
        from sde_core.dataset.content_cache import ContentCache

        if self.files is not None and self._shared.cache is None:
            self._shared.cache = ContentCache(folder / "content", *self.files)
        return self

    # ---- reading on

    def __len__(self) -> int:
        """Record positions found so far, malformed records counted."""
        return len(self._source)

    @property
    def format(self) -> str:
        """ "jsonl", "json", "csv", "tsv", "text", "parquet" or "arrow"."""
        return self._source.format

    @property
    def complete(self) -> bool:
        """Whether every record position is known."""
        return self._source.complete

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._source.size

    @property
    def position(self) -> int:
        """Bytes on disk read so far."""
        return self._source.position

    def read_more(self, max_bytes: int = _SLICE) -> bool:
        """Finds the records of about `max_bytes` more, or all of them where they are cached; whether there may be more."""
        self._source.ensure_whole()
        if self._restored_index():
            return False
        known = self.complete
        more = self._source.read_more(max_bytes)
        if not more and not known:
            self._keep_index()
        return more

    def _restored_index(self) -> bool:
        """Takes the index from the cache, once."""
        cache = self._shared.cache
        if cache is None or self._shared.indexed or self.complete:
            return False
        self._shared.indexed = True
        kept = cache.read("index")
        if kept is None:
            return False
        from sde_core.dataset.content_cache import unsigned

        self._source.restore_index(kept[0], [unsigned(view) for view in kept[1]])
        return self.complete

    def _keep_index(self) -> None:
        kept = self._source.saved_index() if self._shared.cache else None
        if kept and self._shared.cache:
            self._shared.cache.write("index", *kept)

    def read_all(self, *, cancel: Cancel = NEVER, progress: Progress = silent) -> None:
        """Finds all records; progress in bytes.

        Raises:
            CancelledError: When stopped; what was found stays.
        """
        while not self.complete:
            raise_if_cancelled(cancel)
            self.read_more()
            progress(self.position, self.size)

    # ---- one record

    def raw(self, row: int) -> bytes:
        """The record's original bytes, without the line end.

        Raises:
            InputError: When the file has been cut since it was opened.
        """
        self._source.ensure_whole()
        return self._source.raw(row)

    def edited_raw(self, row: int) -> bytes:
        """The record's bytes with the user's edits and nothing else changed."""
        if row in self._replaced:
            return self._replaced[row]
        edits = self.edits.get(row)
        if not edits:
            return self.raw(row)
        return self._source.edited(row, self.raw(row), tuple(edits.items()))

    def original_value(self, row: int) -> Any:
        """The parsed record as it stands in the file.

        Raises:
            BadRecordError: When the record is malformed; it is then listed in `bad`.
        """
        if row in self._cache:
            return self._cache[row]
        raw = self.raw(row)
        try:
            value = self._source.parse(row, raw)
        except BadRecordError as error:
            self._quarantine(row, raw, error)
            raise
        if len(self._cache) >= _CACHED_VALUES:
            self._cache.clear()
        self._cache[row] = value
        return value

    def value(self, row: int) -> Any:
        """The parsed record with the user's edits.

        Raises:
            BadRecordError: When the record is malformed.
        """
        return self._with_edits(row, self.original_value(row))

    def turns(self, row: int) -> Turns:
        """The record's messages, with the user's edits.

        Raises:
            BadRecordError: When the record is malformed.
        """
        return turns_of(self.value(row), self.layout)

    def line(self, row: int) -> int:
        """1-based line of the record in its file; the record's number in tables."""
        return self._source.line(row)

    def split(self, row: int) -> str:
        """Name of the record's split, "" where there are none."""
        return self._source.split(row)

    def _with_edits(self, row: int, value: Any) -> Any:
        for path, text in self.edits.get(row, {}).items():
            value = replaced_at(value, path, text)
        return value

    def _quarantine(self, row: int, raw: bytes, error: BadRecordError) -> None:
        if row not in self._shared.bad:
            excerpt = raw[:_EXCERPT].decode("utf-8", "replace")
            self._shared.bad[row] = BadRecord(row, self.line(row), self._source.offset(row), error.message, excerpt)

    def _note_damage(self) -> None:
        for row, why in self._source.damages():
            excerpt = self.raw(row)[:_EXCERPT].decode("utf-8", "replace")
            message = f"the file is damaged in this record or after it: {why}"
            self._shared.bad[row] = BadRecord(row, self.line(row), self._source.offset(row), message, excerpt)

    @property
    def bad(self) -> Sequence[BadRecord]:
        """Malformed records met so far, in file order; all of them once `bad_known`.

        The last record before a damage of the file is among them, even where it can be read itself.
        """
        if self.complete:
            self._note_damage()
        return [self._shared.bad[row] for row in sorted(self._shared.bad)]

    @property
    def bad_known(self) -> bool:
        """Whether every record has been parsed once, so that `bad` is the whole list."""
        return self._shared.validated

    # ---- all records

    def batches(
        self, size: int = 2048, *, rows: Sequence[int] | None = None, cancel: Cancel = NEVER, progress: Progress = silent
    ) -> Iterator[list[tuple[int, Any, Turns]]]:
        """Readable records in batches of (row, value, turns); progress in records.

        Args:
            size: Records in a batch.
            rows: Which records, in which order; all in file order by default.
            cancel: Looked at between batches.
            progress: Called once a batch.

        Raises:
            CancelledError: When stopped.
        """
        layout = self.layout
        for batch in self.value_batches(size, rows=rows, cancel=cancel, progress=progress):
            yield [(row, value, turns_of(value, layout)) for row, value in batch]

    def value_batches(
        self, size: int = 2048, *, rows: Sequence[int] | None = None, cancel: Cancel = NEVER, progress: Progress = silent
    ) -> Iterator[list[tuple[int, Any]]]:
        """Readable records in batches of (row, value), as `batches`, for work that needs no turns.

        Raises:
            CancelledError: When stopped.
        """
        self.read_all(cancel=cancel)
        wanted: Sequence[int] = range(len(self)) if rows is None else rows
        for start in range(0, len(wanted), size):
            raise_if_cancelled(cancel)
            yield list(self.readable_values(wanted[start : start + size]))
            progress(min(start + size, len(wanted)), len(wanted))
        self._shared.validated |= rows is None

    def source_values(self, rows: range) -> Iterator[Any]:
        """The values of consecutive records as `Source.values` gives them: fast, without edits, raising on what needs a closer look."""
        self._source.ensure_whole()
        return self._source.values(rows.start, rows.stop)

    def splits_of(self, rows: Sequence[int]) -> list[str]:
        """Name of each record's split; empty where the dataset has no splits."""
        splits = self._source.splits()
        if not splits:
            return []
        import numpy as np

        names = ["", *(name for _, name in splits)]
        return [names[place] for place in np.searchsorted([first for first, _ in splits], rows, "right").tolist()]

    def readable_values(self, rows: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """(row, value with edits) of those of these records that can be read; the others are quarantined."""
        source = self._source
        source.ensure_whole()
        raws = source.raws(rows.start, rows.stop) if isinstance(rows, range) and rows.step == 1 else map(source.raw, rows)
        for row, raw in numbered(self.path, rows, raws):
            try:
                value = source.parse(row, raw)
            except BadRecordError as error:
                self._quarantine(row, raw, error)
                continue
            if row in self.edits:
                value = self._with_edits(row, value)
            yield row, value

    def texts(self, *, cancel: Cancel = NEVER, progress: Progress = silent) -> pl.DataFrame:
        """One line a readable record: row u32, system, prompt, answer, label (null where there is none), roles, n_turns u16, split.

        Raises:
            CancelledError: When stopped.
        """
        if self._texts is None:
            from sde_core.dataset.text_table import patched

            table = self._texts_of_file(cancel, progress)
            self._texts = patched(table, self) if self.edits else table
        return self._texts

    def _texts_of_file(self, cancel: Cancel, progress: Progress) -> pl.DataFrame:
        """The texts without edits, which all views of one layout share."""
        name = repr(self.layout)
        if name not in self._shared.texts:
            from sde_core.dataset.text_store import stored_texts

            self.read_all(cancel=cancel)
            own, shared = self.with_edits({}), self._shared
            shared.texts[name] = stored_texts(own, shared.cache, shared.bad, cancel=cancel, progress=progress)
            shared.validated = True
        return self._shared.texts[name]

    def keys(self, *, cancel: Cancel = NEVER, progress: Progress = silent) -> np.ndarray:
        """A stable key for each record, uint64[n]: its content and its ordinal among identical records, wherever it stands.

        Raises:
            CancelledError: When stopped.
        """
        if self._shared.keys is None:
            from sde_core.dataset.keys import kept_keys, record_keys

            self.read_all(cancel=cancel)
            keys = kept_keys(self._shared.cache, len(self))
            if keys is None:
                keys = record_keys(self._source, cancel=cancel, progress=progress)
                if self._shared.cache:
                    self._shared.cache.write("keys", {}, [keys])
            self._shared.keys = keys
        return self._shared.keys

    def row_of_key(self, key: int) -> int | None:
        """Where the record with this key stands, None where the file holds it no more."""
        if self._shared.rows_by_key is None:
            self._shared.rows_by_key = {key: row for row, key in enumerate(self.keys().tolist())}
        return self._shared.rows_by_key.get(key)

    @property
    def fingerprint(self) -> str:
        """Hash of the content of all records in order, 32 hexadecimal digits."""
        if not self._shared.fingerprint:
            import xxhash

            self._shared.fingerprint = xxhash.xxh3_128_hexdigest(self.keys().tobytes())
        return self._shared.fingerprint

    def assemble(self, rows: Sequence[int]) -> Iterator[bytes]:
        """A whole file of this dataset's format and encoding with just these rows, edits applied, everything else byte for byte."""
        chunks = self._source.assemble(rows, self.edited_raw)
        encoding = self._source.encoding
        return (chunk.decode("utf-8", "surrogatepass").encode(encoding, "surrogatepass") for chunk in chunks) if encoding else chunks

    # ---- other views

    def with_layout(self, layout: Layout) -> Dataset:
        """The same records under another layout."""
        return Dataset(self.path, self._source, layout, self.edits, files=self.files, _shared=self._shared)

    def with_edits(self, edits: Edits) -> Dataset:
        """The same records with these texts in place of the file's own."""
        return Dataset(self.path, self._source, self.layout, edits, files=self.files, _shared=self._shared)

    def with_written(self, records: Mapping[int, bytes]) -> Dataset:
        """The same records, of which these are exported as other bytes in the file's notation; nothing else sees them."""
        other = self.with_edits(self.edits)
        other._replaced = records
        return other
