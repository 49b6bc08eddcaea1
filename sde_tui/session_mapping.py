"""Other ways to read the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sde_core.dataset import LAYOUTS, ROLES, Dataset, Layout
from sde_core.dataset.layouts import corrected_layout
from sde_core.errors import BadRecordError, SdeError
from sde_tui.widgets.record_text import RecordText

if TYPE_CHECKING:
    from sde_tui.session import Session

_SAMPLE_ROWS = 200


@dataclass(frozen=True, slots=True)
class LayoutProposal:
    """A layout, and the options of the command line that ask for it."""

    layout: Layout
    options: tuple[str, ...] = ()


class MappingPart:
    """Proposes layouts and shows records as they would be read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sample: list[Any] | None = None

    def current(self) -> LayoutProposal:
        """The layout in force."""
        return LayoutProposal(self._session.dataset.layout, self._session.open_options)

    def layouts(self) -> list[str]:
        """Names of all layouts."""
        return [family.name for family in LAYOUTS]

    def roles(self) -> Sequence[str]:
        """All roles that a field may have."""
        return ROLES

    def fields(self) -> list[str]:
        """Fields of the sampled records, those that most have first."""
        counts: dict[str, int] = {}
        for value in self.sample():
            for name in value if isinstance(value, dict) else ():
                counts[str(name)] = counts.get(str(name), 0) + 1
        return sorted(counts, key=lambda name: -counts[name])

    def sample(self) -> list[Any]:
        """Readable records from the beginning."""
        if self._sample is None:
            self._sample = []
            dataset = self._session.dataset
            for row in range(min(len(dataset), _SAMPLE_ROWS)):
                try:
                    self._sample.append(dataset.original_value(row))
                except BadRecordError:
                    continue
        return self._sample

    def with_layout(self, name: str) -> LayoutProposal:
        """Another layout, with the fields it finds by itself."""
        return LayoutProposal(corrected_layout(None, name, None, self.sample()), ("--layout", name))

    def with_roles(self, proposal: LayoutProposal, mapping: Mapping[str, str]) -> LayoutProposal:
        """The proposal with other fields for some roles; "" takes a role's field away."""
        roles = {role: field for role, field in {**proposal.layout.roles, **mapping}.items() if field}
        options = ["--layout", proposal.layout.name]
        for role, field in roles.items():
            options += ["--map", f"{role}={field}"]
        return LayoutProposal(Layout(proposal.layout.name, roles), tuple(options))

    def another_row(self, row: int, step: int) -> int:
        """The next row, within the dataset."""
        return max(0, min(row + step, len(self._session.dataset) - 1))

    def preview(self, proposal: LayoutProposal, row: int) -> tuple[RecordText, str]:
        """The record as it would be read, and what is wrong with that reading."""
        dataset: Dataset = self._session.dataset.with_layout(proposal.layout)
        try:
            turns = dataset.turns(row)
        except SdeError as error:
            return RecordText(row, dataset.line(row), fault=error.message), ""
        fault = "" if turns.turns else "No message is found in this record this way."
        if turns.turns and not turns.answer:
            fault = "No answer is found in this record this way."
        return RecordText(row, dataset.line(row), turns=turns), fault

    def take(self, proposal: LayoutProposal | None) -> None:
        """Reads the dataset like this from now on."""
        if proposal is not None:
            self._session.open_options = proposal.options
            self._session.set_layout(proposal.layout)
