"""The run in which nothing would train: refused, with the option that causes it and values that were tried and work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sde_core.dataset import Turns
from sde_core.errors import UsageError
from sde_core.train.encode import VERDICTS, Encoded, Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.row_check import RowCheck

TRIED_ROWS = 256
"""Rows on which other values are tried."""


def refuse_if_nothing_trains(checks: Sequence[RowCheck], tried: Sequence[str] = ()) -> None:
    """Stop a run that would learn nothing.

    Args:
        checks: All its rows.
        tried: Settings under which rows of it train; see `working_settings`.

    Raises:
        UsageError: When no row carries loss, naming the option or the field that causes it.
    """
    if any(check.trained for check in checks):
        return
    if not checks:
        raise UsageError("There are no rows to train on.", "Accept some rows, or take back some rejections.")
    ((worst, count),) = Counter(check.verdict for check in checks).most_common(1)
    example = next(check for check in checks if check.verdict == worst)
    others = "" if count == 1 else " and 1 other" if count == 2 else f" and {count - 1:,} others"
    why = (example.reason or VERDICTS[worst]).rstrip(".")
    raise UsageError(f"Nothing would train. Row {example.row}{others}: {why}.", _way_out(checks, example, tried))


def working_settings(batch: Sequence[Turns], encoder: Encoder) -> tuple[str, ...]:
    """The single settings of the recipe under which some of these rows would train, the one that changes least first.

    Args:
        batch: Rows of a run in which nothing trains; the first `TRIED_ROWS` are looked at.
        encoder: The run's.
    """
    rows = batch[:TRIED_ROWS]
    encoded = encoder.encode_all(rows)
    return tuple(setting for setting, recipe in _candidates(encoder.recipe, encoded) if _trains(rows, Encoder(encoder.tokenizer, recipe)))


def _candidates(recipe: Recipe, encoded: Sequence[Encoded]) -> list[tuple[str, Recipe]]:
    """Settings that differ from the recipe's, each with the recipe that it gives."""
    tokens = [row.n_tokens for row in encoded if row.verdict == "dropped" or "max_length" in row.reason]
    longer = 1 << max(min(tokens, default=1) - 1, 1).bit_length()
    changes: list[dict[str, object]] = [{"template": "plain"}] if recipe.template != "plain" else []
    changes += [{"max_length": longer}] if tokens else []
    changes += [{"answers": "all"}] if recipe.answers == "last" else []
    changes += [{"too_long": "split"}] if tokens and recipe.too_long != "split" else []
    changes += [{"truncation_side": "left"}] if tokens and recipe.truncation_side == "right" and recipe.too_long == "cut" else []
    changes += [{"completion_only": False}] if recipe.completion_only else []
    return [(_setting(change), replace(recipe, **change)) for change in changes]  # type: ignore[arg-type]


def _setting(change: dict[str, object]) -> str:
    ((name, value),) = change.items()
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def _trains(rows: Sequence[Turns], encoder: Encoder) -> bool:
    return any(row.n_trained for row in encoder.encode_all(rows))


def _way_out(checks: Sequence[RowCheck], example: RowCheck, tried: Sequence[str]) -> str:
    if tried:
        option = tried[0].partition("=")[0]
        return f"The option is {option}: {' or '.join(f'--set {setting}' for setting in tried[:3])} would train some."
    if example.verdict == "template":
        return "The option is template: --set template=plain uses the plain form."
    if example.verdict == "dropped" or "max_length" in example.reason:
        shortest = min(check.tokens for check in checks if check.verdict == "dropped" or "max_length" in check.reason)
        longer = 1 << max(shortest - 1, 1).bit_length()
        return f"The option is max_length: the shortest row has {shortest:,} tokens; raise it with --set max_length={longer}."
    if "assistant" in example.reason:
        return "The options are --map answer=FIELD, which says where the answer is, and --set completion_only=false, which trains on all text."
    return "The option is --map answer=FIELD, which says where the answers are."
