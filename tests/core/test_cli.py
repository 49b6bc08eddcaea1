import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sde_core.cli.common import parsed_rows, progress_text
from sde_core.cli.main import COMMANDS, command
from sde_core.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
ROWS = [{"prompt": f"p{i}", "completion": f"c{i}"} for i in range(6)]


@pytest.fixture
def data(write_jsonl):
    return write_jsonl([*ROWS[:3], b"oops", *ROWS[3:]])


def test_every_command_exists_and_shows_examples():
    for name, _, _ in COMMANDS:
        loaded = command.get_command(None, name)
        assert loaded is not None, name
        text = loaded.get_help(loaded.make_context(name, [], resilient_parsing=True))
        assert f"sde {name}" in text, f"{name} --help shows no example"


def test_decide_undo_redo_and_log(run, data):
    assert run("decide", data, "reject", "0", "4-5", "--reason", "cut off")[0] == 0
    assert run("decide", data, "accept", "1,2")[0] == 0
    code, out, _ = run("log", data, "--json")
    log = json.loads(out)
    assert (code, log["accepted"], log["rejected"], log["reasons"]) == (0, 2, 3, {"cut off": 3})
    assert json.loads(run("undo", data, "--json")[1])["undo"] == 2
    assert json.loads(run("redo", data, "--json")[1])["redo"] == 2
    assert "2 accepted, 3 rejected" in run("log", data)[1]


def test_export_writes_what_is_kept_and_says_why_the_rest_is_not(run, data, tmp_path):
    run("decide", data, "reject", "0", "--reason", "cut off")
    code, out, _ = run("export", data, "-o", tmp_path / "out.jsonl", "--json")
    manifest = json.loads(out)
    assert (code, manifest["rows"], manifest["left_out"]) == (0, 5, {"cut off": 1, "malformed": 1})
    run("decide", data, "accept", "1-2")
    manifest = json.loads(run("export", data, "-o", tmp_path / "two.jsonl", "--json", "--layout", "messages")[1])
    assert (manifest["rows"], manifest["left_out"]) == (2, {"cut off": 1, "not accepted": 3, "malformed": 1})
    assert json.loads((tmp_path / "two.jsonl").read_text().splitlines()[0])["messages"][1]["content"] == "c1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "no-such-file.jsonl"], "does not exist"),
        (["decide", "DATA", "reject", "1"], "for a reason"),
        (["decide", "DATA", "accept", "99"], "no row 99"),
        (["decide", "DATA", "accept", "2-4"], "Row 3 (line 4) cannot be read"),
        (["decide", "DATA", "accept", "x"], "not a row number"),
        (["log", "DATA", "--map", "prompt"], "ROLE=FIELD"),
        (["log", "DATA", "--layout", "nope"], "no layout named"),
        (["log"], "DATA"),
        (["export", "DATA"], "-o"),
    ],
)
def test_what_makes_no_sense_is_exit_code_2_and_one_sentence(run, data, arguments, words):
    code, out, err = run(*[data if argument == "DATA" else argument for argument in arguments])
    assert code == 2
    assert words in err
    assert out == ""
    assert "Traceback" not in err


def test_a_hostile_file_name_reaches_stderr_as_symbols(run):
    code, _, err = run("log", "\x1b]52;c;aGk=\x07.jsonl")
    assert code == 2
    assert "\x1b" not in err
    assert "␛" in err


def test_row_ranges():
    assert parsed_rows(["3", "5-7,9"], 10) == [3, 5, 6, 7, 9]
    with pytest.raises(UsageError):
        parsed_rows(["10"], 10)


def test_progress_has_count_rate_and_time_left():
    assert progress_text("checking", "rows", 1200, 5000, 2.0) == "checking 1,200 of 5,000 rows · 600 rows/s · 6 s left"
    assert progress_text("reading", "bytes", 5_000_000, None, 1.0) == "reading 5 MB · 5 MB/s"


def _modules_after(code):
    listing = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    return {name.split(".")[0] for name in listing.stdout.split()}


HEAVY = {"torch", "transformers", "sentence_transformers", "sklearn", "scipy", "peft", "accelerate", "pandas", "matplotlib"}


@pytest.mark.parametrize(
    "code", ["import sde_core, sde_core.dataset, sde_core.export", "import sde_core.checks, sde_core.rules, sde_core.select", "import sde_tui.app"]
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    loaded = _modules_after(code)
    assert not loaded & HEAVY
    assert code.startswith("import sde_tui") or not loaded & {"textual", "rich"}


def test_help_and_opening_load_neither_polars_nor_numpy(sample_dataset):
    assert not _modules_after("from sde_core.cli.main import main; main(['--help'])") & {*HEAVY, "polars", "numpy", "textual"}
    opened = f"from sde_core.dataset import open_dataset; dataset = open_dataset({str(sample_dataset)!r}); dataset.turns(5)"
    assert not _modules_after(opened) & {*HEAVY, "polars", "numpy", "textual"}


@pytest.mark.parametrize("word", ["5-3", "0-99999999999", "²", "-1", "", "1--2", "9" * 30])
def test_rows_that_make_no_sense_are_refused(word):
    with pytest.raises(UsageError) as caught:
        parsed_rows([word], 10)
    assert caught.value.hint


def test_a_row_named_twice_is_decided_once():
    assert parsed_rows(["3", "2-4", "3"], 10) == [3, 2, 4]


def test_reasons_that_are_no_text_reach_json_and_the_screen(run, data):
    reason = "\x1b[31m\udcff"
    assert run("decide", data, "reject", "0", "--reason", reason)[0] == 0
    assert json.loads(run("log", data, "--json")[1])["reasons"] == {reason: 1}
    _, out, err = run("log", data)
    assert "\x1b" not in out + err


def test_looking_at_the_log_and_exporting_create_no_state(run, data, tmp_path):
    assert run("log", data)[0] == 0
    assert run("export", data, "-o", tmp_path / "out.jsonl")[0] == 0
    assert not (data.parent / "data.jsonl.sde").exists()


def test_a_reason_of_spaces_is_none(run, data):
    code, _, err = run("decide", data, "reject", "0", "--reason", "  ")
    assert (code, "for a reason" in err) == (2, True)


def test_a_long_option_is_cut_in_what_is_said_about_it(run, data):
    for arguments in (["--map", "x" * 50_000], ["--map", "prompt=" + "x" * 50_000], ["--layout", "x" * 50_000]):
        code, _, err = run("log", data, *arguments)
        assert (code, len(err) < 600) == (2, True)


@pytest.mark.parametrize("arguments", [["log", "DATA"], ["log", "DATA", "--json"], ["--help"]])
def test_a_full_or_closed_stdout_is_one_sentence(data, arguments):
    command_line = [sys.executable, "-m", "sde_core.cli", *[str(data) if argument == "DATA" else argument for argument in arguments]]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command_line, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("sde: No space left on device.")
    assert "Traceback" not in done.stderr


def test_a_fault_of_sde_itself_is_a_sentence_too(run, data, monkeypatch):
    monkeypatch.setattr("sde_core.dataset.open_dataset", lambda *_, **__: 1 / 0)
    code, _, err = run("log", data)
    assert code == 2
    assert "fault of sde itself: ZeroDivisionError" in err
    assert "SDE_TRACEBACK" in err


def _command_names(group, words=()):
    yield words
    context = click.Context(group)
    for name in group.list_commands(context) if isinstance(group, click.Group) else ():
        yield from _command_names(group.get_command(context, name), (*words, name))


def test_help_fits_80_columns():
    names = list(_command_names(command))
    assert len(names) > len(COMMANDS)
    wide = {
        (words, line)
        for words in names
        for line in CliRunner().invoke(command, [*words, "--help"], terminal_width=80).output.splitlines()
        if len(line) > 80
    }
    assert wide == set()


def test_too_little_memory_is_a_sentence(run, data, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr("sde_core.dataset.open_dataset", exhausted)
    code, _, err = run("log", data)
    assert (code, "not enough memory" in err, "fault of sde" in err) == (2, True, False)
