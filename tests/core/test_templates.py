"""Mined prompt templates: recovered groups against the templates that the prompts were made from."""

from __future__ import annotations

import random
import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from sde_core.features import templates as templates_module
from sde_core.features.templates import NO_TEMPLATE, SLOT, Templates, prompt_templates
from sde_core.progress import CancelledError

WORDS = [
    "river",
    "copper",
    "lantern",
    "meadow",
    "harbour",
    "violin",
    "engine",
    "pepper",
    "marble",
    "window",
    "garden",
    "thunder",
    "paper",
    "silver",
    "bridge",
    "winter",
    "candle",
    "forest",
    "basket",
    "mirror",
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "it",
    "was",
    "for",
    "on",
    "with",
    "as",
    "at",
    "by",
    "from",
    "or",
    "an",
    "be",
    "this",
    "that",
    "has",
    "were",
    "not",
    "but",
    "his",
    "her",
    "they",
    "we",
    "our",
    "its",
]
VERBS = ["Summarise", "Translate", "Rewrite", "Classify", "Explain", "Correct", "Shorten", "Compare", "Describe", "Tag"]
TONES = (
    "in your own words", "for a child of nine", "as a lawyer would", "without any adjectives", "in one short sentence", "as if it were yesterday",
    "for readers in a hurry", "step by step", "with an example of each", "and keep every number",
)  # fmt: skip
OBJECTS = ["letter", "invoice", "dialogue", "recipe", "headline", "contract", "review", "poem", "ticket", "diary"]


def prose(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


def made_template(rng: random.Random, number: int) -> list[str]:
    """Fixed pieces with a slot between each two; the instruction stands before, in the middle of, or behind the slots."""
    verb, thing, tone = VERBS[number % 10], OBJECTS[(number + number // 10 * 3) % 10], TONES[(number * 3 + number // 10) % 10]
    instruction = f"{verb} the {thing} {rng.choice(('below', 'above', 'given here'))} {tone}"
    return rng.choice(
        (
            [f"{instruction}:\n\n", ""],
            ["", f"\n\n{instruction}."],
            ["Context: ", f"\nQuestion: {instruction}, and mind ", "\nAnswer:"],
            [f"{instruction}.\nText: ", "\nResult:"],
        )
    )


def made_prompts(seed: int, templates: int, rows: int) -> tuple[list[str], list[int]]:
    rng = random.Random(seed)
    forms = [made_template(rng, number) for number in range(templates)]
    prompts, truth = [], []
    for _ in range(rows):
        number = rng.randrange(templates)
        pieces = forms[number]
        prompts.append("".join(piece + (prose(rng, 3, 60) if place < len(pieces) - 1 else "") for place, piece in enumerate(pieces)))
        truth.append(number)
    return prompts, truth


@pytest.mark.parametrize(("seed", "templates", "rows"), [(1, 3, 200), (2, 12, 1200), (3, 40, 3000)])
def test_made_templates_are_recovered(seed: int, templates: int, rows: int) -> None:
    prompts, truth = made_prompts(seed, templates, rows)
    found = prompt_templates(prompts)
    assert adjusted_rand_score(truth, found.groups) >= 0.9
    assert sum(found.rows) == (found.groups >= 0).sum()
    assert all(SLOT in title for title in found.titles)


def test_free_text_has_no_template() -> None:
    rng = random.Random(4)
    prompts = [prose(rng, 5, 60) for _ in range(1500)]
    assert (prompt_templates(prompts).groups == NO_TEMPLATE).mean() >= 0.98


def test_free_text_beside_templates_stays_free() -> None:
    prompts, truth = made_prompts(5, 6, 600)
    rng = random.Random(6)
    free = [prose(rng, 5, 60) for _ in range(600)]
    found = prompt_templates(prompts + free)
    assert adjusted_rand_score(truth + [-1] * len(free), found.groups) >= 0.95


def test_titles_are_the_fixed_words_with_slots() -> None:
    rng = random.Random(7)
    prompts = [f"Context: {prose(rng, 5, 30)}\nQuestion: {prose(rng, 3, 9)}?\nAnswer:" for _ in range(60)]
    assert prompt_templates(prompts).titles == (f"Context: {SLOT}\nQuestion: {SLOT}?\nAnswer:",)


def test_groups_are_ordered_by_size_and_do_not_depend_on_the_run() -> None:
    prompts, _ = made_prompts(8, 8, 700)
    first, second = prompt_templates(prompts), prompt_templates(pl.DataFrame({"prompt": prompts}))
    assert first.titles == second.titles
    assert np.array_equal(first.groups, second.groups)
    assert list(first.rows) == sorted(first.rows, reverse=True)
    assert first.groups[0] == 0


def test_shuffled_rows_fall_into_the_same_groups() -> None:
    prompts, _ = made_prompts(9, 8, 700)
    order = np.random.default_rng(0).permutation(len(prompts))
    plain, shuffled = prompt_templates(prompts), prompt_templates([prompts[place] for place in order])
    assert adjusted_rand_score(plain.groups[order], shuffled.groups) >= 0.98


def test_a_passage_that_many_questions_share_is_no_template() -> None:
    rng = random.Random(10)
    passages = [prose(rng, 150, 200) for _ in range(6)]
    prompts = [
        f"{form} {prose(rng, 3, 9)}?\n\n{passage}"
        for form in ("Answer this question from the passage:", "Say where the passage tells us")
        for passage in passages
        for _ in range(20)
    ]
    found = prompt_templates(prompts)
    assert adjusted_rand_score([0] * 120 + [1] * 120, found.groups) >= 0.95


def test_the_first_word_tells_templates_apart_and_a_word_inside_does_not() -> None:
    rng = random.Random(16)
    first = [f"{verb} the letter below.\n{prose(rng, 9, 40)}" for verb in ("Summarise", "Translate") for _ in range(40)]
    inside = [f"Say in {tongue} what this letter is about.\n{prose(rng, 9, 40)}" for tongue in ("French", "Spanish") for _ in range(40)]
    assert adjusted_rand_score([0] * 40 + [1] * 40 + [2] * 80, prompt_templates(first + inside).groups) == 1


def test_chinese_templates() -> None:
    rng = random.Random(11)
    characters = "山水火木金土日月星云风雨雪花草树鸟鱼马牛羊车船桥路城门窗书笔"
    slots = ["".join(rng.choice(characters) for _ in range(rng.randint(4, 20))) for _ in range(80)]
    prompts = [f"请把下面的句子翻译成英文：{slot}" for slot in slots[:40]] + [f"用一句话概括这篇文章的主要内容。\n{slot}" for slot in slots[40:]]
    found = prompt_templates(prompts)
    assert adjusted_rand_score([0] * 40 + [1] * 40, found.groups) == 1
    assert f"请把下面的句子翻译成英文：{SLOT}" in found.titles


def test_equal_prompts_are_one_template_without_slots_or_none() -> None:
    found = prompt_templates(["Describe the picture in one sentence."] * 50)
    assert len(set(found.groups.tolist())) == 1


@pytest.mark.parametrize("prompts", [[], [""], ["one prompt"], [""] * 30, ["   \n "] * 30, ["\ud7ff\u2028\u0085 x"] * 3])
def test_too_little_to_mine(prompts: list[str]) -> None:
    found = prompt_templates(prompts)
    assert found.groups.tolist() == [NO_TEMPLATE] * len(prompts)
    assert found.titles == ()


def test_nulls_and_empty_prompts_have_no_template() -> None:
    prompts, _ = made_prompts(12, 2, 100)
    found = prompt_templates(pl.Series([None, "", *prompts]))
    assert found.groups[:2].tolist() == [NO_TEMPLATE, NO_TEMPLATE]
    assert (found.groups[2:] >= 0).mean() > 0.95


def test_a_huge_prompt_is_read_at_its_ends() -> None:
    rng = random.Random(13)
    prompts = [f"Summarise this report for the board:\n{prose(rng, 20, 40)}" for _ in range(40)]
    prompts.append(f"Summarise this report for the board:\n{prose(rng, 200_000, 200_000)}")
    assert prompt_templates(prompts).groups.tolist() == [0] * 41


def test_what_was_not_sampled_is_held_against_the_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sde_core.features.templates.SAMPLE", 400)
    prompts, truth = made_prompts(14, 6, 2000)
    found = prompt_templates(prompts, seed=3)
    assert found.sampled == 400
    assert adjusted_rand_score(truth, found.groups) >= 0.95


def test_stops_when_asked() -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        prompt_templates(made_prompts(15, 3, 200)[0], cancel=cancel)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=40))
def test_any_texts_are_grouped(texts: list[str]) -> None:
    found = prompt_templates(texts)
    assert isinstance(found, Templates)
    assert len(found.groups) == len(texts)
    assert found.groups.max(initial=-1) < len(found.titles)
    assert np.array_equal(np.bincount(found.groups[found.groups >= 0], minlength=len(found.titles)), found.rows)


def test_prompts_that_end_on_the_border_of_a_piece_are_all_looked_at(monkeypatch):
    prompts = [f"Translate this word into French: {number:04}" for number in range(40)]
    monkeypatch.setattr(templates_module, "_CHUNK_CHARACTERS", len(prompts[0]) * 10)
    found = prompt_templates(prompts)
    assert found.groups.tolist() == [0] * 40 and found.rows == (40,)
