"""Desk topics about things that are lent: tools, books, discs and games."""

from __future__ import annotations

from typing import Any

from corpus.desk import Topic
from corpus.text import an, number_word, pounds
from corpus.venues import MEDIA, Medium
from corpus.world import BOOKS, TOOLS, Book, Tool


def tool_slots(tool: Tool) -> dict[str, Any]:
    """The words for a tool."""
    return {
        "tool": tool.name,
        "a_tool": an(tool.name),
        "days": tool.days,
        "days_word": number_word(tool.days),
        "deposit": pounds(tool.deposit),
        "bay": tool.bay,
        "kilos": "about half a kilo" if tool.kilos < 1 else f"about {tool.kilos:g} kilos",
        "use": tool.uses[0],
        "other_use": tool.uses[1],
        "care": tool.care,
    }


def book_slots(book: Book) -> dict[str, Any]:
    """The words for a book."""
    return {
        "title": book.title,
        "author": book.author,
        "kind": book.kind,
        "a_kind": an(book.kind),
        "shelf": book.shelf,
        "pages": book.pages,
        "blurb": book.about,
    }


def medium_slots(medium: Medium) -> dict[str, Any]:
    """The words for a kind of loan."""
    weeks = f"{number_word(medium.days // 7)} week{'s' if medium.days > 7 else ''}" if medium.days % 7 == 0 else f"{medium.days} days"
    renewals = {0: "not at all", 1: "once", 2: "twice", 3: "three times"}[medium.renewals]
    late = "nothing" if not medium.late else pounds(medium.late / 100) if medium.late >= 100 else f"{medium.late}p"
    return {"medium": medium.name, "weeks": weeks, "renewals": renewals, "limit": number_word(medium.limit), "late": late}


_TOOL_CONTEXTS = (
    "I want to {use} {this weekend|on Saturday|before the school holidays}.",
    "{relative} and I are going to {other_use}.",
    "We have moved house and need to {use}.",
    "I promised {relative} that I would {other_use}.",
    "I've been told that you lend out {a_tool}.",
    "The one at home broke while I was trying to {use}.",
    "It has rained all week, so I can only {other_use} on my day off.",
    "Our {allotment group|street|rowing club|playgroup} needs to {other_use}.",
    "I have never used {a_tool}, but somebody has to {use}.",
)
_BOOK_CONTEXTS = (
    "{relative} keeps talking about {title}.",
    "Our book group picked {title} for next month.",
    "I read half of {title} on holiday and had to leave it there.",
    "A poster on the bus made me curious about {title}.",
    "I'm looking for a present idea, and {title} came up.",
    "My teacher put {title} on our list.",
    "I have a long train ride on Friday.",
    "I saw {title} in your window.",
    "I heard a bit of {title} on the radio while cooking.",
)
_MEDIA_CONTEXTS = (
    "I joined last week.",
    "{relative} borrows {medium} all the time and now I want to as well.",
    "We are off to the coast for a while.",
    "I'm a slow reader with two small children.",
    "There is a stack of {medium} by my bed and I have lost the slip.",
    "My old library had other rules.",
    "I work nights and cannot come in often.",
    "I'm planning a rainy half-term.",
)

LOAN_TOPICS = (
    Topic(
        "tool days",
        "loans",
        "T",
        TOOLS,
        tool_slots,
        _TOOL_CONTEXTS,
        (
            "How {long|many days} can I keep the {tool}?",
            "When would {a_tool} have to be back?",
            "What is the loan time for {a_tool}?",
            "Is {the {tool} lent by the day or longer|there a limit on how long I hold on to the {tool}}?",
        ),
        (
            "You can keep the {tool} for {days_word} days.",
            "{days_word} days for the {tool}, counted from the day you pick it up.",
            "The {tool} goes out for {days_word} days at a time.",
        ),
    ),
    Topic(
        "tool deposit",
        "payments",
        "T",
        TOOLS,
        tool_slots,
        _TOOL_CONTEXTS,
        (
            "What deposit do you take on the {tool}?",
            "How much money do I leave for {a_tool}?",
            "Do I pay anything up front for the {tool}, and do I get it back?",
        ),
        (
            "The deposit on the {tool} is {deposit}, and you get it back when the tool comes home whole.",
            "We hold {deposit} for the {tool} and return it with the tool.",
            "You leave {deposit}; it is yours again once the {tool} is checked in.",
        ),
    ),
    Topic(
        "tool bay",
        "loans",
        "T",
        TOOLS,
        tool_slots,
        _TOOL_CONTEXTS,
        (
            "Where do I find the {tool} in the tool shed?",
            "Which bay is the {tool} in?",
            "I'm standing in the shed and cannot see {a_tool}. Where should I look?",
        ),
        (
            "The {tool} hangs in bay {bay} of the tool shed.",
            "Look in bay {bay}; that is where the {tool} lives.",
            "Bay {bay}, with a yellow label that says {tool}.",
        ),
    ),
    Topic(
        "tool weight",
        "loans",
        "T",
        TOOLS,
        tool_slots,
        _TOOL_CONTEXTS,
        (
            "How heavy is the {tool}? I'm coming {by bus|on foot|by bicycle|with a pram}.",
            "Can I carry the {tool} home, or is it too heavy?",
            "What does {a_tool} weigh?",
        ),
        (
            "The {tool} weighs {kilos}.",
            "It is {kilos} in its case, so plan your trip home with that.",
            "Reckon with {kilos} for the {tool}.",
        ),
    ),
    Topic(
        "tool return",
        "loans",
        "T",
        TOOLS,
        tool_slots,
        (
            "The {tool} is due back {today|tomorrow|on Friday}.",
            "I've managed to {use}, and the {tool} did a fine job.",
            "{relative} has finished with the {tool}.",
            "We did {other_use} in the end, all good.",
        ),
        (
            "Is there anything I should do before I bring the {tool} back?",
            "How do you want the {tool} returned?",
            "What do I have to clean or check on the {tool} first?",
        ),
        (
            "Please {care} before you bring the {tool} back.",
            "Just {care}, then hand the {tool} in at the counter.",
            "One thing: {care}. After that the {tool} can come back.",
        ),
    ),
    Topic(
        "tool choice",
        "loans",
        "T",
        TOOLS,
        tool_slots,
        ("", "I'm new to this.", "{relative} says that I need a proper tool for it.", "We rent, so it has to look tidy afterwards."),
        (
            "Which tool should I borrow to {use}?",
            "I'd like to {other_use}. What do you lend for that?",
            "What would you use to {use}?",
        ),
        (
            "For that, borrow the {tool}; it waits in bay {bay}.",
            "Take the {tool} from bay {bay}.",
            "You will want {a_tool}. Bay {bay} has ours.",
        ),
    ),
    Topic(
        "book shelf",
        "loans",
        "B",
        BOOKS,
        book_slots,
        _BOOK_CONTEXTS,
        ("Where do you keep {title}?", "On which shelf is {title}?", "Can you point me to {title}?"),
        ("{title} stands on shelf {shelf}.", "You will find {title} on shelf {shelf}.", "Shelf {shelf} has {title}."),
    ),
    Topic(
        "book author",
        "loans",
        "B",
        BOOKS,
        book_slots,
        _BOOK_CONTEXTS,
        ("Who wrote {title}?", "What is the name of the author of {title}?", "Who is {title} by?"),
        ("{title} was written by {author}.", "{author} wrote {title}.", "That is {author}'s book."),
    ),
    Topic(
        "book story",
        "loans",
        "B",
        BOOKS,
        book_slots,
        _BOOK_CONTEXTS,
        ("What is {title} about?", "Could you tell me in a line what {title} is about?", "What sort of book is {title}?"),
        ("{title} is {a_kind} about {blurb}.", "It is {a_kind}: {blurb}.", "{author}'s {kind} is about {blurb}."),
    ),
    Topic(
        "book search",
        "loans",
        "B",
        BOOKS,
        book_slots,
        ("I forgot the title.", "{relative} described a book to me.", "I don't know who wrote it.", "It was in your newsletter, I think.", ""),
        (
            "Do you have the book about {blurb}?",
            "There is {a_kind} about {blurb}. What is it called?",
            "I'm after something on {blurb}. Any ideas?",
        ),
        (
            "That is {title} by {author}, on shelf {shelf}.",
            "You mean {title} by {author}; look on shelf {shelf}.",
            "Try {title} by {author}. It stands on shelf {shelf}.",
        ),
    ),
    Topic(
        "book length",
        "loans",
        "B",
        BOOKS,
        book_slots,
        _BOOK_CONTEXTS,
        ("How long is {title}?", "How many pages does {title} have?", "Is {title} a thick book?"),
        ("{title} has {pages} pages.", "It runs to {pages} pages.", "{pages} pages in our edition of {title}."),
    ),
    Topic(
        "media days",
        "loans",
        "L",
        MEDIA,
        medium_slots,
        _MEDIA_CONTEXTS,
        ("How long may I keep {medium}?", "What is the loan time for {medium}?", "When do {medium} have to come back?"),
        ("You can keep {medium} for {weeks}.", "{medium} go out for {weeks}.", "The loan time for {medium} is {weeks}."),
    ),
    Topic(
        "media renewals",
        "loans",
        "L",
        MEDIA,
        medium_slots,
        _MEDIA_CONTEXTS,
        ("How often can I renew {medium}?", "Can {medium} be renewed?", "If nobody else is waiting, may I extend my {medium}?"),
        ("{medium} can be renewed {renewals}.", "As for renewing {medium}: {renewals}.", "The rule for {medium} is {renewals}, and only if nobody is waiting."),
    ),
    Topic(
        "media limit",
        "loans",
        "L",
        MEDIA,
        medium_slots,
        _MEDIA_CONTEXTS,
        ("How many {medium} can I take at once?", "Is there a limit on {medium}?", "What's the most {medium} one card can hold?"),
        ("One card holds up to {limit} {medium}.", "You may have {limit} at a time.", "The limit for {medium} is {limit}."),
    ),
    Topic(
        "media late",
        "payments",
        "L",
        MEDIA,
        medium_slots,
        _MEDIA_CONTEXTS,
        ("What do you charge for late {medium}?", "What is the late fee on {medium}?", "My {medium} are overdue. What does a day cost?"),
        ("Late {medium} cost {late} a day.", "The late fee for {medium} is {late} a day.", "Each day over costs {late} for {medium}."),
    ),
)
