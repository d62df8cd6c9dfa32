"""What this machine can do, read without torch so that the web process may ask."""

import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

CPU_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
NAMED_PACKAGES = ("torch", "sentence-transformers", "transformers", "datasets", "gradio")


@dataclass(frozen=True)
class Machine:
    """One machine: `device` is cuda or cpu, memory is in bytes, `precision` is the format training takes by itself."""

    device: str
    device_name: str
    cores: int
    memory_bytes: int
    precision: str

    def as_json(self) -> dict[str, Any]:
        """Return what `resolved.json` says of the machine, versions of the libraries included."""
        return asdict(self) | {"python": platform.python_version(), "versions": library_versions()}


def read_machine() -> Machine:
    """Look at this machine. A GPU counts where NVIDIA's driver shows one that is not hidden from us."""
    gpu = _first_gpu()
    if gpu:
        name, capability = gpu
        return Machine("cuda", name, usable_cores(), usable_memory(), "bf16" if capability >= 8 else "fp16")
    precision = "bf16" if CPU_BF16_FLAGS & _cpu_flags() else "fp32"
    return Machine("cpu", platform.processor() or platform.machine(), usable_cores(), usable_memory(), precision)


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_memory() -> int:
    """Return the bytes of memory that this process may use: the machine's, or its control group's limit."""
    total = psutil.virtual_memory().total
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else ""
    return min(total, int(text)) if text.isdigit() else total


def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that decide the numbers."""
    found = {}
    for name in NAMED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu_flags() -> set[str]:
    cpuinfo = Path("/proc/cpuinfo")
    if not sys.platform.startswith("linux") or not cpuinfo.is_file():
        return set()
    for line in cpuinfo.read_text().splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def _first_gpu() -> tuple[str, int] | None:
    """Return the first visible GPU's name and major compute capability, through NVIDIA's management library."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    try:
        import pynvml  # noqa: PLC0415  only where the driver is: the import itself looks for it
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        if not pynvml.nvmlDeviceGetCount():
            return None
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        return str(pynvml.nvmlDeviceGetName(handle)), int(pynvml.nvmlDeviceGetCudaComputeCapability(handle)[0])
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
