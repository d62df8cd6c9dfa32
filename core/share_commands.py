"""`python -m core {export,publish,open}`: a run taken away as one file or put on the Hub, and one from elsewhere played."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from core.places import runs_dir_from
from core.replay import open_bundle
from core.run_store import open_run
from core.script_command import add_script_command
from core.sharing import bundle_name, why_no_script, write_bundle

Command = Callable[[argparse.Namespace], int]
FILM_TEXTS = "The film in it holds texts of the held-out rows; --without-film leaves it out."
SCRIPT_TEXTS = "The script in it comes with the training examples; --without-script leaves them out."


def add_share_commands(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    exporting = add("export", export_run, "Write a run's bundle: model, card, settings, curves, scores and film in one zip.")
    exporting.add_argument("run")
    exporting.add_argument("--out", type=Path, metavar="F.zip", help="the run's id and .zip in this folder, if not set")
    exporting.add_argument(
        "--without-film", action="store_true", help="leave out the film and its snapshots, which hold texts of the held-out rows"
    )
    exporting.add_argument(
        "--without-script", action="store_true", help="leave out the script and the training examples that come with it"
    )
    add_script_command(add)
    publishing = add(
        "publish", publish_run, "Put a run's model and its card on the Hugging Face Hub, where hf auth login signed in."
    )
    publishing.add_argument("run")
    publishing.add_argument("--to", required=True, metavar="owner/name", help="the repository; made if it is not there")
    publishing.add_argument("--public", action="store_true", help="let everybody see a new repository")
    publishing.add_argument("--with-film", action="store_true", help="and film.html, which holds texts of the held-out rows")
    opening = add("open", open_file, "Open a bundle, a zipped run's folder or such a folder: its curves, scores and map.")
    opening.add_argument("bundle", type=Path, metavar="F.zip")


def export_run(given: argparse.Namespace) -> int:
    """Write the bundle.

    Raises:
        StudioError: the run has no model, or the file cannot be written.
    """
    run = open_run(runs_dir_from(given.runs_dir), given.run)
    has_film, has_script = not given.without_film, not given.without_script
    out = write_bundle(run, given.out or Path(bundle_name(run)), has_film, has_script)
    why_not = why_no_script(run) if has_script else "left out"
    said = {"run": run.id, "file": str(out), "bytes": out.stat().st_size, "film": has_film, "script": not why_not}
    more = [FILM_TEXTS] if has_film else []
    more += [SCRIPT_TEXTS if not why_not else f"There is no script in it: {why_not}"] if has_script else []
    print(json.dumps(said) if given.json else " ".join([f"Saved {out}.", *more]))  # noqa: T201  the answer of a command
    return 0


def publish_run(given: argparse.Namespace) -> int:
    """Put the model on the Hub with this machine's token.

    Raises:
        StudioError: the run has no model, nobody is signed in, or the Hub refuses.
    """
    # The library would cost every other command its import.
    from core.publishing import check_repository, machine_token, publish  # noqa: PLC0415

    repository = check_repository(given.to)
    run = open_run(runs_dir_from(given.runs_dir), given.run)

    def tell(what: str) -> None:
        print(what, file=sys.stderr)  # noqa: T201

    done = publish(run, repository, machine_token(), not given.public, given.with_film, tell)
    said = {"run": run.id, "url": done.url, "private": done.is_private, "files": done.files, "bytes": done.bytes}
    seen = "private" if done.is_private else "public"
    print(json.dumps(said) if given.json else f"It is at {done.url}, {seen}.")  # noqa: T201  the answer of a command
    return 0


def open_file(given: argparse.Namespace) -> int:
    """Take in the run.

    Raises:
        RunError: it is none, or could do harm.
    """
    run = open_bundle(given.bundle, runs_dir_from(given.runs_dir))
    status = run.status()
    assert status is not None
    said = {"run": run.id, "state": status.state, "has_model": status.has_model, "opened_from": status.opened_from}
    print(json.dumps(said) if given.json else f"Opened as {run.id}; see it on the Runs tab.")  # noqa: T201
    return 0
