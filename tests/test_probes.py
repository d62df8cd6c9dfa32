"""The probe texts: which are chosen for each shape of examples, what belongs together among them, and how they are read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.files import read_json
from core.models import build_static_minilm
from core.prepared import PreparedExamples
from core.probes import MOST_ROWS, MOST_TEXTS, Probes, ProbeSnapshots, choose_probes, sample_probes
from core.spaces import PROBES_FILE, snapshot_steps
from tests.small_films import on_sphere

SAMPLE = sample_probes()


def prepared_of(folder: Path, held_out: dict[str, Any], shape: str, **report: Any) -> PreparedExamples:
    """Write a prepared folder: the held-out part as given, and the same again to train on."""
    frame = pd.DataFrame(held_out)
    frame.to_parquet(folder / "held-out.parquet")
    frame.to_parquet(folder / "examples.parquet")
    return PreparedExamples(folder, {"shape": shape, **report})


def told(first: str, second: str, probes: Probes) -> list[float]:
    return [gold for one, other, gold in probes.pairs if (probes.texts[one], probes.texts[other]) == (first, second)]


def test_pairs_give_their_texts_each_once_and_belong_together(tmp_path: Path) -> None:
    anchors, positives = [f"question {n // 2}" for n in range(100)], [f"answer {n}" for n in range(100)]
    probes = choose_probes(prepared_of(tmp_path, {"anchor": anchors, "positive": positives}, "positive-pairs"), 1)
    assert len(probes.texts) == len(set(probes.texts)) == 150
    assert probes.texts[:3] == ["question 0", "answer 0", "answer 1"]
    assert (probes.groups["part"][:3], probes.roles[:3]) == (["anchor", "positive", "positive"],) * 2
    assert len(probes.pairs) == 100
    assert told("question 3", "answer 7", probes) == [1.0]
    assert probes.found == "150 held-out texts of your data"


def test_triplets_tell_what_does_not_belong_together(tmp_path: Path) -> None:
    columns = {role: [f"{role} {n}" for n in range(60)] for role in ("anchor", "positive", "negative")}
    probes = choose_probes(prepared_of(tmp_path, columns, "triplets"), 1)
    assert len(probes.texts) == 180
    assert told("anchor 5", "positive 5", probes) == [1.0]
    assert told("anchor 5", "negative 5", probes) == [0.0]
    assert set(probes.groups["part"]) == {"anchor", "positive", "negative"}


def test_scored_pairs_keep_the_score_that_people_gave(tmp_path: Path) -> None:
    held_out = {
        "sentence1": [f"first {n}" for n in range(80)],
        "sentence2": [f"second {n}" for n in range(79)] + ["first 79"],
        "score": np.linspace(0, 1, 80),
    }
    probes = choose_probes(prepared_of(tmp_path, held_out, "scored-pairs"), 1)
    assert told("first 20", "second 20", probes) == [pytest.approx(20 / 79)]
    assert len(probes.pairs) == 79, "a text is no pair with itself"


def test_labelled_texts_are_grouped_by_the_names_of_their_labels(tmp_path: Path) -> None:
    held_out = {"text": [f"text {n}" for n in range(120)], "label": [n % 3 for n in range(120)]}
    probes = choose_probes(prepared_of(tmp_path, held_out, "labelled-texts", class_names=["cold", "warm", "hot"]), 1)
    assert probes.groups == {"label": ["cold", "warm", "hot"] * 40}
    assert probes.roles == ["text"] * 120
    assert {gold for _, _, gold in probes.pairs} == {0.0, 1.0}
    assert len(probes.pairs) == 400
    for first, second, gold in probes.pairs:
        assert first != second
        assert gold == float(first % 3 == second % 3)


def test_labelled_texts_without_a_held_out_part_are_those_of_training_and_said_so(tmp_path: Path) -> None:
    prepared = prepared_of(
        tmp_path, {"text": [f"text {n}" for n in range(40)], "label": [n % 2 for n in range(40)]}, "labelled-texts"
    )
    probes = choose_probes(prepared, 1)
    assert len(probes.texts) == 40
    assert probes.found == "40 texts that this run trains on"
    assert probes.groups == {"label": ["0", "1"] * 20}


def test_plain_texts_have_no_pairs(tmp_path: Path) -> None:
    probes = choose_probes(prepared_of(tmp_path, {"text": [f"text {n}" for n in range(120)]}, "plain-texts"), 1)
    assert (probes.groups, probes.pairs) == ({"part": ["text"] * 120}, [])


@pytest.mark.parametrize("pairs", [0, 49])
def test_a_held_out_part_under_a_hundred_texts_gives_way_to_the_sample(tmp_path: Path, pairs: int) -> None:
    columns = {role: [f"{role} {n}" for n in range(pairs)] for role in ("anchor", "positive")}
    probes = choose_probes(prepared_of(tmp_path, columns, "positive-pairs"), 1)
    assert replace(probes, found=SAMPLE.found) == SAMPLE
    assert probes.found == SAMPLE.found + (f", since {2 * pairs} of your texts are too few" if pairs else "")


def test_a_large_held_out_part_is_drawn_from_by_the_seed(tmp_path: Path) -> None:
    columns = {role: [f"{role} {n}" for n in range(900)] for role in ("anchor", "positive")}
    prepared = prepared_of(tmp_path, columns, "positive-pairs")
    first, again, other = (choose_probes(prepared, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert (len(first.texts), len(first.pairs)) == (2 * MOST_ROWS, MOST_ROWS)
    numbers = [int(text.split()[1]) for text in first.texts]
    assert numbers == sorted(numbers), "in their own order"
    prepared = prepared_of(tmp_path, {"text": columns["anchor"], "label": [0, 1] * 450}, "labelled-texts")
    assert len(choose_probes(prepared, 1).texts) == MOST_TEXTS


def test_the_sample_has_topics_and_pairs_that_follow_or_contradict() -> None:
    assert len(SAMPLE.texts) == len(set(SAMPLE.texts)) >= 100
    assert {len(labels) for labels in SAMPLE.groups.values()} == {len(SAMPLE.texts)}
    assert set(SAMPLE.groups) == {"topic", "part"}
    parts = SAMPLE.groups["part"]
    assert {(parts[first], parts[second], gold) for first, second, gold in SAMPLE.pairs} == {
        ("premise", "follows from it", 1.0), ("premise", "contradicts it", 0.0),
    }  # fmt: skip
    assert sample_probes() == SAMPLE


def test_a_snapshot_is_what_the_model_says_at_unit_length(tmp_path: Path) -> None:
    model = build_static_minilm("cpu")
    keeper = ProbeSnapshots(tmp_path, SAMPLE)
    assert keeper.take(model, 7, 32) > 0
    kept = np.load(tmp_path / "step-00000007.npy")
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept, on_sphere(model.encode(SAMPLE.texts)), atol=1e-6)
    assert read_json(tmp_path / PROBES_FILE)["texts"] == SAMPLE.texts
    assert snapshot_steps(tmp_path) == [7]
    assert sorted(path.name for path in tmp_path.iterdir()) == [PROBES_FILE, "step-00000007.npy"], "nothing half written"


def test_each_text_is_read_with_the_prompt_of_its_role(tmp_path: Path) -> None:
    from core.model_parts import set_prompts

    model = build_static_minilm("cpu")
    set_prompts(model, {"query": "question: ", "passage": "an answer about ships: "})
    probes = Probes(["a cat sleeps", "a dog barks", "a bird sings"], {}, [], "", ["anchor", "positive", "anchor"])
    ProbeSnapshots(tmp_path, probes).take(model, 0, 32)
    said = ["question: a cat sleeps", "an answer about ships: a dog barks", "question: a bird sings"]
    np.testing.assert_allclose(np.load(tmp_path / "step-00000000.npy"), on_sphere(model.encode(said, prompt="")), atol=1e-6)
