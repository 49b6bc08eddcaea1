"""`sde rules book` and the verbs that change the rule book: a task in a sentence, plain rules, and what is on, pinned and banned."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import data_options, emit_json, json_option, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.rules.book import RuleBook
    from sde_core.rules.book_edits import BookEdit, Merge
    from sde_core.rules.book_store import BookStore
    from sde_core.rules.plain_rule import PlainRule

PACK_NAMES = ("general", "code", "maths", "medical", "reviews", "all")
SUBJECT_NAMES = ("answer", "prompt", "pair")
STATES = {
    "on": ("enabled", "scored again"),
    "off": ("disabled", "not scored"),
    "pin": ("pinned", "always chosen; a plain rule once it is rated"),
    "unpin": ("unpinned", "chosen where it earns it"),
    "ban": ("banned", "never chosen"),
    "unban": ("unbanned", "chosen where it earns it"),
}
"""State → (the edit in `sde_core.rules.book_edits`, what it says about a rule)."""
_WIDTH = 80


def store_of(dataset: Dataset) -> BookStore:
    """The rule book beside the dataset."""
    from sde_core.project import Project
    from sde_core.rules.book_store import BookStore

    return BookStore(Project.of(dataset.path).rule_book_path)


# ---- showing


@click.command("book", epilog="""\b
Examples:
  sde rules book data.jsonl
  sde rules book data.jsonl --task "Answer customers of a furniture shop."
  sde rules book code.jsonl --pack code --json""")  # fmt: skip
@data_options
@click.option("--task", metavar="SENTENCE", help="Describe what the data is to teach.")
@click.option("--data-is", metavar="SENTENCE", help="Describe what the rows are.")
@click.option("--pack", type=click.Choice(PACK_NAMES), help="Which formula rules there are to choose from.")
@json_option
def book_command(dataset: Dataset, task: str | None, data_is: str | None, pack: str | None, as_json: bool) -> None:
    """Show the rule book, or describe the task.

    The task of DATA, its plain rules, and what is on, pinned and banned.

    The book is a YAML file beside the data, which you may edit too: DATA.sde/rules.yaml.
    """
    from sde_core.rules.book_edits import described, with_pack

    store = store_of(dataset)
    if task is not None or data_is is not None:
        store.change("describe the task", lambda book: described(book, task=task, data=data_is))
    if pack is not None:
        store.change(f"pack {pack}", lambda book: with_pack(book, pack))
    book = store.load()
    if as_json:
        emit_json(_book_json(store, book))
        return
    for line in _book_lines(store, book):
        click.echo(line)


def _book_json(store: BookStore, book: RuleBook) -> dict[str, Any]:
    def told(rule: PlainRule) -> dict[str, Any]:
        return {
            "name": rule.name,
            "sentence": rule.sentence,
            "about": rule.about,
            "origin": asdict(rule.origin),
            "state": state_of(book, rule.name) or "on",
        }

    return {
        "path": str(store.path), "task": book.task, "data": book.data_description, "pack": book.pack, "rules": [told(rule) for rule in book.rules],
        "proposed": [told(rule) for rule in book.proposed], "disabled": book.disabled, "pinned": book.pinned, "banned": book.banned,
        "strays": dict(book.strays), "judge": asdict(book.judge),
    }  # fmt: skip


def _book_lines(store: BookStore, book: RuleBook) -> list[str]:
    from sde_core.rules.alike import packs_for

    lines = [visible(f"Rule book: {store.path}")]
    lines += _wrapped("Task: ", book.task or 'not described yet: sde rules book DATA --task "…"')
    lines += _wrapped("Data: ", book.data_description) if book.data_description else []
    lines.append(f"Pack: {book.pack}, {count_of(len(book.formula_rules), 'formula rule')} on")
    fitting = next((fit for fit in packs_for(book.task) if fit.name != book.pack and book.pack == "general"), None)
    if fitting is not None:
        lines += _wrapped("", f"The task shares words with the pack {fitting.name} ({visible(', '.join(fitting.words), 60)}): --pack {fitting.name} "
                          "takes its rules too. That is a match of words, not a judgement.")  # fmt: skip
    lines += ["", f"Plain rules: {len(book.rules)}" if book.rules else 'Plain rules: none yet: sde rules add DATA "…"']
    lines += [line for rule in book.rules for line in _rule_lines(rule, state_of(book, rule.name))]
    if book.proposed:
        lines += ["", f"Proposed, waiting for you: {len(book.proposed)} (sde rules accept DATA NAME…)"]
        lines += [line for rule in book.proposed for line in _rule_lines(rule, "")]
    for title, names in (("Pinned", book.pinned), ("Banned", book.banned), ("Off", book.disabled)):
        formulas = [name for name in names if name not in book.plain_by_name]
        lines += ["", *_wrapped(f"{title} formula rules: ", ", ".join(formulas))] if formulas else []
    strays = [name for names in book.strays.values() for name in names]
    lines += ["", *_wrapped("Names that belong to no rule: ", visible(", ".join(strays)))] if strays else []
    return lines


def state_of(book: RuleBook, name: str) -> str:
    """In a word: "off", "pinned", "banned", or "" for on."""
    return "off" if name in book.disabled else "pinned" if name in book.pinned else "banned" if name in book.banned else ""


def _rule_lines(rule: PlainRule, state: str) -> list[str]:
    origin = f"{rule.origin.kind}{f' by {visible(rule.origin.by, 30)}' if rule.origin.by else ''}"
    said = ", ".join([*([state] if state else []), *([f"about the {rule.about}"] if rule.about != "pair" else []), origin])
    return [f"  {rule.name}  ({said})", *_wrapped("      ", visible(rule.sentence))]


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(f"{head}{text}", _WIDTH, subsequent_indent="      " if head.startswith("  ") else "  ") if text else [head]


# ---- plain rules


@click.command("add", epilog="""\b
Examples:
  sde rules add data.jsonl "Answer every part of the question."
  sde rules add data.jsonl "Name a price." --name price --about answer""")  # fmt: skip
@data_options
@click.argument("sentence")
@click.option("--name", default="", help="Its name; taken from the sentence when omitted.")
@click.option("--about", type=click.Choice(SUBJECT_NAMES), default="pair", show_default=True, help="Which text the judge is shown.")
def add_command(dataset: Dataset, sentence: str, name: str, about: Any) -> None:
    """Add a rule in plain language.

    SENTENCE says what a good row is like, such as "Answer every part of the question."
    """
    from sde_core.rules.book_edits import added, with_free_name
    from sde_core.rules.plain_rule import plain_rule

    store = store_of(dataset)
    rule = plain_rule(name, sentence, about=about)
    rule = rule if name else with_free_name(store.load(), rule)
    store.change(f"add {rule.name}", lambda book: added(book, rule))
    talk(f"{rule.name} is in the book. A judge rates by it: sde rules rate {visible(dataset.path)}")


@click.command("edit", epilog="""\b
Examples:
  sde rules edit data.jsonl price "Name the price with its currency."
  sde rules edit data.jsonl price --name price-named""")  # fmt: skip
@data_options
@click.argument("name")
@click.argument("sentence", required=False)
@click.option("--name", "new_name", help="Another name; ratings stay.")
@click.option("--about", type=click.Choice(SUBJECT_NAMES), help="Which text the judge is shown.")
def edit_command(dataset: Dataset, name: str, sentence: str | None, new_name: str | None, about: Any) -> None:
    """Change a plain rule.

    Another SENTENCE is another rule to the judge: it is rated anew, and only it.
    """
    from sde_core.rules.book_edits import edited

    if sentence is None and new_name is None and about is None:
        raise UsageError("Nothing is to be changed.", "Give a sentence, --name or --about.")
    store = store_of(dataset)
    before = store.load()
    after = store.change(f"edit {name}", lambda book: edited(book, name, sentence=sentence, new_name=new_name, about=about))
    old = before.plain_by_name[name]
    new = after.rules[before.rules.index(old)]
    talk(f"{new.name} is changed; " + ("its ratings stay." if new.definition == old.definition else "it is to be rated anew."))


@click.command("remove", epilog="\b\nExamples:\n  sde rules remove data.jsonl price tone")
@data_options
@click.argument("names", nargs=-1, required=True)
def remove_command(dataset: Dataset, names: Sequence[str]) -> None:
    """Remove plain rules by NAME. `sde rules undo` brings them back; their ratings are kept."""
    from sde_core.rules.book_edits import removed

    _change(dataset, "remove", names, removed)
    talk(f"{count_of(len(names), 'rule')} removed. Bring back with: sde rules undo {visible(dataset.path)}")


@click.command("set", epilog="""\b
States:
  on, off      scored, not scored
  pin, unpin   always chosen, or only where it earns it
  ban, unban   never chosen, or where it earns it

\b
Examples:
  sde rules set data.jsonl pin price answers-all
  sde rules set data.jsonl ban answer-length""")  # fmt: skip
@data_options
@click.argument("state", type=click.Choice(list(STATES)))
@click.argument("names", nargs=-1, required=True)
def set_command(dataset: Dataset, state: str, names: Sequence[str]) -> None:
    """Turn rules on or off, pin or ban them.

    By NAME, plain rules and formula rules alike.
    """
    from sde_core.rules import book_edits

    verb, words = STATES[state]
    _change(dataset, state, names, getattr(book_edits, verb))
    talk(f"{visible(', '.join(names), 120)}: {words}.")


@click.command("accept", epilog="\b\nExamples:\n  sde rules accept data.jsonl next-step polite-tone\n  sde rules accept data.jsonl --all")
@data_options
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All proposed rules.")
@click.option("--refuse", is_flag=True, help="Drop them instead.")
def accept_command(dataset: Dataset, names: Sequence[str], every: bool, refuse: bool) -> None:
    """Take proposed rules into the book by NAME, or drop them."""
    from sde_core.rules.book_edits import accepted, refused

    store = store_of(dataset)
    proposed = [rule.name for rule in store.load().proposed]
    wanted = proposed if every else list(names)
    unknown = next((name for name in wanted if name not in proposed), None)
    if unknown is not None or not wanted:
        there = visible(", ".join(proposed), 200) or "none"
        said = f"No rule {visible(str(unknown), 60)!r} is proposed." if unknown is not None else "No rule is named."
        raise UsageError(said, f"Proposed: {there}.")
    verb = refused if refuse else accepted
    store.change(f"{'refuse' if refuse else 'accept'} {count_of(len(wanted), 'rule')}", lambda book: verb(book, wanted))
    talk(f"{count_of(len(wanted), 'rule')} {'dropped' if refuse else 'taken into the book'}.")


def _change(dataset: Dataset, verb: str, names: Sequence[str], edit: Callable[[RuleBook, str], RuleBook]) -> None:
    def all_of_them(book: RuleBook) -> RuleBook:
        for name in names:
            book = edit(book, name)
        return book

    store_of(dataset).change(f"{verb} {visible(', '.join(names), 80)}", all_of_them)


@click.command("undo", epilog="\b\nExamples:\n  sde rules undo data.jsonl\n  sde rules undo data.jsonl --redo")
@data_options
@click.option("--redo", is_flag=True, help="Make the change again that was taken back last.")
def undo_command(dataset: Dataset, redo: bool) -> None:
    """Take back the last change of the rule book.

    In whichever way it was made, here or in the app.
    """
    store = store_of(dataset)
    what = store.redo() if redo else store.undo()
    talk(f"{'Made again' if redo else 'Taken back'}: {visible(what, 120)}.")


# ---- files


@click.command("import", epilog="""\b
A file is a book, or a list of rules:
  - Text Length: Be between 100 and 1000 words.
  - name: price
    sentence: Name a price.

\b
Examples:
  sde rules import data.jsonl rules.yaml
  sde rules import data.jsonl rules.yaml --equal-names replace""")  # fmt: skip
@data_options
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--equal-names", type=click.Choice(["keep", "replace", "rename"]), default="keep", show_default=True,
              help="Where the book has the name with another sentence: keep that, replace it, or give the new rule another name.")  # fmt: skip
@json_option
def import_command(dataset: Dataset, file: Path, equal_names: Any, as_json: bool) -> None:
    """Take the rules of a YAML file into the book.

    Each keeps its origin.
    """
    merge = imported(store_of(dataset), file, equal_names)
    if as_json:
        emit_json({"added": merge.added, "replaced": merge.replaced, "renamed": merge.renamed, "kept": merge.kept, "known": merge.known})
        return
    for line in merge_lines(merge):
        talk(line)


def imported(store: BookStore, file: Path, equal_names: Any = "keep") -> Merge:
    """Takes the rules of a file into a book, and says what became of each."""
    from sde_core.rules.book_edits import merged
    from sde_core.rules.book_yaml import read_rules

    rules = read_rules(file)
    found: list[Merge] = []

    def edit(book: RuleBook) -> RuleBook:
        found.append(merged(book, rules, source=file.name, equal_names=equal_names))
        return found[-1].book

    change: BookEdit = edit
    store.change(f"import {visible(file.name, 60)}", change)
    return found[-1]


def merge_lines(merge: Merge) -> list[str]:
    """What became of the rules of a file, for people."""
    lines = [f"{count_of(len(merge.added), 'rule')} added, {len(merge.replaced)} replaced, {len(merge.known)} known already."]
    if merge.kept:
        lines.append(f"The book's own sentence was kept for {visible(', '.join(merge.kept), 200)}; --equal-names replace takes the file's.")
    lines += [f"{visible(old)} is called {new} here, because that name is taken." for old, new in merge.renamed]
    return lines


@click.command("export", epilog="\b\nExamples:\n  sde rules export data.jsonl -o rules.yaml\n  sde rules export data.jsonl > rules.yaml")
@data_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new YAML file; printed when omitted.")
def export_command(dataset: Dataset, output: Path | None) -> None:
    """Write the plain rules of the book as YAML, with their origins."""
    from sde_core.files import atomic_write
    from sde_core.rules.book_yaml import rules_text

    rules = store_of(dataset).load().rules
    if not rules:
        raise UsageError("The rule book holds no plain rules.", 'Write one: sde rules add DATA "…"')
    if output is None:
        click.echo(rules_text(rules), nl=False)
        return
    atomic_write(output, [rules_text(rules).encode()])
    talk(f"{count_of(len(rules), 'rule')} written to {visible(str(output))}.")


BOOK_COMMANDS: tuple[click.Command, ...] = (
    book_command, add_command, edit_command, remove_command, set_command, accept_command, undo_command, import_command, export_command,
)  # fmt: skip
