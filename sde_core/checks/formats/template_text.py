"""Text of a prompt template inside a message: the headings and speakers that a training program adds by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.checks.formats.markers import habits_folded
from sde_core.dataset.turns import ASSISTANT, TOOL

_SPEAKER = r"(?:Instruction|Response|Input|Human|Assistant|User|System)"
_HEADING = re.compile(rf"^### ?{_SPEAKER}s? ?:", re.MULTILINE)
_PREAMBLE = re.compile(r"Below is an instruction that describes a task")
_ONE_LINE = re.compile(r"^USER: .*\bASSISTANT:", re.MULTILINE)
_HUMAN, _ASSISTANT = re.compile(r"^Human: ?\S", re.MULTILINE), re.compile(r"^Assistant:", re.MULTILINE)
_MOST = 0.5


class TemplateText:
    """Headings of the Alpaca form, speakers of the Vicuna and Anthropic forms, inside a message."""

    name = "template-text"
    title = "Text of a prompt template inside messages"
    trigger = rf"(?m)^### ?{_SPEAKER}s? ?:|Below is an instruction that describes a task|^USER: .*\bASSISTANT:|^Human: ?\S"
    advice = "The template is put around the message once more in training: cut it out, or split the text into its turns."

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text; results of tools may hold anything."""
        if role == TOOL:
            return
        match = _HEADING.search(text) or _PREAMBLE.search(text) or _ONE_LINE.search(text)
        if match is None and role == ASSISTANT and _ASSISTANT.search(text):
            match = _HUMAN.search(text)
        if match:
            yield Fault("error", f"The text holds {match[0][:40].strip()!r}, which belongs to a prompt template.", excerpt(text, match.start()))

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Plain texts may be written with a template on purpose; elsewhere what most rows have is one finding."""
        plain = context.texts.height and context.texts["roles"][0] == "x"
        if plain and len({finding.rows for finding in findings}) > _MOST * context.texts.height:
            return []
        return habits_folded(findings, context)
