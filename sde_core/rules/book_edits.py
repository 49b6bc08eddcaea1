"""What is done to a rule book; every function returns a new book and changes nothing."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sde_core.errors import UsageError
from sde_core.rules.book import COLUMN_NAMES, FORMULA_NAMES, RuleBook
from sde_core.rules.packs import pack_rules
from sde_core.rules.plain_rule import Origin, PlainRule, free_name, now, one_line, plain_rule
from sde_core.rules.rule import Subject
from sde_core.visible import visible

EqualNames = Literal["keep", "replace", "rename"]
"""What an import does with a rule whose name is taken: keep the book's rule, replace it, or give the new one another name."""

BookEdit = Callable[[RuleBook], RuleBook]


@dataclass(frozen=True, slots=True)
class Merge:
    """What became of the rules of a file.

    Attributes:
        book: The book with them.
        added: Names of the rules that are new.
        replaced: Names of rules whose sentence is another one now.
        renamed: (name in the file, name in the book).
        kept: Names that the book has, with another sentence that was kept.
        known: Names of rules that the book has in the same words.
    """

    book: RuleBook
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    kept: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def added(book: RuleBook, rule: PlainRule) -> RuleBook:
    """The book with one more rule.

    Raises:
        UsageError: When its name is taken, or a rule says the same.
    """
    _refuse_taken(book, rule.name)
    same = next((other for other in book.rules if words_of(other.sentence) == words_of(rule.sentence)), None)
    if same is not None:
        raise UsageError(f"The rule {same.name} says that already.", "Edit that rule, or write another sentence.")
    return replace(book, rules=(*book.rules, rule))


def with_free_name(book: RuleBook, rule: PlainRule) -> PlainRule:
    """The rule under a name that the book does not have."""
    return replace(rule, name=free_name(rule.name, book.names))


def edited(book: RuleBook, name: str, *, sentence: str | None = None, new_name: str | None = None, about: Subject | None = None) -> RuleBook:
    """The book with a plain rule changed; a new sentence or subject is rated anew, a new name is not.

    Raises:
        UsageError: When there is no such plain rule, or the new name is taken, or the new sentence says nothing.
    """
    old = plain(book, name)
    changed = plain_rule(
        name if new_name is None else new_name, old.sentence if sentence is None else sentence, origin=old.origin, about=about or old.about
    )
    changed = replace(changed, extra=old.extra)
    if changed.name != name:
        _refuse_taken(book, changed.name)
    lists = {key: getattr(book, key) for key in ("disabled", "pinned", "banned")}
    renamed: dict[str, Any] = {key: tuple(changed.name if item == name else item for item in names) for key, names in lists.items()}
    return replace(book, rules=tuple(changed if rule.name == name else rule for rule in book.rules), **renamed)


def removed(book: RuleBook, name: str) -> RuleBook:
    """The book without a plain rule.

    Raises:
        UsageError: When there is no such plain rule.
    """
    plain(book, name)
    lists: dict[str, Any] = {key: _without(getattr(book, key), name) for key in ("disabled", "pinned", "banned")}
    return replace(book, rules=tuple(rule for rule in book.rules if rule.name != name), **lists)


def disabled(book: RuleBook, name: str) -> RuleBook:
    """The book in which a rule of either kind is not scored; it is no longer pinned then."""
    _refuse_unknown(book, name)
    return replace(book, disabled=_with(book.disabled, name), pinned=_without(book.pinned, name))


def enabled(book: RuleBook, name: str) -> RuleBook:
    """The book in which a rule of either kind is scored."""
    _refuse_unknown(book, name)
    return replace(book, disabled=_without(book.disabled, name))


def pinned(book: RuleBook, name: str) -> RuleBook:
    """The book in which a rule of either kind is always chosen, and so neither banned nor disabled."""
    _refuse_unknown(book, name)
    return replace(book, pinned=_with(book.pinned, name), banned=_without(book.banned, name), disabled=_without(book.disabled, name))


def unpinned(book: RuleBook, name: str) -> RuleBook:
    """The book in which a rule is chosen only if it earns it."""
    _refuse_unknown(book, name)
    return replace(book, pinned=_without(book.pinned, name))


def banned(book: RuleBook, name: str) -> RuleBook:
    """The book in which a rule of either kind is never chosen; it is no longer pinned then."""
    _refuse_unknown(book, name)
    return replace(book, banned=_with(book.banned, name), pinned=_without(book.pinned, name))


def unbanned(book: RuleBook, name: str) -> RuleBook:
    """The book in which a rule may be chosen again."""
    _refuse_unknown(book, name)
    return replace(book, banned=_without(book.banned, name))


def described(book: RuleBook, *, task: str | None = None, data: str | None = None) -> RuleBook:
    """The book with another description of the task or of the data."""
    return replace(
        book, task=book.task if task is None else one_line(task), data_description=book.data_description if data is None else one_line(data)
    )


def with_pack(book: RuleBook, pack: str) -> RuleBook:
    """The book with another pack of formula rules.

    Raises:
        UsageError: When there is no such pack.
    """
    pack_rules(pack)
    return replace(book, pack=pack)


def proposing(book: RuleBook, rules: Sequence[PlainRule]) -> RuleBook:
    """The book with generated rules that somebody is to look at; their names are made free."""
    for rule in rules:
        book = replace(book, proposed=(*book.proposed, with_free_name(book, rule)))
    return book


def accepted(book: RuleBook, names: Collection[str]) -> RuleBook:
    """The book in which these proposed rules are rules."""
    taken = tuple(rule for rule in book.proposed if rule.name in names)
    return replace(book, rules=(*book.rules, *taken), proposed=tuple(rule for rule in book.proposed if rule.name not in names))


def refused(book: RuleBook, names: Collection[str]) -> RuleBook:
    """The book without these proposed rules."""
    return replace(book, proposed=tuple(rule for rule in book.proposed if rule.name not in names))


def merged(book: RuleBook, rules: Sequence[PlainRule], *, source: str, equal_names: EqualNames = "keep") -> Merge:
    """The book with the rules of a file.

    A rule of the same name and sentence is left alone; the name of a formula rule always gets a number.

    Args:
        book: What there is.
        rules: What comes in.
        source: Name of the file; the origin of rules that name none.
        equal_names: What to do where the book has the name with another sentence.
    """
    merge = Merge(book)
    for rule in rules:
        merge = _with_imported(merge, _imported(rule, source), equal_names)
    return merge


def _with_imported(merge: Merge, rule: PlainRule, equal_names: EqualNames) -> Merge:
    book, name = merge.book, rule.name
    same = next((other for other in book.rules if words_of(other.sentence) == words_of(rule.sentence) and other.about == rule.about), None)
    old = book.plain_by_name.get(name)
    if same is not None:
        return replace(merge, known=(*merge.known, same.name))
    if old is not None and equal_names == "keep":
        return replace(merge, kept=(*merge.kept, name))
    if old is not None and equal_names == "replace":
        rules = tuple(rule if other.name == name else other for other in book.rules)
        return replace(merge, book=replace(book, rules=rules), replaced=(*merge.replaced, name))
    free = with_free_name(book, rule)
    merge = replace(merge, book=replace(book, rules=(*book.rules, free)), added=(*merge.added, free.name))
    return merge if free.name == name else replace(merge, renamed=(*merge.renamed, (name, free.name)))


def _imported(rule: PlainRule, source: str) -> PlainRule:
    """A rule that names its origin keeps it."""
    return rule if rule.origin != Origin() else replace(rule, origin=Origin("imported", by=source, made_at=now()))


@functools.lru_cache(maxsize=8192)
def words_of(sentence: str) -> str:
    """A sentence without case, marks and spaces: what makes two rules the same."""
    return " ".join(re.findall(r"\w+", sentence.casefold()))


def plain(book: RuleBook, name: str) -> PlainRule:
    """The plain rule of this name.

    Raises:
        UsageError: When there is none.
    """
    _refuse_unknown(book, name)
    if name not in book.plain_by_name:
        raise UsageError(f"{name} is a formula rule: its definition is fixed.", "It can be disabled, pinned or banned.")
    return book.plain_by_name[name]


def _refuse_unknown(book: RuleBook, name: str) -> None:
    if not book.knows(name):
        raise UsageError(f"There is no rule {visible(name, 60)!r}.", "`sde rules book DATA` and `sde rules list` name them.")


def _refuse_taken(book: RuleBook, name: str) -> None:
    if name in FORMULA_NAMES:
        raise UsageError(f"{name} is the name of a formula rule.", "Give this rule another name.")
    if name in COLUMN_NAMES:
        raise UsageError(f"{name} is the name of a column that stands beside the rules' own.", "Give this rule another name.")
    if name in book.names:
        raise UsageError(f"There is a rule {name} already.", "Give this rule another name, or edit that one.")


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(item for item in names if item != name)
