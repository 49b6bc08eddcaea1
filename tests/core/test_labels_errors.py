"""Label errors: planted ones are found, cleanlab is the oracle, and odd label fields are refused or handled."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.labels import LabelParams, blend, find_label_errors, labelled_rows
from sde_core.checks.labels.meaning import KernelRidge, anchors_of
from sde_core.checks.labels.neighbours import nearest_of_class, nearest_rows
from sde_core.checks.labels.probabilities import class_probabilities, folds_of
from sde_core.checks.labels.suspicion import likely_errors, require_cleanlab, suspicion
from sde_core.checks.labels.words import _ridge
from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError, MissingExtraError, UsageError
from sde_core.features.tfidf import word_tfidf
from sde_core.progress import NEVER, silent
from tests.core.label_rows import CLASSES, FLIPPED, tickets
from tests.sample_truth import SAMPLE, TRUTH

Write = Callable[..., Path]
SMALL = LabelParams(anchors=60)


def judged(path: Path, field: str = "", params: LabelParams = SMALL):
    return find_label_errors(labelled_rows(open_dataset(str(path)), field), params)


def random_probabilities(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, rows).astype(np.int32)
    codes[:classes] = np.arange(classes)
    powers = rng.gumbel(size=(rows, classes)) + 3 * (codes[:, None] == np.arange(classes))
    table = np.exp(powers - powers.max(axis=1, keepdims=True))
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32), codes


# ---- planted errors


def test_planted_errors_are_found_with_their_true_class_and_nothing_else(write_jsonl: Write):
    found = judged(write_jsonl(tickets()))
    errors = [found.evidence(place) for place in found.ranked().tolist()]
    assert {one.row: one.suggested for one in errors} == FLIPPED
    assert all(one.label == tickets()[one.row]["label"] for one in errors)
    assert set(np.argsort(-found.scores)[: len(FLIPPED)].tolist()) == set(FLIPPED)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_clean_labels_raise_no_alarm(write_jsonl: Write):
    found = judged(write_jsonl(tickets(flipped=False)))
    assert not found.likely.any()
    assert found.scores.max() < 0.5


def test_evidence_is_the_nearest_rows_of_both_classes(write_jsonl: Write):
    rows = tickets()
    found = judged(write_jsonl(rows))
    one = found.evidence(40)
    assert {rows[near.row]["label"] for near in one.given_neighbours} == {one.label}
    assert {rows[near.row]["label"] for near in one.suggested_neighbours} == {one.suggested}
    assert 40 not in [near.row for near in one.given_neighbours]
    cosines = [near.similarity for near in one.suggested_neighbours]
    assert cosines == sorted(cosines, reverse=True)
    assert one.given_probability < 0.2 < 0.7 < one.suggested_probability


def test_the_same_call_gives_the_same_scores(write_jsonl: Write):
    path = write_jsonl(tickets())
    first, second = judged(path), judged(path)
    assert (first.scores == second.scores).all()
    assert (first.suggested == second.suggested).all()


def test_the_own_label_has_no_say_in_what_a_row_is_suggested(write_jsonl: Write):
    """Flipping one label moves the models only through other rows, so the row's own probabilities stay close."""
    labelled = labelled_rows(open_dataset(str(write_jsonl(tickets(flipped=False)))))
    flipped = labelled.codes.copy()
    flipped[30] = (flipped[30] + 1) % 3
    before, after = (
        class_probabilities(labelled.texts, codes, 3, SMALL, cancel=NEVER, progress=silent).table[30] for codes in (labelled.codes, flipped)
    )
    assert before.argmax() == after.argmax() == labelled.codes[30]
    assert np.abs(before - after).max() < 0.1


def test_rows_that_were_not_learned_from_are_judged_too(write_jsonl: Write):
    found = judged(write_jsonl(tickets()), params=replace(SMALL, learned_rows=90))
    assert found.learned < 150
    assert found.judged().all()
    assert {int(place) for place in found.ranked()} >= set(FLIPPED)


def test_the_most_suspicious_labels_of_the_sample_data_are_the_planted_ones():
    planted = {fault["row"] for fault in json.loads(TRUTH.read_text())["faults"]["conflicting_label"]}
    found = judged(SAMPLE, params=LabelParams(anchors=800))
    assert found.labelled.field == "category"
    ranked = [int(found.labelled.rows[place]) for place in found.ranked()]
    assert set(ranked[:6]) <= planted
    assert len(ranked) <= 15


def test_labels_that_the_texts_say_nothing_about_raise_no_alarm(write_jsonl: Write):
    labels = np.random.default_rng(0).choice(["yes", "no"], 150)
    found = judged(write_jsonl([{"text": row["text"], "label": str(label)} for row, label in zip(tickets(), labels, strict=True)]))
    assert found.predictable < 0.65
    assert not found.likely.any()


# ---- cleanlab is the oracle


@pytest.mark.filterwarnings("ignore:May not flag all label issues")  # the oracle's own, on classes with few rows
@settings(max_examples=15, deadline=None)
@given(st.integers(30, 120), st.integers(2, 6), st.integers(0, 10_000))
def test_likely_errors_are_cleanlabs(rows: int, classes: int, seed: int):
    from cleanlab.filter import find_label_issues

    table, codes = random_probabilities(rows, classes, seed)
    assert (likely_errors(table, codes) == find_label_issues(codes, table.astype(np.float64), n_jobs=1)).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(30, 120), st.integers(2, 6), st.integers(0, 10_000))
def test_within_a_class_the_order_is_cleanlabs_self_confidence(rows: int, classes: int, seed: int):
    from cleanlab.rank import get_label_quality_scores

    table, codes = random_probabilities(rows, classes, seed)
    scores, quality = suspicion(table, codes), get_label_quality_scores(codes, table.astype(np.float64), method="self_confidence")
    for code in range(classes):
        members = np.flatnonzero(codes == code)
        by_score, by_quality = scores[members[np.argsort(-scores[members])]], scores[members[np.argsort(quality[members], kind="stable")]]
        assert np.allclose(by_score, by_quality, atol=1e-6)


def test_a_vague_class_is_not_suspicious_throughout():
    """Rows of a class that is never believed much score less than equally little believed rows of a clear class."""
    table = np.array([[0.9, 0.1]] * 20 + [[0.7, 0.3]] * 20 + [[0.3, 0.7]], np.float32)
    codes = np.array([0] * 20 + [1] * 20 + [0], np.int32)
    scores = suspicion(table, codes)
    assert scores[-1] > scores[20]


# ---- the models


def test_leave_one_out_is_what_leaving_a_row_out_gives():
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = rng.integers(0, 3, 40).astype(np.int32)
    anchors = anchors_of(vectors, 12, 0)
    left_out = KernelRidge(vectors, codes, 3, anchors, cancel=NEVER).left_out
    gram = np.exp(anchors @ anchors.T - 1).astype(np.float64) + 1e-3 * np.eye(len(anchors))
    kernel = np.exp(vectors @ anchors.T - 1).astype(np.float64)
    targets = np.eye(3)[codes]
    mean = targets.mean(axis=0)
    for row in (0, 7, 39):
        rest = np.arange(40) != row
        weights = np.linalg.solve(kernel[rest].T @ kernel[rest] + 0.1 * gram, kernel[rest].T @ (targets - mean)[rest])
        assert np.allclose(kernel[row] @ weights + mean, left_out[row], atol=2e-3)


def test_conjugate_gradients_solve_the_ridge_equations():
    from scipy import sparse

    rng = np.random.default_rng(1)
    features = rng.standard_normal((50, 8)).astype(np.float32)
    targets = rng.standard_normal((50, 3)).astype(np.float32)
    exact = np.linalg.solve(features.T @ features + np.eye(8), features.T @ targets)
    assert np.allclose(_ridge(sparse.csr_matrix(features), targets, 1.0, NEVER), exact, atol=1e-4)


def test_nearest_rows_are_exact_and_never_the_row_itself():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labelled = np.arange(0, 60, 2)
    found = nearest_rows(vectors, labelled, 4, cancel=NEVER)
    for row in range(60):
        others = labelled[labelled != row]
        expected = others[np.argsort(-(vectors[others] @ vectors[row]))[:4]]
        assert labelled[found.places[row]].tolist() == expected.tolist()
    assert [place for place, _ in nearest_of_class(vectors, 0, labelled, 4)] == labelled[found.places[0]].tolist()


def test_folds_spread_every_class_evenly():
    codes = np.array([0] * 50 + [1] * 7 + [2] * 5, np.int32)
    folds = folds_of(codes, 5, 0)
    for code, count in ((0, 50), (1, 7), (2, 5)):
        per_fold = np.bincount(folds[codes == code], minlength=5)
        assert per_fold.max() - per_fold.min() <= 1
        assert per_fold.sum() == count


def test_a_model_that_knows_nothing_has_no_weight():
    codes = np.array([0, 1] * 50, np.int32)
    weights = blend.weights_of([0.2, np.log(2)], codes)
    assert weights.tolist() == [1.0, 0.0]
    assert blend.weights_of([np.log(2) + 1, np.log(2) + 2], codes).tolist() == [0.5, 0.5]


def test_calibrated_probabilities_fit_the_labels():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 4000)
    heads = np.where(rng.random(4000) < 0.8, truth, 1 - truth)
    predicted = np.eye(2, dtype=np.float32)[heads]
    _, loss = blend.calibrated(predicted, truth.astype(np.int32), np.arange(4000), 0)
    assert loss == pytest.approx(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)), abs=0.02)


def test_texts_without_a_word_have_an_empty_vector():
    assert word_tfidf(["", " ", "!!"]).nnz == 0
    lengths = word_tfidf(["red apple", "red pear", ""]).power(2).sum(axis=1)
    assert np.allclose(np.asarray(lengths).ravel(), [1, 1, 0])


# ---- odd fields and rows


def test_nested_fields_and_other_columns(write_jsonl: Write):
    rows = [{"question": row["text"], "answer": "We will look into it.", "meta": {"intent": row["label"], "lang": "en"}} for row in tickets()]
    found = judged(write_jsonl(rows), "meta.intent")
    assert {int(place) for place in found.ranked()} == set(FLIPPED)
    assert found.labelled.path == ("meta", "intent")
    assert judged(write_jsonl(rows)).labelled.field == "meta.intent"


def test_the_label_is_never_part_of_the_text(write_jsonl: Write):
    rows = [{"instruction": row["text"], "input": "", "output": row["label"]} for row in tickets()]
    labelled = labelled_rows(open_dataset(str(write_jsonl(rows))), "output")
    assert labelled.texts[0] == rows[0]["instruction"]
    assert set(labelled.classes) == set(CLASSES)


def test_labels_that_differ_in_case_are_one_class(write_jsonl: Write):
    rows = tickets(flipped=False)
    rows[3]["label"] = rows[3]["label"].upper() + " "
    found = judged(write_jsonl(rows))
    assert set(found.labelled.classes) == set(CLASSES)
    assert not found.likely[3]
    assert found.evidence(3).label == rows[3]["label"]


def test_rare_classes_missing_labels_and_empty_texts_are_not_judged(write_jsonl: Write):
    rows = tickets(flipped=False)
    rows[5]["label"] = rows[6]["label"] = "praise"
    rows[7]["label"] = None
    rows[8]["text"] = "  "
    found = judged(write_jsonl(rows))
    assert np.flatnonzero(~found.judged()).tolist() == [5, 6, 7, 8]
    assert [found.why_not_judged(at) for at in (5, 7, 8, 0)] == ["fewer than 5 rows of its class", "no label", "no text", ""]
    assert found.labelled.classes[found.suggested[7]] == CLASSES[7 % 3]
    assert found.suggested[8] == -1
    assert not found.likely.any()


def test_rows_that_fit_no_class_are_named(write_jsonl: Write):
    rows = [*tickets(flipped=False), {"text": "Qapla' batlh je, Heghlu'meH QaQ jajvam tugh!", "label": CLASSES[0]}]
    found = judged(write_jsonl(rows))
    assert np.flatnonzero(found.outliers).tolist() in ([150], [])
    assert not found.outliers[:150].any()


def test_errors_are_counted_by_split(tmp_path: Path):
    rows = [[row["text"], row["label"]] for row in tickets()]
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"train": rows[:100], "test": rows[100:]}))
    found = judged(path)
    assert [(one.split, one.judged, one.likely) for one in found.by_split()] == [("train", 100, 3), ("test", 50, 1)]
    assert sum(count for _, _, count in found.pairs()) == 4


@pytest.mark.parametrize(
    ("rows", "field", "words"),
    [
        ([{"text": f"t {n}", "label": "a"} for n in range(30)], "", "has the same: 'a'"),
        ([{"text": f"t {n}", "label": None} for n in range(30)], "label", "There is no field 'label'"),
        ([{"text": f"t {n}", "tags": ["a", "b"]} for n in range(30)], "tags[]", "holds a list of labels"),
        ([{"text": f"t {n}", "tags": ["a", "b"]} for n in range(30)], "tags", "holds a list of labels"),
        ([{"text": f"t {n}", "stars": n / 7} for n in range(60)], "stars", "a measure with 60 values"),
        ([{"prompt": f"t {n}", "response": f"a {n}"} for n in range(30)], "", "No field looks like a label"),
        ([{"prompt": f"t {n}", "response": f"a {n}"} for n in range(30)], "turns", "computed from the texts"),
        ([{"text": f"t {n}", "label": f"c{n % 10}"} for n in range(30)], "", "Fewer than two classes"),
    ],
)
def test_what_is_no_class_is_refused(write_jsonl: Write, rows: list[dict], field: str, words: str):
    with pytest.raises(UsageError) as raised:
        judged(write_jsonl(rows), field)
    assert words in raised.value.message
    assert raised.value.hint


def test_a_few_lists_do_not_make_a_label_a_list(write_jsonl: Write):
    rows = tickets(flipped=False)
    rows[7]["label"] = [rows[7]["label"]]
    named = labelled_rows(open_dataset(str(write_jsonl(rows))), "label")
    assert named.field == "label"
    assert named.labels[7] is None
    assert sum(label is not None for label in named.labels) == len(rows) - 1


def test_few_numbers_are_classes(write_jsonl: Write):
    rows = [{"text": row["text"], "stars": CLASSES.index(row["label"]) + 1} for row in tickets()]
    assert {int(place) for place in judged(write_jsonl(rows), "stars").ranked()} == set(FLIPPED)


def test_ties_are_ranked_in_file_order(write_jsonl: Write):
    rows = tickets(flipped=False)
    for at in (30, 60, 90):
        rows[at] = {"text": "Where is my parcel with number 7.", "label": "billing"}
    ranked = judged(write_jsonl(rows)).ranked().tolist()
    tied = [place for place in ranked if place in (30, 60, 90)]
    assert tied == sorted(tied)


def test_it_stops_when_asked(write_jsonl: Write):
    labelled = labelled_rows(open_dataset(str(write_jsonl(tickets()))))
    stop = threading.Event()
    shares: list[int] = []

    def progress(done: int, total: int | None) -> None:
        shares.append(done)
        if done > 60:
            stop.set()

    with pytest.raises(CancelledError):
        find_label_errors(labelled, SMALL, cancel=stop, progress=progress)
    assert shares == sorted(shares)


def test_progress_ends_at_all_rows(write_jsonl: Write):
    labelled = labelled_rows(open_dataset(str(write_jsonl(tickets()))))
    seen: list[tuple[int, int | None]] = []
    find_label_errors(labelled, SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (150, 150)


def test_without_cleanlab_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch):
    import importlib.util

    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "cleanlab" else find_spec(name, *rest))
    with pytest.raises(MissingExtraError, match="cleanlab is not installed"):
        require_cleanlab()


def test_labels_with_half_a_surrogate_pair_are_classes_too(write_jsonl: Write):
    rows = [json.dumps({**row, "label": row["label"] + "\ud83d"}).encode() for row in tickets()]
    labelled = labelled_rows(open_dataset(str(write_jsonl(rows))), "")
    assert len(labelled.classes) == len(CLASSES)
    assert all(name.endswith("\ud83d") for name in labelled.classes)
