"""A run's curve from its folder, kept there as a summary once it was long to read, so that the same events are not read twice."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xxhash

from sde_core.errors import ReadOnlyError
from sde_core.files import atomic_write
from sde_core.jobs.event_log import read_events
from sde_core.progress import NEVER, Cancel
from sde_core.train.curve import QUANTITIES, CurveProgress, RunCurve
from sde_core.train.loss_trend import LossTrend
from sde_core.train.series import Series

SUMMARY_BYTES = 8 << 20
"""So many new bytes of events, about 35,000 steps, are worth a new summary."""
_FORM = 1
_FINGERPRINT_BYTES = 4096
_KEPT_CHECKPOINTS = 2
_DAMAGED = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OverflowError, NotImplementedError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
"""What numpy and zipfile raise for files that are no archives of arrays."""


def read_curve(folder: Path, cancel: Cancel = NEVER) -> tuple[RunCurve, int]:
    """What a run has told so far.

    Args:
        folder: The job folder.
        cancel: Looked at between megabytes; a curve that was cut short is not kept.

    Returns:
        The curve, and the offset in `events.jsonl` to read on from.
    """
    events = folder / "events.jsonl"
    curve, offset = _kept_curve(folder) or (RunCurve(), 0)
    begun = offset
    while not cancel.is_set():
        told, after = read_events(events, offset)
        if after == offset:
            break
        curve.add(told)
        offset = after
    if offset - begun > SUMMARY_BYTES and not cancel.is_set():
        _keep(folder, curve, offset)
    return curve, offset


def summary_path(folder: Path) -> Path:
    """Where the summary is kept."""
    return folder / "curve.npz"


def _fingerprint(events: Path, offset: int) -> str:
    """Of what stands before the offset: events are only ever appended, so a file that differs there is another one."""
    with events.open("rb") as file:
        file.seek(max(offset - _FINGERPRINT_BYTES, 0))
        return xxhash.xxh3_64_hexdigest(file.read(min(offset, _FINGERPRINT_BYTES)))


def _keep(folder: Path, curve: RunCurve, offset: int) -> None:
    """Writes the summary; a folder that cannot be written has none."""
    arrays: dict[str, np.ndarray] = {}
    points = {"": curve.progress, **{str(step): at for step, at in list(curve.checkpoints.items())[-_KEPT_CHECKPOINTS:]}}
    told = {
        "form": _FORM, "quantities": QUANTITIES, "offset": offset, "fingerprint": _fingerprint(folder / "events.jsonl", offset), "facts": curve.facts,
        "steps": curve.steps, "not_a_number": curve.not_a_number, "moments": list(curve.moments), "told_at": curve.told_at,
        "points": {name: _progress_json(progress) for name, progress in points.items()},
    }  # fmt: skip
    for point, progress in points.items():
        for name, series in {**progress.series, "held_out": progress.held_out}.items():
            arrays |= {f"{point}/{name}/{column}": values for column, values in series.to_arrays().items()}
    arrays["told"] = np.frombuffer(orjson.dumps(told), np.uint8)
    made = io.BytesIO()
    np.savez_compressed(made, **arrays)  # type: ignore[arg-type]
    try:
        atomic_write(summary_path(folder), [made.getvalue()])
    except ReadOnlyError:
        return


def _progress_json(progress: CurveProgress) -> dict[str, Any]:
    return {
        "trend": progress.trend.to_json(),
        "latest": progress.latest,
        "evaluations": [[step, repr(a), repr(b)] for step, a, b in progress.evaluations],
    }


def _kept_curve(folder: Path) -> tuple[RunCurve, int] | None:
    """The curve and the offset of the summary; None where there is none that belongs to these events."""
    try:
        with np.load(io.BytesIO(summary_path(folder).read_bytes()), allow_pickle=False) as kept:
            arrays = dict(kept)
        told = orjson.loads(arrays.pop("told").tobytes())
        offset: int = told["offset"]
        events = folder / "events.jsonl"
        known = told["form"] == _FORM and told["quantities"] == list(QUANTITIES) and events.stat().st_size >= offset
        if not known or _fingerprint(events, offset) != told["fingerprint"]:
            return None
        return _curve_of(told, arrays), offset
    except _DAMAGED:
        return None


def _curve_of(told: dict[str, Any], arrays: dict[str, np.ndarray]) -> RunCurve:
    curve = RunCurve()
    points = {name: _progress_of(name, point, arrays) for name, point in told["points"].items()}
    curve.progress = points.pop("")
    curve.checkpoints = {int(step): progress for step, progress in points.items()}
    curve.facts, curve.steps, curve.not_a_number, curve.told_at = told["facts"], told["steps"], told["not_a_number"], told["told_at"]
    curve.moments.extend(told["moments"])
    return curve


def _progress_of(name: str, point: dict[str, Any], arrays: dict[str, np.ndarray]) -> CurveProgress:
    columns: dict[str, dict[str, np.ndarray]] = {}
    for key, values in arrays.items():
        owner, quantity, column = key.split("/")
        if owner == name:
            columns.setdefault(quantity, {})[column] = values
    series = {quantity: Series.from_arrays(kept) for quantity, kept in columns.items()}
    held_out = series.pop("held_out")
    evaluations = deque(((int(step), float(a), float(b)) for step, a, b in point["evaluations"]), maxlen=CurveProgress().evaluations.maxlen)
    return CurveProgress(series, held_out, LossTrend.from_json(point["trend"]), point["latest"], evaluations)
