"""A judge from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sde_core.errors import UsageError
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.rating.calls import Patience
from sde_core.rules.rating.credentials import read_key
from sde_core.rules.rating.judge import Judge

LONGEST_TIMEOUT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Handling:
    """How a judge is used, beyond which one it is.

    Attributes:
        concurrency: Questions under way at once at a server; 0 for the default.
        timeout_s: Seconds that one attempt may take.
        attempts: Times that a question is sent at most.
        key_file: A file that holds the key, "" for none.
    """

    concurrency: int = 0
    timeout_s: float = 120.0
    attempts: int = 6
    key_file: str = ""


def open_judge(settings: JudgeSettings, handling: Handling | None = None) -> Judge:
    """The judge that the settings name; a server is asked for its models, a folder's weights are loaded by the first question.

    Raises:
        UsageError: When no judge is named, or its key is not where it should be.
        ModelError: When the server refuses, or the folder holds no model.
        JobError: When nothing answers.
        MissingExtraError: When a package that the judge needs is not installed.
    """
    handling = handling or Handling()
    if not 0 < handling.timeout_s <= LONGEST_TIMEOUT_S:
        raise UsageError(f"Nobody can wait for {handling.timeout_s:g} seconds.", f"Choose a number above 0, at most {LONGEST_TIMEOUT_S:,.0f}.")
    if settings.folder:
        from sde_core.rules.rating.local_model import LocalJudge

        return LocalJudge(Path(settings.folder))
    if not settings.url:
        raise UsageError("No judge is named.", "Name a server or a model folder: sde rules rate DATA --judge http://127.0.0.1:8000/v1")
    from sde_core.rules.rating.endpoint import DEFAULT_CONCURRENCY, connect

    key = read_key(settings.key_variable, Path(handling.key_file) if handling.key_file else None)
    patience = Patience(attempts=handling.attempts, timeout_s=handling.timeout_s)
    return connect(settings.url, settings.model, key=key, concurrency=handling.concurrency or DEFAULT_CONCURRENCY, patience=patience)
