"""Models of the Hugging Face Hub by name: how one is written, and where its files lie on this disk. Asks no network."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from core.files import read_json
from core.model_catalogue import BASE_MODELS, BaseModelSpec

MODELS, FETCHING = ".models", ".fetching"
DEFAULT_REVISION = "main"
HUB_MODEL = re.compile(r"(?:hub:)?(?P<id>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(?:@(?P<revision>\w[\w./-]{0,99}))?")
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubModel:
    """One model of the Hub: `id` is owner/name, `revision` a branch, a tag or a commit."""

    id: str
    revision: str = DEFAULT_REVISION

    @property
    def name(self) -> str:
        """The name as a person would write it."""
        return self.id if self.revision == DEFAULT_REVISION else f"{self.id}@{self.revision}"

    @property
    def folder_name(self) -> str:
        """The name as a folder's."""
        return self.name.replace("/", "--")


def hub_model(base_model: str) -> HubModel | None:
    """Return which model of the Hub a catalogue id, owner/name[@revision] or hub:owner/name names, or None."""
    spec = BASE_MODELS.get(base_model)
    if spec is not None:
        return HubModel(spec.hub_id) if spec.hub_id else None
    match = HUB_MODEL.fullmatch(base_model)
    if match is None or ".." in base_model:
        return None
    return HubModel(match["id"], match["revision"] or DEFAULT_REVISION)


def spec_of(base_model: str) -> BaseModelSpec | None:
    """Return the catalogue entry of a model, also where it is named by its id on the Hub."""
    if base_model in BASE_MODELS:
        return BASE_MODELS[base_model]
    model = hub_model(base_model)
    return next((spec for spec in BASE_MODELS.values() if model and spec.hub_id == model.id), None)


def hub_cache() -> Path:
    """Return where the Hub's library keeps what it downloads, by the same rules as the library's own."""
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or home) / "hub").expanduser()


def cached_folder(model: HubModel) -> Path | None:
    """Return the folder that the Hub's library downloaded a model into earlier, or None."""
    kept = hub_cache() / f"models--{model.id.replace('/', '--')}"
    commit = model.revision
    if not COMMIT.fullmatch(commit):
        try:
            commit = (kept / "refs" / model.revision).read_text().strip()
        except (OSError, ValueError):
            return None
    folder = kept / "snapshots" / commit
    return folder if commit and folder.is_dir() else None


def fetched_model_folder(runs_dir: Path, model: HubModel) -> Path:
    """Return the folder for a model that is fetched when a person asks."""
    return runs_dir / MODELS / model.folder_name


def model_job_folder(runs_dir: Path, base_model: str) -> Path:
    """Return the folder of the job that fetches a model; a name that is no Hub model's gives one whose job says so."""
    model = hub_model(base_model)
    name = model.folder_name if model else re.sub(r"\W", "-", base_model)[:80]
    return runs_dir / FETCHING / f"model-{name}"


def find_hub_folder(model: HubModel, runs_dir: Path | None) -> Path | None:
    """Return where a model's files lie: fetched by the studio, else in the Hub's cache, else None.

    A tokenizer alone, which the Hub's library may have kept of a model, is no model.
    """
    places = [fetched_model_folder(runs_dir, model)] if runs_dir else []
    cached = cached_folder(model)
    places += [cached] if cached else []
    return next((place for place in places if _is_described(place) and _has_weights(place)), None)


def _is_described(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("modules.json", "config.json"))


def _has_weights(folder: Path) -> bool:
    return any(any(folder.glob(pattern)) for kind in ("safetensors", "bin") for pattern in (f"*.{kind}", f"*/*.{kind}"))


def fetched_models(runs_dir: Path) -> list[str]:
    """Return the names of the models that were fetched, catalogue entries left out."""
    found = (read_json(path) or {} for path in sorted((runs_dir / MODELS).glob("*.json")))
    known = {spec.hub_id for spec in BASE_MODELS.values()}
    return [str(about["model"]) for about in found if about.get("model") and about["model"] not in known]
