"""Runs of screen 9 for tests: folders as jobs leave them, and waiting for jobs that really run."""

from __future__ import annotations

import json


def made_run(project, *, state="done", steps=40, of=40, name="20260102T030405678-train-ab12", message="Trained.", **status):
    """A run's folder as the job leaves it."""
    folder = project.jobs_dir / name
    (folder / "result").mkdir(parents=True)
    spec = {"kind": "train", "title": "LoRA of tiny on 11 rows of tickets.jsonl", "spec": {}}
    (folder / "spec.json").write_text(json.dumps(spec))
    events = [{"event": "train", "step": 0, "steps": of}]
    for step in range(1, steps + 1):
        events.append(
            {"event": "step", "step": step, "steps": of, "loss": 4.0 / step**0.5, "lr": 1e-4, "grad_norm": 1.5, "tokens_s": 1234.5, "memory": 650e6}
        )
        events += [{"event": "eval", "step": step, "loss": 4.4 / step**0.5}] if step % 10 == 0 else []
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    known = {
        "state": state,
        "done": steps,
        "total": of,
        "unit": "steps",
        "message": message,
        "created": 1.0,
        "started": 1.0,
        "ended": 71.0,
        "beat": 71.0,
    }
    (folder / "status.json").write_text(json.dumps({**known, **status}))
    return folder


async def until_seen(sde, condition):
    """Waits until what a job does is so, looking at its folder more often than the app by itself."""

    def looked_at():
        sde.session.jobs.watch()
        return condition()

    await sde.until(looked_at)
