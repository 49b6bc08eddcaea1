"""Near-duplicates against datasketch, in one run: pairs found, pair recall and precision, CPU seconds, ratio.

    python benchmarks/near_duplicates.py                        20,000 generated rows, a tenth of them edited copies
    python benchmarks/near_duplicates.py --rows 100000 --ours   this engine alone, at size
    python benchmarks/near_duplicates.py --data FILE            rows of a file

Both look for pairs of word-pair Jaccard similarity of at least --near. datasketch gets the same shingles, made in Python as its users make
them, with 128 permutations; its candidates are verified on the sets too, so that both report verified pairs.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from itertools import pairwise

import numpy as np

from sde_core.checks.duplicates.candidates import candidate_pairs, signatures
from sde_core.checks.duplicates.jaccard import verified_pairs
from sde_core.dataset import open_dataset
from sde_core.features.shingles import word_shingles

Pairs = set[tuple[int, int]]


def generated(rows: int, words: int, seed: int) -> tuple[list[str], dict[float, Pairs]]:
    """Texts of Zipf-distributed words; every tenth is a copy of an earlier one with 0, 2, 5 or 10 % of its words replaced."""
    generator = random.Random(seed)
    vocabulary = [f"{chr(97 + n % 26)}{n:x}" for n in range(50_000)]
    weights = np.cumsum(1 / np.arange(1, len(vocabulary) + 1)).tolist()
    texts: list[str] = []
    planted: dict[float, Pairs] = {rate: set() for rate in (0.0, 0.02, 0.05, 0.1)}
    for row in range(rows):
        if row % 10 == 9:
            rate = generator.choice(list(planted))
            source = generator.randrange(len(texts))
            copied = texts[source].split(" ")
            for place in generator.sample(range(len(copied)), round(rate * len(copied))):
                copied[place] = generator.choice(vocabulary)
            texts.append(" ".join(copied))
            planted[rate].add((source, row))
        else:
            texts.append(" ".join(generator.choices(vocabulary, cum_weights=weights, k=generator.randrange(words // 4, words * 2))))
    return texts, planted


def ours(texts: list[str], near: float) -> Pairs:
    shingles = word_shingles(texts)
    first, second = candidate_pairs(signatures(shingles), np.arange(len(texts)), near - 0.15)
    pairs = verified_pairs(shingles, first, second, near)
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def with_datasketch(texts: list[str], near: float) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=near, num_perm=128)
    sets: list[set[bytes]] = []
    found: Pairs = set()
    for row, text in enumerate(texts):
        words = ["", *text.lower().split(), ""]
        shingles = {f"{one} {other}".encode() for one, other in pairwise(words)}
        sketch = MinHash(num_perm=128)
        sketch.update_batch(list(shingles))
        for other in index.query(sketch):
            if len(shingles & sets[other]) >= near * len(shingles | sets[other]):
                found.add((other, row))
        sets.append(shingles)
        index.insert(row, sketch)
    return found


def measured(name: str, find, texts: list[str], near: float) -> tuple[Pairs, float]:
    started = time.process_time()
    found = find(texts, near)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:<12}{len(found):>9,} pairs {seconds:>9.2f} CPU s {len(texts) / seconds:>10,.0f} rows/s   peak so far {peak:,.0f} MB")
    return found, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=120, help="mean words of a generated row")
    parser.add_argument("--near", type=float, default=0.8)
    parser.add_argument("--data", help="rows of this file instead of generated ones")
    parser.add_argument("--ours", action="store_true", help="leave datasketch out")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    planted: dict[float, Pairs] = {}
    if arguments.data:
        table = open_dataset(arguments.data).texts()
        texts = (table["prompt"] + "\n" + table["answer"]).to_list()[: arguments.rows]
    else:
        texts, planted = generated(arguments.rows, arguments.words, arguments.seed)
    print(f"{len(texts):,} rows, {sum(map(len, texts)) / 1e6:,.1f} MB of text, Jaccard of word pairs >= {arguments.near:g}")
    found, seconds = measured("sde", ours, texts, arguments.near)
    for rate, pairs in planted.items():
        print(f"             {rate:>4.0%} of the words replaced: {len(pairs & found) / max(len(pairs), 1):.3f} of {len(pairs):,} pairs found")
    if not arguments.ours:
        reference, reference_seconds = measured("datasketch", with_datasketch, texts, arguments.near)
        union = found | reference
        shares = [len(part) / max(len(union), 1) for part in (found, reference)]
        print(f"of all {len(union):,} pairs that either found: sde {shares[0]:.4f}, datasketch {shares[1]:.4f}")
        print(f"datasketch takes {reference_seconds / seconds:.1f} times the CPU time")


if __name__ == "__main__":
    main()
