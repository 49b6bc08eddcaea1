from __future__ import annotations

import pytest

from sde_core.wording import count_of, duration, quoted_if_padded, size_of, two_decimals


@pytest.mark.parametrize(
    ("count", "noun", "several", "words"),
    [
        (0, "row", "", "0 rows"),
        (1, "row", "", "1 row"),
        (2000, "row", "", "2,000 rows"),
        (1, "class", "classes", "1 class"),
        (3, "class", "classes", "3 classes"),
    ],
)
def test_counts(count, noun, several, words):
    assert count_of(count, noun, several) == words


@pytest.mark.parametrize(
    ("seconds", "words", "shortly"),
    [
        (-3, "0 s", "0 s"), (0.2, "0 s", "0 s"), (59, "59 s", "59 s"), (59.6, "1 min", "1 min"), (75, "1 min 15 s", "1 min"), (1200, "20 min", "20 min"),
        (3600, "1 h", "1 h"), (3605, "1 h", "1 h"), (3725, "1 h 2 min", "1 h"), (86399.7, "1 d", "1 d"), (90000, "1 d 1 h", "1 d"),
    ],
)  # fmt: skip
def test_durations(seconds, words, shortly):
    assert duration(seconds) == words
    assert duration(seconds, units=1) == shortly


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_470_000, "1.47 MB"),
        (981_309_445, "981 MB"),
        (650e6, "650 MB"),
        (999.6e6, "1 GB"),
        (2.34e9, "2.34 GB"),
        (7e15, "7,000 TB"),
    ],
)
def test_sizes(count, words):
    assert size_of(count) == words


def test_figures_of_two_decimals():
    assert [two_decimals(0.614), two_decimals(0.614, signed=True), two_decimals(-0.5), two_decimals(float("nan"), signed=True)] == [
        "0.61",
        "+0.61",
        "-0.50",
        "n/a",
    ]


def test_white_space_at_the_ends_of_a_name_is_seen():
    assert [quoted_if_padded(name) for name in ("refund", "re fund", " refund", "refund\t", "")] == [
        "refund",
        "re fund",
        "' refund'",
        "'refund\t'",
        "",
    ]
