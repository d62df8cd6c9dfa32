"""The further measures, one function each: with the library's evaluator where it has one, on embeddings that are there already.

Each returns `figures`, and of the rows `kept` what `core.fitting_intervals` needs to draw them again.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import (
    BinaryClassificationEvaluator,
    InformationRetrievalEvaluator,
    ParaphraseMiningEvaluator,
    TripletEvaluator,
)
from sentence_transformers.util import cos_sim
from sklearn.metrics import f1_score, silhouette_samples

from core.classification import score_classes
from core.examples import LABELLED_ROWS
from core.fitting_kinds import NEIGHBOURS, RANKED
from core.fitting_memory import BATCH, TextMemory
from core.fitting_rows import Material
from core.measures import POSITIVE_FROM, measure_space
from core.rows import Rows

Outcome = dict[str, dict[str, Any]]


class _KeepsNothing:
    """An evaluator that leaves no trace in a model card, which would carry people's texts."""

    def store_metrics_in_model_card_data(self, *_: Any, **__: Any) -> None:
        """Keep nothing."""


class _Triplets(_KeepsNothing, TripletEvaluator):
    pass


class _Binary(_KeepsNothing, BinaryClassificationEvaluator):
    pass


class _Paraphrases(_KeepsNothing, ParaphraseMiningEvaluator):
    pass


class _Retrieval(_KeepsNothing, InformationRetrievalEvaluator):
    """Passes over the document that is the query itself, and keeps the hits: which of the first ten are right."""

    hits: list[np.ndarray]

    def compute_metrics(self, queries_result_list: list[Any]) -> Any:
        """Return the library's figures of hits without the queries' own texts."""
        others = [
            [hit for hit in found if hit["corpus_id"] != query]
            for query, found in zip(self.queries_ids, queries_result_list, strict=True)
        ]
        self.hits = [
            np.array([hit["corpus_id"] in self.relevant_docs[query] for hit in found[:RANKED]], dtype=bool)
            for query, found in zip(self.queries_ids, others, strict=True)
        ]
        return super().compute_metrics(others)


def measure_triplets(memory: TextMemory, material: Material) -> Outcome:
    """Return `accuracy`: the share of triplets whose positive has the larger cosine to the anchor, 0..1."""
    frame = material.frame
    columns = [frame[name].tolist() for name in ("anchor", "positive", "negative")]
    figures = _Triplets(*columns, similarity_fn_names=["cosine"], write_csv=False)(memory)
    anchor, near, far = (memory.directions(str(name), frame[name]) for name in ("anchor", "positive", "negative"))
    is_near = np.einsum("ij,ij->i", anchor, near) > np.einsum("ij,ij->i", anchor, far)
    return {
        "figures": {"accuracy": float(figures["cosine_accuracy"])},
        "kept": {"means": {"accuracy": is_near.astype(int).tolist()}},
    }


def measure_binary(memory: TextMemory, material: Material) -> Outcome:
    """Return `ap`, `f1` with its `f1_threshold`, and `accuracy` of pairs told apart by their cosine."""
    frame = material.frame
    first, second, labels = frame["sentence1"].tolist(), frame["sentence2"].tolist(), frame["label"].tolist()
    figures = _Binary(first, second, labels, similarity_fn_names=["cosine"], write_csv=False)(memory)
    cosines = np.einsum("ij,ij->i", memory.directions("sentence1", first), memory.directions("sentence2", second))
    return {
        "figures": {name: float(figures[f"cosine_{name}"]) for name in ("ap", "f1", "f1_threshold", "accuracy")},
        "kept": {"ranked": {"scores": cosines.astype(np.float32).astype(float).round(7).tolist(), "labels": labels}},
    }


def measure_retrieval(memory: TextMemory, material: Material) -> Outcome:
    """Return `ndcg_10`, `mrr_10`, `recall_1` and `recall_10` of queries among all texts of the corpus, each 0..1."""
    queries = dict(zip(material.frame["id"], material.frame["anchor"], strict=True))
    right = {query: set(found) for query, found in material.right.items()}
    evaluator = _Retrieval(
        queries, dict(material.corpus), right, write_csv=False, score_functions={"cosine": cos_sim}, mrr_at_k=[RANKED]
    )
    found = evaluator(memory)
    figures = {
        "ndcg_10": found["cosine_ndcg@10"],
        "mrr_10": found["cosine_mrr@10"],
        "recall_1": found["cosine_recall@1"],
        "recall_10": found["cosine_recall@10"],
    }
    each = [_of_hits(hits, len(right[query])) for query, hits in zip(evaluator.queries_ids, evaluator.hits, strict=True)]
    means = {name: [one[name] for one in each] for name in figures}
    return {"figures": {name: float(value) for name, value in figures.items()}, "kept": {"means": means}}


def _of_hits(hits: np.ndarray, right: int) -> dict[str, float]:
    """Return one query's figures from which of its first ten hits are right, (10,) bool or fewer."""
    gains = 1 / np.log2(np.arange(RANKED) + 2)
    places = np.flatnonzero(hits)
    return {
        "ndcg_10": float(gains[places].sum() / gains[: min(right, RANKED)].sum()),
        "mrr_10": float(1 / (places[0] + 1)) if len(places) else 0.0,
        "recall_1": float(hits[:1].sum() / right),
        "recall_10": float(hits.sum() / right),
    }


def measure_paraphrases(memory: TextMemory, material: Material) -> Outcome:
    """Return `ap`, `f1` and its `threshold` of alike pairs mined from all texts; no row of it stands alone, so none is kept."""
    texts = dict(zip(material.frame["id"], material.frame["text"], strict=True))
    pairs = [(first, second) for first, found in material.right.items() for second in found]
    found = _Paraphrases(texts, pairs, write_csv=False)(memory)
    figures = {"ap": found["average_precision"], "f1": found["f1"], "threshold": found["threshold"]}
    return {"figures": {name: float(value) for name, value in figures.items()}, "kept": {}}


def measure_the_space(memory: TextMemory, material: Material) -> Outcome:
    """Return `alignment`, where there are positive pairs, and `uniformity`, as `core.measures` has them."""
    frame = material.frame
    names = [str(column) for column in frame if column != "gold"]
    first, second = (memory.vectors(name, frame[name]) for name in names)
    gold = frame["gold"].to_numpy()
    space = measure_space(first, second, gold)
    figures, kept = {"uniformity": space.uniformity}, {}
    if space.alignment is not None:
        figures = {"alignment": space.alignment, **figures}
        near, far = (memory.directions(name, frame[name])[gold >= POSITIVE_FROM] for name in names)
        kept = {"means": {"alignment": np.square(near - far).sum(axis=1).tolist()}}
    return {"figures": figures, "kept": kept}


def measure_neighbours(memory: TextMemory, material: Material) -> Outcome:
    """Return `accuracy` and `macro_f1` of labels voted for by the five nearest texts by cosine, each 0..1.

    Without a reference part each text is asked among all the others. Votes that are even go to the label that is first in order,
    as scikit-learn has it.
    """
    frame, reference = material.frame, material.reference
    asked = memory.directions("text", frame["text"])
    known = asked if reference is None else memory.directions("text", reference["text"])
    labels = frame["label"] if reference is None else reference["label"]
    cosines = asked @ known.T
    if reference is None:
        np.fill_diagonal(cosines, -np.inf)
    count = min(NEIGHBOURS, len(known) - (reference is None))
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    names, numbers = np.unique(labels.to_numpy(dtype=str), return_inverse=True)
    votes = (numbers[nearest][:, :, None] == np.arange(len(names))).sum(axis=1)
    gold, found = frame["label"].to_numpy(dtype=str), names[votes.argmax(axis=1)]
    figures = {
        "accuracy": float((gold == found).mean()),
        "macro_f1": float(f1_score(gold, found, average="macro", zero_division=0)),
    }
    # Numbers in place of names: what is kept of rows says nothing of anybody's data.
    kept = np.unique(np.concatenate([gold, found]), return_inverse=True)[1].tolist()
    return {"figures": figures, "kept": {"classes": {"gold": kept[: len(gold)], "found": kept[len(gold) :]}}}


def measure_silhouette(memory: TextMemory, material: Material) -> Outcome:
    """Return `silhouette`, −1..1: the mean over the texts, by cosine distance (Rousseeuw 1987)."""
    labels = material.frame["label"].to_numpy(dtype=str)
    each = silhouette_samples(memory.directions("text", material.frame["text"]), labels, metric="cosine")
    return {"figures": {"silhouette": float(each.mean())}, "kept": {"means": {"silhouette": each.tolist()}}}


def measure_classes(memory: TextMemory, material: Material) -> Outcome:
    """Return `accuracy` by the protocol of `core.classification`; its rows are judged ten times, so none is kept."""
    assert material.reference is not None
    parts = [Rows(frame, LABELLED_ROWS, "", "") for frame in (material.reference, material.frame)]
    figures = score_classes(cast("SentenceTransformer", memory), (parts[0], parts[1]), BATCH)
    return {"figures": {"accuracy": figures["accuracy"]}, "kept": {}}


MEASURED_BY: Mapping[str, Callable[[TextMemory, Material], Outcome]] = MappingProxyType(
    {
        "triplets": measure_triplets,
        "binary": measure_binary,
        "retrieval": measure_retrieval,
        "paraphrases": measure_paraphrases,
        "space": measure_the_space,
        "neighbours": measure_neighbours,
        "silhouette": measure_silhouette,
        "classes": measure_classes,
    }
)
