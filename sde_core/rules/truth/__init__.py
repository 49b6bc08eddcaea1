"""Ground truth: how good rows truly are by people's judgement, and how well rules agree with it."""

from __future__ import annotations

from sde_core.rules.truth.comparisons import Comparison, ComparisonJournal
from sde_core.rules.truth.pairs import JudgedPairs, judged_pairs, pairs_of_dataset
from sde_core.rules.truth.row_truth import RowTruth, truth_from_field

__all__ = ["Comparison", "ComparisonJournal", "JudgedPairs", "RowTruth", "judged_pairs", "pairs_of_dataset", "truth_from_field"]
