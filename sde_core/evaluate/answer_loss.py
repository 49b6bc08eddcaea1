"""How much the instruction helps a causal language model with each answer: its mean loss with and without the instruction.

L(y|x) is the mean negative log-likelihood of the tokens of the last answer (its end token among them) in the row as training would encode it,
L(y) that of the same tokens where the answer stands alone, in the same frame (the plain form's "Assistant:", where the papers' L(y) has none).
Two ratios are told from each other by name: `ifd_loss_ratio` = L(y|x)/L(y) (Li et al. 2024, arXiv 2308.12032, equation 3) and
`perplexity_ratio` = exp(L(y|x))/exp(L(y)) (Li et al. 2024, arXiv 2402.00530, section 3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from sde_core.dataset import Dataset, Turns
from sde_core.dataset.turns import ASSISTANT, USER, Turn
from sde_core.evaluate.token_counts import row_keys
from sde_core.features.embedding_cache import VectorCache
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent
from sde_core.rules.ranks import rank_correlation
from sde_core.train.encode import Encoded, Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer, model_location

if TYPE_CHECKING:
    from sde_core.evaluate.causal_loss import CausalLoss

MEASURED, CUT, EMPTY, AWAY, ALONE, REFUSED = range(6)
STATES = (
    "measured",
    "measured on the part of its answer that is not cut off",
    "has no answer",
    "its answer is cut off",
    "has no instruction",
    "the chat template refuses it",
)
"""What became of a row; the first two have ratios."""

FORM_VERSION = 2
SAVED_EVERY_SECONDS = 20.0
FIRST_ROWS, MOST_ROWS = 32, 512
"""Results are kept about so often, so many rows at a time; within these, rows are computed in order of length."""
_COLUMNS = 4
_PROBE = 1 << 20
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AnswerLosses:
    """Losses of the answers of readable records under one model.

    Attributes:
        rows: Record positions, int64[n].
        given_prompt: L(y|x), float64[n]; NaN where there is none.
        alone: L(y), float64[n]; NaN where there is none.
        tokens: Answer tokens that the losses are means over, int64[n].
        states: One of `STATES` each, int8[n].
        known: bool[n], which rows were computed.
        model: The model, as it was named.
        model_hash: Of its weights, vocabulary and form; results of another model or form are never mixed in.
    """

    rows: npt.NDArray[np.int64]
    given_prompt: Floats
    alone: Floats
    tokens: npt.NDArray[np.int64]
    states: npt.NDArray[np.int8]
    known: npt.NDArray[np.bool_]
    model: str
    model_hash: str

    @property
    def ifd_loss_ratio(self) -> Floats:
        """L(y|x)/L(y), float64[n]; NaN where there is none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.given_prompt / self.alone
        return np.where(np.isfinite(ratio), ratio, np.nan)

    @property
    def perplexity_ratio(self) -> Floats:
        """exp(L(y|x))/exp(L(y)), float64[n]; NaN where there is none."""
        return np.asarray(np.exp(self.given_prompt - self.alone))

    @property
    def scores(self) -> dict[str, Floats]:
        """Both ratios by the names that selectors know them by."""
        return {"ifd_loss_ratio": self.ifd_loss_ratio, "perplexity_ratio": self.perplexity_ratio}

    def counts(self) -> dict[str, int]:
        """Rows by what became of them, and of the measured ones how many the instruction does not help."""
        counted = {name: int(((self.states == state) & self.known).sum()) for state, name in enumerate(STATES)}
        unhelped = int((self.ifd_loss_ratio >= 1).sum())
        return {name: n for name, n in counted.items() if n} | {"the instruction does not help (ratio ≥ 1)": unhelped}

    def quantiles(self) -> dict[str, dict[str, float]]:
        """The 10 %, 50 % and 90 % quantiles of both ratios and both losses over the measured rows; empty where none is measured."""
        named = {**self.scores, "loss_given_prompt": self.given_prompt, "loss_alone": self.alone}
        known = {name: values[np.isfinite(values)] for name, values in named.items()}
        return {name: {f"{q:g}": float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9)} for name, values in known.items() if len(values)}

    def table(self) -> pl.DataFrame:
        """One line a row, as `sde ifd` writes it; without a state where it was not computed."""
        states = [STATES[state] if known else None for state, known in zip(self.states.tolist(), self.known.tolist(), strict=True)]
        return pl.DataFrame(
            {"row": self.rows, **self.scores, "loss_given_prompt": self.given_prompt, "loss_alone": self.alone,
             "answer_tokens": self.tokens, "state": pl.Series(states, dtype=pl.String)},
            nan_to_null=True,
        )  # fmt: skip


def spearman(a: Floats, b: Floats) -> tuple[float, int]:
    """Rank correlation of two scores of the same rows, over the rows that have both, and how many these are; NaN for fewer than 2."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 2:
        return float("nan"), int(both.sum())
    return rank_correlation(a[both], b[both]), int(both.sum())


def answer_encoder(model: str = "") -> Encoder:
    """The project's encoder, for which only the last answer carries loss.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
    """
    return Encoder(load_tokenizer(model), Recipe(model=model, answers="last"))


def cached_answer_losses(dataset: Dataset, model: str = "", *, cache_dir: Path | None, cancel: Cancel = NEVER) -> AnswerLosses | None:
    """What was computed before for the rows as they are now; None where that is nothing. Loads no torch.

    Args:
        dataset: Read to its end.
        model: A folder, a hub name, or "" for the base model that comes with sde.
        cache_dir: The project's.
        cancel: Looked at while reading.

    Raises:
        ModelError: When the model's tokenizer cannot be loaded.
    """
    if cache_dir is None:
        return None
    found = _Measured(dataset, model, answer_encoder(model), cache_dir, cancel)
    return found.losses() if found.known.any() else None


def measure_answer_losses(
    dataset: Dataset,
    model: str = "",
    *,
    cache_dir: Path | None = None,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> AnswerLosses:
    """Losses of all readable rows; those of equal rows and those computed before are not computed again.

    Args:
        dataset: Its rows, with the user's edits.
        model: A folder, a hub name, or "" for the base model that comes with sde. Weights load from safetensors only, and no code of theirs runs.
        cache_dir: Where results are kept as they come, so that a stopped or killed run goes on behind them.
        cancel: Looked at between batches.
        progress: In distinct rows.
        say: Told what is done now.

    Raises:
        ModelError: When the model cannot be loaded.
        MissingExtraError: When torch or transformers is not installed.
        CancelledError: When stopped.
    """
    encoder = answer_encoder(model)
    say("Reading the rows.")
    measured = _Measured(dataset, model, encoder, cache_dir, cancel)
    missing = np.flatnonzero(~measured.known)
    progress(len(measured.known) - len(missing), len(measured.known))
    if len(missing):
        from sde_core.evaluate.causal_loss import CausalLoss

        say("Loading the model.")
        computer = CausalLoss(model, encoder.tokenizer.pad_id, cancel)
        say(f"Measuring answers on {computer.device_words}.")
        done, total = len(measured.known) - len(missing), len(measured.known)
        for part in _parts(missing):
            raise_if_cancelled(cancel)
            measured.keep(part, _losses_of(measured.turns(part), encoder, computer, _counted_from(done, total, progress)))
            done += len(part)
            progress(done, total)
    return measured.losses()


def _parts(missing: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Parts that take about `SAVED_EVERY_SECONDS` each, as far as the part before tells."""
    start, size = 0, FIRST_ROWS
    while start < len(missing):
        began = time.monotonic()
        yield missing[start : start + size]
        start += size
        size = int(np.clip(size * SAVED_EVERY_SECONDS / max(time.monotonic() - began, 1e-3), FIRST_ROWS, MOST_ROWS))


def _counted_from(before: int, total: int, progress: Progress) -> Callable[[int], None]:
    return lambda rows: progress(before + rows, total)


class _Measured:
    """What is known of the distinct rows of a dataset."""

    def __init__(self, dataset: Dataset, model: str, encoder: Encoder, cache_dir: Path | None, cancel: Cancel) -> None:
        self._dataset, self._model = dataset, model
        self._hash = f"{model_hash(model)}-{form_hash(encoder)}"
        table = dataset.texts(cancel=cancel)
        self._rows = table["row"].to_numpy().astype(np.int64)
        keys = row_keys(dataset, table, cancel)
        self._keys, first = np.unique(keys, return_index=True)
        self._first, self._inverse = first, np.searchsorted(self._keys, keys)
        self._values = np.zeros((len(self._keys), _COLUMNS), dtype=np.float32)
        self._cache = None if cache_dir is None else VectorCache(cache_dir / "answer-losses" / self._hash)
        self.known = self._cache.fill(self._keys, self._values) if self._cache else np.zeros(len(self._keys), dtype=bool)

    def turns(self, part: npt.NDArray[np.int64]) -> list[Turns]:
        rows = self._rows[self._first[part]].tolist()
        return [turns for batch in self._dataset.batches(rows=rows) for _, _, turns in batch]

    def keep(self, part: npt.NDArray[np.int64], values: npt.NDArray[np.float32]) -> None:
        self._values[part], self.known[part] = values, True
        if self._cache:
            self._cache.add(self._keys[part], values)

    def losses(self) -> AnswerLosses:
        values = self._values[self._inverse].astype(np.float64)
        known = self.known[self._inverse]
        values[~known, :2] = np.nan
        return AnswerLosses(
            self._rows, values[:, 0], values[:, 1], values[:, 2].astype(np.int64), values[:, 3].astype(np.int8), known, self._model, self._hash
        )


def model_hash(model: str) -> str:
    """Names the weights and the vocabulary: of a folder the files' sizes and parts of their bytes, of a hub name the cached revision."""
    folder = model_folder(model)
    if folder is None or not Path(model_location(model)).is_dir():
        # Not by files: the hub's weights are fetched after its tokenizer, and the name must be the same before and after.
        return xxhash.xxh3_64_hexdigest(f"{model}\0{'' if folder is None else folder.name}".encode())
    digest = xxhash.xxh3_64()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("config.json"), *folder.glob("tokenizer.json")]):
        digest.update(f"{path.name}:{path.stat().st_size}".encode())
        with path.open("rb") as file:
            for start in {0, max(0, path.stat().st_size - _PROBE), max(0, path.stat().st_size // 2)}:
                file.seek(start)
                digest.update(file.read(_PROBE))
    return digest.hexdigest()


def model_folder(model: str) -> Path | None:
    """Where the model's files stand on this machine; None for a hub name that was never loaded."""
    location = Path(model_location(model))
    if location.is_dir():
        return location
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(str(location), "config.json")
    return Path(config).parent if isinstance(config, str) else None


def form_hash(encoder: Encoder) -> str:
    """Names how rows become text and tokens."""
    template = encoder.tokenizer.template_source if encoder.renderer.form == "chat template" else ""
    parts = (str(FORM_VERSION), template, str(encoder.max_length), repr(encoder.tokenizer.prefix_ids), encoder.tokenizer.eos_token)
    return xxhash.xxh3_64_hexdigest("\0".join(parts).encode())


def _losses_of(batch: list[Turns], encoder: Encoder, computer: CausalLoss, tick: Callable[[int], None]) -> npt.NDArray[np.float32]:
    """(L(y|x), L(y), answer tokens, state) of each row, float32[n, 4]."""
    given = encoder.encode_all(batch)
    alone = _encoded_alone(batch, encoder)
    states = [_state(turns, whole, part) for turns, whole, part in zip(batch, given, alone, strict=True)]
    measured = [place for place, state in enumerate(states) if state in (MEASURED, CUT)]
    sequences = [encoded[place] for place in measured for encoded in (given, alone)]
    wanted = [(encoded.ids, encoded.full_trained[encoded.kept]) for encoded in sequences]
    token_losses = iter(computer.token_losses(wanted, lambda done: tick(done // 2)))
    values = np.zeros((len(batch), _COLUMNS), dtype=np.float32)
    values[:, :2], values[:, 3] = np.nan, states
    for place, losses in zip(measured, _pairs(token_losses), strict=True):
        with_prompt, without = _of_shared_tokens(losses, given[place], alone[place])
        if len(without):
            values[place, :3] = with_prompt.mean(), without.mean(), len(without)
        else:
            values[place, 3] = AWAY
    return values


def _of_shared_tokens(losses: tuple[Floats, Floats], given: Encoded, alone: Encoded) -> tuple[Floats, Floats]:
    """The losses of the tokens that both have: nothing predicts the first token of a lone answer without a frame, and ends may be cut off."""
    ahead = int(given.full_trained.sum()) - int(alone.full_trained.sum())
    with_prompt, without = losses[0][max(ahead, 0) :], losses[1][max(-ahead, 0) :]
    shared = min(len(with_prompt), len(without))
    return with_prompt[:shared], without[:shared]


def _pairs(items: Iterator[Floats]) -> Iterator[tuple[Floats, Floats]]:
    return zip(items, items, strict=True)


def _encoded_alone(batch: list[Turns], encoder: Encoder) -> list[Encoded]:
    """Each row's last answer in the frame of its role; behind an empty instruction where the chat template refuses an answer without one."""
    alone = encoder.encode_all([_answer_alone(turns) for turns in batch])
    refused = [place for place, encoded in enumerate(alone) if encoded.verdict == "template"]
    for place, again in zip(refused, encoder.encode_all([_answer_alone(batch[place], empty_prompt=True) for place in refused]), strict=True):
        alone[place] = again
    return alone


def _answer_alone(turns: Turns, *, empty_prompt: bool = False) -> Turns:
    answer = next((turn for turn in reversed(turns.turns) if turn.role == ASSISTANT), None)
    return replace(turns, turns=(*((Turn(USER, ""),) if empty_prompt else ()), *((answer,) if answer else ())))


def _state(turns: Turns, given: Encoded, alone: Encoded) -> int:
    answer = next((turn for turn in reversed(turns.turns) if turn.role == ASSISTANT), None)
    if answer is None or not answer.text.strip():
        return EMPTY
    if not turns.prompt.strip():
        return ALONE
    if "template" in (given.verdict, alone.verdict):
        return REFUSED
    if not given.n_trained or not alone.n_trained:
        return AWAY
    return CUT if "cut" in (given.verdict, alone.verdict) else MEASURED
