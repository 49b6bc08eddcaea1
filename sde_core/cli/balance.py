"""`sde balance`: classes of every label-like field, against target shares."""

from __future__ import annotations

from collections.abc import Sequence

import click

from sde_core.checks.balance import DERIVED, BalanceReport, FieldBalance, class_balance, class_title
from sde_core.checks.balance_targets import DropPlan, Target, TargetVerdict, drop_plan, field_of_target, parsed_target, verdict
from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress
from sde_core.dataset import Dataset
from sde_core.features.answer_kind import ANSWER_KINDS
from sde_core.visible import visible

_DERIVED = "\n".join(f"  {name:<15}{meaning}" for name, meaning in DERIVED.items())
_KINDS = "\n".join(f"  {name:<15}{meaning}" for name, meaning in ANSWER_KINDS.items())
_EPILOG = f"""\b
Computed classes:
{_DERIVED}

\b
Kinds of answers, the first that fits:
{_KINDS}

\b
evenness: entropy of the shares over that of equal shares; imbalance: largest class over smallest;
rare: less than a tenth of the mean count, or a single row.

\b
Examples:
  sde balance data.jsonl
  sde balance data.jsonl --field category --field meta.source
  sde balance data.jsonl --target refusal=5% --target positive=50%
  sde balance data.jsonl --json | jq '.fields[0].classes'"""

_BAR = 24


@click.command("balance", epilog=_EPILOG)
@data_options
@click.option(
    "--field", "fields", multiple=True, metavar="F", help="Only this field, nested ones as meta.source; repeatable. All label-like fields by default."
)
@click.option("--target", "targets", multiple=True, metavar="CLASS=SHARE", help="Share that a class should have, as 5% or 0.05; repeatable.")
@click.option("--show", default=12, show_default=True, metavar="N", help="Classes to print of each field; --json prints all.")
@json_option
def command(dataset: Dataset, fields: tuple[str, ...], targets: tuple[str, ...], show: int, as_json: bool) -> None:
    """Count the classes of every label-like field of DATA, nested fields and computed classes too."""
    wanted = [parsed_target(text) for text in targets]
    with stderr_progress("counting") as progress:
        report = class_balance(dataset, fields, progress=progress)
    shown = [report.field(name) for name in fields] or list(report.fields)
    verdicts, plans = _against_targets(report, wanted, fields)
    if as_json:
        emit_json(
            {
                "dataset": {"path": dataset.path, "rows": len(dataset), "readable": report.rows, "layout": dataset.layout.name},
                "fields": [balance.to_json() for balance in shown],
                "targets": [one.to_json() for one in verdicts],
                "plans": [plan.to_json() for plan in plans],
            }
        )
        return
    for balance in shown:
        _print_field(balance, show)
    for one in verdicts:
        click.echo(_verdict_line(one))
    for plan in plans:
        click.echo(_plan_line(plan))


def _against_targets(report: BalanceReport, targets: Sequence[Target], fields: Sequence[str]) -> tuple[list[TargetVerdict], list[DropPlan]]:
    """A verdict for each target, and a plan for each field with targets."""
    by_field: dict[str, list[Target]] = {}
    for target in targets:
        by_field.setdefault(field_of_target(report, target, fields[0] if len(fields) == 1 else "").field, []).append(target)
    verdicts = [verdict(report.field(field), target) for field, several in by_field.items() for target in several]
    return verdicts, [drop_plan(report.field(field), several) for field, several in by_field.items()]


def _print_field(balance: FieldBalance, show: int) -> None:
    source = {"label": "label", "field": "field", "derived": "computed"}[balance.source]
    missing = f" · {balance.missing:,} rows without" if balance.missing else ""
    click.echo(f"{visible(balance.field)} ({source}) · {len(balance.classes):,} classes in {balance.rows:,} rows{missing}")
    click.echo(f"  entropy {balance.entropy:.2f} bits · evenness {balance.evenness:.2f} · imbalance {balance.imbalance:,.1f} : 1")
    largest = balance.classes[0].count if balance.classes else 1
    for counted in balance.classes[:show]:
        bar = "█" * max(round(_BAR * counted.count / largest), 1)
        rare = "  rare" if counted.rare else ""
        click.echo(f"  {visible(class_title(counted.name), 32):<32} {counted.count:>9,} {counted.share:>7.1%}  {bar}{rare}")
    if len(balance.classes) > show:
        click.echo(f"  … and {len(balance.classes) - show:,} more classes (--show {len(balance.classes)}, or --json)")
    for usual, *others in balance.variants:
        click.echo(f"  one label in several spellings: {', '.join(repr(visible(name, 40)) for name in (usual, *others))}")
    click.echo()


def _verdict_line(one: TargetVerdict) -> str:
    name = f"{visible(one.name, 40)} in {visible(one.field, 40)}: {one.count:,} rows, {one.share:.2%}, target {one.target:.2%}"
    if one.verdict == "over":
        return f"{name} · over: drop {one.drop:,} of them"
    if one.verdict == "under":
        return f"{name} · under: add {one.add:,} more"
    return f"{name} · met"


def _plan_line(plan: DropPlan) -> str:
    drops = ", ".join(f"{count:,} of {visible(name, 40) if name else 'the other classes'}" for name, count in plan.drop.items() if count)
    return f"By dropping alone: keep {plan.keep:,} rows, drop {drops}." if drops else f"Nothing to drop: {plan.keep:,} rows meet the targets."
