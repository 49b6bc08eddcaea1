"""`sde jobs diff`: what two runs differ in: recipe, rows, and what came of them."""

from __future__ import annotations

from typing import Any

import click

from sde_core.cli.common import emit_json
from sde_core.errors import UsageError
from sde_core.jobs import Job
from sde_core.train.history import RunComparison, compare_runs, previous_run
from sde_core.visible import visible
from sde_core.wording import count_of

_SHOWN_ROWS = 12


def show_difference(a: Job | None, b: Job, *, as_json: bool) -> None:
    """Print how run B differs from run A.

    Args:
        a: None for the run that was launched before B.
        b: A run.
        as_json: Print JSON and nothing else.

    Raises:
        UsageError: When there is no run before B.
        JobError: When one is no fine-tune.
    """
    a = a or previous_run(b)
    if a is None:
        raise UsageError(f"No run was launched before {b.id}.", "Name two: sde jobs diff 3f9a 77b0.")
    found = compare_runs(a, b)
    if as_json:
        emit_json(_json(a, b, found))
        return
    for line in difference_lines(a, b, found):
        click.echo(line)


def _json(a: Job, b: Job, found: RunComparison) -> dict[str, Any]:
    def places(rows: Any) -> list[dict[str, Any]]:
        return [{"row": place.row, "key": f"{place.key:016x}", "split": place.split} for place in rows]

    return {
        "a": {"id": a.id, "metrics": found.metrics_a},
        "b": {"id": b.id, "metrics": found.metrics_b},
        "recipe": found.recipe,
        "rows": {
            "only_a": places(found.only_a),
            "only_b": places(found.only_b),
            "both": found.both,
            "other_side": found.other_side,
            "held_out_incomparable": found.incomparable or None,
        },
    }


def difference_lines(a: Job, b: Job, found: RunComparison) -> list[str]:
    """The difference in words, for a terminal of 80 columns."""
    lines = [f"{'':<24}{'A ' + a.id[-4:]:>16}{'B ' + b.id[-4:]:>16}"]
    for name, words in (("train_loss", "loss, last ten steps"), ("held_out_loss", "held-out loss"), ("steps", "steps"), ("tokens", "tokens")):
        one, other = (metrics.get(name) if metrics else None for metrics in (found.metrics_a, found.metrics_b))
        lines.append(f"{words:<24}{_figure(one):>16}{_figure(other):>16}")
    lines.append(found.held_out_words)
    lines += ["", "recipe: the same" if not found.recipe else f"recipe: {count_of(len(found.recipe), 'setting')}"]
    lines += [f"  {change.name:<22}{visible(str(change.before), 24):>16} → {visible(str(change.after), 24)}" for change in found.recipe]
    lines += ["", f"rows: {found.both:,} in both, {len(found.only_a):,} only in A, {len(found.only_b):,} only in B"]
    lines += [f"  {count_of(found.other_side, 'row')} trained in one and held out in the other"] if found.other_side else []
    for name, places in (("A", found.only_a), ("B", found.only_b)):
        if places:
            shown = ", ".join(f"{place.row:,}" for place in places[:_SHOWN_ROWS])
            more = f" and {len(places) - _SHOWN_ROWS:,} more: --json" if len(places) > _SHOWN_ROWS else ""
            lines.append(f"  only in {name}: {shown}{more}")
    return lines


def _figure(value: Any) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
