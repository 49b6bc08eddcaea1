"""A tokenizer's chat template, rendered in a sandbox: it came with the model and is not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sde_core.errors import MissingExtraError, SdeError

Message = Mapping[str, str]
"""A "role" and a "content"."""


class TemplateError(SdeError):
    """A chat template refuses a conversation, or is itself broken."""


class ChatTemplate:
    """One compiled template.

    Args:
        source: The Jinja text.
        special_tokens: What the template may refer to, such as "bos_token".

    Raises:
        MissingExtraError: When Jinja is not installed.
        TemplateError: When the text is not a template.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self.source = source
        self.special_tokens = dict(special_tokens)
        self._compiled = _compiled(source)

    def render(self, messages: Sequence[Message], *, generation_prompt: bool = False) -> str:
        """The conversation as the model reads it.

        Args:
            messages: In order.
            generation_prompt: Whether to end with what stands before an answer.

        Raises:
            TemplateError: With the template's own words, when it refuses the conversation.
        """
        from jinja2 import TemplateError as JinjaError

        try:
            text: str = self._compiled.render(
                messages=[dict(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=generation_prompt,
                **self.special_tokens,
            )
        except (JinjaError, TypeError, ValueError, KeyError, AttributeError, ArithmeticError, LookupError) as error:
            raise TemplateError(
                f"The chat template refuses this conversation: {str(error)[:200]}.",
                "Correct the order of its turns, or use the plain form with --set template=plain.",
            ) from error
        return text


def _compiled(source: str) -> Any:
    try:
        import jinja2
        from jinja2.ext import Extension, loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtraError(
            "Chat templates need the package Jinja2.", "pip install 'sde[ml]', or use the plain form: --set template=plain."
        ) from error

    class GenerationBlock(Extension):
        """`{% generation %}` marks answers for other programs; here it only passes its text on."""

        tags = {"generation"}  # noqa: RUF012 - the base class declares it as a set

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            return jinja2.nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)

    class PublicNamespace(jinja2.utils.Namespace):
        """A template's variables; names with an underscore would be a way out of the sandbox."""

        def __init__(self, *args: Any, **values: Any) -> None:
            refuse_private(dict(*args, **values))
            super().__init__(*args, **values)

        def __setitem__(self, name: str, value: Any) -> None:
            refuse_private([name])
            super().__setitem__(name, value)

    def refuse_private(names: Iterable[Any]) -> None:
        if any(str(name).startswith("_") for name in names):
            raise jinja2.exceptions.SecurityError("a template's variable may not start with an underscore")

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = refuse
    environment.globals["namespace"] = PublicNamespace
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    try:
        return environment.from_string(source)
    except jinja2.TemplateError as error:
        raise TemplateError(f"The tokenizer's chat template is broken: {error}.", "Use the plain form with --set template=plain.") from error


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False) -> str:
    """Unlike Jinja's own filter this one does not escape HTML, which templates rely on."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
