"""Which sizes of embeddings are compared, and which a model was trained for. Loads no torch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.errors import ConfigError, RunError
from core.measuring import RUN, UNTOUCHED
from core.places import Places
from core.run_store import open_run
from core.sources import fingerprint

# Another way of measuring is another answer: it is asked anew.
VERSION = 1
SIZES = (384, 256, 128, 64, 32)
MOST_SIZES = 12
FLOAT32, INT8, BINARY = "float32", "int8", "binary"
PRECISIONS = (FLOAT32, INT8, BINARY)
# What calibrates int8, where it is here.
CALIBRATION = ("stsb", "train")
# A smaller embedding serves as well where it keeps so much of the whole one's Spearman.
KEPT_SHARE = 0.99


def parse_sizes(text: str) -> tuple[int, ...]:
    """Return the numbers of dimensions in a text such as "256, 128", largest first, each once; none in an empty text.

    Raises:
        ConfigError: a word is no number of dimensions, or there are more than twelve.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    # `isdecimal` lets digits of any script through, and int() reads them.
    wrong = next((word for word in words if not word.isdecimal() or len(word) > 5 or int(word) < 1), None)
    if wrong is not None:
        raise ConfigError("dimensions", f"'{wrong[:20]}' is no number of dimensions; write such as 256, 128, 64.")
    sizes = tuple(sorted({int(word) for word in words}, reverse=True))
    if len(sizes) > MOST_SIZES:
        raise ConfigError("dimensions", f"{len(sizes)} sizes are too many; write {MOST_SIZES} at most.")
    return sizes


def trained_sizes(name: str, places: Places) -> tuple[int, ...]:
    """Return the numbers of dimensions that a model's own run trained to serve alone (Matryoshka); none where it did not.

    Of other models nobody knows here.
    """
    if name.startswith(UNTOUCHED):
        config = _config(name.removeprefix(UNTOUCHED), places)
        return trained_sizes(str(config["base_model"]), places) if config else ()
    config = _config(name.removeprefix(RUN), places) if name.startswith(RUN) else None
    return tuple(int(size) for size in config["matryoshka"]) if config else ()


def _config(run: str, places: Places) -> Mapping[str, Any] | None:
    assert places.runs_dir is not None
    try:
        return open_run(places.runs_dir, run).config().model_dump()
    except RunError:
        return None


def bytes_settings(names: Sequence[str], asked: str, places: Places) -> dict[str, str | float]:
    """Return what decides the answer besides models and rows, for `task_settings`: the sizes of all models, and calibration.

    Raises:
        ConfigError: `asked` holds something else than numbers of dimensions.
    """
    trained = {size for name in names for size in trained_sizes(name, places)}
    sizes = parse_sizes(asked) or tuple(sorted(trained or SIZES, reverse=True))
    return {
        "version": VERSION,
        "dimensions": json.dumps(sizes),
        "asked": "yes" if asked.strip() else "",
        "calibration": fingerprint(*CALIBRATION, places),
    }


def bytes_of(dimensions: int, precision: str) -> int:
    """Return how many bytes an embedding takes: four a dimension, one, or one for eight of them."""
    return {FLOAT32: 4 * dimensions, INT8: dimensions, BINARY: -(-dimensions // 8)}[precision]


def smallest_that_serves(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the row with the fewest bytes that keeps 99 % of the largest float32 embedding's Spearman.

    None where there is none smaller, or the whole embedding orders no pair rightly.
    """
    scored = [row for row in rows if row["spearman"] is not None]
    whole = max((row for row in scored if row["precision"] == FLOAT32), key=lambda row: row["bytes"], default=None)
    if whole is None or whole["spearman"] <= 0:
        return None
    good = [row for row in scored if row["spearman"] >= KEPT_SHARE * whole["spearman"] and row["bytes"] < whole["bytes"]]
    return min(good, key=lambda row: (row["bytes"], -row["spearman"]), default=None)
