"""docs/rules.md says what the bank says, and the packs are what they claim to be."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from sde_core.errors import UsageError
from sde_core.rules import DEFAULT_PACK, FAMILIES, PACKS, RULES, pack_rules

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page_maker() -> ModuleType:
    """docs/make_rules.py."""
    spec = importlib.util.spec_from_file_location("make_rules", ROOT / "docs/make_rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date(page_maker: ModuleType) -> None:
    assert (ROOT / "docs/rules.md").read_text(encoding="utf-8") == page_maker.page(), "run python docs/make_rules.py"


def test_page_names_every_rule_with_its_definition_direction_and_source(page_maker: ModuleType) -> None:
    lines = (ROOT / "docs/rules.md").read_text(encoding="utf-8").splitlines()
    for rule in RULES:
        line = next(line for line in lines if line.startswith(f"| `{rule.name}` |"))
        for said in (rule.definition, rule.higher_is, rule.source or "own"):
            assert page_maker.cell(said) in line
        assert line.replace("\\|", "").count("|") == 6, f"{rule.name} breaks its table"


def test_domain_packs_add_their_family_to_the_general_rules() -> None:
    general = pack_rules(DEFAULT_PACK)
    for pack, family in (("code", "code"), ("maths", "mathematics"), ("medical", "medical"), ("reviews", "reviews and sentiment")):
        added = [rule for rule in pack_rules(pack) if rule not in general]
        assert added
        assert {rule.family for rule in added} == {family}
        assert set(general) < set(pack_rules(pack))
    assert pack_rules("all") == RULES
    assert set(PACKS["all"]) == set(FAMILIES)
    with pytest.raises(UsageError):
        pack_rules("cooking")


def test_a_pack_can_have_rules_of_other_families() -> None:
    names = [rule.name for rule in pack_rules("general", ("code-finished",))]
    assert "code-finished" in names
    assert names == [rule.name for rule in RULES if rule.name in names], "in the order of the bank"
