"""MTEB through the mteb package: held to plain scripts of it, each text encoded once, and what can go wrong in one sentence."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset, DatasetDict, DatasetInfo
from datasets.arrow_writer import ArrowWriter
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

from core.benchmark_data import QuickColumns, open_task, quietly
from core.benchmark_model import NotedTexts, OnceEncoder
from core.benchmark_tasks import BENCHMARKS, FIGURES, benchmark_settings, split_name
from core.benchmarks import run_task
from core.classification import load_labelled, score_classes
from core.config import build_config
from core.errors import ConfigError, DataError, DivergenceError, MissingDataError, ModelError, StudioError
from core.events import read_events
from core.files import read_json
from core.jobs import ask
from core.launching import may_ask_the_hub
from core.measuring_work import measure
from core.models import build_random_minilm, build_static_minilm, load_plain
from core.places import Places
from core.preloading import Libraries
from core.run_log import RunLog
from core.run_store import create_run, delete_run
from core.runs import RunFolder
from core.sources import SAMPLE_FOLDER
from core.supervisor import Supervisor
from tests.test_layering import CORE_FILES, PAGE_FILES, imports_of

BANKING, STSB = "Banking77Classification", "STSBenchmark:validation"
MODELS = ("static-random", "static-minilm")


@pytest.fixture
def places(tmp_path: Path, runs_dir: Path) -> Places:
    """The sample's reviews and judged pairs under the names of the task's own rows."""
    data = tmp_path / "data"
    (data / "banking77").mkdir(parents=True)
    (data / "stsb").mkdir()
    reviews = pd.read_csv(SAMPLE_FOLDER / "reviews.csv")
    reviews[:180].to_csv(data / "banking77" / "train.csv", index=False)
    reviews[180:].to_csv(data / "banking77" / "test.csv", index=False)
    pd.read_csv(SAMPLE_FOLDER / "validation.csv")[:150].to_csv(data / "stsb" / "validation.csv", index=False)
    return Places(data, runs_dir)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the supervisor has it: the libraries were imported before, so that the environment alone says nothing to them."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def asked(name: str, places: Places, models: tuple[str, ...] = MODELS, **how: bool) -> RunFolder:
    """Ask as the page does, with no supervisor to take it."""
    values = {"kind": "measure", "task": "benchmark", "models": models, "task_settings": benchmark_settings(name, places, **how)}
    return ask(build_config(values), places)


def score(name: str, places: Places, models: tuple[str, ...] = MODELS, **how: bool) -> dict[str, Any]:
    run = asked(name, places, models, **how)
    measure(RunLog(run))
    answer: dict[str, Any] = read_json(run.path / "measured.json")
    return answer


def plain(name: str, places: Places, model: SentenceTransformer, experiments: int = 10) -> dict[str, float]:
    """Measure as a script would, with the library's own data set and a plain model; fewer experiments are the first ones."""
    task_name, _, split = name.partition(":")
    with quietly():
        task = mteb.get_task(task_name, eval_splits=[split] if split else None)
        assert places.data_dir is not None
        if task_name == BANKING:
            parts = {part: pd.read_csv(places.data_dir / "banking77" / f"{part}.csv") for part in ("train", "test")}
            names = sorted(set(parts["train"]["label"]) | set(parts["test"]["label"]))
            columns = {
                part: {"text": list(f["text"]), "label": [names.index(x) for x in f["label"]]} for part, f in parts.items()
            }
        else:
            frame = pd.read_csv(places.data_dir / "stsb" / f"{split}.csv").rename(columns={"label": "score"})
            columns = {split: frame.to_dict("list")}
        task.dataset = DatasetDict({part: Dataset.from_dict(each) for part, each in columns.items()})
        task.data_loaded, task.n_experiments = True, experiments
        result = mteb.evaluate(model, task, cache=None, show_progress_bar=False).task_results[0]
    figures = result.scores[split or "test"][0]
    return {name: value for name, value in figures.items() if isinstance(value, float) and np.isfinite(value)}


def fault_of(name: str, places: Places, models: tuple[str, ...] = MODELS, **how: bool) -> str:
    with pytest.raises(StudioError) as caught:
        score(name, places, models, **how)
    assert len(str(caught.value)) <= 300
    return str(caught.value)


def damaged_model(folder: Path, value: float) -> str:
    """Save word vectors that are all one number."""
    model = build_static_minilm("cpu")
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    model.save_pretrained(str(folder), create_model_card=False)
    return str(folder)


# True


@pytest.mark.parametrize("name", [BANKING, STSB])
def test_figures_are_those_of_a_plain_script_and_no_model_gets_anothers(
    name: str, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("mteb's own store knows local models by no name, and hands one the other's score")

    for asked_of_store in ("load_task_result", "save_to_cache"):
        monkeypatch.setattr(mteb.ResultCache, asked_of_store, refuse)
    answer = score(name, places)
    assert [model["label"] for model in answer["models"]] == list(MODELS)
    for model in answer["models"]:
        expected = plain(name, places, load_plain(model["name"], places.runs_dir, "cpu"))  # type: ignore[arg-type]
        assert model["figures"] == pytest.approx({key: expected[key] for key in model["figures"]}, abs=1e-4)
        assert model["main_score"] == pytest.approx(expected[answer["main"]], abs=1e-4)
        assert len(model["figures"]) >= 7
    first, second = (model["main_score"] for model in answer["models"])
    assert abs(first - second) > 0.005


def test_run_measures_classes_as_the_benchmark_does(places: Places) -> None:
    parts = load_labelled("banking77", places)
    for model in (build_static_minilm("cpu"), build_random_minilm("cpu", 1)):
        expected = plain(BANKING, places, model)
        ours = score_classes(model, parts, 32)
        assert ours["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-4)
        assert 0.3 < ours["accuracy"] < 1 and ours["accuracy_std"] > 0


def test_prompts_are_put_before_texts_as_for_a_plain_model(places: Places) -> None:
    model = build_static_minilm("cpu")
    model.prompts = {"query": "", "document": "", "STS": "angry and shouting: "}
    opened = open_task(STSB, places, online=False)
    encoder = OnceEncoder(model, "it", "it", lambda _done, _total: None, 1)
    expected = plain(STSB, places, model)
    assert run_task(encoder, opened).get_score() == pytest.approx(expected["cosine_spearman"], abs=1e-4)
    assert expected["cosine_spearman"] != pytest.approx(
        plain(STSB, places, build_static_minilm("cpu"))["cosine_spearman"], abs=1e-3
    )


@pytest.mark.real_data
def test_whole_banking77_equals_a_plain_script(data_dir: Path, runs_dir: Path) -> None:
    places = Places(data_dir, runs_dir)
    model = build_static_minilm("cpu")
    found = score(BANKING, places, ("static-minilm",))["models"][0]
    ours = score_classes(model, load_labelled("banking77", places), 256)
    assert (found["texts"], len(found["experiments"])) == (7_690, 10)
    expected = plain(BANKING, places, model, experiments=1)["accuracy"]
    assert found["experiments"][0] == pytest.approx(expected, abs=1e-4)
    assert found["main_score"] == pytest.approx(np.mean(found["experiments"]), abs=1e-9)
    assert ours["accuracy"] == pytest.approx(found["main_score"], abs=1e-4)
    assert ours["accuracy_std"] == pytest.approx(np.std(found["experiments"]), abs=1e-4)


@pytest.mark.real_data
def test_minilm_equals_a_plain_script_on_a_part(data_dir: Path, places: Places) -> None:
    assert places.data_dir is not None
    pd.read_csv(data_dir / "stsb" / "validation.csv")[:100].to_csv(places.data_dir / "stsb" / "validation.csv", index=False)
    found = score(STSB, places, ("all-minilm-l6-v2",))["models"][0]
    expected = plain(STSB, places, load_plain("all-minilm-l6-v2", places.runs_dir, "cpu"))  # type: ignore[arg-type]
    assert found["figures"] == pytest.approx({key: expected[key] for key in found["figures"]}, abs=1e-4)
    assert found["main_score"] > 0.7


def test_columns_come_as_lists_also_of_a_selection() -> None:
    quick = QuickColumns(Dataset.from_dict({"label": [3, 1, 2], "text": list("abc")}).data)
    assert quick["label"] == [3, 1, 2] and type(quick["label"]) is list
    assert type(quick.select_columns(["label"])["label"]) is list
    assert quick[1] == {"label": 1, "text": "b"}
    assert list(quick.select([2, 0])["label"]) == [2, 3]


# Once, watched, kept


def test_each_text_is_encoded_once_and_the_total_is_known_before(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    encode = SentenceTransformer.encode

    def noting(self: SentenceTransformer, texts: list[str], **how: Any) -> Any:
        seen.extend(texts)
        return encode(self, texts, **how)

    monkeypatch.setattr(SentenceTransformer, "encode", noting)
    assert places.data_dir is not None
    frame = pd.read_csv(places.data_dir / "stsb" / "validation.csv")
    pd.concat([frame, frame.rename(columns={"sentence1": "sentence2", "sentence2": "sentence1"})]).to_csv(
        places.data_dir / "stsb" / "validation.csv", index=False
    )
    run = asked(STSB, places, ("static-minilm",))
    measure(RunLog(run))
    assert len(seen) == len(set(seen)) == len(set(frame["sentence1"]) | set(frame["sentence2"]))
    told = [event for event in read_events(run.events_path) if event["type"] == "progress"]
    assert {event["total"] for event in told} == {len(seen)}
    assert told[0]["done"] == 0 and told[-1]["done"] == len(seen)


def test_cancel_ends_the_work_between_two_chunks(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.benchmark_model.CHUNK", 8)
    run = asked(BANKING, places)
    log = RunLog(run)
    run.request_stop()
    measure(log)
    status = run.status()
    assert status is not None and status.state == "stopped"
    assert not (run.path / "measured.json").exists()


def test_cancel_is_heard_between_two_draws_of_the_trial_and_of_the_scoring(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.run_log.LOOK_SECONDS", 0.0)
    fit, fitted = LogisticRegression.fit, []

    for cancelled_at, phase in ((1, "Noting which texts the task asks for"), (12, "Loading static-random")):
        run = asked(BANKING, places)
        run.forget_wishes()
        fitted.clear()

        def counting(self: LogisticRegression, *given: Any, run: RunFolder = run, last: int = cancelled_at) -> Any:
            fitted.append(self)
            if len(fitted) == last:
                run.request_stop()
            return fit(self, *given)

        monkeypatch.setattr(LogisticRegression, "fit", counting)
        measure(RunLog(run))
        status = run.status()
        assert status is not None and status.state == "stopped" and len(fitted) == cancelled_at
        assert [event["detail"] for event in read_events(run.events_path) if event["type"] == "state"][-2] == phase


def test_score_that_is_asked_again_is_read_and_other_rows_are_measured_anew(places: Places) -> None:
    before = score(STSB, places)["models"]
    run = asked(STSB, places)
    shutil.rmtree(run.path)
    assert score(STSB, places)["models"] == before
    assert places.data_dir is not None and places.runs_dir is not None
    records = [read_json(path) for path in places.runs_dir.glob(".scores/*/score.json")]
    assert {record["benchmark"]["name"] for record in records if record} == {STSB}
    assert all(record and record["versions"] and record["seconds"] > 0 and record["benchmark"]["data_mark"] for record in records)
    path = places.data_dir / "stsb" / "validation.csv"
    pd.read_csv(path)[:100].to_csv(path, index=False)
    again = score(STSB, places)["models"]
    assert [model["measured"] for model in again] != [model["measured"] for model in before]
    assert again[0]["texts"] < before[0]["texts"]


def test_expected_time_is_measured_and_is_nothing_for_what_is_kept(places: Places) -> None:
    told = score(BANKING, places, only_time=True)
    assert all(model["seconds"] > 0 and not model["kept"] for model in told["models"])
    score(BANKING, places, ("static-minilm",))
    told = score(BANKING, places, only_time=True)
    assert [model["kept"] for model in told["models"]] == [False, True]
    assert told["models"][1]["seconds"] == 0


def test_trial_notes_what_will_be_encoded(places: Places) -> None:
    noted = NotedTexts(8)
    run_task(noted, open_task(BANKING, places, online=False))
    assert places.data_dir is not None
    test = set(pd.read_csv(places.data_dir / "banking77" / "test.csv")["text"])
    assert test < {text for _, text in noted.asked}
    encoder = OnceEncoder(build_static_minilm("cpu"), "it", "it", lambda _done, _total: None, len(noted.asked))
    run_task(encoder, open_task(BANKING, places, online=False))
    assert encoder.encoded == len(noted.asked)


# The Hub


def hub_folder(cache: Path, path: str, revision: str, rows: dict[str, list[Any]]) -> None:
    """Write one part of a data set as the library keeps it once it was downloaded."""
    dataset = Dataset.from_dict(rows)
    name = path.partition("/")[2]
    folder = cache / path.replace("/", "___") / "default" / "0.0.0" / revision
    folder.mkdir(parents=True)
    with ArrowWriter(path=str(folder / f"{name}-test.arrow"), features=dataset.features) as writer:
        for row in dataset:
            writer.write(row)
        count, size = writer.finalize()
    split = {"name": "test", "num_bytes": size, "num_examples": count, "dataset_name": name}
    info = {"builder_name": "parquet", "dataset_name": name, "config_name": "default", "version": "0.0.0"}
    DatasetInfo(features=dataset.features, splits={"test": split}, **info).write_to_directory(str(folder))


def test_task_whose_data_were_fetched_before_needs_no_network(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    dataset = mteb.get_task("BIOSSES").metadata.dataset
    pairs = pd.read_csv(SAMPLE_FOLDER / "validation.csv")[:60].rename(columns={"label": "score"})
    hub_folder(tmp_path / "cache", dataset["path"], dataset["revision"], pairs.to_dict("list"))
    answer = score("BIOSSES", places, ("static-minilm",))
    assert (answer["found"], answer["subsets"]) == (f"the Hub's {dataset['path']}", [])
    assert answer["data_mark"] == f"{dataset['path']}@{dataset['revision']}"
    assert answer["models"][0]["main_score"] > 0.3
    assert "has no part 'validation'; choose test" in fault_of("BIOSSES:validation", places)


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    yield port


def test_task_that_needs_a_network_says_so(places: Places, closed_port: int) -> None:
    assert "SICK-R needs its data from the Hub (mteb/sickr-sts), which is asked only when you say so" in fault_of(
        "SICK-R", places
    )
    assert "put stsb/test.csv into your data folder" in fault_of("STSBenchmark", places)
    assert f"The Hub (http://127.0.0.1:{closed_port}) does not answer" in fault_of("SICK-R", places, online=True)


def test_only_work_that_was_allowed_to_is_online(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, Any] = {}
    monkeypatch.setattr("core.supervisor.spawn_detached", lambda arguments, log, changes: started.update(changes=changes))
    monkeypatch.setattr("core.supervisor.fork_child", lambda work: started.update(forked=True))
    assert places.runs_dir is not None
    supervisor = Supervisor(places.runs_dir, fork=True)
    supervisor.libraries = Libraries(())
    supervisor.libraries.load()
    online, usual = asked("SICK-R", places, online=True), asked("SICK-R", places)
    assert online.path != usual.path
    assert (may_ask_the_hub(online), may_ask_the_hub(usual)) == (True, False)
    supervisor.start(online, "device")
    assert started == {"changes": {"HF_HUB_OFFLINE": None, "HF_DATASETS_OFFLINE": None}}
    started.clear()
    supervisor.start(usual, "device")
    assert started == {"forked": True}


# Bad input


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Banking77Clasification", "did you mean Banking77Classification?"),
        ("qqqq", "knows no task 'qqqq'; names are written as on the leaderboard"),
        ("CQADupstackRetrieval", "is a bundle of tasks; measure one of them: CQADupstackAndroidRetrieval, "),
        ("CIFAR10", "is about image; choose a task of texts"),
    ],
)
def test_task_that_nobody_can_measure_is_refused(name: str, part: str, places: Places) -> None:
    with pytest.raises(ConfigError):
        open_task(name, places, online=False)
    assert part in fault_of(name, places)


@pytest.mark.parametrize("name", ["", "  ", "a b c", "../../etc/passwd", "Banking77:te st", "x" * 200])
def test_what_cannot_be_a_task_is_refused_before_a_worker_is_asked(name: str, places: Places) -> None:
    with pytest.raises(ConfigError, match="cannot be a task"):
        benchmark_settings(name, places)


@pytest.mark.parametrize(("value", "part"), [(float("nan"), "no numbers"), (0.25, "every text the same embedding")])
def test_model_that_says_nothing_leaves_the_others_figures(value: float, part: str, places: Places, tmp_path: Path) -> None:
    broken = damaged_model(tmp_path / "broken", value)
    before, after = score(STSB, places, ("static-minilm", broken))["models"]
    assert before["fault"] == "" and before["main_score"] > 0.3
    assert part in after["fault"] and "main_score" not in after
    with pytest.raises(DivergenceError, match=part):
        score(BANKING, places, (broken,))


def test_model_that_was_deleted_meanwhile_is_one_sentence(places: Places) -> None:
    assert places.runs_dir is not None
    gone = create_run(places.runs_dir, build_config({}), None)
    shutil.copytree(damaged_model(places.runs_dir / "x", 1.0), gone.path / "model")
    gone.set_status(state="done", has_model=True)
    run = asked(STSB, places, (f"untouched:{gone.id}", f"run:{gone.id}"))
    delete_run(gone)
    with pytest.raises(ModelError, match=gone.id):
        measure(RunLog(run))


@pytest.mark.parametrize(
    ("name", "file", "rows", "part"),
    [
        (
            STSB,
            "stsb/validation",
            {"sentence1": list("abcd"), "sentence2": list("efgh"), "label": [3.0] * 4},
            "1 different scores",
        ),
        (STSB, "stsb/validation", {"text": list("abcd"), "label": list("xyxy")}, "no similarity scores"),
        (
            BANKING,
            "banking77/test",
            {"sentence1": list("abcd"), "sentence2": list("efgh"), "label": [0.5, 1, 2, 3]},
            "no labelled",
        ),
        (BANKING, "banking77/train", {"text": list("abcd"), "label": ["x"] * 4}, "one label only"),
        (BANKING, "banking77/test", {"text": [], "label": []}, "a header and no rows"),
    ],
)
def test_rows_that_cannot_be_measured_on_are_refused(
    name: str, file: str, rows: dict[str, list[Any]], part: str, places: Places
) -> None:
    assert places.data_dir is not None
    pd.DataFrame(rows).to_csv(places.data_dir / f"{file}.csv", index=False)
    with pytest.raises(DataError, match=part):
        open_task(name, places, online=False)


def test_rows_that_vanish_between_the_press_and_the_work_are_one_sentence(places: Places) -> None:
    run = asked(STSB, places)
    assert places.data_dir is not None
    shutil.rmtree(places.data_dir / "stsb")
    with pytest.raises(MissingDataError, match=r"put stsb/validation\.csv into your data folder"):
        measure(RunLog(run))


def test_two_who_ask_for_the_same_get_one_piece_of_work(places: Places) -> None:
    assert asked(BANKING, places).path == asked(BANKING, places).path
    assert asked(BANKING, places).path != asked(STSB, places).path


# The catalogue, and where mteb may be loaded


@pytest.mark.parametrize("name", BENCHMARKS)
def test_catalogue_says_what_mteb_says(name: str) -> None:
    spec, (task_name, split) = BENCHMARKS[name], split_name(name)
    metadata = mteb.get_task(task_name).metadata
    assert (str(metadata.type), split or "test") == (spec.kind, spec.split)
    assert metadata.main_score in FIGURES
    if split:
        # mteb publishes sizes of the part that counts alone.
        return
    for part, count in spec.counts.items():
        published = metadata.descriptive_stats[part]
        english = published.get("hf_subset_descriptive_stats", {}).get("en-en", published)
        assert english["num_samples"] == count


def test_only_the_workers_own_modules_load_mteb() -> None:
    loading = {path.name for path in (*CORE_FILES, *PAGE_FILES) if "mteb" in imports_of(path.read_text(encoding="utf-8"))}
    assert loading == {"benchmark_data.py", "benchmark_model.py", "benchmarks.py"}
