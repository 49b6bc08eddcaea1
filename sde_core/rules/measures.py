"""What rules are computed from: words, sentences, lines and content stems of the prompt and the answer, found once a row.

Word characters are letters, marks and digits of any script; a Han, kana or Thai character is a word of its own, because those scripts put no
space between words. A sentence ends at . ! ? or their full-width forms, at a line end, but not inside a number or a dotted name.
"""

from __future__ import annotations

import polars as pl

from sde_core.rules.topic import STEM_LENGTH, topic_measures
from sde_core.rules.words import FUNCTION_WORDS

_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"
WORD = _SPACELESS + r"|[[\p{L}\p{M}\p{N}]--" + _SPACELESS + r"]+(?:['’]\p{L}+)*"
SENTENCE = r"[\p{L}\p{N}](?:[^.!?。！？\n]|[.!?][\p{L}\p{N}])*[.!?。！？]*"
LIST_MARKER = r"(?m)^[ \t]*(?:[-*•‣–]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])[ \t]+"


def measured(texts: pl.DataFrame) -> pl.DataFrame:
    """The texts with the columns that rules read.

    Args:
        texts: `Dataset.texts()`; returned as it is where the columns are already there.

    Returns:
        For `answer` and `prompt` each: X_lower, X_words (lower case), X_word_count, X_stems (distinct content stems);
        for the answer also answer_bare (no code fences and list markers), answer_sentences, answer_sentence_count, answer_lines,
        answer_line_count, answer_mark_count (visible characters), answer_opening_stems (of the first sentence), answer_distinct_triples and
        answer_copied_triples (of neighbouring words; those in the prompt too);
        and the columns of `sde_core.rules.topic.topic_measures`.
    """
    if "answer_words" in texts.columns:
        return texts
    lower = texts.with_columns(pl.col("answer").str.to_lowercase().alias("answer_lower"), pl.col("prompt").str.to_lowercase().alias("prompt_lower"),
                               bare_text(pl.col("answer")).alias("answer_bare"))  # fmt: skip
    listed = lower.with_columns(
        pl.col("answer_lower").str.extract_all(WORD).alias("answer_words"),
        pl.col("prompt_lower").str.extract_all(WORD).alias("prompt_words"),
        pl.col("answer_bare").str.extract_all(SENTENCE).alias("answer_sentences"),
        pl.col("answer").str.extract_all(r"\S[^\n]*").alias("answer_lines"),
        pl.col("answer").str.replace_all(r"\s+", "").str.len_chars().alias("answer_mark_count"),
    )
    opening_words = pl.col("answer_sentences").list.first().str.to_lowercase().str.extract_all(WORD)
    counted = listed.hstack(_triple_counts(listed)).hstack(topic_measures(listed["prompt_words"], listed["answer_words"]))
    return counted.with_columns(
        content_stems(opening_words).alias("answer_opening_stems"),
        pl.col("answer_words").list.len().alias("answer_word_count"),
        pl.col("prompt_words").list.len().alias("prompt_word_count"),
        pl.col("answer_sentences").list.len().alias("answer_sentence_count"),
        pl.col("answer_lines").list.len().alias("answer_line_count"),
        content_stems(pl.col("answer_words")).alias("answer_stems"),
        content_stems(pl.col("prompt_words")).alias("prompt_stems"),
    )


def bare_text(text: pl.Expr) -> pl.Expr:
    """The text without code fences and without the bullets and numbers that begin list items."""
    return text.str.replace_all(r"(?s)```.*?(?:```|\z)", "\n").str.replace_all(LIST_MARKER, "")


def content_stems(words: pl.Expr) -> pl.Expr:
    """Distinct content words, cut to `STEM_LENGTH` letters: no function word, and at least four letters or one Han, kana or Thai character."""
    word = pl.element()
    content = ((word.str.len_chars() >= 4) | word.str.contains(f"^{_SPACELESS}")) & ~word.is_in(list(FUNCTION_WORDS))
    return words.list.eval(pl.when(content).then(word.str.slice(0, STEM_LENGTH))).list.drop_nulls().list.unique()


def _triple_counts(texts: pl.DataFrame) -> pl.DataFrame:
    """Distinct word triples of each answer, and how many of them its prompt has too."""
    in_answer, in_prompt = _triples(texts["answer_words"]), _triples(texts["prompt_words"])
    copied = in_answer.join(in_prompt, on=("at", "triple"), how="semi")
    rows = pl.DataFrame({"at": pl.Series(range(len(texts)), dtype=pl.UInt32)})
    for name, triples in (("answer_distinct_triples", in_answer), ("answer_copied_triples", copied)):
        rows = rows.join(triples.group_by("at").len(name), on="at", how="left", maintain_order="left")
    return rows.drop("at").fill_null(0)


def _triples(words: pl.Series) -> pl.DataFrame:
    """Distinct (position of the row, hash of three neighbouring words)."""
    flat = pl.DataFrame({"at": pl.Series(range(len(words)), dtype=pl.UInt32), "word": words}).explode("word").drop_nulls()
    at, word = pl.col("at"), pl.col("word")
    triple = pl.struct(word, word.shift(-1).alias("second"), word.shift(-2).alias("third")).hash()
    return flat.select(at, triple.alias("triple")).filter(at == at.shift(-2)).unique()
