"""Rules written by a model: what it is sent, how its answer becomes rules, and what is left out."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sde_core.errors import ModelError, UsageError
from sde_core.rules import RULES, RuleBook, plain_rule
from sde_core.rules.alike import overlap, packs_for, rules_for, stems, without_repeats
from sde_core.rules.book_yaml import read_rules
from sde_core.rules.generate import MOST_COUNT, PROMPT_VERSION, GenerationRequest, example_texts, generate_rules, generation_of
from sde_core.rules.rating.endpoint import connect
from sde_core.rules.rating.judge import Answer
from tests.core.judge_server import JudgeServer, completion, serving

TASK = "Answer customers of a furniture shop."
ANSWER = """Sure! Here are 5 rules:

1. **Polite Tone**: Greet the customer and stay friendly throughout the message.
2. **Return Window**: State the number of days within which goods can be returned.
3. **Friendly Manner**: Stay friendly and greet the customer throughout the message.
4. **Answer Length**: Keep replies to customers between 20 and 120 words.
5. **Next Step**: Tell the customer what happens next and by when.

Let me know if you need more!"""


def request(**wishes) -> GenerationRequest:
    return GenerationRequest(**({"task": TASK, "count": 5} | wishes))


def test_the_prompt_holds_all_that_the_paper_names() -> None:
    prompt = request(data="Chats of a help desk.", count=7, examples=("Instruction:\nHi", "Answer:\nHello")).prompt
    for part in (TASK, "Chats of a help desk.", "Write 7 rules", "Instruction:\nHi", "Answer:\nHello", "concise and specific", "Name: sentence"):
        assert part in prompt
    assert "examples of the data" not in request().prompt and "The training data:" not in request().prompt
    assert request(task=" a\n\x1b[2Jb ").prompt.count("\x1b") == 0


@pytest.mark.parametrize("wishes", [{"task": " "}, {"count": 0}, {"count": MOST_COUNT + 1}])
def test_a_request_that_makes_no_sense_is_refused(wishes: dict) -> None:
    with pytest.raises(UsageError):
        request(**wishes)


def test_examples_are_a_seeded_sample_without_marks_of_templates() -> None:
    texts = pl.DataFrame({"row": range(50), "system": [""] * 50, "prompt": [f"<|im_end|> ask {i}" for i in range(50)], "answer": ["x" * 5000] * 50})
    shown = example_texts(texts, 3, seed=1)
    assert len(shown) == 3 and shown == example_texts(texts, 3, seed=1) != example_texts(texts, 3, seed=2)
    assert (
        all("<|im_end|>" not in text and len(text) < 2500 for text in shown)
        and example_texts(texts, 0) == ()
        and len(example_texts(texts[:2], 3)) == 2
    )


def test_an_answer_becomes_rules_with_names_of_their_own_and_an_origin() -> None:
    book = RuleBook(rules=(plain_rule("next-step", "Say it in few words."),))
    made = generation_of(ANSWER, request(), book, "small-model")
    assert [rule.name for rule in made.rules] == ["polite-tone", "return-window", "answer-length-2", "next-step-2"]
    assert made.rules[1].sentence == "State the number of days within which goods can be returned."
    assert {(rule.origin.kind, rule.origin.by, rule.origin.prompt_version) for rule in made.rules} == {("generated", "small-model", PROMPT_VERSION)}
    assert all(rule.origin.made_at for rule in made.rules)
    assert [(repeat.like, repeat.similarity) for repeat in made.repeated] == [("polite-tone", 1.0)]


def test_what_the_book_or_the_bank_says_is_not_said_again() -> None:
    proposed = plain_rule("days", "State the number of days within which goods can be returned!")
    same_as_bank = plain_rule("x", RULES[0].definition)
    made = generation_of(
        f"{ANSWER}\n".replace("5. **Next Step**: Tell", f"5. **X**: {same_as_bank.sentence}\n6. **Next Step**: Tell"),
        request(),
        RuleBook(proposed=(proposed,)),
        "m",
    )
    assert {repeat.like for repeat in made.repeated} == {"days", "polite-tone", RULES[0].name}


def test_an_answer_without_end_is_read_to_the_most_rules_only() -> None:
    endless = "\n".join(f"- Say word{number:05} to user{number:05} at time{number:05} now." for number in range(3 * MOST_COUNT))
    assert len(generation_of(endless, request(), RuleBook(), "m").rules) == MOST_COUNT


def test_an_answer_that_was_cut_loses_its_last_rule() -> None:
    cut = ANSWER.partition("what happens")[0]
    assert [rule.name for rule in generation_of(cut, request(), RuleBook(), "m", is_cut=True).rules][-1] == "answer-length-2"
    assert [rule.name for rule in generation_of(cut, request(), RuleBook(), "m").rules][-1] == "next-step"


@pytest.mark.parametrize(("answer", "words"), [("", "It is empty"), ("the the \x1b]0;x\x07 of", "␛]0;x␇"), ("I cannot help.", "I cannot help")])
def test_nonsense_is_said_to_be_none_with_a_way_out(answer: str, words: str) -> None:
    with pytest.raises(ModelError, match="No rule could be read from the answer of tiny") as refusal:
        generation_of(answer, request(), RuleBook(), "tiny")
    assert words in refusal.value.message and "by hand" in refusal.value.hint


def test_what_was_sent_and_what_came_back_is_kept_with_the_rules(tmp_path: Path) -> None:
    made = generation_of(ANSWER + "\ud800\x1b[2J", request(), RuleBook(), "small-model")
    (tmp_path / "r.yaml").write_text(made.to_yaml())
    assert read_rules(tmp_path / "r.yaml") == made.rules
    assert "generation:" in made.to_yaml() and "prompt_version: generate-1" in made.to_yaml() and "\x1b" not in made.to_yaml()


# ---- through a server


def test_a_server_is_asked_once_with_the_whole_prompt() -> None:
    with serving(JudgeServer(lambda body: completion(ANSWER, tokens=(300, 120)))) as server:
        made = generate_rules(connect(server.url), request(), RuleBook())
        assert [rule.name for rule in made.rules][:2] == ["polite-tone", "return-window"] and made.judge == "judge-1"
        assert server.prompts == [request().prompt] == [made.prompt]
        body = server.requests[0]
        assert max(body.get("max_tokens") or 0, body.get("max_completion_tokens") or 0) >= 5 * 40


def test_a_server_that_cuts_or_fails_is_said_so() -> None:
    cut = ANSWER.partition("what happens")[0]
    with serving(JudgeServer(lambda body: completion(cut, tokens=(300, 10_000)))) as server:
        assert len(generate_rules(connect(server.url), request(), RuleBook()).rules) == 3

    class Silent:
        id = name = "silent"

        def answers(self, questions, *, cancel):
            yield from ((place, Answer(problem="No reply after 6 attempts")) for place, _ in questions)

    with pytest.raises(ModelError, match="silent did not answer: No reply"):
        generate_rules(Silent(), request(), RuleBook())


# ---- by words


def test_overlap_of_words_is_that_of_their_stems() -> None:
    assert stems("Be polite, politely!") == {"polit"} and overlap(stems("polite tone"), stems("tones politely")) == 1.0
    assert overlap(frozenset(), frozenset()) == 0.0 and overlap(stems("red chairs"), stems("red tables")) == pytest.approx(1 / 3)
    kept, repeated = without_repeats([plain_rule("a", "Name the price of the chair."), plain_rule("b", "Names prices of chairs!")], RuleBook(), ())
    assert [rule.name for rule in kept] == ["a"] and repeated[0].like == "a"


@pytest.mark.parametrize(
    ("task", "pack"),
    [
        ("Fix bugs in Python functions", "code"),
        ("Solve grade-school maths word problems", "maths"),
        ("Explain symptoms to patients", "medical"),
        ("Classify the sentiment of movie reviews", "reviews"),
        ("Answer customers of a furniture shop", ""),
        ("", ""),
    ],
)
def test_a_task_is_matched_with_packs_by_its_words(task: str, pack: str) -> None:
    fits = packs_for(task)
    assert (fits[0].name if fits else "") == pack and all(word in task.lower() for fit in fits for word in fit.words)


def test_a_task_is_matched_with_rules_by_their_definitions() -> None:
    fits = rules_for("Explain each step of the reasoning, with numbers and examples", RULES)
    assert fits and len(fits) <= 8 and all(fit.words for fit in fits) and len(fits[0].words) >= len(fits[-1].words)
    assert rules_for("xyzzy", RULES) == []
