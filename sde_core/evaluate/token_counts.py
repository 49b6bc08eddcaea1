"""How many tokens each row has: by a model's tokenizer through the project's one encoder, or estimated from its characters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from sde_core.dataset import Dataset
from sde_core.features.embedding_cache import TextKeys, VectorCache, text_keys
from sde_core.progress import NEVER, Cancel, Progress, silent
from sde_core.train.encode import Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer

CHARACTERS_PER_TOKEN = 4
ESTIMATED = "4 characters a token, estimated"
_SAVED_EVERY = 8192


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens of the readable rows.

    Attributes:
        rows: Record positions, int64[n].
        tokens: int64[n], before anything is cut off.
        source: What they were counted by, in words.
    """

    rows: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    source: str


def estimated_tokens(dataset: Dataset, *, cancel: Cancel = NEVER) -> TokenCounts:
    """A quarter of the characters of system messages, prompt and answer, rounded up; at least 1."""
    table = dataset.texts(cancel=cancel)
    characters = table.select(pl.sum_horizontal(pl.col("system", "prompt", "answer").str.len_chars().fill_null(0))).to_series().to_numpy()
    tokens = np.maximum(1, -(-characters.astype(np.int64) // CHARACTERS_PER_TOKEN))
    return TokenCounts(table["row"].to_numpy().astype(np.int64), tokens, ESTIMATED)


def counted_tokens(
    dataset: Dataset, recipe: Recipe, *, cache_dir: Path | None = None, cancel: Cancel = NEVER, progress: Progress = silent
) -> TokenCounts:
    """Tokens as training would encode the rows, kept by content and tokenizer.

    Args:
        dataset: Its rows, with the user's edits.
        recipe: Names the model and the form.
        cache_dir: Where counts are kept; None keeps nothing.
        cancel: Looked at between batches.
        progress: In distinct rows.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
        CancelledError: When stopped.
    """
    encoder = Encoder(load_tokenizer(recipe.model), recipe)
    table = dataset.texts(cancel=cancel)
    keys, rows = row_keys(dataset, table, cancel), table["row"].to_numpy().astype(np.int64)
    distinct, first = np.unique(keys, return_index=True)
    counts = np.zeros((len(distinct), 1), dtype=np.float32)
    cache = None if cache_dir is None else VectorCache(cache_dir / "token-counts" / tokenizer_hash(encoder))
    missing = np.flatnonzero(~cache.fill(distinct, counts)) if cache else np.arange(len(distinct))
    for start in range(0, len(missing), _SAVED_EVERY):
        part = missing[start : start + _SAVED_EVERY]
        found = [encoded.n_tokens for batch in dataset.batches(256, rows=rows[first[part]].tolist(), cancel=cancel)
                 for encoded in encoder.encode_all([turns for _, _, turns in batch])]  # fmt: skip
        counts[part, 0] = found
        if cache:
            cache.add(distinct[part], counts[part])
        progress(len(distinct) - len(missing) + start + len(part), len(distinct))
    words = f"the tokenizer of {Path(encoder.tokenizer.name).name}"
    return TokenCounts(rows, counts[np.searchsorted(distinct, keys), 0].astype(np.int64), words)


def row_keys(dataset: Dataset, table: pl.DataFrame, cancel: Cancel = NEVER) -> TextKeys:
    """A content hash of the messages of each row, uint64[n].

    Args:
        dataset: Its rows, with the user's edits.
        table: `dataset.texts()`.
        cancel: Looked at between batches.
    """
    content = table.select(pl.concat_str([pl.col(name).fill_null("") for name in ("roles", "system", "prompt", "answer")], separator="\x1e"))
    keys, roles = text_keys(content.to_series()), pl.col("roles").fill_null("")
    # What follows the last answer, and roles of other names, are in none of these columns.
    beside = table.select(~roles.str.contains("^[^?]*[ax]$")).to_series().to_numpy()
    rows = table["row"].to_numpy()[beside].tolist()
    whole = (
        "\x1e".join(f"{turn.role}\x1f{turn.text}" for turn in turns.turns)
        for batch in dataset.batches(rows=rows, cancel=cancel)
        for *_, turns in batch
    )
    keys[beside] = text_keys(whole)
    return keys


def tokenizer_hash(encoder: Encoder) -> str:
    """Names the tokenizer and the form."""
    parts = (encoder.tokenizer.backend.to_str(), encoder.tokenizer.template_source, encoder.renderer.form, repr(encoder.tokenizer.prefix_ids))
    return xxhash.xxh3_64_hexdigest("\0".join(parts).encode())
