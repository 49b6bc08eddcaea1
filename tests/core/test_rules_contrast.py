"""Rules seen by what they tell of spoilt copies, and the topic measures beneath the rules that tell most."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from sde_core.errors import UsageError
from sde_core.features.embedding_static import static_encoder
from sde_core.rules import GENERAL_RULES, RULES, ScoreMatrix, correlation_kernel, quality, score_matrix
from sde_core.rules.contrast import (
    FAVOUR,
    LEAST_WEIGHT,
    SAMPLED_ROWS,
    UNKNOWN_TELLING,
    RuleContrast,
    contrasts_of,
    favouring,
    rule_contrasts,
    rule_weights,
    spoilt_copies,
    tellings,
    weighted_quality,
)  # fmt: skip
from sde_core.rules.dpp import greedy_map
from sde_core.rules.measures import measured
from sde_core.rules.topic import KnownWords, topic_measures

TOPICS = (
    "volcano", "glacier", "piano", "chess", "bread", "football", "telescope", "bridge", "vaccine", "taxes", "poetry", "gardens", "violin", "robots",
    "wolves", "castle", "desert", "coffee", "bicycle", "whales",
)  # fmt: skip
STYLES = ("Describe the {} of {} in a few words.", "Explain why {} people like {}.", "Write about {} and the {} today.")
KINDS = ("history", "danger", "beauty", "price", "future", "rules")


def rows(count: int = 120) -> pl.DataFrame:
    """Answers about what their prompts are about, every one of as many words, half of them laid out as lists."""
    pairs = []
    for at in range(count):
        topic, kind = TOPICS[at % len(TOPICS)], KINDS[at % len(KINDS)]
        prompt = STYLES[at % len(STYLES)].format(kind, topic) + f" Case {at}."
        answer = f"The {topic} has a {kind} of number {at} that few know and many like to hear."
        pairs.append((prompt, answer.replace(" that ", "\n- that ") if at % 2 else answer))
    columns = {"row": range(count), "prompt": [prompt for prompt, _ in pairs], "answer": [answer for _, answer in pairs]}
    return pl.DataFrame(columns, schema={"row": pl.UInt32, "prompt": pl.String, "answer": pl.String})


def contrast(rule: str, wins: float, lower: float = 0.0) -> RuleContrast:
    return RuleContrast(rule, 100, wins, lower, 1.0)


def test_rules_that_read_prompt_and_answer_together_tell_and_others_do_not() -> None:
    by_name = {found.rule: found for found in rule_contrasts(rows(), GENERAL_RULES)}
    assert by_name["topic-covered"].wins > 0.9
    assert by_name["topic-covered"].telling > 0.8
    about_answer_alone = [rule.name for rule in GENERAL_RULES if rule.about != "pair"]
    assert max(by_name[name].telling for name in about_answer_alone) < 0.25
    for name in ("answer-length", "prompt-length", "clear-task"):
        assert by_name[name].telling == 0.0, name
    assert by_name["not-copied"].telling == 0.0, "a copy has less of the prompt in it, so this rule points the wrong way"


def test_copies_have_the_answer_of_another_row_of_about_the_same_length() -> None:
    texts = rows().with_columns(answer=pl.when(pl.col("row") < 10).then(pl.lit("short")).otherwise(pl.col("answer")))
    true, spoilt = spoilt_copies(texts)
    assert true["prompt"].equals(spoilt["prompt"])
    assert true["row"].equals(spoilt["row"])
    assert not (true["answer"] == spoilt["answer"]).any()
    assert set(spoilt["answer"]) <= set(texts["answer"])
    words, others = (frame["answer"].str.split(" ").list.len().to_numpy().astype(float) for frame in (true, spoilt))
    assert (np.abs(words - others) <= 2).all()
    assert true["row"].min() == 10, "no other answer is as short and different"


def test_sample_is_seeded_and_limited() -> None:
    texts = rows(SAMPLED_ROWS + 50)
    first, again, other = (spoilt_copies(texts, seed=seed) for seed in (1, 1, 2))
    assert len(first[0]) <= SAMPLED_ROWS
    assert first[1].equals(again[1])
    assert not first[0].equals(other[0])


@pytest.mark.parametrize("texts", [rows(0), rows(1), rows(4).with_columns(prompt=pl.lit(" ")), rows(4).with_columns(answer=pl.lit("same"))])
def test_without_pairs_nothing_is_told_and_all_rules_weigh_alike(texts: pl.DataFrame) -> None:
    found = {known.rule: known for known in rule_contrasts(texts, RULES[:3])}
    assert [(known.pairs, known.wins, known.telling) for known in found.values()] == [(0, 0.5, 0.0)] * 3
    assert rule_weights(tuple(found), found) == pytest.approx([1 / 3] * 3)


def test_wins_count_ties_half_and_carry_an_interval() -> None:
    scores = np.array([[1, 0.5], [1, 0.5], [1, 0.5], [0, 0.5], [0, 0.5], [0, 0.5], [0, 0.5], [1, 0.5]], dtype=np.float32)
    matrix = ScoreMatrix(np.arange(8, dtype=np.uint32), ("tells", "flat"), scores, np.ones(8, np.uint32))
    tells, flat = contrasts_of(matrix, 4)
    assert (tells.pairs, tells.wins) == (4, 0.75)
    assert 0.0 <= tells.lower < 0.5 < 0.75 < tells.upper <= 1.0
    assert tells.telling == 0.0, "three of four pairs prove nothing"
    assert flat.wins == 0.5
    assert flat.lower < 0.5 < flat.upper


def test_weights_and_kernel_worked_out_by_hand() -> None:
    known = {"good": contrast("good", 1.0, 0.9), "half": contrast("half", 0.75, 0.6), "unsure": contrast("unsure", 0.9, 0.4)}
    names = ("good", "half", "unsure", "judged")
    assert tellings(names, known) == pytest.approx([1.0, 0.5, 0.0, UNKNOWN_TELLING])
    assert rule_weights(names[:3], known) == pytest.approx(np.array([1 + LEAST_WEIGHT, 0.5 + LEAST_WEIGHT, LEAST_WEIGHT]) / (1.5 + 3 * LEAST_WEIGHT))
    kernel = favouring(np.array([[1.0, 0.3], [0.3, 1.0]]), names[:2], known)
    assert kernel == pytest.approx(np.array([[np.exp(2 * FAVOUR), 0.3 * np.exp(1.5 * FAVOUR)], [0.3 * np.exp(1.5 * FAVOUR), np.exp(FAVOUR)]]))


def test_what_goes_with_length_tells_less() -> None:
    free, half, whole = (RuleContrast("rule", 100, 1.0, 0.9, 1.0, correlation) for correlation in (0.0, -0.5, 1.0))
    assert (free.telling, half.telling, whole.telling) == (1.0, 0.25, 0.0)
    scores = np.array([[0.2, 0.9], [0.4, 0.9], [0.6, 0.9], [0.1, 0.1], [0.3, 0.1], [0.5, 0.1]], dtype=np.float32)
    matrix = ScoreMatrix(np.arange(6, dtype=np.uint32), ("long", "flat"), scores, np.array([10, 20, 30, 1, 9, 5], np.uint32))
    assert [known.length_correlation for known in contrasts_of(matrix, 3)] == pytest.approx([1.0, 0.0]), "of the true rows, 0 where all score alike"


def test_favoured_rules_are_chosen_first_and_lead_the_quality() -> None:
    texts = rows()
    matrix = score_matrix(texts, GENERAL_RULES)
    known = {found.rule: found for found in rule_contrasts(texts, GENERAL_RULES)}
    varying = [at for at in range(len(matrix.rules)) if matrix.scores[:, at].min() < matrix.scores[:, at].max()]
    names = tuple(matrix.rules[at] for at in varying)
    chosen = [names[at] for at in greedy_map(favouring(correlation_kernel(matrix.scores[:, varying]), names, known), 4)]
    assert known[chosen[0]].telling == max(known[name].telling for name in names)
    _, spoilt = spoilt_copies(texts)
    both = score_matrix(pl.concat([texts.select(spoilt.columns), spoilt]), GENERAL_RULES)
    values = weighted_quality(both, chosen, known)
    assert values[: len(texts)].mean() > values[len(texts) :].mean() + 0.2


def test_quality_without_contrasts_is_the_plain_mean() -> None:
    matrix = score_matrix(rows(20), GENERAL_RULES)
    chosen = matrix.rules[:7]
    np.testing.assert_allclose(weighted_quality(matrix, chosen, {}), quality(matrix, chosen), atol=1e-6)
    with pytest.raises(UsageError):
        weighted_quality(matrix, (), {})


# ---- topic measures


def measures_of(prompt: str, answer: str) -> dict[str, float]:
    frame = measured(pl.DataFrame({"row": [0], "prompt": [prompt], "answer": [answer]}, schema_overrides={"row": pl.UInt32}))
    return frame.select("topic_covered", "topic_share", "topic_cosine").row(0, named=True)


def test_topic_is_weighed_by_the_length_of_word_vectors() -> None:
    volcano, house, river = np.linalg.norm(static_encoder().sums(["volcano", "house", "river"]).astype(np.float64), axis=1)
    found = measures_of("Describe the volcano and the house", "A house, a house by a river")
    assert found["topic_covered"] == pytest.approx(house / (volcano + house), rel=1e-6)
    assert found["topic_share"] == pytest.approx(house / (house + river), rel=1e-6)


def test_topic_cosine_is_that_of_the_encoder() -> None:
    left, right = (sums / np.linalg.norm(sums) for sums in static_encoder().sums(["volcano house", "house house river"]).astype(np.float64))
    assert measures_of("Describe the volcano and the house", "A house, a house by a river")["topic_cosine"] == pytest.approx(left @ right, abs=1e-6)


def test_task_words_are_the_topic_where_there_is_nothing_else() -> None:
    assert measures_of("Summarize the text", "This text is short")["topic_covered"] == pytest.approx(
        np.divide(*np.linalg.norm(static_encoder().sums(["text", "summarize"]).astype(np.float64), axis=1) @ np.array([[1, 1], [0, 1]])), rel=1e-6
    )
    assert measures_of("Describe the moon", "Describe it")["topic_covered"] == 0.0


def test_rows_without_words_have_no_topic() -> None:
    empty = pl.Series([[], None], dtype=pl.List(pl.String))
    found = topic_measures(empty, pl.Series([["moon"], []]))
    assert found.null_count().row(0) == (2, 1, 2)
    assert topic_measures(empty.clear(), empty.clear()).height == 0


def test_remembered_words_have_the_vectors_of_new_ones_whatever_was_forgotten() -> None:
    words = ["volcano", "house", "river", "moon", "chess", "qwxyz"]
    expected = static_encoder().sums(words)
    known = KnownWords(4)
    for asked in (words[:2], words[1:4], words, words[:1], words[2:5]):
        vectors, weights = known.of(asked)
        at = [words.index(word) for word in asked]
        np.testing.assert_array_equal(vectors, expected[at])
        assert weights == pytest.approx(np.maximum(np.linalg.norm(expected[at].astype(np.float64), axis=1), 1e-9), rel=1e-6)
    assert known.of([])[0].shape == (0, expected.shape[1])


def test_blocks_scored_at_once_give_the_bits_of_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = rows(200)
    whole = score_matrix(texts, RULES)
    monkeypatch.setattr("sde_core.rules.matrix._BLOCK_ROWS", 13)
    monkeypatch.setattr("sde_core.rules.matrix._BLOCKS_AT_ONCE", 4)
    np.testing.assert_array_equal(score_matrix(texts, RULES).scores, whole.scores)
