"""The rows of a proposal, one line each, drawn only where they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sde_tui.widgets.lines import LineList
from sde_tui.widgets.record_table import SEVERITY_GLYPHS, STATUS_GLYPHS, RowCells
from sde_tui.widgets.spans import Line, Span, fit

HOLD_GLYPHS = {"locked": ("L", "accent"), "banned": ("B", "bad"), "liked": (">", "good"), "disliked": ("<", "warn")}
_NUMBER_CELLS = 6


@dataclass(frozen=True, slots=True)
class PickCells:
    """One line of the table; texts have passed `visible`.

    Attributes:
        row: Record position.
        sign: "+" for a row that came in, "−" for one that left, "" otherwise.
        rank: From 1; 0 where it has none.
        quality, gain, similarity: Figures, "" where there is none.
        nearest: Row number of the nearest chosen row, "" where there is none.
        hold: "locked", "banned", "liked", "disliked" or "".
        words: In place of the excerpt, "" for the excerpt.
    """

    row: int
    sign: str = ""
    rank: int = 0
    quality: str = ""
    gain: str = ""
    nearest: str = ""
    similarity: str = ""
    hold: str = ""
    words: str = ""


class PickTable(LineList):
    """Columns: rank, mark, decision or hold, finding, row, quality, gain, nearest chosen row and similarity, excerpt.

    Args:
        pick_of: Cells of a line by its number.
        record_of: Cells of a record by its row.
    """

    def __init__(self, pick_of: Callable[[int], PickCells], record_of: Callable[[int], RowCells], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._pick_of = pick_of
        self._record_of = record_of
        self.rows: Sequence[int] = ()
        self.number_width = 5
        self.rank_width = 4
        self.empty: Sequence[Line] = ()

    def show_rows(self, rows: Sequence[int], *, highest: int, empty: Sequence[Line] = ()) -> None:
        """Shows other rows; the cursor stays on its row, or else on its line.

        Args:
            rows: Record positions in order.
            highest: Rows of the dataset, for the width of the number column.
            empty: Lines to show where there are no rows.
        """
        held, line = self.row, self.cursor
        self.rows, self.empty = rows, empty
        self.number_width, self.rank_width = max(len(f"{highest:,}"), 4), max(len(f"{len(rows):,}"), 4)
        self.lines_changed()
        at = rows.index(held) if held in rows else min(line, max(len(rows) - 1, 0))
        self.set_reactive(LineList.cursor, at)
        self.show_line(at)

    @property
    def row(self) -> int | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def line_count(self) -> int:
        return len(self.rows) or len(self.empty)

    def selectable(self, y: int) -> bool:
        return y < len(self.rows)

    def style_over(self, y: int):  # noqa: ANN201
        return super().style_over(y) if self.rows else None

    def line_at(self, y: int, width: int) -> Line:
        if not self.rows:
            return self.empty[y]
        pick, record = self._pick_of(y), self._record_of(self.rows[y])
        mark: Span = ("•", "accent") if record.marked else (" ", "text")
        status = STATUS_GLYPHS.get(record.status) or HOLD_GLYPHS.get(pick.hold, (" ", "text"))
        sign_ink = "good" if pick.sign == "+" else "warn"
        spans: list[Span] = [(f"{pick.sign or ' '}{pick.rank or '':>{self.rank_width - 1}} ", sign_ink if pick.sign else "dim")]
        spans += [mark, status, SEVERITY_GLYPHS.get(record.severity, (" ", "text")), (f"{pick.row:>{self.number_width},} ", "text")]
        figures = "" if pick.words else self._figures(pick)
        excerpt = pick.words or (record.prompt + ("  → " + record.answer if record.answer else ""))
        left = width - self._before_figures - len(figures)
        return [*spans, (figures, "accent"), (fit(excerpt, left), "warn" if pick.words and pick.sign == "−" else "text")]

    def _figures(self, pick: PickCells) -> str:
        nearest = f" {pick.nearest:>{self.number_width}}{pick.similarity:>{_NUMBER_CELLS}}  "
        return f"{pick.quality:>{_NUMBER_CELLS}}{pick.gain:>{_NUMBER_CELLS}}{nearest}"

    @property
    def _before_figures(self) -> int:
        return self.rank_width + 1 + 3 + self.number_width + 1

    def header(self, width: int) -> Line:
        """The column titles for this width."""
        text = "rank".rjust(self.rank_width) + "    " + "row".rjust(self.number_width) + " "
        text += f"{'qual':>{_NUMBER_CELLS}}{'gain':>{_NUMBER_CELLS}} {'near':>{self.number_width}}{'sim':>{_NUMBER_CELLS}}  prompt → answer"
        return [(fit(text, width), "dim")]
