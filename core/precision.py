"""Whether bf16 is faster than fp32 on this CPU: measured once on one transformer layer, then kept in the runs folder."""

import time
from pathlib import Path

import torch

from core.machine import Machine, keep_gain, kept_gain, read_machine

# MiniLM's layer, and a batch of 8 texts of 32 tokens: large enough to stand for a step, small enough for a fifth of a second.
WIDTH, HEADS, TEXTS, TOKENS = 384, 12, 8, 32
ROUNDS = 4


def measured_machine(runs_dir: Path) -> Machine:
    """Look at the machine; where its CPU has bf16 and nobody measured it yet, measure."""
    machine = read_machine(runs_dir)
    if machine.device == "cpu" and machine.precision == "bf16" and kept_gain(machine, runs_dir) is None:
        keep_gain(machine, runs_dir, bf16_gain())
        machine = read_machine(runs_dir)
    return machine


def bf16_gain() -> float:
    """Return how many times as fast as fp32 one layer's forward and backward pass are under bf16 autocast on the CPU.

    Both are timed in turn and the fastest of each counts, so that other work on the machine falls out. The state of torch's
    random numbers is what it was before.
    """
    with torch.random.fork_rng(devices=[]):
        layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, activation="gelu", batch_first=True)
        texts = torch.randn(TEXTS, TOKENS, WIDTH)
        fastest = {True: float("inf"), False: float("inf")}
        for turn in range(2 * ROUNDS):
            in_bf16 = bool(turn % 2)
            start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
                out = layer(texts)
            out.float().sum().backward()
            fastest[in_bf16] = min(fastest[in_bf16], time.perf_counter() - start)
    return fastest[False] / fastest[True]
