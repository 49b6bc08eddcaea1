"""Where a run computes: found without a GPU library where possible, refused with a reason where the machine cannot."""

from __future__ import annotations

import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import MissingExtraError, ModelError, UsageError
from sde_core.train import device
from sde_core.train.device import DevicePlan, devices_of, plan_device, process_count, use_one_gpu, visible_gpus
from sde_core.train.launch import check_before_launch
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import hub_is_reachable, load_tokenizer


@pytest.mark.parametrize(("listed", "count"), [("", 0), ("-1", 0), ("0", 1), ("0,1, 3", 3), ("GPU-a,GPU-b", 2)])
def test_visible_gpus_are_those_that_the_environment_lists(monkeypatch, listed, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert visible_gpus() == count


def test_processes(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert process_count(Recipe()) == 2
    assert process_count(Recipe(device="cpu")) == 1
    assert process_count(Recipe(processes=3)) == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert process_count(Recipe()) == 1


def test_a_run_takes_the_devices_it_will_use(monkeypatch):
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    assert devices_of(Recipe()) == ("gpu5", "gpu6")
    assert devices_of(Recipe(processes=1)) == ("gpu5",)
    assert devices_of(Recipe(device="cpu")) == ("cpu",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices_of(Recipe()) == ("cpu",)


def test_one_process_sees_one_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    use_one_gpu()
    assert visible_gpus() == 1


def test_packages_that_are_not_installed_are_named(monkeypatch, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"prompt": "a", "response": "b"}\n')
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None if name == "peft" else object())
    with pytest.raises(MissingExtraError, match="needs peft") as refusal:
        check_before_launch(open_dataset(tmp_path / "d.jsonl"), [0], Recipe())
    assert "sde[ml]" in refusal.value.hint


def test_what_a_cpu_cannot_do_is_refused(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    plan = plan_device(Recipe())
    assert (plan.device, plan.precision, plan.processes) == ("cpu", "float32", 1)
    assert plan_device(Recipe(precision="bf16")).precision == "bf16"
    for recipe, words in (
        (Recipe(device="cuda"), "asks for cuda"),
        (Recipe(device="mps"), "asks for mps"),
        (Recipe(quantize="4bit"), "4-bit training needs a CUDA GPU"),
        (Recipe(precision="fp16"), "fp16 training needs a CUDA GPU"),
    ):
        with pytest.raises(UsageError, match=words):
            plan_device(recipe)


def test_a_gpu_with_bf16_is_used_for_it_and_4bit_needs_bitsandbytes(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    assert plan_device(Recipe()) == DevicePlan("cuda", "bf16", "none", "A GPU")
    with pytest.raises(MissingExtraError, match="bitsandbytes"):
        plan_device(Recipe(quantize="4bit"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    assert plan_device(Recipe()).precision == "float32"
    with pytest.raises(UsageError, match="no bf16"):
        plan_device(Recipe(precision="bf16"))


def test_a_hub_model_without_network_is_refused_at_once(monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not hub_is_reachable()
    with pytest.raises(ModelError, match="not in this machine's cache") as refusal:
        load_tokenizer("nobody/nothing-here")
    assert "comes with sde" in refusal.value.hint
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub_is_reachable()


def test_a_tokenizer_of_another_class_is_read_by_transformers(tmp_path):
    pytest.importorskip("transformers")
    generic = load_tokenizer(str(make_tiny_model(tmp_path / "generic")))
    other = load_tokenizer(str(make_tiny_model(tmp_path / "other", tokenizer_class="LlamaTokenizerFast")))
    assert other.eos_id == generic.eos_id
    assert other.context == generic.context == 256
