"""The judge of the rule book in the app: who it is, the rules that it writes, and what is asked before it rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sde_core.visible import visible
from sde_core.wording import count_of, duration

if TYPE_CHECKING:
    from sde_core.rules import JudgeSettings
    from sde_core.rules.generate import Generation, GenerationRequest
    from sde_core.rules.rating.report import RatingReport
    from sde_tui.session import Session
    from sde_tui.session_rule_book import RuleBookPart

GENERATION, REQUEST = "rule-generation", "rule-request"
"""Lanes."""
SAMPLE_ROWS = 200
_MOST_UNREAD = 0.5
"""A judge of which more replies are no ratings is spoken against."""


class BookJudge:
    """What the rule book asks of a model; `signals.rules` says "generating" and "generated"."""

    def __init__(self, session: Session, part: RuleBookPart) -> None:
        self._session, self._part = session, part

    # ---- who it is

    @property
    def settings(self) -> JudgeSettings:
        """How it is reached; nothing secret."""
        return self._part.book.judge

    @property
    def place(self) -> str:
        """Its address or folder, "" where none is named."""
        return self.settings.url or self.settings.folder

    @property
    def words(self) -> str:
        """The judge in few words, "" where none is named."""
        judge = self.settings
        return judge.model or Path(judge.folder).name or urlsplit(judge.url).netloc

    def take(self, **settings: Any) -> bool:
        """Keeps settings of the judge; another place forgets the model and the prices of the one before.

        Args:
            settings: Fields of `JudgeSettings`; `place` is an address or a folder.
        """
        from sde_core.rules.rating.credentials import read_key

        known = self.settings
        if "place" in settings:
            known = self._session.attempt(_at_place, known, settings.pop("place"))
            if known is None:
                return False
        if self._session.attempt(read_key, settings.get("key_variable", "")) is None:  # what is no variable may be the key, and is kept nowhere
            return False
        return self._part.change("name the judge", lambda book: replace(book, judge=replace(known, **settings)))

    @property
    def price_words(self) -> str:
        """The prices as they are typed, "" where there are none."""
        judge = self.settings
        return f"{judge.input_price:g} {judge.output_price:g}" if judge.input_price or judge.output_price else ""

    def take_prices(self, typed: str) -> bool:
        """Keeps prices as they are typed: one for both, or two; an answer that is none is flashed."""
        words = typed.replace(";", " ").split()
        try:
            prices = [float(word) for word in words]
        except ValueError:
            prices = [math.nan]
        if len(prices) > 2 or not all(0 <= price < math.inf for price in prices):
            self._session.flash(f"{visible(typed, 40)!r} is no price: two numbers per million tokens, such as 0.15 0.60.", "warn")
            return False
        given = [*prices, *prices, 0.0, 0.0]
        return self.take(input_price=given[0], output_price=given[1])

    # ---- writing rules

    @property
    def generating(self) -> bool:
        """Whether a model was asked for rules and has not answered yet."""
        return self._session.lanes.running(GENERATION) is not None

    def why_not_generate(self) -> str:
        """Why no model can be asked now, "" where one can."""
        if self.generating:
            return "The model is writing rules already; ctrl+x stops."
        return self._session.still_reading("writing rules needs")

    def prepare(self, count: int, then: Callable[[GenerationRequest], None]) -> None:
        """Makes up in a thread what a model would be sent, with examples of the data; what makes no sense is flashed."""
        book, dataset = self._part.book, self._session.dataset

        def work(cancel: Any, progress: Any) -> GenerationRequest:
            from sde_core.rules.generate import GenerationRequest, example_texts

            examples = example_texts(dataset.texts(cancel=cancel, progress=progress))
            return GenerationRequest(book.task, book.data_description, count, examples)

        self._session.lanes.thread(REQUEST, "reading examples", work, then)

    def generate(self, request: GenerationRequest) -> None:
        """Asks the judge for rules in a thread; they wait in the book to be looked at."""
        book = self._part.book

        def work(cancel: Any, _progress: Any) -> Generation:
            from sde_core.rules.generate import generate_rules
            from sde_core.rules.rating.opening import open_judge

            return generate_rules(open_judge(book.judge), request, book, cancel=cancel)

        self._session.lanes.thread(
            GENERATION, "a model writes rules", work, self._generated, ended=lambda: self._session.signals.rules.publish("generated")
        )
        self._session.signals.rules.publish("generating")

    def _generated(self, made: Generation) -> None:
        from sde_core.files import atomic_write
        from sde_core.rules.book_edits import proposing

        if self._part.change(f"propose {count_of(len(made.rules), 'rule')}", lambda book: proposing(book, made.rules)):
            beside = self._part.store.path.with_name("rules.generated.yaml")
            self._session.attempt(atomic_write, beside, [made.to_yaml().encode()])
            left_out = f"; {len(made.repeated)} said what another says" if made.repeated else ""
            self._session.flash(f"{count_of(len(made.rules), 'rule')} of {made.asked:,} asked for{left_out}. Look at them: a takes, x drops.", "good")
        self._session.signals.rules.publish("generated")

    # ---- rating

    def why_not_rate(self) -> str:
        """Why nothing can be rated now, "" where it can."""
        if not self.settings.named:
            return "No judge is named yet."
        report = self._session.rating.sample_report
        if report is not None and not report.calls_left and self._tells_of_all(report):
            return "All rows are rated by these rules."
        if self.verdict and not self._read_share:
            return self.verdict
        return str(self._session.rating.why_not_start(self._part.book.rated_rules, self.settings))

    def rating_question(self) -> tuple[str, list[str], bool]:
        """What is asked before a judge goes to work: the question, what to know, and whether it is about all rows."""
        from sde_core.rules.rating.plan import DEFAULT_RETEST_SHARE

        report, rules = self._session.rating.sample_report, self._part.book.rated_rules
        by = f"{count_of(len(rules), 'rule')} with {visible(self.words, 40)}"
        if report is None or not self._tells_of_all(report):
            rows = min(SAMPLE_ROWS, len(self._session.dataset))
            calls = (rows + math.ceil(rows * DEFAULT_RETEST_SHARE)) * len(rules)
            return (
                f"Rate a sample of {count_of(rows, 'row')} by {by}?",
                [
                    f"{count_of(calls, 'call')} at most, a quarter of the rows twice; what is rated already is not asked again.",
                    "Then the price, the time and the agreement for all rows are shown, and you are asked.",
                ],
                False,
            )
        return f"Rate all {count_of(report.rows, 'row')} by {by}?", report_words(report), True

    @property
    def progress(self) -> str:
        """How writing or rating gets on, "" where there is nothing to say."""
        task = self._session.lanes.running(GENERATION)
        if task is not None:
            return f"{visible(self.words, 40)} writes rules: {task.shown()} ctrl+x stops."
        return f"{self._session.rating.progress}. ctrl+x stops." if self._session.rating.running else ""

    def stop(self) -> None:
        """Stops what the judge does; what is rated stays."""
        if not self._session.lanes.stop(GENERATION) and self._session.rating.running:
            self._session.rating.stop()

    @property
    def rating(self) -> bool:
        """Whether a judge is at work."""
        return bool(self._session.rating.running)

    @property
    def has_rated_sample(self) -> bool:
        """Whether there is a sample that tells of the judge and the rules as they are now."""
        report = self._session.rating.sample_report
        return report is not None and self._tells_of_all(report)

    @property
    def verdict(self) -> str:
        """What speaks against the judge since it rated last: replies that are no ratings, or what ended its work; "" where nothing does."""
        report, job = self._session.rating.sample_report, self._session.rating.job
        if self.rating or job is None:
            return ""
        if report is not None and self._is_of_now(report):
            replies, unread = self._replies(report)
            if replies and unread == replies:
                return f"None of {replies:,} replies by {visible(self.words, 24)} is a rating: c names another judge."
            if unread > replies * _MOST_UNREAD:
                return f"{unread:,} of {replies:,} replies by {visible(self.words, 20)} are no ratings: c names another judge."
        return str(self._session.rating.progress) if job.state in ("failed", "lost") else ""

    @property
    def _read_share(self) -> float:
        """The share of the replies that could be read; 1 where there are none."""
        report = self._session.rating.sample_report
        replies, unread = self._replies(report) if report is not None and self._is_of_now(report) else (0, 0)
        return 1 - unread / replies if replies else 1.0

    @staticmethod
    def _replies(report: RatingReport) -> tuple[int, int]:
        """All replies, and those that were no ratings."""
        unread = sum(rule.unparseable for rule in report.rules)
        return unread + sum(rule.rated for rule in report.rules), unread

    def _tells_of_all(self, report: RatingReport) -> bool:
        """Whether a whole sample is about the judge and the rules as they are now; questions that found no answer may be left of it."""
        counted = all(any(self._part.ratings_of(rule)) for rule in self._part.book.rated_rules)
        return self._is_of_now(report) and report.sample_calls_left <= report.run.lost and counted

    def _is_of_now(self, report: RatingReport) -> bool:
        """Whether a report is about the judge and the rules as they are now."""
        judge, rules = self.settings, self._part.book.rated_rules
        by = f"local {Path(judge.folder).name} " if judge.folder else f"{judge.url} {judge.model}".rstrip() + " "
        return f"{report.judge_id} ".startswith(by) and {rule.rule for rule in report.rules} == {rule.name for rule in rules}

    def rate(self, *, everything: bool) -> None:
        """Starts the job."""
        from sde_core.rules.rating.plan import RatingParams

        judge = self.settings
        params = RatingParams(SAMPLE_ROWS, everything, input_price=judge.input_price, output_price=judge.output_price)
        self._session.rating.start(self._part.book.rated_rules, judge, params)


def report_words(report: RatingReport) -> list[str]:
    """What a sample said, for a question: calls, time and price of the rest, then each rule's replies and agreement."""
    time = f", about {duration(report.eta_s)}" if report.eta_s is not None else ""
    price = f", {report.cost_left:,.2f} at your prices" if report.cost_left is not None else ", price not known"
    lines = [f"{count_of(report.calls_left, 'more call', 'more calls')}{time}{price}."]
    for rule in report.rules[:10]:
        agreement = (
            f"agrees with itself {rule.agreement:+.2f} over {count_of(rule.twice, 'row')}" if rule.agreement is not None else "agreement not known"
        )
        lines.append(f"{visible(rule.rule, 30)}: {rule.rated:,} rated, {rule.unparseable:,} unread, {agreement}")
    left = len(report.rules) - 10
    return lines if left <= 0 else [*lines, f"and {count_of(left, 'more rule', 'more rules')}"]


def _at_place(known: JudgeSettings, place: str) -> JudgeSettings:
    """The judge at an address or in a folder; what is known of it stays where it is the same one."""
    from sde_core.files import from_home
    from sde_core.rules import JudgeSettings

    place = place.strip()
    if "://" in place:
        from sde_core.rules.rating.endpoint import base_address

        place = base_address(place)
        return known if place == known.url else JudgeSettings(url=place, prompt_form=known.prompt_form)
    folder = str(from_home(place).absolute()) if place else ""
    return known if folder == known.folder else JudgeSettings(folder=folder, prompt_form=known.prompt_form)
