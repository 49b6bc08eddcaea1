"""Rules read from what models write."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.rules.rules_in_text import FEWEST_WORDS, MOST_WORDS, rules_in_text

LENGTH = ("Text Length", "Be between 100 and 1000 words to match the typical length of IMDB reviews.")
TONE = ("Polite Tone", "Greet the customer and keep a friendly, professional tone throughout.")
FACTS = ("Factual Accuracy", "State only facts that can be checked: names, dates and figures.")
ALL = [LENGTH, TONE, FACTS]

LAYOUTS = {
    "numbered": "".join(f"{i}. {name}: {sentence}\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "numbered with brackets": "".join(f"{i}) {name}: {sentence}\n\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "in brackets": "".join(f"({i}) {name}: {sentence}\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "bold name": "".join(f"{i}. **{name}**: {sentence}\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "bold with colon": "".join(f"- **{name}:** {sentence}\n" for name, sentence in ALL),
    "bold number and name": "".join(f"**{i}. {name}:** {sentence}\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "bold and dash": "".join(f"* **{name}** – {sentence}\n" for name, sentence in ALL),
    "bullets": "".join(f"• {name}: {sentence}\n" for name, sentence in ALL),
    "rule n": "".join(f"Rule {i}: {name}: {sentence}\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "bold alone, sentence below": "".join(f"{i}. **{name}**\n   {sentence}\n\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "headings": "".join(f"### {i}. {name}\n\n{sentence}\n\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "bold headings": "".join(f"### {i}. **{name}**\n{sentence}\n\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "sections": "## Form\n\n" + "".join(f"- {name}: {sentence}\n" for name, sentence in ALL[:2]) + f"\n## Content\n\n- {FACTS[0]}: {FACTS[1]}\n",
    "no marks": "\n".join(f"{name}: {sentence}" for name, sentence in ALL),
    "wrapped": "".join(f"{i}. {name}: {sentence}\n".replace(" and ", "\n   and ") for i, (name, sentence) in enumerate(ALL, 1)),
    "fenced": "```\n" + "".join(f"{i}. {name}: {sentence}\n" for i, (name, sentence) in enumerate(ALL, 1)) + "```",
    "table": "| # | Name | Rule |\n|---|---|---|\n" + "".join(f"| {i} | {name} | {sentence} |\n" for i, (name, sentence) in enumerate(ALL, 1)),
    "json objects": json.dumps([{"name": name, "sentence": sentence} for name, sentence in ALL]),
    "json in an object": json.dumps({"rules": [{"title": name, "description": sentence} for name, sentence in ALL]}, indent=1),
    "json names": json.dumps(dict(ALL)),
    "json strings": json.dumps([f"{name}: {sentence}" for name, sentence in ALL]),
    "json lines": "\n".join(json.dumps({name: sentence}) for name, sentence in ALL),
    "fenced json": "```json\n" + json.dumps([{"name": name, "rule": sentence} for name, sentence in ALL]) + "\n```",
    "yaml": "```yaml\n" + "".join(f"- name: {name}\n  sentence: {sentence}\n" for name, sentence in ALL) + "```",
    "yaml pairs": "```yaml\nrules:\n" + "".join(f"  - {name}: {sentence}\n" for name, sentence in ALL) + "```",
}
CHATTER = [
    "",
    "Sure! Here are 3 rules [as asked] for the task:\n\n",
    "<think>\n1. First: think about what a rule is.\n2. Then write it down.\n</think>\n\n",
]
ENDINGS = ["", "\n\nNote: these rules are meant for reviews. Let me know if you need more!", "\n\nI hope this helps."]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rules_are_read_in_every_form_that_models_write(layout: str) -> None:
    for opening, ending in product(CHATTER, ENDINGS):
        assert rules_in_text(opening + LAYOUTS[layout] + ending) == ALL, (opening, ending)


def test_rules_without_names_are_read_too() -> None:
    assert rules_in_text("1. Be concise and specific.\n2. Answer every part of the question.\n") == [
        ("", "Be concise and specific."),
        ("", "Answer every part of the question."),
    ]
    assert rules_in_text('["Be concise and specific.", "Answer every part."]') == [("", "Be concise and specific."), ("", "Answer every part.")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I'm sorry, but I can't help with that.",
        "the the of and 7 7 7 the of a a a",
        "Lorem ipsum dolor sit amet,\nconsectetur adipiscing elit.\n\nSed do eiusmod.",
        "1. \n2. \n3. ok\n",
        "[1, 2, 3]",
        "```json\n{\"rules\": [",
        "{}", "[]", "- \n- ...", "<think>1. Be: polite to every customer.",
    ],
)  # fmt: skip
def test_nonsense_holds_no_rules(text: str) -> None:
    assert rules_in_text(text) == []


def test_a_name_may_hold_words_of_chatter() -> None:
    names = ["Answer Length", "Example Use", "Task Relevance", "Note Taking Style", "Rule Following"]
    found = rules_in_text("".join(f"{i}. {name}: Keep it between 20 and 40 words.\n" for i, name in enumerate(names)))
    assert [name for name, _ in found] == ["Answer Length", "Example Use", "Task Relevance", "Rule Following"]
    assert rules_in_text("- Rules: they are all listed below here.\n- Tone: Be polite to everybody.\n") == [("Tone", "Be polite to everybody.")]


def test_a_colon_in_a_sentence_is_no_name() -> None:
    sentence = "Write an answer that a reader who knows nothing of the subject can follow: no unexplained terms."
    assert rules_in_text(f"1. {sentence}") == [("", sentence)]
    assert rules_in_text("- Style: brief") == []


@given(st.one_of(st.text(max_size=300), st.text('[]{}":,*#-|`\n 1.ab', max_size=200)))
def test_any_text_is_read_without_harm(text: str) -> None:
    for name, sentence in rules_in_text(text):
        assert FEWEST_WORDS <= len(sentence.split()) <= MOST_WORDS and "\n" not in sentence + name


def test_a_long_text_takes_no_time() -> None:
    for text in ("[" * 100_000, '{"a":' * 50_000, "1. " * 100_000, "**" * 100_000, "- a" + " " * 200_000 + "b", "| a " * 50_000, "a: " * 100_000):
        assert len(rules_in_text(text)) <= 1


def test_a_hostile_json_answer_takes_no_time_and_no_depth() -> None:
    sentence = "Tone: stay polite throughout the answer"
    for depth in (900, 1_500, 3_000):
        assert len(rules_in_text('{"a":' * depth + json.dumps([sentence]) + "}" * depth)) <= 1
    padded = "**Tone" + " " * 300_000 + "stays polite"
    assert rules_in_text(json.dumps([padded])) == rules_in_text(json.dumps(["**Tone stays polite"]))
