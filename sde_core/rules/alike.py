"""Which rules say nearly the same, by their words: a match of words, not a judgement."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sde_core.rules.book import RuleBook
from sde_core.rules.packs import PACKS
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rule import Rule
from sde_core.rules.words import FUNCTION_WORDS

NEARLY_THE_SAME = 0.7
"""Share of content words that two rules have in common from which on they say the same."""
_STEM = 5
_RARE = 0.1
_WORD = re.compile(r"[^\W\d_]{3,}|\d+")


@dataclass(frozen=True, slots=True)
class RepeatedRule:
    """A rule that was left out because another says nearly the same.

    Attributes:
        sentence: What it says.
        like: Name of the other rule.
        similarity: Share of content words in common, 0-1.
    """

    sentence: str
    like: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Fit:
    """How many words of a task a rule or a pack has in common with it.

    Attributes:
        name: Of the rule or pack.
        words: The words in common, as the task writes them.
    """

    name: str
    words: tuple[str, ...]


def without_repeats(rules: Iterable[PlainRule], book: RuleBook, bank: Sequence[Rule]) -> tuple[tuple[PlainRule, ...], tuple[RepeatedRule, ...]]:
    """The rules that say something that neither an earlier one nor a book nor the bank says.

    Args:
        rules: In the order in which the first of several is kept.
        book: Its rules and its proposed ones.
        bank: Formula rules.
    """
    known = [(rule.name, stems(rule.sentence)) for rule in (*book.rules, *book.proposed)] + [(rule.name, stems(rule.definition)) for rule in bank]
    kept: list[PlainRule] = []
    repeated: list[RepeatedRule] = []
    for rule in rules:
        words = stems(rule.sentence)
        like, similarity = max(((name, overlap(words, other)) for name, other in known), key=lambda pair: pair[1], default=("", 0.0))
        if similarity >= NEARLY_THE_SAME:
            repeated.append(RepeatedRule(rule.sentence, like, similarity))
        else:
            kept.append(rule)
            known.append((rule.name, words))
    return tuple(kept), tuple(repeated)


def overlap(left: frozenset[str], right: frozenset[str]) -> float:
    """Words in common over words in all (Jaccard); 0 where there are none."""
    return len(left & right) / len(left | right) if left and right else 0.0


@functools.lru_cache(maxsize=8192)
def stems(text: str) -> frozenset[str]:
    """The first five letters of every content word without a plural's s, so that inflected forms meet."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in FUNCTION_WORDS)


def _stem(word: str) -> str:
    return (word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word)[:_STEM]


def packs_for(task: str) -> list[Fit]:
    """The domain packs whose domain a task names, most words in common first."""
    fits = [Fit(pack, _in_common(task, words)) for pack, words in _DOMAIN_WORDS.items() if pack in PACKS]
    return sorted((fit for fit in fits if fit.words), key=lambda fit: -len(fit.words))


def rules_for(task: str, bank: Sequence[Rule], count: int = 8) -> list[Fit]:
    """The formula rules whose definition has most words in common with a task, in the order of the bank among equals.

    Words of more than a tenth of all definitions count for nothing.
    """
    texts = [f"{rule.name} {rule.family} {rule.definition} {rule.higher_is}".replace("-", " ") for rule in bank]
    everywhere = Counter(stem for text in texts for stem in stems(text))
    fits = [Fit(rule.name, _in_common(task, text)) for rule, text in zip(bank, texts, strict=True)]
    telling = [replace(fit, words=tuple(word for word in fit.words if everywhere[_stem(word)] <= _RARE * len(bank))) for fit in fits]
    return sorted((fit for fit in telling if fit.words), key=lambda fit: -len(fit.words))[:count]


def _in_common(task: str, text: str) -> tuple[str, ...]:
    there = stems(text.replace("-", " "))
    words = [word for word in _WORD.findall(task.lower()) if word not in FUNCTION_WORDS and word not in _TASK_WORDS]
    return tuple(dict.fromkeys(word for word in words if _stem(word) in there))


_TASK_WORDS = frozenset(
    _WORD.findall("answer answers answering data model models question questions task train training user users write writes writing good")
)
"""Words of nearly every task: they match every rule."""

_DOMAIN_WORDS = {
    "code": """code coding program programs programming programmer python java javascript typescript rust golang sql bash html css function
        functions software algorithm debug debugging refactor repository script scripts compiler""",
    "maths": """math maths mathematics mathematical arithmetic algebra geometry calculus equation equations proof proofs theorem sums word-problems
        calculation calculations solve probability statistics""",
    "medical": """medical medicine clinical clinic doctor doctors patient patients disease diseases diagnosis symptom symptoms drug drugs treatment
        treatments health nurse nursing hospital anatomy biomedical pharmacy""",
    "reviews": """review reviews reviewer sentiment opinion opinions rating ratings movie movies film films product products imdb yelp restaurant
        restaurants feedback critic""",
}
"""What tasks of a domain are described by."""
