"""Random and mined negatives: never what is right."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sentence_transformers import SentenceTransformer

from core import negatives
from core.config import build_config
from core.config_parts import Mining
from core.errors import DataError
from core.jobs import job_folder
from core.models import load_model
from core.negatives import add_random_negatives, mine_negatives, telling
from core.places import Places
from core.prepared import prepared_folder

OPEN = Mining(rank_from=0, rank_to=10, margin=0, ceiling=1)
SUBJECTS = ["cat", "dog", "bird", "horse", "child", "singer", "baker", "farmer", "pilot", "nurse"]
PLACES = ["in the garden", "near the river", "on a mountain", "at the station", "under the old bridge"]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[SentenceTransformer]:
    yield load_model("static-minilm", tmp_path, "cpu")


@pytest.fixture
def pairs() -> pd.DataFrame:
    """50 anchors, each with one positive of its own."""
    rows = [(f"Where is the {subject}, {place}?", f"A {subject} waits {place}.") for subject in SUBJECTS for place in PLACES]
    return pd.DataFrame(rows, columns=["anchor", "positive"])


def unheard(done: int, total: int) -> None:
    pass


def known_positives(pairs: pd.DataFrame) -> dict[str, set[str]]:
    return {anchor: set(group["positive"]) for anchor, group in pairs.groupby("anchor")}


def cosines(model: SentenceTransformer, anchors: list[str], texts: list[str]) -> np.ndarray:
    first, second = (model.encode(each, normalize_embeddings=True) for each in (anchors, texts))
    return first @ second.T


@pytest.mark.parametrize("seed", range(100))
def test_random_negative_is_a_positive_of_another_anchor_only(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Texts serve as anchors and as positives, some pairs twice, and many anchors have several positives.
    texts = [f"t{number}" for number in range(12)]
    frame = pd.DataFrame({"anchor": rng.choice(texts, 40), "positive": rng.choice(texts, 40)}).astype("str")
    triplets = add_random_negatives(frame, seed)
    right, pool = known_positives(frame), set(frame["positive"])
    assert len(triplets)
    for row in triplets.itertuples():
        assert row.negative != row.anchor
        assert row.negative not in right[row.anchor]
        assert row.negative in pool


def test_random_negatives_keep_the_pairs_in_order_and_leave_them_unchanged(pairs: pd.DataFrame) -> None:
    before = pairs.copy(deep=True)
    triplets = add_random_negatives(pairs, 1)
    pd.testing.assert_frame_equal(triplets[["anchor", "positive"]], pairs)
    pd.testing.assert_frame_equal(pairs, before)


def test_random_negatives_follow_the_seed(pairs: pd.DataFrame) -> None:
    assert add_random_negatives(pairs, 1).equals(add_random_negatives(pairs, 1))
    assert not add_random_negatives(pairs, 1).equals(add_random_negatives(pairs, 2))


def test_pair_that_has_no_negative_is_left_out() -> None:
    frame = pd.DataFrame({"anchor": ["all", "all", "one"], "positive": ["x", "y", "x"]})
    assert add_random_negatives(frame, 0).to_numpy().tolist() == [["one", "x", "y"]]
    assert add_random_negatives(frame.head(2), 0).empty
    assert list(add_random_negatives(frame.head(0), 0)) == ["anchor", "positive", "negative"]


def test_random_negatives_are_drawn_evenly() -> None:
    frame = pd.DataFrame({"anchor": [f"a{n}" for n in range(2000)], "positive": [f"p{n % 20}" for n in range(2000)]})
    counts = add_random_negatives(frame, 0)["negative"].value_counts()
    assert (len(counts), (counts - 100).abs().max() < 5 * 10) == (20, True)


def test_told_encoding_gives_the_same_vectors_and_counts_every_text(
    model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(negatives, "CHUNK_TEXTS", 4)
    texts = [f"A {subject} {'really ' * number}waits." for number, subject in enumerate(SUBJECTS)]
    plain = model.encode(texts)
    heard: list[tuple[int, int]] = []
    with telling(model, lambda done, total: heard.append((done, total)), 10):
        np.testing.assert_allclose(model.encode(texts), plain, atol=1e-6)
        assert heard == [(4, 10), (8, 10), (10, 10)]
        np.testing.assert_allclose(model.encode(sentences=texts, convert_to_tensor=True).numpy(), plain, atol=1e-6)
        assert heard[-1] == (20, 20)
        np.testing.assert_allclose(model.encode(texts[0]), plain[0], atol=1e-6)
        assert len(model.encode([])) == 0
    assert "encode" not in vars(model)


def test_told_model_is_itself_again_after_an_error(model: SentenceTransformer) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), telling(model, stop, 1):
        model.encode(["a text"])
    assert "encode" not in vars(model)


@pytest.mark.parametrize("window", [(0, 10), (3, 10), (5, 6), (0, 1), (20, 40)])
def test_mined_negative_stands_at_the_first_rank_of_the_window(
    model: SentenceTransformer, pairs: pd.DataFrame, window: tuple[int, int]
) -> None:
    mining = Mining(rank_from=window[0], rank_to=window[1], margin=0, ceiling=1)
    # With a margin of 0 only what scores below the positive is a candidate; the rank counts among these.
    mined = mine_negatives(pairs, model, mining, None, unheard)
    corpus = pairs["positive"].tolist()
    scores = cosines(model, mined["anchor"].tolist(), corpus)
    places = {text: place for place, text in enumerate(corpus)}
    for row, line in zip(mined.itertuples(), scores, strict=True):
        own, chosen = line[places[row.positive]], line[places[row.negative]]
        better = int(sum(chosen + 1e-5 < score < own - 1e-5 for score in line))
        assert better <= window[0]
        # Equal scores may stand in either order.
        assert better + int(sum(abs(line - chosen) <= 1e-5)) > window[0]
        assert sum(line > chosen + 1e-5) <= window[1]


@pytest.mark.parametrize("ceiling", [0.5, 0.6, 0.7])
def test_mined_negative_scores_the_ceiling_at_most(model: SentenceTransformer, pairs: pd.DataFrame, ceiling: float) -> None:
    mining = Mining(rank_from=0, rank_to=49, margin=0, ceiling=ceiling)
    mined = mine_negatives(pairs, model, mining, None, unheard)
    assert len(mined)
    assert cosines(model, mined["anchor"].tolist(), mined["negative"].tolist()).diagonal().max() <= ceiling + 1e-6


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
def test_mined_negative_stays_the_margin_below_the_positive(
    model: SentenceTransformer, pairs: pd.DataFrame, margin: float
) -> None:
    mined = mine_negatives(pairs, model, Mining(rank_from=0, rank_to=49, margin=margin, ceiling=1), None, unheard)
    anchors = mined["anchor"].tolist()
    positive = cosines(model, anchors, mined["positive"].tolist()).diagonal()
    negative = cosines(model, anchors, mined["negative"].tolist()).diagonal()
    assert len(mined)
    assert (negative <= positive * (1 - margin) + 1e-6).all()


@pytest.mark.parametrize("faiss_from", [2, 50_000])
def test_mined_negative_is_never_a_known_positive_nor_the_anchor(
    model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch, faiss_from: int
) -> None:
    monkeypatch.setattr(negatives, "FAISS_FROM_TEXTS", faiss_from)
    # All sentences of one subject are right answers to each other, and anchors stand among the positives.
    said = {subject: [f"{subject} {subject} {subject} {subject} {place}" for place in PLACES] for subject in SUBJECTS}
    rows = [(one, other) for texts in said.values() for one in texts for other in texts if one != other]
    frame = pd.DataFrame(rows, columns=["anchor", "positive"])
    mined = mine_negatives(frame, model, OPEN, None, unheard)
    right = known_positives(frame)
    assert len(mined)
    assert all(row.negative not in right[row.anchor] and row.negative != row.anchor for row in mined.itertuples())
    assert {(row.anchor, row.positive) for row in mined.itertuples()} <= set(rows)


def test_mined_negative_is_nearer_than_a_random_one(model: SentenceTransformer, pairs: pd.DataFrame) -> None:
    def nearness(triplets: pd.DataFrame) -> float:
        return float(cosines(model, triplets["anchor"].tolist(), triplets["negative"].tolist()).diagonal().mean())

    assert nearness(mine_negatives(pairs, model, OPEN, None, unheard)) > nearness(add_random_negatives(pairs, 0)) + 0.1


def test_search_with_faiss_from_the_threshold_on_finds_nearly_the_same(
    model: SentenceTransformer, pairs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    searched: list[int] = []
    search = faiss.IndexFlatIP.search

    def counted(self: faiss.IndexFlatIP, *arguments: object, **options: object) -> object:
        searched.append(self.ntotal)
        return search(self, *arguments, **options)

    monkeypatch.setattr(faiss.IndexFlatIP, "search", counted)
    mining = Mining(rank_from=2, rank_to=10)
    monkeypatch.setattr(negatives, "FAISS_FROM_TEXTS", 51)
    exact = mine_negatives(pairs, model, mining, None, unheard)
    assert searched == []
    monkeypatch.setattr(negatives, "FAISS_FROM_TEXTS", 50)
    found = mine_negatives(pairs, model, mining, None, unheard)
    assert searched == [50]
    both = exact.merge(found, on=["anchor", "positive"])
    assert len(both) == len(exact) == len(found)
    assert (both["negative_x"] == both["negative_y"]).mean() >= 0.95


def test_mining_tells_how_many_texts_it_has_embedded(model: SentenceTransformer, pairs: pd.DataFrame) -> None:
    heard: list[tuple[int, int]] = []
    mine_negatives(pairs, model, OPEN, None, lambda done, total: heard.append((done, total)))
    assert heard == [(50, 100), (100, 100)]


def test_window_beyond_a_small_corpus_is_drawn_in(model: SentenceTransformer, pairs: pd.DataFrame) -> None:
    few = pairs.iloc[::17].reset_index(drop=True)
    mined = mine_negatives(few, model, Mining(rank_from=500, rank_to=1000, margin=0, ceiling=1), None, unheard)
    assert set(mined["negative"]) <= set(few["positive"])


def test_limits_that_leave_nothing_say_which_to_loosen(model: SentenceTransformer, pairs: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"too strict for this data\. Lower mining.rank_from or mining.margin"):
        mine_negatives(pairs, model, Mining(ceiling=-0.99), None, unheard)


def test_data_with_one_positive_text_has_nothing_to_mine(model: SentenceTransformer) -> None:
    same = pd.DataFrame({"anchor": ["a", "b"], "positive": ["c", "c"]})
    with pytest.raises(DataError, match="All positives are the same text"):
        mine_negatives(same, model, OPEN, None, unheard)


def test_data_without_positive_pairs_says_so(model: SentenceTransformer) -> None:
    with pytest.raises(DataError, match="no positive pairs"):
        mine_negatives(pd.DataFrame({"anchor": [], "positive": []}).astype("str"), model, OPEN, None, unheard)


def test_negatives_of_labelled_texts_are_of_another_class(model: SentenceTransformer) -> None:
    animals = ["otter", "falcon", "badger", "salmon", "beetle", "heron"]
    frame = pd.DataFrame(
        [(f"the {one} sleeps near the {place}", one) for one in animals for place in ("river", "wood", "hill", "lake")]
    )
    classes = dict(zip(frame[0], frame[1], strict=True))
    texts = frame[0].tolist()
    pairs = pd.DataFrame({"anchor": texts, "positive": [texts[i // 4 * 4 + (i + 1) % 4] for i in range(len(texts))]}).astype(
        "str"
    )
    for made in (add_random_negatives(pairs, 3, classes), mine_negatives(pairs, model, OPEN, None, unheard, classes)):
        assert len(made) > len(pairs) / 2
        assert not made.duplicated(["anchor", "positive"]).any()
        assert all(
            classes[anchor] != classes[negative] for anchor, negative in zip(made["anchor"], made["negative"], strict=True)
        )


@pytest.mark.parametrize("setting", [{"pooling": "cls"}, {"max_seq_length": 8}, {"prompts": {"query": "q: "}}])
def test_mined_negatives_are_not_those_of_a_model_that_reads_in_another_way(setting: dict[str, Any], tmp_path: Path) -> None:
    places = Places(None, tmp_path)
    values = {"data": "sample", "negatives": "semi-hard", "base_model": "all-minilm-l6-v2"}
    plain, other = build_config(values), build_config(values | setting)
    assert prepared_folder(plain, places) != prepared_folder(other, places)
    mine = {"kind": "mine"}
    assert job_folder(plain.model_copy(update=mine), places) != job_folder(other.model_copy(update=mine), places)
    drawn = [build_config(values | extra | {"negatives": "random"}) for extra in ({}, setting)]
    assert prepared_folder(drawn[0], places) == prepared_folder(drawn[1], places)
