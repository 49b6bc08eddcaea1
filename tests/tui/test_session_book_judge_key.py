"""A key that is typed where its variable's name belongs reaches neither the rule book nor its history."""

from types import SimpleNamespace

from sde_core.errors import SdeError
from sde_core.rules.judge_settings import JudgeSettings
from sde_tui.session_book_judge import BookJudge


def test_a_key_in_place_of_its_variables_name_changes_nothing(monkeypatch):
    said, changes = [], []

    def attempt(action, *given):
        try:
            return action(*given)
        except SdeError as error:
            said.append(error.message)
            return None

    part = SimpleNamespace(book=SimpleNamespace(judge=JudgeSettings()), change=lambda what, edit: changes.append(what) or True)
    judge = BookJudge(SimpleNamespace(attempt=attempt), part)
    assert not judge.take(key_variable="sk-pasted-0123456789")
    assert not changes and len(said) == 1 and "sk-pasted" not in said[0]
    monkeypatch.setenv("SDE_TEST_KEY", "sk-right")
    assert judge.take(key_variable="SDE_TEST_KEY") and judge.take(key_variable="") and len(changes) == 2
