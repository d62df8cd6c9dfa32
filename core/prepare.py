"""The prepared file: what the loss will see, made once and read by preview, trainer and pictures alike."""

import hashlib
import json
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.config import RunConfig
from core.errors import DataError
from core.examples import convert
from core.files import read_json, write_json
from core.settings import shape_for
from core.sources import Rows, load_rows

FORMAT_VERSION = 1
FEWEST_EXAMPLES = 2


@dataclass(frozen=True)
class PreparedExamples:
    """A prepared file and its report: rows read, rows dropped and why, examples made, where the rows lay."""

    path: Path
    shape: str
    report: dict[str, Any]

    def frame(self) -> pd.DataFrame:
        """Read the examples; columns stand in the order in which the loss binds them."""
        return pd.read_parquet(self.path)


def make_examples(config: RunConfig, rows: Rows) -> tuple[str, pd.DataFrame, dict[str, Any]]:
    """Turn rows into examples and say what came of them: (shape, examples, report)."""
    shape = shape_for(config, rows.kind)
    examples = convert(rows.frame, rows.kind, shape)
    if len(examples) < FEWEST_EXAMPLES:
        raise DataError(f"{config.data[:80]} gives {len(examples)} {shape}; training needs {FEWEST_EXAMPLES} or more.")
    report = {
        "data": config.data,
        "split": config.split,
        "found": rows.found,
        "rows": len(rows.frame),
        "dropped": dict(rows.dropped),
        "notes": list(rows.notes),
        "shape": shape,
        "examples": len(examples),
        "rows_sha256": rows.sha256,
    }
    return shape, examples, report


def prepare(config: RunConfig, data_dir: Path | None, runs_dir: Path) -> PreparedExamples:
    """Return the examples' file of a configuration, made now or earlier from the very same rows.

    Raises:
        DataError: the rows cannot be found or used.
        ConfigError: the rows cannot become what the loss needs.
    """
    rows = load_rows(config.data, config.split, data_dir)
    shape = shape_for(config, rows.kind)
    said = [rows.found, dict(rows.dropped), rows.notes, config.data, config.split]
    key = json.dumps([FORMAT_VERSION, rows.sha256, shape, *said])
    folder = runs_dir / ".prepared" / hashlib.sha256(key.encode()).hexdigest()[:32]
    report = read_json(folder / "report.json")
    if report is None:
        shape, examples, report = make_examples(config, rows)
        _write(folder, examples, report)
    return PreparedExamples(folder / "examples.parquet", shape, report)


def _write(folder: Path, examples: pd.DataFrame, report: dict[str, Any]) -> None:
    """Fill a folder beside the place and move it there, so that a half-written one is never read."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        beside.mkdir(parents=True, exist_ok=True)
        examples.to_parquet(beside / "examples.parquet", index=False)
        write_json(beside / "report.json", report)
        # Another process may have been first; what it wrote is the same.
        if not (folder / "report.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
