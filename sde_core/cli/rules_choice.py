"""A choice of rules as commands ask for it: the options, and what follows from them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import click

from sde_core.cli.common import CommandFunction, stderr_progress
from sde_core.cli.rule_options import book_option, pack_option, row_truth, rule_book, truth_option
from sde_core.dataset import Dataset
from sde_core.project import Project
from sde_core.rules import (
    DEFAULT_METHOD,
    DEFAULT_RULE_COUNT,
    ChosenQuality,
    RuleBook,
    RuleChoice,
    RuleScores,
    choose_by_book,
    method_named,
    quality_of_choice,
    rule_scores,
)


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """What was asked of a choice of rules, as it was asked."""

    r: int | None
    method: str
    seed: int
    pack: str | None
    pinned: tuple[str, ...]
    banned: tuple[str, ...]
    no_book: bool
    no_gate: bool
    truth_field: str | None


@dataclass(frozen=True)
class ChosenRules:
    """A choice, what it was made from, and the quality that follows."""

    book: RuleBook
    project: Project
    scores: RuleScores
    choice: RuleChoice
    quality: ChosenQuality

    def told(self) -> dict[str, Any]:
        """As JSON holds it."""
        matrix, values = self.scores.matrix, self.quality.values
        rules = [{**summary.to_json(), **known} for summary, known in zip(matrix.summaries, self.scores.known.to_json(), strict=True)]
        return {
            **self.choice.to_json(), "rows": len(matrix.rows), "rows_of_sample": matrix.rows_of_sample, "pack": self.book.pack,
            "quality_is_mean_of": self.quality.rules, "weights": self.quality.weights, "not_rated": self.quality.not_rated,
            "mean_quality": float(values.mean()), "sd_quality": float(values.std()), "rules": rules,
        }  # fmt: skip


def choice_options(function: CommandFunction) -> CommandFunction:
    """Adds what a choice of rules depends on; the command gets it as `asked`."""

    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> Any:
        asked = ChoiceRequest(**{field.name: options.pop(field.name) for field in fields(ChoiceRequest)})
        method_named(asked.method)
        return function(*args, asked=asked, **options)

    decorated: Any = wrapped
    for option in (
        click.option("--no-gate", is_flag=True, help="Neither hold back nor favour nor weigh rules by how far they can be relied on."),
        truth_option,
        book_option,
        click.option("--ban", "banned", metavar="RULE", multiple=True, help="Never choose this rule; repeatable."),
        click.option("--pin", "pinned", metavar="RULE", multiple=True, help="Always choose this rule; repeatable."),
        pack_option,
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of sampling and of the random sets to compare with."),
        click.option("--method", default=DEFAULT_METHOD, show_default=True, metavar="NAME", help="How to choose; see below."),
        click.option("-r", "r", type=int, metavar="N", help=f"How many rules.  [default: {DEFAULT_RULE_COUNT}, fewer where fewer are independent]"),
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def chosen_rules(dataset: Dataset, asked: ChoiceRequest) -> ChosenRules:
    """Scores, chooses and averages.

    Raises:
        InputError: When the rule book cannot be read.
        UsageError: When what was asked cannot be met.
    """
    book = rule_book(dataset, no_book=asked.no_book, pack=asked.pack, pinned=asked.pinned, banned=asked.banned)
    truth, project = row_truth(dataset, asked.truth_field), Project.of(dataset.path)
    with stderr_progress("reading") as progress:
        texts = dataset.texts(progress=progress)
    with stderr_progress("scoring") as progress:
        scores = rule_scores(texts, book, project, truth=truth, progress=progress)
    choice = choose_by_book(scores, book, asked.r, method=asked.method, seed=asked.seed, gated=False if asked.no_gate else None)
    return ChosenRules(book, project, scores, choice, quality_of_choice(texts, book, project, scores, choice))
