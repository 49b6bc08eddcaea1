"""`sde try`: ask a run's base model and its adapter the same prompts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sde_core.cli.common import data_options, emit_json, json_option, parsed_rows, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.dataset.turns import USER, Turn
from sde_core.errors import InputError, UsageError
from sde_core.evaluate.to_collect import TAGS
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.evaluate.side_by_side import SideBySide, TriedAnswer
    from sde_core.jobs import Job

_PLAIN = (".txt", ".md", "")


@dataclass(frozen=True, slots=True)
class _Question:
    """A prompt, and the row it came from."""

    turns: tuple[Turn, ...]
    row: int | None = None
    key: str = ""

    @property
    def shown(self) -> str:
        return next((turn.text for turn in reversed(self.turns) if turn.role == USER), self.turns[-1].text if self.turns else "")


@click.command(
    "try",
    epilog="""\b
Examples:
  sde try data.jsonl --prompt "Where is my parcel?"
  sde try data.jsonl --rows 3,7 --run 3f9a
  sde try data.jsonl --prompts questions.txt --json > answers.jsonl
  sde try data.jsonl --prompt "Where?" --tag "made up" --answer "On its way."

The prompt is put into the form that the run trained on. A tagged failure goes
to the queue that sde collect lists and exports.""",
)
@data_options
@click.option("--run", "run", default="last", show_default=True, metavar="ID", help="Which run: an id, its end, or the last that saved an adapter.")
@click.option("--prompt", "typed", multiple=True, help="What to ask; repeatable. Read from stdin where nothing is given.")
@click.option("--prompts", "prompt_file", type=click.Path(path_type=Path), help="A text file with one prompt a line, or a dataset.")
@click.option("--rows", "rows", help="Ask what these rows of DATA ask, such as 3,7 or 0-9.")
@click.option("--max-new-tokens", default=256, show_default=True, type=click.IntRange(1), help="Tokens that an answer may have.")
@click.option("--temperature", default=0.0, show_default=True, type=click.FloatRange(0), help="0 for the likeliest token every time.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the draws, where the temperature is not 0.")
@click.option("--tag", type=click.Choice([*TAGS]), help="Put what was tried into the queue as a failure of this kind.")
@click.option("--note", default="", help="With --tag: what is wrong, in your own words.")
@click.option("--answer", "wanted", default="", help="With --tag: the answer that it should have given.")
@json_option
def command(
    dataset: Dataset, run: str, typed: tuple[str, ...], prompt_file: Path | None, rows: str | None, max_new_tokens: int, temperature: float,
    seed: int, tag: str | None, note: str, wanted: str, as_json: bool,
) -> None:  # fmt: skip
    """Ask the base model and the adapter of a run on DATA the same prompts."""
    if (note or wanted) and not tag:
        raise UsageError("--note and --answer say something of a failure, and none is tagged.", f"Add --tag: {', '.join(TAGS)}.")
    asked = _questions(dataset, typed, prompt_file, rows)
    if wanted and len(asked) > 1:
        raise UsageError(f"--answer is one answer, and there are {count_of(len(asked), 'prompt')}.", "Tag them one at a time.")
    job = run_with_adapter(dataset, run)
    from sde_core.evaluate.side_by_side import SIDES, SideBySide

    talk(f"Loading the model of run {job.id[-4:]}…")
    sides = SideBySide(job.folder)
    if sides.saved.damaged:
        talk(visible(sides.saved.damaged, 400))
    settings = {"max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed}
    for question in asked:
        answers = []
        for side in SIDES:
            with stderr_progress(f"{side} writes", "tokens") as progress:
                answers.append(
                    sides.answer(
                        question.turns, side, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed,
                        tick=lambda tokens, told=progress: told(tokens, max_new_tokens),  # type: ignore[misc]
                    )
                )  # fmt: skip
        queued = _queued(dataset, job, sides, question, answers, settings, tag, note, wanted) if tag else ""
        _say(question, answers, job, sides, settings, queued, as_json=as_json)


def run_with_adapter(dataset: Dataset, name: str) -> Job:
    """The run of a dataset that is meant: by its id or the end of it, or the last one that has saved an adapter.

    Raises:
        UsageError: When there is none, or it has saved nothing yet.
    """
    from sde_core.evaluate.side_by_side import adapter_of, saved_adapter
    from sde_core.jobs import find_job, list_jobs
    from sde_core.project import Project

    folders = Project.jobs_dirs_of(dataset.path)
    if name != "last":
        job = find_job(folders[0], name, also=folders)
        adapter_of(job.folder)
        return job
    found = next((job for job in list_jobs(*folders) if job.kind == "train" and saved_adapter(job.folder) is not None), None)
    if found is None:
        raise UsageError("No run of this dataset has saved an adapter yet.", f"Start one with sde train {visible(dataset.path)}.")
    return found


def _questions(dataset: Dataset, typed: Sequence[str], prompt_file: Path | None, rows: str | None) -> list[_Question]:
    found = [_Question((Turn(USER, text),)) for text in typed]
    if prompt_file is not None:
        found += _in_file(prompt_file)
    if rows is not None:
        dataset.read_all()
        keys = dataset.keys()
        found += [_Question(_before_answer(dataset.turns(row).turns), row, f"{int(keys[row]):016x}") for row in parsed_rows([rows], len(dataset))]
    if not found and not sys.stdin.isatty():
        text = sys.stdin.read().strip()
        found = [_Question((Turn(USER, text),))] if text else []
    if not found:
        raise UsageError("There is nothing to ask.", "Give --prompt TEXT, --prompts FILE or --rows ROWS.")
    silent = next((question for question in found if not question.turns), None)
    if silent is not None:
        raise UsageError(f"Row {silent.row} holds no prompt." if silent.row is not None else "A prompt is empty.", "Choose another.")
    return found


def _in_file(path: Path) -> list[_Question]:
    if path.suffix.lower() not in _PLAIN:
        from sde_core.dataset import open_dataset

        other = open_dataset(path)
        other.read_all()
        return [_Question(_before_answer(turns.turns)) for batch in other.batches() for _, _, turns in batch if turns.turns]
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{visible(str(path), 200)} cannot be read: {error}.", "Name a text file with one prompt a line.") from error
    return [_Question((Turn(USER, line.strip()),)) for line in lines if line.strip()]


def _before_answer(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns before the last answer."""
    last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=len(turns))
    return tuple(turns[:last])


def _queued(
    dataset: Dataset, job: Job, sides: SideBySide, question: _Question, answers: Sequence[TriedAnswer], settings: dict[str, float],
    tag: str, note: str, wanted: str,
) -> str:  # fmt: skip
    from sde_core.evaluate.to_collect import Failure, ToCollect
    from sde_core.project import Project

    prompt = tuple((turn.role, turn.text) for turn in question.turns)
    base, adapter = (answer.text for answer in answers)
    failure = Failure(
        prompt, job.id, str(job.spec.get("model", "")), sides.saved.name, base, adapter, tag, note, wanted, question.row, question.key, settings
    )
    return ToCollect.of(Project.of(dataset.path).created()).add(failure).id


def _say(
    question: _Question, answers: Sequence[TriedAnswer], job: Job, sides: SideBySide, settings: dict[str, float], queued: str, *, as_json: bool
) -> None:
    if as_json:
        prompt = [{"role": turn.role, "content": turn.text} for turn in question.turns]
        told = {"run": job.id, "adapter": sides.saved.name, "row": question.row, "prompt": prompt, "settings": settings}
        emit_json({**told, **{answer.side: asdict(answer) for answer in answers}, "queued": queued or None})
        return
    click.echo(f"> {visible(question.shown, 2000, keep_newlines=True)}")
    for answer in answers:
        title = "base model" if answer.side == "base" else f"adapter of run {job.id[-4:]} ({sides.saved.name})"
        click.echo(f"\n{title} · {answer_words(answer.tokens, answer.seconds, ended=answer.ended, cut=answer.cut)}")
        click.echo(visible(answer.text, 20_000, keep_newlines=True) or "(nothing)")
    click.echo("")
    if queued:
        talk(f"In the queue as {queued}: sde collect {visible(dataset_name(job))} lists it.")


def dataset_name(job: Job) -> str:
    """The dataset that a run belongs to, as a command names it."""
    return Path(str(job.spec.get("dataset", "DATA"))).name


def answer_words(tokens: int, seconds: float, *, ended: bool, cut: int) -> str:
    """For example "34 tokens · 1.2 s · cut off at the limit"."""
    parts = [count_of(tokens, "token"), f"{seconds:.1f} s"]
    return " · ".join([*parts, *([] if ended else ["not ended: no room for more"]), *([f"{cut:,} tokens of the prompt cut off"] if cut else [])])
