"""Rules about opinion: reviews of products, films, places and services."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import only, per_sentence, ramp, share, where
from sde_core.rules.words import any_of

_FAMILY = "reviews and sentiment"
PRAISE = (
    "good", "great", "excellent", "amazing", "awesome", "wonderful", "fantastic", "perfect", "love", "loved", "loves", "best", "better", "beautiful",
    "delicious", "friendly", "helpful", "comfortable", "recommend", "recommended",
    "enjoy", "enjoyed", "enjoyable", "impressive", "brilliant", "happy",
    "pleased", "superb", "outstanding", "favou?rite", "worth", "fun", "fast", "fresh", "nice", "clean", "easy",
)  # fmt: skip
BLAME = (
    "bad", "terrible", "awful", "horrible", "poor", "poorly", "worst", "worse", "hate", "hated", "disappoint\\w*", "boring", "slow", "rude", "broken",
    "broke", "waste", "overpriced", "expensive", "dirty", "useless", "annoying", "dull", "fails?", "failed", "problem", "problems", "refund", "cheap",
    "lacks?", "lacking", "unfortunately", "stupid", "ugly", "uncomfortable", "never again", "avoid",
)  # fmt: skip
_ASPECTS = (
    "price", "prices", "quality", "service", "staff", "food", "taste", "screen",
    "battery", "camera", "sound", "size", "design", "plot", "story", "acting",
    "actors?", "characters?", "dialogue", "director", "music", "room",
    "rooms", "location", "delivery", "packaging", "performance", "keyboard", "menu",
    "portions?", "atmosphere", "ending", "scenes?", "software", "warranty", "fit", "material",
)  # fmt: skip
_OWN = r"\b(?:i|we|my|our|me|us)\b"
_FEWEST_OPINIONS = 2

_lower = pl.col("answer_lower")
_praise, _blame = _lower.str.count_matches(any_of(PRAISE)).cast(pl.Float64), _lower.str.count_matches(any_of(BLAME)).cast(pl.Float64)
_opinions = _praise + _blame
_says_opinions = _opinions >= _FEWEST_OPINIONS

REVIEW_RULES: tuple[Rule, ...] = (
    Rule(
        "opinion-words",
        _FAMILY,
        "English words of praise and blame in a hundred words of the answer, reaching 1 at 8.",
        "the text takes a stand",
        ramp(100.0 * share(_opinions, pl.col("answer_word_count")), 0, 8),
    ),
    Rule(
        "opinion-clear",
        _FAMILY,
        "Difference of words of praise and of blame over their sum; 0.5 below two of them.",
        "praise and blame do not cancel each other",
        where(_says_opinions, share((_praise - _blame).abs(), _opinions)),
    ),
    Rule(
        "opinion-weighed",
        _FAMILY,
        "Twice the rarer of praise and blame over their sum, with a word that turns (but, however, although, …); 0.5 below two of them.",
        "both sides are named",
        where(
            _says_opinions,
            share(2.0 * pl.min_horizontal(_praise, _blame), _opinions)
            * only(_says_opinions, _lower).str.contains(r"\b(?:but|however|although|though|yet|while)\b").cast(pl.Float64),
        ),
    ),
    Rule(
        "opinion-aspects",
        _FAMILY,
        "Different things judged (price, service, battery, plot, …), reaching 1 at 4; 0.5 below two opinions.",
        "the text says what is good or bad",
        where(_says_opinions, ramp(only(_says_opinions, _lower).str.extract_all(any_of(_ASPECTS)).list.n_unique(), 0, 4)),
    ),
    Rule(
        "own-experience",
        _FAMILY,
        "Words of the first person (I, we, my, …) per sentence, reaching 1 at one a sentence.",
        "somebody tells what they met with",
        ramp(per_sentence(_OWN), 0, 1),
    ),
)
