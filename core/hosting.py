"""What each visitor of a shared studio may use of it. A studio of one's own has none of these limits.

A visitor is known by the runs folder that their work lies in (`core.visitors`), so that page, endpoints, workers and supervisor
come to the same answer without being told.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from core.base_models import BASE_MODELS
from core.config import PREVIOUS, RunConfig
from core.data_catalogue import data_parts
from core.errors import ConfigError, DataError, ModelError, RunError
from core.visitors import NOBODY, owner_of_shelf

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Rows of a data set, tokens of a text, seconds of a run, bytes on the disk, of an upload and of a model, hours kept.

    `open_jobs` are the pieces of work beside runs, such as preparing or measuring, that wait or go on.
    """

    rows: int = 20_000
    tokens: int = 256
    seconds: float = 600.0
    disk: int = 600 * MEGABYTE
    upload: int = 20 * MEGABYTE
    open_runs: int = 8
    open_jobs: int = 16
    hours: float = 24.0
    model: int = 600 * MEGABYTE

    def sentence(self) -> str:
        """Say all of them, before anybody meets one."""
        return (
            f"This studio is shared: up to {self.rows:,} rows a data set, {self.tokens} tokens a text, "
            f"{self.seconds / 60:.0f} minutes a run, {self.open_runs} runs at once that wait or go on, "
            f"uploads and models of the Hub up to {self.upload // MEGABYTE} and {self.model // MEGABYTE} MB, "
            f"{self.disk // MEGABYTE} MB in all. Runs wait for each other, are yours alone, and are removed after "
            f"{self.hours:.0f} hours: take the model away before."
        )


LIMITS = Limits()


def is_hosted() -> bool:
    """Tell whether strangers share this studio: `STUDIO_HOSTED=1` or `0`, else whether it is a Space."""
    said = os.environ.get("STUDIO_HOSTED", "")
    return said == "1" if said in ("0", "1") else bool(os.environ.get("SPACE_ID"))


def row_limit(runs_dir: Path | None) -> int | None:
    """Return how many rows of a data set are read for the work of a runs folder; None where all are."""
    return LIMITS.rows if runs_dir is not None and owner_of_shelf(runs_dir) else None


def check_work(config: RunConfig, runs_dir: Path) -> None:
    """Refuse what a visitor may not ask for; a runs folder of nobody's in particular may have anything.

    Raises:
        ConfigError: a setting goes past a limit.
        RunError: the visitor is unknown, or has used up the disk.
    """
    owner = owner_of_shelf(runs_dir)
    if not owner:
        return
    if owner == NOBODY:
        raise RunError("This page does not know yet who you are; reload it.")
    if config.max_seq_length is not None and config.max_seq_length > LIMITS.tokens:
        raise ConfigError("max_seq_length", f"{LIMITS.tokens} tokens are the most on this shared studio; set it to that.")
    if config.time_budget_seconds is not None and config.time_budget_seconds > LIMITS.seconds:
        raise ConfigError("time_budget_seconds", f"{LIMITS.seconds:.0f} s are the most on this shared studio; set it to that.")
    if config.kind == "fetch" and (config.max_rows is None or config.max_rows > LIMITS.rows):
        raise ConfigError("max_rows", f"{LIMITS.rows:,} rows are the most on this shared studio; ask for so many.")
    if config.task_settings.get("online"):
        raise ConfigError("task", "its data would lie on everybody's disk; choose a task whose data are on this shared studio.")
    check_names(config)
    check_room(runs_dir)


def check_room(runs_dir: Path) -> None:
    """Refuse to keep more of a visitor's where the disk is used up.

    Raises:
        RunError: it is.
    """
    used = used_bytes(runs_dir) if owner_of_shelf(runs_dir) else 0
    if used > LIMITS.disk:
        raise RunError(f"Your work takes {used // MEGABYTE:,} MB, and {LIMITS.disk // MEGABYTE} are the most here; delete a run.")


def check_model(called: str, size: int, runs_dir: Path, coming: Path) -> None:
    """Refuse a visitor's model of the Hub of so many bytes, before it comes or once it turns out to be larger than was said.

    `coming` is the folder that it comes into: what lies there is counted once.

    Raises:
        ModelError: it is too large, or there is no room for it.
    """
    if not owner_of_shelf(runs_dir):
        return
    if size > LIMITS.model:
        raise ModelError(
            f"{called[:60]} has {size // MEGABYTE:,} MB, and {LIMITS.model // MEGABYTE} are the most on this shared studio; "
            "choose a smaller one."
        )
    if used_bytes(runs_dir) - used_bytes(coming) + size > LIMITS.disk:
        raise ModelError(
            f"{called[:60]} has {size // MEGABYTE:,} MB, and your work may take {LIMITS.disk // MEGABYTE} in all; "
            "delete a run first."
        )


def check_names(config: RunConfig) -> None:
    """Refuse files and folders of the machine: they are not a stranger's to read.

    Raises:
        ConfigError: a setting names one.
    """
    named = {"base_model": config.base_model, "teacher": config.teacher, "mining.model": config.mining.model}
    named |= {"mining.judge": config.mining.judge, "silver.judge": config.silver.judge if config.silver else None}
    for key, model in [*named.items(), *(("models", model) for model in config.models)]:
        if model and names_folder(model):
            raise ConfigError(key, "folders of this machine cannot be named here; choose one of the list, or hub:owner/name.")
    if names_file(config.data):
        raise ConfigError("data", "files of this machine cannot be named here; upload yours.")


def names_folder(model: str) -> bool:
    """Tell whether a model may be a folder of this machine; a bare owner/name could be one as well."""
    return model not in BASE_MODELS and model != PREVIOUS and not model.startswith(("run:", "untouched:", "hub:"))


def names_file(data: str) -> bool:
    """Tell whether a choice of data names a file of this machine."""
    return any(part.startswith("file:") for part in data_parts(data))


def check_upload(size: int, runs_dir: Path) -> None:
    """Refuse a visitor's file that is too large, or one more where the disk is used up.

    Raises:
        DataError: it is.
    """
    if not owner_of_shelf(runs_dir):
        return
    if size > LIMITS.upload:
        raise DataError(
            f"The file has {size // MEGABYTE:,} MB, and {LIMITS.upload // MEGABYTE} are the most on this shared studio; cut it."
        )
    if used_bytes(runs_dir) + size > LIMITS.disk:
        raise DataError(f"Your work takes {LIMITS.disk // MEGABYTE} MB, the most on this shared studio; delete a run first.")


def used_bytes(runs_dir: Path) -> int:
    """Return what a runs folder takes on the disk."""
    total = 0
    for folder, _, names in os.walk(runs_dir):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(folder) / name).lstat().st_size
    return total
