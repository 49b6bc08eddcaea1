"""Correcting how rows are read: another layout, or other fields for the roles, with the first record as it would be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sde_core.visible import visible
from sde_tui.screens.dialogs import ChooseScreen, Dialog
from sde_tui.session_mapping import LayoutProposal, MappingPart
from sde_tui.widgets.bindings import dialog_bindings
from sde_tui.widgets.lines import Item, ItemList, LineList
from sde_tui.widgets.record_view import RecordView


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the list: the layout itself, or one role."""

    role: str = ""


class FieldMappingScreen(Dialog[LayoutProposal]):
    """Roles on the left, the first record on the right."""

    DEFAULT_CSS = """
    FieldMappingScreen > Vertical { width: 100%; max-width: 140; height: 100%; }
    FieldMappingScreen Horizontal { height: 1fr; }
    FieldMappingScreen ItemList { width: 36; height: 100%; max-height: 100%; }
    FieldMappingScreen RecordView { width: 1fr; height: 100%; background: $panel; border-left: solid $background; padding: 0 1; }
    """
    NAME = "field_mapping"
    BINDINGS = dialog_bindings(NAME)

    def __init__(self, mapping: MappingPart) -> None:
        super().__init__()
        self._mapping = mapping
        self._proposal = mapping.current()
        self._row = 0

    def compose_content(self) -> Iterable[Widget]:
        with Vertical():
            yield Static(Content("Which field plays which role"))
            with Horizontal():
                yield ItemList(id="roles")
                yield RecordView(id="preview")
            yield Static("", id="fault", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#roles", ItemList))
        self._refresh()

    def _refresh(self) -> None:
        shown: list[Item] = [Item([("layout    ", "dim"), (self._proposal.layout.name, "strong")], _Line()), Item([])]
        for role in self._mapping.roles():
            field = self._proposal.layout.roles.get(role, "")
            words = visible(field, 22) if field else "—"
            shown.append(Item([(f"{role:<9} ", "accent" if field else "dim"), (words, "text" if field else "dim")], _Line(role)))
        self.query_one("#roles", ItemList).set_items(shown)
        record, fault = self._mapping.preview(self._proposal, self._row)
        self.query_one("#preview", RecordView).show_record(record)
        self.query_one("#fault", Static).update(Content(fault))

    def action_next_record(self) -> None:
        self._show_another(1)

    def action_previous_record(self) -> None:
        self._show_another(-1)

    def _show_another(self, step: int) -> None:
        self._row = self._mapping.another_row(self._row, step)
        self._refresh()

    def action_change(self) -> None:
        line = self.query_one("#roles", ItemList).value
        if line is None:
            return
        if line.role:
            fields: list[tuple[Any, str]] = [("", "— no field"), *((field, visible(field, 60)) for field in self._mapping.fields())]
            current = self._proposal.layout.roles.get(line.role, "")
            self.app.push_screen(ChooseScreen(f"Field for {line.role}", fields, current), lambda field: self._take({line.role: field}, field))
        else:
            names = [(name, name) for name in self._mapping.layouts()]
            self.app.push_screen(ChooseScreen("Layout", names, self._proposal.layout.name), self._take_layout)

    def _take(self, mapping: Mapping[str, str], chosen: str | None) -> None:
        if chosen is not None:
            self._proposal = self._mapping.with_roles(self._proposal, mapping)
            self._refresh()

    def _take_layout(self, name: str | None) -> None:
        if name is not None:
            self._proposal = self._mapping.with_layout(name)
            self._refresh()

    def on_line_list_chosen(self, event: LineList.Chosen) -> None:
        event.stop()
        self.action_change()

    def action_save(self) -> None:
        self.dismiss(self._proposal)
