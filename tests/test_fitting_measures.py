"""Each further measure against one written out slowly, on real embeddings of some fifty texts."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.examples import NLI_ROWS, PAIR_ROWS, SCORED_ROWS, TRIPLET_ROWS
from core.fitting_intervals import STATISTICS, intervals
from core.fitting_kinds import FITTING, fitting_specs
from core.fitting_rows import Material, SampledRows, materials
from core.places import Places
from core.rows import Asked, load_rows

Take = Callable[[str, Material], tuple[dict[str, float], dict[str, Any], Any]]


@pytest.fixture(scope="module")
def take() -> Take:
    """Measure with the model of word vectors; the answer is figures, kept rows, and the memory with the embeddings."""
    from core.fitting_measures import MEASURED_BY
    from core.fitting_memory import TextMemory
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")

    def measure(name: str, material: Material) -> tuple[dict[str, float], dict[str, Any], Any]:
        memory = TextMemory(model, "word vectors")
        memory.learn(material.texts(), lambda _done, _total: None)
        outcome = MEASURED_BY[name](memory, material)
        assert set(outcome["figures"]) == set(FITTING[name].figures)
        return outcome["figures"], outcome["kept"], memory

    return measure


def sample(split: str, rows: int) -> pd.DataFrame:
    return load_rows(Asked("sample", split), Places()).frame.iloc[:rows].reset_index(drop=True)


def made(name: str, frame: pd.DataFrame, kind: str, reference: pd.DataFrame | None = None) -> Material:
    found = materials(fitting_specs(kind, reference is not None), SampledRows(frame, frame, kind, reference))[name]
    assert isinstance(found, Material), found
    return found


def cosine(memory: Any, first: str, second: str) -> float:
    one, two = memory.vectors("text", [first, second]).astype(np.float64)
    return float(one @ two / math.sqrt((one @ one) * (two @ two)))


def from_kept(kept: dict[str, Any]) -> dict[str, float]:
    """Return the figures of the kept rows, each row taken once."""
    figures = {}
    for name, rows in kept.items():
        once = np.ones((1, len(next(iter(rows.values())))), dtype=np.int64)
        figures |= {figure: float(values[0]) for figure, values in STATISTICS[name](rows, once).items()}
    return figures


def average_precision(ranked: list[bool], right: int) -> float:
    hits = [place for place, hit in enumerate(ranked, start=1) if hit]
    return sum((number / place) for number, place in enumerate(hits, start=1)) / right


def best_f1(ranked: list[bool], right: int) -> float:
    found = [sum(ranked[:taken]) for taken in range(1, len(ranked) + 1)]
    return max(2 * hits / (taken + right) for taken, hits in enumerate(found, start=1))


def test_triplet_accuracy_counts_the_nearer_positives(take: Take) -> None:
    material = made("triplets", sample("train", 60), NLI_ROWS)
    figures, kept, memory = take("triplets", material)
    near = [cosine(memory, a, p) > cosine(memory, a, n) for a, p, n in material.frame.itertuples(index=False)]
    assert 0 < figures["accuracy"] < 1
    assert figures["accuracy"] == pytest.approx(np.mean(near), abs=1e-6)
    assert from_kept(kept) == pytest.approx(figures, abs=1e-6)


def test_pairs_are_told_apart_at_the_best_threshold(take: Take) -> None:
    material = made("binary", sample("validation", 50), SCORED_ROWS)
    figures, kept, memory = take("binary", material)
    pairs = [(cosine(memory, a, b), label == 1) for a, b, label in material.frame.itertuples(index=False)]
    ranked = [alike for _, alike in sorted(pairs, reverse=True)]
    right = sum(ranked)
    assert 0 < right < 50
    assert figures["ap"] == pytest.approx(average_precision(ranked, right), abs=1e-6)
    assert figures["f1"] == pytest.approx(best_f1(ranked, right), abs=1e-6)
    accuracies = [np.mean([(value >= cut) == alike for value, alike in pairs]) for cut in [2.0, *(value for value, _ in pairs)]]
    assert figures["accuracy"] == pytest.approx(max(accuracies), abs=1e-6)
    called = [value >= figures["f1_threshold"] for value, _ in pairs]
    hits = sum(said and alike for said, (_, alike) in zip(called, pairs, strict=True))
    assert 2 * hits / (sum(called) + right) == pytest.approx(figures["f1"], abs=1e-6)
    assert from_kept(kept) == pytest.approx({name: figures[name] for name in ("ap", "f1", "accuracy")}, abs=1e-6)


def test_queries_look_among_all_texts_and_may_have_several_right_answers(take: Take) -> None:
    material = made("retrieval", sample("train", 120), NLI_ROWS)
    figures, kept, memory = take("retrieval", material)
    assert max(map(len, material.right.values())) > 1
    found: dict[str, list[float]] = {name: [] for name in figures}
    for query, anchor in material.frame[["id", "anchor"]].itertuples(index=False):
        others = {key: cosine(memory, anchor, text) for key, text in material.corpus.items() if key != query}
        hits = [key in material.right[query] for key in sorted(others, key=lambda key: -others[key])[:10]]
        right = len(material.right[query])
        gains = [1 / math.log2(place + 2) for place in range(10)]
        found["ndcg_10"].append(sum(g for g, hit in zip(gains, hits, strict=False) if hit) / sum(gains[:right]))
        found["mrr_10"].append(next((1 / place for place, hit in enumerate(hits, start=1) if hit), 0.0))
        found["recall_1"].append(hits[0] / right)
        found["recall_10"].append(sum(hits) / right)
    assert figures == pytest.approx({name: np.mean(values) for name, values in found.items()}, abs=1e-6)
    assert from_kept(kept) == pytest.approx(figures, abs=1e-6)


def test_query_that_is_a_document_itself_does_not_find_itself(take: Take) -> None:
    texts = [
        f"{word} is here" for word in ("bread", "rain", "a horse", "music", "the sea", "paper", "tea", "gold", "wood", "iron")
    ]
    # Each text is somebody's answer: every query stands in the corpus, at cosine 1.
    frame = pd.DataFrame({"anchor": texts, "positive": [*texts[1:], texts[0]]})
    material = made("retrieval", frame, PAIR_ROWS)
    assert set(material.frame["id"]) == set(material.corpus)
    figures, _, memory = take("retrieval", material)
    first = [max((other for other in texts if other != text), key=lambda other: cosine(memory, text, other)) for text in texts]
    assert figures["recall_1"] == pytest.approx(np.mean([a == b for a, b in zip(first, frame["positive"], strict=True)]))


def test_paraphrases_are_mined_from_all_pairs_of_texts(take: Take) -> None:
    material = made("paraphrases", sample("validation", 45), SCORED_ROWS)
    figures, kept, memory = take("paraphrases", material)
    rows = list(material.frame.itertuples(index=False))
    pairs = [(cosine(memory, a.text, b.text), b.id in material.right.get(a.id, ())) for a, b in itertools.combinations(rows, 2)]
    ranked = [alike for _, alike in sorted(pairs, key=lambda pair: -pair[0])]
    assert figures["ap"] == pytest.approx(average_precision(ranked, sum(ranked)), abs=1e-4)
    assert figures["f1"] == pytest.approx(best_f1(ranked, sum(ranked)), abs=1e-4)
    assert not kept


def test_alignment_and_uniformity_are_those_of_wang_and_isola(take: Take) -> None:
    material = made("space", sample("validation", 40), SCORED_ROWS)
    figures, kept, memory = take("space", material)
    frame = material.frame
    first, second = (memory.directions("text", frame[name]) for name in ("sentence1", "sentence2"))
    near = [np.sum((a - b) ** 2) for a, b, gold in zip(first, second, frame["gold"], strict=True) if gold >= 0.8]
    texts = [*first, *second]
    far = [math.exp(-2 * np.sum((a - b) ** 2)) for a, b in itertools.combinations(texts, 2)]
    assert figures["alignment"] == pytest.approx(np.mean(near), abs=1e-6)
    assert figures["uniformity"] == pytest.approx(math.log(np.mean(far)), abs=1e-5)
    assert from_kept(kept)["alignment"] == pytest.approx(figures["alignment"], abs=1e-6)


@pytest.mark.parametrize("has_reference", [False, True])
def test_neighbours_vote_as_those_of_scikit_learn(take: Take, has_reference: bool) -> None:
    from sklearn.metrics import f1_score
    from sklearn.neighbors import KNeighborsClassifier

    rows = sample("train", 400).drop_duplicates("premise")
    frame = rows[["premise", "topic"]].set_axis(["text", "label"], axis=1).reset_index(drop=True)
    asked, reference = (frame.iloc[::2].reset_index(drop=True), frame.iloc[1::2].reset_index(drop=True))
    asked = asked if has_reference else frame
    figures, kept, memory = take("neighbours", made("neighbours", asked, "labelled", reference if has_reference else None))
    vectors, labels, found = memory.directions("text", asked["text"]), asked["label"].to_numpy(), []
    for place, vector in enumerate(vectors):
        known = memory.directions("text", reference["text"]) if has_reference else np.delete(vectors, place, axis=0)
        names = reference["label"].to_numpy() if has_reference else np.delete(labels, place)
        voter = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(known, names)
        found.append(voter.predict(vector[None])[0])
    assert figures["accuracy"] == pytest.approx(np.mean(labels == np.array(found)))
    assert figures["macro_f1"] == pytest.approx(f1_score(labels, found, average="macro"))
    assert 0 < figures["accuracy"] < 1 and figures["accuracy"] != figures["macro_f1"]
    assert from_kept(kept) == pytest.approx(figures, abs=1e-9)


def test_silhouette_is_that_of_rousseeuw(take: Take) -> None:
    material = made("silhouette", sample("reviews", 50), "labelled")
    figures, kept, memory = take("silhouette", material)
    texts, labels = material.frame["text"].tolist(), material.frame["label"].tolist()
    apart = [[0.0 if a == b else 1 - cosine(memory, a, b) for b in texts] for a in texts]
    each = []
    for place, label in enumerate(labels):
        own = [apart[place][other] for other in range(50) if labels[other] == label and other != place]
        by_other = [
            np.mean([apart[place][other] for other in range(50) if labels[other] == name]) for name in set(labels) - {label}
        ]
        within, between = np.mean(own), min(by_other)
        each.append((between - within) / max(within, between))
    assert figures["silhouette"] == pytest.approx(np.mean(each), abs=1e-6)
    assert from_kept(kept) == pytest.approx(figures, abs=1e-6)


def test_classes_are_those_of_the_benchmarks_protocol_on_embeddings_read_once(take: Take) -> None:
    from core.classification import score_classes
    from core.models import build_static_minilm
    from core.rows import Rows

    frame = sample("reviews", 120)[["text", "label"]]
    asked, reference = frame.iloc[:60].reset_index(drop=True), frame.iloc[60:].reset_index(drop=True)
    figures, _, _ = take("classes", made("classes", asked, "labelled", reference))
    parts = Rows(reference, "labelled", "", ""), Rows(asked, "labelled", "", "")
    assert figures["accuracy"] == pytest.approx(score_classes(build_static_minilm("cpu"), parts, 32)["accuracy"], abs=1e-9)


@pytest.mark.parametrize("model", ["static-minilm", "minilm-from-nothing"])
def test_figures_are_those_of_a_plain_script_with_the_library(model: str) -> None:
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator, TripletEvaluator

    from core.fitting_measures import measure_binary, measure_triplets
    from core.fitting_memory import TextMemory
    from core.models import BUILDERS

    loaded = BUILDERS[model]("cpu", 42)
    pairs, triplets = made("binary", sample("validation", 40), SCORED_ROWS), made("triplets", sample("train", 40), NLI_ROWS)
    memory = TextMemory(loaded, model)
    memory.learn([*pairs.texts(), *triplets.texts()], lambda _done, _total: None)
    columns = [pairs.frame[name].tolist() for name in ("sentence1", "sentence2", "label")]
    plain = BinaryClassificationEvaluator(*columns, similarity_fn_names=["cosine"], write_csv=False)(loaded)
    figures = measure_binary(memory, pairs)["figures"]
    assert figures == pytest.approx({name: plain[f"cosine_{name}"] for name in figures}, abs=1e-4)
    columns = [triplets.frame[name].tolist() for name in ("anchor", "positive", "negative")]
    plain = TripletEvaluator(*columns, similarity_fn_names=["cosine"], write_csv=False)(loaded)
    assert measure_triplets(memory, triplets)["figures"]["accuracy"] == pytest.approx(plain["cosine_accuracy"], abs=1e-4)


def test_each_text_is_encoded_once_whoever_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.fitting_memory import TextMemory
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    asked: list[str] = []
    encode = model.encode

    def watched(texts: list[str], **rest: Any) -> Any:
        asked.extend(texts)
        return encode(texts, **rest)

    monkeypatch.setattr(model, "encode", watched)
    frame = pd.DataFrame({"anchor": ["a cat", "a dog"], "positive": ["a dog", "a cow"], "negative": ["a cat", "a sea"]})
    memory = TextMemory(model, "m")
    memory.learn([*Material(frame, "").texts(), ("text", ["a cow"])], lambda _done, _total: None)
    assert sorted(asked) == ["a cat", "a cow", "a dog", "a sea"] and len(memory) == 4
    assert np.allclose(memory.encode_query(["a dog"]), encode(["a dog"]))
    # With prompts of their own a query and a passage are two texts.
    model.prompts = {"query": "find: ", "passage": "read: "}
    asked.clear()
    TextMemory(model, "m").learn(Material(frame, "").texts(), lambda _done, _total: None)
    assert len(asked) == 2 + 4


def test_interval_holds_the_difference_and_narrows_with_the_rows() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for rows in (50, 800):
        before, after = rng.random(rows) < 0.6, rng.random(rows) < 0.8
        low, high = intervals({"means": {"x": before.tolist()}}, {"means": {"x": after.tolist()}})["x"]
        assert low < after.mean() - before.mean() < high
        # Of two independent shares: 1.96 standard errors to each side.
        wanted = 2 * 1.96 * math.sqrt((before.var() + after.var()) / rows)
        assert high - low == pytest.approx(wanted, rel=0.2)
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_interval_is_paired_over_the_same_rows() -> None:
    values = np.random.default_rng(0).random(100)
    low, high = intervals({"means": {"x": values.tolist()}}, {"means": {"x": (values + 0.1).tolist()}})["x"]
    assert (low, high) == pytest.approx((0.1, 0.1))


def test_bootstrap_finds_thresholds_again_also_where_scores_are_equal() -> None:
    from sklearn.metrics import average_precision_score

    from core.fitting_intervals import ranked_figures

    rng = np.random.default_rng(1)
    scores, labels = rng.integers(0, 6, 40) / 5, rng.integers(0, 2, 40)
    counts = rng.multinomial(40, np.full(40, 1 / 40), size=5)
    found = ranked_figures({"scores": scores.tolist(), "labels": labels.tolist()}, counts)
    for draw, row in enumerate(counts):
        drawn, right = np.repeat(scores, row), np.repeat(labels, row)
        assert found["ap"][draw] == pytest.approx(average_precision_score(right, drawn))
        cuts = [2.0, *np.unique(drawn)]
        assert found["accuracy"][draw] == pytest.approx(max(np.mean((drawn >= cut) == right) for cut in cuts))


def test_measures_fit_the_kinds_of_rows_that_have_what_they_need() -> None:
    assert [spec.id for spec in fitting_specs(TRIPLET_ROWS, False)] == ["triplets", "retrieval"]
    assert [spec.id for spec in fitting_specs(NLI_ROWS, False)] == ["triplets", "binary", "retrieval"]
    assert [spec.id for spec in fitting_specs("labelled", False)] == ["neighbours", "silhouette"]
    assert "classes" in [spec.id for spec in fitting_specs("labelled", True)]
    assert not fitting_specs("texts", False)
