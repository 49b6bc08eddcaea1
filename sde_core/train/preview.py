"""One row as training sees it, token by token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sde_core.dataset import Turns
from sde_core.train.encode import VERDICTS, Encoder, TokenState

SHOWN_CHARACTERS = 50_000
"""Of each text: a view is drawn while somebody waits, and no model here reads as much."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """A row's tokens.

    Attributes:
        tokens: Every token as (text, what becomes of it); a character that takes several tokens stands with the first of them.
        note: How they were made and what follows, in one sentence or two.
    """

    tokens: tuple[tuple[str, TokenState], ...]
    note: str


def token_view(encoder: Encoder, turns: Turns) -> TokenView:
    """The row's tokens; where the chat template refuses it there are none, and the note says why."""
    shown = tuple(replace(turn, text=turn.text[:SHOWN_CHARACTERS]) for turn in turns.turns)
    long = " Only the beginning of its long texts is looked at here." if shown != turns.turns else ""
    encoded = encoder.encode(replace(turns, turns=shown))
    backend, specials = encoder.tokenizer.backend, set(encoder.tokenizer.special_texts)
    tokens = []
    for token, (begin, end), (text, state) in zip(encoded.full_ids.tolist(), encoded.offsets.tolist(), encoded.tokens(), strict=True):
        added = backend.id_to_token(token) if begin == end else ""
        tokens.append((added if added in specials else text, state))
    reason = "" if encoded.verdict == "ok" else f" It {VERDICTS[encoded.verdict]}{': ' + encoded.reason if encoded.reason else ''}."
    cut = f" {encoded.n_cut:,} of {encoded.n_tokens:,} tokens are cut at {encoder.max_length:,}." if encoded.n_cut and encoded.verdict == "ok" else ""
    split = f" It is split into {len(encoded.parts):,} samples of at most {encoder.max_length:,} tokens that train." if encoded.part_length else ""
    packed = " It shares its sequence with other samples, which it does not see." if encoder.recipe.packing and encoded.parts else ""
    return TokenView(tuple(tokens), f"{encoder.renderer.form} of {encoder.tokenizer.name.rsplit('/', 1)[-1]}.{reason}{cut}{split}{packed}{long}")
