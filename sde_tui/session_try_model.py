"""Trying the shown run's model: the process that keeps it loaded, the prompt at hand, both answers, and the queue of failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sde_core.dataset.turns import ASSISTANT, USER, Turn
from sde_core.errors import SdeError, UsageError

if TYPE_CHECKING:
    from sde_core.evaluate.side_by_side import Side, TriedAnswer
    from sde_core.evaluate.to_collect import Failure, ToCollect
    from sde_core.evaluate.try_model import TriedModel
    from sde_core.jobs import Job
    from sde_tui.session import Session

TryState = Literal["loading", "ready", "writing", "failed"]


class TryModelPart:
    """One run's base model and adapter, asked the same prompt."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._model: TriedModel | None = None
        self._asked = 0
        self.stopping = False
        """Whether the writing was taken back and goes on for a moment, such as while the model loads."""
        self._changed: Callable[[], None] = lambda: None
        self.job: Job | None = None
        self.state: TryState = "loading"
        self.problem = ""
        self.adapter = ""
        self.device = ""
        self.before: tuple[Turn, ...] = ()
        """Turns that stand before the prompt, where it was taken from a row."""
        self.row: int | None = None
        self.prompt: tuple[Turn, ...] = ()
        """What was asked last."""
        self._asked_row: int | None = None
        self._asked_settings: dict[str, Any] = {}
        self.answers: dict[Side, TriedAnswer] = {}
        self.tokens: dict[Side, int] = {}
        """Tokens written so far, of sides that are not done."""
        self.settings: dict[str, Any] = {"max_new_tokens": 256, "temperature": 0.0, "seed": 0}

    # ---- the process

    def why_not(self) -> str:
        """Why the shown run cannot be tried, "" where it can."""
        from sde_core.evaluate.side_by_side import saved_adapter

        job = self._session.training.shown
        if job is None:
            return "There is no run here."
        if saved_adapter(job.folder) is None:
            return "This run has saved no adapter yet: its first checkpoint can be tried."
        missing: str = self._session.training.why_not_train()
        return missing

    def open(self, changed: Callable[[], None]) -> None:
        """Starts the process for the shown run; `changed` is called on the event loop whenever something is known."""
        self.close()
        self.job, self._changed = self._session.training.shown, changed
        self.state, self.problem, self.answers, self.tokens, self.prompt = "loading", "", {}, {}, ()
        self.before, self.row = (), None
        if self.job is not None:
            self._start(self.job)

    def _start(self, job: Job) -> None:
        from sde_core.evaluate.try_model import TriedModel

        log = self._session.project.state_dir / "try.log"
        model: list[TriedModel] = []

        def told(line: dict[str, Any]) -> None:
            self._session.app.call_later(self._told, model, line)

        started = self._attempt(TriedModel, job.folder, told, log)
        self.state = "loading" if started is not None else "failed"
        if started is not None:
            model.append(started)
        self._model = started

    def close(self) -> None:
        """Ends the process, and with it what the model held of the memory."""
        if self._model is not None:
            self._model.close()
            self._model = None

    def _told(self, model: Sequence[TriedModel], line: dict[str, Any]) -> None:
        if not model or model[0] is not self._model:
            return
        if "ready" in line:
            self.adapter, self.device = line["adapter"], line["device"]
            self.state = "ready" if self.state == "loading" else self.state  # a prompt may wait for it already
        elif "ended" in line:
            self._gone()
        elif "id" not in line:
            self.state, self.problem = "failed", f"{line['error']} {line['hint']}".strip()
        elif line["id"] == self._asked:
            self._of_prompt(line)
        self._changed()

    def _gone(self) -> None:
        if self.state != "failed":
            self.state, self.problem = (
                "failed",
                "The model's process ended: memory may be full; try.log beside the data says more. ctrl+s starts it again.",
            )

    def _of_prompt(self, line: dict[str, Any]) -> None:
        from sde_core.evaluate.side_by_side import TriedAnswer

        if "answer" in line:
            answer = TriedAnswer(**line["answer"])
            self.answers[answer.side] = answer
            self.tokens.pop(answer.side, None)
        elif "tokens" in line:
            self.tokens[line["side"]] = line["tokens"]
        else:
            self.state, self.tokens = "ready", {}
            self.problem = f"{line['error']} {line['hint']}".strip() if "error" in line else "Stopped." if "stopped" in line else ""

    def _attempt(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Calls it; an error stated for the user becomes the problem that the screen shows, and gives None."""
        self.problem = ""
        try:
            return work(*arguments)
        except SdeError as error:
            self.problem = f"{error.message} {error.hint}".strip()
            return None

    # ---- asking

    def why_not_ask(self, text: str) -> str:
        """Why nothing can be asked now, "" where it can."""
        if self.state == "writing":
            return "It is still writing; esc stops it."
        return "" if text.strip() else "Type a prompt first, or take a row's with ctrl+r."

    def ask(self, text: str) -> None:
        """Asks both sides; while the model loads, the prompt waits for it."""
        if self.job is not None and (self._model is None or not self._model.alive):
            self._start(self.job)
        if self._model is None:
            return
        self.prompt = (*self.before, Turn(USER, text))
        self._asked_row, self._asked_settings = self.row, dict(self.settings)
        self.state, self.problem, self.answers, self.tokens, self.stopping = "writing", "", {}, {}, False
        self._asked = self._model.ask(self.prompt, **self.settings)

    def answers_other(self, text: str) -> bool:
        """Whether the answers that are shown are to another prompt than this text after the turns before it."""
        return bool(self.answers) and self.prompt != (*self.before, Turn(USER, text))

    def cancel(self) -> bool:
        """Stops the writing; whether there was any that was not asked to stop already."""
        if self.state == "writing" and self._model is not None and not self.stopping:
            self.stopping = True
            self._model.cancel(self._asked)
            self._changed()
            return True
        return False

    def take_row(self, text: str) -> str | None:
        """The last user's words of a row, the turns before them kept; "" forgets a row. None where there is no such row, which is said."""
        if not text.strip():
            self.before, self.row = (), None
            return ""
        return self._attempt(self._taken, text.strip().replace(",", ""))

    def _taken(self, number: str) -> str:
        dataset = self._session.dataset
        if not number.isdecimal() or len(number) > 18 or int(number) >= len(dataset):
            raise UsageError(f"There is no row {number[:20]}.", f"The dataset has rows 0 to {len(dataset) - 1:,}.")
        turns = dataset.turns(int(number)).turns
        last = max((i for i, turn in enumerate(turns) if turn.role == ASSISTANT), default=len(turns))
        asked = max((i for i, turn in enumerate(turns[:last]) if turn.role == USER), default=None)
        if asked is None:
            raise UsageError(f"Row {number} holds no prompt.", "Choose another row.")
        self.before, self.row = tuple(turns[:asked]), int(number)
        return turns[asked].text

    def change_settings(self, text: str) -> None:
        """Takes settings such as "max_new_tokens=100 temperature=0.7"; a mistake is said and changes nothing."""
        self._attempt(self._set, text)

    def _set(self, text: str) -> None:
        found = dict(self.settings)
        for setting in text.split():
            name, sign, value = setting.partition("=")
            if not sign or name not in found:
                raise UsageError(f"{setting[:40]!r} is no setting.", f"There are {', '.join(found)}.")
            try:
                found[name] = float(value) if name == "temperature" else int(value)
            except ValueError as error:
                raise UsageError(f"{setting[:40]!r} is not a number.", "For example: max_new_tokens=100") from error
            if not 0 <= found[name] < 1e9 or (name == "max_new_tokens" and found[name] < 1):
                raise UsageError(f"{name} cannot be {value[:20]}.", "For example: max_new_tokens=100")
        self.settings = found

    # ---- the queue

    @property
    def queue(self) -> ToCollect:
        """The failures of this dataset's tried models."""
        from sde_core.evaluate.to_collect import ToCollect

        return ToCollect.of(self._session.project)

    def queued(self) -> int:
        """How many failures are in the queue."""
        try:
            return len(self.queue.standing())
        except SdeError:
            return 0

    def why_not_tag(self) -> str:
        """Why there is nothing to tag, "" where there is."""
        return "" if len(self.answers) == 2 else "Both sides must have answered first."

    def tag(self, tag: str, note: str, wanted: str) -> Failure | None:
        """Puts what was tried into the queue."""
        from sde_core.evaluate.to_collect import Failure

        if self.job is None:
            return None
        row = self._asked_row
        key = f"{int(self._session.dataset.keys()[row]):016x}" if row is not None else ""
        model = str(self.job.spec.get("model", ""))
        failure = Failure(
            tuple((turn.role, turn.text) for turn in self.prompt), self.job.id, model, self.adapter, self.answers["base"].text,
            self.answers["adapter"].text, tag, note, wanted, row, key, self._asked_settings,
        )  # fmt: skip
        added: Failure | None = self._attempt(lambda: (self._session.project.created(), self.queue.add(failure))[1])
        return added

    def undo_tag(self) -> str:
        """Takes the queue's last action back; says what it was."""
        done = self._attempt(self.queue.undo)
        return {"add": "The failure is out of the queue again.", "": "There is nothing to take back."}.get(done or "", f"Taken back: {done}.")

    def command_line(self) -> str:
        """The command that asks the same."""
        run = f" --run {self.job.id[-4:]}" if self.job is not None else ""
        return f"sde try {self._session.command_data}{run}"
