"""The rule book: a task in a sentence, the plain rules that fit it, and which rules are on, pinned and banned.

Command line and app read the same book, `Project.rule_book_path`, so that they agree on rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sde_core.rules.bank import RULES
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.packs import DEFAULT_PACK, PACKS
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rule import Rule

FORMULA_NAMES = frozenset(rule.name for rule in RULES)
COLUMN_NAMES = frozenset({"row", "quality"})
"""Columns that stand beside the rules' own in written scores."""


@dataclass(frozen=True)
class RuleBook:
    """What a project's rules are; `sde_core.rules.book_edits` changes it.

    Attributes:
        rules: Plain rules, in the order in which they were written; names are unique and none is a formula rule's.
        disabled: Rules of either kind that are not scored.
        pinned: Rules of either kind that are always chosen.
        banned: Rules of either kind that are never chosen.
        pack: Which formula rules there are to choose from, a name in `PACKS`.
        task: What the data is to teach, in a sentence; may be empty.
        data_description: What the rows are; may be empty.
        proposed: Generated rules that nobody has looked at yet; they are not rated.
        judge: Which model rates the plain rules.
        strays: Names under "disabled", "pinned" and "banned" that belong to no rule of this version; kept when it is saved.
        extra: Keys of the file that this version does not know; kept when it is saved.
    """

    rules: tuple[PlainRule, ...] = ()
    disabled: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    pack: str = DEFAULT_PACK
    task: str = ""
    data_description: str = ""
    proposed: tuple[PlainRule, ...] = ()
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    strays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> RuleBook:
        """The book in a file; an empty one where there is no file.

        Raises:
            InputError: When it cannot be read or says something that has no meaning; the message names the line.
        """
        from sde_core.rules.book_yaml import read_book

        return read_book(path) if path.exists() else cls()

    def save(self, path: Path) -> None:
        """Writes the book, whole or not at all.

        Raises:
            ReadOnlyError: When it cannot be written.
        """
        from sde_core.files import atomic_write
        from sde_core.rules.book_yaml import book_text

        atomic_write(path, [book_text(self).encode()])

    @cached_property
    def plain_by_name(self) -> Mapping[str, PlainRule]:
        """The plain rules by name, proposed ones excluded."""
        return {rule.name: rule for rule in self.rules}

    @property
    def rated_rules(self) -> tuple[PlainRule, ...]:
        """The plain rules that a judge rates: those that are not disabled."""
        return tuple(rule for rule in self.rules if rule.name not in self.disabled)

    @property
    def formula_rules(self) -> tuple[Rule, ...]:
        """The formula rules that are scored: those of the pack, and pinned and banned ones of others; without disabled ones."""
        named = {*self.pinned, *self.banned}
        return tuple(rule for rule in RULES if (rule.family in PACKS[self.pack] or rule.name in named) and rule.name not in self.disabled)

    @property
    def names(self) -> frozenset[str]:
        """Every name that is taken: plain, proposed and formula rules, and columns beside theirs."""
        return FORMULA_NAMES | COLUMN_NAMES | {rule.name for rule in (*self.rules, *self.proposed)}

    def knows(self, name: str) -> bool:
        """Whether there is a rule of this name, plain or formula."""
        return name in FORMULA_NAMES or name in self.plain_by_name
