"""Where a run computes: found without a GPU library where possible, refused with a reason where the machine cannot."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import MissingExtraError, ModelError, UsageError
from sde_core.train import device
from sde_core.train import machine as machine_module
from sde_core.train.device import (
    DevicePlan,
    devices_of,
    plan_device,
    plan_on,
    process_count,
    refuse_before_launch,
    use_one_gpu,
    visible_gpus,
)
from sde_core.train.launch import check_before_launch
from sde_core.train.machine import Gpu, Machine, freest_gpu, held_by, this_machine, why_no_gpu
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


GIGABYTE = 1_000_000_000
A100 = Gpu("an A100", 80 * GIGABYTE, 79 * GIGABYTE, (8, 0), bf16=True)
OLD = Gpu("a T4", 16 * GIGABYTE, 15 * GIGABYTE, (7, 5), bf16=False)
ALL = frozenset({"bitsandbytes", "flash_attn"})
CPU = Machine(threads=2, no_gpu="no NVIDIA driver answers")
APPLE = Machine(threads=8, mps=True, no_gpu="this torch is built without CUDA")


@pytest.mark.parametrize(
    ("machine", "settings", "plan"),
    [
        (CPU, {}, DevicePlan("cpu", "float32", "none", "2 CPU threads")),
        (CPU, {"precision": "bf16"}, DevicePlan("cpu", "bf16", "none", "2 CPU threads")),
        (CPU, {"attention": "eager"}, DevicePlan("cpu", "float32", "none", "2 CPU threads", attention="eager")),
        (APPLE, {}, DevicePlan("mps", "float32", "none", "Apple GPU")),
        (APPLE, {"device": "cpu"}, DevicePlan("cpu", "float32", "none", "8 CPU threads")),
        (Machine(gpu=A100), {}, DevicePlan("cuda", "bf16", "none", "an A100")),
        (Machine(gpu=A100), {"precision": "fp16"}, DevicePlan("cuda", "fp16", "none", "an A100")),
        (Machine(gpu=A100), {"attention": "flex_attention"}, DevicePlan("cuda", "bf16", "none", "an A100", attention="flex_attention")),
        (Machine(gpu=A100, packages=ALL), {"quantize": "4bit"}, DevicePlan("cuda", "bf16", "4bit", "an A100")),
        (
            Machine(gpu=A100, packages=ALL),
            {"attention": "flash_attention_2"},
            DevicePlan("cuda", "bf16", "none", "an A100", attention="flash_attention_2"),
        ),
        (Machine(gpu=OLD), {}, DevicePlan("cuda", "float32", "none", "a T4")),
        (Machine(gpu=OLD), {"precision": "fp16"}, DevicePlan("cuda", "fp16", "none", "a T4")),
    ],
)
def test_what_a_machine_does_with_a_recipe(machine, settings, plan):
    assert plan_on(Recipe(**settings), machine) == plan


@pytest.mark.parametrize(
    ("machine", "settings", "words"),
    [
        (CPU, {"device": "cuda"}, "asks for cuda, and there is no GPU that torch can use: no NVIDIA driver answers"),
        (CPU, {"device": "mps"}, "asks for mps"),
        (CPU, {"quantize": "4bit"}, "4-bit training needs a CUDA GPU, and this run is on the cpu"),
        (CPU, {"precision": "fp16"}, "fp16 training needs a CUDA GPU"),
        (CPU, {"attention": "flash_attention_2"}, "flash_attention_2 needs a CUDA GPU, and this run is on the cpu"),
        (CPU, {"attention": "flex_attention"}, "flex_attention needs a CUDA GPU"),
        (APPLE, {"precision": "fp16"}, "this run is on the mps"),
        (APPLE, {"quantize": "4bit"}, "this run is on the mps"),
        (Machine(gpu=OLD), {"precision": "bf16"}, "a T4 has no bf16"),
        (Machine(gpu=A100), {"quantize": "4bit"}, "needs bitsandbytes"),
        (Machine(gpu=A100), {"attention": "flash_attention_2"}, "needs flash-attn"),
        (Machine(gpu=A100, packages=ALL), {"attention": "flash_attention_2", "precision": "float32"}, "computes in 16 bits"),
        (Machine(gpu=OLD, packages=ALL), {"attention": "flash_attention_2", "precision": "fp16"}, "a T4 is too old for flash_attention_2"),
    ],
)
def test_what_a_machine_cannot_do_is_refused_with_a_reason(machine, settings, words):
    with pytest.raises((UsageError, MissingExtraError), match=words) as refusal:
        plan_on(Recipe(**settings), machine)
    assert "--set " in refusal.value.hint


def test_several_processes_share_no_apple_gpu():
    assert plan_on(Recipe(), CPU, 2, 1) == DevicePlan("cpu", "float32", "none", "2 CPU threads", 2, 1)
    with pytest.raises(UsageError, match="there is one Apple GPU"):
        plan_on(Recipe(), APPLE, 2, 0)


def test_the_reason_why_there_is_no_gpu():
    assert why_no_gpu(None, None, "550.1") == "this torch is built without CUDA"
    assert why_no_gpu("12.6", "-1", "550.1") == "CUDA_VISIBLE_DEVICES hides all GPUs"
    assert why_no_gpu("12.6", None, None) == "no NVIDIA driver answers"
    assert why_no_gpu("13.0", "0", "470.57") == "the NVIDIA driver 470.57 and this torch, built for CUDA 13.0, do not get on"


def test_this_machine_can_run_the_default_recipe():
    pytest.importorskip("torch")
    machine = this_machine()
    assert plan_device(Recipe(device="cpu")).device == "cpu"
    assert machine.free > 0
    assert (machine.gpu is None) == bool(machine.no_gpu)


class Driver:
    """Speaks as pynvml does."""

    NVMLError = type("NVMLError", (Exception,), {})

    def __init__(self, running, free=(1, 3, 2)):
        self.running, self.free = running, free

    def nvmlDeviceGetHandleByUUID(self, uuid):
        if uuid != "GPU-known":
            raise self.NVMLError
        return uuid

    def nvmlDeviceGetComputeRunningProcesses(self, _handle):
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in self.running]

    def nvmlDeviceGetCount(self):
        return len(self.free)

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(free=self.free[handle])

    def nvmlDeviceGetUUID(self, handle):
        return f"GPU-{handle}"


def test_who_holds_a_gpus_memory_is_told_the_most_first_without_oneself():
    gone = 2**22 + 1  # no process has this number
    driver = Driver([(os.getpid(), 9 * GIGABYTE), (gone, GIGABYTE), (os.getppid(), 5 * GIGABYTE)])
    first, second = held_by(driver, "known")
    assert first.endswith(f"(process {os.getppid()}) 5 GB")
    assert second == f"somebody (process {gone}) 1 GB"
    assert held_by(driver, "GPU-other") == held_by(None, "GPU-known") == ()


def test_one_process_takes_the_gpu_with_the_most_free_memory(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine_module, "nvml", lambda: Driver([]))
    assert freest_gpu() == "GPU-1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert freest_gpu() is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(machine_module, "nvml", lambda: None)
    assert freest_gpu() is None


def test_contradictions_are_refused_before_anything_is_launched(monkeypatch):
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    refuse_before_launch(Recipe())
    refuse_before_launch(Recipe(device="cuda", processes=2))
    for settings, words in (
        ({"quantize": "4bit"}, "needs bitsandbytes"),
        ({"quantize": "4bit", "device": "cpu"}, "needs a CUDA GPU"),
        ({"attention": "flash_attention_2"}, "needs flash-attn"),
        ({"precision": "fp16", "device": "cpu"}, "fp16 training needs"),
        ({"device": "cuda", "processes": 3}, "3 processes, one a GPU, and 2 can be used"),
    ):
        with pytest.raises((UsageError, MissingExtraError), match=words):
            refuse_before_launch(Recipe(**settings))


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
