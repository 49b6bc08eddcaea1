"""Rules about an answer on health; neutral where the row is about something else."""

from __future__ import annotations

import polars as pl

from sde_core.rules.rule import Rule
from sde_core.rules.shapes import only, ramp, share, where
from sde_core.rules.words import any_of

_FAMILY = "medical"
_TERMS = (
    r"\b(?:patient|patients|symptoms?|diagnos\w+|treatments?|therap\w+|disease|disorder|syndrome|clinical|chronic|acute|infection\w*|medication\w*|"
    r"dos(?:e|es|age)|tumou?rs?|cancer|diabet\w+|hypertension|cardiac|renal|hepatic|pulmonary|vaccin\w+|antibiotic\w*|surg\w+|blood|fever|pain|"
    r"prognosis|lesions?|biopsy|enzyme|receptor|hormone|[a-z]{4,}(?:itis|osis|emia|aemia|ectomy|pathy|plasty|ology|trophy|algia|uria))\b"
)
_CARE = (
    "see a doctor", "see your doctor", "consult", "talk to your",
    "speak with your", "seek medical", "seek immediate", "emergency", "health care provider",
    "healthcare provider", "healthcare professional", "medical professional", "medical attention",
    "call 911", "your physician", "a physician", "specialist",
)  # fmt: skip
_RISKS = (
    "side effect", "side effects", "adverse", "contraindicat\\w+", "risk", "risks", "interact\\w*", "allerg\\w+", "caution", "avoid", "complication",
    "complications", "should not", "warning", "overdose", "monitor\\w*",
)  # fmt: skip
_EVIDENCE = (
    "study", "studies", "trial", "trials", "evidence", "guideline",
    "guidelines", "recommended", "research", "meta-analysis", "review", "randomi[sz]ed",
    "according to", "prevalence", "incidence", "percent of", "first-line", "approved",
)  # fmt: skip
_QUANTITY = r"\d\s*(?:mg|mcg|µg|g|kg|ml|dl|l|mmol|meq|iu|units?|mmhg|bpm|%|°c|°f|hours?|days?|weeks?|months?|years?|times)\b"
_FEWEST_TERMS = 2

_lower, _prompt_lower, _sentences = pl.col("answer_lower"), pl.col("prompt_lower"), pl.col("answer_sentence_count")
_terms = _lower.str.count_matches(_TERMS)
_is_medical = (_terms + _prompt_lower.str.count_matches(_TERMS)) >= _FEWEST_TERMS


def _each_sentence(words: tuple[str, ...], full_at: float) -> pl.Expr:
    return where(_is_medical, ramp(share(only(_is_medical, _lower).str.count_matches(any_of(words)), _sentences), 0, full_at))


MEDICAL_RULES: tuple[Rule, ...] = (
    Rule(
        "medical-terms",
        _FAMILY,
        "English medical terms (patient, treatment, words in -itis, -osis, …) in a hundred words of the answer, reaching 1 at 8.",
        "the answer speaks of health in its terms",
        ramp(100.0 * share(_terms, pl.col("answer_word_count")), 0, 8),
    ),
    Rule(
        "medical-care-advised",
        _FAMILY,
        "Where two medical terms occur: advice to see somebody who can examine (see a doctor, emergency, specialist, …) per sentence, "
        "reaching 1 at one in ten; else 0.5.",
        "the reader is sent to a doctor where one is needed",
        _each_sentence(_CARE, 0.1),
        about="pair",
    ),
    Rule(
        "medical-risks-named",
        _FAMILY,
        "Where two medical terms occur: words of risk (side effect, contraindicated, allergy, avoid, …) per sentence, "
        "reaching 1 at one in four; else 0.5.",
        "risks are named",
        _each_sentence(_RISKS, 0.25),
        about="pair",
    ),
    Rule(
        "medical-evidence",
        _FAMILY,
        "Where two medical terms occur: words of evidence (study, trial, guideline, first-line, …) per sentence, "
        "reaching 1 at one in four; else 0.5.",
        "claims rest on evidence",
        _each_sentence(_EVIDENCE, 0.25),
        about="pair",
    ),
    Rule(
        "medical-quantities",
        _FAMILY,
        "Where two medical terms occur: numbers with a unit of dose, measure or time per sentence, reaching 1 at one in three; else 0.5.",
        "doses and durations are given",
        where(_is_medical, ramp(share(only(_is_medical, _lower).str.count_matches(_QUANTITY), _sentences), 0, 1 / 3)),
        about="pair",
    ),
)
