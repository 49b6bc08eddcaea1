"""Reports of earlier runs, kept by what they depend on: the records, the edits, the layout, the checks asked for, and the code of the checks."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import xxhash

from sde_core.checks.packing import packed_findings, packed_json, unpacked_findings, unpacked_json
from sde_core.checks.report import CheckInfo, CheckReport
from sde_core.dataset import Dataset
from sde_core.dataset.content_cache import code_version
from sde_core.errors import ReadOnlyError
from sde_core.files import atomic_write

_KEPT = 4
"""Reports of one dataset: that of the file as it is, and some with edits."""
_SOURCES = ("checks", "features", "dataset", "visible.py", "wording.py")
"""What findings depend on: with every edit of a check they are found anew, so that no stale one is ever shown."""
_PREFIX, _SUFFIX = "findings-", ".json.z"


def report_key(dataset: Dataset, only: Sequence[str], params: Mapping[str, Any]) -> str:
    """What a report depends on, as 32 hexadecimal digits; reads the dataset to its end."""
    parts = {
        "fingerprint": dataset.fingerprint,
        "size": dataset.size,
        "layout": dataset.layout.to_json(),
        "edits": [[row, sorted((repr(path), text) for path, text in texts.items())] for row, texts in sorted(dataset.edits.items()) if texts],
        "only": sorted(only),
        "params": sorted((name, repr(value)) for name, value in params.items()),
        "code": code_version(*_SOURCES),
    }
    return xxhash.xxh3_128_hexdigest(json.dumps(parts, sort_keys=True).encode())


def has_reports(folder: Path) -> bool:
    """Whether there is any report; without one the key need not be known."""
    return any(folder.glob(f"{_PREFIX}*{_SUFFIX}"))


def cached_report(folder: Path, key: str) -> CheckReport | None:
    """The report of this key, None where there is none or it cannot be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, zlib.error):
        written = zlib.decompress(_path(folder, key).read_bytes())
        packed = unpacked_json(written)
        findings = tuple(unpacked_findings(packed["findings"]))
        infos = tuple(CheckInfo(**info) for info in packed["checks"])
        return CheckReport(packed["rows"], packed["bad_lines"], infos, findings, packed["seconds"], cached_at=packed["computed"])
    return None


def keep_report(folder: Path, key: str, report: CheckReport) -> None:
    """Keeps a report, whole or not at all, and only the newest few of the folder; where it cannot be written, nothing happens."""
    packed = {
        "computed": time.time(),
        "rows": report.rows,
        "bad_lines": report.bad_lines,
        "checks": [asdict(info) for info in report.checks],
        "seconds": report.seconds,
        "findings": packed_findings(report.findings),
    }
    with suppress(OSError, ReadOnlyError):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(_path(folder, key), [zlib.compress(packed_json(packed), 1)])
        for path in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
            path.unlink(missing_ok=True)


def _path(folder: Path, key: str) -> Path:
    return folder / f"{_PREFIX}{key}{_SUFFIX}"
