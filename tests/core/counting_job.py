"""A job for tests: counts to `spec["total"]`, one event a number, and goes on where it was stopped. Run as the job's process."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from sde_core.errors import CancelledError, UsageError
from sde_core.jobs.context import JobContext
from sde_core.jobs.event_log import read_events
from sde_core.jobs.kinds import JOB_KINDS


def count(context: JobContext) -> None:
    """Counts; `fail_at` raises, `die_at` leaves without a word, `deaf` never looks whether to stop, `hold_at` waits there for a file named go, `hold_from` from there on."""
    spec = context.spec
    counted = [event["number"] for event in read_events(context.folder / "events.jsonl", 0, 1 << 30)[0] if event.get("event") == "count"]
    context.say("Counting.", unit="numbers")
    for number in range(max(counted, default=0) + 1, spec["total"] + 1):
        context.event("count", number=number)
        context.report(number, spec["total"])
        _act(spec, number, context)
        if not spec.get("deaf") and context.is_set():
            raise CancelledError(f"Stopped at {number}.")
    context.result_dir.joinpath("sum.txt").write_text(str(sum(range(spec["total"] + 1))))


def _act(spec: dict, number: int, context: JobContext) -> None:
    if number == spec.get("fail_at"):
        raise UsageError("Seven is not allowed.", "Count to six.")
    if number == spec.get("crash_at"):
        raise ZeroDivisionError("by nothing")
    if number == spec.get("die_at") and context.attempt == 1:
        sys.stdout.write("falling over\n")
        sys.stdout.flush()
        os._exit(9)
    while (number == spec.get("hold_at") or number >= spec.get("hold_from", number + 1)) and not (context.folder / "go").exists():
        if not spec.get("deaf") and context.is_set():
            return
        time.sleep(0.01)


if __name__ == "__main__":
    from sde_core.jobs import turn
    from sde_core.jobs.main import main

    turn.LOOK_SECONDS = float(os.environ.get("COUNTING_LOOK_SECONDS", turn.LOOK_SECONDS))
    JOB_KINDS["count"] = "counting_job:count"
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main(Path(sys.argv[1])))
