"""Duplicates and contradictions as findings, for `sde check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from sde_core.checks.duplicates.conflicts import Conflict, conflicts
from sde_core.checks.duplicates.groups import Kind
from sde_core.checks.duplicates.index import NEAR_DEFAULT, DuplicateIndex, find_duplicates
from sde_core.checks.duplicates.pairs import strongest_neighbours
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding, Severity

_EXCERPT = 140
_CLOSED_SET = 3
_NAMES: dict[Kind, str] = {"exact": "exact-duplicate", "normalised": "normalised-duplicate", "near": "near-duplicate"}


class Duplicates:
    """Rows that repeat another row: to the letter, but for case and punctuation, or nearly."""

    name = "exact-duplicate"
    names = tuple(_NAMES.values())
    title = "Exact copies of another row"
    titles: Mapping[str, str] = {
        "normalised-duplicate": "Copies but for case, white space and punctuation",
        "near-duplicate": "Near-duplicates of another row",
    }
    screen = "duplicates"
    advice = "Keep one row of each group: copies weigh more in training and leak into held-out rows."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a row that goes when the first row of each group stays. Reads the parameter "near" (least similarity)."""
        threshold = float(context.params.get("near", NEAR_DEFAULT))
        index = find_duplicates(context.dataset, cancel=context.cancel, progress=context.progress)
        kept = index.kept(index.groups(threshold).outer())
        likest, score = strongest_neighbours(len(index.rows), index.near.at_least(threshold))
        return [self._finding(index, position, int(likest[position]), float(score[position])) for position in np.sort(kept.dropped).tolist()]

    @staticmethod
    def _finding(index: DuplicateIndex, position: int, neighbour: int, score: float) -> Finding:
        kind: Kind = "near"
        if index.compared.exact[position] != position:
            kind, neighbour, score = "exact", int(index.compared.exact[position]), 1.0
        elif index.normalised[position] != position:
            kind, neighbour, score = "normalised", int(index.normalised[position]), 1.0
        row, other = int(index.rows[position]), int(index.rows[neighbour])
        evidence = f"row {other}: {excerpt(index.compared.texts[neighbour], limit=_EXCERPT)}"
        return Finding(_NAMES[kind], "warning", (row,), _sentence(kind, other, score), evidence, score=round(score, 4))


def _sentence(kind: Kind, other: int, score: float) -> str:
    if kind == "exact":
        return f"The same as row {other}."
    if kind == "normalised":
        return f"The same as row {other} but for case, white space, punctuation or a field without text."
    return f"Near-duplicate of row {other}: nearly all that it says stands there too (similarity {score:.2f})."


class Contradictions:
    """Rows with the same text and different labels, or the same prompt and different short answers."""

    name = "conflicting-labels"
    names = ("conflicting-labels", "conflicting-answers")
    title = "The same text under different labels"
    titles: Mapping[str, str] = {"conflicting-answers": "The same prompt with different answers"}
    advice = "The model is taught both: decide which is right and reject or edit the other."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a group; rows in the minority come first."""
        found = conflicts(context.dataset, cancel=context.cancel)
        said = {value for conflict in found if conflict.what == "answer" for value in conflict.values}
        usual = Counter(context.texts["answer"].filter(context.texts["answer"].is_in(list(said))).to_list()) if said else Counter[str]()
        return [self._finding(conflict, usual) for conflict in found]

    def _finding(self, conflict: Conflict, usual: Counter[str]) -> Finding:
        rows = conflict.minority + tuple(row for row in conflict.rows if row not in conflict.minority)
        said = dict(zip(conflict.rows, conflict.values, strict=True))
        evidence = "; ".join(f"row {row}: {excerpt(said[row], limit=_EXCERPT)}" for row in rows[:6])
        if conflict.what == "label":
            return Finding("conflicting-labels", "error", rows, f"{len(rows)} rows have the same text and different labels.", evidence, "label", 1.0)
        return Finding(
            "conflicting-answers",
            self._severity(conflict, usual),
            rows,
            f"{len(rows)} rows have the same prompt and different answers.",
            evidence,
            "answer",
            0.7,
        )

    @staticmethod
    def _severity(conflict: Conflict, usual: Counter[str]) -> Severity:
        """Answers with other numbers, or from a closed set such as labels, cannot both be right; two free sentences can."""
        closed = conflict.facts_differ or all(usual[value] >= _CLOSED_SET or _is_number(value) for value in conflict.values)
        return "warning" if closed else "info"


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(",", "").replace(".", "", 1).isdigit()
