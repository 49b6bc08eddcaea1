import errno
import hashlib
import json
import math
import os
from datetime import date

import polars as pl
import pytest

from sde_core.dataset import open_dataset
from sde_core.errors import ReadOnlyError, UsageError
from sde_core.export import export_rows, manifest_path
from sde_core.project import Project

ROWS = [{"instruction": f"Say {i}", "input": "x" if i % 2 else "", "output": f"{i} – it is.", "n": 1.50} for i in range(12)]


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "data.jsonl"
    text = "".join(json.dumps(row, ensure_ascii=False).replace("1.5", "1.50") + "\n" for row in ROWS)
    path.write_text(text.replace('"n"', ' "n" ', 1), encoding="utf-8")
    return open_dataset(path)


def test_untouched_rows_come_out_byte_for_byte_in_the_order_asked(dataset, tmp_path):
    source = (tmp_path / "data.jsonl").read_bytes().splitlines(keepends=True)
    manifest = export_rows(dataset, [0, 3, 7], tmp_path / "out.jsonl", left_out={"copy": 9}, parameters={"seed": 4})
    assert (tmp_path / "out.jsonl").read_bytes() == source[0] + source[3] + source[7]
    export_rows(dataset, [7, 0], tmp_path / "order.jsonl")
    assert (tmp_path / "order.jsonl").read_bytes() == source[7] + source[0]
    written = json.loads(manifest_path(tmp_path / "out.jsonl").read_text())
    assert written["sha256"] == hashlib.sha256((tmp_path / "out.jsonl").read_bytes()).hexdigest() == manifest.sha256
    assert (written["rows"], written["source_rows"], written["left_out"], written["parameters"]) == (3, 12, {"copy": 9}, {"seed": 4})
    assert written["fingerprint"] == dataset.fingerprint


def test_an_edit_changes_its_string_and_nothing_else(dataset, tmp_path):
    edited = dataset.with_edits({0: {("output",): 'nought "0"'}})
    manifest = export_rows(edited, range(12), tmp_path / "out.jsonl")
    before, after = (tmp_path / "data.jsonl").read_text(encoding="utf-8"), (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert after == before.replace('"0 – it is."', '"nought \\"0\\""')
    assert manifest.edited_rows == 1
    assert edited.turns(0).answer == 'nought "0"'
    assert dataset.turns(0).answer == "0 – it is."


@pytest.mark.parametrize("layout", ["messages", "alpaca", "sharegpt", "prompt-completion"])
def test_every_export_layout_is_detected_and_says_the_same(dataset, tmp_path, layout):
    export_rows(dataset, range(12), tmp_path / "out.jsonl", layout=layout)
    again = open_dataset(tmp_path / "out.jsonl")
    assert again.layout.name == layout
    assert again.texts()["answer"].to_list() == dataset.texts()["answer"].to_list()
    assert again.texts()["prompt"].to_list() == dataset.texts()["prompt"].to_list()


def test_a_conversation_keeps_its_turns_in_every_layout_that_has_turns(tmp_path, write_jsonl):
    messages = [{"role": role, "content": text} for role, text in zip(["system", "user", "assistant", "user", "assistant"], "Sabcd", strict=True)]
    dataset = open_dataset(write_jsonl([{"messages": messages}]))
    for layout in ("messages", "sharegpt", "alpaca"):
        export_rows(dataset, [0], tmp_path / f"{layout}.jsonl", layout=layout)
        turns = open_dataset(tmp_path / f"{layout}.jsonl").turns(0)
        assert [(turn.role, turn.text) for turn in turns.turns] == [(m["role"], m["content"]) for m in messages], layout


def test_other_formats_by_the_ending(dataset, tmp_path):
    for name in ("out.json", "out.parquet"):
        export_rows(dataset, [1, 2], tmp_path / name)
        assert open_dataset(tmp_path / name).texts()["answer"].to_list() == ["1 – it is.", "2 – it is."]
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(ROWS, indent=4))
    export_rows(open_dataset(pretty), [2, 5], tmp_path / "from_pretty.jsonl")
    assert [json.loads(line)["instruction"] for line in (tmp_path / "from_pretty.jsonl").read_text().splitlines()] == ["Say 2", "Say 5"]


def test_a_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame({"prompt": ["a", "b", "c"], "completion": ["x", "y", "z"], "score": [1, 2, 3]}, schema_overrides={"score": pl.Int8})
    frame.write_parquet(tmp_path / "a.parquet")
    dataset = open_dataset(tmp_path / "a.parquet").with_edits({2: {("completion",): "edited"}})
    export_rows(dataset, [0, 2], tmp_path / "out.parquet")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.schema == frame.schema
    assert out["completion"].to_list() == ["x", "edited"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("data.jsonl", "is the dataset itself"), ("out.xyz", "unknown ending"), ("no/such/out.jsonl", "does not exist"), ("folder", "is a folder")],
)
def test_bad_targets_are_refused_before_anything_is_written(dataset, tmp_path, name, words):
    (tmp_path / "folder").mkdir()
    before = (tmp_path / "data.jsonl").read_bytes()
    with pytest.raises(UsageError, match=words):
        export_rows(dataset, [0], tmp_path / name)
    assert (tmp_path / "data.jsonl").read_bytes() == before
    assert not (tmp_path / "out.xyz").exists()


def test_a_full_disk_leaves_nothing_behind(dataset, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    dataset.keys()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReadOnlyError, match="disk is full"):
        export_rows(dataset, [0], tmp_path / "out.jsonl")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data.jsonl"]


def test_no_file_of_the_dataset_and_no_journal_is_overwritten(tmp_path, write_jsonl):
    folder = tmp_path / "rows"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_text('{"prompt": "p", "completion": "c"}\n')
    single = write_jsonl([{"prompt": "p", "completion": "c"}], "out.jsonl.manifest.json")
    alone = write_jsonl([{"prompt": "p", "completion": "c"}], "alone.jsonl")
    journal = Project.of(alone).created().journal_path
    journal.write_text("")
    (tmp_path / "hard.jsonl").hardlink_to(alone)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for source, target in [
        (folder, folder / "a.jsonl"),
        (folder, folder / "new.jsonl"),
        (folder / "*.jsonl", folder / "b.jsonl"),
        (single, tmp_path / "out.jsonl"),
        (alone, journal),
        (alone, tmp_path / "hard.jsonl"),
    ]:
        dataset = open_dataset(source)
        with pytest.raises(UsageError):
            export_rows(dataset, [0], target)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_edited_and_reordered_rows_of_a_table_keep_types_that_json_does_not_have(tmp_path):
    frame = pl.DataFrame(
        {
            "prompt": ["a", "b"],
            "completion": ["x", "y"],
            "day": [date(2020, 1, 1)] * 2,
            "blob": [b"\xff\x00", b"b"],
            "nest": [{"n": [1], "t": "q"}] * 2,
        }
    )
    for name, write, read in (("a.parquet", frame.write_parquet, pl.read_parquet), ("a.arrow", frame.write_ipc, pl.read_ipc)):
        write(tmp_path / name)
        edited = open_dataset(tmp_path / name).with_edits({1: {("completion",): "new", ("nest", "t"): "deep"}})
        export_rows(edited, [1, 0], tmp_path / f"out_{name}")
        out = read(tmp_path / f"out_{name}")
        assert out.schema == frame.schema
        assert out.rows(named=True) == [{**frame.row(1, named=True), "completion": "new", "nest": {"n": [1], "t": "deep"}}, frame.row(0, named=True)]


def test_rows_that_fit_into_no_table_are_refused_with_a_way_out(tmp_path, write_jsonl):
    dataset = open_dataset(write_jsonl([{"prompt": "a", "completion": "b", "m": value} for value in (1, "s", {"a": 1})]))
    with pytest.raises(UsageError, match=r"fit into no table.*\.jsonl"):
        export_rows(dataset, range(3), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_numbers_that_json_does_not_know_go_into_a_table(tmp_path, write_jsonl):
    dataset = open_dataset(write_jsonl([b'{"prompt": "a", "completion": "b", "score": NaN}']))
    export_rows(dataset, [0], tmp_path / "out.parquet")
    assert math.isnan(pl.read_parquet(tmp_path / "out.parquet")["score"][0])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_reordered_rows_are_the_same_bytes(tmp_path, name):
    rows = [{"prompt": f"p{i}", "completion": "1, 2" * i} for i in range(4)]
    path = tmp_path / name
    if name == "a.csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        path.write_text(json.dumps(rows, indent=2) if name == "a.json" else "".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_dataset(path)
    export_rows(dataset, [3, 0, 2], tmp_path / f"out_{name}")
    out = open_dataset(tmp_path / f"out_{name}")
    out.read_all()
    assert [out.raw(row) for row in range(3)] == [dataset.raw(row) for row in (3, 0, 2)]


def test_a_path_with_bytes_that_are_no_text_goes_into_the_manifest(tmp_path):
    path = tmp_path / os.fsdecode(b"odd\xff.jsonl")
    path.write_text('{"prompt": "p", "completion": "c"}\n')
    export_rows(open_dataset(path), [0], tmp_path / "out.jsonl")
    assert json.loads(manifest_path(tmp_path / "out.jsonl").read_text())["source"] == str(path)
