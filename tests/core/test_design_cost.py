"""Tokens and perplexity of designs, checked by hand on the real small models."""

from __future__ import annotations

import math

import pytest

from sde_core.design.options import PRESETS
from sde_core.design.sample import render_sample
from sde_core.evaluate.design_cost import design_encoder, design_perplexity, design_tokens, sample_turns
from tests.core.test_design_answer import ASPECTS, REVIEW


@pytest.fixture(scope="module")
def samples():
    return {name: [render_sample(REVIEW, ASPECTS, design)] * 2 for name, design in PRESETS.items()}


def test_tokens_are_those_that_training_would_see(samples):
    encoder = design_encoder("")
    for sample in samples.values():
        encoded = encoder.encode(sample_turns(sample[0]))
        found = design_tokens(sample, encoder)
        assert (found.samples, found.tokens, found.longest) == (2, 2 * encoded.n_tokens, encoded.n_tokens)
        assert 0 < found.trained == 2 * encoded.n_trained < found.tokens


def test_loss_on_the_input_trains_all_tokens_but_the_first(samples):
    sample = samples["es-sde"]
    found = design_tokens(sample, design_encoder("", loss_on_input=True))
    assert found.trained == found.tokens - found.samples


def test_perplexity_equals_the_mean_loss_reckoned_by_hand(samples):
    torch = pytest.importorskip("torch")
    from sde_core.train.device import plan_device
    from sde_core.train.model import load_model
    from sde_core.train.recipe import Recipe

    sample = samples["es-sde"]
    encoded = design_encoder("").encode(sample_turns(sample[0]))
    ids = torch.tensor(encoded.ids.astype("int64"))[None]
    recipe = Recipe(device="cpu", precision="float32")
    model = load_model(recipe, plan_device(recipe)).eval()
    with torch.inference_mode():
        told = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    losses = -told[torch.arange(ids.shape[1] - 1), ids[0, 1:]]
    output = torch.tensor(encoded.full_trained[1:])
    before = torch.arange(len(output)) < int(output.nonzero()[0])
    for found in (design_perplexity(sample, ""), design_perplexity(sample, "", loaded=model)):
        assert found.output == pytest.approx(math.exp(losses[output].mean()), rel=1e-3)
        assert found.prompt == pytest.approx(math.exp(losses[before].mean()), rel=1e-3)
