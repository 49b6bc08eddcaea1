"""What kind of answer a row gives: refused, empty, a label, a number, JSON, code, a list, prose.

Every answer has one kind: the first in the order of `ANSWER_KINDS` whose pattern fits. Patterns run over all answers at once (polars, Rust regex).
"""

from __future__ import annotations

import polars as pl

_REGRET = r"\b(?:sorry|afraid|apologi[sz]e|apologies|unfortunately|regret)\b"
_MACHINE = r"(?:ai|artificial intelligence|language model|llm|virtual assistant|digital assistant|chatbot)\b"
_AI = rf"\b(?:as|i(?:'m| am)) (?:just |only |merely )?an? (?:\w+[- ]){{0,3}}?{_MACHINE}"
_NOT_ABLE = r"(?:unable|not able|not allowed|not permitted|not programmed|not designed|not capable)(?: to| of)"
_POWER = r"(?:ability|abilities|capability|capabilities|functionality|permission|access|means|data)"
_FACULTY = rf"(?:{_POWER}|personal|emotions|feelings|senses|a physical)"
_ADVERB = r"(?:currently |also |really |simply |still |therefore )?"
_CANNOT = (
    rf"\b(?:(?:i|and|so|but) {_ADVERB}(?:can(?:not|'t| not)|could(?: not|n't)|won't|will not|must decline to|refuse to|(?:am |'m )?{_NOT_ABLE}"
    rf"|do(?: not|n't) {_ADVERB}(?:have|possess) (?:the |any |direct |real-time )?{_FACULTY})|i'm {_ADVERB}{_NOT_ABLE})"
)
_ACT = "|".join((
    "help assist provid fulfil comply answer respond perform generat creat produc offer discuss engage access brows search open view display play",
    "show book order schedul purchas send place process retriev determin estimat support execut handl continue write predict translat share",
)).replace(" ", "|")  # fmt: skip
_DO = (
    rf"(?: to| of)? (?:\w+ly )?(?:to )?(?:{_ACT}|tell you|do (?:that|this|so)|complete (?:that|this|your)"
    r"|make (?:purchas|reserv|phone|booking|transact|appoint|a (?:reserv|purchas|booking)))"
)
_REFUSAL = (
    rf"(?is)^.{{0,40}}{_AI}.{{0,100}}?(?:{_CANNOT}{_DO}|\bdo(?: not|n't) {_ADVERB}(?:have|possess) (?:the |any |direct |real-time )?{_POWER})"
    rf"|^.{{0,20}}?{_REGRET}.{{0,80}}?(?:{_CANNOT}{_DO}|\bi {_ADVERB}do(?: not|n't) have (?:the |any )?{_POWER})"
    rf"|^\W{{0,4}}{_CANNOT}{_DO}"
    r"|^\W{0,4}it (?:is|would be) (?:not (?:appropriate|possible|ethical) for me|inappropriate for me|unethical for me|against my)"
    r"|^\W{0,4}(?:抱歉|对不起|很抱歉|非常抱歉|不好意思).{0,40}?(?:无法|不能|没有能力|没有办法|没办法)"
    r"|^\W{0,4}(?:作为|身为)(?:一个|一名|一位)?.{0,6}(?:AI|人工智能|语言模型|智能助手).{0,60}?(?:无法|不能|没有能力|没有办法|没办法)"
)
_DISCLAIMER = r"(?i)\bas an? (?:ai\b|artificial intelligence|(?:large |ai )?language model)|(?:作为|身为)(?:一个|一名)?.{0,3}(?:AI|人工智能|语言模型)"
_PLACEHOLDER = (
    r"(?i)^\W{0,3}(?:no ?(?:input|output|answer|response|content)|n/?a|none|null|nan|todo|tbd|tba|placeholder|lorem ipsum\b.*|undefined"
    r"|insert (?:answer|text) here)\W{0,3}$|^[.\-–—_?…\s]+$"
)
_NUMBER = r"^\s*[-+−]?[$€£¥]?\s?\d[\d,. ]*(?:[eE][-+]?\d+)?\s?(?:%|[°º]?[CFK]?|[a-zA-Zµ/²³]{1,6})?\.?\s*$"
_JSON = r"(?s)^\s*(?:\{\s*\}|\[\s*\]|(?:\{\s*\"|\[\s*(?:[\[{\"\d-]|true|false|null)).*[}\]])\s*$"
CODE_LINES = (
    r"(?m)```|^\s*(?:def \w+\(.*|class \w+.*[:{]\s*$|import [\w.]+(?: as \w+)?\s*$|from [\w.]+ import |#include\s*[<\"]|#!/"
    r"|public (?:static |class |void )|(?:async )?function\s*\w*\s*\(|(?:const|let|var) \w+\s*=|using namespace|package \w+;"
    r"|(?:(?:Public|Private) |End )(?:Function|Sub)\b"
    r"|<!DOCTYPE|<html|<\?php|<\w+(?: \w+=\"[^\"]*\")*>.*</\w+>\s*$"
    r"|SELECT\s.+\sFROM\s|(?:CREATE|ALTER|DROP) TABLE|INSERT INTO |UPDATE \w+ SET )"
)
"""What only code has: a fence, or the beginning of a statement at the beginning of a line."""
_ITEM = r"(?m)^\s*(?:[-*+•·▪–]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)])\s+\S"
_SENTENCE_END = r"[.!?。！？:;]$|\n"

_LONG_CHARACTERS = 600
_LABEL_CHARACTERS, _LABEL_WORDS = 40, 4
_BEGINNING, _SHORT_BYTES = 240, 40

ANSWER_KINDS: dict[str, str] = {
    "empty": "nothing, or white space only",
    "placeholder": "a word that stands for no answer: N/A, none, TODO, …",
    "refusal": "declines to do what is asked",
    "disclaimer": "answers, and says that it is an AI",
    "json": "one JSON object or array",
    "code": "a code block, or lines that only code has",
    "list": "at least three lines that are items, and most lines are",
    "number": "one number, with a sign, currency or unit",
    "label": "up to four words and no sentence: a class, a name, yes or no",
    "short": f"prose of up to {_LONG_CHARACTERS} characters",
    "long": f"prose of more than {_LONG_CHARACTERS} characters",
}
"""Name and definition of each kind, in the order in which they are tried."""


def answer_kinds(answers: pl.Series) -> pl.Series:
    """The kind of each answer, one of `ANSWER_KINDS`.

    Args:
        answers: String[n].
    """
    text = pl.col("answer")
    plain = text.str.replace_all("[’‘`]", "'")
    short = text.str.len_bytes() < _SHORT_BYTES
    items, lines = text.str.count_matches(_ITEM), text.str.count_matches(r"(?m)^\s*\S.*$")
    few_words = (text.str.len_chars() <= _LABEL_CHARACTERS) & (text.str.count_matches(r"\S+") <= _LABEL_WORDS)
    tests = {
        "empty": ~text.str.contains(r"\S"),
        "placeholder": short & text.str.contains(_PLACEHOLDER),
        "refusal": plain.str.slice(0, _BEGINNING).str.contains(_REFUSAL),
        "disclaimer": plain.str.contains(_DISCLAIMER),
        "json": text.str.contains(_JSON),
        "code": text.str.contains(CODE_LINES),
        "list": (items >= 3) & (items * 2 >= lines),
        "number": short & text.str.contains(_NUMBER),
        "label": few_words & ~text.str.strip_chars().str.contains(_SENTENCE_END),
        "short": text.str.len_chars() <= _LONG_CHARACTERS,
    }
    kind: pl.Expr = pl.lit("long")
    for name, test in reversed(tests.items()):
        kind = pl.when(test).then(pl.lit(name)).otherwise(kind)
    return pl.DataFrame({"answer": answers.fill_null("")}).select(kind.alias("answer_kind")).to_series()
