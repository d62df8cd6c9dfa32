"""A model as the benchmark sees it: each text is encoded once, and the work can be watched and left."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta
from sentence_transformers import SentenceTransformer

from core.errors import DivergenceError
from core.evaluation import Between

CHUNK, BATCH = 256, 64
# Beyond so many texts vectors are not kept: a task with a million passages asks for each of them once anyway.
MOST_KEPT = 300_000
TIMED_TEXTS, TIMED_BATCH, GOES = 64, 16, 2
# Below this, no two texts differ in any dimension: not even rounding keeps them apart.
SAME = 1e-7
WAY_OUT = "Choose another model, or train it again with a lower learning rate."

# The part that a text plays for the task ("query", "document", or "" where all texts are alike), and the text.
Asked = tuple[str, str]


class _Encoder(AbsEncoder):
    """What the benchmark asks for embeddings: all texts of a part at once."""

    def __init__(self, name: str) -> None:
        # A name of its own: the benchmark keeps scores by name, and every model from a folder would share one.
        self.mteb_model_meta = ModelMeta.create_empty({"name": f"studio/{name}", "revision": name})

    def encode(self, inputs: Iterable[Any], *, task_metadata: Any, prompt_type: Any = None, **_: Any) -> np.ndarray:
        """Return the embeddings of the texts in `inputs`, (texts, dim) fp32, in their order."""
        texts = [text for batch in inputs for text in batch["text"]]
        return self._vectors_of(texts, task_metadata, prompt_type)

    def _vectors_of(self, texts: list[str], task_metadata: Any, prompt_type: Any) -> np.ndarray:
        raise NotImplementedError


class NotedTexts(_Encoder):
    """Writes down which texts a task asks for and answers with chance, so that the work is known before it is done."""

    def __init__(self, dimension: int) -> None:
        super().__init__("nobody")
        self.asked: dict[Asked, None] = {}
        self._dimension = dimension
        self._chance = np.random.default_rng(0)

    def _vectors_of(self, texts: list[str], task_metadata: Any, prompt_type: Any) -> np.ndarray:
        self.asked |= dict.fromkeys((_role(prompt_type), text) for text in texts)
        return self._chance.normal(size=(len(texts), self._dimension)).astype(np.float32)


class OnceEncoder(_Encoder):
    """A loaded model with a memory; `label` is what a person calls it, `between` is told (texts done) and may raise to leave.

    Prompts are chosen as the benchmark chooses them for a plain model.
    """

    def __init__(self, model: SentenceTransformer, label: str, name: str, between: Between, total: int) -> None:
        super().__init__(name)
        self.model = model
        self.model_prompts = dict(model.prompts)
        self.encoded = 0
        self._label, self._between, self._total = label, between, total
        self._kept: dict[Asked, np.ndarray] = {}

    def _vectors_of(self, texts: list[str], task_metadata: Any, prompt_type: Any) -> np.ndarray:
        role, prompt = _role(prompt_type), self._prompt(task_metadata, prompt_type)
        # Texts of one length in a batch: nothing is padded for nothing.
        fresh = sorted({text for text in texts if (role, text) not in self._kept}, key=len, reverse=True)
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(fresh), CHUNK):
            self._between(self.encoded, self._total)
            chunk = fresh[start : start + CHUNK]
            found |= dict(zip(chunk, self._encode(chunk, role, prompt), strict=True))
            self.encoded += len(chunk)
        self._between(self.encoded, self._total)
        self._check_apart(found)
        if len(self._kept) < MOST_KEPT:
            self._kept |= {(role, text): vector for text, vector in found.items()}
        return np.stack([found[text] if text in found else self._kept[role, text] for text in texts])

    def _prompt(self, task_metadata: Any, prompt_type: Any) -> str | None:
        name = self.get_prompt_name(task_metadata, prompt_type)
        return (self.model_prompts or {}).get(name)

    def _encode(self, texts: list[str], role: str, prompt: str | None) -> np.ndarray:
        encode = {"query": self.model.encode_query, "document": self.model.encode_document}.get(role, self.model.encode)
        vectors = np.asarray(encode(texts, prompt=prompt, batch_size=BATCH, show_progress_bar=False), dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise DivergenceError(f"The model {self._label} gives embeddings that are no numbers. {WAY_OUT}")
        return vectors

    def _check_apart(self, found: dict[str, np.ndarray]) -> None:
        some = list(found.values())[:CHUNK]
        if len(some) > 1 and float(np.ptp(np.stack(some), axis=0).max()) < SAME:
            raise DivergenceError(f"The model {self._label} gives every text the same embedding. {WAY_OUT}")

    def seconds_for(self, asked: Iterable[Asked]) -> float:
        """Return the seconds that encoding takes here, as measured on 64 of the texts, the quicker of two goes.

        They are batches of neighbours in length, as the work itself has them, at places spread over all lengths.

        Raises:
            DivergenceError: the embeddings are no numbers.
        """
        by_length = sorted((text for _, text in asked), key=len)
        spots = TIMED_TEXTS // TIMED_BATCH
        starts = [max(0, (2 * spot + 1) * len(by_length) // (2 * spots) - TIMED_BATCH // 2) for spot in range(spots)]
        batches = [by_length[start : start + TIMED_BATCH] for start in starts]
        self._encode(batches[0], "", None)
        return min(self._seconds_of(batches) for _ in range(GOES)) / sum(map(len, batches)) * len(by_length)

    def _seconds_of(self, batches: list[list[str]]) -> float:
        began = time.monotonic()
        for batch in batches:
            self._encode(batch, "", None)
        return time.monotonic() - began


def _role(prompt_type: Any) -> str:
    return str(prompt_type.value) if prompt_type else ""
