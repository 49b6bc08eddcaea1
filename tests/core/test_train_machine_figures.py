"""The figures of a run's machine: what the GPU does not tell is left out, and no GPU is no fault."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sde_core.train.machine_figures import GpuFigures, MachineFigures, gpu_figures


class NvmlError(Exception):
    pass


class TwoGpus:
    """Stands for the module pynvml on a machine with two GPUs, the second of which tells no power."""

    NVMLError = NvmlError
    NVML_TEMPERATURE_GPU = 0

    @staticmethod
    def nvmlDeviceGetHandleByUUID(uuid):
        if uuid not in ("GPU-one", "GPU-two"):
            raise NvmlError("Not found")
        return uuid

    @staticmethod
    def nvmlDeviceGetUtilizationRates(handle):
        return SimpleNamespace(gpu=83 if handle == "GPU-one" else 7, memory=40)

    @staticmethod
    def nvmlDeviceGetMemoryInfo(handle):
        return SimpleNamespace(used=12_100_000_000, total=80_000_000_000, free=67_900_000_000)

    @staticmethod
    def nvmlDeviceGetTemperature(handle, sensor):
        assert sensor == TwoGpus.NVML_TEMPERATURE_GPU
        return 61

    @staticmethod
    def nvmlDeviceGetPowerUsage(handle):
        if handle == "GPU-two":
            raise NvmlError("Not Supported")
        return 230_500


def test_a_gpu_is_asked_by_its_own_number():
    assert GpuFigures(TwoGpus, "GPU-one").read() == {
        "gpu_use": 83,
        "gpu_memory": 12_100_000_000,
        "gpu_total": 80_000_000_000,
        "gpu_temperature": 61,
        "gpu_power": 230.5,
    }


def test_what_a_gpu_does_not_tell_is_left_out():
    found = GpuFigures(TwoGpus, "GPU-two").read()
    assert found["gpu_use"] == 7
    assert "gpu_power" not in found


def test_no_library_and_an_unknown_gpu_give_no_figures():
    assert gpu_figures(None, "GPU-one") is None
    assert gpu_figures(TwoGpus, "GPU-three") is None


def test_a_run_on_the_cpu_tells_of_memory_alone_and_measures_once_a_second(monkeypatch):
    psutil = pytest.importorskip("psutil")
    figures = MachineFigures("cpu")
    found = figures.read()
    assert set(found) == {"memory", "memory_free"}
    assert 1e6 < found["memory"] < psutil.virtual_memory().total
    assert figures.read() is found
