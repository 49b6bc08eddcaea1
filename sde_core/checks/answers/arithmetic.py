"""Answers whose arithmetic is wrong, worked out again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from sde_core.checks.answers.equations import WrongEquation, wrong_equations
from sde_core.checks.answers.rows import prompts_before
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.dataset.turns import ASSISTANT

_OTHER_RULES = re.compile(
    r"\b(?:binary|hexadecimal|octal|base[- ](?:\d|two|eight|sixteen)|modul(?:o|us|ar)|mod \d|matri(?:x|ces)|vectors?|boolean|concatenat\w*"
    r"|roman numeral|false statement|riddle|puzzle|not (?:true|correct|equal)|incorrect(?:ly)?|is wrong|mistake|fallac\w+|paradox|1984)\b",
    re.IGNORECASE,
)
"""Words of texts in which 10 + 1 = 11 is something else, or in which a wrong equation is shown as wrong."""


class WrongArithmetic:
    """Equations between numbers that do not hold: "17 * 4 = 58"."""

    name = "wrong-arithmetic"
    title = "Answers whose arithmetic is wrong"
    advice = "The model learns to miscalculate: correct the number or reject the row."
    trigger = (
        r"[0-9)%>][ \t]?[-+*/×÷x−^·][ \t]?[$€£(]*[0-9.][^=\n]*=[ \t]*[$€£(<]*-?[$€£]?[0-9.]"
        r"|% of [$€£]?[0-9.,]+[ ]*=|[0-9] \\(?:times|div|cdot) [^=\n]*="
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer, for its first wrong equation."""
        if role != ASSISTANT:
            return
        wrong = list(wrong_equations(text))
        if wrong and not _OTHER_RULES.search(text):
            more = f" {len(wrong) - 1} more do not hold." if len(wrong) > 1 else ""
            yield Fault("warning", f"{_shown(wrong[0])}{more}", excerpt(text, wrong[0].at), 0.95)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """An equation that the prompt gives, or a prompt about other rules of counting, is no fault of the answer."""
        return [finding for finding in findings if not self._is_given(finding, "\n".join(prompts_before(context, finding)))]

    @staticmethod
    def _is_given(finding: Finding, prompt: str) -> bool:
        claim = finding.message.partition(" is wrong")[0].replace(" ", "")
        return claim in prompt.replace(" ", "") or bool(_OTHER_RULES.search(prompt))


def _shown(wrong: WrongEquation) -> str:
    return f"{wrong.text} is wrong: the left side is {shown_number(wrong.value)}."


def shown_number(value: Fraction) -> str:
    """A number as people write it: whole, or with up to four decimals."""
    if value.denominator == 1:
        return f"{value.numerator:,}" if abs(value) < 10**15 else f"{float(value):.6g}"
    return f"{float(value):,.4f}".rstrip("0") if abs(value) >= Fraction(1, 1000) else f"{float(value):.3g}"
