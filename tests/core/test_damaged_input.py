import csv
import gzip
import hashlib
import json
import os

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.errors import InputError, LayoutError

ROWS = [{"instruction": f"Say {i}", "input": "", "output": f"{i} it is."} for i in range(30)]


def lines(rows=ROWS):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def outputs(dataset):
    return dataset.texts()["answer"].to_list()


# ---- damage is told, and costs no more than what is damaged


def packed_rows():
    return b"".join(b'{"prompt": "p%d %s", "completion": "c"}\n' % (i, hashlib.sha256(b"%d" % i).hexdigest().encode()) for i in range(8000))


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.compress)])
@pytest.mark.parametrize("fault", ["cut", "flipped", "cut before the last bytes"])
def test_the_readable_part_of_a_damaged_archive_loads_and_the_damage_is_told(tmp_path, name, pack, fault):
    plain = packed_rows()
    packed = bytearray(pack(plain))
    if fault == "flipped":
        packed[len(packed) // 2 : len(packed) // 2 + 64] = bytes(64)
    else:
        del packed[len(packed) // 2 if fault == "cut" else len(packed) - 9 :]
    (tmp_path / name).write_bytes(packed)
    dataset = open_dataset(tmp_path / name)
    rows = dataset.texts()["row"].to_list()
    assert len(rows) > 1500
    assert b"\n".join(dataset.raw(row) for row in rows[:1500]) == b"\n".join(plain.split(b"\n")[:1500])
    assert dataset.bad[-1].row == len(dataset) - 1
    assert "the file is damaged" in dataset.bad[-1].message


@pytest.mark.parametrize(
    ("text", "answers", "bad"),
    [
        ('[{"prompt": "a", "completion": "1"}, junk {"prompt": "b", "completion": "2"}]', ["1", "2"], [1]),
        ('[{"prompt": "a", "completion": "1"}} , {"prompt": "b", "completion": "2"}]', ["1", "2"], [1]),
        ('[{"prompt": "a", "completion": "1"}] and more', ["1"], [1]),
        ('[{"prompt": "a", "completion": "1"}]\n[{"prompt": "b", "completion": "2"}]', ["1", "2"], []),
        ('[{"prompt": "a", "completion": "1"}, {"prompt": "b", "completion": "2"}', ["1", "2"], [1]),
        ('[{"prompt": "a", "completion": "1"}, {"prompt": "b", "compl', ["1"], [1]),
        ('[{oops}, {"prompt": "a", "completion": "1"},]', ["1"], [0]),
        ('{"empty": [], "train": [{"prompt": "a", "completion": "1"}], "none": [], "test": [{"prompt": "b", "completion": "2"}]}', ["1", "2"], []),
        ('{"version": "1.0", "data": [{"prompt": "a", "completion": "1"}]}', ["1"], []),
        ('{"data": [{"prompt": "a", "completion": "1"}], "version": "]}", "n": {"a": [1]}}', ["1"], []),
    ],
)
def test_a_json_document_loses_no_record_silently(tmp_path, text, answers, bad):
    path = tmp_path / "a.json"
    path.write_text(text)
    dataset = open_dataset(path)
    assert outputs(dataset) == answers
    assert [record.row for record in dataset.bad] == bad
    assert b"".join(dataset.assemble(range(len(dataset)))) == path.read_bytes()


def test_a_record_with_a_list_of_its_own_is_no_dict_of_splits(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"instruction": "a", "history": [["b", "c"]], "output": "d"}, indent=1))
    assert outputs(open_dataset(path)) == ["d"]


def test_places_in_a_json_document_are_lines_and_bytes(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[\n{"text": "größer"},\n{oops},\n{"text": "b"},\n{oops}]', encoding="utf-8-sig")
    dataset = open_dataset(path)
    dataset.texts()
    assert [(bad.row, bad.line) for bad in dataset.bad] == [(1, 3), (3, 5)]
    assert all(path.read_bytes()[bad.offset :].startswith(b"{oops}") for bad in dataset.bad)
    assert (dataset.line(0), dataset.line(3), dataset.line(2)) == (2, 5, 4)


def test_a_stray_quote_costs_its_own_line_only(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'prompt,completion\na,1\n"never closed,2\nsay "hi,3\ne,4\ng"h,5\n"two\nlines",6\n' + b"x,7\n" * 5)
    dataset = open_dataset(path)
    assert outputs(dataset) == ["1", "3", "4", "5", "6", *["7"] * 5]
    assert [(bad.row, bad.line) for bad in dataset.bad] == [(1, 3)]
    assert dataset.line(5) == 7
    assert dataset.line(6) == 9
    edited = dataset.with_edits({2: {("completion",): "x"}})
    assert b"".join(edited.assemble(range(len(dataset)))) == path.read_bytes().replace(b'say "hi,3', b'say "hi,x')


@settings(max_examples=80)
@given(st.lists(st.tuples(st.text('a",\n;\r', max_size=8), st.text('b"\t \n', max_size=8)), min_size=1, max_size=8))
def test_csv_reads_and_writes_what_the_standard_library_does(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("prompt", "completion"), *rows])
    dataset = open_dataset(path)
    dataset.read_all()
    assert [(dataset.value(row)["prompt"], dataset.value(row)["completion"]) for row in range(len(dataset))] == rows
    everything_edited = dataset.with_edits({row: {("completion",): "n"} for row in range(len(rows))})
    (path.parent / "b.csv").write_bytes(b"".join(everything_edited.assemble(range(len(rows)))))
    with (path.parent / "b.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [[prompt, "n"] for prompt, _ in rows]


def test_columns_of_one_name_stay_apart(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,text,label\nhello there,world,x\nfoo fighters,bar,y\n")
    assert open_dataset(path).value(0) == {"text": "hello there", "text_2": "world", "label": "x"}


@pytest.mark.parametrize("text", ["\n\nprompt,completion\na,b\n", "prompt;completion\na;b\n", 'prompt|completion\na|"b"\n'])
def test_headers_and_delimiters_are_found(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    dataset = open_dataset(tmp_path / "a.csv")
    assert dataset.value(0) == {"prompt": "a", "completion": "b"}
    assert len(dataset) == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32"])
def test_wide_encodings_are_read_whatever_the_script(tmp_path, encoding):
    (tmp_path / "a.jsonl").write_bytes(('{"prompt": "日本語", "completion": "こんにちは"}\n' * 40).encode(encoding))
    assert outputs(open_dataset(tmp_path / "a.jsonl")) == ["こんにちは"] * 40


def test_one_zero_byte_does_not_make_a_file_binary_and_old_line_ends_are_named(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(ROWS[:3]) + b'{"instruction": "\x00"}\n')
    dataset = open_dataset(tmp_path / "a.jsonl")
    assert len(dataset.texts()) == 3
    (tmp_path / "mac.jsonl").write_bytes(lines().replace(b"\n", b"\r"))
    with pytest.raises(InputError, match="carriage returns alone"):
        open_dataset(tmp_path / "mac.jsonl")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("use", ["value", "texts", "keys", "read_all", "assemble"])
def test_a_file_that_is_cut_while_open_ends_in_an_error_and_not_in_a_crash(tmp_path, name, use):
    path = tmp_path / name
    path.write_bytes(
        b"prompt,completion\n" * name.endswith("csv") + (b'{"prompt": "a", "completion": "b"}\n' if name == "a.jsonl" else b"a,b\n") * 90_000
    )
    dataset = open_dataset(path)
    os.truncate(path, 100)
    with pytest.raises(InputError, match="has become shorter"):
        {
            "value": lambda: dataset.value(3),
            "texts": dataset.texts,
            "keys": dataset.keys,
            "read_all": dataset.read_all,
            "assemble": lambda: list(dataset.assemble([0, 1])),
        }[use]()


# ---- values


def test_large_integers_keep_their_digits(write_jsonl):
    path = write_jsonl([b'{"prompt": "p", "completion": "c", "label": 12345678901234567890123, "meta": {"id": [98765432109876543210]}}'])
    dataset = open_dataset(path)
    assert dataset.value(0)["label"] == 12345678901234567890123
    assert dataset.value(0)["meta"] == {"id": [98765432109876543210]}
    assert dataset.texts()["label"].to_list() == ["12345678901234567890123"]


@pytest.mark.parametrize("depth", [300, 900, 1010, 5000])
def test_nesting_of_any_depth_is_read_or_quarantined(write_jsonl, depth):
    row = b'{"prompt": "p", "completion": ' + b"[" * depth + b"]" * depth + b"}"
    dataset = open_dataset(write_jsonl([{"prompt": "a", "completion": "b"}, row]))
    assert dataset.texts().height + len(dataset.bad) == 2


# ---- mappings


def test_a_field_that_begins_late_in_the_file_can_be_mapped(write_jsonl):
    dataset = open_dataset(
        write_jsonl([{"q": f"{i}", "old": "o"} for i in range(5000)] + [{"q": "x", "reply": "r"}]), mapping={"prompt": "q", "answer": "reply"}
    )
    assert dataset.turns(5000).answer == "r"


def test_an_answer_alone_can_be_mapped(write_jsonl):
    assert outputs(open_dataset(write_jsonl([{"note": "n", "reply": "r"}] * 3), mapping={"answer": "reply"})) == ["r"] * 3


def test_pairs_can_be_mapped_by_position_into_a_classification_only(write_jsonl):
    path = write_jsonl([["hi", "greet"], ["bye", "leave"]])
    assert open_dataset(path, mapping={"text": "0", "label": "1"}).texts()["label"].to_list() == ["greet", "leave"]
    with pytest.raises(LayoutError, match="No record can be read by the layout"):
        open_dataset(path, mapping={"prompt": "0", "answer": "1"})


def test_a_layout_that_fits_no_record_is_refused(write_jsonl):
    with pytest.raises(LayoutError, match="No record can be read by the layout messages"):
        open_dataset(write_jsonl([{"prompt": "a", "completion": "b"}]), layout="messages")


# ---- edits in every notation


def test_edits_in_a_folder_of_mixed_formats_use_each_files_notation(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "p",  "completion": "1"}\n')
    (tmp_path / "b.csv").write_text('prompt,completion\nq,"say ""2"""\n')
    pl.DataFrame({"prompt": ["r"], "completion": ["3"]}).write_parquet(tmp_path / "c.parquet")
    dataset = open_dataset(tmp_path)
    dataset.read_all()
    edited = dataset.with_edits({row: {("completion",): 'new "x"'} for row in range(3)})
    assert edited.edited_raw(0) == b'{"prompt": "p",  "completion": "new \\"x\\""}'
    assert edited.edited_raw(1) == b'q,"new ""x"""'
    assert [json.loads(line)["completion"] for line in b"".join(edited.assemble(range(3))).splitlines()] == ['new "x"'] * 3


def test_a_lone_surrogate_in_an_edit_stays_readable(write_jsonl):
    dataset = open_dataset(write_jsonl([{"prompt": "ü", "completion": "b"}])).with_edits({0: {("completion",): "x\ud800"}})
    assert json.loads(dataset.edited_raw(0)) == {"prompt": "ü", "completion": "x\ud800"}
    assert "ü".encode() in dataset.edited_raw(0)


def test_lone_surrogates_become_replacement_characters_in_the_table_alone(write_jsonl):
    dataset = open_dataset(
        write_jsonl([b'{"prompt": "a\\ud800b", "completion": "c", "label": "\\udfff"}', {"prompt": "ü", "completion": "d", "label": "x"}])
    )
    assert dataset.texts()["prompt"].to_list() == ["a\ufffdb", "ü"]
    assert dataset.texts()["label"].to_list() == ["\ufffd", "x"]
    assert dataset.turns(0).prompt == "a\ud800b"


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ('[{"text": "a", "m": [{"r": 1}, {"r": 2}], "b": oops}, {"text": "b", "m": [{"r": 1}], "b": 1}]', [0]),
        ('[{"text": "a", "m": [{"r": 1}]}, {"text": "b", "m": [{"r": 1}, {"r": 2}], "b": oops}, {"text": "c", "m": [{"r": 1}]}]', [1]),
        ('[{"text": "a", "m": [{"r": 1}]}, {"text": "b", "m": [{"r": 1}, {"r": "2}]}, {"text": "c", "m": [{"r": 1}]}, {"text": "d", "m": []}]', [1]),
        ('[{"text": "a", "m": []}, {"text: "b", "m": [{"r": 1}, {"r": 2}]}, {"text": "c", "m": []}, {"text": "d", "m": "}"}]', [1]),
        ('[{"text": "a", "m": 1},\n {"text": "b", "m": 2,\n {"text": "c", "m": 3}]', [1]),
        ('[["a b", "x"], ["c d", "y"], ["e f, "x"], ["g h", "y"], ["i j", "y"]]', [2]),
    ],
)
def test_a_malformed_element_takes_none_of_its_neighbours_along(tmp_path, text, bad):
    path = tmp_path / "a.json"
    path.write_text(text)
    dataset = open_dataset(path)
    rows = dataset.texts()["row"].to_list()
    assert [record.row for record in dataset.bad] == bad
    assert len(rows) == len(dataset) - len(bad)
    assert len(dataset) == (5 if text.startswith("[[") else text.count('"text'))
    assert b"".join(dataset.assemble(range(len(dataset)))) == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (
            "How satisfied are you with the answer that you were given?,score\ngood,5\nbad,1\n",
            "How satisfied are you with the answer that you were given?",
        ),
        ("text,label\nsome text,good\nthe text,text\nother words,bad\n" + "more words,good\n" * 30, "text"),
        ("prompt,a name of a field that goes on for more than forty characters\na,b\nc,d\n", "prompt"),
        ("length in words,word\n3,cat\n4,bird\n", "length in words"),
    ],
)
def test_long_and_recurring_names_make_a_header(tmp_path, text, columns):
    (tmp_path / "a.csv").write_text(text)
    dataset = open_dataset(tmp_path / "a.csv", mapping={"text": columns})
    assert columns in dataset.value(0)
    assert len(dataset) == text.count("\n") - 1


@pytest.mark.parametrize(
    "text", ["good,This is a fine product\nbad,This one is not\ngood,Another fine one\n", "question,What is up\nanswer,Not much\n" * 9]
)
def test_a_first_record_of_values_is_no_header(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    dataset = open_dataset(tmp_path / "a.csv")
    dataset.read_all()
    assert len(dataset) == text.count("\n")


@pytest.mark.parametrize("other", [b'{"text": "a"}\n', b'{"text": "' + b"a" * 600 + b'"}\n'])
@pytest.mark.parametrize("use", [lambda dataset: list(dataset.batches()), lambda dataset: dataset.texts()])
def test_a_file_that_gets_other_lines_while_it_is_open_is_one_sentence(tmp_path, other, use):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"text": "%s"}\n' % (b"a" * 300) * 2000)
    dataset = open_dataset(str(path))
    dataset.read_all()
    with path.open("r+b") as file:
        file.write((other * (path.stat().st_size // len(other) + 1))[: path.stat().st_size])
    with pytest.raises(InputError, match="has changed since it was opened"):
        use(dataset)


def test_a_long_run_of_white_space_in_a_malformed_element_is_passed_in_one_go(tmp_path):
    path = tmp_path / "data.json"
    path.write_bytes(b'[{"a": "x"},\n{"a": bad' + b" " * 500_000 + b'"b": 1} ,\n{"a": "z"}]')
    dataset = open_dataset(path)
    dataset.read_all()
    assert [len(dataset.raw(row)) for row in range(len(dataset))] == [10, 500_016, 10]
