"""The map of the embedding space: projected once, counted anew for each size and window, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from sde_core.select import RowFeatures
    from sde_core.select.density import DensityGrid, Plane, Window
    from sde_tui.session import Session
    from sde_tui.session_selection import SelectionPart

ZOOM = 2.0
MOST_ZOOMS = 8


class MapPart:
    """Where all rows lie, and which of them are chosen.

    Attributes:
        plane: All rows on two axes; None until that is known.
        grid: They are counted in its cells; None until that is known.
        chosen: Chosen rows in each cell, int64[lines, columns].
        changed: Called when what was asked for is known.
    """

    def __init__(self, session: Session, part: SelectionPart) -> None:
        self._session = session
        self._part = part
        self.plane: Plane | None = None
        self.grid: DensityGrid | None = None
        self.chosen: np.ndarray | None = None
        self._projected: np.ndarray | None = None
        self._asked: tuple[int, int, Window | None] | None = None
        self._known: tuple[int, int, Window | None] | None = None
        self._windows: list[Window] = []
        self.changed: Callable[[], None] = lambda: None

    @property
    def zoomed(self) -> int:
        """How often it was zoomed in."""
        return len(self._windows)

    def forget(self) -> None:
        """The rows have other embeddings."""
        self._session.lanes.stop("selection-map")
        self.plane = self.grid = self.chosen = self._asked = self._known = self._projected = None
        self._windows = []

    def show(self, columns: int, lines: int) -> None:
        """Asks for a map of this size; `changed` tells when it is there."""
        features, window = self._part.features, self._windows[-1] if self._windows else None
        asked = (columns, lines, window)
        under_way = asked == self._asked and self._session.lanes.running("selection-map") is not None
        if features is None or columns < 2 or lines < 2 or asked == self._known or under_way:
            return
        self._asked = asked
        plane = self.plane if self._projected is features.vectors else None
        self._session.lanes.thread(
            "selection-map", "drawing the map", lambda cancel, _progress: _drawn(features, plane, asked, cancel),
            lambda found: self._drawn(features, asked, *found), quiet=True,
        )  # fmt: skip

    def _drawn(self, features: RowFeatures, asked: tuple[int, int, Window | None], plane: Plane, grid: DensityGrid) -> None:
        self.plane, self.grid, self._projected, self._known = plane, grid, features.vectors, asked
        self.follow()

    def follow(self) -> None:
        """Other rows are chosen."""
        import numpy as np

        grid, solution = self.grid, self._part.solution
        if grid is not None and solution is not None and len(grid.cells) == len(solution.pool.rows):
            cells = grid.cells[solution.chosen]
            self.chosen = np.bincount(cells[cells >= 0], minlength=grid.counts.size).reshape(grid.counts.shape)
        else:
            self.chosen = None
        self.changed()

    def rows_at(self, line: int, column: int) -> tuple[list[int], list[int]]:
        """The rows of a cell: those that are chosen, by rank, and the others, in file order."""
        features, grid = self._part.features, self.grid
        if features is None or grid is None:
            return [], []
        rows = [int(row) for row in features.rows[grid.rows_in(line, column)]]
        chosen = sorted((row for row in rows if self._part.rank_of(row)), key=lambda row: self._part.rank_of(row) or 0)
        return chosen, [row for row in rows if not self._part.rank_of(row)]

    def cell_of(self, row: int) -> tuple[int, int] | None:
        """Line and column of a row; None where it is not on the map that is shown."""
        import numpy as np

        features, grid = self._part.features, self.grid
        if features is None or grid is None:
            return None
        at = int(np.searchsorted(features.rows, row))
        cell = int(grid.cells[at]) if at < len(features.rows) and int(features.rows[at]) == row else -1
        return None if cell < 0 else divmod(cell, grid.columns)

    def zoom_in(self, line: int, column: int) -> bool:
        """Shows half as much each way around a cell; False where it is close enough."""
        if self.grid is None or self.zoomed >= MOST_ZOOMS:
            return False
        left, right, bottom, top = self._windows[-1] if self._windows else self.grid.window  # which may not be drawn yet
        lines, columns = self.grid.counts.shape
        x, y = left + (column + 0.5) / columns * (right - left), top - (line + 0.5) / lines * (top - bottom)
        across, up = (right - left) / ZOOM / 2, (top - bottom) / ZOOM / 2
        self._windows.append((x - across, x + across, y - up, y + up))
        return True

    def zoom_out(self) -> bool:
        """Shows what was shown before; False where that is everything."""
        return bool(self._windows and self._windows.pop())


def _drawn(features: RowFeatures, plane: Plane | None, asked: tuple[int, int, Window | None], cancel: Any) -> tuple[Plane, DensityGrid]:
    """In a thread: the projection, where it is not known yet, and the counts."""
    from sde_core.select.density import density_grid, plane_of

    plane = plane_of(features.vectors, cancel=cancel) if plane is None else plane
    return plane, density_grid(plane, *asked)
