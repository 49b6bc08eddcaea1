"""Rooms, courses, machines, cards and services of Tidewell Library and Workshop."""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """A room for hire; `price` is pounds an hour."""

    name: str
    seats: int
    price: int
    floor: str
    has: str

    @property
    def place(self) -> str:
        """Where it is, with the preposition."""
        return f"{'in' if self.floor.startswith(('courtyard', 'basement')) else 'on'} the {self.floor}"


ROOMS = (
    Room("Heron Room", 12, 6, "first floor at Quay Street", "a screen and a round table"),
    Room("Mill Room", 30, 12, "ground floor at Quay Street", "a projector and stacking chairs"),
    Room("Lantern Room", 6, 4, "top floor at Quay Street", "a whiteboard and a kettle"),
    Room("Chart Room", 8, 5, "first floor at Quay Street", "map drawers and good lamps"),
    Room("Garden Studio", 20, 10, "courtyard at Hill Road", "a sink and a tiled floor"),
    Room("Hill Hall", 60, 18, "ground floor at Hill Road", "a small stage and a piano"),
    Room("Quiet Pod", 2, 2, "second floor at Quay Street", "a desk with a socket and a door that shuts"),
    Room("Sail Loft", 40, 15, "upper floor at Ferry Lane", "roof lights and long tables"),
    Room("Teaching Bay", 10, 8, "ground floor at Ferry Lane", "ten benches and a big screen"),
    Room("Recording Booth", 3, 7, "basement at Quay Street", "two microphones and padded walls"),
)


class Course(NamedTuple):
    """A course in the workshop; `price` is pounds for all weeks."""

    name: str
    day: str
    time: str
    tutor: str
    weeks: int
    price: int
    level: str
    makes: str


COURSES = (
    Course("First Woodwork", "Tuesday", "6 pm", "Dilys", 6, 60, "beginners", "a small stool"),
    Course("Dovetail Evenings", "Wednesday", "6.30 pm", "Marek", 5, 75, "people who have done First Woodwork", "a keepsake box"),
    Course("Spoon Carving", "Saturday", "10 am", "Lowri", 2, 30, "anyone over sixteen", "two wooden spoons"),
    Course("Laser Basics", "Thursday", "7 pm", "Tariq", 2, 35, "beginners", "a set of coasters"),
    Course("Printing in Three Dimensions", "Thursday", "5 pm", "Mei", 3, 40, "beginners", "a phone stand"),
    Course("Bicycle Care", "Saturday", "2 pm", "Wes", 4, 45, "anyone with a bicycle", "a full service of your own bicycle"),
    Course("Pottery on the Wheel", "Friday", "2 pm", "Astrid", 8, 110, "beginners", "three bowls"),
    Course("Glaze and Fire", "Friday", "4 pm", "Astrid", 4, 70, "people who have thrown before", "a glaze test board"),
    Course("Sew a Tote", "Wednesday", "2 pm", "Amara", 2, 25, "beginners", "a lined tote bag"),
    Course("Dressmaking", "Wednesday", "6 pm", "Amara", 8, 95, "people who can thread a machine", "a skirt or a shirt"),
    Course("Upholstery Weekend", "Saturday", "9.30 am", "Harold", 2, 80, "anyone", "a re-covered dining chair"),
    Course("Bookbinding", "Tuesday", "2 pm", "Renée", 4, 50, "beginners", "a sewn notebook"),
    Course("Letterpress", "Thursday", "2 pm", "Renée", 3, 55, "anyone", "twenty printed cards"),
    Course("Screen Printing", "Friday", "6 pm", "Noor", 3, 48, "beginners", "two printed shirts"),
    Course("Electronics Club", "Tuesday", "7 pm", "Anil", 6, 36, "teenagers and adults", "a small radio"),
    Course("Robot Saturdays", "Saturday", "11 am", "Anil", 5, 40, "ten to fourteen year olds", "a line-following robot"),
    Course("Welding Taster", "Thursday", "10 am", "Ed", 1, 45, "adults", "a plant hook"),
    Course("Stained Glass", "Tuesday", "10 am", "Vera", 6, 90, "beginners", "a small window panel"),
    Course("Mosaic Morning", "Saturday", "9.30 am", "Vera", 1, 20, "anyone", "a house number"),
    Course("Boat Varnish Clinic", "Saturday", "1 pm", "Harold", 2, 28, "boat owners", "a varnished test board"),
    Course("Basket Weaving", "Friday", "1 pm", "Lowri", 5, 65, "beginners", "a willow basket"),
    Course("Repair Café Training", "Wednesday", "7 pm", "Wes", 2, 10, "volunteers", "a tested kettle and a clear conscience"),
    Course("Guitar Set-up", "Thursday", "6 pm", "Ned", 3, 54, "players", "a guitar that stays in tune"),
    Course("Python for Makers", "Tuesday", "5 pm", "Mei", 6, 42, "beginners", "a light that follows the tide"),
)


class Machine(NamedTuple):
    """A machine that is used in the workshop; `fee` is pounds an hour."""

    name: str
    induction: int
    fee: float
    bay: str
    takes: str
    never: str
    check: str


MACHINES = (
    Machine("laser cutter", 90, 8, "bay 1", "plywood, card and felt", "vinyl", "the extractor is running"),
    Machine("3D printer", 60, 3, "bay 2", "PLA and PETG", "nylon", "the plate is clean and level"),
    Machine("wood lathe", 120, 5, "bay 3", "dry hardwood", "split blanks", "the tool rest clears the wood"),
    Machine("bandsaw", 60, 4, "bay 4", "timber up to 15 cm thick", "metal or firewood", "the blade guard is a finger above the work"),
    Machine("table saw", 120, 6, "bay 4", "flat boards", "round logs", "the riving knife is fitted"),
    Machine("pillar drill", 30, 2.5, "bay 5", "wood, plastic and soft metal", "loose work without a vice", "the chuck key is out"),
    Machine("kiln", 60, 9, "bay 8", "dry clay and glazed pots", "damp pots", "the vent is open"),
    Machine("vinyl cutter", 30, 3, "bay 2", "sticker sheet and heat transfer film", "glitter film", "the blade depth matches the film"),
    Machine("CNC router", 150, 10, "bay 6", "plywood and plastic sheet", "steel", "the work is clamped at four corners"),
    Machine("MIG welder", 120, 7, "bay 7", "mild steel", "galvanised steel", "the screen is drawn and the gas is on"),
    Machine("embroidery machine", 45, 4, "bay 9", "cotton, denim and felt", "leather", "the hoop is tight"),
    Machine("letterpress", 60, 4, "bay 9", "cotton paper and card", "glossy paper", "the rollers are inked evenly"),
)


class Medium(NamedTuple):
    """A kind of thing that is lent from the library counters; `late` is pence a day."""

    name: str
    days: int
    renewals: int
    limit: int
    late: int


MEDIA = (
    Medium("novels", 21, 3, 12, 10),
    Medium("cookbooks", 21, 2, 6, 10),
    Medium("picture books", 21, 3, 20, 0),
    Medium("new releases", 7, 0, 2, 30),
    Medium("large print books", 28, 3, 12, 0),
    Medium("audiobooks on disc", 21, 2, 6, 10),
    Medium("films on disc", 7, 1, 4, 40),
    Medium("board games", 14, 1, 2, 50),
    Medium("jigsaw puzzles", 28, 1, 3, 10),
    Medium("sheet music", 28, 3, 8, 10),
    Medium("magazines", 7, 1, 6, 10),
    Medium("ukuleles", 28, 1, 1, 50),
    Medium("museum passes", 3, 0, 1, 100),
    Medium("walking maps", 14, 2, 4, 20),
)


class Card(NamedTuple):
    """A membership; `price` is pounds a year."""

    name: str
    price: int
    who: str
    limit: int
    proof: str


CARDS = (
    Card("town card", 0, "anyone who lives in Tidewell", 12, "a letter with your address"),
    Card("visitor card", 10, "people who live outside the town", 4, "a passport or driving licence"),
    Card("student card", 0, "students at the college", 15, "a college pass"),
    Card("junior card", 0, "children up to fifteen", 20, "a parent's signature"),
    Card("maker card", 48, "adults who use the workshop", 12, "a town card and one induction"),
    Card("family card", 60, "two adults and their children", 30, "one letter with the address"),
    Card("carer card", 0, "people who look after somebody at home", 20, "a carer letter"),
    Card("club card", 35, "clubs and charities", 25, "a page with the club's rules"),
)


class Service(NamedTuple):
    """Something that can be done on or with the computers."""

    name: str
    price: str
    where: str
    how: str


SERVICES = (
    Service("black and white printing", "10p a page", "ground floor at Quay Street", "send the file to the print queue and tap your card"),
    Service("colour printing", "40p a page", "ground floor at Quay Street", "choose the colour queue and tap your card"),
    Service("scanning", "free", "by the window at Quay Street", "press the green button and pick email or memory stick"),
    Service("the guest wifi", "free", "all branches", "choose Tidewell-Guest and accept the rules"),
    Service("a public computer", "free for two hours a day", "first floor at Quay Street", "type your card number and your PIN"),
    Service("a loan laptop", "free inside the building", "Hill Road counter", "leave your card at the counter"),
    Service("photo editing", "free", "computers 7 and 8", "open the editor from the blue menu"),
    Service("old film transfer", "£5 a reel", "Recording Booth", "book a helper for one hour"),
    Service("large poster printing", "£6 a sheet", "Ferry Lane office", "email the file a day before"),
    Service("the e-book app", "free", "your own phone", "sign in with your card number"),
    Service("the screen reader", "free", "computer 3", "press the two outer keys together"),
    Service("a video call desk", "free for an hour", "Quiet Pod", "book it at the counter"),
    Service("data backup help", "free on Thursdays", "Hill Road", "bring the machine and an empty disk"),
    Service("the online catalogue", "free", "any browser", "search by title and press reserve"),
)


class Collection(NamedTuple):
    """Something in the history room."""

    name: str
    years: str
    kept: str
    rule: str


COLLECTIONS = (
    Collection("harbour photographs", "1880 to 1965", "grey boxes", "cotton gloves are lent at the desk"),
    Collection("parish registers", "1702 to 1911", "the film reader", "book the reader for an hour"),
    Collection("Tidewell Chronicle", "1866 to 1998", "bound volumes", "turn pages from the corner"),
    Collection("tide tables", "1890 to today", "the Chart Room drawers", "two sheets at a time"),
    Collection("rope works ledgers", "1811 to 1934", "the strong room", "ask two days before"),
    Collection("school log books", "1872 to 1950", "the strong room", "names less than a century old are covered"),
    Collection("oral history tapes", "1974 to 2006", "the Recording Booth", "listen on the desk player only"),
    Collection("shipwreck papers", "1790 to 1921", "the Chart Room drawers", "pencil only, no pens"),
    Collection("street maps", "1840 to 1990", "the long chest", "staff lift the sheets for you"),
    Collection("election posters", "1906 to 1987", "the long chest", "photographs without flash are fine"),
)


class Event(NamedTuple):
    """Something that happens regularly in the library."""

    name: str
    when: str
    where: str
    price: str
    who: str


EVENTS = (
    Event("Story Time", "Saturday at 10.30 am", "the children's corner", "free", "children under six"),
    Event("Baby Rhymes", "Tuesday at 11 am", "the Garden Studio", "free", "babies and their grown-ups"),
    Event("the Crime Readers", "the first Wednesday at 7 pm", "the Heron Room", "£1 for biscuits", "fans of detective stories"),
    Event("Poems Aloud", "the last Friday at 7.30 pm", "the Sail Loft", "£3", "poets and listeners"),
    Event("Chess Hour", "Thursday at 5 pm", "the Chart Room", "free", "all ages"),
    Event("the Repair Café", "the second Saturday at 10 am", "the Teaching Bay", "pay what you can", "anyone with a broken thing"),
    Event("Homework Club", "Monday to Thursday at 4 pm", "the Mill Room", "free", "eleven to sixteen year olds"),
    Event("Knit and Natter", "Wednesday at 2 pm", "the Lantern Room", "free", "knitters of any skill"),
    Event("Film Night", "every other Friday at 7 pm", "Hill Hall", "£4", "adults"),
    Event("the Seed Swap", "the first Saturday in March", "Hill Hall", "free", "gardeners"),
    Event("Board Game Evening", "Thursday at 6.30 pm", "the Mill Room", "£2", "over-twelves"),
    Event("the Conversation Table", "Monday at 10 am", "the Lantern Room", "free", "people who are learning English"),
    Event("the Ukulele Circle", "Tuesday at 6 pm", "Hill Hall", "£2", "players with three chords or more"),
    Event("the Author Supper", "the third Thursday at 7 pm", "the Mill Room", "£8 with soup", "readers"),
    Event("the Memory Café", "Wednesday at 10.30 am", "the Garden Studio", "free", "people living with memory loss and their families"),
    Event("Lego Builders", "Saturday at 2 pm", "the Mill Room", "free", "five to eleven year olds"),
    Event("the Winter Lantern Walk", "the second Sunday in December", "the quay steps", "free", "families"),
    Event("the Job Club", "Monday at 1 pm", "the public computers", "free", "people looking for work"),
)
