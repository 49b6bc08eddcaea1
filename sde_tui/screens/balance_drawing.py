"""The lines of screen 3: the fields, the classes of one as bars, the class under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_core.visible import visible
from sde_core.wording import count_of, duration, quoted_if_padded
from sde_tui.session_balance import WHICH
from sde_tui.widgets.bars import bar_spans
from sde_tui.widgets.lines import Item
from sde_tui.widgets.spans import Line, Span, fit, width_of
from sde_tui.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from sde_core.checks.balance import ClassCount, FieldBalance
    from sde_core.checks.balance_targets import DropPlan, TargetVerdict
    from sde_tui.session_balance import BalancePart

FIELDS = 21
_NARROWEST_NAME, _WIDEST_NAME, _NARROWEST_BAR = 17, 40, 12
_SHARE, _LONGEST_NOTE = 7, 22
_EXACT_FROM = 0.01
_ON_REQUEST = {
    "topic": "Groups of prompts that are about the same, each with a title of its own words. All prompts are embedded for it, once.",
    "prompt-template": "The fixed words that prompts share, with slots for what differs; mined from the prompts.",
}
_SOURCES = {"label": "the label", "field": "a field", "derived": "computed"}


def class_title(name: str) -> str:
    """A class as shown."""
    return visible(quoted_if_padded(name), 200)


def field_items(part: BalancePart) -> list[Item]:
    """One line a field: its name and how many classes it has, with a sign where something is odd."""
    items: list[Item] = []
    for name in part.fields:
        if name in part.waiting:
            items.append(Item([("· ", "dim"), (fit(visible(name, 60), FIELDS - 5), "dim"), (" …", "dim")], name))
            continue
        balance = part.balance(name)
        sign, ink = _field_sign(balance)
        count = f"{len(balance.classes):,}"
        items.append(Item([(f"{sign} ", ink), (fit(visible(name, 60), FIELDS - 4 - len(count)), "text"), (f" {count}", "dim")], name))
    return items


def _field_sign(balance: FieldBalance) -> Span:
    if balance.variants:
        return "!", "warn"
    return ("◆", "accent") if balance.source == "label" else (" ", "text")


def summary_lines(part: BalancePart, field: str) -> tuple[tuple[Line, Line], tuple[Line, Line]]:
    """What the field is and how even it is; then what is odd about it."""
    if field in part.waiting:
        return ([(f" {visible(field, 40)}", "strong"), (f" · {part.meaning(field)}", "dim")], []), ([(" Not computed.", "warn")], [])
    balance = part.balance(field)
    meaning = part.meaning(field) or _SOURCES[balance.source]
    missing = f", {balance.missing:,} without" if balance.missing else ""
    first: Line = [
        (f" {visible(field, 40)}", "strong"),
        (f" · {meaning}", "dim"),
        (f" · {count_of(len(balance.classes), 'class', 'classes')}", "text"),
    ]
    if not balance.rows:
        nothing: Line = [(" There is nothing to count: v counts other rows.", "warn")]
        return (first, [(f"0 {WHICH[part.which]} ", "dim")]), (nothing, [])
    second: list[Span] = [
        (f" imbalance {balance.imbalance:,.1f} : 1", "warn" if balance.imbalance >= 20 and balance.source == "label" else "text"),
        (f" · evenness {balance.evenness:.2f}", "text"), (f" · {balance.entropy:.2f} bits", "dim"),
    ]  # fmt: skip
    spelt = {name for names in balance.variants for name in names[1:]}
    rare = sum(name not in spelt for name in balance.rare)
    second += [(f" · {rare:,} rare", "warn")] if rare else []
    second += [(f" · {count_of(len(balance.variants), 'label')} respelt", "warn")] if balance.variants else []
    return (first, [(f"{balance.rows:,} {WHICH[part.which]}{missing} ", "dim")]), (second, [])


def class_items(part: BalancePart, field: str, width: int) -> list[Item]:
    """One line a class: name, count, share, bar, and its target's verdict or what is odd about it."""
    balance, verdicts = part.balance(field), part.verdicts(field)
    usual = {spelling: names[0] for names in balance.variants for spelling in names[1:]}
    classes = [*part.classes(field), *_absent(part, field)]
    notes = [_note(counted, verdicts.get(counted.name), usual.get(counted.name, "")) for counted in classes]
    count_width = max((len(f"{counted.count:,}") for counted in classes), default=1)
    note_width = min(max((width_of([note]) for note in notes), default=0), _LONGEST_NOTE)
    for_both = width - count_width - _SHARE - note_width - 4
    longest = max((width_of([(class_title(counted.name), "")]) for counted in classes), default=0)
    name_width = min(max(longest, _NARROWEST_NAME), max(for_both - _NARROWEST_BAR, _NARROWEST_NAME), _WIDEST_NAME)
    room = max(for_both - name_width, 4)
    highest = max([counted.share for counted in classes] + [one.target for one in verdicts.values()], default=1.0) or 1.0
    items = []
    for counted, (words, ink) in zip(classes, notes, strict=True):
        target = None if counted.name not in verdicts else verdicts[counted.name].target / highest
        figures = f" {counted.count:>{count_width},}", f"{share_text(counted.share):>{_SHARE}} "
        line = [(f" {fit(class_title(counted.name), name_width)}", "text"), (figures[0], "text"), (figures[1], "dim"),
                *bar_spans(counted.share / highest, room, target=target), (f" {fit(words, note_width)}", ink)]  # fmt: skip
        items.append(Item(line, counted.name))
    return items


def _absent(part: BalancePart, field: str) -> list[ClassCount]:
    """Classes with a target and no row."""
    from sde_core.checks.balance import ClassCount

    present = {counted.name for counted in part.balance(field).classes}
    return [ClassCount(name, 0, 0.0, True) for name in part.targets.get(field, {}) if name not in present]


def share_text(share: float) -> str:
    """A share as per cent; what is not nothing is not shown as 0."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def _note(counted: ClassCount, verdict: TargetVerdict | None, usual: str) -> Span:
    if verdict is not None:
        words = {"over": f"▲ drop {verdict.drop:,}", "under": f"▼ add {verdict.add:,}", "met": "✓ on target"}[verdict.verdict]
        return words, "good" if verdict.verdict == "met" else "warn"
    if usual:
        return f"! {class_title(usual)}", "warn"
    return ("! rare" if counted.rare else ""), "warn"


def class_lines(part: BalancePart, field: str, name: str | None, width: int) -> list[Line]:
    """The class under the cursor in words, and how to meet the field's targets."""
    if name is None:
        return [[("No class has a row here.", "dim")]]
    balance = part.balance(field)
    verdict = part.verdicts(field).get(name)
    definition = visible(part.definition(field, name), 200)
    count = balance.count_of(name)
    facts = f" · {count_of(count, 'row')} · {share_text(count / max(balance.rows, 1))}"
    usual = next((names[0] for names in balance.variants if name in names[1:]), "")
    met = all(one.verdict == "met" for one in part.verdicts(field).values())
    plan = None if usual or met or (verdict is not None and verdict.verdict == "over" and len(part.targets[field]) == 1) else part.plan(field)
    words: list[Span] = [(f"{definition[:1].upper()}{definition[1:]}.", "dim")] if definition else []
    words += [(f"Another spelling of {class_title(usual)}: screen 5 writes all rows alike.", "warn")] if usual else []
    words += [] if verdict is None else [_verdict_words(verdict)]
    words += [] if plan is None else [(_plan_words(plan), "text")]
    lines: list[Line] = [[(class_title(name), "strong"), (facts, "text")]]
    lines += [[(text, ink)] for sentence, ink in words for text in wrapped(sentence, width - 1)]
    return lines if verdict or plan or usual else [*lines, [("t", "accent"), (" sets the share that it should have.", "dim")]]


def _verdict_words(verdict: TargetVerdict) -> Span:
    target = f"target {verdict.target:.1%}" if verdict.target >= _EXACT_FROM else f"target {verdict.target:.3%}"
    if verdict.verdict == "met":
        return f"✓ {target}: no whole number of rows comes closer.", "good"
    if verdict.verdict == "over":
        return f"▲ over its {target}: drop {verdict.drop:,}, all else kept.", "warn"
    return f"▼ under its {target}: add {verdict.add:,}, all else kept.", "warn"


def _plan_words(plan: DropPlan) -> str:
    drops = ", ".join(f"{count:,} of {class_title(name) if name else 'the other classes'}" for name, count in plan.drop.items() if count)
    return f"All targets by dropping: keep {count_of(plan.keep, 'row')}, drop {drops}." if drops else "All targets are met."


def uncomputed_lines(part: BalancePart, field: str, width: int) -> list[Line]:
    """What stands in place of the classes of a field that is computed on request only."""
    seconds = part.seconds(field)
    words = _ON_REQUEST.get(field) or f"{part.meaning(field).capitalize()}."
    words += f" Computing it takes about {duration(seconds)}." if seconds else ""
    lines: list[Line] = [[(f" {text}", "text")] for text in wrapped(words, width - 2)]
    return [[], *lines, [], [(" enter", "accent"), (" computes it.", "dim")]]


def waiting_lines(words: str, ink: str) -> list[Line]:
    """What stands in place of the fields before anything is counted."""
    return [
        [(f" {words[:1].upper()}{words[1:]}", ink)],
        [],
        [(" Every field that holds classes is listed here, nested ones too, and what kind", "dim")],
        [(" of answer each row gives: refusals, code, JSON, lists, prose. Each class as a", "dim")],
        [(" bar with its share; t sets the share that it should have.", "dim")],
    ]
