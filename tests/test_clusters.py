"""Clusters, and what they are called."""

import numpy as np
import pytest

from core.clusters import cluster, name_clusters
from tests.small_films import made_up_film

TEXTS = [
    "The violin plays a slow melody.", "A violin and a piano in the hall.", "She tunes the violin before the concert.",
    "The ship leaves the harbour.", "A ship sails at night.", "The old ship rolls in the waves.",
]  # fmt: skip
OWN = np.array([0, 0, 0, 1, 1, 1])


def test_a_cluster_is_named_by_the_word_that_tells_it_from_the_others() -> None:
    names = name_clusters(TEXTS, OWN)
    assert [name.split(", ")[0] for name in names] == ["violin", "ship"]
    assert all(len(name.split(", ")) == 3 for name in names)
    assert not {"the", "and", "in", "at"} & set(", ".join(names).split(", "))


def test_a_word_of_every_cluster_comes_after_the_telling_one() -> None:
    texts = [f"{text} A dog, a dog." for text in TEXTS]
    names = name_clusters(texts, OWN)
    assert [name.split(", ")[0] for name in names] == ["violin", "ship"] != ["dog", "dog"]


@pytest.mark.parametrize("texts", [["12 34", "5"], ["the and of", "it is"], ["", "..."], ["a b c", "x"]])
def test_texts_without_a_word_give_clusters_numbers(texts: list[str]) -> None:
    assert name_clusters(texts, np.array([0, 1])) == ["cluster 1", "cluster 2"]


def test_one_cluster_without_words_among_others_has_its_number() -> None:
    assert name_clusters(["12 34", "ship sails"], np.array([0, 1])) == ["cluster 1", "sails, ship"]


def test_words_of_other_languages_count() -> None:
    assert "schiff" in name_clusters(["Schiff Schiff Hafen", "Geige Konzert"], np.array([0, 1]))[0]


def test_groups_apart_are_clusters_and_the_same_ones_each_time() -> None:
    vectors = made_up_film(2, 80)[1]
    found = cluster(vectors)
    assert found.tolist() == cluster(vectors).tolist()
    assert [len(set(found[group::4].tolist())) for group in range(4)] == [1] * 4
    assert len(set(found.tolist())) == 4


@pytest.mark.parametrize(("texts", "most"), [(1, 1), (2, 1), (3, 2), (100, 5), (1000, 24)])
def test_there_are_about_twenty_texts_to_a_cluster(texts: int, most: int) -> None:
    found = cluster(np.random.default_rng(0).normal(size=(texts, 6)))
    assert len(found) == texts
    assert len(set(found.tolist())) == most


def test_texts_all_alike_are_one_cluster() -> None:
    assert set(cluster(np.ones((50, 4), np.float32)).tolist()) == {0}
    assert len(name_clusters(["same"] * 50, np.zeros(50, int))) == 1
