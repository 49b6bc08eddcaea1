"""Rating as a detached job: its folder holds the texts and what is asked; ratings go to the dataset's own folder, one by one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from sde_core.errors import JobError, SdeError
from sde_core.files import atomic_write, from_home, unwritable
from sde_core.jobs import Job, JobContext, launch
from sde_core.jobs.job import new_job_folder
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rating.cache import RatingCache
from sde_core.rules.rating.opening import Handling, open_judge
from sde_core.rules.rating.plan import RatingParams
from sde_core.rules.rating.prompts import prompt_form
from sde_core.rules.rating.rate import rate
from sde_core.rules.rating.report import RatingReport, report_from_json
from sde_core.wording import count_of

SAMPLE_REPORT, FULL_REPORT = "sample.json", "report.json"
"""Files in a job's result folder: what the sample said, and how it stood at the end."""
_TEXTS = "texts.parquet"
_COLUMNS = ("row", "system", "prompt", "answer")


def launch_rating(
    name: str, texts: pl.DataFrame, rules: Sequence[PlainRule], settings: JudgeSettings, params: RatingParams, *,
    jobs_dir: Path, ratings_dir: Path, handling: Handling | None = None, max_chars: int = 0,
) -> Job:  # fmt: skip
    """Start a detached job that rates a sample, and all other rows too where the params say so.

    Args:
        name: The dataset's name, for the job's title.
        texts: `Dataset.texts()`; kept in the job's folder, which needs the dataset no more.
        rules: By what is rated.
        settings: The judge. A key is not among them: the job reads it where they say.
        params: How much is rated, and what it may cost.
        jobs_dir: The dataset's job folders.
        ratings_dir: The dataset's ratings.
        handling: How the judge is used.
        max_chars: Longest text of a row that is shown whole; 0 for the default.

    Raises:
        UsageError: When something in it makes no sense.
        ModelError, JobError: When the judge cannot be reached; no job is started.
        ReadOnlyError: When the job's folder cannot be written.
    """
    handling = handling or Handling()
    params.refuse_nonsense()
    judge = open_judge(settings, handling)
    form = prompt_form(settings.prompt_form, max_chars=max_chars)
    folder = new_job_folder(jobs_dir, "rate")
    spec = {
        "rules": [{"name": rule.name, "sentence": rule.sentence, "about": rule.about} for rule in rules],
        "judge": asdict(replace(settings, folder=settings.folder and str(from_home(settings.folder).absolute()))),
        "prompt": form.name,
        "max_chars": max_chars,
        "params": asdict(replace(params, run=folder.name)),
        "handling": asdict(handling),
        "ratings": str(ratings_dir.absolute()),
    }
    try:
        texts.select(column for column in _COLUMNS if column in texts.columns).write_parquet(folder / _TEXTS)
        title = f"{count_of(len(rules), 'rule')} rated by {judge.name} on {'all' if params.everything else 'a sample of'} rows of {name}"
        return launch(jobs_dir, "rate", spec, title=title, folder=folder)
    except (SdeError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise (unwritable(folder, error) if isinstance(error, OSError) else error) from error


def run_rating(context: JobContext) -> None:
    """Do the job in the context's folder.

    Raises:
        SdeError: When it cannot go on; ratings so far are kept.
        CancelledError: When it was asked to stop; it can be resumed.
    """
    spec = context.spec
    texts = pl.read_parquet(context.folder / _TEXTS)
    rules = [PlainRule(rule["name"], rule["sentence"], about=rule["about"]) for rule in spec["rules"]]
    params = _known(RatingParams, spec["params"])
    context.say("Reaching the judge.", unit="calls")
    judge = open_judge(_known(JudgeSettings, spec["judge"]), _known(Handling, spec["handling"]))
    form, cache = prompt_form(spec["prompt"], max_chars=spec["max_chars"]), RatingCache(Path(spec["ratings"]))
    for everything, file in ((False, SAMPLE_REPORT), (True, FULL_REPORT)):
        if everything and not params.everything:
            break
        context.say("Rating all rows." if everything else "Rating the sample.", unit="calls")
        part = replace(params, everything=everything)
        report = rate(judge, texts, rules, form, cache, part, cancel=context, progress=context.report)
        atomic_write(context.result_dir / file, [orjson.dumps(report.to_json())])
        context.event("report", file=file, calls=report.run.calls, lost=report.run.lost)
    if report.run.lost:
        raise JobError(
            f"{count_of(report.run.lost, 'question')} found no answer. {report.run.problem}", "The rest is rated; resume asks these again."
        )
    (context.folder / _TEXTS).unlink(missing_ok=True)  # a job that is done is never resumed
    context.say(_last_words(report))


def sample_report(job: Job) -> RatingReport | None:
    """What a job's sample said, None while it is not rated."""
    return _report_in(job.result_dir / SAMPLE_REPORT)


def latest_report(job: Job) -> RatingReport | None:
    """What a job said last, None where it has said nothing yet."""
    return _report_in(job.result_dir / FULL_REPORT) or sample_report(job)


def _report_in(path: Path) -> RatingReport | None:
    try:
        return report_from_json(orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError, TypeError, KeyError):
        return None


def _last_words(report: RatingReport) -> str:
    if report.run.bounded:
        return f"Stopped at the bound on its cost, {report.run.spent:.2f}; {count_of(report.calls_left, 'call')} left."
    unparseable = sum(rule.unparseable for rule in report.rules)
    return f"Rated; {count_of(unparseable, 'reply', 'replies')} could not be read." if unparseable else "Rated."


def _known(kind: Any, values: dict[str, Any]) -> Any:
    """A dataclass from JSON; fields of other versions are ignored."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})
