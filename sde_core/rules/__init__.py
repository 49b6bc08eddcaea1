"""Rules: a bank of formulas over rows, their score matrix, and the choice of the few that say different things."""

from __future__ import annotations

from sde_core.rules.against_random import RandomComparison, TruthComparison, WinRate
from sde_core.rules.bank import RULES
from sde_core.rules.book import RuleBook
from sde_core.rules.book_choice import ChosenQuality, RuleScores, choose_by_book, quality_of_choice, rule_scores, scored_by_book
from sde_core.rules.choose import (
    DEFAULT_METHOD,
    DEFAULT_RULE_COUNT,
    FAVOURS,
    METHODS,
    PAPER_METHOD,
    ChoiceMethod,
    RuleChoice,
    choose_rules,
    dropped_rules,
    method_named,
)
from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.kernel import correlation_kernel, cosine_kernel, gram_kernel, rho
from sde_core.rules.matrix import BINS, RatingSummary, RuleSummary, ScoreMatrix, bins_of, quality, score_matrix
from sde_core.rules.packs import DEFAULT_PACK, GENERAL_RULES, PACKS, pack_rules
from sde_core.rules.plain_rule import Origin, PlainRule, plain_rule, rule_name
from sde_core.rules.reliability import GATES, MOSTLY_LENGTH, DroppedRule, Gate, Reliability, RuleEvidence, reliability_of
from sde_core.rules.retest import Retest
from sde_core.rules.rule import FAMILIES, Rule
from sde_core.rules.scoring import JudgeRatings, book_matrix, project_matrix

__all__ = [
    "BINS",
    "DEFAULT_METHOD",
    "DEFAULT_PACK",
    "DEFAULT_RULE_COUNT",
    "FAMILIES",
    "FAVOURS",
    "GATES",
    "GENERAL_RULES",
    "METHODS",
    "MOSTLY_LENGTH",
    "PACKS",
    "PAPER_METHOD",
    "RULES",
    "ChoiceMethod",
    "ChosenQuality",
    "DroppedRule",
    "Gate",
    "JudgeRatings",
    "JudgeSettings",
    "Origin",
    "PlainRule",
    "RandomComparison",
    "RatingSummary",
    "Reliability",
    "Retest",
    "Rule",
    "RuleBook",
    "RuleChoice",
    "RuleEvidence",
    "RuleScores",
    "RuleSummary",
    "ScoreMatrix",
    "TruthComparison",
    "WinRate",
    "bins_of",
    "book_matrix",
    "choose_by_book",
    "choose_rules",
    "correlation_kernel",
    "cosine_kernel",
    "dropped_rules",
    "gram_kernel",
    "method_named",
    "pack_rules",
    "plain_rule",
    "project_matrix",
    "quality",
    "quality_of_choice",
    "reliability_of",
    "rho",
    "rule_name",
    "rule_scores",
    "score_matrix",
    "scored_by_book",
]
