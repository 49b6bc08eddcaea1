"""A comparison of designs that is being put together: its designs, its records, what it will cost, and its start."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.errors import CancelledError, SdeError, UsageError
from sde_core.visible import visible
from sde_core.wording import count_of, duration

if TYPE_CHECKING:
    from sde_core.evaluate.design_estimate import ComparisonCost
    from sde_core.evaluate.design_grid import DesignRequest
    from sde_core.evaluate.design_pace import ComparisonPace
    from sde_core.evaluate.design_records import ComparedRecords
    from sde_core.jobs import Job
    from sde_core.train.recipe import Recipe
    from sde_tui.session import Session

LANE, COST_LANE = "design-compare", "design-cost"
_USUAL_SIZE = 500


@dataclass(frozen=True)
class AskedComparison:
    """What stands in the form, as it was typed.

    Attributes:
        designs: Those that are chosen, in order.
        sizes: Training records of a run, separated by commas; "" for `_USUAL_SIZE`, or all where there are fewer.
        seeds: Runs of each.
        wordings: Which of the task's instructions, from 0, separated by commas.
        test: A file to test on; "" for a fifth of the data.
        ood: A file of another domain; "" for none.
        ood_task: Its task file; "" for the same task.
        before: Whether the untuned model is asked too.
    """

    designs: tuple[str, ...]
    sizes: str = ""
    seeds: str = "3"
    wordings: str = "0"
    test: str = ""
    ood: str = ""
    ood_task: str = ""
    before: bool = True


@dataclass(frozen=True)
class EstimatedComparison:
    """What a form comes to.

    Attributes:
        asked: The form.
        request: What would be compared.
        sides: The records of each side.
        cost: What it takes.
        pace: Of an earlier comparison with this model, None where there is none.
        paced_by: The end of its id.
    """

    asked: AskedComparison
    request: DesignRequest
    sides: ComparedRecords
    cost: ComparisonCost
    pace: ComparisonPace | None
    paced_by: str


class DesignRequestPart:
    """The comparison that would be started next.

    Attributes:
        asked: The form, None until it was opened.
        estimated: What it comes to, None while that is being counted.
        refusal: Why it cannot be compared so, "" where nothing is wrong.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.asked: AskedComparison | None = None
        self.estimated: EstimatedComparison | None = None
        self.refusal = ""
        self._more: list[str] = []

    # ---- the form

    def opened(self) -> AskedComparison:
        """The form, at first with the designs of screen 8."""
        if self.asked is None:
            self.asked = AskedComparison(tuple(dict.fromkeys(self._of_screen())))
        return self.asked

    def _of_screen(self) -> list[str]:
        design = self._session.design
        return [design.design_words(side) for side in range(design.sides)]

    def offered(self) -> list[tuple[str, str]]:
        """(design, where it comes from) of all that can be chosen."""
        from sde_core.design.options import PRESETS

        places = [(name, "of screen 8") for name in dict.fromkeys(self._of_screen())]
        known = {name for name, _ in places}
        places += [(name, "a preset") for name in PRESETS if name not in known]
        chosen = self.asked.designs if self.asked is not None else ()
        known |= set(PRESETS)
        return places + [(name, "typed") for name in dict.fromkeys([*self._more, *chosen]) if name not in known]

    def change(self, **values: Any) -> None:
        """Puts other values into the form; what it comes to has to be counted anew."""
        self.asked = dataclasses.replace(self.opened(), **values)
        self.estimated, self.refusal = None, ""

    def turn_design(self, name: str) -> None:
        """Chooses a design, or leaves it out."""
        chosen = self.opened().designs
        self.change(designs=tuple(one for one in chosen if one != name) if name in chosen else (*chosen, name))

    def add_design(self, text: str) -> None:
        """Chooses a design by its words.

        Raises:
            UsageError: When there is no such preset, option or choice.
        """
        from sde_core.design.options import design_named, design_words

        name = design_words(design_named(text))
        self._more.append(name)
        if name not in self.opened().designs:
            self.turn_design(name)

    @property
    def instructions(self) -> tuple[str, ...]:
        """The task's wordings of the instruction."""
        task = self._session.design.task
        return task.instructions if task is not None else ()

    # ---- what it comes to

    def estimate(self, then: Callable[[], None]) -> None:
        """Counts in a thread what the form comes to, then calls `then`."""
        asked = self.opened()
        recipe = self._session.attempt(lambda: self._session.training.recipe)
        found = self._session.design.found
        if recipe is None or found is None:
            self.refusal = "The project's recipe cannot be read." if recipe is None else "There are no records of a task."
            then()
            return
        jobs_dir, records = self._session.project.jobs_dir, list(self._session.design.records_to_train().values())

        def work(cancel: Any, progress: Any) -> EstimatedComparison | SdeError:
            try:
                return _estimated(asked, records, found.file, recipe, jobs_dir, cancel, progress)
            except CancelledError:
                raise
            except SdeError as error:
                return error

        def done(estimated: EstimatedComparison | SdeError) -> None:
            self.estimated = None if isinstance(estimated, SdeError) else estimated
            self.refusal = f"{estimated.message} {estimated.hint}".strip() if isinstance(estimated, SdeError) else ""
            then()

        self._session.lanes.thread(COST_LANE, "counting what it takes", work, done, quiet=True)
        then()

    def estimate_words(self) -> list[str]:
        """What the form comes to, a sentence each."""
        from sde_core.evaluate.design_estimate import cost_words

        found = self.estimated
        if found is None:
            return []
        request, cost, sides = found.request, found.cost, found.sides
        parts = [count_of(len(request.designs), "design"), count_of(len(set(request.sizes)), "size"), count_of(request.seeds, "seed")]
        parts += [count_of(len(set(request.wordings)), "wording")] if len(set(request.wordings)) > 1 else []
        domains = f"{count_of(len(sides.test), 'record')} to test on" + (f" and {len(sides.ood[1]):,} of another domain" if sides.ood else "")
        said = [f"{count_of(cost.runs, 'run')}: {', '.join(parts)}. {len(sides.train):,} records can train; {domains}."]
        return [*said, cost_words(cost), self._time_words(found)]

    def _time_words(self, found: EstimatedComparison) -> str:
        from sde_core.evaluate.design_estimate import seconds_of

        if found.pace is not None:
            return f"About {duration(seconds_of(found.cost, found.pace), units=1)} at the pace of the comparison {found.paced_by}."
        curve = self._session.training.curve
        speed = curve.latest.get("tokens_s") if curve is not None else None
        if speed:
            time = duration(found.cost.tokens / speed, units=1)
            return f"Training takes about {time} at the {speed:,.0f} tokens/s of the run on screen 9; answering comes on top."
        return "How long it takes is not known: no comparison with this model has finished a run here. It is told from the first run on."

    # ---- the start

    def why_not_start(self) -> str:
        """Why no comparison can be started now, "" where it can."""
        from sde_core.train.device import missing_packages

        missing = missing_packages()
        if missing:
            return f"Training needs {', '.join(missing)}: pip install 'sde[ml]'."
        if self._session.design.found is None or self._session.design.row is None:
            return "There are no records of a task."
        return "A comparison is being prepared already." if self._session.lanes.running(LANE) is not None else ""

    def start(self, then: Callable[[Job], None]) -> None:
        """Prepares the records in a thread and starts the job, then calls `then` with it."""
        session, asked, design = self._session, self.opened(), self._session.design
        recipe, project = session.attempt(lambda: session.training.recipe), session.attempt(session.project.created)
        found, data = design.found, session.dataset.path
        if recipe is None or found is None or project is None:
            return
        records = list(design.records_to_train().values())

        def work(cancel: Any, progress: Any) -> Job:
            from sde_core.evaluate.design_grid import launch_design_compare

            sides = _sides(asked, records, found.file, recipe, cancel, progress)
            request = request_of(asked, len(sides.train))
            return launch_design_compare(project.jobs_dir, request, recipe, found.file, sides.train, sides.test, ood=sides.ood, dataset=data)

        session.lanes.thread(LANE, "preparing the comparison", work, then)

    def command_line(self) -> str:
        """The command that starts the same."""
        import shlex

        asked, found = self.opened(), self._session.design.found
        words = ["sde design compare", self._session.command_data]
        words += [f"--task {shlex.quote(found.named)}"] if found is not None and found.named else []
        words += [f"--design {shlex.quote(name)}" for name in asked.designs]
        named = {"--sizes": asked.sizes, "--seeds": asked.seeds, "--wordings": asked.wordings, "--test": asked.test, "--ood": asked.ood}
        words += [f"{option} {shlex.quote(value)}" for option, value in (named | {"--ood-task": asked.ood_task}).items() if value]
        return " ".join(words + ([] if asked.before else ["--no-before"]))


def request_of(asked: AskedComparison, trainable: int) -> DesignRequest:
    """The request that a form makes.

    Args:
        asked: The form.
        trainable: Records that can train, for the usual size.

    Raises:
        UsageError: When it makes no sense.
    """
    from sde_core.evaluate.design_grid import DesignRequest

    sizes = _numbers(asked.sizes, "sizes", "500,1000") if asked.sizes.strip() else (min(_USUAL_SIZE, max(trainable, 1)),)
    seeds = _numbers(asked.seeds, "seeds", "3")
    if len(seeds) > 1:
        raise UsageError("seeds is one number: how many runs of each there are.", "For example 3.")
    return DesignRequest(asked.designs, sizes, seeds[0], _numbers(asked.wordings, "wordings", "0,1"), before=asked.before)


def _numbers(text: str, name: str, example: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise UsageError(f"{name} takes whole numbers separated by commas, not {visible(text, 40)!r}.", f"For example {example}.")
    return tuple(map(int, parts))


def _sides(asked: AskedComparison, records: list[Any], file: Any, recipe: Recipe, cancel: Any, progress: Any) -> ComparedRecords:
    from sde_core.evaluate.design_records import compared_records

    return compared_records(records, file, recipe.seed, test=asked.test, ood=asked.ood, ood_task=asked.ood_task, cancel=cancel, progress=progress)


def _estimated(
    asked: AskedComparison, records: list[Any], file: Any, recipe: Recipe, jobs_dir: Any, cancel: Any, progress: Any
) -> EstimatedComparison:
    from sde_core.design.options import design_named
    from sde_core.evaluate.design_estimate import comparison_cost, latest_pace, tokens_of_designs
    from sde_core.evaluate.design_grid import refuse_request
    from sde_core.train.tokenizer import model_location

    sides = _sides(asked, records, file, recipe, cancel, progress)
    request = request_of(asked, len(sides.train))
    refuse_request(request, file.task, sides.train, sides.test, ood=sides.ood)
    wanted = [(design_named(name), wording) for name in request.designs for wording in dict.fromkeys(request.wordings)]
    tokens = tokens_of_designs(sides.train, file.task, wanted, recipe.model, cancel=cancel)
    cost = comparison_cost(request, recipe, tokens, test=len(sides.test), ood=len(sides.ood[1]) if sides.ood else 0)
    paced_by, pace = latest_pace(jobs_dir, model_location(recipe.model)) or ("", None)
    return EstimatedComparison(asked, request, sides, cost, pace, paced_by)
