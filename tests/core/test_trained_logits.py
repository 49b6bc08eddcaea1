"""Only the logits that carry loss are computed; loss and gradients are the same as with all of them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from sde_core.train.device import DevicePlan  # noqa: E402
from sde_core.train.encode import IGNORED  # noqa: E402
from sde_core.train.model import with_adapter  # noqa: E402
from sde_core.train.recipe import Recipe  # noqa: E402
from sde_core.train.trained_logits import TrainedLogits  # noqa: E402

CPU = DevicePlan("cpu", "float32", "none", "2 CPU threads")
SIZE = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
FAMILIES = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZE, num_key_value_heads=1, pad_token_id=0)),
    "tied": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SIZE, num_key_value_heads=1, pad_token_id=0, tie_word_embeddings=True)),
    "softcapped": lambda: transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**SIZE, num_key_value_heads=1, head_dim=8, pad_token_id=0)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    ),
}


def batch():
    random = torch.Generator().manual_seed(3)
    ids = torch.randint(3, 50, (3, 11), generator=random)
    labels = ids.clone()
    labels[torch.rand(3, 11, generator=random) < 0.6] = IGNORED
    mask = torch.ones_like(ids)
    mask[1, 7:], labels[1, 7:] = 0, IGNORED
    return ids, mask, labels


def loss_and_gradients(model, head):
    ids, mask, labels = batch()
    model.zero_grad()
    targets = labels[:, 1:]
    with head.of(labels if head.used else None):
        logits = model(input_ids=ids, attention_mask=mask).logits
    flat = logits if head.used else logits[:, :-1][targets != IGNORED]
    assert flat.shape == (int((targets != IGNORED).sum()), 50)
    loss = torch.nn.functional.cross_entropy(flat.float(), targets[targets != IGNORED])
    loss.backward()
    return loss.item(), {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("adapted", [False, True])
def test_the_loss_and_every_gradient_are_those_of_all_logits(family, adapted):
    torch.manual_seed(0)
    model = FAMILIES[family]()
    if adapted:
        model = with_adapter(model, Recipe(model="x", lora_r=2, lora_targets="all-linear"), CPU)
    head = TrainedLogits(model.train())
    found = {}
    for head.used in (False, True):
        found[head.used] = loss_and_gradients(model, head)
    (loss, gradients), (selected_loss, selected) = found[False], found[True]
    assert selected_loss == pytest.approx(loss, rel=1e-6)
    assert selected.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(selected[name], gradient, rtol=1e-4, atol=1e-7, msg=name)


def test_generating_gets_all_logits():
    model = FAMILIES["llama"]().eval()
    ids, _, labels = batch()
    head = TrainedLogits(model)
    with head.of(labels):
        pass
    assert model(input_ids=ids).logits.shape == (3, 11, 50)
    assert model.generate(ids[:1], max_new_tokens=2, do_sample=False).shape == (1, 13)
    with head.of(labels):  # a batch of another shape is none of those that train
        assert model(input_ids=ids[:1]).logits.shape == (1, 11, 50)
