"""Agreement of annotators, against scikit-learn and by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.checks.labels.agreement import annotator_agreement, cohen_kappa, fleiss_kappa
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError

Write = Callable[..., Path]


@settings(deadline=None)  # the first call imports scikit-learn
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=3, max_size=40).filter(lambda pairs: len(set(sum(pairs, ()))) > 1)
)
def test_cohens_kappa_is_scikit_learns(pairs: list[tuple[str, str]]):
    from sklearn.metrics import cohen_kappa_score

    first, second = zip(*pairs, strict=True)
    expected = cohen_kappa_score(first, second)
    found = cohen_kappa(first, second)
    assert found == pytest.approx(expected, abs=1e-9) or (np.isnan(found) and np.isnan(expected))


def test_fleiss_kappa_of_the_textbook_table():
    """Fleiss (1971), as worked out in many textbooks: fourteen raters, ten subjects, five categories."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(np.array(table)) == pytest.approx(0.210, abs=0.0005)


def test_two_fields_by_name(write_jsonl: Write):
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    rows = [{"text": f"text {n}", "label_1": first, "label_2": second} for n, (first, second) in enumerate(pairs)]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert (found.source, found.rows, found.raters, found.statistic) == ("label_1, label_2", 50, 2, "Cohen's kappa")
    assert found.percent == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.disagreeing == tuple(range(20, 35))
    assert "70.0%" in found.ceiling


@pytest.mark.parametrize("annotations", [lambda labels: list(labels), lambda labels: [{"by": n, "label": label} for n, label in enumerate(labels)]])
def test_a_list_of_annotations(write_jsonl: Write, annotations: Callable):
    rows = [{"text": f"text {n}", "annotations": annotations("aab" if n % 2 else "aaa")} for n in range(10)]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert (found.source, found.raters, found.statistic) == ("annotations", 3, "Fleiss' kappa")
    assert found.percent == pytest.approx((5 * 1 + 5 / 3) / 10)
    assert found.kappa == pytest.approx(fleiss_kappa(np.array([[3, 0], [2, 1]] * 5)))


def test_three_annotators_of_which_some_gave_no_label(write_jsonl: Write):
    rows = [{"text": f"text {n}", "annotator_a": "x", "annotator_b": "x" if n else None, "annotator_c": "y" if n == 3 else "x"} for n in range(6)]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert (found.rows, found.raters, found.disagreeing) == (6, 3, (3,))


def test_the_same_text_with_several_labels(write_jsonl: Write):
    rows = [{"text": text, "label": label} for text, label in [("Hi", "a"), ("hi ", "b"), ("Bye", "b"), ("bye", "b"), ("alone", "a")] * 1]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert (found.rows, found.percent, found.disagreeing) == (2, 0.5, (0,))


def test_other_answers_to_one_prompt_are_no_second_opinion(write_jsonl: Write):
    rows = [{"prompt": f"Prompt {n // 2}", "response": f"Answer {n}", "label": "ab"[n % 2]} for n in range(8)]
    assert annotator_agreement(open_dataset(str(write_jsonl(rows)))) is None


def test_spellings_of_one_label_agree(write_jsonl: Write):
    rows = [{"text": f"text {n}", "label_1": ("Spam", "ham")[n % 2], "label_2": ("spam ", "ham")[n % 2]} for n in range(8)]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert found.percent == 1.0


def test_full_agreement_sets_no_ceiling(write_jsonl: Write):
    rows = [{"text": f"text {n}", "label_1": "ab"[n % 2], "label_2": "ab"[n % 2]} for n in range(8)]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert (found.percent, found.kappa) == (1.0, pytest.approx(1.0))
    assert "no ceiling" in found.ceiling


def test_one_class_only_has_no_kappa(write_jsonl: Write):
    rows = [{"text": f"text {n}", "label_1": "a", "label_2": "a"} for n in range(8)]
    found = annotator_agreement(open_dataset(str(write_jsonl(rows))))
    assert found is not None
    assert np.isnan(found.kappa)
    assert found.to_json()["kappa"] is None
    json.dumps(found.to_json())


def test_one_label_a_row_is_no_agreement(write_jsonl: Write):
    path = write_jsonl([{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(8)])
    assert annotator_agreement(open_dataset(str(path))) is None
    with pytest.raises(UsageError, match="No row has two labels"):
        annotator_agreement(open_dataset(str(path)), ["label"])


def test_numbered_texts_are_no_annotators(write_jsonl: Write):
    path = write_jsonl([{"sentence1": f"one {n}", "sentence2": f"two {n}", "label": "ab"[n % 2]} for n in range(8)])
    assert annotator_agreement(open_dataset(str(path))) is None
