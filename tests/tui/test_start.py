"""What `sde` does with its arguments, and what it does not load before the first paint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sde_core.errors import UsageError
from sde_tui import __main__ as entry
from sde_tui import terminal

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_heavy_is_loaded_before_the_first_paint():
    code = "import sde_tui.__main__, sde_tui.app, sde_tui.screens.overview, sde_tui.screens.records, sde_core.dataset, sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    heavy = {"polars", "numpy", "torch", "transformers", "sklearn", "scipy", "click", "psutil", "tokenizers", "xxhash"}
    assert not heavy & set(ran.stdout.split())


def test_data_options_are_understood():
    options = entry.parsed(["--map", "answer=reply", "d.jsonl", "--layout=alpaca", "--ssh", "--map=prompt=ask"])
    assert options == entry.AppOptions("d.jsonl", "alpaca", {"answer": "reply", "prompt": "ask"}, ssh=True)
    assert options.as_words() == ["--layout", "alpaca", "--map", "answer=reply", "--map", "prompt=ask"]


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--map", "x", "a"], ["--wat", "a"], ["--map"]])
def test_wrong_arguments_are_said(arguments):
    with pytest.raises(UsageError) as raised:
        entry.parsed(arguments)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("word", "is_command"),
    [("check", True), ("train", True), ("--help", True), ("data.jsonl", False), ("./check", False), ("nosuch", False), ("--map", False)],
)
def test_a_first_word_is_a_command_or_data(word, is_command):
    assert entry._is_command(word) is is_command


def test_commands_go_to_the_command_line(capsys):
    assert entry.main(["--help"]) == 0
    assert "check" in capsys.readouterr().out


def test_a_file_named_like_a_command_can_be_opened():
    assert entry.parsed(["./check"]).data == "./check"
    assert entry.parsed(["--", "data.jsonl"]).data == "data.jsonl"


def test_what_is_wrong_is_one_sentence_and_a_way_out(capsys):
    assert entry.main(["no-such-file.jsonl"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("sde: ")
    assert "sde check" in said


def test_over_ssh_the_terminal_is_spared(monkeypatch):
    for name in ("TEXTUAL_FPS", "TEXTUAL_ANIMATIONS", "TEXTUAL_DISABLE_KITTY_KEY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    terminal.prepare_environment(ssh=True)
    assert os.environ["TEXTUAL_FPS"] == "15"
    assert os.environ["TEXTUAL_ANIMATIONS"] == "none"
    assert os.environ["TEXTUAL_DISABLE_KITTY_KEY"] == "1"
    for name in ("TEXTUAL_FPS", "TEXTUAL_ANIMATIONS", "TEXTUAL_DISABLE_KITTY_KEY"):
        monkeypatch.delenv(name)


def test_what_the_user_set_stays(monkeypatch):
    monkeypatch.setenv("TEXTUAL_FPS", "30")
    terminal.prepare_environment(ssh=True)
    assert os.environ["TEXTUAL_FPS"] == "30"


def test_in_tmux_the_kitty_protocol_may_stay(monkeypatch):
    monkeypatch.delenv("TEXTUAL_DISABLE_KITTY_KEY", raising=False)
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    terminal.prepare_environment(ssh=True)
    assert "TEXTUAL_DISABLE_KITTY_KEY" not in os.environ


@pytest.mark.parametrize(("environ", "ssh"), [({"SSH_CONNECTION": "x"}, True), ({"SSH_TTY": "/dev/pts/1"}, True), ({}, False)])
def test_ssh_is_seen(environ, ssh):
    assert terminal.over_ssh(environ) is ssh
