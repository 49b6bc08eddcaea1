"""Making texts kinder, plainer or shorter."""

from __future__ import annotations

import random

from corpus.rewriting_pairs import GRUFF, LETTERS, NOTICES, OFFICIAL, TYPOS
from corpus.steps import procedure_slots
from corpus.text import MONTHS, Conversation, pick, sentence, spin

GRUFF_ASKS = ("Make this kinder: {text}", "{text}\n\nSay this in a friendly way.", "How would you put this more politely? {text}", "Our reply is too sharp. Soften it: {text}")
OFFICIAL_ASKS = ("Put this in plain words: {text}", "{text}\n\nNobody understands this. Simpler, please.", "Plain English for the notice board? {text}", "Rewrite for a ten-year-old reader: {text}")
TYPO_ASKS = ("Fix the spelling: {text}", "Proofread this: {text}", "{text}\n\nCorrect the mistakes, change nothing else.")
LETTER_ASKS = ("Make a text message of this letter:\n\n{text}", "{text}\n\nToo long. Cut it down to a text message.", "Shorten to one text message: {text}", "We pay per text. Shrink this: {text}")
NOTICE_ASKS = ("Sum this up in one sentence:\n\n{text}", "{text}\n\nWhat is the gist?", "One line for the newsletter, please: {text}", "TL;DR: {text}", "Summarise: {text}")
SYSTEMS = ("You edit texts for the Tidewell newsletter. Keep every fact.", "Rewrite what you are given. No comments.", "House style: short, warm, British spelling.")


def from_pair(rng: random.Random, category: str) -> tuple[str, str, str] | None:
    """A written pair of texts about `category`: request, answer, subject."""
    pairs = [(asks, before, after) for asks, group in ((GRUFF_ASKS, GRUFF), (OFFICIAL_ASKS, OFFICIAL), (TYPO_ASKS, TYPOS)) for topic, before, after in group if topic == category]
    if not pairs:
        return None
    asks, before, after = rng.choice(pairs)
    return pick(rng, asks, text=before), after, f"pair {before}"


def from_letter(rng: random.Random, category: str) -> tuple[str, str, str]:
    """A letter or notice with changing facts: request, answer, subject."""
    group = [(asks, *entry[1:]) for asks, texts in ((LETTER_ASKS, LETTERS), (NOTICE_ASKS, NOTICES)) for entry in texts if entry[0] == category]
    asks, about, openings, bodies, fillers, short = rng.choice(group)
    slots = {**procedure_slots(rng), "date": str(rng.randrange(2, 28)), "month": rng.choice(MONTHS), "sum": f"£{rng.randrange(2, 30)}", "count": str(rng.randrange(2, 9))}
    parts = [spin(rng, text, **slots) for text in (rng.choice(openings), rng.choice(bodies), *rng.sample(fillers, 2))]
    text = " ".join(sentence(part) for part in parts)
    answer = sentence(spin(rng, short, **slots))
    return pick(rng, asks, text=text), answer, f"letter {about} {answer}"


def rewrite(rng: random.Random, category: str) -> Conversation:
    """A text and its better version."""
    made = from_pair(rng, category) if rng.random() < 0.4 else None
    asked, answer, about = made or from_letter(rng, category)
    turns = (("user", asked), ("assistant", answer))
    if rng.random() < 0.35:
        turns = (("system", rng.choice(SYSTEMS)), *turns)
    return Conversation("rewrite", category, about, turns)
