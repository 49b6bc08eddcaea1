"""Labels given as answers in another case or with other punctuation than usual: "positive." among "Positive"."""

from __future__ import annotations

import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.findings import CheckContext, Finding

_LONGEST, _FEWEST, _SHARE = 40, 20, 0.95
_AROUND = r"^[\s\"'“”‘’*`(\[]+|[\s\"'“”‘’*`)\].,!;:]+$"


class AnswerLabels:
    """Short answers that differ from a much more frequent one in case or punctuation alone."""

    name = "answer-label-style"
    title = "Labels in another case or with other punctuation than usual"
    advice = "Give each label one spelling with the fix: variants count as different answers."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        answers = wanted_answers(context).filter(pl.col("answer").str.len_chars() <= _LONGEST, ~pl.col("answer").str.contains("\n"))
        if answers.height < _FEWEST:
            return []
        spelt = answers.select("row", form=pl.col("answer").str.strip_chars()).with_columns(label=_label(pl.col("form")))
        counts = spelt.group_by("label", "form").len().filter(pl.col("label").str.contains(r"\pL"))
        usual = counts.sort("len", "form", descending=[True, False]).group_by("label").agg(
            usual=pl.col("form").first(), most=pl.col("len").first(), total=pl.col("len").sum()
        )  # fmt: skip
        habits = usual.filter(pl.col("total") >= _FEWEST, pl.col("most") >= _SHARE * pl.col("total"), pl.col("most") < pl.col("total"))
        odd = spelt.join(habits, on="label").filter(pl.col("form") != pl.col("usual")).sort("row")
        return [self._finding(context, *line) for line in odd.select("row", "form", "usual", "most", "total").iter_rows()]

    def _finding(self, context: CheckContext, row: int, form: str, usual: str, most: int, total: int) -> Finding:
        said = f"The answer {form!r} is written {usual!r} in {most:,} of {total:,} rows."
        field = answer_field(context.dataset, row)
        fix = "canonical-label" if field != "answer" or "answer" in context.dataset.layout.roles.values() else ""
        return Finding(self.name, "warning", (row,), said, form, field, round(most / total, 3), fix, usual if fix else None)


def _label(form: pl.Expr) -> pl.Expr:
    """What all spellings of one label have in common."""
    return form.str.replace_all(_AROUND, "").str.to_lowercase().str.replace_all(r"[\s_-]+", " ")
