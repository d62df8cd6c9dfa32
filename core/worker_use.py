"""What a run's process uses of the machine right now: looked at from outside, without a CUDA context of our own."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from core.machine import nvidia_library
from core.processes import is_alive

# Two viewers of one run share a look: a processor's share is counted from one look to the next.
LOOK_SECONDS = 0.8
MOST_LOOKED_AT = 50


@dataclass(frozen=True)
class WorkerUse:
    """What one process uses; None where nobody can tell.

    `cpu_percent` is 100 for each core that is fully used; memory is in bytes. The GPU's share of use is the whole device's;
    its memory is the process's own where the driver tells it apart, else the device's.
    """

    alive: bool
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None


class WorkersInUse:
    """The processes that pages look at right now."""

    def __init__(self) -> None:
        self._looked: OrderedDict[tuple[int, float], _LookedAt] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, pid: int | None, started: float | None) -> WorkerUse:
        """Return what the process with this pid and this start time uses; an ended one uses nothing."""
        if pid is None or started is None or not is_alive(pid, started):
            return WorkerUse(alive=False)
        with self._lock:
            try:
                looked = self._looked.pop((pid, started), None) or _LookedAt(pid)
                self._looked[pid, started] = looked
                while len(self._looked) > MOST_LOOKED_AT:
                    self._looked.popitem(last=False)
                return looked.use()
            except psutil.Error:
                # It ended between two lines, or is not ours to look at.
                self._looked.pop((pid, started), None)
                return WorkerUse(alive=is_alive(pid, started))


class _LookedAt:
    """One process; psutil counts its processor time since the last look, so the object is kept."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._process.cpu_percent()
        self._at = time.monotonic()
        self._use: WorkerUse | None = None

    def use(self) -> WorkerUse:
        due = time.monotonic() - self._at >= LOOK_SECONDS
        if self._use is None or due:
            # Right after the first look the share would be one of a few microseconds.
            known = self._use.cpu_percent if self._use else None
            cpu = self._process.cpu_percent() if due else known
            self._use = WorkerUse(True, cpu, self._process.memory_info().rss, *_gpu_use(self._process.pid))
            self._at = time.monotonic() if due else self._at
        return self._use


def _gpu_use(pid: int) -> tuple[float | None, int | None]:
    """Return the use of the GPU that the process is on, in percent, and the bytes of its memory."""
    nvml = nvidia_library()
    if nvml is None:
        return None, None
    with suppress(nvml.NVMLError):
        device, own_bytes = _device_of(nvml, pid)
        if device is not None:
            used = own_bytes if own_bytes is not None else int(nvml.nvmlDeviceGetMemoryInfo(device).used)
            return float(nvml.nvmlDeviceGetUtilizationRates(device).gpu), used
    return None, None


def _device_of(nvml: Any, pid: int) -> tuple[Any, int | None]:
    """Return the process's GPU and the bytes that it holds there; the first GPU and None where the driver does not tell."""
    devices = list(_devices(nvml))
    for device in devices:
        for process in nvml.nvmlDeviceGetComputeRunningProcesses(device):
            if process.pid == pid:
                return device, process.usedGpuMemory
    # In a container the driver counts pids of another namespace.
    return (devices[0] if devices else None), None


def _devices(nvml: Any) -> Iterator[Any]:
    for index in range(nvml.nvmlDeviceGetCount()):
        yield nvml.nvmlDeviceGetHandleByIndex(index)
