"""The command line: `python -m core {list,train,chapter,vary,score,mine,fetch,...}`. No torch here: workers do it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from core.chains import asked_chain, create_chain
from core.command_jobs import (
    FAULT_EXIT,
    answer,
    exit_code,
    fetch_rows,
    follow,
    make_ready,
    mine_triplets,
    result_of,
    resume_and_follow,
)  # fmt: skip
from core.config import BOOKKEEPING, TRAINING_KINDS, build_config, parse_assignments
from core.errors import ConfigError, StudioError, one_sentence
from core.experiment_commands import add_experiment_commands
from core.files import read_json
from core.hub_models import hub_model
from core.launching import ensure_supervisor
from core.listing import list_rows, print_table
from core.map_command import add_map_command
from core.places import Places, data_dir_from, runs_dir_from
from core.recipe_runs import Chain
from core.run_store import delete_run, ensure_runs_dir, open_run
from core.runs import RunFolder, Status
from core.score_command import score_on
from core.settings import override
from core.share_commands import add_share_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; faults found before the first step end with 2 and one sentence on stderr."""
    given = _parser().parse_args(arguments)
    try:
        code: int = given.command(given)
        return code
    except StudioError as error:
        print(one_sentence(error), file=sys.stderr)
        return FAULT_EXIT
    except KeyboardInterrupt:
        print("\nThe run goes on without this window; python -m core stop RUN ends it.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Train, score and look after embedding models.")
    commands = parser.add_subparsers(required=True)

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--runs-dir", type=Path, help="where runs are kept (STUDIO_RUNS_DIR, else ./runs)")
        sub.add_argument("--data-dir", type=Path, help="your data folder (STUDIO_DATA_DIR)")
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(command=command)
        return sub

    listing = add("list", list_what, "List what can be chosen, or the runs.")
    listing.add_argument("what", choices=("models", "data", "losses", "recipes", "runs", "experiments"))
    train = add("train", train_run, "Train a recipe or a config.json and wait for it.")
    train.add_argument("recipe", metavar="RECIPE_OR_CONFIG.json")
    train.add_argument("--size", choices=("instant", "laptop", "book"))
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments")
    train.add_argument(
        "--by-hand", action="store_true", help="only make the run's folder, to be done with accelerate launch -m core.worker"
    )
    add_experiment_commands(add)
    add_map_command(add)
    add_share_commands(add)
    mining = add("mine", mine_negatives, "Give a recipe's or a config.json's pairs mined negatives and write the triplets.")
    mining.add_argument("recipe", metavar="RECIPE_OR_CONFIG.json")
    mining.add_argument("--size", choices=("instant", "laptop", "book"))
    mining.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments")
    mining.add_argument("--out", type=Path, required=True, metavar="F.parquet")
    fetching = add("fetch", fetch_data, "Get a data set from the Hugging Face Hub.")
    fetching.add_argument(
        "data", metavar="DATA", help="a data set of the catalogue, or hub:owner/name[:configuration][@revision]"
    )
    fetching.add_argument("--split", default="train")
    fetching.add_argument("--max-rows", type=int, help="only so many rows, without downloading the rest")
    add("fetch-model", fetch_model, "Get a base model from the Hugging Face Hub.").add_argument(
        "model", metavar="MODEL", help="one of the catalogue, or hub:owner/name[@revision]"
    )
    score = add("score", score_model, "Score a run's model, a catalogue model or a model folder.")
    score.add_argument("model", metavar="RUN_OR_MODEL")
    score.add_argument(
        "--on", default="stsb", metavar="DATA", help="scored pairs, or mteb:TASK such as mteb:Banking77Classification"
    )
    score.add_argument("--split", default="validation")
    score.add_argument("--from-hub", action="store_true", help="let a task of MTEB get its data from the Hub, this once")
    add("stop", stop_run, "End training after the step in progress; what is trained is kept.").add_argument("run")
    add("cancel", cancel_run, "End a run at once and keep nothing.").add_argument("run")
    resuming = add("resume", resume_run, "Let a run that ended early go on from its last checkpoint, and wait for it.")
    resuming.add_argument("run")
    resuming.add_argument("--half-batch", action="store_true", help="take half the batch, as a run does that memory ran out for")
    add("delete", remove_run, "Delete a run's folder.").add_argument("run")
    return parser


def list_what(given: argparse.Namespace) -> int:
    """Print a catalogue or the runs as a table, or as JSON."""
    rows = list_rows(given.what, runs_dir_from(given.runs_dir))
    if given.json:
        print(json.dumps(rows, ensure_ascii=False))
    else:
        print_table(rows)
    return 0


def train_run(given: argparse.Namespace) -> int:
    """Queue a run, follow it to its end, and print one JSON line."""
    places = _places(given)
    runs_dir, data_dir = _runs_dir(places), places.data_dir
    chain = _asked_chain(given, places)
    make_ready(chain, places)
    runs = create_chain(runs_dir, chain, data_dir, by_hand=given.by_hand)
    if given.by_hand:
        print(json.dumps({"run": runs[-1].id, "folders": [str(run.path) for run in runs]}, ensure_ascii=False))
        return 0
    for run in runs:
        print(f"Run {run.id}", file=sys.stderr)
        status = follow(run)
    results = [result_of(run) for run in runs]
    print(json.dumps(results[-1] | {"chain": results[:-1]}, ensure_ascii=False))
    return _exit_code(status)


def resume_run(given: argparse.Namespace) -> int:
    """Queue a run that ended early again, follow it to its end, and print one JSON line."""
    run = open_run(runs_dir_from(given.runs_dir), given.run)
    status = resume_and_follow(run, given.half_batch)
    print(json.dumps(result_of(run) | {"chain": []}, ensure_ascii=False))
    return _exit_code(status)


def _places(given: argparse.Namespace) -> Places:
    return Places(data_dir_from(given.data_dir), runs_dir_from(given.runs_dir))


def _runs_dir(places: Places) -> Path:
    assert places.runs_dir is not None
    return places.runs_dir


def _asked_chain(given: argparse.Namespace, places: Places) -> Chain:
    yours = parse_assignments(given.assignments)
    if not given.recipe.endswith(".json"):
        return asked_chain(given.recipe, given.size, yours, places)
    values = read_json(Path(given.recipe))
    if not isinstance(values, dict):
        raise ConfigError("", f"{given.recipe[-80:]} is missing or no JSON object; write settings such as {{'batch_size': 64}}.")
    kind = values.get("kind", "train")
    if kind not in TRAINING_KINDS:
        raise ConfigError("kind", f"'{str(kind)[:40]}' trains nothing; write {' or '.join(TRAINING_KINDS)}.")
    asked = {key: value for key, value in values.items() if key not in BOOKKEEPING and value is not None}
    return (override(build_config({"kind": kind}), asked | yours, places),)


def _exit_code(status: Status) -> int:
    code = exit_code(status)
    if code:
        print(status.error.get("message") or status.detail, file=sys.stderr)
    return code


def mine_negatives(given: argparse.Namespace) -> int:
    """Prepare triplets with mined negatives through the queue, and copy them out."""
    places = _places(given)
    if not given.out.parent.is_dir():
        raise ConfigError("", f"There is no folder {str(given.out.parent)[-120:]} to write in; choose another --out.")
    print(json.dumps(mine_triplets(_asked_chain(given, places)[-1], given.out, places)))
    return 0


def fetch_data(given: argparse.Namespace) -> int:
    """Get rows from the Hub through the queue."""
    places = _places(given)
    ensure_runs_dir(_runs_dir(places))
    config = build_config({"kind": "fetch", "data": given.data, "split": given.split, "max_rows": given.max_rows})
    print(json.dumps({"data": given.data, "answer": fetch_rows(config, places)}))
    return 0


def fetch_model(given: argparse.Namespace) -> int:
    """Get a base model from the Hub through the queue."""
    places = _places(given)
    ensure_runs_dir(_runs_dir(places))
    if hub_model(given.model) is None:
        raise ConfigError(
            "", f"'{given.model[:60]}' is no model of the Hub; write hub:owner/name, or one that list models shows."
        )
    status = answer(build_config({"kind": "fetch-model", "base_model": given.model}), places).status()
    print(json.dumps({"model": given.model, "answer": status.detail if status else ""}))
    return 0


def score_model(given: argparse.Namespace) -> int:
    """Score a model through the queue and print its figures."""
    scores, status = score_on(given.model, given.on, given.split, _places(given), given.from_hub)
    if given.json and scores:
        print(json.dumps(scores, ensure_ascii=False))
    elif scores:
        figures = next(iter(scores.values()))
        print_table([{"figure": name, next(iter(scores)): f"{value:.4f}"} for name, value in figures.items()])
    return _exit_code(status)


def stop_run(given: argparse.Namespace) -> int:
    """Ask a run to end after its step in progress; a second time also skips the scoring."""
    return _ask(given, "stop", lambda run: run.request_stop())


def cancel_run(given: argparse.Namespace) -> int:
    """Ask the supervisor to end a run's process."""
    return _ask(given, "cancel", lambda run: run.request_cancel())


def _ask(given: argparse.Namespace, what: str, request: Callable[[RunFolder], None]) -> int:
    runs_dir = runs_dir_from(given.runs_dir)
    run = open_run(runs_dir, given.run)
    status = run.status()
    if status is not None and not status.is_final:
        request(run)
        ensure_supervisor(runs_dir)
        what = f"{what} asked"
    else:
        what = "ended before" if status is None else f"already {status.state}"
    print(json.dumps({"run": run.id, "answer": what}) if given.json else f"Run {run.id}: {what}.")
    return 0


def remove_run(given: argparse.Namespace) -> int:
    """Delete a run that has come to its end."""
    run = open_run(runs_dir_from(given.runs_dir), given.run)
    delete_run(run)
    print(json.dumps({"run": run.id, "answer": "deleted"}) if given.json else f"Run {run.id}: deleted.")
    return 0


if __name__ == "__main__":
    # No part of a command asks a server outside by itself.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    sys.exit(main())
