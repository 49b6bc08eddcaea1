"""What the checks on the content of answers find in real files. Every finding counted here was read and is right."""

from __future__ import annotations

from collections import Counter

import pytest

from sde_core.checks import run_checks
from sde_core.dataset import open_dataset
from tests.sample_truth import SAMPLE

CONTENT = (
    "wrong-arithmetic",
    "broken-code",
    "broken-json",
    "merged-tasks",
    "wrong-language",
    "missing-input",
    "unseen-source",
    "personal-data",
    "ungrounded-detail",
    "pretended-attachment",
    "secret",
)

READ: dict[str, dict[str, int]] = {
    "formats/alpaca_en_demo.json": {"missing-input": 1, "unseen-source": 6, "broken-code": 1},
    "formats/alpaca_zh_demo.json": {"wrong-language": 7},
    "formats/c4_demo.jsonl": {"personal-data": 8},
    "formats/dpo_en_demo.json": {"wrong-arithmetic": 3, "broken-code": 1},
    "formats/dpo_zh_demo.json": {},
    "formats/glaive_toolcall_en_demo.json": {"broken-code": 7, "broken-json": 1},
    "formats/glaive_toolcall_zh_demo.json": {"wrong-arithmetic": 1, "broken-code": 2},
    "formats/identity.json": {},
    "formats/kto_en_demo.json": {"wrong-arithmetic": 1},
    "formats/mllm_demo.json": {},
    "formats/openassistant_trees.jsonl": {"broken-code": 1},
    "formats/reason_tool_use_demo_50.jsonl": {},
    "formats/sharegpt_dummy_conversation.json": {},
    "formats/v1_dpo_demo.jsonl": {},
    "formats/v1_multimodal_demo.jsonl": {},
    "formats/v1_sft_demo.jsonl": {"unseen-source": 3, "broken-code": 1},
    "instruct/alpaca_5000.json": {
        "merged-tasks": 4,
        "missing-input": 5,
        "unseen-source": 31,
        "wrong-arithmetic": 3,
        "pretended-attachment": 6,
        "broken-code": 1,
        "personal-data": 2,
    },
    "instruct/code_alpaca_2k.json": {"missing-input": 1, "wrong-arithmetic": 1, "broken-code": 14, "personal-data": 2},
    "instruct/dolly_3k.json": {"personal-data": 1, "ungrounded-detail": 6},
    "instruct/gpteacher_codegen.json": {"wrong-arithmetic": 1, "broken-code": 7},
    "instruct/instruction-data.json": {},
    "instruct/seed_tasks.jsonl": {},
    "instruct/user_oriented_instructions.jsonl": {"personal-data": 1},
    "labels/sms.tsv": {"personal-data": 10},
    "math/gsm8k_train.jsonl": {"wrong-arithmetic": 21},
    "medical/medical_meadow_small.json": {"personal-data": 2},
    "pairs/msr_paraphrase_train.txt": {"personal-data": 5},
    "quality/expert_revised_train.csv": {},
    "structured/Restaurants_Train.jsonl": {},
    "structured/casie.jsonl": {"personal-data": 15},
    "templates/t0_90_templates.jsonl": {"personal-data": 9, "ungrounded-detail": 118},
}
"""File -> check -> how many findings a reader agreed with."""


@pytest.mark.parametrize("name", READ)
def test_findings_on_real_files_are_those_that_were_read(shared_data, name):
    found = run_checks(open_dataset(shared_data / name), CONTENT).findings
    counts = Counter(finding.check for finding in found)
    more = {check: count for check, count in counts.items() if count > READ[name].get(check, 0)}
    fewer = {check: count for check, count in READ[name].items() if counts[check] < 0.8 * count}
    assert not more, [(finding.check, finding.rows, finding.message, finding.evidence[:60]) for finding in found if finding.check in more]
    assert not fewer


def test_wrong_sums_in_the_sample_are_the_planted_ones():
    found = run_checks(open_dataset(SAMPLE), ("wrong-arithmetic",)).findings
    assert [finding.rows[0] for finding in found] == [1681, 2832, 2849]
