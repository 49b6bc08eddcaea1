"""The options of `sde select` that say which rows, and what they ask of a selector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sde_core.cli.common import CommandFunction, parsed_rows
from sde_core.errors import UsageError
from sde_core.select import DEFAULT_BALANCE, DEFAULT_MAX_SIMILARITY, DEFAULT_TAU, SELECTORS, RowFeatures, SelectionParams, rows_wanted
from sde_core.select.protocol import EQUAL, KEEP_EASY, KEEP_HARD, KEEP_RANDOM, PROPORTIONAL, QUOTA_KINDS, tokens_wanted
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.decisions import Journal

METHOD_NAMES = [selector.name for selector in SELECTORS]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, as it was asked; see the options."""

    size: str | None
    tokens: str | None
    method: str
    balance: float
    tau: float
    standardized: bool
    max_similarity: float
    clusters: int
    keep: str
    seed: int
    quota_by: str | None
    quota_split: str
    quotas: tuple[str, ...]
    locked: tuple[str, ...]
    lock_accepted: bool
    banned: tuple[str, ...]
    liked: tuple[str, ...]
    disliked: tuple[str, ...]


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("-k", "--size", metavar="N|N%", help="Rows in all, locked ones counted; N% is of the rows not rejected or banned."),
    click.option("--tokens", metavar="N|Nk|Nm",
                 help="At most so many tokens in all: rows in order of choice until one does not fit; with quotas as many as keep to them."),
    click.option("--method", type=click.Choice(METHOD_NAMES), default=METHOD_NAMES[0], show_default=True, metavar="NAME", help="See below."),
    click.option("--balance", type=click.FloatRange(0, 1), default=DEFAULT_BALANCE, show_default=True, metavar="θ",
                 help="0 diversity alone, 1 quality alone (dpp)."),
    click.option("--tau", type=click.FloatRange(0, min_open=True), default=DEFAULT_TAU, show_default=True, metavar="τ",
                 help="Rows are weighed by e^(quality/τ) (gumbel, softmax)."),
    click.option("--standardize", "standardized", is_flag=True, help="τ counts in standard deviations of quality."),
    click.option("--max-similarity", type=click.FloatRange(0, 1, min_open=True), default=DEFAULT_MAX_SIMILARITY, show_default=True, metavar="S",
                 help="dpp passes over rows more similar than this to a chosen one while any other is left; deita takes none such; "
                      "semdedup calls them duplicates (ε = 1 − S)."),
    click.option("--clusters", type=click.IntRange(0), default=0, metavar="N", help="Clusters of semdedup, car and quotas; 0: by the rows."),
    click.option("--keep", type=click.Choice([KEEP_HARD, KEEP_EASY, KEEP_RANDOM]), default=KEEP_HARD, show_default=True,
                 help="Of duplicates semdedup keeps that far from the centre, that near to it, or any."),
    click.option("--seed", type=int, default=0, show_default=True, help="Drives the random methods; breaks exact ties of the others."),
    click.option("--quota-by", type=click.Choice(QUOTA_KINDS), help="Give each class, source or cluster its share of the rows."),
    click.option("--quota-split", type=click.Choice([PROPORTIONAL, EQUAL]), default=PROPORTIONAL, show_default=True, help="What that share is."),
    click.option("--quota", "quotas", multiple=True, metavar="NAME=SHARE,…", help="Shares by hand, of their sum; --quota-by is class unless given."),
    click.option("--lock", "locked", multiple=True, metavar="ROWS", help="Rows that are always in, as 3,7,10-20; repeatable."),
    click.option("--lock-accepted", is_flag=True, help="Rows accepted before are in, save those that --ban names."),
    click.option("--ban", "banned", multiple=True, metavar="ROWS", help="Rows that are never in; repeatable."),
    click.option("--like", "liked", multiple=True, metavar="ROWS", help="More rows like these; a row named twice weighs twice."),
    click.option("--dislike", "disliked", multiple=True, metavar="ROWS", help="Fewer rows like these."),
)  # fmt: skip


def request_options(function: CommandFunction) -> CommandFunction:
    """Adds the options that make a `Request`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def params_of(request: Request, features: RowFeatures, count: int, journal: Journal | None) -> SelectionParams:
    """What the request asks of a selector.

    Args:
        request: The options.
        features: Of the readable rows.
        count: Rows of the dataset.
        journal: Decisions: rejected rows are banned.

    Raises:
        UsageError: When it contradicts itself or the dataset.
    """
    rejected = set() if journal is None else set(map(int, journal.state.rejected_rows()))
    locked = set(parsed_rows(request.locked, count)) if request.locked else set()
    banned = set(parsed_rows(request.banned, count)) if request.banned else set()
    both = locked & rejected
    if both:
        raise UsageError(f"Row {min(both)} is locked but was rejected.", f"Take the rejection back first: sde decide DATA clear {min(both)}")
    readable = set(features.rows.tolist())
    if request.lock_accepted and journal is not None:
        locked |= set(map(int, journal.state.accepted_rows())) & readable - banned
    available = len(readable) - len((banned | rejected) & readable)
    quotas = _parsed_quotas(request.quotas)
    return SelectionParams(
        k=_size(request, available),
        method=request.method,
        seed=request.seed,
        balance=request.balance,
        locked=tuple(sorted(locked)),
        banned=tuple(sorted(banned | rejected)),
        max_similarity=request.max_similarity,
        tau=request.tau,
        standardized=request.standardized,
        tokens=None if request.tokens is None else tokens_wanted(request.tokens),
        quota_by=request.quota_by or ("class" if quotas else ""),
        quota_split=request.quota_split,
        quotas=quotas,
        clusters=request.clusters,
        keep=request.keep,
        liked=_each(request.liked, count),
        disliked=_each(request.disliked, count),
    )


def _size(request: Request, available: int) -> int:
    if request.size is not None:
        return rows_wanted(request.size, available)
    if request.tokens is None:
        raise UsageError("How many rows are wanted?", "Say -k 500, -k 10% or --tokens 200k.")
    return max(1, available)


def _parsed_quotas(texts: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """(name, share) of "NAME=SHARE,…"; a name may hold an equals sign, since the last one counts."""
    quotas = []
    for pair in [pair for text in texts for pair in text.split(",") if pair.strip()]:
        name, equals, share = pair.rpartition("=")
        percent = share.strip().removesuffix("%")
        try:
            quotas.append((name.strip(), float(percent)))
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(f"{visible(pair.strip(), 60)} is not a quota.", "Write NAME=SHARE, as in --quota yes=1,no=1 or --quota yes=30%,no=70%.")
    return tuple(quotas)


def _each(texts: Sequence[str], count: int) -> tuple[int, ...]:
    """Rows from words, each as often as it is named."""
    return tuple(row for text in texts for word in text.split(",") for row in parsed_rows([word], count))
