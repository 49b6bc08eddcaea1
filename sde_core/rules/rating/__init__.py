"""Plain-language rules rated by a model: prompts, judges, the cache of ratings and the engine that fills it."""

from __future__ import annotations

from sde_core.rules.rating.cache import RatedColumn, RatingCache
from sde_core.rules.rating.judge import Answer, Judge, Question
from sde_core.rules.rating.plan import RatingParams
from sde_core.rules.rating.prompts import DEFAULT_FORM, FORMS, Example, PromptForm, prompt_form
from sde_core.rules.rating.rate import form_in_use, rate
from sde_core.rules.rating.report import RatingReport, RuleRatings

__all__ = [
    "DEFAULT_FORM",
    "FORMS",
    "Answer",
    "Example",
    "Judge",
    "PromptForm",
    "Question",
    "RatedColumn",
    "RatingCache",
    "RatingParams",
    "RatingReport",
    "RuleRatings",
    "form_in_use",
    "prompt_form",
    "rate",
]
