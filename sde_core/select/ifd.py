"""Instruction-following difficulty: how much the instruction helps a model to write the answer.

"ifd" ranks by the ratio of losses L(y|x)/L(y) (Li et al. 2024, "From Quantity to Quality", arXiv 2308.12032, equation 3), "superfiltering" by the
ratio of perplexities exp(L(y|x))/exp(L(y)), from a small model (Li et al. 2024, "Superfiltering", arXiv 2402.00530, section 3).
`sde_core.evaluate.answer_loss` computes both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sde_core.errors import UsageError
from sde_core.progress import Cancel, Progress
from sde_core.select.protocol import Choice, Pool, SelectionParams
from sde_core.select.ranking import ranks_in, with_locked

IFD_LOSS_RATIO, PERPLEXITY_RATIO = "ifd_loss_ratio", "perplexity_ratio"
UNHELPFUL = 1.0
"""From this ratio on the instruction does not help the model, and the row is dropped."""


@dataclass(frozen=True, slots=True)
class DifficultyRanking:
    """The rows of the highest ratio below 1."""

    name: str
    definition: str
    score: str
    formula: str
    keeps_quota: bool = True

    def choose(self, pool: Pool, params: SelectionParams, cancel: Cancel, progress: Progress) -> Choice:
        """Locked rows, then rows by falling ratio; where too few have one below 1, those just above fill up, then those without any.

        Raises:
            UsageError: When the ratios have not been computed.
        """
        ratios = pool.scores.get(self.score)
        if ratios is None:
            raise UsageError(
                f"The method {self.name} needs the losses of the answers under a model, which have not been computed.",
                "Compute them with: sde ifd DATA (a model can be named with --model, here and there).",
            )
        free = pool.open_positions()
        known = free[np.isfinite(ratios[free])]
        good, unhelpful = known[ratios[known] < UNHELPFUL], known[ratios[known] >= UNHELPFUL]
        unknown = free[~np.isfinite(ratios[free])]
        parts = [
            good[np.lexsort((pool.priority[good], -ratios[good]))],
            unhelpful[np.lexsort((pool.priority[unhelpful], ratios[unhelpful]))],
            unknown[np.argsort(pool.priority[unknown])],
        ]
        ranked = np.concatenate(parts)
        chosen = with_locked(pool, ranked, params.k)
        taken = chosen[len(pool.locked) :]
        notes = [self._note(float(ratios[position]), rank, len(good)) for position, rank in zip(taken, ranks_in(ranked, taken), strict=True)]
        counts = (len(good), len(unhelpful), len(unknown))
        figures = tuple(zip(("usable", "instruction_does_not_help", "no_ratio"), map(float, counts), strict=True))
        filling_up = int((~(ratios[taken] < UNHELPFUL)).sum())
        return Choice(chosen, ("",) * len(pool.locked) + tuple(notes), self._remarks(filling_up, *counts), figures)

    def _note(self, ratio: float, rank: int, usable: int) -> str:
        if not np.isfinite(ratio):
            return f"Fills up without a {self.score}, since its answer is empty or cut off, or it has no instruction"
        if ratio >= UNHELPFUL:
            return f"Fills up, though its {self.score} of {ratio:.4f} is not below 1 and the instruction does not help"
        return f"Number {rank:,} of {usable:,} by {self.score} {self.formula} = {ratio:.4f}, below 1"

    def _remarks(self, filling_up: int, good: int, unhelpful: int, unknown: int) -> tuple[str, ...]:
        counted = (
            f"{self.score} = {self.formula}: {good:,} rows are below 1; {unhelpful:,} are not, since the instruction does not help; "
            f"{unknown:,} have no ratio, since their answer is empty or cut off, or they have no instruction."
        )
        return (counted, f"{filling_up:,} of those not below 1 fill up.") if filling_up else (counted,)


IFD = DifficultyRanking(
    "ifd", "IFD: the highest ratio of losses L(y|x)/L(y) below 1",
    IFD_LOSS_RATIO, "L(y|x)/L(y)",
)  # fmt: skip
SUPERFILTERING = DifficultyRanking(
    "superfiltering", "Superfiltering: highest exp(L(y|x))/exp(L(y)) below 1",
    PERPLEXITY_RATIO, "exp(L(y|x))/exp(L(y))",
)  # fmt: skip
