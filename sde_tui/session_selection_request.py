"""From what the user wishes and decided to what is asked of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sde_tui.session_selection_wishes import SelectionWishes

if TYPE_CHECKING:
    import numpy as np

    from sde_core.decisions import DecisionState
    from sde_core.select import RowFeatures, SelectionParams

DEFAULT_SHARE, DEFAULT_ROWS = 0.1, 500


def default_size(wishes: SelectionWishes, candidates: int) -> int:
    """How many rows are wished for."""
    return wishes.k if wishes.k is not None else max(1, min(DEFAULT_ROWS, round(DEFAULT_SHARE * candidates)))


def request_of(wishes: SelectionWishes, state: DecisionState, features: RowFeatures) -> tuple[SelectionParams | None, str]:
    """What to ask of the engine, sizes brought within bounds, and what had to be changed for that."""
    import numpy as np

    from sde_core.select import SelectionParams

    readable = np.zeros(len(state.statuses), dtype=bool)
    readable[features.rows] = True
    locked, banned = _mask(wishes.locked, len(readable)), _mask(wishes.banned, len(readable))
    banned |= state.statuses < 0
    locked |= state.statuses > 0
    locked &= readable & ~banned
    available, held = int((readable & ~banned).sum()), int(locked.sum())
    if not available:
        return None, "No row is left to choose from: all are rejected, banned or unreadable."
    wanted = default_size(wishes, len(features.rows))
    k = min(max(wanted, held), available)
    note = f"only {available:,} can be chosen" if wanted > available else f"{held:,} are accepted or locked" if wanted < held else ""
    params = SelectionParams(
        k=k,
        method=wishes.method,
        seed=wishes.seed,
        balance=wishes.balance,
        locked=tuple(map(int, np.flatnonzero(locked))),
        banned=tuple(map(int, np.flatnonzero(banned))),
        tau=wishes.tau,
        tokens=wishes.tokens,
        quota_by=wishes.quota_by,
        quota_split=wishes.quota_split,
        liked=tuple(row for row in wishes.liked if readable[row]),
        disliked=tuple(row for row in wishes.disliked if readable[row]),
    )
    return params, note


def _mask(rows: frozenset[int], size: int) -> np.ndarray:
    import numpy as np

    mask = np.zeros(size, dtype=bool)
    mask[list(rows)] = True
    return mask
