"""One run of a comparison: its recipe, and the run as a job of its own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import orjson

from sde_core.jobs import JobContext, JobStatus
from sde_core.train.recipe import Recipe


def compared_recipe(recipe: Recipe) -> Recipe:
    """A recipe as every run of a comparison has it: what would make runs unlike, or tells more than a comparison needs, is off."""
    return replace(recipe, held_out=0.0, packing=False, report_to="", processes=1, sample_every=0, extended_at="")


class CellContext(JobContext):
    """A run seen as a job of its own: its checkpoints and events lie in its own folder, its progress is a part of the whole's.

    Args:
        whole: The comparison's job.
        name: The run's folder in `cells`.
        recipe: The run's.
        title: What the run is called in the list of runs.
        before: Steps of all runs before it.
        steps: Steps of all runs.
    """

    def __init__(self, whole: JobContext, name: str, recipe: Recipe, *, title: str, before: int, steps: int) -> None:
        folder = whole.folder / "cells" / name
        (folder / "result").mkdir(parents=True, exist_ok=True)
        (folder / "spec.json").write_bytes(orjson.dumps({"kind": "train", "title": title, "spec": {"arm": title, "seed": recipe.seed}}))
        (folder / "recipe.json").write_bytes(orjson.dumps(recipe.to_json(), option=orjson.OPT_INDENT_2))
        shutil.copyfile(whole.folder / "manifest.json", folder / "manifest.json")
        super().__init__(folder, JobStatus(attempt=whole.attempt))
        self._whole, self._before, self._steps = whole, before, steps

    def report(self, done: int, total: int | None) -> None:
        """How far the run is, told as the comparison's progress."""
        self._whole.report(self._before + done, self._steps)

    def say(self, message: str, *, unit: str | None = None) -> None:
        """Nothing: the comparison says which run it is at."""

    def is_set(self) -> bool:
        """Whether somebody asked the comparison to stop."""
        return self._whole.is_set()

    @property
    def pause_asked(self) -> bool:
        """Whether the comparison is to pause."""
        return self._whole.pause_asked

    def _update(self, *, force: bool, **changes: Any) -> None:
        """Nothing: the comparison has the status."""
