"""The task as text: begun from what the rows look like, held against all rows while it is written, and kept beside the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError
from sde_core.visible import visible
from sde_tui.session_work import WorkPart, found_or_error

if TYPE_CHECKING:
    from sde_core.design.task_file import TaskFile
    from sde_tui.session import Session
    from sde_tui.session_design_work import DesignRecords

_LOOKED_AT = 50
_TEMPLATE = """\
# kind: label (one value), attributes (a value for each target),
# terms (targets that the text names), or spans (pieces of text by type)
name: task
kind: label
text: {text}
said: {said}
targets: [{said}]
values: []
instructions:
- Read the text and name its label.
"""


_HELP = """\
# with numbers: values: {good: 1, bad: 2}, absent: {none: 0}
# description: FIELD says why; instructions: may be several wordings
# synonyms: {great: good} for soft reading; roles: of events
"""


class TaskSchemaPart(WorkPart):
    """A task that is being written.

    Attributes:
        fault: Why the text says no task, with its line; "" where it says one.
        refusal: Why the rows cannot be read, "" where they can.
        records: The rows by the task as it was last read, None while that is not known.
    """

    lane, needs = "task-schema", "holding rows against a task needs"
    guessing = "task-guess"
    """The lane in which a task is guessed."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.fault = self.refusal = ""
        self.records: DesignRecords | None = None
        self._then: Callable[[], None] = lambda: None
        self._reasons: Mapping[str, Sequence[int]] = {}
        self._reasons_of: DesignRecords | None = None

    # ---- beginning

    def open(self, then: Callable[[], None]) -> str:
        """The text to begin with: the task file's own, what was guessed, or a form to fill in. Calls `then` whenever something is new."""
        self._then, self.fault, self.refusal, self.records = then, "", "", None
        found, path = self._session.part("design").found, self.path
        if path is not None and path.is_file() and (found is None or found.named):
            try:
                return path.read_text("utf-8", "replace")
            except OSError as error:
                self._session.flash(f"{visible(str(path), 100)} cannot be read: {error.strerror or error}.", "bad")
        return self._written(found.file) if found is not None else self._form()

    @property
    def path(self) -> Path | None:
        """Where the task is kept: the file that it was read from, or one beside the data; None where there is no place for one."""
        from sde_core.design.task_file import path_beside
        from sde_core.files import from_home

        named = self._session.part("design").named
        return from_home(named) if named else path_beside(self._session.dataset.path)

    def fields(self) -> list[str]:
        """Names of the fields of the first rows; none where they cannot be read, which `refusal` says once they are held against the task."""
        rows = found_or_error(self._first_rows)
        names: dict[str, None] = {}
        for value in rows if isinstance(rows, list) else ():
            names |= dict.fromkeys(map(str, value)) if isinstance(value, dict) else {}
        return list(names)

    def _first_rows(self) -> list[Any]:
        from sde_core.design.rows import dataset_rows

        return [value for _, value in dataset_rows(self._session.dataset, limit=_LOOKED_AT)]

    def guess(self, then: Callable[[str], None]) -> None:
        """Finds out what the rows look like, then calls `then` with that as text; where they look like nothing, that is said."""
        from sde_tui.session_design_work import guessed_task

        session, dataset = self._session, self._session.dataset

        def guessed(found: TaskFile | SdeError) -> None:
            if isinstance(found, SdeError):
                session.flash(found.message, "bad")  # the hint speaks of the command's options
            else:
                then(self._written(found))

        session.lanes.thread(
            self.guessing, "guessing the task", lambda cancel, progress: found_or_error(lambda: guessed_task(dataset, cancel, progress)), guessed,
            ended=self._then,
        )  # fmt: skip

    def why_not_guess(self) -> str:
        """Why the task cannot be guessed now, "" where it can."""
        return self._session.still_reading("guessing needs") or self.guessing_words()

    def guessing_words(self) -> str:
        """How far the guessing is, "" while none is at work."""
        task = self._session.lanes.running(self.guessing)
        return "" if task is None else f"{task.shown()}; leaving stops it."

    def _written(self, file: TaskFile) -> str:
        from sde_core.design.task_file import task_text

        return f"{_HELP}{task_text(file)}"

    def _form(self) -> str:
        from sde_core.yaml_nodes import dumped

        names = [*self.fields(), "text", "label"]
        text, said = (dumped({"x": name}).removeprefix("x: ").rstrip("\n") for name in names[:2])
        return _TEMPLATE.format(text=text, said=said)

    # ---- while it is written

    def check(self, text: str) -> bool:
        """Whether the text says a task; `fault` says why not."""
        from sde_core.design.task_file import task_in
        from sde_core.yaml_nodes import ReadingError

        try:
            task_in(text.encode("utf-8", "surrogatepass"))
        except ReadingError as error:
            self.fault = f"Line {error.line}: {error.message} {error.hint}".strip()
            self.records = None
            self._session.lanes.stop(self.lane)
            return False
        self.fault = ""
        return True

    def look(self, text: str) -> None:
        """Holds the text against all rows."""
        if self.why_not_look() or not self.check(text):
            return
        self.refusal = ""
        dataset = self._session.dataset
        self._session.lanes.thread(
            self.lane, "reading rows by the task", lambda cancel, progress: _records_by(dataset, text, cancel, progress), self._were_read, quiet=True
        )

    def why_not_look(self) -> str:
        """Why the rows cannot be looked at now, "" where they can."""
        return self._session.still_reading(self.needs)

    def _were_read(self, found: DesignRecords | SdeError) -> None:
        self.records, self.refusal = (None, str(found)) if isinstance(found, SdeError) else (found, "")
        self._then()

    def reasons(self) -> Mapping[str, Sequence[int]]:
        """Why rows do not fit, and which, the most first; reasons that differ only in what they quote are one."""
        if self.records is None:
            return {}
        if self._reasons_of is not self.records:
            from sde_core.design.conversion import rows_by_reason

            self._reasons_of, self._reasons = self.records, rows_by_reason(self.records.misfits)
        return self._reasons

    # ---- leaving

    def leave(self) -> None:
        """Stops what is computed for the text alone."""
        for lane in (self.lane, self.guessing):
            self._session.lanes.stop(lane)

    def save(self, text: str, name: str) -> str:
        """Writes the task and reads the rows by it; why it was not written, "" where it was."""
        from sde_core.design.task_file import write_task
        from sde_core.files import from_home
        from sde_core.yaml_nodes import ReadingError

        path = from_home(name)
        try:
            write_task(path, text.encode("utf-8", "surrogatepass"))
        except ReadingError as error:
            return f"Line {error.line}: {error.message} {error.hint}".strip()
        except SdeError as error:
            return f"{error.message} {error.hint}".strip()
        self._session.part("design").read(str(path))
        self._session.flash(f"Written to {visible(str(path.name), 60)}; the rows are read by it.", "good")
        return ""

    def drill(self, reason: str, screen: str) -> None:
        """Shows in Records the rows that do not fit for a reason."""
        rows = self.reasons().get(reason)
        if rows is not None:
            self._session.records.drill(rows, visible(f"do not fit: {reason}", 80), screen=screen)


def _records_by(dataset: Any, text: str, cancel: Any, progress: Any) -> DesignRecords | SdeError:
    from sde_core.design.task_file import task_in
    from sde_tui.session_design_work import records_of_task

    file = task_in(text.encode("utf-8", "surrogatepass"))
    return found_or_error(lambda: records_of_task(dataset, file, "", cancel, progress))
