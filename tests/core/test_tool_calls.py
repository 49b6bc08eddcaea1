"""Declared tools and calls: every form of both is read, and what breaks a declaration is said in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sde_core.checks.formats.tool_calls import ToolCalls
from sde_core.checks.formats.tool_schemas import UnreadableToolsError, tools_of
from sde_core.dataset import Turns
from tests.core.checked import clean_chats, findings_in, rows_found

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "string", "int", "object", "get", '{"name": "get", "arguments": {"x": 1}}', "\ud800", 2**70, "<tool_call>{</tool_call>"])
)
NAMES = st.sampled_from(
    [
        "name",
        "arguments",
        "parameters",
        "properties",
        "type",
        "required",
        "function",
        "x",
        "id",
        "enum",
        "items",
        "additionalProperties",
        "$ref",
        "minimum",
    ]
)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
ROLES = st.sampled_from(["user", "assistant", "tool", "function_call", "observation", "gpt", 7])
MESSAGES = st.fixed_dictionaries(
    {"role": ROLES}, optional=dict.fromkeys(("content", "value", "tool_calls", "function_call", "tool_call_id"), ANYTHING)
) | st.fixed_dictionaries(
    {"role": st.just("assistant"), "tool_calls": st.lists(st.fixed_dictionaries({"name": st.just("get"), "arguments": ANYTHING}), max_size=2)}
)  # fmt: skip
DECLARED = ANYTHING | st.lists(
    st.fixed_dictionaries({"name": st.just("get"), "parameters": st.fixed_dictionaries({"properties": ANYTHING, "required": ANYTHING})}), max_size=2
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "parameters": SCHEMA}


@pytest.mark.parametrize(
    "declared",
    [
        [WEATHER],
        [{"type": "function", "function": WEATHER}],
        json.dumps([WEATHER]),
        json.dumps(json.dumps([WEATHER])),
        WEATHER,
        [{"name": "get_weather", "input_schema": SCHEMA}],
        [
            {
                "name": "get_weather",
                "parameters": {"type": "dict", "properties": {"city": {"type": "str"}, "days": {"type": "int"}}},
                "required": ["city"],
            }
        ],
        [{"name": "get_weather", "parameters": {"city": {"type": "str"}, "days": {"type": "int"}}, "required": ["city"]}],
    ],
)
def test_every_form_of_a_declaration_says_the_same(declared):
    tool = tools_of(declared)["get_weather"]
    assert tool.faults({"city": "Ulm", "days": 2}) == []
    assert tool.faults({"city": "Ulm"}) == []
    assert len(tool.faults({"days": 2})) == 1
    assert len(tool.faults({"city": "Ulm", "days": "two"})) == 1
    assert "'unit'" in tool.faults({"city": "Ulm", "unit": "C"})[0]


@pytest.mark.parametrize("declared", ["[{", '["get_weather"]', "a tool for the weather", [{"description": "no name"}]])
def test_declarations_that_cannot_be_read(declared):
    with pytest.raises(UnreadableToolsError):
        tools_of(declared)


@pytest.mark.parametrize("declared", ["", "[]", []])
def test_no_tools_are_no_fault(declared):
    assert tools_of(declared) == {}


@pytest.mark.parametrize(
    "parameters",
    [None, "none", {}, {"type": "object"}, {"type": "object", "properties": {"x": {"type": "coordinate"}}, "required": "x"},
     {"type": "object", "properties": {"x": {"pattern": "("}}}, {"type": "object", "properties": {"x": {"$ref": "#/nowhere"}}},
     {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["y"]}],
)  # fmt: skip
def test_what_a_declaration_leaves_open_is_never_a_fault(parameters):
    assert tools_of([{"name": "go", "parameters": parameters}])["go"].faults({"x": "1"}) == []


def test_more_arguments_are_allowed_where_the_schema_says_so():
    open_schema = {**SCHEMA, "additionalProperties": True}
    assert tools_of([{"name": "go", "parameters": open_schema}])["go"].faults({"city": "Ulm", "unit": "C"}) == []


RIGHT, WRONG = '{"name": "get_weather", "arguments": {"city": "Ulm"}}', '{"name": "get_weather", "arguments": {"days": 1}}'


def message_forms(call):
    """One call in every form that a message may have."""
    read = json.loads(call)
    as_text = {**read, "arguments": json.dumps(read["arguments"])}
    return {
        "openai": {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function", "function": as_text}]},
        "openai, arguments as an object": {"role": "assistant", "content": None, "tool_calls": [{"function": read}]},
        "openai, older": {"role": "assistant", "content": None, "function_call": as_text},
        "sharegpt": {"role": "function_call", "content": call},
        "several": {"role": "tool_call", "content": f"[{call}, {RIGHT}]"},
        "parts": {"role": "assistant", "content": [{"type": "text", "value": "Let me look."}, {"type": "tool_call", "value": call}]},
        "tags": {"role": "assistant", "content": f"Let me look.\n<tool_call>\n{call}\n</tool_call>"},
    }


@pytest.mark.parametrize("form", message_forms(RIGHT))
def test_calls_of_every_form_are_read(tmp_path, form):
    rows = clean_chats(30)
    for call in (RIGHT, WRONG):
        messages = [{"role": "user", "content": "Rain?"}, message_forms(call)[form], {"role": "assistant", "content": "It will rain."}]
        rows.append({"messages": messages, "tools": [WEATHER]})
    found = findings_in(tmp_path, rows, "tool-arguments", "unknown-tool", "unreadable-call", "result-without-call")
    assert [(finding.check, finding.rows) for finding in found] == [("tool-arguments", (31,))]
    assert "city" in found[0].message


def test_what_all_records_have_is_one_finding(tmp_path):
    call = {"role": "function_call", "content": RIGHT}
    rows = [
        {"messages": [{"role": "user", "content": f"Rain in {n}?"}, call, {"role": "assistant", "content": "Yes."}], "tools": "[]"} for n in range(30)
    ]
    found = findings_in(tmp_path, rows, "unknown-tool")
    assert len(found) == 1
    assert rows_found(found) == list(range(30))


def test_a_declaration_makes_nobody_open_a_file(tmp_path):
    (tmp_path / "schema.json").write_text('{"type": "integer"}')
    parameters = {"type": "object", "properties": {"x": {"$ref": (tmp_path / "schema.json").as_uri()}}}
    assert tools_of([{"name": "go", "parameters": parameters}])["go"].validator is None


@given(messages=st.lists(MESSAGES, max_size=4), declared=DECLARED)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_record_stops_the_check(messages, declared):
    for finding in ToolCalls().inspect(0, {"messages": messages, "tools": declared}, Turns(())):
        assert finding.message
        assert finding.evidence


def nested(depth: int) -> str:
    """An object as JSON text, so deep that only the parser still reads it."""
    return '{"not": ' * depth + "{}" + "}" * depth


def test_declarations_nested_too_deep_are_said_to_be_so():
    with pytest.raises(UnreadableToolsError, match="too deep"):
        tools_of(f'[{{"name": "get", "parameters": {{"properties": {{"x": {nested(1010)}}}}}}}]')


def test_arguments_nested_too_deep_are_said_to_be_so():
    call = f'<tool_call>{{"name": "get", "arguments": {{"x": {nested(1010)}}}}}</tool_call>'
    value = {
        "messages": [{"role": "assistant", "content": call}],
        "tools": [{"name": "get", "parameters": {"properties": {"x": {"type": "string"}}}}],
    }
    (finding,) = ToolCalls().inspect(0, value, Turns(()))
    assert finding.check == "tool-arguments" and "too deep" in finding.message
