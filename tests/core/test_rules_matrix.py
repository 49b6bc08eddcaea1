"""The score matrix, its histograms and summaries, and the quality that is read off it."""

from __future__ import annotations

import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import sde_core.rules.matrix as matrix_module
from sde_core.errors import CancelledError, UsageError
from sde_core.rules import BINS, GENERAL_RULES, RULES, ScoreMatrix, bins_of, quality, score_matrix


def texts_of(answers: list[str], first_row: int = 0) -> pl.DataFrame:
    rows = range(first_row, first_row + len(answers))
    return pl.DataFrame({"row": rows, "prompt": ["Describe it."] * len(answers), "answer": answers}, schema_overrides={"row": pl.UInt32})


def matrix_of(*columns: list[float], answer_words: list[int] | None = None) -> ScoreMatrix:
    n = len(columns[0])
    rows = np.arange(10, 10 + n, dtype=np.uint32)
    lengths = np.array(answer_words if answer_words is not None else range(n), dtype=np.uint32)
    return ScoreMatrix(rows, tuple(f"rule-{i}" for i in range(len(columns))), np.array(columns, dtype=np.float32).T.copy(), lengths)


ANSWERS = [f"Answer {i} says {'very ' * (i % 7)}much about {i * i} things, because it is long. " * (1 + i % 4) for i in range(50)]


def test_matrix_holds_every_rule_of_every_row_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_of(ANSWERS, first_row=7)
    whole = score_matrix(texts)
    monkeypatch.setattr(matrix_module, "_BLOCK_ROWS", 20)
    in_blocks = score_matrix(texts)
    assert whole.rows.tolist() == list(range(7, 57))
    assert whole.rules == tuple(rule.name for rule in GENERAL_RULES)
    np.testing.assert_array_equal(whole.scores, in_blocks.scores)
    for i in (0, 5, len(GENERAL_RULES) - 1):
        np.testing.assert_array_equal(whole.scores[:, i], GENERAL_RULES[i].score(texts))
    assert whole.answer_words[1] == 2 * 12


def test_matrix_of_some_rules_and_of_no_rows() -> None:
    assert score_matrix(texts_of(ANSWERS), RULES[3:5]).rules == (RULES[3].name, RULES[4].name)
    nothing = score_matrix(texts_of([]))
    assert nothing.scores.shape == (0, len(GENERAL_RULES))
    assert nothing.summaries[0].to_json()["mean"] is None
    assert nothing.histograms.sum() == 0
    assert score_matrix(texts_of(ANSWERS), []).histograms.shape == (0, BINS)


def test_progress_counts_rows_and_a_cancel_stops_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "_BLOCK_ROWS", 20)
    told: list[tuple[int, int | None]] = []
    score_matrix(texts_of(ANSWERS), RULES[:1], progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 50), (20, 50), (40, 50), (50, 50)]

    stop = threading.Event()
    with pytest.raises(CancelledError):
        score_matrix(texts_of(ANSWERS), RULES[:1], cancel=stop, progress=lambda done, total: stop.set() if done else None)


def test_histogram_counts_every_row_once() -> None:
    matrix = matrix_of([0.0, 0.049, 0.05, 0.5, 1.0], [1.0] * 5)
    assert matrix.histograms.shape == (2, BINS)
    assert matrix.histograms[0].tolist() == [2, 1, *[0] * 8, 1, *[0] * 8, 1]
    assert matrix.histograms[1, -1] == 5


@given(st.integers(0, 20))
def test_bin_edges_belong_to_the_bin_above(edge: int) -> None:
    assert bins_of(np.array([edge / BINS], dtype=np.float32))[0] == min(edge, BINS - 1)


def test_rows_behind_a_bar_and_lowest_rows() -> None:
    matrix = matrix_of([0.9, 0.12, 0.11, 0.5, 0.11])
    assert matrix.rows_in_bin("rule-0", 2).tolist() == [12, 14, 11]
    assert matrix.lowest_rows("rule-0", 3).tolist() == [12, 14, 11]
    assert matrix.lowest_rows("rule-0", 99).tolist() == [12, 14, 11, 13, 10]
    with pytest.raises(UsageError, match="no rule 'nope'"):
        matrix.rows_in_bin("nope", 0)


def test_summary_against_numpy_and_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(3)
    column = np.round(rng.random(200), 1).astype(np.float32)
    lengths = rng.integers(0, 30, 200)
    summary = matrix_of(column.tolist(), answer_words=lengths.tolist()).summaries[0]
    assert summary.mean == pytest.approx(column.mean(dtype=np.float64))
    assert summary.sd == pytest.approx(column.std(dtype=np.float64))
    assert summary.share_at_0 == (column == 0).mean()
    assert summary.share_at_1 == (column == 1).mean()
    assert summary.most_common_share == max(np.unique(column, return_counts=True)[1]) / 200
    assert summary.length_correlation == pytest.approx(spearmanr(column, lengths).statistic)


def test_constant_rule_has_no_length_correlation() -> None:
    assert np.isnan(matrix_of([0.5] * 4).summaries[0].length_correlation)
    assert matrix_of([0.5] * 4).summaries[0].to_json()["length_correlation"] is None


def test_length_rule_is_told_by_its_length_correlation() -> None:
    matrix = score_matrix(texts_of(["word " * n for n in range(1, 30)]))
    assert matrix.summaries[matrix.index("answer-length")].length_correlation == pytest.approx(1.0)


@given(npst.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1, width=32)), st.data())
def test_quality_is_the_mean_of_the_chosen_rules(scores: np.ndarray, data: st.DataObject) -> None:
    names = tuple(f"rule-{i}" for i in range(scores.shape[1]))
    matrix = ScoreMatrix(np.arange(len(scores), dtype=np.uint32), names, scores, np.zeros(len(scores), dtype=np.uint32))
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    expected = scores[:, [names.index(name) for name in chosen]].astype(np.float64).mean(axis=1)
    got = quality(matrix, chosen)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_quality_of_no_rules_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one rule"):
        quality(matrix_of([0.1, 0.2]), ())


def test_real_instructions_are_told_apart_by_more_than_length(shared_data: object) -> None:
    from sde_core.dataset import open_dataset

    matrix = score_matrix(open_dataset(shared_data / "instruct" / "alpaca_5000.json").texts().head(1500))  # type: ignore[operator]
    varied = [summary for summary in matrix.summaries if summary.most_common_share < 0.9]
    assert len(varied) >= 20
    assert sum(abs(summary.length_correlation) > 0.7 for summary in varied) <= 3
    assert sum(abs(summary.length_correlation) < 0.4 for summary in varied) >= 15


def test_blocks_of_long_texts_have_fewer_rows() -> None:
    short, long = texts_of(["word"] * 9000), texts_of(["word " * 20_000] * 10)
    assert matrix_module.block_rows(short) == 8192
    assert matrix_module.block_rows(long) == 256
    assert matrix_module.block_rows(texts_of([])) >= 256
    assert 256 < matrix_module.block_rows(texts_of(["word " * 1000] * 100)) < 8192
