"""Which model rates the plain rules, as the rule book remembers it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How to reach the judge; nothing secret.

    Attributes:
        url: Base address of an OpenAI-style endpoint, such as "http://127.0.0.1:8000/v1"; empty for a local folder.
        folder: A transformers folder; empty for an endpoint.
        model: The model's name at the endpoint.
        prompt_form: Name of the prompt form in `sde_core.rules.rating`; empty for its default.
        key_variable: Name of the environment variable that holds the endpoint's key, never the key.
        input_price, output_price: Per million tokens, in whatever currency; 0 where it costs nothing.
    """

    url: str = ""
    folder: str = ""
    model: str = ""
    prompt_form: str = ""
    key_variable: str = ""
    input_price: float = 0.0
    output_price: float = 0.0

    @property
    def named(self) -> bool:
        """Whether there is a judge at all."""
        return bool(self.url or self.folder)
