"""The first batch as the loss sees it: drawn as the trainer draws it, with the library's own numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from core.config import build_config
from core.false_negatives import right_answers
from core.files import read_json
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog

MINILM = "all-minilm-l6-v2"
SUBJECTS = ("cat", "dog", "bird", "horse", "child", "singer")


@pytest.fixture
def places(runs_dir: Path, small_data: Path) -> Places:
    labelled = [(f"The {subject} number {number}.", subject) for subject in SUBJECTS for number in range(4)]
    pd.DataFrame(labelled, columns=["text", "label"]).to_csv(small_data / "classes.csv", index=False)
    return Places(small_data, runs_dir)


def log_of(places: Places, **values: Any) -> RunLog:
    values.setdefault("data", "snli")
    if values["data"] == "classes":
        values["data"] = f"file:{places.data_dir}/classes.csv"
    return RunLog(ask(build_config({"kind": "look", **values}), places))


def seen(places: Places, **values: Any) -> dict[str, Any]:
    from core.looking import look

    log = log_of(places, **values)
    look(log)
    answer: dict[str, Any] = read_json(log.run.path / "look.json")
    return answer


@pytest.mark.parametrize(
    "values",
    [{"loss": "mnr", "negatives": "hard"}, {"loss": "cosine-similarity"}, {"loss": "batch-all-triplet", "data": "classes"}],
    ids=["no-duplicates", "random", "by-label"],
)
def test_batch_is_the_one_that_the_trainer_draws_first(places: Places, values: dict[str, Any]) -> None:
    from transformers import set_seed

    from core.looking import before_first_step, first_batch
    from core.loss_building import batch_sampler
    from core.training import build_trainer

    run = before_first_step(log_of(places, batch_size=8, seed=7, **values))
    trainer = build_trainer(run)
    trainer.data_collator = _KeepRows(trainer.data_collator.valid_label_columns)
    set_seed(7)
    drawn = next(iter(trainer.get_train_dataloader()))
    rows = first_batch(run.examples, batch_sampler(run), 8, 7)
    assert rows != sorted(rows)
    assert [list(row.values()) for row in drawn] == run.examples.iloc[rows].to_numpy().tolist()


class _KeepRows:
    """A collator that hands the rows over as they are."""

    def __init__(self, valid_label_columns: list[str]) -> None:
        self.valid_label_columns = valid_label_columns

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rows


@pytest.mark.parametrize(
    "values",
    [
        {"negatives": "hard"},
        {"negatives": "none", "loss_params": {"scale": 7.0}},
        {"loss": "gist", "negatives": "hard", "base_model": MINILM, "teacher": "minilm-from-nothing"},
        {"loss": "contrastive-tension"},
        {"loss": "triplet", "negatives": "hard"},
        {"loss": "cosine-similarity"},
        {"loss": "cosent"},
        {"loss": "contrastive"},
        {"loss": "batch-all-triplet", "data": "classes"},
        {"loss": "batch-hard-triplet", "data": "classes"},
        {"loss": "batch-hard-soft-margin-triplet", "data": "classes"},
    ],
    ids=lambda values: "-".join(str(value) for value in values.values())[:40],
)
def test_mean_loss_is_the_librarys_on_that_batch(places: Places, values: dict[str, Any]) -> None:
    from core.looking import before_first_step, first_batch, look
    from core.loss_building import batch_sampler, build_loss

    log = log_of(places, batch_size=8, prompts={"query": "find: ", "passage": "text: "}, **values)
    look(log)
    run = before_first_step(log)
    batch = run.examples.iloc[first_batch(run.examples, batch_sampler(run), 8, run.config.seed)]
    label = next((column for column in ("label", "score") if column in batch), None)
    features = [
        run.model.preprocess(batch[column].tolist(), prompt="text: " if column in ("positive", "negative") else "find: ")
        for column in batch
        if column != label
    ]
    loss = build_loss(run).eval()
    with torch.no_grad():
        theirs = float(loss(features, None if label is None else torch.tensor(batch[label].tolist())))
    assert read_json(log.run.path / "look.json")["mean_loss"] == pytest.approx(theirs, abs=1e-4)


def test_shares_are_the_softmax_of_the_scaled_cosines(places: Places) -> None:
    answer = seen(places, negatives="hard", batch_size=6, loss_params={"scale": 10})
    logits = 10 * np.array(answer["matrix"]["cosines"])
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert logits.shape == (6, 12)
    assert np.allclose(np.diagonal(softmax), answer["shares"], atol=0.01)
    assert answer["mean_loss"] == pytest.approx(-np.log(np.diagonal(softmax)).mean(), abs=0.01)
    hardest = answer["hardest"][0]
    assert hardest["numbers"]["Loss"] == pytest.approx(-np.log(min(np.diagonal(softmax))), abs=0.01)
    marks = {mark["kind"]: mark["cells"] for mark in answer["matrix"]["marks"]}
    assert marks["positive"] == [[row, row] for row in range(6)]
    assert marks["hard-negative"] == [[row, row + 6] for row in range(6)]


def test_texts_of_the_own_class_are_flagged_where_pairs_were_made_of_classes(places: Places) -> None:
    answer = seen(places, data="classes", loss="mnr", batch_size=20)
    texts = answer["matrix"]["rows"], answer["matrix"]["columns"]
    classes = [[next(subject for subject in SUBJECTS if subject in text) for text in side] for side in texts]
    found = next(mark["cells"] for mark in answer["matrix"]["marks"] if mark["kind"] == "false-negative")
    wanted = [[a, b] for a, one in enumerate(classes[0]) for b, two in enumerate(classes[1]) if one == two and a != b]
    assert found == wanted
    assert found


def test_right_answers_are_equal_texts_and_other_positives_of_the_same_anchor() -> None:
    pairs = pd.DataFrame({"anchor": ["q", "q", "r"], "positive": ["a", "b", "c"]})
    right = right_answers(["q", "r"], ["a", "c", "B ", "Q", "other"], pairs)
    assert right.tolist() == [[False, False, True, True, False], [False, False, False, False, False]]


def test_guide_strikes_out_what_it_finds_nearer_than_the_positive_and_never_the_positive() -> None:
    from core.ranking_view import Ranking, guided, ranking_view

    draw = np.random.default_rng(1)
    ours, theirs = ((draw.normal(size=(4, 6)), draw.normal(size=(8, 6))) for _ in range(2))
    found = guided(ours, theirs, 100)
    anchors, candidates = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in theirs)
    nearer = [
        [column != row and anchors[row] @ candidates[column] > anchors[row] @ candidates[row] for column in range(8)]
        for row in range(4)
    ]
    assert found.struck.tolist() == nearer and found.struck.any()
    assert np.isneginf(found.beside[np.arange(4), np.arange(4)]).all(), "an anchor is not pushed from itself"
    texts = [str(number) for number in range(8)]
    nothing = np.zeros((4, 8), dtype=bool)
    view = ranking_view(Ranking(texts[:4], texts, np.zeros((4, 8)), 100, nothing, struck=found.struck, beside=found.beside))
    assert f"The guide strikes out {found.struck.sum()} of 28 negatives, 0 of the false ones" in " ".join(view.sentences)


def test_simcse_reads_a_text_twice_with_other_dropout(places: Places) -> None:
    answer = seen(places, loss="simcse", base_model=MINILM, batch_size=4)
    own = np.diagonal(np.array(answer["matrix"]["cosines"]))
    assert (own < 0.9999).all() and (own > 0.7).all()
    assert answer["mean_loss"] > 0


@pytest.mark.parametrize(
    "values",
    [
        {"loss": "softmax"},
        {"loss": "online-contrastive"},
        {"loss": "mse", "base_model": MINILM, "teacher": "static-minilm"},
        {"loss": "denoising", "base_model": MINILM},
        {"loss": "masked-language-model", "base_model": MINILM},
        {"loss": "batch-semi-hard-triplet", "data": "classes"},
    ],
    ids=lambda values: values["loss"],
)
def test_every_other_shape_has_a_picture_and_a_sentence(places: Places, values: dict[str, Any]) -> None:
    answer = seen(places, batch_size=4, **values)
    assert ("matrix" in answer) != ("points" in answer)
    assert answer["rows"] == 4
    assert answer["sentences"] or values["loss"] == "masked-language-model"


def test_triplets_that_hold_are_counted() -> None:
    from core.shape_views import count_holding

    cosines = np.array([[1.0, 0.8, 0.6, 0.1], [0.8, 1.0, 0.7, 0.2], [0.6, 0.7, 1.0, 0.9], [0.1, 0.2, 0.9, 1.0]])
    labels = np.array([0, 0, 1, 1])
    holds = [
        cosines[a, p] - cosines[a, n] >= 0.15
        for a in range(4) for p in range(4) for n in range(4)
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    ]  # fmt: skip
    assert count_holding(cosines, labels[:, None] == labels[None, :], 0.15) == (sum(holds), len(holds))


def test_odd_batch_by_class_is_refused_with_the_way_out(places: Places) -> None:
    from core.errors import ConfigError

    with pytest.raises(ConfigError, match="even number"):
        seen(places, data="classes", loss="batch-all-triplet", batch_size=5)
