"""Whatever was opened comes out byte for byte where nobody touched it: any records, separators, line ends, encodings and packings."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.export import export_rows

_STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _STRINGS, st.just("\x85 \u2028 \u2029"), st.just(2**80), st.just("\ud800")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_STRINGS, inner, max_size=3)),
    max_leaves=6,
)
_RECORDS = st.lists(st.dictionaries(st.sampled_from(["text", "a", "ü", ""]), _VALUES, max_size=4), min_size=1, max_size=6)
_NOT_JSON = st.sampled_from([b'{"text": nothing}', b"oops", b'{"text": "never closed}', b'{"a": 1, "a": 2, "text": "twice"}', b'{"text": "\\ud83d"}'])
_BLANKS = st.lists(st.sampled_from(["", "", "", "\n", "\r\n", "   \n", "          \n", "\t\n"]), max_size=8)
_ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
_FIRST = b'{"text": "a first record that says what this is"}'


def _written(record, escaped) -> bytes:
    try:
        return json.dumps(record, ensure_ascii=escaped).encode()
    except UnicodeEncodeError:
        return json.dumps(record).encode()


def _round_trip(folder, name, content) -> None:
    path = folder / name
    path.write_bytes(content)
    dataset = open_dataset(path)
    dataset.read_all()
    texts = dataset.texts()
    assert len(texts) + len(dataset.bad) == len(dataset)
    assert b"".join(dataset.assemble(range(len(dataset)))) == _UNPACK.get(path.suffix, bytes)(content)


_UNPACK = {".gz": gzip.decompress, ".zst": lambda packed: zstandard.ZstdDecompressor().decompressobj().decompress(packed)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("round")


def _encoded(text: bytes, encoding: str) -> bytes:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be", "utf-32-be") and len(text) % 2 else ""
    return (mark + text.decode()).encode(encoding)


@settings(max_examples=120, deadline=None)
@given(records=_RECORDS, odd=st.lists(_NOT_JSON, max_size=2), blanks=_BLANKS, end=st.sampled_from(["\n", "\r\n"]), last=st.booleans(),
       escaped=st.booleans(), encoding=_ENCODINGS, pack=st.sampled_from(["", "", ".gz", ".zst"]))  # fmt: skip
@example(records=[{}], odd=[], blanks=["\n", "   \n"], end="\r\n", last=False, escaped=True, encoding="utf-16", pack="")
def test_json_lines(folder, records, odd, blanks, end, last, escaped, encoding, pack):
    lines = [_FIRST, *(_written(record, escaped) for record in records), *odd]
    spaces = [*blanks, *[""] * len(lines)]
    text = b"".join(space.encode() + line + end.encode() for space, line in zip(spaces, lines, strict=False)) + "".join(blanks[:2]).encode()
    content = _encoded(text if last else text.rstrip(), encoding)
    content = gzip.compress(content) if pack == ".gz" else zstandard.ZstdCompressor().compress(content) if pack == ".zst" else content
    _round_trip(folder, f"data.jsonl{pack}", content)


@settings(max_examples=120, deadline=None)
@given(records=_RECORDS, odd=st.lists(_NOT_JSON, max_size=2), separator=st.sampled_from([",", ", ", ",\n", " ,\r\n  "]), indent=st.booleans(),
       splits=st.booleans(), encoding=_ENCODINGS, tail=st.sampled_from(["", "\n", "\n\n"]))  # fmt: skip
def test_json_documents(folder, records, odd, separator, indent, splits, encoding, tail):
    written = [_FIRST, *(json.dumps(record, indent=1 if indent else None).encode() for record in records), *odd]
    listed = b"[" + separator.encode().join(written) + b"]"
    text = b'{"train": ' + listed + b', "test": [{"text": "x"}]}' if splits else listed
    _round_trip(folder, "data.json", _encoded(text + tail.encode(), encoding))


_CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(lambda cell: cell.replace("\ufeff", ""))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=5), blanks=st.lists(st.sampled_from(["", "\n", "\r\n"]), max_size=5),
       end=st.sampled_from(["\n", "\r\n"]), last=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))  # fmt: skip
def test_delimited_files(folder, rows, blanks, end, last, encoding):
    cells = ['"' + first.replace('"', '""') + '",' + ('"' + second.replace('"', '""') + '"') for first, second in rows]
    lines = ["prompt,completion", *cells]
    text = "".join(line + end + space for line, space in zip(lines, [*blanks, *[""] * len(lines)], strict=False))
    _round_trip(folder, "data.csv", (text if last else text.rstrip("\r\n")).encode(encoding))


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), min_size=1, max_size=8), end=st.sampled_from(["\n", "\r\n"])
)
def test_plain_text(folder, lines, end):
    _round_trip(folder, "data.txt", "".join(line + end for line in ["one text", *lines]).encode())


def test_a_blank_line_goes_with_the_record_before_it(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'\n{"text": "a"}\n\n{"text": "b"}\n          \n{"text": "c"}')
    dataset = open_dataset(path)
    dataset.read_all()
    assert [dataset.line(row) for row in range(len(dataset))] == [2, 4, 6]
    assert b"".join(dataset.assemble([0, 2])) == b'\n{"text": "a"}\n\n{"text": "c"}'
    assert b"".join(dataset.assemble([2, 1])) == b'\n{"text": "c"}\n{"text": "b"}\n          \n'


def test_an_edited_utf16_file_stays_utf16(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes('{"text": "größer"}\r\n{"text": "klein"}\r\n'.encode("utf-16"))
    dataset = open_dataset(path).with_edits({1: {("text",): "ß"}})
    assert b"".join(dataset.assemble(range(2))) == '{"text": "größer"}\r\n{"text": "ß"}\r\n'.encode("utf-16")


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_export_of_all_rows_is_the_file_packed_as_its_name_says(tmp_path, name, encoding):
    content = '{"text": "größer"}\r\n\r\nbroken\n{"text": "\x85"}'.encode(encoding)
    (tmp_path / "data.jsonl").write_bytes(content)
    dataset = open_dataset(tmp_path / "data.jsonl")
    dataset.read_all()
    assert export_rows(dataset, range(len(dataset)), tmp_path / name).rows == 3
    assert _UNPACK.get((tmp_path / name).suffix, bytes)((tmp_path / name).read_bytes()) == content
