"""Styles of writing: what is found in a text, and rewriting that is idempotent, removes the fault and touches nothing else."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sde_core.checks.fixes import FIXES, STYLE_FAMILIES

FAMILY = {family.name: family for family in STYLE_FAMILIES}
PIECES = (
    "2021-03-25", "2021/3/5", "03/25/2021", "25/12/2020", "03/04/2021", "5.6.2021", "25.03.2021", "12-25-2020", "March 25, 2021", "25th of March 2021", "May 4, 2021",
    "4 May 2021", "Sept. 9, 1999", "2021-02-30", "March", "4-6", "6 to ", "2021-03-25T10:00", "$1,234.50", "1,000", "1.234.567,89", "1 234 567", "1\u00a0234", "$1000",
    "12345", "1234567.25", "No. 12345", "192.168.1.1", "€ 2.500,00", "3.50", "€19,95", "3,5", "5 km", "5km", "5 kilometers", "1 metre", "2.5 litres", "5 m", "5m", "10kg", "10 kg", "3 GB", "3GB",
    "20 °C", "5%", "5 %", "5 percent", '"so"', "“so”", '"', "it's", "it’s", "5'10\"", "\n- one\n- two\n", "\n* one\n* two", "\n• one\n• two", "\n1. one\n2. two\n",
    "\n1) one\n2) two", "\n(1) one\n(2) two", "**bold**", "\n## Heading\n", "`x**2**`", "```\n5 km \"x\" 2021-03-25\n", "https://a.b/2021/03/25?x=5km", "<a href=\"5km\">", " ", ".",
    ", ", "and ", "word ", "中文", "/", "-", "(", ")", "5", "4",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.sampled_from([" ", "\n"]), max_size=9).map("".join)
STYLES = [(family.name, style) for family in STYLE_FAMILIES for style in family.targets or family.styles]


@pytest.mark.parametrize(("name", "style"), STYLES)
@given(text=TEXTS)
@example(text="** **x** **")
@settings(max_examples=50, deadline=None)
def test_rewriting_twice_gives_what_it_gives_once(name, style, text):
    rewrite = FAMILY[name].rewrite
    once = rewrite(text, style)
    assert rewrite(once, style) == once
    assert FIXES[FAMILY[name].fix_name(style)](text) == once


@pytest.mark.parametrize("family", STYLE_FAMILIES, ids=lambda family: family.name)
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
def test_every_piece_matches_the_pattern_of_its_style(family, text):
    for piece in family.find(text):
        if piece.style and piece.style != family.otherwise:
            assert pl.Series([text]).str.contains(family.patterns[piece.style])[0], piece


@pytest.mark.parametrize("family", STYLE_FAMILIES, ids=lambda family: family.name)
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
def test_what_lies_between_the_pieces_is_never_touched(family, text):
    """Code, addresses and text without a piece come out as they went in."""
    for style in family.targets or family.styles:
        rewritten = family.rewrite(text, style)
        for untouched in re.findall(r"```[\s\S]*?(?:```|\Z)|`[^`\n]+`|https?://\S+|<[^<>\n]+>|中文|word", text):
            assert untouched in rewritten
        if not family.find(text):
            assert rewritten == text


@pytest.mark.parametrize(
    ("name", "text", "style", "after"),
    [
        ("dates", "On March 25, 2021 and 4 May 2021, not 03/04/2021.", "iso", "On 2021-03-25 and 2021-05-04, not 03/04/2021."),
        ("dates", "Due 2021-03-25.", "long-us", "Due March 25, 2021."),
        ("dates", "Due 25.03.2021, 03/25/2021", "eu", "Due 25/03/2021, 25/03/2021"),
        ("dates", "Due 12/25/2020", "long-eu", "Due 25 December 2020"),
        ("dates", "4 to 6 March 2021 and March 4 and March 6, 2021", "iso", "4 to 6 March 2021 and March 4 and March 6, 2021"),
        ("dates", "2021-03-25T10:30:00Z, 2021-03-25 10:30, v1.2.2021", "long-us", "2021-03-25T10:30:00Z, 2021-03-25 10:30, v1.2.2021"),
        ("dates", "2021-02-30 and 31.04.2021", "long-us", "2021-02-30 and 31.04.2021"),
        ("dates", "May 4th, 2021", "short-eu", "4 May 2021"),
        ("dates", "log-2021-03-25.csv /2021/03/25/", "us", "log-2021-03-25.csv /2021/03/25/"),
        ("numbers", "It has 1234567 of $1000", "comma", "It has 1,234,567 of $1,000"),
        ("numbers", "1.234.567,89 in all", "comma", "1,234,567.89 in all"),
        ("numbers", "1,234,567.89 in all", "dot", "1.234.567,89 in all"),
        ("numbers", "$1,234.50 and 2,000", "plain", "$1234.50 and 2000"),
        ("numbers", "order 12345, zip 90210, id #55555, in 2021", "comma", "order 12345, zip 90210, id #55555, in 2021"),
        ("numbers", "12000 people", "space", "12\u00a0000 people"),
        ("numbers", "1,000 people", "dot", "1,000 people"),
        ("decimals", "€19,95 and 3,50, not (3,50) nor 1,2,3 nor 3,500", "point", "€19.95 and 3.50, not (3,50) nor 1,2,3 nor 3,500"),
        ("decimals", "$19.95, version 2.10.1", "comma", "$19,95, version 2.10.1"),
        ("unit names", "5 kilometers, 1 kilogram", "symbol", "5 km, 1 kg"),
        ("unit names", "5km, 1 km, 5m, $5 m", "word", "5 kilometers, 1 kilometer, 5m, $5 m"),
        ("unit names", "5 km beside 3 metres", "word", "5 kilometres beside 3 metres"),
        ("unit names", "5 square kilometers, a 5-kilometer run", "symbol", "5 square kilometers, a 5-kilometer run"),
        ("unit spaces", "5kg, 16GB; iPhone 5g", "space", "5 kg, 16 GB; iPhone 5 g"),
        ("unit spaces", "5 kg at 20 °C", "no-space", "5kg at 20°C"),
        ("percentages", "5 percent of 20 per cent", "sign", "5% of 20%"),
        ("percentages", "5% and 7.5 %.", "word", "5 percent and 7.5 percent."),
        ("quotes", "He said “yes” and “no”.", "straight", 'He said "yes" and "no".'),
        ("quotes", 'He said "yes" ("no").', "curly", "He said “yes” (“no”)."),
        ("quotes", '{"a": "b"}', "curly", '{"a": "b"}'),
        ("quotes", "他说“好”。", "straight", "他说“好”。"),
        ("apostrophes", "it’s John’s", "straight", "it's John's"),
        ("apostrophes", "it's `it's`", "curly", "it’s `it's`"),
        ("bullets", "So:\n* a\n* b\n  * c", "hyphen", "So:\n- a\n- b\n  * c"),
        ("bullets", "* * *\n* one", "hyphen", "* * *\n* one"),
        ("list numbers", "1) Ask\n2) Go", "point", "1. Ask\n2. Go"),
        ("list numbers", "1. Ask\n2. Go", "brackets", "(1) Ask\n(2) Go"),
        ("Markdown", "## So\n**Bold** text", "plain", "So\nBold text"),
        ("Markdown", "#### 42\n## So 1", "plain", "#### 42\nSo 1"),
        ("Markdown", "x = (a**2 + b**2)", "plain", "x = (a**2 + b**2)"),
    ],
)  # fmt: skip
def test_what_rewriting_does(name, text, style, after):
    assert FAMILY[name].rewrite(text, style) == after


@pytest.mark.parametrize(("name", "style"), [(name, style) for name, style in STYLES if name != "dates"])
@given(text=TEXTS)
@settings(max_examples=40, deadline=None)
def test_a_rewritten_text_has_no_other_style(name, style, text):
    """But for numbers that a style has no own form for."""
    family = FAMILY[name]
    rewritten = family.rewrite(text, style)
    odd = [piece for piece in family.find(rewritten) if piece.breaks(style)]
    if (name, style) == ("numbers", "dot"):
        odd = [piece for piece in odd if len(re.sub(r"\D", "", piece.piece)) > 6]
    assert odd == []


@given(text=TEXTS, style=st.sampled_from(sorted(FAMILY["dates"].styles)))
@settings(max_examples=100, deadline=None)
def test_only_ambiguous_dates_stay_as_they_are(text, style):
    family = FAMILY["dates"]
    assert all(piece.style == "" for piece in family.find(family.rewrite(text, style)) if piece.breaks(style))


def test_examples_are_in_the_style_that_they_show():
    for family in STYLE_FAMILIES:
        for style, shown in family.styles.items():
            found = [piece.style for piece in family.find(f"{shown}\n{shown.replace('1', '2')}\n") if piece.style]
            if family.name not in ("Markdown", "list numbers"):
                assert set(found) == {style}, (family.name, style)
