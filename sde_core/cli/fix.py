"""`sde fix`: the safe fixes that the checks propose, shown before they are applied as decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from sde_core.checks import run_checks
from sde_core.checks.config import config_for
from sde_core.checks.findings import Finding
from sde_core.checks.fixes import FIXES, STYLE_FAMILIES, TARGETED_FIXES, changed_part, fix_edits
from sde_core.cli.common import data_options, emit_json, journal_of, json_option, stderr_progress, talk, talk_of_decision
from sde_core.dataset import Dataset, Edit
from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

_SHOWN = 74
_EPILOG = """\b
The file is never written: a fix is an edit in the journal, and sde undo takes
it back. sde export writes the data with all edits. What sde.toml silences is
left as it is.

\b
Examples:
  sde fix data.jsonl                                  what would change
  sde fix data.jsonl --only trim-whitespace,mojibake  fixes or checks by name
  sde fix data.jsonl --only repair-encoding --apply
  sde fix data.jsonl --only mixed-dates               dates as most answers do"""


@click.command("fix", epilog=_EPILOG)
@data_options
@click.option("--only", metavar="NAME,…", help="These fixes alone, or those of these checks.")
@click.option("--preview/--apply", default=True, show_default=True, help="Show what would change, or do it, as one decision a fix.")
@click.option("--show", default=3, show_default=True, metavar="N", help="Changes of each fix to print; --json prints all.")
@json_option
def command(dataset: Dataset, only: str | None, preview: bool, show: int, as_json: bool) -> None:
    """Apply safe fixes to DATA: white space, encodings, markers, label spellings, dates, numbers, units, quotes, lists, JSON keys."""
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    from sde_core.checks.runner import known_names

    agreed = config_for(dataset.path, known_names())
    with stderr_progress("checking") as progress:
        report = run_checks(dataset, (), agreed.params, progress=progress).with_silences(agreed.silences, dataset)
    wrong = [name for name in names if name not in FIXES and name not in TARGETED_FIXES and name not in {info.name for info in report.checks}]
    if wrong:
        raise UsageError(f"There is no fix or check named {wrong[0]!r}.", "Fixes: " + ", ".join(_known_fixes()) + ".")
    findings = [finding for finding in report.findings if finding.fix and (not names or finding.fix in names or finding.check in names)]
    edits = fix_edits(dataset, findings)
    if as_json:
        emit_json(
            {"edits": [{"row": edit.row, "path": edit.path, "before": edit.before, "after": edit.after} for edit in edits], "applied": not preview}
        )
    else:
        _print(edits, findings, show)
    if edits and not preview:
        _apply(dataset, edits, findings)
    elif edits and not as_json:
        talk(f"Nothing was changed. Apply with: sde fix {visible(dataset.path)} {f'--only {only} ' if only else ''}--apply")


def _known_fixes() -> list[str]:
    """Names of fixes, those that rewrite to one of several styles as one."""
    rewriting = {fix: f"{family.fix_name('…')}" for family in STYLE_FAMILIES for fix in family.fixes()}
    return list(dict.fromkeys(rewriting.get(fix, fix) for fix in [*FIXES, *TARGETED_FIXES]))


def _print(edits: Sequence[Edit], findings: Sequence[Finding], show: int) -> None:
    fix_of = {(row, finding.field): finding.fix for finding in findings for row in finding.rows}
    counts: Counter[str] = Counter(finding.fix for finding in findings for _ in finding.rows)
    click.echo(f"{count_of(len(edits), 'text')} in {count_of(len({edit.row for edit in edits}), 'row')} would change.")
    from sde_core.checks.fields import field_name

    for fix, count in counts.most_common():
        click.echo(f"\n{fix} · {count_of(count, 'text')}")
        of_fix = [edit for edit in edits if fix_of.get((edit.row, field_name(edit.path))) == fix]
        for edit in of_fix[:show]:
            before, after = changed_part(edit)
            click.echo(f"  row {edit.row} [{visible(field_name(edit.path), 40)}]")
            click.echo(f"    - {visible(before, _SHOWN)}")
            click.echo(f"    + {visible(after, _SHOWN) or '(empty)'}")


def _apply(dataset: Dataset, edits: Sequence[Edit], findings: Sequence[Finding]) -> None:
    names = ", ".join(dict.fromkeys(finding.fix for finding in findings))
    with journal_of(dataset) as journal:
        decision = journal.edit(edits, f"fix: {names}")
    talk_of_decision(decision, dataset)
