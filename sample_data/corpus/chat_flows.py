"""Conversations as (visitor, desk) exchanges; alternatives in braces."""

from __future__ import annotations

LOANS = (
    (("{Is|Do you have} {title} {in|on the shelf} today?", "One copy {is in|stands} at {branch}. Would you like to have it held?"),
     ("Yes please{, I can come on {day}|, until {day}}.", "{Press reserve under the cover|Reserve it in the catalogue} and choose {branch}. {title} waits there until {day} evening.")),
    (("I want to {borrow|get} {title} but {the screen says it's out|my friend has it}.", "It is {out until {date} {month}|due on {date} {month}}, and {queue} readers wait. {The queue is open to you|You can join the queue online}."),
     ("{How long will that take|That's long}? {Anything like it|Do you have something similar}?", "{While you wait|Meanwhile} try {other_title} by {other_author}. It is {in|here} at {branch}."),
     ("{OK, both|Good, I'll do both}.", "Then reserve {title} in the catalogue, and {fetch|collect} {other_title} at {branch}.")),
    (("My {neighbour|cousin} {says|told me} you {lend|have} {a_tool}. {Is that so|True}?", "{Yes|We do}: it hangs in bay {bay}, and the deposit is {deposit}. When do you need it?"),
     ("{day} {morning|afternoon}.", "The {tool} is {free|still free} on {day}. {Reserve|Book} it online, and bring {deposit} and your card."),
     ("And {when|by which day} {must it be|do you want it} back?", "The due day is on the tag. Before you return it, {care}.")),
    (("I need {a_tool} and {maybe|also} the {other_tool} {on {day}|for the weekend}.", "Both can be had: bay {bay} and bay {other_bay}. The deposits are {deposit} and {other_deposit}."),
     ("{That's a lot|Two deposits}? I {only use one at a time|am short of cash}.", "Then {take|start with} the {tool} on {day} and swap it for the {other_tool} {when you are done|later}; the deposit moves along.")),
    (("{Can I|May I} renew {title}?", "{Let me look|One moment}. Nobody is waiting, so {yes|of course}: press renew, and the new date is {date} {month}."),
     ("{Great|Lovely}. And {other_title}?", "That one is {reserved|wanted} by another reader. Please bring it back by {day}.")),
    (("The {tool} {stopped|died} on me{ halfway through|}.", "{Sorry about that|That's a pity}. Is it {the battery|the cable}, or {does it do nothing at all|something else}?"),
     ("It {hums|clicks} but {does not turn|nothing moves}.", "Then {unplug it|stop} and bring it to bay {bay}. You pay nothing for a fault."),
     ("I still have {half a wall|two boards|one room} to do.", "On {day} the {other_tool} is free; look in bay {other_bay}.")),
    (("{relative} is {ill|in bed} and wants {a novel|something to read}. {What do you suggest|Any idea}?", "Does {your patient|the reader} like {title} by {author}, or rather {something lighter|shorter books}?"),
     ("{Lighter|Short ones}, please.", "Then take {other_title} by {other_author}. The Heron van stops in your {street|village} on {day}.")),
    (("I think I {returned|brought back} {title}, but it is {still on my card|not gone from my list}.", "That happens now and then. Which branch {was it|did you use}, and when?"),
     ("{branch}, through the {flap|night box}, on {day}.", "{Then ask|Please ask} the counter at {branch} to look {on the trolley|behind {other_title}}; they can clear your card.")),
    (("How many {copies of {title}|people can read {title} at once}? It is for our {book group|class}.", "There are {count} copies, two of them at {branch}. When does the group meet?"),
     ("{date} {month}{, in the {room}|}.", "Reserve all {count} under the name of your group; they {wait|are kept} at the counter.")),
    (("I {lost|can't find} the {manual|small key} of the {tool}.", "{No harm done|Don't worry}, there is a copy of it {online|in bay {bay}}. Is the {tool} itself all right?"),
     ("{Yes, it works|It is fine}.", "Then {care} and bring it back by {day}. The lost part costs {sum}.")),
)
WORKSHOP = (
    (("{Is there|Do you have} a place in {course}?", "{Yes, two|One place is left}. It runs on {course_day} at {course_time} and costs {price}."),
     ("{Good, where do I sign|I'd like that}.", "Sign up {online|at the counter} for {course}, {course_day}, {course_time}. {tutor} will {expect|greet} you at Ferry Lane.")),
    (("I {want|would like} to use the {machine} on {day}.", "Have you done the induction of {induction} minutes?"),
     ("{Not yet|No}. {When is the next one|Can I do it first}?", "You can do it on {other_day} and use the {machine} on {day}. {Is that all right|Would that suit you}?"),
     ("{Please do|Yes}.", "Then book both in the calendar: induction on {other_day}, {machine} on {day}, {machine_bay}. The hour costs {fee}.")),
    (("The {machine} {beeps|shows red} and {I'm afraid to touch it|won't start}.", "Please {leave it|step back} and check one thing: {check}. Is that so?"),
     ("{No, it isn't|I think not}.", "Then put that right and try {again|once more}. If it still {beeps|refuses}, switch it off and fetch {tutor}.")),
    (("What can I {cut|make} on the {machine}?", "It takes {takes}. What do you have in mind?"),
     ("A {sign|gift|part} for {relative}.", "{Nice|Good plan}. Bring a drawing on {day}, and {tutor} will have a look at it.")),
    (("Which course is {right|good} for {a complete beginner|two left hands}?", "{course} is for {level}. You would make {makes}."),
     ("{Sounds good|I like that}. {What does it cost|How much}?", "It costs {price}, and the next one starts on {course_day}, {date} {month}."),
     ("Let me {think|sleep on it}.", "{Of course|No hurry}. Places are {usually|often} left until {other_day}.")),
    (("I {left|forgot} my {glasses|jacket|tape measure} {in|at} {machine_bay} {yesterday|on {day}}.", "There is a box of lost things in the office. {What does it look like|Is there a name on it}?"),
     ("{Blue|Red|Old} and {worn|dusty}, with {a broken zip|initials}.", "{Ask for|Look through} the box at the counter; things are kept until {other_day}.")),
)
EVENTS = (
    (("{When|On what day} is {event}?", "{event} is on {when}. Would you like {a seat|to come}?"),
     ("Yes, for {count}.", "Write {count} names on the list at the counter. The place is {where}, and the price is: {ticket}.")),
    (("{relative} {can't climb stairs|is hard of hearing}. Is {event} possible?", "Yes. The place is {where}, and there is {a seat near the front|a lift and a loop}."),
     ("{Good to know|Thank you}. Do we need to {book|tell you}?", "No need to. Come to {event} ten minutes early, and {a volunteer|{name}} will help.")),
    (("We {missed|could not come to} {event}. {What else is on|Is there anything else}?", "The next one is {other_event}, on {other_when}."),
     ("{Is it free|Where is that}?", "The place is {other_where}. Have a look at the board for the price, or ask me on {day}.")),
)
PAYMENTS = (
    (("Why do I {owe|have to pay} {sum}?", "That is for {title}, which came back late in {month}."),
     ("I was {in hospital|away at sea}!", "I'm sorry to hear that. Such a fee can be {halved|dropped}; please {send|bring} a note by {day}."),
     ("{Will do|Thank you so much}.", "{Get well soon|Good}. After that your account is open for loans again.")),
    (("Where is my deposit for the {tool}?", "Deposits go to the bank when the tool is checked in. When did it come {back|home}?"),
     ("On {day}{, I think|, by {other_day} at the latest}.", "Banks need up to {count} working days. If {deposit} is not there by {date} {month}, show us a statement.")),
    (("Can I pay {sum} in {parts|two halves}?", "Yes, {half now and half in {month}|in two parts}. For what is it?"),
     ("{course}.", "The fee for {course} is {price}. Pay the first part at the kiosk by {day}.")),
)
ROOMS = (
    (("I {need|am looking for} a room for {count} people on {day}.", "The {room} is free on {day}. It seats {seats} and costs {rent} an hour."),
     ("{From six to eight|Two hours in the evening}, please.", "Book {room}, {day}, two hours, in the calendar. The key is at the counter.")),
    (("Can we move our booking of the {room} from {day} to {other_day}?", "{other_day} is {taken|full} until five. {Would six suit you|Is the evening fine}?"),
     ("{Six is fine|Yes}.", "Change it in the calendar to {other_day} at six. The {room} stays at {rent} an hour.")),
    (("The {room} is {cold|dark|locked} and we {start|begin} in ten minutes!", "Please ring the bell at the counter. How many are you?"),
     ("{count}.", "If it is not solved in five minutes, take the {other_room}; it is open.")),
)
MEMBERSHIP = (
    (("How do I {get|apply for} a {card}?", "It is for {card_who}. {Is that you|Does that fit}?"),
     ("{Yes|I think so}.", "Then bring {proof} to {branch}. It takes five minutes.")),
    (("I {lost|can't find} my card{ on the beach|}.", "Block it in your account {at once|first}. Which kind was it?"),
     ("A {card}.", "A new {card} can be collected at {branch} from {day}. Please bring {proof}.")),
    (("{We are moving|I have moved}. What do you need{ from me|}?", "Your new address, and {proof} if you have a {card}."),
     ("I'll {bring it|come} on {day}.", "Thank you. Until {day} your card works as before.")),
)
COMPUTERS = (
    (("The {printer|scanner} at {branch} {ignores me|does nothing}.", "Is the small light {green|on}? If not, press the side button once."),
     ("{It's green|Yes it is}, but still {nothing|no page}.", "Then your file waits in the queue. Tap your card on the reader, and choose the top line.")),
    (("I can't {log in|open my account}.", "Do you {use|type} the card number or the email?"),
     ("The {email|number}.", "Please use the card number without spaces, and the PIN that you chose on {day} or before."),
     ("{That worked|I'm in}!", "{Good|Glad to hear it}. Change the PIN if others know it.")),
)
HISTORY = (
    (("I'm looking for {a photo|papers} of {the old pier|the tannery|the lifeboat}.", "About which year?"),
     ("{Before|After} the {flood|war}.", "Then start with the grey boxes on {day}; cotton gloves are at the desk.")),
)
FLOWS = {
    "loans": LOANS, "workshop": WORKSHOP, "events": EVENTS, "payments": PAYMENTS, "rooms": ROOMS, "membership": MEMBERSHIP, "computers": COMPUTERS, "history": HISTORY,
}  # fmt: skip
"""Category -> conversations."""
SMALL_TURNS = (
    ("{Thanks|Thank you|Cheers}{ a lot|}!", "You are welcome. See you {soon|at the counter}."),
    ("Are you open on {other_day}?", "On {other_day} we open at ten. Hill Road has its own hours."),
    ("Can {relative} {collect it|come} for me?", "Yes, with your card and a short note from you."),
    ("What if it {rains|snows}?", "We {open|are here} in all weathers. Only the van stays at home."),
    ("Is there {parking|a bus}?", "The bus stops at the quay, and bicycles go in the yard."),
    ("I have a {pram|dog|big box} with me.", "No problem. Use the side door by the yard."),
    ("{Last question|One more thing}: do you take cards?", "Cards and coins, both are fine."),
    ("Where can I read all that again?", "It all stands on the leaflet by the door and on the website."),
)
