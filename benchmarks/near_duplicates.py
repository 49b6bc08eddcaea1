"""Near-duplicates side by side: sde, rensa, datasketch and semhash on edited copies of real rows, and speed on made chat rows.

    python benchmarks/near_duplicates.py                                recall, precision and F1 at five levels of edits
    python benchmarks/near_duplicates.py --per-file 600                 with fewer rows of each file
    python benchmarks/near_duplicates.py --rows 100000                  CPU seconds and memory on 118 MB of made chat rows
    python benchmarks/near_duplicates.py --rows 1000000 --only sde      1.18 GB
    python benchmarks/near_duplicates.py --only sde,rensa-0.5

Every contender runs in a process of its own, so that its peak memory is its own; the texts are in memory when its clock starts, and shingling
counts. Precision is over everything it reports. A pair that nobody planted counts as right where 85 % of the words of the two rows are the
same in the same order (difflib, blind to case and punctuation): real rows have near-duplicates of their own. "Planted" counts none of them.

rensa and datasketch get sets of word 5-grams, 128 permutations and their own index; what the index returns is what they report, as in their
documentation. "rensa-verified" checks each pair by the Jaccard similarity of the sets. semhash embeds with the encoder of this project.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from near_duplicates_rows import Pair, chat_rows, real_texts, with_edited_copies

from sde_core.checks.duplicates import NEAR_DEFAULT

WORDS, PERMUTATIONS, SEED, RIGHT = 5, 128, 0, 0.85
Pairs = npt.NDArray[np.int64]


def sde(texts: pl.Series) -> Pairs:
    from sde_core.checks.duplicates.near import near_pairs

    found = near_pairs(texts, floor=NEAR_DEFAULT)
    return np.stack([found.first, found.second], axis=1)


def word_sets(texts: Iterable[str]) -> list[set[str]]:
    """Word 5-grams of each text, as users of MinHash libraries make them."""
    sets = []
    for text in texts:
        words = text.lower().split()
        sets.append({" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))})
    return sets


def rensa(texts: pl.Series, threshold: float, *, verified: bool = False) -> Pairs:
    from rensa import RMinHash, RMinHashLSH

    sets = word_sets(texts.to_list())
    sketches = RMinHash.from_token_sets([list(members) for members in sets], PERMUTATIONS, SEED)
    index = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=16 if threshold > 0.6 else 32)
    index.insert_many(sketches)
    pairs = [(row, other) for row, others in enumerate(index.query_all(sketches)) for other in others if other > row]
    if verified:
        pairs = [(one, other) for one, other in pairs if len(sets[one] & sets[other]) >= threshold * len(sets[one] | sets[other])]
    return as_pairs(pairs)


def rensa_vectorised(texts: pl.Series, threshold: float) -> Pairs:
    """rensa's MinHash over hashes of word 5-grams that are made in numpy, without a Python loop."""
    from rensa import RMinHash, RMinHashLSH

    from sde_core.features.shingles import word_shingles

    shingles = word_shingles(texts, WORDS)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes.astype(np.uint64), shingles.starts.astype(np.uint64), PERMUTATIONS, SEED)
    index = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=16 if threshold > 0.6 else 32)
    flags = np.array(index.query_duplicate_flags_matrix_one_shot(matrix))
    return as_pairs([(row, row) for row in np.flatnonzero(flags).tolist()])


def datasketch(texts: pl.Series, threshold: float) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    pairs: list[Pair] = []
    for row, members in enumerate(word_sets(texts.to_list())):
        sketch = MinHash(num_perm=PERMUTATIONS, seed=SEED)
        sketch.update_batch([member.encode() for member in members])
        pairs += [(other, row) for other in index.query(sketch)]
        index.insert(row, sketch)
    return as_pairs(pairs)


def semhash(texts: pl.Series, threshold: float) -> Pairs:
    from semhash import SemHash

    from sde_core.features.embedding import load_encoder

    class OurEncoder:
        def __init__(self) -> None:
            self._encoder = load_encoder()

        def encode(self, inputs: Sequence[str], **_: object) -> npt.NDArray[np.float32]:
            return self._encoder.encode(list(inputs))

    records = [{"id": str(row), "text": text} for row, text in enumerate(texts.to_list())]
    result = SemHash.from_records(records, columns=["text"], model=OurEncoder()).self_deduplicate(threshold=threshold)
    return as_pairs([(int(found.record["id"]), int(other["id"])) for found in result.filtered for other, _ in found.duplicates])


CONTENDERS: dict[str, Callable[[pl.Series], Pairs]] = {
    "sde": sde,
    "rensa-0.8": lambda texts: rensa(texts, 0.8),
    "rensa-0.5": lambda texts: rensa(texts, 0.5),
    "rensa-0.5-verified": lambda texts: rensa(texts, 0.5, verified=True),
    "rensa-vectorised": lambda texts: rensa_vectorised(texts, 0.8),
    "datasketch-0.8": lambda texts: datasketch(texts, 0.8),
    "datasketch-0.5": lambda texts: datasketch(texts, 0.5),
    "semhash-0.9": lambda texts: semhash(texts, 0.9),
}
FLAGS_ONLY = {"rensa-vectorised"}


def as_pairs(pairs: Iterable[Pair]) -> Pairs:
    """int64[p, 2], each pair once, the smaller row first."""
    return np.unique(np.sort(np.array(list(pairs), np.int64).reshape(-1, 2), axis=1), axis=0)


def run_contender(name: str, folder: Path) -> None:
    """In the contender's own process: measures it and writes its pairs."""
    texts = pl.read_parquet(folder / "texts.parquet")["text"]
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    pairs = CONTENDERS[name](texts)
    wall = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
    np.save(folder / f"{name}.npy", pairs)
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": usage.ru_maxrss / 1024, "pairs": len(pairs)}))


def measured(name: str, folder: Path, seconds: int) -> tuple[Pairs, dict[str, float]] | None:
    command = [sys.executable, __file__, "--contender", name, "--folder", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except subprocess.TimeoutExpired:
        print(f"{name:<20}stopped after {seconds} s")
        return None
    except subprocess.CalledProcessError as error:
        print(f"{name:<20}failed: {error.stderr.strip().splitlines()[-1][:100]}")
        return None
    return np.load(folder / f"{name}.npy"), json.loads(done.stdout.splitlines()[-1])


class Judge:
    """Tells whether two rows that nobody planted are alike all the same."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._known: dict[Pair, bool] = {}

    def alike(self, pair: Pair) -> bool:
        if pair not in self._known:
            one, other = (re.findall(r"\w+", self._texts[row].casefold()) for row in pair)
            matcher = SequenceMatcher(None, one, other, autojunk=False)
            self._known[pair] = matcher.quick_ratio() >= RIGHT and matcher.ratio() >= RIGHT
        return self._known[pair]


def compare_quality(names: Sequence[str], per_file: int, copies: int, seconds: int) -> None:
    texts, planted = with_edited_copies(real_texts(per_file, SEED), copies, SEED)
    every = {pair for pairs in planted.values() for pair in pairs}
    judge = Judge(texts)
    print(f"{len(texts):,} real rows, {sum(map(len, texts)) / 1e6:,.1f} MB, {len(every):,} of them edited copies\n")
    head = "".join(f"{level:>20}" for level in planted)
    print(f"{'recall at':<20}{head}\n{'':<20}{'precision':>12}{'planted':>10}{'F1':>8}{'pairs':>10}{'CPU s':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        pl.DataFrame({"text": texts}).write_parquet(Path(folder) / "texts.parquet")
        for name in names:
            if (run := measured(name, Path(folder), seconds)) is None:
                continue
            found = set(map(tuple, run[0].tolist()))
            recalls = [len(found & set(pairs)) / len(pairs) for pairs in planted.values()]
            strict = len(found & every) / max(len(found), 1)
            others = sorted(found - every)
            judged = others[:: max(1, len(others) // 2000)]
            right = len(found & every) + len(others) * sum(map(judge.alike, judged)) / max(len(judged), 1)
            precision, recall = right / max(len(found), 1), len(found & every) / len(every)
            f1 = 2 * precision * recall / max(precision + recall, 1e-9)
            print(f"{name:<20}" + "".join(f"{value:>20.3f}" for value in recalls))
            print(f"{'':<20}{precision:>12.3f}{strict:>10.3f}{f1:>8.3f}{len(found):>10,}{run[1]['cpu']:>9.1f}{run[1]['peak']:>9,.0f}")


def compare_speed(names: Sequence[str], rows: int, seconds: int) -> None:
    texts = pl.concat(list(chat_rows(rows, SEED)), rechunk=False)
    print(f"{rows:,} made chat rows, {texts.str.len_bytes().sum() / 1e6:,.0f} MB of text; one in a hundred an edited copy")
    print(f"{'':<20}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'rows/CPU s':>12}{'pairs':>12}")
    with tempfile.TemporaryDirectory() as folder:
        texts.to_frame("text").write_parquet(Path(folder) / "texts.parquet", compression="lz4")
        del texts
        for name in names:
            if run := measured(name, Path(folder), seconds):
                of = run[1]
                print(f"{name:<20}{of['cpu']:>9.1f}{of['wall']:>9.1f}{of['peak']:>9,.0f}{rows / of['cpu']:>12,.0f}{int(of['pairs']):>12,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="measure speed on so many made chat rows instead of quality")
    parser.add_argument("--per-file", type=int, default=2000, help="rows taken of each file")
    parser.add_argument("--copies", type=int, default=400, help="edited copies a level")
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, comma-separated")
    parser.add_argument("--seconds", type=int, default=900, help="time limit of a contender")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        run_contender(arguments.contender, arguments.folder)
        return
    names = arguments.only.split(",")
    if arguments.rows:
        compare_speed(names, arguments.rows, arguments.seconds)
    else:
        compare_quality([name for name in names if name not in FLAGS_ONLY], arguments.per_file, arguments.copies, arguments.seconds)


if __name__ == "__main__":
    main()
