"""Runs `sde` on a real pseudo-terminal: its bytes, its screen as a terminal would show it, its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parents[2]
_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y"}
"""What a modern terminal answers when it is asked what it can do."""


class PtyApp:
    """A process on a pseudo-terminal.

    Args:
        arguments: After `python -m sde_tui`.
        size: (columns, lines).
        environ: Over the test's environment; None takes a variable away.
        stderr: Where file descriptor 2 goes; the terminal by default.
    """

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environ: dict[str, str | None] | None = None,
        stderr: Path | None = None,
        python: str = sys.executable,
    ) -> None:
        self.columns, self.lines = size
        self.output = bytearray()
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._answered: set[bytes] = set()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.lines, self.columns, 0, 0))
        known = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
            "SSH_CONNECTION": "",
            "SSH_TTY": "",
            "TMUX": "",
        }
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            known.pop(name, None)
        for name, value in (environ or {}).items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
        self.started = time.monotonic()
        with contextlib.ExitStack() as stack:
            errors = stack.enter_context(stderr.open("wb")) if stderr else slave
            self.process = subprocess.Popen(
                [python, "-m", "sde_tui", *arguments],
                stdin=slave, stdout=slave, stderr=errors, env=known, cwd=ROOT, close_fds=True,
                preexec_fn=_lead_session,
            )  # fmt: skip
        os.close(slave)
        self.master = master

    # ---- reading

    def read(self, seconds: float) -> bytes:
        """What arrives within so many seconds, at least one piece; b"" where nothing does."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return b""
        try:
            piece = os.read(self.master, 1 << 16)
        except OSError:
            return b""
        self.output += piece
        self._stream.feed(piece)
        for question, answer in _ANSWERS.items():
            if question in piece and question not in self._answered:
                self._answered.add(question)
                os.write(self.master, answer)
        return piece

    def quiet(self, still: float = 0.35, longest: float = 30.0) -> bytes:
        """Reads until nothing came for `still` seconds in which it waited, and not for a processor; returns what came."""
        got, end, last = bytearray(), time.monotonic() + longest, time.monotonic()
        while time.monotonic() < end and time.monotonic() - last < still:
            piece = self.read(0.02)
            got += piece
            if piece or self._works():
                last = time.monotonic()
        return bytes(got)

    def _works(self) -> bool:
        """Whether a thread of it has a processor or waits for one, as on a busy machine."""
        try:
            states = [stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{self.process.pid}/task").glob("*/stat")]
        except OSError:  # a thread that has just ended, or no Linux
            return False
        return "R" in states or "D" in states

    def wait_for(self, text: str, longest: float = 120.0) -> float:
        """Waits until the screen shows a text; returns the seconds since the process began."""
        end = time.monotonic() + longest
        while text not in self.text:
            if time.monotonic() > end or (self.process.poll() is not None and not self.read(0.05)):
                raise AssertionError(f"{text!r} never appeared; the screen:\n{self.text}")
            self.read(0.01)
        return time.monotonic() - self.started

    @property
    def text(self) -> str:
        """The screen as a terminal shows it now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    # ---- writing

    def send(self, keys: str | bytes) -> None:
        """Types."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def press(self, keys: str | bytes, still: float = 0.35) -> bytes:
        """Types and returns what is drawn because of it."""
        self.send(keys)
        return self.quiet(still)

    # ---- ending

    def hang_up(self) -> None:
        """Closes the terminal, as a dropped connection does."""
        os.close(self.master)
        self.master = -1

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def wait(self, longest: float = 120.0) -> int:
        """Waits for the end; returns the exit code."""
        end = time.monotonic() + longest
        while self.process.poll() is None and time.monotonic() < end:
            if self.master >= 0:
                self.read(0.05)
            else:
                time.sleep(0.02)
        while self.master >= 0 and self.read(0.05):
            pass
        return self.process.wait(1.0)

    def close(self) -> None:
        """Ends it in any case."""
        if self.process.poll() is None:
            self.kill()
        if self.master >= 0:
            os.close(self.master)

    def __enter__(self) -> PtyApp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lead_session() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


DOWN, UP, PAGE_DOWN, PAGE_UP, ESCAPE, ENTER, BACKSPACE, SHIFT_TAB = b"\x1b[B", b"\x1b[A", b"\x1b[6~", b"\x1b[5~", b"\x1b", b"\r", b"\x7f", b"\x1b[Z"
