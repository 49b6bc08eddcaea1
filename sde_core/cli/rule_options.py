"""Which rules a command works with: those of the dataset's rule book, and what options change about them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import CommandFunction, stderr_progress
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.rules.choose import DEFAULT_METHOD, method_named
from sde_core.rules.packs import PACKS
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.rules.book import RuleBook
    from sde_core.rules.truth import RowTruth

book_option = click.option("--no-book", is_flag=True, help="Ignore the rule book beside the data: its plain rules, pins, bans and pack.")
"""Adds `no_book` to a command."""

truth_option = click.option(
    "--truth", "truth_field", metavar="FIELD", help="A field that says how good a row is; else the comparisons that people made of rows, if any."
)
"""Adds `truth_field` to a command."""

pack_option = click.option("--pack", type=click.Choice(list(PACKS)), help="Which formula rules there are to choose from.  [default: general]")
"""Adds `pack` to a command; None leaves it to the book."""


def rule_book(
    dataset: Dataset, *, no_book: bool = False, pack: str | None = None, pinned: Sequence[str] = (), banned: Sequence[str] = ()
) -> RuleBook:
    """The dataset's rule book with a command's options laid over it; nothing is written.

    Raises:
        InputError: When the book cannot be read.
        UsageError: When a name is unknown, or a rule is both pinned and banned.
    """
    from sde_core.project import Project
    from sde_core.rules import book_edits
    from sde_core.rules.book import RuleBook

    book = RuleBook() if no_book else RuleBook.load(Project.of(dataset.path).rule_book_path)
    unknown = next((name for name in (*pinned, *banned) if not book.knows(name)), None)
    if unknown is not None:
        raise UsageError(f"There is no rule {visible(unknown, 60)!r}.", "`sde rules list` names them.")
    both = next((name for name in pinned if name in banned), None)
    if both is not None:
        raise UsageError(f"The rule {both!r} is both pinned and banned.", "Drop one of the two.")
    if pack is not None:
        book = replace(book, pack=pack)
    for name in pinned:
        book = book_edits.pinned(book, name)
    for name in banned:
        book = book_edits.banned(book, name)
    return book


def row_truth(dataset: Dataset, field: str | None) -> RowTruth | None:
    """The true quality of rows as a field says it, or where none is named as people's comparisons say it; None where there are none.

    Raises:
        InputError: When the comparisons cannot be read.
        UsageError: When the field says nothing of the kind.
    """
    from sde_core.rules.truth import truth_by_people, truth_from_field

    if field is None:
        return truth_by_people(dataset)
    with stderr_progress("reading the truth", "records") as progress:
        return truth_from_field(dataset, field, progress=progress)


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """How a command that takes quality from rules is to choose them, as it was asked."""

    no_book: bool = False
    rule_count: int | None = None
    rule_method: str = DEFAULT_METHOD
    rule_seed: int = 0


def rule_request_options(function: CommandFunction) -> CommandFunction:
    """Adds how the rules are chosen whose mean is the quality; the command gets `rule_request`."""

    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> Any:
        request = RuleRequest(**{field.name: options.pop(field.name) for field in fields(RuleRequest)})
        method_named(request.rule_method)
        return function(*args, rule_request=request, **options)

    decorated: Any = wrapped
    for option in (
        click.option("--rule-seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of a method that draws the rules."),
        click.option("--rule-method", default=DEFAULT_METHOD, show_default=True, metavar="NAME", help="How rules are chosen, as in sde rules."),
        click.option("--rule-count", type=int, metavar="N", help="How many rules are chosen.  [default: 10, fewer where fewer are independent]"),
        book_option,
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def quality_options(dataset: Dataset, request: RuleRequest | None = None) -> dict[str, Any]:
    """What `quality_by_rules` takes besides the texts and the names of rules, so that a command follows the rule book and people's comparisons."""
    from sde_core.project import Project
    from sde_core.proposal import RuleWishes

    request = request or RuleRequest()
    wishes = RuleWishes(request.rule_count, request.rule_method, request.rule_seed)
    book = rule_book(dataset, no_book=request.no_book)
    return {"book": book, "project": Project.of(dataset.path), "truth": row_truth(dataset, None), "wishes": wishes}
