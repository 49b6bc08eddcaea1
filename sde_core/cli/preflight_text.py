"""What `sde preflight` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sde_core.cli.common import talk
from sde_core.train.encode import VERDICTS
from sde_core.visible import visible
from sde_core.wording import count_of, duration, size_of, sparkline

if TYPE_CHECKING:
    from sde_core.train.estimate import RunEstimate
    from sde_core.train.preflight import Preflight, PreflightSummary
    from sde_core.train.recipe import Recipe

_SHOWN_ROWS = 10


def print_report(report: Preflight, recipe: Recipe, taken: RunEstimate | None) -> None:
    """The summary, what the run takes, and the first rows that something is off with."""
    summary = report.summary
    for line in (*_rows_lines(summary), *_run_lines(summary, recipe), *_cost_lines(summary, taken), *summary.notes):
        click.echo(line)
    for verdict, count in summary.verdicts.items():
        click.echo(f"{count:>9,}  {verdict:<9} {VERDICTS[verdict]}")  # type: ignore[index]
    if summary.special_text_rows:
        click.echo(f"{summary.special_text_rows:>9,}  hold text that the tokenizer takes for a special token")
    if report.working:
        click.echo(f"Nothing would train. These would change that: {', '.join(f'--set {setting}' for setting in report.working)}")
    off = [row for row in report.rows if row.verdict != "ok"]
    for row in off[:_SHOWN_ROWS]:
        reason = f"; {visible(row.reason, 200)}" if row.reason else ""
        click.echo(f"  row {row.row}: {row.verdict}, {row.trained:,} of {row.tokens:,} tokens train{reason}")
    if len(off) > _SHOWN_ROWS:
        talk(f"… and {len(off) - _SHOWN_ROWS:,} more; --json lists every row")


def _rows_lines(summary: PreflightSummary) -> list[str]:
    tokens = f"{summary.trained:,} of {summary.tokens:,} tokens carry loss"
    lines = [f"{summary.training_rows:,} of {summary.rows:,} rows train: {tokens} ({summary.form})"]
    if summary.histogram:
        bars = sparkline([count for _, _, count in summary.histogram])
        lines.append(f"tokens: 0 {bars} {summary.longest:,}, median {summary.median:,}, at most {summary.max_length:,} are read")
    if summary.answers_cut_wholly or summary.answers_cut_partly:
        lines.append(f"answers are cut away wholly in {summary.answers_cut_wholly:,} rows, in part in {summary.answers_cut_partly:,}")
    return lines


def _run_lines(summary: PreflightSummary, recipe: Recipe) -> list[str]:
    lines = []
    if summary.samples > summary.training_rows:
        lines.append(f"long rows are split: {summary.samples:,} samples of at most {summary.max_length:,} tokens")
    if recipe.packing:
        lines.append(f"packed into {summary.sequences:,} sequences of at most {summary.max_length:,} tokens (group_by_length does nothing then)")
    how = "packed" if recipe.packing else "grouped by length" if recipe.group_by_length else "in chance order"
    epochs = "1 epoch" if summary.epochs == 1 else f"{summary.epochs:g} epochs"
    lines.append(f"{count_of(summary.steps, 'step')}, {epochs}, {count_of(summary.held_out, 'row')} held out")
    lines.append(f"batches of {recipe.batch_size}, {how}: {summary.padding_share:.1%} is padding")
    return lines


def _cost_lines(summary: PreflightSummary, taken: RunEstimate | None) -> list[str]:
    if not summary.sequences:
        return []
    if taken is None:
        return ["time and memory: not measured; --probe measures a few steps on this machine"]
    parts = [("to start", taken.start_seconds), ("of steps", taken.training_seconds), ("of evaluations", taken.evaluation_seconds)]
    parts.append(("to save", taken.checkpoint_seconds + taken.finish_seconds))
    held, where = (taken.gpu_memory, "GPU memory") if taken.gpu_memory else (taken.memory, "memory")
    lines = [
        f"about {duration(taken.seconds)} on {visible(taken.device, 60)}: {', '.join(f'{duration(seconds)} {what}' for what, seconds in parts)}",
        f"up to {size_of(held)} of {where}: {'fits' if taken.fits else 'does not fit'}, {size_of(taken.free)} are free",
    ]
    if taken.beyond_probe:
        lines.append("its longest batch is longer than what was measured: --probe measures again")
    return lines
