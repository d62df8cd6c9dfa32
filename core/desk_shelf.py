"""What the desk keeps at hand: at most two models and the texts of one search."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sentence_transformers import SentenceTransformer

from core.errors import DataError, MachineError
from core.files import read_json
from core.index_texts import INDEX_NAME, TEXTS, VECTORS, model_mark
from core.measuring import ANSWER, MEASURED, Measured, measured_model
from core.models import load_model
from core.places import Places

MOST_MODELS = 2


class Deadline:
    """Until when a request has to be answered."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until = time.monotonic() + seconds

    def check(self) -> None:
        """Give up a request whose time is over.

        Raises:
            MachineError: it is.
        """
        if time.monotonic() > self.until:
            raise MachineError(f"This took more than {self.seconds:.0f} s; ask about fewer texts, or when other work has ended.")


@dataclass(frozen=True)
class KeptModel:
    """A loaded model, and what would be another if its weights or settings were."""

    measured: Measured
    mark: str
    model: SentenceTransformer


@dataclass(frozen=True)
class SearchSide:
    """One model's embeddings of the texts, (texts, dim), as they lie on the disk, and what the model was when it made them."""

    name: str
    label: str
    mark: str
    vectors: torch.Tensor


@dataclass(frozen=True)
class SearchIndex:
    """Texts that can be searched, by one model or two."""

    folder: Path
    texts: pa.ChunkedArray
    sides: tuple[SearchSide, ...]


class Shelf:
    """Keeps what was used last; whatever changed on the disk meanwhile is read again."""

    def __init__(self, runs_dir: Path) -> None:
        self.serve(runs_dir)
        self._models: OrderedDict[str, KeptModel] = OrderedDict()
        self._index: SearchIndex | None = None

    def serve(self, runs_dir: Path) -> None:
        """Look up names in this runs folder from now on: a visitor's, where several share a studio."""
        self.places = Places(None, runs_dir)

    def model(self, name: str) -> KeptModel:
        """Return a model by its name, read from the disk unless it is at hand and unchanged.

        Raises:
            ModelError: it is not here, or was deleted meanwhile.
        """
        kept = self._models.pop(name, None)
        measured = measured_model(name, self.places)
        mark = model_mark(measured, self.places)
        if kept is None or kept.mark != mark:
            while len(self._models) >= MOST_MODELS:
                self._models.popitem(last=False)
            assert self.places.runs_dir is not None
            model = load_model(measured.choice, self.places.runs_dir, "cpu", measured.seed)
            model.eval()
            kept = KeptModel(measured, mark, model)
        self._models[name] = kept
        return kept

    def index(self, name: str) -> SearchIndex:
        """Return the texts of a folder of the task "index".

        Raises:
            DataError: they are not ready, or not here any more.
        """
        assert self.places.runs_dir is not None
        folder = self.places.runs_dir / MEASURED / name
        answer = read_json(folder / ANSWER) if INDEX_NAME.fullmatch(name) else None
        if self._index is None or self._index.folder != folder or answer is None:
            self._index = None
            try:
                self._index = _open_index(folder, answer or {})
            except (OSError, KeyError, ValueError):
                raise DataError("These texts are not at hand any more; press Get ready again.") from None
        return self._index

    def clear(self) -> None:
        """Let go of everything."""
        self._models.clear()
        self._index = None


def _open_index(folder: Path, answer: dict[str, list[dict[str, str]]]) -> SearchIndex:
    sides = []
    for place, model in enumerate(answer["models"]):
        # As a private copy, of which nothing is ever written: torch does not take what is read-only.
        vectors = torch.from_numpy(np.load(folder / VECTORS[place], mmap_mode="c"))
        sides.append(SearchSide(model["name"], model["label"], model["mark"], vectors))
    return SearchIndex(folder, pq.read_table(folder / TEXTS)["text"], tuple(sides))
