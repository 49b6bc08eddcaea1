"""Faults of form: fields, turns, characters, marks, styles of writing, JSON answers, tool calls, preference pairs."""

from __future__ import annotations

import json
from typing import Any

from tests.core.checked import chat, clean_chats, sentence, turns
from tests.core.fault_cases import PLANTED_AT, FaultCase, among, innocent, planted

ESC = "\x1b"


def alpaca(count: int = 60, **changes: Any) -> list[dict[str, Any]]:
    """Clean rows with an instruction, an input and an output."""
    return [{"instruction": f"Tell me about number {n}.", "input": "", "output": sentence(n), **changes} for n in range(count)]


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """The record without some fields."""
    return {name: value for name, value in record.items() if name not in names}


def asked(answers: list[str], **fields: Any) -> list[dict[str, Any]]:
    """A question for each answer."""
    return [chat(f"What is said in case {number}?", answer, **fields) for number, answer in enumerate(answers)]


def odd_among(check: str, title: str, usual: list[str], odd: str) -> FaultCase:
    """One answer among others written in one style."""
    return FaultCase(check, title, among(chat("What is said here?", odd), rows=asked(usual)), (PLANTED_AT,))


def pairs(count: int, chosen: str, rejected: str) -> list[dict[str, Any]]:
    """Preference pairs; {} is the row's number."""
    return [
        {"prompt": f"Say something about {n}.", "chosen": chosen.format(sentence(n)), "rejected": rejected.format(sentence(n + 100))}
        for n in range(count)
    ]


def conversations(first: str, second: str) -> dict[str, Any]:
    """A pair of conversations that begin with a question each."""
    return {"chosen": chat(first, "It is so.")["messages"], "rejected": chat(second, "It is not.")["messages"]}


def marked(good: int, bad: int) -> list[dict[str, Any]]:
    """Answers with a mark each."""
    return [{**chat(f"What about number {n}?", sentence(n)), "label": n < good} for n in range(good + bad)]


# ---- fields and turns

SYSTEM = ("system", "You are brief.")
WITH_SYSTEM = [turns(SYSTEM, ("user", f"What about number {n}?"), ("assistant", sentence(n))) for n in range(60)]
HALF_WITH_SYSTEM = [*WITH_SYSTEM[:30], *clean_chats(60, first=30)]
FRAMED = [chat(f"Answer in one line. What is number {n} about? Think first.", sentence(n)) for n in range(60)]

FORMS = (
    planted("bad-line", "a torn record", b'{"messages": ['),
    innocent("bad-line", "a blank line", b""),
    FaultCase("missing-field", "no output", among(without(alpaca()[0], "output"), rows=alpaca()), (PLANTED_AT,)),
    FaultCase("missing-field", "a field that some rows have", [{**row, **({"note": "x"} if n % 3 else {})} for n, row in enumerate(alpaca())]),
    FaultCase(
        "renamed-field", "a response for an output", among({**without(alpaca()[0], "output"), "response": "So."}, rows=alpaca()), (PLANTED_AT,)
    ),
    FaultCase("renamed-field", "another field beside", among({**alpaca()[0], "response_time": "2 s"}, rows=alpaca())),
    FaultCase("changed-type", "a list for a text", among({**alpaca()[0], "output": ["So."]}, rows=alpaca()), (PLANTED_AT,)),
    FaultCase("changed-type", "null beside numbers", among({**alpaca()[0], "rating": None}, rows=alpaca(rating=3))),
    planted("empty-answer", "only white space", chat("What is it?", " \n ")),
    innocent("empty-answer", "one letter", chat("Which letter comes first?", "A")),
    planted("empty-prompt", "nothing asked", chat("", "It is so.")),
    innocent("empty-prompt", "a question mark", chat("?", "What do you mean?")),
    planted("empty-turn", "an empty answer in the middle", chat("Ask this?", "", "And that?", "It is so.")),
    innocent("empty-turn", "short turns", chat("Hi", "Hi", "Bye", "Bye")),
    planted("unknown-role", "a narrator", turns(("user", "What?"), ("narrator", "So."), ("assistant", "It is."))),
    innocent("unknown-role", "other words for the speakers", turns(("human", "What?"), ("gpt", "So."))),
    planted("role-order", "two questions in a row", turns(("user", "What?"), ("user", "And now?"), ("assistant", "So."))),
    innocent("role-order", "a long conversation", chat("A?", "B.", "C?", "D.", "E?", "F.")),
    planted("last-turn", "the user has the last word", chat("What?", "So.", "Thanks, and then?")),
    innocent("last-turn", "an answer at the end", chat("What?", "So.", "Thanks.", "Gladly.")),
    planted("repeated-turn", "the same answer twice", turns(("user", "What?"), ("assistant", "So it is."), ("assistant", "So it is."))),
    innocent("repeated-turn", "yes twice, with another question between", chat("Is it red?", "Yes.", "Is it big?", "Yes.")),
    FaultCase("missing-system", "one without", among(chat("What is it?", "It is so."), rows=WITH_SYSTEM), (PLANTED_AT,)),
    FaultCase("missing-system", "some without", HALF_WITH_SYSTEM),
    FaultCase("mixed-system", "a third with", HALF_WITH_SYSTEM, tuple(range(30))),
    FaultCase("mixed-system", "all with", WITH_SYSTEM),
    FaultCase("mixed-system", "none with", clean_chats(60)),
    FaultCase("odd-prompt", "without the fixed beginning", among(chat("Why is that so? Think first.", "It is so."), rows=FRAMED), (PLANTED_AT,)),
    FaultCase("odd-prompt", "no fixed words", clean_chats(60)),
)

# ---- characters and marks

CHARACTERS = (
    planted("control-characters", "a terminal command", chat("What?", f"It is {ESC}[31mred.")),
    planted("control-characters", "a bell", chat("What?", "Ring\x07 twice.")),
    innocent("control-characters", "tabs and line ends", chat("What?", "a\tb\nc\td")),
    planted("mojibake", "UTF-8 read as Latin-1", chat("Where?", "In the cafÃ© by the river.")),
    innocent("mojibake", "accents", chat("Where?", "In the café — très bien, ça va? Übermäßig ÀÉÎ.")),
    innocent("mojibake", "Chinese", chat("在哪里？", "在河边的咖啡馆里。")),
    planted("lost-characters", "U+FFFD", chat("Where?", "In the caf\ufffd by the river.")),
    innocent("lost-characters", "a question mark in brackets", chat("Where?", "In the caf(?) by the river.")),
    planted("invisible-characters", "a zero-width space", chat("Where?", "In the\u200b café.")),
    innocent("invisible-characters", "emoji joined", chat("Who?", "A family: 👨‍👩‍👧 and می‌خواهم.")),
    planted("special-token", "a ChatML end", chat("What?", "It is so.<|im_end|>")),
    planted("special-token", "a Llama instruction", chat("[INST] What? [/INST]", "It is so.")),
    planted("special-token", "a Gemma turn", chat("What?", "<start_of_turn>model\nIt is so.")),
    innocent("special-token", "tags of a page", chat("What?", "Use <b>bold</b> and <s>struck</s> [1] [note].")),
    planted("template-text", "an Alpaca heading", chat("What?", "It is so.\n\n### Instruction:\nAnd now?")),
    planted("template-text", "the Alpaca preamble", chat("Below is an instruction that describes a task. Write a response.\n\nWhat?", "It is so.")),
    planted("template-text", "a Vicuna line", chat("USER: What is it? ASSISTANT:", "It is so.")),
    planted("template-text", "another conversation in the answer", chat("What?", "It is so.\n\nHuman: And now?\n\nAssistant: So too.")),
    innocent("template-text", "a heading of one's own", chat("What?", "### Response times\nThey are short.\n### Input\nNone.")),
    innocent("template-text", "a dialogue that was asked for", chat("Write a dialogue.", "Customer: Good day.\nClerk: Good day.\nUser: Hello.")),
    planted("placeholder", "noinput", chat("What is it?\n<noinput>", "It is so.")),
    innocent("placeholder", "a word in brackets", chat("What does <title> do?", "It names the page.")),
    FaultCase("unfilled-slot", "in two rows", among(chat("Who?", "I am {{name}}."), chat("Who?", "Ask {{name}}.")), (PLANTED_AT, PLANTED_AT + 1)),
    innocent("unfilled-slot", "in code", chat("How?", "Write `{{name}}` there."), chat("How?", "Then `{{name}}` here.")),
    planted("unclosed-fence", "a block that never ends", chat("Show me.", "Here:\n```python\nx = 1")),
    innocent("unclosed-fence", "a block that ends", chat("Show me.", "Here:\n```python\nx = 1\n```")),
    planted("outer-whitespace", "a space at the end", chat("What?", "It is so. ")),
    innocent("outer-whitespace", "white space inside", chat("What?", "It is so.\n\n  And so.")),
    planted("line-ends", "CR LF", chat("What?", "One.\r\nTwo.")),
    planted("line-ends", "both kinds", chat("What?", "One.\nTwo.\r\nThree.")),
    innocent("line-ends", "line feeds", chat("What?", "One.\nTwo.\n\nThree.")),
)

# ---- styles

DATED = [f"It was on 2021-{n % 12 + 1:02}-{n % 28 + 1:02}, in the {n}. shed." for n in range(60)]
COUNTED = [f"There were {n + 3},{n * 7 + 100} of them." for n in range(60)]
MEASURED = [f"It is {n + 2} km away." for n in range(60)]
QUOTED = [f'She said "number {n}" and left.' for n in range(60)]
LISTED = [f"Take:\n- bread {n}\n- wool {n}" for n in range(60)]
PLAIN = [f"{sentence(n)}\n\n{sentence(n + 200)} {sentence(n + 300)} {sentence(n + 400)} {sentence(n + 500)}" for n in range(120)]

STYLES = (
    odd_among("mixed-dates", "a long date among ISO", DATED, "It was on March 25, 2021."),
    odd_among("mixed-dates", "an ambiguous date among ISO", DATED, "It was on 03/04/2021."),
    FaultCase("mixed-dates", "ISO throughout", asked(DATED)),
    FaultCase("mixed-dates", "two styles in equal shares", asked([*DATED[:30], *[f"It was on March {n % 28 + 1}, 2021." for n in range(30)]])),
    FaultCase("mixed-dates", "the date as it was asked", among(chat("Was it on March 25, 2021?", "Yes, on March 25, 2021."), rows=asked(DATED))),
    FaultCase(
        "mixed-dates",
        "one style a source",
        [*asked(DATED, source="log"), *asked([f"It was on March {n % 28 + 1}, 2021." for n in range(60)], source="letter")],
    ),
    FaultCase(
        "mixed-dates",
        "the style of another source",
        [*asked(DATED, source="log"), *asked([*[f"It was on March {n % 28 + 1}, 2021." for n in range(60)], "On 2021-03-04."], source="letter")],
        (120,),
    ),
    FaultCase(
        "mixed-dates",
        "a small source with a style of its own",
        [*asked(DATED * 10, source="log"), *asked([f"It was on March {n % 28 + 1}, 2021." for n in range(45)], source="letter")],
    ),
    odd_among("mixed-numbers", "without the comma", COUNTED, "There were 123456 of them."),
    odd_among("mixed-numbers", "with points", COUNTED, "There were 1.234.567,89 of them."),
    odd_among("mixed-numbers", "a decimal comma", [f"It costs {n}.50 a day." for n in range(60)], "It costs 3,50 a day."),
    FaultCase("mixed-numbers", "years and codes", among(chat("When?", "In 1999, code 55555, order no. 123456."), rows=asked(COUNTED))),
    odd_among("mixed-units", "kilometers among km", MEASURED, "It is 5 kilometers away."),
    odd_among("mixed-units", "5kg among 5 kg", [f"It weighs {n} kg." for n in range(60)], "It weighs 5kg."),
    odd_among("mixed-units", "percent in words", [f"About {n}% of it." for n in range(60)], "About 5 percent of it."),
    FaultCase("mixed-units", "a compound", among(chat("Run?", "A 5-kilometer run over square kilometers."), rows=asked(MEASURED))),
    odd_among("mixed-quotes", "curly among straight", QUOTED, "She said “number one” and left."),
    odd_among("mixed-quotes", "a curly apostrophe", [f"It's number {n}, isn't it." for n in range(60)], "It’s number one."),
    FaultCase("mixed-quotes", "Chinese quotes", among(chat("What?", "他说“好”。"), rows=asked(QUOTED))),
    odd_among("mixed-bullets", "asterisks among hyphens", LISTED, "Take:\n* bread\n* wool"),
    odd_among("mixed-bullets", "brackets among points", [f"1. Take {n}\n2. Give {n}" for n in range(60)], "1) Take\n2) Give"),
    FaultCase("mixed-bullets", "hyphens throughout", asked(LISTED)),
    odd_among("mixed-markdown", "bold among plain", PLAIN, f"**So:** {sentence(7)}\n\n{sentence(8)}"),
    FaultCase("mixed-markdown", "powers in code", among(chat("How?", "x = (a**2 + b**2)\n\nreturn x**2"), rows=asked(PLAIN))),
    FaultCase("mixed-markdown", "Markdown in half", asked([*PLAIN[:60], *[f"**{text}".replace(" ", "** ", 1) for text in PLAIN[:60]]])),
    odd_among("answer-label-style", "another case", ["Positive", "Negative"] * 40, "positive"),
    odd_among("answer-label-style", "a full stop", ["Positive", "Negative"] * 40, "Negative."),
    FaultCase("answer-label-style", "one spelling", asked(["Positive", "Negative", "Mixed"] * 30)),
    FaultCase("answer-label-style", "both spellings in use", asked(["Positive", "positive."] * 30)),
)

# ---- JSON answers

ORDERS = [json.dumps({"name": f"Pat {n}", "item": sentence(n), "count": n}) for n in range(60)]

JSON_ANSWERS = (
    odd_among("json-missing-key", "no count", ORDERS, '{"name": "Sam", "item": "rope"}'),
    FaultCase("json-missing-key", "an optional key", asked([*ORDERS[:40], *[json.dumps({"name": f"Pat {n}", "item": "rope"}) for n in range(20)]])),
    odd_among("json-extra-key", "a colour", ORDERS, '{"name": "Sam", "item": "rope", "count": 2, "colour": "red"}'),
    FaultCase("json-extra-key", "the same keys", asked(ORDERS)),
    odd_among("json-misspelt-key", "another case", ORDERS, '{"Name": "Sam", "item": "rope", "count": 2}'),
    odd_among("json-misspelt-key", "letters swapped", ORDERS, '{"name": "Sam", "itme": "rope", "count": 2}'),
    FaultCase("json-misspelt-key", "other objects", asked([*ORDERS, *[json.dumps({"title": f"No. {n}", "names": [n]}) for n in range(30)]])),
    odd_among("json-value-type", "a number as text", ORDERS, '{"name": "Sam", "item": "rope", "count": "two"}'),
    FaultCase("json-value-type", "null", among(chat("What?", '{"name": "Sam", "item": null, "count": 2.5}'), rows=asked(ORDERS))),
    odd_among("json-key-order", "the count first", ORDERS, '{"count": 2, "name": "Sam", "item": "rope"}'),
    FaultCase("json-key-order", "any order", asked([*ORDERS[:30], *[json.dumps({"item": "rope", "count": n, "name": "Sam"}) for n in range(30)]])),
)

# ---- tools

WEATHER = {
    "name": "get_weather",
    "description": "Weather of a place.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]},
}
OPENAI_TOOLS = [{"type": "function", "function": WEATHER}]


def called(arguments: Any, name: str = "get_weather", number: str = "call_1", result_to: str = "call_1") -> dict[str, Any]:
    """A conversation in the OpenAI form with one call and its result."""
    call = {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}
    messages = [
        {"role": "user", "content": "What will the weather be?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": result_to, "content": '{"rain": true}'},
        {"role": "assistant", "content": "It will rain."},
    ]
    return {"messages": messages, "tools": OPENAI_TOOLS}


def called_in_sharegpt(call: str, tools: str | None = None) -> dict[str, Any]:
    """The same in the ShareGPT form, where calls and tools are texts."""
    said = (("human", "What will the weather be?"), ("function_call", call), ("observation", '{"rain": true}'), ("gpt", "It will rain."))
    return {"conversations": [{"from": role, "value": text} for role, text in said], "tools": json.dumps([WEATHER]) if tools is None else tools}


RIGHT_CALL = '{"name": "get_weather", "arguments": {"city": "Ulm", "days": 2}}'
CALLS = [called(json.dumps({"city": f"Town {n}", "days": n})) for n in range(40)]
SHAREGPT_CALLS = [called_in_sharegpt(RIGHT_CALL.replace("Ulm", f"Town {n}")) for n in range(40)]
UNANSWERED = called('{"city": "Ulm"}')
del UNANSWERED["messages"][2]
ENDING_IN_CALL = called('{"city": "Ulm"}')
del ENDING_IN_CALL["messages"][2:]
TWO_CALLS = called('{"city": "Ulm"}')
TWO_CALLS["messages"][1]["tool_calls"] *= 2
TWO_CALLS["messages"][1]["tool_calls"][1] = {**TWO_CALLS["messages"][1]["tool_calls"][0], "id": "call_2"}
UNASKED = {
    "messages": [
        {"role": "user", "content": "Rain?"},
        {"role": "assistant", "content": "Let me look."},
        {"role": "tool", "content": "yes"},
        {"role": "assistant", "content": "It will rain."},
    ],
    "tools": OPENAI_TOOLS,
}

TOOLS = (
    planted("tool-arguments", "a required one missing", called('{"days": 2}'), rows=CALLS),
    planted("tool-arguments", "another type", called({"city": "Ulm", "days": "two"}), rows=CALLS),
    planted("tool-arguments", "one too many", called('{"city": "Ulm", "unit": "C"}'), rows=CALLS),
    planted("tool-arguments", "a list", called("[1, 2]"), rows=CALLS),
    planted("tool-arguments", "in the ShareGPT form", called_in_sharegpt('{"name": "get_weather", "arguments": {}}'), rows=SHAREGPT_CALLS),
    innocent("tool-arguments", "an optional one left out", called('{"city": "Ulm"}'), rows=CALLS),
    innocent("tool-arguments", "as declared", rows=SHAREGPT_CALLS),
    planted("unknown-tool", "a name that nobody declared", called('{"city": "Ulm"}', name="get_wether"), rows=CALLS),
    innocent("unknown-tool", "declared ones", rows=CALLS),
    planted("unreadable-call", "arguments cut off", called('{"city": "Ul'), rows=CALLS),
    planted("unreadable-call", "a call cut off", called_in_sharegpt(RIGHT_CALL[:-2]), rows=SHAREGPT_CALLS),
    innocent("unreadable-call", "arguments as an object", called({"city": "Ulm"}), rows=CALLS),
    planted("unreadable-tools", "cut off", called_in_sharegpt(RIGHT_CALL, tools='[{"name": "get_wea'), rows=SHAREGPT_CALLS),
    innocent("unreadable-tools", "none declared", chat("What?", "So.", tools="[]"), rows=CALLS),
    planted("result-without-call", "no call at all", UNASKED, rows=CALLS),
    planted("result-without-call", "the number of another call", called('{"city": "Ulm"}', result_to="call_9"), rows=CALLS),
    innocent("result-without-call", "called before", rows=SHAREGPT_CALLS),
    planted("call-without-result", "an answer at once", UNANSWERED, rows=CALLS),
    planted("call-without-result", "the second of two", TWO_CALLS, rows=CALLS),
    innocent("call-without-result", "the last turn", ENDING_IN_CALL, rows=CALLS),
    innocent("call-without-result", "one result for all", rows=SHAREGPT_CALLS),
)

# ---- preference

LONGER, EVEN = pairs(60, "{} And more of it, at length, for good measure.", "{}"), pairs(60, "{}", "{}")

TALKS = [conversations(f"What about number {n}?", f"What about number {n}?") for n in range(60)]
PREFERENCE = (
    FaultCase("equal-preference", "the same answer twice", among({"prompt": "What?", "chosen": "So.", "rejected": "So. "}, rows=EVEN), (PLANTED_AT,)),
    FaultCase("equal-preference", "a word apart", among({"prompt": "What?", "chosen": "So.", "rejected": "No."}, rows=EVEN)),
    FaultCase("unlike-prompts", "another question", among(conversations("What is it?", "Where is it?"), rows=TALKS), (PLANTED_AT,)),
    FaultCase("unlike-prompts", "the same question, spaced otherwise", among(conversations("What is it?", "What  is it?"), rows=TALKS)),
    FaultCase("length-bias", "the chosen one is longer", LONGER, tuple(range(60))),
    FaultCase("length-bias", "about the same length", EVEN),
    FaultCase("one-sided-marks", "all good but one", marked(59, 1), tuple(range(59))),
    FaultCase("one-sided-marks", "three quarters good", marked(45, 15)),
)

CASES = (*FORMS, *CHARACTERS, *STYLES, *JSON_ANSWERS, *TOOLS, *PREFERENCE)
