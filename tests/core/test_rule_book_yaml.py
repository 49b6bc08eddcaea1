"""The rule book as a file: what people write by hand, what survives a round trip, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.errors import InputError, UsageError
from sde_core.rules import RULES, JudgeSettings, Origin, PlainRule, RuleBook, plain_rule, rule_name
from sde_core.rules.book import FORMULA_NAMES
from sde_core.rules.book_yaml import MOST_RULES, book_text, parsed_book, read_rules, rules_text
from sde_core.rules.plain_rule import LONGEST_NAME, LONGEST_SENTENCE, free_name, one_line, proposed_name
from sde_core.yaml_nodes import LARGEST_BYTES

FULL = b"""\
# what our shop wants
task: Answer customers of a furniture shop.
data: 5,000 chats - questions and answers
pack: reviews
judge: {url: http://127.0.0.1:8000/v1, model: small, input_price: 0.15}
rules:
  - Politeness: Greet the customer and thank them.
  - name: yes
    sentence: No
    about: answer
    origin: {kind: generated, by: some-model, prompt_version: "2", made_at: 2025-01-31T12:00:00Z}
    owner: [Ada, 2020-01-01, {deep: null}]
  - State the days within which goods can be returned.
pinned: [yes, asked-count]
banned:
  - answer-length
  - of-a-later-version
team: {name: seven, size: 4}
"""


def test_what_people_write_is_read_as_it_is_written() -> None:
    book = parsed_book(FULL, "rules.yaml")
    assert [rule.name for rule in book.rules] == ["politeness", "yes", "state-days-goods-returned"]
    assert book.rules[1].sentence == "No" and book.rules[1].about == "answer"
    assert book.rules[1].origin == Origin("generated", "some-model", "2", "2025-01-31T12:00:00Z")
    assert book.rules[0].origin.kind == "hand" and book.rules[0].about == "pair"
    assert (book.pinned, book.banned, book.pack) == (("yes", "asked-count"), ("answer-length",), "reviews")
    assert book.strays == {"banned": ("of-a-later-version",)} and set(book.extra) == {"team"}
    assert book.judge == JudgeSettings(url="http://127.0.0.1:8000/v1", model="small", input_price=0.15)


def test_what_this_version_does_not_know_is_written_again() -> None:
    book = parsed_book(FULL, "rules.yaml")
    again = parsed_book(book_text(book).encode(), "again.yaml")
    assert again == book and again.rules[1].extra == book.rules[1].extra
    assert [str(value) for value in book.rules[1].extra["owner"]] == ["Ada", "2020-01-01", "{'deep': None}"]


def test_an_absent_or_empty_file_is_an_empty_book_and_saving_makes_one(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    assert RuleBook.load(path) == RuleBook()
    path.write_bytes(b"# nothing yet\n")
    assert RuleBook.load(path) == RuleBook()
    book = RuleBook(rules=(plain_rule("Tone", "Be polite."),), task="Sell chairs")
    book.save(path)
    assert RuleBook.load(path) == book


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"task: x\nrules:\n  - A: one\n  - B: &b two\n  - C: *b\n", 5, "alias"),
        (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", 2, "alias"),
        (b"rules:\n  - Tone: Be polite.\n  - tone: Be brief.\n", 3, "in line 2"),
        (b"rules:\n  - answer-length: Be long enough.\n", 2, "name of a formula rule"),
        (b"task: a\ntask: b\n", 2, "twice"),
        (b"task: [a]\n", 1, "a text, not a list"),
        (b"rules: Be polite.\n", 1, "a list, not a text"),
        (b"rules:\n  - name: x\n    about: pair\n", 2, "no sentence"),
        (b"rules:\n  - x: '...'\n", 2, "needs a sentence"),
        (b"rules:\n  - name: x\n    sentence: Be polite.\n    about: everything\n", 4, "no part of a row"),
        (b"rules:\n  - name: x\n    sentence: Be polite.\n    origin: {kind: stolen}\n", 4, "not known"),
        (b"pack: physics\n", 1, "no pack"),
        (b"pinned: [asked-count]\nbanned: [asked-count]\n", 2, "both pinned and banned"),
        (b"task: !!python/object/apply:os.system ['true']\n", 1, "not"),
        (b"x: 1\ny: !!python/name:os.system\n", 2, "not read here"),
        (b"task: !secret x\n", 1, "tag"),
        (b"task: a\n---\ntask: b\n", 2, "second document"),
        (b"task: a\nother: " + b"[" * 2000, 2, "too deep"),
        (b"task: ok\nx: caf\xe9\n", 2, "not UTF-8"),
        (b"task: ok\ndata: a\x07b\n", 2, "U+0007"),
        (b"task: a: b: c\n", 1, "not YAML"),
        (b"rules:\n  - 'open\n", 3, "not YAML"),
        (b"\tx: 1\n", 1, "not YAML"),
        (b"x: 2020-99-99\n", 1, "no meaning"),
        (b"x: " + b"9" * 5000 + b"\n", 1, "no meaning"),
        (b"judge: {input_price: cheap}\n", 1, "no price"),
        (b"judge: {input_price: .inf}\n", 1, "no price"),
        (b"- 5\n", 1, "needs a sentence"),
        (b"5\n", 1, "keys with values"),
    ],
)
def test_what_has_no_meaning_is_refused_with_file_line_and_a_way_out(content: bytes, line: int, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        parsed_book(content, "my rules.yaml")
    assert f"my rules.yaml, line {line}: " in refusal.value.message and words in refusal.value.message, refusal.value.message
    assert refusal.value.hint


def test_a_book_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="too large"):
        parsed_book(b"#" * (LARGEST_BYTES + 1), "rules.yaml")
    with pytest.raises(InputError, match=f"at most {MOST_RULES:,}"):
        parsed_book(b"".join(b"- r%d: Say %d.x\n" % (i, i) for i in range(MOST_RULES + 1)), "rules.yaml")


def test_hostile_text_in_an_error_is_shown_harmless() -> None:
    with pytest.raises(InputError) as refusal:
        parsed_book(b'pack: "\\e]52;c;AAAA\\a"\n', "rules\x1b[2J.yaml")
    assert "\x1b" not in str(refusal.value) and "␛" in str(refusal.value)


def test_texts_of_a_book_are_one_line_of_seen_characters() -> None:
    book = parsed_book(b'task: "a\\e]52;c;AA\\a\\nb"\ndata: "\\u202ex"\njudge: {model: "m\\e[2J"}\n', "rules.yaml")
    assert (book.task, book.data_description, book.judge.model) == ("a ]52;c;AA b", "x", "m [2J")


@pytest.mark.parametrize(
    "content",
    [
        "- Text Length: Be between 100 and 1000 words.\n- Tone: Be polite.\n",
        "Text Length: Be between 100 and 1000 words.\nTone: Be polite.\n",
        "rules:\n  - {name: text-length, sentence: Be between 100 and 1000 words.}\n  - Tone: Be polite.\n",
    ],
)
def test_rules_are_read_from_a_list_from_pairs_and_from_a_book(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.yaml").write_text(content)
    rules = read_rules(tmp_path / "r.yaml")
    assert [(rule.name, rule.sentence) for rule in rules] == [("text-length", "Be between 100 and 1000 words."), ("tone", "Be polite.")]


def test_a_file_to_import_must_be_there_and_hold_rules(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_rules(tmp_path / "absent.yaml")
    for content in ("", "task: only a task\n", "rules: []\n"):
        (tmp_path / "r.yaml").write_text(content)
        with pytest.raises(InputError, match="holds no rules"):
            read_rules(tmp_path / "r.yaml")


# ---- names and sentences

texts = st.text(st.characters(exclude_categories=()), max_size=80)
hostile = st.one_of(
    texts, st.sampled_from(["yes", "null", "1e3", "- a: b", "*x", "&x y", "!tag", "{", "'\"", "# no", "a: b", "<<", "=", "\x1b[31m", "‮x", "\ud800"])
)
sentences = hostile.map(lambda text: f"{text} Say a thing {text}").filter(lambda text: any(character.isalpha() for character in text))


@given(hostile)
def test_names_are_stable_and_safe(words: str) -> None:
    name = rule_name(words)
    assert rule_name(name) == name and len(name) <= LONGEST_NAME and name.isprintable() and not any(character.isspace() for character in name)


def test_names_keep_letters_of_any_script() -> None:
    assert rule_name("  Text Length! ") == "text-length"
    assert rule_name("Ответ № 1") == "ответ-no-1" and rule_name("回答の長さ") == "回答の長さ" and rule_name("किताब है") == "किताब-है"
    assert proposed_name("State the days within which goods can be returned.") == "state-days-goods-returned"
    assert free_name("tone", {"tone", "tone-2"}) == "tone-3" and len(free_name("x" * 60, {"x" * 60})) <= LONGEST_NAME
    assert all(rule_name(rule.name) == rule.name for rule in RULES)


def test_a_sentence_is_one_line_of_seen_characters() -> None:
    assert one_line(" Be\n\tbrief\x1b[2J‮. ") == "Be brief [2J."
    for said in ("", "…", "123", "\x00"):
        with pytest.raises(UsageError, match="needs a sentence"):
            plain_rule("x", said)
    with pytest.raises(UsageError, match="too long"):
        plain_rule("x", "a " * LONGEST_SENTENCE)


def test_a_definition_depends_on_sentence_and_subject_alone() -> None:
    rule = plain_rule("Tone", "Be polite.")
    assert plain_rule("Other", "Be  polite.", origin=Origin("imported", "x")).definition == rule.definition
    assert plain_rule("Tone", "Be very polite.").definition != rule.definition != plain_rule("Tone", "Be polite.", about="answer").definition


# ---- round trip

rules = st.builds(
    lambda name, sentence, about, kind, by: plain_rule(name, sentence, about=about, origin=Origin(kind, one_line(by), "1", "2025-01-31T12:00:00Z")),
    hostile, sentences, st.sampled_from(["answer", "prompt", "pair"]), st.sampled_from(["hand", "generated", "imported"]), hostile,
)  # fmt: skip
plain_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def books(draw: st.DrawFn) -> RuleBook:
    every = list({rule.name: rule for rule in draw(st.lists(rules, max_size=5)) if rule.name not in FORMULA_NAMES}.values())
    cut = draw(st.integers(0, len(every)))
    mine = [rule.name for rule in every[:cut]]
    listed = st.lists(st.sampled_from([*mine, "asked-count", "answer-length"]), unique=True, max_size=3).map(tuple)
    pinned = draw(listed)
    return RuleBook(
        rules=tuple(every[:cut]), proposed=tuple(every[cut:]), disabled=draw(listed), pinned=pinned,
        banned=tuple(name for name in draw(listed) if name not in pinned), task=one_line(draw(hostile)), data_description=one_line(draw(hostile)),
        judge=JudgeSettings(model=one_line(draw(hostile)), input_price=draw(st.floats(0, 1e6))), extra=draw(st.dictionaries(st.just("team"), plain_values)),
    )  # fmt: skip


@given(books())
def test_a_book_comes_back_from_its_file_as_it_was(book: RuleBook) -> None:
    assert parsed_book(book_text(book).encode(), "rules.yaml") == book


@given(st.lists(rules, min_size=1, max_size=4, unique_by=lambda rule: rule.name))
def test_exported_rules_come_back_with_their_origins(tmp_path_factory: pytest.TempPathFactory, exported: list[PlainRule]) -> None:
    path = tmp_path_factory.mktemp("rules") / "r.yaml"
    path.write_bytes(rules_text(tuple(exported)).encode())
    assert list(read_rules(path)) == exported


@given(
    st.one_of(
        st.binary(max_size=200),
        hostile.map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.text("[]{}&*!-: \n'\"a|>%@`#,?", max_size=60).map(str.encode),
    )
)
def test_any_bytes_are_read_or_refused_with_a_line(content: bytes) -> None:
    book, refusal = None, ""
    try:
        book = parsed_book(content, "rules.yaml")
    except InputError as error:
        refusal = error.message
    assert "rules.yaml, line " in refusal if book is None else parsed_book(book_text(book).encode(), "rules.yaml") == book
