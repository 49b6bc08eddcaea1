"""Personal data and secrets in texts; what is found is shown masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sde_core.checks.answers.redaction import KEYS_TRIGGER, PERSONAL_TRIGGER, Sensitive, masked, personal_data, secrets
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import Fault, Severity

_GRAVE = ("[CARD]", "[IBAN]", "[SSN]")


class PersonalData:
    """E-mail addresses, telephone numbers and the like of somebody."""

    name = "personal-data"
    title = "Personal data in texts"
    advice = "The model may repeat it to anybody: put a mark in its place with the fix, or reject the row."
    trigger = PERSONAL_TRIGGER

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        found = list(personal_data(text))
        if found:
            grave = any(piece.mark in _GRAVE for piece in found)
            yield _fault(text, found, "warning" if grave else "info", 0.9 if grave else 0.7, "redact-personal-data")


class Secrets:
    """Keys, tokens and passwords that open something."""

    name = "secret"
    title = "Keys and passwords in texts"
    advice = "Take it out with the fix, and have it withdrawn where it was issued: it has been in a file."
    trigger = KEYS_TRIGGER

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        found = list(secrets(text))
        if found:
            yield _fault(text, found, "error", 0.9, "redact-secrets")


def _fault(text: str, found: Sequence[Sensitive], severity: Severity, score: float, fix: str) -> Fault:
    counts = Counter(piece.kind for piece in found)
    said = ", ".join(kind if count == 1 else f"{kind} ({count} times)" for kind, count in counts.items())
    first = min(piece.start for piece in found)
    hidden = masked(text, [*personal_data(text), *secrets(text)])
    return Fault(severity, f"The text holds {said}.", excerpt(hidden, first), score, fix)
