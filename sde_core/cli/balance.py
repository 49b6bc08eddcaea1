"""`sde balance`: classes of every label-like field, two fields against each other, and target shares with the rows to drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from sde_core.checks.balance_derived import DERIVED
from sde_core.cli import balance_text
from sde_core.cli.common import cache_folder, data_options, emit_json, journal_if_any, journal_of, json_option, stderr_progress, talk_of_decision
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.features.answer_kind import ANSWER_KINDS

if TYPE_CHECKING:
    from sde_core.checks.balance import BalanceReport
    from sde_core.checks.balance_drops import DropOrder, RowToDrop
    from sde_core.checks.balance_targets import DropPlan, Target, TargetVerdict

_DERIVED = "\n".join(f"  {derived.name:<17}{derived.meaning}" for derived in DERIVED)
_KINDS = "\n".join(f"  {name:<16}{meaning}" for name, meaning in ANSWER_KINDS.items())
_EPILOG = f"""\b
Computed classes:
{_DERIVED}

\b
The bands are 0, 1-10, 11-50, 51-200, 201-500 and more words in every dataset.
prompt-template and topic, and on a large file whatever takes long, are
computed when --field or --by names them.

\b
Kinds of answers, the first that fits:
{_KINDS}

\b
evenness: entropy of the shares over that of equal shares; imbalance: largest
class over smallest; rare: less than a tenth of the mean count, or a single
row, said of fields of the data only; association: Cramér's V, 0 where two
fields know nothing of each other, 1 where one says the other.

\b
Examples:
  sde balance data.jsonl --list
  sde balance data.jsonl --field category --by split
  sde balance data.jsonl --field topic --field answer-language
  sde balance data.jsonl --target refusal=5% --drop redundant
  sde balance data.jsonl --target refusal=5% --drop random --seed 3 --apply
  sde balance data.jsonl --json | jq '.fields[0].classes'"""


@click.command("balance", epilog=_EPILOG)
@data_options
@click.option(
    "--field", "fields", multiple=True, metavar="F", help="Only this field, nested ones as meta.source; repeatable. All label-like fields by default."
)
@click.option("--by", metavar="G", help="Count each pair of classes of --field (by default the first field) and this one.")
@click.option("--target", "targets", multiple=True, metavar="CLASS=SHARE", help="Share that a class should have, as 5% or 0.05; repeatable.")
@click.option(
    "--drop", "order", type=click.Choice(["redundant", "random"]), help="Say which rows to drop for the targets: those like others first, or any."
)
@click.option("--seed", default=7, show_default=True, metavar="S", help="Of what is dropped at random.")
@click.option("--apply", is_flag=True, help="Reject the rows of --drop, each with its reason; sde undo takes it back.")
@click.option("--all", "all_rows", is_flag=True, help="Count rejected rows too.")
@click.option("--list", "listing", is_flag=True, help="One line a field.")
@click.option("--show", default=12, show_default=True, metavar="N", help="Classes to print of each field; --json prints all.")
@json_option
def command(dataset: Dataset, fields: tuple[str, ...], by: str | None, targets: tuple[str, ...], order: DropOrder | None, seed: int, apply: bool,
            all_rows: bool, listing: bool, show: int, as_json: bool) -> None:  # fmt: skip
    """Count the classes of every label-like field of DATA, nested fields and computed classes too.

    Rows that were rejected before do not count, unless --all.
    """
    from sde_core.checks.balance_crosstab import cross_tab
    from sde_core.checks.balance_targets import parsed_target

    _refuse_what_makes_no_sense(targets, order, apply)
    wanted = [parsed_target(text) for text in targets]
    report = _counted(dataset, [*fields, *([by] if by else [])])
    report = report if all_rows else report.without(_rejected(dataset))
    shown = [report.field(name) for name in fields] or list(report.fields)
    tables = [cross_tab(report.column(name), report.column(by)) for name in fields or _first_other(report, by)] if by else []
    verdicts, plans = _against_targets(report, wanted, fields)
    dropped = _dropped(dataset, report, plans, order, seed) if order else []
    if as_json:
        found = {
            "dataset": {"path": dataset.path, "rows": len(dataset), "readable": report.rows, "layout": dataset.layout.name},
            "fields": [balance.to_json() for balance in shown],
            "not_computed": list(report.waiting),
            "targets": [one.to_json() for one in verdicts],
            "plans": [plan.to_json() for plan in plans],
        }
        found |= {"tables": [table.to_json() for table in tables]} if by else {}
        found |= {"drops": [row.to_json() for _, rows in dropped for row in rows]} if order else {}
        emit_json(found)
    elif tables:
        balance_text.print_tables(tables)
    else:
        concerned = {one.field for one in verdicts} if verdicts and not listing else set()
        only = [balance for balance in shown if balance.field in concerned] if concerned else shown
        balance_text.print_fields(only, show, () if fields or concerned else report.waiting, listing=listing)
    if not as_json:
        balance_text.print_targets(verdicts, plans, dropped)
    if apply:
        _reject(dataset, dropped)


def _refuse_what_makes_no_sense(targets: Sequence[str], order: str | None, apply: bool) -> None:
    if order and not targets:
        raise UsageError("--drop needs a target.", "For example: --target refusal=5% --drop redundant.")
    if apply and not order:
        raise UsageError("--apply needs --drop.", "Say what goes first: --drop redundant or --drop random.")


def _counted(dataset: Dataset, names: Sequence[str]) -> BalanceReport:
    from sde_core.checks.balance import class_balance

    cached = cache_folder(dataset) if "topic" in names else None
    with stderr_progress("counting") as progress:
        return class_balance(dataset, names, cache_dir=cached, progress=progress)


def _rejected(dataset: Dataset) -> Any:
    """uint32[k], readable rows that were rejected."""
    with journal_if_any(dataset, writing=False) as journal:
        rejected: Any = [] if journal is None else journal.state.rejected_rows()
    readable = dataset.texts()["row"].to_numpy()
    return readable[np.isin(readable, rejected)]


def _first_other(report: BalanceReport, by: str) -> list[str]:
    """The first field that is not `by`.

    Raises:
        UsageError: When there is none.
    """
    names = [balance.field for balance in report.fields if balance.field != by]
    if not names:
        raise UsageError(f"There is no other field to hold against {by!r}.", "Name one with --field.")
    return names[:1]


def _against_targets(report: BalanceReport, targets: Sequence[Target], fields: Sequence[str]) -> tuple[list[TargetVerdict], list[DropPlan]]:
    """A verdict for each target, and a plan for each field in which not all targets are met."""
    from sde_core.checks.balance_targets import drop_plan, field_of_target, verdict

    by_field: dict[str, list[Target]] = {}
    for target in targets:
        by_field.setdefault(field_of_target(report, target, fields[0] if len(fields) == 1 else "").field, []).append(target)
    verdicts = {field: [verdict(report.field(field), target) for target in several] for field, several in by_field.items()}
    missed = [field for field in by_field if any(one.verdict != "met" for one in verdicts[field])]
    return [one for several in verdicts.values() for one in several], [drop_plan(report.field(field), by_field[field]) for field in missed]


Dropped = list[tuple["DropPlan", list["RowToDrop"]]]


def _dropped(dataset: Dataset, report: BalanceReport, plans: Sequence[DropPlan], order: DropOrder, seed: int) -> Dropped:
    from sde_core.checks.balance_drops import rows_to_drop

    with stderr_progress("comparing") as progress:
        texts = dataset.texts()
        return [(plan, rows_to_drop(report.column(plan.field), plan.drop, texts, order=order, seed=seed, progress=progress)) for plan in plans]


def _reject(dataset: Dataset, dropped: Dropped) -> None:
    """Rejects the rows, each with the reason that its plan gives."""
    from sde_core.checks.balance_drops import drop_reason

    reasons: dict[int, Any] = {}
    for plan, rows in dropped:
        reasons.update({row.row: drop_reason(plan.field, row) for row in rows})
    if reasons:
        with journal_of(dataset) as journal:
            talk_of_decision(journal.reject(list(reasons), list(reasons.values())), dataset)
