"""Faults of a record's shape: fields that are missing, renamed or of another type, and roles in the wrong order."""

from __future__ import annotations

import json
import random

from faults.plant import Plant, answered, has_system, is_long_chat, is_short
from faults.rows import Record


def last_turn(text: str) -> Plant.Change:
    """Puts `text` in place of the answer."""

    def change(_: random.Random, record: Record) -> None:
        record["messages"][-1]["content"] = text

    return change


def turn_emptied(index: int) -> Plant.Change:
    """Empties one turn."""

    def change(_: random.Random, record: Record) -> None:
        record["messages"][index]["content"] = ""

    return change


def without_field(field: str) -> Plant.Change:
    """Drops a field of the record."""

    def change(_: random.Random, record: Record) -> None:
        del record[field]

    return change


def without_key(key: str) -> Plant.Change:
    """Drops a key of the last message."""

    def change(_: random.Random, record: Record) -> None:
        del record["messages"][-1][key]

    return change


def renamed_field(old: str, new: str) -> Plant.Change:
    """Renames a field of the record; its place among the fields stays."""

    def change(_: random.Random, record: Record) -> None:
        renamed = {new if key == old else key: value for key, value in record.items()}
        record.clear()
        record.update(renamed)

    return change


def renamed_key(old: str, new: str) -> Plant.Change:
    """Renames a key of every message."""

    def change(_: random.Random, record: Record) -> None:
        record["messages"] = [{new if key == old else key: value for key, value in message.items()} for message in record["messages"]]

    return change


def rating_as_text(_: random.Random, record: Record) -> None:
    """A number becomes a string."""
    record["rating"] = str(record["rating"])


def messages_as_text(_: random.Random, record: Record) -> None:
    """The list of messages becomes a string that holds JSON."""
    record["messages"] = json.dumps(record["messages"], ensure_ascii=False)


def category_as_list(_: random.Random, record: Record) -> None:
    """The label becomes a list of one."""
    record["category"] = [record["category"]]


def split_as_number(_: random.Random, record: Record) -> None:
    """The name of the split becomes its number."""
    record["split"] = 0 if record["split"] == "train" else 1


def two_user_turns(rng: random.Random, record: Record) -> None:
    """The question comes in two turns of the same role."""
    user = next(i for i, message in enumerate(record["messages"]) if message["role"] == "user")
    extra = rng.choice(
        (
            "I need it before the weekend.",
            "It is for my father.",
            "Sorry, pressed send too early.",
            "Forgot to say hello.",
            "The message above is mine.",
        )
    )
    record["messages"].insert(user + 1, {"role": "user", "content": extra})


def two_answers(rng: random.Random, record: Record) -> None:
    """A second answer follows the first."""
    record["messages"].append(
        {"role": "assistant", "content": rng.choice(("Is there anything else?", "I hope that this helps.", "Have a good day."))}
    )


def answer_first(_: random.Random, record: Record) -> None:
    """Question and answer change places; the roles stay with their texts."""
    messages = [message for message in record["messages"] if message["role"] != "system"]
    record["messages"] = [messages[1], messages[0]]


def greeting_first(rng: random.Random, record: Record) -> None:
    """The assistant speaks before it was asked."""
    greeting = rng.choice(
        ("Welcome to Tidewell Library! How can I help?", "Good day, this is the desk.", "You have reached the chat of the library.")
    )
    first = next(i for i, message in enumerate(record["messages"]) if message["role"] == "user")
    record["messages"].insert(first, {"role": "assistant", "content": greeting})


def system_late(_: random.Random, record: Record) -> None:
    """The system prompt comes after the question."""
    messages = record["messages"]
    messages[0], messages[1] = messages[1], messages[0]


def answer_dropped(_: random.Random, record: Record) -> None:
    """The last answer is gone."""
    record["messages"].pop()


def thanks_added(rng: random.Random, record: Record) -> None:
    """The conversation ends with the visitor's thanks."""
    record["messages"].append(
        {"role": "user", "content": rng.choice(("Thanks, that helps.", "ok", "Perfect, see you on Friday!", "And on Sundays?"))}
    )


SHAPES = (
    Plant("empty_answer", "no characters", 6, last_turn("")),
    Plant("empty_answer", "blanks", 2, last_turn("   ")),
    Plant("empty_answer", "line breaks", 2, last_turn("\n\n")),
    Plant("empty_turn", "the question", 5, turn_emptied(-2), is_short),
    Plant("empty_turn", "the system prompt", 2, turn_emptied(0), has_system),
    Plant("empty_turn", "an earlier answer", 3, turn_emptied(2), is_long_chat),
    Plant("role_order", "two user turns in a row", 5, two_user_turns, is_short),
    Plant("role_order", "two assistant turns in a row", 2, two_answers, is_short),
    Plant("role_order", "the answer before the question", 3, answer_first, is_short),
    Plant("role_order", "the assistant speaks first", 3, greeting_first, is_short),
    Plant("role_order", "the system prompt after the question", 2, system_late, has_system),
    Plant("last_turn", "no answer", 6, answer_dropped, is_short),
    Plant("last_turn", "the visitor has the last word", 4, thanks_added, answered),
    Plant("missing_field", "messages", 4, without_field("messages")),
    Plant("missing_field", "category", 5, without_field("category")),
    Plant("missing_field", "content of the last message", 2, without_key("content")),
    Plant("missing_field", "role of the last message", 2, without_key("role")),
    Plant("renamed_field", "messages -> message", 4, renamed_field("messages", "message")),
    Plant("renamed_field", "category -> label", 4, renamed_field("category", "label")),
    Plant("renamed_field", "content -> text", 4, renamed_key("content", "text")),
    Plant("renamed_field", "role -> from", 3, renamed_key("role", "from")),
    Plant("changed_type", "rating: number -> string", 7, rating_as_text),
    Plant("changed_type", "messages: list -> string", 4, messages_as_text),
    Plant("changed_type", "category: string -> list", 3, category_as_list),
    Plant("changed_type", "split: string -> number", 3, split_as_number),
)
"""Planted into fresh rows, each into its own."""
