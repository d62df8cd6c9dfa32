"""A model that has read its texts: each is encoded once, in fp32, and every measure asks for it here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from core.errors import DivergenceError
from core.evaluation import Between
from core.prompts import prompt_for

CHUNK, BATCH = 256, 64
# Below this, no two texts differ in any dimension: not even rounding keeps them apart.
SAME = 1e-7


class TextMemory:
    """The embeddings of texts, (texts, dim) fp32 of any length, by text and prompt; `label` is what a person calls the model.

    The memory answers to `encode`, `encode_query` and `encode_document`, so that the library's evaluators take it for a model.
    """

    def __init__(self, model: SentenceTransformer, label: str) -> None:
        self._model = model
        self._label = label
        self._places: dict[tuple[str, str], int] = {}
        self._vectors = np.empty((0, 0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._places)

    def learn(self, texts: Iterable[tuple[str, Sequence[str]]], between: Between) -> None:
        """Encode texts, given by the name of their column; `between` is told how many are done, and may raise to leave.

        Raises:
            DivergenceError: the embeddings are no numbers, or all the same.
        """
        asked = dict.fromkeys((self._prompt(column), text) for column, each in texts for text in each)
        # Texts of one length in a batch: nothing is padded for nothing.
        wanted = sorted(asked, key=lambda key: len(key[1]), reverse=True)
        chunks = []
        for prompt in dict.fromkeys(key[0] for key in wanted):
            mine = [text for its, text in wanted if its == prompt]
            for start in range(0, len(mine), CHUNK):
                between(len(self._places), len(wanted))
                chunk = mine[start : start + CHUNK]
                chunks.append(self._encode(chunk, prompt))
                self._places |= {(prompt, text): len(self._places) + place for place, text in enumerate(chunk)}
        between(len(wanted), len(wanted))
        self._vectors = np.concatenate(chunks)
        self._check()

    def _prompt(self, column: str) -> str:
        return prompt_for(column, self._model.prompts)

    def _encode(self, texts: list[str], prompt: str) -> np.ndarray:
        vectors = self._model.encode(texts, prompt=prompt, batch_size=BATCH, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    def _check(self) -> None:
        way_out = "Choose another model, or train it again with a lower learning rate."
        if not np.isfinite(self._vectors).all():
            raise DivergenceError(f"The model {self._label} gives embeddings that are no numbers. {way_out}")
        if len(self._vectors) > 1 and float(np.ptp(self._vectors, axis=0).max()) < SAME:
            raise DivergenceError(f"The model {self._label} gives every text the same embedding. {way_out}")

    def vectors(self, column: str, texts: Iterable[str]) -> np.ndarray:
        """Return the embeddings of texts that were learnt, (texts, dim), as those of a column of that name."""
        prompt = self._prompt(column)
        return self._vectors[[self._places[prompt, text] for text in texts]]

    def directions(self, column: str, texts: Iterable[str]) -> np.ndarray:
        """Return the same at unit length in fp64; an embedding of zeros stays one."""
        vectors = self.vectors(column, texts).astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        found: np.ndarray = vectors / np.where(lengths == 0, 1.0, lengths)
        return found

    def eval(self) -> None:
        """Do nothing: what was learnt does not change any more."""

    def encode(self, sentences: list[str], **asked: Any) -> Any:
        """Return embeddings as of a symmetric task, as the library is asked for them."""
        return self._as_asked(self.vectors("text", sentences), asked)

    def encode_query(self, sentences: list[str], **asked: Any) -> Any:
        """Return embeddings of what looks for an answer."""
        return self._as_asked(self.vectors("query", sentences), asked)

    def encode_document(self, sentences: list[str], **asked: Any) -> Any:
        """Return embeddings of what is looked for."""
        return self._as_asked(self.vectors("passage", sentences), asked)

    @staticmethod
    def _as_asked(vectors: np.ndarray, asked: Mapping[str, Any]) -> Any:
        return torch.from_numpy(vectors) if asked.get("convert_to_tensor") else vectors
