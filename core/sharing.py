"""A run to take away: one zip with its model, its card, its settings, curves, scores and film, without any place of this machine.

The texts of the held-out rows lie in the film and in the snapshots it is drawn from, those of the training rows beside the script
that trains the model again, and nowhere else: both can be left out.
"""

import json
import os
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.bundle_names import most_bytes
from core.errors import RunError, StudioError, is_disk_full, one_sentence
from core.events import read_events
from core.explore_answers import saved_page
from core.files import read_json
from core.model_card import model_card
from core.outgoing import places_in, without_places
from core.places import Places
from core.repro import script_files
from core.runs import RunFolder
from core.spaces import PROBES_FILE, snapshot_steps

MODEL, CARD, FILM, STATUS, SCRIPT = "model/", "model/README.md", "film.html", "status.json", "repro/"
# Facts that a replay shows; the process and the machine's folders are nobody else's.
TOLD = ("state", "detail", "created", "started", "finished", "has_model", "error")
NAMED_IN_A_MODEL = frozenset({"_name_or_path", "name_or_path"})
# Weights do not get smaller, and film and texts do.
STORED = (".safetensors", ".npy", ".npz", ".parquet")
CHUNK = 2**20


def bundle_name(run: RunFolder) -> str:
    """Return what a run's bundle is called unless somebody says otherwise."""
    return f"{run.id}.zip"


def write_bundle(run: RunFolder, out: Path, with_film: bool = True, with_script: bool = True) -> Path:
    """Write a run's bundle beside its place and move it there.

    Args:
        run: one that left a model.
        out: the zip to write.
        with_film: whether the film goes along, which holds texts of the held-out rows.
        with_script: whether the script goes along, with the training examples; left out where `why_no_script` says so.

    Raises:
        ModelError: the run left no model.
        RunError: the run cannot be read, or the file cannot be written.
        StudioError: the film cannot be drawn; the sentence is the desk's.
    """
    # First of all: it refuses a run without a model.
    card = model_card(run)
    film = _film(run) if with_film else None
    beside = out.with_name(f".{out.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
            for name, content in _members(run, with_film):
                _put(bundle, name, content)
            _put(bundle, CARD, card.encode())
            if film is not None:
                _put(bundle, FILM, film.encode())
            for name, content in _script(run).items() if with_script else ():
                _put(bundle, f"{SCRIPT}{name}", content)
        beside.replace(out)
    except OSError as error:
        reason = "the disk is full: free some space" if is_disk_full(error) else f"{error.strerror}: choose another place"
        raise RunError(f"{str(out)[-120:]} cannot be written; {reason}.") from None
    finally:
        beside.unlink(missing_ok=True)
    return out


def repository_files(run: RunFolder, repository: str, with_film: bool = False) -> dict[str, Path | bytes]:
    """Return what a repository of the Hub takes of a run, by its name there: the model's files, the card, the film if asked.

    Raises:
        ModelError: the run left no model.
        RunError: the film is asked for, and the run kept none.
        StudioError: the film cannot be drawn; the sentence is the desk's.
    """
    card = model_card(run, repository)
    files: dict[str, Path | bytes] = {name.removeprefix(MODEL): content for name, content in _model_files(run)}
    files[CARD.removeprefix(MODEL)] = card.encode()
    if with_film:
        film = _film(run)
        if film is None:
            raise RunError(f"Run {run.id} kept no film; push it without one. Nothing was sent.")
        files[FILM] = film.encode()
    return files


def why_no_script(run: RunFolder) -> str:
    """Return why a run has no script that trains its model again, or nothing where it has one."""
    try:
        _script_of(run)
    except StudioError as error:
        return one_sentence(error)
    return ""


def _script(run: RunFolder) -> Mapping[str, bytes]:
    try:
        return _script_of(run)
    except StudioError:
        # Its examples are gone, or it came from elsewhere: the rest can be taken away all the same.
        return {}


def _script_of(run: RunFolder) -> Mapping[str, bytes]:
    status = run.status()
    if status is not None and status.opened_from:
        raise RunError(f"Run {run.id} came from elsewhere, so its examples are not here; the script is in {status.opened_from}.")
    return script_files(run, _places_of(run))


def _places_of(run: RunFolder) -> Places:
    status = run.status()
    return Places(Path(status.data_dir) if status and status.data_dir else None, run.runs_dir)


def _put(bundle: zipfile.ZipFile, name: str, content: Path | bytes) -> None:
    # A fixed time: the same run gives the same bytes.
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(STORED) else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    if isinstance(content, bytes):
        bundle.writestr(entry, content)
        return
    entry.file_size = content.stat().st_size
    with content.open("rb") as source, bundle.open(entry, "w") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


def _members(run: RunFolder, with_film: bool) -> Iterator[tuple[str, Path | bytes]]:
    """Yield each file's name in the bundle with where it lies, or with what is left of it without this machine's places."""
    places = places_in(run, run.config().model_dump(mode="json"))
    yield STATUS, _as_json(without_places(_told(run), places))
    yield "events.jsonl", _events(run, places)
    yield from _model_files(run)
    for path in sorted(run.path.rglob("*")):
        name = path.relative_to(run.path).as_posix()
        if path.is_symlink() or not path.is_file() or not most_bytes(name) or name in (STATUS, "events.jsonl"):
            continue
        if name.startswith("snapshots/"):
            if with_film:
                yield name, path
        elif not name.startswith(MODEL):
            yield name, _as_json(without_places(read_json(path), places))


def _model_files(run: RunFolder) -> Iterator[tuple[str, Path | bytes]]:
    for path in sorted((run.path / "model").rglob("*")):
        name = path.relative_to(run.path).as_posix()
        if path.is_file() and not path.is_symlink() and most_bytes(name):
            yield name, _without_origin(path) if path.name in ("config.json", "tokenizer_config.json") else path


def _told(run: RunFolder) -> dict[str, Any]:
    status = run.status()
    assert status is not None
    facts = {name: getattr(status, name) for name in TOLD}
    error = {name: value for name, value in status.error.items() if name in ("kind", "message")}
    return facts | {"error": error, "run": run.id}


def _events(run: RunFolder, places: Mapping[str, str]) -> bytes:
    lines = (json.dumps(without_places(event, places), ensure_ascii=False) for event in read_events(run.events_path))
    return "".join(f"{line}\n" for line in lines).encode()


def _without_origin(path: Path) -> Path | bytes:
    """Return a model's configuration without where it was loaded from; the file itself where it does not say."""
    config = read_json(path)
    if not isinstance(config, dict) or not NAMED_IN_A_MODEL & config.keys():
        return path
    return _as_json({key: value for key, value in config.items() if key not in NAMED_IN_A_MODEL})


def _as_json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _film(run: RunFolder) -> str | None:
    """Return the film as one HTML file, by its main axes; None for a run that kept none."""
    folder = run.path / "snapshots"
    if not snapshot_steps(folder) or not (folder / PROBES_FILE).is_file():
        return None
    return saved_page(run.runs_dir, {"run": run.id})
