"""Rows that `datasets` downloaded earlier are found without a network; the cache here is one that it could have written."""

import os
import subprocess
import sys
from pathlib import Path

from datasets import Dataset, DatasetInfo
from datasets.arrow_writer import ArrowWriter

from tests.ready import ROOT

READ = """
from core.places import Places
from core.rows import Asked, load_rows
rows = load_rows(Asked('stsb', 'validation'), Places())
print(len(rows.frame), rows.found)
"""


def write_cache(cache: Path) -> None:
    folder = cache / "sentence-transformers___stsb" / "default" / "0.0.0" / "abc123"
    folder.mkdir(parents=True)
    rows = Dataset.from_dict({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [0.2, 0.9]})
    with ArrowWriter(path=str(folder / "stsb-validation.arrow"), features=rows.features) as writer:
        for row in rows:
            writer.write(row)
        count, size = writer.finalize()
    split = {"name": "validation", "num_bytes": size, "num_examples": count, "dataset_name": "stsb"}
    info = {"builder_name": "parquet", "dataset_name": "stsb", "config_name": "default", "version": "0.0.0"}
    DatasetInfo(features=rows.features, splits={"validation": split}, **info).write_to_directory(str(folder))


def read(cache: Path, offline: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_DATASETS_CACHE": str(cache), "HF_HUB_OFFLINE": offline}
    return subprocess.run(
        [sys.executable, "-c", READ], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_cached_split_is_read_offline(tmp_path: Path) -> None:
    write_cache(tmp_path)
    assert read(tmp_path, "1").stdout.strip() == "2 stsb/validation from the Hub's cache"


def test_process_that_could_ask_the_hub_does_not(tmp_path: Path) -> None:
    write_cache(tmp_path)
    assert "stsb/validation is not here" in read(tmp_path, "0").stderr
