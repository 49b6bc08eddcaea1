"""All runs of this dataset in one list: what works, what waits and in which order, what has ended; and how two of them differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sde_core.errors import JobError, SdeError
from sde_core.visible import visible
from sde_core.wording import count_of, size_of

if TYPE_CHECKING:
    from sde_core.jobs import Job
    from sde_core.jobs.queue import Move, Queue
    from sde_core.train.history import RunComparison, RunFacts
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine

KINDS = ("train", "compare", "design-compare")
"""Kinds of job that are runs and wait for devices: the others (embedding, rating) belong to their screens."""
DifferentRows = Literal["only_a", "only_b"]


@dataclass(frozen=True, slots=True)
class RunLine:
    """A line of the list of runs.

    Attributes:
        id: The job's id.
        folder: Its folder.
        kind: What sort of job it is.
        title: In one line, without the dataset that is open.
        state: As its job says.
        place: 1 for the run that comes next, None for one that does not wait.
        done: Steps done.
        total: Steps in all.
        eta_s: Seconds left, of a run at work; seconds until it begins, of one that waits; None where unknown.
        elsewhere: Whether it belongs to another dataset and is here because it uses or wants the device.
    """

    id: str
    folder: Path
    kind: str
    title: str
    state: str
    place: int | None = None
    done: int = 0
    total: int | None = None
    eta_s: float | None = None
    elsewhere: bool = False

    @property
    def active(self) -> bool:
        """Whether it works or waits."""
        return self.state in ("queued", "waiting", "running", "stopping")

    @property
    def dataset(self) -> str:
        """The file that it belongs to, by the folder beside it."""
        return self.folder.parent.parent.name.removesuffix(".sde")


class QueuePart:
    """The list, its verbs, and what is known of each run; small files alone are read, and each once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._runs: list[RunLine] | None = None
        self._facts: dict[tuple[str, str], RunFacts | None] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self.marked: str | None = None
        """The run that others are compared with, None for the one launched before each."""
        session.signals.jobs.subscribe(session.app, self._jobs_moved)

    def _jobs_moved(self, _how: str) -> None:
        self._runs = None

    def when_changed(self, node: Any, then: Callable[[], None]) -> None:
        """Calls `then` whenever runs of this dataset began, moved on or ended, as long as `node` is there."""
        self._session.signals.jobs.subscribe(node, lambda _how: then())

    def command_line(self, run: RunLine | None) -> str:
        """The command that shows the same: the queue, or the run."""
        if run is None:
            return f"sde jobs --data {self._session.command_data}"
        return "sde jobs queue" if run.place is not None else f"sde jobs show {run.id[-4:]} --data {self._session.command_data}"

    # ---- the list

    @property
    def runs(self) -> list[RunLine]:
        """Runs at work, then those that wait in their order, then the others, the latest first."""
        if self._runs is None:
            self._runs = self._read()
        return self._runs

    def poll(self) -> bool:
        """Looks again, since other datasets' runs are told of by nobody; whether anything is different."""
        if not self._queue().tickets and not any(run.elsewhere or run.place for run in self.runs):
            return False
        before, self._runs = self._runs, None
        return self.runs != before

    def _read(self) -> list[RunLine]:
        queue = self._queue()
        jobs_dir = self._session.project.jobs_dir.absolute()
        mine = [self._of_line(line, jobs_dir / line.id, queue) for line in self._session.jobs.lines if line.kind in KINDS]
        known = {str(run.folder) for run in mine}
        others = [_elsewhere(ticket, queue) for ticket in queue.tickets if ticket.folder not in known]
        return sorted([*mine, *others], key=_order)

    def _queue(self) -> Queue:
        from sde_core.jobs.queue import QueueFile

        return QueueFile().read()

    def _of_line(self, line: JobLine, folder: Path, queue: Queue) -> RunLine:
        title = line.title.removesuffix(f" of {self._session.dataset.name}")
        place, left = None, line.eta_s if line.unit == "steps" or line.kind not in ("train", "compare", "design-compare") else None
        if line.state == "waiting":
            from sde_core.train.history import expected_wait

            place, left = queue.place(folder), expected_wait(queue, folder)
        done, total = (line.done, line.total) if line.counts_steps else (0, None)
        return RunLine(line.id, folder, line.kind, title, line.state, place, done, total, left)

    def place_of(self, job: Job) -> int | None:
        """1 for a job that is next to get its device, None for one that has it, or is about to have it."""
        queue = self._queue()
        ticket = next((ticket for ticket in queue.waiting if ticket.folder == str(job.folder)), None)
        return queue.place(job.folder) if ticket is not None and not queue.may_begin(ticket) else None

    def at(self, identifier: str) -> RunLine | None:
        """The run with this id, None where it is gone."""
        return next((run for run in self.runs if run.id == identifier), None)

    # ---- what is known of a run

    def facts(self, run: RunLine) -> RunFacts | None:
        """Recipe, manifest and metrics; None for a run of another dataset, or one whose files are gone."""
        if run.elsewhere:
            return None
        key = (run.id, run.state)
        if key not in self._facts:
            from sde_core.train.history import run_facts

            try:
                self._facts[key] = run_facts(_job(run))
            except JobError:
                self._facts[key] = None
        return self._facts[key]

    def held_out_loss(self, run: RunLine) -> float | None:
        """The held-out loss at its end, None where it has none."""
        facts = self.facts(run) if run.state == "done" else None
        return facts.metrics.get("held_out_loss") if facts is not None and facts.metrics is not None else None

    def size(self, run: RunLine) -> int | None:
        """Bytes on the disk of a run that has ended, None where that is not known yet."""
        return self._sizes.get((run.id, run.state))

    def measure_sizes(self) -> None:
        """Finds in a thread how much disk the ended runs take."""
        asked = [run for run in self.runs if not run.active and self.size(run) is None]

        def work(cancel: Any, _progress: Any) -> dict[tuple[str, str], int]:
            from sde_core.jobs.removal import folder_bytes

            return {(run.id, run.state): folder_bytes(run.folder) for run in asked if not cancel.is_set()}

        if asked and self._session.lanes.running("run-sizes") is None:
            self._session.lanes.thread("run-sizes", "measuring runs", work, self._sizes_measured, quiet=True)

    def _sizes_measured(self, found: dict[tuple[str, str], int]) -> None:
        self._sizes |= found
        self._session.signals.jobs.publish("sizes")

    def details(self, run: RunLine) -> list[tuple[str, str]]:
        """What the run was given, as (what, words): recipe, rows, dataset, and what differs from the run before."""
        facts = self.facts(run)
        if run.elsewhere:
            return [("dataset", f"Another one: {visible(str(run.folder.parent.parent), 200)}")]
        if facts is None:
            return [("", "It has no recipe and manifest."), *self._ending(run)]
        rows, data = facts.manifest.get("rows", {}), facts.manifest.get("dataset", {})
        counted = f"{rows.get('train', 0):,} to train on, {rows.get('held-out', 0):,} held out · hash {facts.manifest.get('rows_hash', '?')[:16]}"
        return [
            *self._ending(run),
            ("recipe", _changes(facts.from_default) or "the default"),
            *self._since_before(run, facts),
            ("rows", counted),
            ("dataset", f"{visible(str(data.get('path')).rsplit('/', 1)[-1], 60)} · fingerprint {visible(str(data.get('fingerprint')), 40)}"),
            ("result", self._result(run, facts)),
        ]

    def _ending(self, run: RunLine) -> list[tuple[str, str]]:
        """What a run says that ended before its time; there is room for all of it here."""
        if run.state not in ("failed", "lost", "stopped", "paused"):
            return []
        status = _job(run).status()
        return [("ended", visible(f"{status.message} {status.hint}".strip(), 600))]

    def settings(self, run: RunLine) -> list[tuple[str, str, str | None]]:
        """All of a run's recipe as (name, value, the default where that is another), those that differ first."""
        facts = self.facts(run)
        if facts is None:
            return []
        default = {change.name: value_words(change.before, 80) for change in facts.from_default}
        told = [(visible(name, 40), value_words(value, 200), default.get(name)) for name, value in facts.recipe.items()]
        return sorted(told, key=lambda setting: setting[2] is None)

    def manifest(self, run: RunLine) -> list[tuple[str, str]]:
        """Which rows a run was given, as (what, words)."""
        facts = self.facts(run)
        if facts is None:
            return []
        known, data, rows = facts.manifest, facts.manifest.get("dataset", {}), facts.manifest.get("rows", {})
        told = {
            "dataset": data.get("path"), "fingerprint": data.get("fingerprint"), "layout": known.get("layout", {}).get("name"),
            "rows to train on": f"{rows.get('train', 0):,}", "rows held out": f"{rows.get('held-out', 0):,}", "hash of rows": known.get("rows_hash"),
            "the rows": run.folder / "rows.jsonl",
        }  # fmt: skip
        return [(what, visible(str(words), 300)) for what, words in told.items()]

    def _since_before(self, run: RunLine, facts: RunFacts) -> list[tuple[str, str]]:
        before = self.before(run)
        earlier = self.facts(before) if before is not None else None
        if before is None or earlier is None:
            return []
        from sde_core.train.history import recipe_changes

        return [(f"since {before.id[-4:]}", _changes(recipe_changes(earlier.recipe, facts.recipe), arrows=True) or "the same recipe")]

    def _result(self, run: RunLine, facts: RunFacts) -> str:
        metrics, size = facts.metrics or {}, self.size(run)
        loss, held_out = metrics.get("train_loss"), metrics.get("held_out_loss")
        told = [f"loss {loss:.3f}"] if loss is not None else []
        told += [f"held-out {held_out:.3f}"] if held_out is not None else []
        told += [f"{metrics['steps']:,} steps"] if metrics.get("steps") else []
        told += [f"{metrics['tokens']:,} tokens"] if metrics.get("tokens") else []
        told += [count_of(_job(run).status().attempt, "attempt")]
        return " · ".join([*told, *([size_of(size)] if size is not None else [])])

    def about(self, run: RunLine) -> str:
        """What tells it from other runs, shortest first: "11 rows · tiny"."""
        facts = self.facts(run)
        if facts is None:
            return visible(run.title, 200)
        return f"{count_of(facts.rows, 'row')} · {visible(str(facts.recipe['model']).rstrip('/').rsplit('/', 1)[-1], 80)}"

    # ---- verbs; each returns what went wrong, "" where nothing did

    def _tried(self, work: Callable[..., Any], *arguments: Any) -> str:
        try:
            work(*arguments)
        except SdeError as error:
            return f"{error.message} {error.hint}".strip()
        finally:
            self._session.jobs.watch()
            self._runs = None
        return ""

    def move(self, run: RunLine, where: Move) -> str:
        """Lets a waiting run come earlier or later."""
        from sde_core.jobs.queue import QueueFile

        return self._tried(QueueFile().move, run.folder, where)

    def begin_now(self, run: RunLine) -> str:
        """Lets a waiting run begin beside whatever uses its device."""
        from sde_core.jobs.queue import QueueFile

        return self._tried(QueueFile().start_beside, run.folder)

    def stop(self, run: RunLine) -> str:
        """Takes a waiting run out of the queue; a run at work saves and stops at its next step."""
        return self._tried(_job(run).stop)

    def resume(self, run: RunLine) -> str:
        """Goes on with a run from what it saved last, once the device is free."""
        return self._tried(_job(run).resume)

    def remove(self, run: RunLine) -> str:
        """Deletes a run that has ended, with all that it made."""
        from sde_core.jobs.removal import remove_job

        return self._tried(remove_job, _job(run))

    def why_not(self, verb: str, run: RunLine | None) -> str:
        """Why a verb can do nothing with a run now, "" where it can."""
        if run is None:
            return "There are no runs yet: F starts one."
        if run.elsewhere and verb not in ("earlier", "later", "first"):
            return "It belongs to another dataset; open that one, or use sde jobs."
        if verb in ("earlier", "later", "first", "now"):
            return self._why_not_move(verb, run)
        if verb == "stop":
            return "" if run.active else "It has ended."
        if verb == "resume":
            return self._why_not_resume(run)
        if verb == "remove":
            return "x stops it; then it can be removed." if run.active else ""
        if verb == "compare" and (self.facts(run) is None or self.compared_with(run) is None):
            return "There is no other run to compare it with." if self.facts(run) is not None else "It has no recipe and rows to compare."
        return ""

    def _why_not_resume(self, run: RunLine) -> str:
        if run.active:
            return f"It is {run.state}."
        missing: str = self._session.training.why_not_train()
        return "It is done; F on Train starts another." if run.state == "done" else missing

    def _why_not_move(self, verb: str, run: RunLine) -> str:
        if run.place is None:
            return "Only waiting runs stand in an order."
        if verb in ("earlier", "first") and run.place == 1:
            return "It comes next already."
        last = run.place == max(other.place or 0 for other in self.runs)
        return "It comes last already." if verb == "later" and last else ""

    # ---- two runs

    def before(self, run: RunLine) -> RunLine | None:
        """The run of this dataset that was launched before."""
        earlier = [other for other in self.runs if not other.elsewhere and other.kind == run.kind == "train" and other.id < run.id]
        return max(earlier, key=lambda other: other.id, default=None)

    def compared_with(self, run: RunLine) -> RunLine | None:
        """The run that this one is compared with: the one marked, or the one before; None where there is none."""
        marked = self.at(self.marked) if self.marked and self.marked != run.id else None
        return marked or self.before(run)

    def compare(self, a: RunLine, b: RunLine, then: Callable[[RunComparison], None]) -> None:
        """Finds how run B differs from run A, and calls `then` with it."""

        def work(*_: Any) -> RunComparison:
            from sde_core.train.history import compare_runs

            return compare_runs(_job(a), _job(b))

        self._session.lanes.thread("run-difference", "comparing two runs", work, then)

    def still_here(self, keys: Sequence[int]) -> list[int]:
        """Where rows of these keys stand now; rows that are gone are left out."""
        found = (self._session.dataset.row_of_key(key) for key in keys)
        return sorted(row for row in found if row is not None)


def _elsewhere(ticket: Any, queue: Queue) -> RunLine:
    from sde_core.jobs import Job
    from sde_core.train.history import expected_wait

    folder = Path(ticket.folder)
    try:
        job = Job(folder)
        status = job.status()
    except (JobError, FileNotFoundError):
        return RunLine(ticket.id, folder, "", str(folder), "running" if ticket.holding else "waiting", queue.place(folder), elsewhere=True)
    left = (status.eta_s if status.unit == "steps" else None) if ticket.holding else expected_wait(queue, folder)
    return RunLine(ticket.id, folder, job.kind, job.title, status.state, queue.place(folder), status.done, status.total, left, elsewhere=True)


def _order(run: RunLine) -> tuple[Any, ...]:
    if run.place is not None:
        return 1, run.place, ""
    return (0, 0, run.id) if run.active else (2, -_launched(run.id), run.id)


def _launched(identifier: str) -> int:
    digits = identifier.partition("-")[0].replace("T", "")
    return int(digits) if digits.isdigit() else 0


def _job(run: RunLine) -> Job:
    from sde_core.jobs import Job

    return Job(run.folder)


def value_words(value: Any, most: int) -> str:
    """A value of a recipe as it is read; what is left out is none."""
    return "none" if value is None or value == "" else visible(str(value), most)


def _changes(changes: Sequence[Any], *, arrows: bool = False) -> str:
    told = [(visible(c.name, 40), value_words(c.before, 120), value_words(c.after, 120)) for c in changes]
    return (" · " if arrows else "  ").join(f"{name} {before} → {after}" if arrows else f"{name}={after}" for name, before, after in told)
