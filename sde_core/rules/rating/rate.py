"""The engine: asks a judge what the cache does not hold, a seeded sample first, and tells what has come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from time import monotonic

import polars as pl

from sde_core.errors import JobError, UsageError
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.rules.plain_rule import PlainRule
from sde_core.rules.rating.cache import RETEST, RatingCache, RatingWriter
from sde_core.rules.rating.judge import Answer, Judge, Question
from sde_core.rules.rating.plan import Asked, Plan, RatingParams, plan_of
from sde_core.rules.rating.prompts import SCALE, Example, PromptForm
from sde_core.rules.rating.report import PassFigures, RatingReport, rating_report
from sde_core.rules.rating.spending import Spending

_TRIALS = 3
"""Questions by which is found out whether a judge tells probabilities, where the first ones find no reply."""


def rate(
    judge: Judge,
    texts: pl.DataFrame,
    rules: Sequence[PlainRule],
    form: PromptForm,
    cache: RatingCache,
    params: RatingParams | None = None,
    *,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
) -> RatingReport:
    """Rates rows by rules (arXiv 2410.04715, rating: n rows first, all later); what the cache holds is not asked again.

    Where a judge tells no probabilities, the form `expected` becomes `scale` for all of it, and the report says so.

    Args:
        judge: Who rates.
        texts: `Dataset.texts()`.
        rules: By what.
        form: How it is asked.
        cache: Where ratings are, and go to one by one.
        params: How much is asked, and what it may cost.
        cancel: Looked at several times a second; all ratings so far are kept.
        progress: In calls of this run.

    Raises:
        UsageError: When there is nothing to rate or to rate by, or another process rates by the same judge.
        JobError: When the judge stopped answering.
        ModelError: When the judge cannot be asked.
        CancelledError: When stopped.
    """
    params = params or RatingParams()
    params.refuse_nonsense()
    if not rules or not len(texts):
        raise UsageError("There are no rules to rate by." if len(texts) else "There are no rows to rate.", "`sde rules` says how rules are written.")
    run = _Pass(judge, texts, rules, cache, params, cancel)
    form = run.usable_form(form)
    run.ask(form, progress)
    cache.name_latest(judge.id, form.version)
    return rating_report(judge, form, cache, texts, rules, params, run.figures())


def form_in_use(judge_id: str, form: PromptForm, cache: RatingCache) -> PromptForm:
    """In which form a judge is asked of whom this one is wanted: `scale` for `expected` where it is known to tell no probabilities."""
    if form.by_probability and cache.notes(judge_id).get("probabilities") is False:
        return replace(SCALE, max_chars=form.max_chars)
    return form


class _Pass:
    """One pass over the questions; a rating is in the cache as soon as it is there."""

    def __init__(
        self, judge: Judge, texts: pl.DataFrame, rules: Sequence[PlainRule], cache: RatingCache, params: RatingParams, cancel: Cancel
    ) -> None:
        self._judge, self._texts, self._rules, self._cache, self._params, self._cancel = judge, texts, rules, cache, params, cancel
        self._spending = Spending(params)
        self._problems: Counter[str] = Counter()
        self._calls = 0
        self._began = monotonic()

    def figures(self) -> PassFigures:
        """What this pass did."""
        problem = next(iter(self._problems), "")
        return PassFigures(self._calls, self._problems.total(), problem, monotonic() - self._began, self._spending.spent, self._spending.bounded)

    def usable_form(self, form: PromptForm) -> PromptForm:
        """The form that the judge can be asked in; found out by asking, once for each judge, and that rating is kept.

        Raises:
            JobError: When it answers no question.
        """
        self._count_earlier_calls(form)
        if not form.by_probability or "probabilities" in self._cache.notes(self._judge.id):
            return form_in_use(self._judge.id, form, self._cache)
        for asked, question in islice(self._questions(form, self._plan(form), everything=True), _TRIALS):
            [(_, answer)] = self._judge.answers([(asked, question)], cancel=self._cancel)
            if answer.problem:
                self._spending.answered(question, answer)
                self._problems[answer.problem] += 1
                continue
            self._cache.note(self._judge.id, probabilities=answer.probabilities is not None)
            form = form_in_use(self._judge.id, form, self._cache)
            with self._writer(form) as writer:
                self._keep(writer, form, asked, question, answer)
            return form
        if self._problems:
            raise JobError(f"The judge answers no question. {next(iter(self._problems))}", "Look at its log, or try another --model.")
        return form

    def _count_earlier_calls(self, form: PromptForm) -> None:
        """What the same run spent before it was stopped counts towards its bound; what a call costs on average is known from all runs."""
        version = form_in_use(self._judge.id, form, self._cache).version
        known = self._cache.usage(self._judge.id, version)
        self._spending.dearest = self._params.cost(known.tokens_in, known.tokens_out) / max(known.counted, 1)
        if self._params.run:
            used = self._cache.usage(self._judge.id, version, self._params.run)
            self._spending.spent = self._params.cost(used.tokens_in, used.tokens_out)

    def ask(self, form: PromptForm, progress: Progress) -> None:
        """Asks what is still to be asked."""
        plan = self._plan(form)
        total = plan.all_calls if self._params.everything else plan.sample_calls
        if not total:
            return
        pending: dict[Asked, Question] = {}

        def drawn() -> Iterator[tuple[Asked, Question]]:
            for asked, question in self._questions(form, plan, self._params.everything):
                pending[asked] = question
                yield asked, question

        with self._writer(form) as writer:
            progress(0, total)
            for done, (asked, answer) in enumerate(self._judge.answers(drawn(), cancel=self._cancel), 1):
                self._keep(writer, form, asked, pending.pop(asked), answer)
                progress(done, total)

    def _keep(self, writer: RatingWriter, form: PromptForm, asked: Asked, question: Question, answer: Answer) -> None:
        self._spending.answered(question, answer)
        if answer.problem:
            self._problems[answer.problem] += 1
            return
        self._calls += 1
        writer.add(self._rules[asked.rule], asked.key, asked.slot, form.read(answer), answer)

    def _plan(self, form: PromptForm) -> Plan:
        return plan_of(self._texts, self._rules, self._judge.id, form.version, self._cache, self._params)

    def _writer(self, form: PromptForm) -> RatingWriter:
        return self._cache.writer(self._judge.id, form.version, run=self._params.run)

    def _questions(self, form: PromptForm, plan: Plan, everything: bool) -> Iterator[tuple[Asked, Question]]:
        """The plan's questions as far as the cost allows."""
        columns = [self._texts[name] if name in self._texts.columns else None for name in ("system", "prompt", "answer")]
        for asked in plan.questions(everything):
            example = Example(*("" if column is None else column[asked.row] or "" for column in columns))
            question = form.question(self._rules[asked.rule], example, again=asked.slot == RETEST)
            if not self._spending.allows(question):
                return
            yield asked, question
