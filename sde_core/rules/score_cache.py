"""Columns of scores on disk, found by the texts that were scored and by what the rule does: a changed rule scores only itself anew.

A folder for each content holds files of columns; what was scored together lies in one file. What is torn or damaged counts as absent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import xxhash
import zstandard
from numpy.typing import NDArray

from sde_core.dataset.content_cache import code_version, read_blob, write_blob
from sde_core.features.embedding_static import static_encoder_id
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.matrix import ScoreMatrix, score_matrix
from sde_core.rules.rule import Rule

FEWEST_ROWS = 1_000
"""Fewer rows are scored as fast as they are read."""
LARGEST_BYTES = 1 << 30
_CONTENTS = 3
"""The texts as they are, as they were last, and a sample."""
_LENGTHS = "answer-words"
_TEXTS = ("prompt", "answer")
_PYTHON_FUNCTION = b"PLPYFN"
"""How polars marks a function of Python's in an expression."""
_Column = NDArray[np.float32] | NDArray[np.uint32]


def cached_matrix(
    texts: pl.DataFrame, rules: Sequence[Rule], cache_dir: Path | None, *, cancel: Cancel = NEVER, progress: Progress = silent
) -> ScoreMatrix:
    """`score_matrix`, but what is on disk is not scored again, and what is scored is kept.

    Args:
        texts: `Dataset.texts()`.
        rules: Which rules, in the order of the columns.
        cache_dir: `Project.cache_dir`; None, and where nothing can be written, scores all anew each time.
        cancel: Asked between blocks.
        progress: In rows.

    Raises:
        CancelledError: When stopped.
    """
    if cache_dir is None or len(texts) < FEWEST_ROWS:
        return score_matrix(texts, rules, cancel=cancel, progress=progress)
    cache = ScoreCache(cache_dir / "rules", texts)
    version = _measures_version()
    definitions, counted = {rule.name: definition(rule, version) for rule in rules}, _lengths_definition(version)
    known = cache.read([counted, *definitions.values()])
    missing = [rule for rule in rules if definitions[rule.name] not in known]
    if missing or counted not in known:
        scored = score_matrix(texts, missing, cancel=cancel, progress=progress)
        new: dict[str, _Column] = {definitions[rule.name]: scored.scores[:, place] for place, rule in enumerate(missing)}
        new[counted] = scored.answer_words
        cache.add({name: column for name, column in new.items() if name not in known})
        known |= new
    scores = np.zeros((len(texts), len(rules)), np.float32, order="F")
    for place, rule in enumerate(rules):
        scores[:, place] = known[definitions[rule.name]]
    progress(len(texts), len(texts))
    lengths = known[counted].astype(np.uint32, copy=False)
    return ScoreMatrix(texts["row"].cast(pl.UInt32).to_numpy(), tuple(definitions), scores, lengths)


def definition(rule: Rule, version: str = "") -> str:
    """Hash of what decides a formula rule's scores: its expression, the code of the measures, the embedded encoder, and polars' version.

    Args:
        rule: The rule.
        version: `_measures_version()`, where it is known already.
    """
    try:
        formula = rule.expression().meta.serialize()
    except pl.exceptions.ComputeError:  # polars pickles Python functions by cloudpickle, which a base install lacks
        formula = _PYTHON_FUNCTION
    if _PYTHON_FUNCTION in formula:  # pickled, which neither holds its code nor is the same each time
        formula = f"{code_version('rules/bank')} {rule.about}".encode()
    return xxhash.xxh3_128_hexdigest(f"{version or _measures_version()}\0{rule.name}\0".encode() + formula)


def _lengths_definition(version: str = "") -> str:
    return xxhash.xxh3_128_hexdigest(f"{version or _measures_version()}\0{_LENGTHS}".encode())


def _measures_version() -> str:
    """Of what formulas read: polars, the embedded encoder, features, and the code of rules other than the formulas, hashed one by one."""
    beside = sorted(f"rules/{path.name}" for path in Path(__file__).parent.glob("*.py"))
    return f"{pl.__version__} {static_encoder_id()} {code_version('features', *beside)}"


class ScoreCache:
    """Columns of one content.

    Args:
        folder: Holds a folder for each content.
        texts: `Dataset.texts()`, edits in it: what was edited is another content.
    """

    def __init__(self, folder: Path, texts: pl.DataFrame) -> None:
        self.folder, self._rows = folder, len(texts)
        self.content = content_key(texts)
        self._place = folder / self.content

    def read(self, wanted: Sequence[str]) -> dict[str, _Column]:
        """The columns that are kept, float32[n] or uint32[n], by definition."""
        left, found = set(wanted), dict[str, _Column]()
        for path in sorted(self._place.glob("*.columns"), key=_age, reverse=True):
            if left:
                found |= self._columns_of(path, left)
                left -= set(found)
        if found:
            _touch(self._place)
        return found

    def _columns_of(self, path: Path, wanted: set[str]) -> dict[str, _Column]:
        blob = read_blob(path)
        if blob is None or blob[0].get("rows") != self._rows:
            with contextlib.suppress(OSError):  # in a folder that may only be read it stays
                path.unlink()
            return {}
        named = zip(blob[0]["columns"], blob[1], strict=True)
        return {name: _unpacked(packed, kind, self._rows) for (name, kind), packed in named if name in wanted}

    def add(self, columns: Mapping[str, _Column]) -> None:
        """Keeps columns, in one file; nothing happens where that is impossible."""
        if not columns:
            return
        packer = zstandard.ZstdCompressor(level=1)
        packed = [packer.compress(np.ascontiguousarray(column).tobytes()) for column in columns.values()]
        kinds = [[name, column.dtype.str] for name, column in columns.items()]
        name = xxhash.xxh3_64_hexdigest("\0".join(columns).encode())
        try:
            self._place.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        write_blob(self._place / f"{name}.columns", {"rows": self._rows, "columns": kinds}, packed)
        self._shrink()

    def _shrink(self) -> None:
        """Drops the contents that were looked at longest ago, and files of this content beyond the largest size, oldest first."""
        places = sorted((path for path in self.folder.iterdir() if path.is_dir()), key=_age, reverse=True)
        others = [path for path in places if path != self._place]
        room = LARGEST_BYTES - _size(self._place)
        for place in others[: _CONTENTS - 1]:
            room -= _size(place)
            if room < 0:
                shutil.rmtree(place, ignore_errors=True)
        for place in others[_CONTENTS - 1 :]:
            shutil.rmtree(place, ignore_errors=True)
        for path in sorted(self._place.glob("*.columns"), key=_age)[:-1]:
            if _size(self._place) > LARGEST_BYTES:
                with contextlib.suppress(OSError):
                    path.unlink()


def content_key(texts: pl.DataFrame) -> str:
    """Hash of the texts that formulas read, in order: 32 hexadecimal digits."""
    digest = xxhash.xxh3_128(f"{pl.__version__}\0{len(texts)}".encode())
    for name in _TEXTS:
        digest.update(texts[name].hash(seed=1).to_numpy().tobytes())
    return digest.hexdigest()


def _unpacked(packed: memoryview, kind: str, rows: int) -> _Column:
    content = zstandard.ZstdDecompressor().decompress(packed, max_output_size=4 * rows)
    return np.frombuffer(content, np.uint32) if kind == np.dtype(np.uint32).str else np.frombuffer(content, np.float32)


def _size(place: Path) -> int:
    return sum(map(_bytes, place.glob("*.columns")))


def _bytes(path: Path) -> int:
    """0 where another process has dropped the file since it was listed."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _touch(place: Path) -> None:
    try:
        os.utime(place)
    except OSError:
        return
