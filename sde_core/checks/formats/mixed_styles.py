"""Answers that write dates, numbers, units, quotes, lists or emphasis otherwise than nearly all others do."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Finding, Severity
from sde_core.checks.formats.dates import DATES
from sde_core.checks.formats.habits import Habit, mine_habits, own_pieces
from sde_core.checks.formats.marks import APOSTROPHES, BULLETS, MARKDOWN, NUMBERING, QUOTES
from sde_core.checks.formats.numbers import DECIMALS, NUMBERS
from sde_core.checks.formats.units import PERCENT, UNIT_NAMES, UNIT_SPACES
from sde_core.checks.formats.written import StyleFamily
from sde_core.features.fields import ScalarFields
from sde_core.progress import raise_if_cancelled

_EVIDENCE = 100


class MixedStyle:
    """Answers that break the habit of their file or group in how they write something; a `TableCheck` for one or several families."""

    name = ""
    title = ""
    advice = "Bring them into the usual style with the fix."
    severity: Severity = "info"
    families: tuple[StyleFamily, ...] = ()
    surveys = (ScalarFields,)

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record and family."""
        answers = wanted_answers(context)
        survey: ScalarFields | None = context.surveys.get(ScalarFields)
        fields = survey.columns if survey else ()
        return [
            finding
            for family in self.families
            for habit in mine_habits(family, answers, fields, cancel=context.cancel)
            for finding in self._breaks(context, family, habit, habit.of(answers))
        ]

    def _breaks(self, context: CheckContext, family: StyleFamily, habit: Habit, answers: pl.DataFrame) -> Iterator[Finding]:
        raise_if_cancelled(context.cancel)
        candidates = answers.filter(_may_break(family, habit.style))
        for row, prompt, answer in candidates.select("row", "prompt", "answer").iter_rows():
            odd = next((piece for piece in own_pieces(family, answer, prompt) if piece.breaks(habit.style)), None)
            if odd is None:
                continue
            rewritten = family.rewrite(answer, habit.style)
            fix = family.fix_name(habit.style) if rewritten != answer else ""
            said = f"{_habit_said(family, habit)}; this one has {odd.piece.strip()!r}."
            yield Finding(self.name, self.severity, (row,), said, excerpt(answer, odd.at, _EVIDENCE), answer_field(context.dataset, row),
                          round(habit.certainty, 3), fix)  # fmt: skip


def _may_break(family: StyleFamily, habit: str) -> pl.Expr:
    others = dict.fromkeys(pattern for style, pattern in family.patterns.items() if style != habit)
    found = pl.col("answer").str.contains("|".join(others)) if others else pl.lit(value=False)
    if family.otherwise in ("", habit):
        return found
    return found | ~pl.col("answer").str.contains(family.patterns[habit])


def _habit_said(family: StyleFamily, habit: Habit) -> str:
    share = f"{habit.share:.1%}".replace(".0%", "%")
    group = f" ({habit.group})" if habit.group else ""
    return f"{share} of {habit.count:,} answers{group} {family.said.format(name=family.name, example=family.styles[habit.style])}"


class MixedDates(MixedStyle):
    """Dates."""

    name = "mixed-dates"
    title = "Dates in another form than usual"
    severity = "warning"
    families = (DATES,)


class MixedNumbers(MixedStyle):
    """Large numbers."""

    name = "mixed-numbers"
    title = "Numbers in another form than usual"
    severity = "warning"
    families = (NUMBERS, DECIMALS)


class MixedUnits(MixedStyle):
    """Units of measurement."""

    name = "mixed-units"
    title = "Units written otherwise than usual"
    families = (UNIT_NAMES, UNIT_SPACES, PERCENT)


class MixedQuotes(MixedStyle):
    """Quotation marks and apostrophes."""

    name = "mixed-quotes"
    title = "Quotes of another kind than usual"
    families = (QUOTES, APOSTROPHES)


class MixedBullets(MixedStyle):
    """Signs and numbers of list items."""

    name = "mixed-bullets"
    title = "Lists with other signs than usual"
    families = (BULLETS, NUMBERING)


class MixedMarkdown(MixedStyle):
    """Markdown or plain text."""

    name = "mixed-markdown"
    title = "Markdown where others are plain, or plain text among Markdown"
    families = (MARKDOWN,)
