"""`sde rules compare`: people's comparisons without the app, and a model's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.errors import InputError, UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from sde_core.rules.truth.comparing import Comparing
    from sde_core.rules.truth.comparisons import Comparison

_MOST_LINE_BYTES = 64 << 20


@click.command(
    "compare",
    epilog="""\b
Examples:
  sde rules compare data.jsonl                     how far it has come
  sde rules compare data.jsonl --ask 20 -o ask.jsonl
  sde rules compare data.jsonl --pairs ask.jsonl   take the answers in
  sde rules compare data.jsonl --export all.jsonl  all answers so far
  sde rules compare data.jsonl --judge http://127.0.0.1:8000/v1 --ask 100
\b
An answer is a line's "winner": a, b, tie or skip. In the app: 6, then t.""",
)
@data_options
@click.option("--ask", type=click.IntRange(1, 10_000), metavar="N", help="Write the N pairs to compare next, with their texts.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="With --ask: a new .jsonl file.")
@click.option("--rows", "size", type=click.IntRange(2, 4_000), metavar="N", help="Rows to compare, spread over the quality.  [default: 40]")
@click.option("--pairs", type=click.Path(path_type=Path), help="Take in the answers of this .jsonl file; none twice.")
@click.option("--export", "export", type=click.Path(path_type=Path), help="Write all answers so far to this .jsonl file.")
@click.option("--by", default="", metavar="NAME", help="With --pairs: who answered, where the lines do not say.")
@click.option("--judge", metavar="URL|FOLDER", help="Let a model answer the N pairs of --ask; kept apart from people's answers.")
@click.option("--model", metavar="NAME", help="One of the server's models; may be left out where it has one.")
@click.option("--api-key-env", "key_variable", default="", metavar="VAR", help="The environment variable that holds the server's key.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the sample and of the sides.")
@json_option
def compare_command(
    dataset: Dataset, ask: int | None, output: Path | None, size: int | None, pairs: Path | None, export: Path | None, by: str, judge: str | None,
    model: str | None, key_variable: str, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Say which of two rows is better, without the app.

    Write pairs of rows of DATA to be answered elsewhere, take the answers in, or say how far it has come.
    """
    from sde_core.rules.truth.comparing import Comparing, status_words

    if judge is None and (ask is None) != (output is None):
        raise UsageError("--ask and -o go together.", "For example: --ask 20 -o ask.jsonl.")
    if judge is not None and (ask is None or output is not None or pairs is not None):
        raise UsageError("A judge answers the pairs of --ask itself.", "For example: --judge http://127.0.0.1:8000/v1 --ask 100.")
    told: dict[str, Any] = {}
    with _journal(dataset, writing=ask is not None or pairs is not None or size is not None) as journal:
        comparing = Comparing(dataset, journal, seed=seed, by_machine=judge is not None)
        if pairs is not None:
            told |= _taken_in(comparing, pairs, by)
        if ask is not None or size is not None:
            _draw(comparing, size)
        if ask is not None and output is not None:
            told |= _ask(comparing, ask, output)
        if ask is not None and judge is not None:
            told |= _judged(comparing, ask, judge, model, key_variable)
        if export is not None:
            _write_lines([one.to_json() for one in journal.comparisons], export)
            told |= {"exported": len(journal.comparisons)}
        status = comparing.status()
    if as_json:
        emit_json({**told, **status.to_json()})
    else:
        for what, count in told.items():
            talk(f"{what.replace('_', ' ')}: {count:,}")
        click.echo(f"{status_words(status)}.")


def _journal(dataset: Dataset, *, writing: bool) -> AbstractContextManager[Any]:
    """The dataset's comparisons, closed afterwards; one who only reads creates nothing."""
    from contextlib import closing

    from sde_core.project import Project
    from sde_core.rules.truth.comparisons import ComparisonJournal

    project = Project.of(dataset.path)
    return closing(ComparisonJournal.open((project.created() if writing else project).comparisons_path, writing=writing))


def _draw(comparing: Comparing, size: int | None) -> None:
    """Draws the sample where there is none, or a larger one is asked for."""
    from sde_core.cli.rule_options import quality_options
    from sde_core.proposal import quality_by_rules
    from sde_core.rules.truth.next_pair import DEFAULT_SAMPLE

    wanted = size or max(len(comparing.rows), DEFAULT_SAMPLE * (not len(comparing.rows)))
    if len(comparing.rows) < wanted:
        with stderr_progress("scoring") as progress:
            found = quality_by_rules(comparing.dataset.texts(), **quality_options(comparing.dataset), progress=progress)
        comparing.draw(found.values, wanted)


def _ask(comparing: Comparing, count: int, output: Path) -> dict[str, int]:
    from sde_core.rules.truth.comparing import questions

    found = comparing.next_pairs(count)
    if not found:
        raise UsageError("Every pair of these rows was asked already.", "Compare more rows with --rows N.")
    _write_lines(questions(comparing, found, round(time.time(), 3)), output)
    return {"pairs_written": len(found)}


def _judged(comparing: Comparing, count: int, judge: str, model: str | None, key_variable: str) -> dict[str, int]:
    """Lets a model answer."""
    from sde_core.cli.rules_rate import judge_settings
    from sde_core.rules.judge_settings import JudgeSettings
    from sde_core.rules.rating.opening import open_judge
    from sde_core.rules.truth.comparing_judge import compare_by_judge

    options = {"judge": judge, "model": model, "prompt": None, "api_key_env": key_variable or None, "price_in": None, "price_out": None}
    opened = open_judge(judge_settings(JudgeSettings(), options))
    with stderr_progress("comparing", "pairs") as progress:
        found = compare_by_judge(comparing, opened, count, progress=progress)
    if found.lost:
        talk(f"{count_of(found.lost, 'pair')} found no answer. {visible(found.problem, 400)} The same command asks them again.")
    return {"pairs_compared": found.pairs, "ties": found.ties, "not_a_letter": found.unreadable}


def _taken_in(comparing: Comparing, path: Path, by: str) -> dict[str, int]:
    answers, empty = [], 0
    for number, line in _lines(path):
        one = _answer(line, path, number, by)
        empty += one is None
        answers += [one] if one is not None else []
    new = comparing.journal.add(answers)
    return {"answers_taken_in": len(new), "known_already": len(answers) - len(new), "not_answered": empty}


def _answer(line: bytes, path: Path, number: int, by: str) -> Comparison | None:
    """The answer that a line says; None where its winner is still empty."""
    from sde_core.dataset.json_text import parse_json
    from sde_core.rules.truth.comparisons import WINNERS, comparison_of, user_name

    try:
        entry = parse_json(line)
        winner = str(entry.get("winner") or "").strip().casefold()
        if not winner:
            return None
        return comparison_of({**entry, "winner": winner, "by": entry.get("by") or by or user_name()})
    except (ValueError, KeyError, TypeError, OverflowError, AttributeError, InputError) as error:
        raise InputError(
            f"{visible(str(path), 200)}: line {number} is no answer: {visible(str(error), 120)}.",
            f"Its winner is one of {', '.join(WINNERS)}; a, b and time stay as `sde rules compare --ask` wrote them. Nothing was taken in.",
        ) from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, with their numbers."""
    try:
        with path.open("rb") as file:
            numbered = enumerate(iter(lambda: file.readline(_MOST_LINE_BYTES), b""), start=1)
            yield from ((number, line) for number, line in numbered if line.strip())
    except OSError as error:
        raise InputError(
            f"{visible(str(path), 200)} cannot be read: {error.strerror}.", "`sde rules compare DATA --ask 20 -o FILE` writes one."
        ) from error


def _write_lines(lines: list[dict[str, Any]], path: Path) -> None:
    import orjson

    from sde_core.files import atomic_write

    if path.suffix != ".jsonl":
        raise UsageError(f"{visible(str(path))} is no .jsonl file.", "Name it pairs.jsonl.")
    atomic_write(path, [orjson.dumps(line) + b"\n" for line in lines])
    talk(f"{count_of(len(lines), 'line')} written to {visible(str(path))}.")
