"""What a run takes of its machine: memory, and its GPU's use, memory, temperature and power, asked of NVIDIA's own library where it is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_SECONDS = 1.0
"""Measured at most this often."""


def nvml() -> Any:
    """NVIDIA's management library, ready to be asked; None where it is not installed or finds no driver."""
    try:
        import pynvml
    except ImportError:
        return None
    library: Any = pynvml
    try:
        library.nvmlInit()
    except library.NVMLError:
        return None
    return library


class GpuFigures:
    """One GPU's figures.

    Args:
        library: The module pynvml, initialised.
        uuid: The GPU's, which is the same whatever CUDA_VISIBLE_DEVICES says; "GPU-…".
    """

    def __init__(self, library: Any, uuid: str) -> None:
        self._library = library
        self._handle = library.nvmlDeviceGetHandleByUUID(uuid)

    def read(self) -> dict[str, float]:
        """What the GPU tells of "gpu_use" (%), "gpu_memory" and "gpu_total" (bytes), "gpu_temperature" (°C) and "gpu_power" (W)."""
        library, handle = self._library, self._handle
        found: dict[str, float] = {}
        asked: dict[str, Callable[[], float]] = {
            "gpu_use": lambda: library.nvmlDeviceGetUtilizationRates(handle).gpu,
            "gpu_memory": lambda: library.nvmlDeviceGetMemoryInfo(handle).used,
            "gpu_total": lambda: library.nvmlDeviceGetMemoryInfo(handle).total,
            "gpu_temperature": lambda: library.nvmlDeviceGetTemperature(handle, library.NVML_TEMPERATURE_GPU),
            "gpu_power": lambda: library.nvmlDeviceGetPowerUsage(handle) / 1000,
        }
        for name, ask in asked.items():
            try:
                found[name] = ask()
            except library.NVMLError:
                continue  # many GPUs do not tell everything
        return found


def gpu_figures(library: Any, uuid: str) -> GpuFigures | None:
    """The figures of the GPU with this UUID, None where the library does not know it."""
    if library is None:
        return None
    try:
        return GpuFigures(library, uuid)
    except library.NVMLError:
        return None


class MachineFigures:
    """What the run and its machine hold; measured at most once a second.

    Args:
        device: "cpu", "cuda" or "mps".
        library: pynvml where the device is "cuda"; found by itself when omitted.
    """

    def __init__(self, device: str, library: Any = None) -> None:
        import psutil

        self._psutil = psutil
        self._process = psutil.Process()
        self._device = device
        self._gpu = gpu_figures(library or nvml(), _uuid_of_this_gpu()) if device == "cuda" else None
        self._measured = -_SECONDS
        self._found: dict[str, float] = {}

    def read(self) -> dict[str, float]:
        """ "memory" of the run and "memory_free" of the machine in bytes and, on a GPU, what `GpuFigures.read` gives."""
        if time.monotonic() - self._measured >= _SECONDS:
            self._measured = time.monotonic()
            self._found = {"memory": self._process.memory_info().rss, "memory_free": self._psutil.virtual_memory().available, **self._of_gpu()}
        return self._found

    def _of_gpu(self) -> dict[str, float]:
        if self._gpu is not None:
            return self._gpu.read()
        if self._device != "cuda":
            return {}
        import torch

        free, total = torch.cuda.mem_get_info()
        return {"gpu_memory": total - free, "gpu_total": total}


def _uuid_of_this_gpu() -> str:
    import torch

    return f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
