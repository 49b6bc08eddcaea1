"""What an OpenAI-style server sends, read without trust: the reply and its token probabilities, the models it has, and what its refusals mean."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from sde_core.rules.rating.judge import Answer, Question

_BLANK = " \t\r\n▁ĠĊ"
"""White space at the ends of a token, also as byte-level and SentencePiece vocabularies write it."""
_TOO_LONG = re.compile(r"context.{0,20}(?:length|window|size)|too (?:long|large)|(?:maximum|max).{0,30}(?:tokens|length)|exceed", re.IGNORECASE)
_TOP = 20
_FEWER_TOP = 5


class UnusableReplyError(ValueError):
    """What came back is no chat completion; says what it is instead."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which of the optional fields a server takes; learnt from its refusals.

    Attributes:
        length_field: How the longest reply is called.
        temperature: Whether a temperature may be given.
        top: How many tokens' probabilities may be asked for, 0 where none.
    """

    length_field: str = "max_tokens"
    temperature: bool = True
    top: int = _TOP

    def body(self, model: str, question: Question) -> bytes:
        """The request."""
        fields: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": question.text.encode("utf-8", "replace").decode("utf-8")}],
            self.length_field: question.max_tokens,
        }
        if self.temperature:
            fields["temperature"] = question.temperature
        if question.temperature > 0:
            fields["seed"] = question.seed
        if question.options and self.top:
            fields |= {"logprobs": True, "top_logprobs": self.top}
        return orjson.dumps(fields)

    def adapted(self, refusal: str) -> Dialect:
        """The dialect that avoids what a server refused; the same one where the refusal is about something else."""
        if "max_completion_tokens" in refusal and self.length_field == "max_tokens":
            return replace(self, length_field="max_completion_tokens")
        if "logprobs" in refusal and self.top:
            return replace(self, top=_FEWER_TOP if "top_logprobs" in refusal and self.top > _FEWER_TOP else 0)
        if "temperature" in refusal and self.temperature:
            return replace(self, temperature=False)
        return self


def read_completion(content: bytes, options: Sequence[str]) -> Answer:
    """The answer in a chat completion.

    Raises:
        UnusableReplyError: When it is none.
    """
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        kind = "a web page" if content.lstrip()[:1] == b"<" else "no JSON"
        raise UnusableReplyError(f"it sent {kind}") from error
    choice = _first(value.get("choices")) if isinstance(value, dict) else None
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        raise UnusableReplyError("it sent JSON that is no chat completion")
    text = message.get("content")
    if not isinstance(text, str | None):
        raise UnusableReplyError("its reply is no text")
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    try:
        probabilities = option_probabilities(choice.get("logprobs"), options) if options else None
    except RecursionError as error:
        raise UnusableReplyError("its reply is nested too deeply") from error
    return Answer(text or "", probabilities, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def option_probabilities(logprobs: Any, options: Sequence[str]) -> Mapping[str, float] | None:
    """By option, the probability that the reply's first token with text is that option, with or without white space about it.

    None where the server tells no probabilities; an option that is not among the likeliest tokens has 0.
    """
    positions = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(positions, list) or not positions:
        return None
    position = next((one for one in positions if isinstance(one, dict) and str(one.get("token", "")).strip(_BLANK)), None)
    likeliest = position.get("top_logprobs") if position else None
    if not isinstance(likeliest, list):
        return None
    tokens = {str(one.get("token")): _probability(one.get("logprob")) for one in likeliest if isinstance(one, dict)}
    return {option: sum(weight for token, weight in tokens.items() if token.strip(_BLANK) == option) for option in options}


def read_models(content: bytes) -> list[dict[str, Any]]:
    """The models that a server lists, each with its `id`; none where the list cannot be read."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return []
    listed = value.get("data") if isinstance(value, dict) else None
    return [model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)] if isinstance(listed, list) else []


def refusal_of(content: bytes) -> str:
    """What a server says about why it refused, in one line."""
    try:
        value = orjson.loads(content)
        for name in ("error", "message", "detail"):
            value = value.get(name, value) if isinstance(value, dict) else value
        said = str(value)
    except (orjson.JSONDecodeError, RecursionError):  # nested deeper than Python writes out
        said = content[:2000].decode("utf-8", "replace")
    return " ".join(said.split())


def is_used_up(content: bytes) -> bool:
    """Whether a server refuses because nothing is left on the account, which waiting does not change; OpenAI's says so beside its message."""
    return b"insufficient_quota" in content


def is_too_long(status: int, refusal: str) -> bool:
    """Whether a server refused a question for its length alone, which says nothing about other questions."""
    return status == 413 or (status in (400, 422) and _TOO_LONG.search(refusal) is not None)


def retry_after_s(header: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks to wait, 0 where it says nothing that can be read."""
    if not header:
        return 0.0
    try:
        seconds = float(header) if header.strip().isascii() else 0.0
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def _probability(logprob: Any) -> float:
    usable = isinstance(logprob, int | float) and not isinstance(logprob, bool) and logprob <= 1e-3
    return math.exp(min(float(logprob), 0.0)) if usable else 0.0


def _first(items: Any) -> dict[str, Any] | None:
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None
