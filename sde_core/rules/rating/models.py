"""Which models a server has, and what it tells about their weights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Any

import orjson

from sde_core.errors import JobError
from sde_core.rules.rating.calls import LARGEST_REPLY, ServerHints
from sde_core.rules.rating.credentials import scrubbed
from sde_core.rules.rating.replies import read_models, refusal_of
from sde_core.visible import visible

PATIENCE_S = 10.0
"""Seconds that a server may take to tell its models."""
_OLLAMA = "library"
"""Owner of all models in Ollama's list."""


def listed_models(address: str, key: str, client_options: dict[str, Any]) -> list[dict[str, Any]]:
    """The models that a server lists, each with its `id`; none where it answers and tells none.

    Ollama's names are tags that are moved to other weights, so that its models also get the `digest` of theirs.

    Args:
        address: The base address.
        key: What must not be repeated in errors.
        client_options: For the HTTP client.

    Raises:
        JobError: When nothing answers.
        ModelError: When the server refuses, or sends elsewhere.
    """
    import httpx2

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asyncio.wait_for(_listed(address, key, client_options), PATIENCE_S + 1))
    except asyncio.TimeoutError as error:
        raise JobError(f"{address} takes longer than {PATIENCE_S:g} s to tell its models.", "Is this the address of a judge?") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        said = visible(scrubbed(str(error), key), 120)
        is_untrusted = "CERTIFICATE" in said
        hint = "SSL_CERT_FILE names the certificates that are trusted." if is_untrusted else "Is the server running, and is this its address?"
        raise JobError(f"Nothing answers at {address}: {said or type(error).__name__}.", hint) from error
    finally:
        loop.close()


async def _listed(address: str, key: str, client_options: dict[str, Any]) -> list[dict[str, Any]]:
    import httpx2

    async with httpx2.AsyncClient(timeout=PATIENCE_S, **client_options) as client:
        status, location, content = await _fetched(client, f"{address}/models")
        if status in (401, 403) or 300 <= status < 400:
            said = f" It says: {visible(scrubbed(refusal_of(content), key), 200)}"
            raise ServerHints(address, "", (), bool(key)).refused(status, said, visible(location, 80))
        models = read_models(content) if status == 200 else []
        if any(model.get("owned_by") == _OLLAMA for model in models):
            digests = _digests((await _fetched(client, f"{address.removesuffix('/v1')}/api/tags"))[2])
            models = [{**model, "digest": digests.get(model["id"])} for model in models]
        return models


def _digests(content: bytes) -> dict[str, Any]:
    """By a model's name, the hash of its weights, from Ollama's own list."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    listed = value.get("models") if isinstance(value, dict) else None
    return {str(model.get("name")): model.get("digest") for model in listed if isinstance(model, dict)} if isinstance(listed, list) else {}


async def _fetched(client: Any, url: str) -> tuple[int, str, bytes]:
    """Status, the address that it sends to, and the beginning of what comes."""
    async with client.stream("GET", url) as response:
        return response.status_code, response.headers.get("location", ""), await _beginning(response.aiter_raw())


async def _beginning(parts: AsyncIterable[bytes]) -> bytes:
    content = bytearray()
    async for part in parts:
        content += part
        if len(content) > LARGEST_REPLY:
            break
    return bytes(content)
