"""A judge in this process: a transformers folder on this machine, safetensors only, no code of the folder's own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import xxhash

from sde_core.errors import MissingExtraError, ModelError
from sde_core.files import from_home
from sde_core.progress import Cancel, raise_if_cancelled
from sde_core.rules.rating.judge import Answer, Place, Question
from sde_core.visible import visible
from sde_core.wording import count_of

_POOL = 256
"""Questions that are sorted by length together."""
_BATCH_TOKENS = {"cpu": 2_048, "cuda": 32_768, "mps": 8_192}
"""Padded tokens of one forward pass; a processor gains nothing from larger ones."""
_LONGEST_OPTION, _LONGEST_RAW = 2, 6
"""Characters of a place on a scale, and of the vocabulary's own spelling of a token that may be one."""
_SAMPLED_BLOCKS, _BLOCK_BYTES = 64, 1 << 16
_HINT = "Name a folder with config.json, tokenizer files and *.safetensors, or the address of a server."


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A question as token ids, and where its answer goes."""

    place: Any
    question: Question
    ids: list[int]


class LocalJudge:
    """A transformers folder; the weights are loaded by the first question.

    Args:
        folder: Holds config.json, tokenizer and *.safetensors.

    Raises:
        ModelError: When it is no such folder.
        MissingExtraError: When torch or transformers is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = from_home(folder).resolve()
        shown = visible(str(folder), 120)
        if not (self._folder / "config.json").is_file():
            raise ModelError(f"There is no model folder at {shown}.", _HINT)
        if not any(self._folder.glob("*.safetensors")):
            raise ModelError(f"{shown} has no weights in safetensors form; other forms are not loaded, because they can run code.", _HINT)

    @cached_property
    def id(self) -> str:
        """The folder's name and a hash of what decides its answers."""
        return f"local {self._folder.name} {folder_hash(self._folder)}"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._folder.name

    def answers(self, questions: Iterable[tuple[Place, Question]], *, cancel: Cancel) -> Iterator[tuple[Place, Answer]]:
        """See `Judge.answers`; looks at `cancel` between batches."""
        source = iter(questions)
        while pool := list(islice(source, _POOL)):
            encoded = sorted((self._encoded(place, question) for place, question in pool), key=_batched_by)
            for _, alike in groupby(encoded, key=lambda one: _batched_by(one)[0]):
                yield from self._answered(list(alike), cancel)

    def _answered(self, encoded: Sequence[_Encoded], cancel: Cancel) -> Iterator[tuple[Place, Answer]]:
        fitting = []
        for one in encoded:
            too_long = self._too_long(one)
            if too_long:
                yield one.place, Answer(problem=too_long)
            else:
                fitting.append(one)
        for batch in batches(fitting, _BATCH_TOKENS[self._device]):
            raise_if_cancelled(cancel)
            for one, answer in zip(batch, self._batch_answers(batch), strict=True):
                yield one.place, answer

    def _batch_answers(self, batch: Sequence[_Encoded]) -> list[Answer]:
        import torch

        answer = self._rated if batch[0].question.options else self._written
        try:
            with torch.inference_mode():
                return answer(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise ModelError(f"The memory of the {self._device} is too small for one question.", "Use a smaller model or --max-chars.") from error
        torch.cuda.empty_cache()
        half = len(batch) // 2
        return self._batch_answers(batch[:half]) + self._batch_answers(batch[half:])

    # ---- the model

    @cached_property
    def _tokenizer(self) -> Any:
        return _loaded(self._folder, "AutoTokenizer")

    @cached_property
    def _device(self) -> str:
        import torch

        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    @cached_property
    def _model(self) -> Any:
        import torch

        precision = torch.float32 if self._device == "cpu" else "auto"
        return _loaded(self._folder, "AutoModelForCausalLM", use_safetensors=True, dtype=precision).to(self._device).eval()

    @cached_property
    def _option_ids(self) -> dict[str, list[int]]:
        """By text without white space about it: the tokens that are it, for texts of up to two characters, which places of a scale are."""
        found: dict[str, list[int]] = {}
        special = set(self._tokenizer.all_special_ids)
        for token, raw in enumerate(self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer))))):
            if len(raw or "") > _LONGEST_RAW or token in special:
                continue
            text = self._tokenizer.decode([token]).strip()
            if 0 < len(text) <= _LONGEST_OPTION:
                found.setdefault(text, []).append(token)
        return found

    @cached_property
    def _context(self) -> int:
        return int(getattr(self._model.config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)

    def _encoded(self, place: Any, question: Question) -> _Encoded:
        text = question.text
        for special in self._tokenizer.all_special_tokens:
            if special and special in text:
                text = text.replace(special, f"{special[0]} {special[1:]}")
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
            return _Encoded(place, question, self._tokenizer(text, add_special_tokens=False)["input_ids"])
        return _Encoded(place, question, self._tokenizer(f"{text}\n\nReply: ")["input_ids"])

    def _too_long(self, one: _Encoded) -> str:
        longest = self._context - one.question.max_tokens
        return f"Too long for the judge: {count_of(len(one.ids), 'token')}, and it reads {longest:,}." if len(one.ids) > longest else ""

    def _padded(self, batch: Sequence[_Encoded]) -> tuple[Any, Any]:
        """int64[b, t] ids and mask, padded at the left so that every question ends in the last place."""
        import torch

        width = max(len(one.ids) for one in batch)
        filler = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[filler] * (width - len(one.ids)) + one.ids for one in batch], device=self._device)
        mask = torch.tensor([[0] * (width - len(one.ids)) + [1] * len(one.ids) for one in batch], device=self._device)
        return ids, mask

    def _rated(self, batch: Sequence[_Encoded]) -> list[Answer]:
        """The probabilities of the options as the reply's first token with text, read off the logits.

        Where white space is likeliest, as in vocabularies that part it from digits, it is taken, and the token behind it counts.
        """
        chances = self._next_chances(batch)
        likeliest: list[int] = chances.argmax(-1).tolist()
        blank = [at for at, token in enumerate(likeliest) if token not in self._end_ids and not self._tokenizer.decode([token]).strip()]
        if blank:
            longer = [_Encoded(batch[at].place, batch[at].question, [*batch[at].ids, likeliest[at]]) for at in blank]
            chances[blank] = self._next_chances(longer)
            likeliest = chances.argmax(-1).tolist()
        return [
            Answer(
                self._tokenizer.decode([likeliest[at]]),
                {option: float(chances[at, self._option_ids.get(option, [])].sum()) for option in one.question.options},
                len(one.ids),
                1 + (at in blank),
            )
            for at, one in enumerate(batch)
        ]

    def _next_chances(self, batch: Sequence[_Encoded]) -> Any:
        """float32[b, vocabulary], the probabilities of the next token."""
        ids, mask = self._padded(batch)
        named = inspect.signature(self._model.forward).parameters
        extra: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in named else {}
        if "position_ids" in named:
            extra["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        return self._model(input_ids=ids, attention_mask=mask, use_cache=False, **extra).logits[:, -1].float().softmax(-1).cpu()

    def _written(self, batch: Sequence[_Encoded]) -> list[Answer]:
        import torch

        ids, mask = self._padded(batch)
        first = batch[0].question
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if first.temperature > 0:
            torch.manual_seed(first.seed)
            sampling = {"do_sample": True, "temperature": first.temperature, "top_p": None, "top_k": None}
        made = self._model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=first.max_tokens, pad_token_id=self._tokenizer.pad_token_id or 0, **sampling
        )
        replies = made[:, ids.shape[1] :].cpu()
        ends = self._end_ids
        return [
            Answer(self._tokenizer.decode(reply, skip_special_tokens=True), None, len(one.ids), _written_tokens(reply.tolist(), ends))
            for one, reply in zip(batch, replies, strict=True)
        ]

    @cached_property
    def _end_ids(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends if isinstance(ends, list) else [ends] if ends is not None else [])


def folder_hash(folder: Path) -> str:
    """XXH3 of the small files that decide a model's answers, and of the size and 64 samples of each file of weights."""
    digest = xxhash.xxh3_64()
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja"):
        path = folder / name
        digest.update(name.encode() + (path.read_bytes() if path.is_file() else b""))
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for place in range(_SAMPLED_BLOCKS):
                file.seek(max(size - _BLOCK_BYTES, 0) * place // (_SAMPLED_BLOCKS - 1))
                digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()


def batches(encoded: Sequence[_Encoded], most_tokens: int) -> Iterator[list[_Encoded]]:
    """Questions that are sorted by length, cut where a padded batch would hold more tokens."""
    batch: list[_Encoded] = []
    for one in encoded:
        if batch and (len(batch) + 1) * max(len(one.ids), len(batch[-1].ids)) > most_tokens:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _batched_by(one: _Encoded) -> tuple[tuple[Any, ...], int]:
    """What questions of a batch have in common, then their length."""
    question = one.question
    return (question.options, question.max_tokens, question.temperature, question.seed), len(one.ids)


def _written_tokens(reply: list[int], ends: set[int]) -> int:
    """Tokens up to the end token, that one included; what follows is padding."""
    return next((place + 1 for place, token in enumerate(reply) if token in ends), len(reply))


def _loaded(folder: Path, class_name: str, **options: Any) -> Any:
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingExtraError(
            "A judge from a folder needs torch and transformers.", "pip install 'sde[ml]', or name a server's address."
        ) from error
    transformers.utils.logging.disable_progress_bar()
    try:
        return getattr(transformers, class_name).from_pretrained(str(folder), trust_remote_code=False, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        said = visible(str(error).strip().split("\n")[0], 200)
        raise ModelError(f"The model in {visible(str(folder), 120)} cannot be loaded: {said}", _HINT) from error
