"""What `sde balance` prints for people: fields, cross-tables, targets and the rows they drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sde_core.visible import visible
from sde_core.wording import count_of, quoted_if_padded

if TYPE_CHECKING:
    from sde_core.checks.balance import FieldBalance
    from sde_core.checks.balance_crosstab import CrossTab
    from sde_core.checks.balance_drops import RowToDrop
    from sde_core.checks.balance_targets import DropPlan, TargetVerdict

_BAR = 24
_WIDTH = 80
_NAME, _MOST_DOWN = 22, 20
_NARROWEST, _WIDEST = 8, 14
_ROWS_PRINTED = 12
_SOURCES = {"label": "label", "field": "field", "derived": "computed"}


def print_fields(fields: Sequence[FieldBalance], show: int, waiting: Sequence[str], *, listing: bool) -> None:
    """Every field with its classes, or in one line."""
    if listing:
        click.echo(f"{'field':<24} {'':<8} {'classes':>7} {'rows':>9} {'entropy':>7} {'even':>5} {'imbalance':>11}")
    for balance in fields:
        _print_in_one_line(balance) if listing else _print_field(balance, show)
    if waiting:
        click.echo("Not computed, ask for it by name: " + ", ".join(f"--field {name}" for name in waiting))


def _print_in_one_line(balance: FieldBalance) -> None:
    rare = f"  {len(balance.rare)} rare" if balance.rare else ""
    click.echo(
        f"{visible(balance.field, 24):<24} {_SOURCES[balance.source]:<8} {len(balance.classes):>7,} {balance.rows:>9,} {balance.entropy:>7.2f} "
        f"{balance.evenness:>5.2f} {balance.imbalance:>7,.1f} : 1{rare}"
    )


def _print_field(balance: FieldBalance, show: int) -> None:
    missing = f" · {count_of(balance.missing, 'row')} without" if balance.missing else ""
    counts = f"{count_of(len(balance.classes), 'class', 'classes')} in {count_of(balance.rows, 'row')}"
    click.echo(f"{visible(balance.field)} ({_SOURCES[balance.source]}) · {counts}{missing}")
    click.echo(f"  entropy {balance.entropy:.2f} bits · evenness {balance.evenness:.2f} · imbalance {balance.imbalance:,.1f} : 1")
    largest = balance.classes[0].count if balance.classes else 1
    for counted in balance.classes[:show]:
        bar = "█" * max(round(_BAR * counted.count / largest), 1)
        rare = "  rare" if counted.rare else ""
        click.echo(f"  {visible(quoted_if_padded(counted.name), 32):<32} {counted.count:>9,} {counted.share:>7.1%}  {bar}{rare}")
    if len(balance.classes) > show:
        more = count_of(len(balance.classes) - show, "more class", "more classes")
        click.echo(f"  … and {more} (--show {len(balance.classes)}, or --json)")
    for usual, *others in balance.variants:
        click.echo(f"  one label in several spellings: {', '.join(repr(visible(name, 40)) for name in (usual, *others))}")
    click.echo()


def print_tables(tables: Sequence[CrossTab]) -> None:
    """Each cross-table as far as 80 columns hold it."""
    for table in tables:
        _print_table(table)


def _print_table(table: CrossTab) -> None:
    cell = min(max(_NARROWEST, *(len(name) + 2 for name in table.across)), _WIDEST)
    across = table.across[: (_WIDTH - _NAME) // cell - 1]
    click.echo(f"{visible(table.field)} by {visible(table.by)} · {count_of(int(table.counts.sum()), 'row')} · association {table.association:.2f}")
    lines = [("", [visible(quoted_if_padded(name), cell - 1) for name in across], "all")]
    for name, counts in list(zip(table.down, table.counts, strict=True))[:_MOST_DOWN]:
        lines.append((visible(quoted_if_padded(name), _NAME - 1), [f"{count:,}" for count in counts[: len(across)]], f"{counts.sum():,}"))
    lines.append(("all", [f"{count:,}" for count in table.counts.sum(axis=0)[: len(across)]], f"{table.counts.sum():,}"))
    for title, cells, total in lines:
        click.echo(f"{title:<{_NAME}}" + "".join(f"{text:>{cell}}" for text in (*cells, total)))
    hidden = [f"{len(table.down) - _MOST_DOWN:,} more down"] if len(table.down) > _MOST_DOWN else []
    hidden += [f"{len(table.across) - len(across):,} more across"] if len(table.across) > len(across) else []
    if hidden:
        click.echo(f"… and {', '.join(hidden)} (--json has all)")
    click.echo()


def print_targets(verdicts: Sequence[TargetVerdict], plans: Sequence[DropPlan], dropped: Sequence[tuple[DropPlan, list[RowToDrop]]]) -> None:
    """How far each class is from its target, how to meet all by dropping, and with which rows."""
    for one in verdicts:
        click.echo(_verdict_line(one))
    for plan in plans:
        click.echo(_plan_line(plan))
    for _, rows in dropped:
        for row in rows[:_ROWS_PRINTED]:
            click.echo(f"  row {row.row:,}  {row.why}")
        if len(rows) > _ROWS_PRINTED:
            click.echo(f"  … and {count_of(len(rows) - _ROWS_PRINTED, 'more row')} (--json has all)")


def _verdict_line(one: TargetVerdict) -> str:
    name = f"{visible(one.name, 40)} in {visible(one.field, 40)}: {count_of(one.count, 'row')}, {one.share:.2%}, target {one.target:.2%}"
    if one.verdict == "over":
        return f"{name} · over: drop {one.drop:,} of them"
    if one.verdict == "under":
        return f"{name} · under: add {one.add:,} more"
    return f"{name} · met"


def _plan_line(plan: DropPlan) -> str:
    drops = ", ".join(f"{count:,} of {visible(name, 40) if name else 'the other classes'}" for name, count in plan.drop.items() if count)
    return (
        f"By dropping alone: keep {count_of(plan.keep, 'row')}, drop {drops}."
        if drops
        else f"Nothing to drop: {count_of(plan.keep, 'row')} meet the targets."
    )
