"""`sde check` and `sde fix`: what they print, write and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.checked import chat, clean_chats, opened
from tests.core.test_checks_runner import FAULTY

HOSTILE = "\x1b]52;c;aGk=\x07[/INST]\x1b[2J"


@pytest.fixture
def data(tmp_path):
    return opened(tmp_path, FAULTY).path


def test_the_summary_has_counts_an_example_and_the_next_step(run, data):
    code, out, _ = run("check", data)
    assert code == 0
    assert "65 rows, 1 of them malformed · layout messages" in out
    assert "error    bad-line" in out
    assert "row 61, line 62: The answer is empty. [messages[1].content]" in out
    assert f"sde fix {data}" in out
    assert f"sde {data}" in out


def test_a_clean_file_says_so(run, tmp_path):
    code, out, _ = run("check", opened(tmp_path, clean_chats(30)).path)
    assert code == 0
    assert "Nothing found." in out


@pytest.mark.parametrize(
    ("only", "level", "code"),
    [("empty-answer", "error", 1), ("outer-whitespace", "error", 0), ("control-characters", "warning", 1), ("outer-whitespace", "warning", 0)],
)
def test_fail_on(run, data, only, level, code):
    """White space after a prompt is worth a look only."""
    assert run("check", data, "--only", only, "--fail-on", level)[0] == code


def test_json_and_a_file_of_findings(run, data, tmp_path):
    target = tmp_path / "findings.jsonl"
    code, out, err = run("check", data, "--json", "-o", target, "--only", "empty-answer,bad-line")
    shown = json.loads(out)
    assert code == 0
    assert shown["counts"] == {"bad-line": 1, "empty-answer": 1}
    assert [json.loads(line) for line in target.read_text().splitlines()] == shown["findings"]
    assert "2 findings written" in err


def test_unknown_checks_and_missing_files_are_exit_code_2(run, data, tmp_path):
    code, out, err = run("check", data, "--only", "nothing")
    assert (code, out) == (2, "")
    assert "no check named 'nothing'" in err
    assert run("check", tmp_path / "gone.jsonl")[0] == 2


def test_the_list_of_checks_needs_no_data(run):
    code, out, _ = run("check", "--list")
    assert code == 0
    assert "mojibake" in out
    assert len(out.splitlines()) >= 30


def test_hostile_text_reaches_the_terminal_as_symbols(run, tmp_path):
    path = opened(tmp_path, [*clean_chats(30), chat(HOSTILE, HOSTILE)]).path
    for arguments in (("check", path), ("fix", path)):
        code, out, err = run(*arguments)
        assert code == 0
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
        assert "␛" in out


def test_lone_surrogates_survive_the_json(run, tmp_path):
    path = opened(
        tmp_path, [*clean_chats(30), b'{"messages": [{"role": "user", "content": "half \\ud83d"}, {"role": "assistant", "content": "Yes."}]}']
    ).path
    code, out, _ = run("check", path, "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["counts"] == {"lost-characters": 1}
    assert shown["findings"][0]["evidence"] == "half \ufffd"


# ---- fix


def test_fixes_are_shown_then_applied_and_taken_back(run, data):
    code, out, err = run("fix", data)
    assert code == 0
    assert "trim-whitespace · 1 text\n" in out
    assert "row 60 [messages[0].content]" in out
    assert "--apply" in err
    assert run("check", data, "--only", "outer-whitespace", "--fail-on", "warning")[0] == 0
    assert "edit 1 row" in run("fix", data, "--only", "outer-whitespace", "--apply")[2]
    assert json.loads(run("check", data, "--json")[1])["counts"].get("outer-whitespace") is None
    run("undo", data)
    assert json.loads(run("check", data, "--json")[1])["counts"]["outer-whitespace"] == 1


def test_fix_as_json_lists_the_edits(run, data):
    code, out, _ = run("fix", data, "--only", "trim-whitespace", "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown == {"edits": [{"row": 60, "path": ["messages", 0, "content"], "before": "What is it? ", "after": "What is it?"}], "applied": False}


def test_fix_leaves_alone_what_is_silenced(run, data):
    Path(data).with_name("sde.toml").write_text('[[silence]]\ncheck = "outer-whitespace"\nreason = "poems"\n')
    assert json.loads(run("fix", data, "--only", "trim-whitespace", "--json")[1]) == {"edits": [], "applied": False}


def test_fix_of_an_unknown_name(run, data):
    code, _, err = run("fix", data, "--only", "everything")
    assert code == 2
    assert "trim-whitespace" in err
