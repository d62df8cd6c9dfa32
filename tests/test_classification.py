"""Labelled texts told apart: against scikit-learn used plainly, by seeded draws, and beside STSB in a run."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from core.classification import (
    EXPERIMENTS,
    ITERATIONS,
    SEED,
    TEXTS_A_LABEL,
    _draws,
    load_labelled,
    score_classes,
)
from core.config import RunConfig, build_config
from core.errors import DataError, DivergenceError, MissingDataError
from core.evaluation import CHUNK_TEXTS
from core.events import read_events
from core.examples import LABELLED_ROWS
from core.files import read_json
from core.places import Places
from core.rows import Rows
from core.run_log import RunLog, Stopped
from core.run_store import create_run
from core.training import train

LABELS = ("card lost", "money sent", "pin forgotten")


class NoisyModel:
    """Embeds "<label> <number>" near its label's corner of a cube, with noise that depends on the text alone."""

    def __init__(self, noise: float = 1.0) -> None:
        self.noise = noise
        self.encoded: list[str] = []

    def eval(self) -> None:
        return

    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        self.encoded += texts
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        label, _, number = text.rpartition(" ")
        rng = np.random.default_rng([LABELS.index(label), int(number)])
        return (np.eye(3)[LABELS.index(label)] + self.noise * rng.normal(size=3)).astype(np.float32)


def rows_of(numbers: range) -> Rows:
    texts = [(f"{label} {number}", label) for number in numbers for label in LABELS]
    return Rows(pd.DataFrame(texts, columns=["text", "label"]), LABELLED_ROWS, "here", f"sha of {numbers}")


TRAIN, TEST = rows_of(range(30)), rows_of(range(100, 140))


def score(model: Any, **settings: Any) -> dict[str, float]:
    return score_classes(model, (TRAIN, TEST), 16, **settings)


def test_accuracy_is_that_of_a_plain_logistic_regression() -> None:
    model, accuracies = NoisyModel(), []
    train_labels, test_labels = (part.frame["label"].to_numpy(dtype=str) for part in (TRAIN, TEST))
    known, asked = (model.encode(part.frame["text"].tolist()) for part in (TRAIN, TEST))
    order = list(range(len(train_labels)))
    for _ in range(EXPERIMENTS):
        # As mteb does it: mix on what is mixed, walk through, and take each text while its label has fewer than eight.
        np.random.RandomState(SEED).shuffle(order)
        taken: list[int] = []
        for row in order:
            if (train_labels[taken] == train_labels[row]).sum() < TEXTS_A_LABEL:
                taken.append(row)
        classifier = LogisticRegression(max_iter=ITERATIONS, random_state=SEED).fit(known[taken], train_labels[taken])
        accuracies.append(classifier.score(asked, test_labels))
    figures = score(NoisyModel())
    assert figures["accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-9)
    assert figures["accuracy_std"] == pytest.approx(np.std(accuracies), abs=1e-9)
    assert 0.4 < figures["accuracy"] < 0.95 and figures["accuracy_std"] > 0


def test_clear_classes_are_all_told_apart() -> None:
    assert score(NoisyModel(noise=0.01)) == {"accuracy": 1.0, "accuracy_std": 0.0}


def test_each_text_is_encoded_once() -> None:
    model = NoisyModel()
    score(model)
    assert len(model.encoded) == len(set(model.encoded)) <= len(TRAIN.frame) + len(TEST.frame)


@pytest.mark.parametrize("seed", range(20))
def test_draw_has_eight_of_each_label_and_no_row_twice(seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(["a"] * 8 + ["b"] * 9 + ["c"] * 200)
    for drawn in _draws(labels):
        assert Counter(labels[drawn]) == {"a": 8, "b": 8, "c": 8}
        assert len(set(drawn)) == len(drawn)


def test_label_with_fewer_texts_gives_all_that_it_has() -> None:
    labels = np.array(["rare"] * 3 + ["often"] * 50)
    assert all(Counter(labels[drawn]) == {"rare": 3, "often": 8} for drawn in _draws(labels))


def test_draws_are_the_same_for_everybody_and_differ_from_each_other() -> None:
    labels = np.repeat(["a", "b"], 100)
    assert [drawn.tolist() for drawn in _draws(labels)] == [drawn.tolist() for drawn in _draws(labels)]
    assert len({tuple(drawn) for drawn in _draws(labels)}) == EXPERIMENTS


def test_embeddings_that_are_no_numbers_are_one_sentence() -> None:
    with pytest.raises(DivergenceError, match="embeddings that are no numbers"):
        score(NoisyModel(noise=float("nan")))


def test_chunks_are_told_and_may_be_left() -> None:
    told: list[tuple[int, int]] = []
    model = NoisyModel()
    score(model, between=lambda *place: told.append(place))
    assert told == [(start, len(model.encoded)) for start in range(0, len(model.encoded), CHUNK_TEXTS)]

    def stop(_done: int, _total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        score(model, between=stop)


def write_banking(data_dir: Path, *splits: str) -> None:
    folder = data_dir / "banking77"
    folder.mkdir()
    for split in splits:
        part = TRAIN if split == "train" else TEST
        part.frame.to_csv(folder / f"{split}.csv", index=False)


def asked(**changes: Any) -> RunConfig:
    short = {"data": "snli", "max_steps": 1, "batch_size": 8, "best_by": "last", "snapshots": False, "also_score": "banking77"}
    return build_config(short | changes)


def notices(events_path: Path) -> list[str]:
    return [str(event["text"]) for event in read_events(events_path) if event["type"] == "notice"]


@pytest.fixture(autouse=True)
def no_hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("core.hub.open_cached", lambda data, split: None)


def test_rows_without_labels_are_refused(small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        load_labelled("banking77", Places(small_data))
    write_banking(small_data, "train")
    shutil.copyfile(small_data / "stsb" / "train.csv", small_data / "banking77" / "test.csv")
    with pytest.raises(DataError, match="no labelled texts to classify"):
        load_labelled("banking77", Places(small_data))


@pytest.mark.parametrize("splits", [(), ("train",)])
def test_run_goes_on_without_the_labelled_texts_and_says_so(runs_dir: Path, small_data: Path, splits: tuple[str, ...]) -> None:
    write_banking(small_data, *splits)
    run = create_run(runs_dir, asked(), small_data)
    train(RunLog(run))
    status = run.status()
    assert status is not None and (status.state, status.has_model) == ("done", True)
    said = [text for text in notices(run.events_path) if text.startswith("banking77 is not scored: banking77/")]
    assert len(said) == 2
    assert set(run.scores("after")) == {"stsb/validation"}


def test_accuracy_lies_beside_the_yardstick_which_stays_stsb(runs_dir: Path, small_data: Path) -> None:
    write_banking(small_data, "train", "test")
    run = create_run(runs_dir, asked(), small_data)
    train(RunLog(run))
    for which in ("before", "after"):
        record = read_json(run.path / "scores" / f"banking77-test.{which}.json")
        assert record["data"] == "banking77/test" and record["pairs"] == len(TEST.frame)
        assert set(record["figures"]) == {"accuracy", "accuracy_std"}
        assert 0 <= record["figures"]["accuracy"] <= 1
        assert run.yardstick(which)[0] == "stsb/validation"
        assert any(text.startswith(f"Accuracy on banking77 test {which} training: ") for text in notices(run.events_path))
