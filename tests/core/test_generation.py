"""Generation: what transformers itself generates, in batches as alone, with an adapter and without it, and nothing of the model left changed."""

from __future__ import annotations

from dataclasses import replace

import chat_forms
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset.turns import ASSISTANT, SYSTEM, TEXT, USER, Turn, Turns
from sde_core.errors import CancelledError
from sde_core.train.device import DevicePlan
from sde_core.train.encode import Encoder
from sde_core.train.generation import _batches, _gumbel_noise, encode_prompt, generate, generate_answers, stop_ids
from sde_core.train.model import load_model, with_adapter
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name

CPU = DevicePlan("cpu", "float32", "none", "CPU")
PROMPTS = ["the cat", "say two birds sang in the tall green tree all day long", "a", "the old red barn and the dog", "", "x" * 40]


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """A model with an adapter that changes its answers, and its tokenizer."""
    torch.set_num_threads(1)
    recipe = Recipe(model=str(make_tiny_model(tmp_path_factory.mktemp("generation") / "model", template=chat_forms.CHATML)), lora_r=4)
    model = with_adapter(load_model(recipe, CPU), recipe, CPU)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    return model, load_tokenizer(recipe.model)


def own_answer(model, tokenizer, prompt, tokens, ends):
    """What transformers generates for one prompt, without any of this project's code."""
    ids = torch.tensor([encode_prompt(tokenizer, prompt)])
    made = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, eos_token_id=ends, pad_token_id=0
    )
    return tokenizer.backend.decode(made[0, ids.shape[1] :].tolist(), skip_special_tokens=True)


def test_it_is_what_transformers_generates_in_a_batch_as_alone(adapted):
    model, tokenizer = adapted
    model.eval()
    ends = [tokenizer.eos_id, *stop_ids(tokenizer)]
    expected = [own_answer(model, tokenizer, prompt, 24, ends) for prompt in PROMPTS]
    assert generate(model, tokenizer, PROMPTS, max_new_tokens=24) == expected
    assert [generate(model, tokenizer, [prompt], max_new_tokens=24)[0] for prompt in PROMPTS] == expected
    assert len(set(expected)) == len(expected)


def test_without_the_adapter_the_base_model_answers_and_the_adapter_comes_back(adapted):
    model, tokenizer = adapted
    adapter = generate(model, tokenizer, PROMPTS, max_new_tokens=12)
    base = generate(model, tokenizer, PROMPTS, max_new_tokens=12, adapter=False)
    model.eval()
    with model.disable_adapter():
        assert base == [own_answer(model, tokenizer, prompt, 12, [tokenizer.eos_id, *stop_ids(tokenizer)]) for prompt in PROMPTS]
    assert base != adapter
    assert generate(model, tokenizer, PROMPTS, max_new_tokens=12) == adapter


def test_draws_hold_to_the_seed_and_to_the_prompt_alone(adapted):
    model, tokenizer = adapted
    drawn = generate(model, tokenizer, PROMPTS, max_new_tokens=12, temperature=1.0, seed=3)
    assert drawn == generate(model, tokenizer, PROMPTS, max_new_tokens=12, temperature=1.0, seed=3)
    assert drawn[3] == generate(model, tokenizer, PROMPTS[3:4], max_new_tokens=12, temperature=1.0, seed=3)[0]
    assert drawn != generate(model, tokenizer, PROMPTS, max_new_tokens=12, temperature=1.0, seed=4)
    assert drawn != generate(model, tokenizer, PROMPTS, max_new_tokens=12)


def test_draws_are_as_frequent_as_the_model_says():
    scores, times = torch.tensor([2.0, 1.0, 0.0, -1.0]), 4000
    noisy = _gumbel_noise([[i] for i in range(times)], 0.7, seed=0)(None, scores.expand(times, -1))
    counts = torch.bincount(noisy.argmax(1), minlength=4)
    shares = (scores.double() / 0.7).softmax(0)
    assert ((counts - times * shares).abs() < 4 * (times * shares * (1 - shares)).sqrt()).all()


def test_nothing_of_the_model_or_of_chance_is_left_changed(adapted):
    model, tokenizer = adapted
    model.train()
    model.config.use_cache = False
    before = torch.get_rng_state()
    generate(model, tokenizer, PROMPTS, max_new_tokens=4, temperature=1.0)
    assert torch.equal(before, torch.get_rng_state())
    assert model.training
    assert model.config.use_cache is False


def test_a_long_prompt_keeps_its_end_and_answers_know_whether_they_ended(adapted):
    model, tokenizer = adapted
    ids = [*range(20, 300), *range(20, 60)]
    (long,) = generate_answers(model, tokenizer, [ids], max_new_tokens=16)
    assert (long.prompt_tokens, long.cut) == (256 - 16, len(ids) - 240)
    assert long == replace(generate_answers(model, tokenizer, [ids[-240:]], max_new_tokens=16)[0], cut=long.cut)
    (whole,) = generate_answers(model, tokenizer, [encode_prompt(tokenizer, "a")], max_new_tokens=10_000)
    assert whole.ended == (whole.tokens < 255)


@given(st.lists(st.integers(0, 3_000), max_size=60), st.integers(1, 500), st.sampled_from([1, 16, 64]))
def test_prompts_are_answered_together_by_length_as_far_as_they_fit(lengths, wanted, most):
    batches = list(_batches(lengths, wanted, most))
    places = [place for batch in batches for place in batch]
    assert sorted(places) == list(range(len(lengths)))
    assert [lengths[place] for place in places] == sorted(lengths)
    assert all(len(batch) == 1 or (len(batch) <= most and len(batch) * (lengths[batch[-1]] + wanted) <= 16_384) for batch in batches)


def test_it_stops_between_two_tokens_when_asked(adapted):
    model, tokenizer = adapted

    class AfterThree:
        looks = 0

        def is_set(self):
            self.looks += 1
            return self.looks > 4

    cancel, seen = AfterThree(), []
    with pytest.raises(CancelledError):
        generate_answers(model, tokenizer, [encode_prompt(tokenizer, "a")], max_new_tokens=50, cancel=cancel, tick=seen.append)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("form", [*chat_forms.ALL, "plain"])
def test_a_prompt_is_what_training_puts_before_the_answer(tmp_path, form):
    template = "" if form == "plain" else chat_forms.ALL[form]
    tokenizer = load_tokenizer(str(make_tiny_model(tmp_path / "model", template=template)))
    turns = (Turn(USER, "the cat"), Turn(ASSISTANT, "sat"), Turn(USER, "on a"), Turn(ASSISTANT, "mat and the dog"))
    encoded = Encoder(tokenizer, Recipe(answers="last")).encode(Turns(turns))
    first = int(encoded.full_trained.argmax())
    assert encode_prompt(tokenizer, turns) == encoded.ids[:first].tolist() == encode_prompt(tokenizer, turns[:-1])
    stop = stop_ids(tokenizer)
    assert not stop or encoded.ids[encoded.full_trained.nonzero()[0]].tolist().count(stop[0]) == 1


def test_plain_text_is_continued_and_a_message_is_a_users_turn(adapted):
    _, tokenizer = adapted
    assert encode_prompt(tokenizer, "the cat") == encode_prompt(tokenizer, [Turn(USER, "the cat")])
    assert encode_prompt(tokenizer, [Turn(TEXT, "the cat")]) == [
        *tokenizer.prefix_ids,
        *tokenizer.backend.encode("the cat", add_special_tokens=False).ids,
    ]
    assert encode_prompt(tokenizer, [Turn(SYSTEM, "a"), Turn(USER, "b")]) != encode_prompt(tokenizer, [Turn(USER, "b")])
