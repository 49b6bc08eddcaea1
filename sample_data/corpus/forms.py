"""Pulling fixed keys out of a message into one line of JSON."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

from corpus.text import DAYS, RELATIVES, Conversation, full_name, number_word, pick, sentence, spin
from corpus.venues import CARDS, COURSES, EVENTS, MACHINES, ROOMS
from corpus.world import BOOKS, TOOLS


class Form(NamedTuple):
    """A form the desk fills in.

    Attributes:
        category: The category of the message.
        keys: The JSON keys, in order.
        facts: Sentences that hold the facts; every alternative names all keys but the name.
        chatter: Sentences that hold nothing.
    """

    category: str
    keys: tuple[str, ...]
    facts: tuple[str, ...]
    chatter: tuple[str, ...]


FORMS = (
    Form("loans", ("name", "item", "branch", "day", "quantity"), (
        "{Could you|Please} {put aside|keep|reserve} {quantity_word} of {item} for me {at|in} {branch}? I will {come|collect} on {day}.",
        "On {day} I'll be in {branch} and would like to {take|borrow} {item}, {quantity_word} of them.",
        "{item}, {quantity_word} please, for {branch}. {day} would suit me {best|well}.",
        "I need {item} ({quantity}) by {day}. {branch} is the nearest branch for me.",
        "{branch} again: I'd pick up {quantity_word} {copies|pieces} of {item} when I finish work on {day}.",
        "{relative} and I want {quantity_word} of {item}. Send them to {branch}, and we fetch them on {day}.",
    ), (
        "{relative} said that your list is long.", "Last time it took a while, but I don't mind.", "Lovely weather, by the way.", "We have run out of things to read.",
        "It is for a {school|garden|birthday} thing.", "I hope that is not too many.", "My card is the old green one.", "I won't be late this time.",
        "If not, never mind.", "The kids can hardly wait.",
    )),
    Form("loans", ("tool", "bay", "fault", "reported_by", "safe"), (
        "The {tool} from bay {bay} {has|came back with} {fault}. It is {safe_word}.",
        "I hung the {tool} in bay {bay}, but please note {fault}. I'd call it {safe_word}.",
        "Bay {bay}, {tool}: {fault}. {safe_sentence}",
        "{fault} on the {tool}. {safe_sentence} It is in bay {bay} again.",
        "When I opened the case of the {tool} I saw {fault}. It hangs in bay {bay} now. {safe_sentence}",
    ), (
        "I did not drop it.", "It was like that on Friday.", "{relative} noticed first.", "I put a red tag on it.", "Sorry!", "Otherwise it worked well.",
        "I have the small parts in an envelope.", "The one before me must have known.", "No one was hurt.",
    )),
    Form("rooms", ("name", "room", "day", "start", "hours", "people"), (
        "We'd like the {room} on {day} from {start} for {hours_word} hours. There are {people} of us.",
        "{people} people, {day}, {start}, {hours_word} hours: is the {room} free?",
        "Is the {room} free on {day}? We are {people} and would start at {start} and stay {hours_word} hours.",
        "My group of {people} needs {hours_word} hours in the {room}. {day} at {start} would be {perfect|fine}.",
    ), (
        "We bring our own tea.", "Somebody in the group uses a wheelchair.", "We are a quiet lot.", "Last year we sat in the courtyard.", "The drums stay at home.",
        "I can pay at once.", "It is our yearly meeting.", "Half of them are late anyway.",
    )),
    Form("workshop", ("name", "course", "phone", "first_time"), (
        "Please {put|sign} me down for {course}. My number is {phone}. {first_sentence}",
        "{course} sounds {great|like fun}. {first_sentence} Call me on {phone}.",
        "{first_sentence} Is {course} open? You reach me on {phone}.",
        "I want to join {course} and my phone is {phone}. {first_sentence}",
    ), (
        "My hands are good, my eyes less so.", "I'll bring an apron.", "{relative} may come too, but will write to you alone.", "I live round the corner.",
        "A friend showed me the results.", "I was going to wait until spring.", "Mornings are best for calls.",
    )),
    Form("workshop", ("machine", "day", "minutes", "problem", "reported_by"), (
        "The {machine} stood still for {minutes} minutes on {day} because of {problem}.",
        "{day}, {machine}: {problem}. I lost {minutes} minutes.",
        "After {minutes} minutes on the {machine} there was {problem}. That was on {day}.",
        "Please look at the {machine}. On {day} {problem} cost us {minutes} minutes.",
    ), (
        "I wrote it in the book too.", "The tutor shrugged.", "My piece is fine.", "I switched everything off.", "It smelled a bit.", "Others were waiting, so I left.",
    )),
    Form("events", ("name", "event", "guests", "food"), (
        "There will be {guests_word} of us at {event}, and we eat {food}.",
        "Put us down for {event}: {guests} guests, {food}.",
        "We eat {food} and would love to come to {event}. That makes {guests_word} people.",
        "{guests} places at {event}, please. Food: {food}.",
    ), (
        "We may be a little late.", "One of us sings.", "Is there a cloakroom?", "It will be our first time.", "We'll walk over from the quay.", "Somebody told me to book early.",
    )),
    Form("payments", ("name", "amount", "reason", "card"), (
        "I was asked for £{amount} for {reason}. The card is {card}.",
        "Card {card}: you took £{amount} for {reason}.",
        "Why £{amount}? It says {reason}, on card {card}.",
        "About {reason}: I paid £{amount} with card {card}.",
    ), (
        "I keep every slip.", "That seems a lot.", "Perhaps it is a mistake.", "I'm happy to pay if it's right.", "The kiosk would not tell me more.", "It's not the money.",
    )),
    Form("membership", ("name", "card_kind", "change", "from_day"), (
        "Please change my {card_kind}: {change}, from {day}.",
        "From {day} on there is {change}. I have a {card_kind}.",
        "I hold a {card_kind} and need to report {change}. It starts on {day}.",
    ), ("I have the papers here.", "Nothing else is different.", "The form online was broken.", "I hope that is all you need.", "It has been a busy month.")),
    Form("computers", ("device", "place", "problem", "since"), (
        "The {device} at {place} has {problem}. It has been like that since {day}.",
        "{problem} on the {device} in {place}, since {day}.",
        "Since {day} there is {problem} on the {device}. I mean the one at {place}.",
    ), ("I turned it off and on.", "Others have the same.", "I need it for an exam.", "Maybe it is tired.", "The young man at the desk was kind about it.")),
    Form("history", ("name", "subject", "year", "wants"), (
        "I'm looking into {subject} around {year} and would like {wants}.",
        "Could I have {wants} about {subject}? The year should be {year}.",
        "My subject is {subject}, {year}. I want {wants}.",
    ), ("It's for a family book.", "I can read old handwriting.", "My eyes need large copies.", "There's no hurry after all these years.")),
)  # fmt: skip
FAULTS = (
    "a cracked handle", "a frayed cable", "a loose screw", "a bent blade", "a missing knob", "rust on one side", "a weak battery", "a split case", "a smell of burning",
    "a switch that sticks", "oil on the grip", "a worn plug", "a wobbling foot", "a blunt edge", "a broken catch", "dust in the vents",
)
PROBLEMS = ("a jam", "a blown fuse", "a slack belt", "a stuck drawer", "an odd noise", "a full dust bag", "a warning light", "a worn bit", "no suction", "a lost key")
SCREENS = ("a black screen", "no sound", "a stuck key", "a slow start", "a paper jam", "streaks on the page", "no signal", "a frozen menu", "a wrong clock", "a loose lead")
DEVICES = ("printer", "scanner", "kiosk", "computer 2", "computer 5", "laptop 3", "wifi box", "till", "film reader", "door panel")
CHANGES = ("a new surname", "a new address", "a new phone number", "a child to add", "an end to the direct debit", "another email address", "a lost PIN")
FOODS = ("no nuts", "no meat", "everything", "no milk", "no fish", "no gluten", "only soup")
REASONS = ("a late film", "a lost badge", "a broken mug", "twelve prints", "a room key", "a puzzle piece", "a course", "the wood lathe", "a poster", "a replacement card")
SUBJECTS = ("the ferry strike", "my aunt's school", "the old lifeboat", "the rope works", "a ship called Annabel", "the tannery fire", "the market cross", "Salt Street")
WANTS = ("a photograph", "a copy of a page", "a map", "a list of names", "an hour with the volume", "a scan")
ASKS = (
    "Take out {keys}.", "Give me JSON with {keys}.", "Make a record: {keys}.", "Extract {keys} as JSON.", "Turn this into JSON ({keys}).",
    "Please log this message ({keys}).", "Fields: {keys}.",
)
SYSTEMS = ("You fill in forms. Reply with one line of JSON.", "Reply with JSON only: the keys you are given, in that order.", "Form filler of the Tidewell desk. One JSON object, no other words.")
SIGNATURES = ("{name}", "Thanks, {name}", "Regards, {name}", "This is {name}.", "My name is {name}.", "It's {name} here.", "{name}, as always.", "Yours, {name}")


def form_values(rng: random.Random) -> dict[str, Any]:
    """A value for every key of every form, and its wording."""
    tool, quantity, hours, guests = rng.choice(TOOLS), rng.randrange(1, 7), rng.randrange(2, 6), rng.randrange(2, 9)
    safe, first = rng.random() < 0.5, rng.random() < 0.6
    item = rng.choice(BOOKS).title if rng.random() < 0.6 else rng.choice(("lawn game", "box of puppets", "reading lamp", "magnifying glass", "travel game", "picture atlas"))
    return {
        "name": full_name(rng), "item": item, "branch": rng.choice(("Quay Street", "Hill Road", "Ferry Lane")), "day": rng.choice(DAYS),
        "quantity": quantity, "quantity_word": number_word(quantity), "tool": tool.name, "bay": tool.bay, "fault": rng.choice(FAULTS),
        "safe": safe, "safe_word": rng.choice(("still safe", "safe to use") if safe else ("not safe", "unsafe")),
        "safe_sentence": rng.choice(("It can still be used.", "It is safe, I think.") if safe else ("Nobody should use it.", "It is not safe.")),
        "room": rng.choice(ROOMS).name, "start": rng.choice(("9 am", "10 am", "11 am", "1 pm", "2 pm", "4 pm", "6 pm", "7 pm")),
        "hours": hours, "hours_word": number_word(hours), "people": rng.randrange(4, 40), "course": rng.choice(COURSES).name,
        "phone": f"0{rng.randrange(100, 999)} {rng.randrange(1000, 9999)}", "first_time": first,
        "first_sentence": rng.choice(("I have never done this before.", "It would be my first course.") if first else ("I have been to one of your courses.", "I was with you last year as well.")),
        "machine": rng.choice(MACHINES).name, "minutes": rng.randrange(10, 90), "problem": rng.choice(PROBLEMS), "event": rng.choice(EVENTS).name,
        "guests": guests, "guests_word": number_word(guests), "food": rng.choice(FOODS), "amount": rng.randrange(2, 60), "reason": rng.choice(REASONS),
        "card": f"{rng.choice('ABCDEF')}{rng.randrange(1000, 9999)}", "card_kind": rng.choice(CARDS).name, "change": rng.choice(CHANGES),
        "device": rng.choice(DEVICES), "place": rng.choice(("Quay Street", "Hill Road", "Ferry Lane")), "subject": rng.choice(SUBJECTS),
        "year": rng.randrange(1825, 1970), "wants": rng.choice(WANTS), "relative": rng.choice(RELATIVES),
    }  # fmt: skip


_ALIASES = {"reported_by": "name", "from_day": "day", "since": "day"}


def write_message(rng: random.Random, form: Form, values: dict[str, Any]) -> str:
    """A message that holds every value of the form once, among chatter."""
    parts = [sentence(pick(rng, form.facts, **values))]
    for line in rng.sample(form.chatter, rng.randrange(0, 3)):
        parts.insert(rng.randrange(len(parts) + 1), sentence(spin(rng, line, **values)))
    signature = "name" in form.keys or "reported_by" in form.keys
    if signature:
        line = pick(rng, SIGNATURES, **values)
        parts.insert(0 if line.endswith("here.") or line.startswith("This is") else len(parts), line)
    return " ".join(parts)


def extract(rng: random.Random, category: str) -> Conversation:
    """A message and the form filled in from it."""
    form = rng.choice([form for form in FORMS if form.category == category])
    values = form_values(rng)
    if form.keys[0] == "device":
        values["problem"] = rng.choice(SCREENS)
    record = {key: values[_ALIASES.get(key, key)] for key in form.keys}
    ask = spin(rng, rng.choice(ASKS), keys=", ".join(form.keys))
    body = write_message(rng, form, values)
    asked = f"{ask}\n\n{body}" if rng.random() < 0.7 else f"{body}\n\n{ask}"
    turns = (("user", asked), ("assistant", json.dumps(record, ensure_ascii=False)))
    if rng.random() < 0.5:
        turns = (("system", rng.choice(SYSTEMS)), *turns)
    return Conversation("extract", category, "form " + " ".join(str(value) for value in record.values()), turns)
