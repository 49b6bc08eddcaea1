"""What the truth file says of the rows without faults, and further text from the same generators."""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.sample_parts import (
    LABELS,
    answer_of,
    asked_keys,
    clean_records,
    grams_of,
    prompt_of,
    question_of,
    texts_of,
    words_of,
)
from tests.sample_truth import SAMPLE, SAMPLE_FOLDER, sample_lines, sample_records, sample_truth

EXTRA_COLUMNS = (
    "renewed",
    "days",
    "year",
    "kind",
    "copies",
    "town",
    "card",
    "loans_out",
    "hours",
    "paid",
    "rain",
    "due",
    "name",
    "email",
    "joined",
    "shelf",
)
"""Columns that conditions name beside those a query can show."""
truth = sample_truth()


@pytest.fixture(scope="module")
def corpus() -> Any:
    """The generators' package, which lies beside the data."""
    sys.path.insert(0, str(SAMPLE_FOLDER))
    yield importlib.import_module("corpus")
    sys.path.remove(str(SAMPLE_FOLDER))


# --- the clean rows are good rows


def test_no_two_clean_rows_look_alike() -> None:
    grams = {row: grams_of(record) for row, record in clean_records()}
    rows_of_gram: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, members in grams.items():
        for gram in members:
            rows_of_gram[gram].append(row)
    shared = Counter(two for rows in rows_of_gram.values() if len(rows) < 100 for two in itertools.combinations(rows, 2))
    alike = [(one, other) for (one, other), count in shared.items() if count / (len(grams[one]) + len(grams[other]) - count) > 0.5]
    assert alike == []


def test_no_two_clean_rows_share_a_prompt() -> None:
    prompts = Counter(tuple(words_of("\n".join(prompt_of(record)))) for _, record in clean_records())
    assert prompts.most_common(1)[0][1] == 1


def test_classes_are_unbalanced_as_in_life() -> None:
    total = sum(truth.labels.values())
    shares = [truth.labels[label] / total for label in LABELS]
    assert shares[0] > 0.38
    assert 0.008 < shares[-1] < 0.02
    counted = Counter(sample_records()[row]["category"] for row in truth.clean_rows)
    assert counted == truth.labels


def test_every_task_has_its_share() -> None:
    tasks = Counter(record["task"] for _, record in clean_records())
    assert set(tasks) == {"answer", "triage", "extract", "chat", "sums", "rewrite", "steps", "code"}
    assert min(tasks.values()) >= 100


def test_triage_answers_are_the_category() -> None:
    assert [row for row, record in clean_records("triage") if answer_of(record) != record["category"]] == []


def test_sums_are_right() -> None:
    for row, record in clean_records("sums"):
        working, result = answer_of(record).split("\nAnswer: ")
        equations = re.findall(r"([\d x+/-]+?) = (\d+)", working)
        assert equations, row
        for left, right in equations:
            assert _value(left) == int(right), row
        assert int(result.removeprefix("£")) == int(equations[-1][1]), row


def _value(formula: str) -> float:
    """Products and quotients first, then sums, from left to right."""
    total = 0.0
    for sign, term in re.findall(r"(^|[+-])\s*([\d x/]+)", formula.strip()):
        factors = re.findall(r"(^|[x/])\s*(\d+)", term.strip())
        product = 1.0
        for operator, number in factors:
            product = product / int(number) if operator == "/" else product * int(number)
        total += -product if sign == "-" else product
    return total


def test_forms_hold_what_the_message_says() -> None:
    for row, record in clean_records("extract"):
        values = json.loads(answer_of(record))
        said = question_of(record).replace("’", "'").lower()
        assert list(values) == asked_keys(question_of(record)), row
        for value in values.values():
            if isinstance(value, str):
                assert value.lower() in said, (row, value)


def test_code_is_code(corpus: Any) -> None:
    tables = importlib.import_module("corpus.code").TABLES
    database = sqlite3.connect(":memory:")
    for table in tables:
        database.execute(f"CREATE TABLE {table.name} ({', '.join(sorted({*table.columns, *EXTRA_COLUMNS}))})")
    for row, record in clean_records("code"):
        language, source = re.findall(r"```(\w+)\n(.*)\n```$", answer_of(record), re.DOTALL)[0]
        if language == "python":
            assert ast.parse(source).body, row
        else:
            database.execute(f"EXPLAIN {source}")


# --- traps


def test_traps_are_where_the_truth_says() -> None:
    texts = {row: "\n".join(texts_of(record)) for row, record in sample_records().items()}
    for name, character in (("u2028", "\u2028"), ("u0085", "\u0085"), ("no_break_space", "\u00a0")):
        assert all(character in texts[row] for row in truth.traps[name])
        assert {row for row in truth.clean_rows if character in texts[row]} == set(truth.traps[name])
    assert len(SAMPLE.read_text(encoding="utf-8", errors="replace").splitlines()) > truth.rows
    assert [row for row, line in enumerate(sample_lines()) if b"NaN" in line] == list(truth.traps["nan_rating"])
    assert all(re.search(r"\[[a-z/]", texts[row]) for row in truth.traps["markup_like"])
    assert all(sample_records()[row]["rating"] is None for row in truth.traps["null_rating"])


# --- further text from the same generators


def test_further_conversations_depend_on_the_seed_alone(corpus: Any) -> None:
    first = list(corpus.clean_conversations(40, 5))
    assert first == list(corpus.clean_conversations(60, 5))[:40]
    assert first != list(corpus.clean_conversations(40, 6))
    assert {one.task for one in corpus.clean_conversations(20, 5, ["sums", "code"])} == {"sums", "code"}
    assert all(one.messages[-1] == {"role": "assistant", "content": one.turns[-1][1]} for one in first)


def test_prose_knows_nothing_of_the_desks_style(corpus: Any) -> None:
    paragraphs = list(corpus.background_text(800, 5))
    assert paragraphs == list(corpus.background_text(800, 5))
    text = "\n".join(paragraphs)
    assert not re.search(r"\(card |\nAnswer: |```|\{\"", text)
    assert len(set(paragraphs)) > 790


def test_corpus_files_are_json_lines(tmp_path: Path) -> None:
    for option in ("--corpus", "--prose"):
        out = tmp_path / f"made{option}.jsonl"
        command = [sys.executable, "-B", str(SAMPLE_FOLDER / "make_dataset.py"), option, str(out), "--n", "12", "--seed", "3"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n")[:-1]]
        assert len(rows) == 12
        assert all(row["messages"][-1]["role"] == "assistant" if option == "--corpus" else row["text"] for row in rows)
