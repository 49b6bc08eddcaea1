"""What a run was launched with, sealed: with a recipe or a manifest that changed on the disk it would go on as another run."""

from __future__ import annotations

from pathlib import Path

from sde_core.errors import InputError
from sde_core.files import atomic_write
from sde_core.train.recipe import Recipe, read_recipe
from sde_core.train.seal import changed_files, read_seal, seal_of_contents
from sde_core.visible import visible

SEAL = "launched.json"
"""The seal of the recipe and the manifest in a run's folder."""
_FORMER = "launched-before.json"
_RECIPE, _MANIFEST = "recipe.json", "manifest.json"


def seal_launch(folder: Path) -> None:
    """Seal the recipe and the manifest in a run's folder as they are.

    Raises:
        ReadOnlyError: When the seal cannot be written.
    """
    atomic_write(folder / SEAL, [seal_of_contents({name: (folder / name).read_bytes() for name in (_RECIPE, _MANIFEST)})])


def replace_recipe(folder: Path, content: bytes) -> None:
    """Write another recipe into a run's folder, and its seal; broken off anywhere, the recipe agrees with one of two seals.

    Args:
        folder: The run's.
        content: What the recipe's file is to hold.

    Raises:
        ReadOnlyError: When a file cannot be written.
    """
    seal = folder / SEAL
    if seal.exists():
        atomic_write(folder / _FORMER, [seal.read_bytes()])
        atomic_write(seal, [seal_of_contents({_RECIPE: content, _MANIFEST: (folder / _MANIFEST).read_bytes()})])
    atomic_write(folder / _RECIPE, [content])
    (folder / _FORMER).unlink(missing_ok=True)


def launched_recipe(folder: Path) -> Recipe:
    """The recipe in a run's folder, once it is certain that it and the manifest are those of the launch; a run without a seal is taken as it is.

    Raises:
        InputError: When they are not, or cannot be read.
    """
    refuse_changed_launch(folder)
    return read_recipe(folder / _RECIPE)


def refuse_changed_launch(folder: Path) -> None:
    """Refuse a run whose recipe or manifest is not what it was launched with.

    Raises:
        InputError: When it is not.
    """
    seal, shown = folder / SEAL, visible(str(folder), 200)
    if not seal.exists():
        return
    if read_seal(seal) is None:
        raise InputError(
            f"{SEAL} in {shown} is damaged, so nobody knows whether the recipe beside it is.", f"Read {_RECIPE}; delete {SEAL} to trust it."
        )
    changed = changed_files(seal)
    if changed and (not (folder / _FORMER).exists() or changed_files(folder / _FORMER)):
        hint = f"Start a new run; sde train DATA --recipe {visible(str(folder / _RECIPE), 200)} takes the recipe as it is now."
        raise InputError(f"{' and '.join(changed)} in {shown} changed since the run was launched.", hint)
