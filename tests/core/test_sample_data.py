"""The truth file against the data, by other means than those that planted the faults."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sample_parts import (
    LABELS,
    Record,
    answer_of,
    asked_keys,
    clean_records,
    messages_of,
    prompt_of,
    question_of,
    roles_of,
    similarity,
    texts_of,
    words_of,
)
from tests.sample_truth import SAMPLE, SAMPLE_FOLDER, TRUTH, sample_lines, sample_records, sample_truth

FIELDS = ["id", "messages", "category", "task", "source", "lang", "split", "rating", "date"]
truth = sample_truth()


# --- the file as a whole


def test_truth_covers_every_row_once() -> None:
    faulty = [fault.row for faults in truth.faults.values() for fault in faults]
    assert len(faulty) == len(set(faulty))
    groups = [set(faulty), set(truth.bad_rows), truth.clean_rows, truth.originals]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(groups, 2))
    assert set().union(*groups) == set(range(truth.rows))
    assert len(sample_lines()) == truth.rows
    assert {row for rows in truth.traps.values() for row in rows} <= truth.clean_rows


def test_size_and_share_of_dirt() -> None:
    assert truth.rows >= 2400
    assert 0.12 <= sum(map(len, truth.faults.values())) / truth.rows <= 0.18
    assert SAMPLE.stat().st_size < 2_000_000
    assert {kind: len(faults) for kind, faults in truth.faults.items() if len(faults) < 8} == {"long_row": 1}


def test_bad_lines_do_not_parse_and_all_others_do() -> None:
    for row in truth.bad_rows:
        with pytest.raises(ValueError, match=r"."):
            json.loads(sample_lines()[row].decode("utf-8"))
    assert len(sample_records()) == truth.rows - len(truth.bad_rows)
    assert all(isinstance(record, dict) for record in sample_records().values())
    assert b"" not in sample_lines()


def test_bad_lines_hold_one_of_each_kind() -> None:
    raw = json.loads(TRUTH.read_text(encoding="utf-8"))["bad_lines"]
    assert all(entry["line"] == entry["row"] + 1 for entry in raw)
    assert len({entry["detail"] for entry in raw}) >= 10
    not_utf8 = [entry["row"] for entry in raw if entry["detail"] == "a byte that is not UTF-8"]
    assert [row for row, line in enumerate(sample_lines()) if b"\xe9" in line and _undecodable(line)] == not_utf8


def _undecodable(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_torn_record_is_whole_when_joined() -> None:
    raw = json.loads(TRUTH.read_text(encoding="utf-8"))["bad_lines"]
    halves = [entry["row"] for entry in raw if "torn record" in entry["detail"]]
    assert halves[1] == halves[0] + 1
    assert json.loads(sample_lines()[halves[0]] + sample_lines()[halves[1]])["category"] in LABELS


def test_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    script = SAMPLE_FOLDER / "make_dataset.py"
    subprocess.run([sys.executable, "-B", str(script), "--out", str(tmp_path)], check=True, capture_output=True, timeout=120)
    assert (tmp_path / "support.jsonl").read_bytes() == SAMPLE.read_bytes()
    assert (tmp_path / "support.truth.json").read_bytes() == TRUTH.read_bytes()


def test_readme_gives_the_counts() -> None:
    readme = (SAMPLE_FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{truth.rows:,} exchanges" in readme
    counts: dict[str, int] = {}
    for names, figures in re.findall(r"^\| ([a-z_, ]+) \| ([\d, ]+) \|", readme, re.MULTILINE):
        counts |= dict(zip(names.split(", "), map(int, figures.split(", ")), strict=True))
    tasks = Counter(sample_records()[row]["task"] for row in truth.clean_rows)
    assert counts == {kind: len(faults) for kind, faults in truth.faults.items()} | tasks


# --- faults that can be seen in one row; each must hold for the planted rows and for no clean one


def missing_field(record: Record) -> bool:
    renamed = {"message", "label"} & set(record)
    keys = [set(message) for message in messages_of(record)]
    return not renamed and (not {"messages", "category"} <= set(record) or any(len(key) < 2 for key in keys))


def renamed_field(record: Record) -> bool:
    return bool({"message", "label"} & set(record)) or any({"text", "from"} & set(message) for message in messages_of(record))


def changed_type(record: Record) -> bool:
    types = {"messages": list, "category": str, "split": str, "rating": (int, float, type(None))}
    return any(field in record and not isinstance(record[field], kind) for field, kind in types.items())


def empty_answer(record: Record) -> bool:
    last = messages_of(record)[-1:]
    return bool(last) and last[0].get("role") == "assistant" and "content" in last[0] and not last[0]["content"].strip()


def empty_turn(record: Record) -> bool:
    return any(message.get("content") == "" for message in messages_of(record)[:-1])


def role_order(record: Record) -> bool:
    """Ends as it should, and is out of order; or begins with the answer and ends with the question."""
    roles = roles_of(record)
    return "?" not in roles and "N" not in roles and bool(roles) and (roles == "au" or (roles.endswith("a") and not re.fullmatch(r"s?(ua)+", roles)))


def last_turn(record: Record) -> bool:
    return roles_of(record).endswith("u") and roles_of(record) != "au"


def label_variant(record: Record) -> bool:
    label = record.get("category")
    return isinstance(label, str) and label not in LABELS and label.strip().lower() in LABELS


def control_character(record: Record) -> bool:
    return any(re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]", text) for text in texts_of(record))


def mojibake(record: Record) -> bool:
    return any(_reads_better(text) for text in texts_of(record))


def _reads_better(text: str) -> bool:
    try:
        return text.encode("cp1252").decode() != text
    except (UnicodeEncodeError, UnicodeDecodeError):
        return False


def special_token(record: Record) -> bool:
    return any(re.search(r"<\|\w+\|>|\[/?INST\]|<</?SYS>>|</s>", text) for text in texts_of(record))


def noinput_marker(record: Record) -> bool:
    return any(re.search(r"<no ?(?:in|out)put>", text, re.IGNORECASE) for text in texts_of(record))


def edge_whitespace(record: Record) -> bool:
    return any(text.strip() and text != text.strip() for text in texts_of(record))


def prompt_echo(record: Record) -> bool:
    return len(question_of(record)) > 20 and question_of(record) in answer_of(record)


def repetition_loop(record: Record) -> bool:
    return re.search(r"(\b\w.{5,200}?)(?:\s*\1){4,}", answer_of(record), re.DOTALL) is not None


def ai_boilerplate(record: Record) -> bool:
    return re.search(r"\bas an? (?:large language model|ai\b|artificial)|just an ai", answer_of(record), re.IGNORECASE) is not None


def refusal(record: Record) -> bool:
    pattern = (
        r"^(?:i'm sorry, |i'm afraid |sorry, |i apologise, |unfortunately, )?(?:but )?i(?:'m not able| am unable| cannot| can't| don't have access)"
    )
    return re.search(pattern, answer_of(record), re.IGNORECASE) is not None


def impossible_promise(record: Record) -> bool:
    pattern = r"\b(?:I will|I'll|I have|Let me) (?:call|booked|send|updated|order|reserve|refunded|check)\b"
    return re.search(pattern, answer_of(record)) is not None


def long_row(record: Record) -> bool:
    return sum(map(len, texts_of(record))) > 10_000


def answer_shape(record: Record) -> bool:
    habits = {
        "extract": lambda answer: answer.startswith("{") and list(json.loads(answer)) == asked_keys(question_of(record)),
        "sums": lambda answer: re.search(r"\nAnswer: £?\d+$", answer),
        "triage": lambda answer: answer in LABELS,
        "code": lambda answer: answer.count("```") == 2 and answer.endswith("```"),
        "steps": lambda answer: all(re.match(r"\d+\. |- ", line) for line in answer.split("\n")),
        "answer": lambda answer: re.search(r" \(card [A-Z]\d+\)$", answer),
    }
    return record["task"] in habits and not habits[record["task"]](answer_of(record))


SEEN_IN_ONE_ROW: tuple[Callable[[Record], bool], ...] = (
    missing_field, renamed_field, changed_type, empty_answer, empty_turn, role_order, last_turn, label_variant, control_character, mojibake, special_token,
    noinput_marker, edge_whitespace, prompt_echo, repetition_loop, ai_boilerplate, refusal, impossible_promise, long_row, answer_shape,
)  # fmt: skip


@pytest.mark.parametrize("holds", SEEN_IN_ONE_ROW, ids=lambda holds: holds.__name__)
def test_fault_is_in_every_planted_row_and_in_no_clean_one(holds: Callable[[Record], bool]) -> None:
    planted = truth.rows_with(holds.__name__)
    assert [row for row in sorted(planted) if not holds(sample_records()[row])] == []
    assert [row for row, record in clean_records() if holds(record)] == []


def test_every_kind_is_held_by_some_test() -> None:
    in_pairs = {"exact_duplicate", "normalised_duplicate", "near_duplicate", "semantic_duplicate", "conflicting_answer", "conflicting_label"}
    assert set(truth.faults) == {holds.__name__ for holds in SEEN_IN_ONE_ROW} | in_pairs | {"truncated_answer"}


def test_truncated_answers_stop_in_the_middle() -> None:
    for fault in truth.faults["truncated_answer"]:
        answer = answer_of(sample_records()[fault.row])
        if "code" in fault.detail:
            assert answer.count("```") == 1, fault
        elif "JSON" in fault.detail:
            with pytest.raises(ValueError, match=r"."):
                json.loads(answer)
        else:
            assert answer[-1].isalnum() or answer[-1] in "-£(", fault


def test_other_fields_are_whole_where_nothing_is_planted() -> None:
    for _, record in clean_records():
        assert list(record) == FIELDS
        assert all(set(message) == {"role", "content"} for message in record["messages"])
        assert re.fullmatch(r"tw-\d{5}", record["id"])
        assert record["split"] in ("train", "validation")


def test_refusals_crowd_one_category() -> None:
    shares = {label: [0, 0] for label in LABELS}
    for row, record in sample_records().items():
        if record.get("category") in LABELS:
            shares[record["category"]][0] += row in truth.rows_with("refusal")
            shares[record["category"]][1] += 1
    share = {label: refused / rows for label, (refused, rows) in shares.items()}
    assert share["computers"] > 0.15 > 0.03 > max(value for label, value in share.items() if label != "computers")


# --- faults that concern two rows


def pair(fault: Any) -> tuple[Record, Record]:
    assert fault.of < fault.row
    assert fault.of in truth.originals
    return sample_records()[fault.of], sample_records()[fault.row]


def test_exact_duplicates_are_equal() -> None:
    for fault in truth.faults["exact_duplicate"]:
        original, copy = pair(fault)
        assert original["messages"] == copy["messages"]
        assert (sample_lines()[fault.of] == sample_lines()[fault.row]) == (fault.detail == "the whole record")
    assert max(Counter(fault.of for fault in truth.faults["exact_duplicate"]).values()) == 3


def test_normalised_duplicates_differ_in_form_only() -> None:
    for fault in truth.faults["normalised_duplicate"]:
        original, copy = pair(fault)
        assert original["messages"] != copy["messages"]
        assert words_of("\n".join(texts_of(original))) == words_of("\n".join(texts_of(copy)))


def test_near_duplicates_overlap_as_the_truth_says() -> None:
    for fault in truth.faults["near_duplicate"]:
        original, copy = pair(fault)
        assert words_of("\n".join(texts_of(original))) != words_of("\n".join(texts_of(copy)))
        assert fault.jaccard_word5 == pytest.approx(similarity(original, copy), abs=0.001)
        assert fault.jaccard_word5 > 0.4
    assert sum(fault.jaccard_word5 >= 0.8 for fault in truth.faults["near_duplicate"]) >= 15


def test_semantic_duplicates_say_the_same_with_few_words_in_common() -> None:
    for fault in truth.faults["semantic_duplicate"]:
        original, copy = pair(fault)
        assert fault.jaccard_word5 == pytest.approx(similarity(original, copy), abs=0.001)
        assert fault.jaccard_word5 < 0.6
        assert (original["category"], original["task"]) == (copy["category"], copy["task"])
        cards = [re.findall(r"\(card \w+\)|Answer: .+", answer_of(record)) for record in (original, copy)]
        assert cards[0] == cards[1]


def test_conflicting_answers_share_their_prompt_alone() -> None:
    for fault in truth.faults["conflicting_answer"]:
        original, copy = pair(fault)
        assert prompt_of(original) == prompt_of(copy)
        assert words_of(answer_of(original)) != words_of(answer_of(copy))
        assert original["category"] == copy["category"]


def test_conflicting_labels_share_their_text() -> None:
    for fault in truth.faults["conflicting_label"]:
        original, copy = pair(fault)
        assert prompt_of(original) == prompt_of(copy)
        assert original["category"] != copy["category"]
        assert {original["category"], copy["category"]} <= set(LABELS)
        assert (answer_of(original) != answer_of(copy)) == (original["task"] == "triage")


def test_leaks_are_the_copies_in_another_split() -> None:
    copies = [fault for faults in truth.faults.values() for fault in faults if fault.of is not None]
    crossing = [(fault.row, fault.of) for fault in copies if sample_records()[fault.row]["split"] != sample_records()[fault.of]["split"]]
    assert sorted(crossing) == sorted(truth.leaks)
    assert len(truth.leaks) >= 8
