"""A judge behind an OpenAI-style address: vLLM, Ollama, llama.cpp, transformers serve, or a hosted one."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sde_core.errors import JobError, UsageError
from sde_core.progress import Cancel, raise_if_cancelled
from sde_core.rules.rating.calls import Caller, Clients, Patience, ServerHints
from sde_core.rules.rating.judge import Answer, Place, Question
from sde_core.rules.rating.models import PATIENCE_S, listed_models
from sde_core.visible import visible

if TYPE_CHECKING:
    from httpx2 import AsyncClient

DEFAULT_CONCURRENCY = 8
MOST_CONCURRENCY = 256
_LOOK_S = 0.2
_MOST_IN_VAIN = 8
"""Questions in a row that find no reply, beyond those under way at once, before the judge counts as gone."""


class EndpointJudge:
    """A model of a server; make one with `connect`.

    Args:
        address: The base address, such as "http://127.0.0.1:8000/v1".
        model: One of the server's models.
        models: What the server lists.
        key: Sent as a bearer token; "" for none.
        concurrency: Questions under way at once.
        patience: How long and how often to try.
    """

    def __init__(self, address: str, model: str, models: tuple[dict[str, Any], ...], key: str, concurrency: int, patience: Patience) -> None:
        self._address, self._model, self._key = address, model, key
        self._concurrency, self._patience = concurrency, patience
        self._models = models

    def __repr__(self) -> str:
        return f"EndpointJudge({self.id!r})"

    @property
    def id(self) -> str:
        """Address, model, and what the server tells about which weights it stands for."""
        listed = next((model for model in self._models if model["id"] == self._model), {})
        root, meta = listed.get("root"), listed.get("meta")
        sizes = (
            [f"{name}={meta[name]}" for name in ("n_params", "size", "n_vocab") if isinstance(meta.get(name), int)] if isinstance(meta, dict) else []
        )
        told = [f"root={root}"] if isinstance(root, str) and root != self._model else []
        told += [f"digest={listed['digest'][:16]}"] if isinstance(listed.get("digest"), str) else []
        return " ".join([self._address, self._model, *told, *sizes])

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    def answers(self, questions: Iterable[tuple[Place, Question]], *, cancel: Cancel) -> Iterator[tuple[Place, Answer]]:
        """See `Judge.answers`; runs an event loop of its own, so that it may be used in any thread without one."""
        loop = asyncio.new_event_loop()
        clients = Clients(self._client_maker())
        hints = ServerHints(self._address, self._model, tuple(model["id"] for model in self._models), bool(self._key))
        caller = Caller(clients, f"{self._address}/chat/completions", self._model, self._key, self._patience, hints)
        under_way: dict[asyncio.Task[Answer], Place] = {}
        finished = _Finished(loop)
        source, in_vain = iter(questions), 0
        try:
            while True:
                raise_if_cancelled(cancel)
                while len(under_way) < self._concurrency and (drawn := next(source, None)) is not None:
                    task = loop.create_task(caller.answer(drawn[1]))
                    task.add_done_callback(finished.add)
                    under_way[task] = drawn[0]
                if not under_way:
                    return
                done = finished.wait()
                for task in done:
                    place = under_way.pop(task)
                    if task.exception() is None:
                        answer = task.result()
                        in_vain = in_vain + 1 if answer.problem.startswith("No reply") else 0
                        yield place, answer
                        self._give_up_after(in_vain, answer)
                for task in done:
                    task.result()
        finally:
            loop.run_until_complete(_end(clients, list(under_way)))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _give_up_after(self, in_vain: int, answer: Answer) -> None:
        if in_vain >= self._concurrency + _MOST_IN_VAIN:
            raise JobError(
                f"{self._address} stopped answering: {in_vain} questions in a row found no reply. {answer.problem}",
                "Nothing is lost: when it answers again, the same command goes on from here.",
            )

    def _client_maker(self) -> Callable[[], AsyncClient]:
        import httpx2

        timeout = httpx2.Timeout(self._patience.timeout_s, connect=min(PATIENCE_S, self._patience.timeout_s))
        options = _client_options(self._address, self._key)
        return lambda: httpx2.AsyncClient(timeout=timeout, **options)


def connect(
    url: str, model: str = "", *, key: str = "", concurrency: int = DEFAULT_CONCURRENCY, patience: Patience | None = None
) -> EndpointJudge:  # fmt: skip
    """Finds the judge at an address, by asking it for its models.

    Args:
        url: Any address of the server; "/v1" is added where it has no path.
        model: Which of its models; may be left out where it has one.
        key: A bearer token; "" for none.
        concurrency: Questions under way at once, 1 to 256.
        patience: How long and how often to try.

    Raises:
        UsageError: When the address makes no sense, or one of several models must be chosen.
        ModelError: When the server refuses.
        JobError: When nothing answers there.
    """
    address = base_address(url)
    if not 1 <= concurrency <= MOST_CONCURRENCY:
        raise UsageError(f"{concurrency} questions at once make no sense.", f"Choose 1 to {MOST_CONCURRENCY}.")
    models = listed_models(address, key, _client_options(address, key))
    names = [listed["id"] for listed in models]
    if not model and len(names) != 1:
        shown = ", ".join(visible(name, 60) for name in names[:12])
        found = f"has {len(names)} models" if names else "does not tell its models"
        raise UsageError(f"{address} {found}.", f"Choose one with --model: {shown}." if names else "Name it with --model.")
    return EndpointJudge(address, model or names[0], tuple(models), key, concurrency, patience or Patience())


def base_address(url: str) -> str:
    """The address that "/chat/completions" is added to.

    Raises:
        UsageError: When it is none, or holds a secret.
    """
    try:
        parts = urlsplit(url.strip())
        senseless = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or not url.strip().isprintable()
    except ValueError:  # brackets of an IPv6 address, or a port that is no number
        senseless = True
    if senseless:
        raise UsageError(f"{visible(url.rpartition('@')[2], 80)!r} is no address of a server.", "Write it as http://127.0.0.1:8000/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "The judge's address holds more than host, port and path.", "Keep keys out of it; name the variable that holds one: --api-key-env."
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _client_options(address: str, key: str) -> dict[str, Any]:
    """What both kinds of client need; without TLS no certificates are loaded, which takes a tenth of a second, and none is trusted."""
    import httpx2

    certificates = httpx2.create_ssl_context() if address.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return {"headers": _headers(key), "trust_env": not _is_here(address), "verify": certificates}


def _headers(key: str) -> dict[str, str]:
    base = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity", "user-agent": "sde"}
    return base | ({"authorization": f"Bearer {key}"} if key else {})


def _is_here(address: str) -> bool:
    """Whether the address is this machine's own, which no proxy reaches."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Finished:
    """Questions that were answered since one looked last; waiting for them costs the same however many are under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: list[asyncio.Task[Answer]] = []
        self._woken: asyncio.Future[None] = loop.create_future()

    def add(self, task: asyncio.Task[Answer]) -> None:
        """To be called when a question is answered."""
        self._tasks.append(task)
        self._wake()

    def wait(self) -> list[asyncio.Task[Answer]]:
        """Those that were answered, none where nothing came for a moment."""
        if not self._tasks:
            self._woken = self._loop.create_future()
            alarm = self._loop.call_later(_LOOK_S, self._wake)
            self._loop.run_until_complete(self._woken)
            alarm.cancel()
        done, self._tasks = self._tasks, []
        return done

    def _wake(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)


async def _end(clients: Clients, tasks: Sequence[asyncio.Task[Answer]]) -> None:
    """Drops what is under way and closes all connections."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await clients.close()
