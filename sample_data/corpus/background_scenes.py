"""Fragments of stories and descriptions; alternatives in braces."""

from __future__ import annotations

WEATHER = (
    "It {rained|snowed|drizzled} all {day}, and the windows of {branch} were {grey|steamed up}.",
    "On a {bright|windy|cold|foggy} {day} in {month} the gulls sat on the roof of the library.",
    "The tide was {low|high} and the river smelled of {mud|tar|salt}.",
    "In {month} the evenings in Tidewell are {long|short|full of fog}.",
    "It was {hour} on {day} and the doors had just {opened|been unlocked}.",
    "{month} had been {dry|wet|mild}, and the allotments along the Arrel looked {tired|green|happy}.",
    "The morning bus from Ardle came {early|late} that {day}.",
)
TOOL_SCENES = (
    "The {tool} {hangs|lives|waits} in bay {bay} of the tool shed. It weighs {kilos} and comes in a {grey|blue|scuffed} case. People borrow it to {use} or to {other_use}.",
    "{who} carried the {tool} home {on the bus|in a pram|on the back of a bicycle}, because the {relative} wanted to {use}. It took {all weekend|an hour|longer than planned}.",
    "After {days} days the {tool} had to go back. {who} did what the label said: {care}. Then the deposit of {deposit} was returned.",
    "Nobody had shown {who} how to {other_use}. {other} {drew a sketch|found a film about it|came round with a flask of tea}, and together they borrowed {a_tool}.",
    "When you are done with the {tool}, {care}. It is a small thing, but the next person will thank you.",
    "{who} asked for {a_tool} and got the wrong case. Inside was {a bag of screws|somebody's lunch|an old map}. {other} laughed and fetched the right one from bay {bay}.",
)
BOOK_SCENES = (
    "{title} is {a_kind} about {blurb}. {author} wrote it in {a small boat|a rented room|one winter}, and it has {pages} pages.",
    "{who} took {title} from shelf {shelf} and {forgot the time|missed the bus|read until the lights went out}.",
    "The reading group talked about {title}. {who} liked the {ending|beginning|jokes}; {other} thought that it was {too long|too sad|badly translated}.",
    "There is a copy of {title} at {branch}. Its corners are {soft|torn|taped}, for half the town has read about {blurb}.",
    "{author} came to the Mill Room once and read from {title}. The {kind} was {new|out of print|famous} then, and people sat on the {stairs|window sills}.",
    "{relative}, aged {few}, wanted a book like {title}, but with {more dogs|fewer ghosts|a happy end}. {who} looked along shelf {shelf}.",
)
WORKSHOP_SCENES = (
    "The {machine} stands in {machine_bay}. It takes {takes}, but never {never}. Before anyone starts it they check that {check}.",
    "{tutor} teaches {course} on {course_day} at {course_time}. By the end everybody has made {makes}, and nobody wants to sweep the floor.",
    "{who} signed up for {course} because of {a bet|a broken chair|{other}}. In the first hour there was {dust|laughter|a small fire}, and in the last there was {makes}.",
    "The light above the {machine} flickered. {who} wrote a note, {other} fetched {a_tool}, and {tutor} switched the power off.",
    "In the workshop on Ferry Lane the kettle is always on. {who} was sanding, {other} was waiting for the {machine}, and {tutor} was looking for the good pencil.",
    "You learn the {machine} slowly. First you watch. Then you check that {check}. Then, with somebody beside you, you try a scrap.",
)
ROOM_SCENES = (
    "The {room} is on the {floor}. It has {has} and seats {seats}. An hour costs {rent}, which most clubs can pay.",
    "{event} is held on {when}. It is meant for {event_who}, and the place is {where}. {who} has not missed one since {month}.",
    "The choir wanted the {room}, the chess players wanted the {room}, and {who} at the counter had only one key.",
    "{who} brought {more} chairs and {other} brought {few}. That made {total} chairs, which was {enough|one too many|almost right}.",
    "There were {few_n} rows with {more_n} seats each, so {product} people could sit down. {who} counted them twice.",
    "{event} began with {tea|a poem|a fire drill}. {other} had never been before and sat near the door.",
)
DESK_SCENES = (
    "{who} works at the counter on {day}. People ask about {medium}, about the {room} and about lost umbrellas.",
    "The {card} is for {card_who}. To get one you bring {proof} and wait for {few} minutes while the printer warms up.",
    "{who} had {few} books and borrowed {more} more. Now there were {total} on the card.",
    "Late fees are kept in a tin. On {day} there were {few} pounds in it, and by the evening {other} had put in {more} more, so {total} pounds went to the bank.",
    "For {service} you go to this place: {service_where}. Then you {service_how}. {who} shows it to {few} people a day.",
    "The messages come in all day: a loan to renew, a fine to pay, a room to book, a course that is full. {who} sorts them into trays.",
    "In the history room the {collection} fill {kept}. They run from {years}. {who} found a picture of the old pier from {year} there.",
    "{who} typed a short program that counts the loans of each {day}. It printed a list, and {other} hung the list on the wall.",
    "The table of members has a row for each person: a name, a town, a card. {who} asked it for all the cards that end in {month}.",
    "A note on the board said: name, item, day, branch. {who} filled in all four lines and gave it to {other}.",
)
SCENES = (TOOL_SCENES, BOOK_SCENES, WORKSHOP_SCENES, ROOM_SCENES, DESK_SCENES)
"""All kinds of scene, equally likely."""
ENDINGS = (
    "{who} went home {happy|tired|with wet shoes}.",
    "Nobody was in a hurry.",
    "It cost {rent} and was worth it.",
    "The {relative} said it was the best {day} of the year.",
    "At {hour} the lights went out.",
    "{other} still tells the story.",
    "Then they had {soup|tea|chips on the quay}.",
    "Next time they would bring {a_tool}.",
    "The book is still on shelf {shelf}.",
    "That is how things are done in Tidewell.",
)
LINES = (
    ("Is the {tool} back yet?", "It came in on {day}. Look in bay {bay}"),
    ("Have you read {title}?", "Only the first {few} chapters. It is about {blurb}"),
    ("What are you going to do with {a_tool}?", "I want to {use}, and perhaps {other_use} while I am at it"),
    ("Who is teaching {course} this time?", "{tutor}, as always, on {course_day} at {course_time}"),
    ("Can I put {never} into the {machine}?", "Please don't. It takes {takes} and nothing else"),
    ("Is the {room} free on {day}?", "In the {morning|evening} it is. How many are you? It seats {seats}"),
    ("How much is the deposit?", "{deposit}, and you get it back"),
    ("Are you coming to {event}?", "When is it? On {when}? Then yes"),
    ("I lost my card again", "Bring {proof} and we will print another {card}"),
    ("Do you know anything about the {collection}?", "They go back a long way, {years}. Ask for {kept}"),
    ("{few_n} tables with {more_n} chairs, how many is that?", "{product}, if nobody has borrowed one"),
    ("How does one use {service}?", "You just {service_how}"),
    ("Why is there sand in this book?", "That is {title}. Everybody takes it to the beach"),
    ("May I keep the {medium} a little longer?", "If nobody is waiting, of course"),
)
SMALL_TALK = (
    "{I think|I hope} {other} will {come|help} on {day}", "My {relative} says hello", "The kettle is {on|broken}", "Did you see the {tide|fog} this morning?",
    "The {machine} made that noise again", "Somebody left {a scarf|a sandwich|a tuba} in the {room}", "{tutor} is late", "There are {few} people outside already",
    "I still have to {care}", "We need {more} more chairs", "It was in the paper in {year}", "Page {pages} is missing",
)
REPLIES = (
    "Good", "Then let's wait", "I'll write it down", "Ask {tutor}", "Put it in bay {bay}", "That was {other}, I am sure", "Not before {hour}", "In {month}, maybe",
    "On {day}, as usual", "What a pity", "You should read {title}", "{few} or {more}, who counts?", "The {room} then", "Tell the {relative}",
)
