"""`sde design`: records with structured targets as training samples, in any sample design."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import data_options, emit_json, journal_of, json_option, stderr_progress, talk, talk_of_decision
from sde_core.cli.design_compare import compare_command
from sde_core.cli.design_cost import cost_command, perplexity_command
from sde_core.cli.design_records import (
    data_argument,
    designs_in,
    field_options,
    guessed_task,
    records_of,
    refuse_senseless,
    task_of,
    task_of_samples,
    task_option,
    with_task,
)
from sde_core.cli.design_results import results_command
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.design.conversion import Conversion, DatasetDesigns

_OPTIONS = """\b
A design is a preset, options, or both: es-sde, "es-sde,output=json",
"instruction=first,output=lines".
Presets: es-sde, ew-sde, heuristic, baseline.
Options: instruction first|last|none, output natural|lines|json|pairs,
placeholder yes|no, labels text|number, reasoning none|cot|r-cot,
loss_on_input yes|no."""


_REASONS = 5


@click.group(
    "design",
    epilog=f"""{_OPTIONS}

\b
Examples:
  sde design task reviews.jsonl -o task.yaml
  sde design show reviews.jsonl --task task.yaml --row 7
  sde design render reviews.jsonl --task task.yaml -o samples.jsonl
  sde design followed samples.jsonl --task task.yaml
  sde design convert samples.jsonl --task task.yaml --to es-sde --apply
  sde design cost reviews.jsonl --task task.yaml
  sde design perplexity reviews.jsonl --task task.yaml --rows 500
  sde design compare reviews.jsonl --task task.yaml --sizes 500 --seeds 3""",
)
def command() -> None:
    """Lay structured records out as training samples (Sample Design Engineering)."""


for each in (cost_command, perplexity_command, compare_command, results_command):
    command.add_command(each)


@command.command("task")
@data_argument
@field_options[0]
@field_options[1]
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the task file; to stdout when omitted.")
def task_command(data: str, text_field: str, said_field: str, output: Path | None) -> None:
    """Guess the task of DATA, as a file to read and correct."""
    from sde_core.design.inference import LOOKED_AT
    from sde_core.design.task_file import task_text
    from sde_core.files import atomic_write

    text = task_text(guessed_task(data, text_field, said_field))
    if output is None:
        click.echo(visible(text, keep_newlines=True), nl=False)
    else:
        atomic_write(output, [text.encode()])
        talk(f"Written to {visible(str(output))}. Read it: closed sets of words are those of the first {LOOKED_AT:,} rows.")


@command.command("show", epilog=_OPTIONS)
@with_task
@click.option("--design", "designs", metavar="DESIGN", multiple=True, default=("es-sde", "ew-sde"), show_default=True, help="Repeatable, or a list.")
@click.option("--row", default=0, type=click.IntRange(min=0), show_default=True, help="Which record.")
@click.option("--wording", default=0, show_default=True, help="Which of the task's instructions, from 0.")
@json_option
def show_command(
    data: str, task_path: Path | None, text_field: str, said_field: str, designs: tuple[str, ...], row: int, wording: int, as_json: bool
) -> None:
    """Show one record of DATA in several designs, byte for byte."""
    from sde_core.design.options import design_named
    from sde_core.design.sample import render_sample

    file = task_of(data, task_path, text_field, said_field)
    records, misfits = records_of(data, file, limit=row + 1, decided=False)
    if row not in records:
        reason = next((misfit.reason for misfit in misfits if misfit.row == row), "There is no such row.")
        raise UsageError(f"Row {row} is no record of the task: {reason}", "Name another with --row.")
    shown = {name: render_sample(records[row], file.task, design_named(name), wording=wording) for name in designs_in(designs)}
    if as_json:
        emit_json({"row": row, "samples": {name: {"prompt": sample.prompt, "answer": sample.answer} for name, sample in shown.items()}})
        return
    for name, sample in shown.items():
        click.echo(click.style(f"── {name} ", bold=True))
        click.echo(visible(sample.prompt, keep_newlines=True))
        click.echo(click.style(visible(sample.answer, keep_newlines=True), fg="green"))


@command.command("render", epilog=_OPTIONS)
@with_task
@click.option("--design", "design_name", metavar="DESIGN", default="es-sde", show_default=True)
@click.option("--wording", default=0, show_default=True, help="Which of the task's instructions, from 0.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Write prompts and answers as JSON Lines.")
@json_option
def render_command(
    data: str, task_path: Path | None, text_field: str, said_field: str, design_name: str, wording: int, output: Path, as_json: bool
) -> None:
    """Write DATA as samples of one design, which `sde train` trains on; rows that do not fit are listed."""
    from sde_core.design.options import design_named
    from sde_core.design.samples_file import write_samples

    design, file = design_named(design_name), task_of(data, task_path, text_field, said_field)
    records, misfits = records_of(data, file)
    if not records:
        raise UsageError("No row fits the task.", misfits[0].reason if misfits else "The file has no rows.")
    refuse_senseless(design_name, file.task, records.values())
    write_samples(output, records, file.task, design, wording=wording)
    if as_json:
        emit_json({"rows": len(records), "misfits": [{"row": misfit.row, "reason": misfit.reason} for misfit in misfits]})
        return
    without = sum(any(not entry.description for entry in record.entries) for record in records.values()) if design.reasoning != "none" else 0
    talk(f"{count_of(len(records), 'sample')} written to {visible(str(output))}.")
    if without:
        talk(f"{count_of(without, 'sample')} of them lack a description, which stands there as empty.")
    if misfits:
        talk(f"{count_of(len(misfits), 'row')} left out because they do not fit; --json lists all.")
    for reason, count in Counter(misfit.reason for misfit in misfits).most_common(5):
        first = next(misfit.row for misfit in misfits if misfit.reason == reason)
        talk(f"  {count:,}, the first is row {first:,}: {reason}")


@command.command("followed", epilog=_OPTIONS)
@data_options
@task_option
@json_option
def followed_command(dataset: Dataset, task_path: Path | None, as_json: bool) -> None:
    """Tell which design each row of DATA, a file of prompts and answers, follows."""
    from sde_core.design.conversion import dataset_designs
    from sde_core.design.followed import followed_words

    with stderr_progress("reading") as progress:
        found = dataset_designs(dataset, task_of_samples(dataset, task_path), without=_rejected(dataset), progress=progress)
    if as_json:
        _emit_designs(found)
        return
    for design, count in found.followed.counts.items():
        words = followed_words(design, answers_alone=found.followed.answers_alone)
        click.echo(f"{count:>9,} {count / len(found.rows):>5.0%}  {words}")
    for reason, rows in list(found.stray_by_reason().items())[:_REASONS]:
        click.echo(f"{len(rows):>9,} {len(rows) / len(found.rows):>5.0%}  none; the first is row {rows[0]:,}: {visible(reason, 400)}")
    if found.contradicted:
        answers = count_of(len(found.contradicted), "answer")
        click.echo(f"{answers} in another form than the prompt asks for; the first is row {found.contradicted[0]:,}.")
    if found.followed.answers_alone:
        click.echo("Most prompts hold no instruction of the task: answers alone were compared, and converting changes no prompt.")


@command.command("convert", epilog=_OPTIONS)
@data_options
@task_option
@click.option("--to", "design_name", metavar="DESIGN", help="The design to turn all rows to; that of most rows when omitted.")
@click.option("--preview/--apply", default=True, show_default=True, help="Say what would change, or do it, as one decision that can be undone.")
@click.option("--show", default=1, show_default=True, metavar="N", help="Texts to print before and after.")
@json_option
def convert_command(dataset: Dataset, task_path: Path | None, design_name: str | None, preview: bool, show: int, as_json: bool) -> None:
    """Turn the rows of DATA, prompts and answers, into one design; rows that cannot be read stay and are listed."""
    from sde_core.design.conversion import conversion, dataset_designs
    from sde_core.design.followed import followed_words
    from sde_core.design.options import design_named, design_words

    task = task_of_samples(dataset, task_path)
    if design_name:
        refuse_senseless(design_name, task, ())
    with stderr_progress("reading") as progress:
        found = dataset_designs(dataset, task, without=_rejected(dataset), progress=progress)
    if not found.followed.counts:
        raise UsageError("No row follows a design of the task.", "See that the task's instructions are those of the prompts, word for word.")
    after = design_named(design_name) if design_name else next(iter(found.followed.counts))
    with stderr_progress("converting") as progress:
        change = conversion(dataset, found, after, progress=progress)
    left = [{"row": misfit.row, "reason": misfit.reason} for misfit in change.left]
    if as_json:
        emit_json({"design": design_words(after), "rows": change.rows, "left": left, "applied": not preview and bool(change.edits)})
    else:
        _print_change(change, followed_words(after, answers_alone=found.followed.answers_alone), show)
    if change.edits and not preview:
        with journal_of(dataset) as journal:
            talk_of_decision(journal.edit(change.edits, f"design: {design_words(after)}"), dataset)
    elif change.edits and not as_json:
        talk("Nothing was changed. Do it with --apply; sde undo takes it back.")


def _rejected(dataset: Dataset) -> frozenset[int]:
    with journal_of(dataset, writing=False) as journal:
        return frozenset(int(row) for row in journal.state.rejected_rows())


def _print_change(change: Conversion, after: str, show: int) -> None:
    click.echo(f"{count_of(change.rows, 'row')} would become {after}.")
    for edit in change.edits[: max(show, 0) * 2]:
        click.echo(f"  row {edit.row}")
        for sign, text in (("-", edit.before), ("+", edit.after)):
            click.echo("\n".join(f"    {sign} {line}" for line in visible(text, 1_000, keep_newlines=True).split("\n")))
    for misfit in change.left[:5]:
        click.echo(f"  row {misfit.row} stays: {misfit.reason}")
    if len(change.left) > 5:
        click.echo(f"  … {count_of(len(change.left), 'row')} in all stay as they are; --json lists them.")


def _emit_designs(found: DatasetDesigns) -> None:
    from sde_core.design.options import design_words

    total = len(found.rows)
    shares = [{"design": design_words(design), "rows": count, "share": count / total} for design, count in found.followed.counts.items()]
    reasons = {reason: len(rows) for reason, rows in found.stray_by_reason().items()}
    emit_json({
        "designs": shares, "stray": found.stray, "reasons": reasons, "contradicted": found.contradicted,
        "answers_alone": found.followed.answers_alone,
    })  # fmt: skip
