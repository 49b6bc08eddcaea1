"""`sde dups --against`: rows that held-out files and benchmarks hold too."""

from __future__ import annotations

import functools
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sde_core.checks.duplicates.leakage import LEAK_KINDS, Leak, LeakKind, LeakParams, LeakReport, find_leaks
from sde_core.checks.duplicates.ngrams import NGRAM_WORDS
from sde_core.cli.common import CommandFunction, emit_json, journal_of, stderr_progress, talk, talk_of_decision
from sde_core.dataset import Dataset, open_dataset
from sde_core.errors import UsageError
from sde_core.visible import visible

_EXCERPT = 78
_WORDS: dict[LeakKind, str] = {
    "exact": "the same prompt and answer",
    "normalised": "the same but for case, white space and punctuation",
    "prompt": "the same prompt, another answer",
    "near": "nearly the same row",
    "near-prompt": "nearly the same prompt",
    "ngram": "a long run of the same words",
}
_REASON: dict[LeakKind, str] = {
    "exact": "the same as row {row} of {file}",
    "normalised": "the same, normalised, as row {row} of {file}",
    "prompt": "the prompt of row {row} of {file}",
    "near": "near-duplicate ({score:.2f}) of row {row} of {file}",
    "near-prompt": "prompt nearly ({score:.2f}) that of row {row} of {file}",
    "ngram": "shares {score:.0%} of the word runs of row {row} of {file}",
}


@dataclass(frozen=True)
class AgainstOptions:
    """What --against and its companions ask for.

    Attributes:
        files: Paths and patterns as typed.
        ngram: Words of a shared run, 0 for none.
        ngram_share: Least share of the other row's runs.
    """

    files: tuple[str, ...]
    ngram: int
    ngram_share: float


def against_options(function: CommandFunction) -> CommandFunction:
    """Adds --against, --ngram and --ngram-share; the command gets them as `against`."""

    @click.option("--against", "files", metavar="FILE", multiple=True, help="Compare with this held-out or benchmark file; repeatable.")
    @click.option("--ngram", type=click.IntRange(0), default=NGRAM_WORDS, show_default=True, metavar="N", help="--against: words of a run; 0: none.")
    @click.option(
        "--ngram-share",
        type=click.FloatRange(0, 1),
        default=LeakParams().ngram_share,
        show_default=True,
        metavar="S",
        help="--against: least share of the other row's runs.",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, files: tuple[str, ...], ngram: int, ngram_share: float, **options: Any) -> Any:
        return function(*args, against=AgainstOptions(files, ngram, ngram_share), **options)

    return wrapped  # type: ignore[return-value]


def report_leaks(dataset: Dataset, against: AgainstOptions, near: float, apply_: bool, show: int, as_json: bool) -> None:
    """Finds the leaks, prints them, and rejects the leaked rows where asked.

    Raises:
        UsageError: When a run is too short to mean anything, or a file is the dataset itself.
        InputError: When a file cannot be read.
    """
    if 0 < against.ngram < 5:
        raise UsageError(f"Runs of {against.ngram} words are shared by most texts.", "Take at least 5 words (13 is usual), or 0 for none.")
    others = _opened(dataset, against.files)
    with stderr_progress("comparing", "stages") as progress:
        report = find_leaks(dataset, others, LeakParams(near, against.ngram, against.ngram_share), progress=progress)
    if as_json:
        emit_json(_as_groups(report, dict(zip([path for path, _ in report.others], others, strict=True))))
    else:
        _print(report, show)
    if apply_:
        _reject(dataset, report.leaks)


def _opened(dataset: Dataset, patterns: Sequence[str]) -> list[Dataset]:
    paths: dict[str, None] = {}
    for pattern in patterns:
        matching = sorted(glob.glob(pattern)) if any(sign in pattern for sign in "*?[") and not Path(pattern).exists() else []
        paths.update(dict.fromkeys(matching or [pattern]))
    for path in paths:
        if Path(path).exists() and Path(dataset.path).exists() and Path(path).samefile(dataset.path):
            raise UsageError(f"{visible(path)} is the dataset itself.", "Name the held-out file, or leave --against out.")
    return [open_dataset(path) for path in paths]


def _as_groups(report: LeakReport, others: dict[str, Dataset]) -> dict[str, Any]:
    """The form that `sde dups` prints, one group a leaked row; nothing is kept of it."""
    groups = [
        {
            "kind": leak.kind,
            "rows": [leak.row],
            "keep": None,
            "score": leak.score,
            "against": {"path": leak.against, "row": leak.other_row, "line": others[leak.against].line(leak.other_row)},
            "evidence": leak.evidence,
        }
        for leak in report.leaks
    ]
    against = [{"path": path, "rows": rows, "matched": matched} for (path, rows), matched in zip(report.others, report.leaked_of_other, strict=True)]
    return {"groups": groups, "rows": report.rows, "leaked": len(report.leaks), "against": against}


def _print(report: LeakReport, show: int) -> None:
    for kind in LEAK_KINDS:
        click.echo(f"{kind:<12}{len(report.of_kind(kind)):>8,} rows  {_WORDS[kind]}")
    for (path, rows), matched in zip(report.others, report.leaked_of_other, strict=True):
        click.echo(f"{matched:,} of {rows:,} rows of {visible(path)} are in the dataset.")
    click.echo(f"{len(report.leaks):,} of {report.rows:,} rows of the dataset leak.")
    for kind in LEAK_KINDS:
        leaks = sorted(report.of_kind(kind), key=lambda leak: -leak.score)
        for leak in leaks[:show]:
            click.echo(f"\n{kind} · row {leak.row} · {visible(Path(leak.against).name)} row {leak.other_row} · {leak.score:.2f}")
            click.echo(f"  {visible(leak.evidence, _EXCERPT)}")
        if len(leaks) > show:
            click.echo(f"\n… and {len(leaks) - show:,} more {kind} leaks (--show {len(leaks)}, or --json).")


def _reject(dataset: Dataset, leaks: Sequence[Leak]) -> None:
    if not leaks:
        talk("Nothing to reject.")
        return
    reasons = ["leak: " + _REASON[leak.kind].format(row=leak.other_row, file=Path(leak.against).name, score=leak.score) for leak in leaks]
    with journal_of(dataset) as journal:
        talk_of_decision(journal.reject([leak.row for leak in leaks], reasons), dataset)
