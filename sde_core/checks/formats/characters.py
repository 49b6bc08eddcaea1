"""Characters that do not belong in a text: commands, wrong encodings, what nobody sees, what was lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sde_core.checks.fields import excerpt
from sde_core.checks.findings import CheckContext, Fault, Finding, Severity
from sde_core.checks.fixes import CONTROL, ESCAPE_SEQUENCE, INVISIBLE, with_encoding_repaired, without_invisible
from sde_core.checks.formats.markers import habits_folded

_LOST = re.compile("[\ud800-\udfff\ufffd]")
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_TAGS = re.compile("[\U000e0020-\U000e007f]")


class ControlCharacters:
    """Control characters and terminal commands; tabs and line ends are text."""

    name = "control-characters"
    title = "Control characters and escape sequences in texts"
    advice = "Remove them with the fix; models learn to print them."
    trigger = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{9b}]"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        match = CONTROL.search(text)
        if match is None:
            return
        count = len(CONTROL.findall(text))
        at = match.start()
        kind = "a terminal command" if ESCAPE_SEQUENCE.match(text, at) else f"the control character U+{ord(match.group()):04X}"
        more = f" and {count - 1} more" if count > 1 else ""
        yield Fault("warning", f"The text holds {kind}{more}.", excerpt(text, at), fix="strip-control-characters")


class Mojibake:
    """Text decoded with the wrong table, such as "Ã©" for "é"."""

    name = "mojibake"
    title = "Texts in a broken encoding"
    advice = "Repair them with the fix."
    trigger = (
        r"[\x{80}-\x{9f}]|[ÂÃ√] |[\x{a1}-\x{2ff}\x{370}-\x{52f}\x{2013}-\x{22ff}\x{2500}-\x{25ff}\x{fffd}]"
        r"[\x{80}-\x{2ff}\x{370}-\x{52f}\x{2010}-\x{22ff}\x{2500}-\x{25ff}\x{fffd}]"
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text that can be repaired."""
        if text.isascii():
            return
        repaired = with_encoding_repaired(text)
        if repaired == text:
            return
        at = next((i for i, (old, new) in enumerate(zip(text, repaired, strict=False)) if old != new), 0)
        before, after = excerpt(text, at, 60), excerpt(repaired, at, 60)
        yield Fault("warning", "The text was decoded with the wrong encoding.", f"{before} → {after}", fix="repair-encoding")


class InvisibleCharacters:
    """Zero-width, reordering and tag characters, where no script or emoji needs them."""

    name = "invisible-characters"
    title = "Invisible characters in texts"
    advice = "Remove them with the fix; a reader cannot see what the tokenizer sees."
    explained_by = ("mojibake",)
    trigger = (
        r"[\x{ad}\x{180e}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{206f}\x{feff}"
        r"\x{fff9}-\x{fffb}\x{e0001}-\x{e007f}]"
    )

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        if text.isascii():
            return
        match = INVISIBLE.search(text)
        if match is None or without_invisible(text) == text or self._needed_by_script(text):
            return
        codes = sorted({f"U+{ord(character):04X}" for character in INVISIBLE.findall(text)})
        hidden = _REORDERING.search(text) or _TAGS.search(text)
        severity: Severity = "warning" if hidden or match.group() != "\u00ad" else "info"
        yield Fault(
            severity, f"The text holds characters that nobody sees: {', '.join(codes[:6])}.", excerpt(text, match.start()), fix="remove-invisible"
        )

    @staticmethod
    def _needed_by_script(text: str) -> bool:
        """Direction marks belong to Arabic and Hebrew text."""
        return bool(_RIGHT_TO_LEFT.search(text)) and not INVISIBLE.search(_MARKS.sub("", text))


class LostCharacters:
    """Replacement characters and lone surrogates: text that an earlier step destroyed."""

    name = "lost-characters"
    title = "Characters lost in an earlier conversion"
    advice = "The original is gone: look at the rows, reject or retype them."
    trigger = r"\x{fffd}"

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        if text.isascii():
            return
        found = _LOST.findall(text)
        if not found:
            return
        at = next(_LOST.finditer(text)).start()
        kind = "the replacement character U+FFFD" if found[0] == "\ufffd" else f"half a surrogate pair, U+{ord(found[0]):04X}"
        yield Fault("warning", f"The text holds {kind}{f', {len(found)} times' if len(found) > 1 else ''}.", excerpt(text, at))


class LineEnds:
    """Lines that end in carriage returns, as Windows and old Macs write them."""

    name = "line-ends"
    title = "Lines that end in carriage returns"
    trigger = r"\r"
    advice = "Write line feeds with the fix: tokenizers make other tokens of the other line ends."

    def faults(self, text: str, role: str) -> Iterator[Fault]:
        """One fault a text."""
        at = text.find("\r")
        if at < 0:
            return
        kinds = ["CR LF"] * ("\r\n" in text) + ["CR"] * bool(re.search(r"\r(?!\n)", text)) + ["LF"] * bool(re.search(r"(?<!\r)\n", text))
        count = text.count("\r")
        said = f"Lines end in {' and '.join(kinds)}." if len(kinds) > 1 else f"Lines end in {kinds[0]}, not in LF."
        yield Fault("info", said, f"{count:,} carriage return{'s' if count > 1 else ''}: {excerpt(text, at, 60)!r}", fix="line-ends-to-lf")

    def settle(self, findings: Sequence[Finding], context: CheckContext) -> list[Finding]:
        """Line ends that most rows have are how the file is written, and one finding says so."""
        return habits_folded(findings, context)
