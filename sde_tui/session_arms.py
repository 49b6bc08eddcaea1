"""Arms compared: the comparison that is shown, as far as it has come, and starting another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of, duration
from sde_tui.session_shown_comparison import ShownComparison

if TYPE_CHECKING:
    from sde_core.evaluate.compare_launch import CompareRequest
    from sde_core.evaluate.comparison import Comparison
    from sde_core.jobs import Job

_SETTINGS = ("seeds", "budget", "held_out")


class ArmsPart(ShownComparison["Comparison"]):
    """The comparison of arms shown."""

    LANE, KIND = "arms", "compare"
    _typed, _left_at = "", 0

    def found_in(self, job: Job) -> Comparison:
        from sde_core.evaluate.comparison import read_comparison

        return read_comparison(job.folder)

    def progress_words(self) -> str:
        """How the comparison stands, in one line."""
        status = self.status
        if self._job is None or status is None:
            return "No arms were compared yet."
        reading = status.unit == "rows"
        left = f" · {duration(status.eta_s, units=1)} left" if status.active and status.eta_s is not None and not reading else ""
        runs = f" · {self.found.runs} of {count_of(self.found.wanted, 'run')}" if self.found is not None else ""
        what = f" · {visible(status.message, 60)}" if status.state not in ("done", "running") or self.found is None or reading else ""
        return f"{self._job.id[-4:]} {status.state}{runs}{left}{what}"

    # ---- rows

    def drill(self, arm: str, *, screen: str) -> None:
        """Shows in Records the rows that an arm trains on; of a drawn arm those of its first finished run."""
        job, dataset, records = self._job, self._session.dataset, self._session.records
        if job is None:
            return

        def shown(rows: Sequence[int]) -> None:
            records.drill(rows, f"rows of the arm {visible(arm, 40)}", screen=screen)
            self._left_at = len(records.places)

        self._session.lanes.thread(self.LANE, "finding the arm's rows", lambda *_: _rows_of_arm(job.folder, arm, dataset), shown)

    def came_back(self) -> bool:
        """Whether the user returned from the rows of an arm just now; asked once."""
        back = 0 < self._left_at > len(self._session.records.places)
        self._left_at = 0 if back else self._left_at
        return back

    # ---- another comparison

    def default_request(self) -> str:
        """Arms as they are typed: those asked for last, so that a slip is mended and not typed anew; else some that make sense here."""
        return self._typed or self._sensible_request()

    def _sensible_request(self) -> str:
        state = self._session.decisions.state
        accepted = state is not None and len(state.accepted_rows()) > 0
        arms = "full,selected,random:selected" if accepted else "full,method:dpp:50%,random:method:dpp:50%"
        return f"{arms} seeds=3"

    def request_of(self, text: str) -> CompareRequest:
        """The request that a line such as "full,selected seeds=3 budget=200k" makes.

        Raises:
            UsageError: When it makes no sense.
        """
        from sde_core.evaluate.arms import arm_names
        from sde_core.evaluate.compare_launch import CompareRequest
        from sde_core.select.protocol import tokens_wanted

        self._typed = text
        words = text.split()
        settings = dict(word.split("=", 1) for word in words if word.partition("=")[0] in _SETTINGS and "=" in word)
        arms = ",".join(word for word in words if word.partition("=")[0] not in _SETTINGS)
        arm_names(arms)
        try:
            seeds = int(settings.get("seeds", "3"))
        except ValueError:
            raise UsageError(f"seeds={visible(settings['seeds'], 20)} is no number.", "Write seeds=3.") from None
        budget = tokens_wanted(settings["budget"]) if "budget" in settings else None
        return CompareRequest(arms, seeds, budget, settings.get("held_out"))

    def estimate(self, request: CompareRequest) -> list[str]:
        """How many runs there will be, and how long they will take, as far as that is known."""
        from sde_core.evaluate.arms import BASE

        arms = [name for name in request.arms.split(",") if name.strip() != BASE]
        runs = len(arms) * request.seeds
        said = [f"{count_of(runs, 'run')}: {count_of(len(arms), 'arm')} with {count_of(request.seeds, 'seed')} each, one after another."]
        tokens, rate = request.budget or self._recipe_tokens(), self._session.training.curve
        speed = rate.latest.get("tokens_s") if rate is not None else None
        if tokens is None:
            return [*said, "How long it takes is not known yet: p on screen 9 counts the tokens."]
        said.append(f"Each reads about {tokens:,} tokens.")
        if not speed:
            return [*said, "How long that takes is not known: the run on screen 9 has made no step."]
        return [
            *said,
            f"About {duration(runs * tokens / speed, units=1)} at the {speed:,.0f} tokens/s of the run on screen 9, and evaluating beside it.",
        ]

    def _recipe_tokens(self) -> int | None:
        """Tokens that the recipe reads of all rows, from what preflight counted of the training set."""
        part = self._session.training
        report = part.training_set.report if part.training_set is not None else None
        if report is None or not report.summary.rows:
            return None
        share = len(self._session.dataset) / report.summary.rows if part.training_set.accepted else 1.0
        epochs = part.recipe.epochs
        if part.recipe.max_steps:
            return round(report.summary.tokens / max(report.summary.samples, 1) * part.recipe.max_steps * part.recipe.batch_size)
        return round(report.summary.tokens * share * epochs)

    def why_not_start(self) -> str:
        """Why no comparison can be started now, "" where it can."""
        return self._session.training.why_not_fine_tune() or ("A comparison is being prepared already." if self._preparing else "")

    @property
    def _preparing(self) -> bool:
        task = self._session.lanes.running("compare")
        return task is not None

    def start(self, request: CompareRequest) -> None:
        """Prepares the rows in a thread and starts the job."""
        session, dataset, state = self._session, self._session.dataset, self._session.decisions.state
        recipe = session.attempt(lambda: session.training.recipe)
        if recipe is None or state is None:
            return
        accepted, rejected = state.accepted_rows().tolist(), state.rejected_rows().tolist()

        def work(cancel: Any, progress: Any) -> Job:
            from sde_core.cli.train import rows_in_file
            from sde_core.evaluate.compare_launch import launch_compare

            return launch_compare(
                dataset, session.project, request, recipe, accepted=accepted, rejected=rejected,
                read_rows=lambda path: rows_in_file(Path(path), len(dataset)), cancel=cancel, progress=progress,
            )  # fmt: skip

        session.lanes.thread("compare", "preparing the comparison", work, self.show)
        self._then()

    def command_line(self) -> str:
        """The command that tells the same; before there is a comparison, the one that starts it."""
        if self._job is None:
            arms, _, seeds = self._sensible_request().partition(" seeds=")
            return f"sde compare {self._session.command_data} --arms {arms} --seeds {seeds}"
        return f"sde compare show {self._job.id[-4:]} --data {self._session.command_data}"


def _rows_of_arm(folder: Path, arm: str, dataset: Any) -> list[int]:
    """Where an arm's rows stand in the dataset now: found by their keys, since it may have changed since."""
    from sde_core.train.rows import read_key_of_rows

    key_of = read_key_of_rows(folder)
    found = (dataset.row_of_key(key_of[row]) for row in _planned_rows(folder, arm) if row in key_of)
    return sorted(row for row in found if row is not None)


def _planned_rows(folder: Path, arm: str) -> Sequence[int]:
    import orjson

    plan = orjson.loads((folder / "plan.json").read_bytes())
    number = next(number for number, each in enumerate(plan["arms"]) if each["name"] == arm)
    for path in sorted((folder / "cells").glob(f"{number:02d}-*/rows.json")):
        rows: list[int] = orjson.loads(path.read_bytes())["rows"]
        return rows
    asked = orjson.loads((folder / "arms.json").read_bytes())
    return next(tuple(each["rows"]) for each in asked["arms"] if each["name"] == arm)
