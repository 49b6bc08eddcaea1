"""Whatever output is named: a file that a dataset was read from is never written."""

import json

import pytest

from sde_core.cli.main import main
from sde_core.dataset import open_dataset
from sde_core.errors import UsageError
from sde_core.files import atomic_write

ROWS = [{"prompt": f"What is {place} and one?", "completion": f"It is {place + 1}. " * (place % 5 + 1)} for place in range(30)]


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.mark.parametrize("spelling", ["as-it-is", "through-a-folder", "by-a-link", "target-of-a-link"])
def test_a_source_is_refused_by_any_of_its_names(data, tmp_path, spelling):
    link = tmp_path / "linked.jsonl"
    link.symlink_to(data)
    (tmp_path / "inside").mkdir()
    opened, written = {
        "as-it-is": (data, data), "through-a-folder": (data, tmp_path / "inside" / ".." / "data.jsonl"),
        "by-a-link": (data, link), "target-of-a-link": (link, data),
    }[spelling]  # fmt: skip
    before = data.read_bytes()
    open_dataset(opened)
    with pytest.raises(UsageError, match="never written"):
        atomic_write(written, [b"gone"])
    assert data.read_bytes() == before and link.is_symlink()
    atomic_write(tmp_path / "other.jsonl", [b"new"])
    assert (tmp_path / "other.jsonl").read_bytes() == b"new"


COMMANDS = [
    ["rules", "score", "DATA", "-r", "2", "-o", "DATA"],
    ["rules", "compare", "DATA", "--export", "DATA"],
    ["rules", "compare", "DATA", "--ask", "2", "-o", "DATA"],
    ["rules", "export", "DATA", "-o", "DATA"],
    ["select", "DATA", "-k", "3", "-o", "DATA"],
    ["check", "DATA", "-o", "DATA"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(word for word in words if word != "DATA"))
def test_no_command_writes_over_its_data(data, words, capsys):
    if words[:2] == ["rules", "export"]:
        assert main(["rules", "add", str(data), "Be clear to the reader."]) == 0
    if words[:2] == ["rules", "score"]:
        table = data.with_suffix(".csv")
        table.write_text("prompt,completion\n" + "".join(f"{row['prompt']},{row['completion']}\n" for row in ROWS))
        data = table
    before = data.read_bytes()
    assert main([str(data) if word == "DATA" else word for word in words]) == 2
    assert "never writ" in capsys.readouterr().err
    assert data.read_bytes() == before
