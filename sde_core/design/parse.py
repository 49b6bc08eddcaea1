"""Reading an answer back: what it says, and what is wrong with it. Text is never evaluated (the published code does)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from sde_core.design.answer import NOTHING, full_stop, separator
from sde_core.design.notation import DESCRIPTION_STOPS, DETAIL_STOPS, ROLE_STOPS, TARGET_STOPS, VALUE_STOPS, Form, NotationError, Scanner
from sde_core.design.options import Design
from sde_core.design.task import Entry, Task
from sde_core.visible import visible

FaultKind = Literal["empty", "split", "syntax", "unknown target", "unknown value", "repeated target", "missing target"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_NUMBER = re.compile(r"-?\d{1,9}")
_WORD = re.compile(r"\w+")
_SPLITS = {"natural": re.compile(r"[;,] "), "lines": re.compile(r"\n")}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an answer.

    Attributes:
        kind: One of `FAULT_KINDS`: nothing was said; a part names no target; a part is not in the form; a target or a value is not the
            task's; a target is there twice; a target that must be there is not.
        message: In words, with the piece of the answer.
    """

    kind: FaultKind
    message: str


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer says.

    Attributes:
        entries: What could be read, in the task's order.
        faults: What is wrong; empty where the answer keeps to the form.
    """

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()


class _PartError(Exception):
    def __init__(self, kind: FaultKind, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(kind, message)


class _Lenient(Task):
    """A task whose targets and values are known by a word of the answer too, whatever its case, and by their synonyms."""

    def meant(self, found: object, names: tuple[str, ...]) -> str | None:
        """The one of `names` that a text means; None where that is none or several."""
        words = _WORD.findall(found.casefold()) if isinstance(found, str) else []
        known = {tuple(_WORD.findall(name.casefold())): name for name in names}
        known |= {tuple(_WORD.findall(word.casefold())): name for word, name in self.synonyms.items() if name in names}
        longest = max(map(len, known), default=0)
        runs = (tuple(words[begin : begin + length]) for begin in range(len(words)) for length in range(1, longest + 1))
        meant = {known[run] for run in runs if run in known}
        return meant.pop() if len(meant) == 1 else None


def soft_answer(text: str, task: Task, design: Design) -> ParsedAnswer:
    """What an answer says where a target or a value need only be among the words that stand for it, as in "Very Positive".

    This is the soft match of arXiv 2404.13033's released code, but for values that nothing known stands for: they stay a fault. So does a target
    that is missing; `format_scores(soft=True)` leaves it out.
    """
    return parse_answer(text, _Lenient(**{each.name: getattr(task, each.name) for each in fields(Task)}), design)


def parse_answer(text: str, task: Task, design: Design) -> ParsedAnswer:
    """What an answer says in this design; every part that can be read is, whatever is wrong with the others.

    Args:
        text: The answer; blanks around it do not count.
        task: What was asked.
        design: In which form.
    """
    text = text.strip()
    if not text:
        return ParsedAnswer((), (Fault("empty", "It is empty."),))
    faults: list[Fault] = []
    said: list[tuple[str, list[Entry]]] = []
    for part in _parts(text, task, design):
        try:
            said.append(part())
        except _PartError as error:
            faults.append(error.fault)
        except NotationError as error:
            faults.append(Fault("syntax", f"{error}."))
    faults += _target_faults([target for target, _ in said], task, design)
    return ParsedAnswer(_joined(said, task), tuple(faults))


def _joined(said: list[tuple[str, list[Entry]]], task: Task) -> tuple[Entry, ...]:
    """All entries in the task's order; of a target that is there twice the first counts, unless it may have several values."""
    kept: dict[str, list[Entry]] = {}
    for target, entries in said:
        if task.many or target not in kept:
            kept.setdefault(target, []).extend(entries)
    return task.ordered(entry for entries in kept.values() for entry in entries)


def _target_faults(found: list[str], task: Task, design: Design) -> Iterator[Fault]:
    may_repeat = task.many and design.output == "pairs"
    for target in dict.fromkeys(found):
        if found.count(target) > 1 and not may_repeat:
            yield Fault("repeated target", f"{_quoted(target)} is there {found.count(target)} times.")
    must = task.targets if design.placeholder or task.kind == "label" else ()
    for target in must:
        if target not in found:
            yield Fault("missing target", f"{_quoted(target)} is missing.")


Part = Callable[[], tuple[str, list[Entry]]]


def _parts(text: str, task: Task, design: Design) -> Iterator[Part]:
    if design.output in ("json", "pairs"):
        if text != NOTHING:
            read = _object_part if design.output == "json" else _pair_part
            for line in text.split("\n"):
                if line.strip():
                    yield lambda line=line: read(_json(line), task, design)  # type: ignore[misc]
        return
    stop = full_stop(task, design)
    text = text[: -len(stop)] if stop and text.endswith(stop) else text
    if text != task.none or task.kind == "label":
        yield from _word_parts(text, task, design)


# ---- natural and lines


def _word_parts(text: str, task: Task, design: Design) -> Iterator[Part]:
    """The groups one after another; after one that cannot be read, from the next separator on."""
    scanner, between = Scanner(text), separator(task, design)
    while not scanner.at_end:
        begin = scanner.at
        try:
            group = _word_group(scanner, task, design)
            if not scanner.at_end:
                scanner.expect(between)
        except (NotationError, _PartError) as error:
            again = _SPLITS[design.output].search(text, max(scanner.at, begin))
            scanner.at = again.end() if again else len(text)
            yield lambda error=error: _raised(error)  # type: ignore[misc]
        else:
            yield lambda group=group: group  # type: ignore[misc]


def _raised(error: Exception) -> tuple[str, list[Entry]]:
    raise error


def _word_group(scanner: Scanner, task: Task, design: Design) -> tuple[str, list[Entry]]:
    target = task.targets[0] if task.kind == "label" else _word_target(scanner, task, design)
    entries: list[Entry] = []
    while True:
        entry = _word_entry(scanner, target, task, design)
        entries += [entry] if entry is not None else []
        if not (task.many and scanner.take(", ")):
            return target, entries


def _word_target(scanner: Scanner, task: Task, design: Design) -> str:
    begin = scanner.at
    name, _ = scanner.word((*TARGET_STOPS, "\n"), task.quote)
    if not scanner.take(": "):
        raise _PartError("split", f"{_quoted(scanner.text[begin : begin + 60])} names no target.")
    return _target_of(_number_in(name) if task.many and design.labels == "number" else name, task, design)


def _word_entry(scanner: Scanner, target: str, task: Task, design: Design) -> Entry | None:
    description = _description(scanner) + _blank(scanner) if design.reasoning == "cot" and scanner.text.startswith("(", scanner.at) else ""
    word, form = scanner.word((*VALUE_STOPS, "\n"), task.quote)
    number = not task.many and design.labels == "number"
    value = _value_of(_number_in(word) if number else word, task, design, form)
    if design.reasoning == "r-cot" and scanner.take(" "):
        description = _description(scanner)
    details = _details(scanner) if scanner.take(" [") else ()
    return None if value is None else Entry(target, value, description, details)


def _blank(scanner: Scanner) -> str:
    scanner.expect(" ")
    return ""


def _description(scanner: Scanner) -> str:
    scanner.expect("(")
    text, _ = scanner.word(DESCRIPTION_STOPS)
    scanner.expect(")")
    return text


def _details(scanner: Scanner) -> tuple[tuple[str, str], ...]:
    details = []
    while True:
        role, _ = scanner.word(ROLE_STOPS)
        scanner.expect(": ")
        text, _ = scanner.word(DETAIL_STOPS)
        details.append((role, text))
        if scanner.take("]"):
            return tuple(details)
        scanner.expect(", ")


def _number_in(word: str) -> int | str:
    return int(word) if _NUMBER.fullmatch(word) else word


# ---- JSON and pairs


def _json(line: str) -> Any:
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError) as error:
        raise _PartError("syntax", f"{_quoted(line)} is no JSON.") from error


def _object_part(found: Any, task: Task, design: Design) -> tuple[str, list[Entry]]:
    target_key, value_key, *_ = task.keys
    if not isinstance(found, dict):
        raise _PartError("syntax", f"{_quoted(str(found))} is no JSON object.")
    if task.kind != "label" and target_key not in found:
        raise _PartError("split", f"{_quoted(str(found))} has no {target_key!r}.")
    target = task.targets[0] if task.kind == "label" else _target_of(found[target_key], task, design)
    if not task.many:
        entry = _field_entry(found, target, task, design)
        return target, [] if entry is None else [entry]
    values = found.get(value_key)
    if not isinstance(values, list):
        raise _PartError("syntax", f"{_quoted(str(found))} has no list of {value_key!r}.")
    spans = [_field_entry(span if isinstance(span, dict) else {value_key: span}, target, task, design) for span in values]
    return target, [span for span in spans if span is not None]


def _field_entry(found: dict[str, Any], target: str, task: Task, design: Design) -> Entry | None:
    _, value_key, description_key, details_key = task.keys
    if value_key not in found:
        raise _PartError("syntax", f"{_quoted(str(found))} has no {value_key!r}.")
    value = _value_of(found[value_key], task, design, "json" if task.many else "bare")
    if value is None:
        return None
    description = found.get(description_key, "") if design.reasoning != "none" else ""
    return Entry(target, value, str(description), _detail_pairs(found.get(details_key, [])))


def _pair_part(found: Any, task: Task, design: Design) -> tuple[str, list[Entry]]:
    before = 0 if task.kind == "label" else 1
    if not isinstance(found, list) or not before + 1 <= len(found) <= before + 2:
        raise _PartError("split", f"{_quoted(str(found))} is no pair.")
    target = task.targets[0] if task.kind == "label" else _target_of(found[0], task, design)
    if task.many and found[before] is None:
        return target, []
    value = _value_of(found[before], task, design, "json" if task.many else "bare")
    details = _detail_pairs(found[before + 1]) if len(found) > before + 1 else ()
    return target, [] if value is None else [Entry(target, value, "", details)]


def _detail_pairs(found: Any) -> tuple[tuple[str, str], ...]:
    pairs = found if isinstance(found, list) else None
    if pairs is None or not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in pairs):
        raise _PartError("syntax", f"{_quoted(str(found))} is no list of role and text.")
    return tuple((role, text) for role, text in pairs)


# ---- words and numbers of the task


def _target_of(found: Any, task: Task, design: Design) -> str:
    if task.many and design.labels == "number":
        named = next((target for target in task.targets if found == task.number(target) and not isinstance(found, bool)), None)
    else:
        named = found if isinstance(found, str) and (task.kind == "terms" or found in task.targets) else None
    if named is None and isinstance(task, _Lenient):
        named = task.meant(found, task.targets)
    if named is None:
        raise _PartError("unknown target", f"{_quoted(str(found))} is no target.")
    return named


def _value_of(found: Any, task: Task, design: Design, form: Form) -> str | None:
    """The value; None where it is the placeholder."""
    if task.many:
        if not isinstance(found, str):
            raise _PartError("unknown value", f"{_quoted(str(found))} is no text.")
        return None if found == task.absent and form != "json" else found
    if design.labels == "number":
        words = (*task.values, task.absent)
        named = next((word for word in words if found == task.number(word) and not isinstance(found, bool)), None)
    else:
        named = found if isinstance(found, str) and found in (*task.values, task.absent) else None
    if named is None and isinstance(task, _Lenient):
        named = task.meant(found, (*task.values, task.absent))
    if named is None or (named == task.absent and task.kind in ("label", "terms")):
        raise _PartError("unknown value", f"{_quoted(str(found))} is no value.")
    return None if named == task.absent else named


def _quoted(text: str) -> str:
    return f"“{visible(text, 60)}”"
