"""Answers in another language than the question, without having been asked to translate."""

from __future__ import annotations

import re

import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding
from sde_core.features.language import CHARACTERS_READ, FUNCTION_WORDS, LANGUAGE_NAMES, UNKNOWN, language_frame

_SURE = 0.8
_FEWEST_LETTERS = 16
_HABIT = 0.2
"""Where more of the answers than this are in another language, the file is one of translations."""
_NAMED_LANGUAGES = "|".join(sorted({name for code, name in LANGUAGE_NAMES.items() if code != UNKNOWN}, key=len, reverse=True))
_ASKS = re.compile(
    rf"\b(?:translat\w*|languages?|bilingual|foreign|multilingual|{_NAMED_LANGUAGES}|mandarin|farsi|brazilian|übersetz\w*|auf (?:englisch|deutsch"
    rf"|französisch)"
    r"|tradu\w*|en (?:inglés|anglais|français|español|allemand)|in (?:inglese|italiano)|vertaal\w*)\b"
    r"|翻译|译成|译为|英文|英语|中文|汉语|日语|法语|德语|西班牙语|俄语|韩语|语言|翻譯|英文|перев[её]д"
    r"|перевест|на (?:английск|русск)|英訳|和訳|日本語|英語|번역",
    re.IGNORECASE,
)
_NEIGHBOURS = ({"da", "no", "sv"}, {"es", "pt", "gl", "ca"}, {"hr", "sr", "sl", "bs"}, {"cs", "sk"}, {"id", "ms"}, {"ru", "uk", "be", "bg"},
               {"hi", "mr", "ne"}, {"nl", "af", "de"})  # fmt: skip
"""Languages so near that short texts are taken for one another."""


_ENGLISH = r"\b(?:[Tt]he|and|of|is|are|for|with|[Aa] [a-z]{3,})\b"
"""Where prompt and answer both have such words, no more need be known."""
_FEWEST_SIGNS = 3
_SHARED_WORDS = frozenset(
    [
        "in",
        "is",
        "on",
        "a",
        "an",
        "as",
        "at",
        "by",
        "do",
        "am",
        "me",
        "he",
        "we",
        "so",
        "no",
        "or",
        "all",
        "die",
        "was",
        "war",
        "has",
        "had",
        "been",
        "her",
        "more",
        "than",
        "ten",
        "tends",
    ]
)
_OTHER_WORDS = (
    r"(?i)\b(?:"
    + "|".join(
        sorted(
            {word for code, words in FUNCTION_WORDS.items() if code != "en" for word in words.split() if len(word) > 1 and word.isascii()}
            - _SHARED_WORDS
        )
    )
    + r") "
)
_LATIN_SCRIPT = ("en", *(code for code in FUNCTION_WORDS if code != "en"))
_ENGLISH_QUESTION = r"(?i)\b(?:how|what|why|when|where|who|which|is|are|does|do|can|could|the|my|your|you|please|to|of|and|me|i)\b"
_BEGINNING, _FEWEST_NON_LATIN, _NAMES = 30, 3, 0.45
_NON_LATIN = re.compile(r"[^\W\d_a-zA-Z\u00c0-\u024f]")


class WrongLanguage:
    """Answers in a language that nobody spoke."""

    name = "wrong-language"
    title = "Answers in another language than the prompt"
    advice = "The model learns to change the language: translate the answer or reject the row."
    explained_by = ("mojibake", "repetition-loop")

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record: both languages sure, all of the prompt in one, and no word in it about languages."""
        asked = wanted_answers(context)
        for test in (
            ~_alike(_ENGLISH, 200),
            pl.col("answer").str.len_chars() >= _FEWEST_LETTERS,
            ~_alike(r"\p{Han}", 40),
            ~_alike(r"\p{Cyrillic}", 40),
            _foreign("prompt") | _foreign("answer"),
        ):
            asked = asked.filter(test)
        said = language_frame(asked["answer"], cancel=context.cancel)
        prompts = language_frame(asked["prompt"], cancel=context.cancel)
        told = asked.select("row", "system", "prompt", "answer").with_columns(
            said=said["code"], sure=said["certainty"], spoken=prompts["code"], certain=prompts["certainty"]
        )
        told = told.with_columns(
            spoken=pl.when(_short_english()).then(pl.lit("en")).otherwise("spoken"),
            certain=pl.when(_short_english()).then(_SURE).otherwise("certain"),
        )
        sure = told.filter((pl.col("sure") >= _SURE) & (pl.col("certain") >= _SURE) & (pl.col("said") != UNKNOWN) & (pl.col("spoken") != UNKNOWN))
        other = sure.filter(pl.col("said") != pl.col("spoken"))
        if other.height > max(_HABIT * context.texts.height, 1):
            return []
        return [self._finding(context, *row) for row in other.iter_rows() if _is_foreign(*row)]

    def _finding(self, context: CheckContext, row: int, _: str, __: str, answer: str, said: str, sure: float, spoken: str, certain: float) -> Finding:
        message = f"The prompt is in {LANGUAGE_NAMES[spoken]}, the answer in {LANGUAGE_NAMES[said]}."
        return Finding(self.name, "warning", (row,), message, excerpt(answer), answer_field(context.dataset, row), round(min(sure, certain), 2))


def _short_english() -> pl.Expr:
    """Prompts too short for their language to be told otherwise, that ask in English words."""
    prompt = pl.col("prompt")
    return (pl.col("spoken") == UNKNOWN) & ~prompt.str.contains(r"[^\x00-\x7f]") & (prompt.str.count_matches(_ENGLISH_QUESTION) >= _FEWEST_SIGNS)


def _foreign(column: str) -> pl.Expr:
    """Texts with several letters that English does not have, or several function words of other languages."""
    beginning = pl.col(column).str.slice(0, CHARACTERS_READ)
    return (beginning.str.count_matches(r"[\p{L}--[a-zA-Z]]") >= _FEWEST_SIGNS) | (beginning.str.count_matches(_OTHER_WORDS) >= _FEWEST_SIGNS)


def _alike(pattern: str, characters: int) -> pl.Expr:
    """Rows whose prompt and answer both have something at their beginning."""
    return pl.col("prompt").str.slice(0, characters).str.contains(pattern) & pl.col("answer").str.slice(0, characters).str.contains(pattern)


def _is_foreign(_: int, system: str, prompt: str, answer: str, said: str, __: float, spoken: str, ___: float) -> bool:
    """Whether nothing in the prompt calls for the language of the answer, and the answer is not a passage of the prompt."""
    if len(_NON_LATIN.findall(answer[:_BEGINNING])) >= _FEWEST_NON_LATIN and said in _LATIN_SCRIPT:
        return False
    words = re.findall(r"[^\W\d_]+", answer[:CHARACTERS_READ])
    if sum(word[0].isupper() for word in words) > _NAMES * len(words):
        return False
    if spoken not in _LATIN_SCRIPT and any(word in answer for word in re.findall(r"[A-Za-z]{3,}", prompt)):
        return False
    near = any({said, spoken} <= family for family in _NEIGHBOURS)
    return not near and not _ASKS.search(prompt) and not _ASKS.search(system) and answer.strip()[:60] not in prompt and not _speaks(prompt, said)


def _speaks(prompt: str, language: str) -> bool:
    """Whether a part of the prompt is in the language too: a word to explain, a text to continue."""
    parts = [part for part in re.split(r"\n+|[:：]\s", prompt) if len(part) >= _FEWEST_LETTERS]
    return bool(len(parts) > 1 and (language_frame(pl.Series(parts))["code"] == language).any())
