"""The bank: every formula rule, by family."""

from __future__ import annotations

from sde_core.rules.bank.asked import ASKED_RULES
from sde_core.rules.bank.boilerplate import BOILERPLATE_RULES
from sde_core.rules.bank.code import CODE_RULES
from sde_core.rules.bank.language import LANGUAGE_RULES
from sde_core.rules.bank.length import LENGTH_RULES
from sde_core.rules.bank.mathematics import MATHEMATICS_RULES
from sde_core.rules.bank.medical import MEDICAL_RULES
from sde_core.rules.bank.reasoning import REASONING_RULES
from sde_core.rules.bank.relation import RELATION_RULES
from sde_core.rules.bank.repetition import REPETITION_RULES
from sde_core.rules.bank.reviews import REVIEW_RULES
from sde_core.rules.bank.safety import SAFETY_RULES
from sde_core.rules.bank.specificity import SPECIFICITY_RULES
from sde_core.rules.bank.structure import STRUCTURE_RULES
from sde_core.rules.bank.topic import TOPIC_RULES
from sde_core.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *LENGTH_RULES,
    *STRUCTURE_RULES,
    *LANGUAGE_RULES,
    *REPETITION_RULES,
    *RELATION_RULES,
    *TOPIC_RULES,
    *ASKED_RULES,
    *SPECIFICITY_RULES,
    *REASONING_RULES,
    *BOILERPLATE_RULES,
    *SAFETY_RULES,
    *CODE_RULES,
    *MATHEMATICS_RULES,
    *MEDICAL_RULES,
    *REVIEW_RULES,
)
"""All rules; a new one is one entry in its family's file."""
