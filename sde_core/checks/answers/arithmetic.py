"""Answers whose arithmetic is wrong, worked out again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from sde_core.checks.answers.equations import WrongEquation, asked_sum, is_answered, wrong_equations
from sde_core.checks.answers.rows import exchange_of, prompts_before
from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding
from sde_core.dataset.turns import ASSISTANT, USER

_OTHER_RULES = re.compile(
    r"\b(?:binary|hexadecimal|octal|base[- ](?:\d|two|eight|sixteen)|modul(?:o|us|ar)|mod \d|matri(?:x|ces)|vectors?|boolean|concatenat\w*"
    r"|roman numeral|false statement|riddle|puzzle|not (?:true|correct|equal)|incorrect(?:ly)?|is wrong|mistake|fallac\w+|paradox|1984)\b",
    re.IGNORECASE,
)
"""Words of texts in which 10 + 1 = 11 is something else, or in which a wrong equation is shown as wrong."""
_ASKS = re.compile(
    r"\b(?:what(?:['’]?s| is| are| does| do)|calculate|compute|evaluate|work out|find|result|value|answer|equals?|solution to|solve|simplify"
    r"|how much is)\b",
    re.IGNORECASE,
)
_HUGE = 10**300
"""A little less than the largest number in floating point."""
_LONGEST_QUESTION, _LONGEST_ANSWER, _ASKED_SCORE = 200, 120, 0.9


class WrongArithmetic:
    """Equations between numbers that do not hold: "17 * 4 = 58"."""

    name = "wrong-arithmetic"
    title = "Answers whose arithmetic is wrong"
    advice = "The model learns to miscalculate: correct the number or reject the row."
    trigger = (
        r"[0-9)%>][ \t]?[-+*/×÷x−^·][ \t]?[$€£(]*[0-9.][^=\n]*=[ \t]*[$€£(<]*-?[$€£]?[0-9.]"
        r"|(?i:what|calculate|compute|evaluate|work out|find|result|value|answer|equal|solution|solve|simplify"
        r"|how much)[^\n]*[0-9)][ \t]?[-+*/×÷x^][ \t]?[(0-9]"
        r"|^\s*[(0-9][0-9 ().,+*/×÷x^-]*[0-9)]\s*=?\s*\??\s*$"
        r"|[0-9] (?:plus|minus|times|multiplied by|divided by) [0-9]|[0-9] [a-z]{3,} ?[-+−] ?[0-9.,]+ [a-z]{3,} ?= ?[0-9]"
        r"|% of [$€£]?[0-9.,]+[ ]*=|[0-9] \\(?:times|div|cdot) [^=\n]*="
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault an answer, for its first wrong equation; one candidate a prompt that asks for a sum."""
        if role == USER and len(text) <= _LONGEST_QUESTION:
            asked = asked_sum(text)
            if asked and (asked.text == text.strip(" \n=?.") or _ASKS.search(text)):
                yield Fault("warning", f"{asked.text} is {shown_number(asked.value)}; the answer says otherwise.", text, _ASKED_SCORE)
        wrong = list(wrong_equations(text)) if role == ASSISTANT else []
        if wrong and not _OTHER_RULES.search(text):
            more = f" {len(wrong) - 1} more do not hold." if len(wrong) > 1 else ""
            yield Fault("warning", f"{_shown(wrong[0])}{more}", excerpt(text, wrong[0].at), 0.95)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """An equation that the prompt gives, or a prompt about other rules of counting, is no fault; an asked sum must be answered wrongly."""
        if context.dataset.layout.name == "classification":
            return []
        kept = [
            finding for finding in findings if finding.score != _ASKED_SCORE and not _is_given(finding, "\n".join(prompts_before(context, finding)))
        ]
        found = {finding.rows[0] for finding in kept}
        asked = [_answered_wrongly(finding, context) for finding in findings if finding.score == _ASKED_SCORE and finding.rows[0] not in found]
        return kept + [finding for finding in asked if finding]


def _is_given(finding: Finding, prompt: str) -> bool:
    claim = finding.message.partition(" is wrong")[0].replace(" ", "")
    return claim in prompt.replace(" ", "") or bool(_OTHER_RULES.search(prompt))


def _answered_wrongly(finding: Finding, context: CheckContext) -> Finding | None:
    """The finding where the short answer to an asked sum holds numbers, and none of them is right."""
    exchange = exchange_of(context, finding)
    asked = asked_sum(exchange.asked) if exchange and _ASKS.search(exchange.asked) and not _OTHER_RULES.search(exchange.asked) else None
    if not exchange or not asked or len(exchange.answer) > _LONGEST_ANSWER:
        return None
    answer = exchange.answer.replace(asked.text, "")
    if not re.search(r"\d", answer) or is_answered(asked, answer):
        return None
    return replace(finding, evidence=f"{asked.text} → {excerpt(exchange.answer, limit=100)}", field=exchange.answer_field)


def _shown(wrong: WrongEquation) -> str:
    return f"{wrong.text} is wrong: the left side is {shown_number(wrong.value)}."


def shown_number(value: Fraction) -> str:
    """A number as people write it: whole, or with up to four decimals; a huge one as a power of ten."""
    if abs(value) >= _HUGE:
        return f"about {'-' if value < 0 else ''}10^{math.log10(abs(value.numerator)) - math.log10(value.denominator):.0f}"
    if value.denominator == 1:
        return f"{value.numerator:,}" if abs(value) < 10**15 else f"{float(value):.6g}"
    return f"{float(value):,.4f}".rstrip("0").rstrip(".") if abs(value) >= Fraction(1, 1000) else f"{float(value):.3g}"
