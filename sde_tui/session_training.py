"""Fine-tunes of this dataset: what would train, the run that one key starts, and the curve of the run that is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_core.wording import count_of, ordinal
from sde_tui.session_training_work import (
    TrainingSet,
    encoder_of,
    launched,
    refused_if_nothing_trains,
    rows_of_run,
    training_set_of,
    whole_curve,
)  # fmt: skip

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.jobs import Job, JobStatus
    from sde_core.train.alerts import Alert
    from sde_core.train.curve import RunCurve
    from sde_core.train.encode import Encoder
    from sde_core.train.preflight import Preflight
    from sde_core.train.recipe import Recipe
    from sde_tui.session import Session
    from sde_tui.session_jobs import JobLine

AUTOMATIC_ROWS = 20_000
"""Up to so many rows preflight runs by itself; larger datasets wait for a key."""


class TrainingPart:
    """Preflight, launching, stopping and resuming; the shown run's curve."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._recipe: Recipe | None = None
        self._encoder: Encoder | None = None
        self._looked_at: tuple[Any, ...] | None = None
        self._checked: tuple[Dataset, Recipe, Preflight] | None = None
        self._offset: int | None = None
        self._begun = False
        self.training_set: TrainingSet | None = None
        self.refusal = ""
        self.shown: Job | None = None
        self.shown_status: JobStatus | None = None
        self.curve: RunCurve | None = None
        session.signals.jobs.subscribe(session.app, self._jobs_moved)
        session.signals.decisions.subscribe(session.app, lambda _how: self._set_changed())
        session.signals.dataset.subscribe(session.app, lambda _how: self._set_changed())

    # ---- the recipe

    @property
    def recipe(self) -> Recipe:
        """The project's recipe.

        Raises:
            InputError: When its file cannot be read.
        """
        if self._recipe is None:
            from sde_core.train.recipe import project_recipe

            self._recipe = project_recipe(self._session.project)
        return self._recipe

    def change_recipe(self, settings: str) -> str:
        """Keeps settings such as "max_steps=200 learning_rate=1e-4" in the project's recipe; gives what is wrong with them, "" where nothing is."""
        try:
            self._change_recipe(settings)
        except SdeError as error:
            return f"{error.message} {error.hint}".strip()
        return ""

    def _change_recipe(self, settings: str) -> None:
        import orjson

        from sde_core.files import atomic_write
        from sde_core.train.recipe import with_settings

        changed = with_settings(self.recipe, settings.replace(",", " ").split())
        atomic_write(self._session.project.created().recipe_path, [orjson.dumps(changed.to_json(), option=orjson.OPT_INDENT_2)])
        self._recipe, self._encoder = changed, None
        self._set_changed()
        self._publish("recipe")

    def recipe_settings(self) -> list[str]:
        """All settings of the recipe as they stand, "name=value"; none where the recipe cannot be read."""
        recipe = self._session.attempt(lambda: self.recipe)
        return [] if recipe is None else [visible(f"{name}={'none' if value is None else value}", 60) for name, value in recipe.to_json().items()]

    def recipe_words(self) -> str:
        """The recipe in one line."""
        try:
            recipe = self.recipe
        except SdeError as error:
            return f"{error.message} {error.hint}"
        model = visible(recipe.model.rstrip("/").rsplit("/", 1)[-1], 24) if recipe.model else "embedded base model"
        length = f"{recipe.max_steps:,} steps" if recipe.max_steps else f"{recipe.epochs:g} epoch{'s' if recipe.epochs != 1 else ''}"
        return f"{model} · {length} · batch {recipe.batch_size} · lr {recipe.peak_learning_rate:g} · LoRA r {recipe.lora_r}"

    # ---- what would train

    @property
    def stage(self) -> str:
        """What is being computed now, in words; "" where nothing is."""
        tasks = (self._session.lanes.running(purpose) for purpose in ("fine-tune", "launch", "preflight"))
        return next((task.shown() for task in tasks if task is not None), "")

    def why_not_look(self) -> str:
        """Why preflight cannot run now, "" where it can."""
        waits = self._session.still_reading("preflight needs")
        return waits or ("" if self._session.decisions.state is not None else self._session.decisions.why_not())

    def start(self) -> None:
        """Runs preflight by itself where the dataset is small enough, and attaches to the latest run."""
        self._begun = True
        self._set_changed()
        if self.shown is None and self.runs:
            self.show(next((line for line in self.runs if line.active), self.runs[0]).id)

    def _set_changed(self) -> None:
        if self._begun and not self.why_not_look() and len(self._session.dataset) <= AUTOMATIC_ROWS and self._looked_at != self._now():
            self.look()

    def _now(self) -> tuple[Any, ...]:
        """What the training set depends on."""
        return (self._session.dataset, len(self._session.decisions.log), self._recipe)

    def look(self) -> None:
        """Finds the training set and what it contributes."""
        recipe = self._session.attempt(lambda: self.recipe)
        if recipe is None:
            return
        self._looked_at = self._now()
        self._session.lanes.thread("preflight", "preflight", self._survey(recipe, whole=True), self._found)

    def _survey(self, recipe: Recipe, *, whole: bool) -> Callable[[Any, Any], TrainingSet | SdeError]:
        """The work of finding the training set, for a thread; the report only where `whole` or already known."""
        dataset, state = self._session.dataset, self._session.decisions.state
        cache_dir = self._session.project.cache_dir
        known = self._checked[2] if self._checked is not None and self._checked[:2] == (dataset, recipe) else None

        def work(cancel: Any, progress: Any) -> TrainingSet | SdeError:
            return training_set_of(dataset, state, recipe, known, whole, cancel, progress, cache_dir)

        return work

    def _found(self, found: TrainingSet | SdeError) -> None:
        if isinstance(found, SdeError):
            self.training_set, self.refusal = None, f"{found.message} {found.hint}".strip()
        else:
            self.training_set, self.refusal = found, ""
            if found.checked is not None:
                self._checked = (self._session.dataset, self.recipe, found.checked)
        self._publish("preflight")

    @property
    def counting_anew(self) -> bool:
        """Whether what is known of the training set is of texts, decisions or a recipe of before, and is being counted again."""
        return self._session.lanes.running("preflight") is not None and self.training_set is not None

    def rows_with(self, verdict: str) -> list[int]:
        """Rows of the training set with this verdict."""
        report = self.training_set.report if self.training_set is not None else None
        return [check.row for check in report.rows if check.verdict == verdict] if report is not None else []

    # ---- starting

    def why_not_fine_tune(self) -> str:
        """Why no fine-tune can be started now, "" where it can."""
        missing = self.why_not_train()
        if missing:
            return missing
        if self._session.decisions.read_only:
            return "Another sde decides on this dataset: start it there, or with sde train."
        return self.why_not_look() or ("A fine-tune is being prepared already." if self.preparing else "")

    def why_not_train(self) -> str:
        """What training needs and is not installed, in a sentence; "" where all is there."""
        from sde_core.train.device import missing_packages

        missing = missing_packages()
        return f"Training needs {', '.join(missing)}: pip install 'sde[ml]'." if missing else ""

    @property
    def preparing(self) -> bool:
        """Whether a fine-tune is about to start."""
        return any(self._session.lanes.running(purpose) is not None for purpose in ("fine-tune", "launch"))

    def fine_tune(self) -> None:
        """Starts the project's recipe on the training set; asks first only where something is off."""
        recipe = self._session.attempt(lambda: self.recipe)
        if recipe is not None:
            whole = len(self._session.dataset) <= AUTOMATIC_ROWS
            self._session.lanes.thread(
                "fine-tune", "preparing the fine-tune", self._survey(recipe, whole=whole), lambda found: self._surveyed(found, recipe)
            )

    def _surveyed(self, found: TrainingSet | SdeError, recipe: Recipe) -> None:
        self._found(found)
        if isinstance(found, SdeError):
            self._session.failed(found)
        elif self._session.attempt(refused_if_nothing_trains, found) is not None:
            doubts = self.doubts(found)
            steps = f", about {count_of(found.report.summary.steps, 'step')}" if found.report is not None else ""
            question = f"Fine-tune on {count_of(len(found.rows), 'row')}{steps}?"
            if doubts:
                self._ask(question, lambda: self._launch(found, recipe), doubts)
            else:
                self._launch(found, recipe)

    def doubts(self, found: TrainingSet) -> list[str]:
        """What is off about starting now, a sentence each."""
        all_of_them = f"all {len(found.rows):,} that are" if len(found.rows) > 1 else "the one that is"
        said = [f"No row was accepted: {all_of_them} not rejected would train."] if not found.accepted else []
        summary = found.report.summary if found.report is not None else None
        if summary is not None:
            verdicts = summary.verdicts
            lost = sum(count for verdict, count in verdicts.items() if verdict in ("nothing", "dropped", "template"))
            said += [f"Left out, since nothing in them would train: {lost:,}."] if lost else []
            said += [f"Answers of which part is cut at {summary.max_length:,} tokens: {verdicts['cut']:,}."] if "cut" in verdicts else []
            said += [f"Empty answers, which teach only to stop: {verdicts['empty']:,}."] if "empty" in verdicts else []
        return said

    def _launch(self, found: TrainingSet, recipe: Recipe) -> None:
        dataset, jobs_dir = self._session.dataset, self._session.project.jobs_dir

        def work(cancel: Any, progress: Any) -> Job:
            return launched(dataset, found.rows, recipe, jobs_dir, cancel, progress)

        self._session.lanes.thread("launch", "starting the fine-tune", work, self._started)

    def _started(self, job: Job) -> None:
        self._session.jobs.watch()
        self.show(job.id)
        self._session.app.show_screen("train")
        place = self._session.queue.place_of(job)
        queued = f"Queued as {ordinal(place)}: it begins by itself, also when you leave. h shows the queue." if place else ""
        self._session.flash(queued or "Started. It goes on when you leave; s stops it.", "good")

    def _ask(self, question: str, then: Callable[[], None], details: Sequence[str]) -> None:
        self._session.app.screen_stack[0].ask(question, then, details=details)  # type: ignore[attr-defined]

    # ---- runs

    @property
    def runs(self) -> list[JobLine]:
        """Fine-tunes of this dataset, the latest first."""
        return [line for line in self._session.jobs.lines if line.kind == "train"]

    def short_title(self, line: JobLine) -> str:
        """A run's title without the dataset, which is the one that is open."""
        return line.title.removesuffix(f" of {self._session.dataset.name}")

    def show(self, identifier: str) -> None:
        """Shows another run; its curve is read in a thread."""
        if self.shown is not None and self.shown.id == identifier:
            return
        from sde_core.jobs import find_job

        self.shown = self._session.attempt(find_job, self._session.project.jobs_dir, identifier)
        self.curve, self._offset = None, None
        if self.shown is not None:
            job = self.shown
            self.shown_status = job.status()
            self._session.lanes.thread("curve", "reading the curve", lambda cancel, _: whole_curve(job, cancel), self._curve_read, quiet=True)

    def _curve_read(self, found: tuple[RunCurve, int]) -> None:
        self.curve, self._offset = found
        self._publish("curve")

    def _jobs_moved(self, how: str) -> None:
        if how != "moved":
            return
        if self.shown is not None and all(line.id != self.shown.id for line in self.runs):
            self.shown = self.shown_status = self.curve = None  # somebody removed it
        if self.shown is None and self.runs:
            at_work = [line for line in self.runs if line.state in ("running", "stopping")]
            begun = [line for line in self.runs if line.done or line.state != "stopped"]
            self.show((at_work or begun or self.runs)[0].id)
        elif self.shown is not None:
            self._session.attempt(self._read_on)

    def _read_on(self) -> None:
        job, curve = self.shown, self.curve
        if job is not None:
            self.shown_status = job.status()
        if job is not None and curve is not None and self._offset is not None:
            events, self._offset = job.events(self._offset)
            curve.add(events)
            self._publish("curve")

    def alerts(self) -> tuple[Alert, ...]:
        """What is wrong with the shown run, worst first."""
        from sde_core.jobs.vitals import silence_of, vitals_of
        from sde_core.train.alerts import alerts_of

        status, job = self.shown_status, self.shown
        if self.curve is None or status is None or job is None:
            return ()
        return alerts_of(self.curve, active=status.active, now=time.time(), silent_s=silence_of(status), look=lambda: vitals_of(job))

    def why_not_stop(self) -> str:
        """Why the shown run cannot be stopped, "" where it can."""
        return "" if self.shown_status is not None and self.shown_status.active else "No run is at work here."

    def why_not_resume(self) -> str:
        """Why the shown run cannot be resumed, "" where it can."""
        if self.shown_status is None:
            return "There is no run here."
        if self.shown_status.active:
            return "This run is at work."
        if self.shown_status.state == "done":
            return "This run is done; + gives it more steps, F starts another."
        return self.why_not_train()

    def stop(self, way: str = "stop") -> None:
        """Stops the shown run: "stop" at its next step, "terminate" wherever it stands, "kill" without saving."""
        if self.shown is not None:
            self._session.attempt({"stop": self.shown.stop, "terminate": self.shown.terminate, "kill": self.shown.kill}[way])
            self._session.jobs.watch()
            self._read_on()

    def resume(self) -> None:
        """Goes on with the shown run from what it saved last."""
        if self.shown is not None:
            self._session.attempt(self.shown.resume)
            self._session.jobs.watch()
            self._read_on()

    def drill_run(self, screen: str) -> None:
        """Shows in Records the rows that the shown run was given."""
        if self.shown is None:
            return
        folder, dataset, identifier = self.shown.folder, self._session.dataset, self.shown.id
        self._session.lanes.thread(
            "run-rows", "finding the run's rows", lambda *_: rows_of_run(folder, dataset),
            lambda rows: self._session.records.drill(rows, f"rows of run {identifier[-4:]}", screen=screen),
        )  # fmt: skip

    # ---- one row, token by token

    def tokens_of(self, row: int) -> tuple[list[tuple[str, str]], str]:
        """Every token of a row as (text, "trained", "masked" or "cut"), and how they were made.

        Empty at first: the tokenizer is read in a thread, and the view is told when it is there.
        """
        if self._encoder is None:
            recipe = self.recipe
            if self._session.lanes.running("tokenizer") is None:
                self._session.lanes.thread("tokenizer", "reading the tokenizer", lambda *_: encoder_of(recipe), self._tokenizer_read)
            return [], ""
        from sde_core.train.preview import token_view

        seen = token_view(self._encoder, self._session.dataset.turns(row))
        return list(seen.tokens), seen.note

    def _tokenizer_read(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._session.signals.view.publish("tokens")

    def command_line(self) -> str:
        """The command that starts the same run."""
        return f"sde train {self._session.command_data}"

    def _publish(self, how: str) -> None:
        self._session.signals.jobs.publish(how)
