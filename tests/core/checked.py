"""Small datasets and what the checks say about them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sde_core.checks import run_checks
from sde_core.checks.findings import Finding
from sde_core.dataset import Dataset, open_dataset

SUBJECTS = (
    "the river",
    "a bicycle",
    "old maps",
    "the night bus",
    "green paint",
    "a library",
    "warm bread",
    "the harbour",
    "small engines",
    "wet wool",
)
VERBS = ("explains", "describes", "mentions", "praises", "forgets", "repairs", "measures", "borrows", "sketches", "remembers")


def chat(*texts: str, **fields: Any) -> dict[str, Any]:
    """A conversation that the user begins."""
    roles = ("user", "assistant") * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)], **fields}


def turns(*said: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A conversation with these (role, text)."""
    return {"messages": [{"role": role, "content": text} for role, text in said], **fields}


def sentence(number: int) -> str:
    """One of many plain sentences, the same for the same number."""
    return f"The {number}. visitor {VERBS[number % 10]} {SUBJECTS[number // 10 % 10]} and {VERBS[(number + 3) % 10]} {SUBJECTS[(number + 7) % 10]}."


def clean_chats(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Conversations with nothing wrong."""
    return [chat(f"What about number {number}?", sentence(number)) for number in range(first, first + count)]


def opened(folder: Path, rows: Iterable[Any], name: str = "data.jsonl", **options: Any) -> Dataset:
    """These rows as a JSONL file, opened; bytes are lines as they are."""
    path = folder / name
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return open_dataset(path, **options)


def findings_in(folder: Path, rows: Iterable[Any], *only: str, **options: Any) -> list[Finding]:
    """What the named checks find in these rows."""
    return list(run_checks(opened(folder, rows, **options), only).findings)


def rows_found(findings: Sequence[Finding], check: str = "") -> list[int]:
    """The rows of findings, in order."""
    return sorted({row for finding in findings if not check or finding.check == check for row in finding.rows})
