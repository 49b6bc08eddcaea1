"""Task files: written, read back, guessed from rows, and refused with the line that is wrong."""

from __future__ import annotations

import json

import pytest

from sde_core.dataset import open_dataset
from sde_core.design import task_file
from sde_core.design.inference import infer_task
from sde_core.design.readers import read_records, with_tagged_spans
from sde_core.design.rows import column_rows, dataset_rows, is_in_columns
from sde_core.design.task import Task
from sde_core.design.task_file import TaskFile, beside, path_beside, read_task, task_text, write_task
from sde_core.errors import InputError, UsageError
from sde_core.yaml_nodes import ReadingError
from tests.core.test_design_answer import TASKS

GOOD = "kind: terms\ntext: t\nsaid: s\nvalues: [good, bad]\ninstructions: [Find the terms.]\n"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_written_and_read_back(name, tmp_path):
    file = TaskFile(TASKS[name], "t", "s", "why")
    path = tmp_path / "task.yaml"
    path.write_text(task_text(file), "utf-8")
    assert read_task(path) == file


def test_the_examples_of_the_documentation_are_tasks_and_name_all_that_one_can_have():
    examples = [part for part in task_file.__doc__.split("\n\n") if part.startswith("name:")]
    found = [task_file.task_in(example.encode()).task for example in examples]
    assert [task.kind for task in found] == ["attributes", "spans"]
    assert (found[0].synonyms["great"], found[1].roles[0]) == ("positive", "Attacker")
    assert {line.partition(":")[0] for example in examples for line in example.splitlines() if line[0] != "-"} == set(task_file._TOP)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        (GOOD + "colour: red\n", 6, "no 'colour'"),
        (GOOD.replace("kind: terms\n", ""), 1, "its kind"),
        (GOOD.replace("[good, bad]", "{good: 1, bad: much}"), 4, "'much'"),
        (GOOD.replace("[good, bad]", "[[good], bad]"), 4, "should be a text"),
        (GOOD.replace("good", "*x"), 4, "alias"),
        (GOOD.replace("terms", "poems"), 1, "kind of task"),
        (GOOD.replace("[good, bad]", "[good, good]"), 4, "twice"),
        (GOOD + "absent: bad\n", 4, "twice"),
        (GOOD.replace("[Find the terms.]", "[]"), 5, "no instruction"),
    ],
)
def test_a_faulty_file_names_its_line(text, line, words, tmp_path):
    path = tmp_path / "task.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=words) as raised:
        read_task(path)
    assert f"task.yaml, line {line}" in raised.value.message


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_task(tmp_path / "none.yaml")


def test_the_file_beside_the_data_is_the_task(tmp_path):
    data = tmp_path / "a.jsonl"
    assert path_beside(str(data)) is None
    data.write_text("{}\n", "utf-8")
    path = path_beside(str(data))
    assert path == tmp_path / "a.jsonl.task.yaml"
    assert beside(str(data)) is None
    content = f"# ours\n{GOOD}".encode()
    assert write_task(path, content) == read_task(path)
    assert beside(str(data)) == path
    assert path.read_bytes() == content


def test_what_is_no_task_is_not_written(tmp_path):
    path = tmp_path / "task.yaml"
    path.write_text(GOOD, "utf-8")
    with pytest.raises(ReadingError):
        write_task(path, b"kind: [")
    assert path.read_text("utf-8") == GOOD


REVIEW = {
    "review": "The food was good but we waited for forty minutes.",
    "aspects": {"Food": "positive", "Wait": "negative", "Drinks": "unmentioned"},
}


@pytest.mark.parametrize(
    ("row", "kind", "targets", "said"),
    [
        ({"text": "a long text here", "intent": "book"}, "label", ("intent",), "intent"),
        ({"text": "a long text here", "toxic": True}, "label", ("toxic",), "toxic"),
        (REVIEW, "attributes", ("Food", "Wait", "Drinks"), "aspects"),
        ({"id": 1, "text": "a long text here", "said": [{"term": "bread", "polarity": "positive"}, {"term": "butter", "polarity": "positive"}]}, "terms", (), "said"),
        ({"text": "a long text here", "spans": [{"type": "DNA", "span": "c-fos"}, {"type": "DNA", "span": "IL-2 gene"}]}, "spans", ("DNA",), "spans"),
    ],
)  # fmt: skip
def test_the_task_is_guessed_from_rows(row, kind, targets, said):
    rows = [{**row, "id": i} for i in range(6)]
    file = infer_task(rows, name="x", said_field=said)
    assert (file.task.kind, file.task.targets, file.said_field) == (kind, targets, said)
    records, misfits = read_records(enumerate(rows), file.task, text_field=file.text_field, said_field=file.said_field)
    assert (len(records), misfits) == (6, [])


def test_a_placeholder_in_the_data_becomes_the_task_s():
    task = infer_task([REVIEW] * 4, name="x").task
    assert task.absent == "unmentioned"
    assert task.values == ("positive", "negative")


def test_rows_without_structure_are_refused():
    with pytest.raises(UsageError, match="looks like"):
        infer_task([{"text": f"free text {i}", "other": f"other text {i}"} for i in range(9)], name="x")
    with pytest.raises(UsageError, match="no field 'price'"):
        infer_task([REVIEW], name="x", said_field="price")


def test_a_date_is_no_text_and_a_conversation_is_no_record():
    rows = [{"date": f"2025-01-0{i}T10:00:00+00:00", "short": "It rains.", "kind": "weather"} for i in range(1, 9)]
    assert infer_task(rows, name="x").text_field == "short"
    assert infer_task([{**row, "short": "下雨了很冷"} for row in rows], name="x").text_field == "short"
    with pytest.raises(UsageError, match="holds texts") as refusal:
        infer_task([{"messages": [{"role": "user", "content": "It rains."}], "kind": "weather", "date": "2025-01-01"}] * 9, name="x")
    assert "followed" in refusal.value.hint


@pytest.mark.parametrize(
    ("file", "kind", "share"),
    [("structured/Restaurants_Train.jsonl", "terms", 0.95), ("structured/Laptops_Train.jsonl", "terms", 0.95), ("structured/casie.jsonl", "spans", 0.99), ("labels/clinc_full.json", "label", 1.0)],
)  # fmt: skip
def test_real_files_say_their_task(file, kind, share, shared_data):
    rows = [value for _, value in dataset_rows(open_dataset(str(shared_data / file)), limit=600)]
    found = infer_task(rows, name=file, said_field="cyberevent" if "casie" in file else "")
    records, _ = read_records(enumerate(rows), found.task, text_field=found.text_field, said_field=found.said_field)
    assert found.task.kind == kind
    assert len(records) >= share * len(rows)


@pytest.mark.parametrize(
    ("row", "task", "found"),
    [
        ({"t": "x", "s": "a", "why": "since"}, Task("x", "label", ("s",), ("a",), ("?",)), ["since"]),
        ({"t": "x", "s": {"A": "a", "B": "a"}, "why": {"B": "since"}}, Task("x", "attributes", ("A", "B"), ("a",), ("?",)), ["", "since"]),
        ({"t": "x", "s": [{"term": "u", "polarity": "a", "why": "since"}]}, Task("x", "terms", (), ("a",), ("?",)), ["since"]),
        ({"t": "x", "s": [{"type": "A", "span": "u"}]}, Task("x", "spans", ("A",), (), ("?",)), [""]),
    ],
)
def test_a_field_says_why(row, task, found):
    records, misfits = read_records([(0, row), (1, {**row, "why": ["?"]})], task, text_field="t", said_field="s", description_field="why")
    assert [entry.description for entry in records[0].entries] == found
    assert [misfit.row for misfit in misfits] == ([1] if task.kind in ("label", "attributes") else [])


def test_tokens_with_tags_are_rows_with_spans(tmp_path):
    path = tmp_path / "x.iob2"
    path.write_text("IL-2\tB-protein\tB-DNA\ngene\tO\tI-DNA\n", "utf-8")
    row = {"tokens": ["IL-2", "gene"], "tags_1": ["B-protein", "O"], "tags_2": ["B-DNA", "I-DNA"]}
    assert [with_tagged_spans(row)["spans"]] == [row["spans"] for _, row in column_rows(path)]
    odd = {"tokens": ["a"], "tags_1": ["O", "O"], "tags": "O"}
    assert with_tagged_spans(odd) is odd
    assert with_tagged_spans({"tags_1": ["O"]}) == {"tags_1": ["O"]}


def test_columns_are_rows_too(tmp_path):
    path = tmp_path / "x.iob2"
    path.write_text("IL-2\tB-protein\n\n", "utf-8")
    assert is_in_columns(str(path))
    assert [json.dumps(row) for row in column_rows(path)] == ['[0, {"text": "IL-2", "spans": [{"type": "protein", "span": "IL-2"}]}]']
    with pytest.raises(InputError):
        list(column_rows(tmp_path / "none.iob2"))
