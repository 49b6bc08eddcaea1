"""The layouts, likeliest to be meant first: where two fit, the earlier one is proposed and the user can correct it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sde_core.dataset.layouts.alpaca import AlpacaLayout
from sde_core.dataset.layouts.classification import ClassificationLayout
from sde_core.dataset.layouts.completion import CompletionLayout
from sde_core.dataset.layouts.conversation import ConversationLayout
from sde_core.dataset.layouts.kto import KtoLayout
from sde_core.dataset.layouts.layout import ROLES, Layout, LayoutFamily, Texts, nested_value, plain_texts, with_nested, with_nested_paths
from sde_core.dataset.layouts.preference import PreferenceLayout
from sde_core.dataset.layouts.text import TextLayout
from sde_core.dataset.layouts.trees import TreeLayout
from sde_core.dataset.turns import Turns
from sde_core.errors import LayoutError, UsageError
from sde_core.visible import visible

LAYOUTS: tuple[LayoutFamily, ...] = (
    PreferenceLayout(),
    KtoLayout(),
    ConversationLayout("messages", ("messages", "conversations", "conversation", "dialogue", "dialog", "turns"), ("role", "content")),
    ConversationLayout("sharegpt", ("conversations", "conversation", "messages", "dialogue"), ("from", "value")),
    TreeLayout(),
    AlpacaLayout(),
    CompletionLayout("prompt-completion", ("prompt",), ("completion",)),
    CompletionLayout("prompt-response"),
    ClassificationLayout(),
    TextLayout(),
)
"""A new layout is one file and one line here."""

_PROMPT_AND_ANSWER = {"alpaca": ("instruction", "output"), "prompt-completion": ("prompt", "completion"), "prompt-response": ("prompt", "completion")}
"""Layouts that are mostly two fields, and what these are called where nothing else is said."""

_FAMILIES = {known.name: known for known in LAYOUTS}


def family(name: str) -> LayoutFamily:
    """The layout family of this name.

    Raises:
        UsageError: When there is none.
    """
    found = _FAMILIES.get(name)
    if found is not None:
        return found
    raise UsageError(f"There is no layout named {shortened(name)}.", "Known layouts: " + ", ".join(known.name for known in LAYOUTS) + ".")


def detect_layout(sample: Sequence[Any]) -> Layout:
    """The first layout that most of the sample fits.

    Raises:
        LayoutError: When no field holds text.
    """
    for candidate in LAYOUTS:
        roles = candidate.detect(sample)
        if roles is not None:
            return Layout(candidate.name, dict(roles))
    raise LayoutError(
        f"No field of these records holds text to train on (fields: {', '.join(sorted(fields_of(sample))[:12]) or 'none'}).",
        "Say which field plays which role, for example: --map prompt=question --map answer=reply.",
    )


def corrected_layout(detected: Layout | None, name: str | None, mapping: Mapping[str, str] | None, sample: Sequence[Any]) -> Layout:
    """The layout that the user asked for, by name, by mapping fields to roles, or both.

    Raises:
        UsageError: When a role or a layout does not exist, or when a mapped field is in no row of the sample.
    """
    mapping = dict(mapping or {})
    for role, field in mapping.items():
        _validate_role(role, field, sample)
    chosen = name or _layout_for(mapping, detected) or (detected.name if detected else "text")
    sample = [with_nested(value, tuple(mapping.values())) for value in sample]
    found = family(chosen).detect(sample) if not detected or detected.name != chosen else detected.roles
    return Layout(chosen, {**(found or {}), **mapping})


def ensure_fits(layout: Layout, sample: Sequence[Any]) -> None:
    """Looks whether at least one record of the sample has messages under the layout.

    Raises:
        LayoutError: When none has.
    """
    if not any(turns_of(value, layout).turns for value in sample):
        raise LayoutError(
            f"No record can be read by the layout {layout.name} (fields: {', '.join(sorted(fields_of(sample))[:12]) or 'none'}).",
            "Leave --layout out, or say which field plays which role, for example: --map prompt=question --map answer=reply.",
        )


def fields_of(values: Iterable[Any]) -> set[str]:
    """Names of all fields of these records; a list's are its positions."""
    names: set[str] = set()
    for value in values:
        names.update(map(str, value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()))
    return names


def has_field(values: Iterable[Any], field: str) -> bool:
    """Whether one of these records has a field, by its name or by its dotted path."""
    return any(field in fields_of((value,)) or ("." in field and nested_value(value, field) is not None) for value in values)


def _validate_role(role: str, field: str, sample: Sequence[Any]) -> None:
    if role not in ROLES:
        raise UsageError(f"There is no role named {shortened(role)}.", "Known roles: " + ", ".join(ROLES) + ".")
    fields = fields_of(sample)
    if field not in fields and not has_field(sample, field):
        raise UsageError(f"No record has a field named {shortened(field)}.", "Fields seen: " + ", ".join(sorted(fields)[:20]) + ".")


def shortened(word: str) -> str:
    """A word of the user's in quotes, cut where it is long."""
    return repr(visible(word, 60))


def _layout_for(mapping: Mapping[str, str], detected: Layout | None) -> str | None:
    """The layout that mapped roles imply."""
    if "chosen" in mapping or "rejected" in mapping:
        return "preference"
    if "messages" in mapping and not (detected and "messages" in detected.roles):
        return "messages"
    if {"prompt", "answer"} <= mapping.keys() or ("answer" in mapping and (detected is None or detected.name in ("text", "classification"))):
        return "prompt-response"
    return "classification" if "text" in mapping and "label" in mapping else "text" if "text" in mapping else None


def turns_of(value: Any, layout: Layout) -> Turns:
    """The record's turns under a layout."""
    nested = layout.nested
    if nested:
        return with_nested_paths(family(layout.name).turns(with_nested(value, nested), layout.roles), value, nested)
    return family(layout.name).turns(value, layout.roles)


def texts_of(value: Any, layout: Layout) -> Texts:
    """What `turns_of` says, as texts alone."""
    value = with_nested(value, layout.nested) if layout.nested else value
    plain = _PROMPT_AND_ANSWER.get(layout.name)
    texts = plain_texts(value, layout.roles, *plain) if plain else None
    if texts is not None:
        return texts
    turns = family(layout.name).turns(value, layout.roles)
    return turns.system, turns.prompt, turns.answer, turns.label, turns.roles, min(len(turns.turns), 65535)


__all__ = [
    "LAYOUTS", "ROLES", "Layout", "LayoutFamily", "corrected_layout", "detect_layout", "ensure_fits", "family", "fields_of", "has_field", "texts_of",
    "turns_of",
]  # fmt: skip
