"""Ground truth: how good rows truly are by people's judgement, and how well rules agree with it."""

from __future__ import annotations

from sde_core.rules.truth.agreement import Agreement, AgreementReport, Figure, agreement_with
from sde_core.rules.truth.bradley_terry import Strengths, fit_bradley_terry
from sde_core.rules.truth.by_people import pairs_by_people, truth_by_people
from sde_core.rules.truth.comparisons import Comparison, ComparisonJournal
from sde_core.rules.truth.judged_texts import texts_beside
from sde_core.rules.truth.next_pair import Asked, NextPair, choose_next_pair, sample_rows, self_agreement
from sde_core.rules.truth.pairs import JudgedPairs, judged_pairs, pairs_of_dataset
from sde_core.rules.truth.row_truth import RowTruth, truth_from_field

__all__ = [
    "Agreement",
    "AgreementReport",
    "Asked",
    "Comparison",
    "ComparisonJournal",
    "Figure",
    "JudgedPairs",
    "NextPair",
    "RowTruth",
    "Strengths",
    "agreement_with",
    "choose_next_pair",
    "fit_bradley_terry",
    "judged_pairs",
    "pairs_by_people",
    "pairs_of_dataset",
    "sample_rows",
    "self_agreement",
    "texts_beside",
    "truth_by_people",
    "truth_from_field",
]
