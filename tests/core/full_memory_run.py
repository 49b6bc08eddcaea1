"""A fine-tune in a process whose address space is limited to a few megabytes more than it has: `python full_memory_run.py FOLDER MEGABYTES [SETTING …]`.

Prints what became of it as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import psutil

from sde_core.errors import SdeError
from sde_core.jobs import JobContext, JobStatus
from sde_core.train.imports import import_ahead, imported
from sde_core.train.recipe import read_recipe, with_settings


def main(folder: Path, megabytes: int, settings: list[str]) -> None:
    import_ahead(lean=True)
    imported()
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    from sde_core.train.job import train_in_this_process

    limit = psutil.Process().memory_info().vms + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        train_in_this_process(JobContext(folder, JobStatus()), with_settings(read_recipe(folder / "recipe.json"), settings))
    except SdeError as error:
        print(json.dumps([error.message, error.hint]))
    else:
        print(json.dumps("trained"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
