"""Coverage as a table of words: the same lines for the command line and for the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sde_core.select.coverage import Coverage, SubsetProfile
from sde_core.visible import visible
from sde_core.wording import sparkline

NO_CLASS = "(no label)"
NOTHING = "–"
MOST_GROUPS = 4


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """One figure of the three subsets.

    Attributes:
        name: What it is, safe to show.
        full, proposal, random: Of all rows, of the proposal and of as many random rows.
        meaning: What the figure says, in a sentence without its full stop; "" where the name says it.
    """

    name: str
    full: str
    proposal: str
    random: str
    meaning: str = ""


def column_names(coverage: Coverage) -> tuple[str, str, str]:
    """The titles of the three columns; the seed of the random rows is one of them."""
    return "all", "proposal", f"random {coverage.seed}"


def coverage_lines(coverage: Coverage, *, groups: int = MOST_GROUPS) -> list[CoverageLine]:
    """All figures, then the shares of classes and of clusters.

    Args:
        coverage: What was measured.
        groups: So many classes and so many clusters get a line of their own; the others share one.
    """
    return [*figure_lines(coverage), *share_lines(coverage, "classes", groups), *share_lines(coverage, "clusters", groups)]


def figure_lines(coverage: Coverage) -> list[CoverageLine]:
    """Every figure that was measured."""
    bound = "≥" if coverage.measured_rows is not None else ""
    away = "distance, 1 − cosine similarity, of a row left out to the nearest chosen one"
    lines = [
        _line(coverage, "rows", lambda at: f"{at.rows:,}"),
        _line(coverage, _token_name(coverage), lambda at: _count(at.tokens), coverage.token_source),
        _line(coverage, "mean quality", lambda at: _decimal(at.mean_quality)),
        _line(coverage, "Vendi score", lambda at: f"{at.vendi:,.1f}", "rows with nothing in common that the rows are worth"),
        _line(coverage, "mean distance", lambda at: _decimal(at.mean_distance), f"mean {away}", whole=NOTHING),
        _line(coverage, "covering radius", lambda at: bound + _decimal(at.covering_radius), f"the largest {away}", whole=NOTHING),
        _line(coverage, "spread", lambda at: _decimal(at.spread), "mean distance of a chosen row to the nearest other chosen one", whole=NOTHING),
        *_length_lines(coverage, "characters", "length", "characters of the answer"),
        *_length_lines(coverage, "tokens", "token", "tokens of the row"),
    ]
    return [line for line in lines if {line.full, line.proposal, line.random} - {NOTHING, ""}]


def share_lines(coverage: Coverage, kind: str, most: int) -> list[CoverageLine]:
    """The share of each class or cluster in the three subsets, those beyond `most` as one line.

    Args:
        coverage: What was measured.
        kind: "classes" or "clusters".
        most: Lines.
    """
    profiles = (coverage.full, coverage.proposal, coverage.random)
    counted = [getattr(profile, kind) for profile in profiles]
    names = [visible(name, 40) or NO_CLASS for name, _ in counted[0]]
    shares = [[counts[place][1] / max(profile.rows, 1) for counts, profile in zip(counted, profiles, strict=True)] for place in range(len(names))]
    kept = len(names) if len(names) <= most else max(most - 1, 0)
    lines = [_shares(name, share) for name, share in zip(names[:kept], shares[:kept], strict=True)]
    if kept < len(names) and most > 0:
        held = [sum(count > 0 for _, count in counts[kept:]) for counts in counted]
        rest = [sum(column) for column in zip(*shares[kept:], strict=True)]
        lines.append(_shares(f"{len(names) - kept} more {kind}", rest, f"{held[1]:,} of these {held[0]:,} are in the proposal"))
    return lines


def _shares(name: str, shares: Sequence[float], meaning: str = "") -> CoverageLine:
    full, proposal, random = (f"{share:.1%}" for share in shares)
    return CoverageLine(name, full, proposal, random, meaning)


def _line(coverage: Coverage, name: str, cell: Callable[[SubsetProfile], str], meaning: str = "", *, whole: str | None = None) -> CoverageLine:
    return CoverageLine(name, cell(coverage.full) if whole is None else whole, cell(coverage.proposal), cell(coverage.random), meaning)


def _decimal(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _token_name(coverage: Coverage) -> str:
    return "tokens, estimated" if "estimate" in coverage.token_source else "tokens"


def _count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _length_lines(coverage: Coverage, name: str, attribute: str, meaning: str) -> list[CoverageLine]:
    """The row in the middle, the row at nine tenths, and all rows as columns."""

    def quantile(at: SubsetProfile, place: int) -> str:
        quantiles = getattr(at, f"{attribute}_quantiles")
        return NOTHING if quantiles is None else f"{quantiles[place]:,.0f}"

    return [
        _line(coverage, f"{name}, 50 %", lambda at: quantile(at, 1), f"{meaning} in the middle"),
        _line(coverage, f"{name}, 90 %", lambda at: quantile(at, 2), f"{meaning} that is longer than 90 % of them"),
        _line(coverage, f"{name} ▁▃█", lambda at: sparkline(getattr(at, f"{attribute}_histogram")), "rows from 0, 10, 20, 50, 100, 200, 500, …"),
    ]
