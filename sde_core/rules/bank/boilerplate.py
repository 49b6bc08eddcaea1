"""Rules about what a model should not learn to say."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import per_sentence, ramp

_FAMILY = "boilerplate and safety"
_EARLY, _LATE = 200, 160
_REFUSAL = (
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|\bi(?:['’]m| am) (?:just )?an? (?:ai|(?:large )?language model)\b"
    r"|\bi(?:['’]m| am) sorry,? (?:but )?(?:i|that|this)\b|\bi (?:can ?not|can['’]t|am unable to|am not able to|do not have|don['’]t have) "
    r"(?:to )?(?:assist|help|provide|fulfil|fulfill|complete|answer|comply|access|personal|the ability|generate|create|process)\b"
    r"|\bi['’]m (?:unable|not able) to\b|<no ?output>|\bunable to (?:assist|help|comply|fulfil)\b"
)
_FILLER_OPENING = (
    r"\A\W*(?:sure|certainly|of course|absolutely|definitely|great question|good question|thank you for|thanks for|i['’]?d be (?:happy|glad)|"
    r"i would be (?:happy|glad)|happy to help|no problem|okay|ok|alright)\b"
)
_FILLER_CLOSING = (
    r"\bhope (?:this|that|it) helps|\blet me know if|\bfeel free to (?:ask|contact|reach)|\bis there anything else|"
    r"\bhave a (?:great|nice|good) day|\bdon['’]t hesitate to|\bhappy to help\b"
)
_CONTACT = r"https?://\S+|\bwww\.\S+|\b[\w.+-]+@[\w-]+\.[\w.]+\b|\+?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b"
_RESIDUE = (
    r"<\|?/?(?:im_start|im_end|s|endoftext|eot_id|start_header_id|end_header_id|system|user|assistant|human|bot|pad|unk)[ \w]*\|?>"
    r"|\[/?inst\]|<</?sys>>|\b(?:noinput|nooutput)\b|&(?:amp|lt|gt|quot|nbsp|#\d+);|</?(?:p|br|div|span|li|ul|strong|em|b|i|a)\b[^>\n]{0,80}>"
    r"|\x{FFFD}|â€|ã[©¨¤¶¼]|(?m:^\s*#{2,3} ?(?:instruction|response|input)\b)"
)

_lower, _sentence_count = pl.col("answer_lower"), pl.col("answer_sentence_count")
_refuses_early = _lower.str.slice(0, _EARLY).str.contains(_REFUSAL)
_opens_with_filler = _lower.str.contains(_FILLER_OPENING)
_closes_with_filler = _lower.str.slice(-_LATE).str.contains(_FILLER_CLOSING)
_shouts_per_sentence = pl.col("answer").str.count_matches(r"\b\p{Lu}{4,}\b") / pl.max_horizontal(_sentence_count, pl.lit(1))

BOILERPLATE_RULES: tuple[Rule, ...] = (
    Rule(
        "no-refusal",
        _FAMILY,
        "0 where the first 200 characters refuse or speak as a language model (I cannot help, as an AI, …), 0.5 where a later part does, else 1.",
        "the answer does what was asked",
        pl.when(_refuses_early).then(0.0).when(_lower.str.contains(_REFUSAL)).then(0.5).otherwise(1.0),
    ),
    Rule(
        "no-filler",
        _FAMILY,
        "1, less 0.5 for an opening such as Sure or Great question, less 0.5 for words such as I hope this helps in the last 160 characters.",
        "no chatter around the answer",
        1.0 - 0.5 * _opens_with_filler.cast(pl.Float64) - 0.5 * _closes_with_filler.cast(pl.Float64),
    ),
    Rule(
        "no-contacts",
        _FAMILY,
        "1 without links, e-mail addresses and phone numbers, 0.5 with one, 0 with two or more.",
        "nothing personal and nothing that goes stale",
        ramp(_lower.str.count_matches(_CONTACT), 2, 0),
    ),
    Rule(
        "no-residue",
        _FAMILY,
        "1 without chat markers, HTML tags and entities, mojibake and prompt headings in the answer, 0.5 with one, 0 with two or more.",
        "no remains of another format",
        ramp(_lower.str.count_matches(_RESIDUE), 2, 0),
    ),
    Rule(
        "calm-tone",
        _FAMILY,
        "1 minus exclamation marks and shouted words (four capitals or more) per sentence, reaching 0 at one a sentence.",
        "the answer does not shout",
        ramp(per_sentence("!") + _shouts_per_sentence, 1, 0),
    ),
)
