import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.dataset.json_text import encodable, minified, parse_json, spliced, value_span
from sde_core.dataset.turns import replaced_at, value_at
from sde_core.errors import BadRecordError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=12,
)


def string_paths(value, path=()):
    if isinstance(value, str):
        yield path
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from string_paths(item, (*path, i))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from string_paths(item, (*path, key))


def test_what_is_not_json_by_the_letter_is_still_read():
    assert math.isnan(parse_json(b'{"x": NaN}')["x"])
    assert parse_json(b'{"x": -Infinity}')["x"] == -math.inf
    assert parse_json(b'{"x": "\\ud800"}')["x"] == "\ud800"
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("raw", [b'{"a": }', b'{"a": "b', b"{'a': 1}", b'{"a": 1} x', b'"\xff"', b"", b"[" * 100_000])
def test_malformed_text_is_refused_with_the_parsers_words(raw):
    with pytest.raises(BadRecordError) as caught:
        parse_json(raw)
    assert caught.value.message


def test_bytes_that_are_not_utf8_are_located():
    with pytest.raises(BadRecordError, match="byte 0xff at byte 7"):
        parse_json(b'{"a": "\xff"}'.replace(b'"a": "', b'"a": "'))


def test_a_splice_touches_the_string_and_nothing_else():
    text = '{ "n" : 1.50, "big": 12345678901234567890123,"t":"old" , "m":[{"c":"x\\u00e9"}]}'
    assert spliced(text, ("t",), 'new "one"\n') == text.replace('"old"', '"new \\"one\\"\\n"')
    assert spliced(text, ("m", 0, "c"), "é") == text.replace('"x\\u00e9"', '"\\u00e9"')


def test_of_several_members_of_one_name_the_last_is_meant():
    assert spliced('{"a":"1","a":"2"}', ("a",), "3") == '{"a":"1","a":"3"}'


@pytest.mark.parametrize("path", [("b",), ("a", 0), ("l", 3), ("n",), ("l", "x")])
def test_a_path_that_leads_nowhere_is_a_key_error(path):
    with pytest.raises(KeyError):
        spliced('{"a": "x", "l": ["y"], "n": 3}', path, "z")


@given(JSON, st.text(), st.booleans(), st.data())
def test_splicing_equals_replacing_in_the_parsed_value(value, new, ascii_only, data):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from([None, 2])))
    paths = list(string_paths(value))
    if paths:
        path = data.draw(st.sampled_from(paths))
        assert json.loads(spliced(text, path, new)) == replaced_at(value, path, new)
        start, end = value_span(text, 0, path)
        assert json.loads(text[start:end]) == value_at(value, path)


@given(JSON)
def test_minifying_keeps_the_value_and_leaves_one_line(value):
    shorter = minified(json.dumps(value, indent=3))
    assert json.loads(shorter) == value
    assert "\n" not in shorter


@given(st.text(st.characters()))
def test_what_is_encodable_has_a_utf8_form_and_keeps_its_length(text):
    shown = encodable(text)
    shown.encode()
    assert [other for one, other in zip(text, shown, strict=True) if one != other] == ["\ufffd"] * sum("\ud800" <= one <= "\udfff" for one in text)


def test_a_lone_surrogate_is_replaced_and_a_character_beyond_16_bits_is_not():
    assert encodable("a \ud83d b \U0001f600") == "a \ufffd b \U0001f600"
