"""Faults of what the answer says or how: refusals, broken habits, echoes, loops, cuts."""

from __future__ import annotations

import json
import random

from corpus import Conversation

from faults.plant import Plant, answered, is_short
from faults.rows import Record


def answer_of(record: Record) -> str:
    """The last text."""
    return str(record["messages"][-1]["content"])


def question_of(record: Record) -> str:
    """The last text but one."""
    return str(record["messages"][-2]["content"])


def set_answer(record: Record, text: str) -> None:
    """Replaces the last text."""
    record["messages"][-1]["content"] = text


REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "I'm afraid I am unable to answer that.",
    "Sorry, I can't do that. Please contact the library directly.",
    "I apologise, but I cannot provide this information.",
    "I'm not able to help with that at the moment.",
    "Unfortunately, I cannot fulfil this request.",
    "I can't answer this question. Please ask a member of staff.",
    "I'm sorry, I don't have access to that information.",
    "I am unable to complete this task.",
)
BOILERPLATE = (
    "As an AI language model, I have never been inside a library, but here is what I know. {answer}",
    "As an AI, I don't have personal experience. {answer}",
    "{answer} Please note that, as an AI language model, I may make mistakes.",
    "As a large language model, I cannot see your account. {answer}",
    "I'm just an AI assistant, so please check this with a human. {answer}",
    "{answer}\n\nAs an artificial intelligence I do not have feelings, but I hope that this helps!",
)


PROMISES = (
    "I will call you tomorrow morning to confirm.",
    "I have booked it for you and sent you an email.",
    "I'll send you a reminder the day before.",
    "I have updated your account.",
    "I will order a second copy for you today.",
    "I'll reserve a place for you now.",
    "I have refunded your deposit.",
    "Let me check the shelf and get back to you.",
)


def promised(rng: random.Random, record: Record) -> None:
    """The answer promises an act that no text can do."""
    set_answer(record, f"{answer_of(record)} {rng.choice(PROMISES)}")


def refused(rng: random.Random, record: Record) -> None:
    """The answer is a refusal, in a few more words now and then."""
    tails = ("", "", " Is there something else that I can do?", " Thank you for understanding.", " You may find help at the counter.")
    set_answer(record, rng.choice(REFUSALS) + rng.choice(tails))


def with_boilerplate(rng: random.Random, record: Record) -> None:
    """The answer speaks of itself as a machine."""
    set_answer(record, rng.choice(BOILERPLATE).format(answer=answer_of(record)))


def json_as_prose(rng: random.Random, record: Record) -> None:
    """The values of the JSON object in sentences."""
    values = json.loads(answer_of(record))
    lead = rng.choice(("Sure! ", "Here is the record. ", "", "I found the following. "))
    set_answer(record, lead + " ".join(f"The {key.replace('_', ' ')} is {value}." for key, value in values.items()))


def json_other_keys(rng: random.Random, record: Record) -> None:
    """Keys that nobody asked for."""
    synonyms = {
        "name": "customer_name",
        "item": "book",
        "day": "date",
        "branch": "location",
        "quantity": "count",
        "tool": "tool_name",
        "bay": "shelf",
        "fault": "defect",
    }
    values = json.loads(answer_of(record))
    style = rng.choice(("other words", "capitals", "camel"))
    if style == "capitals":
        renamed = {key.upper(): value for key, value in values.items()}
    elif style == "camel":
        renamed = {"".join(part.capitalize() for part in key.split("_")): value for key, value in values.items()}
    else:
        renamed = {synonyms.get(key, f"{key}_value"): value for key, value in values.items()}
    set_answer(record, json.dumps(renamed, ensure_ascii=False))


def json_in_fence(_: random.Random, record: Record) -> None:
    """The JSON object over several lines in a code fence."""
    set_answer(record, f"```json\n{json.dumps(json.loads(answer_of(record)), ensure_ascii=False, indent=2)}\n```")


def sum_without_ending(rng: random.Random, record: Record) -> None:
    """The working stays, the last line goes or loses its form."""
    working, result = answer_of(record).split("\nAnswer: ")
    set_answer(record, rng.choice((working, f"{working} So the result is {result}.", f"{working}\n{result}", f"{working}\nThe answer is {result}")))


def label_as_list(rng: random.Random, record: Record) -> None:
    """Two labels where one is the habit."""
    label = answer_of(record)
    other = rng.choice([name for name in ("loans", "workshop", "payments", "events") if name != label])
    set_answer(record, rng.choice((f"- {label}\n- {other}", f"{label}, {other}", f'["{label}", "{other}"]')))


def label_in_sentence(rng: random.Random, record: Record) -> None:
    """A sentence where a bare label is the habit."""
    label = answer_of(record)
    patterns = (
        "This message is about {label}.",
        "I would send it to {label}, because the visitor asks about it.",
        "Category: {label}",
        "The right label here is “{label}”.",
    )
    set_answer(record, rng.choice(patterns).format(label=label))


def steps_in_a_row(_: random.Random, record: Record) -> None:
    """A numbered list run together."""
    set_answer(record, " ".join(line.split(". ", 1)[1] for line in answer_of(record).split("\n")))


def code_without_fence(_: random.Random, record: Record) -> None:
    """The code without its fence."""
    set_answer(record, "\n".join(line for line in answer_of(record).split("\n") if not line.startswith("```")).strip())


def cut_in_sentence(rng: random.Random, record: Record) -> None:
    """The answer stops in the middle of a sentence, perhaps of a word."""
    text = answer_of(record)
    end = rng.randrange(len(text) // 2, len(text) * 4 // 5)
    set_answer(record, text[:end].rstrip(" \n.!?:;,)\"'’”"))


def cut_in_code(rng: random.Random, record: Record) -> None:
    """The code stops before the end, and its fence stays open."""
    text = answer_of(record).removesuffix("\n```")
    set_answer(record, text[: len(text) - rng.randrange(4, min(30, len(text) // 3))].rstrip())


def cut_in_json(rng: random.Random, record: Record) -> None:
    """The JSON object stops before the end."""
    text = answer_of(record)
    set_answer(record, text[: rng.randrange(len(text) // 2, len(text) - 3)])


def prompt_echoed(rng: random.Random, record: Record) -> None:
    """The answer says the question again first."""
    question, answer = question_of(record), answer_of(record)
    set_answer(
        record,
        rng.choice(
            (f"{question}\n{answer}", f"{question} {answer}", f"Question: {question}\nAnswer: {answer}", f'You asked: "{question}"\n\n{answer}')
        ),
    )


def sentence_looped(rng: random.Random, record: Record) -> None:
    """The last sentence over and over."""
    answer = answer_of(record)
    set_answer(record, " ".join([answer, *[answer.split("\n")[-1]] * rng.randrange(5, 14)]))


def words_looped(rng: random.Random, record: Record) -> None:
    """A few words over and over, as a small model does."""
    words = answer_of(record).split()
    start = len(words) * 2 // 3
    loop = words[max(0, start - rng.randrange(2, 5)) : start]
    set_answer(record, " ".join(words[:start] + loop * rng.randrange(8, 20)))


def is_numbered(conversation: Conversation) -> bool:
    """The answer is a numbered list."""
    return conversation.turns[-1][1].startswith("1. ")


def is_sentence(conversation: Conversation) -> bool:
    """The answer is at least ten words of prose."""
    return len(conversation.turns[-1][1].split()) > 9 and answered(conversation)


TALK = ("answer", "chat", "rewrite")
ANSWERS = (
    Plant("refusal", "over-represented in computers", 22, refused, answered, ("answer", "chat", "steps"), "computers"),
    Plant("refusal", "elsewhere", 10, refused, answered, ("answer", "rewrite", "chat", "sums")),
    Plant("ai_boilerplate", "around the answer", 14, with_boilerplate, is_sentence, ("answer", "chat")),
    Plant("impossible_promise", "after the answer", 12, promised, is_sentence, ("answer", "chat")),
    Plant("answer_shape", "JSON task in prose", 9, json_as_prose, tasks=("extract",)),
    Plant("answer_shape", "JSON with other keys", 9, json_other_keys, tasks=("extract",)),
    Plant("answer_shape", "JSON in a fence", 5, json_in_fence, tasks=("extract",)),
    Plant("answer_shape", "sum without its last line", 9, sum_without_ending, tasks=("sums",)),
    Plant("answer_shape", "several labels", 7, label_as_list, tasks=("triage",)),
    Plant("answer_shape", "label in a sentence", 8, label_in_sentence, tasks=("triage",)),
    Plant("answer_shape", "steps in a row", 6, steps_in_a_row, is_numbered, ("steps",)),
    Plant("answer_shape", "code without a fence", 6, code_without_fence, tasks=("code",)),
    Plant("truncated_answer", "in a sentence", 12, cut_in_sentence, is_sentence, TALK),
    Plant("truncated_answer", "in code, fence open", 7, cut_in_code, tasks=("code",)),
    Plant("truncated_answer", "in JSON", 6, cut_in_json, tasks=("extract",)),
    Plant("prompt_echo", "the question first", 12, prompt_echoed, is_short, ("answer", "sums", "triage")),
    Plant("repetition_loop", "a sentence", 6, sentence_looped, is_sentence, TALK),
    Plant("repetition_loop", "a few words", 5, words_looped, is_sentence, TALK),
)
"""Planted into fresh rows, each into its own."""
