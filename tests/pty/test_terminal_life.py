"""Starting, hanging up, being killed, and what is written meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from pty_app import DOWN, ENTER, PAGE_DOWN, ROOT, PtyApp


def test_down_and_page_down_write_little_and_idling_writes_nothing(rows_file):
    with PtyApp(str(rows_file(3000))) as app:
        app.wait_for("2 Rec")
        app.quiet(2.0)
        app.press("2", 1.5)
        downs = [len(app.press(DOWN, 0.5)) for _ in range(4)]
        pages = [len(app.press(PAGE_DOWN, 0.6)) for _ in range(3)]
        # generous bounds: the terminal's length of colours and the rows differ; benchmarks/terminal.py prints the figures
        assert 0 < max(downs) <= 600, downs
        assert 0 < max(pages) <= 5000, pages
        assert app.quiet(1.2, 1.2) == b""


def test_half_a_page_is_scrolled_at_the_edge(rows_file):
    with PtyApp(str(rows_file(200))) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.5)
        for _ in range(25):
            app.press(DOWN, 0.1)
        written = [len(app.press(DOWN, 0.3)) for _ in range(4)]
        assert sum(size < 600 for size in written) >= 3, written


def test_hang_up_ends_the_process_cleanly(rows_file):
    with PtyApp(str(rows_file(50))) as app:
        app.wait_for("2 Rec")
        app.quiet(1.0)
        app.hang_up()
        assert app.wait() in (128 + signal.SIGHUP, -signal.SIGHUP, 0, 1)
        assert app.process.poll() is not None


def test_a_hang_up_signal_alone_ends_it_with_the_terminal_restored(rows_file):
    with PtyApp(str(rows_file(50))) as app:
        app.wait_for("2 Rec")
        app.quiet(1.0)
        app.process.send_signal(signal.SIGHUP)
        assert app.wait() == 128 + signal.SIGHUP
        assert b"\x1b[?1049l" in app.output


def test_sigterm_too(rows_file):
    with PtyApp(str(rows_file(50))) as app:
        app.wait_for("2 Rec")
        app.quiet(1.0)
        app.process.send_signal(signal.SIGTERM)
        assert app.wait() == 128 + signal.SIGTERM


def test_kill_9_after_a_decision_was_shown_loses_nothing(rows_file):
    path = rows_file(100)
    with PtyApp(str(path)) as app:
        app.wait_for("2 Rec")
        app.quiet(1.5)
        app.press("2", 1.0)
        for round_number in range(1, 6):
            app.send("x" if round_number % 2 else "a")
            app.wait_for(f"✓{round_number // 2} ✗{(round_number + 1) // 2}")
        app.kill()
    log = (path.parent / f"{path.name}.sde" / "decisions.jsonl").read_bytes()
    assert log.endswith(b"\n")
    assert [json.loads(line)["op"] for line in log.splitlines()] == ["reject", "accept", "reject", "accept", "reject"]
    with PtyApp(str(path)) as app:
        app.wait_for("✓2 ✗3")
        app.send("u")
        app.wait_for("✓2 ✗2")


@pytest.mark.parametrize("term", ["xterm", "screen", "linux"])
def test_it_draws_on_any_terminal(rows_file, term):
    with PtyApp(str(rows_file(20)), environ={"TERM": term, "COLORTERM": None}) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.0)
        assert "Question 3" in app.text
        assert b"38;2;" not in app.output


def test_without_colour_it_is_still_told_apart(rows_file):
    with PtyApp(str(rows_file(20)), environ={"NO_COLOR": "1"}) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.0)
        app.press("a", 0.5)
        app.wait_for("✓")


def test_noise_on_standard_error_goes_to_the_log_and_the_app_draws(rows_file, tmp_path):
    elsewhere = tmp_path / "stderr.txt"
    with PtyApp(str(rows_file(20)), stderr=elsewhere) as app:
        app.wait_for("2 Rec")
        assert elsewhere.read_bytes() == b""
        app.send("q")
        assert app.wait() == 0


def test_over_ssh_there_is_no_mouse_and_no_kitty_protocol(rows_file):
    with PtyApp(str(rows_file(20)), environ={"SSH_CONNECTION": "1.2.3.4 1 5.6.7.8 22"}) as app:
        app.wait_for("2 Rec")
        app.quiet(0.5)
        assert b"\x1b[?1003h" not in app.output
        assert b"\x1b[>" not in app.output.replace(b"\x1b[>0c", b"")
    with PtyApp(str(rows_file(20)), "--ssh") as app:
        app.wait_for("2 Rec")
        assert b"\x1b[?1003h" not in app.output


def test_without_a_terminal_it_names_the_commands(rows_file):
    ran = subprocess.run(
        [sys.executable, "-m", "sde_tui", str(rows_file(5))], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "sde check" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_dumb_terminal_is_refused(rows_file):
    with PtyApp(str(rows_file(5)), environ={"TERM": "dumb"}) as app:
        assert app.wait() == 2
        assert "sde check" in app.text


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist"), (b"", "is empty"), (b"\x00\x01\x02" * 100, "binary"), (b"   \n\n", "white space")],
)
def test_what_cannot_be_opened_is_one_sentence_before_the_screen(tmp_path, content, words):
    path = tmp_path / "data.jsonl"
    if content is not None:
        path.write_bytes(content)
    with PtyApp(str(path)) as app:
        assert app.wait() == 2
        assert words in app.text.replace("\n", "")
        assert b"\x1b[?1049h" not in app.output
        assert "Traceback" not in app.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_one_sentence(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("{}\n")
    path.chmod(0)
    with PtyApp(str(path)) as app:
        assert app.wait() == 2
        assert "permission" in app.text


@pytest.mark.parametrize("arguments", [["--nonsense", "x.jsonl"], ["a.jsonl", "b.jsonl"], ["--map", "answer", "x.jsonl"], ["--layout"]])
def test_wrong_usage_is_one_sentence(arguments):
    with PtyApp(*arguments) as app:
        assert app.wait() == 2
        assert "Traceback" not in app.text


def test_the_first_rows_stand_there_before_a_big_file_was_read(rows_file):
    with PtyApp(str(rows_file(120_000))) as app:
        app.wait_for("Question 0")
        app.wait_for("120,000 rows")


def test_resizing_redraws_everything(rows_file):
    import fcntl
    import struct
    import termios

    with PtyApp(str(rows_file(50))) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.0)
        app.screen.resize(40, 120)
        fcntl.ioctl(app.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        app.quiet(1.5)
        assert "Question 30" in app.text
        assert "❯ user" in app.text


def test_a_record_is_read_and_left(rows_file):
    with PtyApp(str(rows_file(50))) as app:
        app.wait_for("2 Rec")
        app.press("2", 1.0)
        app.press(ENTER, 0.6)
        assert "row 0  line 1" in app.text
        app.press(ENTER, 0.6)
        assert "Question 7" in app.text
