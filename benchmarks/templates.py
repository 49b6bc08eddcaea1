"""Prompt templates recovered: sde, frequent n-grams and drain3 against the template that each prompt was made from.

    python benchmarks/templates.py                            t0_90_templates.jsonl of the shared data: 17,296 prompts, 90 templates
    python benchmarks/templates.py FILE --truth FIELD         another file of prompts, with the field that names each one's template
    python benchmarks/templates.py --made 20000               prompts made here: random instructions, slots of everyday words
    python benchmarks/templates.py --only sde,drain3

Every contender runs in a process of its own; the prompts are in memory when its clock starts. "groups" counts the groups found, prompts without
a template as one; "homogeneity" falls where a group mixes templates, "completeness" where a template is torn apart. The ceiling is what a perfect
answer gets that cannot tell apart templates with the same fixed words: some of the 90 are the same instruction over two sources.

"n-grams" is the obvious way: the first and the last word 3-gram of a prompt that at least one prompt in a hundred has name its group; of 45 such
ways (3 to 5 words, three shares, first, last, rarest, commonest) it is the one that does best on the shared file.
drain3 mines log templates, line by line; a prompt is one line to it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

SHARED = Path(os.environ.get("SDE_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "templates" / "t0_90_templates.jsonl"
SAME_TEMPLATE = (
    ("duorc_ParaphraseRC_generate_question", "duorc_SelfRC_generate_question"),
    ("duorc_ParaphraseRC_build_story_around_qa", "duorc_SelfRC_build_story_around_qa"),
    ("adversarial_qa_dbert_based_on", "adversarial_qa_dbidaf_based_on"),
    ("adversarial_qa_dbert_answer_the_following_q", "adversarial_qa_dbidaf_answer_the_following_q"),
    ("adversarial_qa_dbert_tell_what_it_is", "adversarial_qa_droberta_tell_what_it_is"),
    ("imdb_Movie_Expressed_Sentiment", "rotten_tomatoes_Movie_Expressed_Sentiment"),
    ("gigaword_TLDR", "xsum_DOC_tldr"),
)
"""Pairs of the shared file whose fixed words are the same."""


def sde(prompts: Sequence[str]) -> list[int]:
    from sde_core.features.templates import prompt_templates

    return prompt_templates(prompts).groups.tolist()


def frequent_ngrams(prompts: Sequence[str], words: int = 3, share: float = 0.01) -> list[int]:
    """Names each prompt by the first and the last of its frequent n-grams."""
    sets = []
    for prompt in prompts:
        split = ["^", *prompt.split(), "$"]
        sets.append(list(dict.fromkeys(tuple(split[at : at + words]) for at in range(max(1, len(split) - words + 1)))))
    counts = Counter(gram for grams in sets for gram in grams)
    names: dict[tuple[object, ...], int] = {}
    groups = []
    for grams in sets:
        frequent = [gram for gram in grams if counts[gram] >= share * len(prompts)]
        groups.append(names.setdefault((frequent[0], frequent[-1]) if frequent else (), len(names)))
    return groups


def drain(prompts: Sequence[str]) -> list[int]:
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.profiling_enabled = False
    miner = TemplateMiner(config=config)
    return [miner.add_log_message(" ".join(prompt.split()))["cluster_id"] for prompt in prompts]


CONTENDERS = {"sde": sde, "n-grams": frequent_ngrams, "drain3": drain}


def made(rows: int, templates: int = 60, seed: int = 0) -> tuple[list[str], list[str]]:
    """Prompts of random templates: instructions before, behind or around slots of 3 to 80 words."""
    rng = random.Random(seed)
    syllables = ["ka", "lo", "mi", "ter", "san", "vo", "ren", "dul", "pe", "gri", "ho", "nes"]
    vocabulary = ["".join(rng.choice(syllables) for _ in range(rng.randint(1, 4))) for _ in range(4000)]
    weights = [1 / (place + 3) for place in range(len(vocabulary))]

    def words(least: int, most: int) -> str:
        return " ".join(rng.choices(vocabulary, weights, k=rng.randint(least, most)))

    shapes = ((1, 0), (0, 1), (1, 1), (1, 1, 1), (0, 1, 1))
    forms = [[f"{words(4, 12)}: " if piece else "" for piece in rng.choice(shapes)] for _ in range(templates)]
    prompts, truth = [], []
    for _ in range(rows):
        number = rng.randrange(templates)
        prompts.append("\n".join(piece + words(3, 80) for piece in forms[number]))
        truth.append(str(number))
    return prompts, truth


def scores(truth: Sequence[str], groups: Sequence[int]) -> tuple[float, float, float]:
    from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

    homogeneity, completeness, _ = homogeneity_completeness_v_measure(truth, groups)
    return adjusted_rand_score(truth, groups), homogeneity, completeness


def contend(name: str, path: Path) -> None:
    """The child: groups the prompts of a file and prints groups and CPU seconds."""
    prompts = json.loads(path.read_text(encoding="utf-8"))
    started, wall = time.process_time(), time.perf_counter()
    groups = CONTENDERS[name](prompts)
    print(json.dumps({"groups": groups, "cpu": time.process_time() - started, "wall": time.perf_counter() - wall}))


def read(path: Path, field: str) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    return [row["prompt"] for row in rows], [str(row[field]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--truth", default="template")
    parser.add_argument("--made", type=int, default=0)
    parser.add_argument("--only", default=",".join(CONTENDERS))
    parser.add_argument("--contend", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contend:
        contend(options.contend, options.file)
        return
    prompts, truth = made(options.made) if options.made else read(options.file, options.truth)
    merged = {second: first for first, second in SAME_TEMPLATE}
    ceiling, *_ = scores(truth, [hash(merged.get(name, name)) for name in truth])
    print(f"{len(prompts):,} prompts, {len(set(truth)):,} templates, ceiling {ceiling:.3f}")
    print(f"{'':10}{'ARI':>8}{'homog.':>8}{'compl.':>8}{'groups':>8}{'CPU s':>8}{'wall s':>8}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompts.json"
        path.write_text(json.dumps(prompts), encoding="utf-8")
        for name in options.only.split(","):
            out = subprocess.run([sys.executable, __file__, str(path), "--contend", name], capture_output=True, text=True, check=True).stdout
            result = json.loads(out.splitlines()[-1])
            rand, homogeneity, completeness = scores(truth, result["groups"])
            found = len(set(result["groups"]))
            print(f"{name:10}{rand:>8.3f}{homogeneity:>8.3f}{completeness:>8.3f}{found:>8,}{result['cpu']:>8.1f}{result['wall']:>8.1f}")


if __name__ == "__main__":
    main()
