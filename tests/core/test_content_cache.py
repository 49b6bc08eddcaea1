"""A second open of the same content starts from the cache; a changed file, a damaged cache and a read-only folder never do harm."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sde_core.dataset import content_cache, open_dataset
from sde_core.dataset import text_store as text_store_module
from sde_core.dataset.content_cache import read_blob, write_blob

RECORDS = [{"prompt": f"question {number}", "completion": f"answer {number}"} for number in range(40)]
CSV = b"prompt,completion\n" + b"".join(b'"question ""%d""",answer %d\n' % (number, number) for number in range(40))


@pytest.fixture(autouse=True)
def small_files_count(monkeypatch):
    monkeypatch.setattr(content_cache, "FEWEST_BYTES", 1)
    monkeypatch.setattr(content_cache, "_SETTLED_NS", -(10**18))
    monkeypatch.setattr("sde_core.dataset.opening.FIRST_BYTES", 64)


def _contents():
    lines = [json.dumps(record).encode() for record in RECORDS]
    yield "data.jsonl", b"\n\n".join([*lines[:20], b"broken", *lines[20:]])
    yield "data.json", b"[" + b",\n ".join([*lines[:20], b"{oops}", *lines[20:]]) + b"]"
    yield "splits.json", b'{"train": [' + b",\n".join(lines[:30]) + b'],\n"test": [' + b",".join(lines[30:]) + b"]}"
    yield "data.csv", CSV + b"one field only\n"
    yield "data.txt", b"\n".join(lines)


def _facts(dataset):
    dataset.read_all()
    texts = dataset.texts()
    return {
        "keys": dataset.keys().tolist(),
        "fingerprint": dataset.fingerprint,
        "texts": texts.rows(),
        "schema": dict(texts.schema),
        "bad": list(dataset.bad),
        "places": [(dataset.raw(row), dataset.line(row), dataset._source.offset(row), dataset.split(row)) for row in range(len(dataset))],
        "whole": b"".join(dataset.assemble(range(len(dataset)))),
    }


def _refuse(monkeypatch):
    """From here on nothing is found out anew."""

    def refused(*arguments, **options):
        raise AssertionError("was found out again")

    monkeypatch.setattr(text_store_module, "text_frames", refused)
    monkeypatch.setattr("sde_core.dataset.keys.record_keys", refused)
    monkeypatch.setattr("sde_core.dataset.source_lines.LineIndex.scan", refused)
    monkeypatch.setattr("sde_core.dataset.source_json.JsonSource._after_next", refused)
    monkeypatch.setattr("sde_core.dataset.source_delimited.DelimitedSource._take_record", refused)


@pytest.mark.parametrize(("name", "content"), list(_contents()))
def test_a_second_open_finds_nothing_out_again(tmp_path, monkeypatch, name, content):
    (tmp_path / name).write_bytes(content)
    plain = _facts(open_dataset(tmp_path / name))
    assert _facts(open_dataset(tmp_path / name).keep_in(tmp_path / "cache")) == plain
    second = open_dataset(tmp_path / name)
    _refuse(monkeypatch)
    assert _facts(second.keep_in(tmp_path / "cache")) == plain
    assert second.bad_known


def test_a_packed_file_and_a_folder_take_their_texts_from_the_cache(tmp_path, monkeypatch):
    import gzip

    folder = tmp_path / "both"
    folder.mkdir()
    lines = b"\n".join(json.dumps(record).encode() for record in RECORDS)
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    (folder / "b.jsonl").write_bytes(lines)
    for path in (folder, folder / "a.jsonl.gz"):
        cache = tmp_path / f"cache-{path.name}"
        first = open_dataset(path).keep_in(cache).texts()
        with monkeypatch.context() as patch:
            patch.setattr(text_store_module, "text_frames", None)
            assert open_dataset(path).keep_in(cache).texts().equals(first)


@pytest.mark.parametrize("restore_times", [False, True])
def test_a_changed_file_is_never_read_from_the_cache(tmp_path, restore_times):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9)
    before = path.stat()
    assert open_dataset(path).keep_in(tmp_path / "cache").texts()["answer"].to_list() == ["one"] * 9
    with path.open("r+b") as file:
        file.write(b'{"text": "two"}')
    if restore_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_dataset(path).keep_in(tmp_path / "cache").texts()["answer"].to_list() == ["two"] + ["one"] * 8


def test_an_identity_seen_right_after_a_change_proves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(content_cache, "_SETTLED_NS", 2_000_000_000)
    hashed = []
    real = content_cache.ContentCache._hashed
    monkeypatch.setattr(content_cache.ContentCache, "_hashed", lambda self: hashed.append(1) or real(self))
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9)
    open_dataset(path).keep_in(tmp_path / "cache").texts()
    open_dataset(path).keep_in(tmp_path / "cache").texts()
    assert len(hashed) == 2


def test_a_change_while_the_content_is_hashed_keeps_nothing(tmp_path, monkeypatch):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join(json.dumps(record).encode() for record in RECORDS))
    hashed = content_cache.ContentCache._hashed

    def changed_first(cache):
        path.write_bytes(path.read_bytes().replace(b"answer 1", b"ANSWER 1"))
        return hashed(cache)

    monkeypatch.setattr(content_cache.ContentCache, "_hashed", changed_first)
    _facts(open_dataset(path).keep_in(tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("index"))


def test_a_copy_with_other_times_is_the_same_content(tmp_path, monkeypatch):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9)
    open_dataset(path).keep_in(tmp_path / "cache").texts()
    os.utime(path, ns=(10**18, 10**18))
    monkeypatch.setattr(text_store_module, "text_frames", None)
    assert len(open_dataset(path).keep_in(tmp_path / "cache").texts()) == 9


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "junk"])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9 + "broken\n")
    first = _facts(open_dataset(path).keep_in(tmp_path / "cache"))
    for kept in sorted(file for file in (tmp_path / "cache").rglob("*") if file.is_file()):
        content = bytearray(kept.read_bytes())
        if damage == "flip":
            content[len(content) // 2] ^= 0x55
        kept.write_bytes({"cut": content[: len(content) // 2], "flip": content, "empty": b"", "junk": b"\xff{" * 50}[damage])
    assert _facts(open_dataset(path).keep_in(tmp_path / "cache")) == first
    assert _facts(open_dataset(path).keep_in(tmp_path / "cache")) == first


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9)
    (tmp_path / "file").write_text("not a folder")
    assert len(open_dataset(path).keep_in(tmp_path / "file" / "cache").texts()) == 9


def test_a_disk_that_fills_up_and_a_stop_leave_nothing_half_written(tmp_path, monkeypatch):
    import polars as pl

    from sde_core.errors import CancelledError

    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9)

    def full(self, *arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_ipc", full)
        assert len(open_dataset(path).keep_in(tmp_path / "cache").texts()) == 9

    class Stopped:
        def is_set(self):
            return True

    dataset = open_dataset(path).keep_in(tmp_path / "cache")
    dataset.read_all()
    with pytest.raises(CancelledError):
        dataset.texts(cancel=Stopped())
    assert not [left for left in (tmp_path / "cache").rglob("*") if left.suffix == ".arrow" or left.name.startswith(".new-")]
    assert len(open_dataset(path).keep_in(tmp_path / "cache").texts()) == 9


def test_a_folder_to_read_alone_gets_nothing_written_even_by_root(tmp_path):
    from sde_core.project import Project

    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "data.jsonl").write_text('{"text": "one"}\n')
    folder.chmod(0o555)
    assert not Project.of(folder / "data.jsonl").beside_data
    folder.chmod(0o755)
    assert Project.of(folder / "data.jsonl").beside_data


def test_other_code_and_other_layouts_do_not_read_what_was_kept(tmp_path, monkeypatch):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"prompt": "a", "completion": "b", "text": "c"}) + "\n")
    assert open_dataset(path).keep_in(tmp_path / "cache").texts()["answer"].to_list() == ["b"]
    other = open_dataset(path, mapping={"answer": "text"}).keep_in(tmp_path / "cache")
    assert other.texts()["answer"].to_list() == ["c"]
    content_cache.code_version.cache_clear()
    monkeypatch.setattr(content_cache, "code_version", lambda *parts: "other")
    cache = content_cache.ContentCache(tmp_path / "cache" / "content", [path], content_cache.identity_of([path]))
    assert cache._hashed() not in {place.name for place in (tmp_path / "cache" / "content").iterdir()}


def test_only_the_last_contents_are_kept(tmp_path):
    path = tmp_path / "data.jsonl"
    for number in range(6):
        path.write_text(f'{{"text": "{number}"}}\n' * 9)
        open_dataset(path).keep_in(tmp_path / "cache").texts()
    assert len(list((tmp_path / "cache" / "content").iterdir())) == 3


def test_small_files_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(content_cache, "FEWEST_BYTES", 1 << 20)
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n' * 9)
    _facts(open_dataset(path).keep_in(tmp_path / "cache"))
    assert not Path(tmp_path / "cache").exists()


def test_a_blob_gives_back_what_was_written(tmp_path):
    write_blob(tmp_path / "blob", {"a": [1, "ü\n"]}, [b"one\n", memoryview(b""), b"\n"])
    values, arrays = read_blob(tmp_path / "blob")
    assert values == {"a": [1, "ü\n"]}
    assert [bytes(view) for view in arrays] == [b"one\n", b"", b"\n"]
    assert read_blob(tmp_path / "absent") is None


def test_the_version_of_the_code_is_that_of_its_sources(monkeypatch, tmp_path):
    (tmp_path / "dataset").mkdir()
    monkeypatch.setattr(content_cache, "__file__", str(tmp_path / "dataset" / "content_cache.py"))
    versions = []
    for name, text in (("dataset/a.py", "one"), ("dataset/a.py", "two"), ("wording.py", "one"), ("wording.py", "two"), ("other.py", "one")):
        (tmp_path / "wording.py").touch()
        (tmp_path / name).write_text(text)
        content_cache.code_version.cache_clear()
        versions.append(content_cache.code_version("dataset", "wording.py"))
    content_cache.code_version.cache_clear()
    assert len(set(versions[:4])) == 4
    assert versions[4] == versions[3]
