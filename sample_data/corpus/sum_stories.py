"""Word problems over small numbers a, b, c; alternatives in braces."""

from __future__ import annotations

from typing import NamedTuple


class Sum(NamedTuple):
    """A word problem over small numbers a, b, c.

    Attributes:
        category: The category of the question.
        about: Short name.
        story: The problem; `{a}` … are numbers, other slots are names and things.
        working: One line of arithmetic.
        result: The result as a formula of a, b and c.
        limits: Smallest and largest value of a, b, c.
        unit: Put before the result, "£" or nothing.
    """

    category: str
    about: str
    story: str
    working: str
    result: str
    limits: tuple[tuple[int, int], ...]
    unit: str = ""


SUMS = (
    Sum("loans", "borrowed more", "{who} has {a} books at home and {borrows|takes out} {b} more on {day}. How many are on the card now?", "{a} + {b} = {r}", "a+b", ((2, 9), (2, 9))),
    Sum("loans", "returned some", "There were {a} {things} on {who}'s card. {who} {brought back|returned} {b} of them. How many are still out?", "{a} - {b} = {r}", "a-b", ((8, 20), (2, 7))),
    Sum("loans", "shelves", "A trolley has {a} shelves and each holds {b} novels. How many novels {fit|does it carry} when it is full?", "{a} x {b} = {r}", "a*b", ((3, 6), (12, 30))),
    Sum("loans", "pages left", "{who} is reading a book of {a} pages and {is on|has reached} page {b}. How many pages are left?", "{a} - {b} = {r}", "a-b", ((150, 400), (20, 140))),
    Sum("loans", "pages a day", "A book has {p} pages. {relative} reads {b} pages {a day|every evening}. After how many days is it finished?", "{p} / {b} = {r}", "a", ((6, 25), (8, 20))),
    Sum("loans", "van round", "The book van stops at {a} villages. At each stop it lends {b} books and takes {c} back. How many more went out than came in?", "{b} - {c} = {d}, and {a} x {d} = {r}", "a*(b-c)", ((3, 8), (14, 30), (3, 13))),
    Sum("loans", "tool weeks", "The {tool} was out {a} times last month, {b} days each time. On how many days was it not in the shed?", "{a} x {b} = {r}", "a*b", ((2, 5), (2, 6))),
    Sum("loans", "two branches", "Quay Street has {a} {things}, Hill Road has {b} and the van carries {c}. How many {things} are there in all?", "{a} + {b} + {c} = {r}", "a+b+c", ((40, 90), (15, 39), (4, 14))),
    Sum("loans", "queue", "{who} is number {a} in the queue for a book. There are {b} copies and each is kept for {c} weeks. Everybody keeps it the full time. After how many weeks has every copy been lent twice?", "2 x {c} = {r}", "2*c", ((4, 9), (2, 3), (1, 4))),
    Sum("loans", "limit", "A family card holds {a} loans. The twins have {b} picture books each and their father has {c} novels. How many more can they take?", "2 x {b} + {c} = {e}, and {a} - {e} = {r}", "a-2*b-c", ((30, 36), (4, 9), (2, 8))),
    Sum("loans", "jigsaw", "A puzzle has {a} pieces. {who} has laid {b} on {day} and {c} the day after. How many pieces are still in the box?", "{a} - {b} - {c} = {r}", "a-b-c", ((300, 500), (40, 120), (30, 110))),
    Sum("loans", "boxes", "{p} old books are packed into boxes of {b}. How many boxes are needed?", "{p} / {b} = {r}", "a", ((4, 15), (12, 25))),
    Sum("payments", "late days", "A film is {a} days late, and a late day costs {b}p. How many pence does {who} owe?", "{a} x {b} = {r}", "a*b", ((2, 9), (10, 50))),
    Sum("payments", "deposit change", "{who} pays a deposit of £{a} with {b} ten pound notes. How much change is there?", "{b} x 10 = {t}, and {t} - {a} = {r}", "10*b-a", ((11, 29), (3, 5)), "£"),
    Sum("payments", "prints", "{who} prints {a} black pages at 10p and {b} colour pages at 40p. How many pence is that?", "{a} x 10 + {b} x 40 = {r}", "10*a+40*b", ((2, 15), (1, 8))),
    Sum("payments", "share", "{b} friends share the price of a gazebo, £{p}. What does each one pay?", "{p} / {b} = {r}", "a", ((3, 12), (3, 8)), "£"),
    Sum("payments", "tin", "On {day} there was £{a} in the tin. £{b} came in and £{c} went out for {milk|stamps|string}. How much is in it now?", "{a} + {b} - {c} = {r}", "a+b-c", ((20, 60), (5, 30), (2, 12)), "£"),
    Sum("payments", "monthly", "A maker card costs £{a} a month. What does {who} pay in {b} months, after £{c} off?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((4, 9), (3, 12), (1, 10)), "£"),
    Sum("rooms", "room hire", "The {room} is hired for {a} hours at £{b} an hour. The club has £{c} already. How much is missing?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 6), (8, 18), (5, 20)), "£"),
    Sum("rooms", "chairs", "{a} rows of {b} chairs stand in the {room}, and {c} chairs stay empty. How many people are sitting?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 7), (5, 9), (1, 9))),
    Sum("rooms", "tables", "{p} guests sit at tables of {b} in the {room}. How many tables are set?", "{p} / {b} = {r}", "a", ((3, 9), (4, 8))),
    Sum("workshop", "planks", "{who} has a plank of {a} cm and cuts {b} pieces of {c} cm for {course}. How much is left, in cm?", "{b} x {c} = {n}, and {a} - {n} = {r}", "a-b*c", ((180, 300), (2, 5), (15, 32))),
    Sum("workshop", "machine time", "The {machine} costs £{a} an hour. {who} uses it for {b} hours on {day} and {c} hours later. What is the bill?", "{b} + {c} = {h}, and {h} x {a} = {r}", "a*(b+c)", ((3, 10), (1, 4), (2, 5)), "£"),
    Sum("workshop", "screws", "Each {stool|shelf|box} takes {a} screws. {who} makes {b} and starts with {c} screws. How many are left over?", "{a} x {b} = {m}, and {c} - {m} = {r}", "c-a*b", ((4, 9), (3, 6), (60, 100))),
    Sum("workshop", "filament", "A print needs {a} grams. A roll holds {c} grams and {b} prints are done. How many grams are still on the roll?", "{a} x {b} = {m}, and {c} - {m} = {r}", "c-a*b", ((20, 60), (3, 8), (500, 900))),
    Sum("workshop", "places", "{course} has {a} places on each of {b} evenings. {c} are taken. How many are free?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((6, 12), (2, 4), (3, 11))),
    Sum("workshop", "glaze", "A bucket of glaze covers {p} {bowls|mugs}. On each of {b} days the same number is dipped. How many is that a day?", "{p} / {b} = {r}", "a", ((5, 16), (3, 9))),
    Sum("workshop", "minutes", "The induction takes {a} minutes and each of {b} people needs {c} minutes of practice after it, one by one. How many minutes is that in all?", "{b} x {c} = {n}, and {n} + {a} = {r}", "a+b*c", ((30, 90), (2, 6), (5, 20))),
    Sum("events", "cakes", "{a} cakes are cut into {b} pieces each for {event}. {c} pieces are left. How many were eaten?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 8), (8, 12), (2, 15))),
    Sum("events", "tickets", "{who} sells {a} tickets at £{b} and {c} at half price, which is £{half}. How much money is that?", "{a} x {b} + {c} x {half} = {r}", "a*b+c*(b//2)", ((10, 40), (2, 8), (4, 12)), "£"),
    Sum("events", "children", "{a} children came to story time on {day} and {b} more came late. {c} went home early. How many heard the end?", "{a} + {b} - {c} = {r}", "a+b-c", ((12, 30), (2, 9), (1, 8))),
    Sum("membership", "new cards", "The library had {a} members. In {b} weeks {c} joined each week. How many are there now?", "{b} x {c} = {n}, and {a} + {n} = {r}", "a+b*c", ((300, 900), (2, 6), (3, 15))),
    Sum("membership", "ages", "{relative} is {a} years old. In how many years will the junior card end, if it ends at {c}?", "{c} - {a} = {r}", "c-a", ((5, 13), (1, 2), (15, 16))),
    Sum("computers", "storage", "A memory stick holds {a} photos. {who} copies {b} photos from each of {c} days. How many more fit?", "{b} x {c} = {n}, and {a} - {n} = {r}", "a-b*c", ((400, 900), (20, 60), (3, 6))),
    Sum("computers", "slots", "Each public computer is used for {a} slots of {b} minutes on {day}. How many minutes is that?", "{a} x {b} = {r}", "a*b", ((4, 9), (20, 60))),
    Sum("history", "years ago", "The {pier|rope works|lamp house} was built in {c} and burned down {a} years later. It was built again after {b} more years. In which year was that?", "{c} + {a} + {b} = {r}", "c+a+b", ((20, 60), (2, 12), (1790, 1880))),
    Sum("loans", "stamp hours", "{who} stamps {a} slips in an hour. The pile is {p} slips high. How many hours does the pile last?", "{p} / {a} = {r}", "b", ((20, 40), (2, 7))),
    Sum("loans", "weight", "A case with the {tool} weighs {a} kilos, and the bus driver allows {c}. {who} also carries {b} bags of 2 kilos. How many kilos may be added?", "{b} x 2 + {a} = {w}, and {c} - {w} = {r}", "c-a-2*b", ((3, 14), (1, 3), (25, 30))),
    Sum("loans", "snow", "Snow kept {a} of {c} borrowers at home, and {b} came on skis. The others walked. How many walked?", "{c} - {a} - {b} = {r}", "c-a-b", ((5, 30), (2, 6), (50, 90))),
    Sum("loans", "atlas", "An atlas shows {a} islands on each of {b} maps, but {c} of them do not exist. How many are real?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((6, 12), (4, 9), (3, 15))),
    Sum("loans", "audiobook", "An audiobook has {a} discs of {b} minutes. {relative} has heard {c} minutes while {ironing|driving|knitting}. How many minutes remain?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((4, 9), (50, 70), (20, 150))),
    Sum("loans", "gulls", "In a story a girl counts {a} gulls every morning for {b} days, and on the last evening {c} more. What number does she write down at the end?", "{a} x {b} = {m}, and {m} + {c} = {r}", "a*b+c", ((5, 15), (4, 9), (2, 12))),
    Sum("loans", "spines", "{who} mends {a} spines before lunch and twice as many after. {b} of all these come loose again. How many hold?", "{a} + 2 x {a} = {three}, and {three} - {b} = {r}", "3*a-b", ((4, 12), (1, 6))),
    Sum("loans", "soup", "A recipe in Soup for Forty wants {a} leeks for {b} people. The hall expects {q} people. How many leeks must be bought?", "{q} / {b} = {c}, and {c} x {a} = {r}", "a*c", ((2, 5), (10, 20), (2, 5))),
    Sum("payments", "coins", "In the jar are {a} coins of 20p and {b} coins of 50p. How many pence is that altogether?", "{a} x 20 + {b} x 50 = {r}", "20*a+50*b", ((3, 15), (2, 10))),
    Sum("payments", "half price", "A carer pays half. The course costs £{double}, and {who} has a voucher of £{b}. What is left to pay?", "{double} / 2 = {a}, and {a} - {b} = {r}", "a-b", ((18, 45), (4, 12)), "£"),
    Sum("payments", "donation", "{a} neighbours give £{b} each for a new roof, and the baker gives £{c}. What is the total?", "{a} x {b} = {m}, and {m} + {c} = {r}", "a*b+c", ((6, 20), (3, 9), (10, 50)), "£"),
    Sum("rooms", "paint", "One tin of paint covers {a} square metres. The walls of the {room} measure {p}. How many tins go in?", "{p} / {a} = {r}", "b", ((8, 16), (3, 7))),
    Sum("rooms", "kettle", "A kettle fills {a} cups. In the break {p} cups of tea are poured. How often was it boiled?", "{p} / {a} = {r}", "b", ((6, 9), (3, 9))),
    Sum("rooms", "choir", "The choir stands in {b} rows. {a} singers are in each, but {c} have a cold and stay away. How many sing?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((6, 11), (3, 5), (2, 8))),
    Sum("workshop", "beads", "{who} threads {a} beads on a string of {b} cm. The next string is {c} times as long. How many beads does it take?", "{a} x {c} = {r}", "a*c", ((12, 40), (15, 30), (2, 5))),
    Sum("workshop", "felt", "From one sheet of felt the laser cuts {a} stars. {who} needs {p} for the lantern walk. How many sheets is that?", "{p} / {a} = {r}", "b", ((6, 14), (3, 9))),
    Sum("workshop", "sanding", "{tutor_name} sands with {a} discs on Monday, {b} on Tuesday and {c} on Friday. A packet holds 50. How many discs are left in a new packet?", "{a} + {b} + {c} = {all}, and 50 - {all} = {r}", "50-a-b-c", ((4, 12), (3, 11), (5, 14))),
    Sum("workshop", "willow", "A basket takes {a} rods, a lid {b}. {who} makes {c} baskets, each with a lid. How many rods should be soaked?", "{a} + {b} = {two}, and {two} x {c} = {r}", "c*(a+b)", ((18, 30), (6, 12), (2, 6))),
    Sum("workshop", "robot", "A robot rolls {a} cm a second. It runs for {b} seconds forwards and {c} seconds back. How far from the start does it stop, in cm?", "{b} - {c} = {d}, and {a} x {d} = {r}", "a*(b-c)", ((5, 15), (10, 20), (2, 8))),
    Sum("events", "lanterns", "Each lantern burns {a} minutes. {b} are lit one after another, and the last goes out {c} minutes early. How long was there light, in minutes?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((20, 45), (3, 8), (2, 15))),
    Sum("events", "rhyme", "Baby Rhymes has {a} songs with {b} verses. Two verses of every song are skipped. How many verses are sung?", "{b} - 2 = {less}, and {a} x {less} = {r}", "a*(b-2)", ((5, 10), (4, 7))),
    Sum("events", "seed bags", "{who} brings {a} bags of beans with {b} seeds in each and gives {c} seeds to a child. How many seeds go on the table?", "{a} x {b} = {m}, and {m} - {c} = {r}", "a*b-c", ((3, 9), (10, 25), (2, 9))),
    Sum("membership", "households", "In Mill Lane {a} of {c} houses have a library card, and {b} more will get one. How many houses are still without?", "{c} - {a} - {b} = {r}", "c-a-b", ((12, 30), (2, 9), (45, 70))),
    Sum("computers", "download", "A film of {p} megabytes comes in at {b} a second. How many seconds does the download take?", "{p} / {b} = {r}", "a", ((20, 90), (5, 12))),
)  # fmt: skip
