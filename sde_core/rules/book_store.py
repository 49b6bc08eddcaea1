"""The rule book on disk with its earlier versions, so that every change can be taken back.

Beside `rules.yaml` lies `rules.history.jsonl`: a line for each change with the text before and after, appended before the book is written.
A change made in an editor is noticed at the next one and can be taken back too.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from sde_core.errors import InputError, ReadOnlyError, UsageError
from sde_core.files import atomic_write, unwritable
from sde_core.rules.book import RuleBook
from sde_core.rules.book_edits import BookEdit
from sde_core.rules.book_yaml import book_text, parsed_book
from sde_core.rules.plain_rule import now
from sde_core.visible import visible

KEPT_CHANGES = 200
_MOST_LINES = 2 * KEPT_CHANGES
LOCK_PATIENCE_S = 10.0
"""How long a change waits for one that another process makes, which takes milliseconds."""
_LOOK_S = 0.02
_BY_HAND = "changed in an editor"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the book.

    Attributes:
        what: For people: "add returns", "pin answer-length".
        at: UTC time in ISO 8601.
        before, after: The file's text; "" where there was none.
        op: "change", "undo" or "redo".
    """

    what: str
    at: str
    before: str
    after: str
    op: str = "change"


class BookStore:
    """One project's rule book.

    Args:
        path: `Project.rule_book_path`; the folder is made when there is something to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history_path = path.with_name("rules.history.jsonl")

    def load(self) -> RuleBook:
        """The book as it is on disk, an empty one where there is none.

        Raises:
            InputError: When it cannot be read; the message names the line.
        """
        return RuleBook.load(self.path)

    def change(self, what: str, edit: BookEdit) -> RuleBook:
        """Changes the book and keeps its former text.

        Args:
            what: For people, as `undo` says it.
            edit: From the book on disk to the new one; where both are the same nothing is written.

        Raises:
            InputError: When the book on disk cannot be read.
            UsageError: When the edit makes no sense, or makes more of the book than can be read again.
            ReadOnlyError: When it cannot be written.
        """
        with self._locked():
            content = self._content()
            before, book = content.decode(errors="replace"), parsed_book(content, str(self.path))
            changed = edit(book)
            if changed != book:
                after = _readable_text(changed)
                self._note_editor(before)
                self._write(Change(what, now(), before, after))
            return changed

    def undo(self) -> str:
        """Takes the last change back.

        Returns:
            What was taken back.

        Raises:
            UsageError: When there is nothing to take back.
        """
        with self._locked():
            last = self._latest(0, "No change of the rule book is left to take back.", f"The last {KEPT_CHANGES} are kept.")
            self._write(Change(last.what, now(), last.after, last.before, "undo"))
            return last.what

    def redo(self) -> str:
        """Makes the change again that was taken back last.

        Returns:
            What was made again.

        Raises:
            UsageError: When there is nothing to make again.
        """
        with self._locked():
            last = self._latest(1, "No change of the rule book was taken back.", "")
            self._write(Change(last.what, now(), last.before, last.after, "redo"))
            return last.what

    def _latest(self, stack: int, nothing: str, hint: str) -> Change:
        """The change that is next to take back (stack 0) or to make again (stack 1)."""
        self._note_editor(self._text())
        changes = self._stacks()[stack]
        if not changes:
            raise UsageError(nothing, hint)
        return changes[-1]

    def changes(self) -> tuple[Change, ...]:
        """All changes that are kept, oldest first; lines that are torn or damaged count as absent."""
        try:
            lines = self.history_path.read_bytes().splitlines()
        except OSError:
            return ()
        return tuple(change for line in lines if (change := _change_of(line)) is not None)

    def _stacks(self) -> tuple[list[Change], list[Change]]:
        """Changes that can be taken back and those that can be made again, the next one last."""
        done: list[Change] = []
        taken_back: list[Change] = []
        for change in self.changes():
            if change.op == "undo" and done:
                taken_back.append(done.pop())
            elif change.op == "redo" and taken_back:
                done.append(taken_back.pop())
            elif change.op == "change":
                done.append(change)
                taken_back.clear()
        return done[-KEPT_CHANGES:], taken_back

    def _note_editor(self, text: str) -> None:
        """Keeps a change that did not go through here."""
        changes = self.changes()
        if changes and changes[-1].after != text:
            self._append(Change(_BY_HAND, now(), changes[-1].after, text))

    def _write(self, change: Change) -> None:
        self._append(change)
        atomic_write(self.path, [change.after.encode()])

    def _append(self, change: Change) -> None:
        line = orjson.dumps({"op": change.op, "what": change.what, "at": change.at, "before": change.before, "after": change.after}) + b"\n"
        try:
            with self.history_path.open("ab+") as file:
                file.seek(0, os.SEEK_END)
                if file.tell() and not _ends_in_newline(self.history_path):
                    line = b"\n" + line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.history_path, error) from error
        self._shorten()

    def _shorten(self) -> None:
        lines = self.history_path.read_bytes().splitlines(keepends=True)
        if len(lines) > _MOST_LINES:
            atomic_write(self.history_path, lines[-KEPT_CHANGES:])

    def _text(self) -> str:
        return self._content().decode(errors="replace")

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ReadOnlyError(f"{visible(str(self.path), 200)} cannot be read: {error.strerror or error}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path.with_name("rules.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise unwritable(self.path, error) from error
        try:
            self._wait_for_lock(file)
            yield
        finally:
            os.close(file)

    def _wait_for_lock(self, file: int) -> None:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    shown = visible(str(self.path), 200)
                    raise ReadOnlyError(f"Another process has held {shown} for {LOCK_PATIENCE_S:g} s.", "End it and try again.") from error
                time.sleep(_LOOK_S)
            except OSError as error:
                raise unwritable(self.path, error) from error


def _readable_text(book: RuleBook) -> str:
    """The book as it is written, once it is sure that it can be read again: a book that has grown too large would lock everybody out."""
    text = book_text(book)
    try:
        parsed_book(text.encode(), "this book")
    except InputError as error:
        raise UsageError(f"The rule book cannot be changed so: {error.message}", error.hint) from error
    return text


def _ends_in_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _change_of(line: bytes) -> Change | None:
    try:
        said = orjson.loads(line)
        texts = {key: said[key] for key in ("what", "at", "before", "after", "op")}
    except (ValueError, KeyError, TypeError):
        return None
    return Change(**texts) if all(isinstance(text, str) for text in texts.values()) else None
