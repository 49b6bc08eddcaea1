"""What servers send: completions, probabilities, refusals, all of it untrusted."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.rules.rating.judge import Question
from sde_core.rules.rating.replies import (
    Dialect,
    UnusableReplyError,
    is_too_long,
    option_probabilities,
    read_completion,
    read_models,
    refusal_of,
    retry_after_s,
)
from tests.core.judge_server import completion

FIVE = ("1", "2", "3", "4", "5")
NOISE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "logprobs", "top_logprobs", "token", "logprob", "usage", "prompt_tokens", "data", "id", "error"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


def test_a_completion_is_read():
    answer = read_completion(json.dumps(completion(" 4", {"4": 0.7, " 4": 0.1, "5": 0.15}, tokens=(120, 2))).encode(), FIVE)
    assert (answer.text, answer.tokens_in, answer.tokens_out, answer.problem) == (" 4", 120, 2, "")
    assert answer.probabilities == pytest.approx({"1": 0, "2": 0, "3": 0, "4": 0.8, "5": 0.15})
    assert read_completion(json.dumps(completion("x", tokens=None)).encode(), ()).tokens_in is None
    assert read_completion(json.dumps(completion(None)).encode(), ()).text == ""


def test_tokens_count_however_a_vocabulary_writes_their_white_space():
    tokens = [("▁3", 0.2), ("Ġ3", 0.2), ("3", 0.2), ("3.", 0.1), ("33", 0.1)]
    listed = [{"token": token, "logprob": math.log(chance)} for token, chance in tokens]
    logprobs = {"content": [{"token": "▁", "top_logprobs": [{"token": "5", "logprob": 0.0}]}, {"token": "▁3", "top_logprobs": listed}]}
    assert option_probabilities(logprobs, FIVE)["3"] == pytest.approx(0.6)
    assert option_probabilities(logprobs, FIVE)["5"] == 0


@pytest.mark.parametrize("logprob", [None, "0", True, 0.5, 1e300, [0]])
def test_a_logprob_that_is_none_counts_nothing(logprob):
    logprobs = {"content": [{"token": "5", "top_logprobs": [{"token": "5", "logprob": logprob}]}]}
    assert option_probabilities(logprobs, ("5",)) == {"5": 0.0}


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"[]", b"null", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}', b'{"choices": [{"text": "4"}]}', b"\xff", b"[" * 5000])  # fmt: skip
def test_what_is_no_completion_is_unusable(content):
    with pytest.raises(UnusableReplyError):
        read_completion(content, FIVE)


@given(NOISE)
def test_no_reply_is_a_crash(value):
    content = orjson.dumps(value)
    try:
        answer = read_completion(content, FIVE)
    except UnusableReplyError:
        pass
    else:
        assert isinstance(answer.text, str)
        assert answer.probabilities is None or all(0 <= chance <= 1 for chance in answer.probabilities.values() if chance <= 1)
    read_models(content)
    assert "\n" not in refusal_of(content)


def test_models_are_those_with_a_name():
    assert [model["id"] for model in read_models(b'{"data": [{"id": "a"}, {"id": 3}, "b", {"id": "c", "root": "r"}]}')] == ["a", "c"]
    assert read_models(b"Internal Server Error") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'{"error": {"message": "no such  model", "code": 1}}', "no such model"), (b'{"detail": "pinned"}', "pinned"), (b'{"error": "x"}', "x"), (b"<h1>\nno</h1>", "<h1> no</h1>"), (b"", "")],
)  # fmt: skip
def test_a_refusal_is_said_in_a_line(content, said):
    assert refusal_of(content) == said


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0.5", 0.5), (None, 0.0), ("", 0.0), ("soon", 0.0), ("nan", 0.0), ("inf", 0.0), ("-5", 0.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 70.0), ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after_s(header, now=30.0) == seconds


def test_a_refusal_that_is_nested_deeply_is_said_as_it_came():
    assert refusal_of(b'{"error": ' + b"[" * 1_000 + b"]" * 1_000 + b"}").startswith('{"error": [[[')


def test_tokens_that_are_nested_deeply_are_no_reply():
    token = "[" * 1_000 + "]" * 1_000
    logprobs = '{"content": [{"token": "3", "top_logprobs": [{"token": %s, "logprob": 0}]}]}' % token  # noqa: UP031
    with pytest.raises(UnusableReplyError, match="too deeply"):
        read_completion(b'{"choices": [{"message": {"content": "3"}, "logprobs": %s}]}' % logprobs.encode(), ("1", "2"))


def test_a_dialect_learns_from_refusals():
    question, dialect = Question("hi", 3, FIVE), Dialect()
    body = json.loads(dialect.body("m", question))
    assert (body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) == (3, 0.0, True, 20)
    dialect = dialect.adapted("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    dialect = dialect.adapted("'temperature' does not support 0 with this model")
    dialect = dialect.adapted("top_logprobs must be at most 5")
    body = json.loads(dialect.body("m", question))
    assert (body["max_completion_tokens"], body["top_logprobs"]) == (3, 5)
    assert "temperature" not in body and "max_tokens" not in body
    assert "logprobs" not in json.loads(dialect.adapted("logprobs are not supported").body("m", question))
    assert dialect.adapted("the model is on fire") == dialect
    assert "logprobs" not in json.loads(Dialect().body("m", Question("hi", 3)))


def test_a_lone_surrogate_is_sent_as_a_question_mark():
    assert json.loads(Dialect().body("m", Question("a\ud800b", 1)))["messages"][0]["content"] == "a?b"


def test_too_long_is_told_from_other_refusals():
    assert is_too_long(400, "This model's maximum context length is 8192 tokens")
    assert is_too_long(413, "")
    assert not is_too_long(400, "unknown field 'foo'")
    assert not is_too_long(500, "context length exceeded")
