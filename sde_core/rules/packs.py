"""Domain packs: which rules of the bank a dataset of some domain is scored by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sde_core.errors import UsageError
from sde_core.rules.bank import RULES
from sde_core.rules.rule import FAMILIES, Rule

DEFAULT_PACK = "general"
_DOMAINS = ("code", "mathematics", "medical", "reviews and sentiment")
_GENERAL = tuple(family for family in FAMILIES if family not in _DOMAINS)

PACKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "general": _GENERAL,
        "code": (*_GENERAL, "code"),
        "maths": (*_GENERAL, "mathematics"),
        "medical": (*_GENERAL, "medical"),
        "reviews": (*_GENERAL, "reviews and sentiment"),
        "all": FAMILIES,
    }
)
"""Families of each pack: the general ones, and those of the domain (the domains of arXiv 2410.04715: mathematics, medical, code, reviews)."""


def pack_rules(pack: str = DEFAULT_PACK, also: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules of a pack, in the order of the bank.

    Args:
        pack: A name in `PACKS`.
        also: Names of further rules, from whatever family.

    Raises:
        UsageError: When there is no such pack.
    """
    if pack not in PACKS:
        raise UsageError(f"There is no pack of rules called {pack!r}.", f"There are: {', '.join(PACKS)}.")
    return tuple(rule for rule in RULES if rule.family in PACKS[pack] or rule.name in also)


GENERAL_RULES = pack_rules()
"""What a dataset is scored by unless another pack is asked for."""
