"""The painter's bytes against the plain way of drawing: a terminal must show the same, cell for cell."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from sde_tui.painter import Painter
from sde_tui.widgets.cell_text import cell_texts

WIDTH, HEIGHT = 24, 5
STYLES = [
    Style(),
    Style(color="#ff0000", bgcolor="#101010"),
    Style(color="#00ff00", bgcolor="#101010"),
    Style(color="#00ff00", bgcolor="#303030", bold=True),
    Style(bgcolor="#101010"),
    Style(reverse=True, color="#ff0000"),
    Style(underline=True),
]


def _pieces(alphabet: str) -> st.SearchStrategy:
    return st.lists(st.tuples(st.text(alphabet=alphabet, max_size=WIDTH), st.sampled_from(STYLES)), max_size=5)


def _whole_line(pieces: list[tuple[str, Style]]) -> list[Segment]:
    """A line of exactly WIDTH cells that cuts no wide character in two."""
    line, room = [], WIDTH
    for text, style in pieces:
        kept = ""
        for character in text:
            size = len(cell_texts(character))
            if size > room:
                break
            kept, room = kept + character, room - size
        line.append(Segment(kept, style))
    return [*line, Segment(" " * room, STYLES[1])]


def _drawn_plainly(x: int, y: int, segments: list[Segment]) -> str:
    """As Textual draws it."""
    return f"\x1b[{y + 1};{x + 1}H" + Strip(segments).render(Console(color_system="truecolor", force_terminal=True))


def _shown(screen: pyte.Screen) -> list[list[tuple]]:
    """Cells as they look: a blank is its background."""
    lines = []
    for y in range(HEIGHT):
        row = screen.buffer[y]
        line = []
        for x in range(WIDTH):
            cell = row[x]
            blank = cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough)
            line.append((cell.bg,) if blank else tuple(cell))
        lines.append(line)
    return lines


def _compare(frames: list[list[tuple[int, int, list[Segment]]]], *, erases: bool) -> None:
    painter = Painter(ColorSystem.TRUECOLOR, erases=erases)
    painter.reset(WIDTH, HEIGHT)
    painted, plain = pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
    to_painted, to_plain = pyte.Stream(painted), pyte.Stream(plain)
    to_painted.feed(painter.paint([(0, y, [Segment(" " * WIDTH)]) for y in range(HEIGHT)]))
    for placed in frames:
        to_painted.feed(painter.paint(placed))
        for x, y, segments in placed:
            to_plain.feed(_drawn_plainly(x, y, segments))
        assert _shown(painted) == _shown(plain)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, HEIGHT - 1), _pieces("ab   …▴漢字é")), min_size=1, max_size=6), min_size=1, max_size=4), st.booleans()
)
def test_the_terminal_shows_the_same_as_drawn_in_full(frames, erases):
    _compare([[(0, y, _whole_line(pieces)) for y, pieces in frame] for frame in frames], erases=erases)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), _pieces("ab    ▴")), min_size=1, max_size=6), min_size=1, max_size=4
    ),
    st.booleans(),
)
def test_pieces_of_lines_come_out_the_same(frames, erases):
    placed = []
    for frame in frames:
        placed.append([])
        for x, y, pieces in frame:
            line, room = [], WIDTH - x
            for text, style in pieces:
                line.append(Segment(text[:room], style))
                room -= len(text[:room])
            placed[-1].append((x, y, line))
    _compare(placed, erases=erases)


def _painter(erases: bool = True) -> Painter:
    painter = Painter(ColorSystem.TRUECOLOR, erases=erases)
    painter.reset(80, 24)
    return painter


def test_what_stands_there_already_costs_nothing():
    painter, line = _painter(), [(0, 0, [Segment("hello".ljust(80), STYLES[1])])]
    assert painter.paint(line)
    assert painter.paint(line) == ""


def test_one_changed_cell_costs_little():
    painter = _painter()
    painter.paint([(0, 3, [Segment("row 1".ljust(80), STYLES[1])])])
    changed = painter.paint([(0, 3, [Segment("row 2".ljust(80), STYLES[1])])])
    assert changed.endswith("2\x1b[0m")
    assert len(changed) < 60


def test_the_terminal_is_left_in_its_default_style():
    assert _painter().paint([(0, 0, [Segment("x" * 80, STYLES[3])])]).endswith("\x1b[0m")


def test_blanks_to_the_edge_are_one_erase_where_that_keeps_the_colour():
    line = [(0, 0, [Segment("x" + " " * 79, STYLES[1])])]
    assert "x\x1b[K" in _painter().paint(line)
    assert "x" + " " * 79 in _painter(erases=False).paint(line)


@pytest.mark.parametrize(
    ("term", "tmux", "erases"), [("xterm-256color", "", True), ("screen", "", False), ("screen-256color", "/tmp/tmux,1,0", True)]
)
def test_gnu_screen_does_not_erase_in_colour(monkeypatch, term, tmux, erases):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("TMUX", tmux)
    painter = Painter(ColorSystem.EIGHT_BIT)
    painter.reset(80, 1)
    assert ("\x1b[K" in painter.paint([(0, 0, [Segment("x" + " " * 79, STYLES[1])])])) is erases


def test_behind_a_character_of_uncertain_width_the_cursor_is_placed_anew():
    assert "漢\x1b[1;3Hx" in _painter().paint([(0, 0, [Segment("漢x".ljust(79), STYLES[1])])])


def test_a_reset_draws_everything_again():
    painter, line = _painter(), [(0, 0, [Segment("hello".ljust(80), STYLES[1])])]
    first = painter.paint(line)
    painter.reset(80, 24)
    assert painter.paint(line) == first


@pytest.mark.parametrize(
    ("color", "system", "code"),
    [
        ("#d0d0d0", ColorSystem.TRUECOLOR, "38;5;252"),
        ("#d0d0d1", ColorSystem.TRUECOLOR, "38;2;208;208;209"),
        ("#d0d0d1", ColorSystem.EIGHT_BIT, "38;5;252"),
        ("#161a1e", ColorSystem.EIGHT_BIT, "38;5;234"),
        ("#20262c", ColorSystem.EIGHT_BIT, "38;5;235"),
        ("blue", ColorSystem.EIGHT_BIT, "34"),
    ],
)
def test_colours_are_written_shortly_and_kept_apart(color, system, code):
    painter = Painter(system)
    painter.reset(4, 1)
    assert painter.paint([(0, 0, [Segment("xxxx", Style(color=color))])]) == f"\x1b[1H\x1b[{code}mxxxx\x1b[0m"
