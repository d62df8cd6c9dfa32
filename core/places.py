"""Where runs and data lie: what was asked for, else the environment, else beside the program."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.visitors import owner_of_shelf


@dataclass(frozen=True)
class Places:
    """Where rows are looked for: the person's data folder, and the runs folder with uploads and what came from the Hub."""

    data_dir: Path | None = None
    runs_dir: Path | None = None

    @property
    def is_shared(self) -> bool:
        """Whether this is looked for on behalf of a visitor, whom folders of the machine are not told of."""
        return self.runs_dir is not None and bool(owner_of_shelf(self.runs_dir))


def runs_dir_from(given: Path | None = None) -> Path:
    """Return the runs folder as an absolute path; it need not exist yet."""
    return Path(given or os.environ.get("STUDIO_RUNS_DIR") or "runs").expanduser().resolve()


def data_dir_from(given: Path | None = None) -> Path | None:
    """Return the data folder as an absolute path, or None where none was named."""
    named = given or os.environ.get("STUDIO_DATA_DIR")
    return Path(named).expanduser().resolve() if named else None
