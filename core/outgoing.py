"""What of a run may leave this machine: its words without the places of the machine, a file or folder by its bare name."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.base_models import BASE_MODELS, RUN
from core.data_catalogue import data_parts
from core.hub_models import hub_model
from core.measuring import UNTOUCHED
from core.runs import RunFolder

MODEL_KEYS = ("base_model", "teacher", "model", "judge")
# What a person set to stand before texts goes out as it is.
AS_IT_IS = frozenset({"prompts"})
COMPONENT = r"[^\s/\\'\"<>|:;,()]+"
# /a/b, C:\a\b, \\server\a, ~/a; no https://a/b, and no and/or.
ROOTED = re.compile(
    rf"(?<![\w/\\.~@-])(?:(?:[A-Za-z]:)?(?:\\\\|[/\\](?![/\\]))(?:{COMPONENT}[/\\])+(?:{COMPONENT})?"
    rf"|~[\w.-]*[/\\](?:{COMPONENT}[/\\])*(?:{COMPONENT})?)"
)
IS_ROOTED = re.compile(r"[/\\~]|[A-Za-z]:[/\\]|\.\.?[/\\]")


def bare_name(path: str, instead: str = "a file") -> str:
    """Return the last part of a path, of this system or another one."""
    parts = [part for part in re.split(r"[/\\]+", path) if part not in ("", ".", "..")]
    return parts[-1] if parts else instead


def public_model(name: str) -> str:
    """Return how a model is called elsewhere: a folder of this machine by its bare name."""
    if name in BASE_MODELS or name.startswith((RUN, UNTOUCHED, "hub:")):
        return name
    if IS_ROOTED.match(name) or _is_folder(name) or hub_model(name) is None:
        return bare_name(name, "a model")
    return name


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def public_data(data: str) -> str:
    """Return how rows are called elsewhere: a file of this machine by its bare name."""
    named = (f"file:{bare_name(part)}" if part.startswith("file:") else part for part in data_parts(data))
    return "+".join(named)


def places_in(run: RunFolder, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the places of this machine that a run may name, each with what stands there elsewhere, the longest first."""
    status = run.status()
    folders = [str(run.path), str(run.runs_dir), str(Path.home()), *([status.data_dir] if status and status.data_dir else [])]
    found = {folder: bare_name(folder) for folder in folders if len(Path(folder).parts) > 1} | named_places(config)
    return dict(sorted(found.items(), key=lambda each: len(each[0]), reverse=True))


def named_places(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders and files that a configuration names, each with its bare name."""
    found = {}
    for name in _named_models(config):
        found[name] = public_model(name)
    for part in data_parts(str(config.get("data", ""))):
        if part.startswith("file:"):
            path = part.removeprefix("file:")
            found |= {path: bare_name(path), f"{Path(path).parent.name[-30:]}/{Path(path).name[-50:]}": Path(path).name[-50:]}
    return {place: name for place, name in found.items() if place != name and re.search(r"[/\\]", place)}


def _named_models(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in MODEL_KEYS and isinstance(inner, str):
                yield inner
            else:
                yield from _named_models(inner)


def without_places(value: Any, places: Mapping[str, str], key: str = "") -> Any:
    """Return JSON without any path of a machine: known ones by their new name, others by their last part."""
    if isinstance(value, Mapping):
        return {name: inner if name in AS_IT_IS else without_places(inner, places, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_places(inner, places, key) for inner in value]
    if not isinstance(value, str):
        return value
    if key in MODEL_KEYS:
        return public_model(value)
    return public_data(value) if key == "data" else public_text(value, places)


def public_text(text: str, places: Mapping[str, str]) -> str:
    """Return a sentence without any path of a machine."""
    for place, name in places.items():
        if place in text:
            deeper = re.compile(rf"{re.escape(place)}((?:[/\\\\]{COMPONENT})*)")
            text = deeper.sub(partial(_last_part, name), text)
    return ROOTED.sub(lambda found: bare_name(found[0]), text)


def _last_part(name: str, found: re.Match[str]) -> str:
    return bare_name(found[1], name)
