"""The work of a folder whose kind is `fetch-model`: a model's files are brought from the Hub, pickles and code left there."""

import shutil
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

import huggingface_hub
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from tqdm.auto import tqdm

from core.errors import ConfigError, ModelError, is_disk_full
from core.files import write_json
from core.hosting import check_model
from core.hub import hub_address, is_reachable
from core.hub_models import HubModel, fetched_model_folder, hub_model
from core.model_checks import PICKLES, check_folder, only_pickles
from core.run_log import RunLog

Progress = Callable[[str, int, int], None]
WEIGHTS = "*.safetensors"
WANTED = (WEIGHTS, "*.json", "*.txt", "*.model")
UNWANTED = ("onnx/*", "openvino/*", "coreml/*", "*/onnx/*", "*/openvino/*")
TELL_SECONDS = 0.3
COMING = "Downloading bytes"
# The library's client differs between versions; its error for an answer derives from the client's own and from OSError.
CONNECTION_FAULTS = cast("tuple[type[Exception], ...]", (*HfHubHTTPError.__bases__, OSError))


def fetch_model(log: RunLog) -> None:
    """Bring the configuration's `base_model` from the Hub into the runs folder, where it is looked for first.

    Raises:
        ConfigError: it is no model of the Hub.
        ModelError: the Hub does not answer, does not give it, or it is none that can be trained.
    """
    name = log.run.config().base_model
    model = hub_model(name)
    if model is None:
        raise ConfigError(
            "base_model", f"'{name[:60]}' is no model of the Hub; write owner/name, or choose one of the catalogue."
        )
    log.enter("loading", f"Getting {model.name} from the Hub")
    folder = fetched_model_folder(log.run.runs_dir, model)

    def progress(phase: str, done: int, total: int) -> None:
        # The list may have said less than what comes.
        if phase == COMING:
            _check_size(model, done, folder_of_part(folder))
        log.progress(phase, done, total)

    download(model, folder, progress)
    write_json(folder.with_name(f"{folder.name}.json"), {"model": model.name, "fetched": time.time()})
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    log.end("done", f"{model.name} is here, {size / 1e6:,.0f} MB")


def download(model: HubModel, folder: Path, progress: Progress) -> None:
    """Download a model beside its place and move it there when it is whole and can be used.

    What came before a connection broke is kept, and the next try goes on from there.

    Raises:
        ModelError: as of `fetch_model`.
    """
    progress("Asking the Hub", 0, 1)
    if not is_reachable():
        raise ModelError(
            f"The Hub ({hub_address()[:60]}) does not answer; check the network, or put the model's folder on this disk and "
            "name it as base_model. Nothing was lost."
        )
    beside = folder_of_part(folder)
    beside.mkdir(parents=True, exist_ok=True)
    _download_files(model, beside, progress)
    try:
        check_folder(beside, model.name)
    except ModelError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    # The library's notes on the download; the model is whole without them.
    shutil.rmtree(beside / ".cache", ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    beside.replace(folder)


def folder_of_part(folder: Path) -> Path:
    """Return where a model lies as long as it is not whole."""
    return folder.with_name(f".{folder.name}.part")


def _check_size(model: HubModel, size: int, part: Path) -> None:
    try:
        check_model(model.name, size, part.parent.parent, part)
    except ModelError:
        # It will never be whole, and would take the room of a smaller one.
        shutil.rmtree(part, ignore_errors=True)
        raise


def _download_files(model: HubModel, folder: Path, progress: Progress) -> None:
    try:
        _look_at_list(model, folder)
        huggingface_hub.snapshot_download(
            model.id,
            revision=model.revision,
            local_dir=str(folder),
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
            tqdm_class=_bar_that_tells(progress),
        )
    except GatedRepoError:
        raise ModelError(
            f"{model.name}: its owner asks for your consent; accept the terms at {hub_address()}/{model.id}, "
            "sign in with hf auth login, and press Get again."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise ModelError(
            f"{model.name}: the Hub shows no such model; check its id, or sign in with hf auth login if it is private."
        ) from None
    except CONNECTION_FAULTS as error:
        if is_disk_full(error):
            raise
        raise _broken_off(model, type(error).__name__) from None
    # Without an answer to its first question the library hands back what it finds, whole or not.
    if any(folder.rglob("*.incomplete")):
        raise _broken_off(model, "incomplete")


def _look_at_list(model: HubModel, folder: Path) -> None:
    """Read the list of a model's files before any of them: gigabytes should not come for a refusal."""
    files = huggingface_hub.model_info(model.id, revision=model.revision, files_metadata=True).siblings or []
    names = [file.rfilename for file in files]
    wanted = [file for file in files if _fits(file.rfilename, WANTED) and not _fits(file.rfilename, UNWANTED)]
    _check_size(model, sum(file.size or 0 for file in wanted), folder)
    is_safe = any(_fits(name, (WEIGHTS,)) and not _fits(name, UNWANTED) for name in names)
    if not is_safe and any(_fits(name, PICKLES) for name in names):
        raise only_pickles(model.name)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _broken_off(model: HubModel, how: str) -> ModelError:
    return ModelError(f"{model.name}: the connection to the Hub broke off ({how}); press Get again, it goes on where it ended.")


def _bar_that_tells(progress: Progress) -> "type[tqdm[Any]]":
    """Return a progress bar for the library that draws nothing and tells how many bytes have come."""
    told = {"at": 0.0, "bytes": 0}

    class Bar(tqdm):  # type: ignore[type-arg]
        def display(self, *_: Any, **__: Any) -> None:
            return

        def update(self, n: float | None = 1) -> bool | None:
            done = super().update(n)
            # The library draws several bars at once; files are counted by one, bytes by others.
            if self.unit == "B" and self.n > told["bytes"] and time.monotonic() - told["at"] > TELL_SECONDS:
                told.update(at=time.monotonic(), bytes=int(self.n))
                progress(COMING, int(self.n), int(self.total or self.n))
            return done

    return Bar
