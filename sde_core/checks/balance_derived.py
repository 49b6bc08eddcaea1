"""Classes computed from the texts: what kind of answer, which language, how long, about what.

`DERIVED` lists them; a further one is one class here (or in a file of its own) and one line in the tuple.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.dataset import Dataset
from sde_core.features.answer_kind import ANSWER_KINDS, answer_kinds
from sde_core.progress import NEVER, Cancel, Progress, silent

UNASKED_SECONDS = 5.0
"""What would take longer is computed on request only."""

_MOST_TURNS = 20


@dataclass(frozen=True, slots=True)
class RowClasses:
    """A class for each line of `Dataset.texts()`.

    Attributes:
        classes: String[n]; null for a row that has none.
        definitions: What a class means, by name; for names that do not say it themselves.
        order: The names in an order of their own, such as by size; empty where they have none.
    """

    classes: pl.Series
    definitions: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class DerivedInput:
    """What derived classes are computed from.

    Attributes:
        dataset: Read to its end.
        texts: `dataset.texts()`.
        cache_dir: Where embeddings are kept; None keeps nothing.
    """

    dataset: Dataset
    texts: pl.DataFrame
    cache_dir: Path | None = None
    cancel: Cancel = NEVER
    progress: Progress = silent

    @cached_property
    def answer_kinds(self) -> pl.Series:
        """The kind of each answer, which several classes are made of."""
        return answer_kinds(self.texts["answer"])


class DerivedClass(Protocol):
    """A way to divide rows into classes."""

    @property
    def name(self) -> str:
        """As `--field` takes it."""
        ...

    @property
    def meaning(self) -> str:
        """A few words."""
        ...

    @property
    def seconds(self) -> float:
        """CPU seconds for a million rows, measured roughly; infinite where it is never computed unasked."""
        ...

    @property
    def always(self) -> bool:
        """Whether it is computed and shown in any case: however long it takes, and even where all rows are of one class."""
        ...

    def of(self, rows: DerivedInput) -> RowClasses:
        """The class of each row."""
        ...


class AnswerKind:
    """empty, refusal, JSON, code, list, prose, …"""

    name, meaning, seconds, always = "answer-kind", "what the answer is", 8.0, True

    def of(self, rows: DerivedInput) -> RowClasses:
        """One of `ANSWER_KINDS`."""
        return RowClasses(rows.answer_kinds, ANSWER_KINDS)


class Refusal:
    """Whether the answer declines."""

    name, meaning, seconds, always = "refused", "whether the answer declines to do what is asked", 0.1, False

    def of(self, rows: DerivedInput) -> RowClasses:
        """Yes or no."""
        named = {True: "yes", False: "no"}
        definitions = {"yes": "the answer declines to do what is asked", "no": "any other answer"}
        return RowClasses((rows.answer_kinds == "refusal").replace_strict(named, return_dtype=pl.String), definitions)


class AnswerShape:
    """The outer form of the answer, as Formats groups it."""

    name, meaning, seconds, always = "answer-shape", "the outer form of the answer", 20.0, False

    def of(self, rows: DerivedInput) -> RowClasses:
        """One of the families of `sde_core.features.answer_shape`."""
        from sde_core.features.answer_shape import family_of, shape_of_answer
        from sde_core.progress import raise_if_cancelled

        families: list[str] = []
        for position, answer in enumerate(rows.texts["answer"].fill_null("")):
            if position % 4096 == 0:
                raise_if_cancelled(rows.cancel)
                rows.progress(position, rows.texts.height)
            families.append(family_of(shape_of_answer(answer)[0]))
        return RowClasses(pl.Series(families, dtype=pl.String))


@dataclass(frozen=True)
class LanguageOf:
    """The language of the prompt or the answer."""

    name: str
    meaning: str
    part: str
    seconds: float = 30.0
    always: bool = False

    def of(self, rows: DerivedInput) -> RowClasses:
        """ISO 639 codes."""
        from sde_core.features.language import LANGUAGE_NAMES, UNKNOWN, language_frame

        definitions = {**LANGUAGE_NAMES, UNKNOWN: "not told: too short, code, or several languages"}
        return RowClasses(language_frame(rows.texts[self.part], cancel=rows.cancel)["code"], definitions)


@dataclass(frozen=True)
class LengthOf:
    """How long the prompt or the answer is."""

    name: str
    meaning: str
    part: str
    seconds: float = 5.0
    always: bool = False

    def of(self, rows: DerivedInput) -> RowClasses:
        """One of the bands of `sde_core.features.length_bands`."""
        from sde_core.features.length_bands import BAND_NAMES, length_bands

        return RowClasses(length_bands(rows.texts[self.part]), order=BAND_NAMES)


class TurnCount:
    """Messages in the row."""

    name, meaning, seconds, always = "turns", "messages in the row", 0.1, False

    def of(self, rows: DerivedInput) -> RowClasses:
        """Their number, many as one class."""
        turns = rows.texts["n_turns"].clip(0, _MOST_TURNS).cast(pl.String)
        many = f"{_MOST_TURNS} or more"
        return RowClasses(turns.replace(str(_MOST_TURNS), many), order=(*map(str, range(_MOST_TURNS)), many))


class SystemPrompt:
    """Whether the row has a system prompt."""

    name, meaning, seconds, always = "system-prompt", "whether the row has a system prompt", 0.1, False

    def of(self, rows: DerivedInput) -> RowClasses:
        """With or without."""
        return RowClasses((rows.texts["system"] != "").replace_strict({True: "with", False: "without"}, return_dtype=pl.String))


class Split:
    """The split or the file that the row is in."""

    name, meaning, seconds, always = "split", "the split or file that the row is in", 0.1, False

    def of(self, rows: DerivedInput) -> RowClasses:
        """Its name."""
        return RowClasses(rows.texts["split"])


class PromptTemplate:
    """The fixed words that prompts share, mined from the prompts."""

    name, meaning, seconds, always = "prompt-template", "the template that the prompt was made from", float("inf"), False

    def of(self, rows: DerivedInput) -> RowClasses:
        """Fixed words with slots; null for prompts that were made from none."""
        from sde_core.features.templates import prompt_templates

        found = prompt_templates(rows.texts["prompt"], cancel=rows.cancel, progress=rows.progress)
        return RowClasses(_named(found.titles, found.groups))


class Topic:
    """Rows that are about the same, by the embedded encoder and k-means."""

    name, meaning, seconds, always = "topic", "what the prompt is about", float("inf"), False

    def of(self, rows: DerivedInput) -> RowClasses:
        """Titles such as "refund · card · charge"; null for rows without a known word."""
        from sde_core.features.embedding import embed_rows
        from sde_core.features.topics import find_topics

        vectors = embed_rows(rows.dataset, part="prompt", cache_dir=rows.cache_dir, cancel=rows.cancel, progress=rows.progress).vectors
        found = find_topics(vectors, rows.texts["prompt"], cancel=rows.cancel)
        definitions = {title: "words: " + ", ".join(terms) for title, terms in zip(found.titles, found.terms, strict=True) if terms}
        return RowClasses(_named(found.titles, found.labels), definitions)


def _named(titles: Sequence[str], places: npt.NDArray[np.int32]) -> pl.Series:
    """The title at each place, null where the place is -1."""
    names = pl.Series(titles, dtype=pl.String)
    return names.gather(pl.Series(places).replace(-1, None))


DERIVED: tuple[DerivedClass, ...] = (
    AnswerKind(),
    Refusal(),
    AnswerShape(),
    LanguageOf("answer-language", "the language of the answer", "answer"),
    LanguageOf("prompt-language", "the language of the prompt", "prompt"),
    LengthOf("answer-length", "words of the answer, in fixed bands", "answer"),
    LengthOf("prompt-length", "words of the prompt, in fixed bands", "prompt"),
    TurnCount(),
    SystemPrompt(),
    Split(),
    PromptTemplate(),
    Topic(),
)
"""In the order shown."""


def derived_named(name: str) -> DerivedClass | None:
    """The derived class of this name, None where there is none."""
    return next((derived for derived in DERIVED if derived.name == name), None)


def takes_long(derived: DerivedClass, rows: int) -> bool:
    """Whether it is computed for so many rows on request only."""
    return not derived.always and derived.seconds * rows / 1e6 > UNASKED_SECONDS
