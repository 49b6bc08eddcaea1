"""Ground truth: how good rows truly are by people's judgement, and how well rules agree with it."""

from __future__ import annotations

from sde_core.rules.truth.row_truth import RowTruth, truth_from_field

__all__ = ["RowTruth", "truth_from_field"]
