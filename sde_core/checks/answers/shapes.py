"""Answers that break the habit of their group, where the group has one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from sde_core.checks.answers.rows import answer_field, wanted_answers
from sde_core.checks.fields import ending, excerpt
from sde_core.checks.findings import CheckContext, Finding
from sde_core.checks.fixes import END_TOKENS
from sde_core.checks.formats.habits import wilson
from sde_core.dataset import Dataset
from sde_core.features.answer_shape import (
    BROKEN_JSON,
    CODE,
    CODE_BLOCK,
    EMPTY,
    FENCED_JSON,
    FEWEST_ROWS,
    JSON_OBJECT,
    LABEL,
    MARKUP,
    NUMBER,
    PROSE,
    TEXT_WITH_CODE,
    ShapeGroup,
    ShapeReport,
    family_of,
    mine_shapes,
    shape_of_answer,
)
from sde_core.features.fields import ScalarFields, scalar_fields
from sde_core.features.templates import Templates, prompt_templates
from sde_core.features.text_frame import TextFrame, mine_frame
from sde_core.progress import NEVER, Cancel, Progress, raise_if_cancelled, silent

_SHARES = {
    "JSON": 0.85, "JSON in a code block": 0.85, "code in a block": 0.9, "code without a block": 0.95, "a list": 0.9, "a table": 0.9, "a number": 0.97,
    "one short label": 0.9, "text": 0.97,
}  # fmt: skip
"""The share of a group that a family must have to be its habit."""
_OPEN = {
    "text": ("JSON", "JSON in a code block", "JSON that does not parse"),
    "one short label": ("JSON", "JSON in a code block", "JSON that does not parse"),
    "code without a block": ("JSON in a code block", "code in a block"),
    "code in a block": ("code without a block", "one short label"),
}  # fmt: skip
"""Families beside which only these are odd: text may be as long or as ordered as it likes. Beside the others everything else is odd."""
_END_HABIT, _BEGINNING_HABIT, _LABEL_HABIT = 0.9, 0.97, 0.9
_UNSURE = 0.15
"""How far below the share needed the lower end of its interval may lie: a few odd ones among twenty rows prove no habit."""
_ALWAYS_FEW = 4
_MOST_PROMPT_BYTES = 400_000_000
_FEWEST_LABEL_ROWS, _RARE_KEYS, _SAME_WORDS, _CERTAIN_KEYS = 3, 0.01, 0.5, 0.95
_CUT = re.compile(r"[^\W\d_][,(£$€-]?$|[£$€]$")


@dataclass(frozen=True, slots=True)
class _Members:
    """A group, its answers by line, and the labels that they are taken from, if they are."""

    group: ShapeGroup
    report: ShapeReport
    answers: Mapping[int, str]
    labels: Mapping[str, int]

    def __iter__(self) -> Iterator[tuple[int, tuple[str, str], str]]:
        """Row, shape and text of every answer."""
        for row, position in zip(self.group.rows.tolist(), self.group.positions.tolist(), strict=True):
            yield row, self.report.shape_at(position), self.answers[position]

    def said(self, share: float, what: str) -> str:
        """A habit in words."""
        return f"{share:.0%} of {len(self.group.rows):,} answers ({self.group.title}) {what}"


class OddAnswers:
    """Answers of another shape, or without the ending, that the answers of their group have."""

    name = "odd-answer"
    names = ("odd-answer", "truncated-answer")
    titles: Mapping[str, str] = {"truncated-answer": "Answers that are cut off"}
    title = "Answers that break the habit of their group"
    surveys = (ScalarFields,)
    advice = "The model learns both forms: bring them into one, or reject the odd ones."
    explained_by = ("truncated-answer", "empty-answer", "refusal", "mojibake", "prompt-echo", "repetition-loop", "placeholder", "control-characters",
                    "json-missing-key", "json-extra-key", "json-misspelt-key")  # fmt: skip

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a record."""
        found: dict[int, Finding] = {}
        for members in _groups(context):
            raise_if_cancelled(context.cancel)
            for finding in (*self._odd_families(context, members), *self._odd_keys(context, members), *self._odd_labels(context, members),
                            *self._odd_frames(context, members)):  # fmt: skip
                found.setdefault(finding.rows[0], finding)
        return list(found.values())

    def _odd_families(self, context: CheckContext, members: _Members) -> Iterator[Finding]:
        family, share = family_habit(members.group)
        if not family:
            return
        odd = None if members.labels else _OPEN.get(family)
        for row, shape, answer in members:
            here = family_of(shape[0])
            known = here in (family, "empty") or answer.strip().casefold() in members.labels
            if not known and (odd is None or here in odd):
                said = f"{members.said(share, f'are {family}')}; this one is {_phrase(shape)}."
                yield self._finding(context, row, said, excerpt(answer), share)

    def _odd_keys(self, context: CheckContext, members: _Members) -> Iterator[Finding]:
        """JSON objects with keys that hardly any other has."""
        keys = Counter({shape[1]: count for shape, count in members.group.shapes if shape[0] == JSON_OBJECT})
        total = sum(keys.values())
        usual = {detail: count for detail, count in keys.items() if count > _FEWEST_LABEL_ROWS and count >= _RARE_KEYS * total}
        share = sum(usual.values()) / max(total, 1)
        if total < FEWEST_ROWS or share < _SHARES["JSON"]:
            return
        for row, shape, answer in members:
            if shape[0] != JSON_OBJECT or shape[1] in usual:
                continue
            nearest = max(usual, key=lambda detail: _overlap(detail, shape[1]))
            if share >= _CERTAIN_KEYS or _overlap(nearest, shape[1]) >= _SAME_WORDS:
                yield self._finding(
                    context, row, f"{members.said(share, _keys_said(usual))}; {_difference(shape[1], nearest)}.", excerpt(answer), share
                )

    def _odd_labels(self, context: CheckContext, members: _Members) -> Iterator[Finding]:
        share = sum(members.labels.values()) / len(members.group.rows)
        for row, shape, answer in members:
            if members.labels and shape[0] == LABEL and _holds_label(answer, members.labels):
                yield self._finding(context, row, f"{members.said(share, f'are one of {len(members.labels)} labels')}; this one says more.",
                                    excerpt(answer), share)  # fmt: skip

    def _odd_frames(self, context: CheckContext, members: _Members) -> Iterator[Finding]:
        family = members.group.family[0]
        if len(members.group.rows) < FEWEST_ROWS or family not in ("text", "a list"):
            return
        for frame in frames_of([answer for _, shape, answer in members if shape[0] != EMPTY]):
            for row, _, answer in members:
                if answer.strip() and not frame.fits(answer) and not frame.is_inside(answer):
                    yield self._broken_frame(context, members, frame, row, answer.strip())

    def _broken_frame(self, context: CheckContext, members: _Members, frame: TextFrame, row: int, answer: str) -> Finding:
        habit = members.said(frame.share, f"{'end in' if frame.at_end else 'begin with'} {frame.title}")
        if frame.at_end and "\n" not in answer and _CUT.search(answer):
            return self._finding(context, row, f"The answer stops before its end; {habit}.", ending(answer, 100), frame.share, "truncated-answer")
        shown = ending(answer, 100) if frame.at_end else excerpt(answer)
        return self._finding(context, row, f"{habit}; this one does not.", shown, frame.share)

    def _finding(self, context: CheckContext, row: int, said: str, evidence: str, share: float, name: str = "odd-answer") -> Finding:
        return Finding(name, "warning", (row,), said, evidence, answer_field(context.dataset, row), round(share, 3))


def answer_groups(dataset: Dataset, *, cancel: Cancel = NEVER, progress: Progress = silent) -> ShapeReport:
    """The groups of rows whose answers belong together, as `OddAnswers` compares them; progress in records, each counted twice.

    Raises:
        CancelledError: When stopped.
    """
    n = len(dataset)
    fields = scalar_fields(dataset, cancel=cancel, progress=lambda done, _: progress(done, 2 * n))
    texts = _shown_answers(CheckContext(dataset, dataset.texts(cancel=cancel)))
    templates = _templates(texts, cancel, lambda done, _: progress(n + done, 2 * n))
    return mine_shapes(texts, dataset.layout, fields, templates, cancel=cancel)


def _shown_answers(context: CheckContext) -> pl.DataFrame:
    """The answers to learn from, without the tokens that end them."""
    return wanted_answers(context).with_columns(pl.col("answer").str.replace(END_TOKENS.pattern, ""))


def _templates(texts: pl.DataFrame, cancel: Cancel, progress: Progress = silent) -> Templates | None:
    """The templates of the prompts; None where there is so much text that finding them would take longer than all other checks."""
    if texts["prompt"].str.len_bytes().sum() > _MOST_PROMPT_BYTES:
        return None
    return prompt_templates(texts, cancel=cancel, progress=progress)


def _groups(context: CheckContext) -> Iterator[_Members]:
    texts = _shown_answers(context)
    if texts.height < FEWEST_ROWS:
        return
    survey: ScalarFields | None = context.surveys.get(ScalarFields)
    templates = _templates(texts, context.cancel)
    report = mine_shapes(texts, context.dataset.layout, survey.columns if survey else (), templates, cancel=context.cancel)
    answers = texts["answer"].to_list()
    for group in report.groups:
        of_group = {position: answers[position] for position in group.positions.tolist()}
        labels = closed_set(list(of_group.values())) if group.habit[0] == LABEL else {}
        yield _Members(group, report, of_group, labels)


def family_habit(group: ShapeGroup) -> tuple[str, float]:
    """The family that so many answers of a group belong to that the others are odd, and its share; ("", 0) where there is none."""
    family, share = group.family
    needed = _SHARES.get(family, 2)
    strong = len(group.rows) >= FEWEST_ROWS and share >= needed and wilson(share, len(group.rows))[0] >= needed - _UNSURE
    return (family, share) if strong else ("", 0.0)


def closed_set(answers: Sequence[str]) -> Mapping[str, int]:
    """The labels among answers, lower case, and how often each is given; empty where the answers are not from a small set."""
    counts = Counter(answer.strip().casefold() for answer in answers)
    labels = {
        label: count
        for label, count in counts.items()
        if count >= max(_FEWEST_LABEL_ROWS, 0.01 * len(answers)) or (count >= _FEWEST_LABEL_ROWS and shape_of_answer(label)[0] == LABEL)
    }
    small = len(labels) <= max(_ALWAYS_FEW, len(answers) / 20)
    return labels if small and sum(labels.values()) >= _LABEL_HABIT * len(answers) else {}


def _holds_label(answer: str, labels: Mapping[str, int]) -> bool:
    """Whether an answer that is not a label has one in it."""
    lowered = answer.strip().casefold()
    return lowered not in labels and any(re.search(rf"\b{re.escape(label)}\b", lowered) for label in labels)


def frames_of(answers: Sequence[str]) -> list[TextFrame]:
    """The endings and beginnings that nearly all of these answers have."""
    if len(answers) < FEWEST_ROWS:
        return []
    frames = (mine_frame(answers, at_end=at_end, fewest_share=share) for at_end, share in ((True, _END_HABIT), (False, _BEGINNING_HABIT)))
    return [frame for frame in frames if frame and frame.share < 1]


def _phrase(shape: tuple[str, str]) -> str:
    """A shape in words."""
    kind, detail = shape
    words = (
        family_of(kind)
        if kind in (NUMBER, LABEL, EMPTY, BROKEN_JSON, FENCED_JSON)
        else f"a {kind}"
        if kind not in (PROSE, CODE, TEXT_WITH_CODE)
        else kind
    )
    return f"{words} ({detail})" if detail and kind in (CODE_BLOCK, MARKUP) else words


def _key_set(detail: str) -> set[str]:
    return set(filter(None, detail.split(", ")))


def _overlap(detail: str, other: str) -> float:
    """How many words two sets of keys share: card_kind and CardKind are the same two."""
    first, second = (set(re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+", keys)) for keys in (detail, other))
    lowered, other_lowered = {word.casefold() for word in first}, {word.casefold() for word in second}
    return len(lowered & other_lowered) / max(len(lowered | other_lowered), 1)


def _keys_said(usual: Mapping[str, int]) -> str:
    if len(usual) == 1:
        return f"have the keys {next(iter(usual))}"
    return f"have one of {len(usual)} sets of keys"


def _difference(detail: str, nearest: str) -> str:
    """How a set of keys differs from the one most like it."""
    here, usual = _key_set(detail), _key_set(nearest)
    if not here & usual:
        return f"this one has {detail or 'no keys'}"
    missing, extra = ", ".join(sorted(usual - here)), ", ".join(sorted(here - usual))
    parts = ([f"lacks {missing}"] if missing else []) + ([f"adds {extra}"] if extra else [])
    return f"this one {' and '.join(parts)}"
