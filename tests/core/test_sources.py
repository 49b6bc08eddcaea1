import gzip
import json
import os

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.dataset.feed import MappedFeed
from sde_core.dataset.source_lines import LineSource
from sde_core.errors import BadRecordError, InputError, LayoutError, UsageError

ROWS = [{"instruction": f"Say {i}", "input": "", "output": f"{i} it is."} for i in range(30)]


def lines(rows=ROWS):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def outputs(dataset):
    return dataset.texts()["answer"].to_list()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", lines()),
        ("a.jsonl.gz", gzip.compress(lines())),
        ("a.jsonl.zst", zstandard.compress(lines())),
        ("a.json", json.dumps(ROWS, indent=2).encode()),
        ("a.json.gz", gzip.compress(json.dumps(ROWS).encode())),
        ("bom.jsonl", b"\xef\xbb\xbf" + lines()),
        ("crlf.jsonl", lines().replace(b"\n", b"\r\n")),
        ("utf16.jsonl", lines().decode().encode("utf-16")),
        ("utf16le.jsonl", lines().decode().encode("utf-16-le")),
        ("blank.jsonl", lines().replace(b"\n", b"\n\n")),
        ("nofinal.jsonl", lines().rstrip(b"\n")),
        ("misnamed.json", lines()),
    ],
)
def test_every_text_format_gives_the_same_records(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    dataset = open_dataset(tmp_path / name)
    assert dataset.layout.name == "alpaca"
    assert outputs(dataset) == [row["output"] for row in ROWS]
    assert len(dataset) == 30
    assert not dataset.bad


def test_tables_give_the_same_records(tmp_path):
    frame = pl.DataFrame(ROWS)
    frame.write_csv(tmp_path / "a.csv")
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.arrow")
    frame.write_ipc_stream(tmp_path / "stream.arrow")
    for name in ("a.csv", "a.tsv", "a.parquet", "a.arrow", "stream.arrow"):
        dataset = open_dataset(tmp_path / name)
        assert outputs(dataset) == [row["output"] for row in ROWS], name
        assert dataset.value(3)["instruction"] == "Say 3"


def test_a_dict_of_splits_keeps_the_split_of_each_record(tmp_path):
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"train": [["hi", "greet"], ["bye", "leave"]], "test": [["yo", "greet"]]}, indent=1))
    dataset = open_dataset(path)
    assert dataset.texts()["split"].to_list() == ["train", "train", "test"]
    assert dataset.texts()["label"].to_list() == ["greet", "leave", "greet"]
    assert b"".join(dataset.assemble(range(3))) == path.read_bytes()
    assert json.loads(b"".join(dataset.assemble([1]))) == {"train": [["bye", "leave"]], "test": []}


def test_one_conversation_alone_is_a_record_and_not_a_dict_of_splits(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]}, indent=1))
    dataset = open_dataset(path)
    assert (len(dataset), dataset.layout.name) == (1, "messages")


def test_a_folder_and_a_pattern_are_one_dataset_with_a_split_a_file(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_bytes(lines(ROWS[:20]))
    (folder / "test.jsonl.gz").write_bytes(gzip.compress(lines(ROWS[20:])))
    (folder / "dataset_info.json").write_text("{}")
    for source in (folder, tmp_path / "data" / "t*.jsonl*"):
        dataset = open_dataset(source)
        texts = dataset.texts()
        assert len(dataset) == 30
        assert texts["split"].unique(maintain_order=True).to_list() == ["test", "train"]
        assert dataset.line(11) == 2
        assert len(b"".join(dataset.assemble(range(30))).splitlines()) == 30


def test_a_malformed_line_is_quarantined_and_the_rest_loads(write_jsonl):
    path = write_jsonl([ROWS[0], b'{"instruction": "cut', ROWS[1], b"\xff\xfe broken", b'{"instruction": "x", "output": NaN}', ROWS[2]])
    dataset = open_dataset(path)
    assert dataset.texts()["row"].to_list() == [0, 2, 4, 5]
    assert [(bad.row, bad.line) for bad in dataset.bad] == [(1, 2), (3, 4)]
    assert dataset.bad[0].offset == path.read_bytes().index(b'{"instruction": "cut')
    assert "not UTF-8" in dataset.bad[1].message
    with pytest.raises(BadRecordError):
        dataset.value(1)


def test_a_malformed_element_of_a_list_is_quarantined(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[\n {"instruction": "a", "output": "b"},\n {"instruction": oops, "output": "c"},\n {"instruction": "d", "output": "e"}\n]')
    dataset = open_dataset(path)
    assert outputs(dataset) == ["b", "e"]
    assert [(bad.row, bad.line) for bad in dataset.bad] == [(1, 3)]


def test_line_ends_inside_strings_are_not_line_ends(write_jsonl):
    path = write_jsonl([{"text": "one\x85two\u2028three"}, {"text": "four"}])
    assert len(open_dataset(path).texts()) == 2


def test_blank_lines_are_no_records_but_lines_count(write_jsonl):
    dataset = open_dataset(write_jsonl([b"", ROWS[0], b"  ", b"", ROWS[1], b"oops"]))
    dataset.texts()
    assert [dataset.line(row) for row in range(3)] == [2, 5, 6]
    assert dataset.bad[0].line == 6


def test_csv_with_quotes_newlines_and_a_short_record(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'prompt,completion\r\n"a, ""b""\nc",yes\r\nonly one\r\nq,"no"\r\n')
    dataset = open_dataset(path)
    assert dataset.texts()["prompt"].to_list() == ['a, "b"\nc', "q"]
    assert [(bad.row, bad.line) for bad in dataset.bad] == [(1, 4)]
    assert b"".join(dataset.assemble([0, 1, 2])) == path.read_bytes()
    edited = dataset.with_edits({0: {("completion",): "x,y"}})
    assert b"".join(edited.assemble([0])) == b'prompt,completion\r\n"a, ""b""\nc","x,y"\r\n'


def test_a_tsv_without_header_keeps_stray_quotes(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('ham\tHe said "hi, and left.\nspam\tWin now!!\n' * 15)
    dataset = open_dataset(path)
    assert len(dataset) == 30
    assert dataset.layout.roles == {"text": "column_2", "label": "column_1"}
    assert b"".join(dataset.assemble(range(30))) == path.read_bytes()


def test_first_rows_need_only_the_beginning_of_the_file(write_jsonl):
    dataset = open_dataset(write_jsonl([{"text": f"row {i} " + "x" * 200} for i in range(5000)]))
    assert 50 < len(dataset) < 5000
    assert not dataset.complete
    assert dataset.turns(40).answer.startswith("row 40 ")
    assert not dataset.bad_known


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([b'{"a": 1}', b"", b"   ", b"\xff", b'"x"', b"\r", b"{", b'{"t": "' + b"y" * 300 + b'"}']), max_size=30),
    st.booleans(),
    st.integers(1, 400),
)
def test_reading_in_slices_finds_what_splitting_finds(tmp_path_factory, parts, final_newline, step):
    path = tmp_path_factory.mktemp("slices") / "a.jsonl"
    path.write_bytes(b"\n".join(parts) + (b"\n" if final_newline else b""))
    source = LineSource(MappedFeed(path))
    while source.read_more(step):
        pass
    expected = [(number, line) for number, line in enumerate(path.read_bytes().split(b"\n"), start=1) if line.strip()]
    assert [source.raw(row) for row in range(len(source))] == [line.rstrip(b"\r\n") for _, line in expected]
    assert [source.line(row) for row in range(len(source))] == [number for number, _ in expected]


def test_large_slices_agree_with_small_ones(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(b'{"text": "%d"}\n%s' % (i, b"\n" * (i % 997 == 0)) for i in range(40_000)))
    small, large = LineSource(MappedFeed(path)), LineSource(MappedFeed(path))
    while small.read_more(50_000):
        pass
    while large.read_more(64 << 20):
        pass
    assert len(small) == len(large) == 40_000
    assert all(small.offset(row) == large.offset(row) and small.line(row) == large.line(row) for row in range(0, 40_000, 101))


# ---- bad input: one sentence, a way out, no traceback


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jsonl", b"", "is empty"),
        ("white.jsonl", b" \n\n", "empty but for white space"),
        ("none.json", b"[]", "holds no records"),
        ("header.csv", b"prompt,completion\n", "holds no records"),
        ("junk.jsonl", b"\x00\x01\x02\xff" * 100, "is binary"),
        ("junk.parquet", b"PAR1 not really", "not a readable parquet"),
        ("numbers.jsonl", b"1\n2\n3\n", "No field of these records holds text"),
        ("broken.jsonl", b"{oops\n{oops\n", "none of its first 2 records can be read"),
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00cut", "damaged"),
        ("cut.jsonl.zst", b"\x28\xb5\x2f\xfd" + b"\xff" * 64, "damaged"),
    ],
)
def test_unreadable_files_are_refused_in_one_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        open_dataset(tmp_path / name)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_missing_file_suggests_the_one_that_was_meant(write_jsonl):
    path = write_jsonl(ROWS, "train.jsonl")
    with pytest.raises(InputError, match=r"does not exist.*train\.jsonl"):
        open_dataset(path.parent / "trian.jsonl")


def test_a_folder_without_data_is_refused(tmp_path):
    (tmp_path / "notes.md").write_text("hi")
    with pytest.raises(InputError, match="holds no data files"):
        open_dataset(tmp_path)


def test_a_hub_name_without_network_is_refused_with_a_way_out():
    with pytest.raises(InputError, match="cannot be fetched") as caught:
        open_dataset("hf://datasets/nobody/nothing-at-all")
    assert "local file" in caught.value.hint


def test_deep_nesting_and_huge_rows_are_survived(write_jsonl):
    huge = {"text": "y" * 5_000_000}
    dataset = open_dataset(write_jsonl([{"text": "a"}, b'{"text": ' + b"[" * 100_000, huge, {"text": "b"}]))
    assert dataset.texts()["row"].to_list() == [0, 2, 3]
    assert len(dataset.turns(2).answer) == 5_000_000


def test_a_field_that_changes_type_loads(write_jsonl):
    rows = [{"prompt": "p", "completion": "c", "meta": 1}] * 20 + [
        {"prompt": "p", "completion": {"a": 1}, "meta": "one"},
        {"prompt": ["x"], "completion": None},
    ]
    dataset = open_dataset(write_jsonl(rows))
    assert len(dataset.texts()) == 22
    assert dataset.turns(20).answer == '{"a":1}'


def test_unknown_layouts_roles_and_fields_are_refused(write_jsonl):
    path = write_jsonl(ROWS)
    with pytest.raises(UsageError, match="no layout named"):
        open_dataset(path, layout="llama")
    with pytest.raises(UsageError, match="no role named"):
        open_dataset(path, mapping={"question": "instruction"})
    with pytest.raises(UsageError, match="No record has a field named 'reply'"):
        open_dataset(path, mapping={"answer": "reply"})
    with pytest.raises(LayoutError):
        open_dataset(write_jsonl([{"n": 1}] * 3, "n.jsonl"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_not_called_empty(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0)
    with pytest.raises(InputError, match="permission denied"):
        open_dataset(folder)


def test_a_file_that_may_not_be_read_says_so_even_when_its_turn_comes_late(tmp_path, monkeypatch):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(lines())
    real_open = type(tmp_path).open

    def refusing(self, *arguments, **options):
        if self.name == "b.jsonl":
            raise PermissionError(13, "Permission denied")
        return real_open(self, *arguments, **options)

    monkeypatch.setattr(type(tmp_path), "open", refusing)
    with pytest.raises(InputError, match=r"b\.jsonl cannot be read: permission denied"):
        open_dataset(tmp_path).read_all()


def test_an_empty_name_and_a_pipe_are_refused(tmp_path):
    with pytest.raises(InputError, match="No file is named"):
        open_dataset("")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a pipe or a device"):
        open_dataset(tmp_path / "pipe")


def test_a_link_that_leads_nowhere_says_where(tmp_path):
    (tmp_path / "link").symlink_to("gone.jsonl")
    with pytest.raises(InputError, match=r"link to gone\.jsonl"):
        open_dataset(tmp_path / "link")


def test_brackets_in_the_names_of_folders_are_no_pattern(tmp_path):
    folder = tmp_path / "run [1]"
    folder.mkdir()
    (folder / "a [2].jsonl").write_bytes(lines())
    pl.DataFrame(ROWS).write_parquet(folder / "b [x].pq")
    assert len(open_dataset(folder / "a [2].jsonl")) == 30
    assert len(open_dataset(folder / "*.jsonl")) == 30
    assert len(open_dataset(folder / "b [x].pq")) == 30


@pytest.mark.parametrize("name", ["~nosuchuser/rows.jsonl", "~nosuchuser/*.jsonl"])
def test_the_home_of_a_user_that_does_not_exist_holds_no_data(name):
    with pytest.raises(InputError, match=r"nosuchuser.* does not exist|nosuchuser.* holds no|No file"):
        open_dataset(name)
