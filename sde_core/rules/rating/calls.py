"""One call of an OpenAI-style server: sent, waited for, sent again where that may help, refused where it cannot."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sde_core.errors import JobError, ModelError, SdeError
from sde_core.rules.rating.credentials import scrubbed
from sde_core.rules.rating.judge import Answer, Question
from sde_core.rules.rating.replies import Dialect, UnusableReplyError, is_too_long, is_used_up, read_completion, refusal_of, retry_after_s
from sde_core.visible import visible
from sde_core.wording import duration, size_of

if TYPE_CHECKING:
    from httpx2 import AsyncClient

LARGEST_REPLY = 1 << 20
"""Bytes of a reply that are read at most; a rating takes some hundreds."""
LONGEST_WAIT_S = 600.0
"""A server that asks to wait longer than this ends the run, which can be resumed."""
_SHOWN = 200
_MARGIN_S = 1.0
"""A server that says nothing is told from one that trickles by which clock runs out first."""
_LONGEST_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often to try.

    Attributes:
        attempts: Times that a question is sent at most.
        timeout_s: Seconds that a server may be silent; and that one attempt may take, looked at whenever something comes.
        first_backoff_s: Longest wait before the second attempt; it doubles from then on, up to a minute.
        seed: Of the jitter: each wait is a random half to whole of its longest.
    """

    attempts: int = 6
    timeout_s: float = 120.0
    first_backoff_s: float = 0.5
    seed: int = 0


class _Again(Exception):
    """The attempt failed in a way that another may not.

    Args:
        why: In words, for the user.
        wait_s: What the server asks to wait.
    """

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.wait_s = why, wait_s


class Clients:
    """HTTP clients with a connection each, kept open: one client with many would look at all that are idle for every question.

    Args:
        make: Makes one.
    """

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._make = make
        self._all: list[AsyncClient] = []
        self._idle: list[AsyncClient] = []

    def take(self) -> AsyncClient:
        """One that nobody uses."""
        if not self._idle:
            self._all.append(self._make())
            return self._all[-1]
        return self._idle.pop()

    def give_back(self, client: AsyncClient) -> None:
        """Lets others use it."""
        self._idle.append(client)

    async def close(self) -> None:
        """Closes all connections."""
        for client in self._all:
            await client.aclose()


class Caller:
    """Sends questions to one server; shared by all calls that are under way, so that all wait when one is told to, and learn its dialect together."""

    def __init__(self, clients: Clients, url: str, model: str, key: str, patience: Patience, hints: ServerHints) -> None:
        self._clients, self._url, self._model, self._key = clients, url, model, key
        self._patience, self._hints = patience, hints
        self._dialect = Dialect()
        self._random = random.Random(patience.seed)
        self._not_before = 0.0

    async def answer(self, question: Question) -> Answer:
        """The answer, or one that says why there is none after all attempts.

        Raises:
            ModelError: When the server refuses in a way that every other question would meet too.
            JobError: When it asks to wait for too long.
        """
        why = ""
        for attempt in range(self._patience.attempts):
            try:
                return await self._attempt(question)
            except _Again as failed:
                why = failed.why
                self._pause(attempt, failed.wait_s)
                if attempt + 1 < self._patience.attempts:
                    await self._backoff(attempt)
        return Answer(problem=f"No reply after {self._patience.attempts} attempts: {why}")

    async def _attempt(self, question: Question) -> Answer:
        import httpx2

        if (wait := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        try:
            return await self._sent(question)
        except httpx2.TimeoutException as error:
            raise _Again(f"nothing came within {duration(self._patience.timeout_s)}") from error
        except httpx2.HTTPError as error:
            raise _Again(f"the connection failed ({self._shown(str(error)) or type(error).__name__})") from error

    async def _sent(self, question: Question) -> Answer:
        while True:
            dialect = self._dialect
            status, headers, content = await self._exchanged(dialect.body(self._model, question))
            if status == 200:
                return self._read(content, question)
            refusal = refusal_of(content)
            if status in (400, 422):
                if self._dialect == dialect:  # else another question learnt it meanwhile, and this refusal is of what was sent before
                    self._dialect = dialect.adapted(refusal)
                if self._dialect != dialect:
                    continue
            if is_too_long(status, refusal):
                return Answer(problem=f"Too long for the judge: {self._shown(refusal)}")
            raise self._failure(status, refusal, is_used_up(content), headers)

    async def _exchanged(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        client = self._clients.take()
        try:
            return await asyncio.wait_for(self._received(client, body), self._patience.timeout_s + _MARGIN_S)
        except asyncio.TimeoutError as error:  # headers that trickle, which the client's own clock takes for life
            raise _Again("its reply came too slowly") from error
        finally:
            self._clients.give_back(client)

    async def _received(self, client: AsyncClient, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self._patience.timeout_s
        async with client.stream("POST", self._url, content=body) as response:
            return response.status_code, response.headers, await _limited(response.aiter_raw(), deadline)

    def _read(self, content: bytes, question: Question) -> Answer:
        try:
            return read_completion(content, question.options)
        except UnusableReplyError as error:
            raise _Again(str(error)) from error

    def _failure(self, status: int, refusal: str, used_up: bool, headers: Mapping[str, str]) -> Exception:
        said = f" It says: {self._shown(refusal)}" if refusal else ""
        if status in (408, 409, 425, 429) or status >= 500:
            wait = retry_after_s(headers.get("retry-after"), time.time())
            if wait > LONGEST_WAIT_S or used_up:
                asks = "says that the account is used up" if used_up else f"asks to wait for {duration(wait)}"
                return JobError(f"The judge {asks}.{said}", "Nothing is lost: the same command goes on from here later.")
            return _Again(f"it answered {status}.{said}", wait)
        return self._hints.refused(status, said, visible(headers.get("location", ""), 80))

    def _pause(self, attempt: int, wait_s: float) -> None:
        if wait_s > 0:
            self._not_before = max(self._not_before, time.monotonic() + wait_s)

    async def _backoff(self, attempt: int) -> None:
        longest = min(self._patience.first_backoff_s * 2**attempt, _LONGEST_BACKOFF_S)
        await asyncio.sleep(longest * self._random.uniform(0.5, 1.0))

    def _shown(self, text: str) -> str:
        return visible(scrubbed(text, self._key), _SHOWN)


@dataclass(frozen=True, slots=True)
class ServerHints:
    """What is known of a server, for telling the way out of its refusals.

    Attributes:
        address: Its base address.
        model: The model that is asked for.
        models: Those that it lists.
        with_key: Whether a key is sent.
    """

    address: str
    model: str
    models: tuple[str, ...]
    with_key: bool

    def refused(self, status: int, said: str, location: str) -> SdeError:
        """The error for a refusal that every question would meet."""
        if status in (401, 403):
            what = "refuses the key" if self.with_key else "asks for a key"
            return ModelError(f"{self.address} {what} ({status}).{said}", "Name the environment variable that holds it: --api-key-env NAME.")
        if status == 404:
            listed = f"It has: {', '.join(visible(name, 60) for name in self.models[:12])}." if self.models else "Its address usually ends in /v1."
            return ModelError(f"{self.address} does not know the model {visible(self.model, 60)!r} (404).{said}", f"{listed} Choose with --model.")
        if 300 <= status < 400:
            return ModelError(f"{self.address} sends elsewhere, to {location or 'an unnamed address'}.", "Name that address if you trust it.")
        return ModelError(f"{self.address} refuses the question ({status}).{said}", "Look at its log; another --prompt or --model may do.")


async def _limited(parts: AsyncIterator[bytes], deadline: float) -> bytes:
    """What is sent, if it is not too much and does not take too long."""
    content = bytearray()
    async for part in parts:
        content += part
        if len(content) > LARGEST_REPLY:
            raise _Again(f"it sent more than {size_of(LARGEST_REPLY)}")
        if time.monotonic() > deadline:
            raise _Again("its reply came too slowly")
    return bytes(content)
