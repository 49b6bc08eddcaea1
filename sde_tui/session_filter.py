"""Filtering and ordering rows; runs in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sde_core.errors import UsageError
from sde_core.progress import raise_if_cancelled
from sde_tui.session_records import LOSS_ORDERS

if TYPE_CHECKING:
    from sde_tui.session import Session
    from sde_tui.session_records import View

SEARCHED = ("system", "prompt", "answer", "label")
"""Columns of `Dataset.texts` that the filter looks into."""


def filtered_rows(session: Session, view: View, cancel: Any, progress: Any) -> np.ndarray:
    """The view's rows, filtered and ordered, as int64.

    Raises:
        CancelledError: When a later keystroke made it stale.
    """
    dataset = session.dataset
    dataset.read_all(cancel=cancel, progress=progress)
    rows = np.arange(len(dataset)) if view.base is None else np.asarray(view.base, dtype=np.int64)
    if view.only:
        rows = rows[np.isin(rows, only_rows(session, view.only, cancel, progress))]
    if view.text:
        matching = matching_rows(dataset.texts(cancel=cancel, progress=progress), view.text)
        rows = rows[np.isin(rows, matching)]
    raise_if_cancelled(cancel)
    if view.costs is not None and view.order in LOSS_ORDERS:
        return rows[np.argsort(view.costs.place[rows], kind="stable")]
    return rows if view.order == "file" else rows[_order(session, rows, view.order, cancel, progress)]


def matching_rows(texts: pl.DataFrame, text: str) -> np.ndarray:
    """Rows that hold the text in any searched column; a text in small letters matches capitals too.

    Returns:
        uint32[n] in file order.
    """
    found = pl.any_horizontal([_holds(column, text) for column in SEARCHED])
    return texts.lazy().filter(found).select("row").collect()["row"].to_numpy()


def _holds(column: str, text: str) -> pl.Expr:
    cells = pl.col(column).fill_null("")
    if text != text.lower():
        return cells.str.contains(text, literal=True)
    if text.isascii():
        return cells.str.contains_any([text], ascii_case_insensitive=True)
    return cells.str.to_lowercase().str.contains(text, literal=True)


def only_rows(session: Session, only: str, cancel: Any, progress: Any) -> np.ndarray:
    """Rows of one state."""
    if only in ("accepted", "rejected", "undecided"):
        return _decided_rows(session, only)
    if only == "unreadable":
        session.dataset.texts(cancel=cancel, progress=progress)
        return np.array([bad.row for bad in session.dataset.bad], dtype=np.int64)
    rows: Sequence[int] = {"marked": sorted(session.records.marks), "found": session.findings.rows, "edited": sorted(session.dataset.edits)}[only]
    return np.asarray(rows, dtype=np.int64)


def _decided_rows(session: Session, only: str) -> np.ndarray:
    state = session.decisions.state
    if state is None:
        raise UsageError(session.decisions.why_not(), "Try again in a moment.")
    wanted = {"accepted": 1, "rejected": -1, "undecided": 0}[only]
    return np.flatnonzero(state.statuses == wanted)


def _order(session: Session, rows: np.ndarray, order: str, cancel: Any, progress: Any) -> np.ndarray:
    """Positions that sort the rows; what has no value comes last."""
    if order in ("longest", "shortest"):
        texts = session.dataset.texts(cancel=cancel, progress=progress)
        value = texts["prompt"].str.len_chars() + texts["answer"].str.len_chars()
        known, values = texts["row"].to_numpy(), value.to_numpy().astype(np.float64)
        sign = -1.0 if order == "longest" else 1.0
    elif order == "worst":
        known, values = session.findings.harm()
        sign = -1.0
    else:
        known, values = session.quality()
        sign = -1.0 if order == "quality" else 1.0
    keys = np.full(len(session.dataset), np.inf)
    keys[known] = sign * values
    return np.argsort(keys[rows], kind="stable")
