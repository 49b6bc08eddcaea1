"""A process of its own that looks at records: told rows on stdin, it answers with what they gave on stdout, a line each.

Started by `sde_core.checks.record_workers` as `python -m sde_core.checks.record_worker`. Ends when stdin does, so it never outlives who started it.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

import orjson

from sde_core.checks.findings import Finding
from sde_core.checks.record_pass import PassResult, RecordPass

_SCALARS = ("severity", "message", "evidence", "field", "score", "fix", "replacement")


def packed_result(result: PassResult) -> bytes:
    """A result as one line of JSON; lone surrogates, which a text may quote, pass as escapes."""
    found = {name: [(finding.check, finding.rows, *(getattr(finding, field) for field in _SCALARS)) for finding in several]
             for name, several in result.found.items() if several}  # fmt: skip
    packed = {"found": found, "seconds": result.seconds, "surveys": result.surveys}
    try:
        return orjson.dumps(packed, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(packed, default=lambda scalar: scalar.item()).encode()


def unpacked_result(line: bytes) -> PassResult:
    """What `packed_result` packed.

    Raises:
        ValueError: When the line is not whole.
    """
    packed = json.loads(line) if b"\\ud" in line else orjson.loads(line)
    found = {name: [_finding(*packed_finding) for packed_finding in several] for name, several in packed["found"].items()}
    return PassResult(found, packed["seconds"], packed["surveys"])


def _finding(check: str, rows: list[int], severity: Any, message: str, evidence: str, *others: Any) -> Finding:
    field, score, fix, replacement = others
    return Finding(check, severity, tuple(rows), message, evidence, field, score, fix, replacement)


def _record_pass(spec: dict[str, Any]) -> RecordPass | None:
    """The work that a spec describes, None where the data is not what it was."""
    from sde_core.checks.runner import load_checks
    from sde_core.dataset import Layout, open_dataset

    layout = Layout(spec["layout"], spec["roles"])
    edits = {row: {tuple(path): text for path, text in of_row} for row, of_row in spec["edits"]}
    dataset = open_dataset(spec["path"], layout=layout.name, mapping=layout.roles).with_layout(layout).with_edits(edits)
    dataset.read_all()
    if (len(dataset), dataset.size) != (spec["rows"], spec["size"]):
        return None
    return RecordPass(dataset, load_checks(spec["only"], spec["params"]))


def main() -> int:
    """Serves until stdin ends."""
    work = _record_pass(json.loads(sys.stdin.buffer.readline()))
    if work is None:
        return 1
    # Nothing here is cyclic; the collector would walk through millions of live texts
    gc.disable()
    for line in sys.stdin.buffer:
        start, stop = map(int, line.split())
        sys.stdout.buffer.write(packed_result(work.over(range(start, stop))) + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
