"""A job's folder while its input is written into it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sde_core.files import unwritable
from sde_core.jobs.disk import is_unwritable
from sde_core.jobs.job import new_job_folder


@contextmanager
def prepared_folder(jobs_dir: Path, kind: str) -> Iterator[Path]:
    """A new job folder for what the job is given, and for launching it; it goes again where either fails or is broken off.

    Args:
        jobs_dir: Where job folders stand.
        kind: The job's.

    Raises:
        ReadOnlyError: When it cannot be made, or what is written into it cannot, the disk being full for example.
    """
    folder, launched = new_job_folder(jobs_dir, kind), False
    try:
        yield folder
        launched = True
    except OSError as error:
        if is_unwritable(error):
            raise unwritable(jobs_dir, error) from error
        raise
    finally:
        if not launched:
            shutil.rmtree(folder, ignore_errors=True)
