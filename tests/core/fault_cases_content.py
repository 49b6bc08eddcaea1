"""Faults that show when an answer is worked out: wrong sums, personal data, secrets; and what is right or nobody's."""

from __future__ import annotations

from tests.core.checked import chat, sentence
from tests.core.fault_cases import innocent, planted

MERGED = "It opens at ten and closes at four, in winter too.\n\n8. Instruction: Name three birds.\n8. Output:\nThe gull, the tern and the cormorant."
GERMAN = "Das Museum am Hafen ist im Winter von zehn bis vier Uhr geöffnet und am Montag nicht."
BROKEN = "def area(width, height):\n  result = width * height\n return result\n\nprint(area(2, 3))"
SOUND = "def area(width, height):\n    return width * height\n\nprint(area(2, 3))\n# Output:\n6 square metres"
PASSAGE = "The museum at the harbour opened in 1911 with 312 ships. " + " ".join(sentence(number) for number in range(6)) + " It shows 128 maps too."
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
    planted("merged-tasks", "an instruction with its output", chat("When does it open?", MERGED)),
    planted("merged-tasks", "another speaker", chat("When does it open?", "At ten.\nHuman: And on Sundays?\nAssistant: At noon.")),
    planted("merged-tasks", "another question", chat("When does it open?", "At ten.\n\nQuestion: Who founded it?\nAnswer: A captain.")),
    innocent(
        "merged-tasks",
        "asked for, or in another form",
        chat("Write a dialogue.", "In the museum.\nUser: When?\nAssistant: At ten."),
        chat("How do I bake bread?", "Ingredients: flour, water.\nInstructions: Mix and bake."),
        chat("Make a quiz.", "Here it is.\nQuestion: Who?\nAnswer: A captain."),
    ),
    planted("wrong-language", "an English question, a German answer", chat("When does the museum at the harbour open in the winter?", GERMAN)),
    planted(
        "wrong-language",
        "a Chinese question, an English answer",
        chat("港口博物馆冬天什么时候开门？请告诉我时间。", "The museum at the harbour is open from ten to four."),
    ),
    innocent(
        "wrong-language",
        "a translation, a question in that language, code",
        chat("Translate into German: The museum at the harbour is open from ten to four.", GERMAN),
        chat("Wann ist das Museum am Hafen im Winter geöffnet, und wann ist es nicht geöffnet?", GERMAN),
        chat("港口博物馆冬天什么时候开门？请告诉我时间。", "十点。 The museum at the harbour is open from ten to four."),
        chat("What is the opening hour of the museum in the harbour?", "SELECT opens FROM museums WHERE name = 'harbour'"),
    ),
    planted(
        "ungrounded-detail", "a year and a sum", chat(f"Summarize this article.\n\n{PASSAGE}", "The museum opened in 1926 and cost 4,350 pounds.")
    ),
    planted(
        "ungrounded-detail",
        "a person's name",
        chat(f"Summarize this article.\n\n{PASSAGE}", "The museum was opened by the painter Elena Brandvold and shows ships."),
    ),
    innocent(
        "ungrounded-detail",
        "a name at the head of a sentence, and one of which a word is given",
        chat(f"Summarize this article.\n\n{PASSAGE}", "Elena Brandvold opened it. It stands in the Museum Quarter."),
    ),
    planted(
        "ungrounded-detail",
        "an address",
        chat(f"{PASSAGE}\n\nAnswer from the text: what is there to see?", "Ships; see www.harbour-ships.net for more."),
    ),
    innocent(
        "ungrounded-detail",
        "held, rounded, added up, or not to be taken from a passage",
        chat(f"Summarize this article.\n\n{PASSAGE}", "The museum opened in 1911 with 312 ships and 128 maps, 440 pieces in all."),
        chat(f"Write a story from this article.\n\n{PASSAGE}", "In 1926 a captain gave 4,350 pounds."),
        chat("Tell me about harbours.", "The oldest was built in 1926 and cost 4,350 pounds."),
    ),
    planted("missing-input", "an article that does not follow", chat("Summarize the following article.", "The article says that the harbour grew.")),
    planted("missing-input", "a chart that is not there", chat("Describe the trend in the chart.", "The chart shows that visits rose.")),
    innocent(
        "missing-input",
        "given, or asked for by the answer",
        chat("Summarize the following article: The harbour grew from year to year.", "The harbour grew."),
        chat("Summarize the following article.\n\nThe harbour grew from year to year.", "The harbour grew."),
        chat("Summarize the following article.", "Please provide the article, and I will summarize it."),
        chat("Summarize the story of the Flying Dutchman.", "A captain must sail for ever."),
        chat("Name the following numbers: 1, 2.", "One, two."),
    ),
    planted("pretended-attachment", "in brackets", chat("Make a screenshot.", "[screenshot of the museum's page]")),
    planted("pretended-attachment", "a picture", chat("Draw a cat.", "![a cat](https://harbour-museum.net/cat.png)")),
    innocent(
        "pretended-attachment",
        "a picture among words, brackets that name no file",
        chat("Show me.", "See the map:\n\n![map](https://harbour-museum.net/map.png)"),
        chat("Give me a list.", "[1, 2, 3]"),
        chat("What does he do?", "(He draws a picture and goes home.) Then he sleeps."),
    ),
    planted(
        "unseen-source", "a page", chat("Summarize this article: https://harbour-museum.net/news/2020", "The article says that the harbour grew.")
    ),
    planted("unseen-source", "a picture", chat("Describe the following photo.\n\n![photo](https://harbour-museum.net/a.jpg)", "It shows a ship.")),
    innocent(
        "unseen-source",
        "code, links as such, an answer that declines",
        chat("Write Python code that fetches the page https://harbour-museum.net/news", "import urllib.request"),
        chat("What is the domain of the page https://harbour-museum.net/news?", "harbour-museum.net"),
        chat("Summarize this article: https://harbour-museum.net/news/2020", "I cannot open pages. Please paste the text."),
    ),
    planted("broken-code", "Python that is indented wrongly", chat("Write it in Python.", BROKEN)),
    planted("broken-code", "a block of Python without a bracket", chat("How?", "So:\n\n```python\nprint(area(2, 3)\nx = 1\n```")),
    planted("broken-code", "Python 2", chat("How?", "```python\nprint area(2, 3)\n```")),
    innocent(
        "broken-code",
        "sound, interactive, outlined, in another language, mixed with prose",
        chat("Write it in Python.", SOUND),
        chat("How?", "```python\n>>> 1 + 1\n2\n%timeit f()\n!pip install x\nfor x in y:\n    # do something\n```"),
        chat("Write it in Ruby.", "def area(w, h)\n  w * h\nend"),
        chat("How?", "def area(w, h):\n    return w * h\nThis function gives the area of a room, as you asked."),
    ),
    planted("broken-json", "a block without a quote", chat("As JSON, please.", '```json\n{"name": "Ada, "age": 36}\n```')),
    innocent(
        "broken-json",
        "sound, line by line, an outline",
        chat("As JSON, please.", '```json\n{"name": "Ada", "age": 36}\n```'),
        chat("As JSON lines.", '```json\n{"name": "Ada"}\n{"name": "Eve"}\n```'),
        chat("As JSON, please.", '```json\n{"name": "Ada", ...}\n```'),
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
