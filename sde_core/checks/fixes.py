"""Safe fixes: pure functions of a text, each idempotent, and the edits they amount to.

A fix never touches the file: its edits go to the journal, where they can be undone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping

from sde_core.checks.answers.redaction import with_redacted_masked, without_personal_data, without_secrets
from sde_core.checks.fields import field_name, string_leaves
from sde_core.checks.findings import Finding
from sde_core.checks.formats.dates import DATES
from sde_core.checks.formats.marks import APOSTROPHES, BULLETS, MARKDOWN, NUMBERING, QUOTES
from sde_core.checks.formats.numbers import DECIMALS, NUMBERS
from sde_core.checks.formats.units import PERCENT, UNIT_NAMES, UNIT_SPACES
from sde_core.dataset import Dataset, Edit
from sde_core.dataset.layouts.conversation import ROLE_WORDS
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

ESCAPE_SEQUENCE = re.compile(
    r"\x9b[0-9;]+[A-Za-z]|\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|\[[0-?]*[ -/]*[@-~]?|[ -/]*[0-~]?)"
)
"""Terminal commands: OSC and other strings with their text, CSI with their parameters, short escapes."""

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\x9b(?=[0-9;]+[A-Za-z])")
INVISIBLE = re.compile("[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0001-\U000e007f]")
"""Characters that nobody sees and a tokenizer does; joiners (U+200C, U+200D) belong to scripts and emoji and are not among them."""

MARKER = re.compile(
    r"<\s*(?:no[ _-]?(?:input|put|output|response|answer|content|context|instruction)|empty|blank|placeholder"
    r"|(?:input|output|answer|text) (?:here|goes here))\s*>",
    re.IGNORECASE,
)
_NAMED_MARKER = re.compile(rf"(?:^|\n)[ \t]*(?:input|context|output)\s*:\s*{MARKER.pattern}", re.IGNORECASE)
WHOLE_MARKER = re.compile(
    r"[<\[({\\\"']*\s*no[ _-]?(?:input|output|response|answer|content|context)"
    r"(?: (?:needed|required|provided|necessary|given|available|specified|is (?:needed|required|provided|necessary)))?\s*[>\])}\\\"']*\.?",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_MAYBE_MOJIBAKE = re.compile(
    "[\x80-\x9f]|[\xa1-\u02ff\u0370-\u052f\u2013-\u22ff\u2500-\u25ff][\x80-\u02ff\u0370-\u052f\u2010-\u22ff\u2500-\u25ff]|[ÂÃ√] "
    "|\ufffd[\xa1-\u02ff\u2010-\u2122]|[\xa1-\u02ff\u2010-\u2122]\ufffd"
)
"""Every broken encoding puts two unusual characters side by side; where there are none, the repair need not be tried."""

_NEXT_LINE = re.compile(r"(?<=[\w.?!]) ?\x85 ?(?=\w)|\x9b(?=[0-9;]+[A-Za-z])")
"""U+0085 between words is a line end as some systems write it; elsewhere it is an ellipsis in a broken encoding."""

_TAG_FLAG = "\U0001f3f4"
_WHITESPACE = " \t\n\r\v\f\xa0\u3000"
END_TOKENS = re.compile(
    r"(?:\s*(?:<\|(?:endoftext|im_end|eot_id|end_of_text|eom_id|end|END_OF_TURN_TOKEN)\|>|</s>|<end_of_turn>|<eos>|<｜end▁of▁sentence｜>))+\s*$"
)


def without_escapes(text: str) -> str:
    """The text without terminal commands and control characters."""
    return CONTROL.sub("", ESCAPE_SEQUENCE.sub("", text))


def with_encoding_repaired(text: str) -> str:
    """Bytes that were decoded with the wrong table, decoded with the right one; typographic quotes stay as they are."""
    if not _MAYBE_MOJIBAKE.search(_NEXT_LINE.sub(" ", text)):
        return text
    import ftfy

    for _ in range(4):
        repaired: str = ftfy.fix_encoding(text)
        if repaired == text:
            return text
        text = repaired
    return text


def without_invisible(text: str) -> str:
    """The text without zero-width, reordering and tag characters; flags made of tags keep theirs."""
    if _TAG_FLAG in text:
        return re.sub(f"({_TAG_FLAG}[\U000e0020-\U000e007f]+)|{INVISIBLE.pattern}", lambda match: match.group(1) or "", text)
    return INVISIBLE.sub("", text)


def trimmed(text: str) -> str:
    """The text without white space around it; the indentation of a first line of code stays."""
    if not text.strip(_WHITESPACE):
        return ""
    return text[_start_of_text(text) :].rstrip(_WHITESPACE)


def _start_of_text(text: str) -> int:
    """Where the text begins: after blank lines, and after indentation unless a later line is indented as deep."""
    lines_end = re.match(f"[{_WHITESPACE}]*\n", text)
    start = lines_end.end() if lines_end else 0
    indent = len(text) - start - len(text[start:].lstrip(_WHITESPACE))
    rest = text[start:].rstrip(_WHITESPACE).split("\n")[1:]
    if indent and any(line[:indent].isspace() for line in rest if line.strip()):
        return start
    return start + indent


def without_marker(text: str) -> str:
    """The text without words that stand for "nothing here"."""
    if WHOLE_MARKER.fullmatch(text.strip()):
        return ""
    if not MARKER.search(text):
        return text
    while MARKER.search(text):
        text = MARKER.sub("", _NAMED_MARKER.sub("", text))
    text = text.strip()
    return "" if WHOLE_MARKER.fullmatch(text) else text


def without_end_token(text: str) -> str:
    """The text without the token that ends a turn, which the chat template adds by itself."""
    return END_TOKENS.sub("", text)


def open_fence(text: str) -> str:
    """The mark of a code block that is never closed, "" where all are."""
    opened = ""
    for match in _FENCE.finditer(text):
        mark, info = match.group(1), match.group(2).strip()
        if not opened:
            opened = "" if mark[0] in info else mark
        elif mark[0] == opened[0] and len(mark) >= len(opened) and not info:
            opened = ""
    return opened


def with_fence_closed(text: str) -> str:
    """The text with its last code block closed."""
    mark = open_fence(text)
    return text + ("" if text.endswith("\n") else "\n") + mark if mark else text


def with_line_feeds(text: str) -> str:
    """The text with every line end a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def canonical_role(word: str) -> str:
    """The role word that was meant, by case, spaces and spelling; the word itself where none is near."""
    if word in ROLE_WORDS:
        return word
    plain = word.strip().casefold().replace(" ", "_")
    if plain in ROLE_WORDS:
        return plain
    near = difflib.get_close_matches(plain, ROLE_WORDS, n=1, cutoff=0.8)
    return near[0] if near else word


STYLE_FAMILIES = (DATES, NUMBERS, DECIMALS, UNIT_NAMES, UNIT_SPACES, PERCENT, QUOTES, APOSTROPHES, BULLETS, NUMBERING, MARKDOWN)
"""What answers write in several styles."""

FIXES: Mapping[str, Callable[[str], str]] = {
    "strip-control-characters": without_escapes,
    "repair-encoding": with_encoding_repaired,
    "remove-invisible": without_invisible,
    "remove-marker": without_marker,
    "remove-end-token": without_end_token,
    "trim-whitespace": trimmed,
    "close-fence": with_fence_closed,
    "canonical-role": canonical_role,
    "redact-personal-data": without_personal_data,
    "redact-secrets": without_secrets,
    "line-ends-to-lf": with_line_feeds,
    **{name: rewriting for family in STYLE_FAMILIES for name, rewriting in family.fixes().items()},
}
"""By name, as `Finding.fix` has it. Each function applied twice gives what it gives once."""

TARGETED_FIXES: Mapping[str, str] = {
    "canonical-label": "replace the label by the spelling that most rows use",
    "canonical-json-keys": "give the keys of a JSON answer the spelling and the order that most answers have",
}
"""Fixes whose result cannot be known from the text alone: the finding carries it in `Finding.replacement`."""


def fix_edits(dataset: Dataset, findings: Iterable[Finding], *, cancel: Cancel = NEVER, progress: Progress = silent) -> list[Edit]:
    """What the fixes of these findings would change, in row order, several fixes of one text folded into one edit; progress in rows.

    Findings without a fix are passed over, and so is a text that is as the fix wants it already.

    Raises:
        BadRecordError: When a finding names a row that cannot be read.
        CancelledError: When stopped.
    """
    wanted: dict[int, dict[str, list[Finding]]] = {}
    for finding in findings:
        if finding.fix in FIXES or finding.fix in TARGETED_FIXES:
            for row in finding.rows:
                wanted.setdefault(row, {}).setdefault(finding.field, []).append(finding)
    edits: list[Edit] = []
    for number, row in enumerate(sorted(wanted)):
        if number % 256 == 0:
            raise_if_cancelled(cancel)
            progress(number, len(wanted))
        for path, text in string_leaves(dataset.value(row)):
            after = _fixed(text, wanted[row].get(field_name(path), ()))
            if after != text:
                edits.append(Edit(row, path, text, after))
    return edits


def _fixed(text: str, findings: Iterable[Finding]) -> str:
    """A text with all these fixes; white space that a removed character leaves behind goes with it."""
    after = text
    for finding in _in_fix_order(findings):
        after = finding.replacement if finding.replacement is not None else FIXES[finding.fix](after)
    laid_bare = after != text and trimmed(after) != after and trimmed(text) == text
    return trimmed(after) if laid_bare else after


def _in_fix_order(findings: Iterable[Finding]) -> list[Finding]:
    """Characters first, white space last."""
    order = [*TARGETED_FIXES, *(name for name in FIXES if name != "trim-whitespace"), "trim-whitespace"]
    return sorted(findings, key=lambda finding: order.index(finding.fix))


def changed_part(edit: Edit, around: int = 30) -> tuple[str, str]:
    """What an edit takes away and what it puts there, with a few characters around; "…" where the text goes on.

    Personal data and secrets that the edit takes away are masked.
    """
    before, after = with_redacted_masked(edit.before, edit.after), edit.after
    shortest = min(len(before), len(after))
    start = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    same_end = next((i for i in range(shortest - start) if before[-1 - i] != after[-1 - i]), shortest - start)
    first = max(0, start - around)

    def cut(text: str) -> str:
        last = min(len(text), len(text) - same_end + around)
        return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")

    return cut(before), cut(after)
