"""Formula columns from the cache, rated columns from a judge, and the one matrix of both."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sde_core.errors import CancelledError
from sde_core.features.embedding_static import static_encoder, static_encoder_id
from sde_core.project import Project
from sde_core.rules import (
    GENERAL_RULES,
    RULES,
    JudgeRatings,
    PlainRule,
    Rule,
    RuleBook,
    RuleScores,
    book_matrix,
    choose_by_book,
    plain_rule,
    project_matrix,
    reliability_of,
    score_matrix,
    scoring,
)
from sde_core.rules import score_cache as cache
from sde_core.rules.rating import cache as rating_cache
from sde_core.rules.rating.cache import FIRST, RETEST, RatingCache, row_keys
from sde_core.rules.rating.judge import Answer
from sde_core.rules.rating.prompts import Reading
from sde_core.rules.score_cache import ScoreCache, cached_matrix, content_key, definition

ROWS = 1_200


def texts_of(count: int = ROWS, marked: int = -1) -> pl.DataFrame:
    answers = [f"Row {i} has {'many ' * (i % 7)}words{'!' * (i % 3)}" + (" marked" if i == marked else "") for i in range(count)]
    prompts = [f"What is row {i}?" for i in range(count)]
    return pl.DataFrame({"row": pl.Series(range(count), dtype=pl.UInt32), "system": [""] * count, "prompt": prompts, "answer": answers})


TEXTS = texts_of()


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The rules of each call that really scores."""
    calls: list[tuple[str, ...]] = []

    def counting(texts: pl.DataFrame, rules: list[Rule], **options: object):
        calls.append(tuple(rule.name for rule in rules))
        return score_matrix(texts, rules, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "score_matrix", counting)
    return calls


def same(left, right) -> bool:
    return left.rules == right.rules and all(np.array_equal(getattr(left, key), getattr(right, key)) for key in ("rows", "scores", "answer_words"))


# ---- the cache


def test_what_is_read_back_is_what_was_scored_to_the_bit(tmp_path: Path, scored: list[tuple[str, ...]]) -> None:
    direct = score_matrix(TEXTS, GENERAL_RULES)
    assert same(cached_matrix(TEXTS, GENERAL_RULES, tmp_path), direct)
    assert same(cached_matrix(TEXTS, GENERAL_RULES, tmp_path), direct)
    assert len(scored) == 1


def test_a_changed_rule_scores_only_itself(tmp_path: Path, scored: list[tuple[str, ...]]) -> None:
    cached_matrix(TEXTS, GENERAL_RULES, tmp_path)
    changed = replace(GENERAL_RULES[3], formula=GENERAL_RULES[3].formula * 0.5)
    rules = (*GENERAL_RULES[:3], changed, *GENERAL_RULES[4:])
    matrix = cached_matrix(TEXTS, rules, tmp_path)
    assert scored[1:] == [(changed.name,)]
    assert np.allclose(matrix.column(changed.name), score_matrix(TEXTS, [changed]).scores[:, 0])
    assert same(cached_matrix(TEXTS, rules[::-1], tmp_path), score_matrix(TEXTS, rules[::-1])) and len(scored) == 2


def test_a_rule_is_another_one_when_what_it_does_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES[0]
    assert definition(replace(rule, definition="in other words", source="x")) == definition(rule)
    for other in (replace(rule, about="pair"), replace(rule, formula=rule.formula + 1), replace(rule, name="other")):
        assert definition(other) != definition(rule)
    assert len({definition(rule) for rule in RULES}) == len(RULES)
    before = definition(rule)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "static_encoder_id", lambda: "static-other")
        assert definition(rule) != before
    monkeypatch.setattr(cache, "code_version", lambda *parts: f"other {len(parts)}")
    assert definition(rule) != before


def test_what_formulas_read_is_part_of_their_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[str] = []
    monkeypatch.setattr(cache, "code_version", lambda *names: parts.extend(names) or "code")
    definition(RULES[0])
    assert {"features", *(f"rules/{name}.py" for name in ("measures", "words", "shapes", "topic", "rule"))} <= set(parts)
    assert static_encoder_id() == static_encoder().id
    loads = "import sys; from sde_core.rules import RULES; from sde_core.rules.score_cache import definition; definition(RULES[0])"
    heavy = "print({'tokenizers', 'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", f"{loads}; {heavy}"], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_definitions_need_no_cloudpickle() -> None:
    bare = "import sys; sys.modules['cloudpickle'] = None; from sde_core.rules import RULES; from sde_core.rules.score_cache import definition"
    shown = subprocess.run([sys.executable, "-c", f"{bare}; print(*map(definition, RULES))"], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [definition(rule) for rule in RULES]


def test_another_embedder_is_another_encoder(tmp_path: Path) -> None:
    for name in ("vectors.npz", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"1")
    before = static_encoder_id(tmp_path)
    assert static_encoder_id(tmp_path) == before
    (tmp_path / "vectors.npz").write_bytes(b"23")
    assert static_encoder_id(tmp_path) != before


@pytest.mark.parametrize(
    "changed",
    [texts_of(marked=5), TEXTS.reverse(), TEXTS.head(ROWS - 1), TEXTS.with_columns(prompt=pl.col("answer"), answer=pl.col("prompt"))],
)
def test_other_texts_are_another_content(tmp_path: Path, scored: list[tuple[str, ...]], changed: pl.DataFrame) -> None:
    assert content_key(changed) != content_key(TEXTS) == content_key(TEXTS.with_columns(label=pl.lit("x")))
    cached_matrix(TEXTS, GENERAL_RULES[:2], tmp_path)
    assert same(cached_matrix(changed, GENERAL_RULES[:2], tmp_path), score_matrix(changed, GENERAL_RULES[:2])) and len(scored) == 2


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: b"", lambda raw: raw[:400] + b"\xff" + raw[401:], lambda raw: b"x" + raw])
def test_a_damaged_file_is_scored_anew(tmp_path: Path, scored: list[tuple[str, ...]], damage) -> None:
    cached_matrix(TEXTS, GENERAL_RULES[:4], tmp_path)
    (path,) = tmp_path.rglob("*.columns")
    path.write_bytes(damage(path.read_bytes()))
    for _ in range(2):
        assert same(cached_matrix(TEXTS, GENERAL_RULES[:4], tmp_path), score_matrix(TEXTS, GENERAL_RULES[:4]))
    assert len(scored) == 2


def test_the_cache_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for marked in range(6):
        cached_matrix(texts_of(marked=marked), GENERAL_RULES[:2], tmp_path)
    assert len(list((tmp_path / "rules").iterdir())) == 3
    newest = ScoreCache(tmp_path / "rules", texts_of(marked=5))
    assert len(newest.read([definition(rule) for rule in GENERAL_RULES[:2]])) == 2
    monkeypatch.setattr(cache, "LARGEST_BYTES", 1)
    cached_matrix(texts_of(marked=5), GENERAL_RULES[:3], tmp_path)
    assert [path.parent.name for path in tmp_path.rglob("*.columns")] == [newest.content]


def test_files_that_another_process_drops_meanwhile_are_none(tmp_path: Path) -> None:
    cached_matrix(texts_of(marked=1), GENERAL_RULES[:1], tmp_path)
    (place,) = (tmp_path / "rules").iterdir()
    (place / "dropped.columns").symlink_to(tmp_path / "nothing")
    assert same(cached_matrix(TEXTS, GENERAL_RULES[:1], tmp_path), score_matrix(TEXTS, GENERAL_RULES[:1]))
    assert len(list((tmp_path / "rules").iterdir())) == 2


def test_where_nothing_can_be_kept_all_is_scored_as_without(tmp_path: Path, scored: list[tuple[str, ...]]) -> None:
    (tmp_path / "file").write_text("")
    direct = score_matrix(TEXTS, GENERAL_RULES[:2])
    for folder in (tmp_path / "file", None):
        assert same(cached_matrix(TEXTS, GENERAL_RULES[:2], folder), direct)
    assert len(cached_matrix(TEXTS, (), tmp_path).rules) == 0 and same(cached_matrix(TEXTS.head(5), (), tmp_path), score_matrix(TEXTS.head(5), ()))


def test_a_stopped_scoring_keeps_nothing(tmp_path: Path) -> None:
    class Stopped:
        def is_set(self) -> bool:
            return True

    with pytest.raises(CancelledError):
        cached_matrix(TEXTS, GENERAL_RULES, tmp_path, cancel=Stopped())
    assert not list(tmp_path.rglob("*.columns"))


# ---- rated rules

TONE, BRIEF = plain_rule("tone", "Be polite."), plain_rule("brief", "Say it in few words.", about="answer")
BOOK = RuleBook(rules=(TONE, BRIEF), pack="general")
JUDGE = ("judge", "paper-1")


def rate(folder: Path, rule: PlainRule, texts: pl.DataFrame, scores: dict[int, float | None], slot: int = FIRST) -> JudgeRatings:
    ratings = RatingCache(folder)
    keys = row_keys(rule, texts)[0]
    with ratings.writer(*JUDGE) as writer:
        for row, score in scores.items():
            writer.add(rule, int(keys[row]), slot, Reading(score), Answer("what?"))
    return JudgeRatings(ratings, *JUDGE)


def test_without_ratings_the_matrix_is_that_of_the_formula_rules(tmp_path: Path) -> None:
    texts = TEXTS.head(40)
    matrix = book_matrix(texts, BOOK)
    assert same(matrix, score_matrix(texts, BOOK.formula_rules)) and matrix.unrated == ("tone", "brief") and not matrix.rows_of_sample
    assert book_matrix(texts, RuleBook()).unrated == () and JudgeRatings.latest(tmp_path) is None


def test_a_rule_rated_on_rows_of_its_own_does_not_empty_the_matrix(tmp_path: Path) -> None:
    texts = TEXTS.head(40)
    rate(tmp_path, TONE, texts, dict.fromkeys(range(10), 0.5))
    ratings = rate(tmp_path, BRIEF, texts, dict.fromkeys(range(9, 40), 0.25))
    matrix = book_matrix(texts, BOOK, ratings=ratings)
    assert matrix.unrated == ("tone",) and list(matrix.rows) == list(range(9, 40)) and matrix.rules[-1] == "brief"
    assert (matrix.ratings["tone"].rated, matrix.ratings["brief"].rated) == (10, 31)
    alone = book_matrix(texts, RuleBook(rules=(TONE,)), ratings=rate(tmp_path / "other", TONE, texts, {3: 0.5}))
    assert alone.unrated == ("tone",) and len(alone.rows) == 40 and not alone.rows_of_sample
    (why,) = (drop.reason for drop in choose_by_book(RuleScores(matrix, reliability_of(matrix)), BOOK).dropped if drop.rule == "tone")
    assert why == "rated on 10 rows with too few in common with the other rules: rate more rows"


def test_rules_rated_on_a_sample_give_the_rows_that_all_of_them_share(tmp_path: Path) -> None:
    texts = TEXTS.head(40)
    rate(tmp_path, TONE, texts, dict.fromkeys(range(30), 0.5) | {3: None, 4: 1.0})
    ratings = rate(tmp_path, BRIEF, texts, dict.fromkeys(range(2, 40, 2), 0.25))
    matrix = book_matrix(texts, BOOK, ratings=ratings)
    assert matrix.rows_of_sample and list(matrix.rows) == list(range(2, 30, 2)) and matrix.unrated == ()
    assert matrix.rules[-2:] == ("tone", "brief") and matrix.column("tone").tolist() == [0.5, 1.0] + [0.5] * 12
    assert np.array_equal(matrix.column("asked-count"), score_matrix(texts, RULES).column("asked-count")[2:30:2])
    assert matrix.ratings["tone"].rated == 14 and set(matrix.ratings) == {"tone", "brief"}
    one = book_matrix(texts, BOOK, ratings=ratings, rules=("tone", "asked-count"))
    assert one.rules == ("asked-count", "tone") and list(one.rows) == list(range(30))
    assert one.ratings["tone"] == replace(one.ratings["tone"], rated=29, unparseable=1, imputed=1)
    assert one.column("tone")[3] == pytest.approx((28 * 0.5 + 1) / 29)


def test_a_rule_rated_everywhere_gives_all_rows_and_those_without_text_score_nothing(tmp_path: Path) -> None:
    texts = TEXTS.head(10).with_columns(answer=pl.when(pl.col("row") == 7).then(pl.lit(" ")).otherwise(pl.col("answer")))
    ratings = rate(tmp_path, BRIEF, texts, dict.fromkeys([row for row in range(10) if row != 7], 0.75))
    matrix = book_matrix(texts, RuleBook(rules=(BRIEF, TONE)), ratings=ratings)
    assert not matrix.rows_of_sample and matrix.column("brief").tolist() == [0.75] * 7 + [0.0] + [0.75] * 2
    assert matrix.unrated == ("tone",) and matrix.ratings["brief"].rated == 9


def test_rows_without_text_do_not_stand_for_a_rating(tmp_path: Path) -> None:
    texts = TEXTS.head(6).with_columns(answer=pl.lit(""))
    assert book_matrix(texts, RuleBook(rules=(BRIEF,)), ratings=rate(tmp_path, TONE, texts, {0: 0.5})).unrated == ("brief",)


def test_a_rule_by_which_no_answer_held_a_score_leaves_all_rows_to_the_others(tmp_path: Path) -> None:
    texts = TEXTS.head(9).with_columns(answer=pl.when(pl.col("row") == 7).then(pl.lit("")).otherwise(pl.col("answer")))
    matrix = book_matrix(texts, RuleBook(rules=(BRIEF,)), ratings=rate(tmp_path, BRIEF, texts, dict.fromkeys(range(4))))
    assert matrix.unrated == ("brief",) and "brief" not in matrix.rules and len(matrix.rows) == 9 and not matrix.rows_of_sample
    assert matrix.ratings["brief"].rated == 0 and matrix.ratings["brief"].unparseable == 4 and matrix.ratings["brief"].unparseable_share == 1.0


def test_rows_without_text_do_not_enter_the_mean_of_a_batch(tmp_path: Path) -> None:
    texts = TEXTS.head(9).with_columns(answer=pl.when(pl.col("row") > 5).then(pl.lit("")).otherwise(pl.col("answer")))
    matrix = book_matrix(texts, RuleBook(rules=(BRIEF,)), ratings=rate(tmp_path, BRIEF, texts, dict.fromkeys(range(6), 0.5) | {2: None}))
    assert matrix.column("brief").tolist() == [0.5] * 6 + [0.0] * 3 and matrix.ratings["brief"].imputed == 1


def test_a_second_rating_tells_how_far_the_judge_agrees_with_itself(tmp_path: Path) -> None:
    texts = TEXTS.head(12)
    rate(tmp_path, TONE, texts, {row: row / 12 for row in range(12)})
    ratings = rate(tmp_path, TONE, texts, {row: (row / 12) ** 2 for row in range(2, 12)} | {1: None}, slot=RETEST)
    summary = book_matrix(texts, BOOK, ratings=ratings).ratings["tone"]
    assert summary.retest == pytest.approx(1.0) and summary.retest_rows == 10


def test_a_disabled_rule_is_not_scored_and_a_new_sentence_is_not_rated(tmp_path: Path) -> None:
    texts = TEXTS.head(8)
    ratings = rate(tmp_path, TONE, texts, dict.fromkeys(range(8), 0.5))
    off = replace(BOOK, disabled=("tone", "asked-count"))
    assert not {"tone", "asked-count"} & set(book_matrix(texts, off, ratings=ratings).rules)
    changed = replace(BOOK, rules=(plain_rule("tone", "Be very polite."), BRIEF))
    assert book_matrix(texts, changed, ratings=ratings).unrated == ("tone", "brief")
    renamed = replace(BOOK, rules=(replace(TONE, name="manners"),))
    assert "manners" in book_matrix(texts, renamed, ratings=ratings).rules


def test_a_project_knows_its_latest_judge(tmp_path: Path) -> None:
    project = Project(tmp_path / "data.sde", beside_data=True).created()
    texts = TEXTS.head(8)
    rate(project.ratings_dir, TONE, texts, dict.fromkeys(range(8), 0.5))
    matrix = project_matrix(texts, project, BOOK)
    assert "tone" in matrix.rules and matrix.unrated == ("brief",)


def test_unreadable_answers_get_the_mean_of_their_batch() -> None:
    scores = np.concatenate([np.full(1000, 0.2), np.full(1000, 0.8), np.full(1000, np.nan)]).astype(np.float32)
    scores[[0, 1, 1500, 1999]] = np.nan
    unparseable = np.zeros(3000, bool)
    unparseable[[0, 1500]] = unparseable[2000:] = True
    filled = scoring.imputed(scores, unparseable)
    assert filled[0] == pytest.approx(0.2, abs=2e-3) and filled[1500] == pytest.approx(0.8) and filled[2500] == pytest.approx(0.5, abs=2e-3)
    assert np.isnan(filled[[1, 1999]]).all()
    assert np.isnan(scoring.imputed(np.full(3, np.nan, np.float32), np.ones(3, bool))).all()


def test_each_row_is_hashed_once_for_all_rules_about_the_same_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tuple(plain_rule("", f"Prefer rows of kind {number}.", about=("pair", "answer")[number % 2]) for number in range(6))
    ratings = RatingCache(tmp_path)
    with ratings.writer("judge", "form") as writer:
        for rule in rules:
            for place, key in enumerate(row_keys(rule, TEXTS)[0].tolist()):
                writer.add(rule, key, FIRST, Reading(place % 10 / 10), Answer("0.5"))
    hashed: list[str] = []
    monkeypatch.setattr(rating_cache, "row_keys", lambda rule, texts: hashed.append(rule.about) or row_keys(rule, texts))
    matrix = book_matrix(TEXTS, RuleBook(rules=rules), ratings=JudgeRatings(ratings, "judge", "form"), rules=[rule.name for rule in rules])
    assert sorted(hashed) == ["answer", "pair"]
    for rule in rules:
        expected = ratings.column(rule, "judge", "form", TEXTS).scores
        np.testing.assert_array_equal(matrix.column(rule.name), expected)
