"""Findings as JSON, to be kept on the disk or passed between processes, and back as they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson

from sde_core.checks.findings import Finding
from sde_core.checks.record_pass import PassResult

_FIELDS = tuple(field.name for field in fields(Finding))


def packed_json(value: Any) -> bytes:
    """A value on one line; lone surrogates, which a text may quote and orjson refuses, pass as escapes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(value, default=lambda scalar: scalar.item()).encode()


def unpacked_json(written: bytes) -> Any:
    """What `packed_json` packed.

    Raises:
        ValueError: When it is not whole.
    """
    return json.loads(written) if b"\\ud" in written else orjson.loads(written)


def packed_findings(findings: Sequence[Finding]) -> list[list[Any]]:
    """Findings as lists of their fields, for `packed_json`."""
    return [[getattr(finding, name) for name in _FIELDS] for finding in findings]


def unpacked_findings(packed: Sequence[Sequence[Any]]) -> list[Finding]:
    """What `packed_findings` packed.

    Raises:
        ValueError: When a list is too short.
        TypeError: When a list is too short or too long.
    """
    return [Finding(check, severity, tuple(rows), *others) for check, severity, rows, *others in packed]


def packed_result(result: PassResult) -> bytes:
    """What some rows gave, as one line of JSON."""
    found = {name: packed_findings(several) for name, several in result.found.items() if several}
    return packed_json({"found": found, "seconds": result.seconds, "surveys": result.surveys})


def unpacked_result(line: bytes) -> PassResult:
    """What `packed_result` packed.

    Raises:
        ValueError: When the line is not whole.
    """
    packed = unpacked_json(line)
    found = {name: unpacked_findings(several) for name, several in packed["found"].items()}
    return PassResult(found, packed["seconds"], packed["surveys"])
