"""`python -m core script RUN --out FOLDER`: a run as a script that trains its model again."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from core.errors import RunError
from core.files import replace_file
from core.places import Places, data_dir_from, runs_dir_from
from core.repro import script_files
from core.run_store import open_run

Command = Callable[[argparse.Namespace], int]


def add_script_command(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    writing = add("script", save_script, "Save a finished run as a script of public libraries that trains its model again.")
    writing.add_argument("run")
    writing.add_argument("--out", type=Path, required=True, metavar="FOLDER")


def save_script(given: argparse.Namespace) -> int:
    """Write the script's files into the folder.

    Raises:
        RunError: no script can be made of the run, or the folder cannot be written.
    """
    places = Places(data_dir_from(given.data_dir), runs_dir_from(given.runs_dir))
    assert places.runs_dir is not None
    run = open_run(places.runs_dir, given.run)
    files = script_files(run, places)
    try:
        for name, content in files.items():
            path = given.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
    except OSError as error:
        raise RunError(f"{str(given.out)[-120:]} cannot be written ({error.strerror}); choose another folder.") from None
    said = {"run": run.id, "folder": str(given.out), "files": sorted(files)}
    print(json.dumps(said) if given.json else f"Saved {given.out / 'repro.py'}.")  # noqa: T201  the answer of a command
    return 0
