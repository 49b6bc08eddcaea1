"""Rules about the instruction, and about an answer in the light of it."""

from __future__ import annotations

import polars as pl

from sde_core.rules.measures import LIST_MARKER
from sde_core.rules.rule import Rule
from sde_core.rules.shapes import only, ramp, share, where
from sde_core.rules.words import QUESTION_WORDS, TASK_VERBS

_FAMILY = "instruction and answer"

_prompt, _prompt_lower, _answer, _answer_lower = pl.col("prompt"), pl.col("prompt_lower"), pl.col("answer"), pl.col("answer_lower")
_prompt_stems, _answer_stems = pl.col("prompt_stems"), pl.col("answer_stems")
_list_items = _answer.str.count_matches(LIST_MARKER).cast(pl.Float64)


def _size(words: pl.Expr) -> pl.Expr:
    return words.list.len()


# ---- what the answer takes up from the prompt

_taken_up = _size(_prompt_stems.list.set_intersection(_answer_stems))
_first_stems = pl.col("answer_opening_stems")
_opening_on_topic = share(_size(_first_stems.list.set_intersection(_prompt_stems)), _size(_first_stems))
_copied = share(pl.col("answer_copied_triples"), pl.col("answer_distinct_triples"))

# ---- how many were asked for

_NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NOT_ITEMS = (
    "words|sentences|lines|paragraphs|pages|characters|letters|digits|syllables|years|months|weeks|days|hours|minutes|seconds|dollars|euros|pounds|"
    "people|times|points|degrees|percent|meters|metres|miles|feet|inches|numbers|sides|variables|parameters|teams|players"
)
_ASKED = (
    r"\b(?:list|give|name|generate|provide|suggest|write|create|brainstorm|identify|come up with|find|recommend|make|propose|offer|outline|produce|"
    r"state|tell|select|choose|think of)\b[^.?!\n]*?\b(\d{1,2}|" + "|".join(_NUMBER_WORDS) + r")\s+(?:[a-z]+[\s-]+){0,2}?([a-z]{2,}s|people)\b"
)
_asked = (
    pl.when(_prompt_lower.str.extract(_ASKED, 2).str.contains(f"^(?:{_NOT_ITEMS})$"))
    .then(pl.lit(None, pl.String))
    .otherwise(_prompt_lower.str.extract(_ASKED, 1))
    .replace(list(_NUMBER_WORDS), [str(number) for number in range(2, 11)])
    .cast(pl.Float64, strict=False)
)
_asked_for_several = _asked.fill_null(0.0) > 1
_named = 1.0 + only(_asked_for_several, _answer_lower).str.count_matches(r"[,;]|\band\b|\n\s*\S")
_given = (
    pl.when(_list_items > 1)
    .then(pl.min_horizontal(_list_items, _asked) / pl.max_horizontal(_list_items, _asked))
    .otherwise(pl.min_horizontal(_named / _asked, pl.lit(1.0)))
)

# ---- which form was asked for

_FORMS: tuple[tuple[str, str], ...] = (
    (r"\b(?:code|function|script|program|regex|sql|html|css|query)\b", r"```|\bdef |\bfunction\b|\breturn\b|[{};]\s*(?:\n|\z)|</?\w|\bselect\b|\w\("),
    (r"\b(?:list|bullet|bulleted|enumerate|steps)\b", r"(?m)(?:^\s*(?:[-*•]|\d+[.)])\s.*\n?){2}|(?:[^,;\n]+[,;]){2}|\n\s*\S.*\n\s*\S"),
    (r"\b(?:table|spreadsheet)\b", r"\||\t|<table"),
    (r"\bhow (?:many|much|old|long|far|tall|fast)\b|\b(?:calculate|compute)\b|\bwhat (?:year|percentage|number)\b",
     r"\d|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|hundred|thousand|million)\b"),
    (r"\byes or no\b|\btrue or false\b|\byes/no\b", r"\b(?:yes|no|true|false)\b"),
    (r"\b(?:write|create|generate|make|ask|compose|formulate|come up with)\b[^.?!\n]*\bquestions?\b", r"\?"),
    (r"\bjson\b", r"[{\[]"),
    (r"\b(?:poem|haiku|song|lyrics|rap)\b", r"\S\s*\n\s*\S"),
    (r"\b(?:e-?mail|letter)\b", r"\b(?:dear|hello|hi|regards|sincerely|subject)\b"),
)  # fmt: skip
_asked_forms = pl.sum_horizontal(_prompt_lower.str.contains(asked).cast(pl.Int64) for asked, _ in _FORMS)
_given_forms = pl.sum_horizontal(
    only(_prompt_lower.str.contains(asked), _answer_lower).str.contains(given).fill_null(False).cast(pl.Int64) for asked, given in _FORMS
)

# ---- the instruction by itself

_TASK = "|".join(TASK_VERBS + QUESTION_WORDS)
_TASK_STARTS = rf"(?:\A|[.!?:,;\n]\s*)(?:please\s+|now\s+|then\s+|and\s+|can you\s+|could you\s+|your task is to\s+)?(?:{_TASK})\b"
_UNSEEN_MEDIUM = (
    r"\b(?:the|this|these|that|attached|following|given|above|below|provided|an?)\s+(?:[a-z]+\s+){0,2}?"
    r"(?:image|picture|photo|photograph|video|audio|screenshot|attachment|recording|link|url)s?\b|https?://"
)
_NAMED_MATERIAL = (
    r"\b(?:following|given|provided|below|above|this|these)\s+(?:[a-z]+\s+){0,2}?(?:text|passage|article|paragraph|sentences?|story|poem|list|data|dataset|"
    r"table|code|words?|numbers?|statements?|phrases?|document|email|conversation|dialogue|review|equation|items?|names?|snippet|input)\b"
)
_carries_material = (pl.col("prompt_word_count") > 25) | _prompt.str.contains(r"[:\n\"“”'‘’\[({\d]")
_CONSTRAINT = (
    r"\d+|\"[^\"\n]+\"|“[^”\n]+”|\b(?:at least|at most|no more than|no less than|less than|more than|exactly|must|only|without|include|including|"
    r"avoid|in the style|in the form|format|using|use|words?|sentences?|between|each|for an?|as if|based on|suitable|appropriate)\b"
)

RELATION_RULES: tuple[Rule, ...] = (
    Rule(
        "prompt-taken-up",
        _FAMILY,
        "Share of the prompt's content words (four letters or more, compared by the first five) that occur in the answer, reaching 1 at 0.8; "
        "0.5 where the prompt has none.",
        "the answer speaks of what was asked",
        where(_size(_prompt_stems) > 0, ramp(share(_taken_up, _size(_prompt_stems)), 0, 0.8)),
        about="pair",
    ),
    Rule(
        "opening-on-topic",
        _FAMILY,
        "Share of the first sentence's content words that come from the prompt, reaching 1 at 0.5; 0.5 where that sentence has none.",
        "the answer starts with the matter",
        where(_size(_first_stems).fill_null(0) > 0, ramp(_opening_on_topic, 0, 0.5)),
        about="pair",
    ),
    Rule(
        "not-copied",
        _FAMILY,
        "1 minus the share of the answer's distinct word triples that occur in the prompt; 0.5 below three words.",
        "the answer adds something to the prompt",
        where(pl.col("answer_word_count") > 2, 1.0 - _copied),
        about="pair",
    ),
    Rule(
        "asked-count",
        _FAMILY,
        "Where the prompt asks for N things (list five …): list items against N, the smaller over the larger, or without a list the parts between "
        "commas over N, at most 1; 0.5 where no number is asked for.",
        "as many things as were asked for",
        where(_asked_for_several, _given),
        about="pair",
    ),
    Rule(
        "asked-form",
        _FAMILY,
        "Share of the forms that the prompt asks for (code, list, table, number, yes or no, question, JSON, verse, letter) that the answer shows; "
        "0.5 where none is asked for.",
        "the answer has the form that was asked for",
        where(_asked_forms > 0, share(_given_forms, _asked_forms)),
        about="pair",
    ),
    Rule(
        "clear-task",
        _FAMILY,
        "1 where a sentence or clause of the prompt begins with an English task verb or question word, 0.5 where it only has a question mark or such "
        "a verb elsewhere, 0 otherwise.",
        "the prompt says what to do",
        pl.when(_prompt_lower.str.contains(_TASK_STARTS)).then(1.0)
        .when(_prompt_lower.str.contains(rf"\?|？|\b(?:{'|'.join(TASK_VERBS)})\b")).then(0.5).otherwise(0.0),
        about="prompt",
    ),
    Rule(
        "self-contained",
        _FAMILY,
        "0 where the prompt points at an image, video, recording, file or link, or within 25 words names a text (the following article, this list) "
        "that it does not carry; 1 otherwise.",
        "the prompt can be answered from itself",
        (~(_prompt_lower.str.contains(_UNSEEN_MEDIUM) | (_prompt_lower.str.contains(_NAMED_MATERIAL) & ~_carries_material))).cast(pl.Float64),
        about="prompt",
    ),
    Rule(
        "constraints",
        _FAMILY,
        "Numbers, quoted phrases and limiting words (at least, must, only, using, …) in the prompt, reaching 1 at 4.",
        "the prompt says precisely what it wants",
        ramp(_prompt_lower.str.count_matches(_CONSTRAINT), 0, 4),
        about="prompt",
    ),
)  # fmt: skip
