"""What a judge's ratings look like on a terminal of 80 columns."""

from __future__ import annotations

import textwrap

from sde_core.rules.rating import RatingCache, RatingParams, RatingReport, RuleRatings
from sde_core.visible import visible
from sde_core.wording import count_of, duration

_WIDTH = 80
_NAME = 30
_MUCH_UNREAD = 0.2


def report_lines(report: RatingReport, params: RatingParams, cache: RatingCache) -> list[str]:
    """The ratings by rule, what stands out about them, and what rating the rest would take."""
    head = f"{visible(report.judge, 40)} by prompt {report.prompt_version}: {_covered(report)}"
    table = [f"{'rule':<{_NAME}} {'rated':>8} {'unread':>7} {'mean':>6} {'sd':>6} {'twice':>6} {'agree':>6}"]
    table += [_row(rule) for rule in report.rules]
    notes = [
        "unread: replies that were no rating. agree: Spearman's correlation of the two ratings of rows that were rated twice, in another order of "
        "question and text.",
        *_doubts(report, cache),
        *_price(report, params),
    ]
    return [*textwrap.wrap(head, _WIDTH), "", *table, "", *(line for note in notes for line in textwrap.wrap(note, _WIDTH))]


def _covered(report: RatingReport) -> str:
    if not report.calls_left:
        return f"all {count_of(report.rows, 'row')} rated"
    if report.sample_calls_left:
        return f"a sample of {report.sample:,} of {count_of(report.rows, 'row')}, {count_of(report.sample_calls_left, 'question')} of it still open"
    return f"a sample of {report.sample:,} of {count_of(report.rows, 'row')}"


def _row(rule: RuleRatings) -> str:
    mean, sd = (f"{value:.3f}" if value is not None else "n/a" for value in (rule.mean, rule.sd))
    agreement = f"{rule.agreement:.2f}" if rule.agreement is not None else "n/a"
    return (
        f"{visible(rule.rule, _NAME):<{_NAME}} {rule.rated:>8,} {rule.unparseable_share:>7.1%} {mean:>6} {sd:>6} {rule.twice:>6,} {agreement:>6}"
    )  # fmt: skip


def _doubts(report: RatingReport, cache: RatingCache) -> list[str]:
    """What a reader should not overlook."""
    said = []
    if report.prompt_version.startswith("scale"):
        said.append("Scores are the numbers that the judge wrote; from the probabilities of its tokens, where it tells them, they are finer.")
    if any(rule.unparseable_share > _MUCH_UNREAD for rule in report.rules):
        replies = cache.unparsed_replies(report.judge_id, report.prompt_version)
        example = f" such as {visible(str(replies[0].get('reply', '')), 60)!r}" if replies else ""
        said.append(f"Many replies were no rating,{example or ' so'}: this model may not follow the question. Try --prompt paper, or another model.")
    constant = [visible(rule.rule, _NAME) for rule in report.rules if rule.rated > 1 and not rule.sd]
    if constant:
        said.append(f"All rows are rated alike by {', '.join(constant)}, which tells none from another.")
    if report.shortened:
        said.append(f"{count_of(report.shortened, 'row')} had a text too long to be shown whole; --max-chars shows more.")
    return said


def _price(report: RatingReport, params: RatingParams) -> list[str]:
    run = report.run
    said = [f"This run: {count_of(run.calls, 'call')}" + (f", {duration(run.seconds)}" if run.calls else "") + _money(run.spent, params) + "."]
    if run.bounded:
        said.append(f"It stopped before --max-cost {params.max_cost:g} would have been exceeded; {count_of(report.calls_left, 'call')} left.")
    elif report.calls_left:
        tokens = ""
        if report.tokens_in is not None and report.tokens_out is not None:
            tokens = f", {report.calls_left * report.tokens_in:,.0f} tokens in and {report.calls_left * report.tokens_out:,.0f} out"
        time = f", about {duration(report.eta_s)}" if report.eta_s is not None else ""
        cost = f", {report.cost_left:,.2f} at the given prices" if report.cost_left is not None else ""
        said.append(f"Rating all rows takes {count_of(report.calls_left, 'more call', 'more calls')}{tokens}{time}{cost}.")
    return said


def _money(spent: float, params: RatingParams) -> str:
    return f", {spent:,.4f} spent" if params.priced else ""
