"""The rule book as YAML: what a person can write by hand, read without trust.

    task: Answer customers of a furniture shop.
    rules:
      - Politeness: Greet the customer and thank them.       # the short form
      - name: returns                                         # the long form
        sentence: State the days within which goods can be returned.
        about: answer
    pinned: [returns, asked-count]

Scalars are taken as they are written (a rule may be named "yes" or "1.0"). Aliases, merged keys, tags and more than one document are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from sde_core.errors import InputError, UsageError
from sde_core.rules.book import COLUMN_NAMES, FORMULA_NAMES, RuleBook
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.packs import PACKS
from sde_core.rules.plain_rule import ORIGIN_KINDS, SUBJECTS, Origin, OriginKind, PlainRule, one_line, plain_rule, rule_name
from sde_core.rules.rule import Subject
from sde_core.visible import visible
from sde_core.yaml_nodes import Node, ReadingError, composed, dumped, entries, is_list, is_text, items, kept_value, line_of, scalar

MOST_RULES = 2_000

_TEXTS = {"task": "task", "data": "data_description", "pack": "pack"}
_NAME_LISTS = ("disabled", "pinned", "banned")
_TOP = (*_TEXTS, "judge", "rules", "proposed", *_NAME_LISTS)
_RULE_KEYS = ("name", "sentence", "about", "origin")
_ORIGIN_KEYS = tuple(item.name for item in fields(Origin))


def read_book(path: Path) -> RuleBook:
    """Reads a book.

    Raises:
        InputError: When it cannot be read or says something that has no meaning; the message names file and line.
    """
    return parsed_book(_content(path), str(path))


def parsed_book(content: bytes, source: str) -> RuleBook:
    """What some bytes say as the content of a book.

    Args:
        content: YAML in UTF-8; nothing at all is an empty book.
        source: Where they are from, for messages.

    Raises:
        InputError: As `read_book`.
    """
    try:
        root = composed(content)
        return RuleBook() if root is None else _Reader(FORMULA_NAMES | COLUMN_NAMES).book(root)
    except ReadingError as error:
        raise _told(error, source) from error


def read_rules(path: Path) -> tuple[PlainRule, ...]:
    """The plain rules of any file of rules: a book, a list of long or short forms, or `Name: sentence` pairs. Names may clash with formula rules.

    Raises:
        InputError: As `read_book`; also where there is no file or no rule in it.
    """
    try:
        root = composed(_content(path))
        rules = _Reader(frozenset()).rules_of_any(root) if root is not None else ()
    except ReadingError as error:
        raise _told(error, str(path)) from error
    if not rules:
        raise InputError(f"{visible(str(path), 200)} holds no rules.", 'Write one a line: "- Name: sentence".')
    return rules


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "`sde rules export -o FILE` writes such a file."
        raise InputError(f"{visible(str(path), 200)} cannot be read: {error.strerror or error}.", hint) from error


def _told(error: ReadingError, source: str) -> InputError:
    return InputError(f"{visible(source, 200)}, line {error.line}: {error.message}", error.hint or "Mend the file in an editor.")


class _Reader:
    """Reads nodes; `forbidden` are names that no plain rule may have."""

    def __init__(self, forbidden: frozenset[str]) -> None:
        self._forbidden = forbidden
        self._lines: dict[str, int] = {}

    def book(self, root: Node) -> RuleBook:
        if is_list(root):
            return RuleBook(rules=self._rules(root))
        top = entries(root, "a rule book")
        texts: dict[str, Any] = {field: one_line(scalar(top[key], key)) for key, field in _TEXTS.items() if key in top}
        if texts.get("pack", "general") not in PACKS:
            raise ReadingError(top["pack"], f"there is no pack of rules called {visible(texts['pack'], 40)!r}.", f"There are: {', '.join(PACKS)}.")
        rules = self._rules(top["rules"]) if "rules" in top else ()
        proposed = self._rules(top["proposed"]) if "proposed" in top else ()
        lists = {key: self._names(top[key], key) if key in top else () for key in _NAME_LISTS}
        self._refuse_contradiction(top, lists)
        known = FORMULA_NAMES | {rule.name for rule in rules}
        found: dict[str, Any] = {key: tuple(name for name in names if name in known) for key, names in lists.items()}
        strays = {key: tuple(name for name in names if name not in known) for key, names in lists.items()}
        kept = {key: kept_value(node) for key, node in top.items() if key not in _TOP}
        judge = _judge(top["judge"]) if "judge" in top else JudgeSettings()
        return RuleBook(
            **found, **texts, rules=rules, proposed=proposed, judge=judge,
            strays={key: names for key, names in strays.items() if names}, extra=kept,
        )  # fmt: skip

    def rules_of_any(self, root: Node) -> tuple[PlainRule, ...]:
        if is_list(root):
            return self._rules(root)
        top = entries(root, "a file of rules")
        if "rules" in top:
            return self._rules(top["rules"])
        if any(key in top for key in _TOP):
            return ()
        return tuple(self._made(key, node, node) for key, node in top.items())

    def _rules(self, node: Node) -> tuple[PlainRule, ...]:
        listed = items(node, "the list of rules")
        if len(listed) > MOST_RULES:
            raise ReadingError(node, f"{len(listed):,} rules are too many.", f"A book holds at most {MOST_RULES:,}.")
        return tuple(self._rule(item) for item in listed)

    def _rule(self, node: Node) -> PlainRule:
        if is_text(node):
            return self._made("", node, node)
        said = entries(node, "a rule")
        if len(said) == 1 and not set(said) & {"name", "sentence"}:
            name, sentence = next(iter(said.items()))
            return self._made(name, sentence, node)
        if "sentence" not in said:
            raise ReadingError(node, "this rule has no sentence.", 'Write "- Name: sentence", or the keys name and sentence.')
        about = scalar(said["about"], "about") if "about" in said else "pair"
        if about not in SUBJECTS:
            raise ReadingError(said["about"], f"about is {visible(about, 40)!r}, which is no part of a row.", f"There are: {', '.join(SUBJECTS)}.")
        extra = {key: kept_value(value) for key, value in said.items() if key not in _RULE_KEYS}
        origin = _origin(said["origin"]) if "origin" in said else Origin()
        name = scalar(said["name"], "name") if "name" in said else ""
        return self._made(name, said["sentence"], node, origin=origin, about=cast("Subject", about), extra=extra)

    def _made(
        self, name: str, sentence: Node, at: Node, *, origin: Origin | None = None, about: Subject = "pair", extra: Mapping[str, Any] | None = None
    ) -> PlainRule:
        try:
            rule = plain_rule(name, scalar(sentence, "a rule's sentence"), origin=origin or Origin(), about=about)
        except UsageError as error:
            raise ReadingError(sentence, f"{error.message[:1].lower()}{error.message[1:]}", error.hint) from error
        if rule.name in self._forbidden:
            kind = "a formula rule" if rule.name in FORMULA_NAMES else "a column that stands beside the rules' own"
            raise ReadingError(at, f"{rule.name!r} is the name of {kind}.", "Give this rule another name.")
        if rule.name in self._lines:
            raise ReadingError(at, f"there is a rule {rule.name!r} already, in line {self._lines[rule.name]}.", "Give one of them another name.")
        self._lines[rule.name] = line_of(at)
        return PlainRule(rule.name, rule.sentence, rule.origin, rule.about, extra or {})

    def _names(self, node: Node, key: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for item in items(node, key) if (name := rule_name(scalar(item, f"a name under {key}")))))

    def _refuse_contradiction(self, top: Mapping[str, Node], lists: Mapping[str, tuple[str, ...]]) -> None:
        both = next((name for name in lists["pinned"] if name in lists["banned"]), None)
        if both is not None:
            raise ReadingError(top["banned"], f"{both!r} is both pinned and banned.", "Take it out of one of the two lists.")


def _origin(node: Node) -> Origin:
    said = {key: one_line(scalar(value, f"origin's {key}"))[:200] for key, value in entries(node, "an origin").items() if key in _ORIGIN_KEYS}
    kind = said.pop("kind", "hand")
    if kind not in ORIGIN_KINDS:
        raise ReadingError(node, f"an origin of kind {visible(kind, 40)!r} is not known.", f"There are: {', '.join(ORIGIN_KINDS)}.")
    return Origin(cast("OriginKind", kind), **said)


def _judge(node: Node) -> JudgeSettings:
    values: dict[str, Any] = {}
    said = entries(node, "judge")
    for setting in fields(JudgeSettings):
        if setting.name in said:
            text = one_line(scalar(said[setting.name], setting.name))
            values[setting.name] = _price(text, said[setting.name]) if isinstance(setting.default, float) else text
    return JudgeSettings(**values)


def _price(text: str, node: Node) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not (math.isfinite(price) and price >= 0):
        raise ReadingError(node, f"{visible(text, 40)!r} is no price.", "Write a number per million tokens, such as 0.15.")
    return price


# ---- writing


def book_text(book: RuleBook) -> str:
    """The book as YAML; reading it gives the same book."""
    values: dict[str, Any] = {"task": book.task, "data": book.data_description, "pack": book.pack}
    values["judge"] = {item.name: getattr(book.judge, item.name) for item in fields(JudgeSettings) if getattr(book.judge, item.name) != item.default}
    values["rules"] = [rule_values(rule) for rule in book.rules]
    values["proposed"] = [rule_values(rule) for rule in book.proposed]
    for key in _NAME_LISTS:
        values[key] = [*getattr(book, key), *book.strays.get(key, ())]
    return dumped({key: value for key, value in values.items() if value} | dict(book.extra))


def rules_text(rules: tuple[PlainRule, ...]) -> str:
    """Rules alone, as `read_rules` reads them."""
    return dumped({"rules": [rule_values(rule) for rule in rules]})


def rule_values(rule: PlainRule) -> dict[str, Any]:
    """A rule as it is written to a file."""
    origin = {key: value for key in _ORIGIN_KEYS if (value := getattr(rule.origin, key))}
    values: dict[str, Any] = {"name": rule.name, "sentence": rule.sentence}
    values |= {"about": rule.about} if rule.about != "pair" else {}
    return values | ({"origin": origin} if origin != {"kind": "hand"} else {}) | dict(rule.extra)
