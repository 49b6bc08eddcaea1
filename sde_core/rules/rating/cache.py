"""Ratings on disk, found by what was asked: rule, texts shown, judge, prompt version.

A folder for each judge and prompt version holds one file of records for each rule and writing process. Files only grow, so that a killed process
loses at most the record that it was writing, and several processes never write into one file.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import xxhash
from numpy.typing import NDArray

from sde_core.errors import UsageError
from sde_core.files import atomic_write, unwritable
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rating.judge import Answer
from sde_core.rules.rating.prompts import Example, Reading
from sde_core.rules.rule import Subject

FIRST, RETEST = 0, 1
"""The slots of a rating: the rating itself, and the second one that tells how far the judge agrees with itself."""

_RECORD = np.dtype([("row", "<u8"), ("score", "<f4"), ("tokens_in", "<u4"), ("tokens_out", "<u4"), ("slot", "u1"), ("mass", "u1"), ("check", "<u2")])
_UNCOUNTED = (1 << 32) - 1
_SEAL = 0x5DE5
_SYNC_EVERY = 512
_KEPT_REPLIES = 200
_REPLY_CHARS = 200


@dataclass(frozen=True)
class RatedColumn:
    """One rule's ratings of n rows; `sde_core.rules.scoring.imputed` fills in what was no rating.

    Attributes:
        rule: The rule.
        scores: float32[n] in [0, 1]; NaN where a row is not rated, or its reply was no rating.
        unparseable: bool[n], rows whose reply was no rating.
    """

    rule: PlainRule
    scores: NDArray[np.float32]
    unparseable: NDArray[np.bool_]

    @property
    def rated(self) -> NDArray[np.bool_]:
        """bool[n], rows that were asked about, whatever the reply was."""
        return self.unparseable | ~np.isnan(self.scores)


@dataclass(frozen=True, slots=True)
class RetestPairs:
    """Rows that a rule was asked about twice.

    Attributes:
        first, second: float32[m] in [0, 1], rows of which both replies are ratings.
        lost: Rows of which one reply is no rating.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    lost: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a judge was asked so far.

    Attributes:
        calls: Calls that were answered.
        counted: Those of them whose tokens the judge counted.
        tokens_in, tokens_out: Of the counted ones.
    """

    calls: int = 0
    counted: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


class RatingCache:
    """All ratings of a dataset.

    Args:
        folder: Made by whoever writes first; usually `Project.ratings_dir`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def column(self, rule: PlainRule, judge_id: str, prompt_version: str, texts: pl.DataFrame, shown: RowKeys | None = None) -> RatedColumn:
        """The rule's ratings of these rows; rows with the same texts share one, and a row with nothing to judge scores 0 as by formula rules.

        Args:
            rule: Found by its sentence and subject, whatever its name is.
            judge_id: `Judge.id`.
            prompt_version: `PromptForm.version`.
            texts: `Dataset.texts()`.
            shown: The keys of these texts, where several rules share them.
        """
        keys, empty = row_keys(rule, texts) if shown is None else shown.of(rule)
        known = self.ratings(rule, judge_id, prompt_version)
        places = np.searchsorted(known["row"], keys)
        places[places == len(known)] = 0
        found = known["row"][places] == keys if len(known) else np.zeros(len(keys), np.bool_)
        scores = np.full(len(keys), np.nan, np.float32)
        scores[found] = known["score"][places[found]]
        scores[empty] = 0.0
        return RatedColumn(rule, scores, found & np.isnan(scores))

    def ratings(self, rule: PlainRule, judge_id: str, prompt_version: str, slot: int = FIRST) -> NDArray[np.void]:
        """Records of one rule, each row once (the first rating that was written, a reply that was none only without one), sorted by row key.

        The fields are `row` (its key), `score` (NaN where the reply was no rating) and `mass` (of 255).
        """
        paths = sorted(self._folder_of(judge_id, prompt_version).glob(f"{rule.definition}.*.ratings"))
        read = [_read_records(path) for path in paths]
        records = np.concatenate(read) if read else np.empty(0, _RECORD)
        records = records[records["slot"] == slot]
        records = records[np.argsort(np.isnan(records["score"]), kind="stable")]
        once: NDArray[np.void] = records[np.unique(records["row"], return_index=True)[1]]
        return once

    def retest_pairs(self, rule: PlainRule, judge_id: str, prompt_version: str) -> RetestPairs:
        """Both ratings of the rows that a rule was asked about twice."""
        first, second = (self.ratings(rule, judge_id, prompt_version, slot) for slot in (FIRST, RETEST))
        _, left, right = np.intersect1d(first["row"], second["row"], assume_unique=True, return_indices=True)
        pairs = np.stack([first["score"][left], second["score"][right]])
        whole = ~np.isnan(pairs).any(axis=0)
        return RetestPairs(pairs[0, whole], pairs[1, whole], int((~whole).sum()))

    def usage(self, judge_id: str, prompt_version: str, run: str = "") -> Usage:
        """What the judge was asked in this form so far, by one run or by all."""
        calls = counted = tokens_in = tokens_out = 0
        for path in self._folder_of(judge_id, prompt_version).glob(f"*.{_run_mark(run)}.ratings" if run else "*.ratings"):
            records = _read_records(path)
            told = records[(records["tokens_in"] != _UNCOUNTED) & (records["tokens_out"] != _UNCOUNTED)]
            calls, counted = calls + len(records), counted + len(told)
            tokens_in += int(told["tokens_in"].sum(dtype=np.int64))
            tokens_out += int(told["tokens_out"].sum(dtype=np.int64))
        return Usage(calls, counted, tokens_in, tokens_out)

    def unparsed_replies(self, judge_id: str, prompt_version: str) -> list[dict[str, Any]]:
        """The first replies that were no ratings, each with `rule`, `reply` and `mass`; hostile as all text of a model is."""
        return list(_json_lines(self._folder_of(judge_id, prompt_version) / "replies.jsonl"))

    def judges(self) -> tuple[tuple[str, str], ...]:
        """(judge id, prompt version) of all that rated here, the one that `rate` was last asked for at the end."""
        found = []
        for path in sorted(self.folder.glob("*/about.json"), key=lambda path: path.stat().st_mtime_ns):
            about = next(_json_lines(path), {})
            if "judge" in about and "prompt" in about:
                found.append((str(about["judge"]), str(about["prompt"])))
        return tuple(found)

    def name_latest(self, judge_id: str, prompt_version: str) -> None:
        """Makes a judge that has ratings here the latest of `judges`, also where it had nothing left to rate."""
        about = self._folder_of(judge_id, prompt_version) / "about.json"
        if about.exists():
            try:
                os.utime(about)
            except OSError as error:
                raise unwritable(about, error) from error

    def notes(self, judge_id: str) -> dict[str, Any]:
        """What was found out about a judge, such as that it tells no probabilities."""
        return next(_json_lines(self.folder / f"{_hashed(judge_id)}.json"), {})

    def note(self, judge_id: str, **found: Any) -> None:
        """Keeps what was found out about a judge.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        atomic_write(self.folder / f"{_hashed(judge_id)}.json", [orjson.dumps({**self.notes(judge_id), **found, "judge": judge_id})])

    def writer(self, judge_id: str, prompt_version: str, *, run: str = "") -> RatingWriter:
        """Opens the ratings of one judge and prompt version for writing.

        Raises:
            UsageError: When another process is rating by the same judge, since both would ask the same questions.
            ReadOnlyError: When the folder cannot be written.
        """
        return RatingWriter(self._folder_of(judge_id, prompt_version), {"judge": judge_id, "prompt": prompt_version}, run)

    def _folder_of(self, judge_id: str, prompt_version: str) -> Path:
        return self.folder / _hashed(f"{judge_id}\0{prompt_version}")


class RatingWriter:
    """Appends ratings; what `add` returned from survives the death of the process. A context manager that holds a lock on its folder."""

    def __init__(self, folder: Path, about: dict[str, str], run: str) -> None:
        self._folder = folder
        self._stamp = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(2)}.{_run_mark(run)}"
        self._files: dict[str, int] = {}
        self._unsynced = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            if next(_json_lines(folder / "about.json"), None) != about:  # a torn one would hide all ratings beside it
                (folder / "about.json").write_bytes(orjson.dumps(about) + b"\n")
        except OSError as error:
            raise unwritable(folder, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise UsageError(
                "Another process is rating this dataset by the same judge.", "Wait for it, or stop it: sde jobs lists the jobs of a dataset."
            ) from error
        self._replies_left = _KEPT_REPLIES - len(list(_json_lines(folder / "replies.jsonl")))

    def __enter__(self) -> RatingWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, rule: PlainRule, row_key: int, slot: int, reading: Reading, answer: Answer) -> None:
        """Writes one rating before it returns.

        Args:
            rule: By what was rated.
            row_key: What was shown, as by `row_keys`.
            slot: `FIRST` or `RETEST`.
            reading: What the reply says.
            answer: The reply and what it cost.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        record = np.zeros(1, _RECORD)
        record["row"], record["slot"] = row_key, slot
        record["score"] = np.nan if reading.score is None else reading.score
        record["tokens_in"] = _UNCOUNTED if answer.tokens_in is None else min(answer.tokens_in, _UNCOUNTED - 1)
        record["tokens_out"] = _UNCOUNTED if answer.tokens_out is None else min(answer.tokens_out, _UNCOUNTED - 1)
        record["mass"] = 0 if reading.mass is None else round(min(max(reading.mass, 0.0), 1.0) * 255)
        record["check"] = _checks(record)
        try:
            _write(self._file(rule.definition), record.tobytes())
            if reading.score is None and self._replies_left > 0:
                self._replies_left -= 1
                self._append("replies.jsonl", {"rule": rule.name, "reply": _writable(answer.text[:_REPLY_CHARS]), "mass": reading.mass})
            self._unsynced += 1
            if self._unsynced >= _SYNC_EVERY:
                self.sync()
        except OSError as error:
            raise unwritable(self._folder, error) from error

    def sync(self) -> None:
        """Makes sure that what was written survives the machine going down too."""
        self._unsynced = 0
        for file in self._files.values():
            os.fsync(file)

    def close(self) -> None:
        """Syncs, closes all files and gives the lock back."""
        try:
            self.sync()
        finally:
            for file in self._files.values():
                os.close(file)
            self._files.clear()
            os.close(self._lock)

    def _file(self, name: str) -> int:
        if name not in self._files:
            path = self._folder / f"{name}.{self._stamp}.ratings"
            self._files[name] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        return self._files[name]

    def _append(self, name: str, line: dict[str, Any]) -> None:
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _write(descriptor, b"\n" + orjson.dumps(line) + b"\n")  # the line break before it ends what a killed writer left torn
        finally:
            os.close(descriptor)


class RowKeys:
    """`row_keys` of some texts, each hashed once for all rules about the same subject.

    Args:
        texts: `Dataset.texts()`.
    """

    def __init__(self, texts: pl.DataFrame) -> None:
        self._texts = texts
        self._known: dict[Subject, tuple[NDArray[np.uint64], NDArray[np.bool_]]] = {}

    def of(self, rule: PlainRule) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """uint64[n] and bool[n], as of `row_keys`."""
        if rule.about not in self._known:
            self._known[rule.about] = row_keys(rule, self._texts)
        return self._known[rule.about]


def row_keys(rule: PlainRule, texts: pl.DataFrame) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The key of what each row shows to a judge of this rule, and whether that is nothing.

    Returns:
        uint64[n] and bool[n].
    """
    keys, empty = np.empty(len(texts), np.uint64), np.empty(len(texts), np.bool_)
    for place, example in enumerate(examples(texts)):  # one by one: all at once they would be the whole dataset once more
        shown = example.about(rule.about)
        keys[place], empty[place] = shown.key, shown.empty
    return keys, empty


def examples(texts: pl.DataFrame) -> Iterator[Example]:
    """The texts of each row, in order; lone surrogates become U+FFFD, which is what a server would make of them."""
    columns = (texts[name] if name in texts.columns else [""] * len(texts) for name in ("system", "prompt", "answer"))
    for system, prompt, answer in zip(*columns, strict=True):
        yield Example(system or "", prompt or "", answer or "")


def _read_records(path: Path) -> NDArray[np.void]:
    """The whole records of a file; a torn one at its end, and damaged ones, are passed over."""
    content = path.read_bytes()
    records = np.frombuffer(content, _RECORD, len(content) // _RECORD.itemsize)
    whole = records[records["check"] == _checks(records)]
    inside = np.isnan(whole["score"]) | ((whole["score"] >= 0) & (whole["score"] <= 1))
    sound: NDArray[np.void] = whole[inside]
    return sound


def _checks(records: NDArray[np.void]) -> NDArray[np.uint16]:
    """uint16[n], the seal of each record: its other words folded together, never what a run of zeros holds."""
    words = np.frombuffer(records.tobytes(), "<u2").reshape(-1, _RECORD.itemsize // 2)[:, :-1]
    folded: NDArray[np.uint16] = np.bitwise_xor.reduce(words, axis=1) ^ np.uint16(_SEAL)
    return folded


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.split(b"\n"):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            yield value


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _run_mark(run: str) -> str:
    return _hashed(run)[:8] if run else "0"


def _hashed(name: str) -> str:
    return xxhash.xxh3_64_hexdigest(name.encode("utf-8", "surrogatepass"))
