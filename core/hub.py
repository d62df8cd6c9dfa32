"""Data sets of the Hugging Face Hub: fetched when a person asks, read from the Hub's cache otherwise."""

import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from core.data_catalogue import DATA_SETS, hub_name
from core.errors import DataError, is_disk_full
from core.files import write_json
from core.json_tables import as_cell
from core.run_log import RunLog
from core.sources import fetched_folder
from core.table_layout import CHUNK_ROWS

PATIENCE_SECONDS = 3.0
Progress = Callable[[str, int, int], None]


def hub_address() -> str:
    """Return where the Hub is asked."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def is_reachable() -> bool:
    """Ask the Hub for an answer, whatever it be, and give up early: a packet that vanishes answers nothing."""
    answered = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(hub_address(), method="HEAD"), timeout=PATIENCE_SECONDS):
                answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, ValueError):
            return

    # In a thread of its own: looking up a name cannot be given a deadline.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return answered.is_set()


def check_reachable() -> None:
    """Refuse to go on without the Hub.

    Raises:
        DataError: it does not answer.
    """
    if not is_reachable():
        raise DataError(
            f"The Hub ({hub_address()[:60]}) does not answer; check the network, or put the files into your data folder. "
            "Nothing was lost."
        )


class HubTable:
    """A split that `datasets` holds, memory-mapped or streamed, as a table of text columns."""

    def __init__(self, dataset: Any, where: str) -> None:
        features = dataset.features or {}
        self._dataset = dataset
        # A class is stored as a number; its name is what the person knows.
        self._classes = {name: list(kind.names) for name, kind in features.items() if hasattr(kind, "names")}
        self.where = where
        self.columns = [name for name, kind in features.items() if hasattr(kind, "dtype") and not isinstance(kind, (list, dict))]
        self.notes: list[str] = []
        self.skipped: list[int] = []

    def chunks(self) -> Iterator[pa.Table]:
        """Yield the rows in order."""
        for batch in self._dataset.iter(batch_size=CHUNK_ROWS):
            names = self.columns or list(batch)
            yield pa.table({name: pa.array([self._cell(name, value) for value in batch[name]], pa.string()) for name in names})

    def _cell(self, name: str, value: Any) -> str | None:
        classes = self._classes.get(name)
        if classes is not None and isinstance(value, int):
            return classes[value] if 0 <= value < len(classes) else str(value)
        return as_cell(value)

    def row_number(self, index: int) -> int:
        """Return the number, from 1, of the `index`-th row read."""
        return index + 1


def open_cached(data: str, split: str) -> HubTable | None:
    """Return a split that `datasets` downloaded earlier, or None; only an offline process looks, so this asks nobody."""
    if os.environ.get("HF_HUB_OFFLINE") != "1" or data == "sample":
        # This process could ask the Hub, and nobody asked it to.
        return None
    name = hub_name(data)
    if not may_be_cached(name.id) or _is_folder_here(name.id):
        return None
    import datasets  # noqa: PLC0415  the web process reads rows too, and must not load it
    from datasets.exceptions import DatasetNotFoundError  # noqa: PLC0415

    try:
        table = datasets.load_dataset(name.id, name.configuration, split=split, revision=name.revision)
    except (FileNotFoundError, ConnectionError, ValueError, DatasetNotFoundError):
        return None
    return HubTable(table, f"{data}/{split} from the Hub's cache")


def _is_folder_here(dataset_id: str) -> bool:
    """Tell whether the library would read files of this machine for a name of the Hub: those of a folder that is called so."""
    return Path(dataset_id).exists()


def may_be_cached(dataset_id: str) -> bool:
    """Look for a folder of that name first: importing `datasets` only to hear no takes seconds."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    prepared = Path(os.environ.get("HF_DATASETS_CACHE", home / "datasets")) / dataset_id.replace("/", "___")
    downloaded = Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"datasets--{dataset_id.replace('/', '--')}"
    return prepared.is_dir() or downloaded.is_dir()


def fetch(data: str, split: str, max_rows: int | None, folder: Path, progress: Progress) -> int:
    """Get one split from the Hub into `folder`/<split>.parquet and return its number of rows.

    With `max_rows` the rows are streamed, so that the rest is never downloaded.

    Raises:
        DataError: the Hub does not answer, or has no such data set, configuration or split.
    """
    progress("Asking the Hub", 0, 1)
    check_reachable()
    import datasets  # noqa: PLC0415  seconds of import that a missing network should not cost
    from datasets.exceptions import DatasetNotFoundError  # noqa: PLC0415

    name, where = hub_name(data), f"{data[:80]}/{split[:40]}"
    if _is_folder_here(name.id):
        raise DataError(f"{where}: files of this machine are no data set of the Hub; write hub:owner/name, or upload them.")
    progress("Downloading", 0, 1)
    try:
        dataset = datasets.load_dataset(
            name.id, name.configuration, split=split, revision=name.revision, streaming=max_rows is not None
        )
        if max_rows is not None:
            dataset = dataset.take(max_rows)
        return _write(HubTable(dataset, where), folder / f"{split}.parquet", max_rows or len(dataset), progress)
    except DatasetNotFoundError:
        raise DataError(
            f"{where}: the Hub shows no such data set; check the id, "
            "or accept its terms on the Hub and sign in with hf auth login."
        ) from None
    except (ValueError, FileNotFoundError) as error:
        # Its own words name what there is: "Unknown split ... should be one of [...]".
        reason = " ".join(str(error).split())[:150]
        raise DataError(f"{where} is not on the Hub: {reason} Choose another configuration or split.") from None
    except (ConnectionError, OSError) as error:
        if is_disk_full(error):
            raise
        raise DataError(f"{where}: the connection to the Hub broke off ({type(error).__name__}); press Get again.") from None


def _write(table: HubTable, path: Path, total: int, progress: Progress) -> int:
    beside, rows, writer = path.with_suffix(".part"), 0, None
    try:
        for chunk in table.chunks():
            writer = writer or pa.parquet.ParquetWriter(beside, chunk.schema)
            writer.write_table(chunk)
            rows += len(chunk)
            progress("Keeping the rows", rows, max(total, rows))
        if writer is None:
            raise DataError(f"{table.where} has no rows on the Hub; choose another split.")
        writer.close()
        beside.replace(path)
        return rows
    finally:
        beside.unlink(missing_ok=True)


def what_to_get(data: str) -> str:
    """Say what fetching a catalogue entry brings, size and licence included."""
    spec = DATA_SETS[data]
    return f"{spec.title}: {spec.size}; licence: {spec.licence}"


def fetch_job(log: RunLog) -> None:
    """Do the work of a folder whose kind is `fetch`: all splits of a catalogue entry, or the one that was asked for.

    Raises:
        DataError: the Hub does not answer, or has no such rows.
    """
    config = log.run.config()
    assert log.places.runs_dir is not None
    splits = DATA_SETS[config.data].splits if config.data in DATA_SETS else (config.split,)
    folder = fetched_folder(log.places.runs_dir, config.data)
    folder.mkdir(parents=True, exist_ok=True)
    log.enter("loading", f"Getting {config.data} from the Hub")
    rows = sum(fetch(config.data, split, config.max_rows, folder, log.progress) for split in splits)
    # A split that was fetched before is still here.
    here = sorted(path.stem for path in folder.glob("*.parquet"))
    write_json(folder / "about.json", {"data": config.data, "splits": here, "fetched": time.time()})
    log.end("done", f"{rows:,} rows are here")
