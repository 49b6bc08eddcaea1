import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.dataset.layouts import LAYOUTS, Layout, corrected_layout, detect_layout, texts_of, turns_of
from sde_core.dataset.turns import replaced_at, value_at
from sde_core.errors import LayoutError

MESSAGES = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]
SHAREGPT = [{"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}]

RECORDS = {
    "alpaca": [
        {"instruction": "U", "input": "", "output": "A"},
        {"instruction": "U", "response": "A"},
        {"instruction": "U", "input": "", "output": "A", "response": "B"},
        {"instruction": "U", "instances": [{"input": "", "output": "A"}]},
    ],
    "messages": [{"messages": MESSAGES[1:]}, {"messages": MESSAGES[1:], "text": "something else"}, {"conversations": MESSAGES[1:]}],
    "sharegpt": [{"conversations": SHAREGPT}, {"conversations": SHAREGPT, "system": ""}, {"id": "1", "conversations": SHAREGPT}],
    "prompt-completion": [{"prompt": "U", "completion": "A"}, {"prompt": MESSAGES[1:2], "completion": MESSAGES[2:]}],
    "prompt-response": [{"prompt": "U", "response": "A"}, {"question": "U", "answer": "A"}, {"query": "U", "response": "A"}],
    "preference": [
        {"prompt": "U", "chosen": "A", "rejected": "B"},
        {"chosen": MESSAGES, "rejected": [*MESSAGES[:2], {"role": "assistant", "content": "B"}]},
        {"conversations": SHAREGPT[:1], "chosen": {"from": "gpt", "value": "A"}, "rejected": {"from": "gpt", "value": "B"}},
        {"instruction": "U", "input": "", "output": "A", "rejected": "B"},
    ],
    "kto": [{"messages": MESSAGES[1:], "label": True}, {"prompt": "U", "completion": "A", "label": False}],
    "classification": [{"text": "U", "label": "A"}, {"sentence": "U", "category": "A"}, ["U", "A"]],
    "reply-tree": [{"prompt": {"text": "U", "role": "prompter", "replies": [{"text": "B", "role": "assistant", "rank": 1}, {"text": "A", "role": "assistant", "rank": 0}]}}],
    "text": [{"text": "A"}, {"content": "A", "aspects": []}, "A"],
}  # fmt: skip
CASES = [(name, record) for name, records in RECORDS.items() for record in records]

SHARED_LAYOUTS = {
    "formats/alpaca_en_demo.json": "alpaca", "formats/alpaca_zh_demo.json": "alpaca", "formats/c4_demo.jsonl": "text",
    "formats/dpo_en_demo.json": "preference", "formats/dpo_zh_demo.json": "preference", "formats/glaive_toolcall_en_demo.json": "sharegpt",
    "formats/glaive_toolcall_zh_demo.json": "sharegpt", "formats/identity.json": "alpaca", "formats/kto_en_demo.json": "kto",
    "formats/mllm_audio_demo.json": "messages", "formats/mllm_demo.json": "messages", "formats/mllm_video_audio_demo.json": "messages",
    "formats/mllm_video_demo.json": "messages", "formats/openassistant_trees.jsonl": "reply-tree", "formats/reason_tool_use_demo_50.jsonl": "messages",
    "formats/sharegpt_dummy_conversation.json": "sharegpt", "formats/v1_dpo_demo.jsonl": "preference", "formats/v1_multimodal_demo.jsonl": "messages",
    "formats/v1_sft_demo.jsonl": "messages", "instruct/alpaca_5000.json": "alpaca", "instruct/dolly_3k.json": "alpaca",
    "instruct/gpteacher_codegen.json": "alpaca", "instruct/instruction-data-with-preference.json": "preference", "instruct/seed_tasks.jsonl": "alpaca",
    "labels/clinc_full.json": "classification", "labels/sms.tsv": "classification", "math/gsm8k_train.jsonl": "prompt-response",
    "medical/medical_meadow_small.json": "alpaca", "pairs/msr_paraphrase_train.txt": "classification", "quality/expert_revised_train.csv": "classification",
    "structured/Restaurants_Train.jsonl": "text", "structured/casie.jsonl": "text", "templates/t0_90_templates.jsonl": "prompt-completion",
}  # fmt: skip


@pytest.mark.parametrize(("name", "record"), CASES)
def test_each_layout_is_known_and_read(name, record):
    layout = detect_layout([record] * 4)
    turns = turns_of(record, layout)
    assert layout.name == name
    assert turns.answer == "A"
    assert turns.prompt == ("" if name == "text" else "U")
    if name == "preference":
        assert [turn.text for turn in turns.rejected] == ["B"]
        assert [turn.text for turn in turns.chosen] == ["A"]


@pytest.mark.parametrize(("name", "record"), [case for case in CASES if not isinstance(case[1], str)])
def test_every_editable_piece_stands_where_its_path_says(name, record):
    turns = turns_of(record, detect_layout([record] * 4))
    pieces = [piece for turn in turns.turns for piece in turn.editable]
    assert pieces
    for path, text in pieces:
        assert value_at(record, path) == text
        assert value_at(replaced_at(record, path, "new"), path) == "new"


@pytest.mark.parametrize("family", LAYOUTS, ids=lambda family: family.name)
@pytest.mark.parametrize(
    "value", [None, 3, "x", [], {}, {"messages": "oops"}, {"conversations": [3, None]}, {"prompt": {"replies": 1}}, [["a"]], {"text": None}]
)
def test_no_layout_raises_on_a_row_of_another_shape(family, value):
    assert family.turns(value, {}).roles is not None
    family.turns(value, {"messages": "messages", "prompt": "prompt", "answer": "x", "text": "text", "label": "l", "chosen": "c", "rejected": "r"})


def test_an_input_is_part_of_what_was_asked_and_each_piece_keeps_its_path():
    record = {"instruction": "Translate.", "input": "Hallo", "output": "Hello", "system": "Be brief.", "history": [["a", "b"]]}
    turns = turns_of(record, detect_layout([record]))
    assert turns.roles == "suaua"
    assert turns.system == "Be brief."
    assert turns.turns[3].text == "Translate.\n\nHallo"
    assert turns.turns[3].editable == ((("instruction",), "Translate."), (("input",), "Hallo"))


def test_roles_are_named_by_the_fields_own_words_where_nothing_else_fits():
    record = {
        "messages": [
            {"role": "usr", "content": "U"},
            {"role": "tool", "content": "T"},
            {"role": "assistant", "content": None, "tool_calls": [{"n": 1}]},
        ]
    }
    turns = turns_of(record, detect_layout([record]))
    assert turns.roles == "?ta"
    assert turns.turns[2].text == '[{"n":1}]'


def test_parts_of_a_message_are_joined_and_stay_editable():
    record = {"messages": [{"role": "user", "content": [{"type": "image_url", "value": "x.png"}, {"type": "text", "value": "Who?"}]}, MESSAGES[2]]}
    user = turns_of(record, detect_layout([record])).turns[0]
    assert user.text == "[image_url]\nWho?"
    assert user.editable == ((("messages", 0, "content", 1, "value"), "Who?"),)


def test_a_context_is_not_mistaken_for_a_text():
    record = {"context": "long text " * 20, "question": "U", "answer": "A"}
    assert detect_layout([record] * 4).name == "prompt-response"


def test_rows_without_text_have_no_layout():
    with pytest.raises(LayoutError, match="fields: n"):
        detect_layout([{"n": 1}] * 3)


def test_a_mapping_corrects_the_roles():
    records = [{"q": "U", "reply": "A", "topic": "t", "note": "long enough to look like a text"}] * 5
    layout = corrected_layout(detect_layout(records), None, {"prompt": "q", "answer": "reply", "label": "topic"}, records)
    turns = turns_of(records[0], layout)
    assert (turns.prompt, turns.answer, turns.label) == ("U", "A", "t")
    assert layout.name == "prompt-response"


@pytest.mark.parametrize("name", SHARED_LAYOUTS)
def test_layouts_of_real_files(shared_data, name):
    dataset = open_dataset(shared_data / name)
    assert dataset.layout.name == SHARED_LAYOUTS[name]
    assert all(dataset.turns(row).turns for row in range(min(len(dataset), 100)))


@pytest.mark.parametrize("name", [name for name in SHARED_LAYOUTS if not name.startswith("formats/v1_multi")])
def test_real_files_come_out_byte_for_byte(shared_data, name):
    dataset = open_dataset(shared_data / name)
    dataset.read_all()
    assert b"".join(dataset.assemble(range(len(dataset)))) == (shared_data / name).read_bytes()


_VALUES = st.one_of(st.text(max_size=4), st.none(), st.booleans(), st.integers(), st.lists(st.text(max_size=2), max_size=2))
_FIELDS = st.sampled_from(["instruction", "input", "output", "prompt", "completion", "system", "label", "messages"])


@settings(max_examples=300)
@given(
    st.sampled_from(["alpaca", "prompt-completion", "prompt-response", "messages", "classification", "text"]),
    st.dictionaries(st.sampled_from(["prompt", "input", "answer", "label", "system", "messages"]), _FIELDS, max_size=4),
    st.one_of(st.dictionaries(_FIELDS, _VALUES, max_size=6), _VALUES),
)
def test_texts_say_what_turns_say(name, roles, value):
    layout = Layout(name, roles)
    turns = turns_of(value, layout)
    assert texts_of(value, layout) == (turns.system, turns.prompt, turns.answer, turns.label, turns.roles, len(turns.turns))
