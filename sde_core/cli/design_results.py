"""`sde design results`: what a comparison of designs has found, as tables and in words that fit 80 columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import emit_json, json_option
from sde_core.visible import in_column, in_lines, visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.evaluate.design_answers import AskedModel
    from sde_core.evaluate.design_results import DesignComparison, DesignRow

_WIDTH = 80
_NAME = {"accuracy": 30, "f1": 23}
_COLUMN, _COLUMNS = 7, 8
_SHORT = 16
"""A longer name of a design is told whole below the tables."""
_FIGURES = {"accuracy": {"kappa": "kappa", "whole": "whole"}, "f1": {"soft_f1": "softF1", "precision": "prec.", "recall": "recall"}}
"""Figures beside the metric, and their columns."""
_OF_EVENTS = {"soft_f1": "softF1", "arguments_f1": "args", "arguments_soft_f1": "~args"}
"""The same where entries have arguments."""
_BEFORE = {"zero-shot": "zero-shot", "in-context": "in-context", "perplexity of prompts": "ppl prompts", "perplexity of answers": "ppl answers"}
_FAULTS = {
    "empty": "empty", "split": "split", "syntax": "syntax", "unknown target": "target?", "unknown value": "value?", "repeated target": "twice",
    "missing target": "missing",
}  # fmt: skip
"""Kinds of faults, and their columns."""


@click.command(
    "results",
    epilog="""\b
form is the share of answers without a fault; "soft" lets targets be missing
and takes other cases, words around them and the task's synonyms. args and
~args are strict and soft F1 of the arguments of events, each taken as type,
role and text. Faults: empty, split (a part names no target), syntax (not in
the form), target? and value? (unknown ones), twice, missing. An answer may
have several kinds.

\b
Examples:
  sde design results
  sde design results ab12 --wrong 3
  sde design results --data reviews.jsonl --json""",
)
@click.argument("identifier", metavar="[ID]", default="last")
@click.option("--data", metavar="DATA", help="The dataset whose comparison is meant; all in this folder when omitted.")
@click.option("--wrong", default=0, metavar="N", help="Also N wrong answers of the first run of each line, the worst first.")
@json_option
def results_command(identifier: str, data: str | None, wrong: int, as_json: bool) -> None:
    """Show what a comparison of designs has found, also while it runs."""
    from sde_core.cli.finding_jobs import job_of_kind
    from sde_core.evaluate.design_grid import KIND
    from sde_core.evaluate.design_results import read_results

    job = job_of_kind(identifier, data, KIND)
    if as_json:
        found = read_results(job.folder)
        emit_json({"id": job.id, "status": job.status().to_json(), **_json(found), **_wrong_json(job.folder, found, wrong)})
    else:
        print_results(job.folder, wrong=wrong)


def print_results(folder: Path, *, wrong: int = 0) -> None:
    """Prints what the job in a folder has found so far.

    Args:
        folder: The job's.
        wrong: Wrong answers to print of each line of the table.
    """
    from sde_core.evaluate.design_results import read_results
    from sde_core.evaluate.design_verdict import agreement_verdicts, caution, design_headline, design_notes, verdicts

    found = read_results(folder)
    click.echo(f"{found.runs} of {found.wanted} runs are finished.")
    for domain in found.domains:
        _print_scores(found, domain)
        _print_faults(found, domain)
        _print_targets(found, domain)
    _print_cut_names(found)
    _print_before(found)
    if found.rows:
        click.echo()
        _say(design_headline(found))
    for sentence in (caution(found), *verdicts(found), *agreement_verdicts(found), *design_notes(found)):
        if sentence:
            _say(sentence)
    for row in found.rows if wrong > 0 else ():
        _print_wrong(folder, row, wrong)


def _say(sentence: str) -> None:
    click.echo(in_lines(sentence, _WIDTH, "  "))


# ---- tables


def _print_scores(found: DesignComparison, domain: str) -> None:
    from sde_core.evaluate.design_verdict import DOMAIN_WORDS

    figures, width = _FIGURES[found.metric], _NAME[found.metric]
    figures = _OF_EVENTS if any(f"{domain}.arguments_f1" in row.means for row in found.rows) else figures
    click.echo(f"\n{DOMAIN_WORDS[domain]}, {count_of(found.records[domain], 'record')}")
    first = f"{found.metric} ± sd"
    heads = "".join(f"{head:>7}" for head in figures.values())
    click.echo(f"{'design':<{width}}{'size':>6}{'runs':>5}{first:>14}{heads}{'form':>6}{'soft':>5}")
    for number, row in enumerate(found.rows, 1):
        runs, means = f"{row.runs}/{row.wanted}", [row.means.get(f"{domain}.{name}") for name in figures]
        shares = [row.means.get(f"{domain}.{name}") for name in ("adherence", "soft_adherence")]
        click.echo(
            f"{_label(number, row, width)}{row.size:>6}{runs:>5} {_mean(row, domain, found.metric)}"
            + "".join(f"{'–' if mean is None else format(mean, '.3f'):>7}" for mean in means)
            + "".join(f"{'–' if share is None else format(share, '.0%'):>{width}}" for share, width in zip(shares, (6, 5), strict=True))
        )


def _label(number: int, row: DesignRow, width: int) -> str:
    """A line's number, which tables of targets name it by, its design, and its wording where that is not the first."""
    wording = f" w{row.wording}" if row.wording else ""
    name = in_column(visible(row.design), width - 4 - len(wording)).rstrip()
    return f"{number:>2} {in_column(name + wording, width - 3)}"


def _mean(row: DesignRow, domain: str, metric: str) -> str:
    name = f"{domain}.{metric}"
    if name not in row.means:
        return " " * 13
    spread = f" ±{row.spreads[name]:.3f}" if name in row.spreads else ""
    return f"{f'{row.means[name]:.3f}{spread}':>13}"


def _print_faults(found: DesignComparison, domain: str) -> None:
    if not any(row.faults.get(domain) for row in found.rows):
        return
    click.echo(f"{'answers with a fault':<24}" + "".join(f"{head:>8}" for head in _FAULTS.values()))
    for number, row in enumerate(found.rows, 1):
        shares = row.faults.get(domain, {})
        click.echo(_label(number, row, 24) + "".join(f"{format(shares[kind], '.0%') if kind in shares else '·':>8}" for kind in _FAULTS))


def _print_targets(found: DesignComparison, domain: str) -> None:
    """Accuracy of each target, a column for each line of the table above."""
    targets = found.targets_of(domain)
    for begin in range(0, len(found.rows) if targets else 0, _COLUMNS):
        rows = list(enumerate(found.rows, 1))[begin : begin + _COLUMNS]
        click.echo(f"{'accuracy per target':<24}" + "".join(f"{number:>{_COLUMN}}" for number, _ in rows))
        for target in targets:
            values = (row.means.get(f"{domain}.accuracy of {target}") for _, row in rows)
            click.echo(in_column(f"   {visible(target, 60)}", 24) + "".join(f"{'–' if v is None else format(v, '.3f'):>{_COLUMN}}" for v in values))


def _print_cut_names(found: DesignComparison) -> None:
    """The whole names of designs that have no room in a table."""
    cut = {row.design: [number for number, one in enumerate(found.rows, 1) if one.design == row.design] for row in found.rows}
    cut = {name: numbers for name, numbers in cut.items() if len(name) > _SHORT}
    if cut:
        click.echo()
    for name, numbers in cut.items():
        _say(f"{', '.join(map(str, numbers))} {'is' if len(numbers) == 1 else 'are'} {visible(name)}")


def _print_before(found: DesignComparison) -> None:
    from sde_core.evaluate.design_verdict import figure_words

    if not found.before:
        return
    click.echo(f"\n{'before tuning':<28}" + "".join(f"{head:>13}" for head in _BEFORE.values()))
    for name, told in found.before.items():
        values = (figure_words(told[what]) if what in told else "–" for what in _BEFORE)
        label = in_column(f"   {visible(name)}", 28)
        click.echo(label + "".join(f"{value:>13}" for value in values))


# ---- wrong answers


def _print_wrong(folder: Path, row: DesignRow, most: int) -> None:
    asked = _first_run(folder, row)
    if asked is None:
        return
    click.echo()
    count = count_of(asked.wrong_count, "wrong answer")
    _say(f"{visible(row.design, 60)}, {count_of(row.size, 'record')}, {asked.model}: {count} of {asked.records:,}")
    for wrong in asked.wrong[:most]:
        _say(f"  record {wrong.record}, {wrong.score:.2f} right. {visible(' '.join(wrong.faults), 300)}")
        for sign, text in (("-", wrong.wanted), ("+", wrong.answer)):
            click.echo("\n".join(f"    {sign} {line}" for line in visible(text, 1_000, keep_newlines=True).split("\n")))


def _first_run(folder: Path, row: DesignRow) -> AskedModel | None:
    from sde_core.evaluate.design_answers import asked_models

    return next((asked for asked in asked_models(folder, row.design, row.size, row.wording) if asked.domain == "test"), None)


# ---- JSON


def _json(found: DesignComparison) -> dict[str, Any]:
    from sde_core.evaluate.design_verdict import agreement_verdicts, caution, design_headline, design_notes, verdicts

    return {
        "metric": found.metric,
        "runs": found.runs,
        "wanted": found.wanted,
        "rows": [dataclasses.asdict(row) for row in found.rows],
        "waiting": [dataclasses.asdict(row) for row in found.waiting],
        "headline": design_headline(found),
        "caution": caution(found),
        "verdicts": verdicts(found),
        "differences": [_with_interval(each) for each in found.differences],
        "wordings": [_with_interval(each) for each in found.wordings],
        "before": dict(found.before),
        "taus": {what: dataclasses.asdict(agreement) for what, agreement in found.agreements.items()},
        "notes": [*agreement_verdicts(found), *design_notes(found)],
    }


def _with_interval(each: Any) -> dict[str, Any]:
    """A difference with open ends as null, which JSON has no number for."""
    told: dict[str, Any] = dataclasses.asdict(each)
    told["interval"] = {name: None if value in (float("inf"), float("-inf")) else value for name, value in told["interval"].items()}
    return told


def _wrong_json(folder: Path, found: DesignComparison, most: int) -> dict[str, Any]:
    if most < 1:
        return {}
    asked = [(row, _first_run(folder, row)) for row in found.rows]
    return {"wrong": [{"design": row.design, "size": row.size, "wording": row.wording, **_asked_json(one, most)} for row, one in asked if one]}


def _asked_json(asked: AskedModel, most: int) -> dict[str, Any]:
    told = dataclasses.asdict(asked)
    return told | {"wrong": told["wrong"][:most]}
