"""Other places that a run's metrics go to. They are written into the job's folder; nothing leaves the machine unless its user set that up."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from sde_core.errors import MissingExtraError, UsageError
from sde_core.train.recipe import Recipe, listed
from sde_core.visible import visible

REPORTERS: dict[str, tuple[str, ...]] = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "trackio": ("trackio",)}
"""What metrics can be reported to, and the packages of which one is needed."""
PROJECT = "sde"


def refuse_reporting(recipe: Recipe) -> None:
    """Looks before the run whether its metrics can go where they shall; loads nothing.

    Raises:
        UsageError: When the recipe names a place that is not known.
        MissingExtraError: When its package is not installed.
    """
    for name in listed(recipe.report_to):
        if name not in REPORTERS:
            raise UsageError(
                f"The recipe's report_to names {visible(name, 40)!r}, which sde does not know.", f"It can be {', '.join(REPORTERS)}, or left empty."
            )
        if not any(importlib.util.find_spec(package) for package in REPORTERS[name]):
            raise MissingExtraError(
                f"Reporting to {name} needs the package {REPORTERS[name][0]}.", f"pip install {REPORTERS[name][0]}, or --set report_to="
            )


def reporting_environment(recipe: Recipe, folder: Path) -> dict[str, str]:
    """The environment variables that keep reports in the job's folder.

    wandb stays offline, and asks for no key, unless WANDB_MODE or WANDB_API_KEY is set: a key that `wandb login` left in a netrc file is not used
    without WANDB_MODE=online. `wandb sync` sends its folder later. trackio stays local unless TRACKIO_SPACE_ID is set. What is set already is never
    overridden.

    Args:
        recipe: Says where reports go.
        folder: The job's folder; a resumed run goes on in the same place.
    """
    names, found = listed(recipe.report_to), dict[str, str]()
    if "tensorboard" in names:
        found["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    if "wandb" in names:
        for variable in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
            found[variable] = str(folder / "wandb-files" if variable != "WANDB_DIR" else folder)
        found |= {"WANDB_PROJECT": PROJECT, "WANDB_NAME": folder.name, "WANDB_RUN_ID": folder.name, "WANDB_RESUME": "allow", "WANDB_SILENT": "true"}
        if "WANDB_API_KEY" not in os.environ:
            found["WANDB_MODE"] = "offline"
    if "trackio" in names:
        found |= {"TRACKIO_DIR": str(folder / "trackio"), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return {name: value for name, value in found.items() if name not in os.environ}


def use_reporting(recipe: Recipe, folder: Path) -> None:
    """Sets these variables in this process and those it starts; call it before anything imports the packages."""
    for name, value in reporting_environment(recipe, folder).items():
        os.environ[name] = value
        if name.endswith("_DIR"):
            Path(value).mkdir(parents=True, exist_ok=True)
