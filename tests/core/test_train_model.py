"""How a model is loaded and adapted: the ways that only save memory or time change neither the loss nor the gradient."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_model import make_tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from sde_core.errors import ModelError  # noqa: E402
from sde_core.train.device import DevicePlan  # noqa: E402
from sde_core.train.model import load_model, with_adapter  # noqa: E402
from sde_core.train.recipe import Recipe  # noqa: E402

CPU = DevicePlan("cpu", "float32", "none", "CPU")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def adapted(folder, plan=CPU, **settings):
    recipe = Recipe(model=str(folder), lora_r=2, **settings)
    torch.manual_seed(0)
    return with_adapter(load_model(recipe, plan), recipe, plan).train()


def loss_and_gradients(model):
    random = torch.Generator().manual_seed(5)
    ids = torch.randint(3, 40, (2, 9), generator=random)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    # B starts at zero, and with it the gradient of A: only elsewhere do all weights have one.
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=random)
    loss = model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100), use_cache=False).loss
    loss.backward()
    return loss.item(), {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.fixture(scope="module")
def plain(folder):
    return loss_and_gradients(adapted(folder))


@pytest.mark.parametrize(
    ("settings", "attention"), [({"gradient_checkpointing": True}, "auto"), ({}, "eager"), ({}, "sdpa")], ids=["checkpointing", "eager", "sdpa"]
)
def test_saving_memory_changes_neither_loss_nor_gradient(folder, plain, settings, attention):
    model = adapted(folder, replace(CPU, attention=attention), **settings)
    assert attention in ("auto", model.config._attn_implementation)
    assert model.is_gradient_checkpointing == bool(settings)
    loss, gradients = loss_and_gradients(model)
    assert loss == pytest.approx(plain[0], rel=1e-5)
    assert gradients.keys() == plain[1].keys()
    for name, gradient in gradients.items():
        assert gradient.abs().sum() > 0
        torch.testing.assert_close(gradient, plain[1][name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize(("precision", "computed"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_base_is_loaded_as_the_plan_says_however_it_is_stored_and_adapters_are_float32(folder, tmp_path, stored, precision, computed):
    load_model(Recipe(model=str(folder)), CPU).to(stored).save_pretrained(tmp_path)
    model = adapted(tmp_path, replace(CPU, precision=precision))
    kinds = {name: parameter.dtype for name, parameter in model.named_parameters()}
    assert {kind for name, kind in kinds.items() if "lora_" not in name} == {computed}
    assert {kind for name, kind in kinds.items() if "lora_" in name} == {torch.float32}
    assert {parameter.requires_grad for name, parameter in model.named_parameters() if "lora_" not in name} == {False}


def test_tied_embeddings_stay_one_and_are_not_adapted(folder):
    model = adapted(folder)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert not any("lm_head" in name or "embed" in name for name, parameter in model.named_parameters() if parameter.requires_grad)


def test_a_kernel_that_the_model_does_not_have_is_refused(folder):
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(Recipe(model=str(folder)), replace(CPU, attention="flash_attention_2"))
