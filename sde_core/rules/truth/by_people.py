"""What people have said of a dataset so far, read from its journal of comparisons."""

from __future__ import annotations

from sde_core.dataset import Dataset
from sde_core.project import Project
from sde_core.rules.truth.bradley_terry import fit_bradley_terry
from sde_core.rules.truth.comparisons import ComparisonJournal
from sde_core.rules.truth.pairs import JudgedPairs, judged_pairs
from sde_core.rules.truth.row_truth import RowTruth


def pairs_by_people(dataset: Dataset, project: Project | None = None) -> JudgedPairs | None:
    """The comparisons that people made of the dataset's rows; None where there are none. Nothing is created or locked.

    Args:
        dataset: Read to its end for its keys.
        project: Where the journal lies; by default the dataset's own.

    Raises:
        InputError: When a line of the journal cannot be read.
    """
    return _pairs(dataset, project, by_machine=False)


def pairs_by_machine(dataset: Dataset, project: Project | None = None) -> JudgedPairs | None:
    """The comparisons that models made; as `pairs_by_people`, and never mixed with those."""
    return _pairs(dataset, project, by_machine=True)


def _pairs(dataset: Dataset, project: Project | None, *, by_machine: bool) -> JudgedPairs | None:
    path = (project or Project.of(dataset.path)).comparisons_path
    if not path.exists():
        return None
    pairs = judged_pairs(ComparisonJournal.open(path, writing=False).comparisons, dataset, by_machine=by_machine)
    return pairs if len(pairs) else None


def truth_by_people(dataset: Dataset, project: Project | None = None) -> RowTruth | None:
    """The rows that people compared, with values by Bradley and Terry; None where they compared none.

    Args:
        dataset: Read to its end for its keys.
        project: Where the journal lies; by default the dataset's own.

    Raises:
        InputError: When a line of the journal cannot be read.
    """
    pairs = pairs_by_people(dataset, project)
    return None if pairs is None else fit_bradley_terry(pairs).truth(pairs.source)
