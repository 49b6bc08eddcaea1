"""Answers of the model while it trains: the same few prompts at intervals, greedily, so that one can read what the loss says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset import Turns
from sde_core.dataset.turns import ASSISTANT, TEXT, Turn
from sde_core.errors import CancelledError
from sde_core.jobs import JobContext
from sde_core.jobs.event_log import close_torn_line
from sde_core.train.chat_template import TemplateError
from sde_core.train.recipe import Recipe
from sde_core.train.rows import HELD_OUT, SnapshotRow, read_snapshot
from sde_core.train.tokenizer import Tokenizer

ANSWER_TOKENS = 64
"""Tokens of an answer at most: about as long as a training step or two takes, for three prompts."""
_KEPT_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """What the model answered to one row.

    Attributes:
        row: Its position in the file when the run was launched.
        held_out: Whether the run does not train on it.
        prompt: What the model was asked.
        reference: The row's own answer.
        answer: The model's.
    """

    row: int
    held_out: bool
    prompt: str
    reference: str
    answer: str


@dataclass(frozen=True, slots=True)
class SampledAnswers:
    """The answers after one step.

    Attributes:
        step: Steps trained; 0 is the model before.
        seconds: What they cost.
        answers: One for each prompt, always the same prompts.
    """

    step: int
    seconds: float
    answers: tuple[SampledAnswer, ...]


def samples_path(folder: Path) -> Path:
    """Where a run keeps the answers."""
    return folder / "samples.jsonl"


def read_samples(folder: Path) -> tuple[SampledAnswers, ...]:
    """A run's answers by step; of a step that was repeated the last ones. A line that was torn is left out."""
    try:
        lines = samples_path(folder).read_bytes().split(b"\n")
    except OSError:
        return ()
    found = {sample.step: sample for line in lines if (sample := _parsed(line)) is not None}
    return tuple(found[step] for step in sorted(found))


def _parsed(line: bytes) -> SampledAnswers | None:
    try:
        told = json.loads(line)
        answers = tuple(SampledAnswer(**answer) for answer in told["answers"])
        return SampledAnswers(int(told["step"]), float(told["seconds"]), answers)
    except (ValueError, TypeError, KeyError):
        return None


def prompted_rows(folder: Path, count: int) -> list[SnapshotRow]:
    """The rows that are asked: the first held-out ones that hold an answer, or the first ones where none are held out."""
    held_out: list[SnapshotRow] = []
    others: list[SnapshotRow] = []
    for row in read_snapshot(folder):
        if row.turns.answer and len(held_out) < count:
            (held_out if row.split == HELD_OUT else others).append(row)
            del others[count:]
    return held_out or others


def asked_of(turns: Turns) -> tuple[list[Turn], str]:
    """The turns before the last answer, and that answer; of plain text its first half, to be continued, and the second."""
    kept = list(turns.turns)
    if kept and kept[-1].role == TEXT:
        text = kept[-1].text
        half = text.rfind(" ", 0, len(text) // 2 + 1)
        return [Turn(TEXT, text[:half] if half > 0 else text[: len(text) // 2])], text[max(half, 0) :]
    return kept[: max((i for i, turn in enumerate(kept) if turn.role == ASSISTANT), default=len(kept))], turns.answer


def sampling_callbacks(context: JobContext, recipe: Recipe, tokenizer: Tokenizer) -> list[Any]:
    """A callback that samples where the recipe wants it; none otherwise.

    Nothing that it does is seen by the training: the model is set back, and greedy answers draw no random numbers.

    Args:
        context: The job.
        recipe: How often and how many.
        tokenizer: The model's.
    """
    if not recipe.sample_every:
        return []
    from transformers import TrainerCallback

    class SamplingCallback(TrainerCallback):  # type: ignore[misc]
        rows: list[SnapshotRow] | None = None
        sampled = -1

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            if state.global_step == 0:
                self.sample(state, model)

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            if state.global_step % recipe.sample_every == 0 or state.global_step == state.max_steps:
                self.sample(state, model)

        def sample(self, state: Any, model: Any) -> None:
            if not state.is_world_process_zero or self.rows == []:
                return
            if self.rows is None:
                close_torn_line(samples_path(context.folder))
                self.rows = prompted_rows(context.folder, recipe.sample_prompts)
            try:
                write_samples(context, recipe, tokenizer, getattr(model, "module", model), self.rows, state.global_step)
            except CancelledError:
                return  # the run was asked to stop, and saves first
            except (RuntimeError, MemoryError, TemplateError) as error:
                self.rows = []
                words = str(error).strip().split("\n")[0][:200]
                context.event("samples", step=state.global_step, failed=words)

    return [SamplingCallback()]


def write_samples(context: JobContext, recipe: Recipe, tokenizer: Tokenizer, model: Any, rows: list[SnapshotRow], step: int) -> None:
    """Ask the model, and append what it answers.

    Args:
        context: The job.
        recipe: How the model is asked.
        tokenizer: The model's.
        model: As it is at this step.
        rows: What is asked.
        step: The optimizer step.

    Raises:
        CancelledError: When the job was asked to stop meanwhile.
        TemplateError: When the chat template refuses a prompt.
    """
    from sde_core.train.generation import generate

    begun = time.monotonic()
    asked = [asked_of(row.turns) for row in rows]
    texts = generate(model, tokenizer, [prompt for prompt, _ in asked], max_new_tokens=ANSWER_TOKENS, template=recipe.template, cancel=context)
    seconds = round(time.monotonic() - begun, 3)
    answers = [
        {
            "row": row.row, "held_out": row.split == HELD_OUT, "prompt": _kept("\n".join(turn.text for turn in prompt)),
            "reference": _kept(reference), "answer": text,
        }
        for row, (prompt, reference), text in zip(rows, asked, texts, strict=True)
    ]  # fmt: skip
    line = orjson.dumps({"step": step, "seconds": seconds, "answers": answers}, option=orjson.OPT_APPEND_NEWLINE)
    with samples_path(context.folder).open("ab") as file:
        file.write(line)
    context.event("samples", step=step, seconds=seconds)


def _kept(text: str) -> str:
    """Text that goes to JSON, lone surrogates replaced, and not longer than anybody reads."""
    return text[:_KEPT_CHARACTERS].encode("utf-8", "replace").decode()
