"""The lines of screen 4: the counts, the list of groups, two rows side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sde_core.wording import count_of
from sde_tui.widgets.spans import Line, Span, width_of
from sde_tui.widgets.wrapping import wrapped_spans

if TYPE_CHECKING:
    from sde_core.checks.duplicates.word_diff import Segment, WordDiff
    from sde_tui.session_duplicates import DuplicatesPart, DuplicateWishes, Group, Member

KIND_INKS = {"exact": "bad", "normalised": "warn", "near": "accent", "semantic": "tool"}
GLYPHS = {"exact": "=", "normalised": "≡", "near": "≈", "semantic": "~"}
POLICIES = {"first": "the first", "longest": "the longest answer", "quality": "the best quality", "agreement": "the most common answer"}
PARTS = {"row": "prompt and answer", "prompt": "prompts", "answer": "answers"}
_KIND, _ROWS, _LINK, _KEEP = 12, 5, 5, 9
_CONTEXT_WORDS = 10
_SIDE_BY_SIDE = 60
_REMOVED, _ADDED = "−", "+"


def counts_line(part: DuplicatesPart) -> tuple[Line, Line]:
    """How many groups there are of each kind; at the right what is compared."""
    spans: list[Span] = [(" ", "text")]
    counts = part.grouping.counts if part.grouping is not None else {}
    for kind, (groups, _rows) in counts.items():
        if kind == "semantic" and part.wishes.semantic is None:
            spans.append((f"{GLYPHS[kind]} {kind} off", "dim"))
            continue
        chosen = part.wishes.kind == kind
        spans.append((f"{GLYPHS[kind]} {kind} {groups:,}", "header" if chosen else KIND_INKS[kind] if groups else "dim"))
        spans.append(("   ", "text"))
    return spans, [(f"{PARTS[part.wishes.part]} ", "dim")]


def keeping_line(part: DuplicatesPart) -> tuple[Line, Line]:
    """What keeping one of each group does; at the right the threshold that the brackets move."""
    wishes, total = part.wishes, len(part.index.rows) if part.index is not None else 0
    groups = count_of(len(part), f"{wishes.kind} group".lstrip())
    by_hand = f" ({len(wishes.keepers):,} by hand)" if wishes.keepers else ""
    left: Line = [(f" {groups}", "strong"), (" · ", "text"), (f"{part.to_drop:,}", "strong"),
                  (f" of {total:,} rows go, {POLICIES[wishes.policy].removeprefix('the ')} stays{by_hand}", "text")]  # fmt: skip
    return left, [threshold_span(wishes, part.moving)]


def threshold_span(wishes: DuplicateWishes, name: str) -> Span:
    """The threshold in force: "[ alike ≥ 0.80 ]"."""
    return (f"[ alike ≥ {wishes.near:.2f} ] " if name == "near" else f"[ cosine ≥ {wishes.semantic or 1:.2f} ] "), "accent"


def columns_line() -> Line:
    """The names of the list's columns."""
    return [(f"   {'kind':<{_KIND - 2}}{'rows':>{_ROWS}}{'link':>{_LINK + 1}}{'keep':>{_KEEP}}  text of the kept row", "dim")]


def group_line(part: DuplicatesPart, group: Group, width: int) -> Line:
    """A group in one line."""
    link = "" if group.kind in ("exact", "normalised") else f"{group.score:.2f}"
    head = f"{group.kind:<{_KIND - 2}}{len(group.members):>{_ROWS},}{link:>{_LINK + 1}}{group.keeper:>{_KEEP},}  "
    return [(f" {GLYPHS[group.kind]} ", KIND_INKS[group.kind]), (head, "text"), (part.excerpt(group.keeper, max(width - len(head) - 4, 8)), "dim")]


# ---- two rows side by side


def member_line(group: Group, shown: Member, diff: WordDiff, fields: Sequence[str]) -> tuple[Line, Line]:
    """Which two rows are compared, how alike they are, and in which other fields they differ."""
    place = [member.row for member in group.members].index(shown.row)
    same = {"exact": "exact copy", "normalised": "same but for form"}.get(shown.kind)
    how = same or f"{shown.kind} {shown.score:.2f}, {diff.same_words:.0%} of the words"
    also = f" · {', '.join(fields[:2])}{' …' if len(fields) > 2 else ''} differ{'s' if len(fields) == 1 else ''}" if fields else ""
    left: Line = [
        ("✓ keep ", "good"), (f"{group.keeper:,}", "strong"), ("  ✗ drop ", "bad"), (f"{shown.row:,}", "strong"),
        (f" · {how}", "text"), (also, "dim"),
    ]  # fmt: skip
    return left, [(f" {place} of {len(group.members) - 1} ", "dim")]


def diff_lines(diff: WordDiff, width: int, height: int, *, whole: bool, stacked: bool) -> list[Line]:
    """Both texts with the changed words marked by a sign and a colour.

    Args:
        diff: From the kept row to the other.
        width: Cells of the pane.
        height: Its lines; what fits is shown whole.
        whole: Show the whole texts; else, where they do not fit, long stretches that both have are shortened to the words beside a change.
        stacked: One below the other in place of side by side.
    """
    draw = _stacked if stacked or width < _SIDE_BY_SIDE else _side_by_side
    lines = draw(diff.segments, width)
    if len(lines) > height and not whole and any(segment.change != "equal" for segment in diff.segments):
        lines = draw(list(shortened(diff.segments)), width)
    return [*lines, [("… the rest is not compared", "dim")]] if diff.cut else lines


def _stacked(segments: Sequence[Segment], width: int) -> list[Line]:
    return [*_labelled("✓ ", "good", _side(segments, "delete"), width), [], *_labelled("✗ ", "bad", _side(segments, "insert"), width)]


def _side_by_side(segments: Sequence[Segment], width: int) -> list[Line]:
    half = (width - 3) // 2
    left, right = list(wrapped_spans(_side(segments, "delete"), half)), list(wrapped_spans(_side(segments, "insert"), half))
    return [_beside(left, right, y, half) for y in range(max(len(left), len(right)))]


def _side(segments: Sequence[Segment], change: str) -> list[Span]:
    sign, ink = (_REMOVED, "bad") if change == "delete" else (_ADDED, "good")
    return [
        (segment.text, "text") if segment.change == "equal" else (signed(segment.text, sign), ink)
        for segment in segments
        if segment.change in ("equal", change)
    ]  # fmt: skip


def signed(text: str, sign: str) -> str:
    """A changed stretch in brackets behind its sign, so that it is told by more than its colour; blanks alone are made visible."""
    words = text.strip()
    if not words:
        return f"[{sign}{text.replace(' ', '·')}]".replace("\n", "⏎\n")
    start = len(text) - len(text.lstrip())
    return f"{text[:start]}[{sign}{words}]{text[start + len(words) :]}"


def shortened(segments: Sequence[Segment]) -> Iterator[Segment]:
    """The segments with long equal stretches cut to the words nearest to a change."""
    last = len(segments) - 1
    for place, segment in enumerate(segments):
        words = segment.text.split(" ")
        if segment.change != "equal" or len(words) <= 2 * _CONTEXT_WORDS + 4:
            yield segment
            continue
        head = " ".join(words[:_CONTEXT_WORDS]) if place > 0 else ""
        tail = " ".join(words[-_CONTEXT_WORDS:]) if place < last else ""
        left_out = len(words) - _CONTEXT_WORDS * (bool(head) + bool(tail))
        yield type(segment)("equal", (f"{head} " if head else "") + f"⋯{left_out:,} words⋯" + (f" {tail}" if tail else ""))


def _labelled(label: str, ink: str, side: Sequence[Span], width: int) -> list[Line]:
    lines = list(wrapped_spans(side, width - len(label)))
    return [[(label if y == 0 else " " * len(label), ink), *line] for y, line in enumerate(lines)]


def _beside(left: Sequence[Line], right: Sequence[Line], y: int, half: int) -> Line:
    one = list(left[y]) if y < len(left) else []
    other = list(right[y]) if y < len(right) else []
    return [*one, (" " * (half - width_of(one)), "text"), (" │ ", "dim"), *other]


def waiting_lines(words: str, ink: str) -> list[Line]:
    """What stands in place of the list before anything is compared."""
    return [
        [(f" {words[:1].upper()}{words[1:]}", ink)],
        [],
        [(" Groups of rows that repeat each other are listed here: exact copies, copies", "dim")],
        [(" but for case, white space and punctuation, near-duplicates, and, with s, rows", "dim")],
        [(" that mean the same. One row of each group stays; what goes can be undone.", "dim")],
    ]
