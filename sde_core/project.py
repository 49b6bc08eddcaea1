"""Where a dataset's state lives: its decisions, caches and jobs."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sde_core.errors import ReadOnlyError
from sde_core.visible import visible

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
        """The project of the dataset that was opened under this name; creates nothing."""
        path = Path(dataset_path).expanduser().absolute()
        beside = path.parent / f"{path.name}.sde"
        if path.exists() and os.access(beside if beside.exists() else path.parent, os.W_OK | os.X_OK):
            return cls(beside, beside_data=True)
        return cls(user_state_folder() / f"{path.name[:80]}-{_digest(str(dataset_path), path)}", beside_data=False)

    @property
    def journal_path(self) -> Path:
        """The decisions."""
        return self.state_dir / "decisions.jsonl"

    @property
    def cache_dir(self) -> Path:
        """Features, keyed by content; may be deleted at any time."""
        return self.state_dir / "cache"

    @property
    def jobs_dir(self) -> Path:
        """One folder a job."""
        return self.state_dir / "jobs"

    @property
    def recipe_path(self) -> Path:
        """The recipe that one key launches."""
        return self.state_dir / "recipe.json"

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


def unwritable(path: Path, error: OSError) -> ReadOnlyError:
    """The error to raise when `path` cannot be written."""
    shown = visible(str(path), 200)
    if error.errno == errno.ENOSPC:
        return ReadOnlyError(f"{shown} cannot be written: the disk is full.", "Free some space and try again; nothing was lost.")
    return ReadOnlyError(f"{shown} cannot be written: {error.strerror or error}.", "Choose a folder that you may write to, or set XDG_STATE_HOME.")


def atomic_write(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes a file whole or not at all: into a temporary file beside it, synced, then renamed.

    Raises:
        ReadOnlyError: When it cannot be written; what was at `path` is untouched.
    """
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
        temporary = ""
        _sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse it; the rename is done all the same
        pass
    finally:
        os.close(descriptor)


def user_state_folder() -> Path:
    """Where the state of datasets goes that lie in folders which cannot be written: one folder a dataset."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "sde"


def _digest(name: str, path: Path) -> str:
    import xxhash

    return xxhash.xxh3_64_hexdigest((str(path) if path.exists() else name).encode("utf-8", "surrogateescape"))
