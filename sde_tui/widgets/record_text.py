"""One record as lines: who says what, what is known about it, what was found and decided."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sde_core.dataset import Turn, Turns
from sde_core.visible import visible
from sde_tui.widgets.record_table import SEVERITY_GLYPHS, STATUS_GLYPHS
from sde_tui.widgets.spans import Line, Span
from sde_tui.widgets.wrapping import wrapped, wrapped_spans

CUT_CHARACTERS = 20_000
"""A longer text is cut, and says so: wrapping 150,000 characters takes a third of a second."""

_ROLE_GLYPHS = {"system": "◇", "user": "❯", "assistant": "●", "tool": "◆", "text": "●"}
_INKS = {"text": "assistant", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class TokenPiece:
    """A token as text, and what becomes of it: "trained", "masked" (read, carries no loss) or "cut" (never seen)."""

    text: str
    state: str


@dataclass(frozen=True, slots=True)
class RecordText:
    """All that the record's view shows; texts are the data's own and pass `visible` here.

    Attributes:
        row: Record position.
        line: 1-based line in the file.
        split: Name of its split, "" where there is none.
        turns: Its messages, None where it cannot be read.
        facts: (field, value) of what is neither message nor label.
        findings: (severity, message, evidence).
        status: "accepted", "rejected" or "".
        reason: Why.
        edited: Whether the user edited it.
        fault: The parser's words where it cannot be read.
        source: The record as it stands in the file; shown instead of the messages where it is not None.
        tokens: Its tokens as they train; shown instead of the messages where there are any.
        token_note: How they were made, or why there are none.
    """

    row: int
    line: int
    split: str = ""
    turns: Turns | None = None
    facts: Sequence[tuple[str, str]] = ()
    findings: Sequence[tuple[str, str, str]] = ()
    status: str = ""
    reason: str = ""
    edited: bool = False
    fault: str = ""
    source: str | None = None
    tokens: Sequence[TokenPiece] = ()
    token_note: str = ""
    notes: Sequence[Line] = field(default_factory=tuple)


def record_lines(record: RecordText, width: int, *, whole: bool = False) -> list[Line]:
    """The record as lines of at most `width` cells.

    Args:
        record: What to show.
        width: Cells of a line.
        whole: Show texts longer than `CUT_CHARACTERS` in full.
    """
    lines = [_heading(record)]
    for severity, message, evidence in record.findings:
        lines += _finding_lines(severity, message, evidence, width)
    lines += record.notes
    limit = None if whole else CUT_CHARACTERS
    if record.source is not None:
        lines += _block("in the file", "dim", record.source, "text", width, limit)
    elif record.fault:
        lines += _block("cannot be read", "bad", record.fault, "bad", width, limit)
    elif record.tokens:
        lines += _token_lines(record, width)
    elif record.turns is not None:
        lines += _block("no tokens", "bad", record.token_note, "bad", width, limit) if record.token_note else []
        lines += _turn_lines(record.turns, width, limit)
        lines += _fact_lines(record, width)
    return lines


def _heading(record: RecordText) -> Line:
    spans: list[Span] = [(f"row {record.row:,}", "strong"), (f"  line {record.line:,}", "dim")]
    if record.split:
        spans.append((f"  {visible(record.split, 30)}", "dim"))
    if record.edited:
        spans.append(("  ✎ edited", "accent"))
    if record.status:
        glyph, ink = STATUS_GLYPHS[record.status]
        spans.append((f"  {glyph} {record.status}" + (f": {visible(record.reason, 120)}" if record.reason else ""), ink))
    return spans


def _finding_lines(severity: str, message: str, evidence: str, width: int) -> Iterable[Line]:
    glyph, ink = SEVERITY_GLYPHS[severity]
    text = visible(message, 300) + (f" — {visible(evidence, 200)}" if evidence else "")
    for number, line in enumerate(wrapped(text, width - 2)):
        yield [(f"{glyph} " if number == 0 else "  ", ink), (line, ink if number == 0 else "dim")]


def _turn_lines(turns: Turns, width: int, limit: int | None) -> list[Line]:
    shown = _spoken(turns)
    lines: list[Line] = []
    for turn in shown:
        lines += _turn_block(turn, turn.role, width, limit)
    if turns.rejected:
        common = len(turns.turns) - len(turns.chosen)
        lines[:] = [line for turn in turns.turns[:common] for line in _turn_block(turn, turn.role, width, limit)]
        for title, side in (("chosen", turns.chosen), ("rejected", turns.rejected)):
            for turn in side:
                lines += _turn_block(turn, f"{turn.role}, {title}", width, limit)
    if turns.label is not None:
        lines += _block("label", "accent", turns.label, "strong", width, limit)
    return lines


def _spoken(turns: Turns) -> Sequence[Turn]:
    """The turns, without the last where it only repeats the label."""
    repeats_label = len(turns.turns) > 1 and turns.label is not None and turns.turns[-1].text == turns.label
    return turns.turns[:-1] if repeats_label else turns.turns


def _turn_block(turn: Turn, title: str, width: int, limit: int | None) -> list[Line]:
    ink = _INKS.get(turn.role, "dim")
    raw = f" ({visible(turn.raw_role, 30)})" if turn.raw_role and turn.raw_role != turn.role else ""
    return _block(f"{_ROLE_GLYPHS.get(turn.role, '?')} {visible(title, 40)}{raw}", ink, turn.text, ink, width, limit)


def _block(title: str, title_ink: str, text: str, ink: str, width: int, limit: int | None) -> list[Line]:
    shown = text if limit is None else text[:limit]
    lines: list[Line] = [[(title, title_ink), (f"  {len(text):,} characters", "dim")] if len(text) > 500 else [(title, title_ink)]]
    lines += [[("  ", "text"), (line, ink if ink != "assistant" else "text")] for line in wrapped(visible(shown, keep_newlines=True), width - 2)]
    if not text:
        lines[-1] = [("  (empty)", "warn")]
    if len(shown) < len(text):
        lines.append([(f"  … {len(text) - len(shown):,} more characters: w shows all", "warn")])
    return lines


def _fact_lines(record: RecordText, width: int) -> list[Line]:
    if not record.facts:
        return []
    lines: list[Line] = [[("other fields", "dim")]]
    for name, value in record.facts:
        shown = f"{visible(name, 40)} = {visible(value, 2000)}"
        lines += [[("  " + line, "dim")] for line in wrapped(shown, width - 2)]
    return lines


_TOKEN_MARKS = {"trained": ("▸", "◂", "good"), "masked": ("", "", "dim"), "cut": ("«", "»", "bad")}
"""What stands around tokens of each state, so that the mask is seen without colours too."""


def _token_lines(record: RecordText, width: int) -> list[Line]:
    counts = Counter(piece.state for piece in record.tokens)
    cut: Span = (f" · « {counts['cut']:,} cut off »", "bad") if counts["cut"] else (" · none cut off", "dim")
    heading: list[Span] = [("tokens", "accent"), (f"  {len(record.tokens):,}: ", "dim"), (f"▸ {counts['trained']:,} train ◂", "good")]
    lines: list[Line] = list(wrapped_spans([*heading, (f" · {counts['masked']:,} masked", "dim"), cut], width))
    if record.token_note:
        lines += [[("  " + line, "dim")] for line in wrapped(visible(record.token_note, 400), width - 2)]
    spans: list[Span] = []
    for piece in _joined(record.tokens):
        before, after, ink = _TOKEN_MARKS.get(piece.state, ("", "", "dim"))
        spans.append((before + visible(piece.text, keep_newlines=True) + after, ink))
    return [*lines, *([("  ", "text"), *line] for line in wrapped_spans(spans, width - 2))]


def _joined(tokens: Sequence[TokenPiece]) -> Iterable[TokenPiece]:
    """Neighbours of the same state as one piece."""
    for state, pieces in itertools.groupby(tokens, key=lambda token: token.state):
        yield TokenPiece("".join(piece.text for piece in pieces), state)
