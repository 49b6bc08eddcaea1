"""Labels spelt in several ways, classes that are rare, and classes that the training split lacks, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sde_core.checks.balance import ClassColumn, FieldBalance, derived_column, field_balance, field_columns
from sde_core.checks.balance_crosstab import NONE, cross_tab
from sde_core.checks.balance_derived import DerivedInput, Split
from sde_core.checks.fields import field_name
from sde_core.checks.findings import CheckContext, Finding
from sde_core.features.fields import ScalarFields
from sde_core.wording import count_of

_NAMED = 8
_FEWEST_ROWS = 50
_TRAINING = "train"
_MOST_UNSEEN = 0.5
"""Where the training split lacks more of the classes, it was split by class."""


class Labels:
    """Label-like fields whose classes are spelt differently, are rare, or are missing from the training split."""

    name = "label-variant"
    names = ("label-variant", "rare-class", "unseen-class")
    title = "Spellings of one label"
    titles: Mapping[str, str] = {"rare-class": "Classes with very few rows", "unseen-class": "Classes that the training split lacks"}
    screen = "balance"
    advice = "Use one spelling: variants count as classes of their own."
    advices: Mapping[str, str] = {"rare-class": "Add rows of these classes, or merge or drop them: what is rarely seen is hardly learnt."}
    surveys = (ScalarFields,)

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a spelling that is not the usual one, and one a field with rare classes."""
        survey: ScalarFields = context.surveys[ScalarFields]
        columns = field_columns(survey.columns, context.dataset.layout, context.texts.height)
        findings = [finding for column in columns for finding in self._findings(column, field_balance(column))]
        return [*findings, *(finding for column in columns if column.source == "label" for finding in _unseen(column, columns, context))]

    def _findings(self, column: ClassColumn, balance: FieldBalance) -> Iterator[Finding]:
        for usual, *variants in balance.variants:
            for variant in variants:
                yield _variant(column, usual, variant, balance)
        spelt = {variant for variants in balance.variants for variant in variants[1:]}
        rare = [name for name in balance.rare if name not in spelt]
        if rare and balance.rows >= _FEWEST_ROWS and (column.source == "label" or not all(name.lstrip("-").isdigit() for name in column.classes)):
            yield _rare(column, balance, rare)


def _unseen(column: ClassColumn, columns: Sequence[ClassColumn], context: CheckContext) -> Iterator[Finding]:
    """Classes of the label that other splits have and no training split has; none where that is how the splits were made."""
    splits = _splits(columns, context)
    training = [name for name in splits.classes if _TRAINING in name.casefold()] if splits is not None else []
    if splits is None or not training or len(training) == len(splits.classes):
        return
    table = cross_tab(column, splits)
    of_training = table.counts[:, [table.across.index(name) for name in training if name in table.across]].sum(axis=1)
    unseen = [name for name, count in zip(table.down, of_training.tolist(), strict=True) if not count and name != NONE]
    if not unseen or len(unseen) > _MOST_UNSEEN * len(table.down):
        return
    rows = tuple(sorted(row for name in unseen for row in column.rows_of(name).tolist()))
    counts = ", ".join(f"{name} {column.rows_of(name).size:,}" for name in unseen[:_NAMED]) + (" …" if len(unseen) > _NAMED else "")
    classes = count_of(len(unseen), "class", "classes")
    occur = "occur in no training split, so they are never learnt" if len(unseen) > 1 else "occurs in no training split, so it is never learnt"
    message = f"{classes} of {len(table.down):,} {occur}."
    yield Finding("unseen-class", "warning", rows, message, counts, field_name(column.path) or column.name, 0.8)


def _splits(columns: Sequence[ClassColumn], context: CheckContext) -> ClassColumn | None:
    """The split of each row: that of the file, or a field of this name."""
    if context.texts["split"].n_unique() > 1:
        return derived_column(Split(), DerivedInput(context.dataset, context.texts))
    return next((column for column in columns if column.name == "split"), None)


def _variant(column: ClassColumn, usual: str, variant: str, balance: FieldBalance) -> Finding:
    rows = tuple(column.rows_of(variant).tolist())
    evidence = f"{variant!r} {count_of(balance.count_of(variant), 'time')}, {usual!r} {count_of(balance.count_of(usual), 'time')}"
    fixable = bool(column.path)
    return Finding(
        "label-variant",
        "warning",
        rows,
        f"The label {variant!r} is elsewhere written {usual!r}.",
        evidence,
        field_name(column.path) or column.name,
        1.0,
        "canonical-label" if fixable else "",
        usual if fixable else None,
    )


def _rare(column: ClassColumn, balance: FieldBalance, rare: list[str]) -> Finding:
    rows = tuple(sorted(row for name in rare for row in column.rows_of(name).tolist()))
    counts = ", ".join(f"{name} {balance.count_of(name):,}" for name in rare[:_NAMED]) + (" …" if len(rare) > _NAMED else "")
    mean = balance.rows / len(balance.classes)
    have = "have" if len(rare) > 1 else "has"
    message = f"{len(rare)} of {len(balance.classes)} classes {have} less than a tenth of the mean of {mean:,.0f} rows."
    return Finding("rare-class", "info", rows, message, counts, field_name(column.path) or column.name, 0.5)
