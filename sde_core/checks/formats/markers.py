"""Marks of a machine inside a text: chat tokens, words for "nothing here", open code blocks, white space around."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from sde_core.checks.fields import ending, excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding, Severity
from sde_core.checks.fixes import MARKER, WHOLE_MARKER, open_fence, trimmed, without_end_token
from sde_core.dataset.turns import ASSISTANT, TEXT, TOOL, USER

_TOKEN = re.compile(
    r"<\|[\w▁-]{1,40}\|>|<｜[^｜\n]{1,40}｜>|\[/?INST\]|<</?SYS>>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|BOS|EOS|PAD|UNK|CLS|SEP|MASK)\]"
    r"|</?(?:bos|eos|pad|start_of_turn|end_of_turn|end_of_utterance)>"
)
_SLOT = re.compile(r"(?<![$\w{])\{\{\s?[a-z_]{2,30}\s?\}\}(?!\})")
_SENTENCE_START, _SENTENCE_END = re.compile(r"\s*<s>"), re.compile(r"</s>\s*$")
_NO_TEXT = re.compile(r"(?:n/?a|none|null|nan|nil|tbd|todo|undefined|-+|\.{2,}|\?+)\.?", re.IGNORECASE)
_NO_TEXT_COMMON = 0.01
_HABIT = 0.5


class SpecialTokens:
    """Tokens of chat templates inside a message: the template will add its own."""

    name = "special-token"
    title = "Chat tokens inside texts"
    advice = "Such a token ends or opens a turn in the middle of a text: remove it or reject the row."
    trigger = r"<\||<｜|\[/?INST\]|<</?SYS>>|\[/?[A-Z_]{3,16}\]|</?(?:bos|eos|pad|start_of_turn|end_of_turn|end_of_utterance|s)>"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        if "<" not in text and "[" not in text:
            return
        found = _TOKEN.findall(text)
        if not found:
            match = _SENTENCE_END.search(text) or _SENTENCE_START.match(text)
            if match is None or text.count("<s>") == text.count("</s>") == 1:
                return
            found = [match.group().strip()]
        distinct = list(dict.fromkeys(found))
        said = f"the chat token {distinct[0]}" if len(distinct) == 1 else f"chat tokens: {', '.join(distinct)}"
        trimmed_of = without_end_token(text)
        fix = "remove-end-token" if trimmed_of != text and not _TOKEN.search(trimmed_of) else ""
        yield Fault("error", f"The text {'ends in' if fix else 'holds'} {said}.", excerpt(text, text.index(found[0])), fix=fix)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """A token that most rows have is how the file was made: on purpose in plain texts, one finding elsewhere."""
        plain = context.texts.height and context.texts["roles"][0] == "x"
        if plain and len({finding.rows for finding in findings}) > _HABIT * context.texts.height:
            return []
        return habits_folded(findings, context)


class Placeholders:
    """Words that stand for "nothing here", such as <noinput>, where a text should be."""

    name = "placeholder"
    title = "Markers that stand for a missing text"
    advice = "Remove them with the fix; a row whose answer is a marker is better rejected."
    trigger = (
        r"(?i)<\s*(?:no|empty|blank|placeholder|input|output|answer|text)|^\W*no[ _-]?(?:in|out|re|an|co)"
        r"|^[\s\x1c-\x1f]*(?:n/?a|none|null|nan|nil|tbd|todo|undefined|-+|\.{2,}|\?+)\.?[\s\x1c-\x1f]*$"
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        if len(text) <= 60:
            stripped = text.strip()
            if WHOLE_MARKER.fullmatch(stripped):
                yield self._fault(text, role, stripped)
                return
            if _NO_TEXT.fullmatch(stripped):
                yield Fault("warning" if role == ASSISTANT else "info", f"The whole text is {stripped!r}.", text, 0.5)
                return
        match = MARKER.search(text) if "<" in text else None
        if match:
            yield self._fault(text, role, match.group())

    @staticmethod
    def _fault(text: str, role: str, marker: str) -> Fault:
        fix = "" if role == ASSISTANT and WHOLE_MARKER.fullmatch(text.strip()) else "remove-marker"
        return Fault("warning", f"{marker!r} stands where a text should be.", excerpt(text, text.index(marker)), fix=fix)

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """A word such as "none" that many rows have is a label or a value, not a gap."""
        common = _NO_TEXT_COMMON * context.texts.height
        counts = Counter((finding.field, finding.evidence.strip().casefold()) for finding in findings if finding.score is not None)
        return [finding for finding in findings if finding.score is None or counts[finding.field, finding.evidence.strip().casefold()] <= common]


class UnfilledSlots:
    """Slots of a template, such as {{name}}, that nobody filled."""

    name = "unfilled-slot"
    title = "Slots of a template that were never filled"
    advice = "Fill them in, or the model learns to print them."
    trigger = r"\{\{\s?[a-z_]"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text; code and markup have such signs of their own."""
        if "{{" not in text or any(sign in text for sign in "`<;"):
            return
        match = _SLOT.search(text)
        if match:
            yield Fault("warning", f"The slot {match.group()} was never filled.", excerpt(text, match.start()))

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """A slot that one row alone has is something the row talks about."""
        rows = Counter(message for message, _ in {(finding.message, finding.rows) for finding in findings})
        return [finding for finding in findings if rows[finding.message] > 1]


class UnclosedFences:
    """Code blocks that are opened and never closed."""

    name = "unclosed-fence"
    title = "Code blocks that are never closed"
    advice = "Close them with the fix, unless the answer was cut off there."
    explained_by = ("repetition-loop", "truncated-answer")
    trigger = r"```|~~~"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        if "```" not in text and "~~~" not in text:
            return
        mark = open_fence(text)
        if not mark or len(re.findall(f"{mark[0]}{{3,}}", text)) % 2 == 0:
            return
        yield Fault("warning", "A code block is opened and never closed.", excerpt(text, text.rindex(mark)), fix="close-fence")


class OuterWhitespace:
    """White space before or after a text."""

    name = "outer-whitespace"
    title = "White space around texts"
    advice = "Trim it with the fix; the model learns to print it."
    explained_by = ("placeholder",)
    trigger = r"^[\s\x1c-\x1f]|[\s\x1c-\x1f]$"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text; plain texts and tool results are left alone."""
        if role in (TEXT, TOOL) or not (text[0].isspace() or text[-1].isspace()):
            return
        clean = trimmed(text)
        if not clean or clean == text:
            return
        where = "both ends" if clean[0] != text[0] and clean[-1] != text[-1] else "the end" if text.startswith(clean) else "the beginning"
        evidence = repr(ending(text, 24)) if where == "the end" else repr(excerpt(text, 0, 40))
        yield Fault("info" if role == USER else "warning", f"The text has white space at {where}.", evidence, fix="trim-whitespace")

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """White space that most rows have is how the file is written, and one finding says so."""
        return habits_folded(findings, context)


def habits_folded(findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
    """Findings as they are, but one in place of those that more than half of the rows have in the same field."""
    by_habit: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_habit.setdefault((finding.field, finding.message), []).append(finding)
    settled: list[Finding] = []
    for (field, message), same in by_habit.items():
        settled += [_as_habit(field, message, same, context)] if len(same) > _HABIT * context.texts.height and len(same) > 1 else same
    return settled


def _as_habit(field: str, message: str, findings: Sequence[Finding], context: CheckContext) -> Finding:
    first, rows = findings[0], tuple(finding.rows[0] for finding in findings)
    said = f"{message.removesuffix('.')}, in {len(rows):,} of {context.texts.height:,} rows: a habit of this file."
    severity: Severity = "warning" if first.severity == "error" else "info"
    return Finding(first.check, severity, rows, said, first.evidence, field, len(rows) / context.texts.height, first.fix)
