"""Likely label errors, and how far annotators agree."""

from sde_core.checks.labels.agreement import Agreement, annotator_agreement
from sde_core.checks.labels.errors import LabelErrors, LabelEvidence, Neighbour, SplitErrors, find_label_errors
from sde_core.checks.labels.labelled import LabelledRows, labelled_rows
from sde_core.checks.labels.probabilities import LabelParams

__all__ = [
    "Agreement",
    "LabelErrors",
    "LabelEvidence",
    "LabelParams",
    "LabelledRows",
    "Neighbour",
    "SplitErrors",
    "annotator_agreement",
    "find_label_errors",
    "labelled_rows",
]
