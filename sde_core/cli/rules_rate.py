"""`sde rules rate`: a model rates rows by the plain rules of the rule book; a sample first, the rest once its price is known."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.project import Project
    from sde_core.rules.plain_rule import PlainRule
    from sde_core.rules.rating import RatingParams, RatingReport
    from sde_core.rules.rating.opening import Handling

FORM_NAMES = ("expected", "scale", "paper")


@click.command(
    "rate",
    epilog="""\b
Prompts:
  expected  expected place on a scale of 1 to 5, from the probabilities of its
            tokens; becomes scale where a server tells none
  scale     a number from 1 to 5 as the model writes it
  paper     a number from 0 to 1, in the words of arXiv 2410.04715

\b
Examples:
  sde rules rate data.jsonl --judge http://127.0.0.1:8000/v1
  sde rules rate data.jsonl --judge ./Qwen3-4B --rules answers-it,polite
  sde rules rate data.jsonl --judge https://api.openai.com/v1 \\
      --model gpt-4.1-mini --api-key-env OPENAI_API_KEY \\
      --price-in 0.40 --price-out 1.60 --max-cost 5
  sde rules rate data.jsonl --yes --detach      by the judge of last time

Every rating is kept as soon as it is there; the same command goes on where it
was stopped and asks nothing twice. The key itself is never an argument.""",
)
@data_options
@click.option("--judge", metavar="URL|FOLDER", help="An OpenAI-style server or a transformers folder; that of the rule book when omitted.")
@click.option("--model", metavar="NAME", help="One of the server's models; may be left out where it has one.")
@click.option("--api-key-env", metavar="VAR", help="The environment variable that holds the server's key.")
@click.option("--api-key-file", metavar="FILE", type=click.Path(), help="A file that holds it.")
@click.option("--prompt", type=click.Choice(FORM_NAMES), help="How to ask; see below.  [default: expected]")
@click.option("--rules", "rule_names", metavar="NAME,…", help="Plain rules of the book; all that are on when omitted.")
@click.option("--sample", default=200, show_default=True, metavar="N", help="Rows that are rated first.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the sample.")
@click.option("--retest", default=0.25, show_default=True, metavar="SHARE", help="Share of the sample that is rated twice.")
@click.option("--concurrency", default=0, metavar="N", help="Questions under way at once at a server.  [default: 8]")
@click.option("--timeout", default=120.0, show_default=True, metavar="SECONDS", help="Longest wait for one reply.")
@click.option("--max-chars", default=0, metavar="N", help="Longer texts of a row lose their middle.  [default: 6000]")
@click.option("--unread-again", is_flag=True, help="Ask again where a reply was no rating.")
@click.option("--price-in", type=float, metavar="PRICE", help="Price of a million tokens that the judge reads.")
@click.option("--price-out", type=float, metavar="PRICE", help="Price of a million tokens that it writes.")
@click.option("--max-cost", type=float, metavar="PRICE", help="Stop before this much is spent.")
@click.option("--yes", is_flag=True, help="Rate all rows without asking.")
@click.option("--detach", is_flag=True, help="Rate in a job that outlives this terminal.")
@json_option
@click.pass_context
def rate_command(ctx: click.Context, /, dataset: Dataset, rule_names: str | None, yes: bool, detach: bool, as_json: bool, **options: Any) -> None:
    """Let a model rate rows by plain-language rules, 0 to 1.

    A sample comes first. Then the replies that could not be read, how far the judge agrees with itself, and what rating all rows would cost are
    shown, and you are asked.
    """
    from sde_core.project import Project
    from sde_core.rules.book_store import BookStore
    from sde_core.rules.rating import RatingParams
    from sde_core.rules.rating.opening import Handling

    project = Project.of(dataset.path).created()
    store = BookStore(project.rule_book_path)
    book = store.load()
    settings = judge_settings(book.judge, options)
    rules = _named_rules(book.plain_by_name, book.rated_rules, rule_names)
    params = RatingParams(
        options["sample"], False, options["retest"], options["seed"], options["unread_again"], settings.input_price, settings.output_price,
        options["max_cost"],
    )  # fmt: skip
    key_file = options["api_key_file"] or ""
    handling = Handling(options["concurrency"], options["timeout"], key_file=str(Path(key_file).absolute()) if key_file else "")
    work = _Work(dataset, project, rules, settings, handling, options["max_chars"])
    report = None
    if detach:
        work.detached(ctx, replace(params, everything=yes), as_json)
    else:
        report = work.rated(params, yes, as_json)
    store.change(f"rate by {visible(settings.model or settings.folder or settings.url, 60)}", lambda known: replace(known, judge=settings))
    if report is not None and report.run.lost:
        talk(f"{count_of(report.run.lost, 'question')} found no answer. {visible(report.run.problem, 400)} The same command asks them again.")
        ctx.exit(3)


class _Work:
    """What is rated, by whom; in this process or in a job."""

    def __init__(
        self, dataset: Dataset, project: Project, rules: Sequence[PlainRule], settings: JudgeSettings, handling: Handling, max_chars: int
    ) -> None:
        self.dataset, self.project, self.rules, self.settings = dataset, project, rules, settings
        self.handling, self.max_chars = handling, max_chars

    def detached(self, ctx: click.Context, params: RatingParams, as_json: bool) -> None:
        """Starts the job and says how to follow it."""
        from sde_core.cli.following import leave_or_follow
        from sde_core.rules.rating.job import launch_rating

        texts = self.dataset.texts()
        job = launch_rating(
            self.dataset.name, texts, self.rules, self.settings, params,
            jobs_dir=self.project.jobs_dir, ratings_dir=self.project.ratings_dir, handling=self.handling, max_chars=self.max_chars,
        )  # fmt: skip
        leave_or_follow(ctx, job, attach=False, as_json=as_json)

    def rated(self, params: RatingParams, yes: bool, as_json: bool) -> RatingReport:
        """Rates the sample, tells of it, asks, and rates the rest."""
        from sde_core.cli.rules_rate_text import report_lines
        from sde_core.rules.rating import RatingCache, prompt_form, rate
        from sde_core.rules.rating.opening import open_judge

        params.refuse_nonsense()
        judge = open_judge(self.settings, self.handling)
        form = prompt_form(self.settings.prompt_form, max_chars=self.max_chars)
        cache, texts = RatingCache(self.project.ratings_dir), self.dataset.texts()
        with stderr_progress("rating the sample:", "calls") as progress:
            report = rate(judge, texts, self.rules, form, cache, params, progress=progress)
        asked = report.calls_left > 0 and not report.run.lost and not report.run.bounded
        if asked and not as_json:
            _say(report_lines(report, params, cache))
        if asked and _wanted(report, yes, as_json):
            left = max(params.max_cost - report.run.spent, 0.0) if params.max_cost is not None else None
            with stderr_progress("rating all rows:", "calls") as progress:
                report = rate(judge, texts, self.rules, form, cache, replace(params, everything=True, max_cost=left), progress=progress)
            asked = False
        if as_json:
            emit_json(report.to_json())
        elif not asked:
            _say(report_lines(report, params, cache))
        return report


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)


def _wanted(report: RatingReport, yes: bool, as_json: bool) -> bool:
    if yes or (sys.stdin.isatty() and sys.stderr.isatty() and not as_json):
        return yes or click.confirm(f"Ask these {report.calls_left:,} questions too?", err=True)
    talk("The sample is rated. --yes rates all rows.")
    return False


def judge_settings(known: JudgeSettings, options: dict[str, Any]) -> JudgeSettings:
    """The judge of the book with what the options say differently."""
    from sde_core.files import from_home

    judge = options["judge"]
    if judge is not None:
        is_url = "://" in judge
        if is_url:
            from sde_core.rules.rating.endpoint import base_address

            judge = base_address(judge)
        place = judge if is_url else str(from_home(judge).absolute())
        if place != (known.url if is_url else known.folder):
            known = JudgeSettings(prompt_form=known.prompt_form)
        known = replace(known, url=place if is_url else "", folder="" if is_url else place)
    if options["api_key_env"]:
        from sde_core.rules.rating.credentials import read_key

        read_key(options["api_key_env"])  # what is no variable may be the key itself, which the book must not keep
    named = {"model": options["model"], "prompt_form": options["prompt"], "key_variable": options["api_key_env"],
             "input_price": options["price_in"], "output_price": options["price_out"]}  # fmt: skip
    return replace(known, **{name: value for name, value in named.items() if value is not None})


def _named_rules(by_name: Any, rated: Sequence[PlainRule], names: str | None) -> Sequence[PlainRule]:
    if names is None or names == "book":
        if not rated:
            raise UsageError("The rule book holds no plain rule that is on.", 'Write one: sde rules add DATA --name answers-it "Answer every part."')
        return rated
    asked = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in by_name]
    if unknown or not asked:
        there = ", ".join(visible(name, 60) for name in by_name) or "none"
        raise UsageError(f"There is no plain rule {visible(', '.join(unknown), 80)!r}.", f"The rule book holds: {there}.")
    return [by_name[name] for name in dict.fromkeys(asked)]
