"""A process of its own that looks at records: told rows on stdin, it answers with what they gave on stdout, a line each.

Started by `sde_core.checks.record_workers` as `python -m sde_core.checks.record_worker`. Ends when stdin does, so it never outlives who started it.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from sde_core.checks.packing import packed_result
from sde_core.checks.record_pass import RecordPass
from sde_core.checks.runner import load_checks
from sde_core.dataset import Layout, open_dataset


def _record_pass(spec: dict[str, Any]) -> RecordPass | None:
    """The work that a spec describes, None where the data is not what it was."""
    layout = Layout(spec["layout"], spec["roles"])
    edits = {row: {tuple(path): text for path, text in of_row} for row, of_row in spec["edits"]}
    dataset = open_dataset(spec["path"], layout=layout.name, mapping=layout.roles).with_layout(layout).with_edits(edits)
    dataset.read_all()
    if (len(dataset), dataset.files and dataset.files[1]) != (spec["rows"], spec["identity"]):
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
