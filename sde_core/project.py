"""Where a dataset's state lives: its decisions, caches and jobs."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.files import from_home, unwritable

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.decisions import Journal


@dataclass(frozen=True, slots=True)
class Project:
    """The state of one dataset.

    Attributes:
        state_dir: `DATASET.sde` beside the data, or a folder under the user's state directory where that cannot be written.
        beside_data: Whether it is the first of these.
    """

    state_dir: Path
    beside_data: bool

    @classmethod
    def of(cls, dataset_path: str | Path) -> Project:
        """The project of the dataset that was opened under this name; creates nothing. Its jobs are still found when the file is gone."""
        path = from_home(dataset_path).absolute()
        beside = path.parent / f"{path.name}.sde"
        if (path.exists() or (beside / "jobs").is_dir()) and _may_write(beside if beside.exists() else path.parent):
            return cls(beside, beside_data=True)
        return cls(user_state_folder() / f"{path.name[:80]}-{_digest(str(dataset_path), path)}", beside_data=False)

    @staticmethod
    def jobs_dirs_of(dataset_path: str | Path) -> tuple[Path, ...]:
        """Where runs of this dataset may be: in its project, and beside it where they came to be before that could no longer be written."""
        path = from_home(dataset_path).absolute()
        return tuple(dict.fromkeys((Project.of(dataset_path).jobs_dir, path.parent / f"{path.name}.sde" / "jobs")))

    @property
    def journal_path(self) -> Path:
        """The decisions."""
        return self.state_dir / "decisions.jsonl"

    @property
    def comparisons_path(self) -> Path:
        """Answers to which of two rows is better."""
        return self.state_dir / "comparisons.jsonl"

    @property
    def cache_dir(self) -> Path:
        """Features, keyed by content; may be deleted at any time."""
        return self.state_dir / "cache"

    @property
    def ratings_dir(self) -> Path:
        """Ratings by judges; no cache, since they cost time or money."""
        return self.state_dir / "ratings"

    @property
    def jobs_dir(self) -> Path:
        """One folder a job."""
        return self.state_dir / "jobs"

    @property
    def recipe_path(self) -> Path:
        """The recipe that one key launches."""
        return self.state_dir / "recipe.json"

    @property
    def rule_book_path(self) -> Path:
        """The task, the plain rules, and what is on, pinned and banned; see `sde_core.rules.book`."""
        return self.state_dir / "rules.yaml"

    @property
    def selection_path(self) -> Path:
        """What is wished of the proposal of rows."""
        return self.state_dir / "selection.json"

    def created(self) -> Project:
        """The same project, its folder there.

        Raises:
            ReadOnlyError: When it cannot be created.
        """
        try:
            self.state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.state_dir, error) from error
        return self

    def open_journal(self, dataset: Dataset, *, writing: bool = True) -> Journal:
        """The dataset's decisions; reads all of the dataset for its keys.

        Args:
            dataset: The records that the decisions are about.
            writing: False opens them for reading alone, which creates nothing and takes no lock.

        Raises:
            InputError: When a line of the journal cannot be read.
            ReadOnlyError: When the folder cannot be created, or the journal cannot be read.
        """
        from sde_core.decisions import Journal

        return Journal.open((self.created() if writing else self).journal_path, dataset.keys(), writing=writing)

    def with_edits(self, dataset: Dataset) -> Dataset:
        """The dataset with the user's edits laid over it; leaves no journal behind where there is none.

        Raises:
            InputError: When a line of the journal cannot be read.
            ReadOnlyError: When the journal cannot be read.
        """
        if not self.journal_path.exists():
            return dataset
        with closing(self.open_journal(dataset, writing=False)) as journal:
            return dataset.with_edits(journal.state.edits)


def _may_write(folder: Path) -> bool:
    """Whether this user may write there; a folder that is marked as one to read alone is left alone by root too."""
    return os.access(folder, os.W_OK | os.X_OK) and bool(folder.stat().st_mode & 0o222)


def user_state_folder() -> Path:
    """Where the app's log goes, and the state of datasets that lie in folders which cannot be written: one folder a dataset."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "sde"


def _digest(name: str, path: Path) -> str:
    import xxhash

    return xxhash.xxh3_64_hexdigest((str(path) if path.exists() else name).encode("utf-8", "surrogateescape"))
