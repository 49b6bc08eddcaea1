"""What is done to a rule book, and taking it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sde_core.errors import InputError, ReadOnlyError, UsageError
from sde_core.rules import RULES, Origin, PlainRule, RuleBook, plain_rule, rule_name
from sde_core.rules import book_edits as edits
from sde_core.rules.book_store import KEPT_CHANGES, BookStore
from sde_core.rules.book_yaml import MOST_RULES

TONE, BRIEF = plain_rule("tone", "Be polite."), plain_rule("brief", "Say it in few words.")
BOOK = RuleBook(rules=(TONE, BRIEF))


def test_a_rule_is_added_once_and_under_a_name_of_its_own() -> None:
    assert edits.added(RuleBook(), TONE).rules == (TONE,)
    for rule_, words in [
        (plain_rule("tone", "Be kind."), "already"),
        (plain_rule("answer-length", "Be kind."), "formula rule"),
        (plain_rule("manners", "be  POLITE"), "tone says that already"),
    ]:
        with pytest.raises(UsageError, match=words):
            edits.added(BOOK, rule_)
    assert edits.with_free_name(BOOK, plain_rule("answer-length", "Be kind.")).name == "answer-length-2"
    long = "a" * 54 + "-bcd"
    numbered = edits.with_free_name(RuleBook(rules=(plain_rule(long, "Be kind."),)), plain_rule(long, "Be brief.")).name
    assert numbered == "a" * 54 + "-2" == rule_name(numbered), "a name that is read back as it was written"


def test_a_changed_sentence_is_a_new_definition_and_a_new_name_is_not() -> None:
    book = edits.pinned(replace(BOOK, rules=(replace(TONE, origin=Origin("generated", "m"), extra={"owner": "Ada"}), BRIEF)), "tone")
    renamed = edits.edited(book, "tone", new_name="Good manners")
    assert renamed.rules[0].name == "good-manners" and renamed.pinned == ("good-manners",)
    assert renamed.rules[0].definition == TONE.definition and renamed.rules[0].extra == {"owner": "Ada"}
    changed = edits.edited(book, "tone", sentence="Be very polite.")
    assert changed.rules[0].definition != TONE.definition and changed.rules[0].origin == Origin("generated", "m") and changed.rules[1] is BRIEF
    with pytest.raises(UsageError, match="already"):
        edits.edited(book, "tone", new_name="brief")
    with pytest.raises(UsageError, match="formula rule"):
        edits.edited(book, "asked-count", sentence="Be polite.")


def test_rules_of_either_kind_are_switched_pinned_and_banned() -> None:
    for name in ("tone", "asked-count"):
        book = edits.pinned(edits.banned(edits.disabled(BOOK, name), name), name)
        assert (book.pinned, book.banned, book.disabled) == ((name,), (), ())
        book = edits.disabled(book, name)
        assert (book.pinned, book.disabled) == ((), (name,))
        assert edits.enabled(book, name) == BOOK and edits.unbanned(edits.banned(BOOK, name), name) == BOOK
        assert edits.unpinned(edits.pinned(BOOK, name), name) == BOOK
    with pytest.raises(UsageError, match="no rule"):
        edits.pinned(BOOK, "absent")


def test_what_is_scored_follows_pack_pins_and_what_is_off() -> None:
    in_pack = next(item.name for item in RULES if item.family == "structure")
    outside = next(item.name for item in RULES if item.family == "code")
    book = edits.disabled(edits.disabled(edits.pinned(BOOK, outside), in_pack), "brief")
    names = [item.name for item in book.formula_rules]
    assert outside in names and in_pack not in names and [item.name for item in book.rated_rules] == ["tone"]


def test_a_removed_rule_leaves_no_trace_in_the_lists() -> None:
    book = edits.removed(edits.banned(BOOK, "tone"), "tone")
    assert book == RuleBook(rules=(BRIEF,))
    with pytest.raises(UsageError, match="disabled, pinned or banned"):
        edits.removed(BOOK, "asked-count")


def test_proposed_rules_wait_until_somebody_accepts_or_refuses_them() -> None:
    book = edits.proposing(BOOK, [plain_rule("tone", "Be kind."), plain_rule("asked-count", "Give what was asked.")])
    assert [rule_.name for rule_ in book.proposed] == ["tone-2", "asked-count-2"] and book.rated_rules == BOOK.rules
    book = edits.refused(edits.accepted(book, ["tone-2"]), ["asked-count-2"])
    assert [rule_.name for rule_ in book.rules] == ["tone", "brief", "tone-2"] and not book.proposed


@pytest.mark.parametrize(("policy", "sentence", "count"), [("keep", "Be polite.", 3), ("replace", "Be rude.", 3), ("rename", "Be polite.", 4)])
def test_an_import_says_what_became_of_every_rule(policy: edits.EqualNames, sentence: str, count: int) -> None:
    incoming = [
        plain_rule("tone", "Be rude.", origin=Origin()),
        plain_rule("short", "Say it in few words"),
        plain_rule("answer-length", "Be kind.", origin=Origin("generated", "m")),
    ]
    merge = edits.merged(BOOK, incoming, source="their.yaml", equal_names=policy)
    assert merge.book.plain_by_name["tone"].sentence == sentence and len(merge.book.rules) == count
    assert merge.known == ("brief",) and ("answer-length", "answer-length-2") in merge.renamed
    assert {"keep": merge.kept, "replace": merge.replaced, "rename": merge.added[:1]}[policy] == (("tone-2",) if policy == "rename" else ("tone",))
    assert merge.book.plain_by_name["answer-length-2"].origin == Origin("generated", "m")
    if policy != "keep":
        theirs = merge.book.plain_by_name["tone" if policy == "replace" else "tone-2"]
        assert (theirs.origin.kind, theirs.origin.by) == ("imported", "their.yaml") and theirs.origin.made_at


def test_importing_twice_adds_nothing() -> None:
    once = edits.merged(RuleBook(), BOOK.rules, source="x").book
    assert edits.merged(once, BOOK.rules, source="x", equal_names="rename").book == once


# ---- the store


@pytest.fixture
def store(tmp_path: Path) -> BookStore:
    return BookStore(tmp_path / "data.jsonl.sde" / "rules.yaml")


def add(rule_: PlainRule) -> edits.BookEdit:
    return lambda book: edits.added(book, rule_)


def test_changes_are_on_disk_and_can_be_taken_back_later(store: BookStore) -> None:
    store.change("add tone", add(TONE))
    store.change("add brief", add(BRIEF))
    later = BookStore(store.path)
    assert later.load() == BOOK
    assert later.undo() == "add brief" and later.load().rules == (TONE,)
    assert later.undo() == "add tone" and later.load() == RuleBook()
    with pytest.raises(UsageError, match="No change"):
        later.undo()
    assert (later.redo(), later.redo()) == ("add tone", "add brief") and later.load() == BOOK
    with pytest.raises(UsageError, match="was taken back"):
        later.redo()


def test_a_change_in_an_editor_is_not_lost_and_can_be_taken_back(store: BookStore) -> None:
    store.change("add tone", add(TONE))
    store.path.write_text("# my words\nrules:\n- Tone: Be kind.\n")
    store.change("add brief", add(BRIEF))
    assert [rule_.sentence for rule_ in store.load().rules] == ["Be kind.", "Say it in few words."]
    assert store.undo() == "add brief" and store.path.read_text().startswith("# my words")
    assert store.undo() == "changed in an editor" and store.load().rules == (TONE,)


def test_a_book_broken_in_an_editor_is_refused_and_taken_back(store: BookStore) -> None:
    store.change("add tone", add(TONE))
    store.path.write_bytes(b"rules: [\xff")
    with pytest.raises(InputError, match="line 1"):
        store.change("add brief", add(BRIEF))
    assert store.undo() == "changed in an editor" and store.load().rules == (TONE,)


def test_a_change_that_changes_nothing_is_none(store: BookStore) -> None:
    store.change("add tone", add(TONE))
    store.change("nothing", lambda book: book)
    assert [change.what for change in store.changes()] == ["add tone"]


def test_a_torn_history_loses_no_more_than_its_torn_line(store: BookStore) -> None:
    store.change("add tone", add(TONE))
    store.change("add brief", add(BRIEF))
    content = store.history_path.read_bytes()
    store.history_path.write_bytes(content[:-20])
    store.change("describe", lambda book: edits.described(book, task="Sell chairs"))
    assert store.undo() == "describe" and store.load() == BOOK


def test_the_history_stays_small(store: BookStore) -> None:
    for number in range(2 * KEPT_CHANGES + 20):
        store.change(f"task {number}", lambda book, number=number: edits.described(book, task=f"{number}"))
    assert len(store.changes()) <= 2 * KEPT_CHANGES and store.undo() == f"task {2 * KEPT_CHANGES + 19}"


def test_what_could_not_be_read_again_is_not_written(store: BookStore) -> None:
    store.change("add tone", add(TONE))
    many = [plain_rule(f"rule-{number}", f"Say {number} things.") for number in range(MOST_RULES)]
    with pytest.raises(UsageError, match="2,001 rules are too many"):
        store.change("import many", lambda book: edits.merged(book, many, source="many.yaml").book)
    assert store.load().rules == (TONE,) and [change.what for change in store.changes()] == ["add tone"]
    store.change("import many", lambda book: edits.merged(book, many[1:], source="many.yaml").book)
    assert len(store.load().rules) == MOST_RULES


def test_where_nothing_can_be_written_the_error_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReadOnlyError, match="cannot be written"):
        BookStore(tmp_path / "file" / "rules.yaml").change("add tone", add(TONE))


class UndoneLikeAStack(RuleBasedStateMachine):
    """The store against a model: a list of books and a place in it."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = BookStore(Path(self.folder.name) / "rules.yaml")
        self.books, self.place = [RuleBook()], 0

    @rule(task=st.text(st.characters(categories=["L", "P"]), max_size=8))
    def describe(self, task: str) -> None:
        book = self.store.change("describe", lambda book: edits.described(book, task=task))
        if book != self.books[self.place]:
            self.books[self.place + 1 :] = [book]
            self.place += 1

    @rule()
    def undo(self) -> None:
        if self.place:
            self.store.undo()
            self.place -= 1
        else:
            with pytest.raises(UsageError):
                self.store.undo()

    @rule()
    def redo(self) -> None:
        if self.place + 1 < len(self.books):
            self.store.redo()
            self.place += 1
        else:
            with pytest.raises(UsageError):
                self.store.redo()

    @invariant()
    def on_disk_as_in_the_model(self) -> None:
        assert self.store.load() == self.books[self.place]

    def teardown(self) -> None:
        self.folder.cleanup()


UndoneLikeAStack.TestCase.settings = __import__("hypothesis").settings(max_examples=25, stateful_step_count=15, deadline=None)
TestUndoneLikeAStack = UndoneLikeAStack.TestCase
