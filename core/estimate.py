"""How much memory training will need, reckoned before it starts. No torch: the page asks as well.

What is counted: on a CPU the largest resident set of the worker's whole process (the kernel's VmHWM; `measured_peak` reads it
at the end). Pages that a forked worker shares with the preloaded supervisor count in full, as the kernel counts them: about
400 MB that are not taken twice. On a GPU it is what PyTorch reserves there, without CUDA's own context.

The sizes follow from the architecture (`core.footprint`); a few constants were fitted to the peaks of real workers
(`python -m tests.benchmarks.memory`). The GPU's figures follow from the same counts and were not measured.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from core.base_models import STATIC, length_limit
from core.batch_lengths import column_lengths
from core.config import RunConfig
from core.errors import MachineError
from core.examples import EXAMPLE_COLUMNS, VALUE_ROLES
from core.footprint import CPU, Workload, footprint
from core.losses import CACHED, loss_spec
from core.machine import Machine, opened_cuda, usable_memory
from core.model_choice import count_trainable
from core.model_facts import ModelFacts, read_facts

MOST_SHARE_OF_FREE = 0.9
GIGABYTE = 1e9
CUDA_CONTEXT_BYTES = 500_000_000
# A cross-encoder has a loss of its own, which adds as little as this one.
READ_JOINTLY = "cosine-similarity"


@dataclass(frozen=True)
class Estimate:
    """What training will need: `parameters` in all and `trainable` as counts, `peak_bytes`, and the `parts` it is made of.

    `smaller` is the peak in bytes at smaller batch sizes, by batch size, each half of the one before; `cached` the peak of the
    loss that does the same piece by piece, where the loss has such a twin.
    """

    parameters: int
    trainable: int
    peak_bytes: int
    parts: Mapping[str, int]
    batch_size: int
    smaller: Mapping[int, int] = field(default_factory=dict)
    cached: tuple[str, int] | None = None


def estimate(
    config: RunConfig,
    settings: Mapping[str, Any],
    facts: ModelFacts,
    report: Mapping[str, Any],
    device: str = CPU,
    runs_dir: Path | None = None,
) -> Estimate:
    """Reckon the memory of a run, from its settled values and the report of its prepared examples.

    `report` tells `lengths` (texts by their tokens), `examples`, `shape` and `classes`; `device` is cuda or cpu.

    Raises:
        ModelError: the model or its guide is not here.
    """
    work = _workload(config, settings, facts, report, device, runs_dir)
    batch_size = int(settings["batch_size"])
    parts = footprint(work, batch_size)
    twin = CACHED.get(work.loss) if facts.kind != STATIC else None
    return Estimate(
        parameters=facts.parameters,
        trainable=work.trainable,
        peak_bytes=sum(parts.values()),
        parts=parts,
        batch_size=batch_size,
        smaller={size: sum(footprint(work, size).values()) for size in _smaller_sizes(batch_size, work.loss)},
        cached=(twin, sum(footprint(work.with_loss(twin), batch_size).values())) if twin else None,
    )


def _workload(
    config: RunConfig,
    settings: Mapping[str, Any],
    facts: ModelFacts,
    report: Mapping[str, Any],
    device: str,
    runs_dir: Path | None,
) -> Workload:
    joint = config.kind == "cross-encoder"
    loss = READ_JOINTLY if joint else config.loss
    partly = settings.get("frozen_layers") or settings.get("lora_rank")
    guide = settings.get("teacher") if loss in ("gist", "cached-gist") else None
    limit = settings.get("max_seq_length") or length_limit(config.base_model, runs_dir) or facts.max_positions
    columns = _text_columns(loss, str(report.get("shape") or settings["examples"]))
    lengths = column_lengths(report.get("lengths") or {}, columns, settings.get("prompts") or {}, limit)
    return Workload(
        facts=facts,
        loss=loss,
        settings=settings,
        lengths=lengths.joined(limit) if joint else lengths,
        trainable=count_trainable(config, runs_dir) if partly else facts.parameters,
        examples=int(report.get("examples") or 0),
        classes=int(report.get("classes") or 0),
        guide_parameters=read_facts(guide, runs_dir).parameters if guide else 0,
        device=device,
    )


def _text_columns(loss: str, shape: str) -> list[str]:
    columns = [column for column in EXAMPLE_COLUMNS[shape] if column not in VALUE_ROLES]
    # SimCSE reads each text twice.
    return columns * 2 if loss == "simcse" else columns


def _smaller_sizes(batch_size: int, loss: str) -> list[int]:
    spec = loss_spec(loss)
    least = 4 if spec.by_label else 2 if spec.in_batch_negatives else 1
    sizes = []
    while (batch_size := batch_size // 2) >= least:
        sizes.append(batch_size)
    return sizes


def free_bytes(device: str) -> int:
    """Return the memory that a new process could take: of the machine and its control group, or of the first GPU."""
    if device != CPU:
        return _free_on_the_gpu()
    return min(psutil.virtual_memory().available, usable_memory() - _taken_in_the_group())


def _taken_in_the_group() -> int:
    """Return what the processes of this control group hold; files that the kernel keeps at hand are given up when needed."""
    path = Path("/sys/fs/cgroup/memory.stat")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("anon ")), 0)


def _free_on_the_gpu() -> int:
    cuda = opened_cuda()
    if cuda:
        return int(cuda.mem_get_info()[0])
    import pynvml  # noqa: PLC0415  only where the driver is: the import itself looks for it

    pynvml.nvmlInit()
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0))
        return max(0, int(memory.free) - CUDA_CONTEXT_BYTES)
    finally:
        pynvml.nvmlShutdown()


def advice(estimated: Estimate, free: int) -> str:
    """Say in a sentence that memory is short and what to do about it; nothing where training fits into `free` bytes."""
    room = MOST_SHARE_OF_FREE * free
    if estimated.peak_bytes <= room:
        return ""
    fitting = [size for size, peak in estimated.smaller.items() if peak <= room]
    ways = [f"lower batch_size to {max(fitting)}"] if fitting else []
    if estimated.cached is not None and estimated.cached[1] <= room:
        ways.append(f"choose loss={estimated.cached[0]}")
    if not ways:
        ways = ["choose a smaller base_model", "a shorter max_seq_length", "free some memory"]
    short = estimated.peak_bytes > free
    of_what = f"and {_told(free)} are free" if short else f"nearly all of the {_told(free)} that are free"
    return f"This needs about {_told(estimated.peak_bytes)}{' ' if short else ', '}{of_what}; {' or '.join(ways)}."


def refuse_if_too_much(estimated: Estimate, machine: Machine) -> None:
    """Refuse a run that would need more than nine tenths of the memory that is free now.

    Raises:
        MachineError: it would; the sentence says the way out.
    """
    said = advice(estimated, free_bytes(machine.device))
    if said:
        raise MachineError(said)


def _told(size: float) -> str:
    return f"{size / GIGABYTE:.0f} GB" if size >= 10 * GIGABYTE else f"{size / GIGABYTE:.1f} GB"


def measured_peak() -> int:
    """Return the most memory in bytes that this process has held so far, counted as `estimate` counts it."""
    cuda = opened_cuda()
    if cuda:
        return int(cuda.max_memory_reserved())
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415  Windows has none

    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
