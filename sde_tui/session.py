"""The bridge between the app and the engine: screens ask it, and nothing else in the app imports engine functions.

It is cut into parts, one attribute each: `records` (what is shown), `decisions`, `findings`, `jobs`, and those of `PARTS` that belong to a screen.
Parts tell of changes through `signals`; work that takes long goes through `lanes`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.signal import Signal

from sde_core.dataset import Dataset, Layout
from sde_core.errors import SdeError, UsageError
from sde_core.project import Project
from sde_core.wording import count_of
from sde_tui.lanes import Lanes
from sde_tui.session_decisions import DecisionsPart
from sde_tui.session_findings import FindingsPart
from sde_tui.session_jobs import JobsPart
from sde_tui.session_mapping import MappingPart
from sde_tui.session_overview import OverviewPart
from sde_tui.session_records import RecordsPart

if TYPE_CHECKING:
    import numpy as np

    from sde_tui.app import SdeApp

PARTS: tuple[tuple[str, str], ...] = (
    ("balance", "sde_tui.session_balance:BalancePart"),
    ("duplicates", "sde_tui.session_duplicates:DuplicatesPart"),
    ("leaks", "sde_tui.session_leaks:LeaksPart"),
    ("labels", "sde_tui.session_labels:LabelsPart"),
    ("formats", "sde_tui.session_formats:FormatsPart"),
    ("rules", "sde_tui.session_rules:RulesPart"),
    ("comparisons", "sde_tui.session_comparisons:ComparisonsPart"),
    ("rating", "sde_tui.session_rating:RatingPart"),
    ("rule_book", "sde_tui.session_rule_book:RuleBookPart"),
    ("embedding", "sde_tui.session_embedding:EmbeddingPart"),
    ("losses", "sde_tui.session_losses:LossesPart"),
    ("selection", "sde_tui.session_selection:SelectionPart"),
    ("design", "sde_tui.session_design:DesignPart"),
    ("task_schema", "sde_tui.session_task_schema:TaskSchemaPart"),
    ("followed", "sde_tui.session_followed:FollowedPart"),
    ("perplexity", "sde_tui.session_perplexity:PerplexityPart"),
    ("design_compare", "sde_tui.session_design_compare:DesignComparePart"),
    ("design_request", "sde_tui.session_design_request:DesignRequestPart"),
    ("training", "sde_tui.session_training:TrainingPart"),
    ("probe", "sde_tui.session_probe:ProbePart"),
    ("run_control", "sde_tui.session_run_control:RunControlPart"),
    ("run_rows", "sde_tui.session_run_rows:RunRowsPart"),
    ("group_losses", "sde_tui.session_group_losses:GroupLossesPart"),
    ("arms", "sde_tui.session_arms:ArmsPart"),
    ("queue", "sde_tui.session_queue:QueuePart"),
    ("chart", "sde_tui.session_chart:ChartPart"),
    ("generations", "sde_tui.session_generations:GenerationsPart"),
    ("try_model", "sde_tui.session_try_model:TryModelPart"),
    ("handover", "sde_tui.session_handover:HandoverPart"),
)
"""(attribute, "module:Class") of the parts that screens bring; a class takes the session. Imported when first used."""

QualityProvider = Callable[[], "tuple[np.ndarray, np.ndarray]"]

_SLICE_BYTES = 8 << 20


class Signals:
    """What changed; subscribers get a word that says how.

    Attributes:
        dataset: Rows were read, the layout or a text changed.
        view: Other rows are shown, or marks changed.
        decisions: Something was decided, undone or redone, or the journal opened.
        findings: Checks ran.
        jobs: A job began, moved on or ended.
        balance: Classes were counted, other rows are counted, or a target was set.
        duplicates: Rows were compared, or grouped anew.
        rules: Rows were scored, or other rules chosen: another quality.
        selection: Another subset is proposed, or its coverage is known.
        work: A thread began, moved on or ended (the status line's business).
    """

    def __init__(self, app: SdeApp) -> None:
        self.dataset: Signal[str] = Signal(app, "dataset")
        self.view: Signal[str] = Signal(app, "view")
        self.decisions: Signal[str] = Signal(app, "decisions")
        self.findings: Signal[str] = Signal(app, "findings")
        self.jobs: Signal[str] = Signal(app, "jobs")
        self.balance: Signal[str] = Signal(app, "balance")
        self.duplicates: Signal[str] = Signal(app, "duplicates")
        self.rules: Signal[str] = Signal(app, "rules")
        self.selection: Signal[str] = Signal(app, "selection")
        self.work: Signal[str] = Signal(app, "work")

    @property
    def by_name(self) -> dict[str, Signal[str]]:
        """Every signal."""
        return vars(self)


class Session:
    """One opened dataset, what was decided about it, and the work on it.

    Args:
        app: Owns threads and signals.
        dataset: Opened; the rest of it is read in the background once `start` is called.
        project: Where decisions and caches live; beside the data by default.
        open_options: Options that the dataset was opened with, as the command line takes them ("--map", "answer=reply").

    Attributes:
        quality_provider: Set by the rules part: gives (rows, quality of each) or raises an error that says what to do first.
    """

    def __init__(self, app: SdeApp, dataset: Dataset, project: Project | None = None, *, open_options: Sequence[str] = ()) -> None:
        self.app = app
        self.dataset = dataset
        self.open_options = tuple(open_options)
        self.quality_provider: QualityProvider | None = None
        self.project = project or Project.of(dataset.path)
        dataset.keep_in(self.project.cache_dir)
        self.signals = Signals(app)
        self.lanes = Lanes(app, self.failed, lambda: self.signals.work.publish("moved"))
        self.records = RecordsPart(self)
        self.decisions = DecisionsPart(self)
        self.findings = FindingsPart(self)
        self.jobs = JobsPart(self)
        self.overview = OverviewPart(self)
        self.mapping = MappingPart(self)
        self._parts: dict[str, Any] = {}

    # ---- the other parts

    def part(self, name: str) -> Any:
        """A part of `PARTS`, None where this build has none of that name."""
        if name not in self._parts:
            path = dict(PARTS).get(name)
            if path is None:
                return None
            module, _, class_name = path.partition(":")
            self._parts[name] = getattr(importlib.import_module(module), class_name)(self)
        return self._parts[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in dict(PARTS):
            raise AttributeError(name)
        return self.part(name)

    # ---- reading

    def start(self) -> None:
        """Reads the rest of the dataset, then opens the decisions; called once the first rows are on the screen."""
        self.jobs.start()
        if self.dataset.complete:
            self._read()
        else:
            self.lanes.thread("read", "reading", self._read_on, lambda _: self._read())

    def _read_on(self, cancel: Any, progress: Any) -> None:
        dataset, published = self.dataset, 0
        while not dataset.complete and not cancel.is_set():
            dataset.read_more(_SLICE_BYTES)
            progress(dataset.position, dataset.size)
            if len(dataset) > 4 * published:
                published = len(dataset)
                self.app.call_later(self.signals.dataset.publish, "rows")

    def _read(self) -> None:
        self.records.rows_were_read()
        self.signals.dataset.publish("rows")
        self.decisions.open()

    @property
    def read_share(self) -> float:
        """How much of the file has been read, 0-1."""
        return 1.0 if self.dataset.complete else self.dataset.position / max(self.dataset.size, 1)

    def still_reading(self, needs: str) -> str:
        """Why what needs all rows must wait ("counting needs"), "" once the file is read."""
        return "" if self.dataset.complete else f"The file is still being read; {needs} all of it."

    # ---- changes to the dataset

    def set_layout(self, layout: Layout) -> None:
        """Reads the same records by another layout."""
        self.replace_dataset(self.dataset.with_layout(layout), "layout")
        self.findings.forget()
        self.flash(f"Read as {layout.name} now.")

    def replace_dataset(self, dataset: Dataset, how: str) -> None:
        """Puts the same records under another layout or other edits."""
        self.dataset = dataset
        self.signals.dataset.publish(how)

    def quality(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and the quality of each, 0-1.

        Raises:
            UsageError: When no rules have been scored yet.
        """
        if self.quality_provider is None:
            raise UsageError("Quality is not computed yet.", "Score the rules on screen 6 first.")
        return self.quality_provider()

    @property
    def quality_doubt(self) -> str:
        """What the quality shown leaves out, in words: "1 chosen rule rated on a sample only, so not in the quality"; "" where nothing."""
        left = self.rules.not_rated if self.quality_provider is not None else ()
        return f"{count_of(len(left), 'chosen rule')} rated on a sample only, so not in the quality" if left else ""

    # ---- talk

    def flash(self, message: str, ink: str = "text") -> None:
        """One line for the user, until the next key."""
        self.app.flash(message, ink)

    def failed(self, error: SdeError) -> None:
        """Tells the user of an error."""
        self.flash(f"{error.message} {error.hint}".strip(), "bad")

    def attempt(self, work: Any, *arguments: Any) -> Any:
        """Calls inline work; an error that is stated for the user is flashed and gives None."""
        try:
            return work(*arguments)
        except SdeError as error:
            self.failed(error)
            return None

    @property
    def command_data(self) -> str:
        """The dataset as it is written in a command."""
        import shlex

        words = [shlex.quote(self.dataset.path)]
        words += [shlex.quote(option) for option in self.open_options]
        return " ".join(words)

    def write_clip(self, text: str) -> Path | None:
        """Leaves copied text in a file too, since a terminal may refuse its clipboard; None where that cannot be written."""
        try:
            path = self.project.created().state_dir / "clip.txt"
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
        except (SdeError, OSError):
            return None
        return path

    def close(self) -> list[str]:
        """Stops threads and lets another process decide; returns what was stopped."""
        stopped = self.lanes.stop_all()
        self.decisions.close()
        return stopped
