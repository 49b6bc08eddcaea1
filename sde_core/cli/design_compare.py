"""`sde design compare`: which design tunes best, measured on one's own records."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import emit_json, json_option
from sde_core.cli.design_records import COMPARED, records_of, task_of, with_task
from sde_core.errors import UsageError
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.evaluate.design_results import DesignComparison


@click.command(
    "compare",
    epilog="""\b
Every design is trained on the same records, in the same order, for the same
number of steps, then asked for the records it has not seen. The untuned model
is asked first, in every design, with no example and with two: Kendall's tau
says whether what prompts well also tunes well. The job can be stopped and
resumed; sde design results reads it any time.

\b
Examples:
  sde design compare reviews.jsonl --task task.yaml
  sde design compare reviews.jsonl --design es-sde --design ew-sde \\
      --sizes 500,1000 --seeds 3 --ood laptops.jsonl
  sde design results""",
)
@with_task
@click.option("--design", "designs", metavar="DESIGN", multiple=True, default=COMPARED, show_default=True, help="Repeatable.")
@click.option("--sizes", default="500", show_default=True, help="Training records of a run, separated by commas.")
@click.option("--seeds", default=3, show_default=True, help="Runs of each design and size.")
@click.option("--wordings", default="0", show_default=True, help="Which of the task's instructions, from 0, separated by commas.")
@click.option("--test", "test_path", metavar="FILE", help="Records to test on; a fifth of DATA, at most 200, when omitted.")
@click.option("--ood", "ood_path", metavar="FILE", help="Records of another domain to test on too.")
@click.option("--ood-task", "ood_task_path", metavar="FILE", type=click.Path(path_type=Path), help="Their task, where it is another.")
@click.option("--model", help="A model folder or hub name; the base model that comes with sde when omitted.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="One value of the recipe; repeatable.")
@click.option("--temperature", default=0.0, show_default=True, help="0 for the likeliest token every time.")
@click.option("--before/--no-before", default=True, show_default=True, help="Ask the untuned model too.")
@click.option("--attach/--detach", default=None, help="Follow the job, or return at once; follows on a terminal by default.")
@json_option
@click.pass_context
def compare_command(
    ctx: click.Context, data: str, task_path: Path | None, text_field: str, said_field: str, designs: tuple[str, ...], sizes: str, seeds: int,
    wordings: str, test_path: str | None, ood_path: str | None, ood_task_path: Path | None, model: str | None, settings: Sequence[str],
    temperature: float, before: bool, attach: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Train DATA in several designs and score what each answers, as a job that outlives this terminal."""
    from sde_core.cli.following import leave_or_follow
    from sde_core.cli.train import asked_recipe
    from sde_core.evaluate.design_grid import DesignRequest, launch_design_compare, split_records, training_records
    from sde_core.project import Project

    file = task_of(data, task_path, text_field, said_field)
    project = Project.of(data)
    recipe = asked_recipe(project, model, None, tuple(settings))
    request = DesignRequest(
        tuple(designs), _numbers(sizes, "--sizes"), seeds, _numbers(wordings, "--wordings"), temperature=temperature, before=before
    )
    records = list(records_of(data, file)[0].values())
    if test_path is None:
        train, test = split_records(records, None, recipe.seed)
    else:
        test = list(records_of(test_path, file)[0].values())
        train = training_records(records, {record.text for record in test}, recipe.seed)
    other = task_of(ood_path, ood_task_path, "", "") if ood_path and ood_task_path else file
    ood = (other.task, list(records_of(ood_path, other)[0].values())) if ood_path else None
    if ood is not None:
        train = training_records(train, {record.text for record in ood[1]}, recipe.seed)
    job = launch_design_compare(project.created().jobs_dir, request, recipe, file, train, test, ood=ood, dataset=data)
    leave_or_follow(ctx, job, attach, as_json=as_json)
    if job.status().state == "done" and not as_json:
        _print(job.folder)


@click.command("results")
@click.argument("identifier", metavar="[ID]", default="last")
@click.option("--data", metavar="DATA", help="The dataset whose comparison is meant; all in this folder when omitted.")
@json_option
def results_command(identifier: str, data: str | None, as_json: bool) -> None:
    """Show what a comparison of designs has found, also while it runs."""
    from sde_core.cli.finding_jobs import job_of_kind
    from sde_core.evaluate.design_grid import KIND
    from sde_core.evaluate.design_results import read_results

    job = job_of_kind(identifier, data, KIND)
    if as_json:
        emit_json({"id": job.id, "status": job.status().to_json(), **_json(read_results(job.folder))})
    else:
        _print(job.folder)


def _print(folder: Path) -> None:
    from sde_core.evaluate.design_results import read_results

    found = read_results(folder)
    click.echo(f"{found.runs} of {found.wanted} runs are finished.")
    _print_rows(found)
    for verdict in found.verdicts:
        _echo_folded(visible(verdict))
    for name, said in found.before.items():
        _echo_folded(f"before tuning, {visible(name, 40)}: " + ", ".join(f"{what} {value:.3g}" for what, value in said.items()))
    for what, tau in found.taus.items():
        click.echo(f"Kendall's tau of {what} with the tuned rank: {tau:+.2f}")


def _echo_folded(sentence: str) -> None:
    click.echo(textwrap.fill(sentence, 80, subsequent_indent="  "))


def _print_rows(found: DesignComparison) -> None:
    if not found.rows:
        return
    domains = [domain for domain in ("test", "ood") if any(f"{domain}.{found.metric}" in row.means for row in found.rows)]
    click.echo(f"{'design':<22} {'records':>7} {'runs':>4}" + "".join(f" {f'{domain} {found.metric}':>13} {'form':>6}" for domain in domains))
    for row in found.rows:
        cells = (_cell(row.means, row.spreads, domain, found.metric) for domain in domains)
        wording = f" w{row.wording}" if row.wording else ""
        click.echo(f"{visible(row.design, 22 - len(wording)) + wording:<22} {row.size:>7,} {row.runs:>4}" + "".join(cells))


def _cell(means: Any, spreads: Any, domain: str, metric: str) -> str:
    name = f"{domain}.{metric}"
    if name not in means:
        return " " * 21
    spread = f"±{spreads[name]:.3f}" if name in spreads else ""
    return f" {means[name]:>6.3f} {spread:<6} {means[f'{domain}.adherence']:>6.0%}"


def _json(found: DesignComparison) -> dict[str, Any]:
    import dataclasses

    return {
        "metric": found.metric,
        "runs": found.runs,
        "wanted": found.wanted,
        "rows": [dataclasses.asdict(row) for row in found.rows],
        "verdicts": list(found.verdicts),
        "before": dict(found.before),
        "taus": dict(found.taus),
    }


def _numbers(text: str, option: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{option} takes whole numbers separated by commas, not {text!r}.", f"For example {option} 500,1000.")
    return tuple(map(int, parts))
