import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from core import estimate as module
from core.batch_lengths import column_lengths, longest_of
from core.config import build_config
from core.errors import MachineError
from core.estimate import Estimate, advice, estimate, measured_peak, refuse_if_too_much
from core.files import read_json
from core.footprint import CPU
from core.launching import ensure_supervisor
from core.machine import Machine, read_machine
from core.model_facts import read_facts
from core.prepared import PREPARED
from core.run_store import create_run
from core.settings import settle, settled_values
from tests.benchmarks.memory import largest_resident_set, reckon

MACHINE = Machine(CPU, "test", 2, 16_000_000_000, "fp32", "")
LENGTHS = {"8": 300, "16": 400, "32": 200, "64": 10}
REPORT = {"lengths": LENGTHS, "examples": 10_000, "shape": "positive-pairs", "classes": 3}
MINILM = {"base_model": "all-minilm-l6-v2", "loss": "mnr", "batch_size": 32}


def reckoned(values: dict[str, Any], report: dict[str, Any] | None = None, device: str = CPU) -> Estimate:
    config = build_config(MINILM | values)
    facts = read_facts(config.base_model)
    settings = settled_values(settle(config, facts.kind, MACHINE))
    return estimate(config, settings, facts, REPORT | (report or {}), device)


@pytest.mark.parametrize(
    ("lighter", "heavier"),
    [
        ({"batch_size": 32}, {"batch_size": 64}),
        ({"frozen_layers": 3}, {}),
        ({"lora_rank": 8, "batch_size": 8}, {"batch_size": 8}),
        ({"lora_rank": 4}, {"lora_rank": 64}),
        ({"max_seq_length": 16}, {}),
        ({"precision": "bf16"}, {"precision": "fp32"}),
        ({"loss": "cached-mnr", "batch_size": 256}, {"batch_size": 256}),
        ({"loss": "cached-mnr", "loss_params": {"mini_batch_size": 8}}, {"loss": "cached-mnr"}),
        ({}, {"loss": "gist"}),
        ({}, {"prompts": {"query": "Represent this sentence for searching relevant passages: "}}),
        ({"best_by": "last"}, {}),
        ({"base_model": "static-minilm", "batch_size": 256}, {"base_model": "static-minilm", "batch_size": 4096}),
        ({"base_model": "minilm-from-nothing"}, {}),
    ],
)  # fmt: skip
def test_what_takes_less_is_reckoned_to_take_less(lighter: dict[str, Any], heavier: dict[str, Any]) -> None:
    assert reckoned(lighter).peak_bytes < reckoned(heavier).peak_bytes


def test_a_third_column_takes_more() -> None:
    assert reckoned({}, {"shape": "triplets"}).peak_bytes > reckoned({}).peak_bytes


@pytest.mark.parametrize(("loss", "shape"), [("denoising", "damaged-pairs"), ("masked-language-model", "plain-texts")])
def test_a_loss_that_writes_words_holds_a_probability_of_each(loss: str, shape: str) -> None:
    words = reckoned({"loss": loss}, {"shape": shape}).parts["words"]
    assert words > 32 * 32 * 30_522 * 4


def test_contrastive_tension_trains_two_models() -> None:
    one, two = reckoned({}).parts, reckoned({"loss": "contrastive-tension"}, {"shape": "plain-texts"}).parts
    assert two["moments"] == 2 * one["moments"]


def test_a_cross_encoder_reads_both_texts_at_once() -> None:
    scored = {"shape": "scored-pairs"}
    apart = reckoned({"loss": "cosine-similarity"}, scored)
    jointly = reckoned({"kind": "cross-encoder"}, scored)
    # Attention looks from every token of both texts to every other one.
    assert 1 < jointly.parts["activations"] / apart.parts["activations"] < 2
    assert jointly.cached is None


def test_the_parts_add_up_to_the_peak() -> None:
    for loss, shape in (("mnr", "triplets"), ("denoising", "damaged-pairs"), ("batch-all-triplet", "labelled-texts")):
        found = reckoned({"loss": loss}, {"shape": shape})
        assert found.peak_bytes == sum(found.parts.values())


def test_frozen_layers_and_lora_are_not_counted_as_trainable() -> None:
    assert reckoned({}).trainable == reckoned({}).parameters
    assert 0 < reckoned({"lora_rank": 8}).trainable < reckoned({"frozen_layers": 3}).trainable < reckoned({}).trainable


def test_a_gpu_holds_neither_libraries_nor_rows() -> None:
    assert reckoned({}, device="cuda").parts.keys().isdisjoint({"libraries", "rows"})


def test_more_examples_take_more_rows_and_no_batch_is_larger_than_they_are() -> None:
    assert reckoned({}, {"examples": 1_000_000}).parts["rows"] > 100 * reckoned({}, {"examples": 1000}).parts["rows"] / 2
    few = {"examples": 16}
    assert reckoned({"batch_size": 16}, few).peak_bytes == reckoned({"batch_size": 512}, few).peak_bytes
    uncounted = {"examples": 0, "lengths": {}}
    assert reckoned({"batch_size": 16}, uncounted).peak_bytes < reckoned({"batch_size": 64}, uncounted).peak_bytes


def test_the_longest_of_a_batch_is_what_draws_show() -> None:
    lengths, draws = {int(length): count for length, count in LENGTHS.items()}, 32
    texts = np.repeat(list(lengths), list(lengths.values()))
    drawn = np.random.default_rng(0).choice(texts, size=(4000, draws)).max(axis=1).mean()
    assert longest_of(lengths, draws) == pytest.approx(drawn, rel=0.02)
    assert longest_of({7: 3}, 1) == 7


def test_texts_are_cut_and_prompts_are_read_along() -> None:
    plain = column_lengths(LENGTHS, ["anchor", "positive"], {}, 16)
    assert max(plain.columns[0]) == 16
    prompted = column_lengths(LENGTHS, ["anchor", "positive"], {"query": "query: "}, None)
    assert max(prompted.columns[0]) > max(prompted.columns[1]) == 64


def test_too_much_is_refused_with_a_batch_that_fits() -> None:
    found = reckoned({"batch_size": 1024})
    free = int(found.peak_bytes * 0.6)
    said = advice(found, free)
    assert said.startswith(f"This needs about {found.peak_bytes / 1e9:.{0 if found.peak_bytes >= 1e10 else 1}f} GB and ")
    assert "choose loss=cached-mnr" in said
    batch_size = int(re.search(r"lower batch_size to (\d+)", said)[1])  # type: ignore[index]
    assert reckoned({"batch_size": batch_size}).peak_bytes <= 0.9 * free
    assert reckoned({"batch_size": 2 * batch_size}).peak_bytes > 0.9 * free


def test_what_fits_is_not_refused() -> None:
    found = reckoned({})
    assert advice(found, found.peak_bytes * 2) == ""
    assert advice(found, found.peak_bytes) != ""


def test_where_no_batch_fits_a_smaller_model_is_the_way_out() -> None:
    said = advice(reckoned({"batch_size": 2}), 300_000_000)
    assert said.endswith("are free; choose a smaller base_model or a shorter max_seq_length or free some memory.")


def test_nearly_all_that_is_free_is_too_much_as_well() -> None:
    found = reckoned({})
    assert ", nearly all of the" in advice(found, int(found.peak_bytes * 1.05))


def test_a_static_model_is_not_sent_to_a_cached_loss() -> None:
    assert reckoned({"base_model": "static-minilm", "batch_size": 4096}).cached is None


def test_refusing_reads_what_is_free_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: 1_600_000_000)
    refuse_if_too_much(reckoned({"batch_size": 4}), MACHINE)
    with pytest.raises(MachineError, match=r"1\.6 GB are free"):
        refuse_if_too_much(reckoned({"batch_size": 512}), MACHINE)


def test_what_is_free_is_no_more_than_the_machine_has() -> None:
    assert 0 < module.free_bytes(CPU) <= psutil.virtual_memory().total


def test_the_measured_peak_is_at_least_what_is_held_now() -> None:
    held = psutil.Process().memory_info().rss
    assert held * 0.8 < measured_peak() < psutil.virtual_memory().total


def test_an_estimate_is_within_a_quarter_of_a_real_worker(runs_dir: Path, small_data: Path) -> None:
    values = {"base_model": "static-minilm", "loss": "mnr", "data": "snli", "batch_size": 32, "max_steps": 4}
    run = create_run(runs_dir, build_config(values), small_data)
    ensure_supervisor(runs_dir)
    measured, deadline = 0, time.monotonic() + 90
    while time.monotonic() < deadline:
        status = run.status()
        assert status is not None
        if status.pid:
            measured = max(measured, largest_resident_set(status.pid))
        if status.is_final:
            break
        time.sleep(0.02)
    assert status is not None
    assert status.state == "done", run.last_log_lines(20)
    assert read_json(runs_dir / PREPARED / run.resolved()["data"]["folder"] / "report.json")
    if read_machine().device == CPU:
        assert reckon(run).peak_bytes == pytest.approx(measured, rel=0.25)


def test_an_estimate_is_plain_data() -> None:
    assert dataclasses.asdict(reckoned({}))["parts"]["libraries"] > 0
