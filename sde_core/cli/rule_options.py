"""Which rules a command works with: those of the dataset's rule book, and what options change about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import stderr_progress
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
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


def quality_options(dataset: Dataset, no_book: bool = False) -> dict[str, Any]:
    """What `quality_by_rules` takes besides the texts and the names of rules, so that a command follows the rule book."""
    from sde_core.project import Project

    return {"book": rule_book(dataset, no_book=no_book), "project": Project.of(dataset.path), "truth": row_truth(dataset, None)}
