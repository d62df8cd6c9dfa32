"""What this machine can do: a format is chosen by what was measured on it, not by what it is said to have."""

from pathlib import Path

import pytest
import torch

from core import machine as machines
from core import precision
from core.machine import MACHINE_FILE, keep_gain, kept_gain, read_machine
from core.precision import bf16_gain, measured_machine


@pytest.fixture
def with_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU whose CPU says that it has bf16 arithmetic."""
    said = {"flags": "sse avx512_bf16", "model name": "a test's CPU"}
    monkeypatch.setattr(machines, "_cpu_info", said.__getitem__)
    monkeypatch.setattr(machines, "_first_gpu", lambda: None)


@pytest.mark.parametrize(("gain", "chosen", "why"), [(1.98, "bf16", "2.0 times as fast"), (0.72, "fp32", "1.4 times as long")])
def test_bf16_is_taken_where_it_is_faster(with_flag: None, runs_dir: Path, gain: float, chosen: str, why: str) -> None:
    runs_dir.mkdir(exist_ok=True)
    keep_gain(read_machine(runs_dir), runs_dir, gain)
    found = read_machine(runs_dir)
    assert found.precision == chosen
    assert why in found.why


def test_gain_of_another_cpu_does_not_count(with_flag: None, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_dir.mkdir(exist_ok=True)
    keep_gain(read_machine(runs_dir), runs_dir, 0.5)
    moved = {"flags": "avx512_bf16", "model name": "a newer one"}
    monkeypatch.setattr(machines, "_cpu_info", moved.__getitem__)
    assert kept_gain(read_machine(runs_dir), runs_dir) is None
    assert read_machine(runs_dir).precision == "bf16"


def test_cpu_without_the_flag_is_not_measured(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_cpu_info", lambda _: "sse avx2")
    monkeypatch.setattr(machines, "_first_gpu", lambda: None)
    monkeypatch.setattr(precision, "bf16_gain", lambda: pytest.fail("was measured"))
    assert measured_machine(runs_dir).precision == "fp32"


def test_gain_is_measured_once_and_kept(with_flag: None, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_dir.mkdir(exist_ok=True)
    measured: list[float] = []
    monkeypatch.setattr(precision, "bf16_gain", lambda: measured.append(1.5) or 1.5)
    assert [measured_machine(runs_dir).precision for _ in range(2)] == ["bf16", "bf16"]
    assert measured == [1.5]
    assert (runs_dir / MACHINE_FILE).is_file()


def test_measuring_leaves_the_random_numbers_as_they_were() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert 0.05 < bf16_gain() < 20
    assert torch.equal(torch.rand(2), expected)
