"""The embedded base model: it loads, its tokenizer takes any text, and it knows the sample data's theme."""

from __future__ import annotations

import hashlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sde_core.embedded import embedded_path

FOLDER = embedded_path("base_model")
SPECIAL = ("<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>")
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the opposite of hot?"},
    {"role": "assistant", "content": "The opposite of hot is cold."},
    {"role": "user", "content": "Name 2 words for a colour."},
    {"role": "assistant", "content": "green, blue"},
]


@pytest.fixture(scope="module")
def plain():
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(FOLDER / "tokenizer.json"))


@pytest.fixture(scope="module")
def tokenizer():
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(str(FOLDER))


@pytest.fixture(scope="module")
def model():
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(str(FOLDER)).eval()


def mean_loss(model, tokenizer, text: str) -> float:
    import torch

    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return float(model(input_ids=ids, labels=ids).loss)


class TestFiles:
    def test_all_together_take_at_most_8_megabytes(self):
        assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 8_000_000

    def test_provenance_names_the_hash_of_every_file(self):
        recorded = json.loads((FOLDER / "provenance.json").read_text())["sha256"]
        assert set(recorded) == {path.name for path in FOLDER.iterdir()} - {"provenance.json"}
        for name, digest in recorded.items():
            assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name

    def test_weights_are_safetensors_only(self):
        assert not [path.name for path in FOLDER.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".pkl", ".py"}]
        assert (FOLDER / "model.safetensors").is_file()

    def test_it_is_a_llama_that_loads_without_code(self):
        config = json.loads((FOLDER / "config.json").read_text())
        assert config["architectures"] == ["LlamaForCausalLM"]
        assert "auto_map" not in config

    def test_training_reached_far_below_a_uniform_guess(self):
        record = json.loads((FOLDER / "provenance.json").read_text())
        assert max(record["held_out_loss"].values()) < record["loss_of_a_uniform_guess"] / 3


class TestTokenizer:
    """Through `tokenizers` alone, so that these run without torch."""

    @settings(max_examples=200, deadline=None)
    @given(text=st.text(max_size=200))
    def test_any_text_comes_back(self, plain, text):
        if any(word in text for word in SPECIAL):
            return
        ids = plain.encode(text, add_special_tokens=False).ids
        assert plain.decode(ids, skip_special_tokens=False) == text
        assert plain.decode(plain.encode(text).ids, skip_special_tokens=True) == text

    @pytest.mark.parametrize("text", ["  two  spaces ", "tabs\tand\r\nlines\n\n", "12345.678", "日本語 🙂 naïve", "\x00\x1b[31m", "it's ' quoted '"])
    def test_awkward_texts_come_back(self, plain, text):
        assert plain.decode(plain.encode(text).ids) == text

    def test_every_id_fits_the_model(self, plain):
        assert plain.get_vocab_size() == json.loads((FOLDER / "config.json").read_text())["vocab_size"]

    def test_the_first_ids_are_the_special_tokens(self, plain):
        assert [plain.id_to_token(i) for i in range(4)] == list(SPECIAL)

    def test_digits_stand_alone(self, plain):
        assert len(plain.encode("2024", add_special_tokens=False).ids) == 4


class TestAutoTokenizer:
    def test_special_ids_agree_with_the_model(self, tokenizer, model):
        ids = {"pad": tokenizer.pad_token_id, "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
        assert ids == {"pad": 0, "bos": 1, "eos": 3}
        for config in (model.config, model.generation_config):
            assert {"pad": config.pad_token_id, "bos": config.bos_token_id, "eos": config.eos_token_id} == ids
        assert tokenizer.model_max_length == model.config.max_position_embeddings == 1024

    def test_plain_text_starts_with_one_bos(self, tokenizer):
        assert tokenizer("hello")["input_ids"].count(tokenizer.bos_token_id) == 1
        assert tokenizer("hello", add_special_tokens=False)["input_ids"].count(tokenizer.bos_token_id) == 0

    def test_the_chat_template_writes_turns(self, tokenizer):
        assert tokenizer.apply_chat_template(CHAT[:3], tokenize=False) == (
            "<|bos|><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is the opposite of hot?<|im_end|>\n"
            "<|im_start|>assistant\nThe opposite of hot is cold.<|im_end|>\n"
        )

    def test_a_prompt_ends_where_the_answer_begins(self, tokenizer):
        prompt = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
        assert prompt.endswith("<|im_start|>assistant\n")
        assert tokenizer.apply_chat_template(CHAT[:3], tokenize=False).startswith(prompt)

    def test_the_assistant_mask_covers_answers_and_their_end(self, tokenizer):
        encoded = tokenizer.apply_chat_template(CHAT, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
        trained = [i for i, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask]
        assert tokenizer.decode(trained) == "The opposite of hot is cold.<|im_end|>green, blue<|im_end|>"
        assert encoded["input_ids"].count(tokenizer.bos_token_id) == 1


class TestModel:
    def test_it_loads_as_float32_and_ties_its_embeddings(self, model):
        import torch

        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert model.get_input_embeddings().weight is model.get_output_embeddings().weight

    def test_its_theme_is_familiar_and_noise_is_not(self, model, tokenizer):
        uniform = math.log(len(tokenizer))
        told = mean_loss(model, tokenizer, "It was raining on Saturday and the doors of the library had just opened. Nobody was in a hurry.")
        noise = mean_loss(model, tokenizer, "qzx vrrk jjplo wub xx kqe zzt mmbw")
        assert told < uniform / 2
        assert noise > told * 1.5

    def test_it_answers_in_its_turn_and_ends_it(self, model, tokenizer):
        import torch

        chat = [{"role": "user", "content": "How many days are there in a week?"}]
        prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.inference_mode():
            written = model.generate(**prompt, max_new_tokens=24, do_sample=False)[0, prompt["input_ids"].shape[1] :]
        assert tokenizer.decode(written) == "There are seven days in a week.<|im_end|>"
