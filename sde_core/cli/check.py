"""`sde check`: everything that is wrong with a dataset, worst first."""

from __future__ import annotations

import re
from pathlib import Path

import click
import orjson

from sde_core.checks import run_checks
from sde_core.checks.findings import SEVERITIES, Finding, Severity
from sde_core.checks.report import Action, CheckReport, finding_json
from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.files import atomic_write
from sde_core.visible import visible
from sde_core.wording import count_of

_MESSAGE, _EVIDENCE = 150, 120
_SURROGATE = re.compile("[\ud800-\udfff]")
_EPILOG = """\b
Severities: error harms training, warning likely does, info is worth a look.
Row numbers count records from 0, malformed ones included; line numbers count from 1.

\b
JSON: {"dataset":{"path","rows","bad_lines","layout","fingerprint"},"counts":{check:n},
"findings":[{"row","rows","line","check","severity","score","field","message","evidence","fix"}]};
the file of -o holds one finding a line.

\b
Examples:
  sde check data.jsonl
  sde check data.jsonl --fail-on error              exit code 1 if there is an error
  sde check data.jsonl --only mojibake,odd-answer --json
  sde check --list                                  names of all checks"""


def _print_checks(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from sde_core.checks.runner import infos_of, load_checks

    for info in infos_of(load_checks()):
        click.echo(f"{info.name:<24}{info.title}")
    ctx.exit()


@click.command("check", epilog=_EPILOG)
@data_options
@click.option("--only", metavar="NAME,…", help="Run these checks alone.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the findings to FILE, one JSON object a line."
)
@click.option("--fail-on", type=click.Choice(["error", "warning"]), help="Exit with code 1 if there is a finding this bad or worse.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_checks, help="List all checks and leave.")
@json_option
def command(dataset: Dataset, only: str | None, output: Path | None, fail_on: Severity | None, as_json: bool) -> int:
    """Check DATA: fields, turns, characters, answers, duplicates, labels."""
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    with stderr_progress("checking") as progress:
        report = run_checks(dataset, names, progress=progress)
    if output is not None:
        atomic_write(output, (orjson.dumps(_encodable(finding_json(finding, dataset))) + b"\n" for finding in report.findings))
        talk(f"{len(report.findings):,} findings written to {visible(str(output))}.")
    if as_json:
        emit_json(_encodable(report.to_json(dataset)))
    else:
        _print(report, dataset)
    return 1 if fails(report, fail_on) else 0


def fails(report: CheckReport, fail_on: Severity | None) -> bool:
    """Whether a finding is as bad as `fail_on` or worse."""
    worst = report.worst()
    return fail_on is not None and worst is not None and SEVERITIES.index(worst) <= SEVERITIES.index(fail_on)


def _encodable(value: object) -> object:
    """Lone surrogates have no UTF-8 form; what is printed carries U+FFFD in their place."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(inner) for key, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list) else value


def _print(report: CheckReport, dataset: Dataset) -> None:
    bad = f", {report.bad_lines:,} of them malformed" if report.bad_lines else ""
    click.echo(f"{visible(dataset.name)}: {report.rows:,} rows{bad} · layout {visible(dataset.layout.name)} · {len(report.checks)} checks")
    if not report.findings:
        click.echo("Nothing found.")
        return
    for action in report.actions():
        click.echo()
        _print_check(action, report.of(action.check), dataset)
    click.echo()
    click.echo(_next_step(report, dataset))


def _print_check(action: Action, findings: tuple[Finding, ...], dataset: Dataset) -> None:
    count = count_of(action.rows, "row") if action.rows else "the file"
    click.echo(f"{action.severity:<8} {action.check:<22} {count:>12}  {visible(action.title)}")
    shown = findings[0]
    where = f"row {shown.rows[0]}, line {dataset.line(shown.rows[0])}: " if shown.rows else ""
    field = f" [{visible(shown.field, 40)}]" if shown.field else ""
    click.echo(f"           {where}{visible(shown.message, _MESSAGE)}{field}")
    click.echo(f"           {visible(shown.evidence, _EVIDENCE)}")


def _next_step(report: CheckReport, dataset: Dataset) -> str:
    path = visible(dataset.path)
    counts = ", ".join(f"{sum(finding.severity == name for finding in report.findings):,} {name}" for name in SEVERITIES)
    fixable = sum(bool(finding.fix) for finding in report.findings)
    fix = f" {fixable:,} of them have a safe fix: sde fix {path}" if fixable else ""
    return f"{len(report.findings):,} findings ({counts}).{fix}\nLook at the rows and decide: sde {path}"
