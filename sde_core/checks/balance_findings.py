"""Labels spelt in several ways and classes that are rare, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sde_core.checks.balance import ClassColumn, FieldBalance, field_balance, field_columns
from sde_core.checks.fields import field_name
from sde_core.checks.findings import CheckContext, Finding
from sde_core.features.fields import ScalarFields

_NAMED = 8
_FEWEST_ROWS = 50


class Labels:
    """Label-like fields whose classes are spelt differently or are rare."""

    name = "label-variant"
    names = ("label-variant", "rare-class")
    title = "Spellings of one label"
    titles: Mapping[str, str] = {"rare-class": "Classes with very few rows"}
    screen = "balance"
    advice = "Use one spelling: variants count as classes of their own."
    advices: Mapping[str, str] = {"rare-class": "Add rows of these classes, or merge or drop them: what is rarely seen is hardly learnt."}
    surveys = (ScalarFields,)

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a spelling that is not the usual one, and one a field with rare classes."""
        survey: ScalarFields = context.surveys[ScalarFields]
        columns = field_columns(survey.columns, context.dataset.layout, context.texts.height)
        return [finding for column in columns for finding in self._findings(column, field_balance(column))]

    def _findings(self, column: ClassColumn, balance: FieldBalance) -> Iterator[Finding]:
        for usual, *variants in balance.variants:
            for variant in variants:
                yield _variant(column, usual, variant, balance)
        spelt = {variant for variants in balance.variants for variant in variants[1:]}
        rare = [name for name in balance.rare if name not in spelt]
        if rare and balance.rows >= _FEWEST_ROWS and (column.source == "label" or not all(name.lstrip("-").isdigit() for name in column.classes)):
            yield _rare(column, balance, rare)


def _variant(column: ClassColumn, usual: str, variant: str, balance: FieldBalance) -> Finding:
    rows = tuple(column.rows_of(variant).tolist())
    evidence = f"{variant!r} {balance.count_of(variant):,} times, {usual!r} {balance.count_of(usual):,} times"
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
    plural = "classes have" if len(rare) > 1 else "class has"
    message = f"{len(rare)} of {len(balance.classes)} {plural} less than a tenth of the mean of {mean:,.0f} rows."
    return Finding("rare-class", "info", rows, message, counts, field_name(column.path) or column.name, 0.5)
