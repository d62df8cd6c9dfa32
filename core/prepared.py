"""The prepared folder: its name, which is made of everything that decides what is in it, and what lies there."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.base_models import BASE_MODELS, model_folder, tokenizer_file
from core.config import RunConfig
from core.example_choice import holdout_share, wanted_shapes
from core.files import file_sha256, read_json
from core.machine import library_versions
from core.places import Places
from core.prompts import prompts_of
from core.sources import fingerprint

FORMAT_VERSION = 3
PREPARED = ".prepared"
MINED = frozenset({"semi-hard", "hard"})
# What the prepared file depends on; the rest of a configuration is the trainer's.
DECIDING = ("data", "split", "columns", "max_rows", "neutral_score", "score_threshold", "fixes", "seed")


@dataclass(frozen=True)
class PreparedExamples:
    """A prepared folder: its examples, its held-out part, and its report."""

    folder: Path
    report: dict[str, Any]

    @property
    def path(self) -> Path:
        """The examples' file."""
        return self.folder / "examples.parquet"

    @property
    def shape(self) -> str:
        """The shape of the examples."""
        return str(self.report["shape"])

    def frame(self) -> pd.DataFrame:
        """Read the examples; columns stand in the order in which the loss binds them."""
        return pd.read_parquet(self.path)

    def held_out(self) -> pd.DataFrame:
        """Read the examples that training never sees, in the shape `report["held_out_shape"]`."""
        return pd.read_parquet(self.folder / "held-out.parquet")


def prepared_folder(config: RunConfig, places: Places) -> Path:
    """Return the folder that these very rows, read in this very way, are prepared in.

    Raises:
        ModelError: the base model is not here.
    """
    assert places.runs_dir is not None
    tokenizer = tokenizer_file(config.base_model, places.runs_dir)
    said = config.model_dump(mode="json", include=set(DECIDING))
    mining = None
    if config.negatives in MINED:
        miner = config.mining.model or config.base_model
        mining = config.mining.model_dump() | {"model": miner, "weights": weights_mark(miner, places)}
        if not config.mining.model:
            # The base model mines as it will be trained: read in another way, it finds other texts.
            reads = config.model_dump(mode="json", include={"pooling", "max_seq_length"})
            mining |= reads | {"prompts": prompts_of(config, places.runs_dir)}
    said |= {
        "format": FORMAT_VERSION,
        "rows": fingerprint(config.data, config.split, places),
        "outside": fingerprint("stsb", "validation", places),
        "shapes": wanted_shapes(config),
        "negatives": config.negatives,
        "mining": mining,
        "holdout": holdout_share(config),
        "tokenizer": file_sha256(tokenizer) if tokenizer else None,
        "versions": library_versions() if mining else None,
    }
    key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return places.runs_dir / PREPARED / key[:32]


def weights_mark(base_model: str, places: Places) -> list[int]:
    """Return when and how large a model's weights were written: a folder may hold other ones the next time."""
    if base_model in BASE_MODELS and BASE_MODELS[base_model].hub_id is None:
        return []
    facts = [path.stat() for path in sorted(model_folder(base_model, places.runs_dir).rglob("*.safetensors"))]
    return [number for fact in facts for number in (fact.st_mtime_ns, fact.st_size)]


def find_prepared(folder: Path) -> PreparedExamples | None:
    """Return what lies ready in a prepared folder, or None while it is not whole."""
    report = read_json(folder / "report.json")
    return PreparedExamples(folder, report) if isinstance(report, dict) else None
