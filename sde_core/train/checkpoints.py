"""A run's checkpoints and its result: written whole, found again, and gone on from."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sde_core.errors import JobError
from sde_core.files import atomic_write
from sde_core.jobs import JobContext
from sde_core.train.seal import changed_files, read_seal, seal_of
from sde_core.visible import visible

ADAPTER = "adapter_model.safetensors"
"""The adapter's weights, in a checkpoint and in the result; peft's own name for them."""
COMPLETE = "complete.json"
"""A file in the folder of a checkpoint or an adapter that is written last and seals all others; earlier versions wrote their sizes alone."""
STATE, RUN = "trainer_state.json", "run.json"
"""Files of a checkpoint: the Trainer's state, and what belongs to a run beside it."""
_KEPT = 2
"""Checkpoints that stay: the last one, and the one before in case the last is damaged."""
_NAME = re.compile(r"checkpoint-\d+")
_UNFINISHED, _DAMAGED = ".unfinished", "damaged-"


class UnwritableCheckpointError(OSError):
    """A checkpoint could not be written; those before it are as they were.

    Args:
        cause: What the system said.
        needed: Bytes that the checkpoint takes.
    """

    def __init__(self, cause: OSError, needed: int) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause), cause.filename)
        self.needed = needed


class CheckpointWriter:
    """Writes one checkpoint beside its place, and moves it there when all of it is on the disk; only then older ones go.

    Args:
        folder: Where a run's checkpoints stand.
        step: The step after which it is saved.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._final = folder / f"checkpoint-{step}"
        self.scratch = folder / f"checkpoint-{step}{_UNFINISHED}"
        self.needed = 0

    @contextmanager
    def removed_if_it_fails(self) -> Iterator[None]:
        """Leaves nothing half written behind where the disk is full.

        Raises:
            UnwritableCheckpointError: When something in here could not be written.
        """
        try:
            yield
        except OSError as error:
            shutil.rmtree(self.scratch, ignore_errors=True)
            raise UnwritableCheckpointError(error, self.needed) from error

    def begin(self) -> None:
        """Make the folder to write into, without what an earlier attempt left in it."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)

    def add(self, name: str, content: bytes) -> None:
        """Write one of its files."""
        (self.scratch / name).write_bytes(content)

    def finish(self) -> None:
        """Make it count: its files on the disk, then its name, then the oldest goes."""
        self.add(COMPLETE, seal_of(self.scratch.iterdir()))
        sync([*self.scratch.iterdir(), self.scratch])
        shutil.rmtree(self._final, ignore_errors=True)  # only ever a damaged one: runs go on from the last whole one
        self.scratch.rename(self._final)
        sync([self._folder])
        remove_older(self._folder, _KEPT)


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that is whole, None where there is none."""
    return max(whole_checkpoints(folder), key=step_of, default=None)


def whole_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints whose files all are there and as long as they were written."""
    return [path.parent for path in _complete(folder) if _is_whole(path)]


def _is_whole(complete: Path) -> bool:
    sizes = _sizes(complete)
    try:
        return bool(sizes) and all((complete.parent / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def _sizes(complete: Path) -> dict[str, int]:
    """Bytes of each file, by the seal or the plain sizes of earlier versions; empty where they cannot be read."""
    sealed = read_seal(complete)
    if sealed is not None:
        return {name: known["size"] for name, known in sealed.items()}
    try:
        sizes = orjson.loads(complete.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    plain = isinstance(sizes, dict) and all(type(size) is int for size in sizes.values())
    return sizes if plain else {}


@dataclass(frozen=True, slots=True)
class DamagedCheckpoint:
    """A checkpoint that was whole once and is not now.

    Attributes:
        path: Its folder.
        files: What has changed or is gone; the seal itself where it no longer tells.
    """

    path: Path
    files: tuple[str, ...]

    @property
    def words(self) -> str:
        """ "The checkpoint of step 20 is damaged (optimizer.safetensors)"."""
        return f"The checkpoint of step {step_of(self.path):,} is damaged ({visible(', '.join(self.files), 120)})"


def damaged_files(folder: Path, only: Sequence[str] = ()) -> tuple[str, ...]:
    """Files of a checkpoint or an adapter that are not as they were written, by the hash; of those without hashes, by their sizes.

    Args:
        folder: With `COMPLETE` in it; one without, from an earlier version, tells nothing.
        only: Names to look at; all by default.
    """
    complete = folder / COMPLETE
    if not complete.exists():
        return ()
    if read_seal(complete) is not None:
        return changed_files(complete, only)
    return () if _is_whole(complete) else (COMPLETE,)


def sound_checkpoint(folder: Path, only: Sequence[str] = ()) -> tuple[Path | None, tuple[DamagedCheckpoint, ...]]:
    """The latest checkpoint whose files are as they were written, and the damaged ones after it, the latest first. Reads them, to hash them.

    Args:
        folder: Where a run's checkpoints stand.
        only: Names of files that matter; all by default.
    """
    damaged: list[DamagedCheckpoint] = []
    for path in sorted((path.parent for path in _complete(folder)), key=step_of, reverse=True):
        files = damaged_files(path, only)
        if not files:
            return path, tuple(damaged)
        damaged.append(DamagedCheckpoint(path, files))
    return None, tuple(damaged)


def sound_checkpoint_or_refusal(folder: Path, way_out: str = "") -> tuple[Path | None, tuple[DamagedCheckpoint, ...]]:
    """See `sound_checkpoint`; None only where there is none at all.

    Args:
        folder: Where a run's checkpoints stand.
        way_out: What helps where all are damaged; to begin again by default.

    Raises:
        JobError: When all that there are are damaged.
    """
    found, damaged = sound_checkpoint(folder)
    if damaged and found is None:
        words = f"{damaged[0].words}, and there is no sound one before it."
        raise JobError(words, way_out or f"Delete {visible(str(folder), 200)}, and resumed it begins at its first step; or start a new run.")
    return found, damaged


def pass_over_damaged(context: JobContext) -> None:
    """Let a run go on from its last sound checkpoint, and say which damaged ones that passes over.

    They are renamed, so that they count no more and can still be looked at.

    Raises:
        JobError: When all that there are are damaged.
        OSError: When they cannot be renamed.
    """
    found, damaged = sound_checkpoint_or_refusal(context.folder / "checkpoints")
    for each in damaged:
        aside = each.path.with_name(f"{_DAMAGED}{each.path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        each.path.rename(aside)
        if found is not None:
            context.remark(f"{each.words}: it went on from step {step_of(found):,}.")


def _complete(folder: Path) -> list[Path]:
    """The marks of all checkpoints that were finished once."""
    return [path for path in folder.glob(f"checkpoint-*/{COMPLETE}") if _NAME.fullmatch(path.parent.name)]


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def trainer_facts(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint says of its run: "global_step", "max_steps" and "epoch" of the Trainer, and "epoch_steps", the steps of one epoch.

    Raises:
        OSError: When it cannot be read.
    """
    return {**orjson.loads((checkpoint / STATE).read_bytes()), **orjson.loads((checkpoint / RUN).read_bytes())}


def process_file(process: int) -> str:
    """The file of a checkpoint that holds what is one process's own."""
    return f"process-{process}.safetensors"


def remove_older(folder: Path, kept: int) -> None:
    """Remove all whole checkpoints but the last few; each loses its mark first, so that one half removed never counts."""
    for checkpoint in sorted(whole_checkpoints(folder), key=step_of)[:-kept]:
        (checkpoint / COMPLETE).unlink()
        shutil.rmtree(checkpoint, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what a run that was killed left half written or half removed."""
    finished = {path.parent for path in _complete(folder)}
    for path in folder.glob("checkpoint-*"):
        if path not in finished:
            shutil.rmtree(path, ignore_errors=True)


def checkpoint_bytes(folder: Path) -> int | None:
    """What the last checkpoint takes on the disk, None where there is none."""
    last = last_checkpoint(folder)
    return None if last is None else sum(path.stat().st_size for path in last.iterdir())


def sync(paths: Iterable[Path]) -> None:
    """Wait until files, or the names in folders, are on the disk; those that are not there yet are left out."""
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def restore(trainer: Any, checkpoint: Path) -> None:
    """Bring the trainer to the end of a run whose last step is saved but whose result is not; the Trainer itself would train one step more."""
    from transformers import TrainerState

    trainer._load_from_checkpoint(str(checkpoint))
    trainer.state = TrainerState.load_from_json(str(checkpoint / STATE))


def save_result(model: Any, context: JobContext, metrics: dict[str, Any]) -> None:
    """Write the adapter beside its place and move it there whole, then what belongs to it; one that stood there goes after that.

    Args:
        model: The adapted model.
        context: The job, whose result folder it goes to.
        metrics: What came of the run; goes to JSON.
    """
    from safetensors import SafetensorError

    scratch, final, before = (context.result_dir / f"adapter{suffix}" for suffix in (_UNFINISHED, "", ".before"))
    for leftover in (scratch, before):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        model.save_pretrained(str(scratch), safe_serialization=True)
    except SafetensorError as error:
        raise OSError(*_system_error(error)) from error
    (scratch / COMPLETE).write_bytes(seal_of(scratch.iterdir()))
    sync([*scratch.iterdir(), scratch])
    if final.exists():
        final.rename(before)
    scratch.rename(final)
    for name in ("recipe.json", "manifest.json"):
        atomic_write(context.result_dir / name, [(context.folder / name).read_bytes()])
    atomic_write(context.result_dir / "metrics.json", [orjson.dumps(metrics, option=orjson.OPT_INDENT_2)])
    shutil.rmtree(before, ignore_errors=True)
    remove_older(context.folder / "checkpoints", 1)


def _system_error(error: Exception) -> tuple[int | None, str]:
    """What safetensors says of a file it could not write, as the system's own number and words."""
    number = re.search(r"os error (\d+)", str(error))
    return (int(number[1]), os.strerror(int(number[1]))) if number else (None, str(error))
