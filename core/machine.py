"""What this machine can do, read without torch so that the web process may ask.

That a CPU has bf16 arithmetic does not say that it is fast: of two with the same flag one trains 2 times as fast in bf16,
another takes 1.4 times as long. The first worker that trains a transformer measures it (`core.precision`), and the ratio is kept.
"""

import os
import platform
import sys
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from core.files import read_json, write_json
from core.visitors import studio_of

CPU_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
MACHINE_FILE = ".machine.json"
# Below that bf16 is not worth what it rounds away.
LEAST_GAIN = 1.1
NAMED_PACKAGES = ("torch", "sentence-transformers", "transformers", "datasets", "gradio")


@dataclass(frozen=True)
class Machine:
    """One machine: `device` is cuda or cpu, memory is in bytes, `precision` is the format training takes by itself, and why."""

    device: str
    device_name: str
    cores: int
    memory_bytes: int
    precision: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """Return what `resolved.json` says of the machine, versions of the libraries included."""
        return asdict(self) | {"python": platform.python_version(), "versions": library_versions()}


def read_machine(runs_dir: Path | None = None) -> Machine:
    """Look at this machine. A GPU counts where NVIDIA's driver shows one that is not hidden from us.

    `runs_dir` is where an earlier run kept what it measured of this CPU.
    """
    gpu = _opened_gpu() or _first_gpu()
    if gpu:
        name, capability = gpu
        precision, why = ("bf16", "this GPU has it") if capability >= 8 else ("fp16", "this GPU has no bf16")
        return Machine("cuda", name, usable_cores(), usable_memory(), precision, why)
    machine = Machine("cpu", _cpu_name(), usable_cores(), usable_memory(), "fp32", "this CPU has no bf16 arithmetic")
    if not CPU_BF16_FLAGS & set(_cpu_info("flags").split()):
        return machine
    gain = kept_gain(machine, runs_dir) if runs_dir else None
    if gain is None:
        return replace(machine, precision="bf16", why="this CPU has bf16 arithmetic; how fast, the first run measures")
    if gain >= LEAST_GAIN:
        return replace(machine, precision="bf16", why=f"measured here, {gain:.1f} times as fast as fp32")
    return replace(machine, why=f"this CPU has bf16 arithmetic, but measured here it takes {1 / gain:.1f} times as long")


def kept_gain(machine: Machine, runs_dir: Path) -> float | None:
    """Return how many times as fast as fp32 bf16 was when it was measured on this very CPU, or None."""
    kept = read_json(studio_of(runs_dir) / MACHINE_FILE) or {}
    return float(kept["bf16_gain"]) if kept.get("measured_on") == _measured_on(machine) else None


def keep_gain(machine: Machine, runs_dir: Path, gain: float) -> None:
    """Keep a measured gain for every later run of the folder."""
    write_json(studio_of(runs_dir) / MACHINE_FILE, {"measured_on": _measured_on(machine), "bf16_gain": round(gain, 3)})


def _measured_on(machine: Machine) -> list[Any]:
    return [machine.device_name, machine.cores, library_versions().get("torch")]


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


def _cpu_name() -> str:
    return _cpu_info("model name") or platform.processor() or platform.machine()


@cache
def _cpu_info(entry: str) -> str:
    """Return what Linux says of the first core under that name, or nothing."""
    cpuinfo = Path("/proc/cpuinfo")
    if not sys.platform.startswith("linux") or not cpuinfo.is_file():
        return ""
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == entry:
            return value.strip()
    return ""


@cache
def nvidia_library() -> Any:
    """Return NVIDIA's management library, opened once, or None where there is no GPU that is shown to us."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    try:
        import pynvml  # noqa: PLC0415  only where somebody asks: the import itself looks for the driver
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def opened_cuda() -> Any:
    """Return torch's part for GPUs where this process has opened one, else None.

    What is lent to one process is not always what the driver shows to all of them.
    """
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _opened_gpu() -> tuple[str, int] | None:
    cuda = opened_cuda()
    return (str(cuda.get_device_name()), int(cuda.get_device_capability()[0])) if cuda else None


@cache
def _first_gpu() -> tuple[str, int] | None:
    """Return the first visible GPU's name and major compute capability."""
    nvml = nvidia_library()
    if nvml is None:
        return None
    try:
        if not nvml.nvmlDeviceGetCount():
            return None
        handle = nvml.nvmlDeviceGetHandleByIndex(0)
        return str(nvml.nvmlDeviceGetName(handle)), int(nvml.nvmlDeviceGetCudaComputeCapability(handle)[0])
    except nvml.NVMLError:
        return None


def gpu_count() -> int:
    """Return how many GPUs are shown to us."""
    nvml = nvidia_library()
    if nvml is None:
        return 0
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = int(nvml.nvmlDeviceGetCount())
    return found if shown is None else min(found, len(shown.split(",")))
