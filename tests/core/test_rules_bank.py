"""Every formula rule against values worked out by hand from its definition, and what all rules have in common."""

from __future__ import annotations

import hashlib
import json
import math
import os
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.embedded import embedded_path
from sde_core.rules import FAMILIES, RULES
from sde_core.rules.measures import measured
from sde_core.rules.rule import scored

RULE = {rule.name: rule for rule in RULES}


def texts_of(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"row": range(len(pairs)), "prompt": [prompt for prompt, _ in pairs], "answer": [answer for _, answer in pairs]},
        schema={"row": pl.UInt32, "prompt": pl.String, "answer": pl.String},
    )


def all_scores(texts: pl.DataFrame) -> pl.DataFrame:
    return scored(measured(texts), RULES)


WORDS = " ".join(f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400)).split()


def words(n: int) -> str:
    return " ".join(WORDS[i % 400] for i in range(n))


DENSE = "The quick brown fox jumps over the lazy dog while rain falls."

CODE = "def add(left, right):\n    total = left + right\n    return total"
FENCED = f"```python\n{CODE}\n```"

HAND_VALUES: list[tuple[str, str, str, float]] = [
    # rule, prompt, answer, expected
    ("answer-length", "q", words(15), 0.5),
    ("answer-length", "q", words(30), 1.0),
    ("answer-length", "q", words(750), 0.5),
    ("answer-length", "q", words(1200), 0.0),
    ("prompt-length", words(4), "a", 0.5),
    ("prompt-length", words(200), "a", 1.0),
    ("prompt-length", words(600), "a", 0.5),
    ("answer-finished", "q", "It is done.", 1.0),
    ("answer-finished", "q", "positive", 1.0),
    ("answer-finished", "q", "one two three four five six seven eight nine", 0.0),
    ("answer-finished", "q", "He said that,", 0.0),
    ("answer-finished", "q", "```python\nprint(1)", 0.0),
    ("answer-finished", "q", "```python\nprint(1)\n```", 1.0),
    ("no-placeholders", "q", "Dear Ann, thanks.", 1.0),
    ("no-placeholders", "q", "Dear [Your Name], thanks.", 0.5),
    ("no-placeholders", "q", "Dear [Name], call {{phone}}.", 0.0),
    ("laid-out-lines", "q", "- one\n- two", 1.0),
    ("laid-out-lines", "q", "Intro\nmore\nmore\n1. one", 0.5),
    ("laid-out-lines", "q", "- one", 0.0),
    ("short-paragraphs", "q", "x" * 500, 1.0),
    ("short-paragraphs", "q", "short\n" + "x" * 1000, 0.5),
    ("paired-marks", "q", 'f(x) [a] {b} “c” "d"', 1.0),
    ("paired-marks", "q", "a) first\nb) second", 1.0),
    ("paired-marks", "q", "f(x", 0.5),
    ("paired-marks", "q", "f(x [y", 0.0),
    ("sentence-starts", "q", "One. two.", 0.5),
    ("sentence-starts", "q", "- One.\n2. Two.", 1.0),
    ("sentence-starts", "q", "```\ncode\n```", 0.5),
    # 10 words, 1 sentence, 10 syllables by vowel runs
    ("reading-ease", "q", "The cat sat on the mat and the dog ran.", 1.0),
    # 4 words, 1 sentence, "notwithstanding" 4, "international" 5, "considerations" 5, "deteriorated" 5 vowel runs
    ("reading-ease", "q", "Notwithstanding international considerations deteriorated.", 0.0),
    ("reading-ease", "q", "你好。", 0.5),
    ("sentence-length", "q", "One two three four.", 0.5),
    ("sentence-length", "q", words(25) + ".", 1.0),
    ("sentence-length", "q", words(60) + ".", 0.0),
    ("sentence-variety", "q", "One two. Three four.", 0.0),
    ("sentence-variety", "q", "One. Two three four five.", 1.0),  # 1 and 4 words: 1.5 / 2.5 = 0.6
    ("sentence-variety", "q", "Only one sentence.", 0.5),
    ("word-length", "q", "abcd efgh", 1.0),
    ("word-length", "q", "abcdefgh", 0.5),
    ("word-length", "q", "ab", 0.0),
    ("function-words", "q", "the cat and moon house", 1.0),
    ("function-words", "q", "the cat moon house garden", 0.5),
    ("letter-share", "q", "abc def.", (6 / 7 - 0.6) / 0.35),
    ("letter-share", "q", "abc ###", 0.0),
    ("varied-words", "q", words(10), 1.0),
    ("varied-words", "q", words(5), 0.5),
    ("varied-words", "q", " ".join(["again"] * 20), 0.0),
    # 16 words, 12 distinct: (ln 16 - ln 12) / (ln 16)^2
    ("varied-words", "q", " ".join(WORDS[:12] + WORDS[:4]), (0.05 - (math.log(16) - math.log(12)) / math.log(16) ** 2) / 0.04),
    ("distinct-triples", "q", words(30), 1.0),
    ("distinct-triples", "q", "a b", 1.0),
    ("distinct-triples", "q", "a b c d a b c", (0.8 - 0.7) / 0.3),  # 5 triples, 4 distinct
    ("distinct-lines", "q", "one\ntwo\nthree\none", 0.5),
    ("distinct-lines", "q", "one\ntwo", 1.0),
    ("varied-openings", "q", "It is. It was. She is. He is.", (0.75 - 0.3) / 0.7),
    ("varied-openings", "q", "It is.", 0.5),
    ("incompressible", "q", "a" * 1000, 0.0),
    ("incompressible", "q", DENSE, min((len(zlib.compress(DENSE.encode(), 6)) / 61 / (0.4 + 4.1 / math.sqrt(61)) - 0.5) / 0.6, 1.0)),
    # prompt content words: describe, volcanic, mountains, erupting; two of four are taken up
    ("prompt-taken-up", "Describe volcanic mountains erupting", "Mountain eruptions.", 0.5 / 0.8),
    ("prompt-taken-up", "Volcano facts", "Because of that.", 0.0),
    ("prompt-taken-up", "Go on", "And so it goes.", 0.5),
    # first sentence: volcanoes, beautiful, large, hills; one of four is the prompt's
    ("opening-on-topic", "Volcanoes", "Volcanoes: beautiful large hills. Nothing else.", 0.5),
    ("opening-on-topic", "Volcanoes", "So it is. Volcanoes are.", 0.5),
    ("opening-on-topic", "Volcanoes", "Nothing else. Volcanoes are.", 0.0),
    ("not-copied", "one two three four", "one two three four", 0.0),
    ("not-copied", "one two three four", "one two three five", 0.5),
    ("not-copied", "one two three", "Hello there", 0.5),
    ("asked-count", "List four fruits.", "- fig\n- plum\n- pear\n- kiwi", 1.0),
    ("asked-count", "List four fruits.", "- fig\n- plum", 0.5),
    ("asked-count", "List 2 ripe fruits.", "1. fig\n2. plum\n3. pear\n4. kiwi", 0.5),
    ("asked-count", "Name three fruits.", "Fig, plum and pear.", 1.0),
    ("asked-count", "Name four fruits.", "Fig and plum.", 0.5),
    ("asked-count", "Write a poem.", "Roses.", 0.5),
    ("asked-count", "Write a text of at least 5 sentences.", "Roses.", 0.5),
    ("asked-form", "Write a Python function.", "def f():\n    return 1", 1.0),
    ("asked-form", "Write a Python function.", "I would rather not", 0.0),
    ("asked-form", "Make a table and answer yes or no", "| yes |", 1.0),
    ("asked-form", "Make a table and answer yes or no", "Yes", 0.5),
    ("asked-form", "Say hello.", "Hello", 0.5),
    # "describe" states the task; what is left are the topic words, and of "goes" alone none occurs
    ("topic-covered", "Describe volcanic mountains.", "Mountains and volcanic ash.", 1.0),
    ("topic-covered", "Describe volcanic mountains.", "Rivers.", 0.0),
    ("topic-covered", "And so it goes with you", "Rivers.", 0.0),
    ("topic-covered", "And so it is with you", "Rivers.", 0.5),
    ("near-in-meaning", "Describe volcanoes.", "Volcanoes!", 1.0),
    ("near-in-meaning", "And so it is with you", "Rivers.", 0.5),
    ("stays-on-topic", "Describe volcanoes.", "Volcanoes, a volcano.", 1.0),
    ("stays-on-topic", "Describe volcanoes.", "Rivers and lakes.", 0.0),
    ("stays-on-topic", "Describe volcanoes.", "So it was.", 0.5),
    ("givens-taken-up", "When did Ann Smith leave Rome in 1995?", "Smith went in 1995.", 1 / 3),
    ("givens-taken-up", "When did Ann Smith leave Rome in 1995?", "Ann Smith left Rome in 1995.", 1.0),
    ("givens-taken-up", "He has 3, 5 and 7.", "5 and 7", 2 / 3),
    ("givens-taken-up", "List 5 fruits in 20 words.", "Figs.", 0.5),
    ("givens-taken-up", "Describe the moon.", "It is round.", 0.5),
    ("asked-kind", "Who wrote it?", "Jane Austen", 1.0),
    ("asked-kind", "Who wrote it?", "about ten", 0.0),
    ("asked-kind", "When and where was it? When was it?", "In 1995", 1.0),
    ("asked-kind", "When was it?", "in rome", 0.0),
    ("asked-kind", "Where is it?", "in rome", 1.0),
    ("asked-kind", "Why is it so?", "Because.", 1.0),
    ("asked-kind", "Why is it so?", "Never mind.", 0.0),
    ("asked-kind", "Is it so?", "Yes", 1.0),
    ("asked-kind", "Is it so?", "Hm", 0.0),
    ("asked-kind", "Is it heavy or light?", "Heavy", 0.5),
    ("asked-kind", "When buying fish, look at it.", "So be it", 0.5),
    ("asked-kind", "Classify whether it is a cat", words(101), 0.0),
    ("asked-kind", "Describe the moon.", "Round", 0.5),
    ("asked-length", "Write two sentences.", "One. Two.", 1.0),
    ("asked-length", "Write two sentences.", "One. Two. Three. Four.", 0.5),
    ("asked-length", "Write at least two sentences.", "One. Two. Three. Four.", 1.0),
    ("asked-length", "Write at least two sentences.", "One.", 0.5),
    ("asked-length", "Use no more than 10 words.", words(8), 1.0),
    ("asked-length", "Use no more than 10 words.", words(15), 0.5),
    ("asked-length", "In one paragraph, say it.", "One line.\n\nAnother.", 0.5),
    ("asked-length", "Describe the moon.", "Round.", 0.5),
    ("asked-language", "Translate it into French.", "le chat noir dort", 1.0),
    ("asked-language", "Translate it into French.", "it is the cat", 0.0),
    ("asked-language", "Provide the translation of a sentence in French.", "I want it", 0.5),
    ("asked-language", "Describe the moon.", "Round.", 0.5),
    ("clear-task", "Describe the moon.", "a", 1.0),
    ("clear-task", "Here is a text. Please summarize it.", "a", 1.0),
    ("clear-task", "The moon, right?", "a", 0.5),
    ("clear-task", "The moon.", "a", 0.0),
    ("self-contained", "Describe the moon.", "a", 1.0),
    ("self-contained", "Describe the attached image.", "a", 0.0),
    ("self-contained", "Summarize the following article.", "a", 0.0),
    ("self-contained", "Summarize the following article: The moon is round.", "a", 1.0),
    ("self-contained", "Sum up https://example.org/page", "a", 0.0),
    ("constraints", "Write 3 lines of at least 5 words.", "a", 1.0),
    ("constraints", "Only rain must fall.", "a", 0.5),
    ("numbers", "q", "It was 1,5 " + words(46), 0.5),  # one numeral; "1" and "5" are two of the 50 words
    ("numbers", "q", "1. one\n2. two", 0.0),
    ("proper-names", "q", "we met Ann " + words(22), 0.5),
    ("long-words", "q", "beautiful moon over rivers hi", 0.5),
    ("no-vague-words", "q", "Various " + words(32), 1 - (100 / 33) / 6),
    ("no-vague-words", "q", "Things and stuff are nice.", 0.0),
    ("no-hedging", "q", "Perhaps " + words(99), 1 - 1 / 3),
    ("examples", "q", "Take fruit, for example figs.", 1.0),
    ("examples", "q", "So. So. So. So. So. So. So. Fruit such as figs.", 0.5),
    ("reasons-given", "q", "Because " + words(79), 0.5),
    ("contrast", "q", "However " + words(99), 0.5),
    ("ordered-steps", "q", "First go. Run. Stop. Sit.", 0.5),
    ("ordered-steps", "q", "1. Go.\n2. Sit.", 1.0),
    ("sums-right", "q", "2 + 2 = 4 and 3 * 3 = 10", 0.5),
    ("sums-right", "q", "10 / 4 = $2.50, 1,000 - 1 = 999, 6 × 7 = 42", 1.0),
    ("sums-right", "q", "1 + 2 + 3 = 6", 0.5),
    ("sums-right", "q", "20 / 80 = 25%", 0.5),
    ("sums-right", "q", "no sums", 0.5),
    ("no-refusal", "q", "I'm sorry, but I cannot help with that.", 0.0),
    ("no-refusal", "q", words(100) + ". As an AI, I have no taste.", 0.5),
    ("no-refusal", "q", "Sorry seems to be the hardest word.", 1.0),
    ("no-filler", "q", "Sure! It is four.", 0.5),
    ("no-filler", "q", "Of course. It is four. I hope this helps!", 0.0),
    ("no-filler", "q", "Surely four.", 1.0),
    ("no-contacts", "q", "Write to ann@example.org.", 0.5),
    ("no-contacts", "q", "See https://example.org or call 555-123-4567.", 0.0),
    ("no-residue", "q", "<|im_start|>assistant hi", 0.5),
    ("no-residue", "q", "a &amp; b</p>", 0.0),
    ("no-residue", "q", "a < b and b > c", 1.0),
    ("calm-tone", "q", "Hi there! Fine.", 0.5),
    ("calm-tone", "q", "STOP NOW! Right.", 0.0),
    ("calm-tone", "q", "NASA is calm. It is.", 0.5),
    ("no-harm-words", "q", "They plan a murder. " + words(96), 0.5),
    ("no-harm-words", "q", "They plan a garden.", 1.0),
    ("no-insults", "q", "You idiot " + words(98), 0.5),
    ("no-insults", "q", "Be kind.", 1.0),
    ("no-absolutes", "q", "It may rain.", 1.0),
    ("no-absolutes", "q", "Always " + words(99), 1 - 1 / 3),
    ("no-secrets", "q", "password: hunter2abc", 0.0),
    ("no-secrets", "q", "Ask for the password.", 1.0),
    ("code-fenced", "q", CODE, 0.0),
    ("code-fenced", "q", FENCED, 1.0),
    ("code-fenced", "q", "No code.", 0.5),
    ("code-language-named", "q", FENCED, 1.0),
    ("code-language-named", "q", FENCED.replace("python", ""), 0.0),
    ("code-language-named", "q", CODE, 0.5),
    ("code-commented", "q", CODE, 0.0),
    (
        "code-commented",
        "q",
        "x = 1\n# one more\ny = 2\nreturn x\nz = 3\nw = 4\nv = 5\na1 = 6\nb1 = 7\nc1 = 8\nd1 = 9",
        0.5,
    ),  # one in ten lines of code
    ("code-explained", "q", "Here is how one adds two numbers.\n" + FENCED, 7 / 40),
    ("code-explained", "q", "no code here", 0.5),
    ("code-finished", "q", CODE, 1.0),
    ("code-finished", "q", "def f(x):\n    pass\nclass Shape:\n    # TODO", 0.0),
    ("code-narrow", "q", CODE + "\n" + "y = " + "1" * 100, 0.75),
    ("code-narrow", "q", CODE, 1.0),
    ("code-names", "q", "total = 1\nx = 2\nreturn total", 0.5),
    ("code-names", "q", "no code", 0.5),
    ("code-names", "q", "total = 1\ncount = 2", 1.0),
    ("code-guarded", "q", CODE, 0.0),
    ("code-guarded", "q", CODE + "\nassert total", 1.0),
    ("math-notation", "q", "plain words", 0.0),
    ("math-notation", "q", "1+1=2 " + "a" * 95, 1 / 3),  # one sign in a hundred visible characters
    ("math-givens-used", "How many are 3 and 4?", "3 of them", 0.5),
    ("math-givens-used", "Name 3 trees.", "oak", 0.5),
    ("math-givens-used", "How many are 3 and 4?", "3 + 4 = 7", 1.0),
    ("math-worked", "How many are 3 and 4?", "3 + 4 = 7", 1 / 3),
    ("math-worked", "How many are 3 and 4?", "seven", 0.0),
    ("math-result-stated", "How many are 3 and 4?", "3 + 4 = 7\n#### 7", 1.0),
    ("math-result-stated", "How many are 3 and 4?", "It makes 7", 0.5),
    ("math-result-stated", "How many are 3 and 4?", "It makes seven", 0.0),
    ("math-units", "How many are 3 and 4?", "3 kg and 4", 1.0),
    ("math-units", "How many are 3 and 4?", "3 and 4", 0.0),
    ("medical-terms", "q", "A film.", 0.0),
    ("medical-terms", "q", "patient " + words(24), 0.5),
    ("medical-care-advised", "The patient has a fever.", "Please see a doctor.", 1.0),
    ("medical-care-advised", "The patient has a fever.", "Wait.", 0.0),
    ("medical-care-advised", "A joke?", "Wait.", 0.5),
    ("medical-risks-named", "The patient has a fever.", "Avoid it. One. Two. Three. Four. Five. Six. Seven.", 0.5),
    ("medical-risks-named", "The patient has a fever.", "Wait.", 0.0),
    ("medical-evidence", "The patient has a fever.", "A trial found so. One. Two. Three. Four. Five. Six. Seven.", 0.5),
    ("medical-evidence", "The patient has a fever.", "Wait.", 0.0),
    ("medical-quantities", "The patient has a fever.", "Take 5 mg. Wait. Rest. Sit. Go. Stay.", 0.5),
    ("medical-quantities", "The patient has a fever.", "Wait.", 0.0),
    ("opinion-words", "q", "A film.", 0.0),
    ("opinion-words", "q", "wonderful " + words(24), 0.5),
    ("opinion-clear", "q", "A wonderful and amazing film.", 1.0),
    ("opinion-clear", "q", "A wonderful film but boring.", 0.0),
    ("opinion-clear", "q", "A film.", 0.5),
    ("opinion-weighed", "q", "A wonderful film but boring.", 1.0),
    ("opinion-weighed", "q", "A wonderful film, boring.", 0.0),
    ("opinion-aspects", "q", "Excellent food, awful service.", 0.5),
    ("opinion-aspects", "q", "Excellent and awful.", 0.0),
    ("own-experience", "q", "I went. They left.", 0.5),
    ("own-experience", "q", "They left.", 0.0),
]


@pytest.fixture(scope="module")
def hand_scores() -> pl.DataFrame:
    """Every rule's score of every pair of `HAND_VALUES`."""
    return all_scores(texts_of(*((prompt, answer) for _, prompt, answer, _ in HAND_VALUES)))


@pytest.mark.parametrize(("rule", "prompt", "answer", "expected"), HAND_VALUES)
def test_value_worked_out_by_hand(hand_scores: pl.DataFrame, rule: str, prompt: str, answer: str, expected: float) -> None:
    position = HAND_VALUES.index((rule, prompt, answer, expected))
    assert hand_scores[rule][position] == pytest.approx(expected, abs=1e-6)


def test_every_rule_has_hand_values_that_differ() -> None:
    values: dict[str, set[float]] = {name: set() for name in RULE}
    for rule, _, _, expected in HAND_VALUES:
        values[rule].add(round(expected, 6))
    short = {"no-hedging", "reasons-given", "contrast", "proper-names", "long-words"}
    assert {name for name, found in values.items() if not found} == set()
    assert {name for name, found in values.items() if len(found) == 1} <= short


def test_bank_is_described() -> None:
    assert len(RULES) >= 60
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert {rule.family for rule in RULES} == set(FAMILIES)
    for rule in RULES:
        assert rule.definition.endswith("."), rule.name
        assert any(character.isdigit() for character in rule.definition), f"{rule.name} states no number"
        assert rule.higher_is
        assert rule.name.replace("-", "").isalpha()


def test_empty_texts_score_zero() -> None:
    scores = all_scores(texts_of(("Describe the moon.", " \n"), ("", "The moon is round.")))
    no_answer, no_prompt = scores.row(0, named=True), scores.row(1, named=True)
    assert {name for name, score in no_answer.items() if score > 0} <= {rule.name for rule in RULES if rule.about == "prompt"}
    assert {name for name, score in no_prompt.items() if score > 0} <= {rule.name for rule in RULES if rule.about == "answer"}
    assert no_answer["clear-task"] == no_prompt["no-refusal"] == 1.0


HOSTILE = [
    "", " ", "\x00\x1b[2J", "﷽" * 50, "😀" * 30, "!?!?", "....", "\n\n\n", "```", "中文没有空格。" * 20, "1=1=1=1", "0 / 0 = 0",
    "9" * 400 + " + 1 = 2", "a" * 50_000, "(" * 1000, "\u2028\u0085x", "[/INST] <s> </s>", "1e999 + 1 = 2", "ａｂｃ", "é" * 3, "e\u0301" * 3,
]  # fmt: skip


def assert_scores_are_sound(frame: pl.DataFrame) -> None:
    scores = all_scores(frame)
    assert scores.height == len(frame)
    for column in scores:
        assert column.dtype == pl.Float32, column.name
        assert column.null_count() == 0, column.name
        values = column.to_numpy()
        assert np.isfinite(values).all(), column.name
        assert ((values >= 0) & (values <= 1)).all(), column.name


def test_hostile_texts_give_sound_scores() -> None:
    assert_scores_are_sound(texts_of(*((prompt, answer) for prompt in HOSTILE for answer in HOSTILE)))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=200)), max_size=25))
def test_any_text_gives_sound_scores(pairs: list[tuple[str, str]]) -> None:
    assert_scores_are_sound(texts_of(*((p.encode("utf-8", "replace").decode(), a.encode("utf-8", "replace").decode()) for p, a in pairs)))


def golden_scores() -> dict[str, str]:
    """By rule: a hash of its scores of hostile pairs and of the sample dataset, in steps of a thousandth."""
    pairs = [(prompt, answer) for prompt in HOSTILE for answer in (*HOSTILE, CODE, FENCED, DENSE)]
    sample = open_dataset(embedded_path("dataset")).texts().head(600)
    scores = all_scores(pl.concat([texts_of(*pairs), sample.select("row", "prompt", "answer")]))
    return {column.name: hashlib.sha256(np.rint(column.to_numpy() * 1e3).astype("<i4").tobytes()).hexdigest()[:16] for column in scores}


def test_scores_are_those_of_before() -> None:
    path = Path(__file__).parents[1] / "golden" / "rule_scores.json"
    found = golden_scores()
    if os.environ.get("SDE_UPDATE_GOLDEN"):
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    expected = json.loads(path.read_text(encoding="utf-8"))
    assert {name for name in found if found[name] != expected.get(name)} == set(), "a formula changed: say so, then run with SDE_UPDATE_GOLDEN=1"
    assert set(expected) == set(found)


def test_scoring_in_two_steps_gives_the_bits_of_the_expression() -> None:
    texts = measured(texts_of(*((prompt, answer) for prompt in HOSTILE for answer in (*HOSTILE, CODE, DENSE))))
    assert scored(texts, RULES).equals(texts.lazy().select(rule.expression() for rule in RULES).collect())


def test_a_row_scores_the_same_in_any_company() -> None:
    pairs = [(prompt, answer) for _, prompt, answer, _ in HAND_VALUES]
    together = texts_of(*pairs)
    forward = all_scores(together)
    assert forward.equals(all_scores(together.reverse()).reverse())
    assert forward.slice(7, 1).equals(all_scores(texts_of(pairs[7])))
    assert forward["not-copied"].to_numpy().tolist() == RULE["not-copied"].score(together).tolist()


def test_words_of_scripts_without_spaces_count_one_by_one() -> None:
    frame = measured(texts_of(("q", "你好 abc ไทย")))
    assert frame["answer_words"][0].to_list() == ["你", "好", "abc", "ไ", "ท", "ย"]


def test_decimal_points_do_not_end_sentences() -> None:
    frame = measured(texts_of(("q", "1. It costs 3.5 euros at shop.example today. Is it? yes")))
    assert frame["answer_sentences"][0].to_list() == ["It costs 3.5 euros at shop.example today.", "Is it?", "yes"]
