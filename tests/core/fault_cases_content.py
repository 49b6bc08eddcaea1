"""Faults that show when an answer is worked out: wrong sums, personal data, secrets; and what is right or nobody's."""

from __future__ import annotations

from tests.core.checked import chat
from tests.core.fault_cases import innocent, planted

KEY = "sk-proj-Q7wE9rT2yU4iO6pA8sD1fG3hJ5kL0zX"

CASES = (
    planted("wrong-arithmetic", "a product", chat("How much is it for 17 of them?", "Each is 4, so it is 17 * 4 = 58 in all.")),
    planted("wrong-arithmetic", "a sum of money", chat("What do I pay?", "You pay $1,250 + $850 = $2,430.")),
    planted("wrong-arithmetic", "a calculator's mark", chat("How many clips?", "She sold 48/2 = <<48/2=25>>25 clips.")),
    planted("wrong-arithmetic", "per cent", chat("How much is off?", "That is 20% of 50 = 12 euros.")),
    innocent(
        "wrong-arithmetic",
        "right, rounded, in other units, algebra, other rules",
        chat("How much is it?", "17 * 4 = 68, 22 / 7 = 3.14, 120 / 60 = 2 hours and 100 + 10% = 110."),
        chat("Solve it.", "2x + 3 = 7, so x = 2, and sqrt(9) + 1 = 4."),
        chat("Is 2 + 2 = 5?", "You ask whether 2 + 2 = 5."),
        chat("Add in binary.", "1 + 1 = 10"),
    ),
    planted("personal-data", "an e-mail address", chat("Whom do I ask?", "Ask ada.lovett@harbour-museum.net about it.")),
    planted("personal-data", "a telephone number in the prompt", chat("Call me at 604-457-4895, will you?", "I have no telephone.")),
    planted("personal-data", "a card's number", chat("Which card?", "The card is 4539 5787 6362 1486.")),
    innocent(
        "personal-data",
        "addresses and numbers of nobody",
        chat("Whom do I ask?", "Ask info@harbour-museum.net or ada@example.com, call 555-0123-456 or 1-800-222-1222."),
        chat("Which card?", "For tests take 4111 1111 1111 1111, on the server 192.168.1.1."),
    ),
    planted("secret", "an API key", chat("How do I log in?", f"Set the key to {KEY} first.")),
    innocent("secret", "a placeholder", chat("How do I log in?", "Set the key to sk-your-key-here-0000000000 first.")),
)
