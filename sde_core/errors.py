"""Every error that a user may meet.

    SdeError                 one clear sentence, a way out, an exit code
    ├── UsageError           2  the request makes no sense
    ├── InputError           2  a file or folder cannot be read as data
    │   ├── LayoutError      2  the rows cannot be mapped to turns
    │   └── BadRecordError   2  one record is malformed (quarantined on load)
    ├── ReadOnlyError        2  a decision or output cannot be written
    ├── ModelError           2  a model or tokenizer cannot be loaded
    ├── MissingExtraError    2  an optional package is not installed
    ├── JobError             3  a job failed
    └── CancelledError     130  the user stopped the work

They are raised anywhere in the engine and caught at three borders only: the command line's main, the app's session and a job's main.
"""

from __future__ import annotations


class SdeError(Exception):
    """A failure stated for the user.

    Args:
        message: One sentence that names the file, the row or the option.
        hint: The way out, as one sentence; empty where there is none.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(SdeError):
    """The request makes no sense as it stands."""


class InputError(SdeError):
    """A file or folder cannot be read as data."""


class LayoutError(InputError):
    """The rows cannot be mapped to turns."""


class BadRecordError(InputError):
    """One record is malformed; the rest of the file is fine."""


class ReadOnlyError(SdeError):
    """A decision, cache or output cannot be written where it belongs."""


class ModelError(SdeError):
    """A model or tokenizer cannot be loaded."""


class MissingExtraError(SdeError):
    """An optional package is needed and not installed."""


_EXTRA_OF = {
    **dict.fromkeys(("torch", "transformers", "peft", "accelerate", "safetensors", "sentence_transformers", "jinja2"), "ml"),
    **dict.fromkeys(("cleanlab", "sklearn"), "labels"),
}


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """What to say of an optional package that was not found when it was needed; None where it is no optional one."""
    package = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(package)
    return MissingExtraError(f"This needs {package}, which is not installed.", f"pip install 'sde[{extra}]'") if extra else None


class JobError(SdeError):
    """A detached job failed."""

    exit_code = 3


class CancelledError(SdeError):
    """The user stopped the work."""

    exit_code = 130

    def __init__(self, message: str = "Stopped.", hint: str = "") -> None:
        super().__init__(message, hint)
