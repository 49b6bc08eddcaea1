"""What a tried model got wrong, kept until it becomes data: an append-only queue beside the dataset.

One line of JSON is one action, written and synced before anything else happens. Taking something back is a line too, as in the journal of decisions.
The file is locked only while a line is added, so that two apps and a command may add to one queue.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from sde_core.dataset.json_text import parse_json
from sde_core.dataset.turns import Turn
from sde_core.errors import InputError, ReadOnlyError, UsageError
from sde_core.journal_file import VERSION, opened_entries, write_synced
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.project import Project

TAGS: Mapping[str, str] = {
    "wrong": "what it says is wrong",
    "refuses": "it refuses what it should do",
    "format": "right, but not in the form that was wanted",
    "made up": "it invents facts",
    "too long": "it goes on for too long",
    "other": "in your own words",
}
"""What can be said of a failure."""
_PATIENCE_SECONDS = 5.0
_MOST_SECONDS = 1e11
"""More than any moment since 1970 that can be written as a date."""
_FIELDS: Mapping[str, tuple[tuple[str, type], ...]] = {
    "add": (("failure", dict),),
    "answer": (("id", str), ("wanted", str)),
    "remove": (("ids", list),),
    "undo": (("of", int),),
    "redo": (("of", int),),
}
"""What each action says."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of a tried model.

    Attributes:
        prompt: Role and text of the turns that were asked.
        run: The run's id.
        model: Its base model.
        adapter: Which adapter: "final", or "step 40".
        base: What the base model answered.
        answer: What the adapter answered.
        tag: One of `TAGS`.
        note: The user's own words.
        wanted: The answer it should have given; "" while nobody has written it.
        row: Position of the row that the prompt came from, None where it was typed.
        row_key: That row's stable key in 16 hexadecimal digits.
        settings: How it was generated: max_new_tokens, temperature, seed.
        time: Seconds since the epoch.
        id: Eight hexadecimal digits.
    """

    prompt: tuple[tuple[str, str], ...]
    run: str
    model: str
    adapter: str
    base: str
    answer: str
    tag: str
    note: str = ""
    wanted: str = ""
    row: int | None = None
    row_key: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    time: float = 0.0
    id: str = ""

    def __post_init__(self) -> None:
        if self.tag not in TAGS:
            raise UsageError(f"There is no tag {visible(self.tag, 40)!r}.", f"Tags: {', '.join(TAGS)}.")

    @property
    def question(self) -> str:
        """The last user's words."""
        return next((text for role, text in reversed(self.prompt) if role == "user"), self.prompt[-1][1] if self.prompt else "")

    def turns(self) -> tuple[Turn, ...]:
        """The prompt as turns."""
        return tuple(Turn(role, text) for role, text in self.prompt)

    def origin(self) -> dict[str, Any]:
        """Where an exported row comes from."""
        told = asdict(self)
        for name in ("prompt", "wanted"):
            del told[name]
        told["model"] = Path(self.model).name if Path(self.model).is_absolute() else self.model  # exported rows name no place on this machine
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time))
        return {"from": "a failure of a tried model", **told, "settings": dict(self.settings), "time": stamp}


class ToCollect:
    """The queue of one dataset; every answer is what its file says now.

    Args:
        path: The file; made by the first action.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, project: Project) -> ToCollect:
        """The queue of a dataset."""
        return cls(project.state_dir / "to_collect.jsonl")

    def standing(self) -> list[Failure]:
        """The failures that are in the queue, oldest first.

        Raises:
            InputError: When a line other than the last cannot be read.
        """
        return _standing(self._lines())

    def add(self, failure: Failure) -> Failure:
        """Puts a failure into the queue; returns it with its time and id.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        now = time.time()
        named = replace(failure, time=now, id=xxhash.xxh3_64_hexdigest(json.dumps([failure.prompt, failure.answer, now]).encode())[:8])
        self._append({"op": "add", "failure": asdict(named)})
        return named

    def answer(self, identity: str, wanted: str) -> None:
        """Writes the answer that one of them should have given.

        Raises:
            UsageError: When there is no such failure.
            ReadOnlyError: When it cannot be written.
        """
        self._append({"op": "answer", "id": self._matching([identity])[0], "wanted": wanted})

    def remove(self, identities: Iterable[str]) -> int:
        """Takes failures out of the queue; returns how many.

        Raises:
            UsageError: When there is no such failure.
            ReadOnlyError: When it cannot be written.
        """
        ids = self._matching(list(identities))
        self._append({"op": "remove", "ids": ids})
        return len(ids)

    def undo(self) -> str:
        """Takes the last action that stands back; returns what it was, "" where there is none.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        return self._step("undo", _active_and_undone(self._lines())[0])

    def redo(self) -> str:
        """Restores what was taken back last; returns what it was, "" where there is nothing.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        return self._step("redo", _active_and_undone(self._lines())[1])

    def _step(self, op: str, lines: list[dict[str, Any]]) -> str:
        if not lines:
            return ""
        self._append({"op": op, "of": lines[-1]["seq"]})
        return str(lines[-1]["op"])

    def _matching(self, identities: Sequence[str]) -> list[str]:
        known = [failure.id for failure in self.standing()]
        unknown = next((identity for identity in identities if identity not in known), None)
        if unknown is not None or not identities:
            raise UsageError(f"No failure {visible(unknown or '', 20)!r} is in the queue.", "sde collect DATA lists them with their ids.")
        return list(identities)

    def _lines(self) -> list[dict[str, Any]]:
        return opened_entries(self.path, _actions_in, writing=False)[1]

    def _append(self, action: dict[str, Any]) -> None:
        """Adds a line; waits a moment for another process that adds one too."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            file, lines, _ = opened_entries(self.path, _actions_in, writing=True)
            if file is not None:
                break
            if time.monotonic() > deadline or not os.access(self.path.parent, os.W_OK):
                raise ReadOnlyError(f"{visible(str(self.path), 200)} cannot be written.", "Another program writes it, or the folder is read-only.")
            time.sleep(0.02)
        try:
            line = {"v": VERSION, "seq": len(lines) + 1, "time": time.time(), **action}
            write_synced(file, json.dumps(line).encode() + b"\n", self.path)
        finally:
            os.close(file)


def _actions_in(path: Path, written: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(written.split(b"\n")[:-1], start=1):
        try:
            action = parse_json(line)
            _check(action)
            yield action
        except (ValueError, KeyError, TypeError, AttributeError, InputError, UsageError) as error:
            raise InputError(
                f"{visible(str(path), 200)}: line {number} of the queue cannot be read.", f"Repair or remove that line. ({visible(str(error), 120)})"
            ) from error


def _check(action: Any) -> None:
    """Raises KeyError, TypeError or ValueError where a line is no action."""
    for name, kind in (("seq", int), *_FIELDS[action["op"]]):
        if not isinstance(action[name], kind):
            raise TypeError(f"its {name} is {type(action[name]).__name__}")
    if not all(isinstance(identity, str) for identity in action.get("ids", ())):
        raise TypeError("its ids are no words")
    if action["op"] == "add":
        _failure(action["failure"])


def _active_and_undone(actions: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The actions that stand, and those taken back that can be restored.

    What is taken back is the action that the line names: two apps that undo at once take back one action, not two.
    """
    active: list[dict[str, Any]] = []
    undone: list[dict[str, Any]] = []
    for action in actions:
        if action["op"] == "undo":
            undone += _taken_out(active, action["of"])
        elif action["op"] == "redo":
            active += _taken_out(undone, action["of"])
        else:
            active.append(action)
            undone.clear()
    return active, undone


def _taken_out(actions: list[dict[str, Any]], seq: int) -> list[dict[str, Any]]:
    place = next((i for i, action in enumerate(actions) if action["seq"] == seq), None)
    return [] if place is None else [actions.pop(place)]


def _standing(actions: Iterable[dict[str, Any]]) -> list[Failure]:
    found: dict[str, Failure] = {}
    for action in _active_and_undone(actions)[0]:
        if action["op"] == "add":
            failure = _failure(action["failure"])
            found[failure.id] = failure
        elif action["op"] == "answer" and action["id"] in found:
            found[action["id"]] = replace(found[action["id"]], wanted=action["wanted"])
        elif action["op"] == "remove":
            for identity in action["ids"]:
                found.pop(identity, None)
    return list(found.values())


def _failure(values: dict[str, Any]) -> Failure:
    """Raises KeyError, TypeError or ValueError where they are none; fields of other versions are left out."""
    known = {name: value for name, value in values.items() if name in Failure.__dataclass_fields__}
    for name, value in known.items():
        if not _is_sound(name, value):
            raise TypeError(f"its {name} is {str(value)[:40]}")
    return Failure(**{**known, "prompt": tuple((role, text) for role, text in known["prompt"])})


def _is_sound(name: str, value: Any) -> bool:
    """Whether a failure may have this in a field: a damaged disk or a hand may have left anything in it."""
    if name == "prompt":
        return isinstance(value, list) and all(isinstance(turn, list) and list(map(type, turn)) == [str, str] for turn in value)
    if name == "settings":
        return isinstance(value, dict)
    if name == "row":
        return value is None or type(value) is int
    return isinstance(value, (int, float)) and 0 <= value < _MOST_SECONDS if name == "time" else isinstance(value, str)
