"""What commands share: opening the data, the user's decisions over it, talk on stderr, data on stdout."""

from __future__ import annotations

import functools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from sde_core.errors import ReadOnlyError, UsageError
from sde_core.progress import Progress, silent
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.dataset import Dataset
    from sde_core.decisions import Decision, Journal

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])
_REDRAW_S = 0.2
_ROWS = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")


def data_options(function: CommandFunction) -> CommandFunction:
    """Adds the argument DATA and the options --layout and --map; the command gets `dataset`, opened, with the user's edits laid over it."""
    return data_options_as("--layout")(function)


def data_options_as(layout_flag: str) -> Callable[[CommandFunction], CommandFunction]:
    """`data_options` for a command in which --layout means something else."""

    def decorate(function: CommandFunction) -> CommandFunction:
        @click.argument("data")
        @click.option(layout_flag, "read_layout", metavar="NAME", help="Read the rows by this layout instead of the detected one.")
        @click.option("--map", "mapping", metavar="ROLE=FIELD", multiple=True, help="Which field plays a role, e.g. --map answer=reply; repeatable.")
        @functools.wraps(function)
        def wrapped(*args: Any, data: str, read_layout: str | None, mapping: tuple[str, ...], **options: Any) -> Any:
            return function(*args, dataset=open_data(data, read_layout, mapping), **options)

        return wrapped  # type: ignore[return-value]

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else.")
"""Adds `as_json` to a command."""


def open_data(data: str, layout: str | None = None, mapping: Sequence[str] = ()) -> Dataset:
    """The dataset under the layout asked for, with edits from its journal if it has one.

    Raises:
        InputError: When it cannot be read.
        UsageError: When the layout or the mapping makes no sense.
    """
    from sde_core.dataset import open_dataset
    from sde_core.project import Project

    project = Project.of(data)
    return project.with_edits(open_dataset(data, layout=layout, mapping=parsed_mapping(mapping)).keep_in(project.cache_dir))


def parsed_mapping(pairs: Sequence[str]) -> Mapping[str, str]:
    """ROLE=FIELD pairs as a mapping.

    Raises:
        UsageError: When a pair has no "=".
    """
    split = [pair.partition("=") for pair in pairs]
    wrong = next((pair for pair, (role, equals, field) in zip(pairs, split, strict=True) if not (role and equals and field)), None)
    if wrong is not None:
        raise UsageError(f"--map {visible(wrong, 60)!r} is not of the form ROLE=FIELD.", "For example: --map prompt=question --map answer=reply.")
    return {role: field for role, _, field in split}


@contextmanager
def journal_of(dataset: Dataset, *, writing: bool = True) -> Iterator[Journal]:
    """The dataset's journal, closed afterwards; one who only reads creates nothing and keeps nobody from writing."""
    from sde_core.project import Project

    journal = Project.of(dataset.path).open_journal(dataset, writing=writing)
    try:
        yield journal
    finally:
        journal.close()


def journal_if_any(dataset: Dataset, *, writing: bool) -> AbstractContextManager[Journal | None]:
    """The journal to write to, or to read where there is one; one who only reads leaves no journal behind."""
    from sde_core.project import Project

    return journal_of(dataset, writing=writing) if writing or Project.of(dataset.path).journal_path.exists() else nullcontext()


def cache_folder(dataset: Dataset) -> Path | None:
    """Where the dataset's features are cached, None where nothing can be written."""
    from sde_core.project import Project

    try:
        return Project.of(dataset.path).created().cache_dir
    except ReadOnlyError:
        return None


def emit_json(value: Any) -> None:
    """Prints a value as one line of JSON on stdout."""
    try:
        written = orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates and large integers: JSON has them, orjson does not
        written = json.dumps(value, default=_plain, separators=(",", ":")).encode()
    sys.stdout.buffer.write(written + b"\n")
    sys.stdout.buffer.flush()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def talk(text: str) -> None:
    """Says something on stderr; whatever came from data must have passed `visible`."""
    click.echo(text, err=True)


def talk_of_decision(decision: Decision, dataset: Dataset) -> None:
    """Says what was decided and how it is taken back."""
    talk(f"#{decision.seq} {visible(decision.summary())}. Take it back with: sde undo {visible(dataset.path)}")


def talk_of_step(word: str, dataset: Dataset, step: Callable[[Journal], Decision | None], as_json: bool) -> None:
    """Does a step back or forth in the journal and says which decision it took back or restored."""
    with journal_of(dataset) as journal:
        decision = step(journal)
        if as_json:
            emit_json({word: decision.seq if decision else None, "head": journal.head})
        else:
            talk(f"{word} #{decision.seq}: {visible(decision.summary())}" if decision else f"There is nothing to {word}.")


@contextmanager
def stderr_progress(what: str, unit: str = "rows") -> Iterator[Progress]:
    """A `Progress` that draws count, rate and time left on stderr where that is a terminal, and is silent elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    started, drawn_at = time.monotonic(), 0.0

    def draw(done: int, total: int | None) -> None:
        nonlocal drawn_at
        now = time.monotonic()
        if now - drawn_at >= _REDRAW_S:
            drawn_at = now
            sys.stderr.write(f"\r\x1b[K{progress_text(what, unit, done, total, now - started)}")
            sys.stderr.flush()

    try:
        yield draw
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def progress_text(what: str, unit: str, done: int, total: int | None, elapsed_s: float) -> str:
    """For example "checking 1,200 of 5,000 rows · 900 rows/s · 4 s left"."""
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    if unit == "bytes":
        done_text, rate_text = f"{done / 1e6:,.0f}", f"{rate / 1e6:,.0f} MB/s"
        total_text = f" of {total / 1e6:,.0f} MB" if total else " MB"
    else:
        done_text, rate_text = f"{done:,}", f"{rate:,.0f} {unit}/s"
        total_text = f" of {total:,} {unit}" if total else f" {unit}"
    left = f" · {(total - done) / rate:,.0f} s left" if total and rate > 0 else ""
    return f"{what} {done_text}{total_text} · {rate_text}{left}"


def parsed_rows(texts: Sequence[str], count: int) -> list[int]:
    """Row numbers from words such as "3", "10-20" or "7,9", each once.

    Raises:
        UsageError: When a word is not a row number or lies outside the dataset.
    """
    rows: dict[int, None] = {}
    for word in ",".join(texts).split(","):
        match = _ROWS.fullmatch(word.strip())
        if match is None:
            raise UsageError(f"{visible(word.strip(), 40)!r} is not a row number.", "Rows are written 3 or 10-20 or 3,7,10-20, counted from 0.")
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if last < first:
            raise UsageError(f"{word.strip()} runs backwards.", f"Write {last}-{first}.")
        if last >= count:
            raise UsageError(f"There is no row {last}.", f"The dataset has rows 0 to {count - 1}.")
        rows.update(dict.fromkeys(range(first, last + 1)))
    return list(rows)
