"""What the desk answers: the embeddings of a few texts, and the texts nearest to a question."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from core.desk_client import check_texts, pack_array
from core.desk_shelf import Deadline, KeptModel, SearchIndex, Shelf
from core.errors import ConfigError, DivergenceError, ModelError
from core.prompts import PASSAGE, QUERY

BATCH = 8
# A text is looked up in the other model's list so far down; beyond, it is new.
RANKED, MOST_SHOWN = 100, 50


def embed(shelf: Shelf, values: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Return the normalised fp32 embeddings, (texts, dim), of `texts` by `model`, read in the role `query` or `passage`.

    Raises:
        ConfigError: there are no texts, more than 64 or longer ones than 2,000 characters, or there is no such role.
        ModelError: the model is not here.
        DivergenceError: the embeddings are no numbers.
        MachineError: the time is over.
    """
    role = str(values.get("role", QUERY))
    if role not in (QUERY, PASSAGE):
        raise ConfigError("role", f"'{role[:20]}' is no role of a text; write {QUERY} or {PASSAGE}.")
    texts = check_texts([str(text) for text in values["texts"]])
    return {"vectors": pack_array(embed_texts(shelf.model(str(values["model"])), texts, role, deadline))}


def embed_texts(kept: KeptModel, texts: list[str], role: str, deadline: Deadline) -> np.ndarray:
    """Return the normalised fp32 embeddings of texts, (texts, dim), each with the prompt of its role.

    Raises:
        DivergenceError: they are no numbers.
        MachineError: the time is over.
    """
    encode = kept.model.encode_query if role == QUERY else kept.model.encode_document
    parts = []
    for start in range(0, len(texts), BATCH):
        deadline.check()
        parts.append(encode(texts[start : start + BATCH], normalize_embeddings=True, show_progress_bar=False))
    vectors = np.concatenate(parts)
    if not np.isfinite(vectors).all():
        raise DivergenceError(
            f"{kept.measured.label} gives embeddings that are no numbers: it has diverged. Choose another model or run."
        )
    return vectors


def search(shelf: Shelf, values: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Return the `top` texts of the folder `index` nearest to `query` by cosine, −1 to 1, for each of its models.

    Each text comes with its rank, from 1, in the other model's list, or None beyond the first hundred. The models are those that
    embedded the texts; no other would do.

    Raises:
        ConfigError: the query is empty or too long.
        DataError: the texts are not here any more.
        ModelError: a model was deleted, or is another one by now.
        DivergenceError: the query's embedding is no numbers.
        MachineError: the time is over.
    """
    began = time.perf_counter()
    query = check_texts([str(values["query"])])[0]
    top = max(1, min(int(values.get("top", 10)), MOST_SHOWN))
    index = shelf.index(str(values["index"]))
    ranked = [_rank(shelf, index, place, query, deadline) for place in range(len(index.sides))]
    ranks = [{row: rank for rank, (row, _) in enumerate(found, 1)} for found in ranked]
    columns = []
    for place, (side, found) in enumerate(zip(index.sides, ranked, strict=True)):
        # The other one of two, and itself where there is one.
        others = ranks[len(ranks) - 1 - place]
        texts = index.texts.take([row for row, _ in found[:top]]).to_pylist()
        hits = [
            {"row": row, "cosine": cosine, "other": others.get(row), "text": text}
            for (row, cosine), text in zip(found[:top], texts, strict=True)
        ]
        columns.append({"name": side.name, "label": side.label, "hits": hits})
    return {"columns": columns, "texts": len(index.texts), "seconds": round(time.perf_counter() - began, 6)}


def _rank(shelf: Shelf, index: SearchIndex, place: int, query: str, deadline: Deadline) -> list[tuple[int, float]]:
    """Return rows and cosines of the hundred nearest texts, the nearest first."""
    side = index.sides[place]
    kept = shelf.model(side.name)
    if kept.mark != side.mark:
        raise ModelError(f"{side.label} is another model than the one that read these texts; press Get ready again.")
    vector = torch.from_numpy(embed_texts(kept, [query], QUERY, deadline)[0])
    with torch.inference_mode():
        cosines, rows = torch.mv(side.vectors, vector).topk(min(RANKED, len(side.vectors)))
    return list(zip(rows.tolist(), np.clip(cosines.numpy().astype(np.float64), -1, 1).round(4).tolist(), strict=True))
