"""Merged tasks, other languages, matter that is absent, code that does not parse: what is at fault and what looks like it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.answers.code import BrokenJson, BrokenPython, json_fault, python_blocks, python_fault
from sde_core.checks.answers.merged import MergedTasks
from tests.core.checked import chat, clean_chats, findings_in, rows_found, turns

# ---- code


@pytest.mark.parametrize(
    ("code", "line", "reason"),
    [
        ("x = (1,\ny = 2\n", 1, "'(' was never closed"),
        ("for i in x:\nprint(i)\n", 2, "expected an indented block after 'for' statement on line 1"),
        ("print 'a'\n", 1, "Missing parentheses in call to 'print'. Did you mean print(...)?"),
        ("x = “a”\n", 1, "invalid character '“' (U+201C)"),
        ("if x:\n\ty = 1\n        z = 2\n", 3, "inconsistent use of tabs and spaces in indentation"),
    ],
)
def test_the_line_at_which_python_stops(code, line, reason):
    fault = python_fault(code)
    assert fault is not None
    assert fault.line == line
    if sys.version_info >= (3, 11):
        assert fault.reason == reason


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\n", "def f():\n    # to do\n", "class A:\n", ">>> x\n... y\n", "!pip install x\n%matplotlib inline\nimport x\n", "return 3\n", "...\n", "",
        "x = '\\d'\n", "<html>", "(" * 500 + ")" * 500, "1+" * 12_000 + "1", "x" + ".y" * 9000, "not " * 4000 + "x", "x = '" + "a" * 30_000,
    ],
    ids=lambda code: code[:12],
)  # fmt: skip
def test_python_that_is_sound_or_not_tried(code):
    assert python_fault(code) is None


@given(st.text(alphabet="ab (){}[]:=+-'\"\n\t#.,\\\0é", max_size=120))
def test_any_text_is_parsed_without_failing(code):
    python_fault(code)
    json_fault(code)


def test_parsing_runs_nothing(tmp_path, recwarn):
    target = tmp_path / "made"
    assert python_fault(f"open({str(target)!r}, 'w').close()\nassert 1 is 1\n") is None
    assert not target.exists()
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("import os\nprint(os.name)\n", ["import os\nprint(os.name)\n"]),
        ("import os\nprint(os.name)\n\nOutput:\nposix", ["import os\nprint(os.name)\n\n"]),
        ("So:\n```\nimport os\nos.name\n```", ["import os\nos.name\n"]),
        ("So:\n```python\nx = 1\n```\nand\n```\ny\n```\n  ```py\n  z = 2\n  ```", ["x = 1\n", "z = 2\n"]),
        ("import x;\nx.y();\n", []),
        ("This is how:\n\nimport os\n", []),
        ("def f(x)\n  x\nend\n", []),
    ],
)
def test_what_counts_as_python(text, codes):
    assert [block.code for block in python_blocks(text)] == codes


def test_the_fault_names_line_and_reason(tmp_path):
    rows = [*clean_chats(10), chat("How?", "```python\nx = 1\ny = 'a\n```"), chat("How?", "```python\nprint x\n```")]
    found = findings_in(tmp_path, rows, "broken-code")
    assert [(finding.rows, finding.severity, finding.evidence, finding.score) for finding in found] == [
        ((10,), "warning", "y = 'a", 1.0),
        ((11,), "info", "print x", 0.7),
    ]
    assert found[0].message.startswith("The Python code does not parse in line 2: unterminated string literal")
    assert found[1].message == "The code is Python 2: line 1 prints without brackets."


@pytest.mark.parametrize(
    ("prompt", "answer", "broken"),
    [
        ("Give me JSON.", '{"a": 1,, "b": 2}', True),
        ("Answer as JSON.", "{'a': 1, 'b': 2}", True),
        ("Answer as JSON.", '{"a": 1, "b": [2, 3]}', False),
        ("Give me a Python dict.", "{'a': 1, 'b': 2}", False),
    ],
)
def test_a_whole_answer_is_json_where_it_was_asked_for(tmp_path, prompt, answer, broken):
    assert rows_found(findings_in(tmp_path, [*clean_chats(10), chat(prompt, answer)], "broken-json")) == [10] * broken


def test_code_of_users_is_theirs():
    assert list(BrokenPython().faults("```python\nx = (\n```", "user")) == []
    assert list(BrokenJson().faults("```json\n{\n```", "user")) == []


@pytest.mark.parametrize(("code", "line"), [('{"a": 1,}', 1), ('{"a": 1\n "b": 2}', 2), ("{'a': 1}", 1), ('["a" "b"]', 1)])
def test_json_that_does_not_parse(code, line):
    fault = json_fault(code)
    assert fault is not None
    assert fault.line == line


@pytest.mark.parametrize("code", ['{"a": 1}', '{"a": 1}\n{"a": 2}', '{"a": ...}', '{"a": 1} // one', '{"a": {{b}}}', "name: Ada", '{"a": <number>}'])
def test_json_that_is_sound_or_an_outline(code):
    assert json_fault(code) is None


# ---- merged tasks


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("A gull.\n8. Instruction: Name a fish.\n8. Output: A cod.", 1.0),
        ("A gull.\n\n### Instruction:\nName a fish.", 1.0),
        ("A gull. Instruction: Name a fish. Output: A cod.", 1.0),
        ("A gull.\n\nInput: fish\nOutput: cod", 0.8),
        ("A gull.\n### Response:\nA cod.", 0.9),
        ("A gull.\nUser: And a fish?\nAI: A cod.", 0.8),
        ("A gull.\n\nQ: And a fish?\nA: A cod.", 0.7),
        ("一只海鸥。\n指令：说出一种鱼。", 1.0),
    ],
)
def test_a_second_task_is_found(text, score):
    assert [fault.score for fault in MergedTasks().faults(text, "assistant")] == [score]


@pytest.mark.parametrize(
    "text",
    ["Instruction: Name a fish.", "User: Hello.\nAI: Hi.", "Q: Why?\nA: Because.", "Eggs.\nInstructions: Boil them.", "A gull.\nUser: the one who uses it.",
     "x = 1\nInput: 1\nOutput: 2", "So:\n```\nUser: a\nAI: b\n```", "Mix it.\n## Output:\n9"],
)  # fmt: skip
def test_what_is_no_second_task(text):
    assert list(MergedTasks().faults(text, "assistant")) == []


def test_an_earlier_answer_counts_too(tmp_path):
    rows = [*clean_chats(10), chat("A bird?", "A gull.\n8. Instruction: Name a fish.", "Thanks.", "You are welcome.")]
    found = findings_in(tmp_path, rows, "merged-tasks")
    assert [(finding.rows, finding.field) for finding in found] == [((10,), "messages[1].content")]


# ---- details


PASSAGE = "In 1911 the museum opened with 312 ships and cost £41,250; two hundred came. See https://a.net/map."


@pytest.mark.parametrize(
    ("answer", "new"),
    [
        ("It opened in 1911 with 312 ships.", []),
        ("It opened in 1926 with 350 ships.", ["1926", "350"]),
        ("It cost about 41,000 pounds, 100 per cent of it paid.", []),
        ("It cost 52,000 pounds.", []),
        ("It cost 52,017 pounds.", ["52,017"]),
        ("That is 1,599 more, or 2223 in all.", []),
        ("See https://a.net/map or https://b.net/map.", ["https://b.net/map."]),
        ("Call 911 at 10:30 on page 12.", []),
        ("A 312-ship museum, no. A1926.", []),
    ],
)
def test_what_a_passage_does_not_hold(answer, new):
    from sde_core.checks.answers.details import ungrounded

    assert ungrounded(answer, PASSAGE + " 1911 2223 1599") == new


# ---- matter that is absent


@pytest.mark.parametrize(
    ("prompt", "answer", "check"),
    [
        ("Translate the following sentence into French.", "Le chat est noir.", "missing-input"),
        ("Based on the passage above, what did the author do?", "He left.", "missing-input"),
        ("Describe the image.", "It shows a dog.", "missing-input"),
        ("Proofread the text below.", "It is free of errors now.", "missing-input"),
        ("Describe the image of the harbour.", "It shows a dog.", ""),
        ("Describe the following sentence structures of French.", "There are three.", ""),
        ("Summarize https://harbour-museum.net/news", "It says that the harbour grew.", "unseen-source"),
        ("What is in the picture? [image.png]", "A dog runs.", "unseen-source"),
        ("What does this website offer? www.harbour-museum.net", "It offers maps.", "unseen-source"),
        ("Write HTML that shows image.png.", '<img src="image.png">', ""),
        ("Where is https://harbour-museum.net/news hosted?", "In Norway.", ""),
    ],
)
def test_matter_that_is_absent(tmp_path, prompt, answer, check):
    found = findings_in(tmp_path, [*clean_chats(10), chat(prompt, answer)], "missing-input", "unseen-source")
    assert [(finding.rows, finding.check) for finding in found] == ([((10,), check)] if check else [])


def test_what_came_before_or_with_the_row_may_be_meant(tmp_path):
    pictured = {**chat("Describe this picture.", "It shows a ship."), "images": ["a.png"]}
    earlier = chat("Here is a story: the harbour grew.", "Thank you.", "Summarize the following story.", "It grew.")
    system = turns(("system", "The harbour grew."), ("user", "Summarize the following text."), ("assistant", "It grew."))
    assert findings_in(tmp_path, [*clean_chats(10), pictured, earlier, system], "missing-input") == []


def test_a_marker_is_no_input(tmp_path):
    rows = [{"instruction": f"Do {n}", "input": "<noinput>" if n == 5 else "", "output": f"Done {n}."} for n in range(20)]
    rows[5] |= {"instruction": "Summarize the following article.", "output": "It says that the harbour grew."}
    found = findings_in(tmp_path, rows, "missing-input")
    assert [(finding.rows, finding.field) for finding in found] == [((5,), "instruction")]


def test_an_address_in_two_fields_is_one_finding(tmp_path):
    rows = [{"instruction": f"Do {n}", "input": "", "output": f"Done {n}."} for n in range(20)]
    rows[5] = {"instruction": "Summarize this article: https://a.net/b", "input": "https://a.net/b", "output": "It says that the harbour grew."}
    assert rows_found(findings_in(tmp_path, rows, "unseen-source")) == [5]


# ---- other languages


GERMAN = "Das Museum am Hafen ist im Winter von zehn bis vier Uhr geöffnet und am Montag nicht."


def test_a_file_of_translations_is_none(tmp_path):
    rows = [chat(f"When does the museum number {number} open in the winter?", GERMAN) for number in range(20)]
    assert findings_in(tmp_path, rows, "wrong-language") == []


@pytest.mark.parametrize(
    ("prompt", "answer", "wrong"),
    [
        ("When does the museum open in the winter?", GERMAN, True),
        ("When does the museum open in the winter? Answer in German.", GERMAN, False),
        ("How do I reset my password?", "点击菜单中的链接，然后按照说明操作。", True),
        ("git config --global user.name", "点击菜单中的链接，然后按照说明操作。", False),
        ("What does this say: Das Museum am Hafen ist nicht offen?", GERMAN, False),
        ("¿Cuándo abre el museo del puerto en el invierno y para qué sirve la torre?", "The museum of the harbour is open from ten.", True),
        ("Name some of the restaurants of the town.", "1. L'Express\n2. Les Deux Ponts\n3. La Table des Halles et du Port", False),
        ("请把这个句子改写一下：bread", "The bread is warm and it is on the table.", False),
    ],
)
def test_when_a_language_is_wrong(tmp_path, prompt, answer, wrong):
    assert rows_found(findings_in(tmp_path, [*clean_chats(20), chat(prompt, answer)], "wrong-language")) == [20] * wrong


# ---- real rows


def test_the_merged_instructions_of_alpaca(shared_data):
    from sde_core.checks import run_checks
    from sde_core.dataset import open_dataset

    found = run_checks(open_dataset(shared_data / "instruct" / "alpaca_5000.json"), ("merged-tasks", "unseen-source", "missing-input")).findings
    assert rows_found(found, "merged-tasks") == [2710, 2930, 3493, 4052]
    assert 25 <= len(rows_found(found, "unseen-source")) <= 31
    assert 4 <= len(rows_found(found, "missing-input")) <= 5
