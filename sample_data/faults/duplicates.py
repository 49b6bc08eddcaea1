"""Rows that repeat or contradict another row."""

from __future__ import annotations

import itertools
import random
import re

from corpus import CATEGORIES, Conversation
from corpus.distinct import jaccard, shingles, words
from corpus.generate import asked_again
from corpus.paraphrases import PARAPHRASES
from corpus.text import DAYS, WORDS

from faults.answers import answer_of, set_answer
from faults.rows import Fault, Pool, Row

SYNONYMS = {
    "please": "kindly",
    "borrow": "take out",
    "need": "require",
    "want": "wish",
    "big": "large",
    "help": "assist",
    "back": "back again",
    "can": "could",
    "could": "can",
    "would": "should",
    "very": "rather",
    "but": "yet",
    "and": "plus",
    "the": "teh",
    "is": "si",
    "for": "fro",
    "with": "wiht",
    "before": "befor",
    "because": "becuase",
    "i": "we",
    "my": "our",
    "will": "shall",
    "it": "this",
    "on": "upon",
    "have": "got",
    "you": "u",
}
PREFIXES = ("Fwd: ", "Re: Fwd: ", "URGENT! ", "Second try: ", "(copied from paper) ", "Q. ", "Question from the counter: ", "[from the old mailbox] ")
SUFFIXES = (
    " Thank you very much indeed.",
    "\n\nSent from my tablet",
    "\n-- \nThis mail was checked for viruses.",
    " Please and thank you.",
    " (same question as last week)",
    " Kind regards to all",
)
_VALUE = re.compile(r"\d+|\b(?:" + "|".join((*WORDS[1:], *DAYS)) + r")\b", re.IGNORECASE)


def text_of(row: Row) -> str:
    """All texts of the row, one below the other."""
    return "\n".join(message["content"] for message in row.record["messages"])


def exact(pool: Pool) -> None:
    """The same row again: byte for byte, or under another id; some three times."""
    for number, original in enumerate(pool.originals(20)):
        for _ in range(3 if number < 2 else 1):
            row = pool.copied(original)
            if number < 12:
                row.same_record = original
            row.faults.append(Fault("exact_duplicate", "the whole record" if number < 12 else "the same messages under another id", original))


def renormalised(style: str, text: str) -> str:
    """The same words with other capitals, spaces or punctuation."""
    if style == "upper case":
        return text.upper()
    if style == "lower case":
        return text.lower()
    if style == "doubled blanks":
        return text.replace(" ", "  ", 3).replace(". ", ".  ")
    if style == "line breaks":
        return text.replace(". ", ".\n").replace("? ", "?\n")
    return text.replace(". ", " ").replace(",", "").replace("?", "??").replace("!", "").rstrip(".")


def normalised(pool: Pool) -> None:
    """Equal after case, white space and punctuation are put aside."""
    styles = ("upper case", "lower case", "doubled blanks", "line breaks", "punctuation")
    fits = [
        row
        for row in pool.originals(260, lambda one: one.task in ("answer", "triage", "sums", "chat") and "\n\n" not in one.turns[-1][1])
        if _changes(row, styles)
    ]
    for number, original in enumerate(fits[:18]):
        row = pool.copied(original)
        original_words = words(text_of(original))
        for message in row.record["messages"]:
            if message["role"] == "user":
                message["content"] = renormalised(styles[number % len(styles)], message["content"])
        assert words(text_of(row)) == original_words
        row.faults.append(Fault("normalised_duplicate", styles[number % len(styles)], original))
    for original in fits[18:]:
        original.is_original = False


def _changes(row: Row, styles: tuple[str, ...]) -> bool:
    """Whether every style changes the user's text but no word of it."""
    texts = [message["content"] for message in row.record["messages"] if message["role"] == "user"]
    return all(
        renormalised(style, "\n".join(texts)) != "\n".join(texts) and words(renormalised(style, "\n".join(texts))) == words("\n".join(texts))
        for style in styles
    )


def edited(rng: random.Random, text: str, count: int) -> str:
    """`text` with about `count` words misspelt, replaced, dropped or doubled; line breaks stay."""
    parts = re.split(r"(\s+)", text)
    places = [i for i in range(0, len(parts), 2) if parts[i].isalpha()]
    for place in rng.sample(places, min(count, len(places))):
        word = parts[place]
        swap = rng.randrange(len(word) - 1) if len(word) > 1 else 0
        misspelt = word[:swap] + word[swap : swap + 2][::-1] + word[swap + 2 :]
        parts[place] = SYNONYMS.get(word.lower()) or (misspelt if misspelt != word else word + word[-1])
    return "".join(parts)


def is_wordy(conversation: Conversation) -> bool:
    """At least forty words, of which the question has its share; no code and no JSON, where an edit would be another fault."""
    return len(words(conversation.text)) > 40 and conversation.task in ("answer", "chat", "rewrite", "steps", "triage", "sums")


def near(pool: Pool) -> None:
    """A few words edited, or something added in front or behind."""
    rng = pool.rng
    for number, original in enumerate(pool.originals(40, is_wordy)):
        row = pool.copied(original)
        user = next(message for message in row.record["messages"] if message["role"] == "user")
        if number < 8:
            detail, user["content"] = "words in front", rng.choice(PREFIXES) + user["content"]
        elif number < 16:
            detail, user["content"] = "words behind", user["content"] + rng.choice(SUFFIXES)
        else:
            share = 0.02 if number < 30 else rng.uniform(0.04, 0.1)
            count = max(1, round(share * len(words(text_of(row)))))
            detail = "words edited"
            while user["content"] == original.record["messages"][row.record["messages"].index(user)]["content"]:
                user["content"] = edited(rng, user["content"], count)
        row.faults.append(Fault("near_duplicate", detail, original, _overlap(row, original)))


def said_again(rng: random.Random, conversation: Conversation) -> Conversation | None:
    """The same in other words under the same opening sentence, or None where the generator finds no such words."""
    opening, _, asked = conversation.turns[-2][1].partition(". ")
    for _ in range(200):
        other = asked_again(rng, conversation)
        same_opening = asked and other.turns[-2][1].startswith(f"{opening}. ")
        other_question = words(other.turns[-2][1]) != words(conversation.turns[-2][1])
        if (
            same_opening
            and other_question
            and len(other.turns) == len(conversation.turns)
            and 0.05 < jaccard(shingles(conversation.text), shingles(other.text)) < 0.55
        ):
            return other if other.turns[-1] != conversation.turns[-1] else None
    return None


def semantic(pool: Pool) -> None:
    """The same question and the same answer in other words: pairs written by hand, and the desk's own other wording."""
    pairs = (
        (original, said_again(pool.rng, original.conversation))
        for original in pool.originals(300, lambda one: one.task == "answer")
        if original.conversation
    )
    for original, other in itertools.islice(((original, other) for original, other in pairs if other), 18):
        row = pool.copied(original)
        row.record["messages"] = other.messages
        row.faults.append(Fault("semantic_duplicate", "the desk's other wording", original, _overlap(row, original)))
    for task, category, asked, answered, other_question, other_answer in PARAPHRASES:
        first = pool.put(Conversation(task, category, asked, (("user", asked), ("assistant", answered))))
        row = pool.copied(first)
        row.record["messages"] = [{"role": "user", "content": other_question}, {"role": "assistant", "content": other_answer}]
        row.faults.append(Fault("semantic_duplicate", "written by hand", first, _overlap(row, first)))


def _overlap(row: Row, original: Row) -> dict[str, float]:
    return {"jaccard_word5": round(jaccard(shingles(text_of(row)), shingles(text_of(original))), 3)}


def another_value(rng: random.Random, value: str) -> str:
    """A number, number word or day that is not this one."""
    if value.isdigit():
        return str(int(value) + rng.choice((1, 2, 3, 5, 10)))
    pool = DAYS if value.title() in DAYS else WORDS[1:]
    other = rng.choice([word for word in pool if word.lower() != value.lower()])
    return other.title() if value[0].isupper() else other


def contradicted(rng: random.Random, answer: str) -> str:
    """The answer with another first value; in a sum the result too."""
    body, card, number = answer.partition(" (card ")
    if "\nAnswer: " in body:
        working, result = body.split("\nAnswer: ")
        right = result.removeprefix("£")
        wrong = str(int(right) + rng.choice((-2, 2, 10)))
        return f"{working.removesuffix(right + '.')}{wrong}.\nAnswer: {result.replace(right, wrong)}"
    return _VALUE.sub(lambda match: another_value(rng, match.group()), body, count=1) + card + number


def is_contradictable(conversation: Conversation) -> bool:
    """A sum, or an answer with a number, a number word or a day before its card."""
    return conversation.task == "sums" or (conversation.task == "answer" and bool(_VALUE.search(conversation.turns[-1][1].partition(" (card ")[0])))


def conflicting_answers(pool: Pool) -> None:
    """The same prompt with an answer that says something else."""
    for original in pool.originals(16, is_contradictable):
        row = pool.copied(original)
        set_answer(row.record, contradicted(pool.rng, answer_of(original.record)))
        row.faults.append(Fault("conflicting_answer", original.record["task"], original))


def conflicting_labels(pool: Pool) -> None:
    """The same text under another label; where the answer is the label, it changes as well."""
    chosen = [*pool.originals(9, lambda one: one.task == "triage"), *pool.originals(7, lambda one: one.task in ("answer", "steps"))]
    for original in chosen:
        row = pool.copied(original)
        label = pool.rng.choice([name for name in CATEGORIES if name not in (original.record["category"], "history")])
        row.record["category"] = label
        if original.record["task"] == "triage":
            set_answer(row.record, label)
        row.faults.append(Fault("conflicting_label", f"{original.record['category']} and {label}", original))


DUPLICATES = (semantic, exact, normalised, near, conflicting_answers, conflicting_labels)
"""Run in this order over the clean rows."""
