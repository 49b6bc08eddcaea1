"""What one row contributes to a run."""

from __future__ import annotations

from dataclasses import dataclass

from sde_core.train.encode import Encoded, Verdict


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What one row contributes.

    Attributes:
        row: Record position.
        tokens: Its tokens before anything is cut.
        trained: Tokens of it that carry loss.
        truncated: Tokens of it that are cut off or left out.
        verdict: One of `VERDICTS`.
        reason: Why, where the verdict alone does not say.
        special_text: Whether its own text holds something that the tokenizer takes for a special token.
        samples: How many samples it is trained on as: none where nothing of it trains, several where it is split.
        lengths: Tokens of each of these samples.
    """

    row: int
    tokens: int
    trained: int
    truncated: int
    verdict: Verdict
    reason: str = ""
    special_text: bool = False
    samples: int = 1
    lengths: tuple[int, ...] = ()

    @property
    def answers_are_cut_off(self) -> bool:
        """Whether nothing of it trains because what should is cut off or left out for its length."""
        return self.verdict == "dropped" or (self.verdict == "nothing" and self.truncated > 0)


def row_check(row: int, sample: Encoded) -> RowCheck:
    """What one encoded row contributes."""
    lengths = tuple(part.stop - part.start for part in sample.parts)
    return RowCheck(row, sample.n_tokens, sample.n_trained, sample.n_cut, sample.verdict, sample.reason, sample.special_text, len(lengths), lengths)
