"""The rule book by key: e on screen 6."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sde_core.project import Project
from sde_core.rules import JudgeSettings, PlainRule, RuleBook
from sde_tui.screens.rule_book import RuleBookScreen
from tests.core.judge_server import JudgeServer, completion, serving

ANSWER = "1. Tone: Stay polite to every customer \x1b[2J.\n2. Price: Name the price with its currency.\n3. Days: State the days for a return."


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    rows = [{"instruction": f"Ask {i} about chairs", "output": f"Answer number {i} {'is here ' * (i % 4)}. It costs {i} euros."} for i in range(12)]
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def book_of(path: Path) -> RuleBook:
    return RuleBook.load(Project.of(path).rule_book_path)


async def opened(sde, *keys: str) -> None:
    """The book alone, as quickly as can be; by keys where they are given."""
    if keys:
        await sde.press(*keys)
    else:
        sde.app.push_screen(RuleBookScreen(sde.session.rule_book))
        await sde.settle()
    assert isinstance(sde.app.screen, RuleBookScreen)


def rated_words(sde) -> str:
    return next(line.ratings for line in sde.session.rule_book.lines() if line.kind == "plain")


async def cursor_to(sde, name: str) -> None:
    book = sde.app.screen.list
    book.move_to(next(y for y, line in enumerate(book.lines) if line.name == name))
    await sde.settle()


async def test_an_empty_book_says_what_to_do_first(open_app, chats):
    async with open_app(chats) as sde:
        await opened(sde, "6", "e")
        assert "not described yet: t says in a sentence" in sde.text and "no judge named (c)" in sde.text and "Plain rules: none yet" in sde.text
        assert not Project.of(chats).rule_book_path.exists()
        await sde.press("escape")
        assert not isinstance(sde.app.screen, RuleBookScreen)


async def test_a_task_is_described_and_rules_are_written_changed_and_taken_back(open_app, chats):
    async with open_app(chats) as sde:
        await opened(sde)
        await sde.press("t")
        await sde.type("Answer customers of a shop [/INST].")
        await sde.press("enter")
        await sde.type("Chats")
        await sde.press("enter", "n")
        await sde.type("Name the price.")
        await sde.press("enter")
        assert "name-price is in the book" in sde.text
        name = book_of(chats).rules[0].name
        await sde.press("p")
        assert book_of(chats).pinned == (name,) and f"● {name}" in sde.text
        await sde.press("b")
        assert book_of(chats).banned == (name,) and book_of(chats).pinned == ()
        await sde.press("d", "N")
        await sde.type("price")
        await sde.press("enter", "e")
        await sde.type("Name the price with its currency.")
        await sde.press("enter")
        book = book_of(chats)
        assert (book.task, book.data_description) == ("Answer customers of a shop [/INST].", "Chats")
        assert [(rule.name, rule.sentence) for rule in book.rules] == [("price", "Name the price with its currency.")]
        assert book.disabled == ("price",) and "Task  Answer customers of a shop [/INST]." in sde.text
        sde.golden("rule_book")
        await sde.press("x")
        assert not book_of(chats).rules
        await sde.press("u")
        assert "Taken back: remove price." in sde.text and [rule.name for rule in book_of(chats).rules] == ["price"]
        await sde.press("U")
        assert "Made again: remove price." in sde.text and not book_of(chats).rules


async def test_formula_rules_are_pinned_banned_and_switched_off_but_stay(open_app, chats):
    async with open_app(chats) as sde:
        await opened(sde)
        await cursor_to(sde, "answer-length")
        await sde.press("b")
        assert book_of(chats).banned == ("answer-length",) and "✗ answer-length" in sde.text
        await sde.press("x")
        assert "A formula rule stays" in sde.text
        await sde.press("e")
        assert "definition is fixed" in sde.text
        await sde.press("d", "a")
        assert "Only a proposed rule is accepted" in sde.text and book_of(chats).disabled == ("answer-length",)
        await sde.press("o", "down", "enter")
        assert book_of(chats).pack == "code" and "Formulas: code" in "\n".join(line.words for line in sde.app.screen.list.lines)


async def test_without_a_judge_the_task_is_matched_by_its_words_and_says_so(open_app, chats):
    async with open_app(chats) as sde:
        await opened(sde)
        await sde.press("s")
        assert "Describe the task first" in sde.text
        await sde.press("t")
        await sde.type("Fix bugs in Python code")
        await sde.press("enter", "enter")
        assert "o takes the pack code, which fits by words alone (python, code)." in sde.text
        await sde.press("s")
        assert "By shared words" in sde.text and "take the pack code" in sde.text
        await sde.press("down", "enter")
        assert book_of(chats).pack == "code"


async def test_a_model_writes_rules_after_the_request_was_shown_and_a_person_looks_at_them(open_app, chats):
    with serving(JudgeServer(lambda body: completion(ANSWER))) as server:
        async with open_app(chats) as sde:
            await opened(sde)
            await sde.press("t")
            await sde.type("Answer customers of a shop.")
            await sde.press("enter", "enter", "c")
            await sde.type(server.url)
            await sde.press("enter", "enter", "enter", "enter", "s")
            await sde.type("3")
            await sde.press("enter")
            assert (
                "Send this to" in sde.text
                and "with 3 examples of the data in it?" in sde.text
                and "y Send" in sde.text
                and "Answer customers of a shop." in sde.text
                and not server.requests
            )
            await sde.press("y")
            await sde.until(lambda: bool(book_of(chats).proposed))
            assert len(server.requests) == 1 and "3 rules of 3 asked for" in sde.text and "\x1b" not in sde.text
            assert [rule.name for rule in book_of(chats).proposed] == ["tone", "price", "days"] and "? tone" in sde.text
            sde.golden("rule_book_proposed", hide={urlsplit(server.url).netloc: "127.0.0.1:00000"})
            await sde.press("a")
            assert [rule.name for rule in book_of(chats).rules] == ["tone"]
            await cursor_to(sde, "days")
            await sde.press("x", "A", "y")
            assert [rule.name for rule in book_of(chats).rules] == ["tone", "price"] and not book_of(chats).proposed
            assert {rule.origin.by for rule in book_of(chats).rules} == {"judge-1"}
            assert server.url in Project.of(chats).rule_book_path.read_text()


async def test_nonsense_of_a_model_is_said_and_changes_nothing(open_app, chats):
    with serving(JudgeServer(lambda body: completion("the of the \x1b]0;x\x07 a"))) as server:
        RuleBook(task="Sell chairs.").save(Project.of(chats).created().rule_book_path)
        async with open_app(chats) as sde:
            await opened(sde)
            await sde.press("c")
            await sde.type(server.url)
            await sde.press("enter", "enter", "enter", "enter", "s", "enter")
            await sde.press("y")
            await sde.until(lambda: bool(server.requests) and not sde.session.rule_book.judge.generating)
            assert "No rule could be read from the answer of judge-1" in sde.text and "\x1b" not in sde.text
            assert not book_of(chats).proposed


async def test_rules_are_imported_and_exported(open_app, chats, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names that fit the line, however long the path to this folder is
    (tmp_path / "in.yaml").write_text("- Price: Name the price with its currency.\n- Tone: Stay polite to every customer.\n")
    async with open_app(chats) as sde:
        await opened(sde)
        await sde.press("w")
        assert "no plain rule to write" in sde.text
        await sde.press("i")
        await sde.type("absent.yaml")
        await sde.press("enter")
        assert "cannot be read" in sde.text
        await sde.press("i")
        await sde.type("in.yaml")
        await sde.press("enter")
        assert "2 rules added" in sde.text and "from in.yaml" in sde.text
        await sde.press("w")
        await sde.type("out.yaml")
        await sde.press("enter")
        assert "2 rules written" in sde.text and "kind: imported" in (tmp_path / "out.yaml").read_text()


async def test_a_book_broken_in_an_editor_is_told_with_its_line(open_app, chats):
    path = Project.of(chats).created().rule_book_path
    RuleBook(task="Sell chairs.").save(path)
    async with open_app(chats, size=(120, 40)) as sde:
        await opened(sde)
        await sde.press("escape")
        path.write_text("task: ok\nrules: nonsense here\n")
        await opened(sde)
        assert "rules.yaml, line 2" in sde.text.replace("\n", "")
        await sde.press("n")
        await sde.type("Name the price.")
        await sde.press("enter")
        assert "line 2" in sde.text and path.read_text().endswith("nonsense here\n")


async def test_a_path_in_the_home_of_nobody_is_refused_and_ends_nothing(open_app, chats):
    async with open_app(chats) as sde:
        await opened(sde)
        await sde.press("i")
        await sde.type("~nosuchuser/rules.yaml")
        await sde.press("enter")
        assert "~nosuchuser/rules.yaml" in sde.text.replace("\n", "")
        judge = sde.session.rule_book.judge
        assert judge.take(place="~nosuchuser/model") and judge.settings.folder.endswith("/~nosuchuser/model")
        assert sde.session.rule_book.export_file("~nosuchuser/rules.yaml") is None


async def test_rating_begins_with_a_sample_and_asks_again_with_time_and_agreement(open_app, write_jsonl):
    chats = write_jsonl([{"instruction": f"Ask {i} about chairs", "output": f"Answer number {i} is here."} for i in range(210)])

    def rated(body):
        digit = len(body["messages"][0]["content"]) % 5 + 1
        return completion(str(digit), {str(digit): 1.0}, tokens=(100, 1))

    with serving(JudgeServer(rated)) as server:
        async with open_app(chats) as sde:
            await opened(sde)
            await sde.press("r")
            assert "Which model is the judge?" in sde.text
            await sde.type(server.url)
            await sde.press("enter", "enter", "enter")
            await sde.type("cheap")
            await sde.press("enter")
            assert "is no price" in sde.text
            await sde.press("c", "enter", "enter", "enter")
            await sde.type("1000 0")
            await sde.press("enter", "r")
            assert "no plain rule to rate by" in sde.text
            await sde.press("n")
            await sde.type("Name the price.")
            await sde.press("enter", "r")
            assert "Rate a sample of 200 rows by 1 rule with" in sde.text and "250 calls" in sde.text and not server.requests
            await sde.press_only("y")
            await sde.until(lambda: "Rate all 210 rows by 1 rule" in sde.text)
            assert len(server.requests) == 250 and "10 more calls" in sde.text and "1.00 at your prices" in sde.text
            assert "name-price: 200 rated, 0 unread, agrees with itself +1.00 over 50 rows" in sde.text, sde.text
            await sde.press_only("y")
            await sde.until(lambda: rated_words(sde) == "210 rows")
            await sde.press("r")
            assert len(server.requests) == 260 and "All rows are rated" in sde.text
            await sde.press("e")
            await sde.type("Name the price with its currency.")
            await sde.press("enter")
            assert "not rated" in sde.text


async def test_a_judge_whose_replies_are_no_ratings_is_named_and_rates_no_more(open_app, chats):
    with serving(JudgeServer(lambda body: completion("chairs chairs chairs"))) as server:
        RuleBook(task="Sell chairs.", rules=(PlainRule("price", "Name the price."),)).save(Project.of(chats).created().rule_book_path)
        async with open_app(chats) as sde:
            await opened(sde)
            await sde.press("c")
            await sde.type(server.url)
            await sde.press("enter", "enter", "enter", "enter", "r")
            assert "15 calls at most" in sde.text
            await sde.press_only("y")
            await sde.until(lambda: "None of 12 replies by" in sde.text and "0 rows, 12 unread" in sde.text)
            asked = len(server.requests)
            assert asked == 15 and "is a rating: c names another judge." in sde.text
            assert "at work" not in sde.text
            await sde.press("r")
            assert "Rate " not in sde.text and len(server.requests) == asked


async def test_questions_without_an_answer_do_not_hold_up_the_question_about_all_rows(open_app, write_jsonl):
    chats = write_jsonl([{"instruction": f"Ask {i} about chairs", "output": "unanswerable" if i == 3 else f"Answer {i}."} for i in range(210)])

    def rated(body):
        asked = body["messages"][0]["content"]
        return (400, {}, {"error": {"message": "too long"}}) if "unanswerable" in asked else completion("4", {"4": 0.9, "1": 0.1})

    with serving(JudgeServer(rated)) as server:
        book = RuleBook(task="Sell chairs.", rules=(PlainRule("price", "Name the price."),), judge=JudgeSettings(url=server.url))
        book.save(Project.of(chats).created().rule_book_path)
        async with open_app(chats) as sde:
            await opened(sde)
            everything = sde.session.rule_book.judge
            await sde.press("r")
            await sde.press_only("y")
            await sde.until(lambda: sde.session.rating.job is not None and not sde.session.rating.running)
            await sde.until(lambda: everything.has_rated_sample)
            assert everything.rating_question()[2]
