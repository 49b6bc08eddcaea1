"""What the terminal needs before Textual is imported, which reads its settings from the environment when it is.

Nothing here imports Textual.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from sde_core.project import user_state_folder

_log: TextIO | None = None


def over_ssh(environ: dict[str, str] | os._Environ[str] = os.environ) -> bool:
    """Whether this session came in by SSH."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def prepare_environment(*, ssh: bool) -> None:
    """Settings for Textual and for libraries that talk when they should not; a value that the user set stays."""
    defaults = {
        "TEXTUAL_ANIMATIONS": "none",
        "TEXTUAL_SMOOTH_SCROLL": "0",
        "ESCDELAY": "50",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "POLARS_ALLOW_FORKING_THREAD": "1",
    }
    if ssh:
        defaults["TEXTUAL_FPS"] = "15"
        if not os.environ.get("TMUX"):
            # a dropped connection would leave the local terminal in this mode
            defaults["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def unfit(environ: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """Why this is no terminal to draw on, "" where it is one."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return "Standard input or output is not a terminal."
    if environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return f"TERM is “{environ.get('TERM', '')}”, which cannot be drawn on."
    return ""


def draw_on_stdout() -> None:
    """Gives Textual, which draws on standard error, the terminal of standard output, and sends noise on file descriptor 2 to the log.

    Warnings that a C library writes would otherwise land in the middle of the screen; and `2>log` would hide the app.
    """
    global _log
    terminal = os.dup(sys.stdout.fileno())
    log = _open_log()
    os.dup2(log.fileno(), 2)
    _log = log
    sys.__stderr__ = os.fdopen(terminal, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # type: ignore[misc]


def log_stream() -> TextIO | None:
    """Where noise and tracebacks go while the app runs, None before."""
    return _log


def log_path() -> Path:
    """The log's file."""
    return user_state_folder() / "app.log"


def _open_log() -> TextIO:
    try:
        user_state_folder().mkdir(parents=True, exist_ok=True)
        path = log_path()
        if path.exists() and path.stat().st_size > 1 << 20:
            path.unlink()
        return path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError:
        return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", buffering=1)
