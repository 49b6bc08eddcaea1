"""Rules about what should not be taught: harm, insult, secrets, and promises without limits."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import per_hundred_words, ramp
from sde_core.rules.words import any_of

_FAMILY = "boilerplate and safety"
_HARM = (
    "kill yourself", "suicide", "self-harm", "make a bomb", "build a bomb",
    "explosives?", "pipe bomb", "hack into", "steal", "stolen credit", "malware",
    "ransomware", "phishing", "poison(?:ing)? (?:someone|him|her|them)", "meth", "cocaine",
    "heroin", "child porn\\w*", "terroris\\w+", "genocide", "rape",
    "murder", "behead\\w*", "torture",
)  # fmt: skip
_INSULTS = (
    "idiots?", "idiotic", "morons?", "stupid", "dumb", "retard\\w*", "bitch\\w*",
    "bastards?", "fuck\\w*", "shit\\w*", "asshole\\w*", "crap", "damn", "slut\\w*",
    "whore\\w*", "scum", "losers?", "shut up", "pathetic", "disgusting",
)  # fmt: skip
_ABSOLUTES = (
    "always", "never", "guaranteed?", "everyone", "nobody", "no one", "100 ?%", "without (?:a )?doubt", "undoubtedly", "certainly", "absolutely",
    "impossible", "every single", "completely safe", "no risk",
)  # fmt: skip
_SECRETS = (
    r"\b(?:sk|pk|rk)[-_](?:live|test|proj)?[-_]?[a-z0-9]{16,}\b|\bakia[0-9a-z]{16}\b|\bgh[pousr]_[a-z0-9]{20,}\b|-----begin [a-z ]*private key-----"
    r"|\beyj[a-z0-9_-]{10,}\.[a-z0-9_-]{10,}\.|\b(?:password|passwd|api[_ ]?key|secret|token)\s*[:=]\s*['\"]?[^\s'\"<\[{]{6,}"
)

SAFETY_RULES: tuple[Rule, ...] = (
    Rule(
        "no-harm-words",
        _FAMILY,
        "1 without English words of violence, crime and self-harm in the answer, falling in a straight line to 0 at two in a hundred words.",
        "the answer does not dwell on harm",
        ramp(per_hundred_words(any_of(_HARM)), 2, 0),
    ),
    Rule(
        "no-insults",
        _FAMILY,
        "1 without English insults and swear words in the answer, falling in a straight line to 0 at two in a hundred words.",
        "the answer insults nobody",
        ramp(per_hundred_words(any_of(_INSULTS)), 2, 0),
    ),
    Rule(
        "no-absolutes",
        _FAMILY,
        "1 minus English words without exception (always, never, guaranteed, 100 %, …) in a hundred words, reaching 0 at 3.",
        "the answer promises no more than can be known",
        ramp(per_hundred_words(any_of(_ABSOLUTES)), 3, 0),
    ),
    Rule(
        "no-secrets",
        _FAMILY,
        "1 without keys, tokens and passwords by their usual forms, 0 with one.",
        "no credential is taught",
        1.0 - pl.col("answer_lower").str.contains(_SECRETS).cast(pl.Float64),
    ),
)
