"""`sde rules book` and the verbs that change the rule book, from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sde_core.project import Project
from sde_core.rules import RuleBook
from sde_core.rules.book_yaml import read_rules
from tests.core.judge_server import JudgeServer, completion, serving

Run = Callable[..., tuple[int, str, str]]
ANSWER = "1. Tone: Stay polite to every customer.\n2. Tone again: Stay polite to every customer!\n3. Price: Name the price with its currency."


@pytest.fixture
def data(write_jsonl: Callable[..., Path]) -> Path:
    return write_jsonl([{"instruction": f"Ask {i}", "input": "", "output": f"Answer number {i} is here."} for i in range(8)])


def book_of(data: Path) -> RuleBook:
    return RuleBook.load(Project.of(data).rule_book_path)


def done(run: Run, *words: object) -> str:
    code, out, err = run("rules", *map(str, words))
    assert code == 0, err
    return out + err


def test_an_empty_book_says_what_to_do(run: Run, data: Path) -> None:
    shown = done(run, "book", data)
    assert "not described yet" in shown and "sde rules add DATA" in shown and not Project.of(data).rule_book_path.exists()
    assert all(len(line) <= 80 for line in shown.splitlines() if str(data.parent) not in line)


def test_rules_are_added_changed_marked_and_removed(run: Run, data: Path) -> None:
    done(run, "book", data, "--task", "Sort reviews of movies by sentiment", "--data-is", "Chats", "--pack", "general")
    done(run, "add", data, "Answer every part of the question.")
    done(run, "add", data, "Name a price.", "--name", "Price!", "--about", "answer")
    assert "rated anew" in done(run, "edit", data, "price", "Name the price with its currency.")
    assert "ratings stay" in done(run, "edit", data, "price", "--name", "currency")
    done(run, "set", data, "pin", "currency", "asked-count")
    done(run, "set", data, "ban", "answer-length")
    done(run, "set", data, "off", "answer-every-part-question")
    book = book_of(data)
    assert [(rule.name, rule.sentence, rule.about) for rule in book.rules] == [
        ("answer-every-part-question", "Answer every part of the question.", "pair"),
        ("currency", "Name the price with its currency.", "answer"),
    ]
    assert (book.pinned, book.banned, book.disabled) == (("currency", "asked-count"), ("answer-length",), ("answer-every-part-question",))
    shown = done(run, "book", data)
    for part in (
        "Sort reviews",
        "Data: Chats",
        "pack reviews",
        "not a judgement",
        "(off, hand)",
        "(pinned, about the answer, hand)",
        "asked-count",
        "answer-length",
    ):
        assert part in shown, part
    told = json.loads(run("rules", "book", str(data), "--json")[1])
    assert [rule["state"] for rule in told["rules"]] == ["off", "pinned"] and told["banned"] == ["answer-length"]
    done(run, "remove", data, "currency")
    assert "remove currency" in done(run, "undo", data) and "currency" in book_of(data).plain_by_name
    done(run, "undo", data, "--redo")
    assert "currency" not in book_of(data).plain_by_name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("edit", "absent", "Be polite to all."), "no rule 'absent'"),
        (("edit", "asked-count", "Be polite to all."), "formula rule"),
        (("edit", "asked-count"), "Nothing is to be changed"),
        (("remove", "asked-count"), "disabled, pinned or banned"),
        (("set", "pin", "asked-count", "absent"), "no rule 'absent'"),
        (("add", "..."), "needs a sentence"),
        (("add", "Be polite to all.", "--name", "asked-count"), "name of a formula rule"),
        (("accept",), "No rule is named"),
        (("accept", "absent"), "No rule 'absent' is proposed"),
        (("undo",), "No change"),
        (("export",), "holds no plain rules"),
        (("import", "absent.yaml"), "cannot be read"),
        (("generate", "--show-prompt"), "Rules are written for a task"),
        (("generate", "--task", "x"), "No judge is named"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(run: Run, data: Path, words: tuple[str, ...], said: str) -> None:
    code, _, err = run("rules", words[0], str(data), *words[1:])
    assert code == 2 and said in err and book_of(data) == RuleBook()


def test_rules_leave_and_enter_as_yaml_with_their_origins(run: Run, data: Path, tmp_path: Path) -> None:
    done(run, "add", data, "Name a price.", "--name", "price")
    done(run, "export", data, "-o", tmp_path / "out.yaml")
    assert read_rules(tmp_path / "out.yaml") == book_of(data).rules
    assert run("rules", "export", str(data))[1] == (tmp_path / "out.yaml").read_text()
    (tmp_path / "in.yaml").write_text(
        "- Price: Name the price with its currency.\n- Text Length: Be between 100 and 1000 words.\n- answer-length: Be long.\n"
    )
    said = done(run, "import", data, tmp_path / "in.yaml")
    assert "2 rules added" in said and "kept for price" in said and "answer-length is called answer-length-2" in said
    assert book_of(data).plain_by_name["text-length"].origin.kind == "imported"
    told = json.loads(run("rules", "import", str(data), str(tmp_path / "in.yaml"), "--equal-names", "replace", "--json")[1])
    assert told["replaced"] == ["price"] and told["added"] == [] and book_of(data).plain_by_name["price"].sentence.endswith("currency.")
    done(run, "import", data, tmp_path / "out.yaml", "--equal-names", "replace")
    assert book_of(data).plain_by_name["price"].origin.kind == "hand"


def test_a_broken_book_is_told_with_its_line_by_every_command(run: Run, data: Path) -> None:
    path = Project.of(data).created().rule_book_path
    path.write_text("task: ok\nrules:\n  - Tone: [Be polite]\n")
    for words in (("book",), ("add", "Be polite to all."), ("export",)):
        code, _, err = run("rules", words[0], str(data), *words[1:])
        assert code == 2 and "rules.yaml, line 3: " in err
    assert path.read_text().startswith("task: ok")


def test_generated_rules_wait_in_the_book_until_they_are_accepted(run: Run, data: Path) -> None:
    with serving(JudgeServer(lambda body: completion(ANSWER))) as server:
        code, out, err = run("rules", "generate", str(data), "--task", "Answer customers.", "--judge", server.url, "-n", "3", "--examples", "2")
        assert code == 0, err
        assert out.splitlines() == ["tone: Stay polite to every customer.", "price: Name the price with its currency."]
        assert "2 rules of 3 asked for" in err and "1 more said what another rule says" in err and server.prompts[0].count("Instruction:") == 2
    book = book_of(data)
    assert (
        not book.rules
        and [rule.name for rule in book.proposed] == ["tone", "price"]
        and book.task == "Answer customers."
        and book.judge.url == server.url
    )
    assert "prompt: " in Project.of(data).rule_book_path.with_name("rules.generated.yaml").read_text()
    assert "Proposed, waiting for you: 2" in done(run, "book", data)
    done(run, "accept", data, "tone")
    done(run, "accept", data, "--all", "--refuse")
    assert [(rule.name, rule.origin.kind, rule.origin.by) for rule in book_of(data).rules] == [("tone", "generated", "judge-1")]


def test_generated_rules_go_to_a_file_and_the_prompt_is_shown(run: Run, data: Path, tmp_path: Path) -> None:
    code, out, _ = run("rules", "generate", str(data), "--task", "Answer customers.", "-n", "7", "--examples", "0", "--show-prompt")
    assert code == 0 and "Write 7 rules" in out and "Answer customers." in out
    with serving(JudgeServer(lambda body: completion(ANSWER))) as server:
        words = ("generate", str(data), "--task", "Answer customers.", "--judge", server.url, "-o", str(tmp_path / "r.yaml"), "--json")
        told = json.loads(run("rules", *words)[1])
    assert [rule["name"] for rule in told["rules"]] == ["tone", "price"] and told["repeated"][0]["like"] == "tone"
    assert [rule.origin.by for rule in read_rules(tmp_path / "r.yaml")] == ["judge-1"] * 2 and book_of(data) == RuleBook()


def test_a_small_model_that_writes_nonsense_is_said_to_do_so(run: Run, data: Path) -> None:
    pytest.importorskip("transformers")
    model = Path(__file__).parents[2] / "sample_data" / "base_model"
    code, out, err = run("rules", "generate", str(data), "--task", "Answer customers.", "--judge", str(model), "-n", "1", "--examples", "0")
    assert code == 2 and not out and "No rule could be read from the answer of base_model" in err and "larger one" in err
