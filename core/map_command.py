"""`python -m core map RUN --out F.html`: a run's film as one file that opens without a network."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from core.errors import RunError
from core.explore_answers import saved_page
from core.files import replace_file
from core.places import runs_dir_from
from core.run_store import open_run

Command = Callable[[argparse.Namespace], int]


def add_map_command(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    drawing = add("map", save_map, "Save a run's film as one HTML file that opens without a network.")
    drawing.add_argument("run")
    drawing.add_argument("--beside", nargs="*", default=[], metavar="RUN", help="other runs that watched the same texts")
    drawing.add_argument("--method", choices=("pca", "umap"), default="umap", help="drawn besides the main axes")
    drawing.add_argument("--out", type=Path, required=True, metavar="F.html")


def save_map(given: argparse.Namespace) -> int:
    """Write the file.

    Raises:
        RunError: a run is not there, or the file cannot be written.
    """
    runs_dir = runs_dir_from(given.runs_dir)
    run, beside = open_run(runs_dir, given.run), [open_run(runs_dir, name).id for name in given.beside]
    page = saved_page(runs_dir, {"run": run.id, "method": given.method}, beside)
    try:
        replace_file(given.out, page.encode())
    except OSError as error:
        raise RunError(f"{str(given.out)[-120:]} cannot be written ({error.strerror}); choose another place.") from None
    said = {"run": run.id, "beside": beside, "file": str(given.out), "bytes": given.out.stat().st_size}
    print(json.dumps(said) if given.json else f"Saved {given.out}.")  # noqa: T201  the answer of a command
    return 0
