"""What the rule book says of its judge: whose report it goes by, and names as they may be shown."""

from types import SimpleNamespace

import pytest

from sde_core.rules.judge_settings import JudgeSettings
from sde_core.rules.plain_rule import PlainRule
from sde_tui.session_book_judge import BookJudge

URL = "http://127.0.0.1:8000/v1"


def judge_with(settings: JudgeSettings, judge_id: str = "", running: object = None) -> BookJudge:
    """A judge whose book holds one rule, rated by `judge_id` on a whole sample."""
    rule = PlainRule("price", "Name the price.")
    run = SimpleNamespace(lost=0)
    report = SimpleNamespace(judge_id=judge_id, rules=(SimpleNamespace(rule="price"),), sample_calls_left=0, run=run)
    session = SimpleNamespace(rating=SimpleNamespace(sample_report=report), lanes=SimpleNamespace(running=lambda _purpose: running))
    return BookJudge(session, SimpleNamespace(book=SimpleNamespace(judge=settings, rated_rules=(rule,)), ratings_of=lambda _rule: (200, 0)))


@pytest.mark.parametrize(
    ("model", "judge_id", "is_of_now"),
    [
        ("gpt-4.1", f"{URL} gpt-4.1", True),
        ("gpt-4.1", f"{URL} gpt-4.1 digest=0123", True),
        ("gpt-4.1", f"{URL} gpt-4.1-mini", False),
        ("", f"{URL} gpt-4.1-mini", True),
        ("", f"{URL}0 gpt-4.1-mini", False),
    ],
)
def test_a_report_of_another_model_tells_nothing_of_this_one(model, judge_id, is_of_now):
    assert judge_with(JudgeSettings(url=URL, model=model), judge_id).has_rated_sample == is_of_now


def test_a_models_name_reaches_the_screen_as_it_may_be_shown():
    progress = judge_with(JudgeSettings(url=URL, model="a\x1b[2Jb"), running=SimpleNamespace(shown=lambda: "…")).progress
    assert "\x1b" not in progress and progress.endswith("writes rules: … ctrl+x stops.")
