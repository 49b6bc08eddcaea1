"""Step lists and lists of what is needed."""

from __future__ import annotations

import random
from typing import NamedTuple

from corpus.crafts import CRAFTS, Craft
from corpus.text import DAYS, RELATIVES, Conversation, an, casual, full_name, pick, pounds, sentence, spin
from corpus.venues import CARDS, COURSES, EVENTS, MACHINES, ROOMS
from corpus.world import BOOKS, TOOLS

WHY = (
    "It is my first time.", "{relative} asked me to.", "I only have {an hour|one evening}.", "Keep it simple, please.", "I've watched a film about it and got lost.",
    "My hands shake a little.", "There will be {two|three} children helping.", "I tried last year and it went wrong.", "We start on {day}.", "",
    "I'd like to hang the list on the wall.", "Talk to me as if I were ten.", "I forget things, so write them down.",
)
HOW_ASKS = (
    "How do I {job}?", "Can you {tell|show} me how to {job}, step by step?", "I need to {job}. What do I do first, and what next?", "List the steps to {job}.",
    "What is the right order when I {job}?", "Please write short steps so that I can {job}.",
)
NEED_ASKS = (
    "What do I need to {job}?", "I want to {job}. What should I have ready?", "Which things do I lay out before I {job}?", "Make me a shopping list: I'm going to {job}.",
)
EXTRA_NEEDS = {
    "workshop": ("good light", "an old cloth", "an apron", "a tidy bench", "a patient friend", "a dry afternoon"),
    "loans": ("old clothes", "a helper", "a dry day", "a flask of tea", "a clear morning"),
}
SYSTEMS = ("You write short lists for people with dirty hands.", "Steps are numbered, one line each.", "You help in the workshop of Tidewell. Lists only.")


class Procedure(NamedTuple):
    """Something visitors do with an entity of the library, with steps that name it."""

    category: str
    job: str
    steps: tuple[str, ...]


PROCEDURES = (
    Procedure("loans", "borrow the {tool}", (
        "{Log in to|Open} the catalogue and {search for|type} {tool}.", "{Choose|Pick} {day} as the day to collect it.", "Bring your card and {deposit} for the deposit.",
        "{Ask at|Go to} the shed counter for bay {bay}.", "{Try it once|Look it over} while you are here.", "{Note|Write down} the day it is due.")),
    Procedure("loans", "return the {tool}", (
        "First {care}.", "{Put|Pack} all parts in {its|the} case.", "{Bring|Carry} it to Ferry Lane{ before six| in opening hours|}.", "Tell us {if|whether} anything {broke|is loose}.",
        "Wait while we {check|look over} the {tool}.", "{Take|Pocket} your deposit of {deposit}.")),
    Procedure("loans", "reserve {title}", (
        "Search for {title}{ by {author}|}.", "{Press|Click} the reserve button{ under the cover|}.", "{Choose|Set} {branch} as the place to collect.", "Wait for {our|a} message{ that it has come|}.",
        "{Fetch|Collect} it within {five|seven} days from the shelf by the door.")),
    Procedure("workshop", "book an hour on the {machine}", (
        "{Do|Finish} the induction of {induction} minutes.", "{Open|Look at} the calendar for {machine_bay}.", "{Choose|Pick} an hour {on {day}|that is white}.", "Bring your own {takes}.",
        "{Pay|Hand over} {fee} at the counter.", "Before you start, check that {check}.")),
    Procedure("workshop", "sign up for {course}", (
        "{Read|Check} who it is for: {level}.", "{Fill in|Write your name on} the form {at Ferry Lane|online}.", "Pay {price}{ in full| or ask for two parts|}.", "Come on {course_day} at {course_time}.",
        "{Wear|Put on} old clothes{ and closed shoes|}.", "Ask {tutor} {if you get stuck|about anything}.")),
    Procedure("rooms", "hire the {room}", (
        "Count your {guests|people}; the room seats {seats}.", "{Pick|Choose} {day} or another day in the calendar.", "{Send|Give} us the name of your group.", "Pay {rent} for each hour.",
        "{Collect|Fetch} the key at the counter.", "Leave it {clean|as you found it}{, lights off|, windows shut|}.")),
    Procedure("events", "come to {event}", (
        "Check the date: {when}.", "{Find|Go to} the place: {where}.", "The price is: {ticket}.", "Tell us {if|when} you need a {lift|seat near the front}.", "Bring {a friend|relatives|your neighbour} who might like it too.")),
    Procedure("membership", "get the {card}", (
        "Make sure that it is for you: {card_who}.", "Bring {proof}.", "{Fill in|Sign} the {green|short} form at {branch}.", "Wait while we print the card.", "Choose a PIN that is not your birthday.")),
)


def procedure_slots(rng: random.Random) -> dict[str, str]:
    """One of everything that a procedure may name."""
    tool, book, machine, course = rng.choice(TOOLS), rng.choice(BOOKS), rng.choice(MACHINES), rng.choice(COURSES)
    room, event, card = rng.choice(ROOMS), rng.choice(EVENTS), rng.choice(CARDS)
    return {
        "tool": tool.name, "care": tool.care, "bay": tool.bay, "deposit": pounds(tool.deposit), "title": book.title, "author": book.author,
        "machine": machine.name, "induction": str(machine.induction), "machine_bay": machine.bay, "takes": machine.takes, "fee": pounds(machine.fee), "check": machine.check,
        "course": course.name, "level": course.level, "price": pounds(course.price), "course_day": course.day, "course_time": course.time, "tutor": course.tutor, "makes": course.makes,
        "room": room.name, "seats": str(room.seats), "rent": pounds(room.price), "place": room.place, "event": event.name, "when": event.when, "where": event.where,
        "ticket": event.price, "card": card.name, "card_who": card.who, "proof": card.proof, "day": rng.choice(DAYS),
        "branch": rng.choice(("Quay Street", "Hill Road")), "relative": rng.choice(RELATIVES), "name": full_name(rng), "a_tool": an(tool.name),
    }  # fmt: skip


def numbered(steps: list[str]) -> str:
    """Steps as the desk writes them."""
    return "\n".join(f"{i}. {sentence(step)}" for i, step in enumerate(steps, 1))


def asked(rng: random.Random, asks: tuple[str, ...], job: str) -> str:
    """The question, with or without a reason, in either order."""
    question = pick(rng, asks, job=job)
    why = sentence(pick(rng, WHY, relative=rng.choice(RELATIVES), day=rng.choice(DAYS)))
    return casual(rng, " ".join(filter(None, (why, question) if rng.random() < 0.4 else (question, why))))


def of_craft(rng: random.Random, craft: Craft) -> tuple[str, str, str]:
    """Question, answer and subject about a craft."""
    if rng.random() < 0.4:
        needs = [*craft.needs, rng.choice(EXTRA_NEEDS.get(craft.category, ("half an hour of quiet", "a patient friend", "a cup of tea")))]
        return asked(rng, NEED_ASKS, craft.job), "\n".join(f"- {need}" for need in needs), f"needs {craft.job}"
    return asked(rng, HOW_ASKS, craft.job), numbered([spin(rng, step) for step in craft.steps]), f"steps {craft.job}"


def list_steps(rng: random.Random, category: str) -> Conversation:
    """A question that is answered with a list."""
    crafts = [craft for craft in CRAFTS if craft.category == category]
    procedures = [procedure for procedure in PROCEDURES if procedure.category == category]
    if crafts and (not procedures or rng.random() < len(crafts) / (len(crafts) + 12 * len(procedures))):
        question, answer, about = of_craft(rng, rng.choice(crafts))
    else:
        slots, procedure = procedure_slots(rng), rng.choice(procedures)
        job = spin(rng, procedure.job, **slots)
        question, answer, about = asked(rng, HOW_ASKS, job), numbered([spin(rng, step, **slots) for step in procedure.steps]), f"steps {job}"
    turns = (("user", question), ("assistant", answer))
    if rng.random() < 0.3:
        turns = (("system", rng.choice(SYSTEMS)), *turns)
    return Conversation("steps", category, about, turns)
