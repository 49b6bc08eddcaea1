"""Pairs of rows of which one is better, from real data: what `rule_quality.py` measures a quality score on.

A set is a list of (prompt, answer) for the better rows and one, aligned with it, for the worse. Some pairs were judged by people or by a checked
result; in the others a right answer stands beside one that was made wrong on purpose. A dataset with an answer for each prompt gives seven such
sets: the answer of another row (drawn, of the nearest prompt in meaning, of the nearest prompt of about the same length, of the nearest that is at
least one and a half times as long, of any row twice as long, of the nearest prompt by its words), the answer cut off, and its sentences shuffled.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from sde_core.features.embedding import embed_texts

Row = tuple[str, str]
Indices = npt.NDArray[np.int64]
NEAREST, TOO_NEAR = 200, 0.93
"""Rows looked at around a prompt; a prompt nearer than `TOO_NEAR` may well have the same right answer."""


@dataclass(frozen=True)
class PairSet:
    """Pairs of one kind.

    Attributes:
        name: "source: kind".
        better, worse: Rows, aligned.
        looked_at: Whether the defaults were decided with a view of these figures; the others were held out.
    """

    name: str
    better: tuple[Row, ...]
    worse: tuple[Row, ...]
    looked_at: bool = False

    def texts(self) -> pl.DataFrame:
        """All better rows, then all worse ones, as rules read them."""
        rows = (*self.better, *self.worse)
        columns = {"row": range(len(rows)), "prompt": [prompt for prompt, _ in rows], "answer": [answer for _, answer in rows]}
        return pl.DataFrame(columns, schema={"row": pl.UInt32, "prompt": pl.String, "answer": pl.String})


# ---- rows of the files


def instruct_rows(path: Path) -> list[Row]:
    """Prompt and answer of each record that has both, each prompt once."""
    text = path.read_text(encoding="utf-8")
    records = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    rows: dict[str, str] = {}
    for record in records:
        case = record["instances"][0] if "instances" in record else record
        prompt, answer = "\n".join(part for part in (record["instruction"], case.get("input", "")) if part).strip(), case["output"].strip()
        if prompt and answer:
            rows.setdefault(prompt, answer)
    return list(rows.items())


def expert_rows(path: Path) -> tuple[list[Row], list[Row]]:
    """Rows as an expert revised them, and as the model wrote them."""
    parts = [re.match(r"(?s)Instruction: (.*?) Response: (.*)", text) for text in pl.read_csv(path)["src"]]
    rows = [(part[1].strip(), part[2].strip()) for part in parts if part]
    kept = [at for at in range(0, len(rows), 2) if rows[at][1] and rows[at + 1][1]]
    return [rows[at + 1] for at in kept], [rows[at] for at in kept]


def _said(turns: Sequence[dict[str, str]]) -> str:
    return "\n".join(turn["value"] for turn in turns if turn["from"] != "system")


def demo_preferences(path: Path) -> tuple[list[Row], list[Row]]:
    """Chosen and rejected last answers of conversations."""
    records = json.loads(path.read_text(encoding="utf-8"))
    return tuple([(_said(record["conversations"]), record[side]["value"]) for record in records] for side in ("chosen", "rejected"))


def alpaca_preferences(path: Path) -> tuple[list[Row], list[Row]]:
    """Chosen and rejected answers."""
    records = json.loads(path.read_text(encoding="utf-8"))
    prompts = ["\n".join(part for part in (record["instruction"], record["input"]) if part) for record in records]
    return tuple([(prompt, record[side]) for prompt, record in zip(prompts, records, strict=True)] for side in ("chosen", "rejected"))


def gsm8k_solutions(path: Path) -> tuple[list[Row], list[Row]]:
    """For each question that a model solved and another missed: the first right and the first wrong solution, without the worked-out marks."""
    better, worse = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        tries = [value for value in record.values() if isinstance(value, dict)]
        right, wrong = ([re.sub(r"<<.*?>>", "", case["solution"]) for case in tries if case["is_correct"] == is_right] for is_right in (True, False))
        if right and wrong:
            better.append((record["question"], right[0]))
            worse.append((record["question"], wrong[0]))
    return better, worse


# ---- wrong answers made from right ones


def _neighbours(vectors: npt.NDArray[np.float32]) -> Indices:
    """int64[n, NEAREST]: rows by falling similarity, without the row itself and without those that are `TOO_NEAR`."""
    found = np.empty((len(vectors), min(NEAREST, len(vectors) - 1)), np.int64)
    for at, vector in enumerate(vectors):
        near = vectors @ vector
        near[near > TOO_NEAR] = -1.0
        near[at] = -2.0
        found[at] = np.argsort(-near, kind="stable")[: found.shape[1]]
    return found


def _first_that(near: Indices, fits: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    pairs = ((at, next((int(other) for other in row if fits(at, int(other))), -1)) for at, row in enumerate(near))
    return [(at, other) for at, other in pairs if other >= 0]


def _word_vectors(prompts: Sequence[str]) -> npt.NDArray[np.float32]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors: npt.NDArray[np.float32] = TfidfVectorizer(stop_words="english", dtype=np.float32).fit_transform(prompts).toarray()
    return vectors


def _cut_off(answer: str) -> str:
    words = answer.split(" ")
    return " ".join(words[: max(1, round(0.6 * len(words)))])


def _shuffled(answer: str, seed: int) -> str:
    parts = [part for part in re.split(r"(?<=[.!?])\s+|\n+", answer) if part.strip()]
    order = np.random.default_rng(seed).permutation(len(parts))
    return " ".join(parts[at] for at in order)


def mismatches(rows: Sequence[Row]) -> dict[str, list[tuple[int, int]]]:
    """By kind: (row, row whose answer it gets instead)."""
    prompts, lengths = [prompt for prompt, _ in rows], np.array([len(answer.split()) for _, answer in rows])
    near = _neighbours(embed_texts([prompt[:4000] for prompt in prompts]))
    drawn = np.random.default_rng(0).permuted(np.tile(np.arange(len(rows)), (len(rows), 1)), axis=1)[:, :NEAREST]
    different = lambda at, other: rows[at][1] != rows[other][1] and at != other  # noqa: E731
    return {
        "drawn answer": _first_that(drawn, different),
        "neighbour's answer": _first_that(near, different),
        "neighbour's, as long": _first_that(near, lambda a, b: different(a, b) and abs(lengths[a] - lengths[b]) <= 0.1 * lengths[a]),
        "neighbour's, longer": _first_that(near, lambda a, b: different(a, b) and lengths[b] >= 1.5 * lengths[a]),
        "any, twice as long": _first_that(drawn, lambda a, b: different(a, b) and lengths[b] >= 2 * lengths[a]),
        "word neighbour's": _first_that(_neighbours(_word_vectors(prompts)), different),
    }


def made_wrong(name: str, rows: Sequence[Row], *, looked_at: bool) -> list[PairSet]:
    """The sets that a dataset with right answers gives."""
    sets = []
    for kind, pairs in mismatches(rows).items():
        worse = tuple((rows[at][0], rows[other][1]) for at, other in pairs)
        sets.append(PairSet(f"{name}: {kind}", tuple(rows[at] for at, _ in pairs), worse, looked_at))
    long = [row for row in rows if len(row[1].split()) >= 10]
    sets.append(PairSet(f"{name}: cut off", tuple(long), tuple((prompt, _cut_off(answer)) for prompt, answer in long), looked_at))
    seeded = [(prompt, answer, _shuffled(answer, zlib.crc32(answer.encode()))) for prompt, answer in rows]
    moved = [(prompt, answer, mixed) for prompt, answer, mixed in seeded if mixed.split() != answer.split()]
    sets.append(PairSet(f"{name}: shuffled", tuple((p, a) for p, a, _ in moved), tuple((p, m) for p, _, m in moved), looked_at))
    return sets


def judged(name: str, rows: tuple[list[Row], list[Row]], *, looked_at: bool = False) -> PairSet:
    """Pairs whose better row is known."""
    kept = [(good, bad) for good, bad in zip(*rows, strict=True) if good != bad and good[1] and bad[1]]
    return PairSet(name, tuple(good for good, _ in kept), tuple(bad for _, bad in kept), looked_at)


def expert_adversarial(revised: Sequence[Row], written: Sequence[Row]) -> PairSet:
    """The model's own answer against the expert's answer to the nearest other instruction, where that is at least as long."""
    near = _neighbours(embed_texts([prompt[:4000] for prompt, _ in written]))
    words = np.array([[len(row[1].split()) for row in rows] for rows in (written, revised)])
    pairs = _first_that(near, lambda at, other: bool(words[1, other] >= words[0, at]))
    return PairSet("expert: neighbour's revision", tuple(written[a] for a, _ in pairs), tuple((written[a][0], revised[b][1]) for a, b in pairs), True)


def _every_other(rows: tuple[list[Row], list[Row]], start: int) -> tuple[list[Row], list[Row]]:
    return rows[0][start::2], rows[1][start::2]


def all_sets(data: Path, most: int = 1500) -> list[PairSet]:
    """Every set, at most `most` rows of each file, drawn with a fixed seed."""
    expert = expert_rows(data / "quality/expert_revised_train.csv")
    even, odd = _every_other(expert, 0), _every_other(expert, 1)
    sets = [judged("expert: revised, even", even, looked_at=True), judged("expert: revised, odd", odd), expert_adversarial(*expert)]
    sets += [
        judged("dpo_en_demo: chosen", demo_preferences(data / "formats/dpo_en_demo.json"), looked_at=True),
        judged("preference: chosen", alpaca_preferences(data / "instruct/instruction-data-with-preference.json")),
        judged("gsm8k: right solution", gsm8k_solutions(data / "math/gsm8k_model_solutions.jsonl")),
    ]
    for file, looked_at in (
        ("instruct/alpaca_5000.json", True), ("instruct/dolly_3k.json", False), ("instruct/code_alpaca_2k.json", False),
        ("medical/medical_meadow_small.json", False), ("instruct/instruction-data.json", False), ("instruct/seed_tasks.jsonl", False),
    ):  # fmt: skip
        rows = instruct_rows(data / file)
        drawn = np.sort(np.random.default_rng(0).permutation(len(rows))[:most])
        sets += made_wrong(Path(file).stem, [rows[at] for at in drawn], looked_at=looked_at)
    return sets
