"""The command line that proposes the rows that the app proposes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sde_tui.session_selection_wishes import DEFAULT_METHOD, LOSS_METHODS, STATIC, SelectionWishes

if TYPE_CHECKING:
    from sde_tui.session import Session
    from sde_tui.session_selection import SelectionPart


def select_command(session: Session, part: SelectionPart) -> str:
    """`sde select` with everything that is wished for."""
    wishes, params, accepted = part.wishes, part.params, session.decisions.counts[0]
    size = params.k if params is not None else part.k
    # Rows that were rejected since they were locked, or that this layout cannot read, are not asked for.
    locked = wishes.locked if params is None else wishes.locked.intersection(params.locked)
    liked, disliked = (wishes.liked, wishes.disliked) if params is None else (params.liked, params.disliked)
    words = [f"sde select {session.command_data} -k {size}"]
    words += [f"--method {wishes.method}"] if wishes.method != DEFAULT_METHOD else []
    words += [f"--balance {wishes.balance:g} --seed {wishes.seed}"]
    words += _steering(wishes)
    words += [f"--model {shlex.quote(wishes.model)}"] if wishes.model and wishes.method in LOSS_METHODS else []
    words += [f"--encoder {shlex.quote(part.encoder)}"] if part.encoder != STATIC else []
    words += session.rules.select_options()
    words += ["--lock-accepted"] if accepted else []
    words += [f"--lock {row_words(locked)}"] if locked else []
    words += [f"--ban {row_words(wishes.banned)}"] if wishes.banned else []
    words += [f"--like {_repeated(liked)}"] if liked else []
    words += [f"--dislike {_repeated(disliked)}"] if disliked else []
    return " ".join([*words, "-o subset.jsonl"])


def _steering(wishes: SelectionWishes) -> list[str]:
    """Temperature, budget and quotas where they are not what the command takes by itself."""
    plain = SelectionWishes()
    words = [f"--tau {wishes.tau:g}"] if wishes.tau != plain.tau else []
    words += [f"--tokens {wishes.tokens}"] if wishes.tokens is not None else []
    words += [f"--quota-by {wishes.quota_by}"] if wishes.quota_by else []
    return words + ([f"--quota-split {wishes.quota_split}"] if wishes.quota_by and wishes.quota_split != plain.quota_split else [])


def _repeated(rows: Iterable[int]) -> str:
    return ",".join(map(str, rows))


def row_words(rows: frozenset[int] | list[int]) -> str:
    """Rows as the command line takes them: "3,7,10-20"."""
    words: list[str] = []
    ordered = sorted(rows)
    start = 0
    for place in range(1, len(ordered) + 1):
        if place == len(ordered) or ordered[place] != ordered[place - 1] + 1:
            first, last = ordered[start], ordered[place - 1]
            words.append(str(first) if first == last else f"{first}-{last}")
            start = place
    return ",".join(words)
