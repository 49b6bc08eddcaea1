"""Desk topics about rooms, courses, machines, cards, computers, events, history and opening hours."""

from __future__ import annotations

from typing import Any

from corpus.desk import Topic, spoken_hour
from corpus.text import DAYS, an, number_word, pounds
from corpus.venues import CARDS, COLLECTIONS, COURSES, EVENTS, MACHINES, ROOMS, SERVICES, Card, Collection, Course, Event, Machine, Room, Service
from corpus.world import BRANCHES

_OPENING = tuple((branch.name, day, *branch.hours[i]) for branch in BRANCHES for i, day in enumerate(DAYS))


def opening_slots(entry: tuple[str, str, float, float]) -> dict[str, Any]:
    """The words for one day at one branch."""
    branch, day, opens, closes = entry
    hours = f"from {spoken_hour(opens)} to {spoken_hour(closes)}" if closes else "not at all"
    return {"branch": branch, "day": day, "hours": hours}


def room_slots(room: Room) -> dict[str, Any]:
    """The words for a room."""
    return {"room": room.name, "seats": room.seats, "price": pounds(room.price), "place": room.place, "has": room.has}


def course_slots(course: Course) -> dict[str, Any]:
    """The words for a course."""
    weeks = f"{number_word(course.weeks)} sessions" if course.weeks > 1 else "one session"
    return {**course._asdict(), "course": course.name, "price": pounds(course.price), "sessions": weeks}


def machine_slots(machine: Machine) -> dict[str, Any]:
    """The words for a machine."""
    return {**machine._asdict(), "machine": machine.name, "fee": pounds(machine.fee), "a_machine": an(machine.name)}


def card_slots(card: Card) -> dict[str, Any]:
    """The words for a membership."""
    price = f"{pounds(card.price)} a year" if card.price else "nothing"
    return {"card": card.name, "price": price, "who": card.who, "limit": number_word(card.limit), "proof": card.proof}


def plain_slots(entry: Service | Collection | Event) -> dict[str, Any]:
    """The words for anything whose fields are already words."""
    return entry._asdict()


_ROOM_CONTEXTS = (
    "Our choir has lost its hall.",
    "{relative} wants to hold a small party.",
    "I run a {reading|walking|parents'} group.",
    "We are {six|nine|fourteen} people and a baby.",
    "I have a job interview by video next week.",
    "The allotment society needs somewhere dry to meet.",
    "I teach {French|drawing|first aid} on the side.",
    "Last time we used the {room} and liked it.",
)
_COURSE_CONTEXTS = (
    "{relative} gave me a voucher.",
    "I'm between jobs and want to learn something.",
    "I saw a photo of {makes} on your wall.",
    "My hands need something to do in the evenings.",
    "I'm thinking about {course}.",
    "A colleague won't stop showing me {makes}.",
    "My weekends are free for once.",
    "I missed {course} last spring.",
)
_MACHINE_CONTEXTS = (
    "I did a course in another town.",
    "I'd love to try the {machine}.",
    "I need one part for a {school|garden|boat} project.",
    "{relative} has a maker card and I'm jealous.",
    "My order is too small for a factory.",
    "I've only ever watched {a_machine} in videos.",
    "I have an idea for a Christmas present.",
)
_CARD_CONTEXTS = (
    "We moved here in {spring|autumn|the snow}.",
    "{relative} would like to join.",
    "I had a card years ago.",
    "I come through Tidewell twice a week for work.",
    "Somebody at the market told me to get the {card}.",
    "I found the form, but it says nothing about this.",
)
_SERVICE_CONTEXTS = (
    "My own machine died yesterday.",
    "{relative} needs help with forms.",
    "I'm not good with computers.",
    "I have an appointment at noon and must hurry.",
    "I'm visiting for two days.",
    "The kiosk shows an odd picture.",
)
_EVENT_CONTEXTS = (
    "I picked up a leaflet that got wet.",
    "{relative} is staying with us.",
    "We're new in town and want to meet people.",
    "My neighbour raves about {name}.",
    "I've got a free week coming up.",
    "It's about {name}.",
)
_HISTORY_CONTEXTS = (
    "I'm tracing my great-grandfather, who built boats here.",
    "My class is doing a project on the harbour.",
    "I'm writing a small book about our street.",
    "I bought an old house and want to know its story.",
    "A relative in Canada asked me to look something up.",
)

VENUE_TOPICS = (
    Topic("hours", "membership", "H", _OPENING, opening_slots,
        ("I work shifts.", "{relative} can only come after school.", "The sign on the door has faded.", "I'd like to drop by this week.", "We arrive by the noon bus.", ""),
        ("When is {branch} open on {day}?", "What are the {day} hours of {branch}?", "Could I come to {branch} on a {day}, and when?"),
        ("On {day} {branch} opens {hours}.", "{branch} is open {hours} on {day}.", "The {day} hours of {branch}: {hours}.")),
    Topic("room price", "rooms", "R", ROOMS, room_slots, _ROOM_CONTEXTS,
        ("What does the {room} cost?", "How much is an hour in the {room}?", "Could you give me the price of the {room}?"),
        ("The {room} costs {price} an hour.", "An hour in the {room} is {price}.", "You pay {price} for each hour in the {room}.")),
    Topic("room seats", "rooms", "R", ROOMS, room_slots, _ROOM_CONTEXTS,
        ("How many people fit into the {room}?", "How big is the {room}?", "Would we all get a chair in the {room}?"),
        ("The {room} seats {seats}.", "There are {seats} chairs in the {room}.", "Up to {seats} people fit into the {room}.")),
    Topic("room place", "rooms", "R", ROOMS, room_slots, _ROOM_CONTEXTS,
        ("Where is the {room}?", "How do I find the {room}?", "Which floor is the {room} on?"),
        ("The {room} is {place}.", "Look {place}; the {room} is signposted.", "You will find the {room} {place}.")),
    Topic("room equipment", "rooms", "R", ROOMS, room_slots, _ROOM_CONTEXTS,
        ("What is in the {room}?", "What equipment comes with the {room}?", "Is there anything in the {room} apart from chairs?"),
        ("The {room} has {has}.", "It comes with {has}.", "In the {room} you will find {has}.")),
    Topic("course time", "workshop", "C", COURSES, course_slots, _COURSE_CONTEXTS,
        ("When does {course} run?", "What day and time is {course}?", "Is {course} in the evening or during the day?"),
        ("{course} runs on {day} at {time}, {sessions} in all.", "It is on {day} at {time} with {tutor}.", "{tutor} teaches {course} on {day} at {time}.")),
    Topic("course price", "payments", "C", COURSES, course_slots, _COURSE_CONTEXTS,
        ("What does {course} cost?", "How much do you charge for {course}?", "Is {course} expensive?"),
        ("{course} costs {price} for {sessions}.", "The fee is {price} and covers {sessions}.", "You pay {price} for {course}, material included.")),
    Topic("course level", "workshop", "C", COURSES, course_slots, _COURSE_CONTEXTS,
        ("Who is {course} for?", "Do I need experience for {course}?", "Would {course} suit {relative}?"),
        ("{course} is for {level}.", "{tutor} teaches {course} for {level}.", "It is meant for {level}.")),
    Topic("course result", "workshop", "C", COURSES, course_slots, _COURSE_CONTEXTS,
        ("What will I make in {course}?", "What do people take home from {course}?", "What is the project in {course}?"),
        ("In {course} you make {makes}.", "You go home with {makes}.", "The project is {makes}.")),
    Topic("machine induction", "workshop", "M", MACHINES, machine_slots, _MACHINE_CONTEXTS,
        ("How long is the induction for the {machine}?", "Do I need an induction for the {machine}?", "What must I do before I may use the {machine}?"),
        ("The {machine} needs an induction of {induction} minutes.", "Book the {induction} minute induction first.", "You need one induction, {induction} minutes long, for the {machine}.")),
    Topic("machine fee", "payments", "M", MACHINES, machine_slots, _MACHINE_CONTEXTS,
        ("What does an hour on the {machine} cost?", "How much is the {machine}?", "What will I pay for the {machine}?"),
        ("The {machine} costs {fee} an hour.", "An hour on the {machine} is {fee}.", "We charge {fee} for each hour on the {machine}.")),
    Topic("machine material", "workshop", "M", MACHINES, machine_slots, _MACHINE_CONTEXTS,
        ("What can I put into the {machine}?", "Which materials does the {machine} take?", "Can the {machine} handle {never}?"),
        ("The {machine} takes {takes}, but never {never}.", "Use {takes} and keep {never} away from it.", "{takes} are fine in the {machine}; {never} is not.")),
    Topic("machine check", "workshop", "M", MACHINES, machine_slots, _MACHINE_CONTEXTS,
        ("What do I check before I start the {machine}?", "Which safety check comes first on the {machine}?", "What do people forget with the {machine}?"),
        ("Before you start the {machine}, check that {check}.", "Make sure that {check}.", "First check on the {machine}: {check}.")),
    Topic("card price", "membership", "K", CARDS, card_slots, _CARD_CONTEXTS,
        ("What does the {card} cost?", "How much is a {card}?", "Is the {card} free?"),
        ("The {card} costs {price}.", "You pay {price} for the {card}.", "For a {card} we ask {price}.")),
    Topic("card who", "membership", "K", CARDS, card_slots, _CARD_CONTEXTS,
        ("Who can get the {card}?", "Am I allowed to have a {card}?", "Who is the {card} for?"),
        ("The {card} is for {who}.", "We give the {card} to {who}.", "It is open to {who}.")),
    Topic("card proof", "membership", "K", CARDS, card_slots, _CARD_CONTEXTS,
        ("What do I bring for the {card}?", "Which papers do you need for a {card}?", "What proof do you ask for with the {card}?"),
        ("Bring {proof} for the {card}.", "We need {proof}.", "For the {card} please show {proof}.")),
    Topic("card limit", "membership", "K", CARDS, card_slots, _CARD_CONTEXTS,
        ("How many loans fit on the {card}?", "How much can I borrow with a {card}?", "What is the loan limit of the {card}?"),
        ("The {card} holds {limit} loans at a time.", "You can have {limit} things out on the {card}.", "{limit} loans fit on a {card}.")),
    Topic("service price", "computers", "S", SERVICES, plain_slots, _SERVICE_CONTEXTS,
        ("What does {name} cost?", "Do you charge for {name}?", "Is {name} free?"),
        ("The price of {name}: {price}.", "For {name} it is {price}.", "{name}: {price}.")),
    Topic("service place", "computers", "S", SERVICES, plain_slots, _SERVICE_CONTEXTS,
        ("Where do I find {name}?", "Where in the building is {name}?", "Which place offers {name}?"),
        ("You find {name} here: {where}.", "{name}: {where}.", "Go for {name} to this place: {where}.")),
    Topic("service how", "computers", "S", SERVICES, plain_slots, _SERVICE_CONTEXTS,
        ("How does {name} work?", "How do I use {name}?", "What are the steps for {name}?"),
        ("For {name}, {how}.", "Just {how}.", "To use {name}, {how}.")),
    Topic("event when", "events", "E", EVENTS, plain_slots, _EVENT_CONTEXTS,
        ("When is {name}?", "What time does {name} start, and on which day?", "On which days do you hold {name}?"),
        ("{name} is on {when}.", "Come on {when} for {name}.", "We hold {name} on {when}.")),
    Topic("event where", "events", "E", EVENTS, plain_slots, _EVENT_CONTEXTS,
        ("Where does {name} take place?", "Where do I go for {name}?", "Which room is {name} in?"),
        ("{name} takes place here: {where}.", "Go to {where} for {name}.", "The place for {name} is {where}.")),
    Topic("event who", "events", "E", EVENTS, plain_slots, _EVENT_CONTEXTS,
        ("Who is {name} for?", "Can anyone come to {name}?", "Would {name} suit {relative}?"),
        ("{name} is for {who}.", "It is made for {who}.", "{name} welcomes {who}.")),
    Topic("event price", "events", "E", EVENTS, plain_slots, _EVENT_CONTEXTS,
        ("What does {name} cost?", "Do I pay for {name}?", "Is there a ticket for {name}?"),
        ("The price for {name}: {price}.", "{name} costs this much: {price}.", "Entry to {name}: {price}.")),
    Topic("history years", "history", "A", COLLECTIONS, plain_slots, _HISTORY_CONTEXTS,
        ("Which years do the {name} cover?", "How far back do your {name} go?"),
        ("Our {name} run from {years}.", "The {name} cover {years}.")),
    Topic("history place", "history", "A", COLLECTIONS, plain_slots, _HISTORY_CONTEXTS,
        ("Where are the {name} kept?", "How do I get at the {name}?"),
        ("The {name} are in {kept}; {rule}.", "Ask for {kept}. For the {name} one rule holds: {rule}.")),
)
