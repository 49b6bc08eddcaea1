"""The language of texts: by script and function words for all texts at once, by py3langid where these do not tell.

Only the beginning of a text counts, without its code, links and tags. What is too short or mixed has no language ("und"): a name or a number is
written alike in many. Function words are those of each language that are frequent in it and rare in its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from sde_core.features.answer_kind import CODE_LINES
from sde_core.progress import NEVER, Cancel, raise_if_cancelled

CHARACTERS_READ = 300
"""So many characters of a text count, after code, links and tags were taken out of its first `_CHARACTERS_CLEANED`."""
UNKNOWN = "und"
"""ISO 639 code of a text whose language cannot be told."""
SURE = 0.6
"""Certainty from which on a language is named."""

_CHARACTERS_CLEANED = 1000
_NOT_PROSE = r"(?s)```.*?(?:```|$)|`[^`\n]*`|https?://\S+|www\.\S+|\S+@\S+\.\w+|<[^<>\n]{1,200}>|\{\{?[^{}\n]{0,60}\}\}?"
_BATCH = 4096

LANGUAGE_NAMES: dict[str, str] = {
    "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer",
    "kn": "Kannada", "ko": "Korean", "la": "Latin", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam",
    "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "my": "Burmese", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "or": "Odia",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "si": "Sinhala", "sk": "Slovak",
    "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai",
    "tl": "Tagalog", "tr": "Turkish", "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "zh": "Chinese",
    UNKNOWN: "not told",
}  # fmt: skip
"""English name of each code that `languages` gives (ISO 639-1)."""

FUNCTION_WORDS = {
    "en": "the and that with this are you your from they their which were been would could should these there when what how its has have "
    "of to it because than then will not my he she who about into only other some such our can may most don't i'm you're it's",
    "de": "der die das und ist nicht ein eine einen einem einer mit für auf von zu den dem des sich auch wird sind ich sie wir bei wie oder aber "
    "kann haben durch werden zum zur nach über wenn sehr diese dieser hier noch mein ihr ihre dass war",
    "fr": "le la les des une est et dans pour que qui sur avec pas vous nous il elle ce cette sont au aux du plus ne se mais par leur être ou "
    "je votre mon son ses été fait",
    "es": "el los las una es en para que con por del se su como más lo al pero sus este esta está son puede muy también ser hay le la "
    "usted tiene mi yo nos desde cuando",
    "pt": "os as uma em para que com por do da dos das não se como mais ao mas sua seu este esta são pode muito também ser você na no nos "
    "um foi ele ela meu minha",
    "it": "il gli una di che con per del della dei delle non si come più al ma suo sua questo questa sono può molto anche essere nel nella "
    "lo un io ho alla dal",
    "nl": "de het een en van ik dat niet op te voor met zijn er aan ook als maar om dan door naar bij wordt worden heeft kan deze dit ze wij "
    "uit nog hebben over wat geen mijn je",
    "sv": "och att det som en på är av för med den till inte om ett han jag de var kan men från har du eller när vi",
    "pl": "na że się nie jest jak za po od dla przez ale tym są oraz może być który która które ich jego tak co ma",
    "tr": "ve bir bu için ile da de olarak en çok daha olan gibi ne ama var kadar sonra her değil ya mi ben sen",
    "vi": "và là của có trong được cho các không một với người những để này đã khi từ cũng như",
    "id": "yang dan di untuk dengan ini dari dalam tidak adalah pada itu ke akan dapat juga atau saya oleh sebagai anda",
}
"""Function words of languages in Latin script, by code."""
ENGLISH_TOO = "a is in was on as be by at for or an we so if do am i but all had up her his no out them"
"""Frequent in English and in other languages too: they count beside one of the other words."""
_CODES = tuple(FUNCTION_WORDS)
_FEWEST_HITS, _LEAST_SHARE, _SURE_SHARE, _LEAD = 2, 0.2, 0.3, 1.5
_CLEAR_WORDS = 4
"""So many different function words of a language need no second opinion."""
_BETWEEN_WORDS = r"[^\p{L}\p{M}]+"
_SYMBOLS, _SYMBOL_SHARE = r"[{}\[\]()_;|\\&^~]", 0.06
"""Code and tables are in no language."""

_SCRIPTS = {
    "el": "Greek", "he": "Hebrew", "th": "Thai", "ka": "Georgian", "hy": "Armenian", "ta": "Tamil", "te": "Telugu", "kn": "Kannada",
    "ml": "Malayalam", "gu": "Gujarati", "pa": "Gurmukhi", "or": "Oriya", "si": "Sinhala", "km": "Khmer", "lo": "Lao", "my": "Myanmar",
    "am": "Ethiopic", "ko": "Hangul",
}  # fmt: skip
"""Languages that (nearly) alone use a script."""
_SHARED_SCRIPTS = {
    "Cyrillic": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "mn"),
    "Arabic": ("ar", "fa", "ur", "ps", "ug"),
    "Devanagari": ("hi", "mr", "ne"),
    "Bengali": ("bn",),
}
_LATIN = (
    "af az ca cs cy da de en eo es et eu fi fr ga gl hr ht hu id is it jv lt lv mg ms mt nl no pl pt ro rw sk sl so sq sv sw tl tr uz vi xh yo zu"
)
_OTHERS_TRIED = tuple(sorted({*_LATIN.split(), *(code for codes in _SHARED_SCRIPTS.values() for code in codes)}))
_CODE_OF_SCRIPT = {"zh": "zh", "ja": "ja", "Latin": "", **{script: code for code, script in _SCRIPTS.items()}, **dict.fromkeys(_SHARED_SCRIPTS, "")}
_FOREIGN = r"[^\p{Latin}\p{Common}\p{Inherited}]"
_HAN_WEIGHT = 3.0
"""One Chinese character says about as much as three letters."""
_DOMINANT = 0.65
_FEWEST_LETTERS = 3.0
_KANA_SHARE = 0.25
_BESIDE_LATIN = 0.3
_LETTERS_FOR_MODEL, _LETTERS_FOR_LATIN = 10, 40
_SURE_MODEL = 0.9
_NAMES = 0.4
"""From this share of capitalised words on, a text without function words is a list of names."""


class Language(NamedTuple):
    """The language of a text.

    Attributes:
        code: ISO 639-1, or "und" where it cannot be told; see `LANGUAGE_NAMES`.
        certainty: 0-1; 0 for "und".
    """

    code: str
    certainty: float


_UNDECIDED = Language(UNKNOWN, 0.0)


def languages(texts: Sequence[str] | pl.Series, *, cancel: Cancel = NEVER) -> list[Language]:
    """The language of each text; each distinct beginning is looked at once.

    Args:
        texts: Any texts; code, links and tags do not count.
        cancel: Looked at between batches of texts whose language takes long to tell.

    Raises:
        CancelledError: When stopped.
    """
    frame = language_frame(texts, cancel=cancel)
    return [Language(code, certainty) for code, certainty in zip(frame["code"].to_list(), frame["certainty"].to_list(), strict=True)]


def language_frame(texts: Sequence[str] | pl.Series, *, cancel: Cancel = NEVER) -> pl.DataFrame:
    """As `languages`, as columns: code String[n], certainty Float32[n].

    Raises:
        CancelledError: When stopped.
    """
    series = pl.Series("text", texts, dtype=pl.String) if not isinstance(texts, pl.Series) else texts.alias("text")
    beginnings = pl.DataFrame({"text": series.fill_null("")}).select(_beginning(pl.col("text")))
    distinct = beginnings.unique(maintain_order=True)
    return beginnings.join(_of_distinct(distinct, cancel), on="text", how="left", maintain_order="left").select("code", "certainty")


def _beginning(text: pl.Expr) -> pl.Expr:
    return text.str.slice(0, _CHARACTERS_CLEANED).str.replace_all(_NOT_PROSE, " ").str.slice(0, CHARACTERS_READ)


def _of_distinct(texts: pl.DataFrame, cancel: Cancel) -> pl.DataFrame:
    """text, code, certainty of distinct beginnings: by script, then English, then other function words, then by the model."""
    by_script = _with_script(texts)
    decided = by_script.filter(pl.col("code") != "")
    latin = _with_function_words(by_script.filter((pl.col("code") == "") & (pl.col("script") == "Latin")), cancel)
    others = by_script.filter((pl.col("code") == "") & (pl.col("script") != "Latin"))
    columns = ("text", "code", "certainty")
    open_texts = pl.concat([latin.filter(pl.col("code") == "").select("text", "script"), others.select("text", "script")])
    return pl.concat([decided.select(columns), latin.filter(pl.col("code") != "").select(columns), _by_model(open_texts, cancel)])


# ---- by script


def _letters(script: str) -> pl.Expr:
    return pl.col("text").str.count_matches(rf"\p{{{script}}}").cast(pl.Float32)


def _with_script(texts: pl.DataFrame) -> pl.DataFrame:
    """text, script ("Latin" or the shared one), code ("" where it is open), certainty."""
    ascii_only = pl.col("text").str.len_bytes() == pl.col("text").str.len_chars()
    plain = texts.filter(ascii_only).with_columns(script=pl.lit("Latin"), code=pl.lit(""), certainty=pl.lit(0.0, pl.Float32))
    return pl.concat([plain, _of_scripts(texts.filter(~ascii_only))])


def _of_scripts(texts: pl.DataFrame) -> pl.DataFrame:
    foreign = pl.col("text").str.contains(_FOREIGN)
    latin = texts.filter(~foreign).with_columns(script=pl.lit("Latin"), code=pl.lit(""), certainty=pl.lit(0.0, pl.Float32))
    return pl.concat([latin, _of_foreign_scripts(texts.filter(foreign))])


def _of_foreign_scripts(texts: pl.DataFrame) -> pl.DataFrame:
    """Of texts with letters that are not Latin: the script that most of the writing is in."""
    kana = pl.col("text").str.count_matches(r"[\p{Hiragana}\p{Katakana}]").cast(pl.Float32)
    counts = texts.with_columns(Latin=_letters("Latin"), Han=_letters("Han"), Kana=kana, foreign=pl.col("text").str.count_matches(_FOREIGN))
    asian = counts["foreign"] == counts["Han"] + counts["Kana"]
    return pl.concat([_of_counts(counts.filter(asian), ()), _of_counts(counts.filter(~asian), (*_SCRIPTS.values(), *_SHARED_SCRIPTS))])


def _of_counts(counts: pl.DataFrame, scripts: Sequence[str]) -> pl.DataFrame:
    """The dominant one of Latin, Chinese, Japanese and further scripts that are counted here."""
    han, kana = pl.col("Han") * _HAN_WEIGHT, pl.col("Kana") * _HAN_WEIGHT
    japanese = kana >= _KANA_SHARE * (kana + han)
    counts = counts.with_columns(
        *((_letters(script) * (_HAN_WEIGHT if script == "Hangul" else 1.0)).alias(script) for script in scripts),
        zh=pl.when(japanese).then(0.0).otherwise(han),
        ja=pl.when(japanese).then(kana + han).otherwise(0.0),
    )
    names = ["zh", "ja", *scripts]
    total, most = pl.sum_horizontal([*names, "Latin"]), pl.max_horizontal(names)
    script: pl.Expr = pl.lit("Latin")
    for name in names:
        script = pl.when(pl.col(name) == most).then(pl.lit(name)).otherwise(script)
    latin = pl.col("Latin") >= _DOMINANT * total
    share = (most / total.clip(1.0)).cast(pl.Float32)
    beside_names = (share >= _BESIDE_LATIN) & (most + pl.col("Latin") >= 0.95 * total) & (_english_words(pl.col("text")) < _FEWEST_HITS)
    unclear = ~latin & (~((share >= _DOMINANT) | beside_names) | (most <= _FEWEST_LETTERS))
    script = pl.when(latin).then(pl.lit("Latin")).otherwise(script)
    return counts.select(
        "text",
        script=script,
        code=pl.when(unclear).then(pl.lit(UNKNOWN)).otherwise(script.replace_strict(_CODE_OF_SCRIPT, return_dtype=pl.String)),
        certainty=pl.when(unclear | latin).then(0.0).otherwise(share.clip(SURE)).cast(pl.Float32),
    )


# ---- by function words


def _english_words(text: pl.Expr, words: str = FUNCTION_WORDS["en"]) -> pl.Expr:
    return text.str.count_matches(rf"(?i)(?-u:\b)(?:{'|'.join(map(re.escape, words.split()))})(?-u:\b)").cast(pl.Float32)


def _with_function_words(texts: pl.DataFrame, cancel: Cancel) -> pl.DataFrame:
    """Fills in code and certainty where the function words of one language stand out; code and tables have no language."""
    text = pl.col("text")
    plain = text.str.replace_all("’", "'", literal=True)
    texts = texts.with_columns(
        words=text.str.count_matches(r"[\p{L}']+").clip(1).cast(pl.Float32),
        en=_english_words(plain),
        also=_english_words(text, ENGLISH_TOO),
        code_like=(text.str.count_matches(_SYMBOLS) >= _SYMBOL_SHARE * text.str.len_chars()) | text.str.contains(CODE_LINES),
    )
    english = (pl.col("en") > 0) & (pl.col("en") + pl.col("also") >= (_SURE_SHARE * pl.col("words")).clip(_FEWEST_HITS))
    raise_if_cancelled(cancel)
    known = texts.filter(pl.col("code_like") | english).select(
        "text",
        "script",
        code=pl.when("code_like").then(pl.lit(UNKNOWN)).otherwise(pl.lit("en")),
        certainty=pl.when("code_like").then(0.0).otherwise(0.99).cast(pl.Float32),
    )
    rest = texts.filter(~(pl.col("code_like") | english))
    return pl.concat([known, _led(rest.with_columns(pl.col("en") + pl.col("also")))])


def _led(texts: pl.DataFrame) -> pl.DataFrame:
    """Texts that are not clearly English: the language whose function words are frequent, and clearly more so than those of any other."""
    spaced = pl.concat_str(pl.lit(" "), pl.col("text").str.to_lowercase().str.replace_all(_BETWEEN_WORDS, "  "), pl.lit(" "))
    patterns = {code: f" (?:{words.replace(' ', '|')}) " for code, words in FUNCTION_WORDS.items() if code != "en"}
    counted = [pl.col("spaced").str.count_matches(pattern).cast(pl.Float32).alias(code) for code, pattern in patterns.items()]
    counts = texts.with_columns(spaced=spaced).with_columns(counted)
    hits = pl.concat_list(_CODES)
    most, second = hits.list.max(), hits.list.sort(descending=True).list.get(1)
    clear = (most >= _FEWEST_HITS) & (most >= _LEAST_SHARE * pl.col("words")) & (most >= _LEAD * second)
    leader = hits.list.arg_max().replace_strict(dict(enumerate(_CODES)), return_dtype=pl.String)
    certainty = (0.8 + 0.4 * (most / pl.col("words") - _LEAST_SHARE)).clip(0.0, 0.99)
    found = counts.select("text", "script", code=pl.when(clear).then(leader).otherwise(pl.lit("")), certainty=certainty.cast(pl.Float32))
    confirmed = [not code or _is_confirmed(text, code) for text, code in zip(found["text"].to_list(), found["code"].to_list(), strict=True)]
    named = pl.Series(confirmed, dtype=pl.Boolean) & (found["code"] != "")
    return found.with_columns(code=pl.when(named).then("code").otherwise(pl.lit("")), certainty=pl.when(named).then("certainty").otherwise(0.0))


def _is_confirmed(text: str, code: str) -> bool:
    """Whether several different function words say so, or two and the model."""
    words = FUNCTION_WORDS[code] if code != "en" else f"{FUNCTION_WORDS[code]} {ENGLISH_TOO}"
    different = len(set(words.split()).intersection(re.findall(r"[^\W\d_]+", text.lower())))
    if different >= _CLEAR_WORDS:
        return True
    return (different >= _FEWEST_HITS or code == "en") and bool(_model().classify(text)[0] == code)


# ---- by the model


@lru_cache(maxsize=1)
def _model() -> Any:
    """py3langid's naive Bayes classifier of byte n-grams (Lui & Baldwin 2012, langid.py), for the languages that are left to it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_OTHERS_TRIED)
    return identifier


def _by_model(texts: pl.DataFrame, cancel: Cancel) -> pl.DataFrame:
    """text, code, certainty: what the model is sure of, in texts long enough that are no lists of names."""
    text, latin = pl.col("text"), pl.col("script") == "Latin"
    letters, words = text.str.count_matches(r"\p{L}"), text.str.count_matches(r"\p{L}+")
    names = latin & (text.str.count_matches(r"\b\p{Lu}") >= _NAMES * words)
    worth = (letters >= pl.when(latin).then(_LETTERS_FOR_LATIN).otherwise(_LETTERS_FOR_MODEL)) & ~names
    texts = texts.with_columns(worth=worth)
    found: list[Language] = []
    for start in range(0, texts.height, _BATCH):
        raise_if_cancelled(cancel)
        rows = texts[start : start + _BATCH].iter_rows()
        found += [_modelled(text, script) if worth else _UNDECIDED for text, script, worth in rows]
    return texts.select("text").with_columns(
        code=pl.Series([language.code for language in found], dtype=pl.String),
        certainty=pl.Series([language.certainty for language in found], dtype=pl.Float32),
    )


def _modelled(text: str, script: str) -> Language:
    code, certainty = _model().classify(text)
    if certainty < _SURE_MODEL or (script in _SHARED_SCRIPTS and code not in _SHARED_SCRIPTS[script]):
        return _UNDECIDED
    return Language(code, float(certainty))
