"""One record for reading and for editing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.dataset import Dataset, FieldPath
from sde_core.errors import BadRecordError, SdeError
from sde_tui.widgets.record_text import RecordText, TokenPiece

if TYPE_CHECKING:
    from sde_tui.session import Session


@dataclass(frozen=True, slots=True)
class EditableText:
    """A text of a record and where it stands."""

    row: int
    path: FieldPath
    role: str
    text: str


def record_text(session: Session, row: int, *, source: bool, tokens: bool) -> RecordText:
    """Everything that is shown of a record."""
    dataset = session.dataset
    known: dict[str, Any] = {
        "row": row, "line": dataset.line(row), "split": dataset.split(row),
        "status": session.decisions.status(row), "reason": session.decisions.reason(row),
        "edited": row in dataset.edits, "findings": tuple((found.severity, found.message, found.evidence) for found in session.findings.of(row)),
    }  # fmt: skip
    costs = session.records.view.costs
    known["notes"] = ([(words, "accent")],) if costs is not None and (words := costs.words(row)) else ()
    try:
        if source:
            return RecordText(**known, source=dataset.raw(row).decode("utf-8", "replace"))
        value, turns = dataset.value(row), dataset.turns(row)
    except BadRecordError as error:
        return RecordText(**known, fault=f"{error.message}\n\n" + dataset.raw(row)[:20_000].decode("utf-8", "replace"))
    except SdeError as error:
        return RecordText(**known, fault=f"{error.message} {error.hint}".strip())
    if tokens:
        pieces, note = _tokens(session, row)
        if pieces:
            return RecordText(**known, tokens=pieces, token_note=note)
        if note:
            return RecordText(**known, turns=turns, token_note=note)
        known["notes"] = (
            *known["notes"],
            [("the tokens stand here once the tokenizer has been read", "dim")],
        )
    return RecordText(**known, turns=turns, facts=_facts(dataset, value))


def _tokens(session: Session, row: int) -> tuple[tuple[TokenPiece, ...], str]:
    try:
        pieces, note = session.part("training").tokens_of(row)
    except SdeError as error:
        session.failed(error)
        return (), ""
    return tuple(TokenPiece(text, state) for text, state in pieces), note


def _facts(dataset: Dataset, value: Any) -> tuple[tuple[str, str], ...]:
    """Fields that play no role in the layout."""
    if not isinstance(value, dict):
        return ()
    used = set(dataset.layout.roles.values())
    return tuple((str(name), _shown(field)) for name, field in value.items() if str(name) not in used)


def _shown(field: Any) -> str:
    return field if isinstance(field, str) else json.dumps(field, ensure_ascii=False, default=str)[:4000]


def editable_texts(dataset: Dataset, row: int) -> list[EditableText]:
    """Texts that stand in one place of the record, each once."""
    try:
        turns = dataset.turns(row)
    except SdeError:
        return []
    found: dict[FieldPath, EditableText] = {}
    for turn in (*turns.turns, *turns.chosen, *turns.rejected):
        if turn.path and turn.path not in found:
            found[turn.path] = EditableText(row, turn.path, turn.role, turn.text)
    return list(found.values())
