"""Cut and quantised embeddings: each step against numpy by hand, and the whole table on real pairs."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from core.bytes_choice import bytes_of, bytes_settings, parse_sizes, smallest_that_serves, trained_sizes
from core.config import build_config
from core.errors import ConfigError, DataError, DivergenceError
from core.files import read_json
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog
from core.trade_figures import byte_ticks, bytes_figure
from tests.small_models import queue_run, write_sentence_model
from ui.speed_card import bytes_card


def measured(places: Places, *models: str, asked: str = "") -> dict[str, Any]:
    from core.measuring_work import measure

    values = {"kind": "measure", "task": "bytes", "models": models, "data": "stsb", "split": "validation"}
    log = RunLog(ask(build_config(values | {"task_settings": bytes_settings(models, asked, places)}), places))
    measure(log)
    return read_json(log.run.path / "measured.json") or {}


def vectors(rows: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(rows, dimensions)).astype(np.float32)


def test_cut_embeddings_are_normalised_again() -> None:
    from core.fewer_bytes import shorten

    whole = np.array([[3.0, 4.0, 12.0], [0.0, 0.0, 5.0]])
    assert shorten(whole, 2).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_int8_by_hand() -> None:
    from core.fewer_bytes import of_int8

    first, second, ranges = vectors(20, 6), vectors(20, 6)[::-1].copy(), np.array([[-1.5] * 6, [2.0] * 6])

    def steps(row: np.ndarray) -> list[float]:
        return [min(255, max(0, math.floor((float(value) + 1.5) / (3.5 / 255)))) - 128.0 for value in row]

    for one, other, found in zip(first, second, of_int8(first, second, ranges), strict=True):
        a, b = np.array(steps(one)), np.array(steps(other))
        assert found == pytest.approx(a @ b / math.sqrt((a @ a) * (b @ b)), abs=2e-3)


@pytest.mark.parametrize("dimensions", [8, 12, 3])
def test_binary_counts_differing_signs(dimensions: int) -> None:
    from core.fewer_bytes import of_bits

    first, second = vectors(30, dimensions), vectors(60, dimensions)[30:]
    by_hand = [-sum((a > 0) != (b > 0) for a, b in zip(one, two, strict=True)) for one, two in zip(first, second, strict=True)]
    assert of_bits(first, second, first).tolist() == by_hand


def test_bytes_of_each_form() -> None:
    assert [bytes_of(384, precision) for precision in ("float32", "int8", "binary")] == [1536, 384, 48]
    assert bytes_of(12, "binary") == 2


def test_table_holds_every_size_and_precision_and_agrees_with_scipy() -> None:
    from core.fewer_bytes import of_floats, shorten, table_of

    sides, gold = (vectors(40, 16), vectors(80, 16)[40:]), np.linspace(0, 1, 40).tolist()
    rows = table_of(sides, gold, sides[0], (64, 16, 8, 4))
    assert [(row["dimensions"], row["precision"]) for row in rows] == [
        (size, precision) for size in (16, 8, 4) for precision in ("float32", "int8", "binary")
    ]
    cosines = of_floats(shorten(sides[0], 8), shorten(sides[1], 8), sides[0])
    by_hand = [float(a[:8] @ b[:8] / (np.linalg.norm(a[:8]) * np.linalg.norm(b[:8]))) for a, b in zip(*sides, strict=True)]
    assert cosines.tolist() == pytest.approx(by_hand, abs=1e-6)
    assert rows[3]["spearman"] == pytest.approx(spearmanr(by_hand, gold)[0], abs=1e-6)
    assert rows[3]["pearson"] == pytest.approx(pearsonr(by_hand, gold)[0], abs=1e-6)


def test_size_at_which_all_pairs_are_alike_has_no_figure() -> None:
    from core.fewer_bytes import table_of

    sides = np.abs(vectors(5, 4)), np.abs(vectors(5, 4)[::-1])
    binary = table_of(sides, [0.0, 0.2, 0.4, 0.6, 1.0], sides[0], (2,))[-1]
    assert binary["spearman"] is None and "equally near" in binary["note"]


def test_whole_float32_embedding_is_the_evaluators_figure(runs_dir: Path) -> None:
    from core.evaluation import default_evaluation_set, score_pairs
    from core.models import build_static_minilm

    places = Places(None, runs_dir)
    answer = measured(places, "static-minilm")
    whole = answer["models"][0]["rows"][0]
    figures = score_pairs(build_static_minilm("cpu"), default_evaluation_set(places), 64)
    assert whole["spearman"] == pytest.approx(figures["spearman_cosine"], abs=1e-4)
    assert whole["pearson"] == pytest.approx(figures["pearson_cosine"], abs=1e-4)
    assert "own texts" in answer["calibrated_on"]
    assert {row["dimensions"] for row in answer["models"][0]["rows"]} == {384, 256, 128, 64, 32}


def test_model_with_prompts_gives_the_evaluators_figure_too(runs_dir: Path, tmp_path: Path, small_data: Path) -> None:
    from core.evaluation import default_evaluation_set, score_pairs
    from core.models import load_plain

    places = Places(small_data, runs_dir)
    folder = str(write_sentence_model(tmp_path / "prompted", prompts={"query": "ask: "}, default_prompt_name="query"))
    whole = measured(places, folder)["models"][0]["rows"][0]
    figures = score_pairs(load_plain(folder, runs_dir, "cpu"), default_evaluation_set(places), 64)
    assert whole["spearman"] == pytest.approx(figures["spearman_cosine"], abs=1e-4)


def test_training_texts_of_stsb_calibrate_where_they_are_here(runs_dir: Path, small_data: Path) -> None:
    answer = measured(Places(small_data, runs_dir), "static-minilm", asked="64")
    assert answer["calibrated_on"] == "4 texts of STSB's train part"


def test_each_text_is_encoded_once(runs_dir: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    seen: list[str] = []
    encode = SentenceTransformer.encode

    def watched(self: SentenceTransformer, sentences: list[str], *args: Any, **more: Any) -> Any:
        seen.extend(sentences)
        return encode(self, sentences, *args, **more)

    monkeypatch.setattr(SentenceTransformer, "encode", watched)
    places = Places(small_data, runs_dir)
    measured(places, "static-minilm", asked="64, 32")
    assert len(seen) == len(set(seen)) > 0
    before = len(seen)
    # Another question of the same model, whose answer is a part of it, is another record; the same one is read.
    measured(places, "static-minilm", "static-random", asked="64, 32")
    assert len(seen) == 2 * before


def test_size_beyond_the_models_own_is_left_out_with_a_sentence(runs_dir: Path, small_data: Path) -> None:
    answer = measured(Places(small_data, runs_dir), "static-minilm", asked="512, 64")
    model = answer["models"][0]
    assert [row["dimensions"] for row in model["rows"]] == [384] * 3 + [64] * 3
    assert model["notes"] == ["512 dimensions are left out: static-minilm has 384."]
    assert "512 dimensions are left out" in bytes_card(answer)


def test_same_model_twice_is_measured_once(runs_dir: Path, small_data: Path) -> None:
    assert len(measured(Places(small_data, runs_dir), "static-minilm", "static-minilm")["models"]) == 1


def spoilt(folder: Path, value: float) -> str:
    """Save a model whose word vectors are all one number."""
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    next(model.parameters()).data.fill_(value)
    model.save_pretrained(str(folder), create_model_card=False)
    return str(folder)


@pytest.mark.parametrize(("value", "said"), [(math.nan, "no numbers"), (1.0, "same embedding")])
def test_spoilt_model_is_a_sentence_and_the_other_stays(
    runs_dir: Path, tmp_path: Path, small_data: Path, value: float, said: str
) -> None:
    places, folder = Places(small_data, runs_dir), spoilt(tmp_path / "spoilt", value)
    answer = measured(places, folder, "static-minilm", asked="64")
    assert said in answer["models"][0]["fault"] and not answer["models"][0]["rows"]
    assert len(answer["models"][1]["rows"]) == 6
    assert said in bytes_card(answer)
    with pytest.raises(DivergenceError, match=said):
        measured(places, folder, asked="64")


def test_constant_gold_is_refused(runs_dir: Path, small_data: Path) -> None:
    path = small_data / "stsb" / "validation.csv"
    path.write_text("sentence1,sentence2,label\n" + "".join(f"a {n},b {n},3\n" for n in range(5)))
    with pytest.raises(DataError, match="gold scores are the same"):
        measured(Places(small_data, runs_dir), "static-minilm")


def test_sizes_are_parsed_and_faults_named() -> None:
    assert parse_sizes("64, 256;64 128") == (256, 128, 64)
    assert parse_sizes("  ") == ()
    for text, said in (("64, many", "'many' is no number"), ("0", "'0'"), ("-4", "'-4'"), ("9" * 30, "no number")):
        with pytest.raises(ConfigError, match=said):
            parse_sizes(text)
    with pytest.raises(ConfigError, match="too many"):
        parse_sizes(" ".join(map(str, range(1, 20))))


def test_matryoshka_sizes_of_the_run_are_taken_and_marked(runs_dir: Path, small_data: Path) -> None:
    places = Places(small_data, runs_dir)
    first = queue_run(runs_dir, "static-minilm", matryoshka=(128, 64))
    assert trained_sizes(f"run:{first.id}", places) == (128, 64)
    assert trained_sizes(f"untouched:{first.id}", places) == ()
    later = queue_run(runs_dir, f"run:{first.id}")
    assert trained_sizes(f"untouched:{later.id}", places) == (128, 64)
    assert trained_sizes("run:20200101-gone", places) == trained_sizes("static-minilm", places) == ()
    settings = bytes_settings([f"untouched:{first.id}", f"run:{first.id}"], "", places)
    assert json.loads(str(settings["dimensions"])) == [128, 64]


def test_smallest_embedding_that_serves() -> None:
    def row(size: int, precision: str, spearman: float | None) -> dict[str, Any]:
        return {"dimensions": size, "precision": precision, "bytes": bytes_of(size, precision), "spearman": spearman}

    rows = [row(64, "float32", 0.8), row(64, "int8", 0.795), row(64, "binary", 0.7), row(32, "float32", None)]
    assert smallest_that_serves(rows) == rows[1]
    assert smallest_that_serves([rows[0], rows[2]]) is None
    assert smallest_that_serves([row(64, "float32", -0.1), row(64, "int8", 0.5)]) is None
    assert smallest_that_serves([rows[3]]) is None


def test_chart_has_a_line_a_precision_and_hollow_marks_for_untrained_sizes(runs_dir: Path, small_data: Path) -> None:
    answer = measured(Places(small_data, runs_dir), "static-minilm", asked="128")
    figure = bytes_figure(answer["models"], ["<all>"])
    assert [trace["x"] for trace in figure["data"]] == [[512, 1536], [128, 384], [16, 48]]
    assert figure["data"][0]["marker"]["symbol"] == ["circle-open", "circle"]
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert "<all>" not in figure["data"][0]["hovertemplate"]
    assert byte_ticks([5, 1500])["tickvals"] == [4, 16, 64, 256, 1024]
    assert byte_ticks([48, 384])["ticktext"] == ["32", "64", "128", "256", "512"]
