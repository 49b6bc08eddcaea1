"""Plain-language rules rated by a model: prompts, judges, the cache of ratings and the engine that fills it."""

from __future__ import annotations

from sde_core.rules.rating.cache import RatedColumn, RatingCache
from sde_core.rules.rating.judge import Answer, Judge, Question
from sde_core.rules.rating.prompts import DEFAULT_FORM, FORMS, Example, PromptForm, prompt_form

__all__ = ["DEFAULT_FORM", "FORMS", "Answer", "Example", "Judge", "PromptForm", "Question", "RatedColumn", "RatingCache", "prompt_form"]
