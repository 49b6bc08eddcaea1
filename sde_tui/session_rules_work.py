"""The threads of the rules: scores and choices, without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sde_core.errors import SdeError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from sde_core.dataset import Dataset
    from sde_core.project import Project
    from sde_core.rules import ChosenQuality, RuleBook, RuleChoice, RuleScores
    from sde_tui.session_rules import RuleWishes


def rules_on(book: RuleBook) -> tuple[Any, ...]:
    """What the columns of a book's scores follow from."""
    return tuple(rule.name for rule in book.formula_rules), tuple((rule.name, rule.definition) for rule in book.rated_rules)


def file_signature(path: Path) -> tuple[int, int] | None:
    """What tells whether a file was changed; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def scores_of(dataset: Dataset, project: Project, book: RuleBook, cancel: Any, progress: Any) -> tuple[RuleScores, np.ndarray]:
    """In a thread: the scores with their summaries and histograms, and the correlation of all rules."""
    from sde_core.rules import correlation_kernel, rule_scores
    from sde_core.rules.truth import truth_by_people

    texts = dataset.texts(cancel=cancel, progress=progress)
    scores = rule_scores(texts, book, project, truth=truth_by_people(dataset, project), cancel=cancel, progress=progress)
    _ = scores.matrix.summaries, scores.matrix.histograms
    return scores, correlation_kernel(scores.matrix.scores)


def choice_of(
    dataset: Dataset, project: Project, book: RuleBook, scores: RuleScores, wishes: RuleWishes, cancel: Any
) -> tuple[RuleChoice, ChosenQuality] | SdeError:
    """In a thread: the choice and every row's quality, or why there is none."""
    from sde_core.rules import choose_by_book, quality_of_choice

    try:
        choice = choose_by_book(scores, book, wishes.r, method=wishes.method, seed=wishes.seed)
        texts = dataset.texts(cancel=cancel)
        if wishes.weights:
            return choice, _fitted(texts, book, project, wishes.weights, cancel)
        return choice, quality_of_choice(texts, book, project, scores, choice)
    except SdeError as refusal:
        return refusal


def _fitted(texts: Any, book: RuleBook, project: Project, weights: str, cancel: Any) -> ChosenQuality:
    """Quality by weights that were fitted to labels."""
    from pathlib import Path

    from sde_core.proposal import quality_by_weights
    from sde_core.rules import ChosenQuality

    found = quality_by_weights(texts, Path(weights), book=book, project=project, cancel=cancel)
    return ChosenQuality(found.rows.astype("uint32"), found.values, found.rules, found.weights, labels=found.labels)


def weights_option(weights: str) -> list[str]:
    """What `sde select` is told of a file of weights."""
    import shlex

    return [f"--quality {shlex.quote(weights)}"] if weights else []


def bin_words(bin_: int) -> str:
    """A histogram bar's range: "0.35–0.40"."""
    from sde_core.rules import BINS

    return f"{bin_ / BINS:.2f}–{(bin_ + 1) / BINS:.2f}"
