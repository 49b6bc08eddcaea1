"""What this machine can train on: asked of torch and NVIDIA's library once, so that what follows from it can be decided, and tested, without them."""

from __future__ import annotations

import importlib.util
import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sde_core.train.machine_figures import nvml
from sde_core.wording import size_of

OPTIONAL_PACKAGES = ("bitsandbytes", "flash_attn")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Gpu:
    """The NVIDIA GPU that this process computes on.

    Attributes:
        name: As the driver calls it.
        total: Its memory in bytes.
        free: How much of that nobody holds.
        capability: CUDA compute capability, such as (8, 0).
        bf16: Whether it computes in bf16 by itself.
        held_by: Who holds the rest, in words, the most first; as far as the driver tells.
    """

    name: str
    total: int
    free: int
    capability: tuple[int, int]
    bf16: bool
    held_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """What a process can compute on.

    Attributes:
        threads: Threads that torch uses on the CPU.
        gpu: The NVIDIA GPU, None where torch can use none.
        mps: Whether torch can use an Apple GPU.
        no_gpu: Why there is no NVIDIA GPU, as half a sentence; empty where there is one.
        packages: Which of the optional packages bitsandbytes and flash_attn are installed.
        free: Bytes of main memory that this process may still take.
    """

    threads: int = 1
    gpu: Gpu | None = None
    mps: bool = False
    no_gpu: str = ""
    packages: frozenset[str] = frozenset()
    free: int = 0


def this_machine() -> Machine:
    """What this process can compute on. Loads torch."""
    import torch

    gpu = _gpu() if torch.cuda.is_available() else None
    return Machine(
        threads=torch.get_num_threads(),
        gpu=gpu,
        mps=torch.backends.mps.is_available(),
        no_gpu="" if gpu else why_no_gpu(torch.version.cuda, os.environ.get("CUDA_VISIBLE_DEVICES"), driver_version()),
        packages=frozenset(name for name in OPTIONAL_PACKAGES if importlib.util.find_spec(name)),
        free=free_memory(),
    )


def why_no_gpu(built_for: str | None, listed: str | None, driver: str | None) -> str:
    """Why torch can use no NVIDIA GPU, as half a sentence.

    Args:
        built_for: The CUDA version that torch was built for, None for none.
        listed: The environment's CUDA_VISIBLE_DEVICES, None where it is not set.
        driver: The NVIDIA driver's version, None where there is none.
    """
    if built_for is None:
        return "this torch is built without CUDA"
    if listed is not None and listed.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all GPUs"
    if driver is None:
        return "no NVIDIA driver answers"
    return f"the NVIDIA driver {driver} and this torch, built for CUDA {built_for}, do not get on"


def driver_version() -> str | None:
    """The NVIDIA driver's version, None where none answers."""
    library = nvml()
    return str(library.nvmlSystemGetDriverVersion()) if library else None


def freest_gpu() -> str | None:
    """The UUID of the visible GPU with the most free memory, None where that cannot be told. Without torch."""
    library = nvml()
    if library is None or os.environ.get("CUDA_VISIBLE_DEVICES") is not None:
        return None
    handles = [library.nvmlDeviceGetHandleByIndex(i) for i in range(library.nvmlDeviceGetCount())]
    free = [library.nvmlDeviceGetMemoryInfo(handle).free for handle in handles]
    return str(library.nvmlDeviceGetUUID(handles[free.index(max(free))])) if handles else None


def free_memory() -> int:
    """Bytes of main memory that this process may still take: what is free, or what its control group or its own limit leaves."""
    import psutil

    left = [int(psutil.virtual_memory().available)]
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        left.append(limit - int(psutil.Process().memory_info().vms))
    with suppress(OSError, ValueError):  # no such limit
        files = next(int(line.split()[1]) for line in (_CGROUP / "memory.stat").read_text().splitlines() if line.startswith("inactive_file "))
        left.append(int((_CGROUP / "memory.max").read_text()) - int((_CGROUP / "memory.current").read_text()) + files)
    return max(min(left), 0)


def _gpu() -> Gpu:
    import torch

    properties = torch.cuda.get_device_properties()
    free, total = torch.cuda.mem_get_info()
    return Gpu(
        torch.cuda.get_device_name(),
        total,
        free,
        torch.cuda.get_device_capability(),
        torch.cuda.is_bf16_supported(including_emulation=False),
        held_by(nvml(), str(properties.uuid)),
    )


def held_by(library: Any, uuid: str) -> tuple[str, ...]:
    """Who holds a GPU's memory, in words, the most first; this process left out.

    Args:
        library: What `nvml()` gives.
        uuid: The GPU's, with or without "GPU-" before it.
    """
    if library is None:
        return ()
    try:
        handle = library.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        running = library.nvmlDeviceGetComputeRunningProcesses(handle)
    except library.NVMLError:
        return ()
    others = [(process.usedGpuMemory or 0, process.pid) for process in running if process.pid != os.getpid()]
    return tuple(f"{_process_name(pid)} (process {pid}) {size_of(held)}" for held, pid in sorted(others, reverse=True))


def _process_name(pid: int) -> str:
    from psutil import Error, Process

    try:
        return str(Process(pid).name())
    except Error:
        return "somebody"
