"""From turns to token ids and labels: the one place that decides which tokens train. Preview, preflight and training all call it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash

from sde_core.dataset.content_cache import code_version
from sde_core.dataset.turns import Turns
from sde_core.train.chat_template import TemplateError
from sde_core.train.recipe import DEFAULT_MAX_LENGTH, Recipe
from sde_core.train.render import Rendered, Renderer
from sde_core.train.token_cache import RowTokens, TokenCache
from sde_core.train.tokenizer import Tokenizer

IGNORED = -100
"""The label of a token that carries no loss."""

Verdict = Literal["ok", "cut", "empty", "nothing", "dropped", "template"]
VERDICTS: dict[Verdict, str] = {
    "ok": "trains whole",
    "cut": "trains, but part of an answer is cut off",
    "empty": "trains on the end token only: its answers are empty",
    "nothing": "trains on nothing",
    "dropped": "is left out: longer than max_length",
    "template": "is left out: the chat template refuses it",
}
"""What can be said of a row, best first after "ok"."""
TokenState = Literal["trained", "masked", "cut"]
_NO_OFFSETS = np.zeros((0, 2), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One sample, as long as it is before anything is cut.

    Attributes:
        text: What was tokenised; empty where the chat template refuses the row, and where only tokens were asked for.
        full_ids: int32[n], all its tokens.
        offsets: int32[n, 2], where each token stands in `text`; equal ends for tokens that the tokenizer added. Without the text there are none.
        full_trained: bool[n], tokens that carry loss where they are not cut.
        kept: The part of the n tokens that the model sees; empty where the sample is left out.
        verdict: One of `VERDICTS`.
        reason: Why, where the verdict alone does not say; empty otherwise.
        part_length: Tokens of each of the samples that the kept part is split into, the last one shorter; 0 where it is one sample.
        special_text: Whether its own text holds something that the tokenizer takes for a special token.
    """

    text: str
    full_ids: np.ndarray
    offsets: np.ndarray
    full_trained: np.ndarray
    kept: slice
    verdict: Verdict
    reason: str = ""
    part_length: int = 0
    special_text: bool = False

    @property
    def parts(self) -> list[slice]:
        """The samples that this becomes, as ranges of `ids`; those that carry no loss are left out."""
        length = len(self.ids)
        step = self.part_length or max(length, 1)
        ranges = [slice(start, min(start + step, length)) for start in range(0, length, step)]
        return [part for part in ranges if self.full_trained[self.kept][part].any()]

    @property
    def ids(self) -> np.ndarray:
        """int32[k]: the tokens that the model sees."""
        return self.full_ids[self.kept]

    @property
    def labels(self) -> np.ndarray:
        """int32[k]: the token where it carries loss, `IGNORED` elsewhere."""
        return np.where(self.full_trained[self.kept], self.full_ids[self.kept], np.int32(IGNORED))

    @property
    def n_tokens(self) -> int:
        """Tokens before anything is cut."""
        return len(self.full_ids)

    @property
    def n_trained(self) -> int:
        """Tokens that carry loss."""
        return int(self.full_trained[self.kept].sum())

    @property
    def n_cut(self) -> int:
        """Tokens cut off."""
        return self.n_tokens - len(self.ids)

    def tokens(self) -> list[tuple[str, TokenState]]:
        """Every token as (its text, what becomes of it); the texts joined give `text`, tokens that share a character show it once."""
        start, stop = self.kept.start, self.kept.stop
        shown, position = [], 0
        for i, (begin, end) in enumerate(self.offsets.tolist()):
            state: TokenState = "cut" if not start <= i < stop else "trained" if self.full_trained[i] else "masked"
            shown.append((self.text[max(begin, position) : max(end, position)], state))
            position = max(position, end)
        return shown


class Encoder:
    """Encodes turns for one tokenizer and one recipe.

    Args:
        tokenizer: The model's tokenizer.
        recipe: `max_length`, `too_long`, `truncation_side`, `template`, `completion_only` and `answers` are looked at.
        cache_dir: Where tokens of rows are kept, by tokenizer, options and content; None keeps none.

    Raises:
        TemplateError: When the tokenizer's chat template is broken.
    """

    def __init__(self, tokenizer: Tokenizer, recipe: Recipe, *, cache_dir: Path | None = None) -> None:
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.max_length = recipe.max_length or min(tokenizer.context or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH)
        self.renderer = Renderer(tokenizer, recipe.template)
        self._special = re.compile("|".join(map(re.escape, tokenizer.special_texts)) or r"(?!)")
        self._cache = TokenCache(cache_dir, _options_hash(tokenizer, self.renderer.form, recipe)) if cache_dir else None

    def encode(self, turns: Turns) -> Encoded:
        """One sample; never raises for what is in a row."""
        return self.encode_all([turns])[0]

    def encode_all(self, batch: Sequence[Turns]) -> list[Encoded]:
        """Samples in order, with their text; much faster than one by one."""
        return [self._cut(row, text, offsets) for row, text, offsets in self._tokenised(batch)]

    def encode_tokens(self, batch: Sequence[Turns]) -> list[Encoded]:
        """Samples in order, without text and offsets: from the cache where rows are there. Call `save` at the end."""
        if self._cache is None:
            return [self._cut(row) for row, _, _ in self._tokenised(batch)]
        found = self._cache.find(batch)
        missing = [i for i, row in enumerate(found) if row is None]
        for i, (row, _, _) in zip(missing, self._tokenised([batch[i] for i in missing]), strict=True):
            self._cache.add(batch[i], row)
            found[i] = row
        return [self._cut(row) for row in found if row is not None]

    def save(self) -> None:
        """Keep what the cache did not know; nothing happens where it cannot be written."""
        if self._cache is not None:
            self._cache.save()

    def holds_special_text(self, turns: Turns) -> bool:
        """Whether a turn's own text holds something that the tokenizer takes for a special token."""
        return any(self._special.search(turn.text) for turn in turns.turns)

    def _tokenised(self, batch: Sequence[Turns]) -> list[tuple[RowTokens, str, np.ndarray]]:
        """Tokens, text and offsets of each row."""
        rendered = [self._rendered(turns) for turns in batch]
        texts = [item.text if isinstance(item, Rendered) else "" for item in rendered]
        tokenised = self.tokenizer.backend.encode_batch(texts, add_special_tokens=False)
        return [
            self._row_tokens(item, tokens, self.holds_special_text(turns)) if isinstance(item, Rendered) else _refused(item.message)
            for item, tokens, turns in zip(rendered, tokenised, batch, strict=True)
        ]

    def _rendered(self, turns: Turns) -> Rendered | TemplateError:
        try:
            return self.renderer.render(turns.turns)
        except TemplateError as refusal:
            return refusal

    def _row_tokens(self, rendered: Rendered, tokens: Any, special_text: bool) -> tuple[RowTokens, str, np.ndarray]:
        prefix = self.tokenizer.prefix_ids
        if not rendered.plain or tuple(tokens.ids[: len(prefix)]) == prefix:
            prefix = ()
        ids = np.array([*prefix, *tokens.ids], dtype=np.int32)
        offsets = np.array([(0, 0)] * len(prefix) + tokens.offsets, dtype=np.int32).reshape(-1, 2)
        answers = 2 if any(answer.end > answer.start for answer in rendered.answers) else 1 if rendered.answers else 0
        return RowTokens(ids, self._trained(offsets, rendered, len(prefix)), answers, special_text=special_text), rendered.text, offsets

    def _trained(self, offsets: np.ndarray, rendered: Rendered, prefix: int) -> np.ndarray:
        """bool[n]: tokens that share a character with an answer, its lead or its end token. The first token is never predicted, so never trains."""
        answers = rendered.answers[-1:] if self.recipe.answers == "last" else rendered.answers
        trained = np.zeros(len(offsets), dtype=bool) if self.recipe.completion_only else np.ones(len(offsets), dtype=bool)
        for answer in answers:
            trained |= _overlap(offsets, answer.start - answer.lead, answer.stop)
        trained[: max(prefix, 1)] = False
        return trained

    def _cut(self, row: RowTokens, text: str = "", offsets: np.ndarray = _NO_OFFSETS) -> Encoded:
        """What is left of a row at `max_length`, and what can be said of it."""
        if row.refusal:
            return Encoded("", row.ids, _NO_OFFSETS, row.trained, slice(0, 0), "template", row.refusal)
        kept, trained = self._kept(len(row.ids)), row.trained
        splits = self.recipe.too_long == "split" and len(row.ids) > self.max_length
        if splits or kept.start:
            trained = trained.copy()
            # Nothing stands before the first token of a part, nor before the first that a cut from the left keeps.
            trained[kept.start :: self.max_length] = False
        verdict, reason = self._verdict(row.answers, trained, kept)
        return Encoded(text, row.ids, offsets, trained, kept, verdict, reason, self.max_length if splits else 0, row.special_text)

    def _kept(self, length: int) -> slice:
        if length <= self.max_length or self.recipe.too_long == "split":
            return slice(0, length)
        if self.recipe.too_long == "drop":
            return slice(0, 0)
        return slice(0, self.max_length) if self.recipe.truncation_side == "right" else slice(length - self.max_length, length)

    def _verdict(self, answers: int, trained: np.ndarray, kept: slice) -> tuple[Verdict, str]:
        left, whole = int(trained[kept].sum()), int(trained.sum())
        if kept.stop == 0 and len(trained) > 0:
            return "dropped", f"{len(trained)} tokens, and max_length is {self.max_length}"
        if left == 0:
            return "nothing", self._why_nothing(answers, whole)
        if left < whole:
            return "cut", f"{whole - left} of {whole} tokens that should train are cut off"
        return ("empty", "") if answers < 2 and self.recipe.completion_only else ("ok", "")

    def _why_nothing(self, answers: int, whole: int) -> str:
        if whole:
            return f"max_length {self.max_length} cuts all answers off"
        return "there is no assistant turn" if not answers else "the answers are empty"


def _options_hash(tokenizer: Tokenizer, form: str, recipe: Recipe) -> str:
    """Names everything that a row's tokens depend on but the row itself."""
    parts = [tokenizer.backend.to_str(), tokenizer.template_source, repr(sorted(tokenizer.special_tokens.items())), form, repr(tokenizer.prefix_ids)]
    parts += [repr((recipe.completion_only, recipe.answers)), code_version("train/encode.py", "train/render.py", "train/chat_template.py")]
    if "strftime_now" in tokenizer.template_source:
        parts.append(date.today().isoformat())
    return xxhash.xxh3_128_hexdigest("\0".join(parts).encode("utf-8", "surrogatepass"))


def _overlap(offsets: np.ndarray, start: int, stop: int) -> np.ndarray:
    begins, ends = offsets[:, 0], offsets[:, 1]
    shares = (begins < stop) & (ends > start)
    inside: np.ndarray = shares | ((begins == ends) & (begins >= start) & (begins < stop))
    return inside


def _refused(message: str) -> tuple[RowTokens, str, np.ndarray]:
    return RowTokens(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=bool), 0, refusal=message), "", _NO_OFFSETS
