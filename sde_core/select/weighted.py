"""Random samples that prefer quality, by a temperature τ (Zhu et al. 2025, arXiv 2410.04715, section 4; Wettig et al. 2024, "QuRating").

Both weigh a row by e^(quality/τ). Gumbel top-k draws rows one after the other in proportion to the weights, without putting them back. Softmax
sampling gives each row the chance min(1, c·e^(quality/τ)) of being in, c such that the chances add up to the size (systematic sampling, Madow 1949).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress
from sde_core.select.protocol import Choice, Pool, Positions, SelectionParams
from sde_core.select.ranking import require_quality, with_locked
from sde_core.select.seeding import seeded_priority

NEARLY_UNIFORM = 0.25
"""Below this part of the way from the mean quality of all rows to that of the best ones, the warning is given."""

LEAST_TAU = 1e-12
"""A lower τ counts as this: with single precision quality both methods are exactly top-k by then, and no weight overflows."""

_GUMBEL_STREAM, _SOFTMAX_STREAM = 0x67756D62656C, 0x736F66746D6178
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GumbelTopK:
    """Rows in the order of quality/τ + Gumbel noise."""

    name: str = "gumbel"
    definition: str = "Gumbel top-k: one by one, chances as e^(quality/τ)"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Rows by key = quality/τ + noise, the noise a function of row and seed.

        Raises:
            UsageError: When no quality was given, or τ is not above 0.
        """
        free = pool.open_positions()
        keys = log_weights(pool, params, self.name) + _gumbel(pool.rows, params.seed)
        chosen = with_locked(pool, free[np.lexsort((pool.priority[free], -keys[free]))], params.k)
        note = f"Drawn at τ = {params.tau:g}, its key quality/τ + Gumbel noise being {{:.2f}}"
        return _with_tau_shown(Choice(chosen, tuple(note.format(keys[position]) for position in chosen)), pool, params)


@dataclass(frozen=True, slots=True)
class SoftmaxSample:
    """Rows drawn systematically, with chances that are known."""

    name: str = "softmax"
    definition: str = "softmax sampling: chances min(1, c·e^(quality/τ))"
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Rows in the seed's order, in which every whole step of the summed chances takes the row it falls on.

        Raises:
            UsageError: When no quality was given, or τ is not above 0.
        """
        weights = log_weights(pool, params, self.name)
        drawn, chances = zip(*(self._drawn(pool, weights, part, n, params.seed) for part, n in _parts(pool, params.k)), strict=True)
        together, told = np.concatenate(drawn), np.concatenate(chances)
        order = np.argsort(pool.priority[together])
        free = len(pool.open_positions())
        usual = (params.k - len(pool.locked)) / max(1, free)
        note = f"Drawn at τ = {params.tau:g} with a chance of {{:.2%}}, where a random sample gives {usual:.2%}"
        notes = ("",) * len(pool.locked) + tuple(note.format(chance) for chance in told[order])
        return _with_tau_shown(Choice(np.concatenate([pool.locked, together[order]]), notes), pool, params)

    def _drawn(self, pool: Pool, weights: Floats, part: Positions, n: int, seed: int) -> tuple[Positions, Floats]:
        part = part[np.argsort(pool.priority[part])]
        chances = inclusion_chances(weights[part], n)
        offset = seeded_priority(np.asarray([_SOFTMAX_STREAM], dtype=np.int64), seed)[0] / 2.0**63
        drawn = systematic_sample(chances, n, float(offset))
        return part[drawn], chances[drawn]


def _parts(pool: Pool, k: int) -> list[tuple[Positions, int]]:
    """Open positions and how many of them are wanted: those of each group where there is a quota, all of them where there is none."""
    free = pool.open_positions()
    if pool.quota is None:
        return [(free, k - len(pool.locked))]
    return [(free[pool.quota.codes[free] == code], int(n)) for code, n in enumerate(pool.quota.room_after(pool.locked))]


def log_weights(pool: Pool, params: SelectionParams, method: str) -> Floats:
    """quality/τ, of quality brought to mean 0 and standard deviation 1 where that was asked, float64[n].

    Raises:
        UsageError: When the rows have no quality, or τ is no number above 0.
    """
    require_quality(pool, method)
    if not params.tau > 0 or not np.isfinite(params.tau):
        raise UsageError(f"A temperature τ of {params.tau:g} means nothing.", "Use a number above 0; near 0 the best rows are taken.")
    quality = pool.quality
    if params.standardized:
        known = quality[pool.allowed]
        quality = (quality - known.mean()) / (float(known.std()) or 1.0)
    return np.asarray(quality / max(params.tau, LEAST_TAU))


def inclusion_chances(log_weight: Floats, n: int) -> Floats:
    """min(1, c·e^log_weight) with c such that they sum to `n` ≤ len(log_weight), float64."""
    order = np.argsort(-log_weight, kind="stable")
    ranked = log_weight[order]
    # Of the rows from each rank on: the logarithm of their summed weights.
    tails = np.logaddexp.accumulate(ranked[::-1])[::-1] if len(ranked) else ranked
    left = n - np.arange(len(ranked))
    with np.errstate(divide="ignore"):
        # The small logarithm comes last: beside large weights it would be lost.
        share = np.where(left > 0, ranked - tails + np.log(np.maximum(left, 1e-300)), -np.inf)
    sure = int(np.argmax(share <= 1e-12)) if len(share) and (share <= 1e-12).any() else len(ranked)
    chances = np.ones(len(ranked))
    if sure < len(ranked):
        chances[sure:] = np.exp(ranked[sure:] - tails[sure] + np.log(n - sure)) if n > sure else 0.0
    scattered = np.empty_like(chances)
    scattered[order] = np.minimum(chances, 1.0)
    return scattered


def systematic_sample(chances: Floats, n: int, offset: float) -> Positions:
    """Places on which offset, offset + 1, …, offset + n − 1 fall along the summed chances, int64[n], each once."""
    reach = np.cumsum(chances)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    steps = (offset + np.arange(n)) * (reach[-1] / n)
    drawn = np.minimum(np.searchsorted(reach, steps, side="right"), len(chances) - 1)
    return _each_once(drawn, chances)


def _each_once(drawn: Positions, chances: Floats) -> Positions:
    """A row with chance 1 can be hit twice by rounding; then the likeliest row not hit takes the second place."""
    kept = np.unique(drawn)
    missing = len(drawn) - len(kept)
    if not missing:
        return kept
    others = np.setdiff1d(np.arange(len(chances)), kept)
    return np.sort(np.concatenate([kept, others[np.argsort(-chances[others], kind="stable")[:missing]]]))


def _gumbel(rows: npt.NDArray[np.int64], seed: int) -> Floats:
    uniform = (seeded_priority(rows ^ _GUMBEL_STREAM, seed) + 0.5) / 2.0**63
    return np.asarray(-np.log(-np.log(uniform)))


def _with_tau_shown(choice: Choice, pool: Pool, params: SelectionParams) -> Choice:
    """Adds what τ made of the quality: the subset's mean beside that of the best rows and that of all."""
    allowed = pool.quality[pool.allowed]
    mean, uniform = float(pool.quality[choice.positions].mean()), float(allowed.mean())
    best = float(np.sort(allowed)[len(allowed) - len(choice.positions) :].mean())
    scale = " standard deviations" if params.standardized else ""
    remarks = [f"At τ = {params.tau:g}{scale} the mean quality is {mean:.3f}: the best {len(choice.positions):,} rows have {best:.3f}, "
               f"random rows {uniform:.3f}."]  # fmt: skip
    if best > uniform and (mean - uniform) / (best - uniform) < NEARLY_UNIFORM:
        remarks.append(f"τ = {params.tau:g} makes this nearly a random sample; a lower τ prefers quality more.")
    figures = (("mean_quality", mean), ("topk_mean_quality", best), ("uniform_mean_quality", uniform))
    return replace(choice, remarks=tuple(remarks), figures=figures)
