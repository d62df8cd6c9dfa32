"""What every handler needs to know of this app: where runs and data lie, and whom it follows."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.base_models import BASE_MODELS
from core.data_catalogue import data_parts
from core.errors import ConfigError, RunError
from core.machine import Machine, read_machine
from core.places import Places
from core.run_store import open_run
from core.runs import RunFolder
from core.series import FollowedRuns


@dataclass(frozen=True)
class Studio:
    """One running app."""

    runs_dir: Path
    data_dir: Path | None
    followed: FollowedRuns = field(default_factory=FollowedRuns)
    serves_others: bool = False

    def check_paths(self, yours: Mapping[str, Any]) -> None:
        """Refuse files and folders of this machine where the page is served to others: they are not theirs to read.

        Raises:
            ConfigError: a setting names one.
        """
        if not self.serves_others:
            return
        for key in ("base_model", "mining.model", "mining.judge", "teacher", "silver.judge"):
            named = str(yours.get(key) or "")
            # A bare owner/name could be a folder as well.
            if named and named not in BASE_MODELS and not named.startswith(("run:", "untouched:", "hub:")):
                raise ConfigError(key, "folders of this machine cannot be named here; choose one of the list.")
        if any(part.startswith("file:") for part in data_parts(str(yours.get("data", "")))):
            raise ConfigError("data", "files of this machine cannot be named here; upload yours.")

    @property
    def machine(self) -> Machine:
        """What this machine can do, as far as it is known by now."""
        return read_machine(self.runs_dir)

    @property
    def places(self) -> Places:
        """Where rows are looked for."""
        return Places(self.data_dir, self.runs_dir)

    def run(self, name: str | None) -> RunFolder | None:
        """Return a run by its id, or None where none was chosen or it was deleted meanwhile."""
        try:
            return open_run(self.runs_dir, name) if name else None
        except RunError:
            return None


def bound(handler: Callable[..., Any], studio: Studio) -> Callable[..., Any]:
    """Give a handler its studio and keep its name, by which the page's scripts call it."""
    call = functools.partial(handler, studio)
    # Not `update_wrapper`: gradio would read the handler's own signature and pass one argument too many.
    call.__name__ = handler.__name__  # type: ignore[attr-defined]
    return call
