"""What the checks find in real files: the known faults, and hardly anything in files that are clean.

Every finding counted here was read; the numbers are what a careful reader agreed with, so more of them is a false alarm until read.
"""

from __future__ import annotations

from collections import Counter

import pytest

from sde_core.checks import run_checks
from sde_core.checks.findings import Finding
from sde_core.checks.runner import load_checks, names_of
from sde_core.dataset import Dataset, open_dataset

OTHERS = ("exact-duplicate", "normalised-duplicate", "near-duplicate", "conflicting-labels", "conflicting-answers", "label-variant", "rare-class",
          "wrong-arithmetic", "broken-code", "broken-json", "merged-tasks", "wrong-language", "missing-input", "unseen-source", "personal-data",
          "ungrounded-detail", "pretended-attachment", "secret")  # fmt: skip
"""Checks on duplicates, classes and the content of answers have tests of their own."""

FORMATS: dict[str, dict[str, int]] = {
    "alpaca_en_demo.json": {"mixed-bullets": 1, "placeholder": 8, "unclosed-fence": 1, "truncated-answer": 3, "ai-boilerplate": 28, "refusal": 26},
    "alpaca_zh_demo.json": {"mixed-bullets": 2, "mixed-markdown": 1, "unclosed-fence": 1, "outer-whitespace": 43, "ai-boilerplate": 12, "impossible-promise": 1, "refusal": 23},
    "c4_demo.jsonl": {"mojibake": 1, "lost-characters": 4, "invisible-characters": 4},
    "dpo_en_demo.json": {"mixed-system": 1, "control-characters": 1, "mojibake": 1, "invisible-characters": 2, "unclosed-fence": 2, "truncated-answer": 2, "ai-boilerplate": 5,
                         "refusal": 1},
    "dpo_zh_demo.json": {"mixed-system": 1, "lost-characters": 6, "invisible-characters": 1, "unclosed-fence": 1, "ai-boilerplate": 5, "refusal": 4},
    "glaive_toolcall_en_demo.json": {"tool-arguments": 1, "unclosed-fence": 1, "truncated-answer": 1, "ai-boilerplate": 16, "refusal": 44},
    "glaive_toolcall_zh_demo.json": {"tool-arguments": 8, "result-without-call": 2, "unclosed-fence": 1, "ai-boilerplate": 23, "refusal": 45},
    "identity.json": {"unfilled-slot": 90, "ai-boilerplate": 1, "refusal": 1},
    "kto_en_demo.json": {"mixed-quotes": 1, "mojibake": 2, "special-token": 1, "unclosed-fence": 4, "outer-whitespace": 1, "truncated-answer": 2, "ai-boilerplate": 2,
                         "refusal": 1},
    "mllm_audio_demo.json": {},
    "mllm_demo.json": {},
    "mllm_video_audio_demo.json": {},
    "mllm_video_demo.json": {},
    "openassistant_trees.jsonl": {"ai-boilerplate": 3},
    "reason_tool_use_demo_50.jsonl": {"tool-arguments": 1, "mixed-quotes": 1},
    "sharegpt_dummy_conversation.json": {},
    "v1_dpo_demo.jsonl": {"outer-whitespace": 2},
    "v1_multimodal_demo.jsonl": {},
    "v1_sft_demo.jsonl": {"unfilled-slot": 50, "unclosed-fence": 1, "truncated-answer": 1, "ai-boilerplate": 14, "refusal": 13},
}  # fmt: skip
"""File -> check -> the most findings that were right."""

CLEAN = {
    "instruct/instruction-data.json": 2,
    "instruct/code_alpaca_2k.json": 6,
    "instruct/dolly_3k.json": 8,
    "instruct/seed_tasks.jsonl": 1,
    "instruct/user_oriented_instructions.jsonl": 0,
    "labels/clinc_full.json": 0,
    "labels/clinc_imbalanced.json": 0,
    "math/gsm8k_train.jsonl": 1,
    "math/gsm8k_model_solutions.jsonl": 1,
    "medical/medical_meadow_small.json": 3,
    "pairs/msr_paraphrase_train.txt": 1,
    "structured/Restaurants_Train.jsonl": 0,
    "structured/Laptops_Train.jsonl": 0,
    "structured/casie.jsonl": 3,
}
"""Well-kept files -> the most findings: mojibake, zero-width spaces, empty outputs and the like, each read and right."""


def own_findings(dataset: Dataset) -> list[Finding]:
    names = [name for check in load_checks() for name in names_of(check) if name not in OTHERS]
    return list(run_checks(dataset, names).findings)


@pytest.mark.parametrize("name", FORMATS)
def test_files_of_every_format(shared_data, name):
    counts = Counter(finding.check for finding in own_findings(open_dataset(shared_data / "formats" / name)))
    more = {check: count for check, count in counts.items() if count > FORMATS[name].get(check, 0)}
    assert not more


@pytest.mark.parametrize("name", CLEAN)
def test_clean_files_have_next_to_no_findings(shared_data, name):
    found = own_findings(open_dataset(shared_data / name))
    assert len(found) <= CLEAN[name], [(finding.check, finding.rows, finding.message, finding.evidence[:60]) for finding in found]


@pytest.fixture(scope="module")
def alpaca(shared_data):
    dataset = open_dataset(shared_data / "instruct" / "alpaca_5000.json")
    return dataset, own_findings(dataset)


def test_the_known_faults_of_alpaca(alpaca):
    dataset, found = alpaca
    rows = {check: {row for finding in found if finding.check == check for row in finding.rows} for check in ("empty-answer", "placeholder")}
    empty = {row for row in range(len(dataset)) if not dataset.value(row)["output"].strip()}
    assert rows["empty-answer"] == empty
    assert len(empty) == 2
    markers = {row for row in range(len(dataset)) if dataset.value(row)["input"].strip(" <>.").casefold().replace(" ", "") == "noinput"}
    assert len(markers) >= 45
    assert markers <= rows["placeholder"]


def test_little_else_is_said_of_alpaca(alpaca):
    _, found = alpaca
    others = Counter(finding.check for finding in found if finding.check not in ("empty-answer", "placeholder"))
    assert sum(others.values()) <= 6, others


def test_code_in_a_block_is_odd_among_bare_code(shared_data):
    """Seven answers of 4,535 are fenced or lack the first line that their kind has."""
    found = run_checks(open_dataset(shared_data / "instruct" / "gpteacher_codegen.json"), ["odd-answer"]).findings
    assert len(found) <= 8
    assert {1254, 1256, 1257, 3687} <= {finding.rows[0] for finding in found}


def test_one_answer_format_throughout_has_no_breaker(shared_data):
    assert run_checks(open_dataset(shared_data / "math" / "gsm8k_train.jsonl"), ["odd-answer", "truncated-answer"]).findings == ()


def test_old_reviews_hold_the_wrong_ellipsis(shared_data):
    """IMDB reviews hold Windows-1252 bytes read as Latin-1, U+0085 among them."""
    found = run_checks(open_dataset(shared_data / "labels" / "imdb_train.jsonl"), ["mojibake", "control-characters"]).findings
    counts = Counter(finding.check for finding in found)
    assert 650 <= counts["mojibake"] <= 830
    assert counts["control-characters"] == 2


def test_a_token_at_the_end_of_every_answer_is_one_finding(shared_data):
    found = run_checks(open_dataset(shared_data / "templates" / "t0_90_templates.jsonl"), ["special-token"]).findings
    assert [(len(finding.rows), finding.fix) for finding in found] == [(17296, "remove-end-token")]
