"""Dialogues for the base model: common words, copying, order, sums, opposites, lists, JSON; and talk about the library.

None of it has the form of the desk's answers in the sample dataset. The generic ones give the base model a general vocabulary, turns and the habit
of answering from what it has just read; those about the library put the words of the prose into turns.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator

from corpus.background import scene_slots, told
from corpus.background_scenes import LINES, REPLIES, SMALL_TALK
from corpus.text import pick, sentence, spin

_KINDS = """
animal: ant bear bee bird butterfly camel cat cow crab deer dog dolphin donkey duck eagle elephant fish fox frog goat goose hen horse lion
    lizard monkey mouse octopus owl panda parrot penguin pig rabbit rat salmon seal shark sheep snail snake spider squirrel swan tiger
    turtle whale wolf zebra
food: apple banana bean beef biscuit bread butter cabbage cake carrot cheese cherry chicken chocolate coffee corn cream cucumber egg flour
    garlic grape honey jam juice lemon lettuce meat milk mushroom nut oil onion orange pasta peach pear pepper pie pizza potato pudding rice
    salad salt sandwich sauce soup spinach sugar tea tomato water yoghurt
place: airport bakery bank beach bridge castle church city corner desert factory farm field forest garden harbour hill hospital hotel house
    island kitchen lake market mountain museum office palace park prison restaurant river road school shop square station street theatre
    tower town valley village
thing: bag ball bell belt bicycle boat book bottle bowl box brush bucket button camera candle car chair clock coat coin computer cup curtain
    desk door drum engine envelope flag fork glass glove guitar hammer hat jacket kettle key knife ladder lamp letter machine map mirror
    money needle newspaper paper pen pencil phone photograph piano picture pillow pipe plate pocket radio ring rope ruler scissors screen
    shirt shoe soap spoon stamp stone string table telephone television ticket towel toy train umbrella wall wheel window wire
person: actor artist baker boy builder captain child cook dancer doctor driver engineer farmer father friend girl guard guest hunter judge
    king lawyer man manager mother nurse painter pilot player poet police queen reporter sailor scientist singer sister soldier student
    teacher waiter winner woman writer
colour: black blue brown gold green grey orange pink purple red silver white yellow
body part: arm back chest ear elbow eye face finger foot hair hand head heart knee leg lip mouth neck nose shoulder skin stomach tooth thumb
    tongue
"""
_VERBS = """
add answer arrive ask bake become begin believe break bring build burn buy call carry catch change choose clean climb close collect come
cook count cover cross cry cut dance decide describe design draw dream drink drive drop eat enjoy enter explain fall feel fight fill find
finish fix fly follow forget get give go grow guess happen hear help hide hold hope hurry improve jump keep kick know laugh learn leave lift
like listen live look lose love make mean measure meet mix move need open order paint pass pay pick plan plant play point prepare protect
pull push put read receive remember remove repair repeat reply rest return ride run save say see sell send share shout show sing sit sleep
smile solve speak spend stand start stay stop study swim take talk taste teach tell thank think throw touch travel try turn understand use
visit wait walk want wash watch wear win wish wonder work worry write
"""
_OPPOSITES = """
big/small hot/cold old/new early/late fast/slow high/low hard/soft light/dark long/short full/empty wet/dry open/closed happy/sad rich/poor
strong/weak clean/dirty thick/thin wide/narrow heavy/light loud/quiet near/far right/wrong safe/dangerous cheap/expensive easy/difficult
first/last true/false young/old deep/shallow sharp/blunt sweet/sour smooth/rough brave/afraid kind/cruel polite/rude simple/complicated
above/below before/after inside/outside always/never everything/nothing up/down left/right north/south east/west day/night summer/winter
morning/evening buy/sell push/pull begin/end win/lose arrive/leave remember/forget give/take love/hate laugh/cry float/sink
increase/decrease possible/impossible
"""


def _kinds(text: str) -> dict[str, list[str]]:
    lines = re.sub(r"\n {4}", " ", text.strip()).splitlines()
    return {kind: words.split() for kind, words in (line.split(":") for line in lines)}


WORDS = _kinds(_KINDS)
VERBS = _VERBS.split()
OPPOSITES = [tuple(pair.split("/")) for pair in _OPPOSITES.split()]
ADJECTIVES = [word for pair in OPPOSITES[:36] for word in pair]
FACTS = (
    ("How many days are there in a week?", "There are seven days in a week."),
    ("How many months are there in a year?", "There are twelve months in a year."),
    ("How many hours does a day have?", "A day has 24 hours."),
    ("How many minutes are in an hour?", "An hour has 60 minutes."),
    ("What do bees make?", "Bees make honey."),
    ("Why does ice float?", "Ice floats because it is less dense than water."),
    ("Why is the sky blue?", "Air scatters blue light more than red light, so the sky looks blue."),
    ("What do plants need to grow?", "Plants need light, water, air and minerals from the soil."),
    ("What is the largest ocean?", "The Pacific is the largest ocean."),
    ("What is the capital of France?", "The capital of France is Paris."),
    ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
    ("What is the capital of Kenya?", "The capital of Kenya is Nairobi."),
    ("At what temperature does water boil?", "At sea level water boils at 100 degrees Celsius."),
    ("What is a verb?", "A verb is a word for something that is done, such as run, think or be."),
    ("What is a noun?", "A noun is a word for a person, a place, a thing or an idea."),
    ("What is a prime number?", "A prime number is a whole number above one that only one and itself divide."),
    ("What is the difference between a list and a set?", "A list keeps its order and may repeat; a set does neither."),
    ("How do I say hello in French?", "You say bonjour."),
    ("How do I say thank you in German?", "You say danke schön."),
    ("How do I say good morning in Spanish?", "You say buenos días."),
    ("What is a sentence?", "A sentence is a group of words that makes complete sense and ends with a full stop."),
    ("How can I sleep better?", "Go to bed at the same hour, keep the room dark and cool, and put the phone away."),
    ("How do I make tea?", "Boil water, pour it over the leaves, wait for three minutes, then take the leaves out."),
    ("Give me a tip for learning a language.", "Practise a little every day, and speak from the first week, mistakes and all."),
)
SYSTEMS = ("You are a helpful assistant.", "Answer in one sentence.", "Be brief.", "You are a patient teacher.", "Reply in plain English.")

Exchange = tuple[str, str]
_ALL = [word for words in WORDS.values() for word in words] + VERBS


def _listed(words: list[str]) -> str:
    return ", ".join(words)


def _words(rng: random.Random, low: int = 3, high: int = 8) -> list[str]:
    return rng.sample(_ALL, rng.randint(low, high))


def sentence_of(rng: random.Random) -> str:
    """A plain sentence of common words; sense is not promised."""
    noun = {kind: rng.choice(words) for kind, words in WORDS.items()}
    patterns = (
        f"The {rng.choice(ADJECTIVES)} {noun['animal']} lives near the {noun['place']}.",
        f"The {noun['person']} put the {noun['thing']} on the {noun['colour']} {rng.choice(('table', 'chair', 'shelf', 'box'))}.",
        f"My {noun['person']} likes {noun['food']} with {rng.choice(WORDS['food'])}.",
        f"We want to {rng.choice(VERBS)} and {rng.choice(VERBS)} before the {noun['person']} comes back to the {noun['place']}.",
        f"If you {rng.choice(VERBS)} the {noun['thing']}, it will be {rng.choice(ADJECTIVES)} again.",
        f"There is a {noun['colour']} {noun['thing']} in the {noun['place']}, and nobody knows whose it is.",
        f"When it rains, the {noun['person']} can {rng.choice(VERBS)} with a {rng.choice(ADJECTIVES)} {noun['thing']}.",
        f"Every {noun['person']} has to {rng.choice(VERBS)} sometimes, but not with a {noun['animal']}.",
    )
    return rng.choice(patterns)


def _repeat(rng: random.Random) -> Exchange:
    text = " ".join(sentence_of(rng) for _ in range(rng.randint(1, 2))) if rng.random() < 0.6 else " ".join(_words(rng, 3, 12))
    return rng.choice(("Repeat after me: {}", "Copy this text: {}", "Say this again: {}", "Write the following once more.\n\n{}")).format(text), text


def _sort(rng: random.Random) -> Exchange:
    words = _words(rng)
    if rng.random() < 0.5:
        return rng.choice(("Put these words in alphabetical order: {}", "Sort from a to z: {}")).format(_listed(words)), _listed(sorted(words))
    return rng.choice(("Reverse this list: {}", "Say these words backwards, last one first: {}")).format(_listed(words)), _listed(words[::-1])


def _choose(rng: random.Random) -> Exchange:
    words = _words(rng)
    asked, answer = rng.choice(
        (
            ("What is the first word?", words[0]),
            ("What is the last word?", words[-1]),
            ("Which word is the longest?", max(words, key=len)),
            ("How many words are there?", str(len(words))),
            ("Write the first word in capitals.", words[0].upper()),
            ("Number the words.", "\n".join(f"{i}. {word}" for i, word in enumerate(words, 1))),
            ("One word to a line, please.", "\n".join(f"- {word}" for word in words)),
        )
    )
    return f"{_listed(words)}\n{asked}" if rng.random() < 0.5 else f"{asked} {_listed(words)}", answer


def _spell(rng: random.Random) -> Exchange:
    word = rng.choice(_ALL)
    return rng.choice(("Spell {}.", "How do you spell the word {}?", "Which letters are in {}?")).format(word), "-".join(word)


def _sum(rng: random.Random) -> Exchange:
    a, b = rng.randint(1, 60), rng.randint(1, 40)
    sign, value = rng.choice((("plus", a + b), ("minus", a - b), ("times", a * b)))
    return rng.choice((f"What is {a} {sign} {b}?", f"{a} {sign} {b}?", f"Work out {a} {sign} {b}.")), rng.choice(
        (f"{value}", f"{a} {sign} {b} is {value}.")
    )


def _opposite(rng: random.Random) -> Exchange:
    word, other = rng.sample(rng.choice(OPPOSITES), 2)
    return rng.choice(("What is the opposite of {}?", "Give me a word that means the opposite of {}.")).format(
        word
    ), f"The opposite of {word} is {other}."


def _kind(rng: random.Random) -> Exchange:
    kind = rng.choice(tuple(WORDS))
    words = rng.sample(WORDS[kind], rng.randint(2, 5))
    if rng.random() < 0.5:
        other = rng.choice([name for name in WORDS if name != kind])
        return f"Is {words[0]} the name of a {rng.choice((f'{kind} or a {other}', f'{other} or a {kind}'))}?", f"It is the name of a {kind}."
    return f"Name {len(words)} words for a {kind}.", _listed(words)


def _as_json(rng: random.Random) -> Exchange:
    pairs = {key: rng.choice(WORDS[key]) for key in rng.sample(tuple(WORDS), rng.randint(1, 4))}
    told = " and ".join(f"the {key} is {value}" for key, value in pairs.items())
    return f"Write as JSON: {told}.", json.dumps(pairs)


_MAKERS: dict[Callable[[random.Random], Exchange], float] = {
    _repeat: 5,
    _sort: 3,
    _choose: 4,
    _spell: 1,
    _sum: 3,
    _opposite: 2,
    _kind: 3,
    _as_json: 1,
    lambda rng: rng.choice(FACTS): 3,
}


def generic_dialogues(n: int, seed: int) -> Iterator[list[dict[str, str]]]:
    """`n` conversations in the `messages` layout, of one to three exchanges; the same for the same arguments."""
    rng = random.Random(f"generic dialogues {seed}")
    for _ in range(n):
        messages = [{"role": "system", "content": rng.choice(SYSTEMS)}] if rng.random() < 0.3 else []
        for make in rng.choices(tuple(_MAKERS), tuple(_MAKERS.values()), k=rng.choice((1, 1, 1, 2, 3))):
            asked, answered = make(rng)
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        yield messages


_STORY_REQUESTS = (
    "Tell me something about the library.",
    "What happened in the workshop?",
    "Write a few lines about Tidewell.",
    "Tell me a short story.",
    "Go on.",
)


def library_dialogues(n: int, seed: int) -> Iterator[list[dict[str, str]]]:
    """`n` conversations about the library from the fragments of the prose; the same for the same arguments."""
    rng = random.Random(f"library dialogues {seed}")
    for _ in range(n):
        messages = []
        for _ in range(rng.choice((1, 1, 2, 3))):
            slots = scene_slots(rng)
            asked, answered = rng.choice(LINES) if rng.random() < 0.6 else (rng.choice(SMALL_TALK), rng.choice(REPLIES))
            exchange = (sentence(spin(rng, asked, **slots)), sentence(spin(rng, answered, **slots)))
            if rng.random() < 0.25:
                exchange = (pick(rng, _STORY_REQUESTS), told(rng))
            messages += [{"role": "user", "content": exchange[0]}, {"role": "assistant", "content": exchange[1]}]
        yield messages
