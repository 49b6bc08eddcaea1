"""The shape of every answer, and the habits of groups of rows, mined from the data.

A shape is a kind (JSON object, one label, numbered list, prose, …) and a detail (the keys, the language). Groups are the leaves of a tree: rows are
divided by whatever field or beginning or end of the prompt says most about the shape, as long as the division is worth its description
(minimum description length), so "rows with this system prompt" or "prompts that begin with Classify" are found rather than listed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from sde_core.dataset import Layout
from sde_core.features.fields import FieldColumn
from sde_core.features.template_habits import template_habits
from sde_core.features.templates import Templates
from sde_core.progress import NEVER, Cancel, raise_if_cancelled

FEWEST_ROWS = 20
"""Rows that a group must have to have a habit."""

_MOST_VALUES = 200
_TEMPLATE_TRUST = 0.8
_DEEPEST = 5
_MOST_KEYS = 24
_FENCED = re.compile(r"```([\w+#.-]*)[^\n]*\n(.*?)\n?```", re.DOTALL)
_NUMBER = re.compile(r"[-+−]?\s?[$€£¥]?\s?\d[\d,.\s]*\s?(?:%|[a-zA-Z°]{1,3})?\.?")
_NUMBERED, _BULLET, _PAIR = re.compile(r"\s*\(?\d{1,3}[.):]\s"), re.compile(r"\s*[-*•+–]\s"), re.compile(r"\s*[\w][\w /()&'-]{0,30}:\s*\S")
_CODE = re.compile(
    r"(?m)[;{}]\s*$|^\s{4,}\S.*[=(:]|^[\w.]+\(.*\);?$|^\w+ = \S"
    r"|^(?:def |import |class |from \w+ import|#include|public |func |function |const |let |var |SELECT |CREATE |<\?php|<!DOCTYPE|#!/)"
)
_CODE_START = re.compile(r"(?m)^(?:def \w+\(|import \w|from \w[\w.]* import |SELECT .*(?:\n| )|#include|class \w+[:({]|while True:|for \w+ in .*:$)")
_SENTENCE_MARK = re.compile(r"[.!?。！？](?:\s|$)")
_LABEL_WORDS, _LABEL_LENGTH = 4, 40

JSON_OBJECT, JSON_LIST, BROKEN_JSON, FENCED_JSON = "JSON object", "JSON list", "broken JSON", "JSON in a code block"
CODE_BLOCK, TEXT_WITH_CODE, CODE, MARKUP, TABLE = "code block", "text with code", "code without a block", "markup", "table"
NUMBERED_LIST, BULLET_LIST, PAIR_LINES = "numbered list", "bullet list", "lines of name: value"
NUMBER, LABEL, PROSE, EMPTY = "number", "short label", "prose", "empty"
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "JSON": (JSON_OBJECT, JSON_LIST),
    "JSON in a code block": (FENCED_JSON,),
    "code in a block": (CODE_BLOCK, TEXT_WITH_CODE),
    "code without a block": (CODE, MARKUP),
    "a list": (NUMBERED_LIST, BULLET_LIST),
    "a table": (TABLE,),
    "a number": (NUMBER,),
    "one short label": (LABEL,),
    "text": (PROSE, PAIR_LINES),
    "JSON that does not parse": (BROKEN_JSON,),
    "empty": (EMPTY,),
}
"""Kinds that do the same work, by the words for them; rows are divided by the family of their answer."""

_FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}


def family_of(kind: str) -> str:
    """The family of a kind."""
    return _FAMILY_OF[kind]


def shape_of_answer(text: str) -> tuple[str, str]:
    """(kind, detail) of one answer."""
    text = text.strip()
    if not text:
        return EMPTY, ""
    if text[0] in "{[":
        found = _json_shape(text)
        if found:
            return found
    if "```" in text:
        return _fenced_shape(text)
    if text[0] == "<" and (text[-1] == ">" or text[1:2] in ("?", "!")):
        tag = re.match(r"<[!?]?(\w+)", text)
        return (MARKUP, tag.group(1).lower()) if tag else (PROSE, "")
    return (_line_shape(text), "") if "\n" not in text else _lines_shape(text)


def _json_shape(text: str) -> tuple[str, str] | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return (BROKEN_JSON, "") if re.match(r"[{\[]\s*[\"{\[}\]]", text) and text.count('"') > 1 else None
    if isinstance(value, dict):
        return JSON_OBJECT, _keys(value)
    if value and all(isinstance(item, dict) for item in value):
        return JSON_LIST, _keys(value[0])
    return JSON_LIST, ""


def _keys(value: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, value))[:_MOST_KEYS])


def _fenced_shape(text: str) -> tuple[str, str]:
    whole = _FENCED.fullmatch(text)
    if whole is None:
        return TEXT_WITH_CODE, ""
    inner = _json_shape(whole.group(2).strip()) if whole.group(2).strip()[:1] in ("{", "[") else None
    return (FENCED_JSON, inner[1]) if inner and inner[0] != BROKEN_JSON else (CODE_BLOCK, whole.group(1).lower())


def _line_shape(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return NUMBER
    if len(text) <= _LABEL_LENGTH and len(text.split()) <= _LABEL_WORDS and not _SENTENCE_MARK.search(text):
        return LABEL
    return CODE if re.search(r"[=(){};]", text) and _CODE.search(text) else PROSE


def _lines_shape(text: str) -> tuple[str, str]:
    lines = [line for line in text.split("\n") if line.strip()]
    shares = {
        kind: sum(1 for line in lines if pattern.match(line)) / len(lines) for kind, pattern in ((NUMBERED_LIST, _NUMBERED), (BULLET_LIST, _BULLET))
    }
    if sum(line.lstrip().startswith("|") for line in lines) >= max(2, len(lines) // 2):
        return TABLE, ""
    best = max(shares, key=lambda kind: shares[kind])
    if shares[best] > 0.5 and len(lines) > 1:
        return best, ""
    if len(lines) > 1 and all(_PAIR.match(line) for line in lines):
        return PAIR_LINES, ", ".join(sorted(line.split(":", 1)[0].strip() for line in lines)[:_MOST_KEYS])
    code_lines = sum(1 for line in lines if _CODE.search(line))
    return (CODE if code_lines >= max(2, len(lines) // 3) or (code_lines and _CODE_START.search(text)) else PROSE), ""


# ---- what rows may be divided by


@dataclass(frozen=True, slots=True)
class _Divider:
    """One way to divide rows: a title, int32[n] codes (-1: none or rare), what each code stands for, and how far its saving counts."""

    title: str
    codes: npt.NDArray[np.int32]
    values: Sequence[str]
    trust: float = 1.0


def _dividers(texts: pl.DataFrame, fields: Sequence[FieldColumn], layout: Layout) -> Iterator[_Divider]:
    answers = {layout.roles.get(role) for role in ("answer", "chosen", "rejected")} | ({layout.roles.get("label")} & {"1"})
    rows = texts["row"].to_numpy()
    for column in fields:
        if not column.free and 1 < len(column.values) <= _MOST_VALUES and column.name not in answers and not column.name.endswith("[]"):
            yield _Divider(f"{column.name} is", _aligned(column, rows), column.values)
    prompt = pl.col("prompt").str.slice(0, 2000)
    ends = pl.col("prompt").str.tail(400).str.strip_chars_end()
    columns: dict[str, pl.Expr] = {
        "the system prompt is": pl.col("system"),
        "the prompt begins": prompt.str.split("\n").list.first(),
        "the prompt's first words are": prompt.str.extract(r"^\s*((?:\S+\s+){2}\S+)"),
        "the prompt's first five words are": prompt.str.extract(r"^\s*((?:\S+\s+){4}\S+)"),
        "the prompt ends": ends.str.split("\n").list.last(),
        "the prompt's last words are": ends.str.extract(r"((?:\S+\s+){3}\S+)$"),
        "the turns are": pl.col("roles").str.slice(0, 12),
        "the split is": pl.col("split"),
    }
    for title, expression in columns.items():
        codes, values = _coded(texts.select(expression.fill_null("")).to_series())
        if len(values) > 1 or (codes < 0).any():
            yield _Divider(title, codes, values)


def _by_template(
    templates: Templates | None, texts: pl.DataFrame, ids: npt.NDArray[np.int64], shapes: Sequence[tuple[str, str]]
) -> Iterator[_Divider]:
    """Prompts by the habit of their template; it was read off the answers themselves, so that it counts for less than what stands beside them."""
    if templates is None or not templates.titles:
        return
    families = [family_of(kind) for kind, _ in shapes]
    habits = template_habits(templates, [families[number] for number in ids.tolist()], texts["answer"])
    yield _Divider("the template is", habits.codes, habits.titles, _TEMPLATE_TRUST)


def _aligned(column: FieldColumn, rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
    """The codes of a field for these rows, -1 where a row has no value."""
    codes = np.full(len(rows), -1, dtype=np.int32)
    if not len(rows):
        return codes
    at = np.minimum(np.searchsorted(rows, column.rows), len(rows) - 1)
    known = rows[at] == column.rows
    codes[at[known]] = column.codes[known]
    return codes


def _coded(series: pl.Series) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Codes of the values that enough rows have."""
    counted = series.value_counts(sort=True, name="count")
    common = counted.filter(pl.col("count") >= FEWEST_ROWS)[series.name].to_list()
    place = {value: number for number, value in enumerate(common)}
    codes = series.replace_strict(place, default=-1, return_dtype=pl.Int32) if place else pl.repeat(-1, len(series), dtype=pl.Int32, eager=True)
    return codes.to_numpy(), common


# ---- groups


@dataclass(frozen=True, slots=True)
class ShapeGroup:
    """Rows that belong together by what divides them, and the shapes of their answers.

    Attributes:
        title: What the rows have in common; "all rows" for the whole, "all other rows" for those that nothing sets apart.
        rows: uint32[n], record positions in file order.
        shapes: (kind, detail) -> rows, most first.
        habit: The commonest (kind, detail).
        share: The share of rows that have it.
    """

    title: str
    rows: npt.NDArray[np.uint32]
    shapes: tuple[tuple[tuple[str, str], int], ...]
    positions: npt.NDArray[np.int64] = field(repr=False)

    @property
    def habit(self) -> tuple[str, str]:
        """The commonest shape."""
        return self.shapes[0][0]

    def rows_of(self, shape: tuple[str, str], report: ShapeReport) -> npt.NDArray[np.uint32]:
        """The rows of this group whose answer has a shape."""
        has_shape: npt.NDArray[np.bool_] = report.shape_ids[self.positions] == report.shapes.index(shape)
        rows: npt.NDArray[np.uint32] = self.rows[has_shape]
        return rows

    @property
    def families(self) -> Mapping[str, int]:
        """Family -> rows, most first."""
        counts: Counter[str] = Counter()
        for (kind, _), count in self.shapes:
            counts[family_of(kind)] += count
        return dict(counts.most_common())

    @property
    def family(self) -> tuple[str, float]:
        """The commonest family and the share of rows that have it."""
        name, count = next(iter(self.families.items()))
        return name, count / len(self.rows)


@dataclass(frozen=True, slots=True)
class ShapeReport:
    """All groups of a dataset, largest first, and each row's shape.

    Attributes:
        groups: Every row of `texts` is in exactly one.
        shapes: The distinct (kind, detail).
        shape_ids: int64[n], index into `shapes` for each line of `texts`.
        templates: The same rows by the template of their prompt, largest first, those without one last; () where templates are not known.
    """

    groups: tuple[ShapeGroup, ...]
    shapes: tuple[tuple[str, str], ...]
    shape_ids: npt.NDArray[np.int64]
    templates: tuple[ShapeGroup, ...] = ()

    def shape_at(self, position: int) -> tuple[str, str]:
        """The shape of the answer on line `position` of `texts`."""
        return self.shapes[int(self.shape_ids[position])]


def mine_shapes(
    texts: pl.DataFrame, layout: Layout, fields: Sequence[FieldColumn] = (), templates: Templates | None = None, *, cancel: Cancel = NEVER
) -> ShapeReport:
    """Groups of rows whose answers have the same shape, as far as that can be told from the rows' fields and prompts.

    Args:
        texts: `dataset.texts()`, or some of its lines in their order.
        layout: Names the fields that are answers themselves.
        fields: The records' scalar fields; without them rows are divided by their prompts alone.
        templates: The templates of the prompts; rows are then divided by what the answers to their template usually are, too.
        cancel: Looked at every few thousand rows.

    Raises:
        CancelledError: When stopped.
    """
    shapes: dict[tuple[str, str], int] = {}
    ids = np.empty(texts.height, dtype=np.int64)
    for position, answer in enumerate(texts["answer"]):
        if position % 4096 == 0:
            raise_if_cancelled(cancel)
        ids[position] = shapes.setdefault(shape_of_answer(answer), len(shapes))
    named = tuple(shapes)
    dividers = [*_dividers(texts, fields, layout), *_by_template(templates, texts, ids, named)]
    leaves = _divided(np.arange(texts.height), _class_ids(ids, named), dividers, (), _DEEPEST) if texts.height else []
    rows = texts["row"].to_numpy()
    whole = "all rows" if len(leaves) == 1 else "all other rows"
    groups = [_group(leaf, title or whole, rows, ids, named) for leaf, title in leaves]
    of_template = tuple(_group(part, title, rows, ids, named) for part, title in _template_parts(templates)) if templates is not None else ()
    return ShapeReport(tuple(sorted(groups, key=lambda group: -len(group.rows))), named, ids, of_template)


def _template_parts(templates: Templates) -> Iterator[Leaf]:
    """The prompts of each template, and last those of none, where there are any templates."""
    order = np.argsort(templates.groups, kind="stable")
    starts = np.searchsorted(templates.groups[order], np.arange(len(templates.titles) + 1))
    for group, title in enumerate(templates.titles):
        yield order[starts[group] : starts[group + 1]], title
    if starts[0] and templates.titles:
        yield order[: starts[0]], ""


def _class_ids(ids: npt.NDArray[np.int64], shapes: Sequence[tuple[str, str]]) -> npt.NDArray[np.int64]:
    """The family of each answer as a number."""
    order = list(FAMILIES)
    return np.array([order.index(family_of(kind)) for kind, _ in shapes], dtype=np.int64)[ids] if len(shapes) else ids


Leaf = tuple[npt.NDArray[np.int64], str]


def _divided(
    positions: npt.NDArray[np.int64], classes: npt.NDArray[np.int64], dividers: Sequence[_Divider], titles: tuple[str, ...], depth: int
) -> list[Leaf]:
    """The leaves below a node: positions and what they have in common."""
    best, best_saving = None, 0.0
    bits = _bits(classes[positions])
    if depth and len(positions) >= 2 * FEWEST_ROWS and bits > 0:
        for divider in dividers:
            saving = divider.trust * (bits - _divided_bits(divider.codes[positions], classes[positions]))
            if saving > best_saving:
                best, best_saving = divider, saving
    if best is None:
        return [(positions, " and ".join(titles))]
    leaves: list[Leaf] = []
    for code, part in _parts(best.codes[positions]):
        title = (f"{best.title} {_quoted(best.values[code])}",) if code >= 0 else ()
        leaves += _divided(positions[part], classes, [other for other in dividers if other is not best], titles + title, depth - 1)
    return leaves


def _quoted(value: str) -> str:
    if value[:1] == "“" or value.startswith("one of "):
        return value
    return f'"{value[:40]}…"' if len(value) > 41 else f'"{value}"' if value else "empty"


def _parts(codes: npt.NDArray[np.int32]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(code, positions) of each value with enough rows, and (-1, positions) of all others together."""
    order = np.argsort(codes, kind="stable")
    values, starts = np.unique(codes[order], return_index=True)
    rest: list[npt.NDArray[np.int64]] = []
    for value, part in zip(values.tolist(), np.split(order, starts[1:]), strict=True):
        if value < 0 or len(part) < FEWEST_ROWS:
            rest.append(part)
        else:
            yield value, np.sort(part)
    if rest:
        yield -1, np.sort(np.concatenate(rest))


def _bits(classes: npt.NDArray[np.int64]) -> float:
    """Bits to write down the classes of rows: their entropy, and the distribution itself."""
    counts = np.bincount(classes)
    counts = counts[counts > 0]
    return float((counts * -np.log2(counts / len(classes))).sum()) + 0.5 * (len(counts) - 1) * float(np.log2(len(classes) + 1))


def _divided_bits(codes: npt.NDArray[np.int32], classes: npt.NDArray[np.int64]) -> float:
    """Bits with a division, its own description included."""
    parts = [part for _, part in _parts(codes)]
    if len(parts) < 2:
        return float("inf")
    return sum(_bits(classes[part]) for part in parts) + len(parts) * float(np.log2(len(codes) + 1))


def _group(
    positions: npt.NDArray[np.int64], title: str, rows: npt.NDArray[np.uint32], ids: npt.NDArray[np.int64], shapes: Sequence[tuple[str, str]]
) -> ShapeGroup:
    found, counts = np.unique(ids[positions], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    ranked = tuple((shapes[int(found[i])], int(counts[i])) for i in order)
    return ShapeGroup(title, rows[positions], ranked, positions)
