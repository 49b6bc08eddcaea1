import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.dataset import open_dataset
from sde_core.dataset.layouts import LAYOUTS, Layout, corrected_layout, detect_layout, texts_of, turns_of
from sde_core.dataset.turns import replaced_at, value_at
from sde_core.errors import LayoutError, UsageError

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
    "formats/v1_sft_demo.jsonl": "messages", "instruct/alpaca_5000.json": "alpaca", "instruct/code_alpaca_2k.json": "alpaca",
    "instruct/dolly_3k.json": "alpaca", "instruct/gpteacher_codegen.json": "alpaca", "instruct/instruction-data-with-preference.json": "preference",
    "instruct/instruction-data.json": "alpaca", "instruct/new_codealpaca.json": "alpaca", "instruct/seed_tasks.jsonl": "alpaca",
    "instruct/user_oriented_instructions.jsonl": "alpaca", "labels/clinc_full.json": "classification", "labels/clinc_imbalanced.json": "classification",
    "labels/imdb_train.jsonl": "classification", "labels/sms.tsv": "classification", "math/gsm8k_model_solutions.jsonl": "prompt-response",
    "math/gsm8k_train.jsonl": "prompt-response", "medical/medical_meadow_small.json": "alpaca", "pairs/msr_paraphrase_train.txt": "classification",
    "quality/expert_revised_train.csv": "classification", "structured/Laptops_Test_Gold.jsonl": "text", "structured/Laptops_Train.jsonl": "text",
    "structured/Restaurants_Test_Gold.jsonl": "text", "structured/Restaurants_Train.jsonl": "text", "structured/casie.jsonl": "text",
    "structured/genia.dev.iob2": "text", "templates/t0_90_templates.jsonl": "prompt-completion",
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


SHARED_ROLES = {
    "formats/dpo_en_demo.json": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    "formats/kto_en_demo.json": {"messages": "messages", "label": "label"},
    "formats/v1_dpo_demo.jsonl": {"chosen": "chosen_messages", "rejected": "rejected_messages"},
    "instruct/dolly_3k.json": {"prompt": "instruction", "input": "input", "answer": "output", "label": "category"},
    "instruct/gpteacher_codegen.json": {"prompt": "instruction", "input": "input", "answer": "response"},
    "instruct/new_codealpaca.json": {"prompt": "instruction", "input": "input", "answer": "output"},
    "labels/sms.tsv": {"text": "column_2", "label": "column_1"},
    "math/gsm8k_model_solutions.jsonl": {"prompt": "question", "answer": "ground_truth"},
    "pairs/msr_paraphrase_train.txt": {"text": "#1 String", "input": "#2 String", "label": "Quality"},
    "quality/expert_revised_train.csv": {"text": "src", "label": "score"},
    "structured/casie.jsonl": {"text": "content"},
}
SHARED_ROWS = {"structured/genia.dev.iob2": 1669, "labels/clinc_full.json": 23_700, "labels/sms.tsv": 5574, "pairs/msr_paraphrase_train.txt": 4076}


def test_every_real_file_has_its_expected_layout_written_down(shared_data):
    data = {path.relative_to(shared_data).as_posix() for path in shared_data.glob("*/*.*") if path.suffix not in (".md", ".yaml", ".sde")}
    assert data - {"formats/dataset_info.json"} == set(SHARED_LAYOUTS)


@pytest.mark.parametrize("name", SHARED_LAYOUTS)
def test_layouts_of_real_files(shared_data, name):
    dataset = open_dataset(shared_data / name)
    assert dataset.layout.name == SHARED_LAYOUTS[name]
    assert dict(dataset.layout.roles) == SHARED_ROLES.get(name, dataset.layout.roles)
    dataset.read_all()
    assert len(dataset) == SHARED_ROWS.get(name, len(dataset))
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


OVERLAPS = [
    ([{"instruction": "U", "response": "A", "output": "A"}], "alpaca", {"answer": "output"}),
    ([{"instruction": "U", "response": "A", "output": ""}], "alpaca", {"answer": "response"}),
    ([{"prompt": "U", "completion": "", "response": "A"}], "prompt-completion", {}),
    ([{"text": "all of it", "messages": MESSAGES}], "messages", {"messages": "messages"}),
    ([{"instruction": "U", "input": "", "output": "A", "text": "Below is an instruction"}], "alpaca", {}),
    ([{"conversations": SHAREGPT, "system": "S"}], "sharegpt", {"messages": "conversations", "system": "system"}),
    ([{"prompt": "U", "completion": "A", "label": "x"}], "prompt-completion", {"prompt": "prompt", "answer": "completion", "label": "label"}),
    ([{"prompt": "U", "completion": "A", "label": True}], "kto", {"label": "label"}),
    ([{"question": "U", "context": "what it is about", "answer": "A"}], "prompt-response", {"prompt": "question", "input": "context"}),
    ([{"prompt": "U", "chosen": "A", "rejected": "B", "messages": MESSAGES}], "preference", {"messages": "messages"}),
    ([{"premise": "one text", "hypothesis": "another text", "label": 1}], "classification", {"text": "premise", "input": "hypothesis"}),
    ([{"sentence1": "one text", "sentence2": "another text", "label": 1, "idx": 4}], "classification", {"text": "sentence1", "input": "sentence2"}),
]


@pytest.mark.parametrize(("records", "name", "roles"), OVERLAPS)
def test_where_two_layouts_fit_the_meant_one_is_taken(records, name, roles):
    layout = detect_layout(records * 5)
    assert layout.name == name
    assert {**layout.roles, **roles} == layout.roles


def test_a_sentence_pair_is_asked_as_a_whole():
    record = {"premise": "one text", "hypothesis": "another text", "label": "no"}
    layout = detect_layout([record] * 3)
    turns = turns_of(record, layout)
    assert (turns.prompt, turns.answer, turns.label) == ("one text\n\nanother text", "no", "no")
    assert texts_of(record, layout) == ("", "one text\n\nanother text", "no", "no", "ua", 2)


def test_a_reply_tree_gives_its_best_path():
    replies = [{"text": "worse", "role": "assistant", "rank": 1}, {"text": "A", "role": "assistant", "rank": 0, "replies": [
        {"text": "V", "role": "prompter", "rank": None, "replies": [{"text": "B", "role": "assistant", "rank": 0}]}]}]  # fmt: skip
    record = {"prompt": {"text": "U", "role": "prompter", "replies": replies}}
    assert [turn.text for turn in turns_of(record, detect_layout([record])).turns] == ["U", "A", "V", "B"]


def test_nested_fields_can_be_mapped_and_edited(write_jsonl):
    records = [{"meta": {"q": {"text": f"U{i}"}}, "choices": [{"answer": f"A{i}"}], "note": "n"} for i in range(3)]
    dataset = open_dataset(write_jsonl(records), mapping={"prompt": "meta.q.text", "answer": "choices.0.answer"})
    assert dataset.texts()["prompt"].to_list() == ["U0", "U1", "U2"]
    assert dataset.texts()["answer"].to_list() == ["A0", "A1", "A2"]
    turn = dataset.turns(1).turns[-1]
    assert turn.path == ("choices", 0, "answer")
    assert dataset.with_edits({1: {turn.path: "B"}}).turns(1).answer == "B"
    assert json.loads(dataset.with_edits({1: {turn.path: "B"}}).edited_raw(1))["choices"] == [{"answer": "B"}]


def test_a_dotted_name_of_its_own_is_that_field(write_jsonl):
    dataset = open_dataset(write_jsonl([{"a.b": "U", "a": {"b": "no"}, "c": "A"}]), mapping={"prompt": "a.b", "answer": "c"})
    assert dataset.turns(0).prompt == "U"
    assert dataset.turns(0).turns[0].path == ("a.b",)
    with pytest.raises(UsageError, match="No record has a field named"):
        open_dataset(write_jsonl([{"a": {"b": "no"}}]), mapping={"prompt": "a.c"})


TAGGED = b"The\tO\tO\nIL\tB-protein\tO\n-\tI-protein\tO\n\nIt\tO\tO\nworks\tO\tB-x\n\n\nEnd\tO\tO\n"


def test_a_byte_order_mark_is_no_part_of_the_first_token_of_tagged_text(tmp_path):
    raw = b"\xef\xbb\xbf" + b"Rome B-LOC\nfell O\n\nIt O\nburned O\n\nAnna B-PER\nleft O\n"
    path = tmp_path / "data.iob2"
    path.write_bytes(raw)
    dataset = open_dataset(path)
    assert dataset.value(0)["tokens"] == ["Rome", "fell"]
    assert b"".join(dataset.assemble(range(len(dataset)))) == raw


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_tagged_sentences_are_records(tmp_path, end):
    path = tmp_path / "data.iob2"
    path.write_bytes(TAGGED.replace(b"\n", end))
    dataset = open_dataset(path)
    assert dataset.texts()["answer"].to_list() == ["The IL -", "It works", "End"]
    assert dataset.value(0)["tags_1"] == ["O", "B-protein", "I-protein"]
    assert [dataset.line(row) for row in range(3)] == [1, 5, 9]
    assert b"".join(dataset.assemble(range(3))) == path.read_bytes()
    assert b"".join(dataset.assemble([0, 2])).count(b"O") == 6
