"""Text of a dataset never reaches the terminal as anything but text."""

from __future__ import annotations

import json
import re

import pytest
from pty_app import DOWN, ENTER, ESCAPE, PtyApp

from sde_tui.keys import keys_of
from sde_tui.screens import SCREENS

MARK = "PWNED"
ATTACKS = {
    "clipboard (OSC 52)": f"\x1b]52;c;{MARK}\x07",
    "clipboard, ended by ST": f"\x1b]52;c;{MARK}\x1b\\",
    "window title": f"\x1b]0;{MARK}\x07",
    "hyperlink": f"\x1b]8;;http://{MARK}\x1b\\click\x1b]8;;\x1b\\",
    "colours": f"\x1b[31;5m{MARK}\x1b[0m",
    "C1 CSI": f"\x9b31m{MARK}",
    "C1 OSC": f"\x9d52;c;{MARK}\x9c",
    "DCS": f"\x1bP1$r{MARK}\x1b\\",
    "APC": f"\x1b_G{MARK}\x1b\\",
    "answerback": "\x05",
    "device attributes": "\x1b[c\x1b[6n",
    "clear the screen": f"\x1b[2J\x1b[H{MARK}",
    "leave the alternate screen": f"\x1b[?1049l{MARK}",
    "bell and backspaces": f"{MARK}\x07\x08\x08\x08\x7f",
    "carriage return": f"innocent\r{MARK}",
    "bidirectional override": f"abc\u202e{MARK}\u202c\u2066x\u2069",
    "zero width": f"a\u200b\u2060\ufeff{MARK}",
    "line separators": f"a\u2028{MARK}\u2029\x85b",
    "null": f"a\x00{MARK}",
    "shift out": f"\x0e{MARK}\x0f",
    "lone surrogate": f"\ud800{MARK}",
    "tags": f"a\U000e0041{MARK}",
}
MARKUP = "[INST] hi [/INST] [bold red]no[/] [link=x]y[/link] [@click=app.quit]z[/] [/"
_OWN_CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\[\?[0-9;]+\$p|\x1b\[>[0-9]*u|\x1b\[<u|[\r\n]")
"""What the app itself writes: cursor, colours, modes."""


@pytest.fixture
def hostile_file(tmp_path):
    path = tmp_path / "hostile.jsonl"
    with path.open("w") as file:
        for attack in ATTACKS.values():
            record = {"instruction": f"before {attack} after", "output": f"{attack} {MARKUP}", "category": attack, attack: attack}
            file.write(json.dumps(record) + "\n")
        file.write('{"instruction": "cut \x1b]52;c;PWNED\x07 off\n')
    return path


def _unexplained(output: bytes) -> bytes:
    """Control bytes that are not the app's own."""
    rest = _OWN_CONTROLS.sub(b"", output).decode("utf-8", "replace")
    return "".join(character for character in rest if ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0).encode()


def _assert_harmless(output: bytes) -> None:
    assert _unexplained(output) == b""
    for forbidden in (
        b"\x1b]52",
        b"\x1b]0;",
        b"\x1b]8;",
        b"\x1bP",
        b"\x1b_",
        b"\x1b[5m",
        b"\x07",
        "\u202e".encode(),
        "\u200b".encode(),
        "\u2028".encode(),
    ):
        assert forbidden not in output, forbidden


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_no_screen_lets_an_escape_sequence_of_the_data_through(hostile_file, size):
    with PtyApp(str(hostile_file), size=size) as app:
        app.wait_for("2 Rec")
        app.quiet(1.0)
        for spec in SCREENS:
            app.press(str(spec.number), 0.3)
            for _ in range(3):
                app.press(DOWN, 0.05)
            app.press(ENTER, 0.2)
            app.press(ESCAPE, 0.15)
            app.press(str(spec.number), 0.1)
        app.press("2", 0.5)
        for _ in range(len(ATTACKS)):
            app.press(DOWN, 0.05)
        for keys in (
            "z",
            "i",
            "i",
            "z",
            "v",
            "v",
            "?",
            ESCAPE,
            "m",
            ESCAPE,
            "e",
            ESCAPE,
            "/PWN",
            ENTER,
            "x",
            "u",
            "s",
            ESCAPE,
            "o",
            ESCAPE,
            ":",
            ESCAPE,
        ):
            app.press(keys, 0.12)
        app.quiet(1.0)
        assert app.process.poll() is None, app.text
        _assert_harmless(bytes(app.output))
        assert "PWNED" in app.text
        app.send("q")
        app.send("y")
        assert app.wait() == 0
        _assert_harmless(bytes(app.output))


def test_markup_neither_crashes_nor_disappears(hostile_file):
    with PtyApp(str(hostile_file), size=(200, 60)) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.0)
        app.press(ENTER, 0.6)
        assert MARKUP in app.text


def test_the_files_name_is_hostile_too(tmp_path):
    path = tmp_path / "evil\x1b]0;PWNED\x07.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n')
    with PtyApp(str(path)) as app:
        app.wait_for("2 Rec")
        app.quiet(0.8)
        _assert_harmless(bytes(app.output))


def test_copying_is_the_only_way_to_the_clipboard_and_is_encoded(hostile_file):
    with PtyApp(str(hostile_file)) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.0)
        drawn = app.press("y", 0.5)
        found = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", drawn)
        assert len(found) == 1
        _assert_harmless(drawn.replace(b"\x1b]52;c;" + found[0] + b"\x07", b""))


def test_a_missing_file_with_a_hostile_name_is_named_harmlessly(tmp_path):
    with PtyApp(str(tmp_path / "gone\x1b]52;c;PWNED\x07.jsonl")) as app:
        assert app.wait() == 2
        assert b"\x1b]" not in app.output
        assert b"does not exist" in app.output


def test_every_screen_was_visited():
    assert keys_of("records")
    assert {spec.number for spec in SCREENS} >= {1, 2}
