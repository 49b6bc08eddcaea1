"""`sde rules generate`: a model writes rules for a described task; a person looks at them before they count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, talk
from sde_core.cli.rules_book import store_of
from sde_core.dataset import Dataset
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.rules.generate import Generation


@click.command("generate", epilog="""\b
Examples:
  sde rules generate data.jsonl --task "Answer customers of a shop." \\
      --judge http://127.0.0.1:8000/v1 -n 50
  sde rules generate data.jsonl -n 20 --show-prompt         send nothing
  sde rules generate data.jsonl -o rules.yaml --judge ./Qwen3-4B

Without -o the rules wait in the book until you accept them: sde rules accept.""")  # fmt: skip
@data_options
@click.option("--task", metavar="SENTENCE", help="What the data is to teach; that of the book when omitted.")
@click.option("--data-is", metavar="SENTENCE", help="What the rows are; that of the book when omitted.")
@click.option("-n", "count", default=50, show_default=True, help="How many rules.")
@click.option("--examples", default=3, show_default=True, metavar="N", help="Rows that are sent along; 0 for none.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of their sample.")
@click.option("--judge", metavar="URL|FOLDER", help="An OpenAI-style server or a transformers folder; that of the book when omitted.")
@click.option("--model", metavar="NAME", help="One of the server's models; may be left out where it has one.")
@click.option("--api-key-env", metavar="VAR", help="The environment variable that holds the server's key.")
@click.option("--show-prompt", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new YAML file to look at and to import.")
@json_option
def generate_command(
    dataset: Dataset, task: str | None, data_is: str | None, count: int, examples: int, seed: int, show_prompt: bool, output: Path | None,
    as_json: bool, **judge: Any,
) -> None:  # fmt: skip
    """Let a model write rules that fit a task, for you to look at.

    The whole prompt, the answer and the origin of every rule are kept with the rules.
    """
    from sde_core.cli.rules_rate import judge_settings
    from sde_core.rules.generate import GenerationRequest, example_texts, generate_rules
    from sde_core.rules.rating.opening import open_judge

    store = store_of(dataset)
    book = store.load()
    shown = example_texts(dataset.texts(), examples, seed=seed) if examples > 0 else ()
    request = GenerationRequest(task or book.task, data_is or book.data_description, count, shown)
    if show_prompt:
        click.echo(visible(request.prompt, keep_newlines=True))
        return
    settings = judge_settings(book.judge, {"prompt": None, "price_in": None, "price_out": None, **judge})
    made = generate_rules(open_judge(settings), request, book)
    where = _keep(made, request, store, settings, output)
    if as_json:
        emit_json({"rules": [{"name": rule.name, "sentence": rule.sentence} for rule in made.rules], "asked": made.asked, "judge": made.judge,
                   "repeated": [vars_of(repeat) for repeat in made.repeated]})  # fmt: skip
        return
    for rule in made.rules:
        click.echo(f"{rule.name}: {visible(rule.sentence)}")
    left_out = f" {len(made.repeated)} more said what another rule says, and were left out." if made.repeated else ""
    talk(f"{count_of(len(made.rules), 'rule')} of {made.asked:,} asked for, by {visible(made.judge, 60)}.{left_out} {where}")


def vars_of(repeat: Any) -> dict[str, Any]:
    """A repeated rule as JSON."""
    return {"sentence": repeat.sentence, "like": repeat.like, "similarity": round(repeat.similarity, 3)}


def _keep(made: Generation, request: Any, store: Any, settings: Any, output: Path | None) -> str:
    """Writes the rules to the file, or puts them into the book to be looked at; says what to do next."""
    from dataclasses import replace

    from sde_core.files import atomic_write
    from sde_core.rules.book_edits import described, proposing

    if output is not None:
        atomic_write(output, [made.to_yaml().encode()])
        return f"They are in {visible(str(output))}; look at them, then: sde rules import DATA {visible(str(output))}"
    store.change(
        f"propose {count_of(len(made.rules), 'rule')}",
        lambda book: replace(described(proposing(book, made.rules), task=request.task, data=request.data), judge=settings),
    )
    atomic_write(store.path.with_name("rules.generated.yaml"), [made.to_yaml().encode()])
    return "They wait in the book: sde rules accept DATA NAME…, or --all."
