"""`sde check`: everything that is wrong with a dataset, worst first."""

from __future__ import annotations

import time
from pathlib import Path

import click
import orjson

from sde_core.checks import run_checks
from sde_core.checks.config import config_for
from sde_core.checks.findings import SEVERITIES, Finding, Severity
from sde_core.checks.report import Action, CheckReport, finding_json
from sde_core.checks.summary import encodable_json, report_format, write_report
from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.files import atomic_write
from sde_core.project import Project
from sde_core.visible import visible
from sde_core.wording import count_of

_MESSAGE, _EVIDENCE = 150, 120
_CACHED_FROM_ROWS = 5_000
"""A smaller dataset without a state folder is checked again sooner than a folder is made beside it."""
_EPILOG = """\b
Severities: error harms training, warning likely does, info is worth a look.
Order: damage = rows touched x severity (error 1, warning 0.4, info 0.05)
x certainty (0-1).
Row numbers count records from 0, malformed ones included; line numbers count
from 1.

\b
JSON: {"dataset":{"path","rows","bad_lines","layout","fingerprint"},
"counts":{check:n},
"findings":[{"row","rows","line","check","severity","score","field","message",
"evidence","fix"}],"silenced":[{"check","reason","findings"}],"cached":bool};
the file of -o holds one finding a line.

\b
sde.toml, beside the data or in a folder above, or --config:
  fail_on = "warning"
  [thresholds]
  near = 0.85
  [[silence]]                            narrowed by check, field, rows, keys
  check = "rare-class"
  field = "source"
  reason = "three kiosks opened in May"  must be there

\b
Examples:
  sde check data.jsonl
  sde check data.jsonl --fail-on error      exit code 1 if there is an error
  sde check data.jsonl --report report.md --report report.sarif
  sde check data.jsonl --only mojibake,odd-answer --json
  sde check --list                          names of all checks"""


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
@click.option(
    "--report",
    "reports",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Write a one-page report: FILE.md, FILE.json or FILE.sarif; repeatable.",
)
@click.option("--format", "form", type=click.Choice(["markdown", "json", "sarif"]), help="Form of --report where the file's name does not say it.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Thresholds and silences; by default the nearest sde.toml beside the data or above.",
)
@click.option("--no-cache", is_flag=True, help="Check again even if the very same content was checked before.")
@json_option
def command(
    dataset: Dataset, only: str | None, output: Path | None, fail_on: Severity | None, reports: tuple[Path, ...], form: str | None,
    config: Path | None, no_cache: bool, as_json: bool,
) -> int:  # fmt: skip
    """Check DATA: fields, turns, characters, answers, duplicates, labels."""
    from sde_core.checks.runner import known_names

    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    forms = [report_format(path, form) for path in reports]
    agreed = config_for(dataset.path, known_names(), config)
    with stderr_progress("checking") as progress:
        report = run_checks(dataset, names, agreed.params, progress=progress, cache_dir=None if no_cache else _cache_dir(dataset))
    report = report.with_silences(agreed.silences, dataset)
    if output is not None:
        atomic_write(output, (orjson.dumps(encodable_json(finding_json(finding, dataset))) + b"\n" for finding in report.findings))
        talk(f"{count_of(len(report.findings), 'finding')} written to {visible(str(output))}.")
    for path, chosen in zip(reports, forms, strict=True):
        write_report(path, report, dataset, chosen)
        talk(f"Report written to {visible(str(path))}.")
    if as_json:
        emit_json(encodable_json(report.to_json(dataset)))
    else:
        _print(report, dataset, str(agreed.path or ""))
    return 1 if fails(report, fail_on or agreed.fail_on) else 0


def _cache_dir(dataset: Dataset) -> Path | None:
    """Where reports are kept: in the state folder, which is made for datasets that take a while."""
    project = Project.of(dataset.path)
    dataset.read_all()
    return project.cache_dir if project.state_dir.exists() or len(dataset) >= _CACHED_FROM_ROWS else None


def fails(report: CheckReport, fail_on: Severity | None) -> bool:
    """Whether a finding is as bad as `fail_on` or worse."""
    worst = report.worst()
    return fail_on is not None and worst is not None and SEVERITIES.index(worst) <= SEVERITIES.index(fail_on)


def _print(report: CheckReport, dataset: Dataset, config: str) -> None:
    bad = f", {report.bad_lines:,} of them malformed" if report.bad_lines else ""
    click.echo(f"{visible(dataset.name)}: {count_of(report.rows, 'row')}{bad} · layout {visible(dataset.layout.name)} · {len(report.checks)} checks")
    if report.cached_at:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.cached_at))
        click.echo(f"From the cache: this very content was checked {at}; --no-cache checks again.")
    if not report.findings:
        click.echo("Nothing found." if not report.silenced else "Nothing found that is not silenced.")
    for action in report.actions():
        click.echo()
        _print_check(action, report.of(action.check), dataset)
    if report.silenced:
        _print_silenced(report, config)
    if report.findings:
        click.echo()
        click.echo(_next_step(report, dataset))


def _print_silenced(report: CheckReport, config: str) -> None:
    click.echo(f"\nSilenced by {visible(config)}: {count_of(len(report.silenced), 'finding')}")
    for (check, reason), count in report.silenced_counts.items():
        click.echo(f"{count:>8,} {check:<22} {visible(reason, 110)}")


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
    fix = f" {fixable:,} of them {'has' if fixable == 1 else 'have'} a safe fix: sde fix {path}" if fixable else ""
    return f"{count_of(len(report.findings), 'finding')} ({counts}).{fix}\nLook at the rows and decide: sde {path}"
